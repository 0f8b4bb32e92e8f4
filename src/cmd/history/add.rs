//! A run becomes a line of a history.

use crate::cli::HistoryAddArgs;
use crate::cmd::console::{note, warn};
use crate::cmd::history::append::append;
use crate::cmd::history::{origin, read};
use crate::error::{Failure, Outcome};
use crate::gate::baseline;
use crate::gate::history::HistoryRun;
use crate::secret::redact_document;
use std::fs;

/// Appends a run.
///
/// # Errors
/// If the result cannot be read or is not valid, or the line cannot be written.
pub(super) fn run(args: &HistoryAddArgs) -> Outcome<()> {
    let shown = args.result.display();
    let (run, table) = baseline::read(&args.result)?;
    let table = table.ok_or_else(|| {
        Failure::usage(format!(
            "{shown} is a baseline, not a result: name the result.jsonl of a run, or its folder"
        ))
    })?;
    if let Err(why) = baseline::require_valid(&table) {
        if !args.allow_invalid || table.rows.is_empty() {
            return Err(Failure::usage(format!(
                "{shown} is not added: {why}. --allow-invalid adds a run that is not valid"
            )));
        }
        warn(format_args!("{shown}: {why}; no change is sought in it"));
    }
    let origin = origin::find(args.commit.as_deref(), args.branch.as_deref());
    if origin.commit.is_none() {
        warn("the commit is not known: name it with --commit, or run this in its folder");
    }
    let line = HistoryRun::of(&run, &table, origin);
    let file = args.file.display();
    // What is no regular file has no lines to compare with.
    if fs::metadata(&args.file).is_ok_and(|found| found.is_file())
        && read(&args.file)?.iter().any(|there| there.is_same_run(&line))
    {
        warn(format_args!("{file} has this run already, of {}: nothing was added", line.started));
        return Ok(());
    }
    append(&args.file, &redact_document(&line.line()))?;
    if !args.quiet {
        note(format_args!("added the run of {} to {file}", line.describe()));
    }
    Ok(())
}
