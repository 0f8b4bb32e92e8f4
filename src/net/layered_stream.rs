//! A stack of layers over a TCP socket as an asynchronous stream: for the server and for clients
//! on tokio.
//!
//! Bytes are counted at the socket, in a plain cell: a stream belongs to one task. A byte counts
//! when it really moves, not when the client wrote it or has it. Without a buffer among the layers
//! bytes move directly between the caller's memory and the socket.
//!
//! With a buffer the stream has no task of its own either: whoever polls it moves both directions,
//! and sleeps on the thread's timer until the next release. A dropped stream closes its socket at
//! once; flushing and shutting down wait for what is held.

use crate::net::layer::{LayerBuffer, RecordLayer, StreamLayer, TlsBytes};
use crate::net::linux::tcp_info;
use crate::net::meter::Meter;
use crate::record::{ClientError, ClientErrorKind, Direction, Phase, TcpReading};
use crate::time::{Sleep, Timer, now_ns};
use std::future::Future;
use std::io::Read as _;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::{fmt, io};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// See the module's description.
pub(crate) struct LayeredStream<L> {
    socket: MeteredSocket,
    /// Boxed, because most connections have none.
    above: Option<Box<Above<L>>>,
}

/// What stands above the meter.
struct Above<L> {
    layers: L,
    io: BufferedIo,
}

