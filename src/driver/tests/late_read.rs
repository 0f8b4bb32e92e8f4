//! A delay line delays bytes from the moment at which they are read, also if the events of other
//! clients were handled since the engine woke.

use crate::client::context::ThreadContext;
use crate::client::machine::{Io, Machine, Reconnect, SessionPolicy};
use crate::client::{ClientCore, MachineClients, Session};
use crate::driver::engine::Engine;
use crate::feed::{Feed, Spec};
use crate::net::Dialer;
use crate::net::socket::{Network, Readiness, Socket};
use crate::record::{ClientError, TcpReading};
use crate::time::Delay;
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

const MS: u64 = 1_000_000;
const ONE_WAY_NS: u64 = 10 * MS;
/// What it takes to read one socket.
const READ_NS: u64 = MS;
/// When something comes for all clients at once.
const COMES_NS: u64 = 200 * MS;
const CLIENTS: u32 = 5;

/// A clock that goes on while the engine handles events, and what happened by it.
#[derive(Default)]
struct LateWorld {
    now_ns: Cell<u64>,
    connects: RefCell<Vec<u64>>,
    sent: Cell<bool>,
    reads: RefCell<Vec<u64>>,
    received: RefCell<Vec<u64>>,
}

/// A network on which a message comes for every client at the same moment.
struct BusyNetwork(Rc<LateWorld>);

struct BusySocket(Rc<LateWorld>, bool);

impl Socket for BusySocket {
    fn connected(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }
    fn receive(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if !self.0.sent.get() || std::mem::replace(&mut self.1, true) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let now_ns = self.0.now_ns.get();
        self.0.reads.borrow_mut().push(now_ns);
        self.0.now_ns.set(now_ns + READ_NS);
        into[0] = b'x';
        Ok(1)
    }
    fn end(&mut self) {}
    fn counts(&self) -> io::Result<TcpReading> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Network for BusyNetwork {
    fn now_ns(&self) -> u64 {
        self.0.now_ns.get()
    }
    fn connect(&mut self, key: u64, _: &Dialer, _: u32) -> Result<Box<dyn Socket>, ClientError> {
        self.0.connects.borrow_mut().push(key);
        Ok(Box::new(BusySocket(self.0.clone(), false)))
    }
    fn wait(&mut self, until_ns: u64, events: &mut Vec<Readiness>) {
        let event = |key| Readiness { key, readable: false, writable: true, ended: false };
        events.extend(self.0.connects.take().into_iter().map(event));
        if events.is_empty() {
            let sent = self.0.sent.get();
            let until_ns = if sent { until_ns } else { until_ns.min(COMES_NS) };
            self.0.now_ns.set(self.0.now_ns.get().max(until_ns));
            if !sent && until_ns == COMES_NS {
                self.0.sent.set(true);
                let event = |key| Readiness { key, readable: true, writable: false, ended: false };
                events.extend((0..CLIENTS).map(|key| event(key.into())));
            }
        }
    }
}

/// A client that only notes when something comes.
struct Noting(Rc<LateWorld>);

impl Machine for Noting {
    fn opened(&mut self, io: &mut Io<'_>) {
        io.set_up();
    }
    fn received(&mut self, io: &mut Io<'_>, _: &[u8]) {
        io.discard_received();
        self.0.received.borrow_mut().push(io.now_ns);
    }
    fn ended(&mut self, io: &mut Io<'_>, _: Option<ClientError>) {
        io.finish();
    }
}

impl MachineClients for Noting {
    fn sessions(&self, core: ClientCore) -> Vec<Session> {
        let reconnect = Reconnect::After(1_000 * MS);
        let policy = SessionPolicy { turns: None, reconnect, connects: true };
        vec![Session::new(core, Box::new(Noting(self.0.clone())), policy)]
    }
}

#[test]
fn bytes_are_delayed_from_when_they_are_read_not_from_when_the_engine_woke() {
    let dialer = Dialer {
        address: "127.0.0.1:80".parse().expect("an address"),
        first_source: 0,
        timeout: Duration::from_secs(1),
        delay: Delay { one_way_ns: ONE_WAY_NS, ..Delay::default() },
    };
    let thread = ThreadContext::new(vec![dialer], Spec::PLAIN, 1_000 * MS, 0, 0);
    thread.simulated_ns.set(Some(1));
    thread.feed.set(Some(Feed { spec: Spec::PLAIN, epoch_ns: 0 }));
    let world = Rc::new(LateWorld::default());
    world.now_ns.set(1);
    let mut engine = Engine::new(BusyNetwork(world.clone()), 0, thread.clone(), 0);
    for id in 0..CLIENTS {
        engine.spawn(&Noting(world.clone()), ClientCore::new(id, 0, thread.clone()));
    }
    while world.received.borrow().len() < CLIENTS as usize {
        assert!(world.now_ns.get() < 1_000 * MS, "not all of it comes");
        engine.run_until(world.now_ns.get() + MS);
    }
    let (reads, received) = (world.reads.borrow(), world.received.borrow());
    // They were read one after the other, and are received in the same order.
    for (number, (read_ns, received_ns)) in reads.iter().zip(received.iter()).enumerate() {
        assert_eq!(*read_ns, COMES_NS + number as u64 * READ_NS);
        let took_ns = received_ns - read_ns;
        assert!(took_ns >= ONE_WAY_NS, "client {number}: {took_ns} ns of {ONE_WAY_NS}");
    }
}
