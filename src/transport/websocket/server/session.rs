//! One WebSocket connection of the server: every update in order, the clients' messages answered or
//! brought to all as the workload asks, pings answered, closed with the right code.
//!
//! Separate from the upgrade that begins it. A hand-written future, so that a connection is one
//! small allocation and a message costs none.

use crate::feed::Workload;
use crate::net::Connection;
use crate::server::{Outgoing, Peer, Upgraded};
use crate::time::{Sleep, now_ns};
use crate::transport::websocket::message::message;
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

/// The session of one client. The future ends when the connection has ended.
pub(crate) struct ServerSession {
    socket: WebSocketStream<Connection>,
    peer: Rc<Peer>,
    state: SessionState,
    /// Bytes may lie in the frame layer's own buffer: what came with the upgrade.
    early: bool,
    /// Since when an update does not fit into the socket.
    blocked_ns: u64,
    /// Nanoseconds of silence before a ping; 0 for never.
    heartbeat_ns: u64,
    /// When the next ping is due.
    ping_at_ns: u64,
    /// Echoes that an injected fault delays.
    delayed: Option<Box<DelayedEchoes>>,
    /// Until the next update, delayed echo or ping; while blocked or ending, until the time limit.
    sleep: Sleep,
}

/// Echoes and when they leave, in order.
#[derive(Default)]
struct DelayedEchoes(VecDeque<(u64, Message)>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum SessionState {
    /// Everything is written; waits for the next update.
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

impl ServerSession {
    /// A session over an upgraded connection, from the next update on. It is never `None`: the
    /// frame layer waits for nothing, but is made by an `async fn`.
    pub(crate) fn new(
        upgraded: Upgraded,
        read_buffer_bytes: usize,
        heartbeat_ns: u64,
    ) -> Option<ServerSession> {
        let Upgraded { stream, leftover, peer } = upgraded;
        let most_bytes = peer.thread.feed.get().spec.most_message_bytes();
        let config = WebSocketConfig::default()
            .read_buffer_size(read_buffer_bytes)
            .write_buffer_size(0)
            .max_message_size(Some(most_bytes))
            .max_frame_size(Some(most_bytes));
        // A copy: the frame layer would go on reading into HTTP's large buffer.
        let early = leftover.to_vec();
        drop(leftover);
        let socket =
            WebSocketStream::from_partially_read(stream, early, Role::Server, Some(config))
                .now_or_never()?;
        peer.subscribe(&HeaderMap::new(), now_ns());
        let sleep = peer.thread.timer.until(0);
        let mut session = ServerSession {
            socket,
            peer,
            state: SessionState::Waiting,
            early: true,
            blocked_ns: 0,
            heartbeat_ns,
            ping_at_ns: u64::MAX,
            delayed: None,
            sleep,
        };
        session.rest();
        Some(session)
    }

    /// Sleeps until the next update or ping.
    fn rest(&mut self) {
        if self.heartbeat_ns > 0 {
            self.ping_at_ns = now_ns().saturating_add(self.heartbeat_ns);
        }
        self.await_next();
    }

    fn await_next(&mut self) {
        let delayed = self.delayed.as_ref().and_then(|delayed| delayed.0.front());
        let leaves_ns = delayed.map_or(u64::MAX, |(leaves_ns, _)| *leaves_ns);
        self.sleep_until(self.peer.leaves_ns().min(self.ping_at_ns).min(leaves_ns));
    }

    /// Sends the echo of a message: at once, or later if an injected fault delays it.
    fn send_echo(&mut self, message: Message) {
        let delay_ns = match &self.peer.thread.injector {
            None => 0,
            Some(injector) => {
                injector.message();
                injector.delay_ns()
            }
        };
        if delay_ns == 0 {
            // If it fails the connection is gone, which reading meets too.
            let _ = Pin::new(&mut self.socket).start_send(message);
            return;
        }
        let delayed = self.delayed.get_or_insert_default();
        delayed.0.push_back((now_ns().saturating_add(delay_ns), message));
        if self.state == SessionState::Waiting {
            self.await_next();
        }
    }

    /// Takes the delayed echo that is due.
    fn take_delayed(&mut self, now_ns: u64) -> Option<Message> {
        let queue = &mut self.delayed.as_mut()?.0;
        let (leaves_ns, _) = queue.front()?;
        if *leaves_ns > now_ns { None } else { queue.pop_front().map(|(_, message)| message) }
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

    fn close(&mut self, code: CloseCode, reason: &'static str) {
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        // It fails if a Close was sent already or the connection is gone: both end the same.
        let _ = Pin::new(&mut self.socket).start_send(Message::Close(Some(frame)));
        self.end(SessionState::Closing);
    }

    /// Reads all there is. Ready when nothing more will come from the frame layer and its replies
    /// are written.
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let workload = self.peer.thread.feed.get().spec.workload;
        loop {
            // Nothing is read while there is no room for its echo.
            if workload == Workload::Echo && self.serving() {
                match Pin::new(&mut self.socket).poll_ready(cx) {
                    Poll::Pending => {
                        // The socket does not report what was read already.
                        self.early = true;
                        return Poll::Pending;
                    }
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => return Poll::Ready(()),
                }
            }
            match ready!(Pin::new(&mut self.socket).poll_next(cx)) {
                // The reply is queued by tungstenite, as pongs are.
                Some(Ok(Message::Close(_))) => self.end(SessionState::Closing),
                Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => match workload {
                    // A message from a client does not belong to this feed.
                    Workload::Ticker => {}
                    Workload::Echo if self.serving() => self.send_echo(message),
                    Workload::Echo => {}
                    Workload::Broadcast | Workload::Tracker => {
                        self.peer.post(&message.into_data(), now_ns());
                    }
                },
                Some(Ok(_)) => {}
                Some(Err(error)) => match close_code(&error) {
                    Some((code, reason)) => self.close(code, reason),
                    None => self.end(SessionState::Shutting),
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
            if let Some(message) = self.take_delayed(now) {
                // If it fails the connection is gone, which reading meets too.
                let _ = Pin::new(&mut self.socket).start_send(message);
                self.rest();
                continue;
            }
            let sent = match self.peer.take_due(now) {
                Some(message) => self.push(message).map(|()| true),
                None if now >= self.ping_at_ns => {
                    let ping = Message::Ping(Bytes::new());
                    Pin::new(&mut self.socket).start_send(ping).map(|()| true)
                }
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

    /// Writes a message, or queues what does not fit.
    fn push(&mut self, outgoing: Outgoing) -> Result<(), Error> {
        let thread = &self.peer.thread;
        let message = message(thread.feed.get().spec.kind, outgoing.bytes);
        Pin::new(&mut self.socket).start_send(message)?;
        thread.pushed.set(thread.pushed.get() + u64::from(outgoing.updates));
        Ok(())
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
            self.close(CloseCode::Away, "the server is shutting down");
        } else if now_ns() < deadline_ns {
            // Woken together with all other sessions.
            self.sleep_until(deadline_ns);
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
        if self.state == SessionState::Closing {
            let flushed = Pin::new(&mut self.socket).poll_flush(cx);
            let read = self.poll_incoming(cx);
            match (flushed, read) {
                (Poll::Ready(Ok(())), Poll::Pending) | (Poll::Pending, _) => return Poll::Pending,
                (Poll::Ready(_), _) => self.state = SessionState::Shutting,
            }
        }
        if self.state == SessionState::Shutting {
            match ready!(Pin::new(self.socket.get_mut()).poll_shutdown(cx)) {
                Ok(()) => self.state = SessionState::Lingering,
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

impl Future for ServerSession {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        // Most wake-ups are for an update: the frame layer is polled only if there is something to
        // read. It leaves nothing in its buffer.
        let readable =
            std::mem::take(&mut this.early) || this.socket.get_mut().poll_read_ready(cx).is_ready();
        if this.serving() && readable {
            let over = this.poll_incoming(cx).is_ready();
            if over && this.serving() {
                this.end(SessionState::Shutting);
            }
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

/// Returns the code with which a client's error is answered (RFC 6455 §7.4.1); `None` if the
/// connection is gone.
fn close_code(error: &Error) -> Option<(CloseCode, &'static str)> {
    use tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
    match error {
        Error::Protocol(ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) => Some((CloseCode::Protocol, "protocol error")),
        Error::Utf8(_) => Some((CloseCode::Invalid, "text that is not UTF-8")),
        Error::Capacity(_) => Some((CloseCode::Size, "message too big")),
        _ => None,
    }
}