impl<L: StreamLayer> LayeredStream<L> {
    /// A stream that counts from now on. `timer` wakes its task at releases; layers without
    /// deadlines need none.
    pub(crate) fn over(
        socket: TcpStream,
        layers: Option<L>,
        timer: Option<Timer>,
    ) -> LayeredStream<L> {
        let above = layers.map(|layers| {
            let io = BufferedIo { timer, ..BufferedIo::default() };
            Box::new(Above { layers, io })
        });
        LayeredStream { socket: MeteredSocket { stream: socket, meter: Rc::default() }, above }
    }
    /// The meter, which outlives the stream.
    pub(crate) fn meter(&self) -> Rc<Meter> {
        self.socket.meter.clone()
    }
    /// Ready if reading may give something. Moves what is held, as reading does.
    pub(crate) fn poll_read_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(mut through) = self.through_buffer()
            && through.poll_progress(cx).is_ready()
        {
            return Poll::Ready(Ok(()));
        }
        self.socket.stream.poll_read_ready(cx)
    }
    /// What moves from now on belongs to another phase.
    pub(crate) fn enter(&mut self, phase: Phase) {
        if let Some(above) = &mut self.above {
            above.layers.enter(phase);
        }
    }
    /// Bytes that were sent and that a layer holds.
    pub(crate) fn unsent(&mut self) -> u64 {
        match self.tls() {
            Some(tls) => tls.unsent(),
            None => self.through_buffer().map_or(0, |through| through.buffer.held(Direction::Up)),
        }
    }
    /// Bytes that were sent and have reached the socket.
    pub(crate) fn written(&self) -> u64 {
        self.tls().map_or_else(|| self.socket.meter.written(), RecordLayer::written)
    }
    /// Whether the end of the socket's bytes was read; `None` if it is what the reader sees. TLS ends
    /// a direction before the socket does.
    pub(crate) fn has_read_end(&self) -> Option<bool> {
        let above = self.above.as_ref()?;
        above.layers.tls().map(|_| above.io.read_ended && above.io.read_error.is_none())
    }
    /// Of the bytes at the socket, those that are TLS.
    pub(crate) fn tls_bytes(&self) -> TlsBytes {
        self.tls().map(RecordLayer::bytes).unwrap_or_default()
    }
    fn tls(&self) -> Option<&dyn RecordLayer> {
        self.above.as_ref()?.layers.tls()
    }
    /// Ready once the handshake of TLS is over; at once without TLS.
    ///
    /// # Errors
    /// Why it failed.
    pub(crate) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ClientError>> {
        let mut memory = [MaybeUninit::uninit(); 4096];
        loop {
            if let Some(mut through) = self.through_buffer() {
                through.receive(cx, &mut ReadBuf::uninit(&mut memory));
                // Moves what a delay line releases into TLS, and then what that answers.
                let now = now_ns();
                through.buffer.ready(Direction::Down, now);
                through.send_ready(cx);
            }
            let Some(tls) = self.above.as_mut().and_then(|above| above.layers.tls_mut()) else {
                return Poll::Ready(Ok(()));
            };
            if let Some(error) = tls.take_failure() {
                return Poll::Ready(Err(error));
            }
            if tls.is_open() {
                return Poll::Ready(Ok(()));
            }
            let Some(through) = self.through_buffer() else { return Poll::Pending };
            if let Some(error) = through.io.read_error.as_ref().or(through.io.write_error.as_ref())
            {
                return Poll::Ready(Err(ClientError::io(ClientErrorKind::Read, error)));
            }
            ready!(self.poll_next_release(cx));
        }
    }
    /// Returns why TLS can carry nothing more, once; reads what the socket still has before. An alert of
    /// the peer may wait behind an error that writing has met.
    pub(crate) fn take_tls_failure(&mut self) -> Option<ClientError> {
        self.tls()?;
        let mut memory = [0; 4096];
        while let Some(through) = self.through_buffer()
            && !through.io.read_ended
        {
            let now = now_ns();
            let room = through.buffer.room(Direction::Down).min(memory.len());
            if room == 0 {
                break;
            }
            // The runtime takes the socket for empty until its next look at the kernel.
            let socket = socket2::SockRef::from(&through.socket.stream);
            match (&*socket).read(&mut memory[..room]) {
                Ok(n @ 1..) => {
                    through.socket.meter.count_read(n);
                    through.buffer.push(Direction::Down, now, &memory[..n]);
                    // Moves what a delay line releases into TLS.
                    through.buffer.ready(Direction::Down, now);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // What looks like an end after an error is that error.
                Ok(_) if through.io.write_error.is_some() => break,
                Ok(_) => through.io.read_ended = true,
                Err(error) => {
                    through.io.read_error = Some(error);
                    through.io.read_ended = true;
                }
            }
        }
        self.above.as_mut()?.layers.tls_mut()?.take_failure()
    }
    /// Ready when a layer releases bytes.
    fn poll_next_release(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(mut through) = self.through_buffer() else { return Poll::Pending };
        let now = now_ns();
        let up_ns = through.buffer.deadline_ns(Direction::Up, now);
        let down_ns = through.buffer.deadline_ns(Direction::Down, now);
        through.poll_releases(cx, up_ns, down_ns)
    }
    /// Reads what the kernel has counted.
    ///
    /// # Errors
    /// If it cannot be asked.
    pub(crate) fn counts(&self) -> io::Result<TcpReading> {
        let socket = &self.socket.stream;
        tcp_info::read(socket.as_fd(), socket.peer_addr().is_ok_and(|peer| peer.is_ipv6()))
    }
    /// Drops what a layer holds of the peer's bytes, and reads the socket until so many bytes are
    /// read in all or nothing has come. Returns whether it has read the peer's end.
    pub(crate) fn drain(&mut self, until: u64) -> bool {
        if let Some(through) = self.through_buffer() {
            through.buffer.discard(Direction::Down);
        }
        // The runtime takes the socket for empty until its next look at the kernel.
        let socket = socket2::SockRef::from(&self.socket.stream);
        let mut rest = [MaybeUninit::uninit(); 4096];
        while self.socket.meter.read() < until {
            let left = (until - self.socket.meter.read()).min(rest.len() as u64) as usize;
            match socket.recv(&mut rest[..left]) {
                Ok(n @ 1..) => self.socket.meter.count_read(n),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
                Ok(_) => return self.note_end(),
            }
        }
        false
    }
    /// Notes that nothing more can be read. Returns whether that is the peer's end: after an error it
    /// only looks like one.
    fn note_end(&mut self) -> bool {
        let Some(above) = &mut self.above else { return true };
        let io = &mut above.io;
        let ended = io.write_error.is_none() && io.read_error.is_none();
        io.read_ended |= ended;
        ended
    }
    /// What moves bytes if one of the layers is a buffer.
    #[inline]
    fn through_buffer(&mut self) -> Option<ThroughBuffer<'_>> {
        let Above { layers, io } = &mut **self.above.as_mut()?;
        Some(ThroughBuffer { buffer: layers.buffer()?, io, socket: &mut self.socket })
    }
    /// Shows the layers bytes that have passed, if none of them is a buffer.
    #[inline]
    fn observe(&mut self, direction: Direction, bytes: &[u8]) {
        if let Some(above) = &mut self.above {
            above.layers.observe(direction, bytes);
        }
    }
}

