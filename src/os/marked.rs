//! Processes that have a mark in their environment: those that a marked program started have it too,
//! whichever group, session or parent they have given themselves.

use rustix::process::{Pid, Signal, kill_process};
use std::sync::atomic::{AtomicU64, Ordering};

/// The variable of the environment that holds a mark.
pub(crate) const MARK_VARIABLE: &str = "WSBENCH_STARTED";

/// A mark that no other program has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProcessMark(pub String);

impl ProcessMark {
    /// Returns a new one; `now_ns` tells it from those of earlier processes with this one's number.
    pub(crate) fn new(now_ns: u64) -> ProcessMark {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        ProcessMark(format!("{}-{count}-{now_ns}", std::process::id()))
    }
}

/// Returns the processes with this mark that run, as far as that can be read. One that ended and was
/// not waited for does not run.
#[cfg(all(target_os = "linux", not(feature = "portable")))]
pub(crate) fn marked(mark: &str) -> Vec<i32> {
    use procfs::process::{Process, all_processes};
    let runs =
        |process: &Process| process.stat().is_ok_and(|stat| !matches!(stat.state, 'Z' | 'X' | 'x'));
    let all = all_processes().into_iter().flatten().flatten();
    all.filter(|process| has_mark(process.pid, mark) && runs(process))
        .map(|process| process.pid)
        .collect()
}

/// Whether a process has this mark, as far as that can be read.
#[cfg(all(target_os = "linux", not(feature = "portable")))]
pub(super) fn has_mark(pid: i32, mark: &str) -> bool {
    let is_it = |one: &[u8]| {
        one.strip_prefix(MARK_VARIABLE.as_bytes()).and_then(|rest| rest.strip_prefix(b"="))
            == Some(mark.as_bytes())
    };
    let environment = std::fs::read(format!("/proc/{pid}/environ"));
    environment.is_ok_and(|all| all.split(|byte| *byte == 0).any(is_it))
}

/// Other systems do not tell: none is known.
#[cfg(any(not(target_os = "linux"), feature = "portable"))]
pub(crate) fn marked(_mark: &str) -> Vec<i32> {
    Vec::new()
}

/// Sends a signal to the processes with this mark, and returns those that were found.
pub(crate) fn signal_marked(mark: &str, signal: Signal) -> Vec<i32> {
    let found = marked(mark);
    for pid in found.iter().filter_map(|pid| Pid::from_raw(*pid)) {
        // It may be gone by now, or another user's.
        let _ = kill_process(pid, signal);
    }
    found
}

#[cfg(all(test, target_os = "linux", not(feature = "portable")))]
mod tests {
    use super::*;
    use crate::os::wait_until;
    use std::process::Command;

    #[test]
    fn what_a_marked_program_starts_has_the_mark_in_any_session() {
        let mark = format!("test-{}", std::process::id());
        let mut command = Command::new("sh");
        command
            .args(["-c", "setsid sleep 600 & setsid sleep 600 & wait"])
            .env(MARK_VARIABLE, &mark);
        let mut child = command.spawn().expect("a shell starts");
        wait_until("all three run", || marked(&mark).len() >= 3);
        assert_eq!(marked(&format!("{mark}0")), [0; 0]);
        wait_until("none is left", || signal_marked(&mark, Signal::KILL).is_empty());
        child.wait().expect("it was killed");
    }
}
