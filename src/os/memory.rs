//! Memory of this process, the limit of open files, and a description of the machine.

use rustix::process::{Resource, getrlimit, setrlimit};
use std::collections::BTreeMap;

/// Private resident memory of this process in bytes (`RssAnon`, `proc_pid_status(5)`); `None` if
/// the system does not tell, as before Linux 4.5.
#[cfg(all(target_os = "linux", not(feature = "portable")))]
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = procfs::process::Process::myself().ok()?.status().ok()?;
    Some(status.rssanon? * 1024)
}

/// Needs Linux.
#[cfg(any(not(target_os = "linux"), feature = "portable"))]
pub(crate) fn resident_bytes() -> Option<u64> {
    None
}

/// Private resident memory of another process in bytes, as [`resident_bytes`] of this one; `None` if it
/// has ended. Cheaper than its status: pages that it has resident, less those of files and of shared
/// memory (`proc_pid_statm(5)`).
#[cfg(all(target_os = "linux", not(feature = "portable")))]
pub(super) fn resident_bytes_of(pid: i32) -> Option<u64> {
    let pages = procfs::process::Process::new(pid).ok()?.statm().ok()?;
    // One that ended and was not waited for has none.
    let private = pages.resident.checked_sub(pages.shared).filter(|_| pages.resident > 0)?;
    Some(private * procfs::page_size())
}

/// Needs Linux.
#[cfg(any(not(target_os = "linux"), feature = "portable"))]
pub(super) fn resident_bytes_of(_: i32) -> Option<u64> {
    None
}

/// Raises the soft limit of open files to the hard one.
pub(crate) fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Some systems refuse an unlimited soft limit; then the old one holds.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// Bytes that a program may still write to the file system of a path; `None` if that is not known.
pub(crate) fn free_bytes(path: &std::path::Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    Some(stat.f_bavail * stat.f_frsize)
}

/// The machine, for the header of a result: processor, cores, memory, kernel, and the settings
/// that bear on a load test.
pub(crate) fn describe() -> BTreeMap<String, String> {
    let mut host = BTreeMap::new();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|v| !v.is_empty()) {
            host.insert(name.to_owned(), value);
        }
    };
    let cores = std::thread::available_parallelism().ok().map(|n| n.to_string());
    put("cores", cores);
    put("os", Some(std::env::consts::OS.to_owned()));
    put("arch", Some(std::env::consts::ARCH.to_owned()));
    let file = |path: &str| std::fs::read_to_string(path).ok().map(|t| t.trim().to_owned());
    let after = |text: Option<String>, name: &str| {
        let text = text?;
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    put("cpu", after(file("/proc/cpuinfo"), "model name"));
    put("memory", after(file("/proc/meminfo"), "MemTotal"));
    put("kernel", file("/proc/sys/kernel/osrelease"));
    let clock = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    put("clock_source", file(clock));
    put("cpu_governor", file("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"));
    put("cpu_mitigations", mitigations());
    put("hugepages", file("/sys/kernel/mm/transparent_hugepage/enabled"));
    for name in [
        "net/core/somaxconn",
        "net/core/busy_poll",
        "net/ipv4/ip_local_port_range",
        "net/ipv4/tcp_congestion_control",
        "net/ipv4/tcp_max_syn_backlog",
        "net/ipv4/tcp_mem",
        "net/ipv4/tcp_rmem",
        "net/ipv4/tcp_wmem",
    ] {
        let value = file(&format!("/proc/sys/{name}"));
        put(&name.replace('/', "."), value.map(|v| v.replace('\t', " ")));
    }
    let files = getrlimit(Resource::Nofile).current;
    put("open_files", files.map(|n| n.to_string()));
    host
}

/// How the kernel deals with faults of the processor: those that it mitigates, and those that it leaves open.
fn mitigations() -> Option<String> {
    let folder = std::fs::read_dir("/sys/devices/system/cpu/vulnerabilities").ok()?;
    let mut mitigated = Vec::new();
    let mut open = Vec::new();
    for entry in folder.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let state = std::fs::read_to_string(entry.path()).unwrap_or_default();
        if state.starts_with("Mitigation") {
            mitigated.push(name);
        } else if state.starts_with("Vulnerable") {
            open.push(name);
        }
    }
    let list = |what: &str, mut names: Vec<String>| {
        names.sort();
        (!names.is_empty()).then(|| format!("{what}: {}", names.join(", ")))
    };
    let parts = [list("mitigated", mitigated), list("vulnerable", open)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    Some(if parts.is_empty() { "none needed".to_owned() } else { parts.join("; ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(all(target_os = "linux", not(feature = "portable")))]
    #[test]
    fn this_host_tells() {
        assert!(resident_bytes().unwrap() > 10_000);
        let of = resident_bytes_of(std::process::id().cast_signed()).unwrap();
        let own = resident_bytes().unwrap();
        // Other tests use memory between the two, and old kernels count in batches.
        assert!(of.abs_diff(own) < own.max(4 << 20), "{of} and {own}");
        assert_eq!(resident_bytes_of(i32::MAX), None);
        raise_open_files();
        assert!(getrlimit(Resource::Nofile).current.is_none_or(|files| files >= 256));
    }
}
