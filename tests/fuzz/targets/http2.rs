//! What a server of HTTP/2 sends: frames and header blocks.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wsbench::internals::readers;

fuzz_target!(|bytes: &[u8]| {
    readers::http2(bytes);
    // The same behind settings, which must come first.
    readers::http2(&[&[0, 0, 0, 4, 0, 0, 0, 0, 0], bytes].concat());
});
