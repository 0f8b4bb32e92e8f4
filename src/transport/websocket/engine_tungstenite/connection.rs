//! A connection of the library and its account: every message, control frame and echo is counted as
//! the engine `raw` counts it.

use crate::client::Client;
use crate::client::connection::ClientConnection;
use crate::client::delivery::per_client::DeliveryTracker;
use crate::client::handle::StreamOver;
use crate::client::open_message::OpenMessage;
use crate::feed::Stamp;
use crate::protocol::http1::answer_text::AnswerText;
use crate::protocol::websocket::codec::FrameSizes;
use crate::protocol::websocket::frame_scanner::ScannedItem;
use crate::record::{ClientError, ClientErrorKind, Flow, FrameFault, Part, Phase};
use crate::time::{Sleep, Timer, now_ns};
use crate::transport::websocket::engine_tungstenite::frames::{FrameLayer, PassedFrames};
use crate::transport::websocket::frame_faults::{self, LargeFrame, LargeFrameChange};
use crate::transport::websocket::message::payload_of;
use crate::transport::websocket::pending_echo::{EchoOf, PendingEcho};
use futures_util::{Sink, SinkExt, StreamExt};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// The stream that the library uses.
pub(super) type Stream = StreamOver<FrameLayer>;

/// A connection's account, and what has passed below the library. What is in no whole message is
/// discarded when it is dropped, however the client ends.
pub(super) struct Account {
    pub(super) connection: ClientConnection<Stream>,
    pub(super) passed: Rc<RefCell<PassedFrames>>,
    /// Whether the library has accepted the server's answer, and the heads are counted: before that
    /// all bytes are discarded, whatever the answer is to others.
    pub(super) is_accepted: bool,
}

/// An upgraded connection.
pub(super) struct LibraryConnection {
    pub(super) socket: WebSocketStream<Stream>,
    pub(super) account: Account,
    /// In an echo, the messages whose echoes have not come yet, in order.
    pub(super) pending: Option<VecDeque<PendingEcho>>,
    /// The phases of messages that were sent and have not reached the socket whole, in order.
    pub(super) unwritten: VecDeque<Phase>,
    /// The library may have more to write than the socket takes now.
    pub(super) flushing: bool,
    /// The socket took no more when it was last tried.
    pub(super) blocked: bool,
    /// When the socket last took bytes again.
    pub(super) unblocked_ns: u64,
    /// A wait for a moment, kept while the moment stays the same.
    pub(super) sleep: Option<(u64, Sleep)>,
    /// The large frame under way.
    pub(super) large_frame: LargeFrame,
    /// When it is late; `u64::MAX` if there is none.
    pub(super) large_until_ns: u64,
    /// When the last message was whole; when the connection was made if none came.
    pub(super) whole_ns: u64,
}

/// What a connection waits for.
pub(super) enum SocketEvent {
    /// A message or control frame.
    Received(Message),
    /// The connection is over.
    Ended(ClientError),
    /// The server's frames break the protocol; with what is to be said of them.
    Broken(FrameFault, Option<Box<AnswerText>>),
    /// The moment has come, or something else has changed.
    Woken,
}

impl LibraryConnection {
    /// The phase to which what happens now belongs.
    pub(super) fn phase(&self) -> Phase {
        self.account.connection.phase()
    }

    /// Begins another phase.
    pub(super) fn enter(&mut self, phase: Phase) {
        self.account.connection.enter(phase);
    }

    /// Sends the message of a turn. Returns whether the library took it.
    pub(super) fn send(&mut self, phase: Phase, message: Message) -> bool {
        let sent = Pin::new(&mut self.socket).start_send(message).is_ok();
        self.flushing |= sent;
        self.unwritten.push_back(phase);
        self.count_written();
        sent
    }

