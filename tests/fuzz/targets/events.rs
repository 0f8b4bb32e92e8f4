//! Any bytes in any pieces: no panic, the same events, and every byte counted once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsbench::internals::protocol::{StreamItem, Parser};

fn parsed(pieces: impl Iterator<Item = impl AsRef<[u8]>>) -> (Vec<(String, u64)>, u64) {
    let mut parser = Parser::default();
    let mut all = Vec::new();
    for piece in pieces {
        parser.feed(piece.as_ref(), |found| {
            let wire = match found {
                StreamItem::Event(event) => event.sizes.wire(),
                StreamItem::Framing(bytes) | StreamItem::Control(bytes) => bytes,
            };
            all.push((format!("{found:?}"), wire));
        });
    }
    let pending = parser.pending();
    assert_eq!(parser.end(), pending);
    (all, pending)
}

fuzz_target!(|input: (Vec<u8>, u8)| {
    let (bytes, cut) = input;
    let (whole, pending) = parsed(std::iter::once(&bytes));
    let counted: u64 = whole.iter().map(|(_, wire)| wire).sum();
    assert_eq!(counted + pending, bytes.len() as u64);
    assert_eq!((whole, pending), parsed(bytes.chunks(usize::from(cut).max(1))));
});
