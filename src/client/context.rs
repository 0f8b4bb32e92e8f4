//! What the clients of one driver thread share: its timer, its recorder, its schedule, its tally.
//!
//! Separate from `handle`, which belongs to one client, and from `driver`, which owns the thread.

use crate::client::delivery::fan_out::FanOutTracker;
use crate::client::delivery::inbox::{Inbox, MessageSource, SpareInboxes};
use crate::client::delivery::message_times::MessageTimes;
use crate::client::http2::Http2Queues;
use crate::feed;
use crate::net::delay_line::DelayErrors;
use crate::net::timestamp_sample::ReceiveDelays;
use crate::net::{Dialer, Heads, TlsClient};
use crate::protocol::http1::answer_text::AnswerText;
use crate::protocol::http1::cookies::{CookieJar, SeenCookies};
use crate::record::{
    ClientError, ClientErrorKind, EventTrace, KernelAudit, Ledger, MOST_REFUSALS, Metric, Phase,
    Phases, Recorder, Refusal, StepTurns, TcpTotals, TraceEvent,
};
use crate::time::{ClockReading, Schedule, Timer, now_ns};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

/// What the clients of one driver thread share.
pub struct ThreadContext {
    /// Wakes the library clients of the thread.
    pub timer: Timer,
    /// Clients of the whole case; 0 if only those of this thread are known.
    pub case_clients: Cell<u32>,
    /// The time in a simulation; `None` for the system's clock.
    pub(crate) simulated_ns: Cell<Option<u64>>,
    /// The thread's numbers.
    pub recorder: RefCell<Recorder>,
    /// What the kernel counted, by phase.
    pub tcp: Cell<Phases<TcpTotals>>,
    /// Bytes of the clients compared with those of the kernel.
    pub audit: Cell<KernelAudit>,
    /// Turns of a step of the rate search.
    pub step: RefCell<StepTurns>,
    /// Turns completed and messages received since the start.
    pub events: Cell<u64>,
    /// How clients connect, a server shard each.
    pub dialers: Vec<Dialer>,
    /// How clients use TLS; unset if they do not.
    pub tls: OnceCell<TlsClient>,
    /// What is published, in form and rate.
    pub spec: feed::Spec,
    /// The feed, once it has begun; `None` if another server publishes it.
    pub feed: Cell<Option<feed::Feed>>,
    /// The longest connect, upgrade or response, in nanoseconds.
    pub timeout_ns: u64,
    /// The seed of phases.
    pub seed: u64,
    pub schedule: Cell<Option<Schedule>>,
    pub generation: Cell<u32>,
    stopped: Cell<bool>,
    /// How many clients are in which state.
    pub tally: Cell<Tally>,
    /// How clients' messages spread, if they send to each other.
    pub fan_out: RefCell<FanOutTracker>,
    /// What reads messages while they come.
    inboxes: RefCell<SpareInboxes>,
    /// Whose messages are read.
    pub(crate) source: MessageSource,
    /// The clocks for times in a server's own messages.
    pub(crate) message_times: RefCell<MessageTimes>,
    /// The measured window from its first nanosecond to the one after its last; `None` during a
    /// calibration.
    pub window: Cell<Option<(u64, u64)>>,
    /// What happened to the first clients.
    pub(crate) events_traced: RefCell<EventTrace>,
    /// The first heads of the first client.
    pub heads: Heads,
    /// What connections over HTTP/2 have for their clients, and the reverse.
    pub(crate) http2: Http2Queues,
    /// The cookies of each client that keeps some.
    pub(crate) cookies: RefCell<HashMap<u32, CookieJar>>,
    /// The last cookies that were set, kept or not.
    pub(crate) seen_cookies: RefCell<SeenCookies>,
    /// Cookies that were set before an answer was kept in `refusals`, which may quote them.
    pub(crate) quotable_cookies: RefCell<BTreeSet<Vec<u8>>>,
    /// The beginnings of the first messages that have no stamp, with the number of their client.
    pub(crate) unread: RefCell<Vec<(u32, Vec<u8>)>>,
    /// How many of the next messages are looked at for that.
    samples_left: Cell<u32>,
    /// How many random numbers were drawn for requests.
    pub(crate) drawn: Cell<u64>,
    /// What the first answer with each error said.
    pub refusals: RefCell<Vec<Refusal>>,
    /// A message that the thread's one client sends back once it is whole: see
    /// `driver::tests::conformance`.
    #[cfg(test)]
    pub sent_back: RefCell<Option<Vec<u8>>>,
    /// Remainders of the age of information, in ns², and of its time, in ns: less than the units in
    /// which they are recorded.
    age_rest: Cell<(u128, u64)>,
}

/// Messages of each thread of which the beginning is kept, in case that they cannot be read.
const MOST_SAMPLES: u32 = 4;
/// Messages of the first of their clients of which it is kept.
const SAMPLES_OF_CLIENT: usize = 3;

