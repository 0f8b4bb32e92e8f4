//! `epoll(7)`: the network of the kernel, for an engine of clients.
//!
//! A socket is registered once, edge-triggered: an event comes when something has changed, and the
//! engine goes on until the socket has nothing more or takes nothing more.

use crate::net::Dialer;
use crate::net::linux::bind::choose_port_at_connect;
use crate::net::linux::{async_descriptor, receive_timestamp, tcp_info};
use crate::net::socket::{Network, Readiness, Socket};
use crate::net::timestamp_sample::TimestampSample;
use crate::record::{ClientError, ClientErrorKind, TcpReading};
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, sockopt,
};
use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU64;
use std::rc::Rc;
use std::sync::Arc;
use tokio::io::unix::AsyncFd;

/// Events that one wait returns at most.
const EVENTS: usize = 512;
/// The key of the descriptor that wakes the wait.
const WAKE: u64 = u64::MAX;

/// The kernel's network.
pub(crate) struct Epoll {
    epoll: OwnedFd,
    wake: Wake,
    events: Vec<Event>,
    /// The connections whose reads have the kernel's timestamps.
    sample: Option<Rc<TimestampSample>>,
}

/// Wakes the wait of an [`Epoll`] from another thread.
#[derive(Debug, Clone)]
pub(crate) struct Wake(Arc<OwnedFd>);

impl Wake {
    /// Opens the descriptor that a wait watches.
    ///
    /// # Errors
    /// If the system has no descriptors left.
    pub(crate) fn new() -> io::Result<Wake> {
        Ok(Wake(Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)))
    }
    /// Lets the current or next wait return.
    pub(crate) fn wake(&self) {
        // It fails only if the counter is full: then it is woken already.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }
}

impl Epoll {
    /// Opens a descriptor of epoll, whose wait can be woken. The connections of a sample ask for the
    /// kernel's receive timestamps.
    ///
    /// # Errors
    /// If the system has no descriptors left, or does not wait with a precision of nanoseconds
    /// (`epoll_pwait2`, since Linux 5.11).
    pub(crate) fn new(wake: Wake, sample: Option<Rc<TimestampSample>>) -> io::Result<Epoll> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        // The kernel may otherwise be late by 50 µs (`PR_SET_TIMERSLACK`, `prctl(2)`).
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        let at_once = Timespec { tv_sec: 0, tv_nsec: 1 };
        epoll::wait(&epoll, &mut [MaybeUninit::uninit(); 1][..], Some(&at_once)).map(|_| ())?;
        epoll::add(&epoll, &wake.0, EventData::new_u64(WAKE), EventFlags::IN)?;
        Ok(Epoll { epoll, wake, events: Vec::with_capacity(EVENTS), sample })
    }
    /// Returns its descriptor for a runtime of tokio, to which it is readable if there are events.
    ///
    /// # Errors
    /// If the system has no descriptors left, or outside of a runtime.
    pub(crate) fn register(&self) -> io::Result<AsyncFd<OwnedFd>> {
        async_descriptor::register(self.epoll.try_clone()?)
    }
}

impl Network for Epoll {
    fn now_ns(&self) -> u64 {
        crate::time::now_ns()
    }

