//! What the connections of a thread share, and how a request is answered by the routes, whatever the version of
//! HTTP.

use crate::net::TlsServer;
use crate::server::body::{Body, only_get, plain};
use crate::server::open_connections::{ConnectionState, OpenConnections};
use crate::server::pages::Pages;
use crate::server::peer::Peer;
use crate::server::routes::{Answer, Routes, TakeOver, Upgraded};
use crate::server::server_thread::ServerThread;
use crate::server::simple_request::SharedBuffers;
use crate::server::upgraded_stream::UpgradedStream;
use crate::server::{Config, Limits, post};
use crate::time::now_ns;
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http_body_util::Either;
use hyper::body::Incoming;
use hyper::ext::Protocol;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode};
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::task::spawn_local;

/// A body up to this size is copied behind its head and written with it; a larger one is written
/// without a copy.
const FLAT_BYTES: u32 = 1024;
/// What the connections of a thread share.
pub(crate) struct ConnectionContext {
    pub(super) http: http1::Builder,
    pub(super) buffers: RefCell<SharedBuffers>,
    pub(super) routes: Routes,
    pub(super) pages: Option<Arc<Pages>>,
    pub(super) tls: Option<TlsServer>,
    pub(super) thread: Rc<ServerThread>,
    pub(super) connections: Rc<OpenConnections>,
    pub(super) limits: Limits,
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

    /// The largest head of a request, in bytes.
    pub(super) fn head_bytes(&self) -> u32 {
        u32::try_from(self.limits.head_bytes).unwrap_or(u32::MAX)
    }
}

/// What a connection's requests share; over HTTP/2 a request has one of its own.
pub(super) struct RequestContext {
    context: Rc<ConnectionContext>,
    peer: Rc<Peer>,
    state: Rc<ConnectionState>,
    pub(super) take_over: Cell<Option<TakeOver>>,
}

/// Answers requests by the routes.
impl Service<Request<Incoming>> for RequestContext {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = AnswerFuture;

    fn call(&self, request: Request<Incoming>) -> AnswerFuture {
        self.answer(request)
    }
}

impl RequestContext {
    pub(super) fn new(
        context: Rc<ConnectionContext>,
        peer: Rc<Peer>,
        state: Rc<ConnectionState>,
    ) -> RequestContext {
        RequestContext { context, peer, state, take_over: Cell::new(None) }
    }

    /// Answers a request.
    pub(super) fn answer(&self, mut request: Request<Incoming>) -> AnswerFuture {
        let RequestContext { context, peer, state, take_over: upgrade } = self;
        let stream = is_connect(&request).then(|| hyper::upgrade::on(&mut request));
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
            Some(_) if request.method() != Method::GET && stream.is_none() => {
                Answer::Now(only_get())
            }
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
                match stream {
                    None => upgrade.set(Some(take_over)),
                    Some(stream) => hand_over(stream, take_over, peer.clone()),
                }
                AnswerFuture::Now(Some(response))
            }
        };
        let injected = peer.thread.injector.is_some();
        if injected { inject_faults(answer, self) } else { answer }
    }
}

/// Whether a request over HTTP/2 makes its stream a connection of another protocol (RFC 8441 §4).
fn is_connect(request: &Request<Incoming>) -> bool {
    request.method() == Method::CONNECT && request.extensions().get::<Protocol>().is_some()
}

/// Hands a stream of HTTP/2 over to another protocol, once the client knows that it may use it.
fn hand_over(stream: OnUpgrade, take_over: TakeOver, peer: Rc<Peer>) {
    spawn_local(async move {
        // One that is gone needs no other protocol.
        if let Ok(stream) = stream.await {
            let stream = UpgradedStream::of_http2(stream);
            take_over(Upgraded { stream, leftover: Bytes::new(), peer }).await;
        }
    });
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
pub(super) enum AnswerFuture {
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
