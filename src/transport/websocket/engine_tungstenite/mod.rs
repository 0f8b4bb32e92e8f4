//! The engine `tungstenite`: clients of tokio-tungstenite, as an application has them, each a task.
//!
//! The library performs the opening handshake, codes frames, answers pings and closes. Beneath it
//! lies a stream whose bytes are counted at the socket, with a layer that tells heads and frames
//! apart, so that every part is known as exactly as that of the engine `raw`. The buffer that the
//! library reads into has the size of the setting `read_buffer`.

mod connection;
mod frames;

use crate::client::core::CONNECTS_AT_ONCE;
use crate::client::delivery::per_client::DeliveryTracker;
use crate::client::delivery::skipped::skipped;
use crate::client::handle::unless_stopped;
use crate::client::http::{malformed, retry_after_ns};
use crate::client::requests::{Redirected, Requests, SAMPLED_CLIENTS};
use crate::client::{Client, ClientCore, LocalFuture, TaskClients};
use crate::feed::{self, Stamp, Workload};
use crate::protocol::http1::Target;
use crate::protocol::http1::cookies::SetCookies;
use crate::protocol::http1::response::{HEADERS_LIMIT, Response, WantedFields};
use crate::record::{ClientError, ClientErrorKind, Flow, Part, Phase, UpgradeField};
use crate::time::{Turn, TurnPlacement, now_ns};
use crate::transport::websocket::frame_faults::LargeFrame;
use crate::transport::websocket::message::message;
use crate::transport::websocket::params::Params;
use crate::transport::websocket::pending_echo::PendingEcho;
use crate::transport::websocket::upgrade::{REFUSAL_LIMIT_NS, name_selected};
use bytes::BytesMut;
use connection::{Account, LibraryConnection, SocketEvent, Stream};
use frames::FrameLayer;
use http::header::{HeaderMap, HeaderName, HeaderValue, SET_COOKIE};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::sync::Semaphore;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::{
    CapacityError, Error, ProtocolError, SubProtocolError, UrlError,
};
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// The fields of an answer of which the library does not tell that there is none from another value.
const TOLD_APART: [&str; 3] = ["Sec-WebSocket-Accept", "Upgrade", "Connection"];

/// The clients of one thread.
pub(super) struct TungsteniteEngine {
    upgrades: Requests,
    /// [`TOLD_APART`].
    told_apart: Rc<[String]>,
    authority: String,
    config: WebSocketConfig,
    reconnect_ns: u64,
    /// In an echo, each message follows the echo of the last.
    back_to_back: bool,
    feed: feed::Spec,
    connects: Semaphore,
    /// Memory for rendering messages.
    scratch: RefCell<BytesMut>,
}

/// Returns why the library cannot send the upgrades to a target as they are; `None` if it can.
pub(super) fn refuses_target(params: &Params, target: &Target) -> Option<String> {
    let options = &params.options;
    // Data that cannot be read are refused by themselves.
    let upgrades = Requests::new(options.upgrade(target), options, target).ok()?;
    let mut refused = upgrades.samples(SAMPLED_CLIENTS);
    let why = refused.find_map(|one| request(&one.bytes, &target.authority).err())?;
    Some(format!(
        "the engine \"tungstenite\" cannot send this: {why}; write such a character as an escape such \
         as %22, or take engine = \"raw\""
    ))
}

/// How the session on one connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SessionEnd {
    /// The client must end.
    Stopped,
    /// The connection is lost; the client reconnects.
    Lost,
}

/// One client's state that outlives its connections.
struct ClientState {
    delivery: DeliveryTracker,
    /// The handle of the messages that it sends to others, if it does.
    sender: Option<ClientCore>,
    /// Since when it could take a turn.
    able_ns: u64,
}

impl ClientState {
    /// Says whether the client waits, and with it what it sends.
    fn set_waits(&mut self, client: &mut Client, waits: bool) {
        client.set_waits(waits);
        if let Some(sender) = &mut self.sender {
            sender.set_waits(waits);
        }
    }
}

