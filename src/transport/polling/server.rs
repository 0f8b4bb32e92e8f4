//! The server half: answers each poll at once, with the latest update of the client's topic or
//! with all that it has not had, as the feed's semantics ask.
//!
//! hyper writes the head, from a header map that is made once a second; the names' case is
//! hyper's title case, which the profiles are checked against.

use super::params::Params;
use crate::clock::now_ns;
use crate::feed::Semantics;
use crate::transport::head::ResponseHead;
use crate::transport::site::{Answer, Endpoint, Peer, only_get};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::{Method, Request, Response};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The endpoint that answers polls.
pub struct Polls {
    head: ResponseHead,
    cached: RefCell<Cached>,
}

/// The headers of the current second.
#[derive(Default)]
struct Cached {
    /// Seconds since 1970; 0 before the first poll.
    second: u64,
    headers: HeaderMap,
}

impl Polls {
    /// Answers with these settings' response head.
    pub fn new(params: &Params) -> Polls {
        Polls { head: params.response.clone(), cached: RefCell::default() }
    }

    fn headers(&self, payload_bytes: usize) -> HeaderMap {
        // A clock before 1970 shows 1970; the head's size stays the same.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut cached = self.cached.borrow_mut();
        if cached.second != now || cached.headers.is_empty() {
            cached.headers = self.head.header_map(payload_bytes, &http_date(now));
            cached.second = now;
        }
        cached.headers.clone()
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
        let headers = self.headers(payload.len());
        let mut response = Response::new(Either::Left(Full::new(payload)));
        *response.headers_mut() = headers;
        Answer::Now(response)
    }
}

/// A date as HTTP writes it (RFC 9110 §5.6.7): always 29 characters.
fn http_date(second: u64) -> String {
    let at = i64::try_from(second).ok().and_then(|s| jiff::Timestamp::from_second(s).ok());
    at.unwrap_or_default().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_29_characters_in_gmt() {
        assert_eq!(http_date(1_257_553_966), "Sat, 07 Nov 2009 00:32:46 GMT");
        assert_eq!(http_date(u64::MAX).len(), 29);
    }
}
