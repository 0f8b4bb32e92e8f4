//! Cores that processes run on (`sched_setaffinity(2)`).
//!
//! Two programs that share cores displace each other in ways that differ from run to run. In a
//! comparison the driver has cores of its own, and both servers share the others.

use std::io;

/// Returns the cores that this process may use, ascending. Empty if the system does not say.
#[cfg(all(target_os = "linux", not(feature = "portable")))]
pub(crate) fn allowed_cores() -> Vec<u32> {
    use rustix::thread::{CpuSet, sched_getaffinity};
    let Ok(set) = sched_getaffinity(None) else { return Vec::new() };
    (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).map(|core| core as u32).collect()
}

/// Other systems have no such list.
#[cfg(any(not(target_os = "linux"), feature = "portable"))]
pub(crate) fn allowed_cores() -> Vec<u32> {
    Vec::new()
}

/// Runs something on certain cores: processes that it starts stay there. No cores: on all.
///
/// # Errors
/// If the system refuses, or a core does not exist.
#[cfg(all(target_os = "linux", not(feature = "portable")))]
pub(crate) fn on_cores<T>(cores: &[u32], run: impl FnOnce() -> T) -> io::Result<T> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    if cores.is_empty() {
        return Ok(run());
    }
    let before = sched_getaffinity(None)?;
    let mut set = CpuSet::new();
    for core in cores.iter().map(|core| *core as usize).filter(|core| *core < CpuSet::MAX_CPU) {
        set.set(core);
    }
    sched_setaffinity(None, &set)?;
    let done = run();
    sched_setaffinity(None, &before)?;
    Ok(done)
}

/// Runs something. Other systems have no cores of one's own.
///
/// # Errors
/// If cores are asked for.
#[cfg(any(not(target_os = "linux"), feature = "portable"))]
pub(crate) fn on_cores<T>(cores: &[u32], run: impl FnOnce() -> T) -> io::Result<T> {
    if cores.is_empty() { Ok(run()) } else { Err(io::ErrorKind::Unsupported.into()) }
}

#[cfg(all(test, target_os = "linux", not(feature = "portable")))]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_process_that_is_started_on_a_core_stays_there_and_this_thread_does_not() {
        let all = allowed_cores();
        let last = *all.last().expect("this thread runs somewhere");
        let status = || Command::new("cat").arg("/proc/self/status").output();
        let output = on_cores(&[last], status).expect("it is permitted").expect("cat runs");
        let text = String::from_utf8(output.stdout).expect("text");
        let line = text.lines().find_map(|l| l.strip_prefix("Cpus_allowed_list:"));
        assert_eq!(line.map(str::trim), Some(last.to_string().as_str()));
        assert_eq!(allowed_cores(), all);
        assert_eq!(on_cores(&[], || 5).expect("all cores"), 5);
        assert!(on_cores(&[1023], || 5).is_err());
    }
}
