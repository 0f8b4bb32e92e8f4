//! One WebSocket connection of the server: every update in order, the clients' messages answered or
//! brought to all as the workload asks, pings answered, closed with the right code.
//!
//! Separate from the upgrade that begins it. A hand-written future, so that a connection is one
//! small allocation and a message costs none.

use crate::feed::Workload;
use crate::protocol::websocket::codec::{FrameError, FrameItem, FrameReader, MessageKind, Opcode};
use crate::protocol::websocket::deflate_coder::CoderPool;
use crate::protocol::websocket::deflate_offer::{DeflateOffer, DeflateParams};
use crate::server::{Outgoing, Peer, Upgraded};
use crate::time::{Sleep, now_ns};
use crate::transport::websocket::message::message_kind;
use crate::transport::websocket::params::Params;
use crate::transport::websocket::server::frame_socket::FrameSocket;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::ReadBuf;

/// How far behind the feed a client may fall before it is closed.
const MOST_BEHIND_NS: u64 = 30_000_000_000;
/// How long an ending may take: the closing handshake and the end of TCP.
const ENDING_NS: u64 = 5_000_000_000;
/// The largest buffer that is kept after a message; a larger one is an exception and freed.
const KEPT_BYTES: usize = 1024 * 1024;

/// The code of a Close of a server that ends (RFC 6455 §7.4.1).
const GOING_AWAY: u16 = 1001;
/// The code of a Close of a server whose rule the client breaks.
const POLICY: u16 = 1008;

/// What the sessions of one thread share.
pub(super) struct SessionContext {
    /// Nanoseconds of silence before a ping; 0 for never.
    heartbeat_ns: u64,
    /// What is received with one call.
    received: RefCell<Vec<u8>>,
    /// A frame that is put together.
    frame: RefCell<Vec<u8>>,
    /// A message of a client, unless it comes in pieces.
    message: RefCell<Vec<u8>>,
    /// The extension of this server, if it has one.
    pub deflate: Option<DeflateOffer>,
    coders: Rc<CoderPool>,
}

impl SessionContext {
    pub(super) fn new(params: &Params) -> SessionContext {
        SessionContext {
            heartbeat_ns: params.heartbeat_ns,
            received: RefCell::new(vec![0; params.read_buffer_bytes as usize]),
            frame: RefCell::default(),
            message: RefCell::default(),
            deflate: params.options.deflate.clone(),
            coders: Rc::default(),
        }
    }
}

/// The session of one client. The future ends when the connection has ended.
pub(super) struct ServerSession {
    socket: FrameSocket,
    peer: Rc<Peer>,
    context: Rc<SessionContext>,
    reader: FrameReader,
    /// The beginning of a message whose rest has not come.
    partial: Vec<u8>,
    state: SessionState,
    /// Bytes that came with the upgrade.
    early: Option<Box<[u8]>>,
    /// Since when an update does not fit into the socket.
    blocked_ns: u64,
    /// When the next ping is due.
    ping_at_ns: u64,
    /// Echoes that an injected fault delays.
    delayed: Option<Box<DelayedEchoes>>,
    /// Until the next update, delayed echo or ping; while blocked or ending, until the time limit.
    sleep: Sleep,
}

