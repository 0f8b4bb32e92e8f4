//! When hyper sees the end of a client's stream: at once if an answer is held or never ends, and
//! only after the answer if one is about to be written.
//!
//! hyper either ignores the end of a client's stream while it answers, and then holds a request of
//! a client that has gone, or takes it for the end of the connection, and then a client that ends
//! its side right after its request gets no answer (RFC 9112 §9.6). An end that comes while a request
//! is under way shows one turn later: if it came right behind the last byte of a message, hyper reads
//! both before the message is answered.
//!
//! Here it also shows when hyper is between requests: it reads, nothing has come, and all that it
//! was asked for is answered and written.

use crate::net::Connection;
use crate::server::open_connections::ConnectionState;
use bytes::{Buf, Bytes};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection whose end shows at the right moment.
pub(crate) struct DeferredEof {
    stream: Connection,
    /// What was read before hyper was there.
    first: Bytes,
    state: Rc<ConnectionState>,
    /// Requests before hyper was there.
    before: u64,
    /// Requests whose answers have begun to be written.
    answered: u64,
    /// To be woken once the answer is written: the end came before it.
    ended: Option<Waker>,
    /// The end has come and was kept back for one turn.
    kept_back: bool,
    /// The socket took less than it was given, or a layer holds some of it.
    unsent: bool,
}

impl DeferredEof {
    pub(crate) fn new(stream: Connection, first: Bytes, state: Rc<ConnectionState>) -> DeferredEof {
        let before = state.requests();
        DeferredEof {
            stream,
            first,
            state,
            before,
            answered: before,
            ended: None,
            kept_back: false,
            unsent: false,
        }
    }
    /// The connection, and what hyper has not read of what came before it.
    pub(crate) fn into_parts(self) -> (Connection, Bytes) {
        (self.stream, self.first)
    }
    fn wrote(&mut self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.unsent = result.is_pending();
        self.state.set_blocked(self.unsent);
        self.state.set_between_requests(false);
        if result.is_ready() {
            self.answered = self.state.requests();
            if let Some(waker) = self.ended.take() {
                waker.wake();
            }
        }
        result
    }
}

impl AsyncRead for DeferredEof {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.first.is_empty() {
            let n = self.first.len().min(buf.remaining());
            buf.put_slice(&self.first[..n]);
            self.first.advance(n);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        let ended = matches!(result, Poll::Ready(Ok(()))) && buf.filled().len() == before;
        let requests = self.state.requests();
        let busy = self.state.is_busy();
        let answered = requests == self.answered && requests > self.before && !busy;
        self.state.set_between_requests(result.is_pending() && answered && !self.unsent);
        let answers_now = requests > self.answered && !busy;
        if ended && answers_now && buf.remaining() > 0 {
            self.ended = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if ended && busy && !self.kept_back && buf.remaining() > 0 {
            self.kept_back = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        result
    }
}

impl AsyncWrite for DeferredEof {
    #[inline]
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.wrote(result)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.wrote(result)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    /// Waits for what a layer took whole and the client has not.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(cx);
        self.unsent = result.is_pending();
        self.state.set_blocked(self.unsent);
        result
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
