//! Finds the messages in the body of a streaming response.
//!
//! The reference server sends a chunk for each message. Another may send no chunks, or cut its
//! messages where it likes (RFC 9112 §7.1: chunks mean nothing): of a body without chunks each line is
//! a message, and updates that several chunks make together are counted, so that the report can say
//! what its figures are of.

use crate::client::streaming_response::{Decode, Decoded};
use crate::feed::{PayloadKind, Spec, Stamp};
use crate::protocol::http1::response::BodyPiece;

/// The longest stamp of any kind of text.
const STAMP_BYTES: usize = 62;

/// Finds chunks, each of which is a message; without chunks lines, or payloads by their size.
pub(super) struct MessageDecoder {
    kind: PayloadKind,
    /// The bytes of an update.
    size: u32,
    /// Bytes of the current chunk; of a body without chunks, of the current message.
    length: u32,
    pieces: Pieces,
}

impl Decode for MessageDecoder {
    fn new(feed: &Spec) -> MessageDecoder {
        let size = feed.payload_bytes.max(1);
        MessageDecoder { kind: feed.kind, size, length: 0, pieces: Pieces::default() }
    }
    fn decode(&mut self, piece: BodyPiece<'_>, on: &mut dyn FnMut(Decoded<'_>)) {
        match piece {
            BodyPiece::Data(bytes) => {
                if self.length < self.size {
                    self.pieces.push(bytes);
                }
                self.length = self.length.saturating_add(bytes.len() as u32);
                on(Decoded::Payload(bytes, bytes.len() as u64));
            }
            BodyPiece::ChunkEnd => {
                on(Decoded::End);
                let whole = std::mem::take(&mut self.length) >= self.size;
                if self.pieces.end_chunk(whole, self.kind, self.size) {
                    on(Decoded::Split);
                }
            }
            BodyPiece::Plain(bytes) => match self.kind.separator() {
                [separator, ..] => self.lines(bytes, *separator, on),
                [] => self.by_size(bytes, on),
            },
        }
    }
    fn lost(&mut self) {
        self.length = 0;
        self.pieces = Pieces::default();
    }
}

