//! Clients that send to each other: servers that pass each message on to all, on whatever connection it
//! came, and what may be wrong with them.

use crate::driver::tests::simulation::arrivals::came_ns;
use crate::driver::tests::simulation::echo::take_frame;
use crate::driver::tests::simulation::server::{
    AtEnd, FaultLog, RequestLog, ServerAction, ServerFaults, ServerKind, SimulatedServer, Wrong,
    switching_protocols,
};
use crate::driver::tests::simulation::{Scenario, SeedReport, laws, phases, verdict};
use crate::feed::{Post, Spec, Stamp};
use crate::record::Phase;
use crate::report::table::Status;
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

/// The messages of all clients of a run.
#[derive(Debug, Default)]
pub(super) struct MessageHub {
    /// What is passed on, in order: the number in the stamp, and the message.
    posts: Vec<(u64, Vec<u8>)>,
    /// The numbers of all messages that came, also of those that are not passed on.
    pub came: Vec<u64>,
}

/// See the module's description.
pub(super) struct HubServer {
    kind: ServerKind,
    faults: ServerFaults,
    spec: Spec,
    hub: Rc<RefCell<MessageHub>>,
    log: Rc<RefCell<FaultLog>>,
    random: SplitMix64,
    bytes: Vec<u8>,
    /// The connection's number.
    number: usize,
    /// The bytes that it has sent.
    sent: u64,
    /// The next message for this client; `None` before it has asked for any.
    place: Option<usize>,
    /// Messages go to the client as they come.
    pushing: bool,
    /// A long poll waits.
    held: bool,
    /// WebSocket has begun.
    upgraded: bool,
    /// The connection is over.
    ended: bool,
    /// A message came that the others have not had.
    has_news: bool,
    now_ns: u64,
    faulty_until_ns: u64,
}

impl HubServer {
    pub(super) fn new(
        kind: ServerKind,
        faults: ServerFaults,
        spec: Spec,
        hub: Rc<RefCell<MessageHub>>,
        log: Rc<RefCell<FaultLog>>,
        seed: u64,
        faulty_until_ns: u64,
    ) -> HubServer {
        let number = log.borrow_mut().serve();
        HubServer {
            kind,
            faults,
            spec,
            hub,
            log,
            random: SplitMix64::seed_from_u64(seed),
            bytes: Vec::new(),
            number,
            sent: 0,
            place: None,
            pushing: false,
            held: false,
            upgraded: false,
            ended: false,
            has_news: false,
            now_ns: 0,
            faulty_until_ns,
        }
    }

    fn begin(&mut self, now_ns: u64) {
        self.now_ns = now_ns;
        if now_ns >= self.faulty_until_ns {
            self.faults = self.faults.without_faults();
        }
    }

    fn one_in(&mut self, n: u64) -> bool {
        n > 0 && self.random.next_u64().is_multiple_of(n)
    }

    fn note(&self, wrong: Wrong) {
        self.log.borrow_mut().wrong.push((wrong, self.now_ns));
    }

    /// The connection is reset or ends, within a message of this server or before it.
    fn cut(&mut self, message: &[u8], actions: &mut Vec<ServerAction>) -> bool {
        let ServerFaults { resets, ends, .. } = self.faults;
        if self.one_in(resets) {
            self.log.borrow_mut().resets += 1;
            self.note(Wrong::Reset);
            actions.push(ServerAction::Reset);
        } else if self.one_in(ends) {
            self.log.borrow_mut().ends += 1;
            self.note(Wrong::Ended);
            let cut = message.len() / 2;
            self.sent += cut as u64;
            let begun = (cut > 0).then(|| ServerAction::Send(message[..cut].to_vec()));
            actions.extend(begun.into_iter().chain([ServerAction::End]));
        } else {
            return false;
        }
        self.ended = true;
        self.pushing = false;
        self.held = false;
        true
    }

    /// Sends a message with these updates.
    fn send(&mut self, message: Vec<u8>, numbers: &[u64], actions: &mut Vec<ServerAction>) {
        if self.cut(&message, actions) {
            return;
        }
        let rest = if self.kind.is_chunked() { 2 } else { 0 };
        self.sent += message.len() as u64;
        let end = self.sent - rest;
        let mut log = self.log.borrow_mut();
        let served = &mut log.served[self.number];
        served.whole.push(end);
        served.updates.extend(numbers.iter().map(|number| (end, *number)));
        if !self.kind.is_pushed() {
            served.answered(end, true);
        }
        actions.push(ServerAction::Send(message));
    }

