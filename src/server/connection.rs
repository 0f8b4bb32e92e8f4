//! One connection: HTTP/1.1 until its end or an upgrade, then the other protocol.
//!
//! A connection waits for requests without hyper, which answers all but the simple ones and is gone
//! when it has (`simple_request` says why). Limits are kept by a sweep, see `open_connections`.
//! HTTP's state is in a box of its own, which is gone before an upgraded connection begins.

use crate::feed::Topic;
use crate::net::tls_layer::TlsLayer;
use crate::net::{Connection, TlsServer};
use crate::server::body::{Body, only_get, plain};
use crate::server::deferred_eof::DeferredEof;
use crate::server::open_connections::{
    CloseRequest, ConnectionState, OpenConnection, OpenConnections,
};
use crate::server::pages::Pages;
use crate::server::peer::Peer;
use crate::server::routes::{Answer, Routes, TakeOver, Upgraded};
use crate::server::server_thread::ServerThread;
use crate::server::simple_request::{SharedBuffers, SimpleEnd, SimpleRequests};
use crate::server::{Config, Limits, post};
use crate::time::now_ns;
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http_body_util::Either;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::spawn_local;

/// A body up to this size is copied behind its head and written with it; a larger one is written
/// without a copy.
const FLAT_BYTES: u32 = 1024;
const HEAD_LATE: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// What the connections of a thread share.
pub(crate) struct ConnectionContext {
    http: http1::Builder,
    buffers: RefCell<SharedBuffers>,
    routes: Routes,
    pages: Option<Arc<Pages>>,
    tls: Option<TlsServer>,
    thread: Rc<ServerThread>,
    connections: Rc<OpenConnections>,
    limits: Limits,
}

impl ConnectionContext {
    pub(crate) fn new(
        config: &Config,
        thread: Rc<ServerThread>,
        routes: Routes,
        connections: Rc<OpenConnections>,
    ) -> ConnectionContext {
        let mut http = http1::Builder::new();
        http.title_case_headers(true)
            .auto_date_header(false)
            // A client that ends TCP while its request is held, or within a response that never
            // ends, has gone; see `deferred_eof` for one that ends it before its answer.
            .half_close(false)
            // A record for head and body.
            .writev(config.feed.spec.payload_bytes > FLAT_BYTES && config.tls.is_none())
            .max_header_size(config.limits.head_bytes);
        let buffers = RefCell::default();
        let tls = config.tls.clone().map(TlsServer::new);
        let limits = config.limits;
        let pages = config.pages.clone();
        ConnectionContext { http, buffers, routes, pages, tls, thread, connections, limits }
    }
}

/// Serves an accepted connection to its end. One for which TLS cannot begin is closed.
pub(crate) fn accept(stream: TcpStream, address: SocketAddr, context: &Rc<ConnectionContext>) {
    if let Ok(tls) = context.tls.as_ref().map(TlsServer::layer).transpose() {
        spawn_local(serve(stream, address, tls, context));
    }
}

/// Serves a connection to its end.
fn serve(
    stream: TcpStream,
    address: SocketAddr,
    tls: Option<TlsLayer>,
    context: &Rc<ConnectionContext>,
) -> impl Future<Output = ()> + use<> {
    // A connection that is gone already refuses; it shows when it is read.
    let _ = stream.set_nodelay(true);
    let stream = Connection::new(stream, tls);
    let open = context.connections.add(stream.meter());
    let topic = Topic::of_peer(address);
    let peer = Rc::new(Peer::new(topic, context.thread.clone()));
    let http = Box::pin(serve_http(stream, peer, open.state().clone(), context.clone()));
    serve_protocols(open, http)
}

/// The protocol that takes over a connection, and the upgraded connection. In a box, since most
/// connections have none.
type Upgrade = Box<(TakeOver, Upgraded)>;

/// Serves HTTP, then the protocol that took over, if any.
async fn serve_protocols(open: OpenConnection, http: LocalBoxFuture<'static, Option<Upgrade>>) {
    // The temporary is dropped here: the other protocol finds HTTP's memory free.
    let ended = http.await;
    if let Some(upgrade) = ended {
        open.state().upgrade();
        let (take_over, upgraded) = *upgrade;
        take_over(upgraded).await;
    }
    drop(open);
}

