//! `wsbench report`: reads result files, merges those of one plan, and renders them again.
//!
//! `run` writes its reports with the same functions. A file is written beside its place and renamed
//! into it, so that a report is whole or absent.

use crate::cli::{DrawArgs, ReportArgs};
use crate::cmd::ci;
use crate::cmd::files::{folder_of, write_file, write_with};
use crate::cmd::page_rows::{PageRows, is_page};
use crate::cmd::pictures;
use crate::error::{Failure, Outcome, at};
use crate::gate::limit::summarise_and_judge;
use crate::report::layer::{Layer, Way};
use crate::report::table::{Row, Status};
use crate::report::{Conclusion, FORMATS, Format, REPORT_FILE, Table, find_format, of_tables};
use crate::result::RunResult;
use crate::result::file::{self, RESULT_FILE};
use crate::result::same_run;
use std::fs;
use std::path::{Path, PathBuf};

/// Reads results, writes their reports, and prints them.
///
/// # Errors
/// If a file cannot be read or written; the message names it.
pub(super) fn run(args: &ReportArgs) -> Outcome<Conclusion> {
    ci::report_failure("report", &args.reporting.output, || {
        let formats = formats(&args.reporting.reports)?;
        // The results of pages, which are unpacked as long as their reports are written.
        let pages = pages(&args.results)?;
        let results: Vec<PathBuf> = pages
            .iter()
            .zip(&args.results)
            .flat_map(|(page, path)| match page {
                Some(page) => page.files.clone(),
                None => vec![path.clone()],
            })
            .collect();
        let first = args.results.first().map(|path| result_file(path));
        // Beside a run's result stand the reports of that run, and nothing else.
        let is_one_run = args.results.len() == 1 && pages.iter().all(Option::is_none);
        let beside = first.as_deref().map(folder_of).filter(|_| is_one_run);
        let out = args.out.as_deref().or(beside);
        let (written, drawn) = pictures::split(&formats);
        let done = report(&results, out, &written)?;
        let place = |(part, table): (&ReportPart, &Table)| {
            let folder = part.folder.as_deref().filter(|_| !formats.is_empty())?;
            Some(reports_in(folder, &formats, table))
        };
        let places: Vec<Option<String>> = done.parts.iter().zip(&done.tables).map(place).collect();
        ci::print_runs(&done.tables, &places, &args.reporting, false)?;
        if let Some(file) = &args.page.html {
            write_file(file, &of_tables(&done.tables))?;
        }
        for part in &done.parts {
            let Some(folder) = &part.folder else { continue };
            if let Some(caught) = pictures::draw(&part.files, &drawn, folder)? {
                return Ok(caught.into());
            }
        }
        Ok(done.tables.iter().map(|t| t.verdict.conclusion).max().unwrap_or(Conclusion::Passed))
    })
}

/// Draws the pictures of results of one plan: what the process of [`pictures::draw`] does.
///
/// # Errors
/// If a file cannot be read or written.
pub(super) fn draw(args: &DrawArgs) -> Outcome<()> {
    let formats = formats(&args.reports)?;
    report(&args.results, Some(&args.out), &formats).map(drop)
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

/// Reads result files, or those of folders, and merges those of the same plan. Returns a result with
/// its files for each plan, in the order of the files.
///
/// # Errors
/// If a file cannot be read, or two of them hold the same run; the message names it.
pub(super) fn read_all(paths: &[PathBuf]) -> Outcome<Vec<(RunResult, Vec<PathBuf>)>> {
    let mut results: Vec<(RunResult, Vec<PathBuf>)> = Vec::new();
    for path in paths {
        let path = result_file(path);
        let read = file::read(&path)?;
        let same = |(r, _): &&mut (RunResult, _)| r.header.plan_hash == read.header.plan_hash;
        match results.iter_mut().find(same) {
            Some((result, files)) => {
                files.iter().try_for_each(|before| require_other_run(before, &path))?;
                result
                    .merge(&read)
                    .map_err(|why| Failure::run(format!("{}: {why}", path.display())))?;
                files.push(path);
            }
            None => results.push((read, vec![path])),
        }
    }
    Ok(results)
}

/// Refuses a file whose run another has brought already: its counts would add up twice.
///
/// # Errors
/// If both hold the same run, or a file cannot be read.
fn require_other_run(before: &Path, path: &Path) -> Outcome<()> {
    let shown = path.display();
    let first = before.display();
    let why = if same_run::are_one_file(before, path) {
        if before == path {
            format!("{shown} is named twice")
        } else {
            format!("{first} and {shown} are the same file")
        }
    } else if same_run::is_beginning_of_other(before, path)? {
        format!(
            "{first} and {shown} hold the same run, one as a copy of the other or of its beginning"
        )
    } else {
        return Ok(());
    };
    Err(Failure::usage(format!(
        "{why}: results of one plan are merged, and its messages, bytes and errors would count twice. \
         Name each run once"
    )))
}

/// Returns a report's folder, with the file to look at first, if that shows something.
pub(super) fn reports_in(folder: &Path, formats: &[&Format], table: &Table) -> String {
    let shown = folder.display();
    // Of another server than the chapter's, a picture without a bar is left out.
    let least = if table.has_chapter() { 0.0 } else { f64::MIN_POSITIVE };
    let is_measured = |row: &Row| {
        row.steady(Way::Both, Layer::Overhead).per_s.value().is_some_and(|bytes| bytes >= least)
    };
    let has_picture = table.verdict.status != Status::Invalid && table.rows.iter().any(is_measured);
    let writes =
        |name: &&str| formats.iter().any(|format| format.files().any(|file| file == *name));
    match [REPORT_FILE, "overhead.png"].iter().find(|name| writes(name)).filter(|_| has_picture) {
        Some(first) => format!("{shown} (open {first})"),
        None => shown.to_string(),
    }
}

/// Unpacks what is a page.
fn pages(paths: &[PathBuf]) -> Outcome<Vec<Option<PageRows>>> {
    let page = |path: &PathBuf| is_page(path).then(|| PageRows::of(path)).transpose();
    paths.iter().map(page).collect()
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
    /// Where each comes from and was written to.
    pub(crate) parts: Vec<ReportPart>,
}

/// The files of one plan.
#[derive(Debug)]
pub(crate) struct ReportPart {
    /// Its results.
    files: Vec<PathBuf>,
    /// The folder of its reports; `None` if none were written.
    folder: Option<PathBuf>,
}

/// Reads, merges, and writes into `out`. Each of several plans has a folder of its own there, named
/// by scenario and plan.
///
/// # Errors
/// If a file cannot be read or written; the message names it.
pub fn report(paths: &[PathBuf], out: Option<&Path>, formats: &[&Format]) -> Outcome<Report> {
    let results = read_all(paths)?;
    let several = results.len() > 1;
    let mut done = Report { tables: Vec::new(), parts: Vec::new() };
    for (result, files) in results {
        let mut table = summarise_and_judge(&result);
        table.sources.clone_from(&files);
        let folder = out.map(|out| if several { out.join(folder(&table)) } else { out.to_owned() });
        if let Some(folder) = &folder {
            write_all(&table, folder, formats)?;
        }
        done.tables.push(table);
        done.parts.push(ReportPart { files, folder });
    }
    Ok(done)
}

/// Scenario and plan as a folder's name.
fn folder(table: &Table) -> String {
    let plan: String = table.plan_hash.chars().take(8).collect();
    format!("{}-{plan}", table.name)
        .chars()
        .map(|c| if c.is_alphanumeric() || c == '-' || c == '_' { c } else { '_' })
        .collect()
}
