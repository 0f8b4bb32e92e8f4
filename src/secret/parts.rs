//! Parts of secrets: a server may quote the middle of one alone.
//!
//! Every run of eight bytes of a value is kept as a number. They are asked only for what a server said
//! and is kept, and made only then: a driver's process never makes them.

use std::collections::HashSet;
use std::ops::Range;

/// The shortest part that is taken for one: shorter ones are in any text.
const PART: usize = 8;
/// The most parts that are kept, some 16 MiB; whole values are known beyond that.
const MOST: usize = 1 << 20;
/// The most of these that may be of tables, which can have a value for each client.
const MOST_OF_MANY: usize = MOST / 2;

/// The parts of values.
pub(super) struct SecretParts {
    /// Made at first use; `None` if there is none yet.
    known: Option<HashSet<u64>>,
    /// Values whose parts are not among the known ones yet.
    waiting: Vec<Box<[u8]>>,
    /// Parts of all values so far, each as often as it came, and of these those of tables.
    counted: [usize; 2],
}

impl SecretParts {
    pub(super) const NONE: SecretParts =
        SecretParts { known: None, waiting: Vec::new(), counted: [0, 0] };

    /// Adds the parts of a value.
    pub(super) fn add(&mut self, value: &[u8]) {
        let parts = (value.len() + 1).saturating_sub(PART);
        if parts == 0 || self.counted[0] + parts > MOST {
            return;
        }
        self.counted[0] += parts;
        self.waiting.push(value.into());
    }

    /// Adds the parts of one of many values.
    pub(super) fn add_of_many(&mut self, value: &[u8]) {
        if self.counted[1] + value.len() <= MOST_OF_MANY {
            self.counted[1] += value.len();
            self.add(value);
        }
    }

    /// Whether the parts of all values are known.
    pub(super) fn is_complete(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Makes the parts of the values that wait.
    pub(super) fn complete(&mut self) {
        let known = self.known.get_or_insert_default();
        for value in self.waiting.drain(..) {
            known.extend(value.windows(PART).map(number));
        }
    }

    /// Returns where parts are in a text; they may overlap.
    pub(super) fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let Some(known) = &self.known else { return Vec::new() };
        let runs = text.windows(PART).enumerate();
        let found = runs.filter(|(_, run)| known.contains(&number(run)));
        found.map(|(at, _)| at..at + PART).collect()
    }
}

/// Returns the bytes of a part as a number.
fn number(part: &[u8]) -> u64 {
    part.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_limited_and_those_of_tables_leave_room_for_others() {
        let mut parts = SecretParts::NONE;
        let many = |n: usize| format!("{n:032}").into_bytes();
        (0..100_000).for_each(|n| parts.add_of_many(&many(n)));
        assert!(!parts.is_complete() && parts.counted[0] <= MOST_OF_MANY);
        parts.add(b"a-value-of-its-own");
        parts.add(b"seven..");
        parts.complete();
        assert!(parts.is_complete());
        assert_eq!(parts.find(b"x-value-of"), [1..9, 2..10]);
        assert!(parts.find(b"seven..").is_empty());
        (0..100_000).for_each(|n| parts.add(&many(n)));
        assert!(parts.counted[0] <= MOST);
    }
}
