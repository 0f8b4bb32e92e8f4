//! A position on the map as a payload, with the stamp in digits that no map resolves.
//!
//! ```text
//! [1000123,37.7749290000123,-122.4194161234567890123456789]
//!        │          │     │           │                 └ the time, 19 digits
//!        │          │     └ number, 7 digits └ six decimals of longitude: a decimetre
//!        │          └ six decimals of latitude
//!        └ 1,000,000 and the sender: the width stays the same
//! ```
//!
//! Each sender moves to and fro on a line of its own, so that consecutive positions differ.

use crate::feed::digits::{FieldReader, FieldWriter};
use crate::feed::mix;
use crate::feed::sender::{MOST_NUMBER, Post};

const OPEN: &[u8] = b"[";
const LATITUDE: &[u8] = b",37.";
const LONGITUDE: &[u8] = b",-122.";
const CLOSE: &[u8] = b"]";
/// Keeps the width of a sender's number.
const FIRST_ID: u64 = 1_000_000;
const ID_DIGITS: usize = 7;
const DECIMALS: usize = 6;
const NUMBER_DIGITS: usize = 7;
const NS_DIGITS: usize = 19;
/// The size of a position.
pub(super) const BYTES: usize = OPEN.len()
    + ID_DIGITS
    + LATITUDE.len()
    + DECIMALS
    + NUMBER_DIGITS
    + LONGITUDE.len()
    + DECIMALS
    + NS_DIGITS
    + CLOSE.len();
/// Millionths of a degree in a degree: the walk stays within one.
const DEGREE: u64 = 1_000_000;

/// Returns the position of a sender at one of its messages, in millionths of a degree: beyond 37
/// degrees north, and beyond 122 degrees west.
fn coordinates(post: Post) -> (u64, u64) {
    let own = mix(u64::from(post.sender) + 1);
    // There and back again, some tens of metres a message.
    let walk = |start: u64, step: u64| {
        let at = (start % DEGREE + u64::from(post.number) * (50 + step % 400)) % (2 * DEGREE);
        at.min(2 * DEGREE - 1 - at)
    };
    (walk(own & 0xffff_ffff, own >> 48), walk(own >> 32, own >> 8))
}

/// Fills a payload of [`BYTES`]. The time is below 10^19.
pub(super) fn write(post: Post, published_ns: u64, payload: &mut [u8]) {
    let (north, west) = coordinates(post);
    let mut fields = FieldWriter(payload);
    fields.write(OPEN, FIRST_ID + u64::from(post.sender), ID_DIGITS);
    fields.write(LATITUDE, north, DECIMALS);
    fields.write(b"", post.number.into(), NUMBER_DIGITS);
    fields.write(LONGITUDE, west, DECIMALS);
    fields.write(b"", published_ns, NS_DIGITS);
    fields.write(CLOSE, 0, 0);
}

/// Reads a position's message and time; `None` if the payload is no position.
pub(super) fn read(payload: &[u8]) -> Option<(Post, u64)> {
    let mut fields = FieldReader(payload);
    let id = fields.read(OPEN, ID_DIGITS)?;
    fields.read(LATITUDE, DECIMALS)?;
    let number = fields.read(b"", NUMBER_DIGITS)?;
    fields.read(LONGITUDE, DECIMALS)?;
    let published_ns = fields.read(b"", NS_DIGITS)?;
    fields.read(CLOSE, 0)?;
    let sender = u32::try_from(id.checked_sub(FIRST_ID)?).ok()?;
    let number = u32::try_from(number).ok().filter(|n| *n <= MOST_NUMBER)?;
    Some((Post { sender, number }, published_ns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::{PayloadKind, Stamp};

    fn of(post: Post, published_ns: u64) -> Vec<u8> {
        let mut payload = vec![0; BYTES];
        Stamp { sequence: post.sequence(), published_ns }.write(
            PayloadKind::Position,
            1,
            &mut payload,
        );
        payload
    }

    #[test]
    fn it_is_a_json_array_of_three_numbers_and_reads_back() {
        assert_eq!(BYTES, b"[1000123,37.7749290000123,-122.4194161234567890123456789]".len());
        for post in [Post { sender: 0, number: 1 }, Post { sender: 998, number: 999_999 }] {
            let payload = of(post, 1_234_567_890_123_456_789);
            let json: [f64; 3] = serde_json::from_slice(&payload).unwrap();
            assert_eq!(json[0], 1_000_000.0 + f64::from(post.sender));
            assert!((37.0..38.0).contains(&json[1]) && (-123.0..-122.0).contains(&json[2]));
            let stamp = Stamp::read(PayloadKind::Position, &payload).unwrap();
            assert_eq!(Post::of_sequence(stamp.sequence), post);
            assert_eq!(stamp.published_ns, 1_234_567_890_123_456_789);
        }
    }

    #[test]
    fn a_sender_moves_and_two_are_not_in_one_place() {
        let at = |sender, number| coordinates(Post { sender, number });
        assert_eq!(at(3, 7), at(3, 7));
        assert_ne!(at(3, 7), at(3, 8));
        assert_ne!(at(3, 7), at(4, 7));
        assert!((0..100_000).map(|n| at(5, n)).all(|(n, w)| n < DEGREE && w < DEGREE));
    }
}
