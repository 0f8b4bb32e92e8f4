//! A server that sends faster than it is read: other clients, commands and timers have their turn.

use crate::client::context::ThreadContext;
use crate::client::{ClientCore, ClientHalf};
use crate::driver::engine::Engine;
use crate::feed::{Feed, Spec};
use crate::net::Dialer;
use crate::net::socket::{Network, Readiness, Socket};
use crate::protocol::http1::Target;
use crate::record::{ClientError, TcpReading};
use crate::time::Delay;
use crate::transport::AnySeries;
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

/// A network whose sockets have always more to receive, once they were asked.
struct Flood(Rc<Cell<u64>>, Rc<Cell<bool>>);

struct FloodSocket(Rc<Cell<u64>>, Rc<Cell<bool>>);

impl Socket for FloodSocket {
    fn connected(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.set(true);
        Ok(bytes.len())
    }
    fn receive(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.set(self.0.get() + 1);
        // The first bytes of an endless response, and what follows.
        into.fill(b'x');
        let head = b"HTTP/1.1 200 OK\r\n\r\n";
        into[..head.len()].copy_from_slice(head);
        Ok(into.len())
    }
    fn end(&mut self) {}
    fn counts(&self) -> io::Result<TcpReading> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Network for Flood {
    fn now_ns(&self) -> u64 {
        1_000
    }
    fn connect(&mut self, _: u64, _: &Dialer, _: u32) -> Result<Box<dyn Socket>, ClientError> {
        Ok(Box::new(FloodSocket(self.0.clone(), self.1.clone())))
    }
    fn wait(&mut self, _: u64, events: &mut Vec<Readiness>) {
        let readable = self.1.get();
        events.push(Readiness { key: 0, readable, writable: true, ended: false });
    }
}

#[test]
fn a_flood_is_read_in_turns() {
    let dialer = Dialer {
        address: "127.0.0.1:80".parse().expect("an address"),
        first_source: 0,
        timeout: Duration::from_secs(1),
        delay: Delay::default(),
    };
    let thread = ThreadContext::new(vec![dialer], Spec::PLAIN, 1_000_000_000, 0, 0);
    thread.simulated_ns.set(Some(1_000));
    thread.feed.set(Some(Feed { spec: Spec::PLAIN, epoch_ns: 0 }));
    let reads = Rc::new(Cell::new(0));
    let mut engine = Engine::new(Flood(reads.clone(), Rc::default()), 0, thread.clone(), 0);
    let json = serde_json::json!({"transport": "streaming", "params": {
        "request": "minimal", "reconnect_ns": 1_000_000_000}});
    let series: AnySeries = serde_json::from_value(json).expect("settings of a stream");
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
    engine.spawn(&*clients, ClientCore::new(0, 0, thread));
    for turn in 1..=10 {
        engine.run_until(2_000);
        assert!(reads.get() <= turn * 40, "{} reads in {turn} turns", reads.get());
    }
    assert!(reads.get() > 100, "it is read on");
}