/// Echoes and when they leave, in order.
#[derive(Default)]
struct DelayedEchoes(VecDeque<(u64, MessageKind, Vec<u8>)>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum SessionState {
    /// Everything is written; waits for the next update.
    Waiting,
    /// An update does not fit into the socket yet.
    Blocked,
    /// A Close was sent: read until theirs.
    Closing,
    /// Nothing more is read as frames: write what waits.
    Flushing,
    /// The closing handshake is over or impossible: end TCP from this side.
    Shutting,
    /// Read until the client has ended TCP too, so that no reset destroys what was sent.
    Lingering,
}

impl ServerSession {
    /// A session over an upgraded connection, from the next update on, with the extension that the server has
    /// selected.
    pub(super) fn new(
        upgraded: Upgraded,
        context: Rc<SessionContext>,
        deflate: Option<DeflateParams>,
    ) -> ServerSession {
        let Upgraded { stream, leftover, peer } = upgraded;
        // A copy: HTTP's large buffer is freed.
        let early = (!leftover.is_empty()).then(|| leftover.to_vec().into_boxed_slice());
        peer.subscribe(None, now_ns());
        let sleep = peer.thread.timer.until(0);
        let mut reader = FrameReader::default();
        let deflater = deflate.map(|params| {
            let (deflater, inflater) = params.server_coders(&context.coders);
            reader.take_compressed(inflater);
            deflater
        });
        let mut session = ServerSession {
            socket: FrameSocket::new(stream, deflater),
            peer,
            context,
            reader,
            partial: Vec::new(),
            state: SessionState::Waiting,
            early,
            blocked_ns: 0,
            ping_at_ns: u64::MAX,
            delayed: None,
            sleep,
        };
        session.rest();
        session
    }

    /// Sleeps until the next update or ping.
    fn rest(&mut self) {
        if self.context.heartbeat_ns > 0 {
            self.ping_at_ns = now_ns().saturating_add(self.context.heartbeat_ns);
        }
        self.await_next();
    }

    fn await_next(&mut self) {
        let delayed = self.delayed.as_ref().and_then(|delayed| delayed.0.front());
        let leaves_ns = delayed.map_or(u64::MAX, |(leaves_ns, ..)| *leaves_ns);
        self.sleep_until(self.peer.leaves_ns().min(self.ping_at_ns).min(leaves_ns));
    }

    /// Sends a frame, or keeps what does not fit.
    fn send(&mut self, cx: &mut Context<'_>, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
        let context = self.context.clone();
        let mut frame = context.frame.borrow_mut();
        let sent = self.socket.send(cx, opcode, payload, &mut frame);
        if frame.capacity() > KEPT_BYTES {
            *frame = Vec::new();
        }
        sent
    }

    /// Sends the echo of a message: at once, or later if an injected fault delays it.
    fn send_echo(&mut self, cx: &mut Context<'_>, kind: MessageKind, message: &[u8]) {
        let delay_ns = match &self.peer.thread.injector {
            None => 0,
            Some(injector) => {
                injector.message();
                injector.delay_ns()
            }
        };
        if delay_ns == 0 {
            // If it fails the connection is gone, which reading meets too.
            let _ = self.send(cx, kind.opcode(), message);
            return;
        }
        let delayed = self.delayed.get_or_insert_default();
        delayed.0.push_back((now_ns().saturating_add(delay_ns), kind, message.to_vec()));
        if self.state == SessionState::Waiting {
            self.await_next();
        }
    }

    /// Takes the delayed echo that is due.
    fn take_delayed(&mut self, now_ns: u64) -> Option<(MessageKind, Vec<u8>)> {
        let queue = &mut self.delayed.as_mut()?.0;
        let (leaves_ns, ..) = queue.front()?;
        if *leaves_ns > now_ns {
            return None;
        }
        queue.pop_front().map(|(_, kind, message)| (kind, message))
    }

    fn serving(&self) -> bool {
        matches!(self.state, SessionState::Waiting | SessionState::Blocked)
    }

    fn sleep_until(&mut self, until_ns: u64) {
        self.sleep = self.peer.thread.timer.until(until_ns);
    }

    /// Goes on to a state of the ending; one time limit holds for all of it.
    fn end(&mut self, state: SessionState) {
        if self.serving() {
            self.sleep_until(now_ns() + ENDING_NS);
        }
        self.state = state;
    }

    /// Sends a Close and goes on to a state of the ending.
    fn close(&mut self, cx: &mut Context<'_>, code: u16, reason: &str, then: SessionState) {
        let payload = [&code.to_be_bytes(), reason.as_bytes()].concat();
        self.send_close(cx, &payload, then);
    }

    /// Sends the Close with a payload that was put together.
    fn send_close(&mut self, cx: &mut Context<'_>, payload: &[u8], then: SessionState) {
        // If it fails the connection is gone, and shutting it down finds that too.
        let _ = self.send(cx, Opcode::Close, payload);
        self.end(then);
    }

    /// Receives all that there is, until nothing more is read as frames.
    fn receive(&mut self, cx: &mut Context<'_>) {
        let context = self.context.clone();
        let echo = self.peer.thread.feed.get().spec.workload == Workload::Echo;
        if let Some(mut early) = self.early.take() {
            self.read_frames(cx, &mut early);
        }
        let mut buffer = context.received.borrow_mut();
        while self.reads_frames() {
            // Nothing is read while there is no room for its echo.
            if echo && self.serving() && !matches!(self.socket.poll_flush(cx), Poll::Ready(Ok(())))
            {
                return;
            }
            let mut into = ReadBuf::new(&mut buffer);
            match self.socket.poll_receive(cx, &mut into) {
                Poll::Pending => return,
                Poll::Ready(Ok(())) if !into.filled().is_empty() => {
                    self.read_frames(cx, into.filled_mut());
                }
                // The end of the stream, or an error.
                Poll::Ready(_) => self.end(SessionState::Shutting),
            }
        }
    }

    /// Whether bytes that come are frames.
    fn reads_frames(&self) -> bool {
        self.serving() || self.state == SessionState::Closing
    }

    /// Reads frames of the client and does what they ask.
    fn read_frames(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) {
        let context = self.context.clone();
        let spec = self.peer.thread.feed.get().spec;
        // A message from a client does not belong to the feed of a ticker.
        let is_kept = spec.workload != Workload::Ticker;
        let mut reader = std::mem::take(&mut self.reader);
        let mut shared = context.message.borrow_mut();
        let mut message = std::mem::take(&mut self.partial);
        if !reader.is_within_message() {
            message = std::mem::take(&mut *shared);
        }
        let mut closed = None;
        let fed = reader.feed_masked(bytes, spec.most_message_bytes() as u64, |item| match item {
            FrameItem::Data(data) if is_kept => message.extend_from_slice(data),
            FrameItem::Data(_) | FrameItem::Pong(_) => {}
            FrameItem::MessageEnd(kind, ..) => {
                self.receive_message(cx, kind, &message);
                message.clear();
            }
            FrameItem::Ping(payload, _) if self.serving() => {
                // If it fails the connection is gone, which reading meets too.
                let _ = self.socket.answer_ping(cx, payload, &mut context.frame.borrow_mut());
            }
            FrameItem::Ping(..) => {}
            FrameItem::Close(code, ..) => closed = Some(code),
        });
        if reader.is_within_message() {
            self.partial = message;
        } else if message.capacity() <= KEPT_BYTES {
            // What breaks the protocol leaves the beginning of its message.
            message.clear();
            *shared = message;
        }
        drop(shared);
        self.reader = reader;
        match (fed, closed) {
            (Err(error), _) if self.serving() => {
                self.close(cx, error.close_code(), reason(error), SessionState::Flushing);
            }
            (Ok(()), Some(code)) if self.serving() => {
                let code = code.map(u16::to_be_bytes);
                let payload = code.as_ref().map_or(&[][..], |code| code);
                self.send_close(cx, payload, SessionState::Flushing);
            }
            (Err(_), _) | (_, Some(_)) => self.end(SessionState::Flushing),
            (Ok(()), None) => {}
        }
    }

    /// Does with a message what the workload asks.
    fn receive_message(&mut self, cx: &mut Context<'_>, kind: MessageKind, message: &[u8]) {
        match self.peer.thread.feed.get().spec.workload {
            Workload::Echo if self.serving() => self.send_echo(cx, kind, message),
            Workload::Ticker | Workload::Echo => {}
            Workload::Broadcast | Workload::Tracker => self.peer.post(message, now_ns()),
        }
    }

    /// Sends every update that is due. Ready when the session must end.
    fn poll_updates(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.peer.thread.draining.get() {
                self.close_for_drain(cx);
                return Poll::Ready(());
            }
            match self.socket.poll_flush(cx) {
                Poll::Ready(Ok(())) if self.state == SessionState::Blocked => {
                    self.state = SessionState::Waiting;
                    self.await_next();
                }
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => {
                    self.end(SessionState::Shutting);
                    return Poll::Ready(());
                }
                Poll::Pending => {
                    ready!(self.poll_blocked(cx));
                    return Poll::Ready(());
                }
            }
            ready!(Pin::new(&mut self.sleep).poll(cx));
            let now = now_ns();
            if let Some((kind, message)) = self.take_delayed(now) {
                // If it fails the connection is gone, which reading meets too.
                let _ = self.send(cx, kind.opcode(), &message);
                self.rest();
                continue;
            }
            let sent = match self.peer.take_due(now) {
                Some(message) => self.push(cx, &message).map(|()| true),
                None if now >= self.ping_at_ns => self.send(cx, Opcode::Ping, &[]).map(|()| true),
                None => Ok(false),
            };
            match sent {
                Ok(true) => self.rest(),
                Ok(false) => self.await_next(),
                Err(_) => {
                    self.end(SessionState::Shutting);
                    return Poll::Ready(());
                }
            }
        }
    }

    /// Writes a message, or keeps what does not fit.
    fn push(&mut self, cx: &mut Context<'_>, outgoing: &Outgoing) -> io::Result<()> {
        let kind = message_kind(self.peer.thread.feed.get().spec.kind, &outgoing.bytes);
        self.send(cx, kind.opcode(), &outgoing.bytes)?;
        let pushed = &self.peer.thread.pushed;
        pushed.set(pushed.get() + u64::from(outgoing.updates));
        Ok(())
    }

    fn close_for_drain(&mut self, cx: &mut Context<'_>) {
        let reason = "the server is shutting down";
        self.close(cx, GOING_AWAY, reason, SessionState::Closing);
    }

    /// Waits for room in the socket. Ready when the client is too far behind.
    fn poll_blocked(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.state != SessionState::Blocked {
            self.blocked_ns = now_ns();
        }
        // In an echo, and in a broadcast without a new message, nothing is due.
        let due_ns = match self.peer.due_ns() {
            u64::MAX => self.blocked_ns,
            due_ns => due_ns,
        };
        let deadline_ns = due_ns.saturating_add(MOST_BEHIND_NS);
        if self.state != SessionState::Blocked {
            self.state = SessionState::Blocked;
            self.sleep_until(deadline_ns);
        }
        ready!(Pin::new(&mut self.sleep).poll(cx));
        if self.peer.thread.draining.get() {
            self.close_for_drain(cx);
        } else if now_ns() < deadline_ns {
            // Woken together with all other sessions.
            self.sleep_until(deadline_ns);
            ready!(Pin::new(&mut self.sleep).poll(cx));
        } else {
            let thread = &self.peer.thread;
            thread.lagged.set(thread.lagged.get() + 1);
            self.close(cx, POLICY, "too far behind", SessionState::Closing);
        }
        Poll::Ready(())
    }

    /// The end: Close, then TCP from this side, then whatever the client still sends.
    fn poll_ending(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.state == SessionState::Closing {
            self.receive(cx);
        }
        if matches!(self.state, SessionState::Closing | SessionState::Flushing) {
            match (ready!(self.socket.poll_flush(cx)), self.state) {
                (Ok(()), SessionState::Closing) => return Poll::Pending,
                _ => self.state = SessionState::Shutting,
            }
        }
        if self.state == SessionState::Shutting {
            match ready!(self.socket.poll_end(cx)) {
                Ok(()) => self.state = SessionState::Lingering,
                Err(_) => return Poll::Ready(()),
            }
        }
        let context = self.context.clone();
        let mut rest = context.received.borrow_mut();
        loop {
            let mut buffer = ReadBuf::new(&mut rest);
            match ready!(self.socket.poll_receive(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                _ => return Poll::Ready(()),
            }
        }
    }
}

impl Future for ServerSession {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        // Most wake-ups are for an update: bytes are received only if there are any.
        let readable = this.socket.poll_readable(cx).is_ready() || this.early.is_some();
        if this.serving() && readable {
            this.receive(cx);
        }
        if this.serving() {
            ready!(this.poll_updates(cx));
        }
        if this.poll_ending(cx).is_ready() {
            return Poll::Ready(());
        }
        // True: the time is over. False: woken because the server drains.
        while !ready!(Pin::new(&mut this.sleep).poll(cx)) {
            this.sleep_until(now_ns() + ENDING_NS);
        }
        Poll::Ready(())
    }
}

/// Returns the reason that a Close gives for a client's error.
fn reason(error: FrameError) -> &'static str {
    match error {
        FrameError::BadUtf8 | FrameError::BadCloseReason(_) => "text that is not UTF-8",
        FrameError::BadDeflate => "a message that cannot be decompressed",
        FrameError::TooLarge => "message too big",
        _ => "protocol error",
    }
}
