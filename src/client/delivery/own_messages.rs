//! Delivery of a server's own messages: of each channel every number once, gaps and repeats found,
//! and how old each message is by the time in it.
//!
//! Separate from `per_client`, whose updates are one topic's and always have a number and a time.

use crate::client::core::ClientCore;
use crate::client::delivery::message_times::Age;
use crate::client::delivery::number_wrap::NumberWrap;
use crate::client::delivery::open_gaps::{Gap, OpenGaps, lose};
use crate::client::delivery::sequence_window::{Arrival, SequenceWindow};
use crate::client::delivery::skipped::Skipped;
use crate::feed::Stamp;
use crate::protocol::message::{MessageFields, MessageReader};
use crate::record::{Counts, Metric, Phase, Recorder};
use std::cmp::Ordering;
use std::collections::HashMap;

/// Names of a channel's last messages that are kept, to know one that comes again.
const KEPT_IDS: usize = 64;

/// What one client has received.
#[derive(Debug)]
pub(super) struct OwnMessages {
    skipped: Skipped,
    /// Whether the client asks for each message: then one answer may be as the last.
    asks: bool,
    channels: Channels,
    delivered: u64,
    superseded: u64,
    gaps: u64,
    /// Whether messages have numbers: then what was published is known.
    numbered: bool,
    /// How often the client has connected again.
    reconnects: u32,
}

/// The place of the first number of a channel. Others are as far from it as their numbers are: these may be
/// negative, and of any size.
const FIRST: u64 = 1 << 63;
/// Times may go back by so much without a word: the two readings of the clocks by which they are converted
/// differ, and threads of a server take a time and then their turn.
const TIME_BACK_NS: u64 = 1_000_000;

/// Every channel of one client.
#[derive(Debug, Default)]
struct Channels {
    /// The only one, if messages name none.
    only: Channel,
    named: HashMap<u64, Channel>,
}

impl Channels {
    /// Returns the channel of a message.
    fn of(&mut self, format: &MessageReader, fields: &MessageFields) -> &mut Channel {
        if format.has_channels() {
            self.named.entry(fields.channel).or_default()
        } else {
            &mut self.only
        }
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Channel> {
        self.named.values_mut().chain([&mut self.only])
    }
}

/// What one client has received of one channel.
#[derive(Debug, Default)]
struct Channel {
    newest: Option<Newest>,
    /// The first number.
    first: Option<i128>,
    /// The lowest place so far, while no number was above the first one.
    lowest: u64,
    before: SequenceWindow,
    open: OpenGaps,
    /// How often the client had connected again when the last message came.
    reconnects: u32,
    /// If messages have names and no numbers: the last ones, and the place of the next.
    ids: Vec<u64>,
    next_id: usize,
    /// The greatest number that divides each distance from one number to the next; 0 before there is one.
    step: u64,
    /// If numbers have begun again: by how much they are higher than they say.
    wrap: Option<Box<NumberWrap>>,
}

/// The newest message of a channel.
#[derive(Debug, Clone, Copy)]
struct Newest {
    /// The place of the highest number, if any message had one.
    place: Option<u64>,
    /// When it was published, if that is known.
    moment_ns: Option<u64>,
    /// The time in it, in the last 64 bits of its nanoseconds; 0 if it has none.
    time: u64,
    /// When the first of the messages with this time came.
    since_ns: u64,
}

/// What a message was to the client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Receipt {
    /// Whether it had not come before.
    pub new: bool,
    /// Whether it has a time or a number.
    pub identified: bool,
    /// Its number and moment, if it is the client's newest information.
    pub newest: Option<Stamp>,
}

impl OwnMessages {
    pub(super) fn new(format: &MessageReader, skipped: Skipped, asks: bool) -> OwnMessages {
        OwnMessages {
            skipped,
            asks,
            channels: Channels::default(),
            delivered: 0,
            superseded: 0,
            gaps: 0,
            numbered: format.has_sequence(),
            reconnects: 0,
        }
    }

