//! The updates within a message of a server that writes this program's stamps and is not the bundled
//! one: of any size, since what stands after a stamp is the server's own.
//!
//! Separate from `reader`, which knows the size of every update.

use crate::feed::reader::STAMP_BYTES;
use crate::feed::{PayloadKind, Stamp};

/// Finds the updates of messages that come in pieces: each line that begins with a stamp is one, and
/// a line that does not belongs to the update before it. A binary message is one update.
///
/// As of a [`Reader`](crate::feed::Reader), a message that has no update gives one `None`, and an
/// empty one nothing.
#[derive(Debug)]
pub struct AnySizeReader {
    /// The beginning of the current line.
    stamp: [u8; STAMP_BYTES],
    kind: PayloadKind,
    /// The stamp of the current line, if it was read already.
    known: Option<Stamp>,
    /// Bytes of the line so far.
    at: u32,
    /// The message has an update before this line, and a separator between.
    follows: bool,
    /// The message has none.
    strange: bool,
}

impl AnySizeReader {
    /// A reader of updates of this kind.
    pub fn new(kind: PayloadKind) -> AnySizeReader {
        AnySizeReader {
            stamp: [0; STAMP_BYTES],
            kind,
            known: None,
            at: 0,
            follows: false,
            strange: false,
        }
    }

    /// Reads the stamp in the first bytes of a message, which are to be pushed then. Returns whether there
    /// is one.
    pub(crate) fn begin(&mut self, bytes: &[u8]) -> bool {
        self.known = Stamp::read(self.kind, bytes);
        self.known.is_some()
    }

    /// Reads bytes of a message and gives the updates that they complete to `on`. Says how many of
    /// the bytes so far separate updates.
    pub fn push(&mut self, bytes: &[u8], mut on: impl FnMut(Option<Stamp>)) -> u64 {
        let [separator] = *self.kind.separator() else {
            self.keep(bytes);
            return 0;
        };
        let mut separators = 0;
        let mut rest = bytes;
        while !self.strange {
            let Some(at) = memchr::memchr(separator, rest) else {
                self.keep(rest);
                break;
            };
            self.keep(&rest[..at]);
            separators += self.finish(&mut on);
            rest = &rest[at + 1..];
        }
        separators
    }

    /// The message is over: gives its last update. Says how many bytes more separate updates.
    pub fn end(&mut self, mut on: impl FnMut(Option<Stamp>)) -> u64 {
        let separators = if self.at > 0 && !self.strange { self.finish(&mut on) } else { 0 };
        self.abandon();
        separators
    }

