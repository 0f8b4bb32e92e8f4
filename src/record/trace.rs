//! What happened to a few clients, message by message: for pictures, never for figures.
//!
//! Separate from the histograms, which hold every client and no moment. Only the first clients of
//! a case are traced and only so many of their messages, so that it costs the others nothing.

use serde::{Deserialize, Serialize};

/// Clients with a number below this are traced.
pub const TRACED_CLIENTS: u32 = 4;
/// Events kept of each process and client, at the most.
pub const TRACED_EVENTS: usize = 512;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TraceKind {
    /// The client began to send a request or a message.
    Sent,
    /// The client received a whole message without a new update.
    Empty,
    /// The client had an update that it did not have before.
    Update,
}

/// One event of one client. Moments are nanoseconds from the beginning of the measured window,
/// at the client's end of the line; what was published before it is negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TraceEvent {
    /// The client's number.
    pub client: u32,
    /// When.
    pub at_ns: i64,
    /// What.
    pub kind: TraceKind,
    /// Of an update: its place in its topic.
    #[serde(default)]
    pub sequence: u64,
    /// Of an update: when it was published.
    #[serde(default)]
    pub published_ns: i64,
}

/// The first events of the first clients of a thread.
#[derive(Debug, Default)]
pub(crate) struct EventTrace {
    events: Vec<TraceEvent>,
    /// So many are each client's.
    own: [usize; TRACED_CLIENTS as usize],
}

impl EventTrace {
    /// Makes room for all events, so that none of them costs an allocation.
    pub(crate) fn reserve(&mut self) {
        self.events.reserve(TRACED_EVENTS * self.own.len());
    }

    /// Keeps an event, if it is one of the first of a client that is traced.
    pub(crate) fn add(&mut self, event: TraceEvent) {
        let own = self.own.get_mut(event.client as usize).filter(|own| **own < TRACED_EVENTS);
        if let Some(own) = own {
            *own += 1;
            self.events.push(event);
        }
    }

    /// Takes all events, and begins again.
    pub(crate) fn take(&mut self) -> Vec<TraceEvent> {
        std::mem::take(self).events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_events_of_the_first_clients_are_kept() {
        let mut trace = EventTrace::default();
        trace.reserve();
        let room = trace.events.capacity();
        let event = |client, n: usize| TraceEvent {
            client,
            at_ns: n as i64,
            kind: TraceKind::Sent,
            sequence: 0,
            published_ns: 0,
        };
        for n in 0..TRACED_EVENTS + 100 {
            (0..TRACED_CLIENTS + 2).for_each(|client| trace.add(event(client, n)));
        }
        assert_eq!(trace.events.capacity(), room);
        let events = trace.take();
        for client in 0..TRACED_CLIENTS + 2 {
            let own: Vec<i64> =
                events.iter().filter(|e| e.client == client).map(|e| e.at_ns).collect();
            let first = if client < TRACED_CLIENTS { TRACED_EVENTS as i64 } else { 0 };
            assert_eq!(own, (0..first).collect::<Vec<_>>(), "client {client}");
        }
        trace.add(event(0, 0));
        assert_eq!(trace.take().len(), 1);
    }
}
