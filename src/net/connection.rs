//! The stack of layers that every connection has, of clients and of the server.

use crate::net::delay_line::DelayLine;
use crate::net::layer::{FromParts, Stacked};
use crate::net::layered_stream::LayeredStream;
use crate::net::tap::Tap;
use crate::net::tls_layer::TlsLayer;
use crate::time::Timer;
use tokio::net::TcpStream;

/// The layers above the meter: a tap nearest to the protocol, TLS, and what is nearest to the
/// socket, each absent unless a connection has a use for it.
pub(crate) type Layers = Stacked<Tap, Stacked<Box<TlsLayer>, BelowTls>>;

/// The layers nearest to the socket: a delay line.
#[cfg(not(feature = "identity-layer"))]
type BelowTls = DelayLine;
/// The same below a layer that changes nothing.
#[cfg(feature = "identity-layer")]
type BelowTls = Stacked<crate::net::identity_layer::IdentityLayer, DelayLine>;

/// What a connection has of its own, of which its layers are made.
struct LayerParts {
    tap: Option<Tap>,
    tls: Option<TlsLayer>,
    line: Option<DelayLine>,
}

impl FromParts<LayerParts> for Tap {
    fn from_parts(parts: &mut LayerParts) -> Option<Tap> {
        parts.tap.take()
    }
}

impl FromParts<LayerParts> for Box<TlsLayer> {
    fn from_parts(parts: &mut LayerParts) -> Option<Box<TlsLayer>> {
        parts.tls.take().map(Box::new)
    }
}

impl FromParts<LayerParts> for DelayLine {
    fn from_parts(parts: &mut LayerParts) -> Option<DelayLine> {
        parts.line.take()
    }
}

/// Returns the layers of a connection; `None` if it needs none.
pub(crate) fn layers(
    tap: Option<Tap>,
    tls: Option<TlsLayer>,
    line: Option<DelayLine>,
) -> Option<Layers> {
    Layers::from_parts(&mut LayerParts { tap, tls, line })
}

/// A connection of the server or the relay: the layers over a socket, as an asynchronous stream.
/// Clients of the engine have a [`PolledStream`](crate::net::polled_stream::PolledStream).
pub(crate) type Connection = LayeredStream<Layers>;

impl Connection {
    /// A connection over a socket, counted from now on, with TLS if there is a layer for it.
    pub(crate) fn new(socket: TcpStream, tls: Option<TlsLayer>) -> Connection {
        LayeredStream::over(socket, layers(None, tls, None), None)
    }
    /// A connection with a delay line, and the timer that wakes it when the line releases bytes.
    pub(crate) fn delayed(socket: TcpStream, line: DelayLine, timer: Timer) -> Connection {
        LayeredStream::over(socket, layers(None, None, Some(line)), Some(timer))
    }
}
