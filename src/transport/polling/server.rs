//! The server half: answers each poll at once, with the latest update of the client's topic or
//! with all that the client has not received, as the feed's semantics say. In an echo it answers
//! each message with the same.

use crate::feed::{Semantics, Workload};
use crate::server::post as server_post;
use crate::server::response_head::DatedHead;
use crate::server::{Answer, Endpoint, Peer, only_get};
use crate::time::now_ns;
use crate::transport::polling::params::Params;
use hyper::Request;
use hyper::body::Incoming;
use std::rc::Rc;

/// The endpoint that answers polls.
pub(crate) struct PollEndpoint(Rc<DatedHead>);

impl PollEndpoint {
    pub(crate) fn new(params: &Params) -> PollEndpoint {
        PollEndpoint(Rc::new(DatedHead::new(params.response.clone())))
    }
}

impl Endpoint for PollEndpoint {
    fn answer(&self, request: &Request<Incoming>, peer: &Rc<Peer>) -> Answer {
        let now = now_ns();
        let payload = match peer.thread.feed.get().spec.semantics {
            Semantics::Snapshot => peer.latest(now).bytes,
            Semantics::Log => {
                peer.subscribe_or_resume(request.headers(), now);
                peer.take_pending(now, Semantics::Log).map(|all| all.bytes).unwrap_or_default()
            }
        };
        Answer::Now(self.0.respond(payload))
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
