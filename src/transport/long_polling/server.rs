//! The server half: holds a request until an update is due or the hold is over.

use crate::feed::Semantics;
use crate::server::response_head::HeadWithDate;
use crate::server::{Answer, Endpoint, Peer, last_event_id};
use crate::time::now_ns;
use crate::transport::long_polling::params::Params;
use bytes::Bytes;
use hyper::Request;
use hyper::body::Incoming;
use std::rc::Rc;

/// The endpoint that holds requests.
pub(crate) struct LongPollEndpoint {
    head: Rc<HeadWithDate>,
    hold_ns: u64,
    pending: Option<Semantics>,
}

impl LongPollEndpoint {
    pub(crate) fn new(params: &Params) -> LongPollEndpoint {
        LongPollEndpoint {
            head: Rc::new(HeadWithDate::new(params.response.clone())),
            hold_ns: params.hold_ns,
            pending: params.pending.semantics(),
        }
    }
}

impl Endpoint for LongPollEndpoint {
    fn answer(&self, request: &Request<Incoming>, peer: &Rc<Peer>) -> Answer {
        let now = now_ns();
        peer.subscribe_or_resume(last_event_id(request.headers()), now);
        let semantics = self.pending.unwrap_or(peer.thread.feed.get().spec.semantics);
        let peer = peer.clone();
        let head = self.head.clone();
        let until_ns = now.saturating_add(self.hold_ns);
        Answer::Later(Box::pin(async move {
            let payload = hold(&peer, semantics, until_ns).await;
            head.respond(payload)
        }))
    }
}

/// Waits until something is due and returns what is pending; nothing if the time is over or the
/// server drains.
async fn hold(peer: &Peer, semantics: Semantics, until_ns: u64) -> Bytes {
    loop {
        let now = now_ns();
        if now >= peer.due_ns()
            && let Some(pending) = peer.take_pending(now, semantics)
        {
            let thread = &peer.thread;
            thread.pushed.set(thread.pushed.get() + u64::from(pending.updates));
            return pending.bytes;
        }
        if now >= until_ns || peer.thread.draining.get() {
            return Bytes::new();
        }
        peer.thread.timer.until(peer.due_ns().min(until_ns)).await;
    }
}
