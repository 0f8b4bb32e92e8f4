//! Servers of the simulated network: the five transports as they should be, and with faults.

use crate::feed::{Cursor, Feed, PayloadKind, Stamp, Topic, Update, sequence_text};
use crate::record::TransportKind;
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// What a server does on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::driver::tests) enum ServerAction {
    Send(Vec<u8>),
    End,
    Reset,
}

/// The server's side of one connection.
pub(in crate::driver::tests) trait SimulatedServer {
    fn opened(&mut self, _now_ns: u64) -> Vec<ServerAction> {
        Vec::new()
    }
    fn received(&mut self, now_ns: u64, bytes: &[u8]) -> Vec<ServerAction>;
    fn ended(&mut self, now_ns: u64) -> Vec<ServerAction>;
    fn woken(&mut self, now_ns: u64) -> Vec<ServerAction>;
    /// When it wants to be woken.
    fn wakes_ns(&self, now_ns: u64) -> Option<u64>;
    /// Whether something came, since it was last asked, that the servers of all connections pass on.
    fn takes_news(&mut self) -> bool {
        false
    }
}

/// The transport whose server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::driver::tests) enum ServerKind {
    Polling,
    LongPolling,
    Streaming,
    Sse,
    WebSocket,
}

impl ServerKind {
    pub(in crate::driver::tests) const ALL: [ServerKind; 5] = [
        ServerKind::Polling,
        ServerKind::LongPolling,
        ServerKind::Streaming,
        ServerKind::Sse,
        ServerKind::WebSocket,
    ];
    /// The transport that its clients are of.
    pub(in crate::driver::tests) fn transport(self) -> TransportKind {
        match self {
            ServerKind::Polling => TransportKind::Polling,
            ServerKind::LongPolling => TransportKind::LongPolling,
            ServerKind::Streaming => TransportKind::Streaming,
            ServerKind::Sse => TransportKind::ServerSentEvents,
            ServerKind::WebSocket => TransportKind::WebSocket,
        }
    }

    /// Whether messages come without being asked for.
    pub(super) fn is_pushed(self) -> bool {
        !matches!(self, ServerKind::Polling | ServerKind::LongPolling)
    }

    /// Whether its messages are chunks.
    pub(super) fn is_chunked(self) -> bool {
        matches!(self, ServerKind::Streaming | ServerKind::Sse)
    }

    /// The head of a stream.
    pub(in crate::driver::tests) const CHUNKED: &[u8] =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
          Transfer-Encoding: chunked\r\n\r\n";

    /// The head of a stream that ends with the connection.
    const PLAIN: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";

    /// Returns a payload as a message of a stream without chunks.
    fn plain_message(self, payload: &[u8]) -> Vec<u8> {
        match self {
            ServerKind::Streaming => [payload, b"\n"].concat(),
            ServerKind::Sse => [b"data: ", payload, b"\n\n"].concat(),
            ServerKind::Polling | ServerKind::LongPolling | ServerKind::WebSocket => {
                self.message(payload)
            }
        }
    }

    /// Returns a payload as a message of the protocol.
    pub(in crate::driver::tests) fn message(self, payload: &[u8]) -> Vec<u8> {
        match self {
            ServerKind::Polling | ServerKind::LongPolling => {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", payload.len());
                [head.as_bytes(), payload].concat()
            }
            ServerKind::Streaming => chunk(payload),
            ServerKind::Sse => chunk(&[b"data: ", payload, b"\n\n"].concat()),
            ServerKind::WebSocket => [&[0x81, payload.len() as u8], payload].concat(),
        }
    }
}

/// What goes before the id of an event.
const ID: &[u8] = b"id: ";

/// Returns data as a chunk.
fn chunk(data: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat()
}

/// Returns the answer to a request for an upgrade to WebSocket.
pub(super) fn switching_protocols(request: &str) -> Vec<u8> {
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    let accept = derive_accept_key(key.expect("an upgrade").as_bytes());
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    head.into_bytes()
}

