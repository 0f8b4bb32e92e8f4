//! The stream of a connection whose protocol is a library's: the library reads and writes it, and
//! the account of the connection counts what moved.
//!
//! A library takes the stream that it is given, and drops it if its handshake fails. So both hold a
//! handle of the same stream, and the socket is open until the account is closed.

use crate::net::counted_stream::CountedStream;
use crate::net::layer::StreamLayer;
use crate::net::layer::TlsBytes;
use crate::net::layered_stream::LayeredStream;
use crate::record::{ClientError, Phase, TcpReading};
use crate::time::Timer;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A handle of a stream; see the module's description.
pub(crate) struct LibraryStream<L>(Rc<RefCell<Shared<L>>>);

struct Shared<L> {
    stream: LayeredStream<L>,
    /// Bytes that the library has received.
    delivered: u64,
    /// The end of the peer's direction was read.
    ended: bool,
    /// An error was met.
    failed: bool,
}

impl<L: StreamLayer> LibraryStream<L> {
    /// A stream that counts from now on. `timer` wakes its task when a layer releases bytes.
    pub(crate) fn over(socket: TcpStream, layers: L, timer: Timer) -> LibraryStream<L> {
        let stream = LayeredStream::over(socket, Some(layers), Some(timer));
        let shared = Shared { stream, delivered: 0, ended: false, failed: false };
        LibraryStream(Rc::new(RefCell::new(shared)))
    }
}

impl<L: StreamLayer> LibraryStream<L> {
    /// Waits for the end of the handshake of TLS; does nothing without TLS.
    ///
    /// # Errors
    /// Why it failed.
    pub(crate) async fn handshake(&self) -> Result<(), ClientError> {
        poll_fn(|cx| self.0.borrow_mut().stream.poll_handshake(cx)).await
    }
}

impl<L: StreamLayer> LibraryStream<L> {
    /// Returns why TLS can carry nothing more, once; `None` if it can, and without TLS. The library
    /// calls it an error of reading or writing.
    pub(crate) fn take_tls_failure(&self) -> Option<ClientError> {
        self.0.borrow_mut().stream.take_tls_failure()
    }
}

impl<L> Clone for LibraryStream<L> {
    fn clone(&self) -> LibraryStream<L> {
        LibraryStream(self.0.clone())
    }
}

impl<L: StreamLayer> CountedStream for LibraryStream<L> {
    fn read(&self) -> u64 {
        self.0.borrow().stream.meter().read()
    }
    fn delivered(&self) -> u64 {
        self.0.borrow().delivered
    }
    fn written(&self) -> u64 {
        self.0.borrow().stream.written()
    }
    fn written_to_socket(&self) -> u64 {
        self.0.borrow().stream.meter().written()
    }
    fn tls(&self) -> TlsBytes {
        self.0.borrow().stream.tls_bytes()
    }
    fn unsent(&mut self) -> u64 {
        self.0.borrow_mut().stream.unsent()
    }
    fn has_ended(&self) -> bool {
        let shared = self.0.borrow();
        shared.stream.has_read_end().unwrap_or(shared.ended)
    }
    fn has_failed(&self) -> bool {
        self.0.borrow().failed
    }
    fn enter(&mut self, phase: Phase) {
        self.0.borrow_mut().stream.enter(phase);
    }
    fn counts(&self) -> io::Result<TcpReading> {
        self.0.borrow().stream.counts()
    }
    fn drain(&mut self, until: u64) {
        let shared = &mut *self.0.borrow_mut();
        let ended = shared.stream.drain(until);
        shared.ended |= ended && !shared.failed;
    }
}

impl<L: StreamLayer + Unpin> AsyncRead for LibraryStream<L> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let shared = &mut *self.0.borrow_mut();
        let before = buf.filled().len();
        let result = Pin::new(&mut shared.stream).poll_read(cx, buf);
        let read = buf.filled().len() - before;
        shared.delivered += read as u64;
        match &result {
            Poll::Ready(Ok(())) => shared.ended |= read == 0 && buf.remaining() > 0,
            Poll::Ready(Err(_)) => shared.failed = true,
            Poll::Pending => {}
        }
        result
    }
}

impl<L: StreamLayer + Unpin> LibraryStream<L> {
    /// Does something with the stream; an error is remembered.
    fn with<T>(
        &self,
        act: impl FnOnce(Pin<&mut LayeredStream<L>>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let shared = &mut *self.0.borrow_mut();
        let result = act(Pin::new(&mut shared.stream));
        shared.failed |= matches!(result, Poll::Ready(Err(_)));
        result
    }
}

impl<L: StreamLayer + Unpin> AsyncWrite for LibraryStream<L> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.with(|stream| stream.poll_write(cx, bytes))
    }
    /// Bytes that a layer holds count as sent: the library need not wait for them before it writes
    /// more. Reading moves them on.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.with(|stream| stream.poll_flush(cx)) {
            Poll::Pending if self.unsent() > 0 => Poll::Ready(Ok(())),
            flushed => flushed,
        }
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_shutdown(cx))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::identity_layer::IdentityLayer;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[test]
    fn the_account_sees_what_the_library_moved_and_drains_what_it_left() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
            let mut server = server.unwrap().0;
            let layer = IdentityLayer::with_room(64);
            let mut library = LibraryStream::over(client.unwrap(), layer, Timer::default());
            let mut account = library.clone();
            library.write_all(b"hello").await.unwrap();
            server.read_exact(&mut [0; 5]).await.unwrap();
            server.write_all(b"ab").await.unwrap();
            assert_eq!(library.read_u8().await.unwrap(), b'a');
            server.write_all(b"never read").await.unwrap();
            drop(library);
            assert_eq!((account.written(), account.unsent(), account.delivered()), (5, 0, 1));
            let kernel = account.counts().unwrap();
            assert_eq!((kernel.bytes_sent, kernel.bytes_received), (5, 12));
            account.drain(kernel.bytes_received);
            assert_eq!((account.read(), account.delivered()), (12, 1));
            assert!(!account.has_ended() && !account.has_failed());
            server.shutdown().await.unwrap();
            assert_eq!(AsyncReadExt::read(&mut account, &mut [0; 8]).await.unwrap(), 0);
            assert!(account.has_ended());
        });
    }
}
