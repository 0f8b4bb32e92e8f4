//! What holds of the messages of any body, whatever delimits them: for the fuzz target.

use crate::client::streaming_response::{Decode, Decoded};
use crate::feed::{PayloadKind, Spec};
use crate::protocol::http1::response::BodyPiece;
use crate::transport::streaming::decoder::MessageDecoder;
use crate::transport::streaming::delimiter::{Delimiter, Prefix};

/// What a decoder has found.
#[derive(Debug, Default, PartialEq)]
struct Found {
    messages: Vec<Vec<u8>>,
    /// The message that is not whole.
    begun: Vec<u8>,
    payload: u64,
    framing: u64,
    between: u64,
    split: u64,
    uneven: u64,
    unlike: u64,
}

impl Found {
    fn take(&mut self, found: Decoded<'_>) {
        match found {
            Decoded::Payload(bytes, length) => {
                assert!(!bytes.is_empty() && bytes.len() as u64 == length);
                self.begun.extend_from_slice(bytes);
                self.payload += length;
            }
            Decoded::Framing(bytes) => self.framing += bytes,
            Decoded::Between(bytes) => self.between += bytes,
            Decoded::Control(_) => panic!("a stream has no control messages"),
            Decoded::End => self.messages.push(std::mem::take(&mut self.begun)),
            Decoded::Split => self.split += 1,
            Decoded::UnevenChunk => self.uneven += 1,
            Decoded::Unlike { joined, continued } => self.unlike += joined + continued,
            Decoded::Undelimited => {}
        }
    }
}

/// Reads a body of these chunks, or of bytes without chunks, in pieces of so many bytes.
fn read(feed: &Spec, delimiter: &Delimiter, body: &[&[u8]], chunked: bool, size: usize) -> Found {
    let mut decoder = MessageDecoder::new(feed, delimiter);
    let mut found = Found::default();
    for bytes in body {
        for piece in bytes.chunks(size) {
            let piece = if chunked { BodyPiece::Data(piece) } else { BodyPiece::Plain(piece) };
            decoder.decode(piece, &mut |item| found.take(item));
        }
        if chunked {
            decoder.decode(BodyPiece::ChunkEnd, &mut |item| found.take(item));
        }
    }
    let all: u64 = body.iter().map(|bytes| bytes.len() as u64).sum();
    // Bytes that may begin what ends a message are held back.
    let most_held = match delimiter {
        Delimiter::Separator(text) => text.len() as u64 - 1,
        Delimiter::Line => 1,
        _ => 0,
    };
    let held = all.checked_sub(found.payload + found.framing + found.between);
    assert!(held.is_some_and(|held| held <= most_held), "{delimiter:?} {all}: {found:?}");
    decoder.lost();
    assert!(!decoder.is_within(), "{delimiter:?}");
    found
}

/// Any bytes as the body of a stream, whole and in pieces of `size` bytes, as one body and as chunks
/// that end at each byte `cut`: no panic, the same messages, and every byte is counted once.
pub(crate) fn read_any_body(bytes: &[u8], separator: &str, size: usize, cut: u8) {
    let mut delimiters = vec![
        Delimiter::Auto,
        Delimiter::Chunk,
        Delimiter::Line,
        Delimiter::Bytes(u32::from(cut).max(1)),
    ];
    if (1..=255).contains(&separator.len()) {
        delimiters.push(Delimiter::Separator(separator.to_owned()));
    }
    delimiters.extend(Prefix::ALL.map(|(_, prefix)| Delimiter::Prefix(prefix)));
    let chunks: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == cut).collect();
    for kind in PayloadKind::ALL {
        let payload_bytes = (kind.least_bytes() as u32).max(u32::from(cut));
        let feed = Spec { kind, payload_bytes, ..Spec::PLAIN };
        for delimiter in &delimiters {
            for chunked in [false, true] {
                let whole = read(&feed, delimiter, &chunks, chunked, bytes.len().max(1));
                let pieces = read(&feed, delimiter, &chunks, chunked, size.max(1));
                assert_eq!(whole, pieces, "{delimiter:?}");
            }
        }
    }
}
