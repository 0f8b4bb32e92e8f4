//! Any bytes as frames in a conversation of messages: no panic, and the same messages in any frames if
//! they say how long they are.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsbench::internals::readers;

fuzz_target!(|input: (&[u8], &str, u8)| {
    let (bytes, text, size) = input;
    readers::conversation(bytes, text, size.into());
});
