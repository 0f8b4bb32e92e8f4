//! The metered stream: counts every byte that `read` and `write` on the socket moved.
//!
//! Counting happens at the dialled or accepted TCP stream, below everything else, and in a plain
//! cell: a stream belongs to one task. Vectored writes are forwarded and counted.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What one stream moved. Shared by the stream and whoever keeps the books.
#[derive(Debug, Default)]
pub struct Meter {
    read: Cell<u64>,
    written: Cell<u64>,
}

impl Meter {
    /// Bytes read so far.
    pub fn read(&self) -> u64 {
        self.read.get()
    }
    /// Bytes written so far.
    pub fn written(&self) -> u64 {
        self.written.get()
    }
}

/// A TCP stream with its meter.
#[derive(Debug)]
pub struct Metered {
    stream: TcpStream,
    meter: Rc<Meter>,
}

impl Metered {
    /// Meters a stream from now on.
    pub fn new(stream: TcpStream) -> Metered {
        Metered { stream, meter: Rc::new(Meter::default()) }
    }
    /// The meter, which outlives the stream.
    pub fn meter(&self) -> Rc<Meter> {
        self.meter.clone()
    }
    /// The stream, for socket options; reading or writing it directly would go uncounted.
    pub fn socket(&self) -> &TcpStream {
        &self.stream
    }
    /// Reads and throws away what has come and will not be wanted any more; counts it, and says
    /// how much it was.
    pub fn drain(&self) -> u64 {
        let mut buf = [0; 4096];
        let mut drained = 0;
        while let Ok(n @ 1..) = self.stream.try_read(&mut buf) {
            drained += n as u64;
        }
        self.meter.read.set(self.meter.read.get() + drained);
        drained
    }
    #[inline]
    fn wrote(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(n)) = &result {
            self.meter.written.set(self.meter.written.get() + *n as u64);
        }
        result
    }
}

impl AsyncRead for Metered {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        // Also after an error: what was read before it was read.
        let read = (buf.filled().len() - before) as u64;
        self.meter.read.set(self.meter.read.get() + read);
        result
    }
}

impl AsyncWrite for Metered {
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
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn counts_what_the_other_end_counts() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
            let (mut a, mut b) = (Metered::new(client.unwrap()), Metered::new(server.unwrap().0));
            let slices = [io::IoSlice::new(b"heads"), io::IoSlice::new(b"body")];
            assert_eq!(a.write_vectored(&slices).await.unwrap(), 9);
            a.write_all(b"more").await.unwrap();
            let mut buf = [0; 13];
            b.read_exact(&mut buf).await.unwrap();
            assert_eq!(&buf, b"headsbodymore");
            drop(a);
            assert_eq!(b.read(&mut buf).await.unwrap(), 0);
            assert_eq!((b.meter().read(), b.meter().written()), (13, 0));
        });
    }
}
