//! The scenario's client counts, and how other tables select from them.

use crate::config::{Fields, Key, LocatedValue, Origin};
use crate::units::thousands;

/// The client counts of a scenario.
pub(super) struct Clients {
    /// In the order of the scenario; empty if the setting is wrong.
    pub counts: Vec<u32>,
    /// True if they were given by `--set`, so that selectors in the file may refer to others.
    pub overridden: bool,
}

impl Clients {
    /// Keeps the selected counts that the scenario has. One that it has not is an error, unless
    /// the file selects it and `--set` replaced the scenario's counts: then it is dropped, and
    /// returned as the second part.
    pub(super) fn select(
        &self,
        fields: &mut Fields<'_>,
        key: &Key,
        selected: Vec<LocatedValue<u64>>,
    ) -> (Vec<u32>, Vec<u32>) {
        let mut kept = Vec::new();
        let mut dropped = Vec::new();
        for LocatedValue { value, location } in selected {
            // The readers allow no larger number.
            let count = value as u32;
            // Without a single valid count the scenario has another error.
            if self.counts.is_empty() || self.counts.contains(&count) {
                kept.push(count);
            } else if self.overridden && !matches!(location.origin, Origin::Override(_)) {
                dropped.push(count);
            } else {
                let message = format!("{value} is none of the scenario's client counts");
                fields.report_at(key, location, message);
            }
        }
        (kept, dropped)
    }
}

/// Lists client counts for a message: `10,000 and 100,000`.
pub(super) fn join_counts(counts: &[u32]) -> String {
    let shown: Vec<String> = counts.iter().map(|count| thousands(u64::from(*count))).collect();
    shown.join(" and ")
}
