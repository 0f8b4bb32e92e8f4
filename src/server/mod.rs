//! The reference server: the transports' endpoints behind hyper's HTTP/1.1, polls without it; a thread
//! each with its own listener on one port.
//!
//! `wsbench serve` and the server process of a run are this same code.
//!
//! | file | what |
//! |---|---|
//! | `listener` | sockets: one port for several threads, accepting without giving up |
//! | `thread`, `server_thread` | one thread: its runtime, its commands, draining; what it shares |
//! | `open_connections` | its connections: their bytes, their limits |
//! | `connection` | one connection: HTTP, then perhaps another protocol |
//! | `requests` | how a request is answered |
//! | `simple_request` | polls, which are answered without hyper |
//! | `http2` | a connection of HTTP/2, by hyper |
//! | `deferred_eof` | when hyper sees the end of a client's stream, and when it is idle |
//! | `upgraded_stream` | what another protocol has in place of HTTP |
//! | `routes`, `body`, `response_head`, `streaming_response`, `post` | what endpoints are made of |
//! | `peer`, `subscription` | a client, and its position in what is published |
//! | `broadcast_hub` | messages that clients send to all |
//! | `pages` | pages for a browser, which runs never have |
//! | `fault_injection` | faults on purpose |

mod body;
mod broadcast_hub;
mod compressing;
mod connection;
mod deferred_eof;
pub(crate) mod fault_injection;
mod http2;
mod listener;
mod open_connections;
pub(crate) mod pages;
mod peer;
pub(crate) mod post;
mod requests;
pub(crate) mod response_head;
mod routes;
mod server_thread;
mod simple_request;
pub(crate) mod streaming_response;
mod subscription;
mod thread;
mod upgraded_stream;

pub(crate) use body::{Body, only_get, plain};
pub(crate) use compressing::CompressingEndpoint;
pub(crate) use peer::{Peer, last_event_id};
pub(crate) use routes::{Answer, Endpoint, Routes, TakeOver, Upgraded};
pub(crate) use subscription::Outgoing;
pub(crate) use upgraded_stream::UpgradedStream;

use crate::error::{Failure, Outcome, at};
use crate::feed::Feed;
use crate::server::fault_injection::FaultInjection;
use crate::server::pages::Pages;
use crate::units::add_fields;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc as signals;

/// What to serve and where.
#[derive(Clone)]
pub struct Config {
    /// Where to listen; port 0 for any.
    pub bind: SocketAddr,
    /// Threads, each with a listener of its own on the one port; at least one.
    pub threads: u32,
    /// What is published.
    pub feed: Feed,
    /// Mounts what answers; called once in each thread.
    pub mount: Arc<dyn Fn(&mut Routes) + Send + Sync>,
    /// How it uses TLS; `None` if it does not.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Between two times that a thread wakes for due updates, in nanoseconds; see
    /// [`Timer::with_gap`](crate::time::Timer::with_gap).
    pub gap_ns: u64,
    /// What clients may do.
    pub limits: Limits,
    /// Faults on purpose.
    pub faults: FaultInjection,
    /// Pages for a browser; `None` if there are none, as in every run.
    pub pages: Option<Arc<Pages>>,
    /// Called, once a kind, with what goes wrong while it goes on serving; from any thread.
    pub notice: Arc<dyn Fn(&str) + Send + Sync>,
}

/// What clients may do.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The largest request head in bytes; a larger one is answered with 431.
    pub head_bytes: usize,
    /// The longest that a head may take once it has begun; then 408.
    pub head: Duration,
    /// The longest that a connection may wait for its next request; then it is closed. Slow
    /// pollers wait for minutes.
    pub idle: Duration,
    /// After a close from this side: how long to wait for the client's, so that no reset destroys
    /// the last response.
    pub linger: Duration,
    /// How long sent data may go unacknowledged, as from a peer that vanished. Keep-alive probes
    /// would do too, but count as traffic.
    pub unacknowledged: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            head_bytes: 64 * 1024,
            head: Duration::from_secs(10),
            idle: Duration::from_secs(600),
            linger: Duration::from_secs(2),
            // Longer than a WebSocket client may be behind, so that it is closed with a code.
            unacknowledged: Duration::from_secs(45),
        }
    }
}

