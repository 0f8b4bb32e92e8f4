//! Signals to a whole process group.

pub(crate) use rustix::process::Signal;
use rustix::process::{Pid, kill_process_group};

/// Sends a signal to all processes of a group. It fails only if none is left, which is no error.
pub(crate) fn signal_group(group: u32, signal: Signal) {
    if let Some(group) = Pid::from_raw(group.cast_signed()) {
        let _ = kill_process_group(group, signal);
    }
}
