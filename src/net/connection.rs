//! The stack of layers that every connection has, of clients and of the server.

use crate::net::delay_line::DelayLine;
use crate::net::layer::Stacked;
use crate::net::layered_stream::LayeredStream;
use crate::net::tap::Tap;
use crate::time::Timer;
use tokio::net::TcpStream;

/// A connection: from the protocol down a tap, a delay line, and the meter at the socket. The two
/// layers above the meter are absent unless [`Connection::open`] is given them.
#[cfg(not(feature = "identity-layer"))]
pub(crate) type Connection = LayeredStream<Stacked<Tap, DelayLine>>;
/// The same with a layer that changes nothing, where TLS will be.
#[cfg(feature = "identity-layer")]
pub(crate) type Connection = LayeredStream<Stacked<Tap, Stacked<DelayLine, DelayLine>>>;

impl Connection {
    /// A connection over a socket, counted from now on.
    pub(crate) fn new(socket: TcpStream) -> Connection {
        Connection::open(socket, None, None)
    }
    /// A connection with a tap, and with a delay line and the timer that wakes it when the line
    /// releases bytes.
    pub(crate) fn open(
        socket: TcpStream,
        tap: Option<Tap>,
        delay_line: Option<(DelayLine, Timer)>,
    ) -> Connection {
        let (line, timer) = delay_line.unzip();
        #[cfg(feature = "identity-layer")]
        let line = Some(Stacked { upper: Some(DelayLine::without_delay()), lower: line });
        let any = tap.is_some() || line.is_some();
        let layers = any.then_some(Stacked { upper: tap, lower: line });
        LayeredStream::over(socket, layers, timer)
    }
}
