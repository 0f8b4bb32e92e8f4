//! What a client has heard of the others: of each sender every message once, gaps and repeats
//! found, and when each message was there.
//!
//! Separate from `receipts`, which follow one topic in which every update has its place: here the
//! messages of many senders come in any order among each other, and each sender's in its own. What
//! should have come is known by arithmetic: all senders have the same turns in the measured
//! window, so their messages of it have the same numbers.

use crate::client::delivery::per_client::Receipt;
use crate::client::handle::Client;
use crate::feed::{Post, Spec, Stamp};
use crate::record::{FanOut, Metric, Phase};
use crate::time::Schedule;
use std::ops::Range;

/// Messages of a thread whose spreading is followed; of each sender the first ones.
const MOST_FOLLOWED: usize = 65_536;

/// The numbers of each sender's messages in the measured window.
pub(crate) fn numbers(spec: &Spec, schedule: &Schedule) -> Range<u32> {
    let own = Schedule { interval_ns: spec.period_ns().max(1), ..*schedule };
    let before = own.warmup_ns.div_ceil(own.interval_ns);
    let number = |turns: u64| u32::try_from(turns.saturating_add(1)).unwrap_or(u32::MAX);
    number(before)..number(before.saturating_add(own.steady_turns()))
}

/// What one client has heard.
#[derive(Debug)]
pub(crate) struct Heard {
    senders: Vec<Sender>,
    /// The measured window's numbers, and the schedule that they are of.
    window: Option<(u32, Range<u32>)>,
    delivered: u64,
    /// Numbers of the window that were skipped, less those that came late.
    gaps: u64,
}

/// What one client has heard of one sender.
#[derive(Debug, Clone, Copy, Default)]
struct Sender {
    /// The highest number; 0 before the first.
    newest: u32,
    /// Which of the 64 numbers before that have come, the one just before it lowest.
    before: u64,
}

impl Sender {
    fn judge(&mut self, number: u32) -> Receipt {
        match self.newest.checked_sub(number) {
            None => Receipt::Fresh,
            Some(0) => Receipt::Known,
            Some(back @ 1..=64) if self.before & (1 << (back - 1)) == 0 => {
                self.before |= 1 << (back - 1);
                Receipt::Late
            }
            Some(_) => Receipt::Again,
        }
    }

    fn advance(&mut self, number: u32) {
        let step = number - self.newest;
        self.before = match step {
            0..64 => (self.before << step) | (1 << (step.max(1) - 1)),
            64 => 1 << 63,
            _ => 0,
        };
        self.newest = number;
    }
}

impl Heard {
    /// Nothing yet.
    pub(crate) fn new(spec: &Spec) -> Heard {
        let senders = vec![Sender::default(); spec.senders as usize];
        Heard { senders, window: None, delivered: 0, gaps: 0 }
    }

    /// Takes in one message; counts what it is and how old.
    pub(crate) fn take_in(
        &mut self,
        client: &Client,
        phase: Phase,
        stamp: Stamp,
        now_ns: u64,
    ) -> Receipt {
        self.renew(client);
        let post = Post::of_sequence(stamp.sequence);
        let mut recorder = client.thread.recorder.borrow_mut();
        let counts = &mut recorder.at(phase).counts;
        let sender = self.senders.get_mut(post.sender as usize).filter(|_| post.number > 0);
        let Some(sender) = sender else {
            // Nobody of ours has sent it.
            counts.messages += 1;
            counts.unstamped += 1;
            return Receipt::Fresh;
        };
        let receipt = sender.judge(post.number);
        let window = self.window.as_ref().map_or(0..0, |(_, numbers)| numbers.clone());
        match receipt {
            Receipt::Known | Receipt::Again => {
                counts.repeated += 1;
                counts.updates_duplicated += 1;
                return receipt;
            }
            Receipt::Late => {
                counts.updates_reordered += 1;
                self.gaps = self.gaps.saturating_sub(u64::from(window.contains(&post.number)));
            }
            Receipt::Fresh => {
                counts.lost += u64::from(post.number - sender.newest - 1);
                let skipped = post
                    .number
                    .min(window.end)
                    .saturating_sub((sender.newest + 1).max(window.start));
                self.gaps += u64::from(skipped);
                sender.advance(post.number);
            }
        }
        counts.messages += 1;
        recorder.since(phase, Metric::DeliveryLatency, stamp.published_ns, now_ns);
        drop(recorder);
        if window.contains(&post.number) {
            self.delivered += 1;
            client.thread.followed.borrow_mut().arrived(post, stamp.published_ns, now_ns);
        }
        receipt
    }

