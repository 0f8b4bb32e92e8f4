//! Memory of this process and of the kernel's sockets, the limit of open files, and a description of
//! the machine.

#[cfg(all(target_os = "linux", not(feature = "portable")))]
mod read {
    use procfs::{Current, Meminfo};
    use std::io;

    /// Private resident memory of this process in bytes (`RssAnon`, `proc_pid_status(5)`).
    ///
    /// # Errors
    /// If `/proc` cannot be read or is older than Linux 4.5.
    pub(crate) fn resident_bytes() -> io::Result<u64> {
        let status = procfs::process::Process::myself().and_then(|own| own.status());
        let kib = status.map_err(io::Error::other)?.rssanon.ok_or_else(|| {
            io::Error::new(io::ErrorKind::Unsupported, "/proc/self/status has no RssAnon")
        })?;
        Ok(kib * 1024)
    }

    /// Kernel memory that sockets live in, in bytes, of the whole host: slab (`/proc/meminfo`) and
    /// TCP buffers (`/proc/net/sockstat`). The difference of two readings is what sockets took, if
    /// nothing else happened between them.
    ///
    /// # Errors
    /// If `/proc` cannot be read.
    pub(crate) fn kernel_socket_bytes() -> io::Result<u64> {
        let slab = Meminfo::current().map_err(io::Error::other)?.slab;
        let sockstat = std::fs::read_to_string("/proc/net/sockstat")?;
        let pages = super::tcp_pages(&sockstat).ok_or_else(|| {
            io::Error::new(io::ErrorKind::Unsupported, "/proc/net/sockstat has no TCP memory")
        })?;
        Ok(slab + pages * rustix::param::page_size() as u64)
    }
}

#[cfg(any(not(target_os = "linux"), feature = "portable"))]
mod read {
    use std::io;

    /// # Errors
    /// Always.
    pub(crate) fn resident_bytes() -> io::Result<u64> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "private resident memory needs Linux"))
    }

    /// # Errors
    /// Always.
    pub(crate) fn kernel_socket_bytes() -> io::Result<u64> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "the kernel's socket memory needs Linux"))
    }
}

use std::collections::BTreeMap;

pub(crate) use read::{kernel_socket_bytes, resident_bytes};

/// Raises the soft limit of open files to the hard one. Returns the limit that holds now; `None` for
/// no limit.
pub(crate) fn raise_open_files() -> Option<u64> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    let before = limit.current;
    limit.current = limit.maximum;
    // Some systems refuse an unlimited soft limit; then the old one holds.
    match setrlimit(Resource::Nofile, limit) {
        Ok(()) => limit.current,
        Err(_) => before,
    }
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
    for name in ["net/core/somaxconn", "net/ipv4/ip_local_port_range", "net/ipv4/tcp_mem"] {
        let value = file(&format!("/proc/sys/{name}"));
        put(&name.replace('/', "."), value.map(|v| v.replace('\t', " ")));
    }
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    put("open_files", files.map(|n| n.to_string()));
    host
}

/// Pages of TCP buffers: `mem` in the line `TCP:`.
#[cfg(any(all(target_os = "linux", not(feature = "portable")), test))]
fn tcp_pages(sockstat: &str) -> Option<u64> {
    let line = sockstat.lines().find_map(|line| line.strip_prefix("TCP:"))?;
    let mut words = line.split_whitespace();
    words.find(|&word| word == "mem")?;
    words.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tcp_memory_is_found_by_name() {
        let sockstat = "sockets: used 9\nTCP: inuse 5 orphan 0 tw 0 alloc 7 mem 12\nUDP: mem 3\n";
        assert_eq!(tcp_pages(sockstat), Some(12));
        assert_eq!(tcp_pages("TCP: inuse 5"), None);
    }

    #[cfg(all(target_os = "linux", not(feature = "portable")))]
    #[test]
    fn this_host_tells() {
        assert!(resident_bytes().unwrap() > 10_000);
        assert!(kernel_socket_bytes().unwrap() > 10_000);
        assert!(raise_open_files().is_none_or(|files| files >= 256));
    }
}
