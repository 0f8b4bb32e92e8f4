//! What the client half of a transport is to the engine: a state machine without I/O.
//!
//! A machine learns what happened on the connection of one client, and when a turn or a phase
//! begins. It answers through [`Io`]: bytes to send, what becomes of the connection, and what it
//! counts. It owns no socket, waits for nothing and reads no clock. Connecting, attempts, pauses,
//! turns, phases and the end are the session's, see `session`.

use crate::client::connection::{ClientConnection, MovedBytes};
use crate::client::core::ClientCore;
use crate::client::http2::StreamLink;
use crate::client::rendered_request::HeadSize;
use crate::client::rendered_request::RenderedRequest;
use crate::net::counted_stream::CountedStream;
use crate::protocol::answer_input::AnswerFrame;
use crate::protocol::http1::answer_text::AnswerText;
use crate::protocol::http2::fields::PreparedFields;
use crate::record::{ClientError, ClientErrorKind, Ledger, Part, Phase};
use crate::time::{Turn, TurnPlacement};
use std::ops::Deref;

/// How the session treats the client of a machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionPolicy {
    /// Where its turns are placed in the interval; `None` for a client that takes none of its own.
    pub turns: Option<TurnPlacement>,
    /// When a connection that was lost is opened again.
    pub reconnect: Reconnect,
    /// False if it opens no connection at all.
    pub connects: bool,
}

/// When a connection that was lost is opened again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reconnect {
    /// With the client's next turn.
    NextTurn,
    /// After so many nanoseconds.
    After(u64),
    /// As soon as a client wants it: that of a carrier.
    OnDemand,
}

