//! What a session is over HTTP/2.

use crate::client::http2::{Carrier, StreamLink};
use std::rc::Rc;

/// What a session is over HTTP/2: a client, or the connection of some.
pub(crate) enum Http2Role {
    /// A client, which has a stream in place of a connection.
    Client(StreamLink),
    /// The carrier of clients, with what it has besides its connection.
    Carrier(Rc<Carrier>),
}

impl Http2Role {
    /// The session has this slot in the engine.
    pub(crate) fn assign(&mut self, slot: u32) {
        match self {
            Http2Role::Client(stream) => stream.assign(slot),
            Http2Role::Carrier(carrier) => carrier.assign(slot),
        }
    }

    /// What a client has in place of a connection.
    fn stream(&mut self) -> Option<&mut StreamLink> {
        match self {
            Http2Role::Client(stream) => Some(stream),
            Http2Role::Carrier(_) => None,
        }
    }

    /// Whether it is a client.
    pub(crate) fn is_client(&self) -> bool {
        matches!(self, Http2Role::Client(_))
    }

    /// Whether the connection of a client takes no more for now.
    pub(crate) fn is_blocked(&self) -> bool {
        match self {
            Http2Role::Client(stream) => stream.carrier().is_blocked(),
            Http2Role::Carrier(_) => false,
        }
    }
}

/// What a session has in place of a connection, if it is a client over HTTP/2.
pub(crate) fn stream_of(role: &mut Option<Box<Http2Role>>) -> Option<&mut StreamLink> {
    role.as_deref_mut()?.stream()
}
