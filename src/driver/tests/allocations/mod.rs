//! No client of the engine allocates memory for a message, once it has had some.

mod http2;
mod shared;

use crate::client::context::ThreadContext;
use crate::client::{ClientCore, ClientHalf};
use crate::driver::engine::Engine;
use crate::driver::tests::simulation::server::ServerKind;
use crate::driver::tests::simulation::{MS, series};
use crate::feed::{Cursor, Feed, PayloadKind, Spec, Stamp, Topic, Workload};
use crate::net::Dialer;
use crate::net::socket::{Network, Readiness, Socket};
use crate::protocol::http1::Target;
use crate::protocol::websocket::codec::{Opcode, mark_compressed, write_unmasked};
use crate::protocol::websocket::deflate_coder::Deflater;
use crate::protocol::websocket::deflate_offer::DeflateOffer;
use crate::record::{ClientError, Phase, TcpReading};
use crate::time::{Delay, Schedule};
use crate::transport::AnySeries;
use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

const FIRST_SOURCE: u32 = 65_536;
const BEGAN_NS: u64 = 1_000 * MS;
/// Messages before they are counted, and those that are counted.
const WARM_UP: u64 = 500;
const COUNTED: u64 = 1_000;

/// A server of one client, whose messages are there before it connects: it allocates nothing itself.
struct Canned {
    kind: ServerKind,
    workload: Workload,
    /// The extension that it selects.
    extension: Option<String>,
    now_ns: u64,
    /// Of each message: when it is published, and its bytes.
    messages: Vec<(u64, Vec<u8>)>,
    next: usize,
    /// What the client has yet to receive of the answer to its first request, or of an echo.
    answer: Vec<u8>,
    is_open: bool,
    /// A request waits for an answer.
    asked: bool,
    connecting: bool,
}

impl Canned {
    fn new(
        kind: ServerKind,
        feed: &Feed,
        topic: Topic,
        mut compressed: Option<(Deflater, String)>,
    ) -> Canned {
        let mut cursor = Cursor::new(feed, topic);
        let messages = (0..2 * (WARM_UP + COUNTED)).map(|_| {
            let update = cursor.peek();
            cursor.advance();
            let mut payload = vec![0; feed.spec.payload_bytes as usize];
            Stamp::from(update).write(PayloadKind::Text, 1, &mut payload);
            let message = match &mut compressed {
                None => kind.message(&payload),
                Some((deflater, _)) => {
                    let mut frame = Vec::new();
                    deflater.compress(&payload, |payload| {
                        write_unmasked(Opcode::Text, payload, &mut frame);
                    });
                    mark_compressed(&mut frame);
                    frame
                }
            };
            (update.published_ns, message)
        });
        let messages = messages.collect();
        Canned {
            kind,
            workload: feed.spec.workload,
            extension: compressed.map(|(_, extension)| extension),
            now_ns: BEGAN_NS,
            messages,
            next: 0,
            answer: Vec::with_capacity(4096),
            is_open: false,
            asked: false,
            connecting: true,
        }
    }

    fn pushes(&self) -> bool {
        self.is_open && self.workload == Workload::Ticker
    }

    /// When there is something to receive.
    fn next_ns(&self) -> u64 {
        let published_ns = self.messages.get(self.next).map_or(u64::MAX, |(ns, _)| *ns);
        match self.kind {
            _ if !self.answer.is_empty() => self.now_ns,
            ServerKind::Polling if self.asked => self.now_ns,
            ServerKind::LongPolling if self.asked => published_ns,
            ServerKind::Polling | ServerKind::LongPolling => u64::MAX,
            _ if self.pushes() => published_ns,
            _ => u64::MAX,
        }
    }
}

/// The answer to a request to upgrade, with the extension that is selected.
fn upgraded(request: &[u8], extension: Option<&str>) -> String {
    let request = String::from_utf8_lossy(request);
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    let accept = derive_accept_key(key.unwrap_or("").as_bytes());
    let field = |value| format!("Sec-WebSocket-Extensions: {value}\r\n");
    let extensions = extension.map(field).unwrap_or_default();
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n{extensions}\r\n"
    )
}

