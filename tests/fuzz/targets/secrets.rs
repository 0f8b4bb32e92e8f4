//! Any secret in any text: no panic, and no form of it is left.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wsbench::internals::readers;

fuzz_target!(|input: (&str, &str, u8)| {
    let (value, text, cut) = input;
    readers::secret(value, text, cut.into());
});
