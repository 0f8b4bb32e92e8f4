//! The engine `reqwest`: one `reqwest::Client` for each simulated user, as a real application
//! has. Its sockets cannot be wrapped, so the bytes are those that the kernel counts (`sock_diag`),
//! read after every exchange while the socket is open.

use crate::client::compressed_bodies::WholeBody;
use crate::client::connection::MovedBytes;
use crate::client::delivery::inbox::Inbox;
use crate::client::http::{STREAM_LIMIT_NS, is_close, wait_ns};
use crate::client::rendered_request::{HeadSize, RenderedRequest};
use crate::client::requests::{Redirected, Requests, add_redirect};
use crate::client::{Client, LocalFuture, TaskClients};
use crate::feed::{self, Semantics};
use crate::net::linux::sock_diag::SockDiag;
use crate::protocol::http1::answer_text::AnswerText;
use crate::protocol::http1::content_coding::is_compressed;
use crate::protocol::http1::cookies::SetCookies;
use crate::protocol::http1::media_type::MediaType;
use crate::protocol::http1::refuses;
use crate::protocol::http1::response::{HEADERS_LIMIT, has_transfer_coding};
use crate::protocol::http1::retry_after::RetryAfter;
use crate::protocol::http1::{Target, head};
use crate::protocol::http2::message::is_of_connection;
use crate::record::{ClientError, ClientErrorKind, Http2Fault, Part, Phase, TcpReading, TcpTotals};
use crate::time::{Turn, TurnPlacement, now_ns};
use crate::tls::{self, ClientTls};
use crate::transport::polling::client::{CompletedExchange, PollState};
use crate::transport::polling::params::Params;
use crate::transport::polling::reqwest_answer::{
    BodySizes, head_size, http2_parts, response_parts,
};
use crate::transport::polling::reqwest_error::{client_error, sending_error};
use hyper_util::client::legacy::connect::HttpInfo;
use reqwest::Method;
use reqwest::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue,
    RETRY_AFTER, SET_COOKIE, TRANSFER_ENCODING,
};
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The engine of one thread.
pub(crate) struct ReqwestEngine {
    requests: Requests,
    /// The request of every client, if none differs.
    shared: Option<LibraryRequest>,
    placement: TurnPlacement,
    new_connection: bool,
    /// Whether requests go over HTTP/2.
    http2: bool,
    /// The name or address that requests name, with its port.
    authority: String,
    feed: feed::Spec,
    diag: SockDiag,
}

/// A request as the library takes it.
#[derive(Clone)]
pub(super) struct LibraryRequest {
    method: Method,
    pub(super) path: String,
    headers: HeaderMap,
    body: Vec<u8>,
    size: HeadSize,
}

impl LibraryRequest {
    /// Reads a rendered request. Over HTTP/2 it has no fields of a connection.
    ///
    /// # Errors
    /// Why the library does not take it.
    pub(super) fn parse(rendered: &RenderedRequest) -> Result<LibraryRequest, String> {
        let http2 = rendered.http2().is_some();
        let mut fields = [httparse::EMPTY_HEADER; HEADERS_LIMIT];
        let mut request = httparse::Request::new(&mut fields);
        let parsed = request.parse(&rendered.bytes).map_err(|e| format!("the request: {e}"))?;
        let httparse::Status::Complete(head) = parsed else {
            return Err("the request has no end".to_owned());
        };
        let mut headers = HeaderMap::new();
        for field in request.headers.iter() {
            let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|e| e.to_string())?;
            let value = HeaderValue::from_bytes(field.value).map_err(|e| e.to_string())?;
            if !http2 || !is_of_connection(name.as_str()) {
                headers.append(name, value);
            }
        }
        // The library adds it.
        headers.remove(CONTENT_LENGTH);
        let method = request.method.unwrap_or("GET");
        Ok(LibraryRequest {
            method: Method::from_bytes(method.as_bytes()).map_err(|e| e.to_string())?,
            path: request.path.unwrap_or("/").to_owned(),
            headers,
            body: rendered.bytes[head..].to_vec(),
            size: rendered.size,
        })
    }
}

/// What a client of the library remembers.
struct UserState {
    poll: PollState,
    observed: Option<ObservedConnection>,
    redirected: Redirected,
    /// Whether the connection was lost by the last exchange.
    lost: bool,
}

