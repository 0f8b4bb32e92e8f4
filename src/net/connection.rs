//! The stack of layers that every connection has, of clients and of the server.

use crate::net::delay_line::DelayLine;
use crate::net::layer::Stacked;
use crate::net::layered_stream::LayeredStream;
use crate::net::tap::Tap;
use crate::net::tls_layer::TlsLayer;
use crate::time::Timer;
use tokio::net::TcpStream;

/// The layers above the meter: a tap nearest to the protocol, TLS, and a delay line nearest to the
/// socket, each absent unless [`layers`] is given it.
#[cfg(not(feature = "identity-layer"))]
pub(crate) type Layers = Stacked<Tap, Stacked<Box<TlsLayer>, DelayLine>>;
/// The same with a layer that changes nothing.
#[cfg(feature = "identity-layer")]
pub(crate) type Layers = Stacked<Tap, Stacked<Box<TlsLayer>, Stacked<DelayLine, DelayLine>>>;

/// Returns the layers of a connection; `None` if it needs none.
pub(crate) fn layers(
    tap: Option<Tap>,
    tls: Option<TlsLayer>,
    line: Option<DelayLine>,
) -> Option<Layers> {
    #[cfg(feature = "identity-layer")]
    let line = Some(Stacked { upper: Some(DelayLine::without_delay()), lower: line });
    let any = tap.is_some() || tls.is_some() || line.is_some();
    any.then(|| Stacked {
        upper: tap,
        lower: Some(Stacked { upper: tls.map(Box::new), lower: line }),
    })
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
