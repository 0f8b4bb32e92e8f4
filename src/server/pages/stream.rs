//! A feed as server-sent events (WHATWG HTML §9.2).

use super::feeds::{PageFeeds, PageTransport};
use super::requests::{chunk_bytes, head_bytes_down};
use super::{Body, LOOK};
use crate::server::body::BodyStream;
use crate::server::peer::Peer;
use bytes::Bytes;
use futures_util::stream::unfold;
use http_body_util::{Either, StreamBody};
use hyper::Response;
use hyper::body::Frame;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;

/// A response that has an event for each update, until the server drains.
pub(super) fn events(feeds: Arc<PageFeeds>, feed: u64, up: u64, peer: Rc<Peer>) -> Response<Body> {
    let counter = feeds.clone();
    let events = unfold(0u64, move |last| {
        let feeds = feeds.clone();
        let peer = peer.clone();
        async move {
            loop {
                if peer.thread.draining.get() {
                    return None;
                }
                let (n, text) = feeds.latest(feed);
                if n > last {
                    let event = format!("data: {text}\n\n");
                    feeds.count(feed, PageTransport::Events, |counts| {
                        counts.messages += 1;
                        counts.down += event.len() as u64 + chunk_bytes(event.len());
                    });
                    let frame: Result<_, Infallible> = Ok(Frame::data(Bytes::from(event)));
                    return Some((frame, n));
                }
                tokio::time::sleep(feeds.until_next(feed).min(LOOK)).await;
            }
        }
    });
    let body: BodyStream = Box::pin(StreamBody::new(events));
    let mut response = Response::new(Either::Right(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    counter.count(feed, PageTransport::Events, |counts| {
        counts.requests += 1;
        counts.up += up;
        counts.down += head_bytes_down(&response, None);
    });
    response
}
