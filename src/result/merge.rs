//! A run's result in memory and the law by which results merge.

use super::{CaseEnd, CaseInfo, DriverEnd, End, Header, ServerEnd};
use crate::record::{Metric, Phase, Window};
use std::collections::BTreeMap;

/// Everything recorded of one case.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CaseResult {
    /// All seconds together.
    pub total: Window,
    /// A window a second, by seconds from the case's epoch; latencies are in `total` and, for the
    /// time series, here.
    pub seconds: BTreeMap<u32, Window>,
    /// The driver's processes.
    pub drivers: Vec<DriverEnd>,
    /// The server's processes.
    pub servers: Vec<ServerEnd>,
    /// How the case ended; absent in a partial file. More than one where several parts were
    /// merged.
    pub ends: Vec<CaseEnd>,
}

impl CaseResult {
    /// Adds a window.
    pub fn add_window(&mut self, second: u32, window: &Window) {
        self.total.add(window);
        self.seconds.entry(second).or_default().add(window);
    }

    fn merge(&mut self, other: &CaseResult) {
        for (second, window) in &other.seconds {
            self.add_window(*second, window);
        }
        self.drivers.extend_from_slice(&other.drivers);
        self.servers.extend_from_slice(&other.servers);
        self.ends.extend_from_slice(&other.ends);
        self.drivers.sort_by_key(|d| (d.case, d.shard));
        self.servers.sort_by_key(|s| (s.case, s.shard));
        self.ends.sort_by_key(|e| (e.case, e.steady_from_s, e.connect_wall_ns));
    }
    /// True where anything was recorded in the measured window.
    pub fn has_steady(&self) -> bool {
        self.total.phases[Phase::Steady].counts.turns > 0
            || self.total.phases[Phase::Steady].counts.messages > 0
            || Metric::ALL[..4].iter().any(|&m| self.total.latency.of(m).is_some())
    }
}

/// The result of a run, or of several that were merged.
#[derive(Debug, Clone, PartialEq)]
pub struct RunResult {
    /// What was run.
    pub header: Header,
    /// The cases by their number.
    pub cases: BTreeMap<u32, CaseResult>,
    /// Ends of the merged files; fewer than `parts` where one was cut.
    pub ends: Vec<End>,
    /// How many files were merged.
    pub parts: usize,
}

impl RunResult {
    /// An empty result of a run.
    pub fn new(header: Header) -> RunResult {
        RunResult { header, cases: BTreeMap::new(), ends: Vec::new(), parts: 1 }
    }
    /// The description of a case.
    pub fn info(&self, case: u32) -> Option<&CaseInfo> {
        self.header.cases.iter().find(|c| c.case == case)
    }
    /// True where a file was cut or a run was stopped.
    pub fn is_partial(&self) -> bool {
        self.ends.len() < self.parts || self.ends.iter().any(|e| e.reason != "complete")
    }
    /// Adds another result of the same plan.
    ///
    /// # Errors
    /// A sentence, where the plans differ.
    pub fn merge(&mut self, other: &RunResult) -> Result<(), String> {
        if self.header.plan_hash != other.header.plan_hash {
            return Err(format!(
                "results of different plans do not merge: {:?} has plan {}, {:?} has plan {}; \
                 report them one by one",
                self.header.name, self.header.plan_hash, other.header.name, other.header.plan_hash
            ));
        }
        if other.header.started < self.header.started {
            self.header = other.header.clone();
        }
        for (number, case) in &other.cases {
            self.cases.entry(*number).or_default().merge(case);
        }
        self.ends.extend_from_slice(&other.ends);
        self.ends.sort_by(|a, b| (a.wall_ns, &a.reason).cmp(&(b.wall_ns, &b.reason)));
        self.parts += other.parts;
        Ok(())
    }
}
