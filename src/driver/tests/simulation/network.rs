//! A network with a clock of its own: connections with latency, writes and reads in pieces, resets
//! and ends, and servers that answer as they are made to. The same seed gives the same run.

use crate::client::context::ThreadContext;
use crate::client::delivery::message_times::MessageTimes;
use crate::driver::tests::simulation::server::{ServerAction, SimulatedServer};
use crate::net::Dialer;
use crate::net::socket::{Network, Readiness, Socket};
use crate::record::{ClientError, ClientErrorKind, TcpReading};
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

/// Makes the server's side of a new connection of a client.
pub(in crate::driver::tests) type Accept = Box<dyn FnMut(SocketAddr) -> Box<dyn SimulatedServer>>;

/// How long a connection stalls.
pub(super) const STALL_NS: u64 = 250_000_000;

/// How a network treats what passes it.
#[derive(Debug, Clone, Copy)]
pub(in crate::driver::tests) struct Conditions {
    /// One way, in nanoseconds, at least; up to twice that is drawn.
    pub latency_ns: u64,
    /// One in so many sends is taken in part only, or not at all for a while; 0 for none.
    pub cuts_one_in: u64,
    /// One in so many pieces to the client is cut in two; 0 for none.
    pub splits_one_in: u64,
    /// One in so many pieces to the client is late by [`STALL_NS`], and all after it; 0 for none.
    pub stalls_one_in: u64,
    /// One in so many connections is refused; 0 for none.
    pub refuses_one_in: u64,
    /// So many last bytes of what a server sends come with what it sends next, but for its first
    /// answer: no read ends with a message.
    pub holds_back: usize,
}

/// What happens at a moment.
enum Happening {
    Connected,
    Refused,
    ToServer(Vec<u8>),
    ClientEnded,
    ServerTimer,
    ToClient(ServerAction),
    Writable,
}

#[derive(Default)]
struct SimulatedConnection {
    key: u64,
    server: Option<Box<dyn SimulatedServer>>,
    connected: bool,
    refused: bool,
    inbox: VecDeque<u8>,
    fin: bool,
    fin_read: bool,
    reset: bool,
    error_read: bool,
    closed: bool,
    blocked: bool,
    sent: u64,
    came: u64,
    /// What the server has sent and is held back; `None` until its first answer.
    held: Option<Vec<u8>>,
    /// No later piece to the client, or to the server, may arrive before this.
    down_ns: u64,
    up_ns: u64,
}

/// When something came to a client.
#[derive(Debug, Clone, Default)]
pub(in crate::driver::tests) struct ConnectionLog {
    pub client: u32,
    /// The session's key: one client may have several sessions, of which the first has the lowest.
    pub key: u64,
    pub began_ns: u64,
    pub connected_ns: Option<u64>,
    /// The server has ended or reset it.
    pub ended: bool,
    /// Moments, and all bytes that had come by then.
    pub came: Vec<(u64, u64)>,
}

/// Everything in the network.
pub(in crate::driver::tests) struct World {
    pub now_ns: u64,
    random: SplitMix64,
    conditions: Conditions,
    accept: Accept,
    happenings: BTreeMap<(u64, u64), (usize, Happening)>,
    number: u64,
    connections: Vec<SimulatedConnection>,
    ready: Vec<Readiness>,
    /// Calls of sockets since time went on.
    calls: u32,
    /// Bytes that clients have written and read, all connections together.
    pub moved: (u64, u64),
    /// Of each connection: whose it is, when it was made, and when how many bytes had come.
    pub connection_log: Vec<ConnectionLog>,
    /// Bytes that servers have received and sent.
    served: (u64, u64),
    /// Connections that were made.
    pub connected: u64,
}

impl World {
    /// Bytes that servers have received and sent, with what is under way to them.
    pub(in crate::driver::tests) fn served(&self) -> (u64, u64) {
        let under_way = self.happenings.values().map(|(connection, happening)| match happening {
            Happening::ToServer(bytes) if self.connections[*connection].server.is_some() => {
                bytes.len() as u64
            }
            _ => 0,
        });
        (self.served.0 + under_way.sum::<u64>(), self.served.1)
    }

