//! One direction of a delayed connection: bytes with the moments of their release.
//!
//! It reads no clock and touches no socket. The order is TCP's: a piece that its jitter would let
//! overtake waits for the one before it.

use crate::time::Draws;
use std::collections::VecDeque;

/// The most bytes held in one direction; then the writer has to wait.
pub(crate) const MOST_BYTES: usize = 1 << 20;
/// The most pieces held in one direction: a million pieces of one byte would need sixteen times
/// their size.
const MOST_PIECES: usize = 1 << 14;
/// An empty queue keeps memory for this much and frees the rest.
const KEPT_BYTES: usize = 4096;
const KEPT_PIECES: usize = 64;

/// Bytes that were pushed together.
#[derive(Debug, Clone, Copy)]
struct DelayedPiece {
    release_ns: u64,
    len: usize,
}

#[derive(Debug)]
pub(crate) struct DelayQueue {
    bytes: VecDeque<u8>,
    pieces: VecDeque<DelayedPiece>,
    /// When the end of the stream is released, once it was pushed.
    end_ns: Option<u64>,
    /// No later piece is released before this.
    last_ns: u64,
    draws: Draws,
}

impl DelayQueue {
    pub(crate) fn new(draws: Draws) -> DelayQueue {
        DelayQueue {
            bytes: VecDeque::new(),
            pieces: VecDeque::new(),
            end_ns: None,
            last_ns: 0,
            draws,
        }
    }
    /// Bytes held.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
    /// How many more bytes fit.
    pub(crate) fn room(&self) -> usize {
        if self.pieces.len() >= MOST_PIECES { 0 } else { MOST_BYTES - self.bytes.len() }
    }
    /// Draws the release of what is pushed now.
    fn draw_release(&mut self, now_ns: u64) -> u64 {
        let release_ns = now_ns.saturating_add(self.draws.next_ns()).max(self.last_ns);
        self.last_ns = release_ns;
        release_ns
    }
    /// Adds bytes that came at `now_ns`, as far as there is room. Returns how many.
    pub(crate) fn push(&mut self, now_ns: u64, bytes: &[u8]) -> usize {
        let len = bytes.len().min(self.room());
        if len > 0 {
            self.bytes.extend(&bytes[..len]);
            let release_ns = self.draw_release(now_ns);
            match self.pieces.back_mut() {
                Some(last) if last.release_ns == release_ns => last.len += len,
                _ => self.pieces.push_back(DelayedPiece { release_ns, len }),
            }
        }
        len
    }
    /// Adds the end of the stream. Only the first call counts.
    pub(crate) fn end(&mut self, now_ns: u64) {
        if self.end_ns.is_none() {
            self.end_ns = Some(self.draw_release(now_ns));
        }
    }
    /// Whether the end is released and nothing is left before it.
    pub(crate) fn is_over(&self, now_ns: u64) -> bool {
        self.bytes.is_empty() && self.end_ns.is_some_and(|at| at <= now_ns)
    }
    /// The moment of the earliest release; `None` if nothing is held.
    pub(crate) fn next_ns(&self) -> Option<u64> {
        self.pieces.front().map(|piece| piece.release_ns).or(self.end_ns)
    }
    /// The beginning of the bytes that are released by now: as many as are contiguous in memory.
    pub(crate) fn released(&self, now_ns: u64) -> &[u8] {
        let due = self.pieces.iter().take_while(|p| p.release_ns <= now_ns);
        let front = self.bytes.as_slices().0;
        let mut len = 0;
        for piece in due {
            len += piece.len;
            if len >= front.len() {
                return front;
            }
        }
        &front[..len]
    }
    /// Removes `len` released bytes. Calls `on_gone` for each piece that has gone whole, with its
    /// lateness in nanoseconds.
    pub(crate) fn take(&mut self, now_ns: u64, len: usize, mut on_gone: impl FnMut(u64)) {
        self.bytes.drain(..len.min(self.bytes.len()));
        let mut left = len;
        while let Some(first) = self.pieces.front_mut() {
            if first.len > left {
                first.len -= left;
                break;
            }
            left -= first.len;
            on_gone(now_ns.saturating_sub(first.release_ns));
            self.pieces.pop_front();
        }
        if self.bytes.is_empty() {
            self.bytes.shrink_to(KEPT_BYTES);
            self.pieces.shrink_to(KEPT_PIECES);
        }
    }
    /// Drops every byte. Returns how many.
    pub(crate) fn clear(&mut self) -> usize {
        let len = self.bytes.len();
        self.bytes = VecDeque::new();
        self.pieces = VecDeque::new();
        len
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Direction;
    use crate::time::{Delay, JitterDistribution};
    use proptest::prelude::*;

    fn queue(one_way_ns: u64, jitter_ns: u64, law: JitterDistribution) -> DelayQueue {
        DelayQueue::new(Delay { one_way_ns, jitter_ns, law, seed: 1 }.draws(0, 0, Direction::Up))
    }

    /// Takes what is released by now.
    fn drain(queue: &mut DelayQueue, now_ns: u64, into: &mut Vec<u8>) {
        loop {
            let released = queue.released(now_ns);
            if released.is_empty() {
                return;
            }
            let len = released.len();
            into.extend_from_slice(released);
            queue.take(now_ns, len, |_| {});
        }
    }

    #[test]
    fn bytes_are_released_in_order_and_then_the_end() {
        let mut queue = queue(100, 0, JitterDistribution::Uniform);
        assert_eq!((queue.next_ns(), queue.push(10, b"ab"), queue.push(20, b"cd")), (None, 2, 2));
        queue.end(30);
        queue.end(99);
        assert_eq!(queue.next_ns(), Some(110));
        assert_eq!(queue.released(109), b"");
        assert_eq!(queue.released(110), b"ab");
        assert_eq!(queue.released(120), b"abcd");
        let mut late = Vec::new();
        queue.take(125, 3, |ns| late.push(ns));
        assert_eq!((queue.next_ns(), queue.is_over(999)), (Some(120), false));
        queue.take(126, 1, |ns| late.push(ns));
        assert_eq!(late, [15, 6]);
        assert_eq!(
            (queue.next_ns(), queue.is_over(129), queue.is_over(130)),
            (Some(130), false, true)
        );
    }

    #[test]
    fn it_is_bounded_and_gives_memory_back() {
        let mut queue = queue(1, 0, JitterDistribution::Uniform);
        let much = vec![7; MOST_BYTES + 5];
        assert_eq!(queue.push(0, &much), MOST_BYTES);
        assert_eq!((queue.push(0, b"x"), queue.room()), (0, 0));
        let mut out = Vec::new();
        drain(&mut queue, 1, &mut out);
        assert_eq!(out.len(), MOST_BYTES);
        assert!(queue.bytes.capacity() <= 2 * KEPT_BYTES, "{}", queue.bytes.capacity());
        let taken = (0..MOST_BYTES as u64).take_while(|&n| queue.push(n, b"x") == 1).count();
        assert_eq!(taken, MOST_PIECES);
        assert_eq!(queue.clear(), MOST_PIECES);
        assert_eq!((queue.len(), queue.next_ns()), (0, None));
    }

    proptest! {
        #[test]
        fn bytes_out_are_bytes_in_and_never_early(
            pushes in prop::collection::vec((0u64..50, prop::collection::vec(any::<u8>(), 0..40)), 1..40),
            lens in prop::collection::vec((0u64..60, 1usize..50), 0..80),
            one_way in 0u64..100, jitter in 0u64..100, law in 0usize..3,
        ) {
            let mut queue = queue(one_way, jitter, JitterDistribution::ALL[law]);
            let (mut now, mut wanted, mut sent) = (0, Vec::new(), Vec::new());
            for (pause, bytes) in &pushes {
                now += pause;
                prop_assert_eq!(queue.push(now, bytes), bytes.len());
                wanted.extend_from_slice(bytes);
                sent.extend(bytes.iter().map(|_| now));
            }
            queue.end(now);
            let (mut got, mut last) = (Vec::new(), 0);
            let mut now = 0;
            let last_takes = std::iter::repeat_n((1000u64, 50usize), 200);
            for (pause, most) in lens.into_iter().chain(last_takes) {
                now += pause;
                prop_assert!(queue.next_ns() >= Some(last));
                last = queue.next_ns().unwrap_or(last);
                let released = queue.released(now);
                let len = released.len().min(most);
                for (nth, byte) in released[..len].iter().enumerate() {
                    prop_assert!(now >= sent[got.len()] + one_way, "byte {nth} is early");
                    got.push(*byte);
                }
                queue.take(now, len, |_| {});
            }
            prop_assert_eq!(got, wanted);
            prop_assert!(queue.is_over(now));
        }

        #[test]
        fn the_same_seed_gives_the_same_moments(
            pauses in prop::collection::vec(0u64..1000, 1..50), law in 0usize..3
        ) {
            let moments = || {
                let mut queue = queue(1000, 500, JitterDistribution::ALL[law]);
                let (mut now, mut all) = (0, Vec::new());
                for pause in &pauses {
                    now += pause;
                    queue.push(now, b"x");
                    all.push(queue.last_ns);
                }
                all
            };
            let all = moments();
            prop_assert!(all.is_sorted());
            prop_assert_eq!(all, moments());
        }
    }
}