    fn connect(
        &mut self,
        key: u64,
        dialer: &Dialer,
        client: u32,
    ) -> Result<Box<dyn Socket>, ClientError> {
        let fault = |e: Errno| ClientError::io(ClientErrorKind::Connect, &e.into());
        let ipv6 = dialer.address.is_ipv6();
        let family = if ipv6 { AddressFamily::INET6 } else { AddressFamily::INET };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None);
        let socket = socket.map_err(fault)?;
        if let Some(source) = dialer.source(client) {
            choose_port_at_connect(&socket);
            let source = SocketAddr::new(IpAddr::V4(source), 0);
            rustix::net::bind(&socket, &source).map_err(fault)?;
        }
        sockopt::set_tcp_nodelay(&socket, true).map_err(fault)?;
        // Before the first segment can come.
        let sample = self
            .sample
            .as_ref()
            .filter(|sample| sample.has(client) && sample.asked(receive_timestamp::ask(&socket)));
        match rustix::net::connect(&socket, &dialer.address) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(fault(error)),
        }
        let all = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(&self.epoll, &socket, EventData::new_u64(key), all).map_err(fault)?;
        let socket = TcpSocket { socket, ipv6 };
        match sample {
            None => Ok(Box::new(socket)),
            Some(sample) => Ok(Box::new(TimestampedSocket {
                socket,
                sample: sample.clone(),
                asks: true,
                is_stamped: true,
            })),
        }
    }

    fn wait(&mut self, until_ns: u64, events: &mut Vec<Readiness>) {
        let left = until_ns.saturating_sub(self.now_ns());
        let timeout = (until_ns != u64::MAX).then_some(Timespec {
            tv_sec: (left / 1_000_000_000) as i64,
            tv_nsec: (left % 1_000_000_000) as _,
        });
        self.events.clear();
        let buffer = rustix::buffer::spare_capacity(&mut self.events);
        // A signal interrupts it: the engine looks around and waits again.
        let _ = epoll::wait(&self.epoll, buffer, timeout.as_ref());
        for event in &self.events {
            let key = event.data.u64();
            let flags = event.flags;
            if key == WAKE {
                // Empties the counter; it fails if nothing is in it.
                let _ = rustix::io::read(&self.wake.0, &mut [0u8; 8]);
                continue;
            }
            let ended = EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR;
            let ended = flags.intersects(ended);
            events.push(Readiness {
                key,
                readable: ended || flags.contains(EventFlags::IN),
                writable: ended || flags.contains(EventFlags::OUT),
                ended,
            });
        }
    }
}

/// A socket of the kernel's.
struct TcpSocket {
    socket: OwnedFd,
    ipv6: bool,
}

impl Socket for TcpSocket {
    #[inline]
    fn touch(&self) -> u64 {
        u64::from(self.ipv6)
    }
    fn connected(&mut self) -> io::Result<()> {
        Ok(sockopt::socket_error(&self.socket)??)
    }
    #[inline]
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(&self.socket, bytes, SendFlags::NOSIGNAL)?)
    }
    #[inline]
    fn receive(&mut self, into: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::net::recv(&self.socket, into, RecvFlags::empty())?.1)
    }
    fn end(&mut self) {
        // It fails if the connection is gone, which receiving meets too.
        let _ = rustix::net::shutdown(&self.socket, Shutdown::Write);
    }
    fn counts(&self) -> io::Result<TcpReading> {
        tcp_info::read(self.socket.as_fd(), self.ipv6)
    }
}

/// A socket whose reads have the time at which the kernel received their bytes.
struct TimestampedSocket {
    socket: TcpSocket,
    sample: Rc<TimestampSample>,
    /// Whether it asks for timestamps now.
    asks: bool,
    /// False from when it asks again until the first timestamp: the kernel begins some moments later.
    is_stamped: bool,
}

impl TimestampedSocket {
    /// Asks for timestamps, or stops it. What has come already has none.
    #[cold]
    fn ask(&mut self, wanted: bool) {
        let socket = &self.socket.socket;
        let done =
            if wanted { receive_timestamp::ask(socket) } else { receive_timestamp::stop(socket) };
        // What worked once fails only if the socket is gone, which the read says too.
        if done.is_ok() {
            self.asks = wanted;
            self.is_stamped = false;
        }
    }
}

impl Socket for TimestampedSocket {
    fn connected(&mut self) -> io::Result<()> {
        self.socket.connected()
    }
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.send(bytes)
    }
    fn receive(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let wanted = self.sample.wants();
        if wanted != self.asks {
            self.ask(wanted);
            return self.socket.receive(into);
        }
        if !wanted {
            return self.socket.receive(into);
        }
        let (len, received_ns) = receive_timestamp::receive(&self.socket.socket, into)?;
        self.is_stamped |= received_ns.is_some();
        if len > 0 && self.is_stamped {
            self.sample.record(received_ns);
        }
        Ok(len)
    }
    fn end(&mut self) {
        self.socket.end();
    }
    fn counts(&self) -> io::Result<TcpReading> {
        self.socket.counts()
    }
}
