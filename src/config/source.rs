//! A configuration file's text, the `--set` arguments given with it, and locations in them.

use crate::config::sensitive::{override_shown, without_users};
use crate::secret;
use std::ops::Range;

/// Which text a setting came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The file as a whole: something is missing from it, or it cannot be read.
    Whole,
    /// A span of the file.
    File,
    /// The n-th `--set`, counted from zero.
    Override(usize),
    /// The n-th of the arguments that the text was made from, counted from zero.
    Argument(usize),
}

/// Where a setting was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The text.
    pub origin: Origin,
    /// Bytes of the text; used for [`Origin::File`] only.
    pub span: Range<usize>,
}

impl Location {
    /// The file as a whole.
    pub fn whole() -> Location {
        Location { origin: Origin::Whole, span: 0..0 }
    }

    /// The n-th `--set`.
    pub(crate) fn of_override(n: usize) -> Location {
        Location { origin: Origin::Override(n), span: 0..0 }
    }
}

/// An argument of the command line that a part of a configuration's text was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Argument {
    /// The argument, as it is shown: without what must not be shown.
    pub shown: String,
    /// The bytes of the text.
    pub span: Range<usize>,
}

/// A file's name and text, and the overrides given with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceText {
    /// The name as the user wrote it.
    pub name: String,
    /// The text; what is not UTF-8 in it is replaced.
    pub text: String,
    /// The arguments of `--set`, in order.
    pub overrides: Vec<String>,
}

impl SourceText {
    /// Returns the location of a part of a text value, if the value is in the file and reads there
    /// as it is: in quotes, without escapes. Otherwise the location of the whole value.
    pub fn locate_part(&self, value: &Location, text: &str, part: Range<usize>) -> Location {
        let raw = self.text.get(value.span.clone()).unwrap_or_default();
        let plain = raw.len() == text.len() + 2 && raw.get(1..raw.len() - 1) == Some(text);
        if value.origin != Origin::File || !plain {
            return value.clone();
        }
        let start = value.span.start + 1;
        Location { origin: Origin::File, span: start + part.start..start + part.end }
    }

    /// Returns where a setting was written, for a sentence: `scenario.toml:8:11`, or the argument.
    pub(crate) fn place(&self, location: &Location) -> String {
        match location.origin {
            Origin::File => {
                let before = self.text.get(..location.span.start).unwrap_or_default();
                let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
                format!("{}:{}:{column}", self.name, self.line_number(location.span.start))
            }
            Origin::Override(n) => {
                let given = self.overrides.get(n).map_or("", String::as_str);
                format!("--set {}", override_shown(given))
            }
            Origin::Whole | Origin::Argument(_) => self.name.clone(),
        }
    }

    /// Returns the text and the overrides as they may be shown: without secrets.
    pub(crate) fn shown(&self) -> (String, Vec<String>) {
        let line = |line: &str| secret::redact(&without_users(line)).into_owned();
        let lines: Vec<String> = self.text.lines().map(line).collect();
        (lines.join("\n"), self.overrides.iter().map(|given| override_shown(given)).collect())
    }

    /// Returns the number of the line that holds an offset, from 1.
    pub fn line_number(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().iter().take(offset);
        before.filter(|byte| **byte == b'\n').count() + 1
    }
}
