//! Finds the messages in the body of a streaming response.
//!
//! The reference server sends a chunk for each message. Another may send no chunks, or cut its
//! messages where it likes (RFC 9112 §7.1: chunks mean nothing): of a body without chunks each line is
//! a message, and updates that several chunks make together are counted, so that the report can say
//! what its figures are of. If the scenario says what delimits messages, chunks are compared with them.

use crate::client::streaming_response::{Decode, Decoded};
use crate::feed::{PayloadKind, Spec, Stamp};
use crate::protocol::http1::response::BodyPiece;
use crate::transport::streaming::chunk_texts::{ChunkTexts, UnlikeChunks};
use crate::transport::streaming::cutter::{Cut, Cutter};
use crate::transport::streaming::delimiter::Delimiter;

/// The longest stamp of any kind of text.
const STAMP_BYTES: usize = 62;

/// Finds messages by what delimits them.
pub(super) enum MessageDecoder {
    /// By chunks, or without them by lines or size.
    Chunks(Box<ChunkDecoder>),
    /// By what the scenario says.
    Cut(Box<CutDecoder>),
}

impl MessageDecoder {
    /// A decoder for the messages of a feed.
    pub(super) fn new(feed: &Spec, delimiter: &Delimiter) -> MessageDecoder {
        let chunks = |falls_back| {
            let size = feed.payload_bytes.max(1);
            let pieces = Pieces::default();
            let kind = feed.kind;
            let decoder = ChunkDecoder { kind, size, falls_back, length: 0, pieces, texts: None };
            MessageDecoder::Chunks(Box::new(decoder))
        };
        let cutter = match delimiter {
            Delimiter::Auto => return chunks(true),
            Delimiter::Chunk => return chunks(false),
            Delimiter::Line => Cutter::lines(),
            Delimiter::Separator(text) => Cutter::separator(text.as_bytes()),
            Delimiter::Bytes(bytes) => Cutter::fixed(*bytes),
            Delimiter::Prefix(prefix) => Cutter::prefix(*prefix),
        };
        MessageDecoder::Cut(Box::new(CutDecoder { cutter, ended: 0, began_within: false }))
    }
}

impl Decode for MessageDecoder {
    fn decode(&mut self, piece: BodyPiece<'_>, on: &mut dyn FnMut(Decoded<'_>)) {
        match self {
            MessageDecoder::Chunks(chunks) => chunks.decode(piece, on),
            MessageDecoder::Cut(cut) => cut.decode(piece, on),
        }
    }
    fn expect_any_size(&mut self) {
        if let MessageDecoder::Chunks(chunks) = self
            && !chunks.kind.separator().is_empty()
        {
            chunks.texts = Some(ChunkTexts::default());
        }
    }
    fn is_within(&self) -> bool {
        match self {
            MessageDecoder::Chunks(chunks) => chunks.length > 0,
            MessageDecoder::Cut(cut) => cut.cutter.is_within(),
        }
    }
    fn would_lose(&self) -> bool {
        match self {
            MessageDecoder::Chunks(_) => self.is_within(),
            MessageDecoder::Cut(cut) => cut.cutter.would_lose(),
        }
    }
    fn lost(&mut self) {
        match self {
            MessageDecoder::Chunks(chunks) => {
                chunks.length = 0;
                chunks.pieces = Pieces::default();
                if let Some(texts) = &mut chunks.texts {
                    *texts = ChunkTexts::default();
                }
            }
            MessageDecoder::Cut(cut) => {
                cut.cutter.restart();
                cut.ended = 0;
                cut.began_within = false;
            }
        }
    }
}

/// Finds messages by what the scenario says, in chunks or without.
pub(super) struct CutDecoder {
    cutter: Cutter,
    /// Messages that ended in the current chunk.
    ended: u32,
    /// Whether the current chunk began within a message.
    began_within: bool,
}

impl CutDecoder {
    fn decode(&mut self, piece: BodyPiece<'_>, on: &mut dyn FnMut(Decoded<'_>)) {
        let Some(bytes) = piece.bytes() else {
            let within = self.cutter.is_within();
            // A chunk of delimiters alone keeps a connection alive.
            if self.ended > 1 || within || self.began_within {
                on(Decoded::UnevenChunk);
            }
            self.ended = 0;
            self.began_within = within;
            return;
        };
        let ended = &mut self.ended;
        self.cutter.cut(bytes, &mut |found| match found {
            Cut::Message(bytes) => on(Decoded::Payload(bytes, bytes.len() as u64)),
            Cut::Delimiter(bytes) => on(Decoded::Framing(bytes)),
            Cut::Between(bytes) => on(Decoded::Between(bytes)),
            Cut::End => {
                *ended = ended.saturating_add(1);
                on(Decoded::End);
            }
        });
    }
}

/// Finds chunks, each of which is a message; without chunks lines, or payloads by their size.
pub(super) struct ChunkDecoder {
    kind: PayloadKind,
    /// The bytes of an update.
    size: u32,
    /// Whether a body without chunks has messages.
    falls_back: bool,
    /// Bytes of the current chunk; of a body without chunks, of the current message.
    length: u32,
    pieces: Pieces,
    /// What is readable in the chunks of another server.
    texts: Option<ChunkTexts>,
}

