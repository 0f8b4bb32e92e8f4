//! `wsbench report`: reads result files, merges those of one plan, and renders them again.
//!
//! `run` writes its reports with the same functions. A file is written beside its place and renamed
//! into it, so that a report is whole or absent.

use crate::cli::ReportArgs;
use crate::cmd::ci;
use crate::cmd::files::{write_file, write_with};
use crate::error::{Failure, Outcome, at};
use crate::gate::limit::summarise_and_judge;
use crate::report::{Conclusion, FORMATS, Format, Table, find_format};
use crate::result::RunResult;
use crate::result::file::{self, RESULT_FILE};
use std::fs;
use std::path::{Path, PathBuf};

/// Reads results, writes their reports, and prints them.
///
/// # Errors
/// If a file cannot be read or written; the message names it.
pub(super) fn run(args: &ReportArgs) -> Outcome<Conclusion> {
    ci::report_failure("report", &args.reporting.output, || {
        let formats = formats(&args.reporting.reports)?;
        let first = args.results.first().map(|path| result_file(path));
        let beside = first.as_deref().and_then(Path::parent);
        let out = args.out.as_deref().or(beside);
        let done = report(&args.results, out, &formats)?;
        ci::print_runs(&done.tables, &done.places, &args.reporting)?;
        Ok(done.tables.iter().map(|t| t.verdict.conclusion).max().unwrap_or(Conclusion::Passed))
    })
}

/// Finds formats by their names: every format if there is no name, and none for `none`.
///
/// # Errors
/// If a name is not a format's.
pub fn formats(names: &[String]) -> Outcome<Vec<&'static Format>> {
    match names {
        [] => return Ok(FORMATS.to_vec()),
        [none] if none == "none" => return Ok(Vec::new()),
        _ => {}
    }
    let find = |name: &String| {
        let known: Vec<&str> = FORMATS.iter().map(|f| f.name).collect();
        find_format(name).ok_or_else(|| {
            Failure::usage(format!(
                "unknown format {name:?}; use none, or some of {}",
                known.join(", ")
            ))
        })
    };
    names.iter().map(find).collect()
}

/// Writes the reports of a table into a folder, which is created if it is missing.
///
/// # Errors
/// If a file cannot be written; the message names it.
pub fn write_all(table: &Table, out_dir: &Path, formats: &[&Format]) -> Outcome<()> {
    fs::create_dir_all(out_dir).map_err(at(format!("cannot create {}", out_dir.display())))?;
    for format in formats {
        for file in format.render(table) {
            write_file(&out_dir.join(file.name), &file.bytes)?;
        }
        for (name, stream) in format.streams() {
            write_with(&out_dir.join(name), |out| stream(table, out))?;
        }
    }
    Ok(())
}

/// Reads result files, or those of folders, and merges those of the same plan. Returns a result for
/// each plan, in the order of the files.
///
/// # Errors
/// If a file cannot be read; the message names it.
pub(crate) fn read_all(paths: &[PathBuf]) -> Outcome<Vec<RunResult>> {
    let mut results: Vec<RunResult> = Vec::new();
    for path in paths {
        let path = &result_file(path);
        let read = file::read(path)?;
        let same = |r: &&mut RunResult| r.header.plan_hash == read.header.plan_hash;
        match results.iter_mut().find(same) {
            Some(result) => result
                .merge(&read)
                .map_err(|why| Failure::run(format!("{}: {why}", path.display())))?,
            None => results.push(read),
        }
    }
    Ok(results)
}

/// Returns a report's folder, with the file to look at first.
pub(super) fn reports_in(folder: &Path, formats: &[&Format]) -> String {
    let shown = folder.display();
    if formats.iter().any(|format| format.files().any(|file| file == "overhead.png")) {
        format!("{shown} (open overhead.png)")
    } else {
        shown.to_string()
    }
}

/// The result file of a run's folder; of anything else, the path itself.
fn result_file(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(RESULT_FILE) } else { path.to_owned() }
}

/// What `wsbench report` wrote.
#[derive(Debug)]
pub struct Report {
    /// A table for each plan, in the order of the files.
    pub tables: Vec<Table>,
    /// Where each table's reports are; `None` if none were written.
    pub places: Vec<Option<String>>,
}

/// Reads, merges, and writes into `out`. Each of several plans has a folder of its own there, named
/// by scenario and plan.
///
/// # Errors
/// If a file cannot be read or written; the message names it.
pub fn report(paths: &[PathBuf], out: Option<&Path>, formats: &[&Format]) -> Outcome<Report> {
    let results = read_all(paths)?;
    let tables: Vec<Table> = results.iter().map(summarise_and_judge).collect();
    let mut places = vec![None; tables.len()];
    if let Some(out) = out {
        for (table, place) in tables.iter().zip(&mut places) {
            let dir = match tables.len() {
                1 => out.to_owned(),
                _ => out.join(folder(table)),
            };
            write_all(table, &dir, formats)?;
            *place = (!formats.is_empty()).then(|| reports_in(&dir, formats));
        }
    }
    Ok(Report { tables, places })
}

/// Scenario and plan as a folder's name.
fn folder(table: &Table) -> String {
    let plan: String = table.plan_hash.chars().take(8).collect();
    format!("{}-{plan}", table.name)
        .chars()
        .map(|c| if c.is_alphanumeric() || c == '-' || c == '_' { c } else { '_' })
        .collect()
}
