//! A server that answers before it is asked: its bytes are no answer, whatever they say.

use crate::client::context::ThreadContext;
use crate::client::{ClientCore, ClientHalf};
use crate::driver::engine::Engine;
use crate::feed::{Feed, Spec};
use crate::net::Dialer;
use crate::net::socket::{Network, Readiness, Socket};
use crate::protocol::http1::Target;
use crate::record::{ClientError, ClientErrorKind, ForeignProtocol, Part, TcpReading};
use crate::time::Delay;
use crate::transport::AnySeries;
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

/// What a server does with each connection before it has read anything.
#[derive(Clone, Copy)]
struct Early {
    sends: &'static [u8],
    ends: bool,
}

#[derive(Default)]
struct EarlyWorld {
    now_ns: Cell<u64>,
    connects: RefCell<Vec<u64>>,
    /// Bytes that clients have sent.
    asked: Cell<usize>,
}

struct EarlyNetwork(Rc<EarlyWorld>, Early);

struct EarlySocket(Rc<EarlyWorld>, Early);

impl Socket for EarlySocket {
    fn connected(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.asked.set(self.0.asked.get() + bytes.len());
        Ok(bytes.len())
    }
    fn receive(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = std::mem::take(&mut self.1.sends);
        into[..bytes.len()].copy_from_slice(bytes);
        match bytes.len() {
            0 if !self.1.ends => Err(io::ErrorKind::WouldBlock.into()),
            len => Ok(len),
        }
    }
    fn end(&mut self) {}
    fn counts(&self) -> io::Result<TcpReading> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Network for EarlyNetwork {
    fn now_ns(&self) -> u64 {
        self.0.now_ns.get()
    }
    fn connect(&mut self, key: u64, _: &Dialer, _: u32) -> Result<Box<dyn Socket>, ClientError> {
        self.0.connects.borrow_mut().push(key);
        Ok(Box::new(EarlySocket(self.0.clone(), self.1)))
    }
    fn wait(&mut self, until_ns: u64, events: &mut Vec<Readiness>) {
        let ended = self.1.ends;
        let event = |key| Readiness { key, readable: true, writable: true, ended };
        events.extend(self.0.connects.take().into_iter().map(event));
        if events.is_empty() {
            self.0.now_ns.set(self.0.now_ns.get().max(until_ns));
        }
    }
}

/// Runs the set-up of one client. Returns its errors, whether it is connected, and the bytes that it sent,
/// and that were discarded.
fn set_up(transport: &str, early: Early) -> (Vec<(ClientError, u64)>, bool, usize, u64) {
    let dialer = Dialer {
        address: "127.0.0.1:80".parse().expect("an address"),
        first_source: 0,
        timeout: Duration::from_secs(1),
        delay: Delay::default(),
    };
    let thread = ThreadContext::new(vec![dialer], Spec::PLAIN, 1_000_000_000, 0, 0);
    thread.simulated_ns.set(Some(1));
    thread.feed.set(Some(Feed { spec: Spec::PLAIN, epoch_ns: 0 }));
    let world = Rc::new(EarlyWorld::default());
    world.now_ns.set(1);
    let mut engine = Engine::new(EarlyNetwork(world.clone(), early), 0, thread.clone(), 0);
    let params = match transport {
        "polling" => serde_json::json!({"interval_ns": 100_000_000, "phase": "spread",
            "new_connection": true, "request": "minimal", "response": "minimal", "engine": "raw"}),
        "long-polling" => serde_json::json!({"hold_ns": 1_000_000_000, "pending": "as-feed",
            "request": "minimal", "response": "minimal", "reconnect_ns": 1_000_000_000}),
        "sse" => serde_json::json!({"request": "minimal", "ids": true, "heartbeat_ns": 0,
            "reconnect_ns": 1_000_000_000}),
        "websocket" => serde_json::json!({"read_buffer_bytes": 512, "reconnect_ns": 1_000_000_000}),
        _ => serde_json::json!({"request": "minimal", "reconnect_ns": 1_000_000_000}),
    };
    let json = serde_json::json!({"transport": transport, "params": params});
    let series: AnySeries = serde_json::from_value(json).expect("settings of a series");
    let target = Target {
        authority: "h".into(),
        credentials: None,
        path: "/".into(),
        bundled: false,
        tls: false,
    };
    let Ok(ClientHalf::Machines(clients)) = series.client_half(&target, &Spec::PLAIN) else {
        panic!("no machines")
    };
    engine.spawn(&*clients, ClientCore::new(0, 0, thread.clone()));
    for _ in 0..20 {
        engine.run_until(world.now_ns.get() + 100_000_000);
    }
    let connected = thread.tally.get().connected > 0;
    drop(engine);
    let (faults, discarded) = thread.recorder.borrow_mut().take(|window| {
        let faults = window.faults.iter().map(|(error, n)| (*error, *n)).collect();
        (faults, window.phases.total().ledger.down[Part::Discarded])
    });
    (faults, connected, world.asked.get(), discarded)
}

#[test]
fn what_comes_before_the_request_is_discarded_and_named_and_the_connection_given_up() {
    for transport in ["polling", "long-polling", "streaming", "sse", "websocket"] {
        for ends in [false, true] {
            let (faults, connected, asked, discarded) =
                set_up(transport, Early { sends: ANSWER, ends });
            let unasked = ClientError::with(ClientErrorKind::Unasked, ANSWER.len() as i32);
            let [(error, n)] = faults[..] else { panic!("{transport}: {faults:?}") };
            assert_eq!((error, connected, asked), (unasked, false, 0), "{transport}");
            assert_eq!(discarded, n * ANSWER.len() as u64, "{transport}");
        }
    }
}

#[test]
fn another_protocol_in_which_the_server_begins_is_named() {
    let early = Early { sends: b"SSH-2.0-OpenSSH_9.2\r\n", ends: false };
    let (faults, ..) = set_up("polling", early);
    assert_eq!(faults[0].0, ForeignProtocol::Ssh.error());
}

/// An end is no byte: what the client makes of it is as ever.
#[test]
fn an_end_before_the_request_is_a_close() {
    let (faults, _, asked, _) = set_up("polling", Early { sends: b"", ends: true });
    assert_eq!(faults[0].0, ClientError::of(ClientErrorKind::EarlyClose));
    assert!(asked > 0);
}
