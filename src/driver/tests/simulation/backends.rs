//! The kernel's network and the simulated one report the same facts of the same bytes of a server,
//! valid or broken, in whatever pieces they come. Times differ, and what had come and was not read
//! when a connection ended; nothing else does.

use crate::client::context::ThreadContext;
use crate::client::{ClientCore, ClientHalf};
use crate::driver::engine::Engine;
use crate::driver::tests::simulation::network::{Conditions, SimulatedNetwork};
use crate::driver::tests::simulation::script::{ACCEPT, Script, pieces, script};
use crate::driver::tests::simulation::server::{ServerAction, ServerKind, SimulatedServer};
use crate::driver::tests::simulation::{MS, PLAIN, number, series};
use crate::feed::{Feed, Spec};
use crate::net::Dialer;
use crate::net::linux::epoll::{Epoll, Wake};
use crate::net::socket::{Network, Readiness, Socket};
use crate::protocol::http1::Target;
use crate::protocol::websocket::codec::{FrameItem, FrameReader};
use crate::record::{ClientError, ClientErrorKind, Counts, Flow, Part, TcpReading, Window};
use crate::time::{Delay, Schedule};
use proptest::prelude::*;
use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::time::Duration;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// The bytes of a connection: sent by one side, received by the other. An end counts as a byte.
#[derive(Debug, Default)]
struct SimulatedWire {
    up_sent: Cell<u64>,
    up_received: Cell<u64>,
    down_sent: Cell<u64>,
    down_received: Cell<u64>,
    opened: Cell<bool>,
    dropped: Cell<bool>,
}

fn add(cell: &Cell<u64>, n: usize) {
    cell.set(cell.get() + n as u64);
}

impl SimulatedWire {
    /// Whether all that was sent has arrived, or nobody is there to receive it.
    fn is_quiet(&self) -> bool {
        let arrived = self.up_sent.get() == self.up_received.get()
            && self.down_sent.get() == self.down_received.get();
        self.dropped.get() || (arrived && self.up_sent.get() > 0)
    }
}

/// The server's side of the connection, whatever the network.
struct ScriptedServer {
    script: Script,
    wire: Rc<SimulatedWire>,
    request: Vec<u8>,
    answers: VecDeque<Vec<u8>>,
    frames: Option<FrameReader>,
    has_ended: bool,
}

impl ScriptedServer {
    fn new(script: Script, wire: Rc<SimulatedWire>) -> ScriptedServer {
        let answers = script.answers.clone().into();
        ScriptedServer {
            script,
            wire,
            request: Vec::new(),
            answers,
            frames: None,
            has_ended: false,
        }
    }

    /// Takes bytes of the client and returns what the server sends.
    fn receive(&mut self, bytes: &[u8]) -> Vec<ServerAction> {
        add(&self.wire.up_received, bytes.len());
        let mut actions = Vec::new();
        self.request.extend_from_slice(bytes);
        while self.frames.is_none()
            && let Some(end) = self.request.windows(4).position(|w| w == b"\r\n\r\n")
        {
            let request: Vec<u8> = self.request.drain(..end + 4).collect();
            let Some(answer) = self.answers.pop_front() else { continue };
            let answer = with_accept(answer, &String::from_utf8_lossy(&request));
            let mut left = &answer[..];
            for &len in self.script.pieces.iter().cycle() {
                let (piece, rest) = left.split_at(len.min(left.len()));
                if piece.is_empty() {
                    break;
                }
                actions.push(ServerAction::Send(piece.to_vec()));
                left = rest;
            }
            add(&self.wire.down_sent, answer.len());
            if self.answers.is_empty() && self.script.ends {
                actions.extend(self.end());
            }
            if self.script.kind == ServerKind::WebSocket {
                self.frames = Some(FrameReader::default());
            }
        }
        if let Some(frames) = &mut self.frames {
            let mut closed = false;
            let mut bytes = std::mem::take(&mut self.request);
            let read = frames.feed_masked(&mut bytes, u64::MAX, |item| {
                closed |= matches!(item, FrameItem::Close(..));
            });
            assert!(read.is_ok(), "the client breaks the protocol: {read:?}");
            if closed {
                actions.extend(self.end());
            }
        }
        actions
    }