    /// Waits for a message, or until a moment. A message goes first. A large frame that begins meanwhile
    /// wakes it, and is late after `timeout_ns`.
    pub(super) async fn next(
        &mut self,
        timer: &Timer,
        until_ns: u64,
        timeout_ns: u64,
    ) -> SocketEvent {
        if self.sleep.as_ref().is_none_or(|(at_ns, _)| *at_ns != until_ns) {
            self.sleep = Some((until_ns, timer.until(until_ns)));
        }
        let event = poll_fn(|cx| {
            if let Some(event) = self.poll_received(cx) {
                return Poll::Ready(event);
            }
            if self.note_large_frame(timeout_ns) {
                return Poll::Ready(SocketEvent::Woken);
            }
            // An error is met again by reading.
            if self.flushing {
                if self.socket.poll_flush_unpin(cx).is_ready() {
                    self.flushing = false;
                    if std::mem::take(&mut self.blocked) {
                        self.unblocked_ns = now_ns();
                    }
                    return Poll::Ready(SocketEvent::Woken);
                }
                self.blocked = true;
            }
            let Some((_, sleep)) = &mut self.sleep else { return Poll::Ready(SocketEvent::Woken) };
            Pin::new(sleep).poll(cx).map(|_| SocketEvent::Woken)
        })
        .await;
        if matches!(event, SocketEvent::Woken) {
            self.sleep = None;
        }
        self.count_written();
        event
    }

    /// Returns what has come, if anything has: a rule that the library does not hold a server to is
    /// broken, too.
    fn poll_received(&mut self, cx: &mut Context<'_>) -> Option<SocketEvent> {
        let broken = |account: &Account| {
            let fault = account.passed.borrow().next_fault();
            fault.map(|fault| SocketEvent::Broken(fault, None))
        };
        if let Some(event) = broken(&self.account) {
            return Some(event);
        }
        let received = self.socket.poll_next_unpin(cx);
        // What the library has read by now comes after what it gives, or is that.
        if let Some(event) = broken(&self.account) {
            return Some(event);
        }
        let Poll::Ready(received) = received else { return None };
        Some(match received {
            Some(Ok(message)) => SocketEvent::Received(message),
            Some(Err(error)) => {
                let tls = self.account.connection.stream.take_tls_failure();
                // It reads what has passed below it, in the same order.
                let next = self.account.passed.borrow().down.front().copied();
                let of_control = matches!(next, Some(ScannedItem::Control(_)));
                match (tls, frame_faults::of_library(&error, of_control)) {
                    (None, Some((fault, text))) => SocketEvent::Broken(fault, text),
                    (tls, _) => SocketEvent::Ended(tls.unwrap_or_else(|| client_error(&error))),
                }
            }
            None => SocketEvent::Ended(ClientError::of(ClientErrorKind::EarlyClose)),
        })
    }

    /// Notes whether a large frame is under way. Returns true if one has begun.
    fn note_large_frame(&mut self, timeout_ns: u64) -> bool {
        let under_way = self.account.passed.borrow().frame_under_way();
        let change = self.large_frame.note(under_way);
        self.large_until_ns = match change {
            None => self.large_until_ns,
            Some(LargeFrameChange::Began) => now_ns().saturating_add(timeout_ns),
            Some(LargeFrameChange::Ended) => u64::MAX,
        };
        change == Some(LargeFrameChange::Began)
    }

    /// Counts that a large frame under way did not end in time. Returns false if there is none.
    pub(super) fn count_unfinished(&mut self, client: &Client) -> bool {
        let under_way = self.account.passed.borrow().frame_under_way();
        self.large_frame.count_unfinished(under_way, self.phase(), client)
    }

