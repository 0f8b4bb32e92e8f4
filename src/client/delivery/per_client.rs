//! Delivery of a client's topic: each update counted once, gaps and repeats found, the age of the
//! client's information integrated.
//!
//! Shared by every transport, so that all of them mean the same by "delivered", "superseded" and
//! "missing". With the reference server the number of published updates follows from the feed's
//! schedule, and `published = delivered + superseded + missing`. With another server that writes
//! this program's stamps, the numbers show what was published between the first update received
//! and the last; a skipped one is counted when the next one arrives. What was published before and
//! after is not known.

use crate::client::core::ClientCore;
use crate::client::delivery::inbox::Inbox;
use crate::client::delivery::open_gaps::{Gap, OpenGaps, lose};
use crate::client::delivery::own_messages::{OwnMessages, Receipt};
use crate::client::delivery::own_reader::OwnMessage;
use crate::client::delivery::sequence_window::{Arrival, SequenceWindow};
use crate::client::delivery::shared::SharedDelivery;
use crate::client::delivery::silence::{Sign, Silence};
use crate::client::delivery::skipped::Skipped;
use crate::feed::{Feed, Stamp, Topic, Workload};
use crate::protocol::message::MessageReader;
use crate::record::{Metric, Phase, TraceKind};

/// What one client has received.
#[derive(Debug, Default)]
pub(crate) struct DeliveryTracker {
    skipped: Skipped,
    newest: Option<Stamp>,
    before: SequenceWindow,
    /// If skipped ones are missing: those that may still come.
    open: OpenGaps,
    window: Option<TopicWindow>,
    /// The age of information is integrated up to here.
    aged_ns: u64,
    delivered: u64,
    /// Skipped ones, less those that came late: superseded or missing, as `skipped` has it.
    passed_over: u64,
    /// The next update that comes is the first on a new connection.
    reconnected: bool,
    /// If clients send to each other, what has come of each of them. Nothing above but `newest` is
    /// used then.
    shared: Option<Box<SharedDelivery>>,
    /// If the server has messages of its own form, what has come of each of its channels.
    own: Option<Box<OwnMessages>>,
    /// Whether the client asks for each message.
    asks: bool,
    /// Whether updates come at all.
    silence: Silence,
}

/// The measured window in numbers of one client's topic.
#[derive(Debug, Clone, Copy)]
struct TopicWindow {
    generation: u32,
    /// The first and the one after the last update published in it; `None` with another server.
    sequences: Option<(u64, u64)>,
}

impl DeliveryTracker {
    /// Nothing received yet. `skipped` is what an update that does not come means.
    pub(crate) fn new(skipped: Skipped) -> DeliveryTracker {
        DeliveryTracker { skipped, ..DeliveryTracker::default() }
    }

    /// The same for a client that asks for each message.
    pub(crate) fn asking(skipped: Skipped) -> DeliveryTracker {
        DeliveryTracker { asks: true, ..DeliveryTracker::new(skipped) }
    }

    /// Reads memory that the next update needs; the value is of no use.
    #[inline]
    pub(crate) fn touch(&self) -> u64 {
        self.aged_ns ^ self.delivered ^ u64::from(self.newest.is_some())
    }

    /// Notes that what arrives next arrives on another connection.
    pub(crate) fn reconnected(&mut self) {
        self.reconnected = true;
        if let Some(own) = &mut self.own {
            own.reconnected();
        }
    }

    /// Returns the number of the newest update, if it is in one of this program's stamps.
    pub(crate) fn newest(&self) -> Option<u64> {
        self.newest.filter(|_| self.own.is_none()).map(|stamp| stamp.sequence)
    }

