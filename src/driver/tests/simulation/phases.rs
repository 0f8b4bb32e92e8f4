//! Every event is in its phase, by the account of the servers and the network: what a server has sent,
//! and when it came to the client.

use crate::driver::tests::simulation::network::ConnectionLog;
use crate::driver::tests::simulation::server::ServerKind;
use crate::driver::tests::simulation::{Scenario, SeedReport};
use crate::record::{Phase, Phases};
use crate::time::TurnPlacement;

/// The phase of a client of a push transport at a moment, from the schedule alone.
fn phase_at(scenario: &Scenario, report: &SeedReport, client: u32, at_ns: u64) -> Phase {
    let schedule = &report.schedule;
    let offset_ns = TurnPlacement::Spread.offset_ns(client, scenario.seed, schedule.interval_ns);
    let from_ns = schedule.start_ns + offset_ns;
    match at_ns {
        at if at >= report.stopped_ns => Phase::Teardown,
        at if at < from_ns => Phase::Setup,
        at if at < from_ns + schedule.warmup_ns => Phase::Warmup,
        at if at < from_ns + schedule.warmup_ns + schedule.duration_ns => Phase::Steady,
        _ => Phase::Cooldown,
    }
}

/// Messages and connections of each phase, by the logs of servers and network.
fn logged(scenario: &Scenario, report: &SeedReport) -> Phases<(u64, u64)> {
    let mut phases: Phases<(u64, u64)> = Phases::default();
    for (connection, whole) in report.connections.iter().zip(&report.log.whole) {
        let ConnectionLog { client, connected_ns, came } = connection;
        let phase = |at_ns| phase_at(scenario, report, *client as u32, at_ns);
        if let Some(at_ns) = connected_ns {
            phases[phase(*at_ns)].1 += 1;
        }
        let arrived =
            whole.iter().filter_map(|end| came.get(came.partition_point(|(_, all)| all < end)));
        arrived.for_each(|(at_ns, _)| phases[phase(*at_ns)].0 += 1);
    }
    phases
}

/// The driver's counts of each phase are those of the servers.
pub(super) fn check(scenario: &Scenario, report: &SeedReport) {
    // Of a poll everything is of the phase of its turn, and a delay line is the client's.
    if scenario.kind == ServerKind::Polling || !scenario.delay.is_none() {
        return;
    }
    let logged = logged(scenario, report);
    // An answer that nobody asked for is none.
    let surplus = scenario.kind == ServerKind::LongPolling && report.log.repeated > 0;
    let counted = |phase: Phase| {
        let counts = report.window.phases[phase].counts;
        (if surplus { logged[phase].0 } else { counts.completed }, counts.connects)
    };
    // A client that ends need not read on.
    for phase in Phase::ALL.into_iter().filter(|phase| *phase != Phase::Teardown) {
        assert_eq!(counted(phase), logged[phase], "messages and connections of {phase:?}");
    }
}