    /// Counts a call of a socket: clients that never wait hang.
    fn count_call(&mut self) {
        self.calls += 1;
        assert!(self.calls < 100_000, "clients go on for ever at one moment");
    }

    fn one_in(&mut self, n: u64) -> bool {
        n > 0 && self.random.next_u64().is_multiple_of(n)
    }

    fn latency_ns(&mut self) -> u64 {
        self.conditions.latency_ns + self.random.next_u64() % self.conditions.latency_ns.max(1)
    }

    fn at(&mut self, at_ns: u64, connection: usize, happening: Happening) {
        self.number += 1;
        self.happenings.insert((at_ns, self.number), (connection, happening));
    }

    fn announce(&mut self, connection: usize, readable: bool, writable: bool) {
        let entry = &self.connections[connection];
        if !entry.closed {
            let ended = entry.fin || entry.reset || entry.refused;
            self.ready.push(Readiness { key: entry.key, readable, writable, ended });
        }
    }

    /// Lets the server of a connection do something, and sends what it answers.
    fn serve(
        &mut self,
        connection: usize,
        act: impl FnOnce(&mut dyn SimulatedServer, u64) -> Vec<ServerAction>,
    ) {
        let Some(mut server) = self.connections[connection].server.take() else { return };
        let actions = act(&mut *server, self.now_ns);
        if let Some(at_ns) = server.wakes_ns(self.now_ns) {
            self.at(at_ns, connection, Happening::ServerTimer);
        }
        if server.takes_news() {
            for each in 0..self.connections.len() {
                self.at(self.now_ns, each, Happening::ServerTimer);
            }
        }
        self.connections[connection].server = Some(server);
        let actions: Vec<ServerAction> =
            actions.into_iter().flat_map(|action| self.hold_back(connection, action)).collect();
        for action in actions {
            match &action {
                ServerAction::Send(bytes) => self.served.1 += bytes.len() as u64,
                ServerAction::End | ServerAction::Reset => {
                    self.connection_log[connection].ended = true;
                }
            }
            let stall_ns = if self.one_in(self.conditions.stalls_one_in) { STALL_NS } else { 0 };
            let at_ns = self.now_ns + self.latency_ns() + stall_ns;
            let at_ns = at_ns.max(self.connections[connection].down_ns);
            self.connections[connection].down_ns = at_ns;
            match action {
                ServerAction::Send(bytes)
                    if bytes.len() > 1 && self.one_in(self.conditions.splits_one_in) =>
                {
                    let cut = 1 + (self.random.next_u64() % (bytes.len() as u64 - 1)) as usize;
                    let (first, rest) = bytes.split_at(cut);
                    let later_ns = at_ns + self.latency_ns();
                    self.connections[connection].down_ns = later_ns;
                    self.at(
                        at_ns,
                        connection,
                        Happening::ToClient(ServerAction::Send(first.into())),
                    );
                    self.at(
                        later_ns,
                        connection,
                        Happening::ToClient(ServerAction::Send(rest.into())),
                    );
                }
                action => self.at(at_ns, connection, Happening::ToClient(action)),
            }
        }
    }

    /// Returns what a server's action comes to: see [`Conditions::holds_back`].
    fn hold_back(&mut self, connection: usize, action: ServerAction) -> Vec<ServerAction> {
        let held = &mut self.connections[connection].held;
        match (action, held) {
            (ServerAction::Send(bytes), None) => {
                self.connections[connection].held = Some(Vec::new());
                vec![ServerAction::Send(bytes)]
            }
            (ServerAction::Send(bytes), Some(held)) => {
                held.extend_from_slice(&bytes);
                let holds_back = self.conditions.holds_back.min(held.len());
                let rest = held.split_off(held.len() - holds_back);
                match std::mem::replace(held, rest) {
                    none if none.is_empty() => Vec::new(),
                    bytes => vec![ServerAction::Send(bytes)],
                }
            }
            (end, Some(held)) if !held.is_empty() => {
                vec![ServerAction::Send(std::mem::take(held)), end]
            }
            (end, _) => vec![end],
        }
    }

