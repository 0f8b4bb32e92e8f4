//! The laws of a run in which the servers publish, whatever network and servers do.

use crate::driver::tests::simulation::server::{Lie, ServerKind, Wrong};
use crate::driver::tests::simulation::{
    MS, STREAMS, Scenario, SeedReport, TIMEOUT_NS, phases, resume, verdict,
};
use crate::record::{Counts, Part, Phase};

/// Whether the server only answers what it is asked.
fn answers(scenario: &Scenario) -> bool {
    !scenario.kind.is_pushed()
}

/// Whether nothing went wrong by which a client sees a fault or connects again.
fn is_clean(scenario: &Scenario, report: &SeedReport) -> bool {
    let log = &report.log;
    let surplus = if answers(scenario) { log.repeated } else { 0 };
    scenario.faults.lie == Lie::None
        && surplus + log.resets + log.ends + log.garbage + log.refused + log.silent == 0
        && scenario.conditions.refuses_one_in == 0
}

/// The laws that hold in every run.
pub(super) fn check(scenario: &Scenario, report: &SeedReport) {
    ends(scenario, report);
    ledger(report);
    what_is_wrong_shows(scenario, report);
    updates(scenario, report);
    phases::check(scenario, report);
    verdict::check(scenario, report);
    if is_clean(scenario, report) && STREAMS.contains(&scenario.kind) {
        payloads(report);
    }
}

/// No client hangs, and each is counted once.
pub(super) fn ends(scenario: &Scenario, report: &SeedReport) {
    let tally = report.tally;
    assert_eq!((report.alive, tally.ended, tally.connected), (0, scenario.clients, 0), "clients");
    // The driver is never late here: turns that were not reached waited for the server or the network.
    assert_eq!(tally.turns_not_started, 0, "turns blocked: {}", tally.turns_blocked);
    let limit_ns = TIMEOUT_NS + scenario.delay.allowance_ns() + 2_000 * MS;
    assert!(report.ended_ns <= report.stopped_ns + limit_ns, "the end took too long");
}

/// Every byte at the socket is in the ledger, and in one part.
pub(super) fn ledger(report: &SeedReport) {
    let SeedReport { window, moved, connected, audit, .. } = report;
    let total = window.phases.total();
    assert_eq!((total.ledger.up.wire.get(), total.ledger.down.wire.get()), *moved, "wire");
    for phase in Phase::ALL {
        let ledger = window.phases[phase].ledger;
        assert_eq!(
            (ledger.up.unexplained(), ledger.down.unexplained()),
            (0, 0),
            "unexplained, {phase:?}"
        );
    }
    assert_eq!((audit.connections, audit.mismatched, audit.unaudited), (*connected, 0, 0), "audit");
    assert_eq!(total.counts.connects, *connected, "connects");
}

fn what_is_wrong_shows(scenario: &Scenario, report: &SeedReport) {
    let SeedReport { window, log, .. } = report;
    let all = window.phases.total().counts;
    let fault = |n: u64| n == 0 || all.faults > 0 || all.reconnects > 0;
    assert!(fault(log.resets) && fault(log.ends) && fault(log.garbage), "faults {log:?}");
    assert!(log.refused == 0 || all.faults > 0, "refusals");
    // However orderly the response ends: a message was cut.
    let cut = log.wrong.iter().any(|(wrong, _)| *wrong == Wrong::Ended);
    assert!(!cut || !STREAMS.contains(&scenario.kind) || all.faults > 0, "cut messages");
    // A second answer comes when nobody has asked, and then the connection cannot be used any more,
    // or when something else was asked, and then it brings nothing new.
    let again = all.updates_duplicated + all.repeated > 0;
    assert!(!answers(scenario) || again || fault(log.repeated), "surplus answers");
    if is_clean(scenario, report) {
        assert_eq!(all.faults, 0, "no fault: {:?}", window.faults);
        assert_eq!(all.reconnects, 0, "reconnects");
    }
}

/// Each update is accounted for once, and every lost one is found.
fn updates(scenario: &Scenario, report: &SeedReport) {
    let SeedReport { window, log, .. } = report;
    let steady = window.phases.steady.counts;
    let Counts {
        updates_published, updates_delivered, updates_superseded, updates_missing, ..
    } = steady;
    let lies = scenario.faults.lie != Lie::None;
    let accounted = updates_delivered + updates_superseded + updates_missing;
    assert!(lies || updates_published == accounted, "accounted: {steady:?}");
    let ahead = scenario.faults.lie == Lie::Ahead;
    assert!(ahead || steady.negative_latencies == 0, "negative latencies");
    if is_clean(scenario, report) && scenario.kind != ServerKind::Polling {
        // Every lost update of the measured window is found, and no other.
        let in_window =
            |(topic, sequence): &&(u32, u64)| resume::in_window(report, *topic).contains(sequence);
        let dropped = log.dropped.iter().filter(in_window).count() as u64;
        assert_eq!(updates_missing, dropped, "lost updates: {steady:?}");
        let all = window.phases.total().counts;
        let repeated = if answers(scenario) { 0 } else { log.repeated };
        assert_eq!(all.updates_duplicated, repeated, "repeats");
    }
}

/// Bytes and count of a message are in the same phase.
fn payloads(report: &SeedReport) {
    for phase in Phase::ALL {
        let of_phase = &report.window.phases[phase];
        let payload = of_phase.counts.completed * u64::from(report.feed.spec.payload_bytes);
        assert_eq!(of_phase.ledger.down[Part::Payload], payload, "payload of {phase:?}");
    }
}
