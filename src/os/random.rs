//! The system's random source.

use rustix::rand::{GetRandomFlags, getrandom};

/// The most bytes that one call gives without being cut short by a signal (`random(7)`).
pub(crate) const WHOLE_BYTES: usize = 256;

/// Returns random bytes, at most [`WHOLE_BYTES`]. It waits only soon after the system's start, until
/// the source is ready.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    const { assert!(N <= WHOLE_BYTES) };
    let mut bytes = [0u8; N];
    while getrandom(&mut bytes, GetRandomFlags::empty()).is_err() {
        // A signal came before the source was ready.
    }
    bytes
}
