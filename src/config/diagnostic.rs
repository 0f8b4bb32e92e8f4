//! What is wrong with a configuration and where: everything found at once, each shown with its
//! line.
//!
//! Separate from `error::Failure`, which ends a command: all diagnostics together become one.

use crate::config::source::{Argument, Location, Origin, SourceText};
use crate::error::Failure;
use crate::secret;
use annotate_snippets::{AnnotationKind, Level, Origin as FileName, Renderer, Snippet};
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// What kind of error it is. It decides which errors are shown beside a syntax error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiagnosticCause {
    /// The text is not TOML here.
    Syntax,
    /// A bracket does not close: the parser read the lines after it as a part of it.
    Unclosed,
    /// The key or value at the location is wrong, whatever else is in the file.
    Value,
    /// Something is missing, or two settings contradict each other. A syntax error elsewhere may be
    /// the reason.
    Context,
}

impl DiagnosticCause {
    /// True if the text could not be parsed.
    pub(crate) fn is_syntax(self) -> bool {
        matches!(self, DiagnosticCause::Syntax | DiagnosticCause::Unclosed)
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where it is.
    pub location: Location,
    /// What is wrong and what would be right.
    pub message: String,
    /// What kind of error it is.
    pub cause: DiagnosticCause,
}

impl Diagnostic {
    /// Says that a key or value is wrong, whatever else is in the file.
    pub(crate) fn of_value(location: Location, message: String) -> Diagnostic {
        Diagnostic { location, message, cause: DiagnosticCause::Value }
    }
}

/// Everything that is wrong with a configuration, in the order of the text. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    source: Arc<SourceText>,
    list: Vec<Diagnostic>,
    /// The arguments that locations refer to.
    arguments: Vec<String>,
}

impl Diagnostics {
    /// Sorts diagnostics by their location and drops repetitions.
    pub fn new(source: Arc<SourceText>, mut list: Vec<Diagnostic>) -> Diagnostics {
        list.sort_by(|a, b| {
            let key =
                |d: &Diagnostic| (d.location.origin, d.location.span.start, d.location.span.end);
            key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message))
        });
        list.dedup_by(|a, b| a.location == b.location && a.message == b.message);
        Diagnostics { source, list, arguments: Vec::new() }
    }

    /// Locates what is wrong in a text that was made from arguments at the argument: of those whose
    /// part of the text holds the place, at the one with the shortest part.
    pub(crate) fn at_arguments(mut self, arguments: &[Argument]) -> Diagnostics {
        for diagnostic in &mut self.list {
            let place = &diagnostic.location;
            let holding = arguments.iter().enumerate().filter(|(_, argument)| {
                place.origin == Origin::File && argument.span.contains(&place.span.start)
            });
            if let Some((n, _)) = holding.min_by_key(|(_, argument)| argument.span.len()) {
                diagnostic.location = Location { origin: Origin::Argument(n), span: 0..0 };
            }
        }
        let shown = arguments.iter().map(|argument| argument.shown.clone()).collect();
        Diagnostics { arguments: shown, ..Diagnostics::new(self.source, self.list) }
    }

    /// Renders one diagnostic: its message, its file, line and column, and the line itself.
    fn render(&self, diagnostic: &Diagnostic) -> String {
        let source = &self.source;
        let message = secret::redact(&diagnostic.message);
        let message = shorten(&message);
        let title = Level::ERROR.primary_title(&*message);
        let text = source.text.as_str();
        let group = match diagnostic.location.origin {
            Origin::Whole => title.element(FileName::path(&source.name)),
            Origin::Override(n) => {
                let given = source.overrides.get(n).map_or("", String::as_str);
                title.element(FileName::path(format!("--set {}", secret::redact(given))))
            }
            Origin::Argument(n) => {
                let given = self.arguments.get(n).map_or("", String::as_str);
                title.element(FileName::path(secret::redact(given)))
            }
            Origin::File => {
                // A byte order mark is not a part of the line.
                let shown = text.strip_prefix('\u{feff}').unwrap_or(text);
                let skipped = text.len() - shown.len();
                let start = floor(shown, diagnostic.location.span.start.saturating_sub(skipped));
                let end = floor(shown, diagnostic.location.span.end.saturating_sub(skipped));
                // Of a value over several lines the first is enough.
                let line_end = shown[start..].find(['\r', '\n']).map_or(shown.len(), |n| start + n);
                let (shown, span) = hide(shown, start..end.clamp(start, line_end));
                let annotation = AnnotationKind::Primary.span(span);
                title.element(Snippet::source(shown).path(&source.name).annotation(annotation))
            }
        };
        Renderer::plain().render(&[group])
    }
}

