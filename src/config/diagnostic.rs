//! What is wrong with settings, and where: found all at once, shown with the line and a caret.
//!
//! Separate from `error::Failure`, which ends a command: faults become one failure at the end.

use crate::config::{Origin, Place, Source};
use crate::error::Failure;
use std::fmt;
use std::sync::Arc;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where it stands.
    pub place: Place,
    /// The setting's path, such as `series.0.interval`; empty for a syntax error.
    pub path: String,
    /// What is wrong and what would be right.
    pub message: String,
    /// True where the fault lies in the text at the place alone. Diagnostics of another sort (a
    /// missing key, a contradiction) may come from a syntax error somewhere else.
    pub direct: bool,
}

/// Everything that is wrong with a text, in its order. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    source: Arc<Source>,
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Sorts faults by their place and drops repetitions.
    pub fn new(source: Arc<Source>, mut list: Vec<Diagnostic>) -> Diagnostics {
        list.sort_by(|a, b| {
            let key = |f: &Diagnostic| (f.place.origin, f.place.span.start, f.place.span.end);
            key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message))
        });
        list.dedup_by(|a, b| a.place == b.place && a.message == b.message);
        Diagnostics { source, list }
    }

    /// The faults in the order in which they are shown.
    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = &self.source;
        for fault in &self.list {
            let Diagnostic { place, message, .. } = fault;
            match place.origin {
                Origin::Whole => writeln!(f, "{}: error: {message}", source.name)?,
                Origin::Override(n) => {
                    let text = source.overrides.get(n).map_or("", String::as_str);
                    writeln!(f, "--set {text}: error: {message}")?;
                }
                Origin::File => {
                    let (line, column) = source.position(place.span.start);
                    writeln!(f, "{}:{line}:{column}: error: {message}", source.name)?;
                    writeln!(f, "{}", source.excerpt(&place.span))?;
                }
            }
        }
        let plural = if self.list.len() == 1 { "" } else { "s" };
        write!(f, "{} error{plural} in {}", self.list.len(), source.name)
    }
}

impl std::error::Error for Diagnostics {}

impl From<Diagnostics> for Failure {
    fn from(faults: Diagnostics) -> Failure {
        Failure::scenario(faults)
    }
}