/// How hyper's part of a connection ended.
enum HyperEnd {
    /// Its requests are answered. What has come since.
    Idle(Connection, Bytes),
    /// The connection is over, for this reason if not by itself: by a close from either side, or an
    /// error that was answered.
    Over(Connection, Option<CloseRequest>),
    /// Another protocol takes over.
    Upgrade(Upgrade),
}

async fn serve_http(
    mut stream: Connection,
    peer: Rc<Peer>,
    state: Rc<ConnectionState>,
    context: Rc<ConnectionContext>,
) -> Option<Upgrade> {
    let mut other = Bytes::new();
    let reason = loop {
        if other.is_empty() {
            let routes = &context.routes;
            let buffers = &context.buffers;
            let most_head_bytes = context.limits.head_bytes;
            let shared = (&peer, &*state);
            let mut simple =
                SimpleRequests::new(&mut stream, shared, routes, buffers, most_head_bytes);
            match poll_fn(|cx| simple.poll(cx)).await {
                SimpleEnd::Ended => break None,
                SimpleEnd::Close(request) => break Some(request),
                SimpleEnd::Other(bytes) => other = bytes,
            }
        }
        // In a box of its own: most of the time there is none.
        let hyper = Box::pin(serve_by_hyper(stream, other, &peer, &state, &context));
        match hyper.await {
            HyperEnd::Idle(idle, rest) => {
                stream = idle;
                other = rest;
            }
            HyperEnd::Over(ended, reason) => {
                stream = ended;
                break reason;
            }
            HyperEnd::Upgrade(upgrade) => return Some(upgrade),
        }
    };
    if reason == Some(CloseRequest::HeadLate) {
        // No response is under way while a head is awaited.
        let _ = stream.write_all(HEAD_LATE).await;
    }
    // In a box of its own: it is short, and would add its size to every open connection.
    Box::pin(close(stream, context.limits, reason)).await;
    None
}

/// Serves requests by hyper until none is under way.
async fn serve_by_hyper(
    stream: Connection,
    first: Bytes,
    peer: &Rc<Peer>,
    state: &Rc<ConnectionState>,
    context: &Rc<ConnectionContext>,
) -> HyperEnd {
    let requests = Rc::new(RequestContext {
        context: context.clone(),
        peer: peer.clone(),
        state: state.clone(),
        take_over: Cell::new(None),
    });
    let io = TokioIo::new(DeferredEof::new(stream, first, state.clone()));
    let mut connection = context.http.serve_connection(io, requests.clone());
    let mut idle = false;
    let reason = poll_fn(|cx| {
        match state.take_close_request(cx) {
            Some(CloseRequest::Drain) => Pin::new(&mut connection).graceful_shutdown(),
            Some(request) => return Poll::Ready(Some(request)),
            None => {}
        }
        // An error was answered as far as it can be; either way the connection is over.
        let over = connection.poll_without_shutdown(cx).map(|_| None);
        idle = over.is_pending() && state.is_between_requests();
        if idle { Poll::Ready(None) } else { over }
    })
    .await;
    let parts = connection.into_parts();
    let (stream, unread) = parts.io.into_inner().into_parts();
    let rest = if unread.is_empty() {
        parts.read_buf
    } else {
        // hyper reads less at once than the thread does.
        [parts.read_buf, unread].concat().into()
    };
    if let Some(take_over) = requests.take_over.take() {
        let upgraded = Upgraded { stream, leftover: rest, peer: peer.clone() };
        return HyperEnd::Upgrade(Box::new((take_over, upgraded)));
    }
    if idle {
        state.end_requests(rest.len());
        return HyperEnd::Idle(stream, rest);
    }
    HyperEnd::Over(stream, reason)
}