/// The client half of a transport for one client.
pub(crate) trait Machine {
    /// The connection is open. Before the client is set up the machine sends what its set-up
    /// needs, and says [`Io::set_up`] once it was answered.
    fn opened(&mut self, io: &mut Io<'_>);
    /// Bytes came.
    fn received(&mut self, io: &mut Io<'_>, bytes: &[u8]);
    /// Something of an answer came over HTTP/2.
    fn answer(&mut self, _: &mut Io<'_>, _: AnswerFrame<'_>) {}
    /// Clients have something to send on the connection that this machine carries.
    fn serve(&mut self, _: &mut Io<'_>) {}
    /// Whether a server may send first on a new connection.
    fn may_be_greeted(&self) -> bool {
        false
    }
    /// The connection could not be opened.
    fn connect_failed(&mut self, core: &ClientCore, phase: Phase, error: ClientError) {
        core.fault(phase, error);
    }
    /// The server has ended its direction, or the connection is gone with an error.
    fn ended(&mut self, io: &mut Io<'_>, error: Option<ClientError>);
    /// Bytes that had to wait have reached the socket.
    fn written(&mut self, _: &mut Io<'_>) {}
    /// A turn has begun; it has been counted.
    fn turn(&mut self, _: &mut Io<'_>, _: Turn) {}
    /// The connection for a turn could not be opened, which is counted already.
    fn turn_lost(&mut self, _: &ClientCore, _: Turn) {}
    /// Whether the next turn has to wait.
    fn is_busy(&self) -> bool {
        false
    }
    /// A phase has begun for the client of a push transport.
    fn enter(&mut self, io: &mut Io<'_>, phase: Phase) {
        io.enter(phase);
    }
    /// The exchange has taken longer than it may.
    fn expired(&mut self, io: &mut Io<'_>) {
        io.lose(ClientError::of(ClientErrorKind::ResponseTimeout));
    }
    /// The client must end: closes in order, and says [`Io::finish`] at the end.
    fn stop(&mut self, io: &mut Io<'_>) {
        io.finish();
    }
    /// The connection is about to be closed: counts what is not counted yet. `last` is true at the
    /// client's end.
    fn closing(&mut self, _: &mut Io<'_>, _last: bool) {}
    /// How long the server wants the client to wait before it connects again, in nanoseconds.
    fn server_pause_ns(&self, _: &ClientCore) -> Option<u64> {
        None
    }
    /// Reads memory that the next event needs; the value is of no use.
    fn touch(&self) -> u64 {
        u64::from(self.is_busy())
    }
    /// The client ends: counts what it has received of what was published.
    fn settle(&mut self, _: &ClientCore) {}
}

/// What becomes of the connection after an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Next {
    /// It stays.
    #[default]
    Keep,
    /// It is closed, and another one is opened for the next turn.
    Close,
    /// It is closed, and another one is opened for the same turn.
    CloseAndRetry(Turn),
    /// It is closed, and another one is opened at once, for what it could not do.
    Reconnect,
    /// It ended in order; another one is opened at once.
    Reopen,
    /// It is lost.
    Lost,
    /// The client ends.
    Finish,
}

/// What a machine changes in its session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Control {
    pub next: Next,
    /// Whether the client is set up.
    pub is_set_up: bool,
    /// Whether the connection has brought a message.
    pub brought: bool,
    /// Whether the client must end.
    pub stopping: bool,
    /// The phase in which what happens now is counted.
    pub phase: Phase,
    /// When the exchange under way is late; `u64::MAX` if none is.
    pub exchange_until_ns: u64,
    /// When closing is given up; `u64::MAX` if it has not begun.
    pub close_until_ns: u64,
}

impl Control {
    /// Of a session that has not begun.
    pub(super) fn new() -> Control {
        Control {
            next: Next::Keep,
            is_set_up: false,
            brought: false,
            stopping: false,
            phase: Phase::Setup,
            exchange_until_ns: u64::MAX,
            close_until_ns: u64::MAX,
        }
    }
}

/// The client, its connection, and what it may do with them during one event.
pub(crate) struct Io<'a> {
    /// The client.
    pub core: &'a mut ClientCore,
    /// When the event came, in nanoseconds of the thread's clock.
    pub now_ns: u64,
    pub(super) connection: Option<&'a mut ClientConnection>,
    /// What it has in place of a connection over HTTP/2.
    pub(super) stream: Option<&'a mut StreamLink>,
    pub(super) control: &'a mut Control,
}

impl Deref for Io<'_> {
    type Target = ClientCore;

    fn deref(&self) -> &ClientCore {
        self.core
    }
}

impl Io<'_> {
    /// The phase to which what happens now belongs.
    pub(crate) fn phase(&self) -> Phase {
        self.control.phase
    }
    /// What happens from now on belongs to another phase.
    pub(crate) fn enter(&mut self, phase: Phase) {
        self.control.phase = phase;
        if let Some(connection) = &mut self.connection {
            connection.enter(phase);
        }
    }
    /// Whether the connection is to be closed after this event.
    pub(crate) fn is_leaving(&self) -> bool {
        self.control.next != Next::Keep
    }
    /// Whether the client must end.
    pub(crate) fn is_stopping(&self) -> bool {
        self.control.stopping
    }
    /// Whether the client is set up.
    pub(crate) fn is_set_up(&self) -> bool {
        self.control.is_set_up
    }
    /// The client is set up, or is so again.
    pub(crate) fn set_up(&mut self) {
        self.control.is_set_up = true;
        if !self.core.is_second_handle() {
            self.core.ready();
        }
    }
    /// An exchange begins: it is late after the client's time limit and `more_ns`.
    pub(crate) fn begin_exchange(&mut self, more_ns: u64) {
        let limit_ns = self.core.thread.timeout_ns.saturating_add(more_ns);
        self.control.exchange_until_ns = self.now_ns.saturating_add(limit_ns);
    }
    /// The exchange under way began earlier, at this moment.
    pub(crate) fn exchange_began(&mut self, at_ns: u64) {
        self.control.exchange_until_ns = at_ns.saturating_add(self.core.thread.timeout_ns);
    }
    /// The exchange under way is late after so many nanoseconds from now, if it was not so before.
    pub(crate) fn limit_exchange(&mut self, within_ns: u64) {
        let until_ns = self.now_ns.saturating_add(within_ns);
        self.control.exchange_until_ns = self.control.exchange_until_ns.min(until_ns);
    }
    /// When the exchange under way is late; `u64::MAX` if none is.
    pub(crate) fn exchange_until_ns(&self) -> u64 {
        self.control.exchange_until_ns
    }
    /// No exchange is under way any more.
    pub(crate) fn end_exchange(&mut self) {
        self.control.exchange_until_ns = u64::MAX;
    }
    /// The connection has brought a message.
    pub(crate) fn note_message(&mut self) {
        self.control.brought = true;
    }
    /// Whether the connection has brought a message.
    pub(crate) fn has_brought_message(&self) -> bool {
        self.control.brought
    }
    /// Whether the layers and the socket take no more bytes now.
    pub(crate) fn is_blocked(&self) -> bool {
        match (&self.connection, &self.stream) {
            (Some(connection), _) => connection.stream.is_blocked(),
            (None, Some(stream)) => stream.carrier().is_blocked(),
            (None, None) => false,
        }
    }
    /// Sends a request. Returns what it is on the wire.
    ///
    /// # Errors
    /// If the connection is gone.
    #[inline]
    pub(crate) fn send_request(
        &mut self,
        request: &RenderedRequest,
    ) -> Result<HeadSize, ClientError> {
        match &mut self.stream {
            None => self.send(&request.bytes).map(|()| request.size),
            Some(stream) => match request.http2() {
                Some((fields, _)) if request.connects() => {
                    stream.open_tunnel((self.core, self.control.phase), fields)
                }
                Some((fields, body)) => {
                    let of = (&*self.core, self.control.phase);
                    stream.send_request(of, fields, body, Part::Heads)
                }
                // A request of a client over HTTP/2 has fields.
                None => Err(ClientError::of(ClientErrorKind::Malformed)),
            },
        }
    }
    /// Sends a request with a message over HTTP/2. Returns what it is on the wire without the message.
    ///
    /// # Errors
    /// If the connection is gone.
    pub(crate) fn send_fields(
        &mut self,
        fields: &PreparedFields,
        message: &[u8],
    ) -> Result<HeadSize, ClientError> {
        match &mut self.stream {
            None => Err(ClientError::of(ClientErrorKind::EarlyClose)),
            Some(stream) => {
                let of = (&*self.core, self.control.phase);
                stream.send_request(of, fields, message, Part::Payload)
            }
        }
    }
    /// Sends bytes; what the socket does not take now is sent later.
    ///
    /// # Errors
    /// If the connection is gone.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        let now_ns = self.now_ns;
        if let (None, Some(stream)) = (&self.connection, &mut self.stream) {
            let framing = stream.send(bytes)?;
            self.count_stream_framing(framing);
            return Ok(());
        }
        match &mut self.connection {
            None => Err(ClientError::of(ClientErrorKind::EarlyClose)),
            Some(connection) => connection
                .stream
                .send(now_ns, bytes)
                .map_err(|error| ClientError::io(ClientErrorKind::Write, &error)),
        }
    }
    /// Bytes that were sent and have not reached the socket.
    pub(crate) fn unsent(&mut self) -> u64 {
        self.connection.as_mut().map_or(0, |connection| connection.stream.unsent())
    }
    /// Bytes of the connection that have reached the socket.
    pub(crate) fn written(&self) -> u64 {
        self.connection.as_ref().map_or(0, |connection| connection.stream.written())
    }
    /// Returns the bytes that moved since the last call and are not counted otherwise.
    #[inline]
    pub(crate) fn take_moved(&mut self) -> MovedBytes {
        match (&mut self.connection, &mut self.stream) {
            (Some(connection), _) => connection.take_moved(),
            (None, Some(stream)) => stream.take_moved(),
            (None, None) => MovedBytes::default(),
        }
    }
    /// Returns the bytes received since the last call that are not counted otherwise.
    #[inline]
    pub(crate) fn take_received(&mut self) -> u64 {
        match (&mut self.connection, &mut self.stream) {
            (Some(connection), _) => connection.take_received(),
            (None, Some(stream)) => stream.take_received(),
            (None, None) => 0,
        }
    }
    /// Adds bytes that moved to the ledger of the current phase. The caller says which parts they
    /// are; `wire` is their sum.
    #[inline]
    pub(crate) fn count(&mut self, add: impl FnOnce(&mut Ledger)) {
        self.count_in(self.control.phase, add);
    }
    /// Does the same in the ledger of another phase.
    #[inline]
    pub(crate) fn count_in(&mut self, phase: Phase, add: impl FnOnce(&mut Ledger)) {
        match (&mut self.connection, &mut self.stream) {
            (Some(connection), _) => connection.count_in(phase, add),
            (None, Some(stream)) => stream.count_in(&self.core.thread, phase, add),
            (None, None) => self.core.add_bytes(phase, add),
        }
    }
    /// Counts control frames received and sent.
    pub(crate) fn count_control_frames(&self, phase: Phase, down: u64, up: u64) {
        self.core.thread.count_control_frames(phase, down, up);
    }
    /// Discards what was moved and is not counted yet: the connection was not set up.
    pub(crate) fn discard_all(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.discard_all();
        }
        if let Some(stream) = &mut self.stream {
            stream.discard(self.core, self.control.phase);
        }
    }
    /// Adds received bytes as discarded.
    pub(crate) fn discard_received(&mut self) {
        let down = self.take_received();
        self.core.add_bytes(self.control.phase, |ledger| {
            ledger.down.add(Part::Discarded, down);
        });
    }

