//! The handle of one simulated client: how a transport's client half waits for turns, connects and
//! reports what happened.
//!
//! A client is one task and owns its socket. A report is an addition to the recorder of its
//! thread. Separate from `driver`, which makes the handles, starts and stops the clients.

use crate::client::account::{ConnectionAccount, MovedBytes};
use crate::client::context::ThreadContext;
use crate::client::watchdog::Watchdog;
use crate::feed::{Post, Stamp, Topic};
use crate::net::{Connection, DelayLine, Dialer, Tap, dial};
use crate::record::{
    ClientError, Ledger, Metric, Part, Phase, TRACED_CLIENTS, TraceEvent, TraceKind,
};
use crate::time::{Pacer, Schedule, Sleep, Timer, Turn, TurnPlacement, now_ns};
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Attempts to set up a client before it is given up.
const SET_UP_ATTEMPTS: u32 = 4;
/// The pause between two attempts.
const SET_UP_PAUSE_NS: u64 = 250_000_000;

/// One simulated client.
pub struct Client {
    /// The number among all clients of the case.
    pub id: u32,
    /// What the clients of the thread share.
    pub thread: Rc<ThreadContext>,
    /// Limits the duration of exchanges.
    pub watchdog: Rc<Watchdog>,
    pacer: Pacer,
    /// The interval of a second handle; `None` for the schedule's interval.
    own_interval_ns: Option<u64>,
    /// Whether it has asked for a turn, which the client of a push transport never does.
    paced: bool,
    generation: u32,
    begin_ns: u64,
    ready: bool,
    was_ready: bool,
    finished: bool,
    connects: u32,
    faults: Cell<u32>,
}

/// Why a session on one connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionEnd {
    /// The client must end.
    Stopped,
    /// The connection is lost; the client reconnects.
    Lost,
}

/// What the client of a push transport waits for.
pub(crate) enum Event<T> {
    /// Something on its connection.
    Came(T),
    /// The end of a sleep, see [`Client::change`].
    Woken(bool),
}

/// Waits for what `poll` gives or for the end of the sleep; the former goes first.
pub(crate) async fn next_event<T>(
    sleep: &mut Sleep,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Event<T> {
    poll_fn(|cx| match poll(cx) {
        Poll::Ready(came) => Poll::Ready(Event::Came(came)),
        Poll::Pending => Pin::new(&mut *sleep).poll(cx).map(Event::Woken),
    })
    .await
}

/// What comes next for the client of a push transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A phase begins for this client.
    Phase(Phase),
    /// Close and end.
    Stop,
}

