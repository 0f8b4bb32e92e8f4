//! Standard output and standard error. That one of them is closed or full must not end a run, so
//! that nothing here panics, as `println!` does.

use crate::error::{Outcome, at};
use std::fmt;
use std::io::{self, Write};

/// Writes to standard output. A reader that has seen enough is no error.
///
/// # Errors
/// If standard output cannot be written, for example to a full disk.
pub(crate) fn print(bytes: &[u8]) -> Outcome<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(at("cannot write to standard output")),
    }
}

/// Writes a line to standard error, if that can be written.
pub(crate) fn note(line: impl fmt::Display) {
    // There is nobody left to tell.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Writes a warning to standard error.
pub(crate) fn warn(warning: impl fmt::Display) {
    note(format_args!("warning: {warning}"));
}
