//! Any text as a duration, size, rate, injected fault, URL or target of a comparison, and any bytes
//! as a head of the user's: a value or an error, and no panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsbench::internals::readers;

fuzz_target!(|bytes: &[u8]| {
    readers::head(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        readers::amount(text);
        readers::fault(text);
        readers::url(text);
        readers::compare_target(text);
    }
});
