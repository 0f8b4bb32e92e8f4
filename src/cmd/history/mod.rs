//! `wsbench history`: the figures of runs over months, and the changes in them.
//!
//! | file | what |
//! |---|---|
//! | `add` | a run becomes a line of the file |
//! | `append` | writing that line in one piece |
//! | `origin` | commit and branch: options, CI system, git |

mod add;
mod append;
mod origin;

use crate::cli::{
    HistoryArgs, HistoryCheckArgs, HistoryCommand, HistoryFileArgs, HistoryFormat, HistoryShowArgs,
};
use crate::cmd::ci;
use crate::cmd::stdout::print;
use crate::error::{Failure, Outcome, at};
use crate::gate::history::{
    CheckOptions, FigureFilter, HistoryRun, Since, check as check_runs, parse, trends,
};
use crate::gate::pairs::Margins;
use crate::report::Conclusion;
use crate::report::trends::{html, markdown, text};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The largest history that is read: one of ten thousand nights.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// Adds to a history, shows or checks it.
///
/// # Errors
/// If a file cannot be read or written, or there is nothing to show or check.
pub(crate) fn run(args: &HistoryArgs) -> Outcome<Conclusion> {
    match &args.command {
        HistoryCommand::Add(args) => add::run(args).map(|()| Conclusion::Passed),
        HistoryCommand::Show(args) => show(args).map(|()| Conclusion::Passed),
        HistoryCommand::Check(args) => {
            ci::report_failure("history check", &args.output, || check(args))
        }
    }
}

fn show(args: &HistoryShowArgs) -> Outcome<()> {
    let (since, filter) = selection(&args.history);
    let runs = read(&args.history.file)?;
    let file = args.history.file.display().to_string();
    let last = args.last as usize;
    let shown = trends(&file, &runs, &since, &filter, last, args.history.any_machine)
        .map_err(|why| Failure::usage(format!("{file}: {why}")))?;
    let text = match args.format {
        HistoryFormat::Text => text::render(&shown),
        HistoryFormat::Markdown => markdown::render(&shown),
        HistoryFormat::Html => html::render(&shown),
    };
    print(text.as_bytes())
}

fn check(args: &HistoryCheckArgs) -> Outcome<Conclusion> {
    let margins =
        Margins::read(&args.margins).map_err(|why| Failure::usage(format!("--margin: {why}")))?;
    let (since, filter) = selection(&args.history);
    let runs = read(&args.history.file)?;
    let file = args.history.file.display().to_string();
    let options = CheckOptions {
        file: file.clone(),
        since,
        filter,
        margins,
        alpha: args.alpha,
        last: args.last as usize,
        seed: args.seed,
        any_machine: args.history.any_machine,
    };
    let judgement =
        check_runs(&runs, &options).map_err(|why| Failure::usage(format!("{file}: {why}")))?;
    ci::print_judgement(&judgement, None, None, &args.output)?;
    Ok(judgement.conclusion())
}

fn selection(args: &HistoryFileArgs) -> (Since, FigureFilter) {
    let filter = FigureFilter { series: args.series.clone(), metrics: args.metric.clone() };
    (Since(args.since.clone()), filter)
}

/// Reads a history.
///
/// # Errors
/// If it cannot be read, or a line is no run.
fn read(path: &Path) -> Outcome<Vec<HistoryRun>> {
    let shown = path.display();
    let file = File::open(path).map_err(at(format!("cannot open {shown}")))?;
    let mut text = String::new();
    let read = file.take(MOST_BYTES + 1).read_to_string(&mut text);
    read.map_err(at(format!("cannot read {shown}")))?;
    if text.len() as u64 > MOST_BYTES {
        return Err(Failure::run(format!("{shown} is larger than a history can be, 256 MiB")));
    }
    parse(&text).map_err(|why| Failure::run(format!("{shown}, {why}")))
}