impl ChunkDecoder {
    fn decode(&mut self, piece: BodyPiece<'_>, on: &mut dyn FnMut(Decoded<'_>)) {
        match piece {
            BodyPiece::Data(bytes) => {
                if self.length < self.size {
                    self.pieces.push(bytes);
                }
                self.length = self.length.saturating_add(bytes.len() as u32);
                if let Some(texts) = &mut self.texts {
                    texts.push(bytes);
                }
                on(Decoded::Payload(bytes, bytes.len() as u64));
            }
            BodyPiece::ChunkEnd => {
                on(Decoded::End);
                let whole = std::mem::take(&mut self.length) >= self.size;
                if self.pieces.end_chunk(whole, self.kind, self.size) {
                    on(Decoded::Split);
                }
                if let Some(texts) = &mut self.texts {
                    let UnlikeChunks { joined, continued } = texts.end_chunk();
                    if joined + continued > 0 {
                        on(Decoded::Unlike { joined, continued });
                    }
                    if self.falls_back {
                        on(Decoded::Undelimited);
                    }
                }
            }
            BodyPiece::Plain(bytes) => match self.kind.separator() {
                // Without chunks there is no message: the bytes are payload of none.
                _ if !self.falls_back => on(Decoded::Between(bytes.len() as u64)),
                [separator, ..] => self.lines(bytes, *separator, on),
                [] => self.by_size(bytes, on),
            },
        }
    }

    /// Ends a message at each separator, which is framing.
    fn lines(&mut self, bytes: &[u8], separator: u8, on: &mut dyn FnMut(Decoded<'_>)) {
        for line in bytes.split_inclusive(|byte| *byte == separator) {
            let payload = line.strip_suffix(&[separator]).unwrap_or(line);
            if !payload.is_empty() {
                self.length = self.length.saturating_add(payload.len() as u32);
                on(Decoded::Payload(payload, payload.len() as u64));
            }
            if payload.len() < line.len() {
                // An empty line is no message: it may keep a connection alive.
                if std::mem::take(&mut self.length) == 0 {
                    on(Decoded::Between(1));
                } else {
                    on(Decoded::Framing(1));
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
        read_by(&Delimiter::Auto, kind, size, pieces)
    }

    fn read_by(
        delimiter: &Delimiter,
        kind: PayloadKind,
        size: u32,
        pieces: &[BodyPiece<'_>],
    ) -> (Vec<Vec<u8>>, u64, u32) {
        let feed = Spec { kind, payload_bytes: size, ..Spec::PLAIN };
        let mut decoder = MessageDecoder::new(&feed, delimiter);
        let (mut messages, mut message, mut framing, mut splits) = (Vec::new(), Vec::new(), 0, 0);
        for piece in pieces {
            decoder.decode(*piece, &mut |found| match found {
                Decoded::Payload(bytes, counted) => {
                    assert_eq!(bytes.len() as u64, counted);
                    message.extend_from_slice(bytes);
                }
                Decoded::Framing(bytes) | Decoded::Between(bytes) | Decoded::Control(bytes) => {
                    framing += bytes;
                }
                Decoded::End => messages.push(std::mem::take(&mut message)),
                Decoded::Split | Decoded::UnevenChunk => splits += 1,
                Decoded::Unlike { joined, continued } => splits += (joined + continued) as u32,
                Decoded::Undelimited => {}
            });
        }
        (messages, framing, splits)
    }

    #[test]
    fn chunks_that_are_not_the_messages_are_named() {
        let by = |delimiter: &Delimiter, pieces: &[BodyPiece<'_>]| {
            let (messages, _, uneven) = read_by(delimiter, PayloadKind::Text, 21, pieces);
            (messages.iter().map(|m| String::from_utf8_lossy(m).into_owned()).collect(), uneven)
        };
        let lines =
            |pieces: &[BodyPiece<'_>]| -> (Vec<String>, u32) { by(&Delimiter::Line, pieces) };
        let texts = |all: &[&str]| all.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let even =
            [Data(b"ab\n"), ChunkEnd, Data(b"c"), Data(b"\r\n"), ChunkEnd, Data(b"\n"), ChunkEnd];
        assert_eq!(lines(&even), (texts(&["ab", "c"]), 0));
        let two = [Data(b"ab\nc\n"), ChunkEnd];
        assert_eq!(lines(&two), (texts(&["ab", "c"]), 1));
        let halves = [Data(b"a"), ChunkEnd, Data(b"b\n"), ChunkEnd, Data(b"c\n"), ChunkEnd];
        assert_eq!(lines(&halves), (texts(&["ab", "c"]), 2));
        assert_eq!(lines(&[Plain(b"a\nb"), Plain(b"c\n")]), (texts(&["a", "bc"]), 0));
        let nul = Delimiter::Separator("\0".to_owned());
        let (found, uneven): (Vec<String>, u32) = by(&nul, &[Data(b"a\0b\0"), ChunkEnd]);
        assert_eq!((found, uneven), (texts(&["a", "b"]), 1));
        // Without chunks there is no message by chunks.
        let (found, _): (Vec<String>, u32) = by(&Delimiter::Chunk, &[Plain(b"a\n")]);
        assert_eq!(found, texts(&[]));
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
