//! One WebSocket connection of the server: every update in order, the clients' messages answered or
//! brought to all as the workload asks, pings answered, closed with the right code.
//!
//! Separate from the upgrade that begins it. A hand-written future, so that a connection is one
//! small allocation and a message costs none.

use crate::feed::{PayloadKind, Workload};
use crate::net::Metered;
use crate::server::post::most_bytes;
use crate::server::routes::{Peer, Upgraded};
use crate::server::subscription::Outgoing;
use crate::time::Sleep;
use crate::time::now_ns;
use bytes::Bytes;
use futures_util::{FutureExt, Sink, Stream};
use hyper::header::HeaderMap;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

/// How far behind the feed a client may fall before it is closed.
const MOST_BEHIND_NS: u64 = 30_000_000_000;
/// How long an ending may take: the closing handshake and the end of TCP.
const ENDING_NS: u64 = 5_000_000_000;

/// See the module. Ends when the connection has ended.
pub(crate) struct Session {
    socket: WebSocketStream<Metered>,
    peer: Rc<Peer>,
    phase: Phase,
    /// Bytes may lie in the frame layer's own buffer: what came with the upgrade.
    early: bool,
    /// Since when an update does not fit into the socket, where one does not.
    blocked_ns: u64,
    /// A ping goes out where nothing else did for this long; 0 for never. And when that is.
    heartbeat: (u64, u64),
    /// Answers that a fault of the server holds back.
    held: Option<Box<Held>>,
    /// Rings for the next update, held answer or ping; while blocked or ending, for the end of patience.
    sleep: Sleep,
}

/// Answers of an echo and when they leave, in their order.
#[derive(Default)]
struct Held(VecDeque<(u64, Message)>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Everything is written; the next update is waited for.
    Waiting,
    /// An update does not fit into the socket yet.
    Blocked,
    /// A Close was sent or received: write ours, and read until theirs.
    Closing,
    /// The closing handshake is over or impossible: end TCP from this side.
    Shutting,
    /// Read until the client has ended TCP too, so that no reset destroys what was sent.
    Lingering,
}

impl Session {
    /// A session over an upgraded connection, from the update after now on. `None` never
    /// happens: making the frame layer waits for nothing, but is an `async fn`.
    pub(crate) fn new(
        upgraded: Upgraded,
        read_buffer_bytes: usize,
        heartbeat_ns: u64,
    ) -> Option<Session> {
        let Upgraded { stream, leftover, peer } = upgraded;
        let most_bytes = most_bytes(&peer.thread.feed.get().spec);
        let config = WebSocketConfig::default()
            .read_buffer_size(read_buffer_bytes)
            .write_buffer_size(0)
            .max_message_size(Some(most_bytes))
            .max_frame_size(Some(most_bytes));
        // A copy: the frame layer would go on reading into HTTP's large buffer.
        let (role, early) = (Role::Server, leftover.to_vec());
        drop(leftover);
        let socket = WebSocketStream::from_partially_read(stream, early, role, Some(config))
            .now_or_never()?;
        peer.listen(&HeaderMap::new(), now_ns());
        let sleep = peer.thread.alarm.until(0);
        let (phase, heartbeat) = (Phase::Waiting, (heartbeat_ns, u64::MAX));
        let mut session = Session {
            socket,
            peer,
            phase,
            early: true,
            blocked_ns: 0,
            heartbeat,
            held: None,
            sleep,
        };
        session.rest();
        Some(session)
    }

    /// Begins a silence: until the next update, or a ping.
    fn rest(&mut self) {
        if self.heartbeat.0 > 0 {
            self.heartbeat.1 = now_ns().saturating_add(self.heartbeat.0);
        }
        self.await_next();
    }

    fn await_next(&mut self) {
        let held = self.held.as_ref().and_then(|held| held.0.front());
        let leaves_ns = held.map_or(u64::MAX, |(leaves_ns, _)| *leaves_ns);
        self.lie_down(self.peer.leaves_ns().min(self.heartbeat.1).min(leaves_ns));
    }

