//! What an engine of clients asks of the system: sockets that never block, and a wait for the next
//! event or moment.
//!
//! One implementation asks the kernel, see `linux::epoll`. Another one simulates a network, so that
//! the clients and the engine can be tested with a clock and servers of the test's own.

use crate::net::Dialer;
use crate::record::{ClientError, TcpReading};
use std::io;

/// A TCP connection of a client. No call blocks: what cannot be done now is
/// [`io::ErrorKind::WouldBlock`], and an event comes when it can be done.
pub(crate) trait Socket {
    /// Returns whether the connection is made, once it is writable.
    ///
    /// # Errors
    /// Why it could not be made.
    fn connected(&mut self) -> io::Result<()>;
    /// Sends the beginning of `bytes`. Returns how many bytes that was.
    ///
    /// # Errors
    /// If the connection is gone, or nothing can be sent now.
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Receives bytes into the beginning of `into`. Returns how many; 0 is the end of the stream.
    ///
    /// # Errors
    /// If the connection is gone, or nothing has come.
    fn receive(&mut self, into: &mut [u8]) -> io::Result<usize>;
    /// Ends this side's direction (FIN).
    fn end(&mut self);
    /// Reads what the kernel has counted.
    ///
    /// # Errors
    /// If it cannot be asked.
    fn counts(&self) -> io::Result<TcpReading>;
    /// Reads some of its memory, which is needed next; the value is of no use.
    fn touch(&self) -> u64 {
        0
    }
}

/// An event of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Readiness {
    /// What [`Network::connect`] was given.
    pub key: u64,
    /// Bytes, the end of the stream or an error can be received.
    pub readable: bool,
    /// Bytes can be sent, or connecting has ended.
    pub writable: bool,
    /// The peer has ended its direction, or the connection is gone.
    pub ended: bool,
}

/// A network and its clock.
pub(crate) trait Network {
    /// The time, in nanoseconds of a monotonic clock.
    fn now_ns(&self) -> u64;
    /// Begins to connect a client. Events of the socket carry the key, from the moment at which it
    /// is connected or cannot be.
    ///
    /// # Errors
    /// If connecting cannot even begin.
    fn connect(
        &mut self,
        key: u64,
        dialer: &Dialer,
        client: u32,
    ) -> Result<Box<dyn Socket>, ClientError>;
    /// Waits for events until a moment and appends them. Returns early if it was woken.
    fn wait(&mut self, until_ns: u64, events: &mut Vec<Readiness>);
}
