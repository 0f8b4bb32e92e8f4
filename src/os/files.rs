//! What the system says of files: who may execute one, and who has its lock.

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
