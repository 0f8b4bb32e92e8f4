//! CPU time and memory of several processes: a group, or a process with all that it started.
//!
//! They change while it is read: a process that is gone between two readings is counted as far
//! as it was seen, and those that ended are in the times of the process that waited for them.

use std::io;

/// Which processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ProcessSet {
    /// Those of a process group.
    #[cfg_attr(
        any(not(target_os = "linux"), feature = "portable"),
        expect(dead_code, reason = "only Linux looks into one")
    )]
    Group(u32),
    /// What a command started: its process group, and what left that with the command's mark.
    Started {
        /// The group.
        group: u32,
        /// When its first process started, in ticks since the boot: what is older has no mark.
        since: u64,
        /// See [`MARK_VARIABLE`](crate::os::MARK_VARIABLE).
        mark: String,
    },
    /// A process, its children and theirs. `started` is when it started, in ticks since the boot:
    /// its number may become another process's.
    #[cfg_attr(
        any(not(target_os = "linux"), feature = "portable"),
        expect(dead_code, reason = "only Linux finds one")
    )]
    Tree {
        /// Its number.
        pid: u32,
        /// When it started.
        started: u64,
    },
}

/// What processes have used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Usage {
    /// CPU nanoseconds, user and system, of the processes and of children that they waited for.
    pub cpu_ns: u64,
    /// Their private resident bytes (`RssAnon`). A page that two share since a fork counts in both.
    pub resident: u64,
    /// Processes, those included that ended and were not waited for; 0 if they are not counted.
    pub processes: u32,
}

pub(super) use read::{activity, find_tree, listens, pids, sockets, started, stopped, usage};
pub(crate) use read::{group_alive, listeners};
#[cfg(all(target_os = "linux", not(feature = "portable")))]
pub(super) use read::{threads, threads_of};

#[cfg(all(target_os = "linux", not(feature = "portable")))]
mod read {
    use super::{ProcessSet, Usage, io};
    use crate::os::activity::{ActivityReading, io_calls, or_why};
    use crate::os::address::is_own_address;
    use crate::os::marked::has_mark;
    use crate::record::{Instructions, KernelCounts, ProcessActivity, Uncounted};
    use nix::time::clock_getcpuclockid;
    use nix::unistd::Pid;
    use procfs::net::{TcpState, tcp, tcp6};
    use procfs::process::{FDTarget, Process, Stat, all_processes};
    use std::collections::BTreeSet;
    use std::net::SocketAddr;

    /// A process, as it was when it was read.
    struct Member {
        process: Process,
        stat: Stat,
    }

    /// Processes of a set. One that ends meanwhile is left out.
    fn members(set: &ProcessSet) -> io::Result<Vec<Member>> {
        let read = |process: Process| {
            let stat = process.stat().ok()?;
            Some(Member { process, stat })
        };
        let all = all_processes().map_err(io::Error::other)?.flatten().filter_map(read);
        match set {
            ProcessSet::Group(group) => {
                Ok(all.filter(|member| member.stat.pgrp == group.cast_signed()).collect())
            }
            ProcessSet::Started { group, since, mark } => Ok(all
                .filter(|member| {
                    let stat = &member.stat;
                    let may_have_mark = || stat.starttime >= *since;
                    stat.pgrp == group.cast_signed()
                        || (may_have_mark() && has_mark(stat.pid, mark))
                })
                .collect()),
            ProcessSet::Tree { pid, started } => Ok(tree(all.collect(), *pid, *started)),
        }
    }

    /// A process with its descendants; none if the process is gone.
    fn tree(all: Vec<Member>, pid: u32, started: u64) -> Vec<Member> {
        let is_root = |m: &Member| m.stat.pid == pid.cast_signed() && m.stat.starttime == started;
        let (mut found, mut others): (Vec<Member>, Vec<Member>) =
            all.into_iter().partition(is_root);
        let mut parents: BTreeSet<i32> = found.iter().map(|member| member.stat.pid).collect();
        while !parents.is_empty() {
            let (children, rest): (Vec<Member>, Vec<Member>) =
                others.into_iter().partition(|member| parents.contains(&member.stat.ppid));
            others = rest;
            parents = children.iter().map(|member| member.stat.pid).collect();
            found.extend(children);
        }
        found
    }

