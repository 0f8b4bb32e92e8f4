//! What a client has received of its topic: each update counted once, gaps and repeats found, the
//! age of its information integrated.
//!
//! Separate from the books, which count bytes, and shared by every transport, so that all of them
//! mean the same by "delivered", "superseded" and "missing". Where the feed is ours, the updates
//! published for a client are counted by the feed's own arithmetic, and what came is held against
//! them: `published = delivered + superseded + missing`. Where it is another's with our stamps, the
//! numbers tell what was published between the first update that came and the last, and what was
//! skipped is counted when the next one comes; of what lies beyond these two nobody knows.

use crate::client::delivery::shared::Heard;
use crate::client::handle::Client;
use crate::feed::{Feed, Semantics, Spec, Stamp, Topic, Workload};
use crate::record::{Metric, Phase, TraceKind};
use crate::time::Schedule;

/// What it means where an update is skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skipped {
    /// A later one took its place, as it should where only the latest counts.
    Superseded,
    /// It should have come.
    Missing,
}

/// What a skipped update means to a client that is pushed to: where updates are held back and only
/// the latest counts, a later one took its place.
pub(crate) fn skipped(feed: &Spec) -> Skipped {
    match (feed.semantics, feed.batch_ns) {
        (Semantics::Snapshot, 1..) => Skipped::Superseded,
        _ => Skipped::Missing,
    }
}

/// What an update was to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// New.
    Fresh,
    /// The newest that it had already.
    Known,
    /// One that came after a later one.
    Late,
    /// An earlier one that came again.
    Again,
}

/// One client's receipts.
#[derive(Debug, Default)]
pub struct Receipts {
    newest: Option<Stamp>,
    /// Which of the 64 updates before the newest have come, the one just before it lowest.
    before: u64,
    window: Option<Window>,
    /// The age of information is integrated up to here.
    aged_ns: u64,
    delivered: u64,
    superseded: u64,
    /// Skipped where none should have been, less those that came late.
    gaps: u64,
    /// The next update that comes is the first on a new connection.
    reconnected: bool,
    /// Where clients send to each other: what it has heard of each of them, and nothing above but
    /// the newest is used.
    heard: Option<Box<Heard>>,
}

/// The measured window as one client's updates see it; when it is, the thread knows.
#[derive(Debug, Clone, Copy)]
struct Window {
    generation: u32,
    /// The first and the one after the last update published in it, where the feed is ours.
    sequences: Option<(u64, u64)>,
}

impl Receipts {
    /// Says that what comes next comes on another connection.
    pub fn reconnected(&mut self) {
        self.reconnected = true;
    }

    /// The newest update that it has.
    pub fn newest(&self) -> Option<u64> {
        self.newest.map(|stamp| stamp.sequence)
    }

    /// Takes in one update of a message; counts what it is and how old.
    pub fn take_in(
        &mut self,
        client: &Client,
        phase: Phase,
        stamp: Stamp,
        now_ns: u64,
        skipped: Skipped,
    ) -> Receipt {
        if client.thread.spec.workload.is_shared() {
            return self.hear(client, phase, stamp, now_ns);
        }
        self.renew(client);
        let receipt = self.judge(stamp.sequence);
        let mut recorder = client.thread.recorder.borrow_mut();
        let counts = &mut recorder.at(phase).counts;
        match receipt {
            Receipt::Known if skipped == Skipped::Superseded => counts.repeated += 1,
            Receipt::Known | Receipt::Again => {
                counts.repeated += 1;
                counts.updates_duplicated += 1;
            }
            Receipt::Late => {
                counts.messages += 1;
                counts.updates_reordered += 1;
                if self.measures(client, phase, stamp) {
                    self.delivered += 1;
                    self.gaps = self.gaps.saturating_sub(1);
                }
            }
            Receipt::Fresh => {
                let jumped = self.newest.map_or(0, |newest| stamp.sequence - newest.sequence - 1);
                counts.messages += 1;
                match skipped {
                    Skipped::Superseded => counts.superseded += jumped,
                    Skipped::Missing => counts.lost += jumped,
                }
                if jumped > 0 && self.reconnected {
                    counts.reconnect_gaps += 1;
                }
                self.reconnected = false;
                // What was published before the client looked for the first time was not waited
                // for: its age is no delivery latency.
                if self.newest.is_some() || skipped == Skipped::Missing {
                    recorder.since(phase, Metric::DeliveryLatency, stamp.published_ns, now_ns);
                }
            }
        }
        drop(recorder);
        let known = receipt == Receipt::Known || receipt == Receipt::Again;
        let kind = if known { TraceKind::Empty } else { TraceKind::Update };
        client.trace(kind, now_ns, Some(stamp));
        if receipt == Receipt::Fresh {
            self.advance(client, phase, stamp, now_ns, skipped);
        }
        receipt
    }

    fn hear(&mut self, client: &Client, phase: Phase, stamp: Stamp, now_ns: u64) -> Receipt {
        let heard = self.heard.get_or_insert_with(|| Box::new(Heard::new(&client.thread.spec)));
        let receipt = heard.take_in(client, phase, stamp, now_ns);
        client.trace(TraceKind::Update, now_ns, Some(stamp));
        // The place in the room is that of what came last.
        self.newest = Some(stamp);
        receipt
    }