/// What is wrong with a server: one in so many messages, 0 for none.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::driver::tests) struct ServerFaults {
    pub drops: u64,
    pub repeats: u64,
    /// Sent after a later one.
    pub reorders: u64,
    pub resets: u64,
    pub ends: u64,
    pub garbage: u64,
    pub refuses: u64,
    /// Its streams have no chunks: they end with the connection, in order wherever that is.
    pub plain: bool,
    /// It answers with an empty response in place of a stream.
    pub empty: bool,
    /// What is wrong with the times that it says.
    pub lie: Lie,
    /// It says nothing any more after so many messages; 0 for never.
    pub silent_after: u64,
    /// Its events have ids, by which a client that comes back says what it has: that is no fault.
    pub ids: bool,
    /// It does not heed them, and goes on with what comes next.
    pub forgets: bool,
    /// What it does when a client ends the conversation: that is no fault, whatever it is.
    pub at_end: AtEnd,
}

impl ServerFaults {
    /// Returns what stays when nothing more goes wrong.
    pub(super) fn without_faults(self) -> ServerFaults {
        ServerFaults { at_end: self.at_end, ..ServerFaults::default() }
    }
}

/// What a server does at a client's Close, or at the end of its side of TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::driver::tests) enum AtEnd {
    /// It answers a Close and ends its side.
    #[default]
    Ends,
    /// It answers a Close and keeps its side open.
    StaysOpen,
    /// It does not answer, and goes on.
    GoesOn,
    /// It answers a Close and resets the connection.
    Resets,
}

impl AtEnd {
    pub(in crate::driver::tests) const ALL: [AtEnd; 4] =
        [AtEnd::Ends, AtEnd::StaysOpen, AtEnd::GoesOn, AtEnd::Resets];

    /// Returns what a server does that has taken note of a client's end, and answers with these bytes if it
    /// answers at all.
    pub(super) fn actions(self, answer: Option<Vec<u8>>) -> Vec<ServerAction> {
        let end = match self {
            AtEnd::Ends => Some(ServerAction::End),
            AtEnd::StaysOpen => None,
            AtEnd::GoesOn => return Vec::new(),
            AtEnd::Resets => Some(ServerAction::Reset),
        };
        answer.map(ServerAction::Send).into_iter().chain(end).collect()
    }
}

/// What is wrong with the stamps of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::driver::tests) enum Lie {
    #[default]
    None,
    /// They lie ahead of the clock.
    Ahead,
    /// They are older than the update.
    Behind,
    /// It repeats the first one of a topic for ever.
    Constant,
}

/// What went wrong at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::driver::tests) enum Wrong {
    Dropped,
    Repeated,
    Reset,
    Ended,
    /// Between two messages.
    EndedInOrder,
    Garbage,
    Refused,
    Silent,
    Lied(Lie),
}

/// What the servers of a run did.
#[derive(Debug, Default)]
pub(in crate::driver::tests) struct FaultLog {
    /// Updates that were not sent, by topic and number.
    pub dropped: BTreeSet<(u32, u64)>,
    pub repeated: u64,
    pub reordered: u64,
    pub resets: u64,
    pub ends: u64,
    pub garbage: u64,
    pub refused: u64,
    pub silent: u64,
    /// All of it, and when.
    pub wrong: Vec<(Wrong, u64)>,
    /// The first stamp of each topic, which a server may repeat for ever, also after a reconnect.
    pub first: BTreeMap<u32, Stamp>,
    /// Of each connection, in the order in which they were made.
    pub served: Vec<ServedConnection>,
}

impl FaultLog {
    /// Begins the account of a connection; returns its number.
    pub(super) fn serve(&mut self) -> usize {
        self.served.push(ServedConnection::default());
        self.served.len() - 1
    }
}

/// What a server did on one connection.
#[derive(Debug, Default)]
pub(in crate::driver::tests) struct ServedConnection {
    /// Whose updates they are, if each client has its own.
    pub topic: u32,
    /// Where in what the server sent a message is whole.
    pub whole: Vec<u64>,
    /// From here on the client can read nothing.
    pub whole_until: Option<u64>,
    /// Where an update is whole, and its number; if the scenario has a law for it.
    pub updates: Vec<(u64, u64)>,
    /// What was asked, in order.
    pub asked: Vec<RequestLog>,
    /// Behind TLS: of so many bytes that the server sent, so many were on the wire.
    pub sealed: Vec<(u64, u64)>,
}

impl ServedConnection {
    /// A message is whole, so far in what the server sent.
    fn add(&mut self, end: u64, message: &[u8]) {
        self.whole.push(end);
        let text = String::from_utf8_lossy(message);
        let id = text.split_once("id: ").and_then(|(_, rest)| rest.split_once('\n'));
        let sequence = id.and_then(|(id, _)| u64::from_str_radix(id, 36).ok());
        self.updates.extend(sequence.map(|sequence| (end, sequence)));
    }

