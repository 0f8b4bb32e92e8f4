//! One server thread: its runtime, its listener, its commands, its end.

use crate::feed::Feed;
use crate::server::connection;
use crate::server::fault_injection::Stall;
use crate::server::open_connections::{CloseRequest, OpenConnections, sweep_period};
use crate::server::requests::ConnectionContext;
use crate::server::routes::Routes;
use crate::server::server_thread::ServerThread;
use crate::server::{Config, ServerCommand, Totals, listener};
use crate::time::Timer;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::Sender;
use std::time::Duration;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::spawn_local;
use tokio::time::Instant;

/// What a thread begins with.
pub(crate) struct ThreadStart {
    /// What to serve.
    pub config: Arc<Config>,
    /// Its own listener, which does not block.
    pub listener: TcpListener,
    /// Commands; the end of the channel ends the thread.
    pub commands: UnboundedReceiver<ServerCommand>,
    /// Open connections of all threads.
    pub open: Arc<AtomicU64>,
    /// Gets once that it accepts, or why it does not.
    pub ready: Sender<io::Result<()>>,
    /// Held until the thread ends.
    pub _alive: mpsc::Sender<()>,
}

/// Serves until a command ends it. Returns what was served.
pub(crate) fn run(start: ThreadStart) -> Totals {
    let ready = start.ready.clone();
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    runtime.and_then(|runtime| runtime.block_on(serve(start))).unwrap_or_else(|error| {
        // Nobody receives if the start was given up already.
        let _ = ready.send(Err(error));
        Totals::default()
    })
}

async fn serve(start: ThreadStart) -> io::Result<Totals> {
    let ThreadStart { config, listener, mut commands, open, ready, _alive } = start;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let thread = ServerThread::new(config.feed, Timer::with_gap(config.gap_ns));
    let thread = Rc::new(thread.with_faults(&config.faults));
    let mut routes = Routes::default();
    (config.mount)(&mut routes);
    let connections = Rc::new(OpenConnections::new(open));
    let context =
        Rc::new(ConnectionContext::new(&config, thread.clone(), routes, connections.clone()));
    spawn_local(thread.timer.clone().keep());
    let sweeping = spawn_local(sweep(config.clone(), connections.clone()));
    if let Some(stall) = config.faults.stall {
        spawn_local(stall_repeatedly(stall));
    }
    let accepting = spawn_local(async move {
        listener::accept(&listener, &config, |stream, peer| {
            connection::accept(stream, peer, &context);
        })
        .await;
    });
    // The receiver may have given up.
    let _ = ready.send(Ok(()));
    let mut deadline = None;
    loop {
        tokio::select! {
            command = commands.recv() => match command {
                Some(ServerCommand::Totals(reply)) => {
                    let _ = reply.send(totals(&connections, &thread));
                }
                Some(ServerCommand::Publish(epoch_ns)) => {
                    let spec = thread.feed.get().spec;
                    thread.feed.set(Feed { spec, epoch_ns });
                    thread.timer.wake_all();
                }
                Some(ServerCommand::Drain(limit)) => {
                    accepting.abort();
                    thread.draining.set(true);
                    thread.timer.wake_all();
                    connections.ask_all_to_close(CloseRequest::Drain);
                    deadline.get_or_insert(Instant::now() + limit);
                }
                Some(ServerCommand::Stop) | None => break,
            },
            () = drained(deadline, &connections) => break,
        }
    }
    sweeping.abort();
    Ok(totals(&connections, &thread))
}

/// Returns once the server drains and no connection is left, or at the deadline.
async fn drained(deadline: Option<Instant>, connections: &OpenConnections) {
    match deadline {
        None => std::future::pending().await,
        // The deadline is the end either way.
        Some(deadline) => drop(tokio::time::timeout_at(deadline, connections.none_left()).await),
    }
}

async fn sweep(config: Arc<Config>, connections: Rc<OpenConnections>) {
    let period: Duration = sweep_period(&config.limits);
    loop {
        tokio::time::sleep(period).await;
        connections.sweep(&config.limits);
    }
}

/// Blocks the thread again and again.
async fn stall_repeatedly(stall: Stall) {
    let every = Duration::from_nanos(stall.every_ns);
    let mut next = Instant::now() + every;
    loop {
        tokio::time::sleep_until(next).await;
        std::thread::sleep(Duration::from_nanos(stall.ns));
        next = (next + every).max(Instant::now());
    }
}

fn totals(connections: &OpenConnections, thread: &ServerThread) -> Totals {
    Totals {
        pushed: thread.pushed.get(),
        lagged: thread.lagged.get(),
        dropped: thread.injector.as_ref().map_or(0, |injector| injector.dropped()),
        ..connections.totals()
    }
}
