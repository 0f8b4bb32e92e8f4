//! What a report says of a simulated run: its facts go through the checks of every run.

use crate::driver::tests::simulation::network::{Conditions, STALL_NS};
use crate::driver::tests::simulation::server::{AtEnd, ServerKind, Wrong};
use crate::driver::tests::simulation::{Scenario, SeedReport};
use crate::record::Phase;
use crate::report::check::{Check, CheckOutcome, CheckResult};
use crate::report::summarise;
use crate::report::table::Status;
use crate::result::{
    CaseEnd, CaseInfo, CaseResult, DriverEnd, End, Header, RunResult, SCHEMA, ServerEnd, StopReason,
};
use serde_json::json;
use std::collections::BTreeMap;
use std::ops::Range;

fn info(scenario: &Scenario, report: &SeedReport) -> CaseInfo {
    let spec = report.feed.spec;
    CaseInfo {
        case: 0,
        series: "simulated".to_owned(),
        transport: scenario.kind.transport().name().to_owned(),
        clients: scenario.clients,
        repeat: 0,
        floor: false,
        paced: scenario.kind == ServerKind::Polling,
        interval_ns: report.schedule.interval_ns,
        may_stretch: false,
        workload: spec.workload,
        feed_rate_hz: spec.rate_hz,
        feed_rate_stated: true,
        probes_per_s: crate::driver::engine::PROBES_PER_S,
        payload_bytes: spec.payload_bytes,
        duration_ns: report.schedule.duration_ns,
        bundled_server: true,
        absent: BTreeMap::new(),
        model: None,
        connection_each_turn: false,
        network: true,
    }
}

/// Puts a run into the form of a result.
fn result(scenario: &Scenario, report: &SeedReport) -> RunResult {
    let spec = serde_json::to_value(report.feed.spec).expect("a feed");
    let mut result = RunResult::new(Header {
        schema: SCHEMA.to_owned(),
        name: "simulated".to_owned(),
        started: "2026-11-22T08:00:00Z".to_owned(),
        plan: json!({
            "name": "simulated",
            "feed": spec,
            "delay": { "one_way_ns": scenario.delay.one_way_ns },
            "timing": { "resolution_ns": 500_000 },
        }),
        plan_hash: "0".to_owned(),
        build: "wsbench".to_owned(),
        host: BTreeMap::new(),
        cases: vec![info(scenario, report)],
        curves: Vec::new(),
        limits: Vec::new(),
        source: None,
    });
    let mut case = CaseResult::default();
    case.add_window(0, &report.window);
    case.drivers.push(DriverEnd {
        clients: scenario.clients,
        connected: report.connected_at_start,
        connected_peak: report.tally.connected_peak,
        tcp: report.tcp,
        audit: report.audit,
        turns_not_started: report.tally.turns_not_started,
        turns_blocked: report.tally.turns_blocked,
        ..DriverEnd::default()
    });
    case.servers.push(ServerEnd {
        connections: report.connected,
        received: report.served.0,
        sent: report.served.1,
        ..ServerEnd::default()
    });
    case.ends.push(CaseEnd {
        steady_from_s: 1,
        steady_until_s: 2,
        interval_ns: report.schedule.interval_ns,
        duration_ns: report.schedule.duration_ns,
        ..CaseEnd::default()
    });
    result.cases.insert(0, case);
    result.ends.push(End { reason: StopReason::Complete, wall_ns: report.ended_ns, sha256: None });
    result
}

/// The status of the run, and the checks that did not pass.
pub(super) fn of(scenario: &Scenario, report: &SeedReport) -> (Status, Vec<CheckResult>) {
    let table = summarise(&result(scenario, report));
    let bad = |check: &&CheckResult| {
        matches!(check.outcome, CheckOutcome::Failed | CheckOutcome::NotMade)
    };
    let checks = table.rows.iter().flat_map(|row| &row.checks).filter(bad).cloned().collect();
    (table.verdict.status, checks)
}

/// Whether clients poll more often than a round trip takes: they fall behind for good, and none comes to
/// the end of its load to say what was published.
fn falls_behind(scenario: &Scenario, report: &SeedReport) -> bool {
    let round_trip_ns = 4 * scenario.conditions.latency_ns + 2 * scenario.delay.one_way_ns;
    let is_slow = round_trip_ns >= report.schedule.interval_ns;
    scenario.kind == ServerKind::Polling && (is_slow || scenario.conditions.stalls_one_in > 0)
}

