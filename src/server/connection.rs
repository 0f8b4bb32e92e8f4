//! One connection: HTTP/1.1 until its end or an upgrade, then the other protocol.
//!
//! hyper parses and writes; the limits come from outside, see `watch`. HTTP's state is in a box of
//! its own, which is gone before an upgraded connection begins.

use crate::feed::Topic;
use crate::net::Connection;
use crate::server::Routes;
use crate::server::deferred_eof::DeferredEof;
use crate::server::routes::{Answer, Body, Peer, ServerThread, TakeOver, Upgraded, plain};
use crate::server::watch::{Entry, Watch, Watches, Word};
use crate::server::{Config, Limits};
use crate::time::now_ns;
use futures_util::future::LocalBoxFuture;
use http_body_util::Either;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A body that is written together with its head in one copied piece; a larger one is written
/// from where it is.
const FLAT_BYTES: u32 = 1024;
/// What is read and forgotten after the last response.
const LINGER_BYTES: u64 = 1024 * 1024;
const HEAD_LATE: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// What the connections of a thread share.
pub(crate) struct Shared {
    http: http1::Builder,
    site: Routes,
    thread: Rc<ServerThread>,
    watches: Rc<Watches>,
    limits: Limits,
}

impl Shared {
    /// For one thread.
    pub(crate) fn new(
        config: &Config,
        thread: Rc<ServerThread>,
        site: Routes,
        watches: Rc<Watches>,
    ) -> Shared {
        let mut http = http1::Builder::new();
        http.title_case_headers(true)
            .auto_date_header(false)
            // A client that ends TCP while its request is held, or within a response that never
            // ends, has gone; see `ears` for one that ends it before its answer.
            .half_close(false)
            .writev(config.feed.spec.payload_bytes > FLAT_BYTES)
            .max_header_size(config.limits.head_bytes);
        Shared { http, site, thread, watches, limits: config.limits }
    }
}

/// Serves an accepted connection to its end.
pub(crate) fn serve(
    stream: TcpStream,
    address: SocketAddr,
    shared: &Rc<Shared>,
) -> impl Future<Output = ()> + use<> {
    // A connection that is gone already refuses; it shows when it is read.
    let _ = stream.set_nodelay(true);
    let stream = Connection::new(stream);
    let entry = shared.watches.enter(stream.meter());
    let topic = Topic::of_peer(address);
    let peer = Rc::new(Peer::new(topic, shared.thread.clone()));
    let http = Box::pin(http(stream, peer, entry.watch().clone(), shared.clone()));
    follow(entry, http)
}

/// HTTP, then the protocol that took over, if any.
async fn follow(entry: Entry, http: LocalBoxFuture<'static, Option<Box<(TakeOver, Upgraded)>>>) {
    // The temporary is dropped here: the other protocol finds HTTP's memory free.
    let ended = http.await;
    if let Some(upgrade) = ended {
        entry.watch().upgraded();
        let (take_over, upgraded) = *upgrade;
        take_over(upgraded).await;
    }
    drop(entry);
}

/// How HTTP ended.
enum End {
    /// By itself: an upgrade, a close from either side, a fault that hyper has answered.
    Own,
    /// By a word from outside.
    Told(Word),
}

async fn http(
    stream: Connection,
    peer: Rc<Peer>,
    watch: Rc<Watch>,
    shared: Rc<Shared>,
) -> Option<Box<(TakeOver, Upgraded)>> {
    let exchange = Rc::new(Exchange {
        shared: shared.clone(),
        peer: peer.clone(),
        watch: watch.clone(),
        take_over: Cell::new(None),
    });
    let ears = DeferredEof::new(stream, watch.clone());
    let mut connection =
        shared.http.serve_connection(TokioIo::new(ears), Answers(exchange.clone()));
    let end = poll_fn(|cx| {
        match watch.word(cx) {
            Some(Word::Drain) => Pin::new(&mut connection).graceful_shutdown(),
            Some(word) => return Poll::Ready(End::Told(word)),
            None => {}
        }
        // An error was answered as far as it can be; either way the connection is over.
        connection.poll_without_shutdown(cx).map(|_| End::Own)
    })
    .await;
    let parts = connection.into_parts();
    let mut stream = parts.io.into_inner().into_inner();
    if let Some(take_over) = exchange.take_over.take() {
        return Some(Box::new((take_over, Upgraded { stream, leftover: parts.read_buf, peer })));
    }
    if let End::Told(Word::HeadLate) = end {
        // No response is under way while a head is awaited.
        let _ = stream.write_all(HEAD_LATE).await;
    }
    // In a box of its own: it lives shortly, and would add its size to every open connection.
    Box::pin(finish(stream, shared.limits)).await;
    None
}

