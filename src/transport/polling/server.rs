//! The server half: answers each poll at once, with the latest update of the client's topic or
//! with all that the client has not received, as the feed's semantics say. In an echo it answers
//! each message with the same.

use crate::feed::{Semantics, Workload};
use crate::protocol::http1::request::SimpleRequest;
use crate::server::post as server_post;
use crate::server::response_head::HeadWithDate;
use crate::server::{Answer, Endpoint, Peer, last_event_id, only_get};
use crate::time::now_ns;
use crate::transport::polling::params::Params;
use bytes::Bytes;
use hyper::Request;
use hyper::body::Incoming;
use std::rc::Rc;

/// A larger message is not copied behind its head.
const MOST_COPIED_BYTES: u32 = 16 * 1024;

/// The endpoint that answers polls.
pub(crate) struct PollEndpoint(Rc<HeadWithDate>);

impl PollEndpoint {
    pub(crate) fn new(params: &Params) -> PollEndpoint {
        PollEndpoint(Rc::new(HeadWithDate::new(params.response.clone())))
    }
}

/// What the poll of a client that has this update is answered with.
fn payload(last_event_id: Option<&[u8]>, peer: &Peer) -> Bytes {
    let now = now_ns();
    match peer.thread.feed.get().spec.semantics {
        Semantics::Snapshot => peer.latest(now).bytes,
        Semantics::Log => {
            peer.subscribe_or_resume(last_event_id, now);
            peer.take_pending(now, Semantics::Log).map(|all| all.bytes).unwrap_or_default()
        }
    }
}

impl Endpoint for PollEndpoint {
    fn answer(&self, request: &Request<Incoming>, peer: &Rc<Peer>) -> Answer {
        Answer::Now(self.0.respond(payload(last_event_id(request.headers()), peer)))
    }

    fn answer_at_once(
        &self,
        request: &SimpleRequest<'_>,
        peer: &Rc<Peer>,
        out: &mut Vec<u8>,
    ) -> bool {
        let spec = peer.thread.feed.get().spec;
        // An answer with a fault may have to wait, and a large one is sent without a copy.
        if peer.thread.injector.is_some() || spec.payload_bytes > MOST_COPIED_BYTES {
            return false;
        }
        self.0.write(&payload(request.last_event_id, peer), out);
        true
    }

    fn post(&self, request: Request<Incoming>, peer: &Rc<Peer>) -> Answer {
        let spec = peer.thread.feed.get().spec;
        let head = self.0.clone();
        match spec.workload {
            Workload::Ticker => Answer::Now(only_get()),
            Workload::Echo => server_post::read(request, spec.most_message_bytes(), move |same| {
                head.respond(same)
            }),
            Workload::Broadcast | Workload::Tracker => server_post::receive(request, peer),
        }
    }
}
