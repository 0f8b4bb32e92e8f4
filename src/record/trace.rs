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
