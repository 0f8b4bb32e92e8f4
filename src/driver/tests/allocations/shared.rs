//! The same of clients that send to each other: what they send, and what they receive of all senders.

use super::{BEGAN_NS, COUNTED, CannedPeer, CannedSocket, FIRST_SOURCE, WARM_UP, schedule};
use crate::client::context::ThreadContext;
use crate::client::{ClientCore, ClientHalf};
use crate::driver::engine::Engine;
use crate::driver::tests::simulation::server::ServerKind;
use crate::driver::tests::simulation::{MS, series};
use crate::feed::{Feed, Spec, Workload};
use crate::net::Dialer;
use crate::net::socket::{Network, Readiness, Socket};
use crate::protocol::http1::Target;
use crate::record::{ClientError, Phase};
use crate::time::Delay;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

const CLIENTS: u32 = 3;
/// Room for what the clients send in a run.
const ROOM_BYTES: usize = 1 << 20;
/// The answer of the reference server to a POST.
const ACCEPTED: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// What a connection is for, by its first request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Unknown,
    /// Messages go to the client as they come.
    Pushed,
    /// They are answers to its requests.
    Asked,
    /// The client sends on it.
    Posts,
}

struct FakeConnection {
    key: u64,
    used_for: Use,
    connecting: bool,
    /// A request waits for its answer.
    waits: bool,
    /// What the client has yet to receive before any message.
    answer: Vec<u8>,
    /// So many messages have gone to the client.
    place: usize,
}

/// A server that sends what it receives to all. It allocates nothing once all have connected.
struct Hub {
    kind: ServerKind,
    now_ns: u64,
    payload_bytes: usize,
    /// The payloads that were sent, one after the other.
    posted: Vec<u8>,
    /// A message of the transport, and where in it the payload begins.
    template: (Vec<u8>, usize),
    connections: Vec<FakeConnection>,
}

impl Hub {
    fn new(kind: ServerKind, spec: &Spec) -> Hub {
        let payload = vec![b'#'; spec.payload_bytes as usize];
        let message = kind.message(&payload);
        let at = message.windows(payload.len()).position(|some| some == payload);
        Hub {
            kind,
            now_ns: BEGAN_NS,
            payload_bytes: payload.len(),
            posted: Vec::with_capacity(ROOM_BYTES),
            template: (message, at.expect("a message has its payload")),
            connections: Vec::new(),
        }
    }

    fn is_readable(&self, connection: &FakeConnection) -> bool {
        let has_more = connection.place < self.posted.len() / self.payload_bytes;
        let gets_messages = match connection.used_for {
            Use::Pushed => true,
            // A poll waits too here, so that each answer has a message.
            Use::Asked => connection.waits,
            Use::Unknown | Use::Posts => false,
        };
        !connection.answer.is_empty() || gets_messages && has_more
    }
}

struct HubNetwork {
    hub: Rc<RefCell<Hub>>,
    thread: Rc<ThreadContext>,
}

impl CannedPeer for Hub {
    fn send(&mut self, index: usize, bytes: &[u8]) {
        let Hub { connections, posted, payload_bytes, kind, .. } = self;
        let connection = &mut connections[index];
        match (connection.used_for, *kind) {
            (Use::Unknown, ServerKind::WebSocket) => {
                connection.used_for = Use::Pushed;
                connection.answer.extend_from_slice(super::upgraded(bytes, None).as_bytes());
            }
            (Use::Pushed, _) => {
                // A short masked message.
                let (mask, payload) = bytes[2..].split_at(4);
                let plain = payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key);
                posted.extend(plain);
            }
            (Use::Unknown | Use::Posts, _) if bytes.starts_with(b"POST ") => {
                connection.used_for = Use::Posts;
                posted.extend_from_slice(&bytes[bytes.len() - *payload_bytes..]);
                connection.answer.extend_from_slice(ACCEPTED);
            }
            (_, ServerKind::Streaming | ServerKind::Sse) => {
                connection.used_for = Use::Pushed;
                connection.answer.extend_from_slice(ServerKind::CHUNKED);
            }
            _ => {
                connection.used_for = Use::Asked;
                connection.waits = true;
            }
        }
        assert!(posted.len() + *payload_bytes <= ROOM_BYTES, "{kind:?}: too many messages");
    }
    fn receive(&mut self, index: usize, into: &mut [u8]) -> Option<usize> {
        if !self.is_readable(&self.connections[index]) {
            return None;
        }
        let Hub { connections, posted, payload_bytes, template: (message, at), .. } = self;
        let connection = &mut connections[index];
        if !connection.answer.is_empty() {
            let len = connection.answer.len();
            into[..len].copy_from_slice(&connection.answer);
            connection.answer.clear();
            return Some(len);
        }
        let payload = &posted[connection.place * *payload_bytes..][..*payload_bytes];
        into[..message.len()].copy_from_slice(message);
        into[*at..*at + *payload_bytes].copy_from_slice(payload);
        connection.place += 1;
        connection.waits = false;
        Some(message.len())
    }
}

