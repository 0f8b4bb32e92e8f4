//! What the account of a client's connection asks of its stream, whoever drives it.

use crate::net::layer::TlsBytes;
use crate::record::{Phase, TcpReading};
use std::io;

/// A stream whose bytes are counted at the socket.
pub(crate) trait CountedStream {
    /// Bytes read from the socket so far.
    fn read(&self) -> u64;
    /// Bytes received by the caller so far. A layer may hold more that was read.
    fn delivered(&self) -> u64;
    /// Bytes that were sent and have reached the socket so far. With TLS these are other bytes than
    /// those at the socket.
    fn written(&self) -> u64;
    /// Bytes written to the socket so far.
    fn written_to_socket(&self) -> u64;
    /// Of the bytes at the socket, those that are TLS.
    fn tls(&self) -> TlsBytes;
    /// Bytes that were sent and have not reached the socket.
    fn unsent(&mut self) -> u64;
    /// Whether the end of the peer's direction was read.
    fn has_ended(&self) -> bool;
    /// Whether the connection ended with an error.
    fn has_failed(&self) -> bool;
    /// What moves from now on belongs to another phase.
    fn enter(&mut self, phase: Phase);
    /// Reads what the kernel has counted.
    ///
    /// # Errors
    /// If it cannot be asked.
    fn counts(&self) -> io::Result<TcpReading>;
    /// Reads and drops what is not wanted any more, what a layer holds included, until so many bytes
    /// of the connection are read in all.
    fn drain(&mut self, until: u64);
}