    /// Ends the server's stream, unless it has ended.
    fn end(&mut self) -> Option<ServerAction> {
        if std::mem::replace(&mut self.has_ended, true) {
            return None;
        }
        add(&self.wire.down_sent, 1);
        Some(ServerAction::End)
    }
}

fn with_accept(mut answer: Vec<u8>, request: &str) -> Vec<u8> {
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    let accept = derive_accept_key(key.unwrap_or("").as_bytes());
    if let Some(at) = answer.windows(ACCEPT.len()).position(|w| w == ACCEPT) {
        answer.splice(at..at + ACCEPT.len(), accept.into_bytes());
    }
    answer
}

impl SimulatedServer for ScriptedServer {
    fn received(&mut self, _: u64, bytes: &[u8]) -> Vec<ServerAction> {
        self.receive(bytes)
    }
    fn ended(&mut self, _: u64) -> Vec<ServerAction> {
        self.end().into_iter().collect()
    }
    fn woken(&mut self, _: u64) -> Vec<ServerAction> {
        Vec::new()
    }
    fn wakes_ns(&self, _: u64) -> Option<u64> {
        None
    }
}

/// The same server behind a socket of the kernel's. It takes one connection.
struct TcpServer {
    listener: TcpListener,
    stream: Option<TcpStream>,
    server: ScriptedServer,
    actions: VecDeque<ServerAction>,
    client_ended: bool,
}

impl TcpServer {
    /// Receives what has come, and sends one piece.
    fn step(&mut self) {
        if self.stream.is_none()
            && let Ok((stream, _)) = self.listener.accept()
        {
            stream.set_nonblocking(true).expect("a socket");
            stream.set_nodelay(true).expect("a socket");
            self.stream = Some(stream);
        }
        let Some(stream) = &mut self.stream else { return };
        let mut buffer = [0; 4096];
        while !self.client_ended {
            match stream.read(&mut buffer) {
                Ok(0) => {
                    self.client_ended = true;
                    self.actions.extend(self.server.ended(0));
                }
                Ok(n) => self.actions.extend(self.server.receive(&buffer[..n])),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => self.client_ended = true,
            }
        }
        // It fails if the client has gone, which is its right.
        match self.actions.pop_front() {
            Some(ServerAction::Send(bytes)) => drop(stream.write_all(&bytes)),
            Some(_) => drop(stream.shutdown(std::net::Shutdown::Write)),
            None => {}
        }
    }
}

/// A network that counts what its one connection moves, and refuses further ones.
struct OneConnection<N> {
    network: N,
    wire: Rc<SimulatedWire>,
}

impl<N: Network> Network for OneConnection<N> {
    fn now_ns(&self) -> u64 {
        self.network.now_ns()
    }
    fn connect(
        &mut self,
        key: u64,
        dialer: &Dialer,
        client: u32,
    ) -> Result<Box<dyn Socket>, ClientError> {
        if self.wire.opened.replace(true) {
            return Err(ClientError::of(ClientErrorKind::Connect));
        }
        let socket = self.network.connect(key, dialer, client)?;
        Ok(Box::new(CountedSocket { socket, wire: self.wire.clone(), ended: false }))
    }
    fn wait(&mut self, until_ns: u64, events: &mut Vec<Readiness>) {
        self.network.wait(until_ns, events);
    }
}

struct CountedSocket {
    socket: Box<dyn Socket>,
    wire: Rc<SimulatedWire>,
    ended: bool,
}

impl Socket for CountedSocket {
    fn connected(&mut self) -> io::Result<()> {
        self.socket.connected()
    }
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.socket.send(bytes)?;
        add(&self.wire.up_sent, sent);
        Ok(sent)
    }
    fn receive(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let len = self.socket.receive(into)?;
        let ended = len == 0 && !std::mem::replace(&mut self.ended, len == 0);
        add(&self.wire.down_received, len + usize::from(ended));
        Ok(len)
    }
    fn end(&mut self) {
        self.socket.end();
    }
    fn counts(&self) -> io::Result<TcpReading> {
        self.socket.counts()
    }
}

impl Drop for CountedSocket {
    fn drop(&mut self) {
        self.wire.dropped.set(true);
    }
}

