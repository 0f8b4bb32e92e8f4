//! The moments of publishing: a cursor that walks one topic's updates.

use crate::feed::{Arrivals, Feed, Topic, mix};
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

/// Steps of a Poisson process that a cursor walks at once for somebody who names an update far
/// ahead, which no feed has reached.
const MOST_STEPS: u64 = 10_000_000;

/// One update: its place in the topic and the intended moment of its publishing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Update {
    /// 0 for the state at the epoch, then 1, 2, …
    pub sequence: u64,
    /// Nanoseconds of `CLOCK_MONOTONIC`.
    pub published_ns: u64,
}

/// Walks the updates of one topic, forwards only.
///
/// Update 0 lies at or before the epoch, so that there is always a latest update; update 1 is the
/// first after it.
#[derive(Debug, Clone)]
pub(crate) struct Cursor {
    current: Update,
    next_ns: u64,
    period_ns: u64,
    /// `None` for periodic arrivals.
    gaps: Option<SplitMix64>,
}

impl Cursor {
    /// The beginning of a topic.
    pub(crate) fn new(feed: &Feed, topic: Topic) -> Cursor {
        let spec = &feed.spec;
        let period_ns = spec.period_ns().max(1);
        let own = if spec.spread { u64::from(topic.0) + 1 } else { 0 };
        let seed = mix(spec.seed ^ mix(own));
        let (before, after, gaps) = match spec.arrivals {
            Arrivals::Periodic => {
                // The next update is between 1 and `period` after the epoch, evenly spread.
                let phase = ((u128::from(seed) * u128::from(period_ns)) >> 64) as u64;
                let phase = if spec.spread { phase } else { 0 };
                (phase, period_ns - phase, None)
            }
            Arrivals::Poisson => {
                let mut gaps = SplitMix64::seed_from_u64(seed);
                let before = exponential(&mut gaps, period_ns);
                (before, exponential(&mut gaps, period_ns), Some(gaps))
            }
        };
        Cursor {
            current: Update { sequence: 0, published_ns: feed.epoch_ns.saturating_sub(before) },
            next_ns: feed.epoch_ns + after,
            period_ns,
            gaps,
        }
    }

    /// The latest update at or before `now_ns`, or update 0 if the epoch is still to come.
    pub(crate) fn latest(&mut self, now_ns: u64) -> Update {
        if now_ns >= self.next_ns {
            match &mut self.gaps {
                None => {
                    let steps = (now_ns - self.next_ns) / self.period_ns;
                    let published_ns = self.next_ns + steps * self.period_ns;
                    let sequence = self.current.sequence + 1 + steps;
                    self.current = Update { sequence, published_ns };
                    self.next_ns = published_ns + self.period_ns;
                }
                Some(_) => {
                    while now_ns >= self.next_ns {
                        self.advance();
                    }
                }
            }
        }
        self.current
    }

    /// Goes to an update, forwards or back to the topic's beginning and on from there.
    pub(crate) fn seek(&mut self, feed: &Feed, topic: Topic, sequence: u64) {
        if sequence < self.current.sequence {
            *self = Cursor::new(feed, topic);
        }
        match &self.gaps {
            None => {
                let steps = sequence - self.current.sequence;
                if steps > 0 {
                    let published_ns =
                        self.next_ns.saturating_add((steps - 1).saturating_mul(self.period_ns));
                    self.current = Update { sequence, published_ns };
                    self.next_ns = published_ns.saturating_add(self.period_ns);
                }
            }
            Some(_) => {
                let steps = (sequence - self.current.sequence).min(MOST_STEPS);
                (0..steps).for_each(|_| self.advance());
            }
        }
    }

    /// The update after the current one, which may lie in the future.
    pub(crate) fn peek(&self) -> Update {
        Update { sequence: self.current.sequence + 1, published_ns: self.next_ns }
    }

    /// Makes the next update the current one.
    pub(crate) fn advance(&mut self) {
        self.current = self.peek();
        let gap = match &mut self.gaps {
            None => self.period_ns,
            Some(rng) => exponential(rng, self.period_ns),
        };
        self.next_ns += gap;
    }
}

