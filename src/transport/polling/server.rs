//! The server half: answers each poll at once, with the latest update of the client's topic or
//! with all that it has not had, as the feed's semantics ask.

use super::params::Params;
use crate::clock::now_ns;
use crate::feed::Semantics;
use crate::transport::dated::DatedHead;
use crate::transport::site::{Answer, Endpoint, Peer, only_get};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use std::rc::Rc;

/// The endpoint that answers polls.
pub struct Polls(DatedHead);

impl Polls {
    /// Answers with these settings' response head.
    pub fn new(params: &Params) -> Polls {
        Polls(DatedHead::new(params.response.clone()))
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
        let headers = self.0.headers(payload.len());
        let mut response = Response::new(Either::Left(Full::new(payload)));
        *response.headers_mut() = headers;
        Answer::Now(response)
    }
}
