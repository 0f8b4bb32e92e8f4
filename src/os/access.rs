//! What this process may do with files, and why it may not.

use rustix::fs::{Access, FlockOperation, access, flock};
use std::fs::File;
use std::io;
use std::path::Path;

/// Whether this user may execute a file.
pub(crate) fn is_executable(path: &Path) -> bool {
    access(path, Access::EXEC_OK).is_ok()
}

/// Waits until this process alone has a file's lock, which is released if the file is closed.
///
/// # Errors
/// If the file system has no locks.
pub(crate) fn lock(file: &File) -> io::Result<()> {
    flock(file, FlockOperation::LockExclusive).map_err(io::Error::from)
}

/// Whether a call failed since descriptors or memory have run out, which may pass (EMFILE, ENFILE,
/// ENOBUFS, ENOMEM).
pub(crate) fn is_exhausted(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}
