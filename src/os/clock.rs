//! The one clock: nanoseconds of `CLOCK_MONOTONIC`, the same for every process of this host, so
//! that a one-way latency is a subtraction (`clock_gettime(2)`).

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of `CLOCK_MONOTONIC`.
pub fn now_ns() -> u64 {
    nanoseconds(ClockId::Monotonic)
}

/// Nanoseconds of `CLOCK_REALTIME`, which somebody may set: see [`crate::time::WallClock`].
#[cfg_attr(any(not(target_os = "linux"), feature = "portable"), allow(dead_code))]
pub(crate) fn wall_ns() -> u64 {
    nanoseconds(ClockId::Realtime)
}

/// CPU time that this process has used in all its threads, user and system together, in
/// nanoseconds (`CLOCK_PROCESS_CPUTIME_ID`).
pub(crate) fn process_cpu_ns() -> u64 {
    nanoseconds(ClockId::ProcessCPUTime)
}

/// CPU time that this thread has used, user and system together, in nanoseconds
/// (`CLOCK_THREAD_CPUTIME_ID`).
pub(crate) fn thread_cpu_ns() -> u64 {
    nanoseconds(ClockId::ThreadCPUTime)
}

fn nanoseconds(id: ClockId) -> u64 {
    let time = clock_gettime(id);
    // The clocks start at zero at boot, with the process or thread, or in 1970.
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_goes_back() {
        let first = now_ns();
        assert!(now_ns() >= first);
        let used = process_cpu_ns();
        assert!(process_cpu_ns() >= used);
        let used = thread_cpu_ns();
        assert!((used..=process_cpu_ns()).contains(&thread_cpu_ns()));
    }
}