    /// Learns of the measured window, once it is known when it is.
    fn renew(&mut self, client: &Client) {
        let thread = &client.thread;
        let generation = thread.generation();
        if self.window.as_ref().is_some_and(|(known, _)| *known == generation) {
            return;
        }
        let schedule = thread.schedule().filter(|s| !s.calibration);
        self.window = schedule.map(|s| (generation, numbers(&thread.spec, &s)));
    }

    /// Closes the receipts at the end of the load: what the senders had to send in the measured
    /// window against what came. A load that was cut short is not held against anything.
    pub(crate) fn settle(&mut self, client: &Client) {
        self.renew(client);
        let Some((_, window)) = self.window.as_ref().filter(|_| client.is_finished()) else {
            return;
        };
        let tail = |s: &Sender| window.end.saturating_sub(window.start.max(s.newest + 1));
        let tails: u64 = self.senders.iter().map(|s| u64::from(tail(s))).sum();
        let mut recorder = client.thread.recorder.borrow_mut();
        let counts = &mut recorder.at(Phase::Steady).counts;
        counts.updates_published += window.len() as u64 * self.senders.len() as u64;
        counts.updates_delivered += self.delivered;
        counts.updates_missing += self.gaps + tails;
    }
}

/// How the messages of the measured window spread over the clients of one thread.
#[derive(Debug, Default)]
pub struct Followed {
    first: u32,
    /// Messages of each sender that are followed.
    each: u32,
    /// Sender by sender. Made before the load begins, so that following takes no memory.
    posts: Vec<FanOut>,
}

impl Followed {
    /// Begins anew for a schedule.
    pub fn begin(&mut self, spec: &Spec, schedule: &Schedule) {
        let numbers = numbers(spec, schedule);
        let senders = if spec.workload.is_shared() { spec.senders } else { 0 };
        let room = MOST_FOLLOWED / (senders.max(1) as usize);
        self.first = numbers.start;
        self.each = numbers.len().min(room) as u32;
        let nobody = FanOut { post: 0, at_ns: 0, first_ns: u64::MAX, last_ns: 0, receivers: 0 };
        self.posts.clear();
        self.posts.resize(self.each as usize * senders as usize, nobody);
    }

    fn arrived(&mut self, post: Post, at_ns: u64, now_ns: u64) {
        let Some(place) = post.number.checked_sub(self.first).filter(|at| *at < self.each) else {
            return;
        };
        let index = post.sender as usize * self.each as usize + place as usize;
        let Some(entry) = self.posts.get_mut(index) else { return };
        // Before it was sent is what two clocks say that disagree; the latency counts those.
        let since = now_ns.saturating_sub(at_ns);
        let own =
            FanOut { post: post.sequence(), at_ns, first_ns: since, last_ns: since, receivers: 1 };
        entry.post = own.post;
        entry.at_ns = own.at_ns;
        entry.add(&own);
    }

    /// Gives away what was followed and came to anybody.
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
            warmup_ns: 250_000_000,
            duration_ns: 1_000_000_000,
            cooldown_ns: 0,
            calibration: false,
        }
    }

    #[test]
    fn the_windows_numbers_are_those_of_the_senders_turns() {
        // Turns at 0, 100 and 200 ms are before it: the fourth is the first in it.
        assert_eq!(numbers(&spec(), &schedule()), 4..14);
    }

    #[test]
    fn each_senders_messages_are_judged_by_themselves() {
        let mut sender = Sender::default();
        let mut judge = |number| {
            let receipt = sender.judge(number);
            if receipt == Receipt::Fresh {
                sender.advance(number);
            }
            receipt
        };
        use Receipt::{Again, Fresh, Known, Late};
        let all = [1, 2, 5, 5, 3, 3, 4, 1, 200, 5, 199].map(&mut judge);
        assert_eq!(all, [Fresh, Fresh, Fresh, Known, Late, Again, Late, Again, Fresh, Again, Late]);
    }

    #[test]
    fn a_messages_first_and_last_receiver_are_kept_and_others_are_not_followed() {
        let mut followed = Followed::default();
        followed.begin(&spec(), &schedule());
        let post = Post { sender: 1, number: 13 };
        followed.arrived(post, 1_000, 1_700);
        followed.arrived(post, 1_000, 1_200);
        for number in [3, 14] {
            followed.arrived(Post { sender: 0, number }, 1_000, 1_100);
        }
        followed.arrived(Post { sender: 2, number: 5 }, 1_000, 1_100);
        let (at_ns, first_ns, last_ns) = (1_000, 200, 700);
        let post = post.sequence();
        assert_eq!(followed.take(), [FanOut { post, at_ns, first_ns, last_ns, receivers: 2 }]);
    }
}
