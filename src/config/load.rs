//! Reads configuration files and the files that settings name.

use crate::config::diagnostic::{Diagnostic, DiagnosticCause, Diagnostics};
use crate::config::source::{Location, Origin, SourceText};
use crate::secret;
use std::fs::File;
use std::io::{ErrorKind, Read};
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
    let bytes = match read_limited(path, MOST_BYTES) {
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

/// Reads a file of at most `most` bytes, and notes the secrets in it.
///
/// # Errors
/// A sentence: no such file, a directory, too large, or the system's reason.
pub(crate) fn read_limited(path: &Path, most: usize) -> Result<Vec<u8>, String> {
    let shown = path.display().to_string();
    let explain = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => format!("there is no file {shown:?}"),
        _ => format!("cannot read {shown:?}: {error}"),
    };
    if path.is_dir() {
        return Err(format!("{shown:?} is a directory, not a file"));
    }
    let mut bytes = Vec::new();
    let limit = most as u64 + 1;
    File::open(path).map_err(explain)?.take(limit).read_to_end(&mut bytes).map_err(explain)?;
    if bytes.len() > most {
        return Err(format!("{shown:?} is larger than {} KiB", most / 1024));
    }
    // It is shown in errors, whatever it is a part of. What is larger is data.
    if bytes.len() <= MOST_BYTES {
        secret::note_text(&String::from_utf8_lossy(&bytes));
    }
    Ok(bytes)
}
