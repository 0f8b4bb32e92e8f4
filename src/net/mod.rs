//! The byte streams of clients and server, and everything that opens sockets. Knows no transport.
//!
//! | file | what |
//! |---|---|
//! | `connection` | the stack that every connection has; one alias names it |
//! | `layer` | what a layer is, and two of them on top of each other |
//! | `socket` | what an engine of clients asks of the system |
//! | `polled_stream` | a stack over a socket that never blocks |
//! | `layered_stream` | a stack over a socket as an asynchronous stream |
//! | `library_stream` | the same, shared by a library and the account of the connection |
//! | `counted_stream` | what that account asks of a stream |
//! | `timestamp_sample` | which connections ask for the kernel's receive timestamps, and what they tell |
//! | `meter` | the lowest layer: bytes counted at the socket |
//! | `delay_line`, `delay_queue` | a layer that holds bytes for the delay of a path |
//! | `identity_layer` | a layer that copies bytes and counts them, for tests |
//! | `tls_layer` | a layer that makes records of bytes |
//! | `tap` | a layer that keeps the heads of the first HTTP messages |
//! | `dial` | TCP connections from source addresses of one's own |
//! | `relay` | a TCP relay through a delay line |
//! | `linux` | system calls that only Linux has: `TCP_INFO`, `sock_diag`, `IP_BIND_ADDRESS_NO_PORT`, `SO_TIMESTAMPNS` |

pub(crate) mod connection;
pub(crate) mod counted_stream;
pub(crate) mod delay_line;
mod delay_queue;
pub(crate) mod dial;
#[cfg(any(test, feature = "identity-layer"))]
mod identity_layer;
pub(crate) mod layer;
mod layered_stream;
pub(crate) mod library_stream;
pub(crate) mod linux;
pub(crate) mod meter;
pub(crate) mod polled_stream;
pub(crate) mod relay;
pub(crate) mod socket;
pub(crate) mod tap;
pub(crate) mod timestamp_sample;
pub(crate) mod tls_layer;

pub(crate) use connection::Connection;
pub(crate) use delay_line::DelayLine;
pub(crate) use dial::Dialer;
pub(crate) use tap::{Heads, Tap};
pub(crate) use tls_layer::{TlsClient, TlsServer};
