//! Where the session of a client is, and how a connection ended.

use crate::net::connection::Layers;
use crate::net::layer::StreamLayer;
use crate::net::socket::Socket;

/// Where a session is.
pub(super) enum Stage {
    /// It waits for its moment in the ramp, or for the end of a pause.
    Pausing { until_ns: u64 },
    /// It wants to connect, and too many others do.
    Queued,
    /// It connects.
    Connecting(Box<Opening>),
    /// TCP is connected, and the handshake of TLS is under way.
    Securing(Box<Securing>),
    /// It has no connection and wants none before its next turn.
    Idle,
    /// The connection is open.
    Open,
    /// The client has ended.
    Ended,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StageEnd {
    /// As the protocol has it.
    Orderly,
    /// With an error.
    Failed,
}

/// A connection that is being opened.
pub(super) struct Opening {
    pub socket: Box<dyn Socket>,
    pub layers: Option<Layers>,
    pub handshake_ns: u64,
    pub began_ns: u64,
    /// When it fails.
    pub until_ns: u64,
    /// When the handshake has passed the delay line; `u64::MAX` until TCP is connected.
    pub open_ns: u64,
    /// Whether something had come when TCP was connected, or may have come since.
    pub arrived: bool,
}

impl Opening {
    /// Whether others wait for its handshake of TLS, see [`Securing::holds_connect`].
    pub(super) fn holds_connect(&self) -> bool {
        self.handshake_ns == 0 && self.layers.tls().is_some()
    }
}

/// A handshake of TLS.
pub(super) struct Securing {
    pub began_ns: u64,
    /// When it fails.
    pub until_ns: u64,
    /// Whether others wait for it to end before they connect: so many handshakes at once would take
    /// longer than each of them may.
    pub holds_connect: bool,
}
