//! Writing where a reader decides how long it takes: into a named pipe that nobody has opened yet, and
//! into a pipe or terminal whose reader does not read. A signal ends each wait, which `open(2)` and
//! `write(2)` alone would go on with, since a run catches signals.

use crate::cmd::console::note;
use crate::error::{Failure, FailureKind, at};
use crate::os::{Caught, SignalWait, first_signal, open_pipe, write_ready};
use std::error::Error;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(10);
/// After which a note says what is waited for.
const NOTE_AFTER: Duration = Duration::from_secs(1);
/// How long it may take without a byte once a signal has asked the program to end.
const AFTER_SIGNAL: Duration = Duration::from_secs(5);

/// The signal by which a wait was given up. The program is to end, so nothing waits after that.
static GIVEN_UP: OnceLock<Caught> = OnceLock::new();

/// A signal ended the wait for a reader.
#[derive(Debug, Clone, Copy)]
struct WaitEnded(Caught);

impl fmt::Display for WaitEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.name();
        write!(
            f,
            "nobody reads it, and {name} ended the wait. Start its reader first, or name a file"
        )
    }
}

impl Error for WaitEnded {}

/// Makes a failure of what could not be written: that of a signal, if one ended the wait.
pub(super) fn not_written(doing: impl fmt::Display, error: io::Error) -> Failure {
    let ended = error.get_ref().and_then(|inner| inner.downcast_ref::<WaitEnded>()).copied();
    let mut failure = at(doing)(error);
    if let Some(WaitEnded(caught)) = ended {
        failure.kind = FailureKind::Signal(caught);
    }
    failure
}

/// Whether a wait was given up, and an error says so.
pub(super) fn has_given_up() -> bool {
    GIVEN_UP.get().is_some()
}

/// Whether a path is that of a pipe, or leads to one.
pub(super) fn is_pipe(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo())
}

/// What is waited for.
struct Waiting {
    what: String,
    /// Since when nothing was written.
    began: Option<Instant>,
    noted: bool,
    signals: Option<SignalWait>,
}

impl Waiting {
    fn new(what: String) -> Waiting {
        Waiting { what, began: None, noted: false, signals: None }
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// If a signal ended the wait, or the limit that one sets, or signals cannot be caught.
    fn pause(&mut self) -> io::Result<()> {
        let began = *self.began.get_or_insert_with(Instant::now);
        if !self.noted && began.elapsed() >= NOTE_AFTER {
            self.noted = true;
            let what = &self.what;
            note(format_args!("waiting until somebody reads {what}; Ctrl-C ends the wait"));
        }
        let before = first_signal().filter(|_| began.elapsed() >= AFTER_SIGNAL);
        let signals = match &mut self.signals {
            Some(signals) => signals,
            none => none.insert(SignalWait::new()?),
        };
        let ended = match GIVEN_UP.get().copied().or(before) {
            Some(caught) => Some(caught),
            None => signals.wait(PAUSE),
        };
        ended.map_or(Ok(()), |caught| {
            // An earlier one stays.
            let _ = GIVEN_UP.set(caught);
            Err(io::Error::other(WaitEnded(caught)))
        })
    }

    fn end(&mut self) {
        self.began = None;
    }
}

/// A pipe that was opened by its path.
pub(super) struct Pipe {
    file: File,
    waiting: Waiting,
}

impl Pipe {
    /// Opens a pipe, once it has a reader.
    ///
    /// # Errors
    /// If it cannot be opened, or a signal ended the wait.
    pub(super) fn open(path: &Path) -> io::Result<Pipe> {
        let mut waiting = Waiting::new(path.display().to_string());
        loop {
            if let Some(file) = open_pipe(path)? {
                waiting.end();
                return Ok(Pipe { file, waiting });
            }
            waiting.pause()?;
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.file.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.waiting.pause()?,
                written => {
                    self.waiting.end();
                    return written;
                }
            }
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Writes all to a descriptor that others have too, so that it cannot be made one that does not block.
///
/// # Errors
/// If it cannot be written, or a signal ended the wait for a reader.
pub(super) fn write_shared(to: impl AsFd, bytes: &[u8], shown: &str) -> io::Result<()> {
    let mut waiting = Waiting::new(shown.to_owned());
    let mut left = bytes;
    while !left.is_empty() {
        match write_ready(&to, left)? {
            Some(written) => {
                left = &left[written..];
                waiting.end();
            }
            None => waiting.pause()?,
        }
    }
    Ok(())
}