/// Returns a text to show without its secrets, with the place that a span of it then has.
fn hide(text: &str, span: Range<usize>) -> (String, Range<usize>) {
    let mut out = String::new();
    let mut at = 0;
    let mut shown = span.clone();
    for secret in secret::find(text) {
        out.push_str(&text[at..secret.start]);
        let start = out.len();
        out.push_str(&secret::placeholder(secret.len()));
        // Within a secret a span begins and ends with it.
        let place = |offset: usize, inside: usize, now: usize| match offset {
            offset if offset >= secret.end => out.len() + (offset - secret.end),
            offset if offset > secret.start => inside,
            _ => now,
        };
        let begins = place(span.start, start, shown.start);
        let ends = place(span.end, out.len(), shown.end);
        shown = begins..ends;
        at = secret.end;
    }
    out.push_str(&text[at..]);
    (out, shown)
}

/// Errors that are shown: a file of 1 MiB may have 100,000.
const MOST_SHOWN: usize = 50;
/// Characters of a message that are shown: it may quote a text of any length.
const MOST_CHARS: usize = 1_000;

/// Cuts the middle out of a message that is too long for a person.
fn shorten(message: &str) -> Cow<'_, str> {
    let chars = message.chars().count();
    if chars <= MOST_CHARS {
        return Cow::Borrowed(message);
    }
    let first: String = message.chars().take(MOST_CHARS / 2).collect();
    let last: String = message.chars().skip(chars - MOST_CHARS / 2).collect();
    Cow::Owned(format!("{first}…{last}"))
}

/// Returns the nearest character boundary at or before an offset.
fn floor(text: &str, offset: usize) -> usize {
    let offset = offset.min(text.len());
    (0..=offset).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in self.list.iter().take(MOST_SHOWN) {
            writeln!(f, "{}\n", self.render(diagnostic))?;
        }
        if self.list.len() > MOST_SHOWN {
            writeln!(f, "the first {MOST_SHOWN} are shown")?;
        }
        let plural = if self.list.len() == 1 { "" } else { "s" };
        write!(f, "{} error{plural} in {}", self.list.len(), self.source.name)
    }
}

impl std::error::Error for Diagnostics {}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Failure {
        let text = diagnostics.to_string();
        // Whoever shows a failure writes `error:` before its message.
        Failure::usage(text.strip_prefix("error: ").unwrap_or(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_keeps_its_place_beside_what_is_hidden() {
        secret::note("z5hidden-value");
        let text = "a = \"z5hidden-value\", b = 1";
        let of = |part: &str| {
            let start = text.find(part).expect(part);
            let (shown, span) = hide(text, start..start + part.len());
            assert_eq!(shown, "a = \"‹redacted, 14 B›\", b = 1");
            shown[span].to_owned()
        };
        assert_eq!(of("a"), "a");
        assert_eq!(of("b = 1"), "b = 1");
        assert_eq!(of("z5hidden-value"), "‹redacted, 14 B›");
        assert_eq!(of("hidden"), "‹redacted, 14 B›");
        assert_eq!(of("\"z5hidden-value\""), "\"‹redacted, 14 B›\"");
    }
}