/// Ends TCP from this side and reads until the client does the same: closing a socket with
/// unread bytes would reset the connection and could destroy the last response (RFC 9112 §9.6).
/// So time is the limit, not how much the client still sends.
async fn close(mut stream: Connection, limits: Limits, reason: Option<CloseRequest>) {
    // With TLS there may be bytes left to write, and a client that does not take them; one that was
    // idle has had its time.
    let idle = reason == Some(CloseRequest::Idle);
    let patience = if idle { limits.linger } else { limits.unacknowledged };
    let ended = tokio::time::timeout(patience, stream.shutdown()).await;
    if !matches!(ended, Ok(Ok(()))) {
        return;
    }
    let rest = async {
        let mut buffer = [0; 512];
        while let Ok(1..) = stream.read(&mut buffer).await {
            // One that never stops sending must not keep the thread from the time limit.
            tokio::task::consume_budget().await;
        }
    };
    // Whether the client ended or the time is up, the socket is closed now.
    let _ = tokio::time::timeout(limits.linger, rest).await;
}

/// What a connection's requests share.
struct RequestContext {
    context: Rc<ConnectionContext>,
    peer: Rc<Peer>,
    state: Rc<ConnectionState>,
    take_over: Cell<Option<TakeOver>>,
}

/// Answers requests by the routes.
impl Service<Request<Incoming>> for RequestContext {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = AnswerFuture;

    fn call(&self, request: Request<Incoming>) -> AnswerFuture {
        let RequestContext { context, peer, state, take_over: upgrade } = self;
        let is_post = request.method() == Method::POST;
        // What is measured goes first.
        let pages =
            context.pages.as_ref().filter(|_| context.routes.at(request.uri().path()).is_none());
        let of_page = pages.and_then(|pages| pages.answer(&request, peer));
        let of_route = |request: Request<Incoming>| match context.routes.at(request.uri().path()) {
            // Whatever the transport, a message for all goes the same way.
            Some(_) if is_post && peer.thread.feed.get().spec.workload.is_shared() => {
                post::receive(request, peer)
            }
            Some(endpoint) if is_post => endpoint.post(request, peer),
            Some(_) if request.method() != Method::GET => Answer::Now(only_get()),
            Some(endpoint) => endpoint.answer(&request, peer),
            None => Answer::Now(unknown_path(&context.routes)),
        };
        let answer = of_page.unwrap_or_else(|| of_route(request));
        state.begin_request(match &answer {
            Answer::Later(_) => true,
            // A stream is never idle; its end is the connection's.
            Answer::Now(response) => matches!(response.body(), Either::Right(_)),
            Answer::Upgrade(..) => false,
        });
        let answer = match answer {
            Answer::Now(response) => AnswerFuture::Now(Some(response)),
            Answer::Later(held) => AnswerFuture::Later(held, state.clone()),
            Answer::Upgrade(response, take_over) => {
                upgrade.set(Some(take_over));
                AnswerFuture::Now(Some(response))
            }
        };
        let injected = peer.thread.injector.is_some();
        if injected { inject_faults(answer, self) } else { answer }
    }
}

/// Returns the same answer as a server with faults gives it.
fn inject_faults(answer: AnswerFuture, context: &RequestContext) -> AnswerFuture {
    let thread = context.peer.thread.clone();
    let with_faults = async move {
        // It never fails.
        let Ok(mut response) = answer.await;
        if let Some(injector) = &thread.injector {
            let leaves_ns = now_ns().saturating_add(injector.delay_ns());
            injector.answer(&mut response);
            // May be woken early, together with all other sleepers.
            while !thread.timer.until(leaves_ns).await {}
        }
        response
    };
    AnswerFuture::Later(Box::pin(with_faults), context.state.clone())
}

/// An answer on its way.
enum AnswerFuture {
    Now(Option<Response<Body>>),
    Later(LocalBoxFuture<'static, Response<Body>>, Rc<ConnectionState>),
}

impl Future for AnswerFuture {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            AnswerFuture::Now(response) => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                None => Poll::Pending,
            },
            AnswerFuture::Later(held, state) => held.as_mut().poll(cx).map(|response| {
                // A stream is never idle.
                if matches!(response.body(), Either::Left(_)) {
                    state.end_request();
                }
                Ok(response)
            }),
        }
    }
}

/// 404 with the known paths.
fn unknown_path(routes: &Routes) -> Response<Body> {
    let paths = routes.paths().join("\n  ");
    plain(StatusCode::NOT_FOUND, format!("nothing answers here; known paths:\n  {paths}\n"))
}
