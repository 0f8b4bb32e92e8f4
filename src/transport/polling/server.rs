//! The server half: answers each poll at once, with the latest update of the client's topic or
//! with all that it has not had, as the feed's semantics ask; and in an echo, each message with
//! the same.

use super::params::Params;
use crate::clock::now_ns;
use crate::feed::{Semantics, Workload};
use crate::transport::dated::DatedHead;
use crate::transport::site::{Answer, Endpoint, Peer, only_get};
use crate::transport::voice;
use hyper::body::Incoming;
use hyper::{Method, Request};
use std::rc::Rc;

/// The endpoint that answers polls.
pub struct Polls(Rc<DatedHead>);

impl Polls {
    /// Answers with these settings' response head.
    pub fn new(params: &Params) -> Polls {
        Polls(Rc::new(DatedHead::new(params.response.clone())))
    }
}

impl Endpoint for Polls {
    fn answer(&self, request: &Request<Incoming>, peer: &Rc<Peer>) -> Answer {
        if request.method() != Method::GET {
            return Answer::Now(only_get());
        }
        let now = now_ns();
        let payload = match peer.thread.feed.get().spec.semantics {
            Semantics::Snapshot => peer.latest(now).bytes,
            Semantics::Log => {
                peer.attend(request.headers(), now);
                peer.take_pending(now, Semantics::Log).map(|all| all.bytes).unwrap_or_default()
            }
        };
        Answer::Now(self.0.respond(payload))
    }

    fn post(&self, request: Request<Incoming>, peer: &Rc<Peer>) -> Answer {
        let spec = peer.thread.feed.get().spec;
        let head = self.0.clone();
        match spec.workload {
            Workload::Ticker => self.answer(&request, peer),
            Workload::Echo => {
                voice::read(request, voice::most_bytes(&spec), move |same| head.respond(same))
            }
            Workload::Broadcast | Workload::Tracker => voice::hear(request, peer),
        }
    }
}