/// A connection of the library, observed from outside.
struct ObservedConnection {
    addresses: (SocketAddr, SocketAddr),
    last: TcpReading,
    /// The phase to which its segments belong.
    phase: Phase,
}

impl ReqwestEngine {
    /// Reads the request.
    ///
    /// # Errors
    /// If HTTP does not allow a name or value of the request, the clients' data cannot be read, or
    /// this system does not count the bytes of another socket.
    pub(crate) fn new(
        params: &Params,
        target: &Target,
        feed: &feed::Spec,
    ) -> Result<ReqwestEngine, String> {
        let requests = params.requests(target)?;
        let shared = requests.shared().map(LibraryRequest::parse).transpose()?;
        let diag = SockDiag::new().map_err(|e| format!("engine \"reqwest\": {e}"))?;
        Ok(ReqwestEngine {
            requests,
            shared,
            feed: *feed,
            placement: params.phase,
            new_connection: params.new_connection,
            http2: params.request.options.http2.is_some(),
            authority: target.authority.clone(),
            diag,
        })
    }

    fn user(&self, client: &Client) -> reqwest::Result<reqwest::Client> {
        let mut builder = reqwest::Client::builder();
        if client.thread.tls.get().is_none() {
            // Without one the library looks for algorithms that nobody has installed.
            builder = builder.tls_backend_preconfigured(tls::config_without_roots());
        }
        if let Some(tls) = client.thread.tls.get() {
            let ClientTls { config, name, sessions, .. } = tls.settings();
            let mut config = (**config).clone();
            // Each user resumes its own sessions.
            config.resumption = match sessions {
                Some(_) => Resumption::in_memory_sessions(1),
                None => Resumption::disabled(),
            };
            let address = client.dialer().address;
            builder = builder.tls_backend_preconfigured(config).resolve(&name.to_str(), address);
        } else if self.http2 {
            // The URL is what `:authority` says.
            let host = self.authority.rsplit_once(':').map_or(&*self.authority, |(host, _)| host);
            builder = builder.resolve(host, client.dialer().address);
        }
        builder = if self.http2 { builder.http2_prior_knowledge() } else { builder.http1_only() };
        builder
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .http1_title_case_headers()
            .tcp_nodelay(true)
            // Probes would be additional traffic.
            .tcp_keepalive(None)
            .pool_idle_timeout(None)
            .pool_max_idle_per_host(usize::from(!self.new_connection))
            .local_address(client.dialer().source(client.id).map(IpAddr::V4))
            .connect_timeout(connect_limit(client))
            .timeout(client.timeout())
            .build()
    }

    async fn run_client(&self, client: &mut Client) {
        if !client.begin().await {
            return;
        }
        let user = match self.user(client) {
            Ok(user) => user,
            Err(_) => return client.fault(Phase::Setup, ClientError::of(ClientErrorKind::Connect)),
        };
        let mut state = UserState {
            poll: PollState::new(&self.feed),
            observed: None,
            redirected: Redirected::default(),
            lost: false,
        };
        let first = client.set_up(async |client| {
            let turn = Turn { intended_ns: now_ns(), phase: Phase::Setup };
            let faults = client.faults();
            self.exchange(client, &user, turn, &mut state).await;
            client.faults() == faults
        });
        if !first.await {
            return;
        }
        while let Some(turn) = client.turn(self.placement).await {
            state.lost = false;
            self.exchange(client, &user, turn, &mut state).await;
            if state.lost {
                client.pause_after_failure().await;
            }
        }
        self.close(client, state.observed.take());
        state.poll.delivery.settle(client);
    }

    /// Returns the next request. It names the newest update that the client has, if every update
    /// counts and each request has its own connection.
    fn request(&self, client: &Client, state: &UserState) -> Option<LibraryRequest> {
        let more = if self.new_connection && self.feed.semantics == Semantics::Log {
            // A client without an update sends 0, see the engine `raw`.
            head::last_event_id(state.poll.delivery.newest().unwrap_or(0))
        } else {
            String::new()
        };
        match self.requests.next(client, more.as_bytes(), &state.redirected) {
            Cow::Borrowed(_) => self.shared.clone(),
            Cow::Owned(rendered) => LibraryRequest::parse(&rendered).ok(),
        }
    }

