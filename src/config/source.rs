//! The texts that settings come from, a file and `--set` arguments, and places in them.
//!
//! Separate from `node`, which is what the texts say.

use crate::config::{Diagnostic, Diagnostics};
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// The largest file of settings that is read, in bytes.
const MOST_BYTES: usize = 1 << 20;
/// The longest piece of a line that is shown, in characters.
const SHOWN: usize = 120;

/// Which text a setting came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The file as a whole: something is missing from it, or it cannot be read.
    Whole,
    /// A span of the file.
    File,
    /// The n-th `--set`, counted from zero.
    Override(usize),
}

/// Where a setting stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// In which text.
    pub origin: Origin,
    /// Its bytes; meaningful in the file only.
    pub span: Range<usize>,
}

impl Place {
    /// The file as a whole.
    pub fn whole() -> Place {
        Place { origin: Origin::Whole, span: 0..0 }
    }
}

/// A file's name and text, and the overrides given with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The name as the user wrote it.
    pub name: String,
    /// The text; what is not UTF-8 in it is replaced.
    pub text: String,
    /// The arguments of `--set`, in order.
    pub overrides: Vec<String>,
}

impl Source {
    /// Reads a file of settings.
    ///
    /// # Errors
    /// Where there is no such file, or it is a directory, too large, empty or not UTF-8.
    pub fn read(path: &Path, overrides: &[String]) -> Result<Source, Diagnostics> {
        let mut source = Source {
            name: path.display().to_string(),
            text: String::new(),
            overrides: overrides.to_vec(),
        };
        match read_limited(path, MOST_BYTES) {
            Err(message) => Err(source.refuse(Place::whole(), message)),
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) if text.trim().is_empty() => {
                    let message = "the file is empty; `wsbench init` writes a starter scenario";
                    Err(source.refuse(Place::whole(), message.to_owned()))
                }
                Ok(text) => {
                    source.text = text;
                    Ok(source)
                }
                Err(error) => {
                    // The valid part keeps its offsets; what follows is shown with replacements.
                    let at = error.utf8_error().valid_up_to();
                    let byte = error.as_bytes()[at];
                    source.text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                    let place =
                        Place { origin: Origin::File, span: at..at + '\u{fffd}'.len_utf8() };
                    let message = format!("byte 0x{byte:02x} is not UTF-8; save the file as UTF-8");
                    Err(source.refuse(place, message))
                }
            },
        }
    }

    fn refuse(self, place: Place, message: String) -> Diagnostics {
        let fault = Diagnostic { place, path: String::new(), message, direct: true };
        Diagnostics::new(Arc::new(self), vec![fault])
    }

    /// The place of a part of a text value, where the value stands in the file as it reads: in
    /// quotes, without escapes. Else the place of the value.
    pub fn within(&self, value: &Place, text: &str, part: Range<usize>) -> Place {
        let raw = self.text.get(value.span.clone()).unwrap_or_default();
        let plain = raw.len() == text.len() + 2 && raw.get(1..raw.len() - 1) == Some(text);
        if value.origin != Origin::File || !plain {
            return value.clone();
        }
        let start = value.span.start + 1;
        Place { origin: Origin::File, span: start + part.start..start + part.end }
    }

    /// Line and column of an offset, both from 1; columns count characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let before = &self.text[..self.boundary(offset)];
        let start = before.rfind('\n').map_or(0, |n| n + 1);
        // A byte order mark takes no column.
        let columns = before[start..].chars().filter(|&c| c != '\u{feff}').count();
        (before.matches('\n').count() + 1, columns + 1)
    }

    /// The line around a place with carets under it, as two lines.
    pub fn excerpt(&self, span: &Range<usize>) -> String {
        let start = self.boundary(span.start);
        let (line, column) = self.position(start);
        let from = self.text[..start].rfind('\n').map_or(0, |n| n + 1);
        let to = self.text[start..].find('\n').map_or(self.text.len(), |n| start + n);
        let end = self.boundary(span.end).clamp(start, to);
        let shown = |text: &str| -> Vec<char> {
            let visible = text.trim_end_matches('\r').chars().filter(|&c| c != '\u{feff}');
            visible.map(|c| if c.is_control() { ' ' } else { c }).collect()
        };
        let all = shown(&self.text[from..to]);
        // A long line is shown from a little before the place on.
        let skip = if all.len() > SHOWN { (column - 1).saturating_sub(20) } else { 0 };
        let text: String = all.iter().skip(skip).take(SHOWN).collect();
        let carets = shown(&self.text[start..end]).len().clamp(1, SHOWN);
        let gutter = format!("  {line} | ");
        let indent = format!("{:1$}| ", "", gutter.chars().count() - 2);
        let blank = " ".repeat(column - 1 - skip);
        format!("{gutter}{}\n{indent}{blank}{}", text.trim_end(), "^".repeat(carets))
    }

    /// The nearest character boundary at or before an offset.
    fn boundary(&self, offset: usize) -> usize {
        let mut at = offset.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

/// Reads a file of at most `most` bytes.
///
/// # Errors
/// A sentence: no such file, a directory, too large, or the system's reason.
pub(crate) fn read_limited(path: &Path, most: usize) -> Result<Vec<u8>, String> {
    let shown = path.display().to_string();
    let explain = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("there is no file {shown:?}"),
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
    Ok(bytes)
}