    /// Finds the tree of a process.
    ///
    /// # Errors
    /// If there is no such process.
    pub(in crate::os) fn find_tree(pid: u32) -> io::Result<ProcessSet> {
        let stat = Process::new(pid.cast_signed()).and_then(|process| process.stat());
        match stat {
            Ok(stat) if !matches!(stat.state, 'Z' | 'X' | 'x') => {
                Ok(ProcessSet::Tree { pid, started: stat.starttime })
            }
            _ => Err(io::Error::new(io::ErrorKind::NotFound, format!("no process {pid} runs"))),
        }
    }

    /// The set of what a command started, whose first process has the number of its group.
    pub(in crate::os) fn started(group: u32, mark: &str) -> ProcessSet {
        let first = Process::new(group.cast_signed()).and_then(|process| process.stat());
        // Without it nothing is too old.
        let since = first.map_or(0, |stat| stat.starttime);
        ProcessSet::Started { group, since, mark: mark.to_owned() }
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
        /// CPU time in user mode and in the kernel in ticks, with that of children that it waited for.
        fn split_cpu_ns(&self, tick_ns: u64) -> KernelCounts {
            let child = |ticks: i64| ticks.max(0).cast_unsigned();
            KernelCounts::Known(
                (self.stat.utime + child(self.stat.cutime)) * tick_ns,
                (self.stat.stime + child(self.stat.cstime)) * tick_ns,
            )
        }
        /// Context switches of its threads, which are added to `threads`. One that ends meanwhile is
        /// left out.
        fn context_switches(&self, threads: &mut BTreeSet<i32>) -> KernelCounts {
            if self.has_ended() {
                return KernelCounts::Known(0, 0);
            }
            let Ok(tasks) = self.process.tasks() else {
                return KernelCounts::Absent(Uncounted::System);
            };
            let mut voluntary = 0;
            let mut involuntary = 0;
            for task in tasks.flatten() {
                let Ok(status) = task.status() else { continue };
                let counts = status.voluntary_ctxt_switches.zip(status.nonvoluntary_ctxt_switches);
                let Some((waited, preempted)) = counts else {
                    return KernelCounts::Absent(Uncounted::System);
                };
                voluntary += waited;
                involuntary += preempted;
                threads.insert(task.tid);
            }
            KernelCounts::Known(voluntary, involuntary)
        }
        fn has_ended(&self) -> bool {
            matches!(self.stat.state, 'Z' | 'X' | 'x')
        }
    }

    /// What processes have used so far, and what they hold now.
    ///
    /// # Errors
    /// If `/proc` cannot be read, or there is no process.
    pub(in crate::os) fn usage(set: &ProcessSet) -> io::Result<Usage> {
        let tick_ns = 1_000_000_000 / procfs::ticks_per_second().max(1);
        let mut sum = Usage::default();
        for member in members(set)? {
            sum.cpu_ns += member.own_cpu_ns(tick_ns) + member.children_cpu_ns(tick_ns);
            // One that ended has no memory.
            let kib = member.process.status().ok().and_then(|status| status.rssanon);
            sum.resident += kib.unwrap_or(0) * 1024;
            sum.processes += 1;
        }
        let none = match set {
            ProcessSet::Group(_) | ProcessSet::Started { .. } => {
                "no process is in the group".to_owned()
            }
            ProcessSet::Tree { pid, .. } => format!("process {pid} has ended"),
        };
        match sum.processes {
            0 => Err(io::Error::new(io::ErrorKind::NotFound, none)),
            _ => Ok(sum),
        }
    }

    /// Returns the numbers of the processes that run now.
    ///
    /// # Errors
    /// If `/proc` cannot be read.
    pub(in crate::os) fn pids(set: &ProcessSet) -> io::Result<Vec<i32>> {
        let running = members(set)?.into_iter().filter(|member| !member.has_ended());
        Ok(running.map(|member| member.stat.pid).collect())
    }