    /// Closes the connection; the next turn opens another.
    pub(crate) fn close(&mut self) {
        self.end_exchange();
        self.control.next = Next::Close;
    }
    /// Closes the connection, and takes the same turn again on another.
    pub(crate) fn retry(&mut self, turn: Turn) {
        self.end_exchange();
        self.control.next = Next::CloseAndRetry(turn);
    }
    /// Closes the connection, and opens another at once: an answer has led elsewhere.
    pub(crate) fn reconnect(&mut self) {
        self.end_exchange();
        self.control.next = Next::Reconnect;
    }
    /// Whether the connection has carried a request before, of this client or of one that shares it.
    pub(crate) fn has_shared_use(&self) -> bool {
        self.stream.as_ref().is_some_and(|stream| stream.has_carried())
    }
    /// Closes the connection, which ended in order, and opens another: at once, if it brought anything.
    pub(crate) fn reopen(&mut self) {
        self.end_exchange();
        self.control.next = Next::Reopen;
    }
    /// Closes the connection, which is lost for a reason that is counted already.
    pub(crate) fn lose_counted(&mut self) {
        self.end_exchange();
        self.control.next = Next::Lost;
    }
    /// Counts an error by which the connection is lost.
    pub(crate) fn lose(&mut self, error: ClientError) {
        self.core.fault(self.control.phase, error);
        self.end_exchange();
        self.control.next = Next::Lost;
    }
    /// Counts the error of an answer that refuses, by which the connection is lost.
    pub(crate) fn lose_refused(&mut self, error: ClientError, text: Option<Box<AnswerText>>) {
        self.core.refused(self.control.phase, error, text);
        self.lose_counted();
    }
    /// Ends this side of the connection once everything is sent. The session does not wait long for
    /// the server's end.
    pub(crate) fn half_close(&mut self) {
        self.end_exchange();
        self.limit_closing();
        let now_ns = self.now_ns;
        if let Some(connection) = &mut self.connection {
            connection.stream.end(now_ns);
        }
        let Some(stream) = &mut self.stream else { return };
        match stream.end() {
            Some(framing) => self.count_stream_framing(framing),
            None => {
                // Others may have streams of the connection: this one alone is given up.
                stream.cancel();
                self.control.next = Next::Finish;
            }
        }
    }
    /// Counts what is around bytes of another protocol that were sent on a stream.
    fn count_stream_framing(&mut self, framing: u64) {
        self.count(|ledger| {
            ledger.up.add(Part::Framing, framing);
        });
    }
    /// Gives the server some time to close its side, see [`ClientCore::closing_limit_ns`].
    pub(crate) fn limit_closing(&mut self) {
        self.control.close_until_ns = self.now_ns.saturating_add(self.core.closing_limit_ns());
    }
    /// Whether the stream ended without TLS's saying so: what ends with it may lack its end
    /// (RFC 9112 §9.8).
    pub(crate) fn is_truncated(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.stream.is_truncated())
    }
    /// Whether TLS was set up without choosing this protocol (ALPN).
    pub(crate) fn lacks_protocol(&self, protocol: &[u8]) -> bool {
        self.connection
            .as_ref()
            .is_some_and(|connection| connection.stream.lacks_protocol(protocol))
    }
    /// The server's end was read after this side's.
    pub(crate) fn note_both_ended(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.note_both_ended();
        }
    }
    /// The client ends.
    pub(crate) fn finish(&mut self) {
        self.end_exchange();
        self.control.next = Next::Finish;
    }
}
