//! The cases of a series at one client count, with everything of their repeats in one place.

use crate::feed::Workload;
use crate::record::{ClientError, ClientErrorKind, Counts, Phase, TransportKind, Window};
use crate::result::{CaseEnd, CaseInfo, CaseResult, DriverEnd, RunResult, ServerEnd};
use serde_json::Value;
use std::collections::BTreeMap;

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
    /// Processes of the plan that did not report their end.
    pub(super) silent: SilentProcesses,
    /// Driver threads of each of its cases; 0 if the plan does not say.
    pub(super) threads: u64,
    /// Whether its clients listen at a WebSocket of another server and send it nothing.
    pub(super) is_silent_websocket: bool,
    /// Whether its clients talk to another server, and without TLS.
    pub(super) is_plain_text: bool,
    /// Whether a server of it was measured before in the same run, and went on: its memory began with
    /// what the clients of an earlier case had left.
    pub(super) is_server_used: bool,
}

/// How many processes of a plan did not report their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct SilentProcesses {
    pub(super) drivers: u64,
    pub(super) servers: u64,
}

impl SilentProcesses {
    /// Compares a case with its plan.
    fn of(plan: &Value, info: &CaseInfo, case: &CaseResult) -> SilentProcesses {
        let planned = case_of(info, plan);
        // A case of merged results ran more than once.
        let runs = case.ends.len().max(1);
        let silent = |processes: &str, reported: usize| {
            let planned = planned.and_then(|planned| planned[processes].as_array());
            let planned = planned.map_or(0, |all| all.len() * runs);
            planned.saturating_sub(reported) as u64
        };
        SilentProcesses {
            drivers: silent("drivers", case.drivers.len()),
            servers: silent("servers", case.servers.len()),
        }
    }
}

/// The groups of a result in the order of its plan.
pub(super) fn all(result: &RunResult) -> Vec<Group<'_>> {
    let mut groups: Vec<Group> = Vec::new();
    let firsts = first_cases(result);
    for info in &result.header.cases {
        let same = |g: &Group| {
            g.info.series == info.series
                && g.info.clients == info.clients
                && g.info.floor == info.floor
        };
        let at = groups.iter().position(same).unwrap_or_else(|| {
            groups.push(Group {
                threads: threads(info, &result.header.plan),
                is_silent_websocket: is_silent_websocket(info, &result.header.plan),
                is_plain_text: is_plain_text(info, &result.header.plan),
                ..Group::new(info)
            });
            groups.len() - 1
        });
        let servers = result.cases.get(&info.case).into_iter().flat_map(|case| &case.servers);
        let runs_on = servers.filter_map(|server| server.runs_on_as.as_deref());
        groups[at].is_server_used |= runs_on
            .into_iter()
            .any(|name| firsts.get(name).is_some_and(|first| *first < info.case));
        groups[at].add(info, result.cases.get(&info.case), &result.header.plan);
    }
    groups
}

/// The first case of each server that runs on from case to case. Cases run in the order of their
/// numbers.
fn first_cases(result: &RunResult) -> BTreeMap<&str, u32> {
    let mut firsts = BTreeMap::new();
    for (number, case) in &result.cases {
        for name in case.servers.iter().filter_map(|server| server.runs_on_as.as_deref()) {
            let first = firsts.entry(name).or_insert(*number);
            *first = (*first).min(*number);
        }
    }
    firsts
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
            silent: SilentProcesses::default(),
            threads: 0,
            is_silent_websocket: false,
            is_plain_text: false,
            is_server_used: false,
        }
    }

    fn add(&mut self, info: &'a CaseInfo, case: Option<&'a CaseResult>, plan: &Value) {
        let Some(case) = case else {
            self.missing += 1;
            return;
        };
        self.runs += case.ends.len().max(1) as u64;
        let silent = SilentProcesses::of(plan, info, case);
        self.silent.drivers += silent.drivers;
        self.silent.servers += silent.servers;
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
    /// Whether a server that each case starts did not listen, so that nothing ran.
    pub(super) fn has_not_started(&self) -> bool {
        self.ends.iter().any(|end| end.server_not_ready)
    }
    /// Whether any byte came from the server. The engine "reqwest" does not know of those before an answer
    /// is whole.
    pub(super) fn has_answered(&self) -> bool {
        Phase::ALL.iter().any(|phase| self.total.phases[*phase].ledger.down.wire.get() > 0)
    }
    /// Whether errors are all that clients had: no exchange or message was whole in any phase.
    pub(super) fn is_nobody_served(&self) -> bool {
        let all = self.total.phases.total().counts;
        all.completed == 0 && all.faults > 0
    }
    /// Whether the server has closed every connection, and no byte of an answer came. The engine
    /// "reqwest" does not know of the bytes before an answer is whole.
    pub(super) fn is_closed_without_answer(&self) -> bool {
        let mut phases = Phase::ALL.iter().map(|phase| &self.total.phases[*phase]);
        // The client of a held poll asks again without an error.
        let closed = phases.any(|phase| phase.counts.faults > 0 || phase.counts.reconnects > 0);
        let is_close = |error: &ClientError| match error.kind {
            ClientErrorKind::EarlyClose => error.code == 0,
            ClientErrorKind::Read | ClientErrorKind::Write => {
                matches!(error.code, libc::ECONNRESET | libc::EPIPE)
            }
            _ => false,
        };
        closed && !self.has_answered() && self.total.faults.keys().all(is_close)
    }
    /// Why the plan knows that a figure cannot be known.
    pub(super) fn planned_absence(&self, figure: &str) -> Option<&str> {
        self.info.absent.get(figure).map(String::as_str)
    }
}

/// A case in its plan.
fn case_of<'p>(info: &CaseInfo, plan: &'p Value) -> Option<&'p Value> {
    plan["cases"].as_array().and_then(|all| all.iter().find(|c| c["index"] == info.case))
}

fn threads(info: &CaseInfo, plan: &Value) -> u64 {
    let drivers = case_of(info, plan).and_then(|case| case["drivers"].as_array());
    drivers.into_iter().flatten().filter_map(|driver| driver["threads"].as_u64()).sum()
}

/// The series of a case in its plan.
fn series_of<'p>(info: &CaseInfo, plan: &'p Value) -> Option<&'p Value> {
    let own = |series: &&Value| series["label"] == info.series.as_str();
    plan["series"].as_array().and_then(|all| all.iter().find(own))
}

fn is_plain_text(info: &CaseInfo, plan: &Value) -> bool {
    let tls = match series_of(info, plan) {
        Some(series) if !series["server"].is_null() => &series["tls"],
        _ => &plan["tls"],
    };
    !info.bundled_server && info.network && tls.is_null()
}

fn is_silent_websocket(info: &CaseInfo, plan: &Value) -> bool {
    let series = series_of(info, plan);
    // What clients send themselves is answered.
    let listens = !info.paced && !info.floor && info.workload == Workload::Ticker;
    let subscribes = |series: &Value| series["params"]["conversation"]["steps"].is_array();
    listens
        && !info.bundled_server
        && info.kind() == Some(TransportKind::WebSocket)
        && series.is_some_and(|series| !subscribes(series))
}

/// Whole seconds over which costs were read.
pub(super) fn window_s(end: &CaseEnd) -> u64 {
    u64::from(end.steady_until_s.saturating_sub(end.steady_from_s))
}
