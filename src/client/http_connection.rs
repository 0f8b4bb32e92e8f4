//! One HTTP connection of a client: writes requests and reads responses.
//!
//! Shared by the transports over HTTP. Separate from the parser, which knows no socket.

use crate::client::account::{ConnectionAccount, MovedBytes};
use crate::client::handle::Client;
use crate::net::Connection;
use crate::protocol::http1::chars_without_line_ends;
use crate::protocol::http1::response::{BodyPiece, Malformed, Parts, Response};
use crate::record::{ClientError, ClientErrorKind, Flow, Part, Phase};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection and its account.
pub(crate) struct HttpConnection {
    /// The stream.
    pub stream: Connection,
    /// The account.
    pub account: ConnectionAccount,
    /// Whether a request was sent on it before.
    pub used: bool,
}

impl HttpConnection {
    /// A connection that nothing was sent on.
    pub(crate) fn new((stream, account): (Connection, ConnectionAccount)) -> HttpConnection {
        HttpConnection { stream, account, used: false }
    }

    /// Begins another phase, see [`ConnectionAccount::enter`].
    pub(crate) fn enter(&mut self, phase: Phase) {
        self.account.enter(phase, &self.stream);
    }

    /// Writes all of a request within the client's time limit.
    ///
    /// # Errors
    /// If the connection is gone or the time is over.
    pub(crate) async fn write(
        &mut self,
        client: &Client,
        request: &[u8],
    ) -> Result<(), ClientError> {
        let mut left = request;
        let written = poll_fn(|cx| {
            while !left.is_empty() {
                if client.watchdog.expired(cx) {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
                match ready!(Pin::new(&mut self.stream).poll_write(cx, left))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    n => left = &left[n..],
                }
            }
            Poll::Ready(Ok(()))
        });
        written.await.map_err(|error| client_error(ClientErrorKind::Write, &error))
    }

    /// Reads a whole response within the client's time limit and passes its body to `on` as it
    /// arrives. Returns the number of bytes that arrived after it.
    ///
    /// # Errors
    /// If the response is cut, malformed or late.
    pub(crate) async fn read(
        &mut self,
        client: &Client,
        response: &mut Response,
        mut on: impl FnMut(BodyPiece<'_>),
    ) -> Result<u64, ClientError> {
        let beyond = poll_fn(|cx| self.poll_whole(cx, client, response, &mut on)).await?;
        // A request that is still in the delay line cannot have been answered.
        if self.stream.unsent() > 0 {
            return Err(ClientError::of(ClientErrorKind::Malformed));
        }
        Ok(beyond)
    }

    /// Reads until the response is whole; see [`HttpConnection::read`].
    pub(crate) fn poll_whole(
        &mut self,
        cx: &mut Context<'_>,
        client: &Client,
        response: &mut Response,
        on: &mut impl FnMut(BodyPiece<'_>),
    ) -> Poll<Result<u64, ClientError>> {
        loop {
            if client.watchdog.expired(cx) {
                return Poll::Ready(Err(ClientError::of(ClientErrorKind::ResponseTimeout)));
            }
            if let Some(beyond) = ready!(self.poll_some(cx, client, response, on))? {
                return Poll::Ready(Ok(beyond));
            }
        }
    }

    /// Reads once; `Some` once the response is whole, with the number of bytes after it.
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
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf))
            .map_err(|error| client_error(ClientErrorKind::Read, &error))?;
        if buf.filled().is_empty() {
            let early = |Malformed| ClientError::of(ClientErrorKind::EarlyClose);
            return Poll::Ready(response.end_of_stream().map(|()| Some(0)).map_err(early));
        }
        let used = response
            .feed_with(buf.filled(), on)
            .map_err(|Malformed| ClientError::of(ClientErrorKind::Malformed))?;
        let beyond = (buf.filled().len() - used) as u64;
        Poll::Ready(Ok(response.is_done().then_some(beyond)))
    }
}

impl Drop for HttpConnection {
    /// Closes the account before the stream, however the client ended.
    fn drop(&mut self) {
        self.account.close(&self.stream);
    }
}

/// The size of an HTTP head.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeadSize {
    /// All bytes.
    pub bytes: u64,
    /// Characters without line ends.
    pub chars: u64,
}

impl HeadSize {
    /// Measures a head.
    pub(crate) fn of(head: &[u8]) -> HeadSize {
        HeadSize { bytes: head.len() as u64, chars: chars_without_line_ends(head) }
    }

    /// Adds the head to the parts of a flow.
    pub(crate) fn add_to(self, flow: &mut Flow) {
        flow[Part::Heads] += self.bytes;
        flow.head_chars += self.chars;
    }
}

/// Adds what a response consists of to the parts of a flow.
pub(crate) fn add_response(flow: &mut Flow, parts: &Parts) {
    flow[Part::Heads] += parts.heads;
    flow.head_chars += parts.head_chars;
    flow[Part::Framing] += parts.framing;
    flow[Part::Payload] += parts.payload;
}

/// Adds the bytes of an exchange. If it failed, `parts` is `None` and all bytes are discarded.
pub(crate) fn add_exchange(
    client: &Client,
    phase: Phase,
    moved: MovedBytes,
    request: HeadSize,
    parts: Option<Parts>,
) {
    client.add_bytes(phase, |ledger| {
        ledger.up.wire += moved.up;
        ledger.down.wire += moved.down;
        match parts {
            Some(parts) => {
                request.add_to(&mut ledger.up);
                add_response(&mut ledger.down, &parts);
            }
            None => {
                ledger.up[Part::Discarded] += moved.up;
                ledger.down[Part::Discarded] += moved.down;
            }
        }
    });
}

/// Returns whether an error is one that a write or read meets after the server has closed the
/// connection.
pub(crate) fn is_close(error: ClientError) -> bool {
    error.kind == ClientErrorKind::EarlyClose
        || matches!(error.code, libc::ECONNRESET | libc::EPIPE)
}

fn client_error(kind: ClientErrorKind, error: &io::Error) -> ClientError {
    match error.kind() {
        io::ErrorKind::TimedOut if error.raw_os_error().is_none() => {
            ClientError::of(ClientErrorKind::ResponseTimeout)
        }
        _ => ClientError::io(kind, error),
    }
}