/// The part of the measured window in which each client measures, whatever the network does to what is sent
/// there: a client's window begins up to an interval later, and what is sent at its end comes later.
fn inner_window(scenario: &Scenario, report: &SeedReport) -> Range<u64> {
    let (from_ns, until_ns) = report.measured_ns;
    let margin_ns = report.schedule.interval_ns + 4 * scenario.conditions.latency_ns;
    let margin_ns = margin_ns + 2 * scenario.delay.one_way_ns;
    // A reset or an end that stalls reaches the client after the window.
    let stall_ns = if scenario.conditions.stalls_one_in > 0 { STALL_NS } else { 0 };
    let margin_ns = margin_ns + stall_ns;
    from_ns + margin_ns..until_ns - margin_ns
}

/// Whether something went wrong in the measured window that the figures must show, in a scenario that
/// gives what is needed to see it: the bundled server, whose updates are known by number and time.
fn must_show(scenario: &Scenario, report: &SeedReport) -> bool {
    let (from_ns, until_ns) = report.measured_ns;
    let inner = inner_window(scenario, report);
    let answers = matches!(scenario.kind, ServerKind::Polling | ServerKind::LongPolling);
    let polls = scenario.kind == ServerKind::Polling;
    report.log.wrong.iter().any(|(wrong, at_ns)| match wrong {
        // From there to the end of the window.
        Wrong::Silent => *at_ns < from_ns + (until_ns - from_ns) / 2,
        // A poll that finds its connection gone is sent again.
        Wrong::Reset if polls => false,
        // They are counted, and change no figure.
        Wrong::Repeated | Wrong::EndedInOrder => false,
        // After an answer that nobody asked for, the client has closed the connection itself.
        Wrong::Reset | Wrong::Ended | Wrong::Garbage if answers && report.log.repeated > 0 => false,
        Wrong::Dropped | Wrong::Reset | Wrong::Ended | Wrong::Garbage => inner.contains(at_ns),
        Wrong::Refused | Wrong::Lied(_) => inner.contains(at_ns),
    })
}

/// Whether all that is wrong are exchanges that failed and are counted, no more than one in a hundred of
/// all: so many may, and the report says so.
fn fails_rarely(scenario: &Scenario, report: &SeedReport) -> bool {
    let fails = |wrong: &Wrong| matches!(wrong, Wrong::Garbage | Wrong::Ended | Wrong::Reset);
    let counts = report.window.phases[Phase::Steady].counts;
    let all = counts.completed + counts.faults;
    let inner = inner_window(scenario, report);
    let wrong = report.log.wrong.iter().filter(|(_, at_ns)| inner.contains(at_ns)).count() as u64;
    report.log.wrong.iter().all(|(wrong, _)| fails(wrong))
        && (wrong..=all / 100).contains(&counts.faults)
}

/// A run in which something is wrong is never valid, and one in which nothing is wrong is.
pub(super) fn check(scenario: &Scenario, report: &SeedReport) {
    let (status, checks) = of(scenario, report);
    if must_show(scenario, report) && !fails_rarely(scenario, report) {
        let wrong = &report.log.wrong;
        let (inner, phases) = (inner_window(scenario, report), &report.window.phases);
        let faults = Phase::ALL.map(|phase| phases[phase].counts.faults);
        let text = format!("{wrong:?} in {inner:?}, faults by phase {faults:?}");
        assert_ne!(status, Status::Valid, "valid, though wrong: {text}");
    }
    // A network that stalls may keep the window's last messages until after it.
    let Conditions { refuses_one_in, stalls_one_in, .. } = scenario.conditions;
    let refuses = refuses_one_in > 0 || stalls_one_in > 0;
    if report.log.wrong.is_empty() && !refuses && !falls_behind(scenario, report) {
        let counts = report.window.phases[Phase::Steady].counts;
        // A server that goes on has sent what no client reads, and one that resets has not read what clients
        // sent last: these are bytes of its own account only. One that reorders sends an update a period late.
        let ends_apart = matches!(scenario.faults.at_end, AtEnd::GoesOn | AtEnd::Resets);
        let (from_ns, until_ns) = report.measured_ns;
        let window_s = (until_ns - from_ns) as f64 / 1e9;
        let is_late = |check: &CheckResult| {
            let came = check.value.value().unwrap_or(0.0);
            let planned = f64::from(scenario.clients) * scenario.rate_hz * window_s;
            scenario.faults.reorders > 0 && came >= planned - 2.0 * f64::from(scenario.clients)
        };
        let is_that = |check: &CheckResult| match check.check {
            Check::ServerAgrees => ends_apart,
            Check::FeedHeld => is_late(check),
            _ => false,
        };
        let is_valid = status == Status::Valid || !checks.is_empty() && checks.iter().all(is_that);
        assert!(is_valid, "nothing is wrong: {checks:#?} {counts:#?}");
    }
}
