//! The server half of an HTTP response that never ends: each message is a piece of its body, and
//! so a chunk (RFC 9112 §7.1).
//!
//! Shared by the transports whose messages go out within such a response; how a message is
//! written is theirs to say. hyper writes the chunk around it.

use crate::feed::PayloadKind;
use crate::server::body::BodyStream;
use crate::server::peer::{Peer, last_event_id};
use crate::server::routes::{Answer, Endpoint};
use crate::server::subscription::Outgoing;
use crate::time::{Sleep, now_ns};
use bytes::Bytes;
use http_body_util::Either;
use hyper::body::{Body as HttpBody, Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response, Version};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

/// An endpoint whose response never ends: how its messages are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MessageFormat {
    /// The `Content-Type`.
    pub content_type: &'static str,
    /// Writes one message.
    pub message: fn(Outgoing, PayloadKind) -> Bytes,
    /// Writes one over HTTP/2, which has no chunks, if it is another there.
    pub over_http2: Option<fn(Outgoing, PayloadKind) -> Bytes>,
    /// What goes out if nothing else did for a while, and after how many nanoseconds; 0 for
    /// never.
    pub heartbeat: (&'static [u8], u64),
}

/// The body: a message whenever one is due.
struct StreamingBody {
    peer: Rc<Peer>,
    format: MessageFormat,
    sleep: Sleep,
    beat_ns: u64,
}

impl Endpoint for MessageFormat {
    /// A response that begins now and never ends by itself.
    fn answer(&self, request: &Request<Incoming>, peer: &Rc<Peer>) -> Answer {
        let now = now_ns();
        peer.subscribe(last_event_id(request.headers()), now);
        let over_http2 = self.over_http2.filter(|_| request.version() == Version::HTTP_2);
        let mut body = StreamingBody {
            peer: peer.clone(),
            format: MessageFormat { message: over_http2.unwrap_or(self.message), ..*self },
            sleep: peer.thread.timer.until(0),
            beat_ns: self.next_beat(now),
        };
        body.sleep_until_next();
        let body: BodyStream = Box::pin(body);
        let mut response = Response::new(Either::Right(body));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        Answer::Now(response)
    }
}

impl MessageFormat {
    fn next_beat(&self, now_ns: u64) -> u64 {
        match self.heartbeat.1 {
            0 => u64::MAX,
            every => now_ns.saturating_add(every),
        }
    }
}

impl StreamingBody {
    fn sleep_until_next(&mut self) {
        self.sleep = self.peer.thread.timer.until(self.peer.leaves_ns().min(self.beat_ns));
    }
}

impl HttpBody for StreamingBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        loop {
            let thread = &this.peer.thread;
            if thread.draining.get() {
                return Poll::Ready(None);
            }
            let now = now_ns();
            if let Some(outgoing) = this.peer.take_due(now) {
                thread.pushed.set(thread.pushed.get() + u64::from(outgoing.updates));
                this.beat_ns = this.format.next_beat(now);
                let kind = thread.feed.get().spec.kind;
                let message = (this.format.message)(outgoing, kind);
                return Poll::Ready(Some(Ok(Frame::data(message))));
            }
            if now >= this.beat_ns {
                this.beat_ns = this.format.next_beat(now);
                let beat = Bytes::from_static(this.format.heartbeat.0);
                return Poll::Ready(Some(Ok(Frame::data(beat))));
            }
            this.sleep_until_next();
            ready!(Pin::new(&mut this.sleep).poll(cx));
        }
    }
}
