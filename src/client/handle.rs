//! The handle by which the client of a library waits for its turns: a task, which reports what
//! happened. Clients of the engine have a [`Session`](crate::client::session::Session) instead.

use crate::client::core::{ClientCore, SET_UP_ATTEMPTS, SET_UP_PAUSE_NS};
use crate::time::{Turn, TurnPlacement, now_ns};
use std::ops::{Deref, DerefMut};
use std::time::Duration;

/// One simulated client that is a task.
pub struct Client {
    core: ClientCore,
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
        Client { core }
    }

    /// Waits for the client's moment in the ramp. Returns false if the client must end instead.
    pub(crate) async fn begin(&self) -> bool {
        self.wait_until(self.begin_ns()).await
    }

    /// Sets the client up: tries a few times what `open` does. Returns whether it is set up.
    pub(crate) async fn set_up(&mut self, mut open: impl AsyncFnMut(&mut Client) -> bool) -> bool {
        for attempt in 0..SET_UP_ATTEMPTS {
            let pause_ns = if attempt == 0 { 0 } else { SET_UP_PAUSE_NS };
            if !self.wait_until(now_ns().saturating_add(pause_ns)).await {
                return false;
            }
            if open(self).await {
                self.ready();
                return true;
            }
        }
        false
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
            return Some(turn);
        }
    }

    /// Returns the longest that a connect or response may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_nanos(self.thread.timeout_ns)
    }
}
