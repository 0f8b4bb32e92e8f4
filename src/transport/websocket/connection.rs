//! An upgraded connection of a client: receives messages, awaits echoes, closes, and adds the bytes
//! of every frame to the ledger.

use crate::client::delivery::per_client::DeliveryTracker;
use crate::client::handle::SessionEnd;
use crate::client::{Client, ConnectionAccount};
use crate::feed::Stamp;
use crate::protocol::websocket::frame::FrameSizes;
use crate::record::{ClientError, ClientErrorKind, Part, Phase};
use crate::time::now_ns;
use crate::transport::websocket::message::payload_of;
use crate::transport::websocket::scanned::Scanned;
use futures_util::{Sink, SinkExt, StreamExt};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message};

/// A message whose echo has not come yet.
#[derive(Debug, Clone, Copy)]
struct PendingEcho {
    stamp: Stamp,
    sent_ns: u64,
    phase: Phase,
}

/// The messages whose echoes have not come yet, in order.
#[derive(Debug, Default)]
pub(super) struct PendingEchoes(VecDeque<PendingEcho>);

/// An upgraded connection and its account.
pub(super) struct WebSocketConnection {
    pub(super) socket: WebSocketStream<Scanned>,
    pub(super) account: ConnectionAccount,
    /// In an echo, the messages whose echoes have not come yet.
    pub(super) pending: Option<PendingEchoes>,
    /// The phase of the message that is being written, if one is.
    pub(super) writing: Option<Phase>,
}

impl WebSocketConnection {
    /// Sends the message of a turn, which `render` makes of its stamp.
    pub(super) fn send(
        &mut self,
        client: &Client,
        phase: Phase,
        stamp: Stamp,
        render: impl FnOnce(Stamp) -> Message,
    ) {
        let sent_ns = now_ns();
        let sent = Pin::new(&mut self.socket).start_send(render(stamp));
        self.writing = Some(phase);
        self.add_bytes_up();
        client.message_sent(phase, sent.is_ok());
        let Some(pending) = &mut self.pending else { return };
        client.echo_awaited(phase);
        pending.0.push_back(PendingEcho { stamp, sent_ns, phase });
        if pending.0.len() == 1 {
            client.watchdog.begin(sent_ns);
        }
        // If writing failed the connection is gone, which reading meets next.
    }

    /// Receives a message or control frame, or meets an error. Returns how the session ended, if it
    /// ends it.
    pub(super) async fn receive(
        &mut self,
        client: &Client,
        delivery: &mut DeliveryTracker,
        received: Result<Message, ClientError>,
    ) -> Option<SessionEnd> {
        if let Ok(message @ (Message::Text(_) | Message::Binary(_))) = &received {
            self.receive_data(client, message, delivery);
        }
        self.add_control_bytes();
        let frame = match received {
            Ok(Message::Close(frame)) => frame,
            Ok(_) => return None,
            Err(error) => {
                client.fault(self.phase(), error);
                return Some(SessionEnd::Lost);
            }
        };
        let code = frame.as_ref().map_or(0, |f| i32::from(u16::from(f.code)));
        client.fault(self.phase(), ClientError::with(ClientErrorKind::EarlyClose, code));
        self.close(client, delivery).await;
        Some(SessionEnd::Lost)
    }

    /// Begins another phase.
    pub(super) fn enter(&mut self, phase: Phase) {
        self.account.enter(phase, self.socket.get_ref().metered());
    }

    /// Returns the phase to which the connection's bytes belong.
    pub(super) fn phase(&self) -> Phase {
        self.account.phase()
    }

    /// Counts a message, its bytes and its updates.
    fn receive_data(&mut self, client: &Client, message: &Message, delivery: &mut DeliveryTracker) {
        if self.receive_echo(client, message) {
            return;
        }
        let phase = self.phase();
        // A message arrives whole: nothing of it stays in the inbox.
        let mut inbox = client.thread.inbox.borrow_mut();
        inbox.push(payload_of(message));
        let separators = inbox.end();
        self.add_message_bytes(client, phase, separators);
        delivery.deliver(&mut inbox, client, phase);
    }

    /// Adds the bytes of a message that was received.
    fn add_message_bytes(&mut self, client: &Client, phase: Phase, separators: u64) {
        let findings = self.socket.get_ref().findings();
        // The codec gives a message only after its bytes have passed the scanner.
        let sizes = findings.borrow_mut().messages_down.pop_front().unwrap_or_default();
        let FrameSizes { framing, masks, payload } = sizes;
        client.add_bytes(phase, |ledger| {
            ledger.down.wire += sizes.wire();
            ledger.down[Part::Framing] += framing + separators;
            ledger.down[Part::Masks] += masks;
            ledger.down[Part::Payload] += payload - separators.min(payload);
        });
        self.account.counted(0, sizes.wire());
    }

