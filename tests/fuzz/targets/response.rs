//! Any bytes in any pieces: no panic, and one piece or many give the same parts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsbench::transport::http::Response;

fuzz_target!(|input: (Vec<u8>, u8)| {
    let (bytes, cut) = input;
    let (mut whole, mut pieces) = (Response::default(), Response::default());
    let at_once = whole.feed(&bytes);
    let mut used = 0;
    for piece in bytes.chunks(usize::from(cut).max(1)) {
        match pieces.feed(piece) {
            Ok(n) => used += n,
            // What follows a fault is of no meaning.
            Err(_) => return,
        }
    }
    if let Ok(n) = at_once {
        assert_eq!((n, whole.parts, whole.status), (used, pieces.parts, pieces.status));
    }
});