/// What is the same on every network.
#[derive(Debug, PartialEq)]
struct Facts {
    counts: Counts,
    up: Flow,
    down: Vec<(Part, u64)>,
    head_chars: u64,
    faults: BTreeMap<ClientError, u64>,
    mismatched: u64,
    unexplained: (i64, i64),
    ended: u32,
}

impl Facts {
    /// Whether every byte is in a part, the kernel agrees, and the client has ended once.
    fn add_up(&self) -> bool {
        (self.mismatched, self.unexplained, self.ended) == (0, (0, 0), 1)
    }
}

fn facts(thread: &ThreadContext) -> Facts {
    let window = thread.recorder.borrow_mut().take(Window::clone);
    let total = window.phases.total();
    let down = total.ledger.down;
    let parts = Part::ALL.iter().filter(|part| **part != Part::Discarded);
    Facts {
        // Which stamps lie ahead, and how old they are, depends on the clock.
        // What depends on how long pieces take is left out.
        counts: Counts {
            age_time_us: 0,
            age_area_us_ms: 0,
            negative_latencies: 0,
            polls_not_held: 0,
            ..total.counts
        },
        up: total.ledger.up,
        down: parts.map(|part| (*part, down[*part])).collect(),
        head_chars: down.head_chars,
        faults: window.faults,
        mismatched: thread.audit.get().mismatched,
        unexplained: (total.ledger.up.unexplained(), down.unexplained()),
        ended: thread.tally.get().ended,
    }
}

fn thread(address: SocketAddr) -> Rc<ThreadContext> {
    let timeout = Duration::from_secs(100);
    let dialer = Dialer { address, first_source: 0, timeout, delay: Delay::default() };
    // Time limits are looked at when nothing moves any more.
    ThreadContext::new(vec![dialer], Spec::PLAIN, MS, 0, 0)
}

/// Runs one client until nothing moves any more, and then to its end.
fn play<N: Network>(
    network: N,
    thread: &Rc<ThreadContext>,
    script: &Script,
    wire: &Rc<SimulatedWire>,
    mut step: impl FnMut(),
) -> Facts {
    let network = OneConnection { network, wire: wire.clone() };
    let mut engine = Engine::new(network, 0, thread.clone(), 0);
    let target = Target {
        authority: "h".into(),
        credentials: None,
        path: "/x".into(),
        bundled: true,
        tls: false,
    };
    let half = series(script.kind, 1_000_000 * MS, "together").client_half(&target, &Spec::PLAIN);
    let Ok(ClientHalf::Machines(clients)) = half else { panic!("no machines") };
    let began_ns = thread.now_ns();
    thread.feed.set(Some(Feed::waiting(Spec::PLAIN)));
    if script.kind == ServerKind::Polling {
        thread.start(Schedule {
            start_ns: began_ns,
            interval_ns: 1_000_000 * MS,
            push_spread_ns: 0,
            warmup_ns: 0,
            duration_ns: 10_000_000 * MS,
            cooldown_ns: 0,
            calibration: false,
        });
    }
    engine.spawn(&*clients, ClientCore::new(0, began_ns, thread.clone()));
    let mut turn = |engine: &mut Engine<OneConnection<N>>| {
        step();
        engine.run_until(engine.network().now_ns() + MS / 10);
        assert!(thread.now_ns() < began_ns + 60_000 * MS, "{wire:?} does not end: {script:?}");
    };
    while engine.alive() > 0 && !wire.is_quiet() {
        turn(&mut engine);
    }
    thread.stop();
    engine.stop();
    while engine.alive() > 0 {
        turn(&mut engine);
        engine.expire();
    }
    facts(thread)
}

fn on_tcp(script: &Script) -> Facts {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket");
    let thread = thread(listener.local_addr().expect("an address"));
    let wire = Rc::new(SimulatedWire::default());
    let mut server = TcpServer {
        listener,
        stream: None,
        server: ScriptedServer::new(script.clone(), wire.clone()),
        actions: VecDeque::new(),
        client_ended: false,
    };
    let network = Epoll::new(Wake::new().expect("a descriptor"), None).expect("epoll");
    play(network, &thread, script, &wire, || server.step())
}