    /// Sends requests until one is answered with anything but a redirect that is followed.
    async fn exchange(
        &self,
        client: &mut Client,
        user: &reqwest::Client,
        turn: Turn,
        state: &mut UserState,
    ) {
        while self.exchange_once(client, user, turn, state).await {}
    }

    /// Sends a request. Returns whether its answer leads elsewhere and is followed.
    async fn exchange_once(
        &self,
        client: &mut Client,
        user: &reqwest::Client,
        turn: Turn,
        state: &mut UserState,
    ) -> bool {
        let Some((sent_ns, request, mut response)) = self.send(client, user, turn, state).await
        else {
            return false;
        };
        let info = response.extensions().get::<HttpInfo>();
        let addresses = info.map(|i| (i.local_addr(), i.remote_addr()));
        let status = response.status().as_u16();
        let head = head_size(&response);
        let chunked = !self.http2 && response.headers().contains_key(TRANSFER_ENCODING);
        let compressed = has_coding(&response);
        let cookie_ignored = self.note_fields(client, turn.phase, &response, state);
        let mut text = kept_text(&response, compressed);
        let inbox = state.poll.inbox.open(&client.thread);
        let (body, end) = read_body(client, &mut response, inbox, &mut text).await;
        let end = end.and_then(|()| transfer_coding(&response));
        let payload = body.payload;
        let framing = chunked.then_some(body.framing);
        let mut moved = self.observe(client, turn.phase, addresses, (sent_ns, state));
        // Over HTTP/2 nobody knows it from the frames within.
        if !self.http2 && client.thread.tls.get().is_some() && moved.down > 0 && end.is_ok() {
            let answer = head.size.bytes + payload + framing.unwrap_or(0);
            moved = without_tls(client, turn.phase, moved, request.bytes, answer);
        }
        let (parts, shown) = if self.http2 {
            http2_parts(payload, moved.down)
        } else {
            response_parts(head, payload, moved.down, framing)
        };
        if end.is_ok() {
            shown.count(client, turn.phase);
        }
        let goes_on = match end {
            Ok(()) => {
                let exchange = CompletedExchange {
                    turn,
                    sent_ns,
                    done_ns: now_ns(),
                    status,
                    success: self.requests.success.contains(status),
                    unreadable: compressed && payload > 0,
                    cookie_ignored,
                    body: WholeBody::Plain,
                    moved,
                    request: measured_size(client, turn.phase, request, moved),
                    parts,
                };
                self.complete(client, state, &exchange, text)
            }
            Err(error) => {
                let least = MovedBytes { up: request.bytes, down: head.size.bytes + payload };
                // The socket may be closed, so that the kernel knows nothing of it. So much came.
                if moved.down == 0 {
                    client.count_unmeasured(turn.phase);
                }
                let moved = if moved.down == 0 { least } else { moved };
                state.poll.fail(client, turn, moved, request);
                state.lost = true;
                let (error, text) = cut_answer(error, &response, payload);
                client.refused(turn.phase, error, text);
                false
            }
        };
        if self.new_connection {
            self.close(client, state.observed.take());
        }
        goes_on
    }

    /// Adds an exchange whose answer is whole. Returns whether it leads elsewhere and is followed.
    fn complete(
        &self,
        client: &mut Client,
        state: &mut UserState,
        exchange: &CompletedExchange,
        mut text: Option<Box<AnswerText>>,
    ) -> bool {
        let CompletedExchange { turn, status, moved, request, ref parts, .. } = *exchange;
        let goes_on =
            self.requests.follow(client, &mut state.redirected, status, text.as_deref_mut());
        if goes_on {
            state.poll.inbox.clear(&client.thread);
            add_redirect(client, turn.phase, moved, request, parts);
        } else {
            state.redirected.arrived();
            state.poll.complete(client, exchange, text);
        }
        if self.new_connection {
            client.expect_connect();
        }
        goes_on
    }

