//! Any bytes in any pieces: no panic, and one piece or many, with the body given or not, have the
//! same parts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsbench::internals::protocol::{BodyPiece, Parts, Response, UnitPiece};
use wsbench::internals::readers;

/// The body with its chunks' ends, without the places where reads cut it.
#[derive(Default, PartialEq, Debug)]
struct Body {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Body {
    fn take(&mut self, piece: BodyPiece<'_>) {
        match piece {
            BodyPiece::Data(data) | BodyPiece::Plain(data) => self.bytes.extend_from_slice(data),
            BodyPiece::ChunkEnd => self.ends.push(self.bytes.len()),
        }
    }
}

fuzz_target!(|input: (Vec<u8>, u8)| {
    let (bytes, cut) = input;
    let (mut plain, mut whole, mut pieces) =
        (Response::default(), Response::default(), Response::default());
    let (mut whole_body, mut pieces_body) = (Body::default(), Body::default());
    let at_once = plain.feed(&bytes);
    assert_eq!(at_once, whole.feed_with(&bytes, |piece| whole_body.take(piece)));
    assert_eq!(plain.parts, whole.parts);
    assert_eq!(whole.parts.payload, whole_body.bytes.len() as u64);
    readers::known_head(&bytes);
    if at_once.is_ok() {
        let (mut by_units, mut rest) = (Response::default(), &bytes[..]);
        let mut framing = 0;
        while !rest.is_empty() && !by_units.is_done() {
            let on = |piece: UnitPiece<'_>| framing += u64::from(!matches!(piece, UnitPiece::Body(_)));
            rest = &rest[by_units.feed_unit(rest, on).unwrap()..];
        }
        assert_eq!(framing, whole.parts.framing);
        // What it leaves is the empty body of an answer that has none.
        let parts = Parts { stray: 0, framing: 0, ..whole.parts };
        assert_eq!((by_units.parts, by_units.facts), (parts, whole.facts));
    }
    let mut used = 0;
    for piece in bytes.chunks(usize::from(cut).max(1)) {
        match pieces.feed_with(piece, |piece| pieces_body.take(piece)) {
            Ok(n) => used += n,
            // What follows a fault is of no meaning.
            Err(_) => return,
        }
    }
    if let Ok(n) = at_once {
        assert_eq!((n, whole.parts, whole.status), (used, pieces.parts, pieces.status));
        assert_eq!((whole.facts, whole.keep_alive), (pieces.facts, pieces.keep_alive));
        assert_eq!(whole_body, pieces_body);
    }
});
