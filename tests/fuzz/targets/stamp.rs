//! Any payload: a stamp or none, and no panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsbench::internals::feed::{PayloadKind, Stamp};

fuzz_target!(|bytes: &[u8]| {
    for kind in PayloadKind::ALL {
        let _ = Stamp::read(kind, bytes);
    }
});
