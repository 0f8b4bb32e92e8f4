//! How one message of a client spread to all others.

use serde::{Deserialize, Serialize};

/// One message: how long until its first and until its last receiver had it. A part of its
/// receivers has one too; parts add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FanOut {
    /// The number in its stamp: the sender and which of its messages.
    pub post: u64,
    /// The intended moment of its sending, in nanoseconds of `CLOCK_MONOTONIC`.
    pub at_ns: u64,
    /// From there to the first receiver, in nanoseconds.
    pub first_ns: u64,
    /// To the last.
    pub last_ns: u64,
    /// Receivers that have it.
    pub receivers: u32,
}

impl FanOut {
    /// Adds another part of the same message's receivers.
    pub fn add(&mut self, other: &FanOut) {
        self.first_ns = self.first_ns.min(other.first_ns);
        self.last_ns = self.last_ns.max(other.last_ns);
        self.receivers += other.receivers;
    }
    /// Adds parts up: one entry a message, in the order of messages.
    pub fn together(parts: impl IntoIterator<Item = FanOut>) -> Vec<FanOut> {
        let mut parts: Vec<FanOut> = parts.into_iter().collect();
        parts.sort_unstable_by_key(|part| (part.post, part.at_ns));
        parts.dedup_by(|part, sum| {
            let same = (part.post, part.at_ns) == (sum.post, sum.at_ns);
            if same {
                sum.add(part);
            }
            same
        });
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_message_add_up_and_messages_stay_apart() {
        let part = |post, at_ns, first_ns, last_ns, receivers| FanOut {
            post,
            at_ns,
            first_ns,
            last_ns,
            receivers,
        };
        let parts = [part(2, 9, 5, 7, 3), part(1, 8, 4, 4, 1), part(2, 9, 3, 6, 2)];
        // The same message of another repeat was sent at another time.
        let other = part(2, 99, 1, 1, 1);
        let together = FanOut::together(parts.into_iter().chain([other]));
        assert_eq!(together, [part(1, 8, 4, 4, 1), part(2, 9, 3, 7, 5), other]);
    }
}
