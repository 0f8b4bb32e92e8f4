//! Any bytes as what Docker and the system say of processes: a value or an error, and no panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsbench::internals::readers;

fuzz_target!(|bytes: &[u8]| {
    readers::system_text(bytes);
});