    /// Counts a message that is whole by now and receives its updates. Returns whether it brought a
    /// new one.
    pub(crate) fn deliver(
        &mut self,
        inbox: &mut Inbox,
        client: &ClientCore,
        phase: Phase,
        now_ns: u64,
    ) -> bool {
        if let Some(own) = inbox.own() {
            let (message, format) = own.take();
            return self.deliver_own(message, &format, client, phase, now_ns);
        }
        let unstamped = inbox.take_unstamped();
        if let Some(sample) = inbox.take_sample()
            && unstamped > 0
            && client.thread.keep_unread(client.id, sample)
        {
            inbox.keep_next_sample();
        }
        client.message_completed(phase, unstamped);
        client.texts_joined(phase, inbox.take_texts_behind());
        let stamps = inbox.take_stamps();
        let identified = !stamps.as_slice().is_empty();
        if !identified && unstamped == 0 {
            client.message_empty(phase);
            client.trace(TraceKind::Empty, now_ns, None);
            return false;
        }
        let mut new = false;
        for stamp in stamps {
            let arrival = self.receive(client, phase, stamp, now_ns);
            new |= matches!(arrival, Arrival::New | Arrival::Late);
        }
        self.note_sign(Sign { identified, new: new || !identified }, client, phase, now_ns);
        new || unstamped > 0
    }

    /// Notes what a message says of the feed, if nothing else says how many updates should come.
    #[inline]
    fn note_sign(&mut self, sign: Sign, client: &ClientCore, phase: Phase, now_ns: u64) {
        let thread = &client.thread;
        if !thread.source.is_bundled() {
            let measured = phase == Phase::Steady;
            self.silence.note(sign, &thread.spec, thread.window.get(), measured, now_ns);
        }
    }

    /// Does the same for a server's own message.
    fn deliver_own(
        &mut self,
        message: OwnMessage,
        format: &MessageReader,
        client: &ClientCore,
        phase: Phase,
        now_ns: u64,
    ) -> bool {
        if self.asks || !matches!(message, OwnMessage::Ignored(_)) {
            client.message_completed(phase, 0);
        }
        let OwnMessage::Update(fields) = message else {
            client.trace(TraceKind::Empty, now_ns, None);
            if let OwnMessage::Ignored(_) = message {
                client.message_ignored(phase);
            } else {
                client.message_empty(phase);
            }
            return false;
        };
        let skipped = self.skipped;
        let asks = self.asks;
        let own = self.own.get_or_insert_with(|| Box::new(OwnMessages::new(format, skipped, asks)));
        let received = own.receive(client, phase, format, &fields, now_ns);
        let Receipt { new, identified, newest } = received;
        self.note_sign(Sign { identified, new }, client, phase, now_ns);
        let kind = if new { TraceKind::Update } else { TraceKind::Empty };
        client.trace(kind, now_ns, newest);
        if let Some(newest) = newest {
            self.end_age(client, now_ns);
            self.newest = Some(newest);
        }
        new
    }

    /// Receives one update of a message; counts what it is and how old.
    fn receive(&mut self, client: &ClientCore, phase: Phase, stamp: Stamp, now_ns: u64) -> Arrival {
        if client.thread.spec.workload.is_shared() {
            return self.receive_shared(client, phase, stamp, now_ns);
        }
        self.renew(client);
        let (arrival, late) = self.classify(stamp.sequence);
        let mut recorder = client.thread.recorder.borrow_mut();
        let skipped_in = late.map_or(phase, |(skipped_in, given_up)| {
            lose(&mut recorder, given_up);
            skipped_in
        });
        let counts = &mut recorder.at(phase).counts;
        match arrival {
            Arrival::NewestAgain if self.skipped == Skipped::Superseded => counts.repeated += 1,
            Arrival::NewestAgain | Arrival::Again => {
                counts.repeated += 1;
                counts.updates_duplicated += 1;
            }
            Arrival::Late => {
                counts.messages += 1;
                counts.updates_reordered += 1;
                recorder.since(phase, Metric::DeliveryLatency, stamp.published_ns, now_ns);
                let skipped_in_window = self.measures(client, skipped_in, stamp);
                self.delivered += u64::from(self.measures(client, phase, stamp));
                self.passed_over = self.passed_over.saturating_sub(u64::from(skipped_in_window));
            }
            Arrival::New => {
                let jumped = self.newest.map_or(0, |newest| stamp.sequence - newest.sequence - 1);
                counts.messages += 1;
                if jumped > 0 && self.reconnected {
                    counts.reconnect_gaps += 1;
                }
                match self.skipped {
                    Skipped::Superseded => counts.superseded += jumped,
                    Skipped::Missing if jumped > 0 => {
                        let first = stamp.sequence - jumped;
                        let last = stamp.sequence - 1;
                        lose(&mut recorder, self.open.open(Gap { first, last, phase }));
                    }
                    Skipped::Missing => {}
                }
                self.reconnected = false;
                // The client did not wait for what was published before its first request: its
                // age is no delivery latency.
                if self.newest.is_some() || self.skipped == Skipped::Missing {
                    recorder.since(phase, Metric::DeliveryLatency, stamp.published_ns, now_ns);
                }
            }
        }
        drop(recorder);
        let known = matches!(arrival, Arrival::NewestAgain | Arrival::Again);
        let kind = if known { TraceKind::Empty } else { TraceKind::Update };
        client.trace(kind, now_ns, Some(stamp));
        if arrival == Arrival::New {
            self.advance(client, phase, stamp, now_ns);
        }
        arrival
    }

