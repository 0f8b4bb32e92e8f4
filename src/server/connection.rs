//! One connection: HTTP/1.1 until its end or an upgrade, then the other protocol.
//!
//! A connection waits for requests without hyper, which answers all but the simple ones and is gone
//! when it has (`simple_request` says why). Limits are kept by a sweep, see `open_connections`.
//! HTTP's state is in a box of its own, which is gone before an upgraded connection begins.

use crate::feed::Topic;
use crate::net::tls_layer::TlsLayer;
use crate::net::{Connection, TlsServer};
use crate::server::Limits;
use crate::server::deferred_eof::DeferredEof;
use crate::server::http2;
use crate::server::open_connections::{CloseRequest, ConnectionState, OpenConnection};
use crate::server::peer::Peer;
use crate::server::requests::{ConnectionContext, RequestContext};
use crate::server::routes::{TakeOver, Upgraded};
use crate::server::simple_request::{SimpleEnd, SimpleRequests};
use crate::server::upgraded_stream::UpgradedStream;
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use hyper_util::rt::TokioIo;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::spawn_local;

const HEAD_LATE: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

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
        if http2::begins(&other) {
            // In a box of its own: its size is no other connection's.
            let serving = http2::serve(stream, other, peer.topic, &state, &context);
            let (ended, reason) = Box::pin(serving).await;
            if let Some(stream) = ended {
                Box::pin(close(stream, context.limits, reason)).await;
            }
            return None;
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
    let requests = Rc::new(RequestContext::new(context.clone(), peer.clone(), state.clone()));
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
        let stream = UpgradedStream::Connection(stream);
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
