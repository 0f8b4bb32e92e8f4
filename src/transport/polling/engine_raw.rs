//! The engine `raw`: the request is rendered once for all clients of a thread, written with one
//! call, and the response is parsed from a buffer that all of them share.

use crate::client::http_connection::{Link, SET_UP_ATTEMPTS, SET_UP_PAUSE_NS, is_close, sizes};
use crate::client::{Client, ClientHalf, LocalFuture};
use crate::feed;
use crate::feed::Semantics;
use crate::protocol::http1::Target;
use crate::protocol::http1::head::{RequestHead, resuming};
use crate::protocol::http1::response::{BodyPiece, Response};
use crate::record::{ClientError, ClientErrorKind, Phase};
use crate::time::now_ns;
use crate::time::{Turn, TurnPlacement};
use crate::transport::polling::client::{Exchange, Seen};
use crate::transport::polling::params::Params;
use std::rc::Rc;

/// The engine of one thread.
pub(crate) struct Raw {
    request: Vec<u8>,
    sizes: (u64, u64),
    spread: TurnPlacement,
    new_connection: bool,
    feed: feed::Spec,
    /// What a request on another connection is made from, where it has to say what the client
    /// has.
    resumes: Option<(RequestHead, Target)>,
}

/// How an exchange ended for the connection.
#[derive(PartialEq)]
enum After {
    Keep,
    Close,
    /// The server had closed an idle connection: the request may be sent again on another
    /// (RFC 9112 §9.3.1).
    Stale,
}

impl Raw {
    /// Renders the request.
    pub(crate) fn new(params: &Params, target: &Target, feed: &feed::Spec) -> Raw {
        let request = params.request.render(&target.path, &target.authority);
        let resumes = feed.semantics == Semantics::Log && target.bundled;
        Raw {
            sizes: sizes(&request),
            request,
            spread: params.phase,
            new_connection: params.new_connection,
            feed: *feed,
            resumes: resumes.then(|| (params.request.clone(), target.clone())),
        }
    }

    async fn live(&self, client: &mut Client) {
        let mut seen = Seen::new(&self.feed);
        self.poll(client, &mut seen).await;
        seen.receipts.settle(client);
    }

    async fn poll(&self, client: &mut Client, seen: &mut Seen) {
        let mut response = Response::default();
        let mut link = Box::pin(self.set_up(client, seen, &mut response)).await;
        if link.is_none() && !client.is_set_up() {
            return;
        }
        while let Some(turn) = client.turn(self.spread).await {
            loop {
                if link.is_none() {
                    link = Box::pin(client.connect(turn.phase)).await.map(Link::new);
                    seen.receipts.reconnected();
                }
                let Some(open) = &mut link else { break };
                open.enter(turn.phase);
                let after = self.exchange(client, open, turn, seen, &mut response).await;
                if self.new_connection || after != After::Keep {
                    link = None;
                }
                if after != After::Stale {
                    break;
                }
            }
        }
    }

    /// Connects and has a first exchange, so that what is measured later has nothing first.
    async fn set_up(
        &self,
        client: &mut Client,
        seen: &mut Seen,
        response: &mut Response,
    ) -> Option<Link> {
        if !client.begin().await {
            return None;
        }
        for attempt in 0..SET_UP_ATTEMPTS {
            if attempt > 0 && !client.pause(SET_UP_PAUSE_NS).await {
                return None;
            }
            let Some(mut link) = client.connect(Phase::Setup).await.map(Link::new) else {
                continue;
            };
            let turn = Turn { intended_ns: now_ns(), phase: Phase::Setup };
            let faults = client.faults();
            let after = self.exchange(client, &mut link, turn, seen, response).await;
            if client.faults() > faults {
                continue;
            }
            client.ready();
            let keep = after == After::Keep && !self.new_connection;
            return keep.then_some(link);
        }
        None
    }

    async fn exchange(
        &self,
        client: &Client,
        link: &mut Link,
        turn: Turn,
        seen: &mut Seen,
        response: &mut Response,
    ) -> After {
        let sent_ns = now_ns();
        client.watch.begin(sent_ns);
        response.reset();
        let (end, request) = match &self.resumes {
            Some((head, target)) if !link.used => {
                // Who has nothing yet says so, or a server would take it for somebody new each
                // time and begin with what is published next.
                let newest = seen.receipts.newest().unwrap_or(0);
                let request = resuming(head, target, newest);
                (self.ask(client, link, &request, seen, response).await, sizes(&request))
            }
            _ => (self.ask(client, link, &self.request, seen, response).await, self.sizes),
        };
        client.watch.end();
        let reused = std::mem::replace(&mut link.used, true);
        let moved = link.book.moved();
        match end {
            Ok(beyond) => {
                let (status, parts) = (response.status, response.parts);
                let exchange = Exchange { turn, sent_ns, status, moved, request, parts };
                seen.finish(client, &exchange);
                if beyond > 0 {
                    client.discarded(turn.phase, beyond);
                    client.fault(turn.phase, ClientError::of(ClientErrorKind::Malformed));
                }
                if response.keep_alive && beyond == 0 { After::Keep } else { After::Close }
            }
            Err(fault) => {
                seen.fail(client, turn, moved, request);
                if reused && response.is_untouched() && is_close(fault) {
                    return After::Stale;
                }
                client.fault(turn.phase, fault);
                After::Close
            }
        }
    }

    async fn ask(
        &self,
        client: &Client,
        link: &mut Link,
        request: &[u8],
        seen: &mut Seen,
        response: &mut Response,
    ) -> Result<u64, ClientError> {
        link.write(client, request).await?;
        let inbox = &mut seen.inbox;
        let body = |piece: BodyPiece<'_>| {
            if let BodyPiece::Data(bytes) = piece {
                inbox.push(bytes);
            }
        };
        link.read(client, response, body).await
    }
}

impl ClientHalf for Raw {
    fn run(self: Rc<Self>, mut client: Client) -> LocalFuture<()> {
        Box::pin(async move { self.live(&mut client).await })
    }
}
