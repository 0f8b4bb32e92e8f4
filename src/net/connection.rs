//! The stack of layers that every connection has, of clients and of the server.

use crate::net::delay_line::DelayLine;
use crate::net::layer::{Stacked, StreamLayer};
use crate::net::layered_stream::LayeredStream;
use crate::net::tap::Tap;
use crate::time::Timer;
use tokio::net::TcpStream;

/// A connection: from the protocol down a tap, a delay line, and the meter at the socket. The two
/// layers above the meter are absent unless [`ConnectionOptions`] has them.
#[cfg(not(feature = "identity-layer"))]
pub(crate) type Connection = LayeredStream<Stacked<Tap, DelayLine>>;
/// The same with a layer that changes nothing, where TLS will be.
#[cfg(feature = "identity-layer")]
pub(crate) type Connection =
    LayeredStream<Stacked<Tap, Stacked<crate::net::identity_layer::IdentityLayer, DelayLine>>>;

/// What a new connection has above its meter; nothing by default.
#[derive(Default)]
pub struct ConnectionOptions {
    delay_line: Option<DelayLine>,
    timer: Option<Timer>,
    tap: Option<Tap>,
}

impl ConnectionOptions {
    /// With a delay line, and the timer that wakes the connection when it releases bytes.
    pub(crate) fn with_delay_line(self, line: DelayLine, timer: Timer) -> ConnectionOptions {
        ConnectionOptions { delay_line: Some(line), timer: Some(timer), ..self }
    }
    /// With a tap.
    pub(crate) fn with_tap(self, tap: Tap) -> ConnectionOptions {
        ConnectionOptions { tap: Some(tap), ..self }
    }
}

/// A layer that can be made for a new connection.
pub trait FromOptions: Sized {
    /// Returns the layer; `None` if the connection has none.
    fn from_options(options: &mut ConnectionOptions) -> Option<Self>;
}

impl FromOptions for Tap {
    fn from_options(options: &mut ConnectionOptions) -> Option<Tap> {
        options.tap.take()
    }
}

impl FromOptions for DelayLine {
    fn from_options(options: &mut ConnectionOptions) -> Option<DelayLine> {
        options.delay_line.take()
    }
}

#[cfg(feature = "identity-layer")]
impl FromOptions for crate::net::identity_layer::IdentityLayer {
    fn from_options(_options: &mut ConnectionOptions) -> Option<Self> {
        Some(Self::default())
    }
}

impl<Upper: FromOptions, Lower: FromOptions> FromOptions for Stacked<Upper, Lower> {
    fn from_options(options: &mut ConnectionOptions) -> Option<Self> {
        let upper = Upper::from_options(options);
        let lower = Lower::from_options(options);
        (upper.is_some() || lower.is_some()).then_some(Stacked { upper, lower })
    }
}

impl<L: StreamLayer + FromOptions> LayeredStream<L> {
    /// A connection over a socket, counted from now on.
    pub(crate) fn new(socket: TcpStream) -> LayeredStream<L> {
        LayeredStream::open(socket, ConnectionOptions::default())
    }
    /// A connection over a socket with what the options ask for.
    pub(crate) fn open(socket: TcpStream, mut options: ConnectionOptions) -> LayeredStream<L> {
        let layers = L::from_options(&mut options);
        LayeredStream::over(socket, layers, options.timer)
    }
}
