//! What is verified, and the rows that it is verified with.

use crate::cmd::page_rows::{PageRows, is_page};
use crate::error::{Failure, Outcome, at};
use crate::report::{FORMATS, REPORT_FILE};
use crate::result::file::{RESULT_FILE, lines_digest};
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

/// Rows, and the files that show what was made from them.
pub(super) struct Source {
    /// Result files.
    pub rows: Vec<PathBuf>,
    /// Files of a report.
    pub shown: Vec<PathBuf>,
    /// Keeps the rows of a page as long as they are read.
    #[expect(dead_code, reason = "its files end with it")]
    page: Option<PageRows>,
}

impl Source {
    /// Finds both: a page has its rows in it, a folder beside its reports, and a result file is nothing else.
    ///
    /// # Errors
    /// If a file cannot be read, or has no rows.
    pub(super) fn of(path: &Path) -> Outcome<Source> {
        let shown = path.display();
        if path.is_dir() {
            let files = FORMATS.iter().flat_map(|format| format.files());
            let files = files.map(|name| path.join(name)).filter(|file| file.is_file()).collect();
            let rows = path.join(RESULT_FILE);
            if rows.is_file() {
                return Ok(Source { rows: vec![rows], shown: files, page: None });
            }
            let page = path.join(REPORT_FILE);
            if page.is_file() {
                return Ok(Source { shown: files, ..Source::of(&page)? });
            }
            // The folder of a comparison has a result of each run.
            let rows = results_in(path).map_err(at(format!("cannot read {shown}")))?;
            if rows.is_empty() {
                return Err(Failure::run(format!(
                    "{shown} has no result in it: name the folder of a run, its report.html or its result file"
                )));
            }
            return Ok(Source { rows, shown: Vec::new(), page: None });
        }
        if !is_page(path) {
            return Ok(Source { rows: vec![path.to_owned()], shown: Vec::new(), page: None });
        }
        let page = PageRows::of(path)?;
        let rows = page.files.clone();
        Ok(Source { rows, shown: vec![path.to_owned()], page: Some(page) })
    }
}

/// The result files of a folder, by name.
fn results_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "jsonl") {
            all.push(path);
        }
    }
    all.sort();
    Ok(all)
}

/// Compares the digest at the end of a result file with that of its lines.
///
/// # Errors
/// If the file cannot be read.
pub(super) fn digest(
    path: &Path,
    holds: &mut Vec<String>,
    broken: &mut Vec<String>,
) -> Outcome<()> {
    let shown = path.display();
    let file = File::open(path).map_err(at(format!("cannot open {shown}")))?;
    let lines = lines_digest(BufReader::new(file)).map_err(at(format!("cannot read {shown}")))?;
    match (lines.written, lines.ended) {
        (Some(written), _) if written == lines.found => {
            holds.push(format!("rows: {} lines, unchanged since they were written", lines.count));
        }
        (Some(_), _) => broken.push(format!(
            "rows: {} lines are not those that were written: their SHA-256 is another one",
            lines.count
        )),
        (None, true) => holds.push(format!(
            "rows: {} lines of a version that wrote no SHA-256: whether they were changed is not known",
            lines.count
        )),
        (None, false) => holds.push(format!(
            "rows: {} lines without an end, as the run was cut: whether they were changed is not known",
            lines.count
        )),
    }
    Ok(())
}
