//! The handle by which the client of a library waits for its turns: a task, which reports what
//! happened. Clients of the engine have a [`Session`](crate::client::session::Session) instead.

use crate::client::connection::ClientConnection;
use crate::client::context::ThreadContext;
use crate::client::core::{ClientCore, LEAST_PAUSE_NS};
use crate::net::connection::Layers;
use crate::net::dial::dial;
use crate::net::layer::{Stacked, StreamLayer};
use crate::net::library_stream::LibraryStream;
use crate::record::{Phase, TlsProblem};
use crate::time::{Turn, TurnPlacement, now_ns};
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::pin;
use std::time::Duration;
use tokio::sync::Semaphore;

/// The stream of a library's connection: the usual layers, and one that the transport gives. That is
/// nearest to the socket, or with TLS nearest to the library: below it are records alone.
pub(crate) type StreamOver<L> = LibraryStream<Stacked<L, Stacked<Layers, L>>>;

/// One simulated client that is a task.
pub struct Client {
    core: ClientCore,
    /// How long the server wants it to wait before it connects again, in nanoseconds.
    asked_ns: Option<u64>,
}

impl Deref for Client {
    type Target = ClientCore;

    fn deref(&self) -> &ClientCore {
        &self.core
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut ClientCore {
        &mut self.core
    }
}

impl Client {
    /// The handle of a client that has not begun.
    pub(crate) fn new(core: ClientCore) -> Client {
        Client { core, asked_ns: None }
    }

    /// Waits for the client's moment in the ramp. Returns false if the client must end instead.
    pub(crate) async fn begin(&self) -> bool {
        self.wait_until(self.begin_ns()).await
    }

    /// Sets the client up: tries several times what `open` does. Returns whether it is set up.
    pub(crate) async fn set_up(&mut self, mut open: impl AsyncFnMut(&mut Client) -> bool) -> bool {
        let mut next_ns = now_ns();
        while self.wait_until(next_ns).await {
            if open(self).await {
                self.ready();
                return true;
            }
            let failed_ns = now_ns();
            let asked_ns = self.asked_ns.take();
            match self.set_up_failed(failed_ns, asked_ns) {
                Some(pause_ns) => next_ns = failed_ns.saturating_add(pause_ns),
                None => return false,
            }
        }
        false
    }

    /// Opens a connection whose bytes are counted, for a library that takes a stream. An error is
    /// counted in `phase`; `None` then, and if the client must end.
    pub(crate) async fn connect<L: StreamLayer>(
        &mut self,
        phase: Phase,
        connects: &Semaphore,
        layer: L,
    ) -> Option<ClientConnection<StreamOver<L>>> {
        let thread = self.thread.clone();
        let dialer = *self.dialer();
        let (began_ns, dialled) = unless_stopped(&thread, async {
            // It is never closed.
            let _permit = connects.acquire().await;
            (now_ns(), dial(&dialer, self.id).await)
        })
        .await?;
        let socket = match dialled {
            Ok(socket) => socket,
            Err(error) => {
                self.fault(phase, error);
                return None;
            }
        };
        let (layers, handshake_ns) = match self.layers(phase) {
            Ok(made) => made,
            Err(error) => {
                self.fault(phase, error);
                return None;
            }
        };
        let open_ns = began_ns.saturating_add(handshake_ns);
        // Also if clients are to end meanwhile: it is short, and the connection is there.
        while now_ns() < open_ns && !thread.timer.until(open_ns).await {}
        self.opened(phase, now_ns() - began_ns);
        let has_tls = layers.tls().is_some();
        let (above, below) = if has_tls { (Some(layer), None) } else { (None, Some(layer)) };
        let layers = Stacked { upper: layers, lower: below };
        let stack = Stacked { upper: above, lower: Some(layers) };
        let stream = LibraryStream::over(socket, stack, thread.timer.clone());
        let connection = ClientConnection::new(stream, thread, phase);
        if has_tls { self.secure(connection.with_tls(), phase).await } else { Some(connection) }
    }

    /// Waits for the end of the handshake of TLS. An error is counted in `phase`.
    async fn secure<L: StreamLayer>(
        &self,
        mut connection: ClientConnection<StreamOver<L>>,
        phase: Phase,
    ) -> Option<ClientConnection<StreamOver<L>>> {
        let began_ns = now_ns();
        let stream = connection.stream.clone();
        let securing = tokio::time::timeout(self.dialer().timeout, stream.handshake());
        match unless_stopped(&self.thread, securing).await? {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                self.fault(phase, error);
                return None;
            }
            Err(_) => {
                self.fault(phase, TlsProblem::Timeout.error());
                return None;
            }
        }
        self.secured(now_ns() - began_ns);
        connection.count_tls(phase);
        Some(connection)
    }

    /// Notes how long the server wants the client to wait before it connects again.
    pub(crate) fn note_asked_pause(&mut self, asked_ns: Option<u64>) {
        self.asked_ns = asked_ns;
    }

    /// Returns how long to wait before it connects again after a failure in this phase: what the server
    /// has asked for, which is noted, goes before the scenario's pause.
    pub(crate) fn take_pause(&mut self, phase: Phase, scenario_ns: u64) -> u64 {
        let asked_ns = self.asked_ns.take().map(|ns| ns.max(LEAST_PAUSE_NS));
        if let Some(asked_ns) = asked_ns {
            self.asked_to_wait(phase, asked_ns);
        }
        asked_ns.unwrap_or(scenario_ns.max(LEAST_PAUSE_NS))
    }

    /// Waits before the client connects again after an exchange by which its connection was lost.
    pub(crate) async fn pause_after_failure(&self) {
        self.wait_until(now_ns().saturating_add(LEAST_PAUSE_NS)).await;
    }

    async fn wait_until(&self, ns: u64) -> bool {
        while !self.thread.stopped() && !self.thread.timer.until(ns).await {}
        !self.thread.stopped()
    }

    /// Waits for the next turn; counts it and its lag. `None` if the client must end.
    pub async fn turn(&mut self, placement: TurnPlacement) -> Option<Turn> {
        let able_ns = now_ns();
        loop {
            if self.thread.stopped() {
                return None;
            }
            self.core.set_waits(false);
            let now = now_ns();
            let Some(turn) = self.core.next_turn(placement, now) else {
                self.thread.timer.until(u64::MAX).await;
                continue;
            };
            if turn.intended_ns > now {
                // Whoever was woken early looks for its turn again: the schedule has changed.
                let timer = self.thread.timer.clone();
                timer.until(turn.intended_ns).await;
                continue;
            }
            self.core.take_turn(turn, able_ns, now);
            self.core.set_waits(true);
            return Some(turn);
        }
    }

    /// Returns the longest that a connect or response may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_nanos(self.thread.timeout_ns)
    }
}

/// Waits for a future, unless clients must end first.
pub(crate) async fn unless_stopped<T>(
    thread: &ThreadContext,
    future: impl Future<Output = T>,
) -> Option<T> {
    let mut future = pin!(future);
    while !thread.stopped() {
        tokio::select! {
            biased;
            output = &mut future => return Some(output),
            // Every sleeper is woken if clients must end, and if another schedule begins.
            _ = thread.timer.until(u64::MAX) => {}
        }
    }
    None
}