/// How many clients of a thread are in which state.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    /// Clients that are set up.
    pub connected: u32,
    /// The most that were set up at once.
    pub connected_peak: u32,
    /// Clients that gave up before they were set up.
    pub failed: u32,
    /// Clients that were set up or gave up.
    pub settled: u32,
    /// Clients that have come to the end of the current schedule.
    pub finished: u32,
    /// Clients whose task has ended.
    pub ended: u32,
    /// Second handles of clients that are still in use.
    pub senders: u32,
    /// Turns of the measured window that ended clients could have taken and did not.
    pub turns_not_started: u64,
    /// Turns of the measured window that ended clients did not reach, since they waited for their last
    /// answer or a connection.
    pub turns_blocked: u64,
    /// The last moment at which a client was set up.
    pub last_connected_ns: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, o: Tally) {
        self.connected += o.connected;
        self.connected_peak += o.connected_peak;
        self.failed += o.failed;
        self.settled += o.settled;
        self.finished += o.finished;
        self.ended += o.ended;
        self.senders += o.senders;
        self.turns_not_started += o.turns_not_started;
        self.turns_blocked += o.turns_blocked;
        self.last_connected_ns = self.last_connected_ns.max(o.last_connected_ns);
    }
}

impl ThreadContext {
    /// The context of a thread without clients, which reads messages of the bundled server.
    #[cfg(test)]
    pub(crate) fn new(
        dialers: Vec<Dialer>,
        spec: feed::Spec,
        timeout_ns: u64,
        gap_ns: u64,
        seed: u64,
    ) -> Rc<ThreadContext> {
        let source = MessageSource::Bundled;
        ThreadContext::reading(source, dialers, spec, timeout_ns, gap_ns, seed)
    }

    /// The context of a thread without clients, which reads messages of this source.
    pub(crate) fn reading(
        source: MessageSource,
        dialers: Vec<Dialer>,
        spec: feed::Spec,
        timeout_ns: u64,
        gap_ns: u64,
        seed: u64,
    ) -> Rc<ThreadContext> {
        Rc::new(ThreadContext {
            timer: Timer::with_gap(gap_ns),
            case_clients: Cell::new(0),
            simulated_ns: Cell::new(None),
            recorder: RefCell::default(),
            tcp: Cell::default(),
            audit: Cell::default(),
            step: RefCell::default(),
            events: Cell::new(0),
            dialers,
            tls: OnceCell::new(),
            spec,
            feed: Cell::new(None),
            timeout_ns,
            seed,
            schedule: Cell::new(None),
            generation: Cell::new(0),
            stopped: Cell::new(false),
            tally: Cell::default(),
            fan_out: RefCell::default(),
            inboxes: RefCell::default(),
            source,
            message_times: RefCell::new(MessageTimes::new(ClockReading::read())),
            window: Cell::new(None),
            events_traced: RefCell::default(),
            heads: Heads::default(),
            http2: Http2Queues::default(),
            cookies: RefCell::default(),
            seen_cookies: RefCell::default(),
            quotable_cookies: RefCell::default(),
            drawn: Cell::default(),
            refusals: RefCell::default(),
            unread: RefCell::default(),
            samples_left: Cell::new(MOST_SAMPLES),
            #[cfg(test)]
            sent_back: RefCell::default(),
            age_rest: Cell::default(),
        })
    }

    /// Returns the time, in nanoseconds of the clock that schedules and stamps use.
    #[inline]
    pub(crate) fn now_ns(&self) -> u64 {
        self.simulated_ns.get().unwrap_or_else(now_ns)
    }

    /// Reads the clock of [`ThreadContext::now_ns`] and the wall clock.
    pub(crate) fn clocks(&self) -> ClockReading {
        self.simulated_ns.get().map_or_else(ClockReading::read, ClockReading::simulated)
    }

    /// Returns an empty inbox for a client of the thread.
    #[inline]
    pub(crate) fn take_inbox(&self) -> Box<Inbox> {
        let spare = self.inboxes.borrow_mut().take();
        let mut inbox = spare.unwrap_or_else(|| Box::new(Inbox::of(&self.source, &self.spec)));
        if self.samples_left.get() > 0 && matches!(self.source, MessageSource::Stamped) {
            self.samples_left.set(self.samples_left.get() - 1);
            inbox.keep_sample();
        }
        inbox
    }

    /// Keeps the beginning of a client's message that has no stamp. Returns whether that client's next one
    /// is to be kept too: two of one client tell whether each names a new session.
    pub(crate) fn keep_unread(&self, client: u32, sample: Vec<u8>) -> bool {
        let mut unread = self.unread.borrow_mut();
        unread.push((client, sample));
        let is_first = unread.first().is_some_and(|(first, _)| *first == client);
        let of_client = unread.iter().filter(|(other, _)| *other == client).count();
        is_first && of_client < SAMPLES_OF_CLIENT
    }

    /// Keeps an empty inbox for another message.
    #[inline]
    pub(crate) fn spare_inbox(&self, inbox: Box<Inbox>) {
        self.inboxes.borrow_mut().keep(inbox);
    }

