//! What it means that an update did not come.

use crate::feed::{Semantics, Spec};

/// What a skipped update means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Skipped {
    /// A later one took its place, as it should if only the latest counts.
    Superseded,
    /// It should have arrived.
    #[default]
    Missing,
}

impl From<Semantics> for Skipped {
    /// What a skipped update means to a client that gets what is pending.
    fn from(semantics: Semantics) -> Skipped {
        match semantics {
            Semantics::Snapshot => Skipped::Superseded,
            Semantics::Log => Skipped::Missing,
        }
    }
}

/// Returns what a skipped update means to the client of a push transport: if updates are batched
/// and only the latest counts, a later one took its place.
pub(crate) fn skipped(feed: &Spec) -> Skipped {
    match (feed.semantics, feed.batch_ns) {
        (Semantics::Snapshot, 1..) => Skipped::Superseded,
        _ => Skipped::Missing,
    }
}
