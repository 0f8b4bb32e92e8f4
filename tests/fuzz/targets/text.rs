//! Any text as a duration, size, rate, injected fault, URL or target of a comparison, and any bytes
//! as a head of the user's, a cookie or the target of a redirect, and text as a template or clients' data:
//! a value or an error, and no panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsbench::internals::readers;

fuzz_target!(|bytes: &[u8]| {
    readers::head(bytes);
    readers::set_cookie(bytes);
    readers::location(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        readers::amount(text);
        readers::fault(text);
        readers::url(text);
        readers::compare_target(text);
        readers::template(text);
        readers::client_data(text);
    }
});
