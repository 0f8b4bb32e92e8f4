//! The stamp in a payload: sequence number and intended moment of publishing.
//!
//! | kind | least size | form |
//! |---|---|---|
//! | `text` | 21 | seven digits of the sequence and fourteen of the time, both in base 36, then `.` |
//! | `binary` | 16 | sequence and time, eight bytes each, big endian, then zeros |
//! | `json` | 62 | `{"seq":…,"published_ns":…,"pad":"…"}` with fixed-width numbers |
//! | `position` | 57 | `[id,latitude,longitude]`, see `position`; then blanks |
//! | `json-ticker` `json-orderbook` `text-file` | | as `json` or `text`, with what applications send, see `content` |
//!
//! A client's updates are numbered one by one, from any number on. Numbers between two that came
//! are missing, so a server must not use one counter for several topics.
//!
//! The time is in nanoseconds of `CLOCK_MONOTONIC`.

use crate::feed::content;
use crate::feed::digits::{FieldReader, FieldWriter, read_digits, write_digits};
use crate::feed::position;
use crate::feed::schedule::Update;
use crate::feed::sender::Post;
use serde::{Deserialize, Serialize};

named! {
    /// The form of a payload.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    pub enum PayloadKind {
        /// Printable ASCII; a WebSocket text message.
        Text = "text",
        /// Arbitrary bytes; a WebSocket binary message.
        Binary = "binary",
        /// A JSON object; a WebSocket text message.
        Json = "json",
        /// A JSON array of a sender, its latitude and its longitude; a WebSocket text message.
        Position = "position",
        /// A JSON object as a stock exchange sends it for each trade; a WebSocket text message.
        JsonTicker = "json-ticker",
        /// A JSON object with the best offers; a WebSocket text message.
        JsonOrderbook = "json-orderbook",
        /// English text; a WebSocket text message.
        TextFile = "text-file",
    }
}

/// The least size of a text payload: the chapter's messages.
pub(crate) const TEXT_STAMP_BYTES: usize = 21;
const SEQUENCE_DIGITS: usize = 7;
const JSON_HEAD: &[u8] = b"{\"seq\":";
const JSON_TIME: &[u8] = b",\"published_ns\":";
const JSON_PAD: &[u8] = b",\"pad\":\"";
const JSON_TAIL: &[u8] = b"\"}";
const JSON_SEQUENCE: usize = 10;
const JSON_NS: usize = 19;
/// The first digit of each number.
const JSON_SEQUENCE_ONE: u64 = 10u64.pow(JSON_SEQUENCE as u32 - 1);
const JSON_NS_ONE: u64 = 10u64.pow(JSON_NS as u32 - 1);
/// The sequence number and the time of a JSON payload.
const JSON_NUMBERS: usize = JSON_HEAD.len() + JSON_SEQUENCE + JSON_TIME.len() + JSON_NS;
const JSON_LEAST: usize = JSON_NUMBERS + JSON_PAD.len() + JSON_TAIL.len();
/// The levels of an order book on each side if no size is set.
const USUAL_LEVELS: usize = 20;
/// The size of a text if none is set: a message of a chat.
const USUAL_TEXT: usize = 256;

