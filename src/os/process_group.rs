//! CPU time and memory of a process group: another program's server with all that it started.
//!
//! A group changes while it is read: a process that is gone between two readings is counted as far
//! as it was seen, and those that ended are in the times of the process that waited for them.

use std::io;

/// What a process group has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct GroupCost {
    /// CPU nanoseconds, user and system, of its processes and of children that they waited for.
    pub cpu_ns: u64,
    /// Private resident bytes of its processes (`RssAnon`). A page that two share since a fork
    /// counts in both.
    pub resident: u64,
    /// Processes, those included that ended and were not waited for.
    pub processes: u32,
}

pub(crate) use read::{group_alive, group_cost, group_listens};

#[cfg(target_os = "linux")]
mod read {
    use super::{GroupCost, Stat, io, listening, parse};
    use nix::time::clock_getcpuclockid;
    use nix::unistd::Pid;
    use std::fs;

    fn numbers(folder: &str) -> io::Result<Vec<u32>> {
        let names = fs::read_dir(folder)?.flatten().map(|entry| entry.file_name());
        Ok(names.filter_map(|name| name.to_str()?.parse().ok()).collect())
    }

    /// Processes of a group. One that ends meanwhile is left out.
    fn members(group: u32) -> io::Result<Vec<(u32, Stat)>> {
        let stat =
            |pid| Some((pid, parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?));
        let all = numbers("/proc")?.into_iter().filter_map(stat);
        Ok(all.filter(|(_, stat)| stat.group == group).collect())
    }

    /// To the nanosecond if the kernel has the clock, else in ticks of 10 ms.
    fn own_cpu_ns(pid: u32, stat: &Stat, tick_ns: u64) -> u64 {
        let clock = clock_getcpuclockid(Pid::from_raw(pid.cast_signed()));
        match clock.and_then(|clock| clock.now()) {
            Ok(time) => time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64,
            Err(_) => stat.own_ticks * tick_ns,
        }
    }

    /// What a process group has used so far, and what it holds now.
    ///
    /// # Errors
    /// If `/proc` cannot be read, or the group has no process.
    pub(crate) fn group_cost(group: u32) -> io::Result<GroupCost> {
        let tick_ns = 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1);
        let mut sum = GroupCost::default();
        for (pid, stat) in members(group)? {
            sum.cpu_ns += own_cpu_ns(pid, &stat, tick_ns) + stat.ended_ticks * tick_ns;
            // One that ended has no memory.
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            sum.resident += crate::os::memory::field(&status, "RssAnon:").unwrap_or(0) * 1024;
            sum.processes += 1;
        }
        match sum.processes {
            0 => Err(io::Error::new(io::ErrorKind::NotFound, "no process is in the group")),
            _ => Ok(sum),
        }
    }

    /// Whether a process of the group still runs. One that ended and was not waited for does not.
    pub(crate) fn group_alive(group: u32) -> bool {
        members(group).is_ok_and(|all| all.iter().any(|(_, stat)| !stat.ended))
    }

    /// Whether a process of the group listens on a TCP port; `None` if that is not known.
    pub(crate) fn group_listens(group: u32, port: u16) -> Option<bool> {
        let table = |name: &str| fs::read_to_string(format!("/proc/net/{name}")).ok();
        let (v4, v6) = (table("tcp"), table("tcp6"));
        let inodes: Vec<u64> =
            v4.iter().chain(&v6).flat_map(|text| listening(text, port)).collect();
        if inodes.is_empty() {
            // It accepts connections, and no table of this namespace has it.
            return None;
        }
        let mut unread = false;
        for (pid, _) in members(group).ok()? {
            let folder = format!("/proc/{pid}/fd");
            let Ok(files) = numbers(&folder) else {
                unread = true;
                continue;
            };
            let links = files.iter().filter_map(|n| fs::read_link(format!("{folder}/{n}")).ok());
            let mut names = links.filter_map(|l| Some(l.to_str()?.to_owned()));
            if names.any(|name| inodes.iter().any(|inode| name == format!("socket:[{inode}]"))) {
                return Some(true);
            }
        }
        if unread { None } else { Some(false) }
    }
}

#[cfg(not(target_os = "linux"))]
mod read {
    use super::{GroupCost, io};

    /// # Errors
    /// Always.
    pub fn group_cost(_group: u32) -> io::Result<GroupCost> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "the cost of other processes needs Linux"))
    }

    /// Whether the group has a process.
    pub fn group_alive(group: u32) -> bool {
        let pid = rustix::process::Pid::from_raw(group.cast_signed());
        pid.is_some_and(|pid| rustix::process::test_kill_process_group(pid).is_ok())
    }

    /// Not known.
    pub fn group_listens(_group: u32, _port: u16) -> Option<bool> {
        None
    }
}

/// Fields of `/proc/PID/stat`.
#[cfg(any(target_os = "linux", test))]
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    group: u32,
    ended: bool,
    own_ticks: u64,
    ended_ticks: u64,
}

