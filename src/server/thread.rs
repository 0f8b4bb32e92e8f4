//! One server thread: its runtime, its listener, its commands, its end.

use crate::feed::Feed;
use crate::server::Routes;
use crate::server::connection;
use crate::server::connection::Shared;
use crate::server::routes::ServerThread;
use crate::server::watch::{Watches, Word, sweep_period};
use crate::server::{Command, Config, Totals, listener};
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
pub(crate) struct Start {
    /// What to serve.
    pub config: Arc<Config>,
    /// Its own listener, which does not block.
    pub listener: TcpListener,
    /// Words from outside; their end is the end.
    pub commands: UnboundedReceiver<Command>,
    /// Open connections of all threads.
    pub open: Arc<AtomicU64>,
    /// To say once that it accepts, or why it does not.
    pub ready: Sender<io::Result<()>>,
    /// Held until the thread ends.
    pub _alive: mpsc::Sender<()>,
}

/// Serves until told to end; gives what was served.
pub(crate) fn run(start: Start) -> Totals {
    let runtime =
        match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
            Ok(runtime) => runtime,
            Err(error) => {
                // Nobody listens where the start was given up already.
                let _ = start.ready.send(Err(error));
                return Totals::default();
            }
        };
    runtime.block_on(serve(start))
}

async fn serve(start: Start) -> Totals {
    let Start { config, listener, mut commands, open, ready, _alive } = start;
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            let _ = ready.send(Err(error));
            return Totals::default();
        }
    };
    let thread = ServerThread::new(config.feed, Timer::with_gap(config.gap_ns));
    let thread = Rc::new(thread.with(&config.faults));
    let mut site = Routes::default();
    (config.mount)(&mut site);
    let watches = Rc::new(Watches::new(open));
    let shared = Rc::new(Shared::new(&config, thread.clone(), site, watches.clone()));
    spawn_local(thread.alarm.clone().keep());
    let sweeping = spawn_local(sweep(config.clone(), watches.clone()));
    if let Some(stall_ns) = config.faults.stall_ns {
        spawn_local(stand_still(stall_ns));
    }
    let accepting = spawn_local(async move {
        listener::accept(&listener, &config, |stream, peer| {
            spawn_local(connection::serve(stream, peer, &shared));
        })
        .await;
    });
    // The one who waits may have given up.
    let _ = ready.send(Ok(()));
    let mut deadline = None;
    loop {
        tokio::select! {
            command = commands.recv() => match command {
                Some(Command::Totals(reply)) => {
                    let _ = reply.send(totals(&watches, &thread));
                }
                Some(Command::Publish(epoch_ns)) => {
                    let spec = thread.feed.get().spec;
                    thread.feed.set(Feed { spec, epoch_ns });
                    thread.alarm.wake_all();
                }
                Some(Command::Drain(limit)) => {
                    accepting.abort();
                    thread.draining.set(true);
                    thread.alarm.wake_all();
                    watches.tell_all(Word::Drain);
                    deadline.get_or_insert(Instant::now() + limit);
                }
                Some(Command::Stop) | None => break,
            },
            () = drained(deadline, &watches) => break,
        }
    }
    sweeping.abort();
    totals(&watches, &thread)
}

/// Returns once the server drains and no connection is left, or at the deadline.
async fn drained(deadline: Option<Instant>, watches: &Watches) {
    match deadline {
        None => std::future::pending().await,
        // The deadline is the end either way.
        Some(deadline) => drop(tokio::time::timeout_at(deadline, watches.none_left()).await),
    }
}

async fn sweep(config: Arc<Config>, watches: Rc<Watches>) {
    let period: Duration = sweep_period(&config.limits);
    loop {
        tokio::time::sleep(period).await;
        watches.sweep(&config.limits);
    }
}

/// Blocks the thread again and again: for so many nanoseconds, every so many.
async fn stand_still((ns, every_ns): (u64, u64)) {
    let every = Duration::from_nanos(every_ns);
    let mut next = Instant::now() + every;
    loop {
        tokio::time::sleep_until(next).await;
        std::thread::sleep(Duration::from_nanos(ns));
        next = (next + every).max(Instant::now());
    }
}

fn totals(watches: &Watches, thread: &ServerThread) -> Totals {
    Totals {
        pushed: thread.pushed.get(),
        lagged: thread.lagged.get(),
        dropped: thread.injector.as_ref().map_or(0, |injector| injector.dropped()),
        ..watches.totals()
    }
}
