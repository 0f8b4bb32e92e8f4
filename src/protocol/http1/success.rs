//! Which statuses of an answer count as success.

use crate::config::{Fields, Key};
use serde::{Deserialize, Serialize};

/// The setting.
pub(crate) const SUCCESS: Key = Key {
    name: "status",
    default: Some("[\"2xx\", 304]"),
    about: "the statuses that count as success; the answer to a poll with one beyond 2xx brings nothing \
            new",
};

/// The statuses that count as success, as ranges from a first to a last one; none for any 2xx and
/// 304.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SuccessStatuses(Vec<(u16, u16)>);

impl SuccessStatuses {
    /// Reads the setting.
    pub(crate) fn read(fields: &mut Fields) -> SuccessStatuses {
        let mut ranges = Vec::new();
        for word in fields.strings(&SUCCESS) {
            match range(&word.value) {
                Some(range) => ranges.push(range),
                None => {
                    let why = format!(
                        "status {:?} must be a status from 200 to 599 or a class such as \"2xx\"",
                        word.value
                    );
                    fields.report_at(&SUCCESS, word.location, why);
                }
            }
        }
        if fields.is_given(&SUCCESS) { SuccessStatuses(ranges) } else { SuccessStatuses::default() }
    }

    /// Whether an answer with this status is a success.
    #[inline]
    pub(crate) fn contains(&self, status: u16) -> bool {
        if self.0.is_empty() {
            return matches!(status, 200..300 | 304);
        }
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&status))
    }

    /// Whether nothing was set.
    pub(crate) fn is_default(&self) -> bool {
        self.0.is_empty()
    }
}

/// Returns the first and the last status of a word.
fn range(word: &str) -> Option<(u16, u16)> {
    if !word.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    if let Some(class) = word.strip_suffix("xx") {
        let class: u16 = class.parse().ok().filter(|class| (2..=5).contains(class))?;
        return Some((class * 100, class * 100 + 99));
    }
    let status = word.parse().ok().filter(|status| (200..600).contains(status))?;
    Some((status, status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_and_classes() {
        assert_eq!(range("2xx"), Some((200, 299)));
        assert_eq!(range("404"), Some((404, 404)));
        for wrong in ["1xx", "6xx", "101", "600", "x", "", "+2xx", "20"] {
            assert_eq!(range(wrong), None, "{wrong}");
        }
        let default = SuccessStatuses::default();
        assert!(default.contains(204) && default.contains(304) && !default.contains(302));
        let own = SuccessStatuses(vec![(200, 200), (500, 599)]);
        assert!(own.contains(503) && !own.contains(204) && !own.contains(304));
    }
}