    /// Adds the bytes of control frames. A frame to the server counts once it has left the delay
    /// line.
    pub(super) fn add_control_bytes(&mut self) {
        let scanned = self.socket.get_ref();
        let findings = scanned.findings();
        let mut findings = findings.borrow_mut();
        let left = scanned.metered().unsent() == 0;
        let down = std::mem::take(&mut findings.control_down);
        let up = if left { std::mem::take(&mut findings.control_up) } else { Default::default() };
        if down.count + up.count == 0 {
            return;
        }
        let thread = self.account.thread().clone();
        let mut recorder = thread.recorder.borrow_mut();
        let cell = recorder.at(self.phase());
        cell.counts.control_frames_down += down.count;
        cell.counts.control_frames_up += up.count;
        cell.ledger.down[Part::Control] += down.bytes;
        cell.ledger.down.wire += down.bytes;
        cell.ledger.up[Part::Control] += up.bytes;
        cell.ledger.up.wire += up.bytes;
        self.account.counted(up.bytes, down.bytes);
    }

    /// Ready once everything is written.
    pub(super) fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.writing.is_some() {
            // An error is met again by reading.
            let _ = ready!(self.socket.poll_flush_unpin(cx));
            self.add_bytes_up();
            self.writing = None;
        }
        Poll::Ready(())
    }

    /// Adds the bytes of messages that were written whole, in the phase of the last one.
    fn add_bytes_up(&mut self) {
        let findings = self.socket.get_ref().findings();
        let sizes = std::mem::take(&mut findings.borrow_mut().messages_up);
        if sizes == FrameSizes::default() {
            return;
        }
        let phase = self.writing.unwrap_or(self.phase());
        self.account.thread().add_bytes(phase, |ledger| {
            ledger.up.wire += sizes.wire();
            ledger.up[Part::Framing] += sizes.framing;
            ledger.up[Part::Masks] += sizes.masks;
            ledger.up[Part::Payload] += sizes.payload;
        });
        self.account.counted(sizes.wire(), 0);
    }

    /// Returns whether the echo of every message has come.
    pub(super) fn is_idle(&self) -> bool {
        self.pending.as_ref().is_none_or(|pending| pending.0.is_empty())
    }

    /// Receives an echo. Returns false if this series awaits none.
    fn receive_echo(&mut self, client: &Client, message: &Message) -> bool {
        let done_ns = now_ns();
        let Some(pending) = &self.pending else { return false };
        // The echo belongs to the turn of its message.
        let phase = pending.0.front().map_or(self.phase(), |echo| echo.phase);
        self.add_message_bytes(client, phase, 0);
        client.thread.event();
        let Some(pending) = &mut self.pending else { return true };
        let Some(PendingEcho { stamp, sent_ns, phase }) = pending.0.pop_front() else {
            client.fault(phase, ClientError::of(ClientErrorKind::Malformed));
            return true;
        };
        match pending.0.front() {
            Some(next) => client.watchdog.begin(next.sent_ns),
            None => client.watchdog.end(),
        }
        let spec = &client.thread.spec;
        let payload = payload_of(message);
        let same = payload.len() == spec.payload_bytes as usize
            && Stamp::read(spec.kind, payload) == Some(stamp);
        if same {
            client.echo_received(phase, stamp.published_ns, sent_ns, done_ns);
        } else {
            client.echo_missing(phase);
            client.fault(phase, ClientError::of(ClientErrorKind::Malformed));
        }
        true
    }

    /// Counts the messages whose echoes will not come any more.
    pub(super) fn count_unanswered(&mut self, client: &Client, stopped: bool) {
        let Some(pending) = &mut self.pending else { return };
        client.watchdog.end();
        for PendingEcho { phase, .. } in pending.0.drain(..) {
            client.echo_lost(phase);
            if stopped {
                // Otherwise the loss of the connection is counted already.
                client.fault(phase, ClientError::of(ClientErrorKind::ResponseTimeout));
            }
        }
    }

    /// Performs the closing handshake (RFC 6455 §7): sends Close, or answers it, and reads until the
    /// server has closed the connection.
    pub(super) async fn close(&mut self, client: &Client, delivery: &mut DeliveryTracker) {
        self.add_bytes_up();
        self.enter(Phase::Teardown);
        client.watchdog.begin(now_ns());
        let normal = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        // If it fails the connection is gone, which the reading below meets too.
        let _ = self.socket.close(Some(normal)).await;
        loop {
            let received = poll_fn(|cx| {
                if client.watchdog.expired(cx) {
                    return Poll::Ready(None);
                }
                self.socket.poll_next_unpin(cx)
            });
            match received.await {
                Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                    self.receive_data(client, &message, delivery);
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break,
            }
        }
        client.watchdog.end();
        self.add_control_bytes();
    }
}

impl Drop for WebSocketConnection {
    /// Closes the account before the stream, however the client ended.
    fn drop(&mut self) {
        self.add_bytes_up();
        self.add_control_bytes();
        let scanned = self.socket.get_ref();
        self.account.discard(scanned.unfinished_up(), scanned.untaken_down());
        self.account.close(scanned.metered());
    }
}
