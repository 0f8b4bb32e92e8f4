//! What the system says of files: who may execute one, who has its lock, and what is in one, whatever it is.

use rustix::fs::{Access, FlockOperation, OFlags, access, fcntl_setfl, flock};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// What becomes of the wait for somebody who writes into a named pipe (`fifo(7)`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoWriter {
    /// It is waited for.
    Wait,
    /// A pipe that nobody writes into is refused.
    Refuse,
}

/// Whether this user may execute a file.
pub(crate) fn is_executable(path: &Path) -> bool {
    access(path, Access::EXEC_OK).is_ok()
}

/// Waits until this process alone has a file's lock, which is released if the file is closed.
///
/// # Errors
/// If the file system has no locks.
pub(crate) fn lock(file: &File) -> io::Result<()> {
    flock(file, FlockOperation::LockExclusive).map_err(io::Error::from)
}

/// Reads a file of at most `most` bytes; what has no end, such as a device, is too large. A pipe is read to its
/// end if somebody writes into it.
///
/// # Errors
/// A sentence: no such file, a directory, a pipe that nobody writes into, too large, or the system's reason.
pub(crate) fn read_file(path: &Path, most: usize, no_writer: NoWriter) -> Result<Vec<u8>, String> {
    let shown = path.display().to_string();
    let explain = |error: io::Error| match error.kind() {
        ErrorKind::NotFound => format!("there is no file {shown:?}"),
        _ => format!("cannot read {shown:?}: {error}"),
    };
    if path.is_dir() {
        return Err(format!("{shown:?} is a directory, not a file"));
    }
    let mut options = OpenOptions::new();
    options.read(true);
    if no_writer == NoWriter::Refuse {
        options.custom_flags(libc::O_NONBLOCK);
    }
    let mut file = options.open(path).map_err(explain)?;
    let mut bytes = Vec::new();
    if no_writer == NoWriter::Refuse {
        let is_pipe = file.metadata().map_err(explain)?.file_type().is_fifo();
        if is_pipe && !begin(&mut file, &mut bytes).map_err(explain)? {
            return Err(format!(
                "{shown:?} is a pipe that no process writes into; name a file: the processes of a run read \
                 it again"
            ));
        }
        // The rest is waited for.
        fcntl_setfl(&file, OFlags::empty()).map_err(|error| explain(error.into()))?;
    }
    let left = (most as u64 + 1).saturating_sub(bytes.len() as u64);
    file.take(left).read_to_end(&mut bytes).map_err(explain)?;
    if bytes.len() > most {
        let (size, unit) = if most <= 1 << 20 { (most >> 10, "KiB") } else { (most >> 20, "MiB") };
        return Err(format!("{shown:?} is larger than {size} {unit}"));
    }
    Ok(bytes)
}

/// Reads what there is in a pipe that does not wait. Returns false if nobody writes into it.
fn begin(pipe: &mut File, bytes: &mut Vec<u8>) -> io::Result<bool> {
    let mut piece = [0; 4096];
    match pipe.read(&mut piece) {
        Ok(length) => {
            bytes.extend_from_slice(&piece[..length]);
            Ok(length > 0)
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(true),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    #[test]
    fn what_is_no_regular_file_is_read_within_a_bound_or_refused() {
        let read = |path: &str| read_file(Path::new(path), 4096, NoWriter::Refuse);
        assert_eq!(read("/dev/zero"), Err("\"/dev/zero\" is larger than 4 KiB".to_owned()));
        assert_eq!(read("/dev/null"), Ok(Vec::new()));
        assert_eq!(read("/nonexistent"), Err("there is no file \"/nonexistent\"".to_owned()));
        assert_eq!(read("/dev"), Err("\"/dev\" is a directory, not a file".to_owned()));
        let most = read_file(Path::new("/dev/zero"), 2 << 20, NoWriter::Wait);
        assert_eq!(most, Err("\"/dev/zero\" is larger than 2 MiB".to_owned()));
    }

    #[test]
    fn a_pipe_is_read_if_somebody_writes_into_it() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("pipe");
        mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).expect("a pipe can be made");
        let refused = read_file(&path, 4096, NoWriter::Refuse).expect_err("nobody writes");
        assert!(refused.contains("is a pipe that no process writes into"), "{refused}");
        for no_writer in [NoWriter::Refuse, NoWriter::Wait] {
            // Open for reading as well, a pipe waits for nobody.
            let mut both = OpenOptions::new().read(true).write(true).open(&path).expect("a pipe");
            let reader = path.clone();
            let text = b"one\ntwo\n";
            let read = std::thread::spawn(move || read_file(&reader, 4096, no_writer));
            io::Write::write_all(&mut both, text).expect("it has room");
            // What is written can be read before the pipe is closed, and is not lost after it.
            while !read.is_finished() && rustix::io::ioctl_fionread(&both).expect("a pipe") > 0 {
                std::thread::yield_now();
            }
            drop(both);
            assert_eq!(read.join().expect("it ends"), Ok(text.to_vec()));
        }
    }
}
