//! What processes did by the kernel's counts (`/proc/PID`, `getrusage`): CPU time in user mode and in
//! the kernel, context switches, calls of `read` and `write`, page faults.
//!
//! It is read twice in a measured window, never in between.

use crate::record::{KernelCounts, ProcessActivity, Uncounted};
use std::collections::BTreeSet;
use std::io;

/// Counts since the processes began, and whose they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ActivityReading {
    /// The counts.
    pub activity: ProcessActivity,
    /// The threads whose context switches were counted. The kernel forgets those of a thread that
    /// ends.
    pub threads: BTreeSet<i32>,
}

/// Returns two counts, or why they cannot be read.
pub(super) fn or_why(counts: io::Result<(u64, u64)>) -> KernelCounts {
    match counts {
        Ok((first, second)) => KernelCounts::Known(first, second),
        Err(error) => KernelCounts::Absent(match error.kind() {
            io::ErrorKind::PermissionDenied => Uncounted::NotPermitted,
            _ => Uncounted::System,
        }),
    }
}

#[cfg(all(target_os = "linux", not(feature = "portable")))]
pub(super) use read::io_calls;
pub(crate) use read::own_activity;

#[cfg(all(target_os = "linux", not(feature = "portable")))]
mod read {
    use super::{KernelCounts, ProcessActivity, Uncounted, io, or_why};
    use crate::record::Instructions;
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeVal;

    /// Returns how often a process called `read`, `write` and their kin, with the children that it
    /// waited for.
    ///
    /// # Errors
    /// If that may not be read, or is not counted.
    pub(in crate::os) fn io_calls(process: impl std::fmt::Display) -> io::Result<(u64, u64)> {
        let text = std::fs::read_to_string(format!("/proc/{process}/io"))?;
        let count = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            value.and_then(|value| value.trim().parse().ok())
        };
        count("syscr")
            .zip(count("syscw"))
            .ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))
    }

    /// Returns what this process has done, with threads that have ended.
    pub(crate) fn own_activity() -> ProcessActivity {
        let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else {
            return ProcessActivity::absent(Uncounted::System);
        };
        let ns = |time: TimeVal| {
            time.tv_sec().unsigned_abs() * 1_000_000_000 + time.tv_usec().unsigned_abs() * 1_000
        };
        let counts = |first: i64, second: i64| {
            KernelCounts::Known(first.unsigned_abs(), second.unsigned_abs())
        };
        let voluntary = usage.voluntary_context_switches();
        ProcessActivity {
            cpu_ns: KernelCounts::Known(ns(usage.user_time()), ns(usage.system_time())),
            instructions: Instructions::default(),
            context_switches: counts(voluntary, usage.involuntary_context_switches()),
            io_calls: or_why(io_calls("self")),
            page_faults: counts(usage.minor_page_faults(), usage.major_page_faults()),
        }
    }
}

#[cfg(any(not(target_os = "linux"), feature = "portable"))]
mod read {
    use super::{ProcessActivity, Uncounted};

    /// Needs Linux.
    pub(crate) fn own_activity() -> ProcessActivity {
        ProcessActivity::absent(Uncounted::System)
    }
}

#[cfg(all(test, target_os = "linux", not(feature = "portable")))]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_done_something() {
        let before = own_activity();
        for _ in 0..20 {
            std::thread::yield_now();
            std::fs::read("/proc/self/stat").expect("it can be read");
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
        let did = own_activity().since(before);
        let KernelCounts::Known(waited, _) = did.context_switches else { panic!("{did:?}") };
        assert!(waited >= 1, "{did:?}");
        // Some kernels do not count them.
        if let KernelCounts::Known(reads, _) = did.io_calls {
            assert!(reads >= 20, "{did:?}");
        }
    }

    #[test]
    fn a_refusal_is_no_lack() {
        let refused = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(or_why(Err(refused)), KernelCounts::Absent(Uncounted::NotPermitted));
        let none = io::Error::from(io::ErrorKind::NotFound);
        assert_eq!(or_why(Err(none)), KernelCounts::Absent(Uncounted::System));
    }
}
