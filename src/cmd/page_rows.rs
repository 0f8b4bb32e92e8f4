//! The rows that pages carry, as result files that commands can read.

use crate::error::{Failure, Outcome, at};
use crate::report::attached_results;
use std::fs;
use std::path::{Path, PathBuf};

/// The results of a page as files, which are there as long as this is.
pub(super) struct PageRows {
    folder: PathBuf,
    /// One for each result, in their order.
    pub files: Vec<PathBuf>,
}

impl PageRows {
    /// Unpacks a page.
    ///
    /// # Errors
    /// If it cannot be read or has no rows, or files cannot be written.
    pub(super) fn of(page: &Path) -> Outcome<PageRows> {
        let shown = page.display();
        let text = fs::read(page).map_err(at(format!("cannot read {shown}")))?;
        let text = String::from_utf8_lossy(&text);
        let results =
            attached_results(&text).map_err(|why| Failure::run(format!("{shown}: {why}")))?;
        if results.is_empty() {
            return Err(Failure::run(format!(
                "{shown} has no rows in it: it is no report of a run (a comparison has none), or its rows were too many \
                 for it; name the folder of the run instead"
            )));
        }
        let mut rows = PageRows { folder: new_folder()?, files: Vec::new() };
        for (n, content) in results.iter().enumerate() {
            let name = page.file_stem().unwrap_or_default().to_string_lossy();
            let file = rows.folder.join(format!("{name}-{}.jsonl", n + 1));
            fs::write(&file, content).map_err(at(format!("cannot write {}", file.display())))?;
            rows.files.push(file);
        }
        Ok(rows)
    }
}

impl Drop for PageRows {
    fn drop(&mut self) {
        // What stays behind is a copy.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Whether a file is a page, by its ending.
pub(super) fn is_page(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("html"))
}

/// Creates a folder that nobody else has.
fn new_folder() -> Outcome<PathBuf> {
    let base = std::env::temp_dir();
    let process = std::process::id();
    let mut number = 0;
    loop {
        let folder = base.join(format!("wsbench-rows-{process}-{number}"));
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
