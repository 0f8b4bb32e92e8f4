//! Pictures, drawn by a process of their own once all other files are written: memory that runs out
//! while they are drawn ends that process, and neither the run nor its exit code.

use crate::cmd::console::warn;
use crate::error::{Failure, Outcome, at};
use crate::report::Format;
use crate::run::process_group::describe_exit;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Formats apart: those that this process renders, and whether there are others.
pub(super) fn split(formats: &[&'static Format]) -> (Vec<&'static Format>, bool) {
    let own: Vec<_> = formats.iter().copied().filter(|format| !format.own_process).collect();
    let others = own.len() < formats.len();
    (own, others)
}

/// Draws the pictures of results of one plan into a folder, by another process of this program. One
/// that died is a warning.
///
/// # Errors
/// If it cannot be started, or a file cannot be written.
pub(super) fn draw(results: &[PathBuf], folder: &Path) -> Outcome<()> {
    let program = std::env::current_exe().map_err(at("cannot find this program"))?;
    let mut command = Command::new(program);
    command.arg("draw").arg("--out").arg(folder).arg("--").args(results);
    let output = command.stdin(Stdio::null()).stdout(Stdio::null()).output();
    let output = output.map_err(at("cannot draw the pictures"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => Ok(()),
        // Its own failure, in its words.
        Some(1 | 2) => {
            let why = said.trim_end();
            Err(Failure::run(why.strip_prefix("error: ").unwrap_or(why)))
        }
        _ => {
            let how = describe_exit(output.status);
            let last = said.lines().next().map_or_else(String::new, |line| format!(" ({line})"));
            warn(format_args!(
                "the pictures were not drawn: the process that draws them {how}{last}. Everything \
                 else is written; `wsbench report --reports png {}` draws them again",
                folder.display()
            ));
            Ok(())
        }
    }
}