    /// Keeps the cookies that an answer sets, and, of a client that is not set up, how long the server
    /// wants it to wait. Returns whether it sets a cookie that is not to be kept.
    fn note_fields(
        &self,
        client: &mut Client,
        phase: Phase,
        response: &reqwest::Response,
        state: &UserState,
    ) -> bool {
        if !client.is_set_up() {
            let field = |name| response.headers().get(name).map(HeaderValue::as_bytes);
            let after = field(RETRY_AFTER).and_then(|value| RetryAfter::of(value, || field(DATE)));
            let asked_ns = after.map(|after| wait_ns(after, &client.thread));
            client.note_asked_pause(asked_ns);
        }
        let cookies = set_cookies(response.headers());
        let ignored = cookies.is_some() && !self.requests.keeps_cookies();
        self.requests.keep(client, phase, &state.redirected, cookies);
        ignored
    }

    /// Sends a request. Returns the moment, its size and the beginning of the answer; `None` if there
    /// is none, which is counted.
    async fn send(
        &self,
        client: &mut Client,
        user: &reqwest::Client,
        turn: Turn,
        state: &mut UserState,
    ) -> Option<(u64, HeadSize, reqwest::Response)> {
        let mut reused = state.observed.is_some();
        loop {
            let sent_ns = now_ns();
            let Some(request) = self.request(client, state) else {
                client.fault(turn.phase, ClientError::of(ClientErrorKind::Malformed));
                return None;
            };
            let LibraryRequest { method, path, headers, body, size } = request;
            let url = self.url(client, &path);
            let mut sending = user.request(method, url).headers(headers);
            if !body.is_empty() {
                sending = sending.body(body);
            }
            match sending.send().await {
                Ok(response) => return Some((sent_ns, size, response)),
                Err(error) => {
                    let error = self.unanswered(client, &error, state.observed.is_none());
                    self.fail(client, turn, state, size, error);
                    // The server had closed an idle connection: the request may be sent again on
                    // another (RFC 9112 §9.3.1).
                    if !(std::mem::take(&mut reused) && is_close(error)) {
                        state.lost = true;
                        client.fault(turn.phase, error);
                        return None;
                    }
                    client.count_resent(turn.phase);
                }
            }
        }
    }

    /// Reads the bytes that the user's socket moved since the last time. If it is another socket, it was
    /// opened for the request that was sent at a moment.
    fn observe(
        &self,
        client: &mut Client,
        phase: Phase,
        addresses: Option<(SocketAddr, SocketAddr)>,
        (sent_ns, state): (u64, &mut UserState),
    ) -> MovedBytes {
        let UserState { observed, poll, .. } = state;
        if observed.as_ref().map(|s| s.addresses) != addresses {
            self.close(client, observed.take());
            if let Some(addresses) = addresses {
                // How long connecting took is known to reqwest alone. What the server published since the
                // request was sent is no message from before the connection.
                client.opened_by_library(phase, sent_ns);
                if client.is_set_up() {
                    poll.delivery.reconnected();
                }
                *observed =
                    Some(ObservedConnection { addresses, last: TcpReading::default(), phase });
            }
        }
        let Some(connection) = observed else { return MovedBytes::default() };
        let (local, remote) = connection.addresses;
        let Ok(now) = self.diag.read(local, remote) else { return MovedBytes::default() };
        connection.phase = phase;
        let since = TcpTotals::between(&connection.last, &now);
        connection.last = now;
        client.thread.add_segments(phase, since);
        MovedBytes { up: since.bytes_up, down: since.bytes_down }
    }

    /// Closes the account of a connection. It is audited if the kernel still knows it: the kernel
    /// must not have counted more bytes than the ledger.
    fn close(&self, client: &Client, observed: Option<ObservedConnection>) {
        let Some(connection) = observed else { return };
        let mut audit = client.thread.audit.get();
        match self.diag.read(connection.addresses.0, connection.addresses.1) {
            // It has no socket of this kind any more.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => audit.unaudited += 1,
            Err(_) => audit.refused += 1,
            Ok(now) => {
                let since = TcpTotals::between(&connection.last, &now);
                let off = if self.http2 {
                    self.count_frames_after(client, &connection, since);
                    0
                } else {
                    since.bytes_up + since.bytes_down
                };
                audit.connections += 1;
                audit.mismatched += u64::from(off > 0);
                audit.unexplained_bytes += off;
                client.thread.add_segments(connection.phase, since);
                let closing = client.thread.closing_phase(connection.phase);
                client.thread.add_segments(closing, TcpTotals::closing(&now));
            }
        }
        client.thread.audit.set(audit);
    }

