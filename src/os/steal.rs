//! CPU time that the host of a virtual machine took from its cores.

/// Returns how long this machine's cores, all together, had something to do and did not run since the machine
/// started, as its host ran something else, in nanoseconds: `steal` of `/proc/stat` (`proc_stat(5)`), exact to
/// a tick, 10 ms on most systems. 0 on a machine of its own; `None` if the system does not tell.
#[cfg(all(target_os = "linux", not(feature = "portable")))]
pub(crate) fn stolen_ns() -> Option<u64> {
    use procfs::{CurrentSI, KernelStats};
    let stolen = KernelStats::current().ok()?.total.steal_duration()?;
    u64::try_from(stolen.as_nanos()).ok()
}

/// Needs Linux.
#[cfg(any(not(target_os = "linux"), feature = "portable"))]
pub(crate) fn stolen_ns() -> Option<u64> {
    None
}

#[cfg(all(test, target_os = "linux", not(feature = "portable")))]
mod tests {
    #[test]
    fn what_the_host_took_never_gets_less() {
        let before = super::stolen_ns().expect("Linux tells since 2.6.11");
        assert!(super::stolen_ns().expect("it did before") >= before);
    }
}