    /// Takes the next message for this client, and one that goes out twice.
    fn take_next(&mut self) -> Option<(u64, Vec<u8>, bool)> {
        loop {
            let (number, payload) = self.hub.borrow().posts.get(self.place?)?.clone();
            self.place = self.place.map(|place| place + 1);
            if self.one_in(self.faults.drops) {
                self.note(Wrong::Dropped);
                continue;
            }
            let twice = self.one_in(self.faults.repeats);
            if twice {
                self.log.borrow_mut().repeated += 1;
                self.note(Wrong::Repeated);
            }
            return Some((number, payload, twice));
        }
    }

    fn push(&mut self, actions: &mut Vec<ServerAction>) {
        while self.pushing
            && let Some((number, payload, twice)) = self.take_next()
        {
            for _ in 0..1 + u32::from(twice) {
                if self.pushing {
                    self.send(self.kind.message(&payload), &[number], actions);
                }
            }
        }
    }

    /// Answers with all that the client has not had; a long poll only if there is any.
    fn answer_pending(&mut self, actions: &mut Vec<ServerAction>) {
        let (mut payloads, mut numbers) = (Vec::new(), Vec::new());
        while let Some((number, payload, twice)) = self.take_next() {
            for _ in 0..1 + u32::from(twice) {
                payloads.push(payload.clone());
                numbers.push(number);
            }
        }
        if self.kind == ServerKind::LongPolling && payloads.is_empty() {
            return;
        }
        self.held = false;
        let body = payloads.join(self.spec.kind.separator());
        self.send(self.kind.message(&body), &numbers, actions);
    }

    /// The client's place is behind the message that it names, or else behind all.
    fn subscribe(&mut self, head: &str) {
        let named = head.lines().find_map(|line| line.strip_prefix("Last-Event-ID: "));
        let named = named.and_then(|text| u64::from_str_radix(text.trim(), 36).ok());
        let hub = self.hub.borrow();
        let after = |number| hub.posts.iter().rposition(|post| post.0 == number);
        self.place = match (named, self.place) {
            (Some(number), _) => Some(after(number).map_or(0, |at| at + 1)),
            (None, None) => Some(hub.posts.len()),
            (None, place) => place,
        };
    }

    /// A client has sent a message.
    fn accept(&mut self, payload: Vec<u8>) {
        let number = Stamp::read(self.spec.kind, &payload).expect("a stamp").sequence;
        self.hub.borrow_mut().came.push(number);
        if self.one_in(2 * self.faults.drops) {
            // Nobody gets it.
            return self.note(Wrong::Dropped);
        }
        self.hub.borrow_mut().posts.push((number, payload));
        self.has_news = true;
    }

    /// Answers with a head and no body, which is what a message of a client gets, or a refusal.
    fn answer_head(&mut self, head: &[u8], success: bool, actions: &mut Vec<ServerAction>) {
        self.sent += head.len() as u64;
        self.log.borrow_mut().served[self.number].answered(self.sent, success);
        actions.push(ServerAction::Send(head.to_vec()));
    }

    fn answer(&mut self, head: &str, body: Vec<u8>, actions: &mut Vec<ServerAction>) {
        const ACCEPTED: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
        const REFUSED: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
        let posts = head.starts_with("POST ");
        let post = posts.then(|| Stamp::read(self.spec.kind, &body).expect("a stamp").sequence);
        let asked = RequestLog { post, answer_from: self.sent, ..RequestLog::default() };
        self.log.borrow_mut().served[self.number].asked.push(asked);
        if self.one_in(self.faults.refuses) {
            self.log.borrow_mut().refused += 1;
            self.note(Wrong::Refused);
            return self.answer_head(REFUSED, false, actions);
        }
        if posts {
            self.accept(body);
            if !self.cut(ACCEPTED, actions) {
                self.answer_head(ACCEPTED, true, actions);
            }
            return;
        }
        self.subscribe(head);
        match self.kind {
            ServerKind::Polling => self.answer_pending(actions),
            ServerKind::LongPolling => {
                self.held = true;
                self.answer_pending(actions);
            }
            ServerKind::Streaming | ServerKind::Sse => {
                self.answer_head(ServerKind::CHUNKED, true, actions);
                self.pushing = true;
            }
            ServerKind::WebSocket => {
                self.answer_head(&switching_protocols(head), true, actions);
                self.upgraded = true;
                self.pushing = true;
            }
        }
    }

