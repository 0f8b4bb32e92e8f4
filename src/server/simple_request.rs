//! Requests that are answered without hyper: a GET without a body that is answered at once.
//!
//! hyper keeps 10 kB of buffers for a connection, also while that waits for its next request. So
//! there is no hyper between requests: what comes is read into memory that the thread's connections
//! share. A simple request, and a poll is one, is answered from there; whatever else it is, hyper is
//! given what was read and reads on. The answer's bytes are the same either way.

use crate::net::Connection;
use crate::protocol::http1::request::SimpleRequest;
use crate::server::open_connections::{CloseRequest, ConnectionState};
use crate::server::peer::Peer;
use crate::server::routes::Routes;
use bytes::{Buf, Bytes};
use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most that is read at once.
const READ_BYTES: usize = 16 * 1024;
/// Requests that come together are answered together up to so many bytes; hyper answers the rest.
const WRITE_BYTES: usize = 64 * 1024;
/// What the connections of a thread read into and write from.
pub(crate) struct SharedBuffers {
    read: Box<[u8]>,
    write: Vec<u8>,
}

impl Default for SharedBuffers {
    fn default() -> SharedBuffers {
        SharedBuffers { read: vec![0; READ_BYTES].into(), write: Vec::new() }
    }
}

/// Why simple requests are over.
#[derive(Debug)]
pub(crate) enum SimpleEnd {
    /// The client has ended its side, or the connection is broken.
    Ended,
    /// The connection is asked to close.
    Close(CloseRequest),
    /// These bytes have come, and are not a simple request.
    Other(Bytes),
}

/// A connection that waits for requests and answers the simple ones.
pub(crate) struct SimpleRequests<'a> {
    stream: &'a mut Connection,
    peer: &'a Rc<Peer>,
    state: &'a ConnectionState,
    routes: &'a Routes,
    buffers: &'a RefCell<SharedBuffers>,
    most_head_bytes: usize,
    /// Of an answer, what the socket did not take yet.
    unsent: Bytes,
    /// What has come behind the last simple request.
    other: Bytes,
    drains: bool,
}

impl<'a> SimpleRequests<'a> {
    pub(crate) fn new(
        stream: &'a mut Connection,
        (peer, state): (&'a Rc<Peer>, &'a ConnectionState),
        routes: &'a Routes,
        buffers: &'a RefCell<SharedBuffers>,
        most_head_bytes: usize,
    ) -> SimpleRequests<'a> {
        SimpleRequests {
            stream,
            peer,
            state,
            routes,
            buffers,
            most_head_bytes,
            unsent: Bytes::new(),
            other: Bytes::new(),
            drains: false,
        }
    }

    /// Waits until the connection ends, is asked to close, or has a request that is not simple.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<SimpleEnd> {
        loop {
            match self.state.take_close_request(cx) {
                // The answer that is on its way comes first.
                Some(CloseRequest::Drain) => self.drains = true,
                Some(request) => return Poll::Ready(SimpleEnd::Close(request)),
                None => {}
            }
            while !self.unsent.is_empty() {
                match ready!(Pin::new(&mut *self.stream).poll_write(cx, &self.unsent)) {
                    Ok(n @ 1..) => {
                        self.unsent.advance(n);
                        self.state.set_blocked(!self.unsent.is_empty());
                    }
                    Ok(0) | Err(_) => return Poll::Ready(SimpleEnd::Ended),
                }
            }
            if !self.other.is_empty() {
                if self.drains {
                    // Whoever goes on must hear of it too.
                    self.state.ask_to_close(CloseRequest::Drain);
                }
                return Poll::Ready(SimpleEnd::Other(std::mem::take(&mut self.other)));
            }
            if self.drains {
                return Poll::Ready(SimpleEnd::Close(CloseRequest::Drain));
            }
            if !ready!(self.poll_answer(cx)) {
                return Poll::Ready(SimpleEnd::Ended);
            }
        }
    }

    /// Reads what has come and answers it; false if the connection has ended.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let SharedBuffers { read, write } = &mut *self.buffers.borrow_mut();
        let mut buffer = ReadBuf::new(read);
        let Poll::Ready(result) = Pin::new(&mut *self.stream).poll_read(cx, &mut buffer) else {
            // A layer took the answers whole; the client has not.
            self.state.set_blocked(self.stream.unsent() > 0);
            return Poll::Pending;
        };
        if result.is_err() || buffer.filled().is_empty() {
            return Poll::Ready(false);
        }
        write.clear();
        let mut rest = buffer.filled();
        while write.len() < WRITE_BYTES
            && let Some(request) = SimpleRequest::parse(rest, self.most_head_bytes)
            && let Some(endpoint) = self.routes.at(request.path)
            && endpoint.answer_at_once(&request, self.peer, write)
        {
            self.state.begin_request(false);
            rest = &rest[request.head_bytes..];
        }
        if rest.len() < buffer.filled().len() {
            // What came behind the last one may be a head that has begun.
            self.state.end_requests(rest.len());
        }
        let mut sent = 0;
        if !write.is_empty() {
            match Pin::new(&mut *self.stream).poll_write(cx, write) {
                Poll::Ready(Ok(n @ 1..)) => sent = n,
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(false),
                Poll::Pending => {}
            }
        }
        // Both are seldom more than nothing, which allocates nothing.
        self.unsent = Bytes::copy_from_slice(&write[sent..]);
        self.state.set_blocked(!self.unsent.is_empty());
        self.other = Bytes::copy_from_slice(rest);
        Poll::Ready(true)
    }
}
