//! One simulated client's handle: what a transport's client half may ask for and say.
//!
//! A client is one task and owns its socket. It asks for its next turn, acts, and says what
//! happened; saying is an addition to the recorder of its own thread. Separate from `load`, which
//! makes the handles and says when to start and stop.

use super::book::Book;
use crate::alarm::{Alarm, Sleep};
use crate::clock::now_ns;
use crate::feed;
use crate::net::{Dialer, Metered, dial};
use crate::pacing::{Pacer, Schedule, Spread, Turn};
use crate::record::{Audit, Fault, FaultKind, Metric, Phase, Phases, Recorder, TcpTotals};
use hdrhistogram::Histogram;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

/// What the clients of one driver thread share.
pub struct Thread {
    /// The thread's alarm.
    pub alarm: Alarm,
    /// The thread's numbers.
    pub recorder: RefCell<Recorder>,
    /// What the kernel counted, by phase.
    pub tcp: Cell<Phases<TcpTotals>>,
    /// Driver against kernel.
    pub audit: Cell<Audit>,
    /// Lags of a calibration step.
    pub step_lag: RefCell<Histogram<u64>>,
    /// Turns completed and messages received, ever.
    pub events: Cell<u64>,
    /// How clients connect, a server shard each.
    pub dialers: Vec<Dialer>,
    /// The form of payloads.
    pub payload: feed::Kind,
    /// The longest connect, upgrade or response, in nanoseconds.
    pub timeout_ns: u64,
    /// The seed of phases.
    pub seed: u64,
    /// Bytes on their way from a socket to a parser; one buffer for all, since a read and its
    /// parsing are never interrupted.
    pub scratch: RefCell<Box<[u8]>>,
    /// Connects under way at once.
    pub tickets: tokio::sync::Semaphore,
    schedule: Cell<Option<Schedule>>,
    generation: Cell<u32>,
    stopped: Cell<bool>,
    tally: Cell<Tally>,
    watches: RefCell<Vec<Rc<Watch>>>,
}

/// Where a thread's clients are.
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
    /// Turns of the measured window that ended clients did not reach.
    pub unreached: u64,
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
        self.unreached += o.unreached;
        self.last_connected_ns = self.last_connected_ns.max(o.last_connected_ns);
    }
}

impl Thread {
    /// A thread without clients.
    pub fn new(
        dialers: Vec<Dialer>,
        payload: feed::Kind,
        timeout_ns: u64,
        gap_ns: u64,
        seed: u64,
    ) -> Rc<Thread> {
        // A listener's queue holds 4096 and more; this stays below it for every thread.
        const CONNECTS_AT_ONCE: usize = 256;
        const SCRATCH_BYTES: usize = 64 * 1024;
        Rc::new(Thread {
            alarm: Alarm::with_gap(gap_ns),
            recorder: RefCell::default(),
            tcp: Cell::default(),
            audit: Cell::default(),
            // Valid fixed bounds, see `record::latency`.
            step_lag: RefCell::new(
                Histogram::new_with_bounds(1, crate::record::LATENCY_BOUND_NS, 3)
                    .expect("fixed bounds are valid"),
            ),
            events: Cell::new(0),
            dialers,
            payload,
            timeout_ns,
            seed,
            scratch: RefCell::new(vec![0; SCRATCH_BYTES].into_boxed_slice()),
            tickets: tokio::sync::Semaphore::new(CONNECTS_AT_ONCE),
            schedule: Cell::new(None),
            generation: Cell::new(0),
            stopped: Cell::new(false),
            tally: Cell::default(),
            watches: RefCell::default(),
        })
    }

