//! What the clients of one driver thread share: its alarm, its numbers, its schedule, its tally.
//!
//! Separate from `client`, which is one client's handle, and from `load`, which owns the thread.

use crate::client::delivery::inbox::Inbox;
use crate::client::delivery::per_client::measured;
use crate::client::delivery::shared::Followed;
use crate::feed;
use crate::net::delay_line::Errors;
use crate::net::{Dialer, Heads};
use crate::record::{
    Audit, ClientError, ClientErrorKind, FanOut, Head, Metric, Phase, Phases, Recorder,
    TRACED_CLIENTS, TRACED_EVENTS, TcpTotals, TraceEvent,
};
use crate::time::Schedule;
use crate::time::Timer;
use hdrhistogram::Histogram;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;

/// What the clients of one driver thread share.
pub struct ThreadContext {
    /// The thread's alarm.
    pub alarm: Timer,
    /// The thread's numbers.
    pub recorder: RefCell<Recorder>,
    /// What the kernel counted, by phase.
    pub tcp: Cell<Phases<TcpTotals>>,
    /// ClientHalf against kernel.
    pub audit: Cell<Audit>,
    /// Lags of a calibration step.
    pub step_lag: RefCell<Histogram<u64>>,
    /// Turns completed and messages received, ever.
    pub events: Cell<u64>,
    /// How clients connect, a server shard each.
    pub dialers: Vec<Dialer>,
    /// What is published, in form and rate.
    pub spec: feed::Spec,
    /// The feed, once it has begun and where it is known when.
    pub feed: Cell<Option<feed::Feed>>,
    /// The longest connect, upgrade or response, in nanoseconds.
    pub timeout_ns: u64,
    /// The seed of phases.
    pub seed: u64,
    /// Bytes on their way from a socket to a parser; one buffer for all, since a read and its
    /// parsing are never interrupted.
    pub scratch: RefCell<Box<[u8]>>,
    /// Connects under way at once.
    pub tickets: tokio::sync::Semaphore,
    pub schedule: Cell<Option<Schedule>>,
    pub generation: Cell<u32>,
    stopped: Cell<bool>,
    tally: Cell<Tally>,
    /// How clients' messages spread, where they send to each other.
    pub followed: RefCell<Followed>,
    pub watches: RefCell<Vec<Rc<Watch>>>,
    /// Where messages that come whole are read.
    pub inbox: RefCell<Inbox>,
    /// The measured window by moments of publishing, where one is planned.
    pub window: Cell<Option<(u64, u64)>>,
    /// What happened to the first clients.
    trace: RefCell<Vec<TraceEvent>>,
    /// The first heads of the first client.
    pub heads: Heads,
    /// Of the age of information in ns², what is less than the unit that it is recorded in; and of
    /// its time in ns.
    age_rest: Cell<(u128, u64)>,
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
    /// Handles beside a client's own that are still in use: what it says ends by itself.
    pub voices: u32,
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
        self.voices += o.voices;
        self.unreached += o.unreached;
        self.last_connected_ns = self.last_connected_ns.max(o.last_connected_ns);
    }
}

impl ThreadContext {
    /// A thread without clients.
    pub fn new(
        dialers: Vec<Dialer>,
        spec: feed::Spec,
        timeout_ns: u64,
        gap_ns: u64,
        seed: u64,
    ) -> Rc<ThreadContext> {
        // A listener's queue holds 4096 and more; this stays below it for every thread.
        const CONNECTS_AT_ONCE: usize = 64;
        const SCRATCH_BYTES: usize = 64 * 1024;
        Rc::new(ThreadContext {
            alarm: Timer::with_gap(gap_ns),
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
            spec,
            feed: Cell::new(None),
            timeout_ns,
            seed,
            scratch: RefCell::new(vec![0; SCRATCH_BYTES].into_boxed_slice()),
            tickets: tokio::sync::Semaphore::new(CONNECTS_AT_ONCE),
            schedule: Cell::new(None),
            generation: Cell::new(0),
            stopped: Cell::new(false),
            tally: Cell::default(),
            followed: RefCell::default(),
            watches: RefCell::default(),
            inbox: RefCell::new(Inbox::new(&spec)),
            window: Cell::new(None),
            trace: RefCell::default(),
            heads: Heads::default(),
            age_rest: Cell::default(),
        })
    }

    /// Starts a schedule and wakes everybody.
    pub fn start(&self, schedule: Schedule) {
        if self.spec.workload.is_shared() {
            self.followed.borrow_mut().begin(&self.spec, &schedule);
        }
        self.window.set((!schedule.calibration).then(|| measured(&schedule)));
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
    pub fn update(&self, change: impl FnOnce(&mut Tally)) {
        let mut tally = self.tally.get();
        change(&mut tally);
        self.tally.set(tally);
    }
    /// The number of the current schedule.
    pub fn generation(&self) -> u32 {
        self.generation.get()
    }
    /// The form of payloads.
    pub fn payload(&self) -> feed::PayloadKind {
        self.spec.kind
    }
    /// Adds to the integral of the age of information: a time, and the area over it in ns².
    pub fn aged(&self, time_ns: u64, area_ns2: u128) {
        const AREA_UNIT: u128 = 1_000_000_000;
        let (area, time) = self.age_rest.get();
        let (area, time) = (area + area_ns2, time + time_ns);
        self.age_rest.set((area % AREA_UNIT, time % 1_000));
        let mut recorder = self.recorder.borrow_mut();
        let counts = &mut recorder.at(Phase::Steady).counts;
        counts.age_time_us += time / 1_000;
        counts.age_area_us_ms += (area / AREA_UNIT) as u64;
    }
    pub fn trace(&self, event: TraceEvent) {
        let mut trace = self.trace.borrow_mut();
        let most = TRACED_EVENTS * TRACED_CLIENTS as usize;
        let own = || trace.iter().filter(|e| e.client == event.client).count();
        if trace.len() < most && own() < TRACED_EVENTS {
            trace.push(event);
        }
    }
    /// Gives away what happened to the first clients.
    pub fn take_trace(&self) -> Vec<TraceEvent> {
        self.trace.take()
    }
    /// Gives away the first client's heads.
    pub fn take_heads(&self) -> Vec<Head> {
        self.heads.take()
    }
    /// Gives away how clients' messages spread.
    pub fn take_fan_out(&self) -> Vec<FanOut> {
        self.followed.borrow_mut().take()
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

impl Errors for ThreadContext {
    /// Counts what falls into the measured window; a line does not know whose phase it is in.
    fn released(&self, now_ns: u64, error_ns: u64) {
        let steady = self.schedule.get().is_some_and(|s| {
            let from = s.steady_from_ns();
            !s.calibration && (from..from + s.duration_ns).contains(&now_ns)
        });
        if steady {
            self.recorder.borrow_mut().latency(Phase::Steady, Metric::DelayError, error_ns);
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
    /// A watch that nothing has begun under.
    pub fn idle() -> Rc<Watch> {
        Rc::new(Watch {
            since_ns: Cell::new(u64::MAX),
            expired: Cell::new(false),
            waker: RefCell::new(None),
        })
    }
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

/// Counts a client that did not end by itself.
pub(crate) fn undrained(thread: &ThreadContext, clients: u32) {
    let mut recorder = thread.recorder.borrow_mut();
    for _ in 0..clients {
        recorder.fault(Phase::Teardown, ClientError::of(ClientErrorKind::Undrained));
    }
}