    fn happen(&mut self, connection: usize, happening: Happening) {
        if let Happening::ToServer(bytes) = &happening
            && self.connections[connection].server.is_some()
        {
            // Also what a client has sent before it was gone.
            self.served.0 += bytes.len() as u64;
        }
        if self.connections[connection].closed {
            return;
        }
        match happening {
            Happening::Connected => {
                self.connections[connection].connected = true;
                self.connection_log[connection].connected_ns = Some(self.now_ns);
                self.connected += 1;
                self.announce(connection, false, true);
                self.serve(connection, |server, now_ns| server.opened(now_ns));
            }
            Happening::Refused => {
                self.connections[connection].refused = true;
                self.announce(connection, true, true);
            }
            Happening::ToServer(bytes) => {
                self.serve(connection, |server, now_ns| server.received(now_ns, &bytes));
            }
            Happening::ClientEnded => self.serve(connection, |server, now_ns| server.ended(now_ns)),
            Happening::ServerTimer => self.serve(connection, |server, now_ns| server.woken(now_ns)),
            Happening::Writable => {
                self.connections[connection].blocked = false;
                self.announce(connection, false, true);
            }
            Happening::ToClient(action) => {
                let entry = &mut self.connections[connection];
                if entry.reset || entry.fin {
                    return;
                }
                match action {
                    ServerAction::Send(bytes) => {
                        entry.came += bytes.len() as u64;
                        self.connection_log[connection].came.push((self.now_ns, entry.came));
                        entry.inbox.extend(bytes);
                    }
                    ServerAction::End => {
                        entry.fin = true;
                    }
                    ServerAction::Reset => {
                        entry.reset = true;
                        entry.server = None;
                    }
                }
                self.announce(connection, true, false);
            }
        }
    }
}

/// The clients' end of the network.
pub(in crate::driver::tests) struct SimulatedNetwork {
    pub world: Rc<RefCell<World>>,
    thread: Rc<ThreadContext>,
}

impl SimulatedNetwork {
    /// A network without connections, whose clock is the thread's.
    pub(in crate::driver::tests) fn new(
        seed: u64,
        conditions: Conditions,
        accept: Accept,
        thread: Rc<ThreadContext>,
    ) -> SimulatedNetwork {
        let world = World {
            now_ns: 1_000_000_000,
            random: SplitMix64::seed_from_u64(seed),
            conditions,
            accept,
            happenings: BTreeMap::new(),
            number: 0,
            connections: Vec::new(),
            ready: Vec::new(),
            calls: 0,
            moved: (0, 0),
            connection_log: Vec::new(),
            served: (0, 0),
            connected: 0,
        };
        thread.simulated_ns.set(Some(world.now_ns));
        thread.message_times.replace(MessageTimes::new(thread.clocks()));
        SimulatedNetwork { world: Rc::new(RefCell::new(world)), thread }
    }
}

impl Network for SimulatedNetwork {
    fn now_ns(&self) -> u64 {
        self.world.borrow().now_ns
    }

    fn connect(
        &mut self,
        key: u64,
        dialer: &Dialer,
        client: u32,
    ) -> Result<Box<dyn Socket>, ClientError> {
        let world = &mut *self.world.borrow_mut();
        let source = dialer.source(client).map_or(dialer.address.ip(), IpAddr::V4);
        let server = (world.accept)(SocketAddr::new(source, 1));
        let connection = world.connections.len();
        let began_ns = world.now_ns;
        world.connection_log.push(ConnectionLog {
            client,
            key,
            began_ns,
            ..ConnectionLog::default()
        });
        world.connections.push(SimulatedConnection {
            key,
            server: Some(server),
            ..SimulatedConnection::default()
        });
        if world.one_in(world.conditions.refuses_one_in) {
            if world.one_in(2) {
                world.connections[connection].closed = true;
                return Err(ClientError::with(ClientErrorKind::Connect, libc::EADDRNOTAVAIL));
            }
            let at_ns = world.now_ns + world.latency_ns();
            world.at(at_ns, connection, Happening::Refused);
        } else {
            let at_ns = world.now_ns + 2 * world.latency_ns();
            world.at(at_ns, connection, Happening::Connected);
        }
        Ok(Box::new(SimulatedSocket { world: self.world.clone(), connection }))
    }