/// What was served, over finished and open connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Connections accepted.
    pub connections: u64,
    /// Connections open now.
    pub open: u64,
    /// Requests that reached a service, the unknown paths included.
    pub requests: u64,
    /// Bytes read from clients' sockets.
    pub received: u64,
    /// Bytes written to clients' sockets.
    pub sent: u64,
    /// Updates written to push clients.
    pub pushed: u64,
    /// Push clients that were closed because they did not read.
    pub lagged: u64,
    /// Updates that a fault of the server left out.
    pub dropped: u64,
}

add_fields!(Totals { connections, open, requests, received, sent, pushed, lagged, dropped });

/// Commands to a thread.
enum ServerCommand {
    /// Send what was served so far.
    Totals(mpsc::Sender<Totals>),
    /// Publish from this moment on.
    Publish(u64),
    /// End every connection in its own way, and whatever is left after the limit at once.
    Drain(Duration),
    /// End now.
    Stop,
}

/// A server that runs. Dropped, it ends at once.
pub struct Running {
    address: SocketAddr,
    open: Arc<AtomicU64>,
    threads: Vec<(signals::UnboundedSender<ServerCommand>, JoinHandle<Totals>)>,
    /// Closed when the last thread has ended.
    ended: signals::Receiver<()>,
}

/// Binds, starts the threads and returns when all of them accept connections.
///
/// # Errors
/// If the address is taken or cannot be bound, or the machine gives no thread or runtime.
pub fn start(config: Config) -> Outcome<Running> {
    let threads = config.threads.max(1);
    let listeners = listener::bind(config.bind, threads, config.limits.unacknowledged)
        .map_err(|error| listener::explain(config.bind, &error))?;
    let address = listeners[0].local_addr().map_err(at("cannot tell the address"))?;
    let open = Arc::new(AtomicU64::new(0));
    let (alive, ended) = signals::channel(1);
    let (ready, began) = mpsc::channel();
    let config = Arc::new(config);
    let mut running = Running { address, open: open.clone(), threads: Vec::new(), ended };
    for (number, listener) in listeners.into_iter().enumerate() {
        let (sender, commands) = signals::unbounded_channel();
        let start = thread::ThreadStart {
            config: config.clone(),
            listener,
            commands,
            open: open.clone(),
            ready: ready.clone(),
            _alive: alive.clone(),
        };
        let handle = std::thread::Builder::new()
            .name(format!("server-{number}"))
            .spawn(move || thread::run(start))
            .map_err(at("cannot start a server thread"))?;
        running.threads.push((sender, handle));
    }
    drop(ready);
    for _ in 0..threads {
        match began.recv() {
            Ok(began) => began.map_err(at("cannot start the server's runtime"))?,
            Err(_) => return Err(Failure::run("a server thread ended before it began")),
        }
    }
    Ok(running)
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections open now.
    pub fn open(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }

    /// What was served so far. Waits for each thread's answer.
    pub fn totals(&self) -> Totals {
        let mut sum = Totals::default();
        for (sender, _) in &self.threads {
            let (reply, answer) = mpsc::channel();
            if sender.send(ServerCommand::Totals(reply)).is_ok() {
                sum += answer.recv().unwrap_or_default();
            }
        }
        sum
    }

    /// Begins the feed anew, for every client, at a moment of `CLOCK_MONOTONIC`.
    pub fn publish(&self, epoch_ns: u64) {
        self.send(|| ServerCommand::Publish(epoch_ns));
    }

    /// Begins to drain: accepts nothing more, sends WebSockets a Close with code 1001, ends
    /// keep-alive connections after the current response, and cuts what is left after the limit.
    pub fn drain(&self, limit: Duration) {
        self.send(|| ServerCommand::Drain(limit));
    }

    /// Ends every connection at once.
    pub fn stop(&self) {
        self.send(|| ServerCommand::Stop);
    }

    /// Returns when every thread has ended, after [`Running::drain`] or [`Running::stop`].
    pub async fn ended(&mut self) {
        // Nothing is ever sent: the end of the channel is the message.
        let _ = self.ended.recv().await;
    }

    /// Waits for the threads, which must have been stopped, and returns what was served.
    ///
    /// # Errors
    /// If a thread panicked.
    pub fn finish(self) -> Outcome<Totals> {
        let mut sum = Totals::default();
        for (_, handle) in self.threads {
            sum += handle.join().map_err(|_| Failure::run("a server thread panicked"))?;
        }
        Ok(sum)
    }

    fn send(&self, command: impl Fn() -> ServerCommand) {
        for (sender, _) in &self.threads {
            // A thread that has ended already needs no command.
            let _ = sender.send(command());
        }
    }
}
