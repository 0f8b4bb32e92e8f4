//! The engine `reqwest`: one `reqwest::Client` for each simulated user, as a real application
//! has. Its sockets cannot be wrapped; they are seen from outside, and their bytes are the
//! kernel's (`sock_diag`), asked after every exchange while the socket lives.

use crate::client::http_connection::{SET_UP_ATTEMPTS, SET_UP_PAUSE_NS, sizes};
use crate::client::{Client, ClientHalf, LocalFuture};
use crate::feed;
use crate::feed::Semantics;
use crate::net::linux::sock_diag::SockDiag;
use crate::protocol::http1::Target;
use crate::protocol::http1::head;
use crate::protocol::http1::response::Parts;
use crate::record::{ClientError, ClientErrorKind, Phase, TcpReading, TcpTotals};
use crate::server::routes::LAST_EVENT_ID;
use crate::time::now_ns;
use crate::time::{Turn, TurnPlacement};
use crate::transport::polling::client::{Exchange, Seen};
use crate::transport::polling::params::Params;
use hyper_util::client::legacy::connect::HttpInfo;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

/// The engine of one thread.
pub(crate) struct Reqwest {
    path: String,
    headers: HeaderMap,
    request: (u64, u64),
    spread: TurnPlacement,
    new_connection: bool,
    feed: feed::Spec,
    diag: SockDiag,
}

/// A connection that the user's client has, as seen from outside.
struct Seat {
    addresses: (SocketAddr, SocketAddr),
    last: TcpReading,
    /// Phase to which its segments belong.
    phase: Phase,
}

impl Reqwest {
    /// Takes the request's head apart.
    ///
    /// # Errors
    /// Where the head's names or values are none that HTTP allows, or this system cannot tell the
    /// bytes of another's socket.
    pub(crate) fn new(
        params: &Params,
        target: &Target,
        feed: &feed::Spec,
    ) -> Result<Reqwest, String> {
        let rendered = params.request.render(&target.path, &target.authority);
        let mut fields = [httparse::EMPTY_HEADER; 96];
        let mut request = httparse::Request::new(&mut fields);
        request.parse(&rendered).map_err(|e| format!("the request head: {e}"))?;
        let mut headers = HeaderMap::new();
        for field in request.headers.iter() {
            let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|e| e.to_string())?;
            let value = HeaderValue::from_bytes(field.value).map_err(|e| e.to_string())?;
            headers.append(name, value);
        }
        let diag = SockDiag::new().map_err(|e| format!("engine \"reqwest\": {e}"))?;
        Ok(Reqwest {
            path: request.path.unwrap_or("/").to_owned(),
            headers,
            request: sizes(&rendered),
            feed: *feed,
            spread: params.phase,
            new_connection: params.new_connection,
            diag,
        })
    }

    fn user(&self, client: &Client) -> reqwest::Result<reqwest::Client> {
        reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .http1_title_case_headers()
            .tcp_nodelay(true)
            // Probes would be traffic that nobody asked for.
            .tcp_keepalive(None)
            .pool_idle_timeout(None)
            .pool_max_idle_per_host(usize::from(!self.new_connection))
            .local_address(client.dialer().source(client.id).map(IpAddr::V4))
            .connect_timeout(client.dialer().timeout)
            .timeout(client.timeout())
            .build()
    }

    async fn live(&self, client: &mut Client) {
        if !client.begin().await {
            return;
        }
        let user = match self.user(client) {
            Ok(user) => user,
            Err(_) => return client.fault(Phase::Setup, ClientError::of(ClientErrorKind::Connect)),
        };
        let url = format!("http://{}{}", client.dialer().address, self.path);
        let (mut seen, mut seat) = (Seen::new(&self.feed), None);
        for attempt in 0..SET_UP_ATTEMPTS {
            if attempt > 0 && !client.pause(SET_UP_PAUSE_NS).await {
                return;
            }
            let turn = Turn { intended_ns: now_ns(), phase: Phase::Setup };
            let faults = client.faults();
            self.exchange(client, &user, &url, turn, &mut seen, &mut seat).await;
            if client.faults() == faults {
                client.ready();
                break;
            }
        }
        if !client.is_set_up() {
            return;
        }
        while let Some(turn) = client.turn(self.spread).await {
            self.exchange(client, &user, &url, turn, &mut seen, &mut seat).await;
        }
        self.leave(client, seat);
        seen.receipts.settle(client);
    }

    /// The request's fields, with what the client has where every update counts and each request
    /// has a connection of its own; and their sizes.
    fn fields(&self, seen: &Seen) -> (HeaderMap, (u64, u64)) {
        let mut headers = self.headers.clone();
        if !self.new_connection || self.feed.semantics != Semantics::Log {
            return (headers, self.request);
        }
        // Who has nothing yet says so, see the engine `raw`.
        let newest = seen.receipts.newest().unwrap_or(0);
        // Digits and letters: always a header's value.
        if let Ok(value) = HeaderValue::from_str(&feed::sequence_text(newest)) {
            headers.insert(LAST_EVENT_ID, value);
        }
        let more = sizes(head::last_event_id(newest).as_bytes());
        (headers, (self.request.0 + more.0, self.request.1 + more.1))
    }

    async fn exchange(
        &self,
        client: &mut Client,
        user: &reqwest::Client,
        url: &str,
        turn: Turn,
        seen: &mut Seen,
        seat: &mut Option<Seat>,
    ) {
        let sent_ns = now_ns();
        let (headers, request) = self.fields(seen);
        let sending = user.get(url).headers(headers).send();
        let mut response = match sending.await {
            Ok(response) => response,
            Err(error) => {
                client.fault(turn.phase, fault_of(&error));
                return self.lost(client, turn, seen, seat);
            }
        };
        let info = response.extensions().get::<HttpInfo>();
        let addresses = info.map(|i| (i.local_addr(), i.remote_addr()));
        let status = response.status().as_u16();
        let (heads, head_chars) = head_size(&response);
        let mut payload = 0u64;
        let end = loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    payload += chunk.len() as u64;
                    seen.inbox.push(&chunk);
                    // The connection's own task cannot run before the next await: its socket is
                    // still open, even where it will be closed after this response.
                    if response.content_length() == Some(payload) {
                        break Ok(());
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        let moved = self.look(client, turn.phase, addresses, seat);
        let parts = Parts { heads, head_chars, framing: 0, payload };
        match end {
            Ok(()) => {
                let exchange = Exchange { turn, sent_ns, status, moved, request, parts };
                seen.finish(client, &exchange);
            }
            Err(error) => {
                seen.fail(client, turn, moved, request);
                client.fault(turn.phase, fault_of(&error));
            }
        }
        if self.new_connection {
            self.leave(client, seat.take());
        }
    }

    /// Asks the kernel what the user's socket moved since the last time: (up, down).
    fn look(
        &self,
        client: &mut Client,
        phase: Phase,
        addresses: Option<(SocketAddr, SocketAddr)>,
        seat: &mut Option<Seat>,
    ) -> (u64, u64) {
        if seat.as_ref().map(|s| s.addresses) != addresses {
            self.leave(client, seat.take());
            if let Some(addresses) = addresses {
                // How long connecting took is known to reqwest alone.
                client.opened_unseen(phase);
                *seat = Some(Seat { addresses, last: TcpReading::default(), phase });
            }
        }
        let Some(seat) = seat else { return (0, 0) };
        let Ok(now) = self.diag.read(seat.addresses.0, seat.addresses.1) else { return (0, 0) };
        seat.phase = phase;
        let since = TcpTotals::between(&seat.last, &now);
        seat.last = now;
        client.book_segments(phase, since);
        (since.bytes_up, since.bytes_down)
    }

    /// Ends the books of a connection: it is audited where the kernel still knows it and tells no
    /// more bytes than were booked.
    fn leave(&self, client: &Client, seat: Option<Seat>) {
        let Some(seat) = seat else { return };
        let mut audit = client.thread.audit.get();
        match self.diag.read(seat.addresses.0, seat.addresses.1) {
            Err(_) => audit.unaudited += 1,
            Ok(now) => {
                let since = TcpTotals::between(&seat.last, &now);
                let off = since.bytes_up + since.bytes_down;
                audit.connections += 1;
                audit.mismatched += u64::from(off > 0);
                audit.unexplained_bytes += off;
                client.book_segments(seat.phase, since);
                let closing = client.thread.closing_phase(seat.phase);
                client.book_segments(closing, TcpTotals::closing(&now));
            }
        }
        client.thread.audit.set(audit);
    }

    /// After a failed exchange: what its connection moved is discarded, if it can be told.
    fn lost(&self, client: &mut Client, turn: Turn, seen: &mut Seen, seat: &mut Option<Seat>) {
        let addresses = seat.as_ref().map(|s| s.addresses);
        let moved = self.look(client, turn.phase, addresses, seat);
        seen.fail(client, turn, moved, self.request);
        self.leave(client, seat.take());
    }
}

