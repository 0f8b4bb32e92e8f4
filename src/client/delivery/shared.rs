//! Delivery of messages that clients send to each other: of each sender every message once, gaps
//! and repeats found, and when each message was there.
//!
//! Separate from `per_client`, which tracks one topic in which every update has its place: here the
//! messages of many senders come in any order among each other, and each sender's in its own. The
//! messages that should come are known by arithmetic, see [`window_numbers`].

use crate::client::core::ClientCore;
use crate::client::delivery::fan_out::window_numbers;
use crate::client::delivery::open_gaps::{Gap, OpenGaps, lose};
use crate::client::delivery::sequence_window::{Arrival, SequenceWindow};
use crate::feed::{Post, Spec, Stamp};
use crate::record::{Metric, Phase};
use std::ops::Range;

/// What one client has received of all senders.
#[derive(Debug)]
pub(crate) struct SharedDelivery {
    senders: Vec<FromSender>,
    /// Messages of all senders that were skipped and may still come, by the numbers in stamps.
    open: OpenGaps,
    /// The generation of the schedule, and the numbers of its measured window.
    window: Option<(u32, Range<u32>)>,
    delivered: u64,
    /// Numbers of the window that were skipped, less those that came late.
    gaps: u64,
}

/// What one client has received of one sender.
#[derive(Debug, Clone, Copy, Default)]
struct FromSender {
    /// The highest number; 0 before the first.
    newest: u32,
    before: SequenceWindow,
}

impl SharedDelivery {
    pub(crate) fn new(spec: &Spec) -> SharedDelivery {
        let senders = vec![FromSender::default(); spec.senders as usize];
        SharedDelivery { senders, open: OpenGaps::default(), window: None, delivered: 0, gaps: 0 }
    }

    /// Receives one message; counts what it is and how old.
    pub(crate) fn receive(
        &mut self,
        client: &ClientCore,
        phase: Phase,
        stamp: Stamp,
        now_ns: u64,
    ) -> Arrival {
        self.renew(client);
        let post = Post::of_sequence(stamp.sequence);
        let mut recorder = client.thread.recorder.borrow_mut();
        let counts = &mut recorder.at(phase).counts;
        let sender = self.senders.get_mut(post.sender as usize).filter(|_| post.number > 0);
        let Some(sender) = sender else {
            // No client of this run has sent it.
            counts.messages += 1;
            counts.unstamped += 1;
            return Arrival::New;
        };
        let mut arrival = sender.before.classify(u64::from(sender.newest), u64::from(post.number));
        if matches!(arrival, Arrival::Late | Arrival::Again)
            && let Some((_, given_up)) = self.open.take(post.sequence())
        {
            // An open gap may be further back than the window.
            arrival = Arrival::Late;
            lose(&mut recorder, given_up);
        }
        let counts = &mut recorder.at(phase).counts;
        let window = self.window.as_ref().map_or(0..0, |(_, numbers)| numbers.clone());
        match arrival {
            Arrival::NewestAgain | Arrival::Again => {
                counts.repeated += 1;
                counts.updates_duplicated += 1;
                return arrival;
            }
            Arrival::Late => {
                counts.updates_reordered += 1;
                self.gaps = self.gaps.saturating_sub(u64::from(window.contains(&post.number)));
            }
            Arrival::New => {
                if post.number > sender.newest + 1 {
                    let of = |number| Post { number, ..post }.sequence();
                    let first = of(sender.newest + 1);
                    let last = of(post.number - 1);
                    lose(&mut recorder, self.open.open(Gap { first, last, phase }));
                }
                let skipped = post
                    .number
                    .min(window.end)
                    .saturating_sub((sender.newest + 1).max(window.start));
                self.gaps += u64::from(skipped);
                sender.before.advance(u64::from(post.number - sender.newest));
                sender.newest = post.number;
            }
        }
        recorder.at(phase).counts.messages += 1;
        recorder.since(phase, Metric::DeliveryLatency, stamp.published_ns, now_ns);
        drop(recorder);
        if window.contains(&post.number) {
            self.delivered += 1;
            client.thread.fan_out.borrow_mut().record(post, stamp.published_ns, now_ns);
        }
        arrival
    }

    /// Reads the measured window of the current schedule.
    fn renew(&mut self, client: &ClientCore) {
        let thread = &client.thread;
        let generation = thread.generation.get();
        if self.window.as_ref().is_some_and(|(known, _)| *known == generation) {
            return;
        }
        let schedule = thread.schedule.get().filter(|s| !s.calibration);
        self.window = schedule.map(|s| (generation, window_numbers(&thread.spec, &s)));
    }

    /// Counts, at the end of the load, what the senders had to send in the measured window and
    /// what of it is missing. Of a load that was cut short only the lost ones are counted.
    pub(crate) fn settle(&mut self, client: &ClientCore) {
        lose(&mut client.thread.recorder.borrow_mut(), self.open.close());
        self.renew(client);
        let Some((_, window)) = self.window.as_ref().filter(|_| client.is_finished()) else {
            return;
        };
        let tail = |s: &FromSender| window.end.saturating_sub(window.start.max(s.newest + 1));
        let tails: u64 = self.senders.iter().map(|s| u64::from(tail(s))).sum();
        let mut recorder = client.thread.recorder.borrow_mut();
        let counts = &mut recorder.at(Phase::Steady).counts;
        counts.updates_published += window.len() as u64 * self.senders.len() as u64;
        counts.updates_delivered += self.delivered;
        counts.updates_missing += self.gaps + tails;
    }
}