    /// Starts a schedule and wakes everybody.
    pub fn start(&self, schedule: Schedule) {
        self.schedule.set(Some(schedule));
        self.generation.set(self.generation.get().wrapping_add(1));
        self.update(|t| t.finished = 0);
        self.step_lag.borrow_mut().reset();
        self.alarm.wake_all();
    }
    /// The current schedule.
    pub fn schedule(&self) -> Option<Schedule> {
        self.schedule.get()
    }
    /// Ends every client after its current exchange.
    pub fn stop(&self) {
        self.stopped.set(true);
        self.alarm.wake_all();
        self.tickets.close();
    }
    /// Whether clients are to end.
    pub fn stopped(&self) -> bool {
        self.stopped.get()
    }
    /// The phase to which the closing of a connection belongs: the teardown once clients are to
    /// end, and before that the phase that caused it, as where each poll has a connection of its
    /// own.
    pub fn closing_phase(&self, current: Phase) -> Phase {
        if self.stopped() { Phase::Teardown } else { current }
    }
    /// Where the clients are.
    pub fn tally(&self) -> Tally {
        self.tally.get()
    }
    fn update(&self, change: impl FnOnce(&mut Tally)) {
        let mut tally = self.tally.get();
        change(&mut tally);
        self.tally.set(tally);
    }
    /// Counts a finished exchange or a message.
    #[inline]
    pub fn event(&self) {
        self.events.set(self.events.get() + 1);
    }
    /// Ends every exchange that began before `limit_ns`; called now and then.
    pub fn expire_before(&self, limit_ns: u64) {
        let mut watches = self.watches.borrow_mut();
        watches.retain(|watch| Rc::strong_count(watch) > 1);
        for watch in watches.iter() {
            if watch.since_ns.get() < limit_ns {
                watch.expired.set(true);
                if let Some(waker) = watch.waker.take() {
                    waker.wake();
                }
            }
        }
    }
}

/// Watches over one client's exchanges without a timer for each: the thread looks at all watches
/// now and then.
pub struct Watch {
    since_ns: Cell<u64>,
    expired: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Watch {
    /// An exchange begins.
    #[inline]
    pub fn begin(&self, now_ns: u64) {
        self.since_ns.set(now_ns);
        self.expired.set(false);
    }
    /// It has ended.
    #[inline]
    pub fn end(&self) {
        self.since_ns.set(u64::MAX);
    }
    /// Whether it has lasted too long. To be asked at every poll of its future.
    #[inline]
    pub fn expired(&self, cx: &std::task::Context<'_>) -> bool {
        if self.expired.get() {
            return true;
        }
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        false
    }
}

/// One simulated client.
pub struct Client {
    /// Its number among all clients of the case.
    pub id: u32,
    /// What its thread shares.
    pub thread: Rc<Thread>,
    /// Watches over its exchanges.
    pub watch: Rc<Watch>,
    pacer: Pacer,
    generation: u32,
    begin_ns: u64,
    ready: bool,
    was_ready: bool,
    finished: bool,
    connects: u32,
    faults: Cell<u32>,
}

/// What comes next for a client that is pushed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A phase begins for this client.
    Phase(Phase),
    /// Close and end.
    Stop,
}

impl Client {
    /// A client of a thread, to begin at a moment of the ramp.
    pub fn new(id: u32, begin_ns: u64, thread: Rc<Thread>) -> Client {
        let watch = Rc::new(Watch {
            since_ns: Cell::new(u64::MAX),
            expired: Cell::new(false),
            waker: RefCell::new(None),
        });
        thread.watches.borrow_mut().push(watch.clone());
        let generation = thread.generation.get();
        Client {
            id,
            thread,
            watch,
            pacer: Pacer::default(),
            generation,
            begin_ns,
            ready: false,
            was_ready: false,
            finished: false,
            connects: 0,
            faults: Cell::new(0),
        }
    }

    /// Waits for the client's moment in the ramp; false where it is to end instead. The first
    /// thing that a client half does.
    pub async fn begin(&self) -> bool {
        self.wait_until(self.begin_ns).await
    }

    async fn wait_until(&self, ns: u64) -> bool {
        while !self.thread.stopped() && !self.thread.alarm.until(ns).await {}
        !self.thread.stopped()
    }