    fn wait(&mut self, until_ns: u64, events: &mut Vec<Readiness>) {
        let mut world = self.world.borrow_mut();
        world.calls = 0;
        while world.ready.is_empty() {
            match world.happenings.first_key_value() {
                Some((&(at_ns, _), _)) if at_ns <= until_ns => {
                    let Some(((at_ns, _), (connection, happening))) = world.happenings.pop_first()
                    else {
                        break;
                    };
                    world.now_ns = world.now_ns.max(at_ns);
                    self.thread.simulated_ns.set(Some(world.now_ns));
                    world.happen(connection, happening);
                }
                _ => {
                    assert!(until_ns != u64::MAX, "nothing would ever happen");
                    world.now_ns = world.now_ns.max(until_ns);
                    break;
                }
            }
        }
        // What comes at the same moment for one socket is one event, as from the kernel.
        for event in std::mem::take(&mut world.ready) {
            match events.iter_mut().find(|known| known.key == event.key) {
                Some(known) => {
                    known.readable |= event.readable;
                    known.writable |= event.writable;
                    known.ended |= event.ended;
                }
                None => events.push(event),
            }
        }
        self.thread.simulated_ns.set(Some(world.now_ns));
    }
}

struct SimulatedSocket {
    world: Rc<RefCell<World>>,
    connection: usize,
}

impl Socket for SimulatedSocket {
    fn connected(&mut self) -> io::Result<()> {
        match self.world.borrow().connections[self.connection].refused {
            true => Err(io::Error::from_raw_os_error(libc::ECONNREFUSED)),
            false => Ok(()),
        }
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let world = &mut *self.world.borrow_mut();
        world.count_call();
        if world.connections[self.connection].reset {
            world.connections[self.connection].error_read = true;
            return Err(io::Error::from_raw_os_error(libc::EPIPE));
        }
        if world.connections[self.connection].blocked {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut len = bytes.len();
        if world.one_in(world.conditions.cuts_one_in) {
            len = (world.random.next_u64() % (bytes.len() as u64 + 1)) as usize;
            world.connections[self.connection].blocked = true;
            let at_ns = world.now_ns + world.latency_ns();
            world.at(at_ns, self.connection, Happening::Writable);
        }
        if len == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let at_ns =
            (world.now_ns + world.latency_ns()).max(world.connections[self.connection].up_ns);
        world.connections[self.connection].up_ns = at_ns;
        world.at(at_ns, self.connection, Happening::ToServer(bytes[..len].to_vec()));
        world.connections[self.connection].sent += len as u64;
        world.moved.0 += len as u64;
        Ok(len)
    }

    fn receive(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let world = &mut *self.world.borrow_mut();
        world.count_call();
        let entry = &mut world.connections[self.connection];
        let len = into.len().min(entry.inbox.len());
        if len > 0 {
            for (to, byte) in into.iter_mut().zip(entry.inbox.drain(..len)) {
                *to = byte;
            }
            world.moved.1 += len as u64;
            return Ok(len);
        }
        if entry.fin {
            entry.fin_read = true;
            return Ok(0);
        }
        if entry.reset {
            // The error is given once, and an end after it.
            return match std::mem::replace(&mut entry.error_read, true) {
                true => Ok(0),
                false => Err(io::Error::from_raw_os_error(libc::ECONNRESET)),
            };
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn end(&mut self) {
        let world = &mut *self.world.borrow_mut();
        let at_ns =
            (world.now_ns + world.latency_ns()).max(world.connections[self.connection].up_ns);
        world.at(at_ns, self.connection, Happening::ClientEnded);
    }

    fn counts(&self) -> io::Result<TcpReading> {
        let world = self.world.borrow();
        let entry = &world.connections[self.connection];
        Ok(TcpReading {
            bytes_sent: entry.sent,
            bytes_received: entry.came,
            fin_received: entry.fin,
            header_bytes: 52,
            ..TcpReading::default()
        })
    }
}

impl Drop for SimulatedSocket {
    fn drop(&mut self) {
        self.world.borrow_mut().connections[self.connection].closed = true;
    }
}
