//! The cases of a series at one client count, with everything of their repeats in one place.

use crate::feed::Workload;
use crate::record::{Counts, Window};
use crate::result::{CaseEnd, CaseInfo, CaseResult, DriverEnd, RunResult, ServerEnd};
use serde_json::Value;

/// Cases that differ only in their repeat.
pub(super) struct Group<'a> {
    /// The first of them.
    pub(super) info: &'a CaseInfo,
    /// Those that have a result.
    pub(super) cases: Vec<(&'a CaseInfo, &'a CaseResult)>,
    /// Cases that were planned and have no result.
    pub(super) missing: u64,
    /// Times that they were measured.
    pub(super) runs: u64,
    /// Everything recorded.
    pub(super) total: Window,
    pub(super) drivers: Vec<&'a DriverEnd>,
    pub(super) servers: Vec<&'a ServerEnd>,
    pub(super) ends: Vec<&'a CaseEnd>,
    /// Whether its clients listen at a WebSocket of another server and send it nothing.
    pub(super) is_silent_websocket: bool,
}

/// The groups of a result in the order of its plan.
pub(super) fn all(result: &RunResult) -> Vec<Group<'_>> {
    let mut groups: Vec<Group> = Vec::new();
    for info in &result.header.cases {
        let same = |g: &Group| {
            g.info.series == info.series
                && g.info.clients == info.clients
                && g.info.floor == info.floor
        };
        let at = groups.iter().position(same).unwrap_or_else(|| {
            groups.push(Group {
                is_silent_websocket: is_silent_websocket(info, &result.header.plan),
                ..Group::new(info)
            });
            groups.len() - 1
        });
        groups[at].add(info, result.cases.get(&info.case));
    }
    groups
}

impl<'a> Group<'a> {
    fn new(info: &'a CaseInfo) -> Group<'a> {
        Group {
            info,
            cases: Vec::new(),
            missing: 0,
            runs: 0,
            total: Window::default(),
            drivers: Vec::new(),
            servers: Vec::new(),
            ends: Vec::new(),
            is_silent_websocket: false,
        }
    }

    fn add(&mut self, info: &'a CaseInfo, case: Option<&'a CaseResult>) {
        let Some(case) = case else {
            self.missing += 1;
            return;
        };
        self.runs += case.ends.len().max(1) as u64;
        self.total.add(&case.total);
        self.drivers.extend(&case.drivers);
        self.servers.extend(&case.servers);
        self.ends.extend(&case.ends);
        self.cases.push((info, case));
    }

    /// Counts of the measured windows.
    pub(super) fn counts(&self) -> &Counts {
        &self.total.phases.steady.counts
    }
    /// The measured windows of all repeats together, in seconds.
    pub(super) fn measured_s(&self) -> f64 {
        self.ends.iter().map(|e| e.duration_ns as f64 / 1e9).sum()
    }
    /// Clients asked for, over all that was measured.
    pub(super) fn asked(&self) -> u64 {
        u64::from(self.info.clients) * self.runs
    }
    /// Clients connected when the load began, over all that was measured.
    pub(super) fn connected(&self) -> u64 {
        self.drivers.iter().map(|d| u64::from(d.connected)).sum()
    }
    /// Why the plan knows that a figure cannot be known.
    pub(super) fn planned_absence(&self, figure: &str) -> Option<&str> {
        self.info.absent.get(figure).map(String::as_str)
    }
}

fn is_silent_websocket(info: &CaseInfo, plan: &Value) -> bool {
    let own = |series: &&Value| series["label"] == info.series.as_str();
    let series = plan["series"].as_array().and_then(|all| all.iter().find(own));
    // What clients send themselves is answered.
    let listens = !info.paced && !info.floor && info.workload == Workload::Ticker;
    let subscribes = |series: &Value| series["params"]["conversation"]["steps"].is_array();
    listens
        && !info.bundled_server
        && info.transport == "websocket"
        && series.is_some_and(|series| !subscribes(series))
}

/// Whole seconds over which costs were read.
pub(super) fn window_s(end: &CaseEnd) -> u64 {
    u64::from(end.steady_until_s.saturating_sub(end.steady_from_s))
}
