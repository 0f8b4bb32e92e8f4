//! Sockets of pages: a feed, an echo, and a line that reaches every page.

use super::LOOK;
use super::feeds::{PageFeeds, PageTransport};
use crate::server::body::plain;
use crate::server::routes::{Answer, TakeOver, Upgraded};
use crate::server::upgraded_stream::UpgradedStream;
use futures_util::{SinkExt, StreamExt};
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Sender, channel};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

/// Sockets of pages at once.
const MOST_SOCKETS: usize = 128;
/// The largest message that a page may send.
const MOST_BYTES: usize = 16 * 1024;
/// Messages that wait for a slow page.
const MOST_WAITING: usize = 64;
/// Between two messages of a page: nobody types faster.
const PAUSE: Duration = Duration::from_millis(20);

/// What every thread's sockets share.
pub(super) struct Sockets {
    open: Arc<AtomicUsize>,
    all: Sender<Message>,
}

impl Default for Sockets {
    fn default() -> Sockets {
        Sockets { open: Arc::default(), all: channel(MOST_WAITING).0 }
    }
}

/// A place among the sockets, until it is dropped.
struct SocketPlace(Arc<AtomicUsize>);

impl Drop for SocketPlace {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is said to a page that broke the protocol (RFC 6455 §7.4.1).
fn farewell(error: &Error) -> Option<CloseFrame> {
    let code = match error {
        Error::Capacity(_) => CloseCode::Size,
        Error::Utf8(_) => CloseCode::Invalid,
        Error::Protocol(_) => CloseCode::Protocol,
        _ => return None,
    };
    Some(CloseFrame { code, reason: Utf8Bytes::default() })
}

type PageSocket = WebSocketStream<UpgradedStream>;

async fn socket(upgraded: Upgraded) -> PageSocket {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MOST_BYTES))
        .max_frame_size(Some(MOST_BYTES));
    let leftover = upgraded.leftover.to_vec();
    WebSocketStream::from_partially_read(upgraded.stream, leftover, Role::Server, Some(config))
        .await
}

impl Sockets {
    /// Upgrades a request, and hands the connection to `serve`.
    fn upgrade(
        &self,
        request: &Request<Incoming>,
        serve: impl FnOnce(Upgraded) -> futures_util::future::LocalBoxFuture<'static, ()> + 'static,
    ) -> Answer {
        let empty = || plain(StatusCode::SWITCHING_PROTOCOLS, "").into_body();
        let Ok(response) = create_response_with_body(request, empty) else {
            return Answer::Now(plain(
                StatusCode::UPGRADE_REQUIRED,
                "a page opens this as a WebSocket\n",
            ));
        };
        let place = SocketPlace(self.open.clone());
        if self.open.fetch_add(1, Ordering::Relaxed) >= MOST_SOCKETS {
            drop(place);
            return Answer::Now(plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "too many sockets are open\n",
            ));
        }
        let take_over: TakeOver = Box::new(move |upgraded| {
            let served = serve(upgraded);
            Box::pin(async move {
                served.await;
                drop(place);
            })
        });
        Answer::Upgrade(response, take_over)
    }

    /// Sends each message back, text and binary.
    pub(super) fn echo(&self, request: &Request<Incoming>) -> Answer {
        self.upgrade(request, |upgraded| {
            Box::pin(async move {
                let thread = upgraded.peer.thread.clone();
                let mut socket = socket(upgraded).await;
                let farewell = loop {
                    tokio::select! {
                        came = socket.next() => match came {
                            Some(Ok(message)) if message.is_text() || message.is_binary() => {
                                if socket.send(message).await.is_err() { break None }
                            }
                            Some(Ok(_)) => {}
                            Some(Err(error)) => break farewell(&error),
                            None => break None,
                        },
                        () = tokio::time::sleep(LOOK) => if thread.draining.get() { break None },
                    }
                };
                // A page that is gone needs none.
                let _ = socket.close(farewell).await;
            })
        })
    }

    /// Sends each message to every page, this one among them.
    pub(super) fn broadcast(&self, request: &Request<Incoming>) -> Answer {
        let all = self.all.clone();
        self.upgrade(request, |upgraded| {
            Box::pin(async move {
                let mut others = all.subscribe();
                let thread = upgraded.peer.thread.clone();
                let mut socket = socket(upgraded).await;
                let farewell = loop {
                    tokio::select! {
                        came = socket.next() => match came {
                            Some(Ok(message)) if message.is_text() || message.is_binary() => {
                                // Without a reader it reaches nobody, and this one is.
                                let _ = all.send(message);
                                tokio::time::sleep(PAUSE).await;
                            }
                            Some(Ok(_)) => {}
                            Some(Err(error)) => break farewell(&error),
                            None => break None,
                        },
                        sent = others.recv() => match sent {
                            Ok(message) => if socket.send(message).await.is_err() { break None },
                            // A page that is too slow misses some.
                            Err(RecvError::Lagged(_)) => {}
                            Err(RecvError::Closed) => break None,
                        },
                        () = tokio::time::sleep(LOOK) => if thread.draining.get() { break None },
                    }
                };
                // A page that is gone needs none.
                let _ = socket.close(farewell).await;
            })
        })
    }

    /// Sends each update of a feed.
    pub(super) fn of_feed(
        &self,
        request: &Request<Incoming>,
        feeds: Arc<PageFeeds>,
        feed: u64,
    ) -> Answer {
        self.upgrade(request, move |upgraded| {
            Box::pin(async move {
                let meter = upgraded.stream.meter();
                let thread = upgraded.peer.thread.clone();
                let mut socket = socket(upgraded).await;
                feeds.count(feed, PageTransport::Socket, |counts| counts.requests += 1);
                let mut up = 0;
                let mut down = 0;
                let mut last = 0;
                let mut count = |messages: u64| {
                    let read = meter.read();
                    let written = meter.written();
                    feeds.count(feed, PageTransport::Socket, |counts| {
                        counts.messages += messages;
                        counts.up += read - up;
                        counts.down += written - down;
                    });
                    up = read;
                    down = written;
                };
                count(0);
                while !thread.draining.get() {
                    let (n, text) = feeds.latest(feed);
                    if n > last {
                        last = n;
                        if socket.send(Message::text(text)).await.is_err() {
                            break;
                        }
                        count(1);
                    }
                    let next = feeds.until_next(feed).min(LOOK);
                    tokio::select! {
                        came = socket.next() => match came {
                            Some(Ok(_)) => count(0),
                            Some(Err(_)) | None => break,
                        },
                        () = tokio::time::sleep(next) => {}
                    }
                }
                // A page that is gone needs no farewell.
                let _ = socket.close(None).await;
            })
        })
    }
}
