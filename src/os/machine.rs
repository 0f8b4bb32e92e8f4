//! The machine's limits, as far as a plan depends on them.

use crate::os::cgroup::{MOUNT, used_memory};
use rustix::process::{Resource, getrlimit};
use serde::Serialize;
use std::path::Path;

/// If no limit is set: as many as Linux allows a process by default (`fs.nr_open`).
const MOST_OPEN_FILES: u64 = 1 << 20;

/// The unit of `tcp_mem`. Some machines have larger pages, and so more memory than computed here.
const PAGE_BYTES: u64 = 4096;

/// Entries of connection tracking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Conntrack {
    /// How many fit.
    pub most: u64,
    /// How many there are.
    pub used: u64,
}

/// Limits of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Files that a process may open now; `None` for no limit.
    pub open_files_soft: Option<u64>,
    /// The most that it may raise this to; `None` for no limit.
    pub open_files_hard: Option<u64>,
    /// Cores that this process may use.
    pub cores: u32,
    /// Memory that is available without swapping, in bytes; of the control group, if that is less.
    pub memory_bytes: Option<u64>,
    /// The first and the last ephemeral port.
    pub ports: Option<(u32, u32)>,
    /// Whether a port that a closed connection still holds may be taken again (`tcp_tw_reuse`): 1 for
    /// yes, 2 for the loopback interface alone.
    pub tw_reuse: Option<u64>,
    /// The longest queue of connections that wait for `accept`.
    pub somaxconn: Option<u64>,
    /// Connection tracking, if the kernel does it.
    pub conntrack: Option<Conntrack>,
    /// Memory for the buffers of all TCP sockets, in bytes.
    pub tcp_bytes: Option<u64>,
    /// Processes and threads that may be started.
    pub tasks: Option<u64>,
    /// True if all of 127.0.0.0/8 can be a source address.
    pub loopback_block: bool,
    /// What could not be read, and why.
    pub unread: Vec<String>,
}

impl Machine {
    /// Reads the limits of this machine. What is missing is listed in [`Machine::unread`].
    pub fn read() -> Machine {
        let files = getrlimit(Resource::Nofile);
        let mut unread = Vec::new();
        let mut file = |path: &str| match std::fs::read_to_string(path) {
            Ok(text) => Some(text),
            Err(error) => {
                unread.push(format!("{path}: {error}"));
                None
            }
        };
        let meminfo = file("/proc/meminfo");
        let ports = file("/proc/sys/net/ipv4/ip_local_port_range");
        let somaxconn = file("/proc/sys/net/core/somaxconn");
        let tcp_mem = file("/proc/sys/net/ipv4/tcp_mem");
        Machine {
            open_files_soft: files.current,
            open_files_hard: files.maximum,
            cores: std::thread::available_parallelism().map_or(1, |n| n.get() as u32),
            memory_bytes: meminfo
                .and_then(|text| available(&text))
                .map(|free| free.min(group_memory().unwrap_or(u64::MAX))),
            ports: ports.and_then(|text| {
                let found = numbers(&text);
                Some((u32::try_from(*found.first()?).ok()?, u32::try_from(*found.get(1)?).ok()?))
            }),
            tw_reuse: number("/proc/sys/net/ipv4/tcp_tw_reuse"),
            somaxconn: somaxconn.and_then(|text| numbers(&text).first().copied()),
            conntrack: conntrack(),
            tcp_bytes: tcp_mem
                .and_then(|text| Some(numbers(&text).get(2)?.saturating_mul(PAGE_BYTES))),
            tasks: tasks(),
            loopback_block: cfg!(target_os = "linux"),
            unread,
        }
    }

    /// Files that a process may open once the soft limit is raised.
    pub fn open_files(&self) -> u64 {
        self.open_files_hard.unwrap_or(MOST_OPEN_FILES).min(MOST_OPEN_FILES)
    }

    /// How many ephemeral ports there are.
    pub fn port_count(&self) -> Option<u64> {
        self.ports.map(|(first, last)| u64::from(last.saturating_sub(first)) + 1)
    }
}

fn numbers(text: &str) -> Vec<u64> {
    text.split_whitespace().map_while(|word| word.parse().ok()).collect()
}

/// `MemAvailable` of `/proc/meminfo`, in bytes (`proc_meminfo(5)`).
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(numbers(line).first()? * 1024)
}

/// One number in a file that need not exist.
fn number(path: impl AsRef<Path>) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// What the control group has left; `None` without a limit, whose file says `max`. Page cache is
/// given up for whoever needs it.
fn group_memory() -> Option<u64> {
    let limit = number("/sys/fs/cgroup/memory.max")?;
    Some(limit.saturating_sub(used_memory(Path::new(MOUNT)).ok()?))
}

fn conntrack() -> Option<Conntrack> {
    let folder = Path::new("/proc/sys/net/netfilter");
    let most = number(folder.join("nf_conntrack_max"))?;
    Some(Conntrack { most, used: number(folder.join("nf_conntrack_count"))? })
}

/// The least of the limits on processes and threads.
fn tasks() -> Option<u64> {
    let limits = [
        getrlimit(Resource::Nproc).current,
        number("/proc/sys/kernel/pid_max"),
        number("/proc/sys/kernel/threads-max"),
        number("/sys/fs/cgroup/pids.max"),
    ];
    limits.into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_writes() {
        assert_eq!(available("MemTotal: 5 kB\nMemAvailable:   23 kB\n"), Some(23 * 1024));
        assert_eq!(available("MemTotal: 5 kB\n"), None);
        assert_eq!(numbers("32768\t60999\n"), [32768, 60999]);
    }

    #[test]
    fn this_machine_has_a_core_and_files() {
        let machine = Machine::read();
        assert!(machine.cores >= 1);
        assert!(machine.open_files() > 0);
    }
}
