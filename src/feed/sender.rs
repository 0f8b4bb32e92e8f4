//! The sender of a message and its place among the sender's messages, in the one number that a
//! stamp holds.
//!
//! The number has nine digits in decimal, for which every kind of payload has room.

/// Numbers of one sender; the first is 1, so that 0 is none.
pub(crate) const MOST_NUMBER: u32 = NUMBERS - 1;
/// The most senders that the numbers can tell apart.
pub(crate) const MOST_SENDERS: u32 = 1_000;
const NUMBERS: u32 = 1_000_000;

/// One message of one sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Post {
    /// The client that sent it.
    pub sender: u32,
    /// Its place among the sender's messages, from 1.
    pub number: u32,
}

impl Post {
    /// The number that a stamp holds.
    pub fn sequence(self) -> u64 {
        u64::from(self.sender) * u64::from(NUMBERS) + u64::from(self.number % NUMBERS)
    }
    /// Splits the number that a stamp holds.
    pub fn of_sequence(sequence: u64) -> Post {
        let sender = sequence / u64::from(NUMBERS);
        Post {
            sender: u32::try_from(sender).unwrap_or(u32::MAX),
            // Less than NUMBERS.
            number: (sequence % u64::from(NUMBERS)) as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::{PayloadKind, Stamp};

    #[test]
    fn every_kind_of_stamp_tells_senders_and_numbers_apart() {
        for post in [
            Post { sender: 0, number: 1 },
            Post { sender: 1, number: 0 },
            Post { sender: MOST_SENDERS - 1, number: MOST_NUMBER },
        ] {
            assert_eq!(Post::of_sequence(post.sequence()), post);
            for kind in PayloadKind::ALL {
                let stamp = Stamp { sequence: post.sequence(), published_ns: 1234567890123456789 };
                let stamp = Stamp { published_ns: stamp.published_ns % 10u64.pow(18), ..stamp };
                let mut payload = vec![0; kind.least_bytes()];
                stamp.write(kind, 1, &mut payload);
                let read = Stamp::read(kind, &payload).map(|s| Post::of_sequence(s.sequence));
                assert_eq!(read, Some(post), "{}", kind.name());
            }
        }
        assert_eq!(Post::of_sequence(u64::MAX).sender, u32::MAX);
    }
}
