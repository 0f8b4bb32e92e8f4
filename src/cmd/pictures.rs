//! Pictures, drawn by a process of their own once all other files are written: memory that runs out
//! while they are drawn ends that process, and neither the run nor its exit code.

use crate::cmd::console::warn;
use crate::cmd::files::part_of;
use crate::error::{Failure, Outcome, at};
use crate::os::{Caught, Signals, UsageOf, first_signal};
use crate::report::{FORMATS, Format};
use crate::run::process_group::describe_exit;
use crate::run::runtime;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use std::{fmt, fs, io};
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::{sleep, timeout};

/// Between two looks at whether the process that draws works.
const LOOK: Duration = Duration::from_millis(100);
/// As many of them without CPU time it may have once a signal has come: 5 s.
const MOST_IDLE: u32 = 50;
/// CPU time between two looks that is none: to wait for a reader of a pipe takes some.
const IDLE_NS: u64 = 1_000_000;
/// How long the kernel may take to end it.
const KILL_LIMIT: Duration = Duration::from_secs(2);

/// Formats apart: those that this process renders, and the others.
pub(super) fn split(formats: &[&'static Format]) -> (Vec<&'static Format>, Vec<&'static Format>) {
    formats.iter().partition(|format| !format.own_process)
}

/// How the process that draws ended.
enum Drawing {
    /// By itself, with what it wrote to standard error.
    Ended(ExitStatus, Vec<u8>),
    /// It was killed after a signal to this process; how that came to be.
    Killed(Caught, &'static str),
}

/// Draws the pictures of results of one plan into a folder, by another process of this program. One
/// that died is a warning, and so is one that a signal ended, which is returned.
///
/// # Errors
/// If it cannot be started, or a file cannot be written.
pub(super) fn draw(
    results: &[PathBuf],
    formats: &[&Format],
    folder: &Path,
) -> Outcome<Option<Caught>> {
    if formats.is_empty() {
        return Ok(None);
    }
    let names: Vec<&str> = formats.iter().map(|format| format.name).collect();
    let names = names.join(",");
    let program = std::env::current_exe().map_err(at("cannot find this program"))?;
    let mut command = Command::new(program);
    command
        .arg("draw")
        .arg("--out")
        .arg(folder)
        .arg("--reports")
        .arg(&names)
        .arg("--")
        .args(results);
    let doing = "cannot draw the pictures";
    let drawing = runtime()?.block_on(wait(command, folder)).map_err(at(doing))?;
    let (status, said) = match &drawing {
        Drawing::Ended(status, said) => (status, String::from_utf8_lossy(said)),
        Drawing::Killed(caught, how) => {
            warn_undrawn(format_args!("{} {how}", caught.name()), &names, folder);
            return Ok(Some(*caught));
        }
    };
    match status.code() {
        Some(0) => Ok(None),
        // Its own failure, in its words.
        Some(1 | 2) => {
            let why = said.trim_end();
            Err(Failure::run(why.strip_prefix("error: ").unwrap_or(why)))
        }
        _ => {
            let how = describe_exit(*status);
            let last = said.lines().next().map_or_else(String::new, |line| format!(" ({line})"));
            let why = format_args!("the process that draws them {how}{last}");
            warn_undrawn(why, &names, folder);
            Ok(None)
        }
    }
}

fn warn_undrawn(why: impl fmt::Display, names: &str, folder: &Path) {
    warn(format_args!(
        "the pictures were not drawn: {why}. Everything else is written; `wsbench report --reports {names} \
         {}` draws them again",
        folder.display()
    ));
}

/// Starts the process that draws and waits for its end, or for a signal. After a signal before it may
/// go on as long as it works.
async fn wait(mut command: Command, folder: &Path) -> io::Result<Drawing> {
    let mut signals = Signals::catch()?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    // Ctrl-C at the terminal is this process's to handle.
    let mut child = command.process_group(0).kill_on_drop(true).spawn()?;
    let process = child.id().unwrap_or_default();
    let mut pipe = child.stderr.take();
    let mut said = Vec::new();
    let mut work = Work::of(process);
    let killed = {
        let read = async {
            if let Some(pipe) = &mut pipe {
                // What it says is for a message: without it there is still how it ended.
                let _ = pipe.read_to_end(&mut said).await;
            }
        };
        let ended = async { tokio::join!(child.wait(), read).0 };
        tokio::pin!(ended);
        loop {
            tokio::select! {
                status = &mut ended => break Err(status?),
                caught = signals.next() => break Ok((caught, "came while they were drawn")),
                () = sleep(LOOK) => if let Some(caught) = first_signal() && work.has_stopped() {
                    break Ok((caught, "came before, and the process that draws them did nothing for 5s"));
                }
            }
        }
    };
    match killed {
        Err(status) => Ok(Drawing::Ended(status, said)),
        Ok((caught, how)) => {
            // A process that the kernel does not end is left to it.
            let _ = timeout(KILL_LIMIT, child.kill()).await;
            remove_parts(folder, process);
            Ok(Drawing::Killed(caught, how))
        }
    }
}

/// Removes what a process that draws has not finished.
fn remove_parts(folder: &Path, process: u32) {
    for name in FORMATS.iter().filter(|format| format.own_process).flat_map(|format| format.files())
    {
        // Most were never created.
        let _ = fs::remove_file(part_of(&folder.join(name), process));
    }
}

/// Whether a process gets anything done.
struct Work {
    process: Option<UsageOf>,
    cpu_ns: u64,
    /// Looks since it last took CPU time. Looks are counted, so that a time in which this process was
    /// stopped too is not held against the other.
    idle: u32,
}

impl Work {
    fn of(process: u32) -> Work {
        Work { process: UsageOf::tree(process).ok(), cpu_ns: 0, idle: 0 }
    }
    /// Looks again.
    fn has_stopped(&mut self) -> bool {
        let usage = self.process.as_ref().and_then(|process| process.read().ok());
        let cpu_ns = usage.map_or(0, |usage| usage.cpu_ns);
        self.idle = if cpu_ns > self.cpu_ns + IDLE_NS { 0 } else { self.idle + 1 };
        self.cpu_ns = cpu_ns;
        self.idle >= MOST_IDLE
    }
}