impl<L: StreamLayer + Unpin> AsyncRead for LayeredStream<L> {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(mut through) = self.through_buffer() {
            return through.poll_read(cx, buf);
        }
        let before = buf.filled().len();
        let result = self.socket.poll_read(cx, buf);
        self.observe(Direction::Down, &buf.filled()[before..]);
        result
    }
}

impl<L: StreamLayer + Unpin> AsyncWrite for LayeredStream<L> {
    #[inline]
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(mut through) = self.through_buffer() {
            return through.poll_write(cx, bytes);
        }
        let result = self.socket.poll_write(cx, bytes);
        if let Poll::Ready(Ok(n)) = &result {
            self.observe(Direction::Up, &bytes[..*n]);
        }
        result
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.above.is_none() {
            return self.socket.poll_write_vectored(cx, slices);
        }
        // The first that is not empty, as the trait's own default does.
        let first = slices.iter().find(|slice| !slice.is_empty());
        self.poll_write(cx, first.map_or(&[][..], |slice| &**slice))
    }
    fn is_write_vectored(&self) -> bool {
        self.above.is_none() && self.socket.stream.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.through_buffer() {
            Some(mut through) => through.poll_flush(cx),
            None => Pin::new(&mut self.socket.stream).poll_flush(cx),
        }
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.through_buffer() {
            Some(mut through) => through.poll_shutdown(cx),
            None => Pin::new(&mut self.socket.stream).poll_shutdown(cx),
        }
    }
}

impl<L> fmt::Debug for LayeredStream<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LayeredStream").field("socket", &self.socket).finish_non_exhaustive()
    }
}

/// A socket whose bytes are counted.
#[derive(Debug)]
struct MeteredSocket {
    stream: TcpStream,
    meter: Rc<Meter>,
}

impl MeteredSocket {
    #[inline]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        // Also after an error: what was read before it was read.
        let read = buf.filled().len() - before;
        self.meter.count_read(read);
        result
    }
    #[inline]
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(n)) = &result {
            self.meter.count_written(*n);
        }
        result
    }
    #[inline]
    fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        if let Poll::Ready(Ok(n)) = &result {
            self.meter.count_written(*n);
        }
        result
    }
}

/// How far the bytes between a socket and a buffer are.
#[derive(Default)]
struct BufferedIo {
    timer: Option<Timer>,
    up_sleep: ReleaseSleep,
    down_sleep: ReleaseSleep,
    /// Why the socket accepts no more; bytes that are still held upwards never move.
    write_error: Option<io::Error>,
    /// The error that ended the other direction. It is released as an end of the stream is.
    read_error: Option<io::Error>,
    /// The end of the socket's bytes, or an error, was read.
    read_ended: bool,
    /// The protocol has ended its direction.
    write_ended: bool,
    /// The socket's direction to the peer was ended.
    closed: bool,
}

/// Moves bytes between a socket and a buffer.
struct ThroughBuffer<'a> {
    io: &'a mut BufferedIo,
    buffer: &'a mut dyn LayerBuffer,
    socket: &'a mut MeteredSocket,
}

