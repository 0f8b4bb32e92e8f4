//! Masking keys: bytes of the system's random source (RFC 6455 §5.3), taken many at a time.

use crate::os::random_bytes;

/// Keys taken with one system call: as many as it gives whole.
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
        let bytes = random_bytes::<{ 4 * KEYS }>();
        self.keys.extend(bytes.as_chunks::<4>().0);
        self.keys.pop().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn keys(n: usize) -> Vec<[u8; 4]> {
        let mut masks = Masks::default();
        (0..n).map(|_| masks.next()).collect()
    }

    #[test]
    fn no_two_keys_are_related_and_no_two_threads_have_the_same() {
        const N: usize = 4_096;
        let (one, other) = (keys(N), keys(N));
        assert_ne!(one[..KEYS], other[..KEYS]);
        assert!(one.windows(2).all(|pair| pair[0] != pair[1]), "a key follows itself");
        // Of so many numbers of 32 bits, 0.008 pairs are the same: five are one run in 10^12.
        let distinct: BTreeSet<_> = one.iter().chain(&other).collect();
        assert!(distinct.len() + 5 > 2 * N, "{} of {} keys", distinct.len(), 2 * N);
        // And what one differs from the next by is no rule.
        let steps: BTreeSet<u32> = one
            .windows(2)
            .map(|pair| u32::from_be_bytes(pair[1]).wrapping_sub(u32::from_be_bytes(pair[0])))
            .collect();
        assert!(steps.len() + 5 > N - 1, "{} steps", steps.len());
        // Every bit is set in half of them: 8 standard deviations of 32 are 256.
        for bit in 0..32 {
            let set = one.iter().filter(|key| u32::from_be_bytes(**key) >> bit & 1 == 1).count();
            assert!(set.abs_diff(N / 2) < 256, "bit {bit} is set in {set} of {N}");
        }
    }
}
