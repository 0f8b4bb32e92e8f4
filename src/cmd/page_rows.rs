//! The rows that pages carry, as result files that commands can read.

use crate::cmd::exit_code;
use crate::error::{Failure, Outcome, at};
use crate::os::Signals;
use crate::report::attached_results;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// A larger page is not read.
const MOST_BYTES: u64 = 256 << 20;

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
        let text = read_page(page)?;
        let text = String::from_utf8_lossy(&text);
        let results =
            attached_results(&text).map_err(|why| Failure::run(format!("{shown}: {why}")))?;
        if results.is_empty() {
            return Err(Failure::run(format!(
                "{shown} has no rows in it: it is no report of a run (a comparison has none), or its rows were too many \
                 for it; name the folder of the run instead"
            )));
        }
        remove_when_asked_to_end().map_err(at("cannot wait for signals"))?;
        let mut rows = PageRows { folder: new_folder()?, files: Vec::new() };
        // Messages name these files: by the page's name one knows whose rows they are.
        let name = page.file_name().unwrap_or_default();
        let folder = rows.folder.join(name);
        fs::create_dir(&folder).map_err(at(format!("cannot create {}", folder.display())))?;
        for (n, content) in results.iter().enumerate() {
            let file = folder.join(format!("result-{}.jsonl", n + 1));
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
        folders().retain(|folder| *folder != self.folder);
    }
}

/// Folders that there are while pages are read.
static FOLDERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn folders() -> MutexGuard<'static, Vec<PathBuf>> {
    // What panicked did not leave a half of a path in it.
    FOLDERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes every folder, and ends the program, if a signal asks for it.
fn remove_when_asked_to_end() -> io::Result<()> {
    static IS_WAITING: OnceLock<()> = OnceLock::new();
    if IS_WAITING.set(()).is_err() {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    // From here on they are caught: also before the thread waits for them.
    let mut signals = {
        let _entered = runtime.enter();
        Signals::catch()?
    };
    let wait = move || {
        let caught = runtime.block_on(signals.next());
        // No folder is made any more.
        let all = folders();
        for folder in &*all {
            let _ = fs::remove_dir_all(folder);
        }
        exit_code::end_by(caught)
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(wait).map(drop)
}

/// Reads a page.
///
/// # Errors
/// If it cannot be read, is no file, or is larger than any page.
pub(super) fn read_page(page: &Path) -> Outcome<Vec<u8>> {
    let shown = page.display();
    let cannot = || at(format!("cannot read {shown}"));
    // A pipe would be waited for.
    if !fs::metadata(page).map_err(cannot())?.is_file() {
        return Err(Failure::run(format!("{shown} is no file: a page is one")));
    }
    let mut text = Vec::new();
    let file = fs::File::open(page).map_err(cannot())?;
    file.take(MOST_BYTES + 1).read_to_end(&mut text).map_err(cannot())?;
    if text.len() as u64 > MOST_BYTES {
        return Err(Failure::run(format!("{shown} has more than {MOST_BYTES} bytes: no page has")));
    }
    Ok(text)
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
        let mut all = folders();
        match fs::create_dir(&folder) {
            Ok(()) => {
                all.push(folder.clone());
                return Ok(folder);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && number < 1_000 => {
                number += 1;
            }
            Err(error) => {
                return Err(at(format!("cannot create {}", folder.display()))(error));
            }
        }
    }
}
