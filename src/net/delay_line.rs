//! A delay line between a client and its socket: what is written goes to the socket later, and
//! what the socket has is given to the client later, each after the path's delay.
//!
//! A line has no task of its own: whoever polls its stream moves both directions, and sleeps on
//! the thread's alarm until the earliest release. A stream belongs to one task, so that one waker
//! is enough. A stream that is dropped closes its socket at once; in order are the ways that
//! wait, flushing and shutting down.

use crate::net::delay_queue::Queue;
use crate::net::meter::Meter;
use crate::time::now_ns;
use crate::time::{Delay, Heading};
use crate::time::{Sleep, Timer};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Who hears how late a line was.
pub trait Errors {
    /// A piece was released at `now_ns`, `error_ns` after it was to be. Where the socket takes
    /// nothing more or the client does not read, that is counted too.
    fn released(&self, now_ns: u64, error_ns: u64);
}

/// The delay line of one connection.
pub struct Line {
    up: Queue,
    down: Queue,
    handshake_ns: u64,
    alarm: Timer,
    up_nap: Nap,
    down_nap: Nap,
    errors: Rc<dyn Errors>,
    /// Why the socket takes no more; bytes still queued up then never move.
    broken: Option<io::Error>,
    /// The error that ends the other direction, released as an end of the stream is.
    failed: Option<io::Error>,
    closed: bool,
}

impl Line {
    /// The line of a client's `connection`-th connection.
    pub fn new(
        delay: &Delay,
        (client, connection): (u32, u32),
        alarm: Timer,
        errors: Rc<dyn Errors>,
    ) -> Line {
        let mut up = delay.draws(client, connection, Heading::Up);
        let mut down = delay.draws(client, connection, Heading::Down);
        Line {
            handshake_ns: up.next_ns().saturating_add(down.next_ns()),
            up: Queue::new(up),
            down: Queue::new(down),
            alarm,
            up_nap: Nap::default(),
            down_nap: Nap::default(),
            errors,
            broken: None,
            failed: None,
            closed: false,
        }
    }
    /// How long SYN and SYN-ACK take, in nanoseconds.
    pub fn handshake_ns(&self) -> u64 {
        self.handshake_ns
    }
    /// Bytes that were written and have not moved to the socket.
    pub fn unsent(&self) -> u64 {
        self.up.len() as u64
    }
    /// Drops what was read and never given to the client; says how many bytes they were.
    pub fn forget_down(&mut self) -> u64 {
        self.down.clear() as u64
    }

    /// Moves released bytes to the socket. Says whether it would take no more for now, so that
    /// the socket wakes the task and not the alarm.
    fn pump(&mut self, cx: &mut Context<'_>, stream: &mut TcpStream, meter: &Meter) -> bool {
        while self.broken.is_none() && !self.up.is_empty() {
            let now = now_ns();
            let released = self.up.released(now);
            if released.is_empty() {
                return false;
            }
            match Pin::new(&mut *stream).poll_write(cx, released) {
                Poll::Pending => return true,
                Poll::Ready(Ok(0)) => self.broken = Some(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(n)) => {
                    meter.wrote(n);
                    self.up.take(now, n, |late| self.errors.released(now, late));
                }
                Poll::Ready(Err(error)) => self.broken = Some(error),
            }
        }
        false
    }

    /// Takes everything that the socket has, as far as there is room. `buf` lends its memory.
    fn fill(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut TcpStream,
        meter: &Meter,
        buf: &mut ReadBuf<'_>,
    ) {
        while !self.down.has_end() && self.down.room() > 0 {
            let mut lent = buf.take(self.down.room());
            let result = Pin::new(&mut *stream).poll_read(cx, &mut lent);
            // Also after an error: what was read before it was read.
            let len = lent.filled().len();
            if len > 0 {
                meter.read_more(len);
                self.down.push(now_ns(), lent.filled());
            }
            match result {
                Poll::Pending => return,
                Poll::Ready(Ok(())) if len > 0 => {}
                Poll::Ready(Ok(())) => {
                    meter.end();
                    self.down.end(now_ns());
                }
                Poll::Ready(Err(error)) => {
                    self.failed = Some(error);
                    self.down.end(now_ns());
                }
            }
        }
    }

