//! One simulated client as numbers: its place among all clients, its pace, and what it reports.
//!
//! A report is an addition to the recorder of the client's thread. Separate from `session`, which
//! connects a client of the engine and tells it what happens, and from `handle`, by which a library
//! client does that itself.

use crate::client::connection::MovedBytes;
use crate::client::context::ThreadContext;
use crate::feed::{Post, Stamp, Topic, mix};
use crate::net::connection::{Layers, layers};
use crate::net::{DelayLine, Dialer, Tap};
use crate::protocol::http1::answer_text::AnswerText;
use crate::protocol::http1::cookies::CookieLeftOut;
use crate::record::{
    ClientError, ClientErrorKind, Counts, Ledger, Metric, Part, Phase, TRACED_CLIENTS, TlsProblem,
    TraceEvent, TraceKind,
};
use crate::time::{Pacer, Schedule, Turn, TurnPlacement};
use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU64;
use std::rc::Rc;

/// The least attempts to set up a client before it is given up.
const SET_UP_ATTEMPTS: u32 = 4;
/// The pause between two of these attempts. Later ones are longer, up to four times as long.
const SET_UP_PAUSE_NS: u64 = 250_000_000;
/// The least wait before a client connects again after a connection that failed or brought nothing,
/// whatever the scenario or the server asks for.
pub(crate) const LEAST_PAUSE_NS: u64 = 50_000_000;
const HOUR_NS: u64 = 3_600_000_000_000;
/// Connects of a thread under way at once: a listener's queue holds 4,096 and more, and this stays
/// below it for every thread.
pub(crate) const CONNECTS_AT_ONCE: u32 = 64;
/// How long a client waits for the server's end of the connection after its own.
const CLOSE_LIMIT_NS: u64 = 1_000_000_000;
/// And for each client of the case.
const CLOSE_EACH_NS: u64 = 200_000;

/// See the module's description.
pub struct ClientCore {
    /// The number among all clients of the case.
    pub id: u32,
    /// What the clients of the thread share.
    pub thread: Rc<ThreadContext>,
    pacer: Pacer,
    /// The interval of a second handle; `None` for the schedule's interval.
    own_interval_ns: Option<NonZeroU64>,
    /// Whether it has asked for a turn, which the client of a push transport never does.
    paced: bool,
    /// Whether it cannot take a turn, since it waits for its last answer or a connection.
    waits: bool,
    generation: u32,
    begin_ns: u64,
    ready: bool,
    /// Whether it is one of the thread's connected clients: also while it connects again at once, as after each
    /// answer of a server that keeps no connection.
    counted: bool,
    was_ready: bool,
    finished: bool,
    connects: u32,
    /// When its connection was made, in nanoseconds, if messages have times of the server's own; of a
    /// client that polls, its first one.
    opened_ns: u64,
    /// The scenario wants a connection for each request: the next one is no reconnect.
    expects_connect: bool,
    /// Attempts to set it up that failed.
    attempts: u32,
    /// Since when a client that was set up has no connection, in nanoseconds; 0 if it has one.
    away_since_ns: u64,
    /// Whether it was without one in the measured window.
    was_away: bool,
    faults: Cell<u32>,
    last_fault: Cell<Option<ClientError>>,
    /// Whether it stands for a connection that clients share.
    is_carrier: bool,
    /// The client from whose address it connects: another one's if it shares that one's connection.
    address_of: u32,
}

impl ClientCore {
    /// A client that begins at a moment of the ramp.
    pub(crate) fn new(id: u32, begin_ns: u64, thread: Rc<ThreadContext>) -> ClientCore {
        let generation = thread.generation.get();
        ClientCore {
            id,
            thread,
            pacer: Pacer::default(),
            own_interval_ns: None,
            paced: false,
            waits: false,
            generation,
            begin_ns,
            ready: false,
            counted: false,
            was_ready: false,
            finished: false,
            connects: 0,
            opened_ns: 0,
            expects_connect: false,
            attempts: 0,
            away_since_ns: 0,
            was_away: false,
            faults: Cell::new(0),
            last_fault: Cell::new(None),
            is_carrier: false,
            address_of: id,
        }
    }

