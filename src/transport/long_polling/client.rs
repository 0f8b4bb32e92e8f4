//! The client half: one request is always under way; its answer is followed by the next one.

use crate::client::delivery::inbox::{Inbox, empty, without_separators};
use crate::client::delivery::per_client::{Receipts, Skipped};
use crate::client::handle::Change;
use crate::client::http_connection::{Link, SET_UP_ATTEMPTS, SET_UP_PAUSE_NS, sizes};
use crate::client::{Client, ClientHalf, LocalFuture};
use crate::feed;
use crate::feed::Semantics;
use crate::protocol::http1::Target;
use crate::protocol::http1::head::{RequestHead, resuming};
use crate::protocol::http1::response::{BodyPiece, Response};
use crate::record::{ClientError, ClientErrorKind, Phase, TraceKind};
use crate::time::Sleep;
use crate::time::now_ns;
use crate::transport::long_polling::params::Params;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::AsyncWriteExt;

/// The client half of one thread.
struct Held {
    request: Vec<u8>,
    sizes: (u64, u64),
    head: RequestHead,
    target: Target,
    hold_ns: u64,
    reconnect_ns: u64,
    feed: feed::Spec,
    skipped: Skipped,
}

/// The client half for one thread.
pub(crate) fn driver(params: &Params, target: &Target, feed: &feed::Spec) -> Rc<dyn ClientHalf> {
    let request = params.request.render(&target.path, &target.authority);
    let semantics = params.pending.semantics().unwrap_or(feed.semantics);
    Rc::new(Held {
        sizes: sizes(&request),
        request,
        head: params.request.clone(),
        target: target.clone(),
        hold_ns: params.hold_ns,
        reconnect_ns: params.reconnect_ns,
        feed: *feed,
        skipped: match semantics {
            Semantics::Snapshot => Skipped::Superseded,
            Semantics::Log => Skipped::Missing,
        },
    })
}

/// What a client has over its connections.
struct Waiter {
    receipts: Receipts,
    inbox: Inbox,
    response: Response,
    /// Bytes of the answer that comes, as far as they are booked.
    moved: (u64, u64),
    asked_in: Phase,
}

/// Why waiting ended.
enum Ended {
    Stopped,
    Lost,
}

enum Event {
    /// The answer is whole; so many bytes came beyond it.
    Answered(Result<u64, ClientError>),
    Woken(bool),
}

impl Held {
    async fn live(&self, client: &mut Client) {
        let mut waiter = Waiter {
            receipts: Receipts::default(),
            inbox: Inbox::new(&self.feed),
            response: Response::default(),
            moved: (0, 0),
            asked_in: Phase::Setup,
        };
        self.wait(client, &mut waiter).await;
        waiter.receipts.settle(client);
    }

    async fn wait(&self, client: &mut Client, waiter: &mut Waiter) {
        let Some(mut link) = Box::pin(self.set_up(client, waiter)).await else { return };
        loop {
            match self.listen(client, &mut link, waiter).await {
                Ended::Stopped => return,
                Ended::Lost => {}
            }
            let phase = link.book.phase();
            drop(link);
            client.unready();
            waiter.receipts.reconnected();
            link = loop {
                if !client.pause(self.reconnect_ns).await {
                    return;
                }
                if let Some(link) = Box::pin(self.open(client, phase, waiter)).await {
                    client.ready();
                    break link;
                }
            };
        }
    }

    async fn set_up(&self, client: &mut Client, waiter: &mut Waiter) -> Option<Link> {
        if !client.begin().await {
            return None;
        }
        for attempt in 0..SET_UP_ATTEMPTS {
            if attempt > 0 && !client.pause(SET_UP_PAUSE_NS).await {
                return None;
            }
            if let Some(link) = self.open(client, Phase::Setup, waiter).await {
                client.ready();
                return Some(link);
            }
        }
        None
    }

    /// Connects and asks for the first time on this connection.
    async fn open(&self, client: &mut Client, phase: Phase, waiter: &mut Waiter) -> Option<Link> {
        let mut link = Link::new(client.connect(phase).await?);
        match self.ask(client, &mut link, waiter).await {
            Ok(()) => Some(link),
            Err(fault) => {
                client.fault(phase, fault);
                None
            }
        }
    }

    /// Sends a request; on another connection it says what the client has.
    async fn ask(
        &self,
        client: &Client,
        link: &mut Link,
        waiter: &mut Waiter,
    ) -> Result<(), ClientError> {
        waiter.response.reset();
        waiter.inbox.clear();
        waiter.asked_in = link.book.phase();
        let now = now_ns();
        // The answer is late only once the server should have stopped holding it.
        client.watch.begin(now.saturating_add(self.hold_ns));
        client.trace(TraceKind::Sent, now, None);
        let (written, request) = match waiter.receipts.newest().filter(|_| !link.used) {
            Some(newest) => {
                let request = resuming(&self.head, &self.target, newest);
                (link.write(client, &request).await, sizes(&request))
            }
            None => (link.write(client, &self.request).await, self.sizes),
        };
        link.used = true;
        let (up, down) = link.book.moved();
        waiter.moved = (up, down);
        let mut recorder = client.thread.recorder.borrow_mut();
        let ledger = &mut recorder.at(waiter.asked_in).ledger;
        ledger.up.wire += up;
        ledger.down.wire += down;
        match written {
            Ok(()) => {
                // A delay line may still have some of it: it is on its way all the same.
                ledger.up.heads += request.0;
                ledger.up.head_chars += request.1;
            }
            Err(_) => {
                ledger.up.discarded += up;
                ledger.down.discarded += down;
            }
        }
        written
    }

