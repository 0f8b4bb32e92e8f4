//! Any bytes as a compressed body, in any pieces: no panic, and the same text. And as a field
//! `Accept-Encoding`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsbench::internals::readers;

fuzz_target!(|input: (Vec<u8>, u8)| {
    let (bytes, size) = input;
    readers::compressed_body(&bytes, usize::from(size).max(1));
    if let Ok(text) = std::str::from_utf8(&bytes) {
        readers::accept_encoding(text);
    }
});
