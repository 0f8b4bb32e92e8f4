//! One HTTP connection of a client, from a request's first byte to a response's last.
//!
//! Shared by the transports that ask; what they ask for, when, and what an answer means to them
//! is their own. Separate from the parser, which knows no socket, and from the books' arithmetic.

use crate::client::account::ConnectionAccount;
use crate::client::handle::Client;
use crate::net::Metered;
use crate::protocol::http1::response::{BodyPiece, Malformed, Parts, Response};
use crate::record::{ClientError, ClientErrorKind, Ledger, Phase};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Attempts to set up a client before it is given up.
pub(crate) const SET_UP_ATTEMPTS: u32 = 4;
/// Between two of them.
pub(crate) const SET_UP_PAUSE_NS: u64 = 250_000_000;

/// A connection and its books.
pub(crate) struct Link {
    /// The connection.
    pub stream: Metered,
    /// Its books.
    pub book: ConnectionAccount,
    /// Whether a request was sent on it before.
    pub used: bool,
}

impl Link {
    /// A connection that nothing was sent on.
    pub(crate) fn new((stream, book): (Metered, ConnectionAccount)) -> Link {
        Link { stream, book, used: false }
    }

    /// Goes to another phase, see [`ConnectionAccount::enter`].
    pub(crate) fn enter(&mut self, phase: Phase) {
        self.book.enter(phase, &self.stream);
    }

    /// Writes all of a request, under the client's watch.
    ///
    /// # Errors
    /// The fault, where the connection is gone or the time is over.
    pub(crate) async fn write(
        &mut self,
        client: &Client,
        request: &[u8],
    ) -> Result<(), ClientError> {
        let mut left = request;
        let written = poll_fn(|cx| {
            while !left.is_empty() {
                if client.watch.expired(cx) {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
                match Pin::new(&mut self.stream).poll_write(cx, left) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(Ok(n)) => left = &left[n..],
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                }
            }
            Poll::Ready(Ok(()))
        });
        written.await.map_err(|error| fault_of(ClientErrorKind::Write, &error))
    }

    /// Reads a whole response, under the client's watch, giving its body to `on` as it comes.
    /// Gives the number of bytes that came beyond it.
    ///
    /// # Errors
    /// The fault, where the response is cut, malformed or late.
    pub(crate) async fn read(
        &mut self,
        client: &Client,
        response: &mut Response,
        mut on: impl FnMut(BodyPiece<'_>),
    ) -> Result<u64, ClientError> {
        poll_fn(|cx| {
            loop {
                if client.watch.expired(cx) {
                    return Poll::Ready(Err(ClientError::of(ClientErrorKind::ResponseTimeout)));
                }
                match self.poll_some(cx, client, response, &mut on) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(None)) => {}
                    // Nobody can answer what is still in the delay line.
                    Poll::Ready(Ok(Some(_))) if self.stream.unsent() > 0 => {
                        return Poll::Ready(Err(ClientError::of(ClientErrorKind::Malformed)));
                    }
                    Poll::Ready(Ok(Some(beyond))) => return Poll::Ready(Ok(beyond)),
                    Poll::Ready(Err(fault)) => return Poll::Ready(Err(fault)),
                }
            }
        })
        .await
    }

    /// One read and what it says; `Some` once the response is whole, with the number of bytes
    /// beyond it.
    pub(crate) fn poll_some(
        &mut self,
        cx: &mut Context<'_>,
        client: &Client,
        response: &mut Response,
        on: &mut impl FnMut(BodyPiece<'_>),
    ) -> Poll<Result<Option<u64>, ClientError>> {
        // Nothing is awaited while the buffer is borrowed.
        let mut scratch = client.thread.scratch.borrow_mut();
        let mut buf = ReadBuf::new(&mut scratch);
        match Pin::new(&mut self.stream).poll_read(cx, &mut buf) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Err(fault_of(ClientErrorKind::Read, &error))),
            Poll::Ready(Ok(())) if buf.filled().is_empty() => {
                Poll::Ready(match response.end_of_stream() {
                    Ok(()) => Ok(Some(0)),
                    Err(Malformed) => Err(ClientError::of(ClientErrorKind::EarlyClose)),
                })
            }
            Poll::Ready(Ok(())) => Poll::Ready(match response.feed_with(buf.filled(), on) {
                Err(Malformed) => Err(ClientError::of(ClientErrorKind::Malformed)),
                Ok(used) if response.is_done() => Ok(Some((buf.filled().len() - used) as u64)),
                Ok(_) => Ok(None),
            }),
        }
    }
}

impl Drop for Link {
    /// The books are closed before the stream is, however the client ended.
    fn drop(&mut self) {
        self.book.close(&self.stream);
    }
}

/// A request's bytes and its characters without line ends.
pub(crate) fn sizes(request: &[u8]) -> (u64, u64) {
    let ends = request.iter().filter(|b| matches!(b, b'\r' | b'\n')).count();
    (request.len() as u64, (request.len() - ends) as u64)
}

/// Books the bytes of an exchange. Where it failed, what came belongs to no layer above the wire
/// and is booked as discarded.
pub(crate) fn book(
    client: &Client,
    phase: Phase,
    (up, down): (u64, u64),
    request: (u64, u64),
    parts: Option<Parts>,
) {
    let mut recorder = client.thread.recorder.borrow_mut();
    let ledger: &mut Ledger = &mut recorder.at(phase).ledger;
    ledger.up.wire += up;
    ledger.down.wire += down;
    match parts {
        Some(parts) => {
            ledger.up.heads += request.0;
            ledger.up.head_chars += request.1;
            ledger.down.heads += parts.heads;
            ledger.down.head_chars += parts.head_chars;
            ledger.down.framing += parts.framing;
            ledger.down.payload += parts.payload;
        }
        None => {
            ledger.up.discarded += up;
            ledger.down.discarded += down;
        }
    }
}

/// Whether the fault is what a write or read meets on a connection that the server has closed.
pub(crate) fn is_close(fault: ClientError) -> bool {
    fault.kind == ClientErrorKind::EarlyClose
        || matches!(fault.code, libc::ECONNRESET | libc::EPIPE)
}

fn fault_of(kind: ClientErrorKind, error: &io::Error) -> ClientError {
    match error.kind() {
        io::ErrorKind::TimedOut if error.raw_os_error().is_none() => {
            ClientError::of(ClientErrorKind::ResponseTimeout)
        }
        _ => ClientError::io(kind, error),
    }
}
