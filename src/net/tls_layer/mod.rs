//! TLS as a layer: the protocol's bytes go in at the top, records come out at the bottom, and the
//! reverse. rustls does the work, without buffers of its own.
//!
//! Nothing is kept while a connection is idle: what a record is made in and read from is memory that
//! the connections of a thread share.
//!
//! | file | what |
//! |---|---|
//! | `record_account` | how many of the bytes at the socket are the protocol's |
//! | `round` | one step of rustls |
//! | `failure` | what an error of rustls is to a client |

mod failure;
mod record_account;
mod round;

use crate::net::layer::{LayerBuffer, RecordLayer, StreamLayer, TlsBytes};
use crate::record::{ClientError, ClientErrorKind, Direction, TlsProblem};
use crate::tls::{ClientTls, MOST_RECORD_DATA, Sessions};
pub(crate) use failure::client_error;
use record_account::RecordAccount;
use round::{TlsStep, Write, round};
use rustls::ServerConfig;
use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// The most that is held in each direction.
const MOST_HELD: usize = 64 * 1024;
/// Buffers that a thread keeps for its connections.
const SPARE_BUFFERS: usize = 8;
/// A buffer that has grown beyond this is not kept.
const MOST_SPARE_BYTES: usize = 128 * 1024;

/// Memory that the connections of a thread use in turn.
#[derive(Debug, Default)]
pub(crate) struct SpareBuffers(RefCell<Vec<Vec<u8>>>);

impl SpareBuffers {
    fn take(&self) -> Vec<u8> {
        self.0.borrow_mut().pop().unwrap_or_default()
    }
    /// Takes the memory of a buffer back.
    fn give(&self, buffer: &mut Vec<u8>) {
        let mut buffer = std::mem::take(buffer);
        let mut spare = self.0.borrow_mut();
        if buffer.capacity() <= MOST_SPARE_BYTES && spare.len() < SPARE_BUFFERS {
            buffer.clear();
            spare.push(buffer);
        }
    }
}

/// Bytes of which the first were taken. It has memory only if there are any.
#[derive(Debug, Default)]
struct Queue {
    bytes: Vec<u8>,
    taken: usize,
}

impl Queue {
    fn left(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }
    fn take(&mut self, len: usize, spare: &SpareBuffers) {
        self.taken += len;
        if self.left().is_empty() {
            self.clear(spare);
        }
    }
    fn clear(&mut self, spare: &SpareBuffers) {
        self.taken = 0;
        if self.bytes.capacity() > 0 {
            spare.give(&mut self.bytes);
        }
    }
    /// The bytes, to be appended to.
    fn append_to(&mut self, spare: &SpareBuffers) -> &mut Vec<u8> {
        if self.bytes.capacity() == 0 {
            self.bytes = spare.take();
        }
        &mut self.bytes
    }
}

/// Which side of a connection this is.
enum TlsSide {
    Client(Box<UnbufferedClientConnection>, Option<Arc<Sessions>>, u32),
    Server(Box<UnbufferedServerConnection>),
}

/// Which way data goes that neither side sends any more.
#[derive(Debug, Clone, Copy, Default)]
struct Ends {
    /// The protocol has ended its direction.
    up: bool,
    /// The end of the socket's bytes was read.
    down: bool,
    /// The peer has said that it sends nothing more (close_notify, RFC 8446 §6.1).
    notified: bool,
}

/// The layer of one connection.
pub(crate) struct TlsLayer {
    side: TlsSide,
    spare: Rc<SpareBuffers>,
    /// What has come and is no whole record.
    incoming: Vec<u8>,
    /// Data for the protocol.
    plain: Queue,
    /// Records for the socket.
    records: Queue,
    /// What the protocol has written before the handshake was over.
    early: Vec<u8>,
    account: RecordAccount,
    open: bool,
    ends: Ends,
    failure: Option<ClientError>,
    /// The failure that nobody has asked for yet.
    untold: Option<ClientError>,
}

/// What the clients of a thread make their layers of.
#[derive(Debug)]
pub struct TlsClient {
    tls: ClientTls,
    spare: Rc<SpareBuffers>,
}

impl TlsClient {
    /// Shares a configuration.
    pub(crate) fn new(tls: ClientTls) -> TlsClient {
        TlsClient { tls, spare: Rc::default() }
    }
    /// What it shares.
    pub(crate) fn settings(&self) -> &ClientTls {
        &self.tls
    }
    /// The layer of a client's new connection, which begins the handshake.
    ///
    /// # Errors
    /// If rustls cannot begin.
    pub(crate) fn layer(&self, client: u32) -> Result<TlsLayer, ClientError> {
        let ClientTls { config, name, sessions, .. } = &self.tls;
        if let Some(sessions) = sessions {
            sessions.enter(client);
        }
        let connection = UnbufferedClientConnection::new(config.clone(), name.clone())
            .map_err(|error| client_error(&error))?;
        let side = TlsSide::Client(Box::new(connection), sessions.clone(), client);
        let mut layer = TlsLayer::new(side, self.spare.clone());
        layer.run(None);
        Ok(layer)
    }
}