    /// The answer to the last request is whole, so far in what the server sent.
    pub(super) fn answered(&mut self, end: u64, success: bool) {
        if let Some(asked) = self.asked.last_mut() {
            asked.answer_until.get_or_insert(end);
            asked.success = success;
        }
    }
}

/// A request, as the server saw it.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::driver::tests) struct RequestLog {
    /// The number in the message that it brought; `None` if it asked for messages.
    pub post: Option<u64>,
    /// Where in what the server sent the answer begins, and where it is whole; `None` if it never is.
    pub answer_from: u64,
    pub answer_until: Option<u64>,
    /// Whether the server did what was asked.
    pub success: bool,
}

/// See the module's description.
pub(in crate::driver::tests) struct RemoteServer {
    kind: ServerKind,
    faults: ServerFaults,
    log: Rc<RefCell<FaultLog>>,
    feed: Feed,
    topic: Topic,
    cursor: Cursor,
    random: SplitMix64,
    request: Vec<u8>,
    /// It sends updates as they come.
    pushing: bool,
    /// A long poll waits.
    held: bool,
    messages: u64,
    /// A message that goes after the next one.
    overtaken: Option<Vec<u8>>,
    is_silent: bool,
    /// The connection's number.
    number: usize,
    /// The bytes that it has sent.
    sent: u64,
    now_ns: u64,
    /// Nothing more goes wrong from this moment on, but for lies: the clients end, and nobody would notice.
    faulty_until_ns: u64,
}

impl RemoteServer {
    pub(in crate::driver::tests) fn new(
        kind: ServerKind,
        faults: ServerFaults,
        feed: Feed,
        topic: Topic,
        seed: u64,
        log: Rc<RefCell<FaultLog>>,
        faulty_until_ns: u64,
    ) -> RemoteServer {
        let number = log.borrow_mut().serve();
        log.borrow_mut().served[number].topic = topic.0;
        RemoteServer {
            kind,
            faults,
            log,
            feed,
            topic,
            cursor: Cursor::new(&feed, topic),
            random: SplitMix64::seed_from_u64(seed),
            request: Vec::new(),
            pushing: false,
            held: false,
            messages: 0,
            overtaken: None,
            is_silent: false,
            number,
            sent: 0,
            now_ns: 0,
            faulty_until_ns,
        }
    }

    fn end_faults(&mut self, now_ns: u64) {
        self.now_ns = now_ns;
        if now_ns >= self.faulty_until_ns {
            // Turns of the window may come later than it: a truth then would hide a stamp that was
            // repeated all the time, as an update that the next one has superseded.
            let ServerFaults { lie, plain, ids, forgets, .. } = self.faults;
            let none = self.faults.without_faults();
            self.faults = ServerFaults { lie, plain, ids, forgets, ..none };
        }
    }

    fn note(&self, log: &mut FaultLog, wrong: Wrong) {
        log.wrong.push((wrong, self.now_ns));
    }

    /// Adds a message that is sent to the log: of a chunk, the line end is not awaited.
    fn add_whole(&mut self, log: &mut FaultLog, message: &[u8]) {
        let rest = if self.is_chunked() { 2 } else { 0 };
        self.sent += message.len() as u64;
        let served = &mut log.served[self.number];
        served.add(self.sent - rest, message);
        if !self.kind.is_pushed() {
            served.answered(self.sent, true);
        }
    }

    fn is_chunked(&self) -> bool {
        self.kind.is_chunked() && !self.faults.plain
    }

    fn one_in(&mut self, n: u64) -> bool {
        n > 0 && self.random.next_u64().is_multiple_of(n)
    }

    fn payload(&self, stamp: Stamp) -> Vec<u8> {
        const FAR_NS: u64 = 5_000_000_000;
        let first = *self.log.borrow_mut().first.entry(self.topic.0).or_insert(stamp);
        let at_ns = stamp.published_ns;
        let lie = self.faults.lie;
        let stamp = match lie {
            Lie::None => stamp,
            Lie::Ahead => Stamp { published_ns: at_ns + FAR_NS, ..stamp },
            Lie::Behind => Stamp { published_ns: at_ns.saturating_sub(FAR_NS), ..stamp },
            Lie::Constant => first,
        };
        if lie != Lie::None && (lie != Lie::Constant || stamp.published_ns != at_ns) {
            self.note(&mut self.log.borrow_mut(), Wrong::Lied(lie));
        }
        let mut payload = vec![0; self.feed.spec.payload_bytes as usize];
        stamp.write(PayloadKind::Text, 1, &mut payload);
        payload
    }

