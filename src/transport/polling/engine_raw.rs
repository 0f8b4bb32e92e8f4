//! The engine `raw`: the request is rendered once for all clients of a thread, written with one
//! call, and the response is parsed from a buffer that all of them share.

use super::client::{Exchange, SET_UP_ATTEMPTS, SET_UP_PAUSE_NS, Seen, book};
use super::params::Params;
use crate::clock::now_ns;
use crate::net::Metered;
use crate::pacing::{Spread, Turn};
use crate::record::{Fault, FaultKind, Phase};
use crate::transport::http::{Malformed, Response};
use crate::transport::{Book, Client, Driver, LocalFuture, Target};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The engine of one thread.
pub struct Raw {
    request: Vec<u8>,
    request_chars: u64,
    spread: Spread,
    new_connection: bool,
}

/// A connection and its books.
struct Link {
    stream: Metered,
    book: Book,
    used: bool,
}

/// How an exchange ended for the connection.
#[derive(PartialEq)]
enum After {
    Keep,
    Close,
    /// The server had closed an idle connection: the request may be sent again on another
    /// (RFC 9112 §9.3.1).
    Stale,
}

impl Raw {
    /// Renders the request.
    pub fn new(params: &Params, target: &Target) -> Raw {
        let request = params.request.render(&target.path, &target.authority);
        let ends = request.iter().filter(|b| matches!(b, b'\r' | b'\n')).count();
        Raw {
            request_chars: (request.len() - ends) as u64,
            request,
            spread: params.phase,
            new_connection: params.new_connection,
        }
    }

    async fn live(&self, client: &mut Client) {
        let mut seen = Seen::default();
        let mut response = Response::default();
        let mut link = Box::pin(self.set_up(client, &mut seen, &mut response)).await;
        if link.is_none() && !client.is_set_up() {
            return;
        }
        while let Some(turn) = client.turn(self.spread).await {
            loop {
                if link.is_none() {
                    link = Box::pin(client.connect(turn.phase)).await.map(Link::new);
                }
                let Some(open) = &mut link else { break };
                open.book.enter(turn.phase, &open.stream);
                let after = self.exchange(client, open, turn, &mut seen, &mut response).await;
                if self.new_connection || after != After::Keep {
                    link = None;
                }
                if after != After::Stale {
                    break;
                }
            }
        }
    }

    /// Connects and has a first exchange, so that what is measured later has nothing first.
    async fn set_up(
        &self,
        client: &mut Client,
        seen: &mut Seen,
        response: &mut Response,
    ) -> Option<Link> {
        if !client.begin().await {
            return None;
        }
        for attempt in 0..SET_UP_ATTEMPTS {
            if attempt > 0 && !client.pause(SET_UP_PAUSE_NS).await {
                return None;
            }
            let Some(mut link) = client.connect(Phase::Setup).await.map(Link::new) else {
                continue;
            };
            let turn = Turn { intended_ns: now_ns(), phase: Phase::Setup };
            let faults = client.faults();
            let after = self.exchange(client, &mut link, turn, seen, response).await;
            if client.faults() > faults {
                continue;
            }
            client.ready();
            let keep = after == After::Keep && !self.new_connection;
            return keep.then_some(link);
        }
        None
    }

    async fn exchange(
        &self,
        client: &Client,
        link: &mut Link,
        turn: Turn,
        seen: &mut Seen,
        response: &mut Response,
    ) -> After {
        let sent_ns = now_ns();
        client.watch.begin(sent_ns);
        response.reset();
        let end = match self.write(client, &mut link.stream).await {
            Ok(()) => self.read(client, &mut link.stream, response).await,
            Err(error) => Err(fault_of(FaultKind::Write, &error)),
        };
        client.watch.end();
        let reused = std::mem::replace(&mut link.used, true);
        let request = (self.request.len() as u64, self.request_chars);
        match end {
            Ok(beyond) => {
                let moved = link.book.moved();
                book(client, turn.phase, moved, request, Some(response.parts));
                let exchange = Exchange {
                    turn,
                    sent_ns,
                    status: response.status,
                    body: response.body_prefix(),
                };
                seen.finish(client, &exchange);
                if beyond > 0 {
                    client.discarded(turn.phase, beyond);
                    client.fault(turn.phase, Fault::of(FaultKind::Malformed));
                }
                if response.keep_alive && beyond == 0 { After::Keep } else { After::Close }
            }
            Err(fault) => {
                book(client, turn.phase, link.book.moved(), request, None);
                if reused && response.is_untouched() && is_close(fault) {
                    return After::Stale;
                }
                client.fault(turn.phase, fault);
                After::Close
            }
        }
    }

