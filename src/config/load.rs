//! Reads configuration files and the files that settings name.

use crate::config::diagnostic::{Diagnostic, DiagnosticCause, Diagnostics};
use crate::config::source::{Location, Origin, SourceText};
use crate::os::{NoWriter, read_file};
use crate::secret;
use std::path::Path;
use std::sync::Arc;

/// The largest configuration file that is read, in bytes.
const MOST_BYTES: usize = 1 << 20;

/// Reads a configuration file.
///
/// # Errors
/// If there is no such file, or it is a directory, too large, empty or not UTF-8.
pub(crate) fn load(path: &Path, overrides: &[String]) -> Result<SourceText, Diagnostics> {
    let source = SourceText {
        name: path.display().to_string(),
        text: String::new(),
        overrides: overrides.to_vec(),
    };
    // It may be a pipe whose writer is still to come.
    let bytes = match read_and_note(path, MOST_BYTES, NoWriter::Wait) {
        Ok(bytes) => bytes,
        Err(message) => return Err(refuse(source, Location::whole(), message)),
    };
    match String::from_utf8(bytes) {
        Ok(text) if text.trim().is_empty() => {
            let message = "the file is empty; `wsbench init` writes a starter scenario";
            Err(refuse(source, Location::whole(), message.to_owned()))
        }
        Ok(text) => Ok(SourceText { text, ..source }),
        Err(error) => {
            // The valid part keeps its offsets; what follows is shown with replacements.
            let at = error.utf8_error().valid_up_to();
            let byte = error.as_bytes()[at];
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let span = at..at + '\u{fffd}'.len_utf8();
            let message = format!("byte 0x{byte:02x} is not UTF-8; save the file as UTF-8");
            let location = Location { origin: Origin::File, span };
            Err(refuse(SourceText { text, ..source }, location, message))
        }
    }
}

fn refuse(source: SourceText, location: Location, message: String) -> Diagnostics {
    let diagnostic = Diagnostic { location, message, cause: DiagnosticCause::Syntax };
    Diagnostics::new(Arc::new(source), vec![diagnostic])
}

/// Reads a file that a setting names, of at most `most` bytes, and notes the secrets in it.
///
/// # Errors
/// A sentence, as of [`read_file`]: a pipe that nobody writes into is refused.
pub(crate) fn read_limited(path: &Path, most: usize) -> Result<Vec<u8>, String> {
    read_and_note(path, most, NoWriter::Refuse)
}

fn read_and_note(path: &Path, most: usize, no_writer: NoWriter) -> Result<Vec<u8>, String> {
    let bytes = read_file(path, most, no_writer)?;
    // It is shown in errors, whatever it is a part of. What is larger is data.
    if bytes.len() <= MOST_BYTES {
        secret::note_text(&String::from_utf8_lossy(&bytes));
    }
    Ok(bytes)
}