    /// Starts a schedule and wakes every client.
    pub fn start(&self, schedule: Schedule) {
        if self.spec.workload.is_shared() {
            self.fan_out.borrow_mut().start(&self.spec, &schedule);
        }
        self.window.set((!schedule.calibration).then(|| schedule.measured_ns()));
        if !schedule.calibration {
            self.events_traced.borrow_mut().reserve();
        }
        self.schedule.set(Some(schedule));
        self.generation.set(self.generation.get().wrapping_add(1));
        self.update(|t| t.finished = 0);
        self.step.borrow_mut().reset();
        self.timer.wake_all();
    }

    /// Ends every client after its current exchange.
    pub fn stop(&self) {
        self.stopped.set(true);
        self.timer.wake_all();
    }

    /// Returns whether clients must end.
    pub fn stopped(&self) -> bool {
        self.stopped.get()
    }

    /// Returns the phase to which the closing of a connection belongs: the teardown once clients
    /// must end; before that the phase that caused it, as if each poll has its own connection.
    pub fn closing_phase(&self, current: Phase) -> Phase {
        if self.stopped() { Phase::Teardown } else { current }
    }

    pub fn update(&self, change: impl FnOnce(&mut Tally)) {
        let mut tally = self.tally.get();
        change(&mut tally);
        self.tally.set(tally);
    }

    /// Adds to the integral of the age of information: a time, and the area over it in ns².
    pub fn add_age(&self, time_ns: u64, area_ns2: u128) {
        const AREA_UNIT: u128 = 1_000_000_000;
        let (area_rest, time_rest) = self.age_rest.get();
        let area = area_rest + area_ns2;
        let time = time_rest + time_ns;
        self.age_rest.set((area % AREA_UNIT, time % 1_000));
        let mut recorder = self.recorder.borrow_mut();
        let counts = &mut recorder.at(Phase::Steady).counts;
        counts.age_time_us += time / 1_000;
        counts.age_area_us_ms += (area / AREA_UNIT) as u64;
    }

    /// Keeps an event of one of the first clients.
    pub(crate) fn trace(&self, event: TraceEvent) {
        self.events_traced.borrow_mut().add(event);
    }

    /// Adds what the kernel counted.
    pub fn add_segments(&self, phase: Phase, totals: TcpTotals) {
        let mut tcp = self.tcp.get();
        tcp[phase] += totals;
        self.tcp.set(tcp);
    }

    /// Adds bytes to the ledger of a phase.
    #[inline]
    pub fn add_bytes(&self, phase: Phase, add: impl FnOnce(&mut Ledger)) {
        add(&mut self.recorder.borrow_mut().at(phase).ledger);
    }

    /// Counts control frames received and sent.
    pub(crate) fn count_control_frames(&self, phase: Phase, down: u64, up: u64) {
        let mut recorder = self.recorder.borrow_mut();
        let counts = &mut recorder.at(phase).counts;
        counts.control_frames_down += down;
        counts.control_frames_up += up;
    }

    /// Counts a finished exchange or a message.
    #[inline]
    pub fn event(&self) {
        self.events.set(self.events.get() + 1);
    }

    /// Keeps what an answer of a client with an error said, if it is the first one with that error,
    /// and the cookies that it may quote: who writes it takes them out.
    pub(crate) fn keep_refusal(&self, client: u32, error: ClientError, text: AnswerText) {
        let mut refusals = self.refusals.borrow_mut();
        if refusals.len() < MOST_REFUSALS && refusals.iter().all(|kept| kept.error != error) {
            let AnswerText { location, media_type, coding, set_cookies, body, .. } = text;
            let AnswerText { body_bytes, body_length, redirects, .. } = text;
            let mut quotable = self.quotable_cookies.borrow_mut();
            quotable.extend(set_cookies);
            quotable.extend(self.seen_cookies.take().take());
            let jars = self.cookies.borrow();
            quotable.extend(jars.get(&client).into_iter().flat_map(CookieJar::pairs));
            refusals.push(Refusal {
                error,
                client,
                location,
                media_type,
                coding,
                body,
                body_bytes,
                body_length,
                redirects,
            });
        }
    }

    /// Counts clients that did not end within the limit.
    pub(crate) fn count_undrained(&self, clients: u32) {
        let mut recorder = self.recorder.borrow_mut();
        for _ in 0..clients {
            recorder.fault(Phase::Teardown, ClientError::of(ClientErrorKind::Undrained));
        }
    }
}

impl ReceiveDelays for ThreadContext {
    /// Counts what the kernel received in the measured window, whenever it was read.
    fn record(&self, kernel_ns: u64, client_ns: u64) {
        if self.window.get().is_some_and(|(from, until)| (from..until).contains(&kernel_ns)) {
            let mut recorder = self.recorder.borrow_mut();
            recorder.since(Phase::Steady, Metric::KernelToClient, kernel_ns, client_ns);
        }
    }
}

impl DelayErrors for ThreadContext {
    /// Counts what falls into the measured window; a delay line does not know the phase.
    fn record(&self, now_ns: u64, error_ns: u64) {
        let steady = self.schedule.get().is_some_and(|s| {
            let from = s.steady_from_ns();
            !s.calibration && (from..from + s.duration_ns).contains(&now_ns)
        });
        if steady {
            self.recorder.borrow_mut().latency(Phase::Steady, Metric::DelayError, error_ns);
        }
    }
}
