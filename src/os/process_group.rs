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

#[cfg(all(target_os = "linux", not(feature = "portable")))]
mod read {
    use super::{GroupCost, io};
    use nix::time::clock_getcpuclockid;
    use nix::unistd::Pid;
    use procfs::net::{TcpState, tcp, tcp6};
    use procfs::process::{FDTarget, Process, Stat, all_processes};

    /// A process of the group, as it was when it was read.
    struct Member {
        process: Process,
        stat: Stat,
    }

    /// Processes of a group. One that ends meanwhile is left out.
    fn members(group: u32) -> io::Result<Vec<Member>> {
        let read = |process: Process| {
            let stat = process.stat().ok()?;
            Some(Member { process, stat })
        };
        let all = all_processes().map_err(io::Error::other)?.flatten().filter_map(read);
        Ok(all.filter(|member| member.stat.pgrp == group.cast_signed()).collect())
    }

    impl Member {
        /// To the nanosecond if the kernel has the clock, else in ticks of 10 ms.
        fn own_cpu_ns(&self, tick_ns: u64) -> u64 {
            let clock = clock_getcpuclockid(Pid::from_raw(self.stat.pid));
            match clock.and_then(|clock| clock.now()) {
                Ok(time) => time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64,
                Err(_) => (self.stat.utime + self.stat.stime) * tick_ns,
            }
        }
        /// CPU time of children that ended and that it waited for.
        fn children_cpu_ns(&self, tick_ns: u64) -> u64 {
            let ticks = self.stat.cutime.max(0) + self.stat.cstime.max(0);
            ticks.cast_unsigned() * tick_ns
        }
        fn has_ended(&self) -> bool {
            matches!(self.stat.state, 'Z' | 'X' | 'x')
        }
    }

    /// What a process group has used so far, and what it holds now.
    ///
    /// # Errors
    /// If `/proc` cannot be read, or the group has no process.
    pub(crate) fn group_cost(group: u32) -> io::Result<GroupCost> {
        let tick_ns = 1_000_000_000 / procfs::ticks_per_second().max(1);
        let mut sum = GroupCost::default();
        for member in members(group)? {
            sum.cpu_ns += member.own_cpu_ns(tick_ns) + member.children_cpu_ns(tick_ns);
            // One that ended has no memory.
            let kib = member.process.status().ok().and_then(|status| status.rssanon);
            sum.resident += kib.unwrap_or(0) * 1024;
            sum.processes += 1;
        }
        match sum.processes {
            0 => Err(io::Error::new(io::ErrorKind::NotFound, "no process is in the group")),
            _ => Ok(sum),
        }
    }

    /// Whether a process of the group still runs. One that ended and was not waited for does not.
    pub(crate) fn group_alive(group: u32) -> bool {
        members(group).is_ok_and(|all| all.iter().any(|member| !member.has_ended()))
    }

    /// Whether a process of the group listens on a TCP port; `None` if that is not known.
    pub(crate) fn group_listens(group: u32, port: u16) -> Option<bool> {
        let sockets = [tcp(), tcp6()].into_iter().flatten().flatten();
        let listening = sockets.filter(|socket| {
            socket.state == TcpState::Listen && socket.local_address.port() == port
        });
        let inodes: Vec<u64> = listening.map(|socket| socket.inode).collect();
        if inodes.is_empty() {
            // It accepts connections, and no table of this namespace has it.
            return None;
        }
        let mut unread = false;
        for member in members(group).ok()? {
            let Ok(files) = member.process.fd() else {
                unread = true;
                continue;
            };
            let mut targets = files.flatten().map(|file| file.target);
            if targets.any(|t| matches!(t, FDTarget::Socket(inode) if inodes.contains(&inode))) {
                return Some(true);
            }
        }
        if unread { None } else { Some(false) }
    }
}

#[cfg(any(not(target_os = "linux"), feature = "portable"))]
mod read {
    use super::{GroupCost, io};

    /// # Errors
    /// Always.
    pub(crate) fn group_cost(_group: u32) -> io::Result<GroupCost> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "the cost of other processes needs Linux"))
    }

    /// Whether the group has a process.
    pub(crate) fn group_alive(group: u32) -> bool {
        let pid = rustix::process::Pid::from_raw(group.cast_signed());
        pid.is_some_and(|pid| rustix::process::test_kill_process_group(pid).is_ok())
    }

    /// Not known.
    pub(crate) fn group_listens(_group: u32, _port: u16) -> Option<bool> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(all(target_os = "linux", not(feature = "portable")))]
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