    /// Adds the frames that have reached the socket whole by now.
    fn count_written(&mut self) {
        let Account { connection, passed, .. } = &mut self.account;
        while let Some(item) = passed.borrow_mut().up.pop_front() {
            match item {
                ScannedItem::Message(sizes) => {
                    let phase = self.unwritten.pop_front().unwrap_or(connection.phase());
                    connection.count_in(phase, |ledger| ledger.up += flow_of(sizes));
                }
                ScannedItem::Control(sizes) => {
                    connection.count_control_frames(0, 1);
                    let phase = connection.phase();
                    connection.count_in(phase, |ledger| {
                        ledger.up += Flow::of([(Part::Control, sizes.wire())]);
                    });
                }
                // The library keeps the rules that it is held to.
                ScannedItem::Broken(_) => {}
            }
        }
    }

    /// Counts a control frame that the library gave.
    pub(super) fn count_control_down(&mut self) {
        let Account { connection, passed, .. } = &mut self.account;
        // The library gives what has passed below it, in the same order.
        let Some(ScannedItem::Control(sizes)) = passed.borrow_mut().down.pop_front() else {
            return;
        };
        connection.count_control_frames(1, 0);
        let phase = connection.phase();
        connection.count_in(phase, |ledger| {
            ledger.down += Flow::of([(Part::Control, sizes.wire())]);
        });
    }

    /// Counts a message that came, its bytes and its updates.
    pub(super) fn receive(
        &mut self,
        client: &Client,
        delivery: &mut DeliveryTracker,
        message: &Message,
    ) {
        let now_ns = now_ns();
        self.whole_ns = now_ns;
        let mut inbox = client.thread.take_inbox();
        inbox.push(payload_of(message));
        let separators = inbox.end();
        let sizes = match self.account.passed.borrow_mut().down.pop_front() {
            Some(ScannedItem::Message(sizes)) => sizes,
            _ => FrameSizes::default(),
        };
        if self.pending.is_none() {
            let phase = self.phase();
            let mut flow = flow_of(sizes);
            flow[Part::Framing] += separators;
            flow[Part::Payload] -= separators.min(sizes.payload);
            if inbox.ignored_bytes() > 0 {
                // A message that is no update is a matter of the connection, whole.
                flow = Flow::of([(Part::Control, sizes.wire())]);
            }
            self.account.connection.count_in(phase, |ledger| ledger.down += flow);
            delivery.deliver(&mut inbox, client, phase, now_ns);
            client.thread.spare_inbox(inbox);
            return;
        }
        let only = inbox.take_only_stamp();
        client.thread.spare_inbox(inbox);
        self.receive_echo(client, only, sizes, now_ns);
    }

    fn receive_echo(
        &mut self,
        client: &Client,
        only: Option<Stamp>,
        sizes: FrameSizes,
        now_ns: u64,
    ) {
        client.thread.event();
        let of = self.pending.as_ref().map(|pending| EchoOf::find(pending, only));
        let pending = self.pending.as_mut().filter(|_| of != Some(EchoOf::Past));
        let echo = pending.and_then(|pending| {
            if let Some(EchoOf::Pending(at)) = of {
                pending.drain(..at).for_each(|echo| client.echo_lost(echo.phase));
            }
            pending.pop_front()
        });
        // The echo belongs to the turn of its message.
        let phase = echo.map_or(self.phase(), |echo| echo.phase);
        self.account.connection.count_in(phase, |ledger| ledger.down += flow_of(sizes));
        let Some(PendingEcho { stamp, sent_ns, .. }) = echo else {
            return client.fault(phase, ClientError::of(ClientErrorKind::UnknownAnswer));
        };
        if only == Some(stamp) && sizes.payload == u64::from(client.thread.spec.payload_bytes) {
            client.echo_received(phase, stamp.published_ns, sent_ns, now_ns);
        } else {
            client.echo_missing(phase);
            client.fault(phase, ClientError::of(ClientErrorKind::Malformed));
        }
    }

    /// When the echo that is awaited longest, or the large frame under way, is late; `u64::MAX` if there is
    /// neither.
    pub(super) fn late_ns(&self, timeout_ns: u64) -> u64 {
        let first = self.pending.as_ref().and_then(VecDeque::front);
        // A frame may be the echo, which has a limit of its own.
        first.map_or(self.large_until_ns, |echo| echo.sent_ns.saturating_add(timeout_ns))
    }