/// Ends TCP from this side and reads until the client does the same: closing a socket with
/// unread bytes would reset the connection and could destroy the last response.
async fn finish(mut stream: Connection, limits: Limits) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let rest = async {
        let mut buffer = [0; 512];
        let before = stream.meter().read();
        while let Ok(1..) = stream.read(&mut buffer).await {
            if stream.meter().read() - before > LINGER_BYTES {
                break;
            }
        }
    };
    // Whether the client ended or the time is up, the socket is closed now.
    let _ = tokio::time::timeout(limits.linger, rest).await;
}

/// What a connection's requests share.
struct Exchange {
    shared: Rc<Shared>,
    peer: Rc<Peer>,
    watch: Rc<Watch>,
    take_over: Cell<Option<TakeOver>>,
}

struct Answers(Rc<Exchange>);

impl Service<Request<Incoming>> for Answers {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: Request<Incoming>) -> Answering {
        let exchange = &self.0;
        let site = &exchange.shared.site;
        let injected = exchange.peer.thread.injector.is_some();
        let answer = match site.at(request.uri().path()) {
            Some(endpoint) if request.method() == Method::POST => {
                endpoint.post(request, &exchange.peer)
            }
            Some(endpoint) => endpoint.answer(&request, &exchange.peer),
            None => Answer::Now(unknown(site)),
        };
        exchange.watch.request(match &answer {
            Answer::Later(_) => true,
            // A stream is never idle; its end is the connection's.
            Answer::Now(response) => matches!(response.body(), Either::Right(_)),
            Answer::Upgrade(..) => false,
        });
        let answering = match answer {
            Answer::Now(response) => Answering::Now(Some(response)),
            Answer::Later(held) => Answering::Later(held, exchange.watch.clone()),
            Answer::Upgrade(response, take_over) => {
                exchange.take_over.set(Some(take_over));
                Answering::Now(Some(response))
            }
        };
        if injected { exchange.clone().spoil(answering) } else { answering }
    }
}

impl Exchange {
    /// The same answer as a server with faults gives it.
    fn spoil(self: Rc<Exchange>, answering: Answering) -> Answering {
        let watch = self.watch.clone();
        let spoilt = async move {
            // It never fails.
            let Ok(mut response) = answering.await;
            let thread = &self.peer.thread;
            if let Some(injector) = &thread.injector {
                let leaves_ns = now_ns().saturating_add(injector.delay_ns());
                injector.answer(&mut response);
                // Woken with everybody else, and for nothing.
                while !thread.alarm.until(leaves_ns).await {}
            }
            response
        };
        Answering::Later(Box::pin(spoilt), watch)
    }
}

/// An answer on its way.
enum Answering {
    Now(Option<Response<Body>>),
    Later(LocalBoxFuture<'static, Response<Body>>, Rc<Watch>),
}

impl Future for Answering {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Answering::Now(response) => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                None => Poll::Pending,
            },
            Answering::Later(held, watch) => held.as_mut().poll(cx).map(|response| {
                // A stream is never idle.
                if matches!(response.body(), Either::Left(_)) {
                    watch.answered();
                }
                Ok(response)
            }),
        }
    }
}

/// 404 with what there is.
fn unknown(site: &Routes) -> Response<Body> {
    let paths = site.paths().join("\n  ");
    plain(StatusCode::NOT_FOUND, format!("nothing answers here; known paths:\n  {paths}\n"))
}
