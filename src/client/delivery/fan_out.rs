//! How messages spread: when the first and the last client of a thread received each.

use crate::feed::{Post, Spec};
use crate::record::FanOut;
use crate::time::Schedule;
use std::ops::Range;

/// The most messages of a thread that are followed, however many there are: of each sender the
/// same number, evenly over the measured window.
const MOST_FOLLOWED: usize = 65_536;

/// Returns the numbers of each sender's messages in the measured window. All senders have the same
/// turns in it, so they are the same for all.
pub(crate) fn window_numbers(spec: &Spec, schedule: &Schedule) -> Range<u32> {
    let own = Schedule { interval_ns: spec.period_ns().max(1), ..*schedule };
    let before = own.warmup_ns.div_ceil(own.interval_ns);
    let number = |turns: u64| u32::try_from(turns.saturating_add(1)).unwrap_or(u32::MAX);
    number(before)..number(before.saturating_add(own.steady_turns()))
}

/// Follows the messages of the measured window over the clients of one thread.
#[derive(Debug, Default)]
pub struct FanOutTracker {
    first: u32,
    /// Of each sender's messages one in so many is followed.
    step: u32,
    /// Messages of each sender that are followed.
    each: u32,
    /// Sender by sender. Allocated before the load begins.
    posts: Vec<FanOut>,
}

impl FanOutTracker {
    /// Starts again, for another schedule.
    pub fn start(&mut self, spec: &Spec, schedule: &Schedule) {
        let numbers = window_numbers(spec, schedule);
        let senders = if spec.workload.is_shared() { spec.senders } else { 0 };
        // Of more senders than that, the first ones are followed.
        let room = (MOST_FOLLOWED / (senders.max(1) as usize)).max(1);
        let step = numbers.len().div_ceil(room).max(1);
        self.first = numbers.start;
        self.step = u32::try_from(step).unwrap_or(u32::MAX);
        self.each = numbers.len().div_ceil(step) as u32;
        let nobody = FanOut { post: 0, at_ns: 0, first_ns: u64::MAX, last_ns: 0, receivers: 0 };
        let followed = (self.each as usize).saturating_mul(senders as usize).min(MOST_FOLLOWED);
        self.posts.clear();
        self.posts.resize(followed, nobody);
    }

    /// Records that a client received a message.
    pub(super) fn record(&mut self, post: Post, at_ns: u64, now_ns: u64) {
        let Some(place) = post.number.checked_sub(self.first) else { return };
        let Some(turn) = place.checked_div(self.step).filter(|turn| *turn < self.each) else {
            return;
        };
        if turn * self.step != place {
            return;
        }
        let index = post.sender as usize * self.each as usize + turn as usize;
        let Some(entry) = self.posts.get_mut(index) else { return };
        // Earlier than it was sent: two clocks disagree. The latency counts those.
        let since = now_ns.saturating_sub(at_ns);
        entry.post = post.sequence();
        entry.at_ns = at_ns;
        entry.add(&FanOut { first_ns: since, last_ns: since, receivers: 1, ..*entry });
    }

    /// Takes the messages that any client received.
    pub fn take(&mut self) -> Vec<FanOut> {
        let mut posts = std::mem::take(&mut self.posts);
        posts.retain(|post| post.receivers > 0);
        posts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Workload;

    fn spec() -> Spec {
        Spec { workload: Workload::Broadcast, senders: 2, rate_hz: 10.0, ..Spec::PLAIN }
    }

    fn schedule() -> Schedule {
        Schedule {
            start_ns: 5,
            interval_ns: 1_000_000_000,
            push_spread_ns: 0,
            warmup_ns: 250_000_000,
            duration_ns: 1_000_000_000,
            cooldown_ns: 0,
            calibration: false,
        }
    }

    #[test]
    fn the_numbers_of_the_window_are_those_of_its_turns() {
        // Turns at 0, 100 and 200 ms are before it: the fourth is the first in it.
        assert_eq!(window_numbers(&spec(), &schedule()), 4..14);
    }

    /// Memory is the same for any number of messages and senders, and what is followed is from all
    /// of the window.
    #[test]
    fn long_windows_and_many_senders_are_followed_in_part_and_evenly() {
        for (senders, seconds) in [(1, 86_400), (20, 7_200), (3_000, 600), (100_000, 5)] {
            let spec = Spec { senders, rate_hz: 10.0, ..spec() };
            let schedule = Schedule { duration_ns: seconds * 1_000_000_000, ..schedule() };
            let mut tracker = FanOutTracker::default();
            tracker.start(&spec, &schedule);
            assert!(tracker.posts.len() <= MOST_FOLLOWED, "{senders} senders");
            let numbers = window_numbers(&spec, &schedule);
            for number in numbers.clone() {
                tracker.record(Post { sender: 0, number }, 1_000, 1_100);
            }
            let followed = tracker.take().len();
            let step = numbers.len().div_ceil(followed);
            let last = numbers.start + ((followed - 1) * step) as u32;
            assert!(followed >= 1 && last < numbers.end, "{senders} senders: {followed}");
            assert!((numbers.end - last) as usize <= step, "{last} of {numbers:?} by {step}");
        }
    }

    #[test]
    fn a_messages_first_and_last_receiver_are_kept_and_others_are_not_followed() {
        let mut tracker = FanOutTracker::default();
        tracker.start(&spec(), &schedule());
        let post = Post { sender: 1, number: 13 };
        tracker.record(post, 1_000, 1_700);
        tracker.record(post, 1_000, 1_200);
        for number in [3, 14] {
            tracker.record(Post { sender: 0, number }, 1_000, 1_100);
        }
        tracker.record(Post { sender: 2, number: 5 }, 1_000, 1_100);
        let (at_ns, first_ns, last_ns) = (1_000, 200, 700);
        let post = post.sequence();
        assert_eq!(tracker.take(), [FanOut { post, at_ns, first_ns, last_ns, receivers: 2 }]);
    }
}
