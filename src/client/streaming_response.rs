//! The client half of an HTTP response that never ends: connects, sends one request, receives
//! messages, reconnects.
//!
//! Shared by the transports whose messages arrive within such a response. A transport finds the
//! messages in it, see [`Decode`].

use crate::client::account::MovedBytes;
use crate::client::delivery::inbox::Inbox;
use crate::client::delivery::per_client::{DeliveryTracker, skipped};
use crate::client::handle::{Change, Client, Event, SessionEnd, next_event};
use crate::client::http_connection::{HeadSize, HttpConnection, add_response};
use crate::client::{ClientHalf, LocalFuture};
use crate::feed::Spec;
use crate::protocol::http1::response::{BodyPiece, Parts, Response};
use crate::record::{ClientError, ClientErrorKind, Flow, Part, Phase};
use crate::time::now_ns;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::AsyncWriteExt;

/// A piece of a body as the protocol within it sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decoded<'a> {
    /// Payload of the current message and its number of bytes. All of them are shown, except of a
    /// message that is too large to be kept.
    Payload(&'a [u8], u64),
    /// Bytes that are not payload.
    Framing(u64),
    /// The message is whole.
    End,
}

/// Finds the messages in a body. What survives a reconnect stays in it.
pub(crate) trait Decode: Sized + 'static {
    /// A decoder for the messages of a feed.
    fn new(feed: &Spec) -> Self;
    /// Decodes a piece of the body.
    fn decode(&mut self, piece: BodyPiece<'_>, on: &mut dyn FnMut(Decoded<'_>));
    /// Forgets a message that was cut, since the connection is gone.
    fn lost(&mut self);
    /// Returns the last event's id, for the next request; empty if there is none.
    fn last_event_id(&self) -> &[u8] {
        &[]
    }
    /// Returns how long the server wants a client to wait before it reconnects, in milliseconds.
    fn retry_ms(&self) -> Option<u64> {
        None
    }
}

/// The client half of one thread.
pub(crate) struct StreamClients<D> {
    request: Vec<u8>,
    reconnect_ns: u64,
    feed: Spec,
    decode: PhantomData<D>,
}

/// What one client keeps over its connections.
struct StreamState<D> {
    decoder: D,
    delivery: DeliveryTracker,
    inbox: Inbox,
}

/// An open response.
struct OpenResponse {
    connection: HttpConnection,
    response: Box<Response>,
    /// Bytes read.
    read: u64,
    /// Bytes of them that belong to a part.
    explained: u64,
    /// The current chunk as far as it has arrived. It is added whole, in the phase of its message.
    chunk: Flow,
}

impl<D: Decode> StreamClients<D> {
    /// Clients that send this request.
    pub(crate) fn client_half(
        request: Vec<u8>,
        reconnect_ns: u64,
        feed: &Spec,
    ) -> Rc<dyn ClientHalf> {
        Rc::new(StreamClients::<D> { request, reconnect_ns, feed: *feed, decode: PhantomData })
    }

    async fn run_client(&self, client: &mut Client) {
        let mut state = StreamState {
            decoder: D::new(&self.feed),
            delivery: DeliveryTracker::new(skipped(&self.feed)),
            inbox: Inbox::new(&self.feed),
        };
        self.receive(client, &mut state).await;
        state.delivery.settle(client);
    }

    async fn receive(&self, client: &mut Client, state: &mut StreamState<D>) {
        let first = client.set_up(async |client| {
            let opened = self.open(client, Phase::Setup, state).await;
            if opened.is_none() {
                state.lost();
            }
            opened
        });
        let Some(mut response) = Box::pin(first).await else { return };
        while self.listen(client, &mut response, state).await == SessionEnd::Lost {
            let phase = response.connection.account.phase();
            drop(response);
            state.lost();
            let asked_ns = state.decoder.retry_ms().map(|ms| ms.saturating_mul(1_000_000));
            let again = client.reconnect(asked_ns.unwrap_or(self.reconnect_ns), async |client| {
                self.open(client, phase, state).await
            });
            let Some(next) = Box::pin(again).await else { return };
            response = next;
        }
    }