impl ThroughBuffer<'_> {
    /// Moves bytes that are ready to the socket. Returns when more will be ready; `None` if there
    /// is nothing to wait for, or the socket is full and will wake the task.
    fn send_ready(&mut self, cx: &mut Context<'_>) -> Option<u64> {
        while self.io.write_error.is_none() && self.buffer.held(Direction::Up) > 0 {
            let now = now_ns();
            let ready = self.buffer.ready(Direction::Up, now);
            if ready.is_empty() {
                return self.buffer.deadline_ns(Direction::Up, now);
            }
            match self.socket.poll_write(cx, ready) {
                Poll::Pending => return None,
                Poll::Ready(Ok(0)) => self.io.write_error = Some(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(n)) => {
                    self.buffer.take(Direction::Up, now, n);
                    self.buffer.reached_socket(self.socket.meter.written());
                }
                Poll::Ready(Err(error)) => self.io.write_error = Some(error),
            }
        }
        None
    }

    /// Reads everything that the socket has, as far as there is room. `buf` lends its memory.
    fn receive(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) {
        while !self.io.read_ended {
            let room = self.buffer.room(Direction::Down);
            if room == 0 {
                return;
            }
            let mut lent = buf.take(room);
            let result = self.socket.poll_read(cx, &mut lent);
            let read = lent.filled();
            if !read.is_empty() {
                self.buffer.push(Direction::Down, now_ns(), read);
            }
            match result {
                Poll::Pending => return,
                Poll::Ready(Ok(())) if !read.is_empty() => continue,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => self.io.read_error = Some(error),
            }
            self.io.read_ended = true;
            self.buffer.end(Direction::Down, now_ns());
        }
    }

    /// Copies bytes that are ready, or the end, to the protocol.
    fn deliver(&mut self, now_ns: u64, buf: &mut ReadBuf<'_>) -> Option<io::Result<()>> {
        let before = buf.filled().len();
        loop {
            let ready = self.buffer.ready(Direction::Down, now_ns);
            let len = ready.len().min(buf.remaining());
            if len == 0 {
                break;
            }
            buf.put_slice(&ready[..len]);
            self.buffer.take(Direction::Down, now_ns, len);
        }
        if buf.filled().len() > before {
            return Some(Ok(()));
        }
        if self.buffer.is_broken() {
            return Some(Err(io::ErrorKind::InvalidData.into()));
        }
        let over = self.buffer.is_over(Direction::Down, now_ns);
        over.then(|| self.io.read_error.take().map_or(Ok(()), Err))
    }

    /// See [`AsyncRead::poll_read`].
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            self.receive(cx, buf);
            let now = now_ns();
            // Moves what a layer below TLS holds into it, which may have an answer of its own.
            let delivered = self.deliver(now, buf);
            let up_ns = self.send_ready(cx);
            if let Some(delivered) = delivered {
                return Poll::Ready(delivered);
            }
            let down_ns = self.buffer.deadline_ns(Direction::Down, now);
            if self.poll_releases(cx, up_ns, down_ns).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// See [`LayeredStream::poll_read_ready`].
    fn poll_progress(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = now_ns();
        // Moves what a layer below TLS holds into it, which may have an answer of its own.
        let readable = !self.buffer.ready(Direction::Down, now).is_empty()
            || self.buffer.is_over(Direction::Down, now);
        let up_ns = self.send_ready(cx);
        if readable {
            return Poll::Ready(());
        }
        let down_ns = self.buffer.deadline_ns(Direction::Down, now);
        self.poll_releases(cx, up_ns, down_ns)
    }

    /// Ready when the next release of either direction has come.
    fn poll_releases(
        &mut self,
        cx: &mut Context<'_>,
        up_ns: Option<u64>,
        down_ns: Option<u64>,
    ) -> Poll<()> {
        let timer = self.io.timer.as_ref();
        let up = match up_ns {
            Some(_) => self.io.up_sleep.poll(cx, timer, up_ns),
            // A shutdown may wait for the release of the end.
            None => Poll::Pending,
        };
        let down = self.io.down_sleep.poll(cx, timer, down_ns);
        if up.is_ready() { up } else { down }
    }

    /// See [`AsyncWrite::poll_write`].
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            if let Some(error) = &self.io.write_error {
                return Poll::Ready(Err(same_error(error)));
            }
            if self.io.write_ended || self.buffer.is_broken() {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            if self.buffer.room(Direction::Up) > 0 || bytes.is_empty() {
                let pushed = self.buffer.push(Direction::Up, now_ns(), bytes);
                // A layer that does not delay has it ready at once.
                self.send_ready(cx);
                return Poll::Ready(Ok(pushed));
            }
            let up_ns = self.send_ready(cx);
            if self.buffer.room(Direction::Up) == 0 && self.io.write_error.is_none() {
                ready!(self.io.up_sleep.poll(cx, self.io.timer.as_ref(), up_ns));
            }
        }
    }

    /// Waits until everything that was written has moved to the self.socket.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let up_ns = self.send_ready(cx);
            if let Some(error) = &self.io.write_error {
                return Poll::Ready(Err(same_error(error)));
            }
            if self.buffer.held(Direction::Up) == 0 || self.buffer.is_broken() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.io.up_sleep.poll(cx, self.io.timer.as_ref(), up_ns));
        }
    }

    /// Waits until everything that was written has moved to the socket, and then for the release
    /// of the end.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.io.write_ended {
            self.io.write_ended = true;
            self.buffer.end(Direction::Up, now_ns());
        }
        ready!(self.poll_flush(cx))?;
        while !self.io.closed {
            let now = now_ns();
            if self.buffer.is_over(Direction::Up, now) {
                ready!(Pin::new(&mut self.socket.stream).poll_shutdown(cx))?;
                self.io.closed = true;
            } else {
                let up_ns = self.buffer.deadline_ns(Direction::Up, now);
                ready!(self.io.up_sleep.poll(cx, self.io.timer.as_ref(), up_ns));
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// A sleep until the next release of one direction. Each direction has its own, so that a wait
/// for one does not undo the wait for the other.
#[derive(Default)]
struct ReleaseSleep(Option<(u64, Sleep)>);

impl ReleaseSleep {
    /// Ready at the moment; never if there is none. May be ready early when all sleepers of the
    /// timer are woken.
    fn poll(&mut self, cx: &mut Context<'_>, timer: Option<&Timer>, at: Option<u64>) -> Poll<()> {
        debug_assert!(at.is_none() || timer.is_some(), "a layer with deadlines needs a timer");
        let (Some(until_ns), Some(timer)) = (at, timer) else {
            self.0 = None;
            return Poll::Pending;
        };
        let pending = match self.0.take() {
            Some(pending) if pending.0 == until_ns => pending,
            _ => (until_ns, timer.until(until_ns)),
        };
        let (_, sleep) = self.0.insert(pending);
        ready!(Pin::new(sleep).poll(cx));
        self.0 = None;
        Poll::Ready(())
    }
}

/// The same error once more: an `io::Error` cannot be cloned.
fn same_error(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Connection;
    use crate::net::delay_line::{DelayErrors, DelayLine};
    use crate::net::identity_layer::IdentityLayer;
    use crate::time::{Delay, JitterDistribution};
    use std::cell::Cell;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    const ONE_WAY_NS: u64 = 30_000_000;

    #[derive(Default)]
    struct ReleaseCount(Cell<u64>);

    impl DelayErrors for ReleaseCount {
        fn record(&self, _: u64, _: u64) {
            self.0.set(self.0.get() + 1);
        }
    }

    fn on_a_thread(test: impl AsyncFnOnce(TcpStream, TcpStream, Timer)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let timer = Timer::default();
            let keeper = tokio::task::spawn_local(timer.clone().keep());
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
            test(client.unwrap(), server.unwrap().0, timer).await;
            keeper.abort();
        });
    }

    /// A client behind a delay line, the other end, and how many pieces have left the line.
    fn with_delay_line(test: impl AsyncFnOnce(Connection, TcpStream, Rc<ReleaseCount>)) {
        on_a_thread(async |client, server, timer| {
            let delay = Delay {
                one_way_ns: ONE_WAY_NS,
                jitter_ns: 1_000_000,
                law: JitterDistribution::HalfNormal,
                seed: 1,
            };
            let released = Rc::new(ReleaseCount::default());
            let line = DelayLine::new(&delay, 0, 0, released.clone());
            assert!(line.handshake_ns() >= 2 * ONE_WAY_NS);
            test(Connection::delayed(client, line, timer), server, released).await;
        });
    }

    #[test]
    fn counts_what_the_other_end_counts() {
        on_a_thread(async |client, server, _| {
            let (mut a, mut b) = (Connection::new(client, None), Connection::new(server, None));
            let slices = [io::IoSlice::new(b"heads"), io::IoSlice::new(b"body")];
            let written = a.write_vectored(&slices).await.unwrap();
            assert_eq!(written, if a.is_write_vectored() { 9 } else { 5 });
            a.write_all(&b"headsbodymore"[written..]).await.unwrap();
            let mut buf = [0; 13];
            b.read_exact(&mut buf).await.unwrap();
            assert_eq!(&buf, b"headsbodymore");
            drop(a);
            assert_eq!(b.read(&mut buf).await.unwrap(), 0);
            assert_eq!((b.meter().read(), b.meter().written()), (13, 0));
        });
    }

    #[test]
    fn bytes_and_ends_take_their_time_both_ways() {
        with_delay_line(async |mut client, mut server, released| {
            let began = now_ns();
            client.write_all(b"up").await.unwrap();
            assert_eq!(client.meter().written(), 0);
            client.flush().await.unwrap();
            assert_eq!(client.meter().written(), 2);
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
            assert_eq!(released.0.get(), 2);
        });
    }

    #[test]
    fn reading_does_not_undo_the_wait_of_a_shutdown() {
        with_delay_line(async |client, mut server, _| {
            let (mut read, mut write) = tokio::io::split(client);
            let mut buf = [0; 8];
            let mut answer = [0; 8];
            let closing = async {
                write.write_all(b"last").await.unwrap();
                write.shutdown().await.unwrap();
            };
            // Polled after the shutdown, in the same task.
            let reading = async { read.read(&mut answer).await.unwrap() };
            let serving = async {
                assert_eq!(server.read(&mut buf).await.unwrap(), 4);
                assert_eq!(server.read(&mut buf).await.unwrap(), 0);
                server.shutdown().await.unwrap();
            };
            let all = async { tokio::join!(closing, reading, serving) };
            let limit = tokio::time::Duration::from_secs(5);
            let done = tokio::time::timeout(limit, all).await;
            assert_eq!(done.expect("the end arrives").1, 0);
        });
    }

    #[test]
    fn a_full_delay_line_makes_its_writer_wait_and_loses_nothing() {
        with_delay_line(async |mut client, mut server, _| {
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

    /// Both ends behind a layer that copies: as TLS would be.
    #[test]
    fn a_buffer_that_does_not_delay_passes_everything_on_and_counts_the_same() {
        on_a_thread(async |client, server, _| {
            let copying = |socket| {
                LayeredStream::over(socket, Some(IdentityLayer::with_room(64 * 1024)), None)
            };
            let (mut client, mut server) = (copying(client), copying(server));
            let sent: Vec<u8> = (0..2_000_000u32).map(|n| (n % 251) as u8).collect();
            let mut got = Vec::new();
            let writing = async {
                client.write_all(&sent).await.unwrap();
                client.shutdown().await.unwrap();
                assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
            };
            let answering = async {
                server.read_to_end(&mut got).await.unwrap();
                server.shutdown().await.unwrap();
            };
            tokio::join!(writing, answering);
            assert!(got == sent);
            assert_eq!(client.meter().written(), sent.len() as u64);
            assert_eq!(server.meter().read(), sent.len() as u64);
            let passed = |end: &LayeredStream<IdentityLayer>, direction| {
                end.above.as_ref().unwrap().layers.passed(direction)
            };
            assert_eq!(passed(&client, Direction::Up), client.meter().written());
            assert_eq!(passed(&server, Direction::Down), server.meter().read());
            assert_eq!(passed(&client, Direction::Down), 0);
        });
    }
}
