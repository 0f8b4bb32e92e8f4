//! Any bytes in any pieces: no panic, and the same frames.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsbench::internals::protocol::Scanner;

fuzz_target!(|input: (Vec<u8>, u8)| {
    let (bytes, cut) = input;
    let (mut whole, mut pieces) = (Vec::new(), Vec::new());
    Scanner::default().feed(&bytes, |found| whole.push(found));
    let mut scanner = Scanner::default();
    for piece in bytes.chunks(usize::from(cut).max(1)) {
        scanner.feed(piece, |found| pieces.push(found));
    }
    assert_eq!(whole, pieces);
});
