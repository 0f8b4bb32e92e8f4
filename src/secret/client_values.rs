//! Values of clients' own data, which may be as short as the number of a room.
//!
//! A short value may be a part of any text. So it is searched for only in what servers wrote: in an answer
//! to a client that client's values, and in the output of a server, which nobody can assign to a client,
//! those of all clients. What this program writes has none but those that it puts there itself.

use crate::secret::{KNOWN, Known, LEAST_ANYWHERE, LEAST_PART, redact_with};
use std::ops::Range;
use std::sync::{PoisonError, RwLock};

/// The short values of all clients; the others are secrets in any text.
static SHORT: RwLock<Known> = RwLock::new(Known::OF_CLIENTS);

/// The values of one client.
pub(crate) struct ClientValues(Known);

impl ClientValues {
    /// Takes all values of a client, those that are empty apart.
    pub(crate) fn new<'v>(values: impl Iterator<Item = &'v str>) -> ClientValues {
        let mut known = Known::OF_CLIENTS;
        values.for_each(|value| known.learn(value, false));
        ClientValues(known)
    }

    /// Returns where they are in an answer to the client. `cut` is true if more followed that is not there.
    pub(crate) fn find(&self, text: &[u8], cut: bool) -> Vec<Range<usize>> {
        self.0.find_values(text, cut)
    }
}

impl Known {
    const OF_CLIENTS: Known = Known::finding(LEAST_PART, 1);

    /// Returns where values are, and where the beginning of one is cut.
    fn find_values(&self, text: &[u8], cut: bool) -> Vec<Range<usize>> {
        let mut found = self.find(text, 1);
        found.extend(cut.then(|| self.cut_at(text).map(|at| at..text.len())).flatten());
        found
    }
}

/// Takes the values of all clients for secrets, each as it is and as it stands within a URL or PHP's JSON:
/// short ones only in the output of servers.
pub(crate) fn note_of_clients<'v>(values: impl Iterator<Item = &'v str>) {
    // The sets are valid even if a holder of the locks panicked.
    let mut long = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let mut short = SHORT.write().unwrap_or_else(PoisonError::into_inner);
    for value in values.map(str::trim) {
        let known = if value.len() < LEAST_ANYWHERE { &mut *short } else { &mut *long };
        known.learn_one_of_many(value);
    }
}

/// Takes the secrets out of what a server wrote, to whomever: those of [`redact_with`] and every value of a
/// client.
pub(crate) fn redact_server_output(bytes: &mut Vec<u8>, cut: bool) {
    let short = SHORT.read().unwrap_or_else(PoisonError::into_inner).find_values(bytes, cut);
    redact_with(bytes, cut, short);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_s_values_are_found_anywhere_and_the_shortest_as_words() {
        let values = ClientValues::new(["7", "", "ab", "q1z9", "a/b c"].into_iter());
        let shown = |text: &str, cut| {
            let mut bytes = text.as_bytes().to_vec();
            let found = values.find(&bytes, cut);
            redact_with(&mut bytes, false, found);
            String::from_utf8(bytes).expect("it is text")
        };
        assert_eq!(
            shown("7 77 (7) _7_ a7", false),
            "‹redacted, 1 B› 77 (‹redacted, 1 B›) _‹redacted, 1 B›_ a7"
        );
        assert_eq!(shown("ab/tab ab", false), "‹redacted, 2 B›/tab ‹redacted, 2 B›");
        assert_eq!(shown("xq1z9x", false), "x‹redacted, 4 B›x");
        assert_eq!(shown("?v=a%2Fb+c;", false), "?v=‹redacted, 7 B›;");
        // Its first byte at a cut, and not at an end.
        assert_eq!(shown("is xq", true), "is x‹redacted, 1 B›");
        assert_eq!(shown("is xq", false), "is xq");
    }

    #[test]
    fn the_output_of_a_server_has_no_value_of_a_client() {
        note_of_clients(["zq4x", "qz", "zq-longer-than-that"].into_iter());
        let shown = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            redact_server_output(&mut bytes, false);
            String::from_utf8(bytes).expect("it is text")
        };
        assert_eq!(shown("pin=azq4x qz qza"), "pin=a‹redacted, 4 B› ‹redacted, 2 B› qza");
        assert_eq!(shown("zq-longer-than-that"), "‹redacted, 19 B›");
        // Texts of this program may have such words.
        assert_eq!(crate::secret::redact("zq4x qz"), "zq4x qz");
    }
}
