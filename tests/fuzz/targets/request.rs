//! Any bytes as a request that a server answers at once: no panic, and what follows the head or is
//! not there yet changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsbench::internals::protocol::SimpleRequest;

const MOST_BYTES: usize = 1024;

fuzz_target!(|bytes: &[u8]| {
    let Some(request) = SimpleRequest::parse(bytes, MOST_BYTES) else { return };
    let length = request.head_bytes;
    assert!(length <= MOST_BYTES && bytes[..length].ends_with(b"\n"));
    assert_eq!(SimpleRequest::parse(&bytes[..length], MOST_BYTES), Some(request));
    assert_eq!(SimpleRequest::parse(&bytes[..length - 1], MOST_BYTES), None);
});
