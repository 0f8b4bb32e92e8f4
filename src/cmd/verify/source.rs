//! What is verified, and the rows that it is verified with.

use super::is_page;
use crate::error::{Failure, Outcome, at};
use crate::report::{FORMATS, attached_results};
use crate::result::file::{RESULT_FILE, lines_digest};
use std::fs::{self, File};
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};

/// Rows, and the files that show what was made from them.
pub(super) struct Source {
    /// Result files.
    pub rows: Vec<PathBuf>,
    /// Files of a report.
    pub shown: Vec<PathBuf>,
    /// Where the rows of a page were unpacked.
    unpacked: Option<PathBuf>,
}

impl Source {
    /// Finds both: a page has its rows in it, a folder beside its reports, and a result file is nothing else.
    ///
    /// # Errors
    /// If a file cannot be read, or has no rows.
    pub(super) fn of(path: &Path) -> Outcome<Source> {
        let shown = path.display();
        if path.is_dir() {
            let rows = path.join(RESULT_FILE);
            if !rows.is_file() {
                return Err(Failure::run(format!(
                    "{shown} has no {RESULT_FILE}: name the folder of a run, its report.html or its result file"
                )));
            }
            let files = FORMATS.iter().flat_map(|format| format.files());
            let files = files.map(|name| path.join(name)).filter(|file| file.is_file());
            return Ok(Source { rows: vec![rows], shown: files.collect(), unpacked: None });
        }
        if !is_page(path) {
            return Ok(Source { rows: vec![path.to_owned()], shown: Vec::new(), unpacked: None });
        }
        let page = fs::read(path).map_err(at(format!("cannot read {shown}")))?;
        let page = String::from_utf8_lossy(&page);
        let results =
            attached_results(&page).map_err(|why| Failure::run(format!("{shown}: {why}")))?;
        if results.is_empty() {
            return Err(Failure::run(format!(
                "{shown} has no rows in it: it is no report of a run (a comparison has none), or its rows were too many \
                 for it; verify the folder of the run instead"
            )));
        }
        let folder = new_folder()?;
        let mut source =
            Source { rows: Vec::new(), shown: vec![path.to_owned()], unpacked: Some(folder) };
        for (n, rows) in results.iter().enumerate() {
            let file = source
                .unpacked
                .as_deref()
                .unwrap_or(Path::new("."))
                .join(format!("{}.jsonl", n + 1));
            let written = File::create(&file).and_then(|mut out| out.write_all(rows));
            written.map_err(at(format!("cannot write {}", file.display())))?;
            source.rows.push(file);
        }
        Ok(source)
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        if let Some(folder) = &self.unpacked {
            // What stays behind is a copy.
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// Creates a folder that nobody else has.
fn new_folder() -> Outcome<PathBuf> {
    let base = std::env::temp_dir();
    let process = std::process::id();
    let mut number = 0;
    loop {
        let folder = base.join(format!("wsbench-verify-{process}-{number}"));
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && number < 1_000 => {
                number += 1;
            }
            Err(error) => {
                return Err(at(format!("cannot create {}", folder.display()))(error));
            }
        }
    }
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
