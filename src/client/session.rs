//! The session of one client of the engine, written once for all transports: connecting, attempts
//! to be set up, pauses, reconnecting, turns, phases, time limits and the end.
//!
//! It drives the client's [`Machine`] and is driven by whoever has the network and the clock: the
//! engine of a driver thread, or a simulation.

mod streams;

use crate::client::connection::ClientConnection;
use crate::client::core::{ClientCore, LEAST_PAUSE_NS};
use crate::client::http::unasked;
use crate::client::http2::{Carrier, Http2Role, StreamLink, stream_of};
use crate::client::machine::{Control, Io, Machine, Next, Reconnect, SessionPolicy};
use crate::client::stage::{Opening, Securing, Stage, StageEnd};
pub(crate) use crate::client::surroundings::{Depth, Surroundings};
use crate::net::counted_stream::CountedStream;
use crate::net::polled_stream::Received;
use crate::net::socket::Readiness;
use crate::record::{ClientError, ClientErrorKind, TlsProblem};
use crate::time::{Turn, TurnPlacement};
use std::rc::Rc;

/// How often one connection is read before others have their turn.
const READS_AT_ONCE: u32 = 16;

/// See the module's description.
pub struct Session {
    core: ClientCore,
    machine: Box<dyn Machine>,
    policy: SessionPolicy,
    stage: Stage,
    connection: Option<Box<ClientConnection>>,
    /// What it is over HTTP/2.
    http2: Option<Box<Http2Role>>,
    control: Control,
    /// A turn that waits for its connection.
    turn: Option<Turn>,
    /// Since when the client could take a turn.
    able_ns: u64,
    /// When the next phase begins for the client of a push transport; 0 if that is to be found out.
    phase_ends_ns: u64,
    /// Messages that the client sends on the same connection at a pace of their own.
    sender: Option<Box<(ClientCore, TurnPlacement)>>,
    /// There may be more to receive than was in one go.
    more: bool,
}

impl Session {
    /// A session that has not begun.
    pub(crate) fn new(
        core: ClientCore,
        machine: Box<dyn Machine>,
        policy: SessionPolicy,
    ) -> Session {
        Session {
            stage: Stage::Pausing { until_ns: core.begin_ns() },
            core,
            machine,
            policy,
            connection: None,
            http2: None,
            control: Control::new(),
            turn: None,
            able_ns: 0,
            phase_ends_ns: 0,
            sender: None,
            more: false,
        }
    }

    /// Sends messages on the same connection, at an interval and with a placement of their own.
    pub(crate) fn with_sender(mut self, interval_ns: u64, placement: TurnPlacement) -> Session {
        self.sender = Some(Box::new((self.core.second_handle(interval_ns), placement)));
        self
    }

    /// Has a stream of a connection over HTTP/2 in place of a connection.
    pub(crate) fn over(mut self, stream: StreamLink) -> Session {
        self.http2 = Some(Box::new(Http2Role::Client(stream)));
        self
    }

    /// Is the session of a connection that others share: it connects once one of them wants to.
    pub(crate) fn carrying(mut self, carrier: Rc<Carrier>) -> Session {
        self.http2 = Some(Box::new(Http2Role::Carrier(carrier)));
        self.stage = Stage::Idle;
        self
    }

    /// It has this slot in the engine.
    pub(crate) fn assign(&mut self, slot: u32) {
        self.http2.iter_mut().for_each(|role| role.assign(slot));
    }