    /// What processes have done so far, with the children that they waited for, but without the
    /// context switches of threads that have ended.
    ///
    /// # Errors
    /// If `/proc` cannot be read.
    pub(in crate::os) fn activity(set: &ProcessSet) -> io::Result<ActivityReading> {
        let tick_ns = 1_000_000_000 / procfs::ticks_per_second().max(1);
        let mut sum =
            ActivityReading { activity: ProcessActivity::zero(), threads: BTreeSet::new() };
        for member in members(set)? {
            let context_switches = member.context_switches(&mut sum.threads);
            let stat = &member.stat;
            let activity = ProcessActivity {
                cpu_ns: member.split_cpu_ns(tick_ns),
                // These are not in /proc.
                instructions: Instructions::default(),
                context_switches,
                // One that ended has none any more, and its parent has them.
                io_calls: if member.has_ended() {
                    KernelCounts::Known(0, 0)
                } else {
                    or_why(io_calls(stat.pid))
                },
                page_faults: KernelCounts::Known(
                    stat.minflt.saturating_add(stat.cminflt),
                    stat.majflt.saturating_add(stat.cmajflt),
                ),
            };
            sum.activity = sum.activity.plus(activity);
        }
        Ok(sum)
    }

    /// Returns the threads of all processes. A process that ends meanwhile has none.
    ///
    /// # Errors
    /// If `/proc` cannot be read.
    pub(in crate::os) fn threads(set: &ProcessSet) -> io::Result<BTreeSet<i32>> {
        let running = members(set)?.into_iter().filter(|member| !member.has_ended());
        let threads = running.map(|member| threads_of(member.stat.pid)).filter_map(Result::ok);
        Ok(threads.flatten().collect())
    }

    /// Returns the threads of a process.
    ///
    /// # Errors
    /// If `/proc` cannot be read, or the process has ended.
    pub(in crate::os) fn threads_of(pid: i32) -> io::Result<BTreeSet<i32>> {
        let tasks = Process::new(pid).and_then(|process| process.tasks());
        Ok(tasks.map_err(io::Error::other)?.flatten().map(|task| task.tid).collect())
    }

    /// Returns how many of the processes run. One that ended and was not waited for does not.
    pub(super) fn running(set: &ProcessSet) -> usize {
        let all = members(set).unwrap_or_default();
        all.iter().filter(|member| !member.has_ended()).count()
    }

    /// Whether a process of the group still runs, see [`running`].
    pub(crate) fn group_alive(group: u32) -> bool {
        running(&ProcessSet::Group(group)) > 0
    }

    /// Returns a process of the set that a signal has stopped.
    pub(in crate::os) fn stopped(set: &ProcessSet) -> Option<i32> {
        // `t` is one that is traced, as any call of such a process is.
        let stopped = |member: &Member| member.stat.state == 'T';
        members(set).ok()?.into_iter().find(stopped).map(|member| member.stat.pid)
    }

    /// Whether one of the processes listens on a TCP port; `None` if that is not known.
    pub(in crate::os) fn listens(set: &ProcessSet, port: u16) -> Option<bool> {
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
        for member in members(set).ok()? {
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

    /// Returns how many sockets the processes hold; `None` if some cannot be looked at.
    pub(in crate::os) fn sockets(set: &ProcessSet) -> Option<u64> {
        let mut count = 0;
        for member in members(set).ok()? {
            let files = member.process.fd().ok()?.flatten();
            count += files.filter(|file| matches!(file.target, FDTarget::Socket(_))).count() as u64;
        }
        Some(count)
    }

    /// Returns the processes that listen at one of these addresses of this machine, as far as that can be
    /// read.
    pub(crate) fn listeners<'a>(
        addresses: impl Iterator<Item = &'a SocketAddr> + Clone,
    ) -> BTreeSet<i32> {
        let is_one = |local: &SocketAddr| {
            let any = local.ip().is_unspecified();
            let mut addresses = addresses.clone();
            addresses.any(|wanted| {
                if any {
                    wanted.port() == local.port() && is_own_address(wanted.ip())
                } else {
                    wanted == local
                }
            })
        };
        let sockets = [tcp(), tcp6()].into_iter().flatten().flatten();
        let listening = sockets.filter(|s| s.state == TcpState::Listen && is_one(&s.local_address));
        let inodes: BTreeSet<u64> = listening.map(|socket| socket.inode).collect();
        if inodes.is_empty() {
            return BTreeSet::new();
        }
        let listens = |process: &Process| {
            let files = process.fd().into_iter().flatten().flatten();
            let mut targets = files.map(|file| file.target);
            targets.any(|t| matches!(t, FDTarget::Socket(inode) if inodes.contains(&inode)))
        };
        let all = all_processes().into_iter().flatten().flatten();
        all.filter(listens).map(|process| process.pid).collect()
    }
}

#[cfg(any(not(target_os = "linux"), feature = "portable"))]
mod read {
    use super::{ProcessSet, Usage, io};

