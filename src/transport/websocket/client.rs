//! The client half: an upgrade of our own rendering, then tokio-tungstenite over the metered and
//! scanned stream with buffers that are small and stated.

use super::frame::{Scanned, Sizes};
use super::params::Params;
use crate::alarm::Sleep;
use crate::clock::now_ns;
use crate::feed;
use crate::net::Metered;
use crate::record::{Fault, FaultKind, Metric, Phase};
use crate::transport::client::Change;
use crate::transport::http::Response;
use crate::transport::inbox::Inbox;
use crate::transport::receipts::{Receipts, Skipped, skipped};
use crate::transport::{Book, Client, Driver, LocalFuture, Target};
use futures_util::StreamExt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::Error;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};

/// Attempts to set up a client before it is given up.
const SET_UP_ATTEMPTS: u32 = 4;
/// Between two of them.
const SET_UP_PAUSE_NS: u64 = 250_000_000;

/// The client half of one thread.
struct Push {
    path: String,
    authority: String,
    config: WebSocketConfig,
    reconnect_ns: u64,
    feed: feed::Spec,
}

/// The client half for one thread.
pub fn driver(params: &Params, target: &Target, feed: &feed::Spec) -> Rc<dyn Driver> {
    let config = WebSocketConfig::default()
        .read_buffer_size(params.read_buffer_bytes as usize)
        .write_buffer_size(0);
    Rc::new(Push {
        path: target.path.clone(),
        authority: target.authority.clone(),
        config,
        reconnect_ns: params.reconnect_ns,
        feed: *feed,
    })
}

/// An upgraded connection and its books.
struct Link {
    socket: WebSocketStream<Scanned>,
    book: Book,
    /// The updates of the message that comes.
    inbox: Inbox,
    skipped: Skipped,
}

/// Why listening ended.
enum Ended {
    Stopped,
    Lost,
}

impl Push {
    async fn live(&self, client: &mut Client) {
        let mut receipts = Receipts::default();
        self.receive(client, &mut receipts).await;
        receipts.settle(client);
    }

    async fn receive(&self, client: &mut Client, receipts: &mut Receipts) {
        let Some(mut link) = Box::pin(self.set_up(client)).await else { return };
        loop {
            match self.listen(client, &mut link, receipts).await {
                Ended::Stopped => return,
                Ended::Lost => {}
            }
            let phase = link.book.phase();
            client.unready();
            receipts.reconnected();
            link = loop {
                if !client.pause(self.reconnect_ns).await {
                    return;
                }
                if let Some(link) = Box::pin(self.open(client, phase)).await {
                    client.ready();
                    break link;
                }
            };
        }
    }

    async fn set_up(&self, client: &mut Client) -> Option<Link> {
        if !client.begin().await {
            return None;
        }
        for attempt in 0..SET_UP_ATTEMPTS {
            if attempt > 0 && !client.pause(SET_UP_PAUSE_NS).await {
                return None;
            }
            if let Some(link) = self.open(client, Phase::Setup).await {
                client.ready();
                return Some(link);
            }
        }
        None
    }

    /// Connects and upgrades; faults and bytes are booked in `phase`.
    async fn open(&self, client: &mut Client, phase: Phase) -> Option<Link> {
        let (mut stream, mut book) = client.connect(phase).await?;
        let began = now_ns();
        let upgrading = self.upgrade(&mut stream);
        let outcome = match tokio::time::timeout(client.timeout(), upgrading).await {
            Err(_) => Err(Fault::of(FaultKind::ResponseTimeout)),
            Ok(outcome) => outcome,
        };
        match outcome {
            Err(fault) => {
                book.failed(&stream);
                client.fault(phase, fault);
                None
            }
            Ok(upgrade) => {
                upgrade.book(client, phase, &stream, &mut book);
                client
                    .thread
                    .recorder
                    .borrow_mut()
                    .set_up_time(Metric::UpgradeTime, now_ns() - began);
                let socket = WebSocketStream::from_partially_read(
                    Scanned::new(stream, &upgrade.leftover),
                    upgrade.leftover,
                    Role::Client,
                    Some(self.config),
                );
                let (inbox, skipped) = (Inbox::new(&self.feed), skipped(&self.feed));
                Some(Link { socket: socket.await, book, inbox, skipped })
            }
        }
    }