    /// Whether the client has ended.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.stage, Stage::Ended)
    }

    /// Reads memory that the next event needs; the value is of no use.
    #[inline]
    pub(crate) fn touch(&self, depth: Depth) -> u64 {
        let stream = self.connection.as_ref();
        match depth {
            // Fields that are a cache line apart, whatever the order of all is.
            Depth::Session => {
                let Session { control, core, .. } = self;
                let far = self.able_ns ^ self.phase_ends_ns;
                far ^ control.exchange_until_ns ^ u64::from(core.id ^ u32::from(self.more))
            }
            Depth::Parts => stream.map_or(0, |c| c.touch()) ^ self.machine.touch(),
            Depth::Socket => stream.map_or(0, |c| c.stream.touch()),
        }
    }

    /// Whether it waits for a connect that may begin.
    pub(crate) fn is_queued(&self) -> bool {
        matches!(self.stage, Stage::Queued)
    }

    /// Another schedule has begun.
    pub(crate) fn reschedule(&mut self, around: &mut Surroundings<'_>) {
        self.phase_ends_ns = 0;
        self.advance(around);
    }

    /// The client must end after its current exchange.
    pub(crate) fn stop(&mut self, around: &mut Surroundings<'_>) {
        self.note_waits(around.now_ns);
        self.control.stopping = true;
        match self.stage {
            Stage::Open => {
                self.with_machine(around.now_ns, |machine, io| machine.stop(io));
                self.settle_next(around);
            }
            Stage::Ended => {}
            _ => self.end(),
        }
    }

    /// Something happened on the client's socket.
    pub(crate) fn ready(&mut self, around: &mut Surroundings<'_>, event: Readiness) {
        // The timer that begins it may be behind the event: timers that are close share a wake-up.
        self.begin_phase(around.now_ns);
        match &mut self.stage {
            Stage::Connecting(opening) => {
                if event.writable && opening.open_ns == u64::MAX {
                    opening.arrived = event.readable;
                    self.tcp_connected(around);
                }
                // What comes after the request is read below, once the connection is open.
            }
            Stage::Securing(_) => return self.secure_and_advance(around),
            Stage::Open => {
                if event.writable {
                    self.flush(around);
                }
            }
            _ => return,
        }
        if event.readable {
            self.receive(around, event.ended);
        }
        self.advance(around);
    }

    /// Receives more of what had come already.
    pub(crate) fn receive_more(&mut self, around: &mut Surroundings<'_>) {
        self.receive(around, true);
        self.advance(around);
    }

    /// Whether there may be more to receive than was in one go: others go first.
    pub(crate) fn take_more(&mut self) -> bool {
        std::mem::take(&mut self.more)
    }

    /// Does what is due by now: see [`Session::wake_ns`].
    pub(crate) fn advance(&mut self, around: &mut Surroundings<'_>) {
        loop {
            self.settle_next(around);
            let now_ns = around.now_ns;
            match &self.stage {
                Stage::Ended => return,
                Stage::Pausing { until_ns } if now_ns >= *until_ns => self.connect(around),
                Stage::Queued if *around.connects > 0 => self.connect(around),
                Stage::Connecting(opening) if now_ns >= opening.open_ns => self.open(around),
                Stage::Connecting(opening) if now_ns >= opening.until_ns => {
                    self.connect_failed(around, ClientError::of(ClientErrorKind::ConnectTimeout));
                }
                Stage::Securing(securing) if now_ns >= securing.until_ns => {
                    self.secure_failed(around, TlsProblem::Timeout.error());
                }
                Stage::Pausing { .. }
                | Stage::Queued
                | Stage::Awaiting
                | Stage::Connecting(_)
                | Stage::Securing(_) => {
                    self.begin_phase(now_ns);
                    return;
                }
                Stage::Open if now_ns >= self.control.close_until_ns => {
                    // The server does not close its side.
                    self.control.next =
                        if self.control.stopping { Next::Finish } else { Next::Lost };
                }
                Stage::Open if self.has_send_error() && !self.more => self.receive(around, true),
                Stage::Open | Stage::Idle => {
                    if !self.begin_phase(now_ns) && !self.take_turn(around) {
                        return;
                    }
                }
            }
        }
    }

    /// Moves what a layer released by now.
    pub(crate) fn release(&mut self, around: &mut Surroundings<'_>) {
        self.begin_phase(around.now_ns);
        if matches!(self.stage, Stage::Securing(_)) {
            self.secure(around);
        } else if matches!(self.stage, Stage::Open)
            && self.connection.as_mut().is_some_and(|c| c.stream.has_deadlines())
        {
            self.flush(around);
            self.receive(around, false);
        }
    }

    /// Returns the next moment at which there is something to do without an event.
    pub(crate) fn wake_ns(&mut self, now_ns: u64) -> u64 {
        let Some(mut at) = self.stage.wake_ns(self.control.close_until_ns) else { return u64::MAX };
        if self.policy.turns.is_none() && !self.control.stopping {
            at = at.min(self.phase_ends_ns);
        }
        if let Some((turn, _)) = self.next_turn(now_ns) {
            at = at.min(turn.intended_ns.max(self.able_ns));
        }
        if let Some(connection) = &mut self.connection
            && let Some(deadline_ns) = connection.stream.deadline_ns(now_ns)
        {
            at = at.min(deadline_ns);
        }
        at
    }

    /// Whether the exchange under way has taken too long.
    pub(crate) fn is_late(&self, now_ns: u64) -> bool {
        now_ns >= self.control.exchange_until_ns && matches!(self.stage, Stage::Open)
    }

    /// Ends the exchange under way if it is late.
    pub(crate) fn expire(&mut self, around: &mut Surroundings<'_>) {
        if self.is_late(around.now_ns) {
            self.control.exchange_until_ns = u64::MAX;
            self.with_machine(around.now_ns, |machine, io| machine.expired(io));
            self.advance(around);
        }
    }

    fn with_machine(&mut self, now_ns: u64, act: impl FnOnce(&mut dyn Machine, &mut Io<'_>)) {
        let mut io = Io {
            core: &mut self.core,
            now_ns,
            connection: self.connection.as_deref_mut(),
            stream: stream_of(&mut self.http2),
            control: &mut self.control,
        };
        act(&mut *self.machine, &mut io);
    }

    /// Lets the machine read what came. Once it is whole, the next turn can be taken.
    fn let_read(&mut self, now_ns: u64, act: impl FnOnce(&mut dyn Machine, &mut Io<'_>)) {
        let waited = self.machine.is_busy();
        self.with_machine(now_ns, act);
        if waited && !self.machine.is_busy() {
            self.able_ns = now_ns;
        }
    }

    fn has_send_error(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.stream.has_send_error())
    }

    /// Begins the phase that is due for the client of a push transport. It goes on while there is
    /// no connection, so that everything is counted in the phase in which it happens.
    fn begin_phase(&mut self, now_ns: u64) -> bool {
        if self.policy.turns.is_some() || self.control.stopping || now_ns < self.phase_ends_ns {
            return false;
        }
        let (phase, ends_ns) = self.core.phase_at(now_ns);
        self.phase_ends_ns = ends_ns;
        match phase {
            Some(phase) if phase != self.control.phase => {
                if self.is_connected() {
                    self.with_machine(now_ns, |machine, io| machine.enter(io, phase));
                } else {
                    self.control.phase = phase;
                    if let Some(connection) = &mut self.connection {
                        connection.enter(phase);
                    }
                }
                true
            }
            _ => false,
        }
    }

    /// Whether it has a connection, or a place on one, that it can use.
    fn is_connected(&self) -> bool {
        matches!(self.stage, Stage::Open)
            && (self.connection.is_some()
                || self.http2.as_ref().is_some_and(|role| role.is_client()))
    }

    /// Returns the next turn, and whether it is the sender's; `None` if there is none or it has to
    /// wait.
    fn next_turn(&mut self, now_ns: u64) -> Option<(Turn, bool)> {
        if self.control.stopping || self.has_to_wait() {
            return None;
        }
        if let Some(sender) = &mut self.sender {
            return sender.0.next_turn(sender.1, now_ns).map(|turn| (turn, true));
        }
        let placement = self.policy.turns?;
        self.core.next_turn(placement, now_ns).map(|turn| (turn, false))
    }

    /// Whether a turn has to wait: for the last answer, for the socket, or for a connection.
    fn has_to_wait(&self) -> bool {
        if !self.control.is_set_up || self.machine.is_busy() {
            return true;
        }
        if self.connection.as_ref().is_some_and(|connection| connection.stream.is_blocked())
            || self.http2.as_ref().is_some_and(|role| role.is_blocked())
        {
            return true;
        }
        match (&self.stage, self.policy.reconnect) {
            (Stage::Open, _) => false,
            (Stage::Idle, Reconnect::NextTurn) => self.sender.is_some(),
            _ => true,
        }
    }

    /// Keeps for the end whether the client waits, and with it what it sends.
    fn note_waits(&mut self, now_ns: u64) {
        let waits = self.has_to_wait() || self.able_ns > now_ns;
        self.core.set_waits(waits);
        if let Some(sender) = &mut self.sender {
            sender.0.set_waits(waits);
        }
    }

    /// Takes a turn that is due.
    fn take_turn(&mut self, around: &mut Surroundings<'_>) -> bool {
        let Some((turn, of_sender)) = self.next_turn(around.now_ns) else { return false };
        if turn.intended_ns.max(self.able_ns) > around.now_ns {
            return false;
        }
        // A turn may come some time after the event that the engine woke for.
        around.now_ns = around.network.now_ns();
        let core = match (&mut self.sender, of_sender) {
            (Some(sender), true) => &mut sender.0,
            _ => &mut self.core,
        };
        core.take_turn(turn, self.able_ns, around.now_ns);
        if !of_sender {
            self.control.phase = turn.phase;
        }
        if self.is_connected() || !self.policy.connects {
            self.act_on_turn(around.now_ns, turn);
        } else {
            self.turn = Some(turn);
            self.connect(around);
        }
        true
    }

    fn act_on_turn(&mut self, now_ns: u64, turn: Turn) {
        match &mut self.sender {
            None => self.with_machine(now_ns, |machine, io| machine.turn(io, turn)),
            Some(sender) => {
                let mut io = Io {
                    core: &mut sender.0,
                    now_ns,
                    connection: self.connection.as_deref_mut(),
                    stream: stream_of(&mut self.http2),
                    control: &mut self.control,
                };
                self.machine.turn(&mut io, turn);
            }
        }
    }

    fn connect(&mut self, around: &mut Surroundings<'_>) {
        if !self.policy.connects {
            self.stage = Stage::Open;
            return self.with_machine(around.now_ns, |machine, io| machine.opened(io));
        }
        if let Some(stream) = stream_of(&mut self.http2) {
            if stream.attach(&self.core) {
                self.stage = Stage::Open;
                self.core.note_place();
                return self.begin(around);
            }
            self.stage = Stage::Awaiting;
            return;
        }
        if *around.connects == 0 {
            self.stage = Stage::Queued;
            return;
        }
        match Opening::begin(&self.core, around, self.control.phase) {
            Err(error) => self.connect_failed(around, error),
            Ok(opening) => {
                *around.connects -= 1;
                self.stage = Stage::Connecting(opening);
            }
        }
    }

    fn tcp_connected(&mut self, around: &mut Surroundings<'_>) {
        let Stage::Connecting(opening) = &mut self.stage else { return };
        // Other clients connect while this handshake is in the delay line.
        if !opening.holds_connect() {
            *around.connects += 1;
        }
        let connected = opening.socket.connected();
        match connected {
            Err(error) => {
                let error = ClientError::io(ClientErrorKind::Connect, &error);
                if opening.holds_connect() {
                    *around.connects += 1;
                }
                self.stage = Stage::Idle;
                self.connect_failed(around, error);
            }
            Ok(()) => {
                opening.open_ns = opening.began_ns.saturating_add(opening.handshake_ns);
                around.now_ns = around.network.now_ns();
                if around.now_ns >= opening.open_ns {
                    self.open(around);
                }
            }
        }
    }

    fn connect_failed(&mut self, around: &mut Surroundings<'_>, error: ClientError) {
        if let Stage::Connecting(opening) = &self.stage
            && (opening.open_ns == u64::MAX || opening.holds_connect())
        {
            *around.connects += 1;
        }
        self.stage = Stage::Idle;
        self.machine.connect_failed(&self.core, self.control.phase, error);
        self.lost(around.now_ns, StageEnd::Failed);
    }

    /// TCP is connected: TLS begins if there is any, and then the machine.
    fn open(&mut self, around: &mut Surroundings<'_>) {
        let Stage::Connecting(opening) = &self.stage else { return };
        let holds_connect = opening.holds_connect();
        // Nobody looks while the handshake is in the delay line.
        let arrived = opening.arrived || opening.handshake_ns > 0;
        self.adopt_connection(around.now_ns);
        if self.connection.as_ref().is_none_or(|connection| !connection.stream.has_tls()) {
            return if arrived { self.begin_after_arrival(around) } else { self.begin(around) };
        }
        let dialer = self.core.dialer();
        self.stage = Stage::Securing(Box::new(Securing {
            began_ns: around.now_ns,
            until_ns: around.now_ns.saturating_add(dialer.timeout.as_nanos() as u64),
            holds_connect,
        }));
        self.secure(around);
    }

    fn secure_and_advance(&mut self, around: &mut Surroundings<'_>) {
        self.secure(around);
        self.advance(around);
    }

    /// Goes on with the handshake of TLS.
    fn secure(&mut self, around: &mut Surroundings<'_>) {
        let (Stage::Securing(securing), Some(connection)) = (&self.stage, &mut self.connection)
        else {
            return;
        };
        around.now_ns = around.network.now_ns();
        match connection.stream.handshake(around.now_ns, around.buffer) {
            Ok(false) => {}
            Err(error) => self.secure_failed(around, error),
            Ok(true) => {
                *around.connects += u32::from(securing.holds_connect);
                around.now_ns = around.network.now_ns();
                self.core.secured(around.now_ns - securing.began_ns);
                connection.count_tls(self.control.phase);
                self.stage = Stage::Open;
                // Something may have come with the end of the handshake.
                self.begin_after_arrival(around);
                if self.control.next == Next::Keep {
                    self.receive(around, true);
                }
            }
        }
    }

    fn secure_failed(&mut self, around: &mut Surroundings<'_>, error: ClientError) {
        if let Stage::Securing(securing) = &self.stage {
            *around.connects += u32::from(securing.holds_connect);
        }
        self.stage = Stage::Idle;
        self.connection = None;
        self.machine.connect_failed(&self.core, self.control.phase, error);
        self.lost(around.now_ns, StageEnd::Failed);
    }

    /// The connection is open, and something may have come already: bytes are no answer, since nobody has
    /// asked for them. The machine begins if there are none.
    fn begin_after_arrival(&mut self, around: &mut Surroundings<'_>) {
        let Some(connection) = &mut self.connection else { return };
        let stream = &mut connection.stream;
        let arrived = stream.receive(around.now_ns, around.buffer);
        let bytes = match arrived {
            Received::Bytes(len, _) => &around.buffer[..len],
            _ => &[],
        };
        // A delay line holds what has come, whose first byte nobody has seen yet.
        let held = if stream.has_tls() { 0 } else { stream.read() - stream.delivered() };
        if !bytes.is_empty() && self.machine.may_be_greeted() {
            let bytes = bytes.to_vec();
            self.begin(around);
            return self.with_machine(around.now_ns, |machine, io| machine.received(io, &bytes));
        }
        if bytes.is_empty() && (held == 0 || self.machine.may_be_greeted()) {
            self.begin(around);
            if self.control.next == Next::Keep {
                self.pass_on(around, arrived);
            }
            return;
        }
        let (error, text) = unasked(bytes, held);
        connection.discard_all();
        self.stage = Stage::Idle;
        self.connection = None;
        self.core.refused(self.control.phase, error, text);
        self.lost(around.now_ns, StageEnd::Failed);
    }

    /// The connection is open: the machine begins.
    fn begin(&mut self, around: &mut Surroundings<'_>) {
        self.control.brought = false;
        self.able_ns = around.now_ns;
        self.control.close_until_ns = u64::MAX;
        self.with_machine(around.now_ns, |machine, io| machine.opened(io));
        if let Some(turn) = self.turn.take()
            && self.control.next == Next::Keep
        {
            self.act_on_turn(around.now_ns, turn);
        }
    }

    /// Opens the account of the connection that TCP has made.
    fn adopt_connection(&mut self, now_ns: u64) {
        let Stage::Connecting(opening) = std::mem::replace(&mut self.stage, Stage::Open) else {
            return;
        };
        self.connection = Some(opening.adopt(&mut self.core, self.control.phase, now_ns));
    }

    /// Sends what had to wait.
    fn flush(&mut self, around: &mut Surroundings<'_>) {
        let Some(connection) = &mut self.connection else { return };
        if !connection.stream.has_unsent() {
            return;
        }
        let before = connection.stream.written();
        let was_blocked = connection.stream.is_blocked();
        // An error is met by receiving, too.
        let _ = connection.stream.flush(around.now_ns);
        if was_blocked && !connection.stream.is_blocked() {
            // Until now the next turn had to wait for the server, which did not read.
            self.able_ns = self.able_ns.max(around.now_ns);
        }
        if connection.stream.written() > before {
            self.with_machine(around.now_ns, |machine, io| machine.written(io));
        }
    }

    /// Receives everything that has come. `ended` is true if the end has come with it.
    fn receive(&mut self, around: &mut Surroundings<'_>, ended: bool) {
        if !matches!(self.stage, Stage::Open) {
            return;
        }
        self.receive_open(around, ended);
        if self.connection.as_ref().is_some_and(|connection| connection.stream.has_tls()) {
            // What TLS answers.
            self.flush(around);
        }
    }

    fn receive_open(&mut self, around: &mut Surroundings<'_>, ended: bool) {
        if self.connection.as_mut().is_some_and(|c| c.stream.has_deadlines()) {
            // A delay begins when bytes are read, not when the engine woke: others went before.
            around.now_ns = around.network.now_ns();
        }
        for _ in 0..READS_AT_ONCE {
            let Some(connection) = &mut self.connection else { return };
            match connection.stream.receive(around.now_ns, around.buffer) {
                Received::Bytes(len, more) => {
                    around.now_ns = around.network.now_ns();
                    let bytes = &around.buffer[..len];
                    self.let_read(around.now_ns, |machine, io| machine.received(io, bytes));
                    if self.control.next != Next::Keep || !(more || ended) {
                        return;
                    }
                }
                other => return self.pass_on(around, other),
            }
        }
        self.more = true;
    }

    /// Tells the machine of an end; what else there is are bytes, which are received elsewhere.
    fn pass_on(&mut self, around: &mut Surroundings<'_>, received: Received) {
        if let Some(error) = received.end() {
            self.with_machine(around.now_ns, |machine, io| machine.ended(io, error));
        }
    }

    /// Does what the machine wants to become of the connection.
    fn settle_next(&mut self, around: &mut Surroundings<'_>) {
        match std::mem::take(&mut self.control.next) {
            Next::Keep => {}
            Next::Close => {
                self.close_connection(around.now_ns);
                if self.control.stopping {
                    self.end();
                } else {
                    self.stage = Stage::Idle;
                    self.able_ns = around.now_ns;
                }
            }
            Next::CloseAndRetry(turn) => {
                self.close_connection(around.now_ns);
                self.turn = Some(turn);
                self.connect(around);
            }
            Next::Reconnect => {
                self.close_connection(around.now_ns);
                if self.control.stopping {
                    return self.end();
                }
                self.able_ns = around.now_ns;
                self.connect(around);
            }
            Next::Reopen => {
                self.close_connection(around.now_ns);
                self.lost(around.now_ns, StageEnd::Orderly);
            }
            Next::Lost => {
                self.close_connection(around.now_ns);
                self.lost(around.now_ns, StageEnd::Failed);
            }
            Next::Finish => self.end(),
        }
    }

    /// Goes on without a connection.
    fn lost(&mut self, now_ns: u64, end: StageEnd) {
        if let Some(turn) = self.turn.take() {
            self.machine.turn_lost(&self.core, turn);
        }
        self.able_ns = now_ns;
        if self.control.stopping {
            return self.end();
        }
        if self.policy.reconnect == Reconnect::OnDemand {
            self.stage = Stage::Idle;
            return;
        }
        if !self.control.is_set_up {
            match self.core.set_up_failed(now_ns, self.machine.server_pause_ns(&self.core)) {
                None => self.end(),
                Some(pause_ns) => {
                    self.stage = Stage::Pausing { until_ns: now_ns.saturating_add(pause_ns) };
                }
            }
            return;
        }
        let Reconnect::After(pause_ns) = self.policy.reconnect else {
            self.stage = Stage::Idle;
            if end == StageEnd::Failed {
                self.able_ns = now_ns.saturating_add(LEAST_PAUSE_NS);
            }
            return;
        };
        let asked_ns = self.machine.server_pause_ns(&self.core).map(|ns| ns.max(LEAST_PAUSE_NS));
        if let Some(asked_ns) = asked_ns {
            self.core.asked_to_wait(self.control.phase, asked_ns);
        }
        let pause_ns = asked_ns.unwrap_or_else(|| end.pause_ns(self.control.brought, pause_ns));
        self.core.unready(pause_ns == 0);
        self.stage = Stage::Pausing { until_ns: now_ns.saturating_add(pause_ns) };
    }

    fn close_connection(&mut self, now_ns: u64) {
        let last = self.control.stopping;
        self.with_machine(now_ns, |machine, io| machine.closing(io, last));
        self.connection = None;
        if let Some(stream) = stream_of(&mut self.http2) {
            stream.detach(&self.core, self.control.phase);
        }
    }

    /// Ends the client: its connection is closed and what it received is counted.
    fn end(&mut self) {
        if self.has_ended() {
            return;
        }
        let now_ns = self.core.thread.now_ns();
        if !self.control.stopping {
            self.note_waits(now_ns);
        }
        if matches!(&self.stage, Stage::Connecting(opening) if opening.open_ns != u64::MAX) {
            // TCP has made it, and the handshake is still in the delay line.
            self.adopt_connection(now_ns);
        }
        if matches!(self.stage, Stage::Securing(_)) {
            // The machine has not begun.
            self.connection = None;
        }
        self.close_connection(now_ns);
        self.stage = Stage::Ended;
        self.machine.settle(&self.core);
        self.sender = None;
        self.http2 = None;
    }
}

impl Drop for Session {
    /// Closes the account of a client that did not end by itself.
    fn drop(&mut self) {
        self.end();
    }
}
