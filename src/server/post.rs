//! Messages of clients by POST, as the reference server receives them.
//!
//! Separate from `broadcast_hub`, which keeps them for the other clients.

use crate::server::body::{Body, plain};
use crate::server::peer::Peer;
use crate::server::routes::Answer;
use crate::time::now_ns;
use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::{Request, StatusCode};
use std::rc::Rc;
use std::time::Duration;

/// The head of the answer to a message that is not answered with another (RFC 9110 §15.3.5).
pub(crate) const POST_REPLY: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
/// How long the body of a message may take.
const BODY_LIMIT: Duration = Duration::from_secs(10);

/// Receives a message and brings it to all.
pub(crate) fn receive(request: Request<Incoming>, peer: &Rc<Peer>) -> Answer {
    let peer = peer.clone();
    let most = peer.thread.feed.get().spec.most_message_bytes();
    read(request, most, move |message| {
        peer.post(&message, now_ns());
        let mut response = hyper::Response::new(Either::Left(Full::new(Bytes::new())));
        *response.status_mut() = StatusCode::NO_CONTENT;
        response
    })
}

/// Reads a request's body, and answers it once it is whole.
pub(crate) fn read(
    request: Request<Incoming>,
    most_bytes: usize,
    answer: impl FnOnce(Bytes) -> hyper::Response<Body> + 'static,
) -> Answer {
    Answer::Later(Box::pin(async move {
        let whole = Limited::new(request.into_body(), most_bytes).collect();
        match tokio::time::timeout(BODY_LIMIT, whole).await {
            Ok(Ok(whole)) => answer(whole.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                plain(StatusCode::PAYLOAD_TOO_LARGE, "that is no message of this feed\n")
            }
            Ok(Err(_)) => plain(StatusCode::BAD_REQUEST, "the message was cut\n"),
            Err(_) => {
                let mut late = plain(StatusCode::REQUEST_TIMEOUT, "the message took too long\n");
                // What comes of it later must not be taken for a request (RFC 9110 §15.5.9).
                late.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                late
            }
        }
    }))
}