    /// How this client connects.
    pub fn dialer(&self) -> &Dialer {
        // A driver has at least one server to connect to.
        &self.thread.dialers[self.id as usize % self.thread.dialers.len()]
    }

    /// Opens a connection; a fault is counted in `phase`.
    pub async fn connect(&mut self, phase: Phase) -> Option<(Metered, Book)> {
        let thread = self.thread.clone();
        let Ok(_ticket) = thread.tickets.acquire().await else { return None };
        let began = now_ns();
        match dial(self.dialer(), self.id).await {
            Err(fault) => {
                self.fault(phase, fault);
                None
            }
            Ok(stream) => {
                self.opened(phase, now_ns() - began);
                let book = Book::new(&stream, self.thread.clone(), phase);
                Some((stream, book))
            }
        }
    }

    /// Counts a connection that was opened in `took_ns`.
    pub fn opened(&mut self, phase: Phase, took_ns: u64) {
        let mut recorder = self.thread.recorder.borrow_mut();
        recorder.set_up_time(Metric::ConnectTime, took_ns);
        recorder.at(phase).counts.connects += 1;
        recorder.at(phase).counts.reconnects += u64::from(self.connects > 0);
        self.connects += 1;
    }

    /// Counts a connection that somebody else opened, who does not say how long it took.
    pub fn opened_unseen(&mut self, phase: Phase) {
        let mut recorder = self.thread.recorder.borrow_mut();
        recorder.at(phase).counts.connects += 1;
        recorder.at(phase).counts.reconnects += u64::from(self.connects > 0);
        self.connects += 1;
    }

    /// Adds what the kernel counted.
    pub fn book_segments(&self, phase: Phase, totals: TcpTotals) {
        let mut tcp = self.thread.tcp.get();
        tcp[phase] += totals;
        self.thread.tcp.set(tcp);
    }

    /// Counts a fault.
    pub fn fault(&self, phase: Phase, fault: Fault) {
        self.faults.set(self.faults.get() + 1);
        self.thread.recorder.borrow_mut().fault(phase, fault);
    }

    /// Faults of this client so far.
    pub fn faults(&self) -> u32 {
        self.faults.get()
    }

    /// Books bytes that came where none were due.
    pub fn discarded(&self, phase: Phase, down: u64) {
        self.thread.recorder.borrow_mut().at(phase).ledger.down.discarded += down;
    }

    /// Whether the client is set up.
    pub fn is_set_up(&self) -> bool {
        self.ready
    }

    /// Says that the client is set up.
    pub fn ready(&mut self) {
        if !self.ready {
            self.ready = true;
            let first = !std::mem::replace(&mut self.was_ready, true);
            self.thread.update(|t| {
                t.settled += u32::from(first);
                t.connected += 1;
                t.connected_peak = t.connected_peak.max(t.connected);
                t.last_connected_ns = now_ns();
            });
        }
    }

    /// Says that the client has lost its connection and may get another.
    pub fn unready(&mut self) {
        if std::mem::take(&mut self.ready) {
            self.thread.update(|t| t.connected -= 1);
        }
    }

    /// Waits before the next attempt to connect; false where the client is to end instead.
    pub async fn pause(&self, ns: u64) -> bool {
        self.wait_until(now_ns().saturating_add(ns)).await
    }

    fn offset_ns(&self, spread: Spread, within_ns: u64) -> u64 {
        spread.offset_ns(self.id, self.thread.seed, within_ns)
    }

    fn renew(&mut self) {
        if self.generation != self.thread.generation.get() {
            self.generation = self.thread.generation.get();
            self.pacer = Pacer::default();
            self.finished = false;
        }
    }

    fn finish(&mut self) {
        if !std::mem::replace(&mut self.finished, true) {
            self.thread.update(|t| t.finished += 1);
        }
    }