fn simulated(script: &Script, seed: u64) -> Facts {
    let thread = thread("127.0.0.1:80".parse().expect("an address"));
    let wire = Rc::new(SimulatedWire::default());
    let (own, script_of) = (wire.clone(), script.clone());
    // A socket that takes a part only loses it if the server ends: that is no fact of what came.
    let conditions = Conditions { splits_one_in: 3, ..PLAIN };
    let accept = move |_| -> Box<dyn SimulatedServer> {
        Box::new(ScriptedServer::new(script_of.clone(), own.clone()))
    };
    let network = SimulatedNetwork::new(seed, conditions, Box::new(accept), thread.clone());
    play(network, &thread, script, &wire, || {})
}

/// Plays an answer of a server in these pieces, each of which is read by itself, and whole.
fn in_pieces_and_whole(kind: ServerKind, answer: &str, pieces: &[usize]) -> [Facts; 2] {
    [pieces, &[1000]].map(|pieces| {
        let answers = vec![answer.as_bytes().to_vec()];
        let facts = simulated(&Script { kind, answers, pieces: pieces.into(), ends: false }, 0);
        assert!(facts.add_up(), "{facts:?}");
        facts
    })
}

/// A chunk that is cut off is discarded, and not what came with it in one go and is whole.
#[test]
fn what_is_whole_counts_though_a_chunk_after_it_is_cut() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                  15\r\n000000700000000000001\r\n15\r\n00";
    let all = in_pieces_and_whole(ServerKind::Streaming, answer, &[36, 11, 27, 6]);
    for facts in &all {
        let down = [(Part::Payload, 21), (Part::Heads, 47), (Part::Framing, 6)];
        assert_eq!((&facts.down[..3], facts.counts.messages), (&down[..], 1));
    }
    assert_eq!(all[0], all[1]);
}

/// The same if the end of a message is no chunk's.
#[test]
fn a_whole_event_counts_though_the_one_after_it_is_cut() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n\
                  data: 000000700000000000001\n\ndata: 00";
    let all = in_pieces_and_whole(ServerKind::Sse, answer, &[52, 29, 3]);
    for facts in &all {
        let down = [(Part::Payload, 21), (Part::Heads, 52), (Part::Framing, 8)];
        assert_eq!((&facts.down[..3], facts.counts.messages), (&down[..], 1));
    }
    assert_eq!(all[0], all[1]);
}

/// What an error says has no messages, also if it comes together with the head.
#[test]
fn the_body_of_an_error_is_no_message() {
    let answer = "HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n\
                  15\r\n000000700000000000001\r\n";
    let all = in_pieces_and_whole(ServerKind::Streaming, answer, &[49, 100]);
    for facts in &all {
        assert_eq!((facts.counts.completed, facts.counts.messages), (0, 0), "{facts:?}");
    }
    assert_eq!(all[0], all[1]);
}

/// Line feeds between updates are framing, also if more of them came than is in the last piece.
#[test]
fn separators_are_no_payload_in_whatever_pieces_they_come() {
    let updates = ["000000700000000000001"; 5].join("\n");
    let answer = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{updates}\r\n",
        updates.len()
    );
    let all = in_pieces_and_whole(ServerKind::Streaming, &answer, &[158, 100]);
    for facts in &all {
        let down = [(Part::Payload, 105), (Part::Heads, 47), (Part::Framing, 10)];
        assert_eq!(facts.down[..3], down);
    }
    assert_eq!(all[0], all[1]);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: number("WSBENCH_CASES").unwrap_or(2_000) as u32,
        ..ProptestConfig::default()
    })]

    #[test]
    fn both_networks_report_the_same(script in script(), seed in any::<u64>()) {
        let (real, simulated) = (on_tcp(&script), simulated(&script, seed));
        prop_assert!(real.add_up(), "{real:?}");
        prop_assert!(simulated == real || script.has_surplus(), "{simulated:?}\n{real:?}");
    }

    #[test]
    fn the_pieces_in_which_bytes_come_change_nothing(
        script in script(),
        pieces in pieces(),
        seed in any::<(u64, u64)>(),
    ) {
        let other = simulated(&Script { pieces, ..script.clone() }, seed.0);
        let facts = simulated(&script, seed.1);
        prop_assert!(facts.add_up(), "{facts:?}");
        prop_assert!(facts == other || script.has_surplus(), "{facts:?}\n{other:?}");
    }
}