    /// The opening handshake (RFC 6455 §4.1).
    async fn upgrade(&self, stream: &mut Metered) -> Result<Upgrade, Fault> {
        let key = generate_key();
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n",
            self.path, self.authority
        );
        let failed = |kind, e: io::Error| Fault::io(kind, &e);
        stream.write_all(request.as_bytes()).await.map_err(|e| failed(FaultKind::Write, e))?;
        let mut response = Response::default();
        let mut head = Vec::with_capacity(256);
        while !response.is_done() {
            let before = head.len();
            let read = stream.read_buf(&mut head).await.map_err(|e| failed(FaultKind::Read, e))?;
            if read == 0 {
                return Err(Fault::of(FaultKind::EarlyClose));
            }
            let used = response.feed(&head[before..]).map_err(|_| Fault::of(FaultKind::Upgrade))?;
            if response.status != 0 && response.status != 101 {
                return Err(Fault::with(FaultKind::Upgrade, i32::from(response.status)));
            }
            if response.is_done() {
                if stream.unsent() > 0 {
                    // Nobody can answer what is still in the delay line.
                    return Err(Fault::of(FaultKind::Upgrade));
                }
                let leftover = head.split_off(before + used);
                if !accepts(&head, &key) {
                    return Err(Fault::of(FaultKind::Upgrade));
                }
                let ends = request.bytes().filter(|b| matches!(b, b'\r' | b'\n')).count();
                return Ok(Upgrade {
                    request_chars: (request.len() - ends) as u64,
                    heads: response.parts.heads,
                    head_chars: response.parts.head_chars,
                    leftover,
                });
            }
        }
        Err(Fault::of(FaultKind::Upgrade))
    }

    /// Receives until the word to stop or the loss of the connection.
    async fn listen(&self, client: &mut Client, link: &mut Link, receipts: &mut Receipts) -> Ended {
        let (mut sleep, mut coming) = client.next_change();
        loop {
            match next(&mut link.socket, &mut sleep).await {
                Event::Received(Ok(message)) => {
                    let payload = match &message {
                        Message::Text(text) => text.as_bytes(),
                        Message::Binary(bytes) => bytes,
                        _ => &[],
                    };
                    if matches!(message, Message::Text(_) | Message::Binary(_)) {
                        link.received(client, payload, receipts);
                    }
                    link.book_control();
                    if let Message::Close(frame) = &message {
                        let code = frame.as_ref().map_or(0, |f| i32::from(u16::from(f.code)));
                        client.fault(link.book.phase(), Fault::with(FaultKind::EarlyClose, code));
                        link.end(client, receipts).await;
                        return Ended::Lost;
                    }
                }
                Event::Received(Err(fault)) => {
                    link.book_control();
                    client.fault(link.book.phase(), fault);
                    return Ended::Lost;
                }
                Event::Woken(woken) => {
                    match client.change(woken, coming) {
                        Some(Change::Stop) => {
                            link.end(client, receipts).await;
                            return Ended::Stopped;
                        }
                        Some(Change::Phase(phase)) => {
                            link.book.enter(phase, link.socket.get_ref().metered());
                        }
                        None => {}
                    }
                    (sleep, coming) = client.next_change();
                }
            }
        }
    }
}

struct Upgrade {
    request_chars: u64,
    heads: u64,
    head_chars: u64,
    leftover: Vec<u8>,
}

impl Upgrade {
    /// Books the handshake: what was written is the request, of what was read the frames behind
    /// the response are still to come.
    fn book(&self, client: &Client, phase: Phase, stream: &Metered, book: &mut Book) {
        let up = stream.meter().written();
        let mut recorder = client.thread.recorder.borrow_mut();
        let ledger = &mut recorder.at(phase).ledger;
        ledger.up.wire += up;
        ledger.up.heads += up;
        ledger.up.head_chars += self.request_chars;
        ledger.down.wire += self.heads;
        ledger.down.heads += self.heads;
        ledger.down.head_chars += self.head_chars;
        book.booked(up, self.heads);
    }
}

/// Whether the response has the `Sec-WebSocket-Accept` that the key asks for.
fn accepts(head: &[u8], key: &str) -> bool {
    let wanted = derive_accept_key(key.as_bytes());
    let mut fields = [httparse::EMPTY_HEADER; 96];
    let mut response = httparse::Response::new(&mut fields);
    response.parse(head).is_ok()
        && response.headers.iter().any(|f| {
            f.name.eq_ignore_ascii_case("sec-websocket-accept")
                && f.value.trim_ascii() == wanted.as_bytes()
        })
}