    /// Answers a message of an echo with the same: at once, or when a fault of the server has it.
    fn answer(&mut self, message: Message) {
        let delay_ns = match &self.peer.thread.injector {
            None => 0,
            Some(injector) => {
                injector.message();
                injector.delay_ns()
            }
        };
        if delay_ns == 0 {
            // It fails where the connection is gone, which reading meets too.
            let _ = Pin::new(&mut self.socket).start_send(message);
            return;
        }
        let held = self.held.get_or_insert_default();
        held.0.push_back((now_ns().saturating_add(delay_ns), message));
        if self.phase == Phase::Waiting {
            self.await_next();
        }
    }

    /// The answer that was held back until now, if one was.
    fn take_held(&mut self, now_ns: u64) -> Option<Message> {
        let queue = &mut self.held.as_mut()?.0;
        let (leaves_ns, _) = queue.front()?;
        if *leaves_ns > now_ns { None } else { queue.pop_front().map(|(_, message)| message) }
    }

    fn serving(&self) -> bool {
        matches!(self.phase, Phase::Waiting | Phase::Blocked)
    }

    fn lie_down(&mut self, until_ns: u64) {
        self.sleep = self.peer.thread.alarm.until(until_ns);
    }

    /// Goes on to a phase of the ending; one limit holds for all of it.
    fn end(&mut self, phase: Phase) {
        if self.serving() {
            self.lie_down(now_ns() + ENDING_NS);
        }
        self.phase = phase;
    }

    fn close(&mut self, code: CloseCode, reason: &'static str) {
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        // It fails where a Close was sent already or the connection is gone: both end the same.
        let _ = Pin::new(&mut self.socket).start_send(Message::Close(Some(frame)));
        self.end(Phase::Closing);
    }

    /// Reads all there is. Ready when nothing more will come from the frame layer and its own
    /// replies are written.
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let workload = self.peer.thread.feed.get().spec.workload;
        loop {
            // Nothing is read while its answer would have no room.
            if workload == Workload::Echo && self.serving() {
                match Pin::new(&mut self.socket).poll_ready(cx) {
                    Poll::Pending => {
                        // What was read already would not be told of by the socket.
                        self.early = true;
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => return Poll::Ready(()),
                }
            }
            match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
                // The reply is queued by tungstenite, as pongs are.
                Some(Ok(Message::Close(_))) => self.end(Phase::Closing),
                Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => match workload {
                    // Whatever a client says is not for this feed.
                    Workload::Ticker => {}
                    Workload::Echo if self.serving() => self.answer(message),
                    Workload::Echo => {}
                    Workload::Broadcast | Workload::Tracker => {
                        self.peer.post(&message.into_data(), now_ns());
                    }
                },
                Some(Ok(_)) => {}
                Some(Err(error)) => match verdict(&error) {
                    Some((code, reason)) => self.close(code, reason),
                    None => self.end(Phase::Shutting),
                },
                None => return Poll::Ready(()),
            }
        }
    }

    /// Sends every update that is due. Ready when the session must end.
    fn poll_updates(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.peer.thread.draining.get() {
                self.close(CloseCode::Away, "the server is shutting down");
                return Poll::Ready(());
            }
            match Pin::new(&mut self.socket).poll_ready(cx) {
                Poll::Ready(Ok(())) if self.phase == Phase::Blocked => {
                    self.phase = Phase::Waiting;
                    self.await_next();
                }
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => {
                    self.end(Phase::Shutting);
                    return Poll::Ready(());
                }
                Poll::Pending => {
                    ready!(self.poll_blocked(cx));
                    return Poll::Ready(());
                }
            }
            ready!(Pin::new(&mut self.sleep).poll(cx));
            let now = now_ns();
            if let Some(message) = self.take_held(now) {
                // It fails where the connection is gone, which reading meets too.
                let _ = Pin::new(&mut self.socket).start_send(message);
                self.rest();
                continue;
            }
            let sent = match self.peer.take_due(now) {
                Some(message) => self.push(message).map(|()| true),
                None if now >= self.heartbeat.1 => {
                    let ping = Message::Ping(Bytes::new());
                    Pin::new(&mut self.socket).start_send(ping).map(|()| true)
                }
                None => Ok(false),
            };
            match sent {
                Ok(true) => self.rest(),
                Ok(false) => self.await_next(),
                Err(_) => {
                    self.end(Phase::Shutting);
                    return Poll::Ready(());
                }
            }
        }
    }

    /// Writes a message, or queues what does not fit.
    fn push(&mut self, outgoing: Outgoing) -> Result<(), Error> {
        let thread = &self.peer.thread;
        let message = message(thread.feed.get().spec.kind, outgoing.bytes);
        Pin::new(&mut self.socket).start_send(message)?;
        thread.pushed.set(thread.pushed.get() + u64::from(outgoing.updates));
        Ok(())
    }

    /// Waits for room. Ready when the client is too far behind.
    fn poll_blocked(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.phase != Phase::Blocked {
            self.blocked_ns = now_ns();
        }
        // In an echo, and in a room with nothing new, nothing is due.
        let due_ns = match self.peer.due_ns() {
            u64::MAX => self.blocked_ns,
            due_ns => due_ns,
        };
        let patience_ns = due_ns.saturating_add(MOST_BEHIND_NS);
        if self.phase != Phase::Blocked {
            self.phase = Phase::Blocked;
            self.lie_down(patience_ns);
        }
        ready!(Pin::new(&mut self.sleep).poll(cx));
        if self.peer.thread.draining.get() {
            self.close(CloseCode::Away, "the server is shutting down");
        } else if now_ns() < patience_ns {
            // Woken with everybody else, and for nothing.
            self.lie_down(patience_ns);
            ready!(Pin::new(&mut self.sleep).poll(cx));
        } else {
            let thread = &self.peer.thread;
            thread.lagged.set(thread.lagged.get() + 1);
            self.close(CloseCode::Policy, "too far behind");
        }
        Poll::Ready(())
    }

    /// The end: Close, then TCP from this side, then whatever the client still sends.
    fn poll_ending(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.phase == Phase::Closing {
            let flushed = Pin::new(&mut self.socket).poll_flush(cx);
            let heard = self.poll_incoming(cx);
            match (flushed, heard) {
                (Poll::Ready(Ok(())), Poll::Pending) | (Poll::Pending, _) => return Poll::Pending,
                (Poll::Ready(_), _) => self.phase = Phase::Shutting,
            }
        }
        if self.phase == Phase::Shutting {
            match ready!(Pin::new(self.socket.get_mut()).poll_shutdown(cx)) {
                Ok(()) => self.phase = Phase::Lingering,
                Err(_) => return Poll::Ready(()),
            }
        }
        let mut rest = [0; 512];
        loop {
            let mut buffer = ReadBuf::new(&mut rest);
            match ready!(Pin::new(self.socket.get_mut()).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                _ => return Poll::Ready(()),
            }
        }
    }
}

