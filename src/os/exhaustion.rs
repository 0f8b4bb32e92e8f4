//! Errors of a system that has run out of something.

use std::io;

/// Whether a call failed since descriptors or memory have run out, which may pass (EMFILE, ENFILE,
/// ENOBUFS, ENOMEM).
pub(crate) fn is_exhausted(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}