impl PayloadKind {
    /// Those that a scenario may choose. Positions belong to the tracker workload.
    pub const CHOICES: [PayloadKind; 6] = [
        PayloadKind::Text,
        PayloadKind::Binary,
        PayloadKind::Json,
        PayloadKind::JsonTicker,
        PayloadKind::JsonOrderbook,
        PayloadKind::TextFile,
    ];
    /// The smallest payload that holds the stamp, in bytes.
    pub fn least_bytes(self) -> usize {
        match self {
            PayloadKind::Text => TEXT_STAMP_BYTES,
            PayloadKind::Binary => 16,
            PayloadKind::Json => JSON_LEAST,
            PayloadKind::Position => position::BYTES,
            PayloadKind::JsonTicker => JSON_NUMBERS + content::TICKER_BYTES,
            PayloadKind::JsonOrderbook => JSON_NUMBERS + content::book_bytes(1),
            PayloadKind::TextFile => TEXT_STAMP_BYTES + 2,
        }
    }
    /// The size of a payload if none is set, in bytes: the chapter's, or that of what applications send.
    pub fn usual_bytes(self) -> usize {
        match self {
            PayloadKind::Text | PayloadKind::Binary | PayloadKind::Json => TEXT_STAMP_BYTES,
            PayloadKind::Position | PayloadKind::JsonTicker => self.least_bytes(),
            PayloadKind::JsonOrderbook => JSON_NUMBERS + content::book_bytes(USUAL_LEVELS),
            PayloadKind::TextFile => USUAL_TEXT,
        }
    }
    /// Whether every payload has the same size, which cannot be chosen.
    pub fn has_one_size(self) -> bool {
        matches!(self, PayloadKind::Position | PayloadKind::JsonTicker)
    }
    /// Whether a payload is JSON.
    pub fn is_json(self) -> bool {
        match self {
            PayloadKind::Text | PayloadKind::Binary | PayloadKind::TextFile => false,
            PayloadKind::Json
            | PayloadKind::Position
            | PayloadKind::JsonTicker
            | PayloadKind::JsonOrderbook => true,
        }
    }
    /// In how many of the first bytes the stamp stands.
    pub(super) fn stamp_bytes(self) -> usize {
        match self {
            PayloadKind::JsonTicker | PayloadKind::JsonOrderbook => {
                JSON_NUMBERS + content::TYPE.len()
            }
            PayloadKind::TextFile => TEXT_STAMP_BYTES,
            kind => kind.least_bytes(),
        }
    }
}

/// Sequence number and time of one update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The update's number in its topic.
    pub sequence: u64,
    /// The intended moment of publishing, in nanoseconds of `CLOCK_MONOTONIC`.
    pub published_ns: u64,
}

impl From<Update> for Stamp {
    fn from(update: Update) -> Stamp {
        Stamp { sequence: update.sequence, published_ns: update.published_ns }
    }
}

impl Stamp {
    /// Fills a whole payload; `seed` is that of its content. The buffer has at least
    /// [`PayloadKind::least_bytes`] bytes, which the plan has checked; a shorter one is filled with padding alone.
    pub fn write(self, kind: PayloadKind, seed: u64, payload: &mut [u8]) {
        payload.fill(match kind {
            PayloadKind::Binary => 0,
            PayloadKind::Text | PayloadKind::Json => b'.',
            // Blanks may follow a JSON value (RFC 8259 §2).
            _ => b' ',
        });
        if payload.len() < kind.least_bytes() {
            return;
        }
        match kind {
            PayloadKind::Text => self.write_digits(payload),
            PayloadKind::TextFile => {
                self.write_digits(payload);
                content::write_text(seed, self.sequence, &mut payload[TEXT_STAMP_BYTES..]);
            }
            PayloadKind::Binary => {
                payload[..8].copy_from_slice(&self.sequence.to_be_bytes());
                payload[8..16].copy_from_slice(&self.published_ns.to_be_bytes());
            }
            PayloadKind::Json => {
                let (payload, tail) = payload.split_at_mut(payload.len() - JSON_TAIL.len());
                let mut fields = self.json_numbers(payload);
                fields.write(JSON_PAD, 0, 0);
                tail.copy_from_slice(JSON_TAIL);
            }
            PayloadKind::JsonTicker => {
                content::write_ticker(seed, self.sequence, &mut self.json_numbers(payload));
            }
            PayloadKind::JsonOrderbook => {
                content::write_book(seed, self.sequence, &mut self.json_numbers(payload));
            }
            PayloadKind::Position => {
                let post = Post::of_sequence(self.sequence);
                position::write(post, self.published_ns, &mut payload[..position::BYTES]);
            }
        }
    }

    /// Writes the stamp of a text.
    fn write_digits(self, payload: &mut [u8]) {
        let (sequence, time) = payload[..TEXT_STAMP_BYTES].split_at_mut(SEQUENCE_DIGITS);
        write_digits::<36>(self.sequence, sequence);
        write_digits::<36>(self.published_ns, time);
    }

