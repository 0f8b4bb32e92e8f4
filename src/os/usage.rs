//! Whose CPU time and memory a server's are, and what they are now.

use crate::os::activity::ActivityReading;
use crate::os::cgroup::ControlGroup;
use crate::os::docker::container_process;
use crate::os::instructions::{InstructionCounter, instructions_of};
use crate::os::marked::ProcessMark;
use crate::os::memory::resident_bytes_of;
use crate::os::process_group::{
    ProcessSet, Usage, activity, find_tree, listens, pids, sockets, started, stopped, usage,
};
use crate::record::Uncounted;
use std::fmt;
use std::io;

/// What is used by processes of this machine that are a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UsageOf {
    /// Processes.
    Processes(ProcessSet),
    /// A container by its name: its control group, or its processes if it has none of its own.
    Container(String, Box<UsageOf>),
    /// A control group.
    ControlGroup(ControlGroup),
}

impl UsageOf {
    /// What a command started: its process group, and what left that with this mark.
    pub(crate) fn started(group: u32, mark: &ProcessMark) -> UsageOf {
        UsageOf::Processes(started(group, &mark.0))
    }

    /// A process with all that it started.
    ///
    /// # Errors
    /// If there is no such process.
    pub(crate) fn tree(pid: u32) -> io::Result<UsageOf> {
        find_tree(pid).map(UsageOf::Processes)
    }

    /// A control group by its path.
    ///
    /// # Errors
    /// If there is no such group.
    pub(crate) fn control_group(path: &str) -> io::Result<UsageOf> {
        ControlGroup::find(path).map(UsageOf::ControlGroup)
    }

    /// A container of Docker or Podman by its name.
    ///
    /// # Errors
    /// A sentence with the remedy: there is no Docker, no such container, or it does not run.
    pub(crate) fn container(name: &str) -> io::Result<UsageOf> {
        let pid = container_process(name)?;
        let of = match ControlGroup::of_process(pid) {
            Ok(group) => UsageOf::ControlGroup(group),
            Err(_) => UsageOf::tree(pid)?,
        };
        Ok(UsageOf::Container(name.to_owned(), Box::new(of)))
    }

    /// Returns what was used so far, and what is held now.
    ///
    /// # Errors
    /// If that cannot be read, as after the end.
    pub(crate) fn read(&self) -> io::Result<Usage> {
        match self {
            UsageOf::Processes(set) => usage(set),
            UsageOf::Container(_, of) => of.read(),
            UsageOf::ControlGroup(group) => group.usage(),
        }
    }

    /// Returns whose memory it is now, to be read again and again; `None` if nobody counts it.
    pub(crate) fn memory(&self) -> Option<MemoryOf> {
        match self {
            UsageOf::Processes(set) => pids(set).ok().map(MemoryOf::Processes),
            UsageOf::Container(_, of) => of.memory(),
            UsageOf::ControlGroup(group) => {
                group.counts_memory().then(|| MemoryOf::ControlGroup(group.clone()))
            }
        }
    }

    /// Returns what was done so far, by the kernel's counts.
    ///
    /// # Errors
    /// If nothing of that can be read, as after the end.
    pub(crate) fn activity(&self) -> io::Result<ActivityReading> {
        match self {
            UsageOf::Processes(set) => activity(set),
            UsageOf::Container(_, of) => of.activity(),
            UsageOf::ControlGroup(group) => Ok(group.activity()),
        }
    }

    /// Counts instructions from now on, of what runs now and of all that it starts.
    pub(crate) fn count_instructions(&self) -> InstructionCounter {
        match self {
            UsageOf::Processes(set) => instructions_of(set),
            UsageOf::Container(_, of) => of.count_instructions(),
            UsageOf::ControlGroup(_) => InstructionCounter::absent(Uncounted::ControlGroup),
        }
    }

    /// Whether the memory is counted: a control group may have no controller for it.
    pub(crate) fn counts_memory(&self) -> bool {
        match self {
            UsageOf::Processes(_) => true,
            UsageOf::Container(_, of) => of.counts_memory(),
            UsageOf::ControlGroup(group) => group.counts_memory(),
        }
    }

    /// Returns how many sockets the processes hold; `None` if that is not known.
    pub(crate) fn sockets(&self) -> Option<u64> {
        match self {
            UsageOf::Processes(set) => sockets(set),
            UsageOf::Container(_, of) => of.sockets(),
            UsageOf::ControlGroup(_) => None,
        }
    }

    /// Whether one of the processes listens on a TCP port; `None` if that is not known, as of a
    /// container with a network of its own.
    pub(crate) fn listens(&self, port: u16) -> Option<bool> {
        match self {
            UsageOf::Processes(set) => listens(set, port),
            UsageOf::Container(..) | UsageOf::ControlGroup(_) => None,
        }
    }

    /// Returns one of the processes that a signal has stopped; `None` if there is none, or that is
    /// not known of a control group's.
    pub(crate) fn stopped(&self) -> Option<i32> {
        match self {
            UsageOf::Processes(set) => stopped(set),
            UsageOf::Container(_, of) => of.stopped(),
            UsageOf::ControlGroup(_) => None,
        }
    }
}

/// Whose memory is read again and again, without looking at all processes of the machine each time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MemoryOf {
    /// These processes: what they start later is not among them.
    Processes(Vec<i32>),
    /// A control group.
    ControlGroup(ControlGroup),
}

impl MemoryOf {
    /// Returns the private resident bytes now; `None` if a process has ended, or they cannot be read.
    pub(crate) fn read(&self) -> Option<u64> {
        match self {
            MemoryOf::Processes(pids) => pids
                .iter()
                .map(|pid| resident_bytes_of(*pid))
                .reduce(|a, b| a.zip(b).map(|(a, b)| a + b))?,
            MemoryOf::ControlGroup(group) => group.usage().ok().map(|usage| usage.resident),
        }
    }
}

impl fmt::Display for UsageOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UsageOf::Processes(ProcessSet::Group(id) | ProcessSet::Started { group: id, .. }) => {
                write!(f, "process group {id}")
            }
            UsageOf::Processes(ProcessSet::Tree { pid, .. }) => {
                write!(f, "process {pid} and its children")
            }
            UsageOf::Container(name, of) => write!(f, "container {name:?} ({of})"),
            UsageOf::ControlGroup(group) => {
                let cache = if group.counts_memory() { " without its page cache" } else { "" };
                write!(f, "control group {}{cache}", group.folder().display())
            }
        }
    }
}