impl TungsteniteEngine {
    /// The clients of one thread.
    ///
    /// # Errors
    /// If the library cannot use the server's address or path.
    pub(super) fn new(
        params: &Params,
        target: &Target,
        feed: &feed::Spec,
    ) -> Result<TungsteniteEngine, String> {
        let options = &params.options;
        let upgrades = Requests::new(options.upgrade(target), options, target)?;
        let authority = target.authority.clone();
        if let Some(shared) = upgrades.shared() {
            request(&shared.bytes, &authority)
                .map_err(|why| format!("engine \"tungstenite\": {why}"))?;
        }
        let config = WebSocketConfig::default()
            .read_buffer_size(params.read_buffer_bytes as usize)
            .write_buffer_size(0);
        Ok(TungsteniteEngine {
            upgrades,
            told_apart: TOLD_APART.map(str::to_owned).into(),
            authority,
            config,
            reconnect_ns: params.reconnect_ns,
            back_to_back: params.back_to_back,
            feed: *feed,
            connects: Semaphore::new(CONNECTS_AT_ONCE as usize),
            scratch: RefCell::default(),
        })
    }

    fn is_echo(&self) -> bool {
        self.feed.workload == Workload::Echo
    }

    fn placement(&self) -> TurnPlacement {
        if self.feed.spread { TurnPlacement::Spread } else { TurnPlacement::Together }
    }

    async fn run_client(&self, client: &mut Client) {
        let sends = self.feed.sends(client.id) && !self.is_echo();
        let mut state = ClientState {
            delivery: DeliveryTracker::new(skipped(&self.feed)),
            sender: sends.then(|| client.second_handle(self.feed.period_ns())),
            able_ns: 0,
        };
        if client.begin().await {
            self.run_sessions(client, &mut state).await;
        }
        state.delivery.settle(client);
    }

    /// Runs a session on each connection, until the client must end or cannot be set up.
    async fn run_sessions(&self, client: &mut Client, state: &mut ClientState) {
        let mut opened = None;
        let first = client.set_up(async |client| {
            opened = self.open(client, Phase::Setup).await;
            opened.is_some()
        });
        if !first.await {
            return;
        }
        while let Some(mut connection) = opened {
            state.able_ns = now_ns();
            let end = self.run_session(client, state, &mut connection).await;
            connection.count_unanswered(client, end == SessionEnd::Stopped);
            if end == SessionEnd::Stopped {
                return;
            }
            state.set_waits(client, true);
            let phase = connection.phase();
            drop(connection);
            state.delivery.reconnected();
            client.unready(false);
            opened = self.reconnect(client, phase).await;
        }
    }

    /// Opens another connection, with a pause before each attempt. `None` if the client must end.
    async fn reconnect(&self, client: &mut Client, mut phase: Phase) -> Option<LibraryConnection> {
        loop {
            let pause_ns = client.take_pause(phase, self.reconnect_ns);
            let until_ns = now_ns().saturating_add(pause_ns);
            while now_ns() < until_ns {
                if client.thread.stopped() {
                    return None;
                }
                // The phases go on, so that everything is counted in the one in which it happens.
                let ends_ns = self.begin_phase(client, &mut phase);
                client.thread.timer.until(until_ns.min(ends_ns)).await;
            }
            self.begin_phase(client, &mut phase);
            if let Some(connection) = self.open(client, phase).await {
                client.ready();
                return Some(connection);
            }
            if client.thread.stopped() {
                return None;
            }
        }
    }

    /// Begins the phase that is due for a client that takes no turns. Returns when the next one
    /// begins.
    fn begin_phase(&self, client: &mut Client, phase: &mut Phase) -> u64 {
        if self.is_echo() {
            return u64::MAX;
        }
        let (due, ends_ns) = client.phase_at(now_ns());
        *phase = due.unwrap_or(*phase);
        ends_ns
    }

