//! Where the session of a client is, and how a connection ended.

use crate::client::connection::ClientConnection;
use crate::client::core::{ClientCore, LEAST_PAUSE_NS};
use crate::client::surroundings::Surroundings;
use crate::net::connection::Layers;
use crate::net::layer::StreamLayer;
use crate::net::polled_stream::PolledStream;
use crate::net::socket::Socket;
use crate::record::{ClientError, Phase};

/// Where a session is.
pub(super) enum Stage {
    /// It waits for its moment in the ramp, or for the end of a pause.
    Pausing { until_ns: u64 },
    /// It wants to connect, and too many others do.
    Queued,
    /// It waits for the connection that it shares with others.
    Awaiting,
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

impl Stage {
    /// The next moment at which there is something to do without an event, whatever the client wants; `None` if it
    /// wants nothing then.
    pub(super) fn wake_ns(&self, close_until_ns: u64) -> Option<u64> {
        Some(match self {
            Stage::Ended | Stage::Queued => return None,
            Stage::Pausing { until_ns } => *until_ns,
            Stage::Connecting(opening) => opening.until_ns.min(opening.open_ns),
            Stage::Securing(securing) => securing.until_ns,
            Stage::Idle | Stage::Awaiting => u64::MAX,
            Stage::Open => close_until_ns,
        })
    }
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StageEnd {
    /// As the protocol has it.
    Orderly,
    /// With an error.
    Failed,
}

impl StageEnd {
    /// How long the client waits before it connects again, in nanoseconds. After an end in order it does so at once, if
    /// the connection has `brought` something.
    pub(super) fn pause_ns(self, brought: bool, pause_ns: u64) -> u64 {
        match self {
            StageEnd::Orderly if brought => 0,
            StageEnd::Orderly => LEAST_PAUSE_NS,
            StageEnd::Failed => pause_ns.max(LEAST_PAUSE_NS),
        }
    }
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
    /// Begins to connect a client.
    ///
    /// # Errors
    /// If connecting cannot even begin.
    pub(super) fn begin(
        core: &ClientCore,
        around: &mut Surroundings<'_>,
        phase: Phase,
    ) -> Result<Box<Opening>, ClientError> {
        let began_ns = around.network.now_ns();
        let dialer = *core.dialer();
        let (layers, handshake_ns) = core.layers(phase)?;
        let socket = around.network.connect(around.key, &dialer, core.id)?;
        Ok(Box::new(Opening {
            socket,
            layers,
            handshake_ns,
            began_ns,
            until_ns: began_ns.saturating_add(dialer.timeout.as_nanos() as u64),
            open_ns: u64::MAX,
            arrived: false,
        }))
    }

    /// Opens the account of the connection that TCP has made.
    pub(super) fn adopt(
        self,
        core: &mut ClientCore,
        phase: Phase,
        now_ns: u64,
    ) -> Box<ClientConnection> {
        let Opening { socket, layers, began_ns, .. } = self;
        core.opened(phase, now_ns - began_ns);
        let stream = PolledStream::new(socket, layers);
        let has_tls = stream.has_tls();
        let connection = ClientConnection::new(stream, core.thread.clone(), phase);
        Box::new(if has_tls { connection.with_tls() } else { connection })
    }

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
