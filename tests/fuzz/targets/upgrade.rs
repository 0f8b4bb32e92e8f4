//! Any bytes in any pieces as the response to a WebSocket upgrade: no panic, and the same outcome.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsbench::internals::readers::upgrade_response;

fuzz_target!(|input: (Vec<u8>, u8)| {
    let (bytes, cut) = input;
    let pieces: Vec<&[u8]> = bytes.chunks(usize::from(cut).max(1)).collect();
    let whole = upgrade_response(&[&bytes]);
    // Which of two errors is met first depends on the pieces.
    match upgrade_response(&pieces) {
        Ok(used) => assert_eq!(whole, Ok(used)),
        Err(_) => assert!(whole.is_err()),
    }
});
