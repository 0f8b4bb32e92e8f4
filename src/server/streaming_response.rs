//! The server half of an HTTP response that never ends: each message is a piece of its body, and
//! so a chunk (RFC 9112 §7.1).
//!
//! Shared by the transports whose messages go out within such a response; how a message is
//! written is theirs to say. hyper writes the chunk around it.

use crate::server::routes::{Body, Peer, Stream};
use crate::server::subscription::Outgoing;
use crate::time::Sleep;
use crate::time::now_ns;
use bytes::Bytes;
use http_body_util::Either;
use hyper::body::{Body as HttpBody, Frame};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Response};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

/// How messages are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writing {
    /// The `Content-Type`.
    pub content_type: &'static str,
    /// Writes one message.
    pub message: fn(Outgoing) -> Bytes,
    /// What goes out where nothing else did for a while, and after how many nanoseconds; 0 for
    /// never.
    pub heartbeat: (&'static [u8], u64),
}

/// The body: a message whenever one is due.
struct Flow {
    peer: Rc<Peer>,
    writing: Writing,
    sleep: Sleep,
    beat_ns: u64,
}

/// A response that begins now and never ends by itself.
pub(crate) fn respond(request: &HeaderMap, peer: &Rc<Peer>, writing: Writing) -> Response<Body> {
    let now = now_ns();
    peer.listen(request, now);
    let mut flow = Flow {
        peer: peer.clone(),
        writing,
        sleep: peer.thread.alarm.until(0),
        beat_ns: writing.next_beat(now),
    };
    flow.lie_down();
    let body: Stream = Box::pin(flow);
    let mut response = Response::new(Either::Right(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(writing.content_type));
    response
}

impl Writing {
    fn next_beat(&self, now_ns: u64) -> u64 {
        match self.heartbeat.1 {
            0 => u64::MAX,
            every => now_ns.saturating_add(every),
        }
    }
}

impl Flow {
    fn lie_down(&mut self) {
        self.sleep = self.peer.thread.alarm.until(self.peer.leaves_ns().min(self.beat_ns));
    }
}

impl HttpBody for Flow {
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
                this.beat_ns = this.writing.next_beat(now);
                return Poll::Ready(Some(Ok(Frame::data((this.writing.message)(outgoing)))));
            }
            if now >= this.beat_ns {
                this.beat_ns = this.writing.next_beat(now);
                let beat = Bytes::from_static(this.writing.heartbeat.0);
                return Poll::Ready(Some(Ok(Frame::data(beat))));
            }
            this.lie_down();
            ready!(Pin::new(&mut this.sleep).poll(cx));
        }
    }
}