    /// Notes that what arrives next arrives on another connection.
    pub(super) fn reconnected(&mut self) {
        self.reconnects = self.reconnects.wrapping_add(1);
    }

    /// Receives one message; counts what it is and how old.
    pub(super) fn receive(
        &mut self,
        client: &ClientCore,
        phase: Phase,
        format: &MessageReader,
        fields: &MessageFields,
        now_ns: u64,
    ) -> Receipt {
        let opened_ns = client.opened_ns();
        let clocks = || client.thread.clocks();
        let mut times = client.thread.message_times.borrow_mut();
        let age = times.age(format, fields, opened_ns, now_ns, clocks);
        drop(times);
        let channel = self.channels.of(format, fields);
        let first = channel.newest.is_none();
        let anew = channel.note_connection(self.reconnects, fields, age);
        let wrapped = channel.note_wrap(fields, age);
        let place = channel.place(fields);
        let (arrival, late) = channel.classify(fields, place, age, self.asks);
        let mut recorder = client.thread.recorder.borrow_mut();
        if let Some((_, given_up)) = late {
            lose(&mut recorder, given_up);
        }
        let counts = &mut recorder.at(phase).counts;
        count_fields(counts, fields, place, age);
        counts.numbers_wrapped += u64::from(wrapped);
        counts.numbers_anew += u64::from(anew);
        let is_identified = fields.time.is_some() || place.is_some();
        if matches!(arrival, Arrival::NewestAgain | Arrival::Again) {
            self.count_again(counts, arrival, age);
            return Receipt { new: false, identified: is_identified, newest: None };
        }
        counts.messages += 1;
        counts.identified += u64::from(is_identified);
        if arrival == Arrival::New {
            channel.count_new(counts, fields, place, age, now_ns);
            // Of what is polled, most is not asked for in time.
            if self.skipped == Skipped::Missing && !self.asks {
                channel.count_step(place, counts);
            }
        } else {
            channel.note_between(place);
        }
        let skipped_in =
            (arrival == Arrival::Late).then(|| late.map_or(phase, |(skipped_in, _)| skipped_in));
        let jump = channel.jump(place).filter(|_| skipped_in.is_none());
        let jumped = jump.map_or(0, |(from, until)| until - from);
        // What keeps a stream alive is no update.
        if is_identified {
            self.count_numbers(&mut recorder, phase, skipped_in, jumped);
        }
        let channel = self.channels.of(format, fields);
        if let Some((from, until)) = jump.filter(|_| self.skipped == Skipped::Missing) {
            let gap = Gap { first: from, last: until - 1, phase };
            lose(&mut recorder, channel.open.open(gap));
        }
        // A client that asks did not wait for what was there before its first request.
        let waited = !(first && self.asks && self.skipped == Skipped::Superseded);
        if let Age::Known { latency_ns, .. } = age
            && waited
        {
            recorder.latency(phase, Metric::DeliveryLatency, latency_ns);
        }
        drop(recorder);
        if arrival == Arrival::New {
            channel.advance(fields, place, age, now_ns);
        }
        let is_newest = arrival == Arrival::New && !format.has_channels();
        let newest = is_newest.then(|| stamp(fields, age)).flatten();
        Receipt { new: true, identified: is_identified, newest }
    }

    /// Counts a message that had come before. A client that asks for the latest may get the same again.
    fn count_again(&self, counts: &mut Counts, arrival: Arrival, age: Age) {
        counts.repeated += 1;
        let as_it_should = arrival == Arrival::NewestAgain && self.skipped == Skipped::Superseded;
        counts.updates_duplicated += u64::from(!as_it_should && !age.is_replayed());
    }