    /// An update as a message of the protocol.
    fn update_message(&self, update: Update) -> Vec<u8> {
        let payload = self.payload(update.into());
        if !self.faults.ids {
            return self.message(&payload);
        }
        let id = sequence_text(update.sequence);
        let event = [ID, id.as_bytes(), b"\ndata: ", &payload, b"\n\n"].concat();
        if self.faults.plain { event } else { chunk(&event) }
    }

    /// A payload as a message of the protocol.
    fn message(&self, payload: &[u8]) -> Vec<u8> {
        match self.faults.plain {
            true => self.kind.plain_message(payload),
            false => self.kind.message(payload),
        }
    }

    /// Sends a message, or does what is wrong with it.
    fn send(&mut self, message: Vec<u8>, actions: &mut Vec<ServerAction>) {
        self.messages += 1;
        let log = self.log.clone();
        let mut log = log.borrow_mut();
        let ServerFaults { repeats, resets, ends, garbage, silent_after, .. } = self.faults;
        if silent_after > 0 && self.messages > silent_after {
            self.is_silent = true;
            log.silent += 1;
            self.note(&mut log, Wrong::Silent);
            return;
        }
        if self.one_in(resets) {
            log.resets += 1;
            self.note(&mut log, Wrong::Reset);
            actions.push(ServerAction::Reset);
        } else if self.one_in(ends) {
            log.ends += 1;
            let cut = (self.random.next_u64() % message.len() as u64) as usize;
            // Whole lines without data, as that of an id, bring no event.
            let is_between =
                cut == 0 || message.starts_with(b"id: ") && message[cut..].starts_with(b"data: ");
            self.note(&mut log, if is_between { Wrong::EndedInOrder } else { Wrong::Ended });
            actions.push(ServerAction::Send(message[..cut].to_vec()));
            self.sent += cut as u64;
            if self.is_chunked() && cut + 2 >= message.len() {
                // Nothing but the end of a line is missing.
                let at = self.sent + message.len() as u64 - 2 - cut as u64;
                log.served[self.number].add(at, &message);
            }
            actions.push(ServerAction::End);
        } else if self.one_in(garbage) {
            log.garbage += 1;
            log.served[self.number].whole_until.get_or_insert(self.sent);
            self.sent += 40;
            self.note(&mut log, Wrong::Garbage);
            actions.push(ServerAction::Send(vec![0xff; 40]));
        } else {
            if self.one_in(repeats) {
                log.repeated += 1;
                self.note(&mut log, Wrong::Repeated);
                self.add_whole(&mut log, &message);
                actions.push(ServerAction::Send(message.clone()));
            }
            self.add_whole(&mut log, &message);
            actions.push(ServerAction::Send(message));
        }
        actions.retain(|action| *action != ServerAction::Send(Vec::new()));
    }

    /// Sends every update that is due.
    fn push(&mut self, now_ns: u64) -> Vec<ServerAction> {
        let mut actions = Vec::new();
        while self.cursor.peek().published_ns <= now_ns && !self.is_silent {
            let update = self.cursor.peek();
            self.cursor.advance();
            if self.one_in(self.faults.drops) {
                self.note_dropped(update.sequence);
                continue;
            }
            let message = self.update_message(update);
            // What comes before a client's first update is nothing that it waited for.
            let may_wait = self.messages > 0 && self.overtaken.is_none();
            if may_wait && self.one_in(self.faults.reorders) {
                self.overtaken = Some(message);
                continue;
            }
            self.send(message, &mut actions);
            if let Some(late) = self.overtaken.take() {
                self.log.borrow_mut().reordered += 1;
                self.send(late, &mut actions);
            }
        }
        actions
    }