    /// Connects, sends the request and waits for the head of the response. Errors and bytes belong
    /// to `phase`.
    async fn open(
        &self,
        client: &mut Client,
        phase: Phase,
        state: &mut StreamState<D>,
    ) -> Option<OpenResponse> {
        let connection = HttpConnection::new(client.connect(phase).await?);
        let mut response = OpenResponse {
            connection,
            response: Box::default(),
            read: 0,
            explained: 0,
            chunk: Flow::default(),
        };
        let request = self.request_after(state.decoder.last_event_id());
        client.watchdog.begin(now_ns());
        let asked = self.ask(client, &mut response, &request, state).await;
        client.watchdog.end();
        match asked {
            Ok(()) => Some(response),
            Err(error) => {
                client.fault(phase, error);
                None
            }
        }
    }

    /// Returns the request, with the last event's id if there is one (HTML §9.2.4).
    fn request_after(&self, last_event_id: &[u8]) -> Vec<u8> {
        let mut request = self.request.clone();
        if !last_event_id.is_empty() {
            request.truncate(request.len() - 2);
            request.extend_from_slice(b"Last-Event-ID: ");
            request.extend_from_slice(last_event_id);
            request.extend_from_slice(b"\r\n\r\n");
        }
        request
    }

    async fn ask(
        &self,
        client: &Client,
        response: &mut OpenResponse,
        request: &[u8],
        state: &mut StreamState<D>,
    ) -> Result<(), ClientError> {
        let written = response.connection.write(client, request).await;
        response.asked(client, written.is_ok().then(|| HeadSize::of(request)));
        written?;
        while response.response.status == 0 {
            let over = poll_fn(|cx| {
                if client.watchdog.expired(cx) {
                    return Poll::Ready(Err(ClientError::of(ClientErrorKind::ResponseTimeout)));
                }
                response.poll_read(cx, client, state)
            });
            if over.await? && response.response.status == 200 {
                return Err(ClientError::of(ClientErrorKind::EarlyClose));
            }
        }
        match response.response.status {
            200 => Ok(()),
            status => Err(ClientError::with(ClientErrorKind::Status, i32::from(status))),
        }
    }

    /// Receives until the client must stop or the response ends.
    async fn listen(
        &self,
        client: &mut Client,
        response: &mut OpenResponse,
        state: &mut StreamState<D>,
    ) -> SessionEnd {
        let (mut sleep, mut change) = client.next_change();
        // A phase begins between chunks, so that bytes and count of a message are in the same one.
        let mut begins = None;
        loop {
            if !response.response.is_mid_chunk()
                && let Some(phase) = begins.take()
            {
                response.connection.enter(phase);
            }
            let read = |cx: &mut Context<'_>| response.poll_read(cx, client, state);
            match next_event(&mut sleep, read).await {
                // Bytes, and the response goes on.
                Event::Came(Ok(false)) => {}
                Event::Came(ended) => {
                    let error = ended.err().unwrap_or(ClientError::of(ClientErrorKind::EarlyClose));
                    client.fault(response.connection.account.phase(), error);
                    return SessionEnd::Lost;
                }
                Event::Woken(woken) => {
                    match client.change(woken, change) {
                        Some(Change::Stop) => {
                            self.close(client, response, state).await;
                            return SessionEnd::Stopped;
                        }
                        Some(Change::Phase(phase)) => begins = Some(phase),
                        None => {}
                    }
                    (sleep, change) = client.next_change();
                }
            }
        }
    }

