//! A descriptor whose events a runtime of tokio waits for.

use std::io;
use std::os::fd::OwnedFd;
use tokio::io::unix::AsyncFd;

/// Registers a descriptor at the runtime of the thread.
///
/// # Errors
/// If the system refuses.
#[allow(unsafe_code)]
pub(crate) fn register(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` stays open and the same for as long as it lives.
    unsafe { AsyncFd::register(descriptor) }.map_err(|error| error.into_parts().1)
}
