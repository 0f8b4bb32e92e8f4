//! The updates within a message: with batches or a log, one message carries several.
//!
//! | kind | between two updates |
//! |---|---|
//! | `binary` | nothing |
//! | any other | one LF |
//!
//! A message is what a transport delivers as one: a WebSocket message, a chunk, an event's data, a
//! poll's body. How it travelled is the transport's; what a single update says of itself is the
//! [`Stamp`]'s. Updates are found by their size, which every one of a feed has, never by looking
//! for a separator: so reading costs the same for any payload.

use crate::feed::{PayloadKind, Stamp};
use bytes::BytesMut;

/// The longest stamp of any kind.
pub(super) const STAMP_BYTES: usize = 62;

impl PayloadKind {
    /// What stands between two updates of a message.
    pub fn separator(self) -> &'static [u8] {
        match self {
            PayloadKind::Binary => b"",
            _ => b"\n",
        }
    }
}

/// The length of a message of so many updates of `size` bytes each, in bytes.
pub(crate) fn joined_bytes(kind: PayloadKind, size: usize, updates: u64) -> u64 {
    let separators = updates.saturating_sub(1) * kind.separator().len() as u64;
    updates * size as u64 + separators
}

/// Appends a message: an update of `size` bytes for each stamp, with separators between them. `seed` is that of
/// their content.
/// `size` is at least [`PayloadKind::least_bytes`], which the plan has checked.
pub(crate) fn join(
    kind: PayloadKind,
    size: usize,
    seed: u64,
    stamps: impl IntoIterator<Item = Stamp>,
    out: &mut BytesMut,
) {
    for (index, stamp) in stamps.into_iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(kind.separator());
        }
        let begin = out.len();
        out.resize(begin + size, 0);
        stamp.write(kind, seed, &mut out[begin..]);
    }
}

/// Finds the updates of messages that come in pieces.
///
/// An update is given once its end is sure: by the separator after it, by the message's end, and
/// for a binary one by its last byte. What is no update of the feed's kind and size, as from a
/// server that is not the bundled one, is given as one `None`, and the rest of that message is skipped: where
/// the next update would begin is not known. So a message gives its stamps in order, then at most
/// one `None`; an empty message gives nothing. A binary payload always has a stamp, since any
/// bytes are one.
#[derive(Debug)]
pub struct Reader {
    /// The beginning of the update that is being read.
    stamp: [u8; STAMP_BYTES],
    kind: PayloadKind,
    size: u32,
    /// Bytes of the update so far.
    at: u32,
    /// Nothing of the message's rest can be read.
    strange: bool,
}

impl Reader {
    /// A reader of updates of this kind and size in bytes.
    pub fn new(kind: PayloadKind, size: u32) -> Reader {
        // An update of no bytes would have no place in a message.
        Reader { stamp: [0; STAMP_BYTES], kind, size: size.max(1), at: 0, strange: false }
    }

    /// Reads bytes of a message and gives the updates that they complete to `on`. Says how many of
    /// the bytes were separators, which are framing and not payload.
    pub fn push(&mut self, mut bytes: &[u8], mut on: impl FnMut(Option<Stamp>)) -> u64 {
        let mut separators = 0;
        while let (Some(&byte), false) = (bytes.first(), self.strange) {
            let missing = self.size - self.at;
            if missing > 0 {
                let n = (missing as usize).min(bytes.len());
                self.keep(&bytes[..n]);
                self.at += n as u32;
                bytes = &bytes[n..];
                if self.at == self.size && self.kind.separator().is_empty() {
                    self.finish(&mut on);
                }
            } else if self.kind.separator() == [byte] {
                bytes = &bytes[1..];
                // After what is no update it is a byte like any other.
                separators += u64::from(self.finish(&mut on));
            } else {
                self.strange = true;
                on(None);
            }
        }
        separators
    }

    /// The message is over: returns its last update, or `None` if that was cut short. A separator
    /// after the last update does no harm.
    pub fn end(&mut self, mut on: impl FnMut(Option<Stamp>)) {
        if self.at == self.size && !self.strange {
            self.finish(&mut on);
        } else if self.at > 0 && !self.strange {
            on(None);
        }
        self.abandon();
    }