impl Future for Session {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        // Most wake-ups are for an update: the frame layer is asked only where there is something
        // to read. It leaves nothing in its buffer when it has been asked.
        let heard = std::mem::take(&mut this.early)
            || this.socket.get_ref().socket().poll_read_ready(cx).is_ready();
        if this.serving() && heard {
            let over = this.poll_incoming(cx).is_ready();
            if over && this.serving() {
                this.end(Phase::Shutting);
            }
        }
        if this.serving() {
            ready!(this.poll_updates(cx));
        }
        if this.poll_ending(cx).is_ready() {
            return Poll::Ready(());
        }
        // True: patience is at its end. False: woken because the server drains.
        while !ready!(Pin::new(&mut this.sleep).poll(cx)) {
            this.lie_down(now_ns() + ENDING_NS);
        }
        Poll::Ready(())
    }
}

fn message(kind: PayloadKind, payload: Bytes) -> Message {
    match kind {
        PayloadKind::Binary => Message::Binary(payload),
        // Stamps are ASCII; were they not, the bytes would still be delivered.
        PayloadKind::Text | PayloadKind::Json | PayloadKind::Position => {
            match Utf8Bytes::try_from(payload.clone()) {
                Ok(text) => Message::Text(text),
                Err(_) => Message::Binary(payload),
            }
        }
    }
}

/// The code that a client's fault is closed with (RFC 6455 §7.4.1); `None` where nobody is left
/// to be told.
fn verdict(error: &Error) -> Option<(CloseCode, &'static str)> {
    use tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
    match error {
        Error::Protocol(ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) => Some((CloseCode::Protocol, "protocol error")),
        Error::Utf8(_) => Some((CloseCode::Invalid, "text that is not UTF-8")),
        Error::Capacity(_) => Some((CloseCode::Size, "message too big")),
        _ => None,
    }
}
