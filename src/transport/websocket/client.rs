//! The client half: an upgrade of our own rendering, then tokio-tungstenite over the metered and
//! scanned stream with buffers that are small and stated.

use super::scanned::Scanned;
use crate::client::context::Watch;
use crate::client::delivery::per_client::{Receipts, Skipped, skipped};
use crate::client::handle::Change;
use crate::client::{Client, ClientHalf, ConnectionAccount, LocalFuture};
use crate::feed;
use crate::feed::{Stamp, Workload};
use crate::net::Metered;
use crate::protocol::http1::Target;
use crate::protocol::http1::response::Response;
use crate::protocol::websocket::frame::Sizes;
use crate::record::{ClientError, ClientErrorKind, Metric, Phase};
use crate::time::Sleep;
use crate::time::now_ns;
use crate::time::{Turn, TurnPlacement};
use crate::transport::websocket::echo::Rounds;
use crate::transport::websocket::params::Params;
use bytes::BytesMut;
use futures_util::StreamExt;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
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
pub(super) struct Push {
    path: String,
    authority: String,
    config: WebSocketConfig,
    reconnect_ns: u64,
    /// In an echo, each message follows the answer to the last.
    pub(super) back_to_back: bool,
    pub(super) feed: feed::Spec,
    /// Where messages are rendered.
    pub(super) scratch: RefCell<BytesMut>,
}

/// The client half for one thread.
pub(crate) fn driver(params: &Params, target: &Target, feed: &feed::Spec) -> Rc<dyn ClientHalf> {
    let config = WebSocketConfig::default()
        .read_buffer_size(params.read_buffer_bytes as usize)
        .write_buffer_size(0);
    Rc::new(Push {
        path: target.path.clone(),
        authority: target.authority.clone(),
        config,
        reconnect_ns: params.reconnect_ns,
        back_to_back: params.back_to_back,
        feed: *feed,
        scratch: RefCell::default(),
    })
}

/// An upgraded connection and its books.
pub(super) struct Link {
    pub(super) socket: WebSocketStream<Scanned>,
    pub(super) book: ConnectionAccount,
    skipped: Skipped,
    /// In an echo, what is to be answered.
    pub(super) rounds: Option<Rounds>,
    /// The phase of the message that is being written, where one is.
    pub(super) writing: Option<Phase>,
}