    /// Begins a JSON payload with the numbers of the stamp.
    fn json_numbers(self, payload: &mut [u8]) -> FieldWriter<'_> {
        let mut fields = FieldWriter(payload);
        // JSON forbids leading zeros: a one in front keeps the width fixed.
        let sequence = self.sequence % JSON_SEQUENCE_ONE + JSON_SEQUENCE_ONE;
        fields.write(JSON_HEAD, sequence, JSON_SEQUENCE);
        fields.write(JSON_TIME, self.published_ns % JSON_NS_ONE + JSON_NS_ONE, JSON_NS);
        fields
    }

    /// Reads the stamp of a payload; `None` if there is none.
    pub fn read(kind: PayloadKind, payload: &[u8]) -> Option<Stamp> {
        match kind {
            PayloadKind::Text | PayloadKind::TextFile => Some(Stamp {
                sequence: read_digits::<36>(payload.get(..SEQUENCE_DIGITS)?)?,
                published_ns: read_digits::<36>(payload.get(SEQUENCE_DIGITS..TEXT_STAMP_BYTES)?)?,
            }),
            PayloadKind::Binary => {
                let (sequence, rest) = payload.split_first_chunk()?;
                Some(Stamp {
                    sequence: u64::from_be_bytes(*sequence),
                    published_ns: u64::from_be_bytes(*rest.first_chunk()?),
                })
            }
            PayloadKind::Json | PayloadKind::JsonTicker | PayloadKind::JsonOrderbook => {
                let mut fields = FieldReader(payload);
                let sequence = fields.read(JSON_HEAD, JSON_SEQUENCE)?;
                let ns = fields.read(JSON_TIME, JSON_NS)?;
                let next = if kind == PayloadKind::Json { JSON_PAD } else { content::TYPE };
                fields.read(next, 0)?;
                Some(Stamp {
                    sequence: sequence.checked_sub(JSON_SEQUENCE_ONE)?,
                    published_ns: ns.checked_sub(JSON_NS_ONE)?,
                })
            }
            PayloadKind::Position => {
                let (post, published_ns) = position::read(payload.get(..position::BYTES)?)?;
                Some(Stamp { sequence: post.sequence(), published_ns })
            }
        }
    }
}

/// Returns a sequence number as in a text payload: seven digits in base 36.
pub fn sequence_text(sequence: u64) -> String {
    let mut text = [b'0'; SEQUENCE_DIGITS];
    write_digits::<36>(sequence, &mut text);
    text.iter().map(|&b| char::from(b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_text_stamp_is_the_chapters_21_bytes() {
        let mut payload = [0; 21];
        Stamp { sequence: 37, published_ns: 36 * 36 + 1 }.write(PayloadKind::Text, 1, &mut payload);
        assert_eq!(&payload, b"000001100000000000101");
        let mut longer = [0; 24];
        Stamp { sequence: 0, published_ns: 0 }.write(PayloadKind::Text, 1, &mut longer);
        assert_eq!(&longer, b"000000000000000000000...");
    }

    #[test]
    fn the_json_stamp_is_json() {
        let mut payload = vec![0; JSON_LEAST + 4];
        Stamp { sequence: 5, published_ns: 99 }.write(PayloadKind::Json, 1, &mut payload);
        let value: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(value["seq"], 1_000_000_005u64);
        assert_eq!(value["pad"], "....");
        assert_eq!(JSON_LEAST, 62);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            sequence in 0u64..1_000_000_000, published_ns in 0u64..10u64.pow(18), extra in 0usize..200
        ) {
            for kind in PayloadKind::ALL {
                let mut payload = vec![0; kind.least_bytes() + extra];
                let stamp = Stamp { sequence, published_ns };
                stamp.write(kind, 1, &mut payload);
                prop_assert_eq!(Stamp::read(kind, &payload), Some(stamp));
            }
        }

        #[test]
        fn reading_any_bytes_does_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            for kind in PayloadKind::ALL {
                let _ = Stamp::read(kind, &bytes);
            }
        }
    }
}
