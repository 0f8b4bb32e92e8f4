//! What stands in for `epoll` on other systems than Linux: nothing yet. The engine of the clients
//! needs a wait for many sockets with a precision of nanoseconds, for example on `kqueue`. Receive
//! timestamps are missing with it: what a sample asks for is never counted.

use crate::net::Dialer;
use crate::net::socket::{Network, Readiness, Socket};
use crate::net::timestamp_sample::TimestampSample;
use crate::record::{ClientError, ClientErrorKind};
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use tokio::io::unix::AsyncFd;

fn missing() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "the engine of the clients needs Linux (epoll)")
}

/// See the module's description.
pub(crate) struct Epoll;

/// Wakes nobody.
#[derive(Debug, Clone)]
pub(crate) struct Wake;

impl Wake {
    /// # Errors
    /// None.
    pub(crate) fn new() -> io::Result<Wake> {
        Ok(Wake)
    }
    pub(crate) fn wake(&self) {}
}

impl Epoll {
    /// # Errors
    /// Always.
    pub(crate) fn new(_: Wake, _: Option<Rc<TimestampSample>>) -> io::Result<Epoll> {
        Err(missing())
    }
    /// # Errors
    /// Always.
    pub(crate) fn register(&self) -> io::Result<AsyncFd<OwnedFd>> {
        Err(missing())
    }
}

impl Network for Epoll {
    fn now_ns(&self) -> u64 {
        crate::time::now_ns()
    }
    fn connect(&mut self, _: u64, _: &Dialer, _: u32) -> Result<Box<dyn Socket>, ClientError> {
        Err(ClientError::of(ClientErrorKind::Connect))
    }
    fn wait(&mut self, _: u64, _: &mut Vec<Readiness>) {}
}