impl Client {
    /// A client that begins at a moment of the ramp.
    pub fn new(id: u32, begin_ns: u64, thread: Rc<ThreadContext>) -> Client {
        let watchdog = Watchdog::idle();
        thread.watchdogs.borrow_mut().push(watchdog.clone());
        let generation = thread.generation.get();
        Client {
            id,
            thread,
            watchdog,
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

    /// Makes another handle of the same simulated client, for messages that it sends at another
    /// interval. It is not counted among the clients, and takes no turns during a calibration.
    pub fn second_handle(&self, interval_ns: u64) -> Client {
        let mut second = Client::new(self.id, self.begin_ns, self.thread.clone());
        second.own_interval_ns = Some(interval_ns.max(1));
        self.thread.update(|t| t.senders += 1);
        second
    }

    fn is_second_handle(&self) -> bool {
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

    /// Returns the number of the last turn of the current schedule, from 1.
    pub fn turns_taken(&self) -> u64 {
        self.pacer.taken()
    }

    /// The number of the message that is sent in the current turn, among those of all clients.
    pub fn post(&self) -> Post {
        Post { sender: self.id, number: u32::try_from(self.turns_taken()).unwrap_or(u32::MAX) }
    }

    /// Waits for the client's moment in the ramp: the first thing that a client half does. Returns
    /// false if the client must end instead.
    pub async fn begin(&self) -> bool {
        self.wait_until(self.begin_ns).await
    }

    async fn wait_until(&self, ns: u64) -> bool {
        while !self.thread.stopped() && !self.thread.timer.until(ns).await {}
        !self.thread.stopped()
    }

    /// Returns how this client connects.
    pub fn dialer(&self) -> &Dialer {
        // A driver has at least one server to connect to.
        &self.thread.dialers[self.id as usize % self.thread.dialers.len()]
    }

    /// Opens a connection. An error is counted in `phase`.
    pub async fn connect(&mut self, phase: Phase) -> Option<(Connection, ConnectionAccount)> {
        let thread = self.thread.clone();
        let Ok(permit) = thread.connect_permits.acquire().await else { return None };
        let began = now_ns();
        let dialled = dial(self.dialer(), self.id).await;
        // Other clients connect while this handshake is in the delay line.
        drop(permit);
        match dialled {
            Err(fault) => {
                self.fault(phase, fault);
                None
            }
            Ok(socket) => {
                let delay_line = self.delay_line(began).await;
                let stream = Connection::open(socket, self.tap(phase), delay_line);
                self.opened(phase, now_ns() - began);
                let account = ConnectionAccount::new(&stream, self.thread.clone(), phase);
                Some((stream, account))
            }
        }
    }

    /// Returns the delay line of a new connection, if one was asked for, once SYN and SYN-ACK would
    /// have passed it.
    async fn delay_line(&self, began_ns: u64) -> Option<(DelayLine, Timer)> {
        let delay = self.dialer().delay;
        if delay.is_none() {
            return None;
        }
        let timer = &self.thread.timer;
        let line = DelayLine::new(&delay, self.id, self.connects, self.thread.clone());
        // Also if clients are to end meanwhile: it is short, and the connection is there.
        while !timer.until(began_ns.saturating_add(line.handshake_ns())).await {}
        Some((line, timer.clone()))
    }

    /// Returns what keeps the first heads of the first client.
    fn tap(&self, phase: Phase) -> Option<Tap> {
        (self.id == 0).then(|| Tap::new(self.thread.heads.clone(), self.is_second_handle(), phase))
    }

    /// Counts a connection that was opened in `took_ns`.
    fn opened(&mut self, phase: Phase, took_ns: u64) {
        self.thread.recorder.borrow_mut().set_up_time(Metric::ConnectTime, took_ns);
        self.opened_by_library(phase);
    }

    /// Counts a connection that a library opened, which does not tell how long it took.
    pub fn opened_by_library(&mut self, phase: Phase) {
        let mut recorder = self.thread.recorder.borrow_mut();
        recorder.at(phase).counts.connects += 1;
        recorder.at(phase).counts.reconnects += u64::from(self.connects > 0);
        self.connects += 1;
    }

    /// Counts an error.
    pub fn fault(&self, phase: Phase, fault: ClientError) {
        self.faults.set(self.faults.get() + 1);
        self.thread.recorder.borrow_mut().fault(phase, fault);
    }

    /// Returns the number of errors of this client so far.
    pub fn faults(&self) -> u32 {
        self.faults.get()
    }

    /// Adds bytes that arrived after the end of a response.
    pub fn discarded(&self, phase: Phase, down: u64) {
        self.thread.recorder.borrow_mut().at(phase).ledger.down[Part::Discarded] += down;
    }

    /// Reports an upgrade to another protocol that took `took_ns`.
    pub fn upgraded(&self, took_ns: u64) {
        self.thread.recorder.borrow_mut().set_up_time(Metric::UpgradeTime, took_ns);
    }

    /// Adds bytes to the ledger of a phase.
    #[inline]
    pub fn add_bytes(&self, phase: Phase, add: impl FnOnce(&mut Ledger)) {
        self.thread.add_bytes(phase, add);
    }

    /// Reports a turn that is completed without a message.
    pub fn turn_completed(&self, turn: Turn) {
        let done_ns = now_ns();
        self.message_completed(turn.phase, 0);
        let mut recorder = self.thread.recorder.borrow_mut();
        recorder.since(turn.phase, Metric::ResponseLatency, turn.intended_ns, done_ns);
    }

    /// Reports the latencies of a completed exchange.
    #[inline]
    pub fn response_completed(&self, phase: Phase, intended_ns: u64, sent_ns: u64, done_ns: u64) {
        let mut recorder = self.thread.recorder.borrow_mut();
        recorder.since(phase, Metric::ResponseLatency, intended_ns, done_ns);
        recorder.since(phase, Metric::ServiceTime, sent_ns, done_ns);
    }

    /// Reports a completed message or response, with the number of its payloads without stamp.
    #[inline]
    pub fn message_completed(&self, phase: Phase, unstamped: u64) {
        self.thread.event();
        let mut recorder = self.thread.recorder.borrow_mut();
        let counts = &mut recorder.at(phase).counts;
        counts.completed += 1;
        counts.unstamped += unstamped;
        counts.messages += unstamped;
    }

    /// Reports an exchange that brought nothing new.
    pub fn nothing_new(&self, phase: Phase, moved: MovedBytes) {
        let mut recorder = self.thread.recorder.borrow_mut();
        let counts = &mut recorder.at(phase).counts;
        counts.empty_polls += 1;
        counts.empty_poll_bytes += moved.up + moved.down;
    }

    /// Reports a message of this client: whether it was written.
    pub fn message_sent(&self, phase: Phase, written: bool) {
        self.thread.recorder.borrow_mut().at(phase).counts.sent += u64::from(written);
    }

    /// Reports that an echo of a message is awaited.
    pub fn echo_awaited(&self, phase: Phase) {
        self.thread.recorder.borrow_mut().at(phase).counts.updates_published += 1;
    }

    /// Reports the echo of a message.
    pub fn echo_received(&self, phase: Phase, intended_ns: u64, sent_ns: u64, done_ns: u64) {
        let mut recorder = self.thread.recorder.borrow_mut();
        let counts = &mut recorder.at(phase).counts;
        counts.completed += 1;
        counts.messages += 1;
        counts.updates_delivered += 1;
        drop(recorder);
        self.response_completed(phase, intended_ns, sent_ns, done_ns);
    }

    /// Reports that the echo of a message will not come.
    pub fn echo_lost(&self, phase: Phase) {
        self.thread.recorder.borrow_mut().at(phase).counts.lost += 1;
        self.echo_missing(phase);
    }

    /// Reports that the echo of a message is wrong or late.
    pub fn echo_missing(&self, phase: Phase) {
        self.thread.recorder.borrow_mut().at(phase).counts.updates_missing += 1;
    }

    /// Reports that the client is set up.
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

    /// Waits for the client's moment in the ramp and sets it up: tries a few times to open what
    /// `open` gives. `None` if all of that failed or the client must end.
    pub(crate) async fn set_up<T>(
        &mut self,
        mut open: impl AsyncFnMut(&mut Client) -> Option<T>,
    ) -> Option<T> {
        let mut next = self.begin_ns;
        for _ in 0..SET_UP_ATTEMPTS {
            if !self.wait_until(next).await {
                return None;
            }
            if let Some(opened) = open(self).await {
                if !self.is_second_handle() {
                    self.ready();
                }
                return Some(opened);
            }
            next = now_ns().saturating_add(SET_UP_PAUSE_NS);
        }
        None
    }

    /// Opens another connection after one was lost, with a pause before each attempt. `None` if the
    /// client must end.
    pub(crate) async fn reconnect<T>(
        &mut self,
        pause_ns: u64,
        mut open: impl AsyncFnMut(&mut Client) -> Option<T>,
    ) -> Option<T> {
        if std::mem::take(&mut self.ready) {
            self.thread.update(|t| t.connected -= 1);
        }
        while self.wait_until(now_ns().saturating_add(pause_ns)).await {
            if let Some(opened) = open(self).await {
                self.ready();
                return Some(opened);
            }
        }
        None
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
        if !std::mem::replace(&mut self.finished, true) && !self.is_second_handle() {
            self.thread.update(|t| t.finished += 1);
        }
    }

    /// Waits for the next turn; counts it and its lag. `None` if the client must end.
    pub async fn turn(&mut self, spread: TurnPlacement) -> Option<Turn> {
        self.paced = true;
        loop {
            self.renew();
            if self.thread.stopped() {
                return None;
            }
            let Some(schedule) = self.schedule() else {
                self.thread.timer.until(u64::MAX).await;
                continue;
            };
            let offset_ns = self.offset_ns(spread, schedule.interval_ns);
            let now = now_ns();
            let Some(turn) = self.pacer.next(&schedule, offset_ns, now) else {
                self.finish();
                self.thread.timer.until(u64::MAX).await;
                continue;
            };
            if turn.intended_ns > now && !self.thread.timer.until(turn.intended_ns).await {
                continue;
            }
            if self.generation != self.thread.generation.get() || self.thread.stopped() {
                continue;
            }
            self.pacer.take();
            self.count_turn(&schedule, turn);
            return Some(turn);
        }
    }

    #[inline]
    fn count_turn(&self, schedule: &Schedule, turn: Turn) {
        let mut recorder = self.thread.recorder.borrow_mut();
        recorder.at(turn.phase).counts.turns += u64::from(!self.is_second_handle());
        if schedule.interval_ns > 0 {
            let lag = now_ns().saturating_sub(turn.intended_ns);
            recorder.latency(turn.phase, Metric::DriverLag, lag);
            if schedule.calibration {
                self.thread.step_lag.borrow_mut().saturating_record(lag);
            }
        }
    }

    /// Returns the wait for the next change of the client of a push transport; see
    /// [`Client::change`].
    pub fn next_change(&mut self) -> (Sleep, Change) {
        self.renew();
        let never = |client: &Client, change| (client.thread.timer.until(u64::MAX), change);
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
        (self.thread.timer.until(from + at), Change::Phase(phase))
    }

    /// Returns the change once its wait has ended with `woken`.
    pub fn change(&mut self, woken: bool, change: Change) -> Option<Change> {
        if self.thread.stopped() { Some(Change::Stop) } else { woken.then_some(change) }
    }

    /// Returns whether it has come to the end of the schedule.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// Returns the topic that the server assigns to it; `None` if the client's address is not known.
    pub fn topic(&self) -> Option<Topic> {
        let source = self.dialer().source(self.id)?;
        Some(Topic::of_peer(SocketAddr::new(IpAddr::V4(source), 0)))
    }

    /// Keeps an event of the first clients, for pictures.
    #[inline]
    pub fn trace(&self, kind: TraceKind, at_ns: u64, stamp: Option<Stamp>) {
        if self.id < TRACED_CLIENTS {
            self.keep_trace(kind, at_ns, stamp);
        }
    }

    fn keep_trace(&self, kind: TraceKind, at_ns: u64, stamp: Option<Stamp>) {
        let Some(schedule) = self.thread.schedule.get().filter(|s| !s.calibration) else { return };
        let (from_ns, until_ns) = schedule.measured_ns();
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

    /// Returns the longest that a connect, upgrade or response may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_nanos(self.thread.timeout_ns)
    }
}

/// The measured windows of push clients begin at different moments, up to this far apart, so that
/// not all of them ask the kernel at once.
const PUSH_SPREAD_NS: u64 = 1_000_000_000;

impl Drop for Client {
    fn drop(&mut self) {
        let turns_not_started = match self.schedule() {
            Some(schedule) if self.paced && !schedule.calibration => {
                self.pacer.steady_turns_left(&schedule)
            }
            _ => 0,
        };
        if self.is_second_handle() {
            return self.thread.update(|t| {
                t.senders -= 1;
                t.turns_not_started += turns_not_started;
            });
        }
        self.thread.update(|t| {
            t.ended += 1;
            t.settled += u32::from(!self.was_ready);
            t.failed += u32::from(!self.was_ready);
            t.connected -= u32::from(self.ready);
            t.turns_not_started += turns_not_started;
        });
    }
}
