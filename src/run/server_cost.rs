//! What an external server has used: CPU time and memory of its processes on this machine.

use crate::os::{InstructionCounter, MemoryOf, ProcessMark, UsageOf};
use crate::plan::{ServerProcesses, usage_of};
use crate::result::{Cost, ProcessActivity, ServerEnd, Uncounted};
use crate::run::protocol::ResourceSample;
use std::collections::BTreeSet;

/// Reads what an external server has used, as long as that is known.
pub(crate) struct ServerCost {
    of: Option<UsageOf>,
    last_cpu_ns: u64,
    /// The threads whose context switches were counted last.
    threads: BTreeSet<i32>,
    /// Counts instructions from the first sample on.
    instructions: Option<InstructionCounter>,
    /// Why it is not known, if it is not.
    unknown: Option<String>,
    /// Whether its processes run on after the case.
    runs_on: bool,
}

impl ServerCost {
    /// Of the processes that a command started, one of which listens on a port.
    pub(crate) fn of_started(group: u32, mark: &ProcessMark, port: u16) -> ServerCost {
        let others = "another process than those of the command line listens: a container's, or one \
                      without its environment. Name it by [server] cgroup or docker";
        ServerCost::new(UsageOf::started(group, mark), port, others, false)
    }

    /// Of what the scenario names.
    pub(crate) fn of_named(processes: &ServerProcesses, port: u16, runs_on: bool) -> ServerCost {
        match usage_of(processes) {
            Ok(of) => {
                let others = format!("another process than {of} listens on port {port}");
                ServerCost::new(of, port, &others, runs_on)
            }
            Err(error) => ServerCost::without_sample(None, Some(error.to_string()), runs_on),
        }
    }

    fn new(of: UsageOf, port: u16, others: &str, runs_on: bool) -> ServerCost {
        let unknown = (of.listens(port) == Some(false)).then(|| others.to_owned());
        ServerCost::without_sample(Some(of), unknown, runs_on)
    }

    fn without_sample(of: Option<UsageOf>, unknown: Option<String>, runs_on: bool) -> ServerCost {
        let threads = BTreeSet::new();
        ServerCost { of, last_cpu_ns: 0, threads, instructions: None, unknown, runs_on }
    }

    /// Returns what it has used so far; zeros if that is not known.
    pub(crate) fn sample(&mut self) -> ResourceSample {
        let Some(of) = self.of.as_ref().filter(|_| self.unknown.is_none()) else {
            return ResourceSample::default();
        };
        match of.read() {
            Ok(usage) if usage.cpu_ns < self.last_cpu_ns => {
                let why = "a process of the server ended, and its CPU time is not known";
                self.unknown = Some(why.to_owned());
                ResourceSample::default()
            }
            Ok(usage) => {
                self.last_cpu_ns = usage.cpu_ns;
                let (mut activity, threads_ended) = read_activity(of, &mut self.threads);
                let counter = self.instructions.get_or_insert_with(|| of.count_instructions());
                activity.instructions = counter.read();
                ResourceSample {
                    cpu_ns: usage.cpu_ns,
                    resident: usage.resident,
                    activity,
                    threads_ended,
                }
            }
            Err(error) => {
                self.unknown = Some(error.to_string());
                ResourceSample::default()
            }
        }
    }

    /// Returns whose memory it is, to be read again and again; `None` if that is not known.
    pub(crate) fn memory(&self) -> Option<MemoryOf> {
        self.of.as_ref().filter(|_| self.unknown.is_none())?.memory()
    }

    /// Returns how many sockets its processes hold, if that is known.
    pub(crate) fn sockets(&self) -> Option<u64> {
        self.of.as_ref().filter(|_| self.unknown.is_none())?.sockets()
    }

    /// Returns its line in the result.
    pub(crate) fn result_line(&self, case: u32, cost: Cost) -> ServerEnd {
        let of = self.of.as_ref().filter(|_| self.unknown.is_none() && self.runs_on);
        ServerEnd {
            case,
            cost,
            foreign: true,
            unknown: self.unknown.clone(),
            no_memory_controller: self.of.as_ref().is_some_and(|of| !of.counts_memory()),
            runs_on_as: of.map(ToString::to_string),
            ..ServerEnd::default()
        }
    }
}

/// Returns what was done so far, and whether a thread has ended since the last reading.
fn read_activity(of: &UsageOf, threads: &mut BTreeSet<i32>) -> (ProcessActivity, bool) {
    match of.activity() {
        Ok(reading) => {
            let ended = !threads.is_subset(&reading.threads);
            *threads = reading.threads;
            (reading.activity, ended)
        }
        Err(_) => (ProcessActivity::absent(Uncounted::System), false),
    }
}
