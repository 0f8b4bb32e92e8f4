//! What a session may use while it handles an event, and how far from it its memory is.

use crate::net::socket::Network;

/// What a session may use while it handles an event.
pub(crate) struct Surroundings<'a> {
    /// The network.
    pub network: &'a mut dyn Network,
    /// The key of the client's sockets.
    pub key: u64,
    /// The time.
    pub now_ns: u64,
    /// Memory that bytes are received into.
    pub buffer: &'a mut [u8],
    /// Connects that may begin now; a session that begins one takes it.
    pub connects: &'a mut u32,
}

/// How far from a session some memory of it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Its own.
    Session,
    /// What it points to.
    Parts,
    /// What these point to.
    Socket,
}

impl Depth {
    /// From near to far.
    pub(crate) const ALL: [Depth; 3] = [Depth::Session, Depth::Parts, Depth::Socket];
}
