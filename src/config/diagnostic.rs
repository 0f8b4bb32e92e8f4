//! What is wrong with a configuration and where: everything found at once, each shown with its
//! line.
//!
//! Separate from `error::Failure`, which ends a command: all diagnostics together become one.

use crate::config::excerpt::Excerpts;
use crate::config::sensitive::{override_shown, without_users};
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
    /// The text is not TOML here, or names settings that cannot be read.
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
    fn render(&self, diagnostic: &Diagnostic, excerpts: &Excerpts<'_>) -> String {
        let source = &self.source;
        let (shown, span) = self.place_in_shown(&diagnostic.location);
        let message = excerpts.clean(&diagnostic.message, &span);
        // First, since a part that is known would be hidden within what is not.
        let message = without_users(&message);
        let message = secret::redact(&message);
        let message = shorten(&message);
        let title = Level::ERROR.primary_title(&*message);
        let group = match diagnostic.location.origin {
            Origin::Whole => title.element(FileName::path(&source.name)),
            Origin::Override(n) => {
                let given = source.overrides.get(n).map_or("", String::as_str);
                let shown = override_shown(given);
                title.element(FileName::path(format!("--set {shown}")))
            }
            Origin::Argument(n) => {
                let given = self.arguments.get(n).map_or("", String::as_str);
                title.element(FileName::path(secret::redact(given)))
            }
            Origin::File => {
                // Of a value over several lines the first is enough.
                let start = span.start;
                let end = span.end;
                let line_end = shown[start..].find(['\r', '\n']).map_or(shown.len(), |n| start + n);
                let (shown, span) = excerpts.show(start..end.clamp(start, line_end));
                let annotation = AnnotationKind::Primary.span(span);
                title.element(Snippet::source(shown).path(&source.name).annotation(annotation))
            }
        };
        Renderer::plain().render(&[group])
    }

    /// Returns the text as it is shown, before its secrets are hidden: a byte order mark is not a part of
    /// the line; and a location's place in it.
    fn place_in_shown(&self, location: &Location) -> (&str, Range<usize>) {
        let text = self.source.text.as_str();
        let shown = text.strip_prefix('\u{feff}').unwrap_or(text);
        let skipped = text.len() - shown.len();
        let start = floor(shown, location.span.start.saturating_sub(skipped));
        let end = floor(shown, location.span.end.saturating_sub(skipped));
        (shown, start..end.max(start))
    }
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
        let excerpts = Excerpts::new(self.place_in_shown(&Location::whole()).0);
        for diagnostic in self.list.iter().take(MOST_SHOWN) {
            writeln!(f, "{}\n", self.render(diagnostic, &excerpts))?;
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