    fn receive_shared(
        &mut self,
        client: &ClientCore,
        phase: Phase,
        stamp: Stamp,
        now_ns: u64,
    ) -> Arrival {
        let new = || Box::new(SharedDelivery::new(&client.thread.spec));
        let arrival = self.shared.get_or_insert_with(new).receive(client, phase, stamp, now_ns);
        client.trace(TraceKind::Update, now_ns, Some(stamp));
        // A reconnect resumes after the message that arrived last.
        self.newest = Some(stamp);
        arrival
    }

    /// Returns what an update is. Of one that was missing also the phase in which it was skipped, and a
    /// gap that is given up by now.
    fn classify(&mut self, sequence: u64) -> (Arrival, Option<(Phase, Option<Gap>)>) {
        let arrival = match self.newest {
            Some(newest) => self.before.classify(newest.sequence, sequence),
            None => Arrival::New,
        };
        match arrival {
            Arrival::New | Arrival::NewestAgain => (arrival, None),
            // An open gap may be further back than the window.
            Arrival::Late | Arrival::Again => match self.open.take(sequence) {
                Some(late) => (Arrival::Late, Some(late)),
                None => (arrival, None),
            },
        }
    }

    /// Makes an update the newest.
    fn advance(&mut self, client: &ClientCore, phase: Phase, stamp: Stamp, now_ns: u64) {
        self.end_age(client, now_ns);
        self.delivered += u64::from(self.measures(client, phase, stamp));
        let first = self.newest.map(|newest| newest.sequence + 1);
        let jumped = match self.window.and_then(|w| w.sequences) {
            Some((from, until)) => {
                stamp.sequence.min(until).saturating_sub(first.unwrap_or(0).max(from))
            }
            None if phase == Phase::Steady => first.map_or(0, |first| stamp.sequence - first),
            None => 0,
        };
        self.passed_over += jumped;
        match self.newest {
            Some(newest) => self.before.advance(stamp.sequence - newest.sequence),
            None => self.before = SequenceWindow::FULL,
        }
        self.newest = Some(stamp);
    }

    /// Something newer has come: counts the age that the newest update has reached.
    fn end_age(&mut self, client: &ClientCore, now_ns: u64) {
        self.age(client, now_ns);
        if let Some((from_ns, until_ns)) = client.thread.window.get()
            && let Some(newest) = self.informed()
            && (from_ns..until_ns).contains(&now_ns)
        {
            // A negative one is counted as that of the delivery.
            if let Some(age_ns) = now_ns.checked_sub(newest.published_ns) {
                let mut recorder = client.thread.recorder.borrow_mut();
                recorder.latency(Phase::Steady, Metric::PeakAge, age_ns);
            }
        }
    }