    /// Makes another handle of the same simulated client, for messages that it sends at another
    /// interval. It is not counted among the clients, and takes no turns during a calibration.
    pub(crate) fn second_handle(&self, interval_ns: u64) -> ClientCore {
        let mut second = ClientCore::new(self.id, self.begin_ns, self.thread.clone());
        second.own_interval_ns = Some(NonZeroU64::new(interval_ns).unwrap_or(NonZeroU64::MIN));
        self.thread.update(|t| t.senders += 1);
        second
    }

    /// Makes the handle of a connection that this client shares with others. It is not counted among the clients.
    pub(crate) fn of_carrier(&self) -> ClientCore {
        let mut carrier = self.second_handle(u64::MAX);
        carrier.is_carrier = true;
        carrier
    }

    /// The same for a connection that takes the place of another one.
    pub(crate) fn of_successor(&self) -> ClientCore {
        let mut carrier = self.of_carrier();
        carrier.connects = 1;
        carrier
    }

    pub(crate) fn is_second_handle(&self) -> bool {
        self.own_interval_ns.is_some()
    }

    /// The client's moment in the ramp.
    pub(crate) fn begin_ns(&self) -> u64 {
        self.begin_ns
    }

    fn schedule(&self) -> Option<Schedule> {
        let schedule = self.thread.schedule.get()?;
        match self.own_interval_ns {
            None => Some(schedule),
            Some(interval_ns) => {
                let interval_ns = interval_ns.get();
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

    /// Draws a number that no other request of the run has: for `{random}`.
    pub(crate) fn next_random(&self) -> u64 {
        let drawn = self.thread.drawn.get();
        self.thread.drawn.set(drawn + 1);
        let client = mix(self.thread.seed ^ mix(u64::from(self.id) + 1));
        mix(client ^ mix(self.thread.now_ns()) ^ drawn)
    }

    /// Returns how this client connects.
    pub(crate) fn dialer(&self) -> &Dialer {
        // A driver has at least one server to connect to.
        &self.thread.dialers[self.address_of as usize % self.thread.dialers.len()]
    }

    /// Returns the layers of a new connection, and how many nanoseconds SYN and SYN-ACK spend in
    /// its delay line.
    ///
    /// # Errors
    /// If TLS cannot begin.
    pub(crate) fn layers(&self, phase: Phase) -> Result<(Option<Layers>, u64), ClientError> {
        let delay = self.dialer().delay;
        let line = (!delay.is_none())
            .then(|| DelayLine::new(&delay, self.id, self.connects, self.thread.clone()));
        let handshake_ns = line.as_ref().map_or(0, DelayLine::handshake_ns);
        // The first heads of the first client are kept.
        let tap = (self.id == 0 && !self.is_carrier)
            .then(|| Tap::new(self.thread.heads.clone(), self.is_second_handle(), phase));
        let tls = self.thread.tls.get().map(|tls| tls.layer(self.id)).transpose()?;
        Ok((layers(tap, tls, line), handshake_ns))
    }

    /// Returns how long the server may take to close its side after the client's: a second, the
    /// delay of the path, and as all clients of all processes close at once, some time for each.
    pub(crate) fn closing_limit_ns(&self) -> u64 {
        let own = self.thread.tally.get().connected_peak;
        let clients = u64::from(self.thread.case_clients.get().max(own));
        CLOSE_LIMIT_NS + clients * CLOSE_EACH_NS + self.dialer().delay.allowance_ns()
    }

    /// Counts a connection that was opened in `took_ns`.
    pub(crate) fn opened(&mut self, phase: Phase, took_ns: u64) {
        self.thread.recorder.borrow_mut().set_up_time(Metric::ConnectTime, took_ns);
        self.opened_by_library(phase, self.thread.now_ns());
    }

    /// Counts a handshake of TLS that took `took_ns`.
    pub(crate) fn secured(&self, took_ns: u64) {
        self.thread.recorder.borrow_mut().set_up_time(Metric::TlsHandshakeTime, took_ns);
    }

    /// Counts a connection that a library opened, which does not tell how long it took: not before
    /// `since_ns`.
    pub fn opened_by_library(&mut self, phase: Phase, since_ns: u64) {
        let mut recorder = self.thread.recorder.borrow_mut();
        recorder.at(phase).counts.connects += 1;
        let again = self.connects > 0 && !std::mem::take(&mut self.expects_connect);
        recorder.at(phase).counts.reconnects += u64::from(again);
        if self.thread.source.is_own() && !(self.paced && self.connects > 0) {
            self.opened_ns = since_ns;
        }
        self.connects += 1;
    }

    /// Notes a place on a connection that others may share, and that is counted with their first client's.
    pub(crate) fn note_place(&mut self) {
        if self.thread.source.is_own() && !(self.paced && self.connects > 0) {
            self.opened_ns = self.thread.now_ns();
        }
        self.connects += 1;
    }

    /// It connects from the address of this client, whose connection it shares.
    pub(crate) fn connect_as(&mut self, client: u32) {
        self.address_of = client;
    }

    /// The client from whose address it connects.
    pub(crate) fn address_of(&self) -> u32 {
        self.address_of
    }

    /// When its connection was made: what was published before it, the server has sent again.
    pub(crate) fn opened_ns(&self) -> u64 {
        self.opened_ns
    }

    /// Says that the scenario wants another connection for the next request.
    pub(crate) fn expect_connect(&mut self) {
        self.expects_connect = true;
    }

    /// Counts an error.
    pub fn fault(&self, phase: Phase, fault: ClientError) {
        let fault = self.explain(phase, fault);
        self.faults.set(self.faults.get() + 1);
        self.last_fault.set(Some(fault));
        self.thread.recorder.borrow_mut().fault(phase, fault);
    }

    /// Returns the reason of an early end, if it is one that the client can know: a server that wants a
    /// certificate may look at it only after the handshake, and close without an alert.
    fn explain(&self, phase: Phase, fault: ClientError) -> ClientError {
        let ends = match fault.kind {
            ClientErrorKind::EarlyClose => fault.code == 0,
            ClientErrorKind::Read | ClientErrorKind::Write => true,
            ClientErrorKind::Tls => fault == TlsProblem::EarlyEnd.error(),
            _ => false,
        };
        let lacks = || {
            let tls = self.thread.tls.get();
            tls.is_some_and(|tls| tls.settings().lacks_certificate())
        };
        if ends && phase == Phase::Setup && lacks() {
            TlsProblem::CertificateWanted.error()
        } else {
            fault
        }
    }

    /// Counts the error of an answer that refuses, and keeps what the first such answer said.
    pub(crate) fn refused(&self, phase: Phase, error: ClientError, text: Option<Box<AnswerText>>) {
        self.fault(phase, error);
        if let Some(text) = text {
            self.thread.keep_refusal(self.id, error, *text);
        }
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
    pub fn turn_completed(&self, turn: Turn, done_ns: u64) {
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

    /// Reports so many JSON texts behind another in a message.
    #[inline]
    pub(crate) fn texts_joined(&self, phase: Phase, texts: u32) {
        if texts > 0 {
            self.thread.recorder.borrow_mut().at(phase).counts.joined_texts += u64::from(texts);
        }
    }

    /// Reports an exchange that brought nothing new.
    pub(crate) fn nothing_new(&self, phase: Phase, moved: MovedBytes) {
        let mut recorder = self.thread.recorder.borrow_mut();
        let counts = &mut recorder.at(phase).counts;
        counts.empty_polls += 1;
        counts.empty_poll_bytes += moved.up + moved.down;
    }

    /// Reports an answer that counts as success and has a status beyond 2xx.
    pub(crate) fn status_brings_nothing(&self, phase: Phase, status: u16) {
        let mut recorder = self.thread.recorder.borrow_mut();
        let counts = &mut recorder.at(phase).counts;
        match status {
            304 => counts.answers_not_modified += 1,
            _ => counts.answers_beyond_2xx += 1,
        }
    }

    /// Reports that a request that the server should have held was answered at once with nothing new.
    pub(crate) fn not_held(&self, phase: Phase) {
        self.thread.recorder.borrow_mut().at(phase).counts.polls_not_held += 1;
    }

    /// Reports that the answer to a poll set a cookie, which the client does not send back.
    pub(crate) fn cookie_ignored(&self, phase: Phase) {
        self.thread.recorder.borrow_mut().at(phase).counts.cookies_ignored += 1;
    }

    /// Reports that an answer set a cookie that the client does not send back, though cookies are kept.
    pub(crate) fn cookie_left_out(&self, phase: Phase, why: CookieLeftOut) {
        let mut recorder = self.thread.recorder.borrow_mut();
        let counts = &mut recorder.at(phase).counts;
        match why {
            CookieLeftOut::Secure => counts.cookies_secure += 1,
            CookieLeftOut::OtherHost => counts.cookies_of_other_hosts += 1,
            CookieLeftOut::Malformed => counts.cookies_malformed += 1,
            CookieLeftOut::TooMany => counts.cookies_too_many += 1,
        }
    }

    /// Reports an answer without the cursor that the next request must name.
    pub(crate) fn cursor_missing(&self, phase: Phase) {
        self.thread.recorder.borrow_mut().at(phase).counts.cursors_missing += 1;
    }

    /// Reports messages that came compressed: their bytes, and those of the payload that was sent.
    pub(crate) fn decoded(&self, phase: Phase, message_bytes: u64, payload_bytes: u64) {
        let mut recorder = self.thread.recorder.borrow_mut();
        let counts = &mut recorder.at(phase).counts;
        counts.decoded_bytes += message_bytes;
        counts.coded_bytes += payload_bytes;
    }

    /// Reports an upgrade without the extension that was offered.
    pub(crate) fn extension_declined(&self, phase: Phase) {
        self.thread.recorder.borrow_mut().at(phase).counts.extensions_declined += 1;
    }

    /// Reports an answer with a compressed body that cannot be read. `text` has its coding.
    pub(crate) fn compressed(&self, phase: Phase, text: Option<Box<AnswerText>>) {
        self.thread.recorder.borrow_mut().at(phase).counts.compressed += 1;
        if let Some(text) = text {
            let error = ClientError::of(ClientErrorKind::Compressed);
            self.thread.keep_refusal(self.id, error, *text);
        }
    }

    /// Reports bytes after an answer that has no body, see [`Parts::stray`].
    ///
    /// [`Parts::stray`]: crate::protocol::http1::response::Parts::stray
    pub(crate) fn stray(&self, phase: Phase, bytes: u64) {
        if bytes > 0 {
            self.thread.recorder.borrow_mut().at(phase).counts.stray_bytes += bytes;
        }
    }

    /// Counts chunks of a stream that are not one message each.
    pub(crate) fn count_chunks(&self, phase: Phase, add: impl FnOnce(&mut Counts)) {
        add(&mut self.thread.recorder.borrow_mut().at(phase).counts);
    }

    /// Reports that the server asked the client to wait so long before it connects again. Counted is
    /// what keeps it away for longer than the measured window; before that is known, for an hour.
    pub(crate) fn asked_to_wait(&self, phase: Phase, pause_ns: u64) {
        let window = self.thread.window.get();
        let longest_ns = window.map_or(HOUR_NS, |(from_ns, until_ns)| until_ns - from_ns);
        if pause_ns >= longest_ns {
            self.thread.recorder.borrow_mut().at(phase).counts.endless_waits += 1;
        }
    }

    /// Reports a request that is sent again: the connection had carried others before, and was closed without an
    /// answer.
    pub(crate) fn count_resent(&self, phase: Phase) {
        self.thread.recorder.borrow_mut().at(phase).counts.resent += 1;
    }

    /// Reports an exchange whose bytes are not known, since a library had closed the socket before
    /// the kernel could be asked.
    pub(crate) fn count_unmeasured(&self, phase: Phase) {
        self.thread.recorder.borrow_mut().at(phase).counts.unmeasured += 1;
    }

    /// Reports a chunked answer whose heads and framing a library does not show apart.
    pub(crate) fn count_undivided(&self, phase: Phase) {
        self.thread.recorder.borrow_mut().at(phase).counts.undivided += 1;
    }

    /// Reports an exchange over HTTP/2 of which a library shows the payload alone.
    pub(crate) fn count_payload_only(&self, phase: Phase) {
        self.thread.recorder.borrow_mut().at(phase).counts.payload_only += 1;
    }

    /// Reports an answer of whose heads a library does not show how many bytes are line ends.
    pub(crate) fn count_unusual_head(&self, phase: Phase) {
        self.thread.recorder.borrow_mut().at(phase).counts.unusual_heads += 1;
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

    /// Reports a message without any payload.
    pub(crate) fn message_empty(&self, phase: Phase) {
        self.thread.recorder.borrow_mut().at(phase).counts.empty_messages += 1;
    }

    /// Reports a message that is no update.
    pub(crate) fn message_ignored(&self, phase: Phase) {
        self.thread.recorder.borrow_mut().at(phase).counts.ignored += 1;
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

    /// Counts an attempt to set the client up that failed. Returns how long to wait before the next
    /// one, and `None` if the client is to be given up: a server that is about to start is waited
    /// for as long as `timeout` says, one that refuses for good is not. `asked_ns` is how long the
    /// server wants the client to wait.
    pub(crate) fn set_up_failed(&mut self, now_ns: u64, asked_ns: Option<u64>) -> Option<u64> {
        self.attempts += 1;
        let timeout_ns = self.thread.timeout_ns;
        let longer = self.attempts.saturating_sub(SET_UP_ATTEMPTS - 1).min(2);
        // A server that asks for hours must not hold up the set-up of all clients.
        let asked_ns = asked_ns.unwrap_or(0).min(timeout_ns);
        let pause_ns = asked_ns.max(SET_UP_PAUSE_NS << longer);
        let for_good = self.last_fault.get().is_some_and(ClientError::is_for_good);
        let next_ns = now_ns.saturating_add(pause_ns);
        let late = next_ns > self.begin_ns.saturating_add(timeout_ns);
        // Each further wait for an answer that the server does not give takes as long again.
        let has_waited = self.last_fault.get().is_some_and(ClientError::is_late_answer);
        let least = if has_waited { 1 } else { SET_UP_ATTEMPTS };
        (self.attempts < least || !(for_good || late)).then_some(pause_ns)
    }

    /// Returns whether the client is set up.
    pub fn is_set_up(&self) -> bool {
        self.ready
    }

    /// Returns whether the client was set up once.
    pub(crate) fn was_set_up(&self) -> bool {
        self.was_ready
    }

    /// Reports that the client is set up.
    pub fn ready(&mut self) {
        if !self.ready {
            self.ready = true;
            let first = !std::mem::replace(&mut self.was_ready, true);
            let now_ns = self.thread.now_ns();
            self.count_away(now_ns);
            let more = u32::from(!std::mem::replace(&mut self.counted, true));
            self.thread.update(|t| {
                t.settled += u32::from(first);
                t.connected += more;
                t.connected_peak = t.connected_peak.max(t.connected);
                t.last_connected_ns = now_ns;
            });
        }
    }

    /// Reports that the client has no connection any more; it may open another. One that does so at once, since
    /// the last ended as it should, counts as connected until that fails.
    pub fn unready(&mut self, again_at_once: bool) {
        if !again_at_once && std::mem::take(&mut self.counted) {
            self.thread.update(|t| t.connected -= 1);
        }
        if std::mem::take(&mut self.ready) {
            self.away_since_ns = self.thread.now_ns();
        }
    }

    /// Counts the time without a connection that is over now, as far as it is of the measured window.
    fn count_away(&mut self, now_ns: u64) {
        let since_ns = std::mem::take(&mut self.away_since_ns);
        let Some((from_ns, until_ns)) = self.thread.window.get().filter(|_| since_ns > 0) else {
            return;
        };
        let away_us = now_ns.min(until_ns).saturating_sub(since_ns.max(from_ns)) / 1_000;
        if away_us > 0 {
            let mut recorder = self.thread.recorder.borrow_mut();
            let counts = &mut recorder.at(Phase::Steady).counts;
            counts.away_us = counts.away_us.saturating_add(away_us);
            counts.away_clients += u64::from(!std::mem::replace(&mut self.was_away, true));
        }
    }

    /// Counts at the client's end the time without a connection. A client that ends by itself, since the
    /// server wants no more of it, does not come back before the window's end.
    fn count_away_at_end(&mut self) {
        let now_ns = self.thread.now_ns();
        if self.thread.stopped() {
            return self.count_away(now_ns);
        }
        if self.was_ready && self.away_since_ns == 0 {
            self.away_since_ns = now_ns;
        }
        self.count_away(u64::MAX);
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

    /// Returns the next turn, which may be due already; `None` if there is none before another
    /// schedule begins.
    pub(crate) fn next_turn(&mut self, placement: TurnPlacement, now_ns: u64) -> Option<Turn> {
        self.paced = true;
        self.renew();
        let schedule = self.schedule()?;
        let offset_ns = self.offset_ns(placement, schedule.interval_ns);
        let turn = self.pacer.next(&schedule, offset_ns, now_ns);
        if turn.is_none() {
            self.finish();
        }
        turn
    }

    /// Says whether it waits for its last answer or a connection: the turns that it does not reach are
    /// then not the driver's.
    pub(crate) fn set_waits(&mut self, waits: bool) {
        self.waits = waits;
    }

    /// Takes a turn and counts how late the driver is. `able_ns` is the moment since which the
    /// client could take one: while it waited for its own last answer, the server was late.
    #[inline]
    pub(crate) fn take_turn(&mut self, turn: Turn, able_ns: u64, now_ns: u64) {
        self.pacer.take();
        let Some(schedule) = self.schedule() else { return };
        let mut recorder = self.thread.recorder.borrow_mut();
        let counts = &mut recorder.at(turn.phase).counts;
        counts.turns += u64::from(!self.is_second_handle());
        counts.turns_waited += u64::from(able_ns > turn.intended_ns);
        if schedule.interval_ns > 0 {
            let lag = now_ns.saturating_sub(turn.intended_ns.max(able_ns));
            recorder.latency(turn.phase, Metric::DriverLag, lag);
            if schedule.calibration {
                let late = now_ns.saturating_sub(turn.intended_ns);
                let settled = turn.intended_ns >= schedule.steady_from_ns();
                self.thread.step.borrow_mut().take(settled.then_some(late));
            }
        }
    }

    /// Returns the phase of the client of a push transport, and when the next one begins; no phase
    /// if none has begun.
    pub(crate) fn phase_at(&mut self, now_ns: u64) -> (Option<Phase>, u64) {
        self.renew();
        let Some(schedule) = self.thread.schedule.get() else { return (None, u64::MAX) };
        let offset_ns = self.offset_ns(TurnPlacement::Spread, schedule.push_spread_ns);
        let from = schedule.start_ns + offset_ns;
        let Some(elapsed) = now_ns.checked_sub(from) else { return (None, from) };
        let steady = schedule.warmup_ns + schedule.duration_ns;
        match schedule.phase_at(elapsed) {
            Some(phase @ Phase::Warmup) if !schedule.calibration => {
                (Some(phase), from + schedule.warmup_ns)
            }
            Some(phase @ Phase::Steady) => (Some(phase), from + steady),
            Some(phase) => (Some(phase), from + schedule.length_ns()),
            None => {
                self.finish();
                (Some(Phase::Cooldown), u64::MAX)
            }
        }
    }

    /// Returns whether its load has come to the end: it has reached the end of the schedule, or waited for
    /// the server when the measured window was over.
    pub fn is_finished(&self) -> bool {
        let is_over = |schedule: Schedule| {
            !schedule.calibration && self.thread.now_ns() >= schedule.measured_ns().1
        };
        self.finished || (self.waits && self.schedule().is_some_and(is_over))
    }

    /// Returns the topic that the server assigns to it; `None` if the client's address is not known.
    pub fn topic(&self) -> Option<Topic> {
        let source = self.dialer().source(self.address_of)?;
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
}

impl Drop for ClientCore {
    fn drop(&mut self) {
        let mut turns_not_started = 0;
        let mut turns_blocked = 0;
        if let Some(schedule) = self.schedule().filter(|s| self.paced && !s.calibration) {
            let left = self.pacer.steady_turns_left(&schedule);
            // Of a run that is stopped early, nobody knows who would have been late.
            let was_due = self.thread.now_ns() >= schedule.measured_ns().1;
            if self.waits && was_due { turns_blocked = left } else { turns_not_started = left }
        }
        if self.is_second_handle() {
            return self.thread.update(|t| {
                t.senders -= 1;
                t.turns_not_started += turns_not_started;
                t.turns_blocked += turns_blocked;
            });
        }
        self.count_away_at_end();
        self.thread.update(|t| {
            t.ended += 1;
            t.settled += u32::from(!self.was_ready);
            t.failed += u32::from(!self.was_ready);
            t.connected -= u32::from(self.counted);
            t.turns_not_started += turns_not_started;
            t.turns_blocked += turns_blocked;
        });
    }
}