    /// Counts a message that is new: one that comes late and the phase in which it was skipped, or so many
    /// that it skips.
    fn count_numbers(
        &mut self,
        recorder: &mut Recorder,
        phase: Phase,
        skipped_in: Option<Phase>,
        jumped: u64,
    ) {
        let counts = &mut recorder.at(phase).counts;
        let measures = phase == Phase::Steady;
        self.delivered += u64::from(measures);
        let skipped = match self.skipped {
            Skipped::Superseded => &mut self.superseded,
            Skipped::Missing => &mut self.gaps,
        };
        match skipped_in {
            Some(skipped_in) => {
                counts.updates_reordered += 1;
                *skipped = skipped.saturating_sub(u64::from(skipped_in == Phase::Steady));
            }
            // Numbers are the server's: they may be any.
            None => *skipped = skipped.saturating_add(if measures { jumped } else { 0 }),
        }
        if self.skipped == Skipped::Superseded {
            counts.superseded = counts.superseded.saturating_add(jumped);
        }
    }

    /// Counts, at the end of the load, the missing ones; of a load that was cut short, only the lost
    /// ones.
    pub(super) fn settle(&mut self, client: &ClientCore) {
        let mut recorder = client.thread.recorder.borrow_mut();
        for channel in self.channels.all() {
            lose(&mut recorder, channel.open.close());
        }
        if !client.is_finished() || !self.numbered {
            return;
        }
        let counts = &mut recorder.at(Phase::Steady).counts;
        let published = self.delivered.saturating_add(self.superseded).saturating_add(self.gaps);
        for (count, more) in [
            (&mut counts.updates_published, published),
            (&mut counts.updates_delivered, self.delivered),
            (&mut counts.updates_superseded, self.superseded),
            (&mut counts.updates_missing, self.gaps),
        ] {
            *count = count.saturating_add(more);
        }
    }
}

/// Returns the number and moment of a message, if its moment is known.
fn stamp(fields: &MessageFields, age: Age) -> Option<Stamp> {
    // 0 would be that of a topic without an update.
    let sequence = fields.sequence.and_then(|n| u64::try_from(n).ok()).unwrap_or(1).max(1);
    age.moment_ns().map(|published_ns| Stamp { sequence, published_ns })
}

/// Counts what could be read of a message.
fn count_fields(counts: &mut Counts, fields: &MessageFields, place: Option<u64>, age: Age) {
    counts.unstamped += u64::from(fields.time.is_none());
    counts.numbered += u64::from(place.is_some());
    counts.unplaced_numbers += u64::from(place.is_none() && fields.sequence.is_some());
    counts.joined_texts += u64::from(fields.texts_behind);
    counts.listed_updates += u64::from(fields.listed);
    age.count(counts);
}

/// Returns the greatest number that divides both; of 0 and another, the other.
fn common_divisor(mut a: u64, mut b: u64) -> u64 {
    while a > 1 && b > 0 {
        (a, b) = (b, a % b);
    }
    if a == 0 { b } else { a }
}

/// The time in a message as it is compared with that of the next.
fn time_bits(fields: &MessageFields) -> u64 {
    fields.time.map_or(0, |time| time.ns as u64)
}

impl Channel {
    /// Returns the place of a message's number; `None` if it has none, or one that is too far from the first.
    fn place(&mut self, fields: &MessageFields) -> Option<u64> {
        let number = fields.sequence?;
        let first = *self.first.get_or_insert(number);
        let number = match (&self.wrap, self.highest()) {
            (Some(wrap), Some(highest)) => wrap.number(number, highest),
            _ => number,
        };
        u64::try_from(number.checked_sub(first)?.checked_add(FIRST.into())?).ok()
    }

    /// Notes on which connection a message came: the first of another may begin the numbers anew. Returns
    /// whether it does so with a number above the lowest, as updates that come again would.
    fn note_connection(&mut self, reconnects: u32, fields: &MessageFields, age: Age) -> bool {
        if std::mem::replace(&mut self.reconnects, reconnects) == reconnects
            || !self.begins_anew(fields, age)
        {
            return false;
        }
        let is_within = self.place(fields).is_some_and(|place| place > self.lowest);
        *self = Channel { reconnects, ..Channel::default() };
        is_within
    }

