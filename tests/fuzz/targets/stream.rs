//! Any bytes as the body of a stream, by whatever delimits its messages: no panic, the same messages in
//! any pieces, and every byte is counted once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsbench::internals::readers;

fuzz_target!(|input: (&[u8], &str, u8, u8)| {
    let (bytes, separator, size, cut) = input;
    readers::stream_body(bytes, separator, size.into(), cut);
});