    /// Adds the bytes of a failed exchange as discarded, as far as the kernel still knows them.
    fn fail(
        &self,
        client: &mut Client,
        turn: Turn,
        state: &mut UserState,
        request: HeadSize,
        error: ClientError,
    ) {
        let addresses = state.observed.as_ref().map(|s| s.addresses);
        let moved = self.observe(client, turn.phase, addresses, (now_ns(), state));
        let connects = matches!(
            error.kind,
            ClientErrorKind::Connect | ClientErrorKind::ConnectTimeout | ClientErrorKind::Tls
        );
        // What was written on a socket that is closed is not known; on none, nothing was.
        if moved.up == 0 && !connects {
            client.count_unmeasured(turn.phase);
        }
        state.poll.fail(client, turn, moved, request);
        // Of HTTP/2 a stream may have failed and not its connection, whose next answer says which it is.
        if !self.http2 {
            self.close(client, state.observed.take());
        }
    }

    /// Returns the URL of a path: with the name that the server's certificate must have, if it has one.
    fn url(&self, client: &Client, path: &str) -> String {
        let address = client.dialer().address;
        match client.thread.tls.get().map(|tls| &tls.settings().name) {
            None if self.http2 => format!("http://{}{path}", self.authority),
            None => format!("http://{address}{path}"),
            Some(name @ ServerName::DnsName(_)) => {
                format!("https://{}:{}{path}", name.to_str(), address.port())
            }
            Some(_) => format!("https://{address}{path}"),
        }
    }

    /// Returns the error behind one of sending a request, perhaps the first one of a connection.
    fn unanswered(&self, client: &Client, error: &reqwest::Error, first: bool) -> ClientError {
        let found = sending_error(error, client.thread.tls.get().is_some());
        if self.http2 && first && found.kind == ClientErrorKind::LibraryRefused {
            return Http2Fault::NoSettings.error();
        }
        found
    }

    /// Counts what the kernel has of a connection over HTTP/2 since its last answer: frames of the connection, which
    /// the library sends and reads by itself.
    fn count_frames_after(
        &self,
        client: &Client,
        connection: &ObservedConnection,
        since: TcpTotals,
    ) {
        let phase = client.thread.closing_phase(connection.phase);
        if since.bytes_up + since.bytes_down > 0 {
            client.count_payload_only(phase);
            client.add_bytes(phase, |ledger| {
                ledger.up.add(Part::Control, since.bytes_up);
                ledger.down.add(Part::Control, since.bytes_down);
            });
        }
    }
}

/// How long connecting may take. With TLS its handshake is a part of it: it ends before the limit of the whole
/// exchange, so that the two can be told apart.
fn connect_limit(client: &Client) -> Duration {
    let limit = client.dialer().timeout;
    if client.thread.tls.get().is_some() { limit.min(client.timeout() / 20 * 19) } else { limit }
}

/// Returns where the text of an answer is kept that refuses what was asked for; `None` for others.
fn kept_text(response: &reqwest::Response, compressed: bool) -> Option<Box<AnswerText>> {
    (compressed || refuses(response.status().as_u16())).then(|| {
        let fields =
            response.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        Box::new(AnswerText::new(fields, set_cookies(response.headers()).as_deref()))
    })
}

/// Returns the cookies that an answer sets; `None` if it sets none.
fn set_cookies(headers: &HeaderMap) -> Option<Box<SetCookies>> {
    SetCookies::of(headers.get_all(SET_COOKIE).iter().map(HeaderValue::as_bytes))
}

/// Counts what is TLS of the bytes at the socket, and returns the others: the request and the answer
/// with heads as they are usually written. A library shows no records.
fn without_tls(
    client: &Client,
    phase: Phase,
    moved: MovedBytes,
    request: u64,
    answer: u64,
) -> MovedBytes {
    let others = MovedBytes { up: moved.up.min(request), down: moved.down.min(answer) };
    client.add_bytes(phase, |ledger| {
        let ways =
            [(&mut ledger.up, moved.up - others.up), (&mut ledger.down, moved.down - others.down)];
        for (flow, tls) in ways {
            flow.wire += tls;
            flow[Part::Tls] += tls;
        }
    });
    others
}