/// The size of a response's head as it was on the wire, and its characters: reqwest gives the
/// fields, whose lines have `: ` and CR LF. The audit finds a server that writes them otherwise.
fn head_size(response: &reqwest::Response) -> (u64, u64) {
    let reason = response.status().canonical_reason().unwrap_or("");
    let mut lines = 1;
    let mut chars = ("HTTP/1.1 200 ".len() + reason.len()) as u64;
    for (name, value) in response.headers() {
        chars += (name.as_str().len() + 2 + value.as_bytes().len()) as u64;
        lines += 1;
    }
    (chars + 2 * (lines + 1), chars)
}

/// The fault behind a reqwest error, with the `errno` where the chain of causes has one.
fn fault_of(error: &reqwest::Error) -> ClientError {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    let mut code = 0;
    while let Some(current) = cause {
        if let Some(io) = current.downcast_ref::<io::Error>() {
            code = io.raw_os_error().unwrap_or(code);
        }
        cause = current.source();
    }
    match error {
        e if e.is_connect() && e.is_timeout() => ClientError::of(ClientErrorKind::ConnectTimeout),
        e if e.is_connect() => ClientError::with(ClientErrorKind::Connect, code),
        e if e.is_timeout() => ClientError::of(ClientErrorKind::ResponseTimeout),
        _ if code != 0 => ClientError::with(ClientErrorKind::Read, code),
        e if e.is_body() || e.is_request() => ClientError::of(ClientErrorKind::EarlyClose),
        _ => ClientError::of(ClientErrorKind::Malformed),
    }
}

impl ClientHalf for Reqwest {
    fn run(self: Rc<Self>, mut client: Client) -> LocalFuture<()> {
        Box::pin(async move { self.live(&mut client).await })
    }
}