    /// Connects and upgrades. Errors and bytes belong to `phase`.
    async fn open(&self, client: &mut Client, phase: Phase) -> Option<LibraryConnection> {
        let layer = FrameLayer::default();
        let mut response = Response::to_upgrade();
        response.wanted = Some(Box::new(WantedFields::new(self.told_apart.clone())));
        layer.0.borrow_mut().response = response;
        let passed = layer.0.clone();
        let connection = client.connect(phase, &self.connects, layer).await?;
        let mut account = Account { connection, passed, is_accepted: false };
        let began_ns = now_ns();
        let stream = account.connection.stream.clone();
        let request = self.upgrades.next(client, b"", &Redirected::default());
        let upgrading = self.upgrade(stream, &request.bytes);
        let upgrading = tokio::time::timeout(client.timeout(), upgrading);
        let error = match unless_stopped(&client.thread, upgrading).await? {
            Ok(Ok((socket, cookies))) => {
                self.upgrades.keep(client, phase, &Redirected::default(), cookies);
                let text = account.passed.borrow_mut().response.text.take();
                // The library takes any extension, and then meets frames that it cannot read.
                if text.as_ref().is_some_and(|text| !text.extensions.is_empty()) {
                    let error = UpgradeField::Extensions.error();
                    client.refused(phase, error, name_selected(error, text));
                    return None;
                }
                add_heads(&mut account);
                client.upgraded(now_ns() - began_ns);
                return Some(LibraryConnection {
                    socket,
                    account,
                    pending: self.is_echo().then(VecDeque::new),
                    unwritten: VecDeque::new(),
                    flushing: false,
                    blocked: false,
                    unblocked_ns: 0,
                    sleep: None,
                    large_frame: LargeFrame::default(),
                    large_until_ns: u64::MAX,
                    whole_ns: now_ns(),
                });
            }
            Ok(Err(error)) => {
                if let Error::Http(response) = &error
                    && !response.status().is_informational()
                {
                    let cookies = set_cookies(response.headers());
                    self.upgrades.keep(client, phase, &Redirected::default(), cookies);
                    unless_stopped(&client.thread, read_refusal(&mut account)).await?;
                    let asked_ns =
                        retry_after_ns(&account.passed.borrow().response, &client.thread);
                    client.note_asked_pause(asked_ns);
                }
                error
            }
            Err(_) => {
                client.fault(phase, ClientError::of(ClientErrorKind::ResponseTimeout));
                return None;
            }
        };
        // The library does not tell one answer that is no HTTP from another.
        let foreign = foreign_protocol(&account.passed.borrow().response);
        let tls = account.connection.stream.take_tls_failure();
        let met = tls.or(foreign).unwrap_or_else(|| upgrade_error(&error));
        let met = of_fields(met, &account.passed.borrow().response);
        let is_answer = matches!(error, Error::Http(_) | Error::Protocol(_));
        let text = account.passed.borrow_mut().response.text.take().filter(|_| is_answer);
        client.refused(phase, met, name_selected(met, text));
        None
    }

    /// Performs the opening handshake. Returns the cookies that the answer sets, too.
    async fn upgrade(
        &self,
        stream: Stream,
        rendered: &[u8],
    ) -> Result<(WebSocketStream<Stream>, Option<Box<SetCookies>>), Error> {
        // What is wrong with it is an error of the library's, too.
        let request = request(rendered, &self.authority)
            .map_err(|_| Error::Url(UrlError::UnableToConnect(self.authority.clone())))?;
        let (socket, response) =
            client_async_with_config(request, stream, Some(self.config)).await?;
        Ok((socket, set_cookies(response.headers())))
    }

    /// Receives and sends until the client must end or the connection is lost.
    async fn run_session(
        &self,
        client: &mut Client,
        state: &mut ClientState,
        connection: &mut LibraryConnection,
    ) -> SessionEnd {
        let timeout_ns = client.thread.timeout_ns;
        loop {
            if client.thread.stopped() {
                state.set_waits(client, self.has_to_wait(connection));
                connection.enter(Phase::Teardown);
                // The server may not answer it: then the client ends without more.
                connection.count_open(client);
                connection.send_close();
                connection.read_to_end(client, &mut state.delivery).await;
                return SessionEnd::Stopped;
            }
            let mut phase = connection.phase();
            let phase_ends_ns = self.begin_phase(client, &mut phase);
            connection.enter(phase);
            let turn_ns = self.take_turn(client, state, connection);
            let late_ns = connection.late_ns(timeout_ns);
            if now_ns() >= late_ns {
                connection.give_up_late(client).await;
                return SessionEnd::Lost;
            }
            let until_ns = phase_ends_ns.min(turn_ns).min(late_ns);
            match connection.next(&client.thread.timer, until_ns, timeout_ns).await {
                SocketEvent::Woken => {}
                SocketEvent::Received(message @ (Message::Text(_) | Message::Binary(_))) => {
                    connection.receive(client, &mut state.delivery, &message);
                    if self.back_to_back && !connection.awaits_echo() {
                        state.able_ns = now_ns();
                    }
                }
                SocketEvent::Received(Message::Close(frame)) => {
                    connection.count_control_down();
                    let code = frame.map_or(0, |frame| i32::from(u16::from(frame.code)));
                    let error = ClientError::with(ClientErrorKind::EarlyClose, code);
                    client.fault(connection.phase(), error);
                    // The library answers it.
                    connection.read_to_end(client, &mut state.delivery).await;
                    return SessionEnd::Lost;
                }
                SocketEvent::Received(_) => connection.count_control_down(),
                SocketEvent::Ended(error) => {
                    client.fault(connection.phase(), error);
                    return SessionEnd::Lost;
                }
                SocketEvent::Broken(fault, text) => {
                    client.refused(connection.phase(), fault.error(), text);
                    connection.close_broken(fault).await;
                    return SessionEnd::Lost;
                }
            }
        }
    }