    fn judge(&mut self, sequence: u64) -> Receipt {
        let Some(newest) = self.newest else { return Receipt::Fresh };
        match newest.sequence.checked_sub(sequence) {
            None => Receipt::Fresh,
            Some(0) => Receipt::Known,
            Some(back @ 1..=64) if self.before & (1 << (back - 1)) == 0 => {
                self.before |= 1 << (back - 1);
                Receipt::Late
            }
            Some(_) => Receipt::Again,
        }
    }

    /// Makes an update the newest.
    fn advance(
        &mut self,
        client: &Client,
        phase: Phase,
        stamp: Stamp,
        now_ns: u64,
        skipped: Skipped,
    ) {
        self.age(client, now_ns);
        if let Some((from_ns, until_ns)) = client.thread.window.get()
            && let Some(newest) = self.informed()
            && (from_ns..until_ns).contains(&now_ns)
        {
            let mut recorder = client.thread.recorder.borrow_mut();
            recorder.since(Phase::Steady, Metric::PeakAge, newest.published_ns, now_ns);
        }
        self.delivered += u64::from(self.measures(client, phase, stamp));
        let first = self.newest.map(|newest| newest.sequence + 1);
        let jumped = match self.window.and_then(|w| w.sequences) {
            Some((from, until)) => {
                stamp.sequence.min(until).saturating_sub(first.unwrap_or(0).max(from))
            }
            None if phase == Phase::Steady => first.map_or(0, |first| stamp.sequence - first),
            None => 0,
        };
        match skipped {
            Skipped::Superseded => self.superseded += jumped,
            Skipped::Missing => self.gaps += jumped,
        }
        let step = self.newest.map_or(64, |newest| stamp.sequence - newest.sequence);
        // The old newest is one of those before the new one.
        self.before = match (step, self.newest) {
            (_, None) => u64::MAX,
            (1..64, _) => (self.before << step) | (1 << (step - 1)),
            (64, _) => 1 << 63,
            _ => 0,
        };
        self.newest = Some(stamp);
    }

    /// Whether an update was published within the measured window; or came in it, where the clock
    /// and the numbers of the feed are not ours.
    fn measures(&self, client: &Client, phase: Phase, stamp: Stamp) -> bool {
        if self.window.is_none_or(|w| w.sequences.is_none()) {
            return phase == Phase::Steady;
        }
        let window = client.thread.window.get();
        window.is_some_and(|(from_ns, until_ns)| (from_ns..until_ns).contains(&stamp.published_ns))
    }

    /// The newest update, where it is one: what a topic holds before its first was never
    /// published, and has no age.
    fn informed(&self) -> Option<Stamp> {
        self.newest.filter(|newest| newest.sequence > 0)
    }

    /// Integrates the age of what the client has, within the measured window.
    fn age(&mut self, client: &Client, now_ns: u64) {
        let window = client.thread.window.get();
        let (Some((from_ns, until_ns)), Some(newest)) = (window, self.informed()) else {
            self.aged_ns = now_ns;
            return;
        };
        let from = self.aged_ns.max(from_ns);
        let until = now_ns.min(until_ns);
        self.aged_ns = now_ns;
        // What a feed said before it began was published in no time that can be told.
        if until <= from || newest.published_ns > from {
            return;
        }
        let age = |at: u64| u128::from(at.saturating_sub(newest.published_ns));
        client.thread.aged(until - from, (age(until).pow(2) - age(from).pow(2)) / 2);
    }

    /// Learns of the measured window, once it is known when it is.
    fn renew(&mut self, client: &Client) {
        let thread = &client.thread;
        let generation = thread.generation();
        if self.window.is_some_and(|w| w.generation == generation) {
            return;
        }
        self.window = thread.window.get().map(|(from_ns, until_ns)| {
            let known = client.topic().zip(thread.feed.get());
            let known = known.filter(|(_, feed)| feed.spec.workload == Workload::Ticker);
            let sequences = known.map(|(topic, feed)| sequences(&feed, topic, from_ns, until_ns));
            Window { generation, sequences }
        });
    }

    /// Closes the receipts at the end of the load: the last stretch of age, and the updates that
    /// were published against those that came. A load that was cut short is not held against
    /// anything.
    pub fn settle(&mut self, client: &Client) {
        if client.thread.spec.workload.is_shared() {
            let heard = self.heard.take().map(|heard| *heard);
            return heard.unwrap_or_else(|| Heard::new(&client.thread.spec)).settle(client);
        }
        self.renew(client);
        let Some(window) = self.window.filter(|_| client.is_finished()) else { return };
        self.age(client, client.thread.window.get().map_or(0, |w| w.1));
        let (published, tail) = match window.sequences {
            Some((from, until)) => {
                // What was published after the newest that came has not come.
                let next = self.newest.map_or(0, |newest| newest.sequence + 1);
                (until - from, until.saturating_sub(from.max(next)))
            }
            None => (self.delivered + self.superseded + self.gaps, 0),
        };
        let mut recorder = client.thread.recorder.borrow_mut();
        let counts = &mut recorder.at(Phase::Steady).counts;
        counts.updates_published += published;
        counts.updates_delivered += self.delivered;
        counts.updates_superseded += self.superseded;
        counts.updates_missing += self.gaps + tail;
    }
}

/// The measured window by moments of publishing.
pub(crate) fn measured(schedule: &Schedule) -> (u64, u64) {
    (schedule.steady_from_ns(), schedule.steady_from_ns() + schedule.duration_ns)
}

fn sequences(feed: &Feed, topic: Topic, from_ns: u64, until_ns: u64) -> (u64, u64) {
    let after = |ns| feed.published_before(topic, ns) + 1;
    (after(from_ns), after(until_ns))
}