/// What the connections of a server's thread make their layers of.
#[derive(Debug)]
pub(crate) struct TlsServer {
    config: Arc<ServerConfig>,
    spare: Rc<SpareBuffers>,
}

impl TlsServer {
    /// Shares a configuration.
    pub(crate) fn new(config: Arc<ServerConfig>) -> TlsServer {
        TlsServer { config, spare: Rc::default() }
    }
    /// The layer of a connection that was accepted.
    ///
    /// # Errors
    /// If rustls cannot begin.
    pub(crate) fn layer(&self) -> Result<TlsLayer, ClientError> {
        let connection = UnbufferedServerConnection::new(self.config.clone())
            .map_err(|error| client_error(&error))?;
        Ok(TlsLayer::new(TlsSide::Server(Box::new(connection)), self.spare.clone()))
    }
}

impl TlsLayer {
    fn new(side: TlsSide, spare: Rc<SpareBuffers>) -> TlsLayer {
        TlsLayer {
            side,
            spare,
            incoming: Vec::new(),
            plain: Queue::default(),
            records: Queue::default(),
            early: Vec::new(),
            account: RecordAccount::default(),
            open: false,
            ends: Ends::default(),
            failure: None,
            untold: None,
        }
    }

    /// Returns what an error is by when it came. The alert of a server that refuses a client's certificate
    /// comes when the client's part of the handshake is over (RFC 8446 §2), but before any data.
    fn after_handshake(&self, error: ClientError) -> ClientError {
        match error.kind {
            ClientErrorKind::TlsAlert if self.account.has_decrypted() => {
                ClientError { kind: ClientErrorKind::TlsAlertLater, ..error }
            }
            _ if self.open && error == TlsProblem::Malformed.error() => {
                TlsProblem::MalformedLater.error()
            }
            _ => error,
        }
    }

    fn fail(&mut self, error: ClientError) {
        if self.failure.is_none() {
            self.failure = Some(error);
            self.untold = Some(error);
        }
    }

    /// Lets rustls read what has come, and write what it wants to send and then `write`.
    fn run(&mut self, write: Option<Write<'_>>) {
        let before = self.records.bytes.len();
        let mut incoming = std::mem::take(&mut self.incoming);
        loop {
            let (discard, step) = self.step(&mut incoming, write);
            let discard = discard.min(incoming.len());
            incoming.drain(..discard);
            self.account.received(discard);
            match step {
                TlsStep::Again => {}
                TlsStep::Notified => self.ends.notified = true,
                TlsStep::Waits => break,
                TlsStep::Open => {
                    self.open = true;
                    break;
                }
                TlsStep::Failed(error) => {
                    self.fail(self.after_handshake(error));
                    // There may be an alert to send, which rustls gives before it reads on. It
                    // must see what it has seen: it remembers how far it has read of that.
                    self.step(&mut incoming, None);
                    break;
                }
            }
        }
        if incoming.is_empty() && incoming.capacity() > 0 {
            self.spare.give(&mut incoming);
        }
        self.incoming = incoming;
        let made = self.records.bytes.len() - before;
        self.account.made(made);
    }

    fn step(&mut self, incoming: &mut [u8], write: Option<Write<'_>>) -> (usize, TlsStep) {
        let records = self.records.append_to(&self.spare);
        let plain = self.plain.append_to(&self.spare);
        let before = plain.len();
        let result = match &mut self.side {
            TlsSide::Client(connection, sessions, client) => {
                if let Some(sessions) = sessions {
                    sessions.enter(*client);
                }
                round(connection.process_tls_records(incoming), plain, records, write)
            }
            TlsSide::Server(connection) => {
                round(connection.process_tls_records(incoming), plain, records, write)
            }
        };
        self.account.decrypted(plain.len() - before);
        if self.plain.left().is_empty() {
            self.plain.clear(&self.spare);
        }
        if self.records.left().is_empty() {
            self.records.clear(&self.spare);
        }
        result
    }

    /// Encrypts bytes of the protocol.
    fn encrypt(&mut self, bytes: &[u8]) {
        self.account.encrypts(bytes.len());
        self.run(Some(Write::Data(bytes)));
    }

    /// Sends what had to wait for the end of the handshake.
    fn send_early(&mut self) {
        if self.open && !self.early.is_empty() {
            let early = std::mem::take(&mut self.early);
            self.encrypt(&early);
        }
    }

    /// Whether a client got what cannot be TLS. The first byte of a record is its type, and the
    /// second 3.
    fn is_foreign(&self) -> bool {
        let begins = |first: &u8| (0x14..=0x18).contains(first);
        let mut bytes = self.incoming.iter();
        let first = bytes.next().is_none_or(begins);
        !(first && bytes.next().is_none_or(|second| *second == 3))
    }
}