    /// Whether a turn has to wait, for the socket or for the last answer.
    fn has_to_wait(&self, connection: &LibraryConnection) -> bool {
        connection.flushing || (self.back_to_back && connection.awaits_echo())
    }

    /// Takes the turns that are due. Returns the moment of the next; `u64::MAX` if there is none or
    /// it has to wait.
    fn take_turn(
        &self,
        client: &mut Client,
        state: &mut ClientState,
        connection: &mut LibraryConnection,
    ) -> u64 {
        let echo = self.is_echo();
        loop {
            if self.has_to_wait(connection) {
                return u64::MAX;
            }
            let core: &mut ClientCore = match &mut state.sender {
                Some(sender) => sender,
                None if echo => client,
                None => return u64::MAX,
            };
            let now = now_ns();
            let Some(turn) = core.next_turn(self.placement(), now) else { return u64::MAX };
            if turn.intended_ns > now {
                return turn.intended_ns;
            }
            // While the server does not read, the next turn has to wait for it.
            core.take_turn(turn, state.able_ns.max(connection.unblocked_ns), now);
            self.send(core, connection, turn);
        }
    }

    /// Sends the message of a turn.
    fn send(&self, core: &ClientCore, connection: &mut LibraryConnection, turn: Turn) {
        let echo = self.is_echo();
        if echo {
            connection.enter(turn.phase);
        }
        let sequence = if echo { core.turns_taken() } else { core.post().sequence() };
        let stamp = Stamp { sequence, published_ns: turn.intended_ns };
        let sent_ns = now_ns();
        let sent = connection.send(turn.phase, self.render(stamp));
        core.message_sent(turn.phase, sent);
        if let Some(pending) = &mut connection.pending {
            core.echo_awaited(turn.phase);
            pending.push_back(PendingEcho { stamp, sent_ns, phase: turn.phase });
        }
    }

    /// Renders a message. Its memory is used again once it was written.
    fn render(&self, stamp: Stamp) -> Message {
        let mut scratch = self.scratch.borrow_mut();
        scratch.resize(self.feed.payload_bytes as usize, 0);
        stamp.write(self.feed.kind, self.feed.seed, &mut scratch);
        message(self.feed.kind, scratch.split().freeze())
    }
}

/// Makes the request of an opening handshake of a rendered one, with a key of its own.
fn request(rendered: &[u8], authority: &str) -> Result<Request, String> {
    let mut fields = [httparse::EMPTY_HEADER; HEADERS_LIMIT];
    let mut parsed = httparse::Request::new(&mut fields);
    parsed.parse(rendered).map_err(|error| error.to_string())?;
    let url = format!("ws://{authority}{}", parsed.path.unwrap_or("/"));
    let wrong = |error: &dyn std::fmt::Display| format!("{url}: {error}");
    let mut request = url.as_str().into_client_request().map_err(|error| wrong(&error))?;
    let sent = request.uri().path_and_query().map_or("/", |sent| sent.as_str());
    if Some(sent) != parsed.path {
        return Err(wrong(&format_args!("the library would send {sent:?}")));
    }
    for field in parsed.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|error| wrong(&error))?;
        let value = HeaderValue::from_bytes(field.value).map_err(|error| wrong(&error))?;
        // The library's own are the same.
        request.headers_mut().insert(name, value);
    }
    Ok(request)
}