/// Returns the size of a request of so many bytes at the socket: the library adds a field of its
/// own, `Connection: keep-alive`, if the server answers in HTTP/1.0.
fn written_size(request: HeadSize, up: u64) -> HeadSize {
    HeadSize::new(up, (request.chars() + up).saturating_sub(request.bytes), 0)
}

/// Returns how long the body may go on if it is a stream of events, which is no answer to a poll; `None`
/// if it may do so as long as any.
fn stream_limit(client: &Client, response: &reqwest::Response) -> Option<Instant> {
    let is_events = media_type(response) == MediaType::EventStream;
    let is_stream = is_events && response.content_length().is_none() && !client.is_set_up();
    is_stream.then(|| Instant::now() + Duration::from_nanos(STREAM_LIMIT_NS))
}

fn media_type(response: &reqwest::Response) -> MediaType {
    let field = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    field.map_or(MediaType::Unknown, MediaType::of)
}

/// Returns the error of an answer whose body was cut, and what came of one that did not end in time.
fn cut_answer(
    error: ClientError,
    response: &reqwest::Response,
    payload: u64,
) -> (ClientError, Option<Box<AnswerText>>) {
    if error.kind != ClientErrorKind::ResponseTimeout {
        return (error, None);
    }
    let text = AnswerText {
        media_type: media_type(response).name().as_bytes().to_vec(),
        body_bytes: payload,
        // The library says how much is left.
        body_length: response.content_length().map(|left| payload.saturating_add(left)),
        ..AnswerText::default()
    };
    let status = i32::from(response.status().as_u16());
    (ClientError::with(ClientErrorKind::Unfinished, status), Some(Box::new(text)))
}

/// Reads a whole body into the inbox, and its beginning into `text` if there is one. Returns what came of it,
/// and how it ended.
async fn read_body(
    client: &Client,
    response: &mut reqwest::Response,
    inbox: &mut Inbox,
    text: &mut Option<Box<AnswerText>>,
) -> (BodySizes, Result<(), ClientError>) {
    let limit = stream_limit(client, response);
    let mut body = BodySizes::default();
    loop {
        let chunk = match limit {
            None => response.chunk().await,
            Some(limit) => match timeout_at(limit, response.chunk()).await {
                Ok(chunk) => chunk,
                Err(_) => {
                    return (body, Err(ClientError::of(ClientErrorKind::ResponseTimeout)));
                }
            },
        };
        match chunk {
            Ok(Some(chunk)) => {
                body.push(&chunk);
                inbox.push(&chunk);
                if let Some(text) = text {
                    text.push(&chunk);
                }
                // The connection's own task cannot run before the next await: its socket is still
                // open, even if it closes after this response.
                if response.content_length() == Some(body.payload) {
                    return (body, Ok(()));
                }
            }
            Ok(None) => {
                body.end();
                return (body, Ok(()));
            }
            Err(error) => return (body, Err(client_error(&error))),
        }
    }
}

/// Returns the size of a request; of one whose bytes are not known, which is counted, none.
fn measured_size(
    client: &mut Client,
    phase: Phase,
    request: HeadSize,
    moved: MovedBytes,
) -> HeadSize {
    if moved.down == 0 {
        client.count_unmeasured(phase);
        return HeadSize::default();
    }
    written_size(request, moved.up)
}

/// Returns the error of a body with another transfer coding than chunks, which the library ignores.
fn transfer_coding(response: &reqwest::Response) -> Result<(), ClientError> {
    let mut fields = response.headers().get_all(TRANSFER_ENCODING).iter();
    if fields.any(|field| has_transfer_coding(field.as_bytes())) {
        return Err(ClientError::of(ClientErrorKind::TransferCoding));
    }
    Ok(())
}

/// Whether the body of an answer is compressed.
fn has_coding(response: &reqwest::Response) -> bool {
    let mut encodings = response.headers().get_all(CONTENT_ENCODING).iter();
    encodings.any(|value| is_compressed(value.as_bytes()))
}

impl TaskClients for ReqwestEngine {
    fn run(self: Rc<Self>, mut client: Client) -> LocalFuture<()> {
        Box::pin(async move { self.run_client(&mut client).await })
    }
}
