//! What another protocol has in place of HTTP: the connection, or over HTTP/2 a stream of it (RFC 8441).

use crate::net::Connection;
use crate::net::meter::Meter;
use hyper::upgrade;
use hyper_util::rt::TokioIo;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// See the module's description.
pub(crate) enum UpgradedStream {
    /// The connection.
    Connection(Connection),
    /// A stream of a connection of HTTP/2, and what it has moved without its frames.
    Stream(Box<TokioIo<upgrade::Upgraded>>, Rc<Meter>),
}

impl UpgradedStream {
    /// A stream of a connection of HTTP/2.
    pub(crate) fn of_http2(stream: upgrade::Upgraded) -> UpgradedStream {
        UpgradedStream::Stream(Box::new(TokioIo::new(stream)), Rc::default())
    }

    /// What it moves.
    pub(crate) fn meter(&self) -> Rc<Meter> {
        match self {
            UpgradedStream::Connection(connection) => connection.meter(),
            UpgradedStream::Stream(_, meter) => meter.clone(),
        }
    }

    /// Ready if receiving may give something: of a stream that is not known before.
    pub(crate) fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            UpgradedStream::Connection(connection) => connection.poll_read_ready(cx),
            UpgradedStream::Stream(..) => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncRead for UpgradedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            UpgradedStream::Connection(connection) => Pin::new(connection).poll_read(cx, buffer),
            UpgradedStream::Stream(stream, meter) => {
                let before = buffer.filled().len();
                let result = Pin::new(stream).poll_read(cx, buffer);
                meter.count_read(buffer.filled().len() - before);
                result
            }
        }
    }
}

impl AsyncWrite for UpgradedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            UpgradedStream::Connection(connection) => Pin::new(connection).poll_write(cx, bytes),
            UpgradedStream::Stream(stream, meter) => {
                let result = Pin::new(stream).poll_write(cx, bytes);
                if let Poll::Ready(Ok(written)) = &result {
                    meter.count_written(*written);
                }
                result
            }
        }
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            UpgradedStream::Connection(connection) => Pin::new(connection).poll_flush(cx),
            UpgradedStream::Stream(stream, _) => Pin::new(stream).poll_flush(cx),
        }
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            UpgradedStream::Connection(connection) => Pin::new(connection).poll_shutdown(cx),
            UpgradedStream::Stream(stream, _) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
