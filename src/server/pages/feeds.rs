//! Feeds of pages: each page has one of its own, whose updates follow from the clock, so that nothing runs for a
//! page that nobody looks at.

use crate::os::{now_ns, wall_ns};
use crate::server::pages::ticker;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Feeds at once.
const MOST_FEEDS: usize = 64;
/// A feed that nobody has asked for so long is gone.
const FORGOTTEN_NS: u64 = 60_000_000_000;
/// Updates a second that a page may ask for.
const RATES: (f64, f64) = (0.2, 20.0);

/// The transports of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PageTransport {
    Polling,
    LongPolling,
    Events,
    Socket,
}

/// What went through one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct PageCounts {
    pub requests: u64,
    pub messages: u64,
    /// Bytes from the browser, of TCP's stream.
    pub up: u64,
    /// Bytes to it.
    pub down: u64,
}

struct PageFeed {
    /// The moment of the update that has this number.
    base_ns: u64,
    base: u64,
    rate_hz: f64,
    used_ns: u64,
    counts: [PageCounts; 4],
}

impl PageFeed {
    /// The number of the latest update, and when it was published.
    fn latest(&self, now_ns: u64) -> (u64, u64) {
        let since = now_ns.saturating_sub(self.base_ns) as f64 / 1e9;
        let more = (since * self.rate_hz).floor();
        (self.base + more as u64, self.base_ns + (more / self.rate_hz * 1e9) as u64)
    }
}

/// The feeds of all pages.
#[derive(Default)]
pub(super) struct PageFeeds(Mutex<HashMap<u64, PageFeed>>);

/// Milliseconds since 1970, by this machine's clock.
pub(super) fn wall_ms() -> f64 {
    wall_ns() as f64 / 1e6
}

impl PageFeeds {
    fn all(&self) -> MutexGuard<'_, HashMap<u64, PageFeed>> {
        // Each feed is whole even if a holder of the lock panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a feed, or goes on with it; false if there are too many.
    pub(super) fn open(&self, id: u64) -> bool {
        let now = now_ns();
        let mut all = self.all();
        if let Some(feed) = all.get_mut(&id) {
            feed.used_ns = now;
            return true;
        }
        all.retain(|_, feed| now.saturating_sub(feed.used_ns) < FORGOTTEN_NS);
        if all.len() >= MOST_FEEDS {
            return false;
        }
        let counts = [PageCounts::default(); 4];
        all.insert(id, PageFeed { base_ns: now, base: 1, rate_hz: 1.0, used_ns: now, counts });
        true
    }

    /// The latest update's number and its text.
    pub(super) fn latest(&self, id: u64) -> (u64, String) {
        let now = now_ns();
        let all = self.all();
        let (n, at_ns) = all.get(&id).map_or((0, now), |feed| feed.latest(now));
        let at_ms = wall_ms() - now.saturating_sub(at_ns) as f64 / 1e6;
        (n, ticker::message(id, n, at_ms))
    }

    /// How long it is until the next update.
    pub(super) fn until_next(&self, id: u64) -> Duration {
        let now = now_ns();
        let all = self.all();
        let Some(feed) = all.get(&id) else { return Duration::from_secs(1) };
        let (_, at_ns) = feed.latest(now);
        let next_ns = at_ns + (1e9 / feed.rate_hz) as u64;
        // A microsecond later it is surely there.
        Duration::from_nanos(next_ns.saturating_sub(now) + 1_000)
    }

    /// Changes how often updates come. Returns the rate that it has then.
    pub(super) fn set_rate(&self, id: u64, hz: f64) -> f64 {
        let now = now_ns();
        let mut all = self.all();
        let Some(feed) = all.get_mut(&id) else { return 0.0 };
        (feed.base, feed.base_ns) = feed.latest(now);
        feed.rate_hz = hz.clamp(RATES.0, RATES.1);
        feed.rate_hz
    }

    /// Adds to what went through a transport.
    pub(super) fn count(
        &self,
        id: u64,
        transport: PageTransport,
        add: impl FnOnce(&mut PageCounts),
    ) {
        if let Some(feed) = self.all().get_mut(&id) {
            feed.used_ns = now_ns();
            add(&mut feed.counts[transport as usize]);
        }
    }

    /// What went through each transport, as JSON.
    pub(super) fn counts(&self, id: u64) -> String {
        let counts = self.all().get(&id).map_or([PageCounts::default(); 4], |feed| feed.counts);
        let one = |name: &str, counts: PageCounts| {
            let PageCounts { requests, messages, up, down } = counts;
            format!(
                "\"{name}\":{{\"requests\":{requests},\"messages\":{messages},\"up\":{up},\"down\":{down}}}"
            )
        };
        let names = ["polling", "long-polling", "events", "socket"];
        let all: Vec<String> =
            names.iter().zip(counts).map(|(name, counts)| one(name, counts)).collect();
        format!("{{{}}}", all.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_follow_from_the_clock_and_go_on_when_the_rate_changes() {
        let mut feed = PageFeed {
            base_ns: 1_000,
            base: 1,
            rate_hz: 2.0,
            used_ns: 0,
            counts: [PageCounts::default(); 4],
        };
        assert_eq!(feed.latest(1_000), (1, 1_000));
        assert_eq!(feed.latest(500_000_999).0, 1);
        assert_eq!(feed.latest(1_000_001_000), (3, 1_000_001_000));
        (feed.base, feed.base_ns) = feed.latest(1_000_001_000);
        feed.rate_hz = 10.0;
        assert_eq!(feed.latest(1_000_001_000).0, 3);
        assert_eq!(feed.latest(1_100_001_100).0, 4);
    }

    #[test]
    fn there_are_only_so_many_feeds_and_each_counts_for_itself() {
        let feeds = PageFeeds::default();
        for id in 0..MOST_FEEDS as u64 {
            assert!(feeds.open(id));
        }
        assert!(!feeds.open(9_999));
        assert!(feeds.open(3));
        feeds.count(3, PageTransport::Socket, |counts| counts.down += 7);
        assert!(
            feeds
                .counts(3)
                .contains("\"socket\":{\"requests\":0,\"messages\":0,\"up\":0,\"down\":7}")
        );
        assert!(!feeds.counts(4).contains('7'));
        assert_eq!(feeds.set_rate(3, 1e9), RATES.1);
        assert_eq!(feeds.set_rate(9_999, 1.0), 0.0);
        feeds.count(9_999, PageTransport::Socket, |_| unreachable!("it is not there"));
    }
}
