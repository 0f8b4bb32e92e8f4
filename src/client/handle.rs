//! One simulated client's handle: what a transport's client half may ask for and say.
//!
//! A client is one task and owns its socket. It asks for its next turn, acts, and says what
//! happened; saying is an addition to the recorder of its own thread. Separate from `load`, which
//! makes the handles and says when to start and stop.

use crate::client::account::ConnectionAccount;
use crate::client::context::{ThreadContext, Watch};
use crate::client::delivery::per_client::measured;
use crate::feed::{Stamp, Topic};
use crate::net::{Dialer, Line, Metered, Tap, dial};
use crate::record::{ClientError, Metric, Phase, TRACED_CLIENTS, TcpTotals, TraceEvent, TraceKind};
use crate::time::Sleep;
use crate::time::now_ns;
use crate::time::{Pacer, Schedule, Turn, TurnPlacement};
use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

/// One simulated client.
pub struct Client {
    /// Its number among all clients of the case.
    pub id: u32,
    /// What its thread shares.
    pub thread: Rc<ThreadContext>,
    /// Watches over its exchanges.
    pub watch: Rc<Watch>,
    pacer: Pacer,
    /// Between two turns, where that is not the schedule's interval: of a handle beside another.
    own_interval_ns: Option<u64>,
    /// It has asked for a turn, which a client that is pushed to never does.
    paced: bool,
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
    pub fn new(id: u32, begin_ns: u64, thread: Rc<ThreadContext>) -> Client {
        let watch = Watch::idle();
        thread.watches.borrow_mut().push(watch.clone());
        let generation = thread.generation.get();
        Client {
            id,
            thread,
            watch,
            pacer: Pacer::default(),
            own_interval_ns: None,
            paced: false,
            generation,
            begin_ns,
            ready: false,
            was_ready: false,
            finished: false,
            connects: 0,
            faults: Cell::new(0),
        }
    }

    /// Another handle of the same simulated client, for what it does at an interval of its own
    /// beside the rest. It is not counted among the clients, and takes no turns while the rate
    /// that holds is looked for.
    pub fn beside(&self, interval_ns: u64) -> Client {
        let mut second = Client::new(self.id, self.begin_ns, self.thread.clone());
        second.own_interval_ns = Some(interval_ns.max(1));
        self.thread.update(|t| t.voices += 1);
        second
    }

    /// True for a handle beside the one that stands for the client.
    fn is_beside(&self) -> bool {
        self.own_interval_ns.is_some()
    }

    fn schedule(&self) -> Option<Schedule> {
        let schedule = self.thread.schedule.get()?;
        match self.own_interval_ns {
            None => Some(schedule),
            Some(interval_ns) => {
                (!schedule.calibration).then_some(Schedule { interval_ns, ..schedule })
            }
        }
    }

    /// Turns taken of the current schedule: the number of the last one, from 1.
    pub fn turns_taken(&self) -> u64 {
        self.pacer.taken()
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
    pub async fn connect(&mut self, phase: Phase) -> Option<(Metered, ConnectionAccount)> {
        let thread = self.thread.clone();
        let Ok(ticket) = thread.tickets.acquire().await else { return None };
        let began = now_ns();
        let dialled = dial(self.dialer(), self.id).await;
        // Others connect while this one's handshake is on its way through the delay line.
        drop(ticket);
        match dialled {
            Err(fault) => {
                self.fault(phase, fault);
                None
            }
            Ok(stream) => {
                let stream = self.tapped(self.behind_line(stream, began).await, phase);
                self.opened(phase, now_ns() - began);
                let book = ConnectionAccount::new(&stream, self.thread.clone(), phase);
                Some((stream, book))
            }
        }
    }

    /// Puts a new connection behind the delay line that was asked for, once SYN and SYN-ACK would
    /// have passed it.
    async fn behind_line(&self, stream: Metered, began_ns: u64) -> Metered {
        let delay = self.dialer().delay;
        if delay.is_none() {
            return stream;
        }
        let alarm = &self.thread.alarm;
        let line = Line::new(&delay, (self.id, self.connects), alarm.clone(), self.thread.clone());
        // Also where clients are to end meanwhile: it is short, and the connection is there.
        while !alarm.until(began_ns.saturating_add(line.handshake_ns())).await {}
        stream.behind(line)
    }

    /// Keeps the first heads of the first client.
    fn tapped(&self, stream: Metered, phase: Phase) -> Metered {
        match self.id {
            0 => stream.tapped(Tap::new(self.thread.heads.clone(), self.is_beside(), phase)),
            _ => stream,
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
    pub fn fault(&self, phase: Phase, fault: ClientError) {
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

    fn offset_ns(&self, spread: TurnPlacement, within_ns: u64) -> u64 {
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
        if !std::mem::replace(&mut self.finished, true) && !self.is_beside() {
            self.thread.update(|t| t.finished += 1);
        }
    }

    /// Waits for the next turn, and counts it and its lag. `None` is the word to end.
    pub async fn turn(&mut self, spread: TurnPlacement) -> Option<Turn> {
        self.paced = true;
        loop {
            self.renew();
            if self.thread.stopped() {
                return None;
            }
            let Some(schedule) = self.schedule() else {
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
        recorder.at(turn.phase).counts.turns += u64::from(!self.is_beside());
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
        let from = schedule.start_ns + self.offset_ns(TurnPlacement::Spread, within);
        let elapsed = now_ns().saturating_sub(from);
        let warmup = if schedule.calibration { schedule.length_ns() } else { schedule.warmup_ns };
        let steady = warmup + schedule.duration_ns;
        let (at, phase) = match elapsed {
            // Without a warm-up the measured window is the first of all.
            _ if now_ns() < from && warmup == 0 => (0, Phase::Steady),
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

    /// Whether it has come to the end of the schedule.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// The topic that the server finds for it; `None` where only the server knows its address.
    pub fn topic(&self) -> Option<Topic> {
        let source = self.dialer().source(self.id)?;
        Some(Topic::of_peer(SocketAddr::new(IpAddr::V4(source), 0)))
    }

    /// Keeps what happened, where this client is one of those that pictures show.
    #[inline]
    pub fn trace(&self, kind: TraceKind, at_ns: u64, stamp: Option<Stamp>) {
        if self.id < TRACED_CLIENTS {
            self.keep_trace(kind, at_ns, stamp);
        }
    }

    fn keep_trace(&self, kind: TraceKind, at_ns: u64, stamp: Option<Stamp>) {
        let Some(schedule) = self.thread.schedule().filter(|s| !s.calibration) else { return };
        let (from_ns, until_ns) = measured(&schedule);
        if (from_ns..until_ns).contains(&at_ns) {
            let since = |ns: u64| ns as i64 - from_ns as i64;
            self.thread.trace(TraceEvent {
                client: self.id,
                at_ns: since(at_ns),
                kind,
                sequence: stamp.map_or(0, |s| s.sequence),
                published_ns: stamp.map_or(0, |s| since(s.published_ns)),
            });
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
        let unreached = match self.schedule() {
            Some(schedule) if self.paced && !schedule.calibration => {
                self.pacer.steady_unreached(&schedule)
            }
            _ => 0,
        };
        if self.is_beside() {
            return self.thread.update(|t| {
                t.voices -= 1;
                t.unreached += unreached;
            });
        }
        self.thread.update(|t| {
            t.ended += 1;
            t.settled += u32::from(!self.was_ready);
            t.failed += u32::from(!self.was_ready);
            t.connected -= u32::from(self.ready);
            t.unreached += unreached;
        });
    }
}