    /// Gives released bytes, or the end, to the client.
    fn give(&mut self, buf: &mut ReadBuf<'_>) -> Option<io::Result<()>> {
        let now = now_ns();
        let before = buf.filled().len();
        loop {
            let released = self.down.released(now);
            let len = released.len().min(buf.remaining());
            if len == 0 {
                break;
            }
            buf.put_slice(&released[..len]);
            self.down.take(now, len, |late| self.errors.released(now, late));
        }
        if buf.filled().len() > before {
            return Some(Ok(()));
        }
        self.down.is_over(now).then(|| self.failed.take().map_or(Ok(()), Err))
    }

    /// Sleeps until the next release to the socket; ready where that has come meanwhile.
    fn doze_up(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let at = self.up.next_ns().filter(|_| self.broken.is_none());
        self.up_nap.poll(cx, &self.alarm, at)
    }

    /// See [`AsyncRead::poll_read`].
    pub fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut TcpStream,
        meter: &Meter,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            self.fill(cx, stream, meter, buf);
            let blocked = self.pump(cx, stream, meter);
            if let Some(given) = self.give(buf) {
                return Poll::Ready(given);
            }
            // A direction that waits for its socket is woken by that.
            let pumps = !blocked && !self.up.is_empty() && self.doze_up(cx).is_ready();
            let gives = self.down_nap.poll(cx, &self.alarm, self.down.next_ns()).is_ready();
            if !pumps && !gives {
                return Poll::Pending;
            }
        }
    }

    /// See [`AsyncWrite::poll_write`].
    pub fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut TcpStream,
        meter: &Meter,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            if let Some(error) = &self.broken {
                return Poll::Ready(Err(again(error)));
            }
            if self.up.has_end() {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            if self.up.room() > 0 || bytes.is_empty() {
                return Poll::Ready(Ok(self.up.push(now_ns(), bytes)));
            }
            let blocked = self.pump(cx, stream, meter);
            if self.up.room() == 0 && self.broken.is_none() {
                if blocked {
                    return Poll::Pending;
                }
                ready!(self.doze_up(cx));
            }
        }
    }

    /// Waits until everything that was written has moved to the socket.
    pub fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut TcpStream,
        meter: &Meter,
    ) -> Poll<io::Result<()>> {
        loop {
            let blocked = self.pump(cx, stream, meter);
            if let Some(error) = &self.broken {
                return Poll::Ready(Err(again(error)));
            }
            if self.up.is_empty() {
                return Poll::Ready(Ok(()));
            }
            if blocked {
                return Poll::Pending;
            }
            ready!(self.doze_up(cx));
        }
    }

    /// Waits until everything that was written has moved to the socket, and then for the release
    /// of the end.
    pub fn poll_shutdown(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut TcpStream,
        meter: &Meter,
    ) -> Poll<io::Result<()>> {
        self.up.end(now_ns());
        ready!(self.poll_flush(cx, stream, meter))?;
        while !self.closed {
            if self.up.is_over(now_ns()) {
                ready!(Pin::new(&mut *stream).poll_shutdown(cx))?;
                self.closed = true;
            } else {
                ready!(self.doze_up(cx));
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// A sleep until a direction's next release. Each direction has its own, so that whoever waits
/// for one does not undo the wait for the other.
#[derive(Default)]
struct Nap(Option<(u64, Sleep)>);

impl Nap {
    /// Ready at the moment; never where there is none. May be ready early where everybody was
    /// woken.
    fn poll(&mut self, cx: &mut Context<'_>, alarm: &Timer, at: Option<u64>) -> Poll<()> {
        let Some(at) = at else {
            self.0 = None;
            return Poll::Pending;
        };
        if self.0.as_ref().is_none_or(|(until, _)| *until != at) {
            self.0 = Some((at, alarm.until(at)));
        }
        let slept = self.0.as_mut().map_or(Poll::Pending, |(_, sleep)| Pin::new(sleep).poll(cx));
        slept.map(|_| self.0 = None)
    }
}

/// The same error once more: an `io::Error` cannot be cloned.
fn again(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").field("up", &self.up.len()).field("down", &self.down.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Metered;
    use crate::time::JitterLaw;
    use std::cell::Cell;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    const ONE_WAY_NS: u64 = 30_000_000;

    #[derive(Default)]
    struct Heard(Cell<u64>);

    impl Errors for Heard {
        fn released(&self, _: u64, _: u64) {
            self.0.set(self.0.get() + 1);
        }
    }

    /// A client behind a line, the other end, and how many pieces have left the line.
    fn between(test: impl AsyncFnOnce(Metered, TcpStream, Rc<Heard>)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async {
            let alarm = Timer::default();
            let keeper = tokio::task::spawn_local(alarm.clone().keep());
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
            let delay = Delay {
                one_way_ns: ONE_WAY_NS,
                jitter_ns: 1_000_000,
                law: JitterLaw::HalfNormal,
                seed: 1,
            };
            let heard = Rc::new(Heard::default());
            let line = Line::new(&delay, (0, 0), alarm, heard.clone());
            assert!(line.handshake_ns() >= 2 * ONE_WAY_NS);
            let client = Metered::new(client.unwrap()).behind(line);
            test(client, server.unwrap().0, heard).await;
            keeper.abort();
        });
    }

    #[test]
    fn bytes_and_ends_take_their_time_both_ways() {
        between(async |mut client, mut server, heard| {
            let began = now_ns();
            client.write_all(b"up").await.unwrap();
            assert_eq!((client.unsent(), client.meter().written()), (2, 0));
            client.flush().await.unwrap();
            assert_eq!((client.unsent(), client.meter().written()), (0, 2));
            assert!(now_ns() - began >= ONE_WAY_NS);
            let mut buf = [0; 2];
            server.read_exact(&mut buf).await.unwrap();
            let sent = now_ns();
            server.write_all(b"down").await.unwrap();
            server.shutdown().await.unwrap();
            let mut all = Vec::new();
            client.read_to_end(&mut all).await.unwrap();
            assert!(now_ns() - sent >= ONE_WAY_NS);
            assert_eq!((&buf, &all[..], client.meter().read()), (b"up", &b"down"[..], 4));
            let closed = now_ns();
            client.shutdown().await.unwrap();
            assert_eq!(server.read(&mut buf).await.unwrap(), 0);
            assert!(now_ns() - closed >= ONE_WAY_NS);
            assert!(client.write_all(b"more").await.is_err());
            assert_eq!(heard.0.get(), 2);
        });
    }

    #[test]
    fn what_was_held_back_at_the_end_is_drained_or_was_never_written() {
        between(async |mut client, mut server, heard| {
            server.write_all(b"twelve bytes").await.unwrap();
            client.write_all(b"never sent").await.unwrap();
            // Read from the socket, and not yet to be given away.
            let early = tokio::time::Duration::from_millis(5);
            let read = tokio::time::timeout(early, client.read_u8()).await;
            assert!(read.is_err());
            let meter = client.meter();
            assert_eq!((client.drain(), client.drain(), client.unsent()), (12, 0, 10));
            assert_eq!((meter.read(), meter.written(), heard.0.get()), (12, 0, 0));
            drop(client);
            assert_eq!(server.read(&mut [0; 16]).await.unwrap_or(0), 0);
        });
    }

    #[test]
    fn a_full_line_makes_its_writer_wait_and_loses_nothing() {
        between(async |mut client, mut server, _| {
            let sent: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
            let mut got = Vec::new();
            let writing = async {
                client.write_all(&sent).await.unwrap();
                client.shutdown().await.unwrap();
            };
            let ((), read) = tokio::join!(writing, server.read_to_end(&mut got));
            assert_eq!(read.unwrap(), sent.len());
            assert!(got == sent);
        });
    }
}