    /// Counts how the number and time of a new message differ from those of one that follows the last.
    fn count_new(
        &self,
        counts: &mut Counts,
        fields: &MessageFields,
        place: Option<u64>,
        age: Age,
        now_ns: u64,
    ) {
        let goes_down = self.goes_down(place);
        counts.numbers_down += u64::from(goes_down);
        // One that comes after a later one has an earlier time too.
        counts.times_back += u64::from(!goes_down && self.goes_back(age));
        counts.times_same += u64::from(self.is_same_time(fields, age, now_ns));
    }

    /// The highest number, if any came.
    fn highest(&self) -> Option<i128> {
        let place = self.newest?.place?;
        self.first?.checked_add(i128::from(place) - i128::from(FIRST))
    }

    /// Whether the numbers begin again with this message, since the highest of their width has come. Of 8 bits one
    /// that was published before the last, by its time, comes again.
    fn note_wrap(&mut self, fields: &MessageFields, age: Age) -> bool {
        let (Some(number), Some(highest)) = (fields.sequence, self.highest()) else { return false };
        let wrap = NumberWrap::between(self.wrap.as_deref(), highest, number);
        wrap.filter(|wrap| !(wrap.is_of_a_byte() && self.goes_back(age))).is_some_and(|wrap| {
            self.wrap = Some(Box::new(wrap));
            true
        })
    }

    /// Whether a new message has the time of the one before it, though it came later than that is exact.
    fn is_same_time(&self, fields: &MessageFields, age: Age, now_ns: u64) -> bool {
        let Some(newest) = self.newest.filter(|_| fields.time.is_some()) else { return false };
        let later_ns = now_ns.saturating_sub(newest.since_ns);
        newest.time == time_bits(fields) && later_ns > age.resolution_ns().max(TIME_BACK_NS)
    }

    /// Whether a new message has a number below all others.
    fn goes_down(&self, place: Option<u64>) -> bool {
        let newest = self.newest.and_then(|newest| newest.place);
        newest.zip(place).is_some_and(|(newest, place)| place < newest)
    }

    /// Counts a new message whose number is above all others, by its distance to the one before.
    fn count_step(&mut self, place: Option<u64>, counts: &mut Counts) {
        let newest = self.newest.and_then(|newest| newest.place);
        let distance = newest.zip(place).and_then(|(newest, place)| place.checked_sub(newest));
        let Some(distance) = distance.filter(|distance| *distance > 0) else {
            return self.note_between(place);
        };
        let step = common_divisor(self.step, distance);
        let before = std::mem::replace(&mut self.step, step);
        if before > 0 {
            let is_stepped = self.step > 1;
            counts.numbers_followed += 1;
            counts.numbers_stepped += u64::from(is_stepped);
            counts.number_steps =
                counts.number_steps.saturating_add(if is_stepped { self.step } else { 0 });
        }
    }

    /// Notes a message that comes after one with a higher number: the numbers go up by their distance at most.
    fn note_between(&mut self, place: Option<u64>) {
        let newest = self.newest.and_then(|newest| newest.place);
        let distance = newest.zip(place).map_or(0, |(newest, place)| newest.saturating_sub(place));
        self.step = common_divisor(self.step, distance);
    }

    /// Whether a new message was published before the last one, by its time.
    fn goes_back(&self, age: Age) -> bool {
        let Age::Known { moment_ns, resolution_ns, .. } = age else { return false };
        let newest_ns = self.newest.and_then(|newest| newest.moment_ns);
        let exact_ns = resolution_ns.max(TIME_BACK_NS);
        newest_ns.is_some_and(|newest_ns| moment_ns.saturating_add(exact_ns) < newest_ns)
    }