/// Longer than any test needs.
fn schedule() -> Schedule {
    Schedule {
        start_ns: BEGAN_NS + 50 * MS,
        interval_ns: MS,
        push_spread_ns: MS,
        warmup_ns: 20 * MS,
        duration_ns: 100_000 * MS,
        cooldown_ns: 0,
        calibration: false,
    }
}

struct CannedNetwork {
    server: Rc<RefCell<Canned>>,
    thread: Rc<ThreadContext>,
}

impl CannedPeer for Canned {
    fn send(&mut self, _: usize, bytes: &[u8]) {
        match self.kind {
            ServerKind::Polling | ServerKind::LongPolling => self.asked = true,
            ServerKind::Streaming | ServerKind::Sse => {
                self.answer.extend_from_slice(ServerKind::CHUNKED);
                self.is_open = true;
            }
            ServerKind::WebSocket if !self.is_open => {
                let answer = upgraded(bytes, self.extension.as_deref());
                self.answer.extend_from_slice(answer.as_bytes());
                self.is_open = true;
            }
            ServerKind::WebSocket => {
                // A short masked message goes back without its mask.
                let (head, rest) = bytes.split_at(2);
                let (mask, payload) = rest.split_at(4);
                self.answer.extend_from_slice(&[head[0], head[1] & 0x7f]);
                let plain = payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key);
                self.answer.extend(plain);
            }
        }
    }
    fn receive(&mut self, _: usize, into: &mut [u8]) -> Option<usize> {
        if !self.answer.is_empty() {
            let len = self.answer.len();
            into[..len].copy_from_slice(&self.answer);
            self.answer.clear();
            return Some(len);
        }
        if self.next_ns() > self.now_ns {
            return None;
        }
        let (_, message) = self.messages.get(self.next)?;
        into[..message.len()].copy_from_slice(message);
        self.next += 1;
        self.asked = false;
        Some(message.len())
    }
}

/// The other end of some connections, which have numbers.
trait CannedPeer {
    fn send(&mut self, connection: usize, bytes: &[u8]);
    /// Returns how many bytes there are; `None` if there are none now.
    fn receive(&mut self, connection: usize, into: &mut [u8]) -> Option<usize>;
}

/// The client's socket of a connection with this number.
struct CannedSocket<P>(Rc<RefCell<P>>, usize);

