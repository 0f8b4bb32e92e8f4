//! Lays out the cases of a run in their order: which series, how many clients, in which processes,
//! from which addresses.
//!
//! Separate from `resolve`, which reads settings: here a plan's settings are complete.

use crate::os::Machine;
use crate::plan::shard::{RESERVED_FILES, Split, split};
use crate::plan::{
    Case, CoreSplit, DriverShard, Plan, PlannedSeries, Server, ServerShard, Stretch, workload,
};
use std::collections::BTreeMap;
use std::ops::Range;

/// The most processes of one case on one side.
const MOST_PROCESSES: usize = 1_024;
/// Source addresses as offsets from 127.0.0.0: not 127.0.x.y, which servers listen on, and not
/// the broadcast address.
const SOURCES: Range<u32> = 65_536..0x00ff_ffff;

/// Checks that a client count can be split over a sensible number of processes.
///
/// # Errors
/// A sentence, if the limit of open files is too low for that.
pub(super) fn check_split(clients: u32, machine: &Machine) -> Result<(), String> {
    // No more than the clients themselves, and they are few enough to be listed.
    let parts = split(clients, machine.open_files(), machine.cores).parts.len();
    match parts {
        0..=MOST_PROCESSES => Ok(()),
        _ => Err(format!(
            "{clients} clients need {parts} processes if a process may open {} files; \
             raise the limit (ulimit -Hn) or take fewer clients",
            machine.open_files()
        )),
    }
}

/// Lays out the cases: for each client count its floor and each series, `repeats` times.
pub(super) fn lay_out(
    plan: &Plan,
    clients: &[u32],
    stretch: &BTreeMap<u32, Stretch>,
    machine: &Machine,
) -> Vec<Case> {
    // A closed loop has no schedule to be late for, and without a network it would only spin.
    let timed =
        |paced: bool| plan.series.iter().position(|s| s.interval_ns > 0 && (s.paced || !paced));
    let floor_of = timed(true).or_else(|| timed(false));
    let is_loopback = |series: &PlannedSeries| match plan.server_of(series) {
        Server::Bundled => true,
        Server::External { address, .. } => address.is_ipv4() && address.ip().is_loopback(),
    };
    let mut next_source = SOURCES.start;
    let mut cases = Vec::new();
    for &count in clients {
        for repeat in 0..plan.repeats {
            let floor = floor_of.map(|series| (series, true)).into_iter();
            for (series, floor) in floor.chain((0..plan.series.len()).map(|n| (n, false))) {
                if floor && repeat > 0 {
                    continue;
                }
                if next_source + count > SOURCES.end {
                    next_source = SOURCES.start;
                }
                let loopback = is_loopback(&plan.series[series]);
                let first_source = if loopback { next_source } else { 0 };
                next_source += count;
                let bundled = plan.is_bundled(&plan.series[series]) && !floor;
                // What is pushed comes at the feed's pace.
                let own_pace = plan.series[series].paced && !floor;
                cases.push(Case {
                    index: cases.len() as u32,
                    series,
                    floor,
                    clients: count,
                    repeat,
                    stretch: stretch.get(&count).copied().filter(|_| own_pace),
                    first_source,
                    drivers: drivers(plan, count, machine),
                    servers: if bundled { servers(plan, count, machine) } else { Vec::new() },
                });
            }
        }
    }
    cases
}

/// See [`Plan::halve_clients`]. A case keeps at least one client.
pub(super) fn halve(plan: &mut Plan, machine: &Machine) {
    let half = Machine { cores: (machine.cores / 2).max(1), ..machine.clone() };
    let mut all = std::mem::take(&mut plan.cases);
    for case in &mut all {
        case.clients = (case.clients / 2).max(1);
        case.drivers = drivers(plan, case.clients, &half);
        if !case.servers.is_empty() {
            case.servers = servers(plan, case.clients, machine);
        }
    }
    plan.cases = all;
}

/// See [`Plan::split_cores`]: as many threads as each side has cores.
pub(super) fn split_cores(plan: &mut Plan, cores: &CoreSplit, machine: &Machine) {
    let with = |cores: &[u32]| Machine { cores: cores.len() as u32, ..machine.clone() };
    let driver = with(&cores.driver);
    let server = with(&cores.server);
    let mut all = std::mem::take(&mut plan.cases);
    for case in &mut all {
        case.drivers = drivers(plan, case.clients, &driver);
        if !case.servers.is_empty() {
            case.servers = servers(plan, case.clients, &server);
        }
    }
    plan.cases = all;
}

fn drivers(plan: &Plan, clients: u32, machine: &Machine) -> Vec<DriverShard> {
    // Each client may be a sender with a second connection.
    let files = if plan.feed.workload.is_shared() {
        RESERVED_FILES + machine.open_files().saturating_sub(RESERVED_FILES) / 2
    } else {
        machine.open_files()
    };
    let Split { parts, threads } = split(clients, files, machine.cores);
    let mut first_client = 0;
    let shard = |(index, clients)| {
        let shard = DriverShard { index, first_client, clients, threads };
        first_client += clients;
        shard
    };
    (0..).zip(parts).map(shard).collect()
}

fn servers(plan: &Plan, clients: u32, machine: &Machine) -> Vec<ServerShard> {
    if plan.feed.workload.is_shared() {
        // What one client sends reaches the others within a thread.
        let connections = workload::connections(&plan.feed, clients);
        return vec![ServerShard { index: 0, connections, threads: 1 }];
    }
    let Split { parts, threads } = split(clients, machine.open_files(), machine.cores);
    let shard = |(index, connections)| ServerShard { index, connections, threads };
    (0..).zip(parts).map(shard).collect()
}