    fn answer(&mut self, now_ns: u64, request: &str) -> Vec<ServerAction> {
        let mut actions = Vec::new();
        let asked = RequestLog { answer_from: self.sent, ..RequestLog::default() };
        self.log.borrow_mut().served[self.number].asked.push(asked);
        if self.faults.empty {
            let empty = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                          Content-Length: 0\r\n\r\n";
            return vec![ServerAction::Send(empty.to_vec())];
        }
        if self.one_in(self.faults.refuses) {
            self.log.borrow_mut().refused += 1;
            self.note(&mut self.log.borrow_mut(), Wrong::Refused);
            let refused = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
            self.sent += refused.len() as u64;
            self.log.borrow_mut().served[self.number].answered(self.sent, false);
            return vec![ServerAction::Send(refused.to_vec())];
        }
        match self.kind {
            ServerKind::Polling => {
                let latest = self.cursor.latest(now_ns);
                let message = self.message(&self.payload(latest.into()));
                self.send(message, &mut actions);
            }
            ServerKind::LongPolling => {
                self.resume(now_ns, request);
                self.held = true;
                actions = self.release(now_ns);
            }
            ServerKind::Streaming | ServerKind::Sse => {
                self.resume(now_ns, request);
                self.pushing = true;
                let head = if self.is_chunked() { ServerKind::CHUNKED } else { ServerKind::PLAIN };
                self.sent += head.len() as u64;
                actions.push(ServerAction::Send(head.to_vec()));
            }
            ServerKind::WebSocket => {
                self.cursor.latest(now_ns);
                self.pushing = true;
                let response = switching_protocols(request);
                self.sent += response.len() as u64;
                actions.push(ServerAction::Send(response));
            }
        }
        actions
    }

    fn note_dropped(&self, sequence: u64) {
        let mut log = self.log.borrow_mut();
        log.dropped.insert((self.topic.0, sequence));
        self.note(&mut log, Wrong::Dropped);
    }

    /// Goes on after the last update that the client names, or with the next one.
    fn resume(&mut self, now_ns: u64, request: &str) {
        let named = request.lines().find_map(|line| line.strip_prefix("Last-Event-ID: "));
        let named = named.filter(|_| !self.faults.forgets);
        match named.and_then(|text| u64::from_str_radix(text.trim(), 36).ok()) {
            Some(sequence) if self.messages == 0 => {
                self.cursor.seek(&self.feed, self.topic, sequence);
            }
            None if self.messages == 0 => {
                self.cursor.latest(now_ns);
            }
            _ => {}
        }
    }

    /// Answers a held poll once there is an update, with all that there are.
    fn release(&mut self, now_ns: u64) -> Vec<ServerAction> {
        let mut payloads = Vec::new();
        while self.held && self.cursor.peek().published_ns <= now_ns {
            let update = self.cursor.peek();
            self.cursor.advance();
            if self.one_in(self.faults.drops) {
                self.note_dropped(update.sequence);
            } else {
                payloads.push(self.payload(update.into()));
            }
        }
        let mut actions = Vec::new();
        if !payloads.is_empty() && !self.is_silent {
            self.held = false;
            let message = self.message(&payloads.join(&b'\n'));
            self.send(message, &mut actions);
        }
        actions
    }
}

impl SimulatedServer for RemoteServer {
    fn received(&mut self, now_ns: u64, bytes: &[u8]) -> Vec<ServerAction> {
        self.end_faults(now_ns);
        if self.kind == ServerKind::WebSocket && self.pushing {
            // A frame of the client: its Close has the opcode 8.
            if bytes.first() != Some(&0x88) {
                return Vec::new();
            }
            let at_end = self.faults.at_end;
            self.pushing = at_end == AtEnd::GoesOn;
            return at_end.actions(Some(vec![0x88, 2, 3, 0xe8]));
        }
        self.request.extend_from_slice(bytes);
        let mut actions = Vec::new();
        while let Some(end) = self.request.windows(4).position(|w| w == b"\r\n\r\n") {
            let request: Vec<u8> = self.request.drain(..end + 4).collect();
            actions.extend(self.answer(now_ns, &String::from_utf8_lossy(&request)));
        }
        actions
    }

    fn ended(&mut self, _: u64) -> Vec<ServerAction> {
        let at_end = self.faults.at_end;
        self.pushing &= at_end == AtEnd::GoesOn;
        self.held &= at_end == AtEnd::GoesOn;
        at_end.actions(None)
    }

    fn woken(&mut self, now_ns: u64) -> Vec<ServerAction> {
        self.end_faults(now_ns);
        match () {
            () if self.pushing => self.push(now_ns),
            () if self.held => self.release(now_ns),
            () => Vec::new(),
        }
    }

    fn wakes_ns(&self, now_ns: u64) -> Option<u64> {
        let waits = (self.pushing || self.held) && !self.is_silent;
        waits.then(|| self.cursor.peek().published_ns.max(now_ns + 1))
    }
}
