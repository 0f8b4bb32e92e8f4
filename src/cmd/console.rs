//! Standard error. That it is closed or full must not end a run, so that nothing here panics, as
//! `eprintln!` does.
//!
//! Whatever is written has no secret in it, and nothing that would move a terminal's cursor or change
//! the order of its characters: a text may be a server's.

use crate::secret::redact_document;
use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

/// Writes a line to standard error, if that can be written.
pub(crate) fn note(line: impl fmt::Display) {
    let line = line.to_string();
    // There is nobody left to tell.
    let _ = writeln!(io::stderr().lock(), "{}", escape(&redact_document(&line)));
}

/// Writes a warning to standard error.
pub(crate) fn warn(warning: impl fmt::Display) {
    note(format_args!("warning: {warning}"));
}

/// Whether a terminal would take a character for a command, or show others in another order.
fn commands_terminal(c: char) -> bool {
    let orders = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    orders || (c.is_control() && !matches!(c, '\n' | '\t'))
}

/// Returns a text with what commands a terminal escaped, as JSON does it: what is printed may be JSON.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(commands_terminal) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if commands_terminal(c) {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_to_a_terminal_are_escaped() {
        assert_eq!(escape("a\tb\nü›"), "a\tb\nü›");
        assert_eq!(escape("\u{1b}[31m\rx\u{9b}2J"), "\\u001b[31m\\u000dx\\u009b2J");
        assert_eq!(escape("a\u{202e}b\u{7f}"), "a\\u202eb\\u007f");
    }
}