impl MessageDecoder {
    /// Ends a message at each separator, which is framing.
    fn lines(&mut self, bytes: &[u8], separator: u8, on: &mut dyn FnMut(Decoded<'_>)) {
        for line in bytes.split_inclusive(|byte| *byte == separator) {
            let payload = line.strip_suffix(&[separator]).unwrap_or(line);
            if !payload.is_empty() {
                self.length = self.length.saturating_add(payload.len() as u32);
                on(Decoded::Payload(payload, payload.len() as u64));
            }
            if payload.len() < line.len() {
                on(Decoded::Framing(1));
                // An empty line is no message: it may keep a connection alive.
                if std::mem::take(&mut self.length) > 0 {
                    on(Decoded::End);
                }
            }
        }
    }

    /// Ends a message after each payload.
    fn by_size(&mut self, mut bytes: &[u8], on: &mut dyn FnMut(Decoded<'_>)) {
        while !bytes.is_empty() {
            let (payload, rest) =
                bytes.split_at(bytes.len().min((self.size - self.length) as usize));
            on(Decoded::Payload(payload, payload.len() as u64));
            self.length += payload.len() as u32;
            if self.length == self.size {
                self.length = 0;
                on(Decoded::End);
            }
            bytes = rest;
        }
    }
}

/// Chunks that are shorter than an update, put together.
struct Pieces {
    start: [u8; STAMP_BYTES],
    length: u32,
    chunks: u32,
    last: u8,
}

impl Default for Pieces {
    fn default() -> Pieces {
        Pieces { start: [0; STAMP_BYTES], length: 0, chunks: 0, last: 0 }
    }
}

impl Pieces {
    fn push(&mut self, bytes: &[u8]) {
        let at = (self.length as usize).min(STAMP_BYTES);
        let kept = bytes.len().min(STAMP_BYTES - at);
        self.start[at..at + kept].copy_from_slice(&bytes[..kept]);
        self.length = self.length.saturating_add(bytes.len() as u32);
        self.last = bytes.last().copied().unwrap_or(self.last);
    }

    /// Ends a chunk; `whole` is true if it is not shorter than an update. Returns whether it and
    /// those before it are an update, which none of them is.
    fn end_chunk(&mut self, whole: bool, kind: PayloadKind, size: u32) -> bool {
        self.chunks += 1;
        let least = kind.least_bytes().min(STAMP_BYTES);
        // Any bytes are a binary stamp.
        let is_update = self.chunks > 1
            && !kind.separator().is_empty()
            && (self.length == size
                || (self.length == size + 1 && kind.separator().contains(&self.last)))
            && Stamp::read(kind, &self.start[..least]).is_some();
        if whole || is_update || self.length > size {
            *self = Pieces::default();
        }
        is_update && !whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use BodyPiece::{ChunkEnd, Data, Plain};

    const A: &[u8] = b"0000011000000000001aa";
    const B: &[u8] = b"0000021000000000001bb";

    /// Messages, bytes of framing, and updates in several messages.
    fn read(kind: PayloadKind, size: u32, pieces: &[BodyPiece<'_>]) -> (Vec<Vec<u8>>, u64, u32) {
        let feed = Spec { kind, payload_bytes: size, ..Spec::PLAIN };
        let mut decoder = MessageDecoder::new(&feed);
        let (mut messages, mut message, mut framing, mut splits) = (Vec::new(), Vec::new(), 0, 0);
        for piece in pieces {
            decoder.decode(*piece, &mut |found| match found {
                Decoded::Payload(bytes, counted) => {
                    assert_eq!(bytes.len() as u64, counted);
                    message.extend_from_slice(bytes);
                }
                Decoded::Framing(bytes) => framing += bytes,
                Decoded::End => messages.push(std::mem::take(&mut message)),
                Decoded::Split => splits += 1,
            });
        }
        (messages, framing, splits)
    }

    #[test]
    fn a_chunk_is_a_message() {
        let pieces = [Data(&A[..5]), Data(&A[5..]), ChunkEnd, Data(b"hello"), ChunkEnd];
        let found = read(PayloadKind::Text, 21, &pieces);
        assert_eq!(found, (vec![A.to_vec(), b"hello".to_vec()], 0, 0));
    }

    #[test]
    fn updates_in_several_chunks_are_named() {
        let halves = [Data(&A[..11]), ChunkEnd, Data(&A[11..]), ChunkEnd];
        assert_eq!(read(PayloadKind::Text, 21, &halves).2, 1);
        let with_end = [A, b"\n"].concat();
        let again = [Data(&with_end[..4]), ChunkEnd, Data(&with_end[4..]), ChunkEnd];
        assert_eq!(read(PayloadKind::Text, 21, &[&again[..], &halves[..]].concat()).2, 2);
        // Short messages are no pieces of an update.
        let words = [Data(b"updated"), ChunkEnd].repeat(9);
        assert_eq!(read(PayloadKind::Text, 21, &words).2, 0);
    }

    #[test]
    fn without_chunks_each_line_is_a_message() {
        let body = [A, b"\n\n", B, b"\n"].concat();
        for cut in 1..body.len() {
            let pieces: Vec<BodyPiece<'_>> = body.chunks(cut).map(Plain).collect();
            let found = read(PayloadKind::Text, 21, &pieces);
            assert_eq!(found, (vec![A.to_vec(), B.to_vec()], 3, 0), "{cut}");
        }
    }

    #[test]
    fn without_chunks_binary_messages_have_a_size() {
        let body: Vec<u8> = (0..48).collect();
        for cut in 1..body.len() {
            let pieces: Vec<BodyPiece<'_>> = body.chunks(cut).map(Plain).collect();
            let (messages, framing, splits) = read(PayloadKind::Binary, 16, &pieces);
            assert_eq!(messages.concat(), body);
            assert_eq!((messages.len(), framing, splits), (3, 0, 0));
        }
    }
}
