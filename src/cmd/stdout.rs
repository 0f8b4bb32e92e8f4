//! Standard output. That it is closed or full must not end a run, so that nothing here panics, as
//! `println!` does.

use crate::cmd::console::escape;
use crate::cmd::pipe::{not_written, write_shared};
use crate::error::Outcome;
use crate::secret::redact_document;
use std::io::{self, Write};

/// Writes to standard output. A reader that has seen enough is no error.
///
/// # Errors
/// If standard output cannot be written, for example to a full disk, or a signal ended the wait for a
/// reader that does not read.
pub(crate) fn print(bytes: &[u8]) -> Outcome<()> {
    let mut out = io::stdout().lock();
    let safe = std::str::from_utf8(bytes).map(|text| escape(&redact_document(text)).into_owned());
    let bytes = safe.as_ref().map_or(bytes, |text| text.as_bytes());
    checked(out.flush().and_then(|()| write_shared(&out, bytes, "standard output")))
}

/// Ends what somebody else wrote to standard output.
///
/// # Errors
/// As of [`print()`].
pub(crate) fn end(written: io::Result<()>) -> Outcome<()> {
    checked(written.and_then(|()| io::stdout().flush()))
}

fn checked(written: io::Result<()>) -> Outcome<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| not_written("cannot write to standard output", error)),
    }
}
