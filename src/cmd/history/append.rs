//! Appending a line to a file that others may append to at the same time: in one piece, or not at all.

use crate::cmd::files::prepare_file;
use crate::cmd::pipe::{Pipe, is_pipe, not_written};
use crate::error::Outcome;
use crate::os::lock;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek, SeekFrom, Write};
use std::path::Path;

/// Appends a line, which has its end.
///
/// # Errors
/// If it cannot be written whole; the message names the file. A regular file is then as it was.
pub(super) fn append(path: &Path, line: &str) -> Outcome<()> {
    prepare_file(path)?;
    let is_regular = fs::metadata(path).map_or(true, |found| found.is_file());
    let written = if is_regular { append_to_file(path, line) } else { write_to(path, line) };
    written.map_err(|error| not_written(format!("cannot append to {}", path.display()), error))
}

/// Writes to what is no regular file: a pipe, once somebody reads it, or a device.
fn write_to(path: &Path, line: &str) -> io::Result<()> {
    if is_pipe(path) {
        return Pipe::open(path)?.write_all(line.as_bytes());
    }
    let mut file = OpenOptions::new().append(true).open(path)?;
    file.write_all(line.as_bytes())?;
    file.flush()
}

fn append_to_file(path: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).read(true).open(path)?;
    // A file system without locks has O_APPEND still, which puts each write at the end.
    let _ = lock(&file);
    let before = file.metadata()?.len();
    // A line that was cut stays a line of its own.
    let start = if ends_its_line(&mut file, before)? { "" } else { "\n" };
    let whole = [start, line].concat();
    let done = write_once(&mut file, whole.as_bytes());
    if done.is_err() {
        // With the part of a line that a full disk took, the next one would be broken too.
        let _ = file.set_len(before);
    }
    done
}

/// Writes all of it by one call of the system: with O_APPEND nothing comes in between.
fn write_once(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    loop {
        match file.write(bytes) {
            Ok(written) if written == bytes.len() => return Ok(()),
            Ok(written) => {
                let all = bytes.len();
                let of = written;
                return Err(io::Error::other(format!("only {of} of {all} bytes were taken")));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// True for an empty file too.
fn ends_its_line(file: &mut File, length: u64) -> io::Result<bool> {
    let mut last = [b'\n'];
    if length > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    Ok(last == [b'\n'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_many_writers_are_whole() {
        let dir = tempfile::tempdir().expect("a folder can be made");
        let path = dir.path().join("history.jsonl");
        let line = |n: usize| format!("{n}{}\n", "x".repeat(20_000));
        std::thread::scope(|scope| {
            for n in 0..8 {
                let path = &path;
                scope.spawn(move || append(path, &line(n)).expect("it can be written"));
            }
        });
        let text = fs::read_to_string(&path).expect("it is there");
        let mut found: Vec<&str> = text.split_inclusive('\n').collect();
        found.sort_unstable();
        assert_eq!(found, (0..8).map(line).collect::<Vec<_>>());
    }

    #[test]
    fn a_line_that_was_cut_stays_a_line_of_its_own() {
        let dir = tempfile::tempdir().expect("a folder can be made");
        let path = dir.path().join("history.jsonl");
        fs::write(&path, "cut").expect("it can be written");
        append(&path, "one\n").and_then(|()| append(&path, "two\n")).expect("it can be written");
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "cut\none\ntwo\n");
    }

    #[test]
    fn a_full_disk_is_named() {
        let why = append(Path::new("/dev/full"), "one\n").unwrap_err();
        let why = format!("{why:#}");
        assert!(why.starts_with("cannot append to /dev/full: No space left"), "{why}");
    }
}
