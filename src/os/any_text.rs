//! What holds of any text that the system or Docker gives: for the fuzz target.

use crate::os::{cgroup, docker, kernel_sockets};
use std::path::Path;

/// Any bytes as Docker's answer, as the groups of a process and as the kernel's figures: a value or an
/// error, and no panic. Returns whether one of them understands it.
pub(crate) fn read_any_text(bytes: &[u8]) -> bool {
    let process = docker::process_of(bytes, "web");
    assert!(process.as_ref().map_or(true, |pid| *pid > 0));
    let text = String::from_utf8_lossy(bytes);
    // There is no such folder, and what is found in it is no group.
    let group = cgroup::of_lines(&text, Path::new("/nonexistent"));
    assert!(group.is_err(), "{group:?}");
    process.is_ok() || kernel_sockets::understands(&text)
}