impl Network for HubNetwork {
    fn now_ns(&self) -> u64 {
        self.hub.borrow().now_ns
    }
    fn connect(&mut self, key: u64, _: &Dialer, _: u32) -> Result<Box<dyn Socket>, ClientError> {
        let mut hub = self.hub.borrow_mut();
        hub.connections.push(FakeConnection {
            key,
            used_for: Use::Unknown,
            connecting: true,
            waits: false,
            answer: Vec::with_capacity(4096),
            place: 0,
        });
        Ok(Box::new(CannedSocket(self.hub.clone(), hub.connections.len() - 1)))
    }
    fn wait(&mut self, until_ns: u64, events: &mut Vec<Readiness>) {
        let mut hub = self.hub.borrow_mut();
        for index in 0..hub.connections.len() {
            let writable = std::mem::take(&mut hub.connections[index].connecting);
            let connection = &hub.connections[index];
            let readable = hub.is_readable(connection);
            if readable || writable {
                events.push(Readiness { key: connection.key, readable, writable, ended: false });
            }
        }
        if events.is_empty() {
            hub.now_ns = hub.now_ns.max(until_ns);
        }
        self.thread.simulated_ns.set(Some(hub.now_ns));
    }
}

/// Allocations of clients that send to each other, for `COUNTED` messages that they receive.
fn allocations(kind: ServerKind, workload: Workload, senders: u32) -> u64 {
    let spec = Spec { rate_hz: 100.0, workload, senders, ..Spec::PLAIN };
    let dialer = Dialer {
        address: "127.0.0.1:80".parse().expect("an address"),
        first_source: FIRST_SOURCE,
        timeout: Duration::from_secs(10),
        delay: Delay::default(),
    };
    let thread = ThreadContext::new(vec![dialer], spec, 10_000 * MS, 0, 0);
    thread.simulated_ns.set(Some(BEGAN_NS));
    thread.feed.set(Some(Feed { spec, epoch_ns: BEGAN_NS }));
    thread.recorder.borrow_mut().prepare();
    let hub = Rc::new(RefCell::new(Hub::new(kind, &spec)));
    let network = HubNetwork { hub: hub.clone(), thread: thread.clone() };
    let mut engine = Engine::new(network, 0, thread.clone(), 0);
    let target = Target {
        authority: "h".into(),
        credentials: None,
        path: "/x".into(),
        bundled: true,
        tls: false,
    };
    let half = series(kind, 20 * MS, "spread").client_half(&target, &spec);
    let Ok(ClientHalf::Machines(clients)) = half else { panic!("no machines") };
    for id in 0..CLIENTS {
        engine.spawn(&*clients, ClientCore::new(id, BEGAN_NS, thread.clone()));
    }
    engine.run_until(BEGAN_NS + MS / 10);
    thread.start(schedule());
    engine.reschedule();
    let mut run = |events: u64| {
        while thread.events.get() < events {
            engine.run_until(u64::MAX);
            assert!(thread.simulated_ns.get() < Some(BEGAN_NS + 90_000 * MS), "{kind:?} hangs");
        }
    };
    run(WARM_UP);
    let before = hub.borrow().posted.len();
    let counted = allocation_counter::measure(|| run(WARM_UP + COUNTED)).count_total;
    let sent = (hub.borrow().posted.len() - before) / spec.payload_bytes as usize;
    let counts = thread.recorder.borrow_mut().take(|window| window.phases[Phase::Steady].counts);
    let case = format!("{kind:?}, {workload:?}: {counts:?}");
    assert!(counts.messages >= COUNTED && counts.faults == 0 && counts.lost == 0, "{case}");
    assert_eq!((counts.unstamped, counts.updates_duplicated), (0, 0), "{case}");
    // Each goes to all; some of the last are under way.
    assert!(sent as u64 >= COUNTED / u64::from(CLIENTS) - 10, "{sent}: {case}");
    counted
}

#[test]
fn no_message_between_clients_costs_an_allocation() {
    for kind in ServerKind::ALL {
        for (workload, senders) in [(Workload::Broadcast, 1), (Workload::Tracker, CLIENTS)] {
            assert_eq!(allocations(kind, workload, senders), 0, "{kind:?}, {workload:?}");
        }
    }
}