    /// Takes the client's frames: its messages, and its Close.
    fn take_frames(&mut self, actions: &mut Vec<ServerAction>) {
        while !self.ended
            && let Some((first, payload)) = take_frame(&mut self.bytes)
        {
            if first == 0x88 {
                let at_end = self.faults.at_end;
                self.pushing &= at_end == AtEnd::GoesOn;
                self.ended = at_end != AtEnd::GoesOn;
                actions.extend(at_end.actions(Some(vec![0x88, 2, 3, 0xe8])));
            } else {
                self.accept(payload);
                self.cut(&[], actions);
            }
        }
    }

    /// Takes a whole request off what has come: its head and its body.
    fn request(&mut self) -> Option<(String, Vec<u8>)> {
        let end = self.bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&self.bytes[..end]).into_owned();
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let length: usize = length.map_or(0, |text| text.parse().expect("a length"));
        if self.bytes.len() < end + length {
            return None;
        }
        let mut whole: Vec<u8> = self.bytes.drain(..end + length).collect();
        Some((head, whole.split_off(end)))
    }
}

impl SimulatedServer for HubServer {
    fn received(&mut self, now_ns: u64, bytes: &[u8]) -> Vec<ServerAction> {
        self.begin(now_ns);
        self.bytes.extend_from_slice(bytes);
        let mut actions = Vec::new();
        while !self.ended
            && !self.upgraded
            && let Some((head, body)) = self.request()
        {
            self.answer(&head, body, &mut actions);
        }
        if self.upgraded {
            self.take_frames(&mut actions);
        }
        self.push(&mut actions);
        actions
    }

    fn ended(&mut self, _: u64) -> Vec<ServerAction> {
        let at_end = self.faults.at_end;
        self.ended = at_end != AtEnd::GoesOn;
        self.pushing &= at_end == AtEnd::GoesOn;
        self.held &= at_end == AtEnd::GoesOn;
        at_end.actions(None)
    }

    fn woken(&mut self, now_ns: u64) -> Vec<ServerAction> {
        self.begin(now_ns);
        let mut actions = Vec::new();
        if self.held {
            self.answer_pending(&mut actions);
        }
        self.push(&mut actions);
        actions
    }

    fn wakes_ns(&self, _: u64) -> Option<u64> {
        None
    }

    fn takes_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }
}

/// The numbers of each sender's messages in the measured window, from the schedule alone.
fn window_numbers(report: &SeedReport) -> Range<u32> {
    let period_ns = report.feed.spec.period_ns();
    // The number of a turn is one more than its place.
    let from = |ns: u64| ns.div_ceil(period_ns) as u32 + 1;
    let warmup_ns = report.schedule.warmup_ns;
    from(warmup_ns)..from(warmup_ns + report.schedule.duration_ns)
}

/// What has come to each client, by the account of servers and network: of each number how often.
fn arrived(report: &SeedReport, until_ns: u64) -> BTreeMap<u32, BTreeMap<u64, u64>> {
    let mut clients: BTreeMap<u32, BTreeMap<u64, u64>> = BTreeMap::new();
    for (n, connection) in report.connections.iter().enumerate() {
        let numbers = clients.entry(connection.client).or_default();
        for (end, number) in &report.log.served[n].updates {
            if came_ns(report, n, *end).is_some_and(|ns| ns < until_ns) {
                *numbers.entry(*number).or_default() += 1;
            }
        }
    }
    clients
}

/// What the figures must say of messages that came.
#[derive(Debug, Default, PartialEq, Eq)]
struct SharedMessages {
    /// Messages of the measured window, each once.
    delivered: u64,
    messages: u64,
    repeats: u64,
    /// Of each sender those before its last one that did not come.
    lost: u64,
}

fn account(report: &SeedReport, until_ns: u64) -> SharedMessages {
    let window = window_numbers(report);
    let mut account = SharedMessages::default();
    for numbers in arrived(report, until_ns).into_values() {
        let mut last: BTreeMap<u32, u64> = BTreeMap::new();
        for (number, times) in &numbers {
            let Post { sender, number } = Post::of_sequence(*number);
            account.delivered += u64::from(window.contains(&number));
            account.repeats += times - 1;
            let last = last.entry(sender).or_default();
            *last = (*last).max(number.into());
        }
        account.messages += numbers.len() as u64;
        account.lost += last.values().sum::<u64>() - numbers.len() as u64;
    }
    account
}

