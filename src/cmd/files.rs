//! Files and folders that commands write.

use crate::error::{Failure, Outcome, at};
use crate::os;
use crate::units::human_bytes;
use jiff::Timestamp;
use std::fs;
use std::path::{Path, PathBuf};

/// Free bytes that a report's folder must have: a run of every transport at 100,000 clients
/// writes a few megabytes.
const LEAST_FREE_BYTES: u64 = 16 * 1024 * 1024;

/// Writes a file whole or not at all.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> Outcome<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let done = fs::write(&part, bytes).and_then(|()| fs::rename(&part, path));
    done.map_err(|error| {
        // It may never have been created.
        let _ = fs::remove_file(&part);
        Failure::run(format!("cannot write {}", path.display())).caused_by(error)
    })
}

/// Creates the folder, and finds out before the run whether reports can be written to it.
pub(super) fn prepare_folder(out: &Path) -> Outcome<()> {
    let shown = out.display();
    fs::create_dir_all(out).map_err(at(format!("cannot create {shown}")))?;
    let probe = out.join(".probe");
    let tried = fs::write(&probe, vec![0; 64 * 1024]);
    // It may never have been created.
    let _ = fs::remove_file(&probe);
    tried.map_err(at(format!("cannot write to {shown}")))?;
    match os::free_bytes(out) {
        Some(free) if free < LEAST_FREE_BYTES => Err(Failure::run(format!(
            "{shown} has {} free and a run may need {}: free some space, or choose another folder \
             with --out",
            human_bytes(free as f64),
            human_bytes(LEAST_FREE_BYTES as f64)
        ))),
        _ => Ok(()),
    }
}

/// Prepares the folder of a run's reports: the one asked for, or one named after it and the time.
pub(super) fn prepare_reports(asked: Option<&Path>, name: &str) -> Outcome<PathBuf> {
    let out = asked.map_or_else(
        || {
            let time = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
            Path::new("reports").join(format!("{name}-{time}"))
        },
        Path::to_owned,
    );
    prepare_folder(&out)?;
    Ok(out)
}

/// The time, as in the header of a result.
pub(super) fn now_text() -> String {
    Timestamp::now().strftime("%FT%TZ").to_string()
}

/// The folder of a file.
pub(super) fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