enum Event {
    Received(Result<Message, Fault>),
    Woken(bool),
}

/// The next message, or the end of the sleep; a message comes first.
async fn next(socket: &mut WebSocketStream<Scanned>, sleep: &mut Sleep) -> Event {
    poll_fn(|cx| {
        if let Poll::Ready(received) = socket.poll_next_unpin(cx) {
            return Poll::Ready(Event::Received(match received {
                Some(Ok(message)) => Ok(message),
                Some(Err(error)) => Err(fault_of(&error)),
                None => Err(Fault::of(FaultKind::EarlyClose)),
            }));
        }
        Pin::new(&mut *sleep).poll(cx).map(Event::Woken)
    })
    .await
}

fn fault_of(error: &Error) -> Fault {
    match error {
        Error::Io(error) => Fault::io(FaultKind::Read, error),
        Error::ConnectionClosed | Error::AlreadyClosed => Fault::of(FaultKind::EarlyClose),
        Error::Protocol(
            tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
        ) => Fault::of(FaultKind::EarlyClose),
        _ => Fault::of(FaultKind::Malformed),
    }
}

impl Link {
    /// Books a message and says what the update is to the client.
    fn received(&mut self, client: &Client, payload: &[u8], receipts: &mut Receipts) {
        let phase = self.book.phase();
        let findings = self.socket.get_ref().findings();
        // The codec gives a message only after its bytes have passed the scanner.
        let sizes = findings.borrow_mut().messages_down.pop_front().unwrap_or_default();
        self.inbox.push(payload);
        let separators = self.inbox.end();
        let mut recorder = client.thread.recorder.borrow_mut();
        let down = &mut recorder.at(phase).ledger.down;
        let Sizes { framing, masks, payload: bytes } = sizes;
        down.wire += sizes.wire();
        down.framing += framing + separators;
        down.masks += masks;
        down.payload += bytes - separators.min(bytes);
        self.book.booked(0, sizes.wire());
        drop(recorder);
        self.inbox.deliver(client, phase, receipts, self.skipped);
    }

    /// Books the control frames that have passed. Those to the server have passed once they have
    /// left the delay line; what never leaves it is not booked.
    fn book_control(&mut self) {
        let scanned = self.socket.get_ref();
        let findings = scanned.findings();
        let mut findings = findings.borrow_mut();
        let left = scanned.metered().unsent() == 0;
        let down = std::mem::take(&mut findings.control_down);
        let up = if left { std::mem::take(&mut findings.control_up) } else { (0, 0) };
        if down.0 + up.0 == 0 {
            return;
        }
        let thread = self.book.thread().clone();
        let mut recorder = thread.recorder.borrow_mut();
        let cell = recorder.at(self.book.phase());
        cell.counts.control_frames_down += down.0;
        cell.counts.control_frames_up += up.0;
        cell.ledger.down.control += down.1;
        cell.ledger.down.wire += down.1;
        cell.ledger.up.control += up.1;
        cell.ledger.up.wire += up.1;
        self.book.booked(up.1, down.1);
    }

    /// The closing handshake (RFC 6455 §7): says close, or answers it, and reads until the server
    /// has closed the connection.
    async fn end(&mut self, client: &Client, receipts: &mut Receipts) {
        self.book.enter(Phase::Teardown, self.socket.get_ref().metered());
        client.watch.begin(now_ns());
        let normal = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        // An error here is the connection's end, which the reading below meets too.
        let _ = self.socket.close(Some(normal)).await;
        loop {
            let received = poll_fn(|cx| match client.watch.expired(cx) {
                true => Poll::Ready(None),
                false => self.socket.poll_next_unpin(cx),
            });
            match received.await {
                Some(Ok(Message::Text(text))) => self.received(client, text.as_bytes(), receipts),
                Some(Ok(Message::Binary(bytes))) => self.received(client, &bytes, receipts),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break,
            }
        }
        client.watch.end();
        self.book_control();
    }
}

impl Drop for Link {
    /// The books are closed before the stream is, however the client ended.
    fn drop(&mut self) {
        self.book_control();
        let scanned = self.socket.get_ref();
        self.book.discard_down(scanned.untaken_down());
        self.book.close(scanned.metered());
    }
}

impl Driver for Push {
    fn drive(self: Rc<Self>, mut client: Client) -> LocalFuture<()> {
        Box::pin(async move { self.live(&mut client).await })
    }
}