    /// Counts what did not come in time, and closes the connection if it is a frame.
    pub(super) async fn give_up_late(&mut self, client: &Client) {
        if self.count_unfinished(client) {
            return self.close_broken(FrameFault::Unfinished).await;
        }
        client.fault(self.phase(), ClientError::of(ClientErrorKind::ResponseTimeout));
    }

    /// Whether an echo is awaited.
    pub(super) fn awaits_echo(&self) -> bool {
        self.pending.as_ref().is_some_and(|pending| !pending.is_empty())
    }

    /// Closes a connection whose frames break the protocol: says so, as far as the socket takes it.
    pub(super) async fn close_broken(&mut self, fault: FrameFault) {
        let close = CloseFrame { code: CloseCode::from(fault.close_code()), reason: "".into() };
        let _ = Pin::new(&mut self.socket).start_send(Message::Close(Some(close)));
        poll_fn(|cx| {
            let _ = self.socket.poll_flush_unpin(cx);
            Poll::Ready(())
        })
        .await;
        self.count_written();
    }

    /// Sends Close (RFC 6455 §7), unless the library has answered the server's already.
    pub(super) fn send_close(&mut self) {
        let normal = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        // If it fails the connection is gone, which reading meets next.
        let _ = Pin::new(&mut self.socket).start_send(Message::Close(Some(normal)));
        self.flushing = true;
        self.count_written();
    }

    /// Reads until the server has closed the connection, or does not do so in time.
    pub(super) async fn read_to_end(&mut self, client: &Client, delivery: &mut DeliveryTracker) {
        let until_ns = now_ns().saturating_add(client.closing_limit_ns());
        while now_ns() < until_ns {
            match self.next(&client.thread.timer, until_ns, client.thread.timeout_ns).await {
                SocketEvent::Received(message @ (Message::Text(_) | Message::Binary(_))) => {
                    self.receive(client, delivery, &message);
                }
                SocketEvent::Received(_) => self.count_control_down(),
                SocketEvent::Ended(_) | SocketEvent::Broken(..) => return,
                SocketEvent::Woken => {}
            }
        }
    }

    /// Counts, before the end of the connection, a message that has not come whole.
    pub(super) fn count_open(&mut self, client: &Client) {
        let cut = self.account.passed.borrow().cut_down();
        let mut open = OpenMessage::default();
        open.note(cut > 0, true, self.whole_ns);
        if open.count(client, now_ns(), cut) {
            self.count_unfinished(client);
        }
    }

    /// Counts the messages whose echoes will not come any more. `last` is true at the client's end.
    pub(super) fn count_unanswered(&mut self, client: &Client, last: bool) {
        for PendingEcho { phase, .. } in self.pending.iter_mut().flat_map(|p| p.drain(..)) {
            client.echo_lost(phase);
            if last {
                // Otherwise the loss of the connection is counted already.
                client.fault(phase, ClientError::of(ClientErrorKind::ResponseTimeout));
            }
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        if !self.is_accepted {
            return self.connection.discard_all();
        }
        let received = self.connection.uncounted_down();
        self.connection.count_cut(self.passed.borrow().cut_up(), received);
    }
}

impl Drop for LibraryConnection {
    fn drop(&mut self) {
        self.count_written();
    }
}

fn flow_of(sizes: FrameSizes) -> Flow {
    let FrameSizes { framing, masks, payload } = sizes;
    Flow::of([(Part::Framing, framing), (Part::Masks, masks), (Part::Payload, payload)])
}

/// What an error of the library on an open connection is to a client.
fn client_error(error: &Error) -> ClientError {
    match error {
        Error::Io(error) => ClientError::io(ClientErrorKind::Read, error),
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            ClientError::of(ClientErrorKind::EarlyClose)
        }
        _ => ClientError::of(ClientErrorKind::Malformed),
    }
}