    /// Waits, asks and waits again, until the word to stop or the loss of the connection.
    async fn listen(&self, client: &mut Client, link: &mut Link, waiter: &mut Waiter) -> Ended {
        let (mut sleep, mut coming) = client.next_change();
        loop {
            match next(client, link, waiter, &mut sleep).await {
                Event::Answered(Ok(beyond)) => {
                    let sound = self.answered(client, link, waiter, beyond);
                    if !sound || !waiter.response.keep_alive {
                        return Ended::Lost;
                    }
                    if let Err(fault) = self.ask(client, link, waiter).await {
                        client.fault(link.book.phase(), fault);
                        return Ended::Lost;
                    }
                }
                Event::Answered(Err(fault)) => {
                    discard(client, link);
                    client.fault(link.book.phase(), fault);
                    return Ended::Lost;
                }
                Event::Woken(woken) => {
                    match client.change(woken, coming) {
                        Some(Change::Stop) => {
                            self.leave(client, link, waiter).await;
                            return Ended::Stopped;
                        }
                        Some(Change::Phase(phase)) => link.enter(phase),
                        None => {}
                    }
                    (sleep, coming) = client.next_change();
                }
            }
        }
    }

    /// Books and counts an answer; false where it was none to go on from.
    fn answered(&self, client: &Client, link: &mut Link, waiter: &mut Waiter, beyond: u64) -> bool {
        client.watch.end();
        let phase = link.book.phase();
        let separators = waiter.inbox.end();
        let parts = without_separators(waiter.response.parts, separators);
        let (up, down) = link.book.moved();
        {
            let mut recorder = client.thread.recorder.borrow_mut();
            let ledger = &mut recorder.at(phase).ledger;
            ledger.up.wire += up;
            ledger.down.wire += down;
            ledger.down.heads += parts.heads;
            ledger.down.head_chars += parts.head_chars;
            ledger.down.framing += parts.framing;
            ledger.down.payload += parts.payload;
            ledger.down.discarded += beyond;
        }
        let moved = (waiter.moved.0 + up, waiter.moved.1 + down);
        if waiter.response.status != 200 {
            waiter.inbox.clear();
            let code = i32::from(waiter.response.status);
            client.fault(phase, ClientError::with(ClientErrorKind::Status, code));
            return false;
        }
        if beyond > 0 {
            client.fault(phase, ClientError::of(ClientErrorKind::Malformed));
        }
        if !waiter.inbox.deliver(client, phase, &mut waiter.receipts, self.skipped) {
            empty(client, phase, moved);
        }
        beyond == 0
    }

    /// Ends TCP from this side and takes in what is still on its way, so that both ends agree on
    /// what was sent.
    async fn leave(&self, client: &Client, link: &mut Link, waiter: &mut Waiter) {
        link.enter(Phase::Teardown);
        client.watch.begin(now_ns());
        // Where it fails, the connection is gone, which the reading meets too.
        let _ = link.stream.shutdown().await;
        loop {
            match poll_fn(|cx| poll_answer(cx, client, link, waiter)).await {
                Ok(beyond) => {
                    self.answered(client, link, waiter, beyond);
                    waiter.response.reset();
                }
                Err(fault) => {
                    discard(client, link);
                    if fault.kind == ClientErrorKind::EarlyClose {
                        link.book.ended();
                    }
                    break;
                }
            }
        }
        client.watch.end();
    }
}

/// Books what came of an answer that is cut.
fn discard(client: &Client, link: &mut Link) {
    let (up, down) = link.book.moved();
    let mut recorder = client.thread.recorder.borrow_mut();
    let ledger = &mut recorder.at(link.book.phase()).ledger;
    // What is on its way up was booked as a head when it was sent.
    ledger.up.wire += up;
    ledger.down.wire += down;
    ledger.down.discarded += down;
}

/// The whole answer, or the end of the sleep; the answer goes first.
async fn next(client: &Client, link: &mut Link, waiter: &mut Waiter, sleep: &mut Sleep) -> Event {
    poll_fn(|cx| {
        if let Poll::Ready(answer) = poll_answer(cx, client, link, waiter) {
            return Poll::Ready(Event::Answered(answer));
        }
        Pin::new(&mut *sleep).poll(cx).map(Event::Woken)
    })
    .await
}

fn poll_answer(
    cx: &mut Context<'_>,
    client: &Client,
    link: &mut Link,
    waiter: &mut Waiter,
) -> Poll<Result<u64, ClientError>> {
    let Waiter { inbox, response, .. } = waiter;
    let mut on = |piece: BodyPiece<'_>| {
        if let BodyPiece::Data(bytes) = piece {
            inbox.push(bytes);
        }
    };
    loop {
        if client.watch.expired(cx) {
            return Poll::Ready(Err(ClientError::of(ClientErrorKind::ResponseTimeout)));
        }
        match link.poll_some(cx, client, response, &mut on) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(None)) => {}
            Poll::Ready(Ok(Some(beyond))) => return Poll::Ready(Ok(beyond)),
            Poll::Ready(Err(fault)) => return Poll::Ready(Err(fault)),
        }
    }
}

impl ClientHalf for Held {
    fn run(self: Rc<Self>, mut client: Client) -> LocalFuture<()> {
        Box::pin(async move { self.live(&mut client).await })
    }
}
