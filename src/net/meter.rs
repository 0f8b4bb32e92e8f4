//! The metered stream: counts every byte that `read` and `write` on the socket moved.
//!
//! Counting happens at the dialled or accepted TCP stream, below everything else, and in a plain
//! cell: a stream belongs to one task. Vectored writes are forwarded and counted.
//!
//! A stream may have a delay line above the socket (`line`). Counting stays where it was: a byte
//! counts when it really moves, not when the client wrote it or has it. A tap ([`Tap`]) sees what
//! the client wrote and what it has.

use crate::net::delay_line::Line;
use crate::net::tap::Tap;
use crate::record::Phase;
use std::cell::{Cell, RefCell};
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
    ended: Cell<bool>,
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
    /// Whether the peer's end of the stream was read from the socket.
    pub fn has_ended(&self) -> bool {
        self.ended.get()
    }
    pub fn end(&self) {
        self.ended.set(true);
    }
    #[inline]
    pub fn read_more(&self, bytes: usize) {
        self.read.set(self.read.get() + bytes as u64);
    }
    #[inline]
    pub fn wrote(&self, bytes: usize) {
        self.written.set(self.written.get() + bytes as u64);
    }
}

/// A TCP stream with its meter.
#[derive(Debug)]
pub struct Metered {
    stream: TcpStream,
    meter: Rc<Meter>,
    /// In a cell for [`Metered::drain`] alone; everything else has the stream to itself.
    line: Option<Box<RefCell<Line>>>,
    tap: Option<Box<Tap>>,
}

impl Metered {
    /// Meters a stream from now on.
    pub fn new(stream: TcpStream) -> Metered {
        Metered { stream, meter: Rc::new(Meter::default()), line: None, tap: None }
    }
    /// The same stream behind a delay line.
    pub fn behind(self, line: Line) -> Metered {
        Metered { line: Some(Box::new(RefCell::new(line))), ..self }
    }
    /// The same stream with a tap.
    pub fn tapped(self, tap: Tap) -> Metered {
        Metered { tap: Some(Box::new(tap)), ..self }
    }
    /// Says to a tap that what moves from now on belongs to another phase.
    pub fn enter(&self, phase: Phase) {
        if let Some(tap) = &self.tap {
            tap.enter(phase);
        }
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
    /// how much it was. What a delay line had read and not given away yet is counted already, and
    /// is a part of what is said.
    pub fn drain(&self) -> u64 {
        let mut buf = [0; 4096];
        let mut drained = self.line.as_ref().map_or(0, |line| line.borrow_mut().forget_down());
        while let Ok(n) = self.stream.try_read(&mut buf) {
            if n == 0 {
                self.meter.end();
                break;
            }
            self.meter.read_more(n);
            drained += n as u64;
        }
        drained
    }
    /// Bytes that were written and that a delay line has not moved to the socket. With the stream
    /// they are dropped, as if they had never been written.
    pub fn unsent(&self) -> u64 {
        self.line.as_ref().map_or(0, |line| line.borrow().unsent())
    }
}

impl AsyncRead for Metered {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Metered { stream, meter, line, tap } = &mut *self;
        let (before, room) = (buf.filled().len(), buf.remaining());
        let result = match line {
            Some(line) => line.get_mut().poll_read(cx, stream, meter, buf),
            None => {
                let result = Pin::new(stream).poll_read(cx, buf);
                // Also after an error: what was read before it was read.
                let read = buf.filled().len() - before;
                meter.read_more(read);
                if read == 0 && room > 0 && matches!(result, Poll::Ready(Ok(()))) {
                    meter.end();
                }
                result
            }
        };
        if let Some(tap) = tap {
            tap.read(&buf.filled()[before..]);
        }
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
        let Metered { stream, meter, line, tap } = &mut *self;
        let result = match line {
            Some(line) => line.get_mut().poll_write(cx, stream, meter, buf),
            None => {
                let result = Pin::new(stream).poll_write(cx, buf);
                if let Poll::Ready(Ok(n)) = &result {
                    meter.wrote(*n);
                }
                result
            }
        };
        if let (Some(tap), Poll::Ready(Ok(n))) = (tap, &result) {
            tap.wrote(&buf[..*n]);
        }
        result
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.line.is_some() || self.tap.is_some() {
            // The first that is not empty, as whoever has no vectored writes does.
            let first = bufs.iter().find(|b| !b.is_empty()).map_or(&[][..], |b| &**b);
            return self.poll_write(cx, first);
        }
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        if let Poll::Ready(Ok(n)) = &result {
            self.meter.wrote(*n);
        }
        result
    }
    fn is_write_vectored(&self) -> bool {
        self.line.is_none() && self.tap.is_none() && self.stream.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Metered { stream, meter, line, .. } = &mut *self;
        match line {
            Some(line) => line.get_mut().poll_flush(cx, stream, meter),
            None => Pin::new(stream).poll_flush(cx),
        }
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Metered { stream, meter, line, .. } = &mut *self;
        match line {
            Some(line) => line.get_mut().poll_shutdown(cx, stream, meter),
            None => Pin::new(stream).poll_shutdown(cx),
        }
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
            assert!(!b.meter().has_ended());
            assert_eq!(b.read(&mut buf).await.unwrap(), 0);
            assert!(b.meter().has_ended());
            assert_eq!((b.meter().read(), b.meter().written()), (13, 0));
        });
    }
}