impl<P: CannedPeer> Socket for CannedSocket<P> {
    fn connected(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().send(self.1, bytes);
        Ok(bytes.len())
    }
    fn receive(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.borrow_mut().receive(self.1, into).ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }
    fn end(&mut self) {}
    fn counts(&self) -> io::Result<TcpReading> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Network for CannedNetwork {
    fn now_ns(&self) -> u64 {
        self.server.borrow().now_ns
    }
    fn connect(&mut self, _: u64, _: &Dialer, _: u32) -> Result<Box<dyn Socket>, ClientError> {
        Ok(Box::new(CannedSocket(self.server.clone(), 0)))
    }
    fn wait(&mut self, until_ns: u64, events: &mut Vec<Readiness>) {
        let mut server = self.server.borrow_mut();
        let writable = std::mem::take(&mut server.connecting);
        let next_ns = server.next_ns();
        let readable = next_ns <= until_ns.max(server.now_ns);
        server.now_ns = server.now_ns.max(if readable { next_ns } else { until_ns });
        self.thread.simulated_ns.set(Some(server.now_ns));
        if readable || writable {
            events.push(Readiness { key: 0, readable, writable, ended: false });
        }
    }
}

/// A thread with one client to be, and the feed of its topic.
fn thread_of_one(workload: Workload) -> (Rc<ThreadContext>, Feed, Topic) {
    let spec = Spec { rate_hz: 1_000.0, workload, ..Spec::PLAIN };
    let feed = Feed { spec, epoch_ns: BEGAN_NS };
    let dialer = Dialer {
        address: "127.0.0.1:80".parse().expect("an address"),
        first_source: FIRST_SOURCE,
        timeout: Duration::from_secs(10),
        delay: Delay::default(),
    };
    let source = dialer.source(0).map(IpAddr::V4).expect("the client has an address");
    let thread = ThreadContext::new(vec![dialer], spec, 10_000 * MS, 0, 0);
    thread.simulated_ns.set(Some(BEGAN_NS));
    thread.feed.set(Some(feed));
    thread.recorder.borrow_mut().prepare();
    (thread, feed, Topic::of_peer(SocketAddr::new(source, 0)))
}

/// Allocations of a client for `COUNTED` messages over HTTP/1.1 or WebSocket.
fn allocations(kind: ServerKind, workload: Workload) -> u64 {
    let (thread, feed, topic) = thread_of_one(workload);
    let server = Rc::new(RefCell::new(Canned::new(kind, &feed, topic, None)));
    let network = CannedNetwork { server, thread: thread.clone() };
    allocations_of(network, &thread, &series(kind, 20 * MS, "spread"))
}

/// Allocations of a client with this extension for `COUNTED` compressed messages.
fn compressed_allocations(extension: &str, workload: Workload) -> u64 {
    let (thread, feed, topic) = thread_of_one(workload);
    let offer = DeflateOffer::parse(extension).expect("an offer");
    let (params, answer) = offer.select(offer.value()).expect("an answer");
    let deflater = params.server_coders(&Rc::default()).0;
    let compressed = Some((deflater, answer));
    let server = Canned::new(ServerKind::WebSocket, &feed, topic, compressed);
    let network = CannedNetwork { server: Rc::new(RefCell::new(server)), thread: thread.clone() };
    let json = serde_json::json!({"transport": "websocket", "params": {
        "read_buffer_bytes": 512, "reconnect_ns": MS, "options": {"deflate": extension}}});
    let series: AnySeries = serde_json::from_value(json).expect("settings of the transport");
    allocations_of(network, &thread, &series)
}

/// Allocations of a client of this series for `COUNTED` messages.
fn allocations_of(network: impl Network, thread: &Rc<ThreadContext>, series: &AnySeries) -> u64 {
    let mut engine = Engine::new(network, 0, thread.clone(), 0);
    let target = Target {
        authority: "h".into(),
        credentials: None,
        path: "/x".into(),
        bundled: true,
        tls: false,
    };
    let Ok(ClientHalf::Machines(clients)) = series.client_half(&target, &thread.spec) else {
        panic!("no machines")
    };
    engine.spawn(&*clients, ClientCore::new(0, BEGAN_NS, thread.clone()));
    engine.run_until(BEGAN_NS + MS / 10);
    thread.start(schedule());
    engine.reschedule();
    let mut run = |events: u64| {
        while thread.events.get() < events {
            engine.run_until(u64::MAX);
            assert!(thread.simulated_ns.get() < Some(BEGAN_NS + 90_000 * MS), "it hangs");
        }
    };
    run(WARM_UP);
    let counted = allocation_counter::measure(|| run(WARM_UP + COUNTED)).count_total;
    let counts = thread.recorder.borrow_mut().take(|window| window.phases[Phase::Steady].counts);
    assert!(counts.messages >= COUNTED && counts.faults == 0, "{counts:?}");
    assert_eq!(counts.negative_latencies, 0, "received before it was published");
    counted
}

#[test]
fn no_message_costs_an_allocation() {
    for kind in ServerKind::ALL {
        assert_eq!(allocations(kind, Workload::Ticker), 0, "{kind:?}");
    }
    assert_eq!(allocations(ServerKind::WebSocket, Workload::Echo), 0, "echo");
}

#[test]
fn no_compressed_message_costs_an_allocation() {
    for extension in [
        "permessage-deflate",
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    ] {
        for workload in [Workload::Ticker, Workload::Echo] {
            let allocations = compressed_allocations(extension, workload);
            assert_eq!(allocations, 0, "{extension} {workload:?}");
        }
    }
}

/// The counter counts.
#[test]
fn an_allocation_is_counted() {
    assert_eq!(
        allocation_counter::measure(|| drop(std::hint::black_box(vec![0_u8; 9]))).count_total,
        1
    );
}