    /// Waits for the next turn, and counts it and its lag. `None` is the word to end.
    pub async fn turn(&mut self, spread: Spread) -> Option<Turn> {
        loop {
            self.renew();
            if self.thread.stopped() {
                return None;
            }
            let Some(schedule) = self.thread.schedule.get() else {
                self.thread.alarm.until(u64::MAX).await;
                continue;
            };
            let offset_ns = self.offset_ns(spread, schedule.interval_ns);
            let now = now_ns();
            let Some(turn) = self.pacer.next(&schedule, offset_ns, now) else {
                self.finish();
                self.thread.alarm.until(u64::MAX).await;
                continue;
            };
            if turn.intended_ns > now && !self.thread.alarm.until(turn.intended_ns).await {
                continue;
            }
            if self.generation != self.thread.generation.get() || self.thread.stopped() {
                continue;
            }
            self.pacer.take();
            self.took(&schedule, turn);
            return Some(turn);
        }
    }

    #[inline]
    fn took(&self, schedule: &Schedule, turn: Turn) {
        let mut recorder = self.thread.recorder.borrow_mut();
        recorder.at(turn.phase).counts.turns += 1;
        if schedule.interval_ns > 0 {
            let lag = now_ns().saturating_sub(turn.intended_ns);
            recorder.latency(turn.phase, Metric::DriverLag, lag);
            if schedule.calibration {
                self.thread.step_lag.borrow_mut().saturating_record(lag);
            }
        }
    }

    /// The wait for the next change, for a client that is pushed to; see [`Client::change`].
    pub fn next_change(&mut self) -> (Sleep, Change) {
        self.renew();
        let never = |client: &Client, change| (client.thread.alarm.until(u64::MAX), change);
        let Some(schedule) = self.thread.schedule.get() else {
            return never(self, Change::Phase(Phase::Setup));
        };
        let within = schedule.interval_ns.min(PUSH_SPREAD_NS);
        let from = schedule.start_ns + self.offset_ns(Spread::Spread, within);
        let elapsed = now_ns().saturating_sub(from);
        let warmup = if schedule.calibration { schedule.length_ns() } else { schedule.warmup_ns };
        let steady = warmup + schedule.duration_ns;
        let (at, phase) = match elapsed {
            _ if now_ns() < from => (0, Phase::Warmup),
            t if t < warmup => (warmup, Phase::Steady),
            t if t < steady => (steady, Phase::Cooldown),
            t if t < schedule.length_ns() => (schedule.length_ns(), Phase::Cooldown),
            _ => {
                self.finish();
                return never(self, Change::Phase(Phase::Cooldown));
            }
        };
        (self.thread.alarm.until(from + at), Change::Phase(phase))
    }

    /// What a change means once its wait has ended: `woken` is what the wait gave.
    pub fn change(&mut self, woken: bool, change: Change) -> Option<Change> {
        match (self.thread.stopped(), woken) {
            (true, _) => Some(Change::Stop),
            (_, true) => Some(change),
            (_, false) => None,
        }
    }

    /// The longest connect, upgrade or response.
    pub fn timeout(&self) -> Duration {
        Duration::from_nanos(self.thread.timeout_ns)
    }
}

/// Push clients have no schedule of their own; their measured windows are moved against each
/// other by at most this, so that not all of them ask the kernel at one moment.
const PUSH_SPREAD_NS: u64 = 1_000_000_000;

impl Drop for Client {
    fn drop(&mut self) {
        let unreached = match self.thread.schedule.get() {
            Some(schedule) if self.was_ready && !schedule.calibration => {
                self.pacer.steady_unreached(&schedule)
            }
            _ => 0,
        };
        self.thread.update(|t| {
            t.ended += 1;
            t.settled += u32::from(!self.was_ready);
            t.failed += u32::from(!self.was_ready);
            t.connected -= u32::from(self.ready);
            t.unreached += unreached;
        });
    }
}

/// Counts a client that did not end by itself.
pub fn undrained(thread: &Thread, clients: u32) {
    let mut recorder = thread.recorder.borrow_mut();
    for _ in 0..clients {
        recorder.fault(Phase::Teardown, Fault::of(FaultKind::Undrained));
    }
}