/// A gap of a Poisson process by inversion, at least one nanosecond.
fn exponential(rng: &mut SplitMix64, mean_ns: u64) -> u64 {
    // 53 random bits in (0, 1]: the logarithm is finite.
    let uniform = ((rng.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64;
    ((-uniform.ln() * mean_ns as f64) as u64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Spec;
    use proptest::prelude::*;

    fn feed(arrivals: Arrivals, spread: bool, seed: u64) -> Feed {
        let spec = Spec { rate_hz: 100.0, arrivals, spread, seed, ..Spec::PLAIN };
        Feed { spec, epoch_ns: 1_000_000_000_000 }
    }

    proptest! {
        #[test]
        fn stepping_and_jumping_agree(
            poisson: bool, spread: bool, seed: u64, topic: u32,
            jumps in prop::collection::vec(0u64..500_000_000, 1..20)
        ) {
            let arrivals = if poisson { Arrivals::Poisson } else { Arrivals::Periodic };
            let feed = feed(arrivals, spread, seed);
            let (mut jumping, mut stepping) =
                (Cursor::new(&feed, Topic(topic)), Cursor::new(&feed, Topic(topic)));
            let mut now = feed.epoch_ns;
            for jump in jumps {
                now += jump;
                while stepping.peek().published_ns <= now {
                    let next = stepping.peek();
                    stepping.advance();
                    prop_assert_eq!(stepping.current, next);
                }
                let latest = jumping.latest(now);
                prop_assert_eq!(latest, stepping.current);
                prop_assert!(latest.published_ns <= now);
                prop_assert!(jumping.peek().published_ns > now);
            }
        }
    }

    proptest! {
        #[test]
        fn seeking_is_stepping(poisson: bool, seed: u64, there in 0u64..200, then in 0u64..200) {
            let arrivals = if poisson { Arrivals::Poisson } else { Arrivals::Periodic };
            let feed = feed(arrivals, true, seed);
            let topic = Topic(9);
            let mut seeking = Cursor::new(&feed, topic);
            seeking.seek(&feed, topic, there);
            seeking.seek(&feed, topic, then);
            let mut stepping = Cursor::new(&feed, topic);
            (0..then).for_each(|_| stepping.advance());
            prop_assert_eq!((seeking.current, seeking.peek()), (stepping.current, stepping.peek()));
            // The count before a moment is the number of the last update before it.
            let at = stepping.current.published_ns;
            if then > 0 {
                prop_assert_eq!(feed.published_before(topic, at), then - 1);
                prop_assert_eq!(feed.published_before(topic, at + 1), then);
            }
        }
    }

    #[test]
    fn there_is_an_update_at_the_epoch() {
        for topic in 0..100 {
            let feed = feed(Arrivals::Periodic, true, 7);
            let first = Cursor::new(&feed, Topic(topic)).latest(feed.epoch_ns);
            assert_eq!(first.sequence, 0);
            assert!(first.published_ns <= feed.epoch_ns);
            assert!(first.published_ns + feed.spec.period_ns() > feed.epoch_ns);
        }
    }

    #[test]
    fn poisson_gaps_have_the_mean_and_deviation_of_their_law() {
        let feed = feed(Arrivals::Poisson, true, 11);
        let mut cursor = Cursor::new(&feed, Topic(5));
        let n = 100_000;
        let (mut sum, mut squares, mut last) = (0.0, 0.0, cursor.peek().published_ns);
        for _ in 0..n {
            cursor.advance();
            let gap = (cursor.peek().published_ns - last) as f64 / 1e7;
            last = cursor.peek().published_ns;
            sum += gap;
            squares += gap * gap;
        }
        let mean = sum / f64::from(n);
        let variance = squares / f64::from(n) - mean * mean;
        // Five standard errors of a fixed seed: 5/√n and 5·√(8/n).
        assert!((mean - 1.0).abs() < 0.016, "{mean}");
        assert!((variance - 1.0).abs() < 0.045, "{variance}");
    }

    #[test]
    fn phases_fill_the_period_evenly() {
        let feed = feed(Arrivals::Periodic, true, 3);
        let mut tenths = [0u32; 10];
        for topic in 0..10_000 {
            let next = Cursor::new(&feed, Topic(topic)).peek().published_ns - feed.epoch_ns;
            tenths[((next - 1) * 10 / feed.spec.period_ns()) as usize] += 1;
        }
        assert!(tenths.iter().all(|&n| (850..1150).contains(&n)), "{tenths:?}");
    }
}