/// Whether nothing is wrong, with servers, network and load.
fn is_clean(scenario: &Scenario, report: &SeedReport) -> bool {
    report.log.wrong.is_empty() && scenario.conditions.refuses_one_in == 0
}

/// The laws of clients that send to each other.
pub(super) fn check(scenario: &Scenario, report: &SeedReport) {
    laws::ends(scenario, report);
    laws::ledger(report);
    sent(scenario, report);
    phases::check(scenario, report);
    received(scenario, report);
    let all = report.window.phases.total().counts;
    let log = &report.log;
    let cut = log.resets + log.ends + log.refused;
    assert!(cut == 0 || all.faults + all.reconnects > 0, "faults: {log:?}");
    if is_clean(scenario, report) {
        assert_eq!((all.faults, all.reconnects), (0, 0), "no fault: {:?}", report.window.faults);
    }
    verdicts(scenario, report);
}

/// Each message of a client is sent once, in the phase of its turn.
fn sent(scenario: &Scenario, report: &SeedReport) {
    let came: BTreeSet<u64> = report.hub.came.iter().copied().collect();
    assert_eq!(came.len(), report.hub.came.len(), "sent twice");
    let period_ns = report.feed.spec.period_ns();
    for phase in Phase::ALL {
        let of_phase = |number: &&u64| {
            let turn = u64::from(Post::of_sequence(**number).number) - 1;
            phases::of_turn(report, turn * period_ns) == phase
        };
        let came = came.iter().filter(of_phase).count() as u64;
        let sent = report.window.phases[phase].counts.sent;
        // Of one whose connection is lost the sender cannot know whether it came.
        let is_right = if is_clean(scenario, report) { sent == came } else { sent >= came };
        assert!(is_right, "sent in {phase:?}: {sent}, and {came} came");
    }
}

/// Each message is received once, or known to be missing, or known to have come again.
fn received(scenario: &Scenario, report: &SeedReport) {
    let all = report.window.phases.total().counts;
    let steady = report.window.phases.steady.counts;
    let accounted = steady.updates_delivered + steady.updates_missing;
    assert_eq!(steady.updates_published, accounted, "accounted: {steady:?}");
    let spec = report.feed.spec;
    let due = window_numbers(report).len() as u64 * u64::from(spec.senders);
    let published = due * u64::from(scenario.clients);
    assert!(steady.updates_published <= published, "published: {steady:?}");
    let (sure, most) = (account(report, report.stopped_ns), account(report, u64::MAX));
    let is_finished = steady.updates_published == published;
    // What a delay line holds is lost with the connection.
    let keeps = scenario.delay.is_none() || report.log.resets + report.log.ends == 0;
    if is_finished && keeps && sure == most {
        let reported = SharedMessages {
            delivered: steady.updates_delivered,
            messages: all.messages,
            repeats: all.updates_duplicated,
            lost: all.lost,
        };
        assert_eq!(reported, sure, "received");
    } else {
        assert!(steady.updates_delivered <= most.delivered, "received too many: {most:?}");
        assert!(all.messages <= most.messages, "received too many: {most:?}");
    }
    if is_clean(scenario, report) {
        assert!(is_finished, "published {} of {published}", steady.updates_published);
    }
}

/// Whether messages of the window come too late, or are never sent, since a round trip takes as long as
/// a turn, or the network stalls.
fn falls_behind(scenario: &Scenario, report: &SeedReport) -> bool {
    let conditions = scenario.conditions;
    let round_trip_ns = 6 * conditions.latency_ns + 2 * scenario.delay.one_way_ns;
    round_trip_ns >= report.feed.spec.period_ns().min(report.schedule.interval_ns)
        || conditions.stalls_one_in > 0
}

/// A run in which a client lacks a message of the window is never valid, and one in which nothing is wrong
/// is.
pub(super) fn verdicts(scenario: &Scenario, report: &SeedReport) {
    let (status, checks) = verdict::of(scenario, report);
    let due = window_numbers(report).len() as u64 * u64::from(report.feed.spec.senders);
    let delivered = account(report, u64::MAX).delivered;
    if delivered < due * u64::from(scenario.clients) {
        assert_ne!(status, Status::Valid, "valid, though wrong: {delivered} came");
    }
    if is_clean(scenario, report) && !falls_behind(scenario, report) {
        assert_eq!(status, Status::Valid, "nothing is wrong: {checks:#?}");
    }
}
