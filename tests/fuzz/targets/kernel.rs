//! Any bytes as what the kernel says of a socket: counts or an error, and no panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsbench::internals::readers;

fuzz_target!(|bytes: &[u8]| {
    readers::tcp_info(bytes);
    readers::sock_diag(bytes);
});