    async fn write(&self, client: &Client, stream: &mut Metered) -> io::Result<()> {
        let mut left = &self.request[..];
        poll_fn(|cx| {
            while !left.is_empty() {
                if client.watch.expired(cx) {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
                match Pin::new(&mut *stream).poll_write(cx, left) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(Ok(n)) => left = &left[n..],
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                }
            }
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// Reads a whole response; gives the number of bytes that came beyond it.
    async fn read(
        &self,
        client: &Client,
        stream: &mut Metered,
        response: &mut Response,
    ) -> Result<u64, Fault> {
        poll_fn(|cx| {
            loop {
                if client.watch.expired(cx) {
                    return Poll::Ready(Err(Fault::of(FaultKind::ResponseTimeout)));
                }
                match read_some(cx, client, stream, response) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(None)) => {}
                    Poll::Ready(Ok(Some(beyond))) => return Poll::Ready(Ok(beyond)),
                    Poll::Ready(Err(fault)) => return Poll::Ready(Err(fault)),
                }
            }
        })
        .await
    }
}

/// One read and what it says; `Some` once the response is whole.
fn read_some(
    cx: &mut Context<'_>,
    client: &Client,
    stream: &mut Metered,
    response: &mut Response,
) -> Poll<Result<Option<u64>, Fault>> {
    // Nothing is awaited while the buffer is borrowed.
    let mut scratch = client.thread.scratch.borrow_mut();
    let mut buf = ReadBuf::new(&mut scratch);
    match Pin::new(stream).poll_read(cx, &mut buf) {
        Poll::Pending => Poll::Pending,
        Poll::Ready(Err(error)) => Poll::Ready(Err(fault_of(FaultKind::Read, &error))),
        Poll::Ready(Ok(())) if buf.filled().is_empty() => {
            Poll::Ready(match response.end_of_stream() {
                Ok(()) => Ok(Some(0)),
                Err(Malformed) => Err(Fault::of(FaultKind::EarlyClose)),
            })
        }
        Poll::Ready(Ok(())) => Poll::Ready(match response.feed(buf.filled()) {
            Err(Malformed) => Err(Fault::of(FaultKind::Malformed)),
            Ok(used) if response.is_done() => Ok(Some((buf.filled().len() - used) as u64)),
            Ok(_) => Ok(None),
        }),
    }
}

/// Whether the fault is what a write or read meets on a connection that the server has closed.
fn is_close(fault: Fault) -> bool {
    fault.kind == FaultKind::EarlyClose || matches!(fault.code, libc::ECONNRESET | libc::EPIPE)
}

fn fault_of(kind: FaultKind, error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::TimedOut if error.raw_os_error().is_none() => {
            Fault::of(FaultKind::ResponseTimeout)
        }
        _ => Fault::io(kind, error),
    }
}

impl Link {
    fn new((stream, book): (Metered, Book)) -> Link {
        Link { stream, book, used: false }
    }
}

impl Drop for Link {
    /// The books are closed before the stream is, however the client ended.
    fn drop(&mut self) {
        self.book.close(&self.stream);
    }
}

impl Driver for Raw {
    fn drive(self: Rc<Self>, mut client: Client) -> LocalFuture<()> {
        Box::pin(async move { self.live(&mut client).await })
    }
}
