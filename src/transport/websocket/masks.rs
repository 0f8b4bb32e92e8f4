//! Masking keys: bytes of the system's random source (RFC 6455 §5.3), taken many at a time.

use rustix::rand::{GetRandomFlags, getrandom};

/// Keys taken with one system call; the call never blocks or is cut for so few bytes (`random(7)`).
const KEYS: usize = 64;

/// Masking keys of one thread.
#[derive(Debug, Default)]
pub(super) struct Masks {
    keys: Vec<[u8; 4]>,
}

impl Masks {
    /// Returns a key that was not used before.
    pub(super) fn next(&mut self) -> [u8; 4] {
        if let Some(key) = self.keys.pop() {
            return key;
        }
        let mut bytes = [0u8; 4 * KEYS];
        while getrandom(&mut bytes, GetRandomFlags::empty()).is_err() {
            // Interrupted by a signal before the source was ready, soon after the system's start.
        }
        self.keys.extend(bytes.as_chunks::<4>().0);
        self.keys.pop().unwrap_or_default()
    }
}