    /// Whether no message is under way.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.at == 0 && !self.follows && !self.strange
    }

    /// The message will never be whole: what was read of it and not given is forgotten.
    pub fn abandon(&mut self) {
        self.known = None;
        self.at = 0;
        self.follows = false;
        self.strange = false;
    }

    /// Keeps what may belong to a stamp that is not known yet.
    fn keep(&mut self, bytes: &[u8]) {
        if self.known.is_none() {
            let from = (self.at as usize).min(STAMP_BYTES);
            let n = bytes.len().min(STAMP_BYTES - from);
            self.stamp[from..from + n].copy_from_slice(&bytes[..n]);
        }
        self.at = self.at.saturating_add(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    }

    /// The line is over. Returns 1 if a separator stands before it and it is an update.
    fn finish(&mut self, on: &mut impl FnMut(Option<Stamp>)) -> u64 {
        let length = (std::mem::take(&mut self.at) as usize).min(STAMP_BYTES);
        let read = || Stamp::read(self.kind, &self.stamp[..length]);
        let stamp = self.known.take().or_else(read);
        if stamp.is_none() && self.follows {
            return 0;
        }
        let separators = u64::from(std::mem::replace(&mut self.follows, stamp.is_some()));
        self.strange = stamp.is_none();
        on(stamp);
        separators
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::join;
    use bytes::BytesMut;
    use proptest::prelude::*;

    fn read(reader: &mut AnySizeReader, bytes: &[u8], cut: usize) -> (Vec<Option<Stamp>>, u64) {
        let (mut all, mut separators) = (Vec::new(), 0);
        for piece in bytes.chunks(cut) {
            separators += reader.push(piece, |stamp| all.push(stamp));
        }
        separators += reader.end(|stamp| all.push(stamp));
        (all, separators)
    }

    fn stamps(count: u64) -> impl Iterator<Item = Stamp> {
        (0..count).map(|n| Stamp { sequence: n * 7, published_ns: 1_000_000 + n })
    }

    #[test]
    fn sizes_are_whatever_comes() {
        let stamp = |rest: &str| [&b"000001100000000000101"[..], rest.as_bytes()].concat();
        let first = Stamp { sequence: 37, published_ns: 36 * 36 + 1 };
        let mut reader = AnySizeReader::new(PayloadKind::Text);
        for rest in ["", "x", " and a longer text", "\nsecond line\n", "\n"] {
            assert_eq!(read(&mut reader, &stamp(rest), 7), (vec![Some(first)], 0), "{rest}");
        }
        let two = [stamp("a"), stamp("bc")].join(&b'\n');
        assert_eq!(read(&mut reader, &two, 5), (vec![Some(first); 2], 1));
        assert_eq!(read(&mut reader, b"{}", 1), (vec![None], 0));
        assert_eq!(read(&mut reader, b"a\nb\n", 3), (vec![None], 0));
        assert_eq!(read(&mut reader, b"\n", 3), (vec![None], 0));
        assert_eq!(read(&mut reader, b"", 3), (vec![], 0));
        let mut binary = AnySizeReader::new(PayloadKind::Binary);
        assert_eq!(read(&mut binary, &[0; 99], 10).0.len(), 1);
        assert_eq!(read(&mut binary, &[0; 15], 10), (vec![None], 0));
    }

    #[test]
    fn a_stamp_that_begins_a_message_counts_once() {
        let stamp = Stamp { sequence: 7, published_ns: 1_000_000 };
        let mut text = vec![0; PayloadKind::Json.least_bytes()];
        stamp.write(PayloadKind::Json, 1, &mut text);
        let mut reader = AnySizeReader::new(PayloadKind::Json);
        for message in [text.clone(), [&text[..], b"\n", &text].concat()] {
            let mut found = Vec::new();
            assert!(reader.begin(&message));
            reader.push(&message, |stamp| found.push(stamp));
            reader.end(|stamp| found.push(stamp));
            assert_eq!(found, vec![Some(stamp); message.len() / text.len()]);
            // What was begun and forgotten is no part of the next message.
            assert!(reader.begin(&message));
            reader.abandon();
            assert!(!reader.begin(b"{}"));
            assert_eq!(read(&mut reader, b"{}", 2), (vec![None], 0));
        }
    }

    proptest! {
        #[test]
        fn what_is_joined_is_read_under_any_split(
            count in 1u64..9, size in 0usize..200, cut in 1usize..300
        ) {
            for kind in PayloadKind::ALL.into_iter().filter(|kind| !kind.separator().is_empty()) {
                let size = size.max(kind.least_bytes());
                let mut bytes = BytesMut::new();
                join(kind, size, 1, stamps(count), &mut bytes);
                let mut reader = AnySizeReader::new(kind);
                for _ in 0..2 {
                    let expected = stamps(count).map(Some).collect::<Vec<_>>();
                    prop_assert_eq!(read(&mut reader, &bytes, cut), (expected, count - 1));
                }
            }
        }

        #[test]
        fn any_bytes_give_the_same_under_any_split(
            bytes in prop::collection::vec(
                prop_oneof![3 => Just(b'\n'), 30 => Just(b'0'), 1 => any::<u8>()], 0..200),
            cut in 1usize..40
        ) {
            for kind in PayloadKind::ALL {
                let whole = read(&mut AnySizeReader::new(kind), &bytes, 1000);
                prop_assert_eq!(read(&mut AnySizeReader::new(kind), &bytes, cut), whole);
            }
        }
    }
}
