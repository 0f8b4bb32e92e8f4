//! The messages that clients send to all: what one posts, every subscription reads.
//!
//! One hub a server thread, so that no lock is needed; the plan gives a shared workload one server
//! thread. The hub keeps the latest messages only: a client that falls further behind finds the
//! oldest kept, and its account of deliveries finds the gap.

use bytes::Bytes;
use std::cell::RefCell;
use std::collections::VecDeque;

/// The most messages kept.
const MOST_POSTS: usize = 65_536;
/// The most bytes kept.
const MOST_BYTES: usize = 64 << 20;

/// One message, as a client sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// All of it.
    pub bytes: Bytes,
    /// When it came, in nanoseconds of `CLOCK_MONOTONIC`; never before the one before it.
    pub at_ns: u64,
    /// The number in its stamp; 0 if it has none.
    pub sequence: u64,
}

#[derive(Debug, Default)]
pub struct BroadcastHub(RefCell<KeptPosts>);

#[derive(Debug, Default)]
struct KeptPosts {
    kept: VecDeque<Posted>,
    /// Messages that are not kept any more: the place of the first that is.
    gone: u64,
    bytes: usize,
}

impl BroadcastHub {
    /// Adds a message.
    pub fn post(&self, mut posted: Posted) {
        let mut posts = self.0.borrow_mut();
        posted.at_ns = posts.kept.back().map_or(0, |last| last.at_ns).max(posted.at_ns);
        posts.bytes += posted.bytes.len();
        posts.kept.push_back(posted);
        while posts.kept.len() > MOST_POSTS || posts.bytes > MOST_BYTES {
            let Some(oldest) = posts.kept.pop_front() else { break };
            posts.bytes -= oldest.bytes.len();
            posts.gone += 1;
        }
    }
    /// The place after the last message.
    pub fn end(&self) -> u64 {
        let posts = self.0.borrow();
        posts.gone + posts.kept.len() as u64
    }
    /// The message at a place and the place itself, or the oldest kept after it; `None` if
    /// there is none yet.
    pub fn at(&self, place: u64) -> Option<(u64, Posted)> {
        let posts = self.0.borrow();
        let place = place.max(posts.gone);
        let index = usize::try_from(place - posts.gone).ok()?;
        posts.kept.get(index).map(|posted| (place, posted.clone()))
    }
    /// The place after the latest message with this number in its stamp.
    pub fn after(&self, sequence: u64) -> Option<u64> {
        let posts = self.0.borrow();
        let index = posts.kept.iter().rposition(|posted| posted.sequence == sequence)?;
        Some(posts.gone + index as u64 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posted(n: u64, bytes: usize) -> Posted {
        Posted { bytes: vec![0; bytes].into(), at_ns: n, sequence: n }
    }

    #[test]
    fn what_was_posted_is_found_in_order() {
        let hub = BroadcastHub::default();
        assert_eq!((hub.end(), hub.at(0)), (0, None));
        (1..=3).for_each(|n| hub.post(posted(n * 10, 4)));
        assert_eq!(hub.end(), 3);
        assert_eq!(hub.at(1).map(|(place, p)| (place, p.at_ns)), Some((1, 20)));
        assert_eq!((hub.at(3), hub.after(20), hub.after(99)), (None, Some(2), None));
        // A clock that was read before another message came.
        hub.post(posted(5, 4));
        assert_eq!(hub.at(3).map(|(_, p)| p.at_ns), Some(30));
    }

    #[test]
    fn the_oldest_are_forgotten_by_number_and_by_size() {
        let hub = BroadcastHub::default();
        (0..MOST_POSTS as u64 + 10).for_each(|n| hub.post(posted(n, 1)));
        assert_eq!(hub.end(), MOST_POSTS as u64 + 10);
        assert_eq!(hub.at(0).map(|(place, p)| (place, p.sequence)), Some((10, 10)));
        let hub = BroadcastHub::default();
        (0..70).for_each(|n| hub.post(posted(n, 1 << 20)));
        assert_eq!(hub.at(0).map(|(place, _)| place), Some(6));
        // One that is too large by itself is gone at once.
        hub.post(posted(99, MOST_BYTES + 1));
        assert_eq!((hub.end(), hub.at(0)), (71, None));
    }
}
