//! Files and folders that commands write.

use crate::cmd::pipe::{Pipe, is_pipe, not_written};
use crate::error::{Failure, Outcome, at};
use crate::os;
use crate::result::file::RESULT_FILE;
use crate::run::SERVER_LOG;
use crate::secret::redact_document;
use crate::units::human_bytes;
use jiff::Timestamp;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Free bytes that a report's folder must have besides the result file: pictures and tables take a
/// few megabytes.
const LEAST_FREE_BYTES: u64 = 16 * 1024 * 1024;

/// Writes a file, see [`write_with`], without secrets.
///
/// # Errors
/// If it cannot be written; the message names it.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> Outcome<()> {
    // A picture is no text.
    let shown = std::str::from_utf8(bytes).map(redact_document);
    let bytes = shown.as_ref().map_or(bytes, |text| text.as_bytes());
    write_with(path, |out| out.write_all(bytes))
}

/// Writes a file as it is made: whole or not at all, if the name is free or a regular file's. What
/// else is there (a device, a pipe, a link) is kept and written into. A pipe is waited for until it has a
/// reader.
///
/// # Errors
/// If it cannot be written, or a signal ended the wait for a reader; the message names it.
pub(super) fn write_with(
    path: &Path,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Outcome<()> {
    // Of the name itself, not of what a link leads to.
    let there = fs::symlink_metadata(path).ok();
    let written = match &there {
        Some(_) if is_pipe(path) => Pipe::open(path).and_then(|pipe| fill(pipe, content)),
        Some(found) if !found.is_file() => write_into(path, content),
        _ => replace(path, there.as_ref(), content),
    };
    written.map_err(|error| not_written(format!("cannot write {}", path.display()), error))
}

/// Writes into what is there.
fn write_into(
    path: &Path,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    // A file of a shell's redirection, by the name of its descriptor, has what was printed before.
    let descriptor = path.starts_with("/dev") || path.starts_with("/proc");
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(!descriptor).append(descriptor);
    fill(options.open(path)?, content)
}

/// The name that a process gives a file until it is whole.
pub(super) fn part_of(path: &Path, process: u32) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{process}.part"));
    path.with_file_name(name)
}

/// Writes a file beside the place and renames it.
fn replace(
    path: &Path,
    there: Option<&Metadata>,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let part = part_of(path, std::process::id());
    let done = File::create(&part).and_then(|file| {
        if let Some(there) = there {
            // Who may read it stays as it was, if the file system knows that at all.
            let _ = file.set_permissions(there.permissions());
        }
        fill(file, content)?;
        fs::rename(&part, path)
    });
    if done.is_err() {
        // It may never have been created.
        let _ = fs::remove_file(&part);
    }
    done
}

fn fill(to: impl Write, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::new(to);
    content(&mut out)?;
    out.flush()
}

/// Creates the folder, and finds out before the run whether a small file can be written to it.
fn try_folder(folder: &Path) -> Outcome<()> {
    let shown = folder.display();
    fs::create_dir_all(folder).map_err(at(format!("cannot create {shown}")))?;
    let tried = new_file(folder).and_then(|(mut file, path)| {
        let written = file.write_all(&[0; 64 * 1024]);
        let _ = fs::remove_file(path);
        written
    });
    tried.map_err(at(format!("cannot write to {shown}")))
}

/// More names are not tried.
const NAMES: u32 = 1_000;

/// Creates a file in a folder that nobody else has: another container may have the same process number.
fn new_file(folder: &Path) -> io::Result<(File, PathBuf)> {
    // A new one: what is there may be a pipe, which keeps whoever opens it waiting.
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let process = std::process::id();
    let mut number = 0;
    loop {
        let path = folder.join(format!(".probe.{process}.{number}"));
        match options.open(&path) {
            Ok(file) => return Ok((file, path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < NAMES => {
                number += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Creates the folder, and finds out before the run whether reports and so many bytes of results can
/// be written to it.
fn prepare_folder(out: &Path, result_bytes: u64) -> Outcome<()> {
    try_folder(out)?;
    let shown = out.display();
    let needed = LEAST_FREE_BYTES.saturating_add(result_bytes);
    match os::free_bytes(out) {
        Some(free) if free < needed => Err(Failure::run(format!(
            "{shown} has {} free and a run may need {}: free some space, or choose another folder \
             with --out",
            human_bytes(free as f64),
            human_bytes(needed as f64)
        ))),
        _ => Ok(()),
    }
}

/// Finds out before the run whether a small file can be written. What is there and is no regular file is
/// written into: its folder is no matter, as that of a device.
pub(super) fn prepare_file(path: &Path) -> Outcome<()> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            Err(Failure::usage(format!("{} is a folder: name a file in it", path.display())))
        }
        Ok(found) if !found.is_file() => Ok(()),
        _ => try_folder(folder_of(path)),
    }
}

/// Prepares the folder of a run's reports: the one asked for, or one named after it and the time.
pub(super) fn prepare_reports(
    asked: Option<&Path>,
    name: &str,
    result_bytes: u64,
) -> Outcome<PathBuf> {
    let out = asked.map_or_else(
        || {
            let time = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
            Path::new("reports").join(format!("{name}-{time}"))
        },
        Path::to_owned,
    );
    prepare_folder(&out, result_bytes)?;
    [RESULT_FILE, SERVER_LOG].iter().try_for_each(|name| require_regular(&out.join(name)))?;
    Ok(out)
}

/// Whether a folder has a run's result.
pub(super) fn has_result(folder: &Path) -> bool {
    fs::metadata(folder.join(RESULT_FILE)).is_ok_and(|found| found.len() > 0)
}

/// Requires that what is written during a run, and read again, will be a regular file.
fn require_regular(path: &Path) -> Outcome<()> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(Failure::usage(format!(
            "{} is no regular file: remove it, or choose another folder with --out",
            path.display()
        ))),
        _ => Ok(()),
    }
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
