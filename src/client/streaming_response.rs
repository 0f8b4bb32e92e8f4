//! The client half of an HTTP response that never ends: connect, ask once, listen, connect again.
//!
//! Shared by the transports whose messages come within such a response; where a message begins
//! and ends is theirs to say, see [`Decode`]. Separate from the parser of HTTP below it.

use crate::client::delivery::inbox::Inbox;
use crate::client::delivery::per_client::{Receipts, Skipped, skipped};
use crate::client::handle::{Change, Client};
use crate::client::http_connection::{Link, SET_UP_ATTEMPTS, SET_UP_PAUSE_NS, sizes};
use crate::client::{ClientHalf, LocalFuture};
use crate::feed::Spec;
use crate::protocol::http1::response::{BodyPiece, Response};
use crate::record::{ClientError, ClientErrorKind, Flow, Phase};
use crate::time::Sleep;
use crate::time::now_ns;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use tokio::io::AsyncWriteExt;

/// What a piece of a body is to the protocol within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// Payload of the message that comes, which has so many bytes; all of them are shown, but for
    /// a message that is too large to be kept.
    Payload(&'a [u8], u64),
    /// Bytes that are not payload.
    Framing(u64),
    /// The message is whole.
    End,
}

/// Finds the messages in a body. What survives a reconnect stays in it.
pub(crate) trait Decode: Sized + 'static {
    /// For the messages of a feed.
    fn new(feed: &Spec) -> Self;
    /// Takes in a piece of the body.
    fn decode(&mut self, piece: BodyPiece<'_>, on: &mut dyn FnMut(Part<'_>));
    /// The connection is gone: what was begun is forgotten.
    fn lost(&mut self);
    /// The last event's id, for the next request; empty where there is none.
    fn last_event_id(&self) -> &[u8] {
        &[]
    }
    /// How long the server wants a client to wait before it connects again, in milliseconds.
    fn retry_ms(&self) -> Option<u64> {
        None
    }
}

/// The client half of one thread.
pub(crate) struct StreamClient<D> {
    request: Vec<u8>,
    reconnect_ns: u64,
    feed: Spec,
    skipped: Skipped,
    decode: PhantomData<D>,
}

/// One client's state over its connections.
struct Listener<D> {
    decoder: D,
    receipts: Receipts,
    inbox: Inbox,
}

/// An open response and its books.
struct Session {
    link: Link,
    response: Box<Response>,
    /// Bytes read, and those of them that a layer was found for.
    read: u64,
    explained: u64,
    /// What came of the chunk that comes: it is booked whole, in the phase of its message.
    coming: Flow,
}

/// Why listening ended.
enum Ended {
    Stopped,
    Lost,
}

enum Event {
    /// Bytes came; true where the response has ended.
    Read(Result<bool, ClientError>),
    Woken(bool),
}

impl<D: Decode> StreamClient<D> {
    /// Asks with this request.
    pub(crate) fn driver(request: Vec<u8>, reconnect_ns: u64, feed: &Spec) -> Rc<dyn ClientHalf> {
        Rc::new(StreamClient::<D> {
            request,
            reconnect_ns,
            feed: *feed,
            skipped: skipped(feed),
            decode: PhantomData,
        })
    }

    async fn live(&self, client: &mut Client) {
        let mut listener = Listener {
            decoder: D::new(&self.feed),
            receipts: Receipts::default(),
            inbox: Inbox::new(&self.feed),
        };
        self.receive(client, &mut listener).await;
        listener.receipts.settle(client);
    }

    async fn receive(&self, client: &mut Client, listener: &mut Listener<D>) {
        let Some(mut session) = Box::pin(self.set_up(client, listener)).await else { return };
        loop {
            match self.listen(client, &mut session, listener).await {
                Ended::Stopped => return,
                Ended::Lost => {}
            }
            let phase = session.link.book.phase();
            drop(session);
            client.unready();
            listener.lost();
            let pause_ns = listener.decoder.retry_ms().map(|ms| ms.saturating_mul(1_000_000));
            session = loop {
                if !client.pause(pause_ns.unwrap_or(self.reconnect_ns)).await {
                    return;
                }
                if let Some(session) = Box::pin(self.open(client, phase, listener)).await {
                    client.ready();
                    break session;
                }
            };
        }
    }

