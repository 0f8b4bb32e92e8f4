//! Pipes and what else may keep a writer waiting, without waiting for it.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// As many bytes a pipe takes at once if it is writable at all (`pipe(7)`).
const PIECE: usize = libc::PIPE_BUF;

/// Opens a named pipe for writing, so that a write does not wait; `None` as long as nobody has it open
/// for reading (`fifo(7)`).
///
/// # Errors
/// If it cannot be opened.
pub(crate) fn open_pipe(path: &Path) -> io::Result<Option<File>> {
    match OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(path) {
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) => Ok(None),
        opened => opened.map(Some),
    }
}

/// Writes what can be written without waiting to a descriptor that others have too, so that it cannot
/// be made one that never waits. Returns how much that was; `None` if there is no room.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn write_ready(to: impl AsFd, bytes: &[u8]) -> io::Result<Option<usize>> {
    let mut asked = [PollFd::new(&to, PollFlags::OUT)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    // An error of the descriptor is an event too, and the write says which.
    let written = match poll(&mut asked, Some(&now)) {
        Ok(0) => return Ok(None),
        Ok(_) => rustix::io::write(&to, &bytes[..bytes.len().min(PIECE)]),
        Err(error) => Err(error),
    };
    match written {
        Err(Errno::INTR | Errno::AGAIN) => Ok(None),
        Ok(0) if !bytes.is_empty() => Err(io::ErrorKind::WriteZero.into()),
        written => Ok(Some(written?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_pipe_takes_what_it_holds_and_more_once_that_is_read() {
        let (mut from, to) = io::pipe().expect("a pipe");
        let mut held = 0;
        while let Some(written) = write_ready(&to, &[7; 5_000]).expect("it has a reader") {
            held += written;
        }
        assert!(held >= PIECE);
        from.read_exact(&mut vec![0; held]).expect("it was written");
        assert_eq!(write_ready(&to, b"abc").expect("it has a reader"), Some(3));
        drop(from);
        assert_eq!(write_ready(&to, b"abc").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