/// Reads `/proc/PID/stat` (`proc_pid_stat(5)`): the name may hold anything, so the fields are
/// counted from its last parenthesis.
#[cfg(any(target_os = "linux", test))]
fn parse(stat: &str) -> Option<Stat> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    // Times of children are signed there.
    Some(Stat {
        group: fields.get(2)?.parse().ok()?,
        ended: matches!(*fields.first()?, "Z" | "X" | "x"),
        own_ticks: number(11)? + number(12)?,
        ended_ticks: number(13).unwrap_or(0) + number(14).unwrap_or(0),
    })
}

/// The inodes of sockets that listen on a port, of `/proc/net/tcp` or `tcp6`.
#[cfg(any(target_os = "linux", test))]
fn listening(table: &str, port: u16) -> Vec<u64> {
    let inode = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let local = u16::from_str_radix(fields.get(1)?.rsplit_once(':')?.1, 16).ok()?;
        let listens = *fields.get(3)? == "0A";
        (listens && local == port).then(|| fields.get(9)?.parse().ok())?
    };
    table.lines().filter_map(inode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_look_like_fields() {
        let stat = "7 (a) Z 1 (b) S 1 42 42 0 -1 4194560 1 2 3 4 10 20 30 -5 20 0 1 0 9 9 9";
        let found = Stat { group: 42, ended: false, own_ticks: 30, ended_ticks: 30 };
        assert_eq!(parse(stat), Some(found));
        assert_eq!(parse("7 (x) Z 1 42 42 0 -1 4 1 2 3 4 1 2 3 4").map(|s| s.ended), Some(true));
        assert_eq!(parse("7 x S 1"), None);
        assert_eq!(parse("7 (x) S 1 42"), None);
    }

    #[test]
    fn only_sockets_that_listen_on_the_port_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:2328 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0\n\
             1: 0100007F:2329 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12 1 0\n\
             2: 0100007F:2328 0100007F:C000 01 00000000:00000000 00:00000000 00000000     0        0 13 1 0\n\
             3: 00000000000000000000000001000000:2328 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 14 1 0\n";
        assert_eq!(listening(table, 9000), [11, 14]);
        assert!(listening(table, 1).is_empty());
    }

    #[cfg(target_os = "linux")]
    mod on_linux {
        use super::*;
        use std::io::{BufRead, BufReader};
        use std::os::unix::process::CommandExt;
        use std::process::{Child, Command, Stdio};

        fn shell(script: &str) -> Child {
            let mut command = Command::new("sh");
            command.args(["-c", script]).process_group(0).stdin(Stdio::piped());
            command.stdout(Stdio::piped()).spawn().expect("a shell starts")
        }

        fn line(child: &mut Child) {
            let mut text = String::new();
            let mut out = BufReader::new(child.stdout.as_mut().expect("it has one"));
            out.read_line(&mut text).expect("it writes");
        }

        const BURN: &str = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
        /// So many rounds take far longer; a shell that only waits takes far less.
        const BURNT_NS: u64 = 20_000_000;

        fn kill(child: &Child) {
            let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).expect("not 0");
            rustix::process::kill_process_group(pid, rustix::process::Signal::KILL).expect("runs");
            while group_alive(child.id()) {
                std::thread::yield_now();
            }
        }

        #[test]
        fn a_child_that_ended_still_counts() {
            let mut child = shell(&format!("sh -c '{BURN}'; echo; read x"));
            line(&mut child);
            let cost = group_cost(child.id()).expect("it runs");
            assert!(cost.cpu_ns > BURNT_NS && cost.processes == 1, "{cost:?}");
            assert!(cost.resident > 50_000, "{cost:?}");
            kill(&child);
            // The leader is a zombie: it still has CPU time, and no memory.
            let after = group_cost(child.id()).expect("nobody waited for it");
            assert!(after.cpu_ns > BURNT_NS && after.resident == 0, "{after:?}");
            child.wait().expect("it ended");
        }

        #[test]
        fn a_child_that_runs_counts() {
            let mut child = shell(&format!("sh -c '{BURN}; echo; read x'; true"));
            line(&mut child);
            let cost = group_cost(child.id()).expect("it runs");
            assert!(cost.cpu_ns > BURNT_NS && cost.processes == 2, "{cost:?}");
            assert!(group_alive(child.id()));
            kill(&child);
            child.wait().expect("it ended");
        }

        #[test]
        fn a_group_of_nobody_has_no_cost() {
            let mut child = shell("exit 0");
            child.wait().expect("it ends");
            assert!(group_cost(child.id()).is_err());
            assert!(!group_alive(child.id()));
        }

        #[test]
        fn who_listens_is_told_apart_from_who_does_not() {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
            let port = listener.local_addr().expect("it has one").port();
            let own = rustix::process::getpgrp().as_raw_nonzero().get().cast_unsigned();
            assert_eq!(group_listens(own, port), Some(true));
            let mut child = shell("read x");
            assert_eq!(group_listens(child.id(), port), Some(false));
            drop(child.stdin.take());
            child.wait().expect("it ends");
        }
    }
}
