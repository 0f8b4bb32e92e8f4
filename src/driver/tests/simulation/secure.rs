//! TLS before a simulated server: the layer of the byte stack on both sides of the network.

use crate::driver::tests::simulation::server::{FaultLog, ServerAction, SimulatedServer};
use crate::net::layer::LayerBuffer;
use crate::net::tls_layer::{TlsLayer, TlsServer};
use crate::record::Direction;
use std::cell::RefCell;
use std::rc::Rc;

/// A server that is reached through TLS.
pub(super) struct TlsFront {
    inner: Box<dyn SimulatedServer>,
    layer: TlsLayer,
    /// Bytes that it has handed to the network.
    sent: u64,
    /// Bytes of the server that are in them.
    plain: u64,
    log: Rc<RefCell<FaultLog>>,
    /// The connection's number.
    number: usize,
}

impl TlsFront {
    /// Before a server whose connection has this number in the log.
    pub(super) fn new(
        tls: &TlsServer,
        inner: Box<dyn SimulatedServer>,
        log: Rc<RefCell<FaultLog>>,
        number: usize,
    ) -> TlsFront {
        let layer = tls.layer().expect("it begins");
        TlsFront { inner, layer, sent: 0, plain: 0, log, number }
    }

    /// What the network gets of a server's actions.
    fn encrypt(&mut self, actions: Vec<ServerAction>) -> Vec<ServerAction> {
        let mut all = Vec::new();
        for action in actions {
            match action {
                ServerAction::Send(bytes) => {
                    let mut rest = bytes.as_slice();
                    while !rest.is_empty() {
                        let taken = self.layer.push(Direction::Up, 0, rest);
                        rest = &rest[taken..];
                        self.flush(&mut all);
                        self.plain += taken as u64;
                        let sealed = (self.plain, self.sent);
                        self.log.borrow_mut().served[self.number].sealed.push(sealed);
                        if taken == 0 {
                            // It has ended.
                            break;
                        }
                    }
                }
                ServerAction::End => {
                    self.layer.end(Direction::Up, 0);
                    self.flush(&mut all);
                    all.push(ServerAction::End);
                }
                ServerAction::Reset => all.push(ServerAction::Reset),
            }
        }
        self.flush(&mut all);
        all
    }

    fn flush(&mut self, all: &mut Vec<ServerAction>) {
        let ready = self.layer.ready(Direction::Up, 0).to_vec();
        if ready.is_empty() {
            return;
        }
        self.layer.take(Direction::Up, 0, ready.len());
        self.sent += ready.len() as u64;
        self.layer.reached_socket(self.sent);
        all.push(ServerAction::Send(ready));
    }
}

impl SimulatedServer for TlsFront {
    fn received(&mut self, now_ns: u64, bytes: &[u8]) -> Vec<ServerAction> {
        let (mut rest, mut actions) = (bytes, Vec::new());
        while !rest.is_empty() {
            let taken = self.layer.push(Direction::Down, 0, rest);
            rest = &rest[taken..];
            let plain = self.layer.ready(Direction::Down, 0).to_vec();
            self.layer.take(Direction::Down, 0, plain.len());
            if !plain.is_empty() {
                actions.extend(self.inner.received(now_ns, &plain));
            }
            if taken == 0 && plain.is_empty() {
                // Nothing that is TLS.
                return vec![ServerAction::Reset];
            }
        }
        self.encrypt(actions)
    }

    fn ended(&mut self, now_ns: u64) -> Vec<ServerAction> {
        self.layer.end(Direction::Down, 0);
        let actions = self.inner.ended(now_ns);
        self.encrypt(actions)
    }

    fn woken(&mut self, now_ns: u64) -> Vec<ServerAction> {
        let actions = self.inner.woken(now_ns);
        self.encrypt(actions)
    }

    fn wakes_ns(&self, now_ns: u64) -> Option<u64> {
        self.inner.wakes_ns(now_ns)
    }

    fn takes_news(&mut self) -> bool {
        self.inner.takes_news()
    }
}