    /// Ends TCP from this side and reads what is still under way, so that both ends count the same
    /// bytes.
    async fn close(
        &self,
        client: &Client,
        response: &mut OpenResponse,
        state: &mut StreamState<D>,
    ) {
        response.connection.enter(Phase::Teardown);
        client.watchdog.begin(now_ns());
        // If it fails the connection is gone, which the reading meets too.
        let _ = response.connection.stream.shutdown().await;
        loop {
            let read = poll_fn(|cx| {
                if client.watchdog.expired(cx) {
                    return Poll::Ready(Err(ClientError::of(ClientErrorKind::ResponseTimeout)));
                }
                response.poll_read(cx, client, state)
            });
            match read.await {
                Ok(false) => {}
                Ok(true) => break,
                Err(error) => {
                    // The server closed within a response that has no end.
                    if error.kind == ClientErrorKind::EarlyClose {
                        response.connection.account.both_ended();
                    }
                    break;
                }
            }
        }
        client.watchdog.end();
    }
}

impl<D: Decode> StreamState<D> {
    fn lost(&mut self) {
        self.decoder.lost();
        self.inbox.clear();
        self.delivery.reconnected();
    }
}

impl OpenResponse {
    /// Adds the bytes of a request; `written` is its size if all of it was written.
    fn asked(&mut self, client: &Client, written: Option<HeadSize>) {
        let up = self.connection.account.take_moved().up;
        client.add_bytes(self.connection.account.phase(), |ledger| {
            ledger.up.wire += up;
            match written {
                Some(size) => size.add_to(&mut ledger.up),
                None => ledger.up[Part::Discarded] += up,
            }
        });
    }

    /// Reads once: messages go to the delivery tracker, bytes to the ledger. True if the response
    /// has ended.
    fn poll_read<D: Decode>(
        &mut self,
        cx: &mut Context<'_>,
        client: &Client,
        state: &mut StreamState<D>,
    ) -> Poll<Result<bool, ClientError>> {
        let phase = self.connection.account.phase();
        let StreamState { decoder, delivery, inbox } = state;
        let mut payload = 0;
        let mut framing = 0;
        let mut on = |part: Decoded<'_>| match part {
            Decoded::Payload(bytes, counted) => {
                inbox.push(bytes);
                payload += counted;
            }
            Decoded::Framing(bytes) => framing += bytes,
            Decoded::End => {
                let separators = inbox.end();
                framing += separators;
                payload -= separators.min(payload);
                delivery.deliver(inbox, client, phase);
            }
        };
        let mut pieces = |piece: BodyPiece<'_>| decoder.decode(piece, &mut on);
        let read = self.connection.poll_some(cx, client, &mut self.response, &mut pieces);
        if read.is_pending() {
            return Poll::Pending;
        }
        let parts = std::mem::take(&mut self.response.parts);
        // A delay line releases a request later than it was written.
        let MovedBytes { up, down } = self.connection.account.take_moved();
        self.read += down;
        add_response(&mut self.chunk, &Parts { payload: 0, ..parts });
        self.chunk[Part::Framing] += framing;
        self.chunk[Part::Payload] += payload;
        client.add_bytes(phase, |ledger| {
            ledger.up.wire += up;
            ledger.down.wire += down;
            if !self.response.is_mid_chunk() {
                let whole = std::mem::take(&mut self.chunk);
                self.explained += whole.explained();
                ledger.down += whole;
            }
        });
        read.map_ok(|ended| ended.is_some())
    }
}

impl Drop for OpenResponse {
    /// Adds the bytes that were read and are no whole head or message as discarded, before the
    /// connection closes its account.
    fn drop(&mut self) {
        let discarded = self.read.saturating_sub(self.explained);
        let account = &self.connection.account;
        account.thread().add_bytes(account.phase(), |ledger| {
            ledger.down[Part::Discarded] += discarded;
        });
    }
}

impl<D: Decode> ClientHalf for StreamClients<D> {
    fn run(self: Rc<Self>, mut client: Client) -> LocalFuture<()> {
        Box::pin(async move { self.run_client(&mut client).await })
    }
}