    /// Whether no message is under way.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.at == 0 && !self.strange
    }

    /// The message will never be whole, as when its connection is lost: what was read of it and
    /// not given is forgotten.
    pub fn abandon(&mut self) {
        self.at = 0;
        self.strange = false;
    }

    /// Keeps what belongs to the stamp of bytes that follow the update's first `at`.
    fn keep(&mut self, bytes: &[u8]) {
        let least = self.kind.stamp_bytes().min(STAMP_BYTES);
        let from = (self.at as usize).min(least);
        let n = bytes.len().min(least - from);
        self.stamp[from..from + n].copy_from_slice(&bytes[..n]);
    }

    /// So many bytes as an update has are whole; says whether they were one.
    fn finish(&mut self, on: &mut impl FnMut(Option<Stamp>)) -> bool {
        let have = (self.size as usize).min(self.kind.stamp_bytes()).min(STAMP_BYTES);
        let stamp = Stamp::read(self.kind, &self.stamp[..have]);
        self.at = 0;
        self.strange = stamp.is_none();
        on(stamp);
        !self.strange
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stamps(count: u64) -> impl Iterator<Item = Stamp> {
        (0..count).map(|n| Stamp { sequence: n * 7, published_ns: 1_000_000 + n })
    }

    fn message(kind: PayloadKind, size: usize, count: u64) -> BytesMut {
        let mut out = BytesMut::new();
        join(kind, size, 1, stamps(count), &mut out);
        assert_eq!(out.len() as u64, joined_bytes(kind, size, count));
        out
    }

    /// What a message in pieces of `cut` bytes gives, and its separators.
    fn read(reader: &mut Reader, bytes: &[u8], cut: usize) -> (Vec<Option<Stamp>>, u64) {
        let mut all = Vec::new();
        let mut separators = 0;
        for piece in bytes.chunks(cut) {
            separators += reader.push(piece, |stamp| all.push(stamp));
        }
        reader.end(|stamp| all.push(stamp));
        (all, separators)
    }

    #[test]
    fn three_updates_of_21_bytes_are_65_bytes_of_text_and_63_of_binary() {
        assert_eq!(joined_bytes(PayloadKind::Text, 21, 3), 65);
        assert_eq!(joined_bytes(PayloadKind::Binary, 21, 3), 63);
        assert_eq!(joined_bytes(PayloadKind::Text, 21, 0), 0);
        let text = message(PayloadKind::Text, 21, 2);
        assert_eq!((text.len(), text[21]), (43, b'\n'));
    }

    #[test]
    fn an_update_is_given_once_its_end_is_sure() {
        let given = |reader: &mut Reader, bytes: &[u8]| {
            let mut given = 0;
            let separators = reader.push(bytes, |_| given += 1);
            (given, separators)
        };
        let text = message(PayloadKind::Text, 21, 2);
        let mut reader = Reader::new(PayloadKind::Text, 21);
        assert_eq!(given(&mut reader, &text[..21]), (0, 0));
        assert_eq!(given(&mut reader, &text[21..22]), (1, 1));
        assert_eq!(given(&mut reader, &text[22..]), (0, 0));
        let mut last = None;
        reader.end(|stamp| last = stamp);
        assert_eq!(last, stamps(2).last());
        let mut binary = Reader::new(PayloadKind::Binary, 16);
        assert_eq!(given(&mut binary, &message(PayloadKind::Binary, 16, 2)), (2, 0));
    }

    #[test]
    fn a_foreign_message_gives_one_none_and_the_next_is_read() {
        for (kind, size, foreign) in [
            (PayloadKind::Text, 21, &b"{\"price\": 1.25}"[..]),
            (PayloadKind::Text, 21, &[b'!'; 500]),
            (PayloadKind::Text, 21, &[b'7'; 22]),
            (PayloadKind::Text, 21, b"\n"),
            (PayloadKind::Json, 100, &[b'\n'; 1000]),
            (PayloadKind::Binary, 40, &[0; 39]),
        ] {
            let mut reader = Reader::new(kind, size);
            let good = message(kind, size as usize, 2);
            for cut in [1, 7, 1000] {
                assert_eq!(read(&mut reader, foreign, cut), (vec![None], 0));
                assert_eq!(
                    read(&mut reader, &good, cut).0,
                    stamps(2).map(Some).collect::<Vec<_>>()
                );
            }
        }
    }

    #[test]
    fn stamps_before_the_fault_are_given() {
        let mut text = message(PayloadKind::Text, 30, 3);
        let mut reader = Reader::new(PayloadKind::Text, 30);
        assert_eq!(
            read(&mut reader, &text[..text.len() - 1], 1000),
            (vec![stamps(1).next(), stamps(2).nth(1), None], 2)
        );
        text[61] = b'.';
        assert_eq!(read(&mut reader, &text, 1000), (vec![stamps(1).next(), None], 1));
    }

    #[test]
    fn an_empty_message_has_no_update_and_a_last_separator_does_no_harm() {
        let mut reader = Reader::new(PayloadKind::Text, 21);
        assert_eq!(read(&mut reader, b"", 1), (vec![], 0));
        let mut text = message(PayloadKind::Text, 21, 1);
        text.extend_from_slice(b"\n");
        assert_eq!(read(&mut reader, &text, 1000), (vec![stamps(1).next()], 1));
        reader.push(&text[..10], |_| {});
        reader.abandon();
        assert_eq!(read(&mut reader, &text, 1000), (vec![stamps(1).next()], 1));
    }

    #[test]
    fn a_reader_is_small_and_holds_every_stamp() {
        assert!(std::mem::size_of::<Reader>() <= 80);
        assert!(PayloadKind::ALL.iter().all(|kind| kind.stamp_bytes() <= STAMP_BYTES));
    }

    proptest! {
        #[test]
        fn what_is_joined_is_read_under_any_split(
            count in 0u64..21, size in 21usize..200, cut in 1usize..300
        ) {
            for kind in PayloadKind::ALL {
                let size = size.max(kind.least_bytes());
                let bytes = message(kind, size, count);
                let mut reader = Reader::new(kind, size as u32);
                let separators = bytes.len() as u64 - count * size as u64;
                for _ in 0..2 {
                    let (all, found) = read(&mut reader, &bytes, cut);
                    prop_assert_eq!(all, stamps(count).map(Some).collect::<Vec<_>>());
                    prop_assert_eq!(found, separators);
                }
            }
        }

        #[test]
        fn any_bytes_give_the_same_under_any_split(
            bytes in prop::collection::vec(
                prop_oneof![3 => Just(b'\n'), 9 => Just(b'0'), 1 => any::<u8>()], 0..200),
            size in 0u32..70, cut in 1usize..40
        ) {
            for kind in PayloadKind::ALL {
                let whole = read(&mut Reader::new(kind, size), &bytes, 1000);
                prop_assert_eq!(&read(&mut Reader::new(kind, size), &bytes, cut), &whole);
                let none = whole.0.iter().position(Option::is_none);
                prop_assert!(none.is_none_or(|at| at + 1 == whole.0.len()));
            }
        }
    }
}