    fn needs_linux<T>() -> io::Result<T> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "the cost of other processes needs Linux"))
    }

    /// # Errors
    /// Always.
    pub(in crate::os) fn usage(_set: &ProcessSet) -> io::Result<Usage> {
        needs_linux()
    }

    /// # Errors
    /// Always.
    pub(in crate::os) fn activity(
        _set: &ProcessSet,
    ) -> io::Result<crate::os::activity::ActivityReading> {
        needs_linux()
    }

    /// # Errors
    /// Always.
    pub(in crate::os) fn find_tree(_pid: u32) -> io::Result<ProcessSet> {
        needs_linux()
    }

    /// What was asked for: each reading of it says that it needs Linux.
    pub(in crate::os) fn started(group: u32, mark: &str) -> ProcessSet {
        ProcessSet::Started { group, since: 0, mark: mark.to_owned() }
    }

    /// Whether the group has a process.
    pub(crate) fn group_alive(group: u32) -> bool {
        let pid = rustix::process::Pid::from_raw(group.cast_signed());
        pid.is_some_and(|pid| rustix::process::test_kill_process_group(pid).is_ok())
    }

    /// None is known.
    pub(in crate::os) fn stopped(_set: &ProcessSet) -> Option<i32> {
        None
    }

    /// None is known.
    pub(crate) fn listeners<'a>(
        _addresses: impl Iterator<Item = &'a std::net::SocketAddr> + Clone,
    ) -> std::collections::BTreeSet<i32> {
        std::collections::BTreeSet::new()
    }

    /// # Errors
    /// Always.
    pub(in crate::os) fn pids(_set: &ProcessSet) -> io::Result<Vec<i32>> {
        needs_linux()
    }

    /// Not known.
    pub(in crate::os) fn sockets(_set: &ProcessSet) -> Option<u64> {
        None
    }

    /// Not known.
    pub(in crate::os) fn listens(_set: &ProcessSet, _port: u16) -> Option<bool> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(all(target_os = "linux", not(feature = "portable")))]
    mod on_linux {
        use super::*;
        use crate::os::wait_until;
        use crate::record::{KernelCounts, Uncounted};
        use std::collections::BTreeSet;
        use std::io::{BufRead, BufReader, Write};
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
            wait_until("the group is gone", || !group_alive(child.id()));
        }

        #[test]
        fn a_child_that_ended_still_counts() {
            let mut child = shell(&format!("sh -c '{BURN}'; echo; read x"));
            line(&mut child);
            let cost = usage(&ProcessSet::Group(child.id())).expect("it runs");
            assert!(cost.cpu_ns > BURNT_NS && cost.processes == 1, "{cost:?}");
            assert!(cost.resident > 50_000, "{cost:?}");
            kill(&child);
            // The leader is a zombie: it still has CPU time, and no memory.
            let after = usage(&ProcessSet::Group(child.id())).expect("nobody waited for it");
            assert!(after.cpu_ns > BURNT_NS && after.resident == 0, "{after:?}");
            child.wait().expect("it ended");
        }

        #[test]
        fn a_child_that_runs_counts() {
            let mut child = shell(&format!("sh -c '{BURN}; echo; read x'; true"));
            line(&mut child);
            let cost = usage(&ProcessSet::Group(child.id())).expect("it runs");
            assert!(cost.cpu_ns > BURNT_NS && cost.processes == 2, "{cost:?}");
            assert!(group_alive(child.id()));
            let tree = find_tree(child.id()).expect("it runs");
            let cost = usage(&tree).expect("it runs");
            assert!(cost.cpu_ns > BURNT_NS && cost.processes == 2, "{cost:?}");
            kill(&child);
            child.wait().expect("it ended");
        }

        #[test]
        fn what_a_group_did_is_counted_with_its_threads() {
            let script =
                "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo; read x; echo; read x";
            let mut child = shell(script);
            line(&mut child);
            let set = ProcessSet::Group(child.id());
            let before = activity(&set).expect("it runs");
            assert_eq!(before.threads, BTreeSet::from([child.id().cast_signed()]));
            child.stdin.as_mut().expect("it is piped").write_all(b"\n").expect("it reads");
            line(&mut child);
            let did = || activity(&set).expect("it runs").activity.since(before.activity);
            // It has read and written a line, and waits for the next one.
            wait_until("it waits", || match did().context_switches {
                KernelCounts::Known(waited, _) => waited > 0,
                KernelCounts::Absent(_) => true,
            });
            let did = did();
            let at_least = |counts, least: (u64, u64)| match counts {
                KernelCounts::Known(first, second) => first >= least.0 && second >= least.1,
                // Some kernels do not count calls.
                KernelCounts::Absent(why) => why == Uncounted::System,
            };
            assert!(at_least(did.context_switches, (1, 0)), "{did:?}");
            assert!(at_least(did.io_calls, (1, 1)), "{did:?}");
            let KernelCounts::Known(user_ns, system_ns) = before.activity.cpu_ns else {
                panic!("{before:?}");
            };
            assert!(user_ns + system_ns > 0, "{before:?}");
            assert!(matches!(did.page_faults, KernelCounts::Known(..)), "{did:?}");
            drop(child.stdin.take());
            child.wait().expect("it ends");
            assert_eq!(activity(&set).expect("/proc is there").threads, BTreeSet::new());
        }

        /// What has a session of its own, and no parent that is left.
        #[test]
        fn what_left_the_group_of_a_started_command_counts_by_its_mark() {
            let mark = format!("usage-{}", std::process::id());
            let mut command = Command::new("sh");
            let script = "(setsid sh -c 'echo x; sleep 600 & wait' &) ; read line";
            command.args(["-c", script]).process_group(0).env(crate::os::MARK_VARIABLE, &mark);
            let mut child = command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("a shell starts");
            line(&mut child);
            // The subshell that started it ends soon, and counts as a process until the shell has waited for it.
            let group = ProcessSet::Group(child.id());
            wait_until("the shell is alone in its group", || read::running(&group) == 1);
            // Its `sleep` may have started.
            let marked = started(child.id(), &mark);
            assert!(read::running(&marked) >= 2, "{marked:?}");
            assert_eq!(read::running(&started(child.id(), "another")), 1);
            let usages = [&marked, &group].map(|set| usage(set).expect("it runs").resident);
            assert!(usages[0] > usages[1], "{usages:?}");
            crate::os::signal_marked(&mark, rustix::process::Signal::KILL);
            child.wait().expect("it was killed");
        }

        #[test]
        fn a_group_of_nobody_has_no_cost() {
            let mut child = shell("exit 0");
            child.wait().expect("it ends");
            assert!(usage(&ProcessSet::Group(child.id())).is_err());
            assert!(!group_alive(child.id()));
            let why = find_tree(child.id()).unwrap_err().to_string();
            assert_eq!(why, format!("no process {} runs", child.id()));
        }

        #[test]
        fn a_tree_has_groups_of_its_own_in_it_and_ends_with_its_first_process() {
            // The child leaves the group.
            // A shell gives its background commands an empty input: hence descriptor 3.
            let mut child = shell("exec 3<&0; setsid sh -c 'echo; read x' <&3 & wait");
            line(&mut child);
            let tree = find_tree(child.id()).expect("it runs");
            assert_eq!(usage(&tree).expect("it runs").processes, 2);
            let ProcessSet::Tree { pid, started } = tree else { panic!("{tree:?}") };
            let another = usage(&ProcessSet::Tree { pid, started: started + 1 });
            assert_eq!(another.unwrap_err().to_string(), format!("process {pid} has ended"));
            drop(child.stdin.take());
            child.wait().expect("its input ended");
            assert!(usage(&tree).is_err());
        }

        #[test]
        fn who_listens_is_told_apart_from_who_does_not() {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
            let port = listener.local_addr().expect("it has one").port();
            let own = rustix::process::getpgrp().as_raw_nonzero().get().cast_unsigned();
            assert_eq!(listens(&ProcessSet::Group(own), port), Some(true));
            let tree = find_tree(std::process::id()).expect("it runs");
            assert_eq!(listens(&tree, port), Some(true));
            let mut child = shell("read x");
            assert_eq!(listens(&ProcessSet::Group(child.id()), port), Some(false));
            drop(child.stdin.take());
            child.wait().expect("it ends");
        }
    }
}
