//! A body piece by piece: chunks as message boundaries, and counts that may be taken at any
//! moment.

use proptest::prelude::*;
use wsbench::internals::protocol::{BodyPiece, Malformed, Parts, Response};

const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Pieces without the places where reads cut them: the data of each chunk, then what follows the
/// last whole chunk.
#[derive(Debug, Default, PartialEq)]
struct Body {
    chunks: Vec<Vec<u8>>,
    rest: Vec<u8>,
}

impl Body {
    fn take(&mut self, piece: BodyPiece<'_>) {
        match piece {
            BodyPiece::Data(bytes) | BodyPiece::Plain(bytes) => {
                assert!(!bytes.is_empty());
                self.rest.extend_from_slice(bytes);
            }
            BodyPiece::ChunkEnd => self.chunks.push(std::mem::take(&mut self.rest)),
        }
    }
}

fn sum(parts: Parts) -> u64 {
    parts.heads + parts.framing + parts.payload + parts.stray
}

fn add(to: &mut Parts, parts: Parts) {
    to.heads += parts.heads;
    to.head_chars += parts.head_chars;
    to.framing += parts.framing;
    to.payload += parts.payload;
    to.stray += parts.stray;
}

#[test]
fn a_chunk_ends_with_the_last_byte_of_its_data() {
    let mut response = Response::default();
    let mut seen = Vec::new();
    let mut feed = |bytes: &[u8]| {
        let used = response.feed_with(bytes, |piece| {
            seen.push(match piece {
                BodyPiece::Data(data) | BodyPiece::Plain(data) => {
                    String::from_utf8_lossy(data).into_owned()
                }
                BodyPiece::ChunkEnd => "|".to_owned(),
            });
        });
        assert_eq!(used, Ok(bytes.len()));
        std::mem::take(&mut seen)
    };
    assert!(feed(CHUNKED).is_empty());
    assert_eq!(feed(b"5\r\nhello"), ["hello", "|"]);
    assert!(feed(b"\r\n1").is_empty());
    assert_eq!(feed(b"0\r\n0123"), ["0123"]);
    assert_eq!(feed(b"456789abcdef\r\n2\r\nab\r"), ["456789abcdef", "|", "ab", "|"]);
    assert!(feed(b"\n0\r\n\r\n").is_empty());
    assert!(response.is_done());
}

#[test]
fn other_bodies_have_no_chunks() {
    for head in ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n"] {
        let mut response = Response::default();
        let mut body = Body::default();
        let bytes = [head.as_bytes(), b"hello"].concat();
        assert_eq!(response.feed_with(&bytes, |piece| body.take(piece)), Ok(bytes.len()));
        assert_eq!(body, Body { chunks: Vec::new(), rest: b"hello".to_vec() });
    }
}

#[test]
fn counts_may_be_taken_within_a_size_line() {
    let mut response = Response::default();
    let mut take = |bytes: &[u8]| {
        response.feed(bytes).unwrap();
        std::mem::take(&mut response.parts)
    };
    // A head counts once it is whole.
    assert_eq!(take(&CHUNKED[..20]), Parts::default());
    assert_eq!(take(&CHUNKED[20..]), Parts { heads: 47, head_chars: 41, ..Parts::default() });
    let framing = |framing| Parts { framing, ..Parts::default() };
    assert_eq!(take(b"00"), framing(2));
    assert_eq!(take(b"5;name"), framing(6));
    assert_eq!(take(b"=value\r\nhel"), Parts { framing: 8, payload: 3, ..Parts::default() });
    assert_eq!(take(b"lo\r"), Parts { framing: 1, payload: 2, ..Parts::default() });
    assert_eq!(take(b"\n"), framing(1));
    assert_eq!(take(b"0\r\nTrai"), framing(7));
}

#[test]
fn pieces_before_a_fault_are_given() {
    let mut body = Body::default();
    let bytes = [CHUNKED, b"2\r\nabc"].concat();
    let fed = Response::default().feed_with(&bytes, |piece| body.take(piece));
    assert_eq!((fed, body.chunks), (Err(Malformed), vec![b"ab".to_vec()]));
}

proptest! {
    #[test]
    fn any_split_gives_the_same_pieces_and_the_same_counts(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..80), 0..8),
        whole in any::<bool>(), cuts in prop::collection::vec(1usize..40, 1..40)
    ) {
        let mut bytes = CHUNKED.to_vec();
        for chunk in &chunks {
            bytes.extend_from_slice(format!("{:X};x\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        if whole {
            bytes.extend_from_slice(b"0\r\na: b\r\n\r\n");
        }
        let mut at_once = Response::default();
        prop_assert_eq!(at_once.feed(&bytes), Ok(bytes.len()));
        let (mut response, mut body, mut taken) =
            (Response::default(), Body::default(), Parts::default());
        let (mut at, mut cuts) = (0, cuts.into_iter().cycle());
        while at < bytes.len() {
            let end = (at + cuts.next().unwrap_or(1)).min(bytes.len());
            let used = response.feed_with(&bytes[at..end], |piece| body.take(piece));
            prop_assert_eq!(used, Ok(end - at));
            at = end;
            add(&mut taken, std::mem::take(&mut response.parts));
            let counted = if at < CHUNKED.len() { 0 } else { at };
            prop_assert_eq!(sum(taken), counted as u64);
        }
        prop_assert_eq!(&body.chunks, &chunks);
        prop_assert!(body.rest.is_empty());
        prop_assert_eq!(response.is_done(), whole);
        prop_assert_eq!(taken, at_once.parts);
    }

    #[test]
    fn feeding_with_and_without_pieces_agree_on_any_bytes(
        tail in prop::collection::vec(prop::sample::select(b"0123aF;x\r\n ".to_vec()), 0..80)
    ) {
        let bytes = [CHUNKED, &tail].concat();
        let (mut plain, mut pieces) = (Response::default(), Response::default());
        let mut body = 0;
        let fed = pieces.feed_with(&bytes, |piece| {
            if let BodyPiece::Data(data) = piece { body += data.len() as u64 }
        });
        prop_assert_eq!(plain.feed(&bytes), fed);
        prop_assert_eq!(plain.parts, pieces.parts);
        prop_assert_eq!(body, pieces.parts.payload);
    }
}