    /// Returns whether an update was published within the measured window; with another server,
    /// whose clock is unknown, whether it arrived in it.
    fn measures(&self, client: &ClientCore, phase: Phase, stamp: Stamp) -> bool {
        if self.window.is_none_or(|w| w.sequences.is_none()) {
            return phase == Phase::Steady;
        }
        let window = client.thread.window.get();
        window.is_some_and(|(from_ns, until_ns)| (from_ns..until_ns).contains(&stamp.published_ns))
    }

    /// Returns the newest update. What a topic holds before its first one was never published, and
    /// has no age.
    fn informed(&self) -> Option<Stamp> {
        self.newest.filter(|newest| newest.sequence > 0)
    }

    /// Integrates the age of the newest update, within the measured window.
    fn age(&mut self, client: &ClientCore, now_ns: u64) {
        let window = client.thread.window.get();
        let (Some((from_ns, until_ns)), Some(newest)) = (window, self.informed()) else {
            self.aged_ns = now_ns;
            return;
        };
        let from = self.aged_ns.max(from_ns);
        let until = now_ns.min(until_ns);
        self.aged_ns = now_ns;
        // What a topic holds before the feed begins has no moment of publishing.
        if until <= from || newest.published_ns > from {
            return;
        }
        let age = |at: u64| u128::from(at.saturating_sub(newest.published_ns));
        client.thread.add_age(until - from, (age(until).pow(2) - age(from).pow(2)) / 2);
    }

    /// Reads the measured window of the current schedule.
    fn renew(&mut self, client: &ClientCore) {
        let thread = &client.thread;
        let generation = thread.generation.get();
        if self.window.is_some_and(|w| w.generation == generation) {
            return;
        }
        self.window = thread.window.get().map(|(from_ns, until_ns)| {
            let known = client.topic().zip(thread.feed.get());
            let known = known.filter(|(_, feed)| feed.spec.workload == Workload::Ticker);
            let sequences = known.map(|(topic, feed)| sequences(&feed, topic, from_ns, until_ns));
            TopicWindow { generation, sequences }
        });
    }

    /// Counts, at the end of the load, the last stretch of age, the published updates and the
    /// missing ones. Of a load that was cut short only the lost ones are counted.
    pub(crate) fn settle(&mut self, client: &ClientCore) {
        self.silence.count(client);
        if client.thread.spec.workload.is_shared() {
            let new = || Box::new(SharedDelivery::new(&client.thread.spec));
            return self.shared.take().unwrap_or_else(new).settle(client);
        }
        if let Some(mut own) = self.own.take() {
            own.settle(client);
            if client.is_finished() {
                self.age(client, client.thread.window.get().map_or(0, |w| w.1));
            }
            return;
        }
        lose(&mut client.thread.recorder.borrow_mut(), self.open.close());
        self.renew(client);
        let Some(window) = self.window.filter(|_| client.is_finished()) else { return };
        self.age(client, client.thread.window.get().map_or(0, |w| w.1));
        let (published, tail) = match window.sequences {
            Some((from, until)) => {
                // What was published after the newest one is missing.
                let next = self.newest.map_or(0, |newest| newest.sequence + 1);
                (until - from, until.saturating_sub(from.max(next)))
            }
            None => (self.delivered + self.passed_over, 0),
        };
        let mut recorder = client.thread.recorder.borrow_mut();
        let counts = &mut recorder.at(Phase::Steady).counts;
        counts.updates_published += published;
        counts.updates_delivered += self.delivered;
        counts.updates_missing += tail;
        match self.skipped {
            Skipped::Superseded => counts.updates_superseded += self.passed_over,
            Skipped::Missing => counts.updates_missing += self.passed_over,
        }
    }
}

fn sequences(feed: &Feed, topic: Topic, from_ns: u64, until_ns: u64) -> (u64, u64) {
    let after = |ns| feed.published_before(topic, ns) + 1;
    (after(from_ns), after(until_ns))
}