/// Returns the cookies that an answer sets; `None` if it sets none.
fn set_cookies(headers: &HeaderMap) -> Option<Box<SetCookies>> {
    SetCookies::of(headers.get_all(SET_COOKIE).iter().map(HeaderValue::as_bytes))
}

/// Adds the heads of the opening handshake, which the library has accepted.
fn add_heads(account: &mut Account) {
    account.is_accepted = true;
    let Account { connection, passed, .. } = account;
    let passed = passed.borrow();
    let request = passed.request;
    let response = passed.response.parts;
    let phase = connection.phase();
    connection.count_in(phase, |ledger| {
        let up = Flow::of([(Part::Heads, request.bytes)]);
        let down = Flow::of([(Part::Heads, response.heads)]);
        ledger.up += up.with_head_chars(request.chars());
        ledger.down += down.with_head_chars(response.head_chars);
    });
}

/// Reads what an answer says that refuses the upgrade, as far as it comes soon: the library gives what
/// came with the head.
async fn read_refusal(account: &mut Account) {
    let Account { connection, passed, .. } = account;
    let reading = async {
        let mut memory = [0; 1024];
        // The layer below sees what is read.
        while !passed.borrow().response.is_known_refusal() {
            if !matches!(connection.stream.read(&mut memory).await, Ok(1..)) {
                return;
            }
        }
    };
    // Without its end it says what has come.
    let _ = tokio::time::timeout(Duration::from_nanos(REFUSAL_LIMIT_NS), reading).await;
}

/// Returns the error of an answer whose first bytes are those of another protocol.
fn foreign_protocol(response: &Response) -> Option<ClientError> {
    Some(malformed(response)).filter(|error| error.kind == ClientErrorKind::ForeignProtocol)
}

/// Returns what an error is by the fields [`TOLD_APART`] of the answer.
fn of_fields(error: ClientError, response: &Response) -> ClientError {
    let has = |at: usize| {
        let wanted = response.wanted.as_ref();
        wanted.and_then(|wanted| wanted.values.get(at)).is_some_and(|value| !value.is_empty())
    };
    match error {
        error if error == UpgradeField::Accept.error() && !has(0) => UpgradeField::NoAccept.error(),
        error if error == UpgradeField::Upgrade.error() && has(1) => {
            UpgradeField::OtherUpgrade.error()
        }
        error if error == UpgradeField::Connection.error() && has(2) => {
            UpgradeField::OtherConnection.error()
        }
        error => error,
    }
}

/// What an error of the library's opening handshake is to a client.
fn upgrade_error(error: &Error) -> ClientError {
    match error {
        Error::Io(error) => ClientError::io(ClientErrorKind::Read, error),
        Error::Http(response) if response.status().is_informational() => {
            UpgradeField::Interim.error()
        }
        Error::Http(response) => {
            ClientError::with(ClientErrorKind::Upgrade, response.status().as_u16().into())
        }
        Error::Protocol(ProtocolError::HttparseError(_))
        | Error::HttpFormat(_)
        | Error::Capacity(CapacityError::TooManyHeaders) => {
            ClientError::of(ClientErrorKind::LibraryRefused)
        }
        Error::Protocol(ProtocolError::HandshakeIncomplete) => {
            ClientError::of(ClientErrorKind::EarlyClose)
        }
        Error::Protocol(ProtocolError::MissingUpgradeWebSocketHeader) => {
            UpgradeField::Upgrade.error()
        }
        Error::Protocol(ProtocolError::MissingConnectionUpgradeHeader) => {
            UpgradeField::Connection.error()
        }
        Error::Protocol(ProtocolError::SecWebSocketAcceptKeyMismatch) => {
            UpgradeField::Accept.error()
        }
        Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(
            SubProtocolError::NoSubProtocol,
        )) => UpgradeField::NoProtocol.error(),
        Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(_)) => {
            UpgradeField::Protocol.error()
        }
        _ => ClientError::of(ClientErrorKind::Upgrade),
    }
}

impl TaskClients for TungsteniteEngine {
    fn run(self: Rc<Self>, mut client: Client) -> LocalFuture<()> {
        Box::pin(async move { self.run_client(&mut client).await })
    }
}
