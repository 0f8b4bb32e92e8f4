//! What both engines share: what is done with a response, and when.

use crate::client::delivery::inbox::{Inbox, empty, without_separators};
use crate::client::delivery::per_client::{Receipts, Skipped};
use crate::client::http_connection::book;
use crate::client::post;
use crate::client::post::{Answered, Posts};
use crate::client::{Client, ClientHalf};
use crate::feed;
use crate::feed::{Semantics, Workload};
use crate::protocol::http1::Target;
use crate::protocol::http1::response::Parts;
use crate::record::{ClientError, ClientErrorKind, Metric, TraceKind};
use crate::time::Turn;
use crate::time::now_ns;
use crate::transport::polling::engine_raw::Raw;
use crate::transport::polling::engine_reqwest::Reqwest;
use crate::transport::polling::params::{Engine, Params};
use std::rc::Rc;

/// The engine that the settings name.
pub(crate) fn driver(
    params: &Params,
    target: &Target,
    feed: &feed::Spec,
) -> Result<Rc<dyn ClientHalf>, String> {
    if feed.workload == Workload::Echo {
        let posts = Posts::new(&params.request, target, feed, Answered::Same);
        return Ok(Rc::new(posts.with(params.phase, params.new_connection)));
    }
    let polls: Rc<dyn ClientHalf> = match params.engine {
        Engine::Raw => Rc::new(Raw::new(params, target, feed)),
        Engine::Reqwest => Rc::new(Reqwest::new(params, target, feed)?),
    };
    Ok(post::with_sender(polls, &params.request, target, feed))
}

/// What a client has, and what it is about to get.
pub(crate) struct Seen {
    /// What it has.
    pub receipts: Receipts,
    /// The updates of the response that comes.
    pub inbox: Inbox,
    skipped: Skipped,
}

/// One exchange that came to its end.
pub(crate) struct Exchange {
    /// The turn that caused it.
    pub turn: Turn,
    /// The moment of sending.
    pub sent_ns: u64,
    /// Its status.
    pub status: u16,
    /// Bytes that it moved: up, down.
    pub moved: (u64, u64),
    /// The request's bytes and characters.
    pub request: (u64, u64),
    /// What the response was made of.
    pub parts: Parts,
}

impl Seen {
    /// Nothing yet.
    pub(crate) fn new(feed: &feed::Spec) -> Seen {
        let skipped = match feed.semantics {
            Semantics::Snapshot => Skipped::Superseded,
            Semantics::Log => Skipped::Missing,
        };
        Seen { receipts: Receipts::default(), inbox: Inbox::new(feed), skipped }
    }

    /// Books and counts a finished exchange: its bytes, its latencies, and what its updates are
    /// to the client.
    pub(crate) fn finish(&mut self, client: &Client, exchange: &Exchange) {
        let done_ns = now_ns();
        let phase = exchange.turn.phase;
        let separators = self.inbox.end();
        let parts = without_separators(exchange.parts, separators);
        book(client, phase, exchange.moved, exchange.request, Some(parts));
        if exchange.status != 200 {
            self.inbox.clear();
            client.fault(
                phase,
                ClientError::with(ClientErrorKind::Status, i32::from(exchange.status)),
            );
            return;
        }
        let mut recorder = client.thread.recorder.borrow_mut();
        recorder.since(phase, Metric::ResponseLatency, exchange.turn.intended_ns, done_ns);
        recorder.since(phase, Metric::ServiceTime, exchange.sent_ns, done_ns);
        drop(recorder);
        client.trace(TraceKind::Sent, exchange.sent_ns, None);
        if !self.inbox.deliver(client, phase, &mut self.receipts, self.skipped) {
            empty(client, phase, exchange.moved);
        }
    }

    /// Books an exchange that failed.
    pub(crate) fn fail(
        &mut self,
        client: &Client,
        turn: Turn,
        moved: (u64, u64),
        request: (u64, u64),
    ) {
        self.inbox.clear();
        book(client, turn.phase, moved, request, None);
    }
}