/// Why listening ended.
pub(super) enum Ended {
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
        let mut voice = self.feed.sends(client.id).then(|| client.beside(self.feed.period_ns()));
        loop {
            let ended = match self.feed.workload {
                Workload::Echo => self.converse(client, &mut link, receipts).await,
                _ => self.listen(client, &mut link, receipts, &mut voice).await,
            };
            link.give_up(client, matches!(ended, Ended::Stopped));
            if let Ended::Stopped = ended {
                return;
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
            Err(_) => Err(ClientError::of(ClientErrorKind::ResponseTimeout)),
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
                let skipped = skipped(&self.feed);
                let rounds = (self.feed.workload == Workload::Echo).then(Rounds::default);
                let socket = socket.await;
                Some(Link { socket, book, skipped, rounds, writing: None })
            }
        }
    }

    /// The opening handshake (RFC 6455 §4.1).
    async fn upgrade(&self, stream: &mut Metered) -> Result<Upgrade, ClientError> {
        let key = generate_key();
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n",
            self.path, self.authority
        );
        let failed = |kind, e: io::Error| ClientError::io(kind, &e);
        stream
            .write_all(request.as_bytes())
            .await
            .map_err(|e| failed(ClientErrorKind::Write, e))?;
        let mut response = Response::default();
        let mut head = Vec::with_capacity(256);
        while !response.is_done() {
            let before = head.len();
            let read =
                stream.read_buf(&mut head).await.map_err(|e| failed(ClientErrorKind::Read, e))?;
            if read == 0 {
                return Err(ClientError::of(ClientErrorKind::EarlyClose));
            }
            let used = response
                .feed(&head[before..])
                .map_err(|_| ClientError::of(ClientErrorKind::Upgrade))?;
            if response.status != 0 && response.status != 101 {
                return Err(ClientError::with(
                    ClientErrorKind::Upgrade,
                    i32::from(response.status),
                ));
            }
            if response.is_done() {
                if stream.unsent() > 0 {
                    // Nobody can answer what is still in the delay line.
                    return Err(ClientError::of(ClientErrorKind::Upgrade));
                }
                let leftover = head.split_off(before + used);
                if !accepts(&head, &key) {
                    return Err(ClientError::of(ClientErrorKind::Upgrade));
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
        Err(ClientError::of(ClientErrorKind::Upgrade))
    }

    /// Receives until the word to stop or the loss of the connection; a sender sends meanwhile.
    async fn listen(
        &self,
        client: &mut Client,
        link: &mut Link,
        receipts: &mut Receipts,
        voice: &mut Option<Client>,
    ) -> Ended {
        let (mut sleep, mut coming) = client.next_change();
        let watch = client.watch.clone();
        loop {
            let turn = {
                let mut turn = pin!(next_turn(voice.as_mut(), self.spread()));
                loop {
                    match next(link, Some(&mut sleep), &watch, turn.as_mut()).await {
                        Event::Turn(turn) => break turn,
                        Event::Received(Ok(message)) => {
                            if let Some(ended) = link.take(client, receipts, &message).await {
                                return ended;
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
                                Some(Change::Phase(phase)) => link.enter(phase),
                                None => {}
                            }
                            (sleep, coming) = client.next_change();
                        }
                    }
                }
            };
            // Without a turn it is the word to stop, which the sleep gives too.
            if let (Some(turn), Some(voice)) = (turn, voice.as_ref()) {
                let sequence = voice.post().sequence();
                let stamp = Stamp { sequence, published_ns: turn.intended_ns };
                self.send(client, link, stamp, turn.phase);
            } else {
                link.end(client, receipts).await;
                return Ended::Stopped;
            }
        }
    }
}

/// The next turn of a sender; never, of those who send nothing.
async fn next_turn(voice: Option<&mut Client>, spread: TurnPlacement) -> Option<Turn> {
    match voice {
        Some(voice) => voice.turn(spread).await,
        None => std::future::pending().await,
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
    fn book(&self, client: &Client, phase: Phase, stream: &Metered, book: &mut ConnectionAccount) {
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

pub(super) enum Event {
    Received(Result<Message, ClientError>),
    Turn(Option<Turn>),
    Woken(bool),
}

/// The next message, turn, or end of the sleep; a message comes first, and no turn comes while
/// the last one's message is being written.
pub(super) async fn next(
    link: &mut Link,
    mut sleep: Option<&mut Sleep>,
    watch: &Watch,
    mut turn: Pin<&mut impl Future<Output = Option<Turn>>>,
) -> Event {
    poll_fn(|cx| {
        if let Poll::Ready(received) = link.socket.poll_next_unpin(cx) {
            return Poll::Ready(Event::Received(match received {
                Some(Ok(message)) => Ok(message),
                Some(Err(error)) => Err(fault_of(&error)),
                None => Err(ClientError::of(ClientErrorKind::EarlyClose)),
            }));
        }
        if link.rounds.is_some() && watch.expired(cx) {
            return Poll::Ready(Event::Received(Err(ClientError::of(
                ClientErrorKind::ResponseTimeout,
            ))));
        }
        if link.poll_written(cx).is_ready()
            && let Poll::Ready(turn) = turn.as_mut().poll(cx)
        {
            return Poll::Ready(Event::Turn(turn));
        }
        match &mut sleep {
            Some(sleep) => Pin::new(&mut **sleep).poll(cx).map(Event::Woken),
            None => Poll::Pending,
        }
    })
    .await
}

/// What a message brings; nothing where it is none of data.
pub(super) fn payload_of(message: &Message) -> &[u8] {
    match message {
        Message::Text(text) => text.as_bytes(),
        Message::Binary(bytes) => bytes,
        _ => &[],
    }
}

fn fault_of(error: &Error) -> ClientError {
    match error {
        Error::Io(error) => ClientError::io(ClientErrorKind::Read, error),
        Error::ConnectionClosed | Error::AlreadyClosed => {
            ClientError::of(ClientErrorKind::EarlyClose)
        }
        Error::Protocol(
            tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
        ) => ClientError::of(ClientErrorKind::EarlyClose),
        _ => ClientError::of(ClientErrorKind::Malformed),
    }
}

impl Link {
    /// Takes in a message or control frame; says where it ends the connection.
    pub(super) async fn take(
        &mut self,
        client: &Client,
        receipts: &mut Receipts,
        message: &Message,
    ) -> Option<Ended> {
        if matches!(message, Message::Text(_) | Message::Binary(_)) {
            self.received(client, message, receipts);
        }
        self.book_control();
        let Message::Close(frame) = message else { return None };
        let code = frame.as_ref().map_or(0, |f| i32::from(u16::from(f.code)));
        client.fault(self.book.phase(), ClientError::with(ClientErrorKind::EarlyClose, code));
        self.end(client, receipts).await;
        Some(Ended::Lost)
    }

    /// Goes to another phase.
    pub(super) fn enter(&mut self, phase: Phase) {
        self.book.enter(phase, self.socket.get_ref().metered());
    }

    /// The phase of its books.
    pub(super) fn phase(&self) -> Phase {
        self.book.phase()
    }

    /// Books a message and says what the update is to the client.
    fn received(&mut self, client: &Client, message: &Message, receipts: &mut Receipts) {
        if self.is_answer(client, message) {
            return;
        }
        let phase = self.book.phase();
        // A message is whole: nothing of it stays in the inbox.
        let mut inbox = client.thread.inbox.borrow_mut();
        inbox.push(payload_of(message));
        let separators = inbox.end();
        self.book_down(client, phase, separators);
        inbox.deliver(client, phase, receipts, self.skipped);
    }

    /// Books the bytes of a message that was received.
    pub(super) fn book_down(&mut self, client: &Client, phase: Phase, separators: u64) {
        let findings = self.socket.get_ref().findings();
        // The codec gives a message only after its bytes have passed the scanner.
        let sizes = findings.borrow_mut().messages_down.pop_front().unwrap_or_default();
        let mut recorder = client.thread.recorder.borrow_mut();
        let down = &mut recorder.at(phase).ledger.down;
        let Sizes { framing, masks, payload: bytes } = sizes;
        down.wire += sizes.wire();
        down.framing += framing + separators;
        down.masks += masks;
        down.payload += bytes - separators.min(bytes);
        self.book.booked(0, sizes.wire());
    }

    /// Books the control frames that have passed. Those to the server have passed once they have
    /// left the delay line; what never leaves it is not booked.
    pub(super) fn book_control(&mut self) {
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
    pub(super) async fn end(&mut self, client: &Client, receipts: &mut Receipts) {
        self.book_up();
        self.enter(Phase::Teardown);
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
                Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                    self.received(client, &message, receipts);
                }
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
        self.book_up();
        self.book_control();
        let scanned = self.socket.get_ref();
        self.book.discard_down(scanned.untaken_down());
        self.book.discard_up(scanned.unfinished_up());
        self.book.close(scanned.metered());
    }
}

impl ClientHalf for Push {
    fn run(self: Rc<Self>, mut client: Client) -> LocalFuture<()> {
        Box::pin(async move { self.live(&mut client).await })
    }
}
