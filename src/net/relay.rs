//! A TCP relay through a delay line, for other programs' clients and servers.
//!
//! The kernel answers a client's SYN itself, so that a relay cannot delay the handshake. Instead the
//! first bytes are held for the round trip that it would have taken. One task a connection, on the
//! runtime of the caller's thread.

use crate::net::connection::Connection;
use crate::net::delay_line::{DelayErrors, DelayLine};
use crate::net::dial::{Dialer, dial, tcp_socket};
use crate::net::meter::Meter;
use crate::record::{ClientError, empty_histogram};
use crate::time::{Timer, now_ns};
use hdrhistogram::Histogram;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Connections that may wait to be accepted; the kernel's `somaxconn` is the lower bound.
const BACKLOG: u32 = 65_535;
/// How long to wait if no descriptor is left.
const BACK_OFF: Duration = Duration::from_millis(50);

/// A relay that listens.
pub(crate) struct Relay {
    listener: TcpListener,
    address: SocketAddr,
    to: Dialer,
}

/// What passed through a relay.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RelayTotals {
    /// Connections accepted.
    pub connections: u64,
    /// Bytes that reached the server's socket.
    pub up: u64,
    /// Bytes that were read from the server's socket.
    pub down: u64,
    /// Connections for which the server could not be reached, by the error.
    pub faults: BTreeMap<ClientError, u64>,
    /// How late pieces left the delay line, in nanoseconds.
    pub errors: Histogram<u64>,
}

/// What the connections of a relay share.
struct RelayState {
    to: Dialer,
    timer: Timer,
    totals: RefCell<RelayTotals>,
    accepted: Cell<u32>,
}

impl Relay {
    /// Listens at an address. `to` has the server and the delay. To be called within a runtime.
    ///
    /// # Errors
    /// From `bind(2)` and `listen(2)`.
    pub(crate) fn bind(address: SocketAddr, to: Dialer) -> io::Result<Relay> {
        let socket = tcp_socket(address)?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        Ok(Relay { listener, address, to })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Relays until `ended`, and closes the connections that are open then. To be called within a
    /// local runtime.
    pub(crate) async fn run<T>(self, ended: impl Future<Output = T>) -> (T, RelayTotals) {
        let state = Rc::new(RelayState::new(self.to));
        let keeper = tokio::task::spawn_local(state.timer.clone().keep());
        let mut connections = JoinSet::new();
        let mut ended = std::pin::pin!(ended);
        let end = loop {
            tokio::select! {
                end = &mut ended => break end,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn_local(state.clone().serve(stream));
                    }
                    // Descriptors may become free; a client that has gone is no reason to end.
                    Err(_) => tokio::time::sleep(BACK_OFF).await,
                },
                Some(_) = connections.join_next() => {}
            }
        };
        // Their counts are added as they are dropped.
        connections.shutdown().await;
        keeper.abort();
        let totals = state.totals.borrow().clone();
        (end, totals)
    }
}

impl RelayState {
    fn new(to: Dialer) -> RelayState {
        let faults = BTreeMap::new();
        let errors = empty_histogram();
        let totals = RelayTotals { connections: 0, up: 0, down: 0, faults, errors };
        RelayState {
            to,
            // No gap: a relay has nothing else to do.
            timer: Timer::default(),
            totals: RefCell::new(totals),
            accepted: Cell::new(0),
        }
    }

    async fn serve(self: Rc<Self>, mut client: TcpStream) {
        let came_ns = now_ns();
        let number = self.accepted.get();
        self.accepted.set(number.wrapping_add(1));
        self.totals.borrow_mut().connections += 1;
        let line = DelayLine::new(&self.to.delay, number, 0, self.clone());
        let usable_ns = came_ns.saturating_add(line.handshake_ns());
        while !self.timer.until(usable_ns).await {}
        let server = match dial(&self.to, number).await {
            Ok(server) => server,
            Err(fault) => {
                *self.totals.borrow_mut().faults.entry(fault).or_default() += 1;
                return;
            }
        };
        // Without it the kernel would add a delay of its own. If it cannot be set, the client has gone,
        // which the copying finds too.
        let _ = client.set_nodelay(true);
        let mut server = Connection::delayed(server, line, self.timer.clone());
        let _count = CountedBytes { state: self.clone(), meter: server.meter() };
        // An error on either side ends both.
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}

impl DelayErrors for RelayState {
    fn record(&self, _now_ns: u64, error_ns: u64) {
        self.totals.borrow_mut().errors.saturating_record(error_ns);
    }
}

/// Adds a connection's bytes to the totals when it is dropped.
struct CountedBytes {
    state: Rc<RelayState>,
    meter: Rc<Meter>,
}

impl Drop for CountedBytes {
    fn drop(&mut self) {
        let mut totals = self.state.totals.borrow_mut();
        totals.up += self.meter.written();
        totals.down += self.meter.read();
    }
}