    async fn set_up(&self, client: &mut Client, listener: &mut Listener<D>) -> Option<Session> {
        if !client.begin().await {
            return None;
        }
        for attempt in 0..SET_UP_ATTEMPTS {
            if attempt > 0 && !client.pause(SET_UP_PAUSE_NS).await {
                return None;
            }
            if let Some(session) = self.open(client, Phase::Setup, listener).await {
                client.ready();
                return Some(session);
            }
            listener.lost();
        }
        None
    }

    /// Connects, asks, and waits for the response's head; faults and bytes are booked in `phase`.
    async fn open(
        &self,
        client: &mut Client,
        phase: Phase,
        listener: &mut Listener<D>,
    ) -> Option<Session> {
        let link = Link::new(client.connect(phase).await?);
        let response = Box::<Response>::default();
        let mut session =
            Session { link, response, read: 0, explained: 0, coming: Flow::default() };
        let request = self.request_after(listener.decoder.last_event_id());
        client.watch.begin(now_ns());
        let asked = self.ask(client, &mut session, &request, listener).await;
        client.watch.end();
        match asked {
            Ok(()) => Some(session),
            Err(fault) => {
                client.fault(phase, fault);
                None
            }
        }
    }

    /// The request, with the last event's id where there is one (HTML §9.2.4).
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
        session: &mut Session,
        request: &[u8],
        listener: &mut Listener<D>,
    ) -> Result<(), ClientError> {
        let written = session.link.write(client, request).await;
        session.asked(client, written.is_ok().then(|| sizes(request)));
        written?;
        while session.response.status == 0 {
            let over = poll_fn(|cx| {
                if client.watch.expired(cx) {
                    return Poll::Ready(Err(ClientError::of(ClientErrorKind::ResponseTimeout)));
                }
                session.poll_read(cx, client, listener, self.skipped)
            });
            if over.await? && session.response.status == 200 {
                return Err(ClientError::of(ClientErrorKind::EarlyClose));
            }
        }
        match session.response.status {
            200 => Ok(()),
            status => Err(ClientError::with(ClientErrorKind::Status, i32::from(status))),
        }
    }

    /// Receives until the word to stop or the end of the response.
    async fn listen(
        &self,
        client: &mut Client,
        session: &mut Session,
        listener: &mut Listener<D>,
    ) -> Ended {
        let (mut sleep, mut coming) = client.next_change();
        // A phase begins between chunks: what a message costs belongs where it is counted.
        let mut begins = None;
        loop {
            if !session.response.is_mid_chunk()
                && let Some(phase) = begins.take()
            {
                session.link.enter(phase);
            }
            match self.next(client, session, listener, &mut sleep).await {
                Event::Read(Ok(false)) => {}
                Event::Read(ended) => {
                    let fault = ended.err().unwrap_or(ClientError::of(ClientErrorKind::EarlyClose));
                    client.fault(session.link.book.phase(), fault);
                    return Ended::Lost;
                }
                Event::Woken(woken) => {
                    match client.change(woken, coming) {
                        Some(Change::Stop) => {
                            self.leave(client, session, listener).await;
                            return Ended::Stopped;
                        }
                        Some(Change::Phase(phase)) => begins = Some(phase),
                        None => {}
                    }
                    (sleep, coming) = client.next_change();
                }
            }
        }
    }

    /// What has come, or the end of the sleep; what has come goes first.
    async fn next(
        &self,
        client: &Client,
        session: &mut Session,
        listener: &mut Listener<D>,
        sleep: &mut Sleep,
    ) -> Event {
        poll_fn(|cx| {
            if let Poll::Ready(read) = session.poll_read(cx, client, listener, self.skipped) {
                return Poll::Ready(Event::Read(read));
            }
            Pin::new(&mut *sleep).poll(cx).map(Event::Woken)
        })
        .await
    }

    /// Ends TCP from this side and takes in what is still on its way, so that both ends agree on
    /// what was sent.
    async fn leave(&self, client: &Client, session: &mut Session, listener: &mut Listener<D>) {
        session.link.enter(Phase::Teardown);
        client.watch.begin(now_ns());
        // Where it fails, the connection is gone, which the reading meets too.
        let _ = session.link.stream.shutdown().await;
        loop {
            let read = poll_fn(|cx| match client.watch.expired(cx) {
                true => Poll::Ready(Err(ClientError::of(ClientErrorKind::ResponseTimeout))),
                false => session.poll_read(cx, client, listener, self.skipped),
            });
            match read.await {
                Ok(false) => {}
                Ok(true) => break,
                Err(fault) => {
                    // The server ended in the middle of a response that has no end of its own.
                    if fault.kind == ClientErrorKind::EarlyClose {
                        session.link.book.ended();
                    }
                    break;
                }
            }
        }
        client.watch.end();
    }
}