impl StreamLayer for TlsLayer {
    fn buffer(&mut self) -> Option<&mut dyn LayerBuffer> {
        Some(self)
    }
    fn tls(&self) -> Option<&dyn RecordLayer> {
        Some(self)
    }
    fn tls_mut(&mut self) -> Option<&mut dyn RecordLayer> {
        Some(self)
    }
}

impl RecordLayer for TlsLayer {
    fn is_open(&self) -> bool {
        self.open
    }
    fn take_failure(&mut self) -> Option<ClientError> {
        self.untold.take()
    }
    fn has_chosen(&self, protocol: &[u8]) -> bool {
        let chosen = match &self.side {
            TlsSide::Client(client, ..) => client.alpn_protocol(),
            TlsSide::Server(server) => server.alpn_protocol(),
        };
        chosen == Some(protocol)
    }
    fn is_truncated(&self) -> bool {
        self.ends.down && !self.ends.notified
    }
    fn written(&self) -> u64 {
        self.account.written()
    }
    fn unsent(&self) -> u64 {
        self.account.unsent()
    }
    fn bytes(&self) -> TlsBytes {
        self.account.bytes()
    }
}

impl LayerBuffer for TlsLayer {
    /// Whole records, so that their number depends on nothing but what is written at once.
    fn room(&mut self, direction: Direction) -> usize {
        if self.failure.is_some() {
            return 0;
        }
        match direction {
            Direction::Down => {
                MOST_HELD.saturating_sub(self.plain.left().len() + self.incoming.len())
            }
            Direction::Up if self.ends.up => 0,
            Direction::Up => {
                let record = MOST_RECORD_DATA as usize;
                let held = self.records.left().len() + self.early.len();
                MOST_HELD.saturating_sub(held) / record * record
            }
        }
    }
    fn push(&mut self, direction: Direction, _now_ns: u64, bytes: &[u8]) -> usize {
        let len = bytes.len().min(self.room(direction));
        let bytes = &bytes[..len];
        if bytes.is_empty() {
            return 0;
        }
        match direction {
            Direction::Up if self.open => {
                self.account.accepted(len);
                self.encrypt(bytes);
            }
            Direction::Up => {
                self.account.accepted(len);
                self.early.extend_from_slice(bytes);
            }
            Direction::Down => {
                if self.incoming.capacity() == 0 {
                    self.incoming = self.spare.take();
                }
                self.incoming.extend_from_slice(bytes);
                // A server answers with an alert, which says what it expects.
                let is_client = matches!(self.side, TlsSide::Client(..));
                if is_client && self.account.is_new() && self.is_foreign() {
                    self.fail(TlsProblem::NoTls.error());
                    return len;
                }
                self.run(None);
                self.send_early();
            }
        }
        len
    }
    fn end(&mut self, direction: Direction, _now_ns: u64) {
        match direction {
            Direction::Up if self.ends.up => {}
            Direction::Up => {
                self.ends.up = true;
                self.account.dropped(self.early.len());
                self.early = Vec::new();
                // Nobody reads it if the peer has ended its bytes without one of its own.
                let is_alone = self.ends.down && !self.ends.notified;
                if self.open && self.failure.is_none() && !is_alone {
                    self.run(Some(Write::Close));
                }
            }
            Direction::Down => {
                self.ends.down = true;
                if !self.open {
                    self.fail(TlsProblem::EarlyEnd.error());
                }
            }
        }
    }
    fn ready(&mut self, direction: Direction, _now_ns: u64) -> &[u8] {
        match direction {
            Direction::Up => self.records.left(),
            Direction::Down => self.plain.left(),
        }
    }
    fn take(&mut self, direction: Direction, _now_ns: u64, len: usize) {
        match direction {
            Direction::Up => self.records.take(len, &self.spare),
            Direction::Down => self.plain.take(len, &self.spare),
        }
    }
    fn is_over(&mut self, direction: Direction, _now_ns: u64) -> bool {
        match direction {
            Direction::Up => self.ends.up && self.records.left().is_empty(),
            Direction::Down => {
                (self.ends.down || self.ends.notified) && self.plain.left().is_empty()
            }
        }
    }
    fn deadline_ns(&mut self, _direction: Direction, _now_ns: u64) -> Option<u64> {
        None
    }
    fn held(&mut self, direction: Direction) -> u64 {
        let bytes = match direction {
            Direction::Up => self.records.left().len() + self.early.len(),
            Direction::Down => self.plain.left().len() + self.incoming.len(),
        };
        bytes as u64
    }
    fn discard(&mut self, direction: Direction) -> u64 {
        let held = self.held(direction);
        match direction {
            Direction::Up => {
                self.records.clear(&self.spare);
                self.early = Vec::new();
            }
            Direction::Down => {
                self.plain.clear(&self.spare);
                self.incoming = Vec::new();
            }
        }
        held
    }
    fn reached_socket(&mut self, total: u64) {
        self.account.reached_socket(total);
    }
    fn is_broken(&self) -> bool {
        self.failure.is_some()
    }
}

impl std::fmt::Debug for TlsLayer {
    /// Without keys and data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsLayer")
            .field("open", &self.open)
            .field("ends", &self.ends)
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests;