    /// Returns what a message is. Of one that was missing also the phase in which it was skipped, and a
    /// gap that is given up by now.
    fn classify(
        &mut self,
        fields: &MessageFields,
        place: Option<u64>,
        age: Age,
        asks: bool,
    ) -> (Arrival, Option<(Phase, Option<Gap>)>) {
        let Some(Newest { place: newest, moment_ns, .. }) = self.newest else {
            return (Arrival::New, None);
        };
        let Some(place) = place else {
            return (self.classify_unnumbered(fields, age, moment_ns, asks), None);
        };
        let Some(newest) = newest else { return (Arrival::New, None) };
        if newest == FIRST && place < FIRST {
            // Nothing came that is higher than the first: what is lower than all cannot have come before.
            return match place.cmp(&self.lowest) {
                Ordering::Less => (Arrival::New, None),
                Ordering::Equal => (Arrival::NewestAgain, None),
                Ordering::Greater => (Arrival::Again, None),
            };
        }
        let arrival = self.before.classify(newest, place);
        match arrival {
            Arrival::New | Arrival::NewestAgain => (arrival, None),
            Arrival::Late | Arrival::Again => match self.open.take(place) {
                Some(late) => (Arrival::Late, Some(late)),
                None => (arrival, None),
            },
        }
    }

    /// Returns what a message without a number is: by its name, and in an answer without one, by its
    /// time.
    fn classify_unnumbered(
        &self,
        fields: &MessageFields,
        age: Age,
        newest_ns: Option<u64>,
        asks: bool,
    ) -> Arrival {
        if let Some(id) = fields.id {
            let last = self.next_id.checked_sub(1).unwrap_or(self.ids.len().saturating_sub(1));
            return match self.ids.iter().position(|known| *known == id) {
                None => Arrival::New,
                Some(at) if at == last => Arrival::NewestAgain,
                Some(_) => Arrival::Again,
            };
        }
        match age.moment_ns() {
            // The two readings of the clocks by which a time is converted differ.
            Some(ns) if asks && newest_ns.is_some_and(|newest| ns.abs_diff(newest) < 50_000) => {
                Arrival::NewestAgain
            }
            _ => Arrival::New,
        }
    }

    /// Returns the numbers that a new message skips, from the first to the one after the last.
    fn jump(&self, place: Option<u64>) -> Option<(u64, u64)> {
        let from = self.newest?.place?.checked_add(1)?;
        place.filter(|until| *until > from).map(|until| (from, until))
    }

    /// Whether the server numbers from the beginning on a new connection: its message is newer than the
    /// newest one, and its number lower.
    fn begins_anew(&mut self, fields: &MessageFields, age: Age) -> bool {
        let Some(Newest { place: Some(newest), moment_ns: Some(newest_ns), .. }) = self.newest
        else {
            return false;
        };
        let lower = self.place(fields).is_some_and(|place| place <= newest);
        lower && age.moment_ns().is_some_and(|ns| ns > newest_ns + age.resolution_ns())
    }

    /// Makes a message the newest.
    fn advance(&mut self, fields: &MessageFields, place: Option<u64>, age: Age, now_ns: u64) {
        let highest = match (self.newest.and_then(|newest| newest.place), place) {
            (None, Some(place)) => {
                self.before = SequenceWindow::FULL;
                self.lowest = place;
                Some(place)
            }
            (Some(newest), Some(place)) if place < newest => {
                self.lowest = place;
                Some(newest)
            }
            (Some(newest), Some(place)) => {
                self.before.advance(place - newest);
                Some(place)
            }
            (newest, None) => newest,
        };
        let time = time_bits(fields);
        let before = self.newest.filter(|newest| newest.time == time);
        let since_ns = before.map_or(now_ns, |newest| newest.since_ns);
        self.newest = Some(Newest { place: highest, moment_ns: age.moment_ns(), time, since_ns });
        if let (Some(id), None) = (fields.id, fields.sequence) {
            if self.ids.len() < KEPT_IDS {
                self.ids.push(id);
            } else {
                self.ids[self.next_id] = id;
            }
            self.next_id = (self.next_id + 1) % KEPT_IDS;
        }
    }
}