impl<D: Decode> Listener<D> {
    fn lost(&mut self) {
        self.decoder.lost();
        self.inbox.clear();
        self.receipts.reconnected();
    }
}

impl Session {
    /// Books a request: by its size where all of it was written.
    fn asked(&mut self, client: &Client, written: Option<(u64, u64)>) {
        let (up, _) = self.link.book.moved();
        let mut recorder = client.thread.recorder.borrow_mut();
        let flow = &mut recorder.at(self.link.book.phase()).ledger.up;
        flow.wire += up;
        match written {
            Some((bytes, chars)) => {
                flow.heads += bytes;
                flow.head_chars += chars;
            }
            None => flow.discarded += up,
        }
    }

    /// One read: messages go to the receipts, bytes to the ledger. True where the response has
    /// ended.
    fn poll_read<D: Decode>(
        &mut self,
        cx: &mut std::task::Context<'_>,
        client: &Client,
        listener: &mut Listener<D>,
        skipped: Skipped,
    ) -> Poll<Result<bool, ClientError>> {
        let phase = self.link.book.phase();
        let Listener { decoder, receipts, inbox } = listener;
        let (mut payload, mut framing) = (0, 0);
        let mut on = |part: Part<'_>| match part {
            Part::Payload(bytes, counted) => {
                inbox.push(bytes);
                payload += counted;
            }
            Part::Framing(bytes) => framing += bytes,
            Part::End => {
                let separators = inbox.end();
                framing += separators;
                payload -= separators.min(payload);
                inbox.deliver(client, phase, receipts, skipped);
            }
        };
        let mut pieces = |piece: BodyPiece<'_>| decoder.decode(piece, &mut on);
        let read = self.link.poll_some(cx, client, &mut self.response, &mut pieces);
        if read.is_pending() {
            return Poll::Pending;
        }
        let parts = std::mem::take(&mut self.response.parts);
        // A delay line lets go of a request later than it was written.
        let (up, down) = self.link.book.moved();
        self.read += down;
        self.coming.heads += parts.heads;
        self.coming.head_chars += parts.head_chars;
        self.coming.framing += parts.framing + framing;
        self.coming.payload += payload;
        let mut recorder = client.thread.recorder.borrow_mut();
        let ledger = &mut recorder.at(phase).ledger;
        ledger.up.wire += up;
        ledger.down.wire += down;
        if !self.response.is_mid_chunk() {
            let whole = std::mem::take(&mut self.coming);
            self.explained += whole.payload.get() + whole.protocol().get();
            ledger.down += whole;
        }
        read.map_ok(|ended| ended.is_some())
    }
}

impl Drop for Session {
    /// What was read and never became a whole head or message is booked as discarded; then the
    /// link's books are closed.
    fn drop(&mut self) {
        let thread = self.link.book.thread().clone();
        let mut recorder = thread.recorder.borrow_mut();
        let flow = &mut recorder.at(self.link.book.phase()).ledger.down;
        flow.discarded += self.read.saturating_sub(self.explained);
    }
}

impl<D: Decode> ClientHalf for StreamClient<D> {
    fn run(self: Rc<Self>, mut client: Client) -> LocalFuture<()> {
        Box::pin(async move { self.live(&mut client).await })
    }
}
