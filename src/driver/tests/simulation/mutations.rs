//! Each law can fail: a run in which nothing is wrong, one fact of which is changed, breaks the law that
//! holds this fact, and no other.

use crate::driver::tests::simulation::server::{ServerFaults, ServerKind, Wrong};
use crate::driver::tests::simulation::{
    MS, PLAIN, Scenario, SeedReport, check, echo, resume, shared,
};
use crate::feed::Workload;
use crate::record::Part;
use crate::time::Delay;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What the broken law says first, and what breaks it.
type Mutation = (&'static str, fn(&mut SeedReport));

/// The moment in the middle of the measured window.
fn middle_ns(report: &SeedReport) -> u64 {
    u64::midpoint(report.measured_ns.0, report.measured_ns.1)
}

/// An update of the measured window.
fn measured_update(report: &SeedReport) -> (u32, u64) {
    let topic = crate::feed::Topic(1);
    (topic.0, report.feed.published_before(topic, middle_ns(report)))
}

/// Laws of every transport.
const OF_ALL: &[Mutation] = &[
    // A client hangs, is not counted, or is counted as connected after its end.
    ("clients", |r| r.alive += 1),
    ("clients", |r| r.tally.ended -= 1),
    ("clients", |r| r.tally.connected += 1),
    ("turns blocked", |r| r.tally.turns_not_started += 1),
    ("the end took too long", |r| r.ended_ns += 10_000 * MS),
    // A byte too many, too few, in no part, or in two.
    ("wire", |r| r.window.phases.steady.ledger.up.wire += 1),
    ("wire", |r| r.window.phases.teardown.ledger.down.wire += 1),
    ("wire", |r| r.moved.0 += 1),
    ("wire", |r| r.moved.1 -= 1),
    ("unexplained", |r| r.window.phases.setup.ledger.up[Part::Heads] += 1),
    ("unexplained", |r| r.window.phases.steady.ledger.down[Part::Payload] += 1),
    ("audit", |r| r.audit.mismatched += 1),
    ("audit", |r| r.audit.unaudited += 1),
    ("audit", |r| r.audit.connections -= 1),
    ("connects", |r| r.window.phases.setup.counts.connects += 1),
    ("accounted", |r| r.window.phases.steady.counts.updates_published += 1),
    ("accounted", |r| r.window.phases.steady.counts.updates_delivered -= 1),
    // What went wrong and does not show, or shows and did not go wrong.
    ("faults", |r| r.log.resets += 1),
    ("faults", |r| r.log.ends += 1),
    ("faults", |r| r.log.garbage += 1),
    ("refusals", |r| r.log.refused += 1),
    ("no fault", |r| r.window.phases.warmup.counts.faults += 1),
    ("reconnects", |r| r.window.phases.steady.counts.reconnects += 1),
    ("negative latencies", |r| r.window.phases.steady.counts.negative_latencies += 1),
    // The verdict says what is not so.
    ("nothing is wrong", |r| r.served.1 += 1),
    ("nothing is wrong", |r| r.connected_at_start -= 1),
    ("valid, though wrong", |r| r.log.wrong.push((Wrong::Dropped, middle_ns(r)))),
    ("valid, though wrong", |r| r.log.wrong.push((Wrong::Silent, r.measured_ns.0))),
];

/// Laws of a transport whose updates all come.
const OF_PUSHED: &[Mutation] = &[
    // A lost update is not found, or one that is not lost.
    ("lost updates", |r| {
        let lost = measured_update(r);
        r.log.dropped.insert(lost);
    }),
    ("lost updates", |r| {
        let counts = &mut r.window.phases.steady.counts;
        counts.updates_delivered -= 1;
        counts.updates_missing += 1;
    }),
    ("repeats", |r| r.window.phases.steady.counts.updates_duplicated += 1),
    ("messages and connections", |r| r.log.served[0].whole.truncate(1)),
];

/// Laws of the phases.
const OF_PHASES: &[Mutation] = &[
    // An event in a phase that did not run, one that is counted nowhere, and one that never was.
    ("messages and connections", |r| {
        r.window.phases.steady.counts.completed -= 1;
        r.window.phases.cooldown.counts.completed += 1;
    }),
    ("messages and connections", |r| {
        r.window.phases.setup.counts.connects -= 1;
        r.window.phases.warmup.counts.connects += 1;
    }),
    ("messages and connections", |r| r.window.phases.setup.counts.completed -= 1),
    ("messages and connections", |r| r.window.phases.warmup.counts.completed += 1),
    ("messages and connections", |r| r.connections[0].came.truncate(1)),
];

/// Laws of a transport whose server is not asked.
const OF_STREAMS: &[Mutation] = &[
    // A second message of an update is not found.
    ("repeats", |r| r.log.repeated += 1),
    // An end within a message passes for an orderly one.
    ("cut messages", |r| r.log.wrong.push((Wrong::Ended, middle_ns(r)))),
    // The bytes of the messages are not those of their number.
    ("payload of", |r| {
        let down = &mut r.window.phases.steady.ledger.down;
        down[Part::Payload] += 1;
        down[Part::Framing] -= 1;
    }),
];

/// Laws of a transport whose clients take turns.
const OF_POLLED: &[Mutation] =
    &[("messages and connections", |r| r.log.served[0].asked.truncate(1))];

/// Laws of a transport whose server is asked.
const OF_ANSWERS: &[Mutation] = &[("surplus answers", |r| r.log.repeated += 1)];

/// Laws of an echo.
const OF_ECHOES: &[Mutation] = &[
    ("clients", |r| r.alive += 1),
    ("clients", |r| r.tally.ended -= 1),
    ("wire", |r| r.moved.0 += 1),
    ("unexplained", |r| r.window.phases.steady.ledger.down[Part::Payload] += 1),
    ("audit", |r| r.audit.mismatched += 1),
    ("audit", |r| r.audit.unaudited += 1),
    ("accounted", |r| r.window.phases.steady.counts.updates_published += 1),
    ("answered", |r| r.window.phases.steady.counts.completed += 1),
    ("answered", |r| r.echoes.answered.set(r.echoes.answered.get() + 1)),
    ("faults", |r| r.echoes.cut.set(1)),
    ("lost", |r| {
        let counts = &mut r.window.phases.steady.counts;
        counts.updates_delivered -= 1;
        counts.updates_missing += 1;
    }),
];

/// Laws of clients that send to each other.
const OF_SHARED: &[Mutation] = &[
    ("clients", |r| r.alive += 1),
    ("clients", |r| r.tally.ended -= 1),
    ("turns blocked", |r| r.tally.turns_not_started += 1),
    ("wire", |r| r.moved.0 += 1),
    ("unexplained", |r| r.window.phases.steady.ledger.up[Part::Payload] += 1),
    ("audit", |r| r.audit.connections -= 1),
    ("connects", |r| r.window.phases.setup.counts.connects += 1),
    // A message is sent again, not counted, counted though nobody got it, or of another phase.
    ("sent twice", |r| r.hub.came.push(r.hub.came[0])),
    ("sent in", |r| r.window.phases.steady.counts.sent -= 1),
    ("sent in", |r| _ = r.hub.came.pop()),
    ("sent in", |r| {
        r.window.phases.warmup.counts.sent -= 1;
        r.window.phases.steady.counts.sent += 1;
    }),
    ("accounted", |r| r.window.phases.steady.counts.updates_published += 1),
    ("published", |r| {
        let counts = &mut r.window.phases.steady.counts;
        counts.updates_published -= 1;
        counts.updates_delivered -= 1;
    }),
    // One that came is not counted, is missing, or came again; or one is counted that never came.
    ("received", |r| r.window.phases.warmup.counts.messages -= 1),
    ("received", |r| {
        let counts = &mut r.window.phases.steady.counts;
        counts.updates_delivered -= 1;
        counts.updates_missing += 1;
    }),
    ("received", |r| r.window.phases.steady.counts.updates_duplicated += 1),
    ("received", |r| r.window.phases.cooldown.counts.lost += 1),
    ("received", |r| _ = receiving(r).pop()),
    ("received", |r| {
        let again = receiving(r)[0];
        receiving(r).push(again);
    }),
    ("no fault", |r| r.window.phases.steady.counts.faults += 1),
    ("nothing is wrong", |r| r.served.1 += 1),
    ("nothing is wrong", |r| r.connected_at_start -= 1),
];

/// What a report must not say of clients that send to each other.
const OF_SHARED_VERDICTS: &[Mutation] = &[("valid, though wrong", |r| {
    let middle = receiving(r).len() / 2;
    receiving(r).remove(middle);
})];

/// The updates that came over the first connection that has any.
fn receiving(report: &mut SeedReport) -> &mut Vec<(u64, u64)> {
    let mut served = report.log.served.iter_mut().map(|served| &mut served.updates);
    served.find(|updates| !updates.is_empty()).expect("something came")
}

#[test]
fn each_law_of_clients_that_send_to_each_other_fails_if_what_it_holds_is_not_so() {
    for kind in ServerKind::ALL {
        for workload in [Workload::Broadcast, Workload::Tracker] {
            let scenario = correct_run(kind, workload);
            breaks(shared::check, &scenario, OF_SHARED);
            breaks(shared::check, &scenario, OF_PHASES);
            breaks(shared::verdicts, &scenario, OF_SHARED_VERDICTS);
        }
    }
}

/// Laws of event streams with ids.
const OF_RESUMED: &[Mutation] = &[
    ("resumed", |r| {
        let counts = &mut r.window.phases.steady.counts;
        counts.updates_delivered -= 1;
        counts.updates_missing += 1;
    }),
    ("resumed", |r| r.window.phases.setup.counts.lost += 1),
    ("resumed", |r| r.window.phases.steady.counts.updates_duplicated += 1),
    ("resumed", |r| _ = receiving(r).remove(1)),
    ("resumed", |r| {
        let again = receiving(r)[0];
        receiving(r).push(again);
    }),
];

/// Laws of event streams whose server sends again what was missed.
const OF_REPLAYED: &[Mutation] = &[
    ("lost, though sent again", |r| {
        // Rightly said to be missing, and never left out.
        let topic = r.log.served[0].topic;
        let window = resume::in_window(r, topic);
        let lost = u64::midpoint(window.start, window.end);
        let of_topic = r.log.served.iter_mut().filter(|served| served.topic == topic);
        of_topic.for_each(|served| served.updates.retain(|(_, update)| *update != lost));
        let counts = &mut r.window.phases.steady.counts;
        counts.updates_delivered -= 1;
        counts.updates_missing += 1;
        counts.lost += 1;
    }),
    ("counted twice", |r| {
        let again = receiving(r)[0];
        receiving(r).push(again);
        r.window.phases.steady.counts.updates_duplicated += 1;
    }),
];

#[test]
fn each_law_of_events_with_ids_fails_if_what_it_holds_is_not_so() {
    let correct = correct_run(ServerKind::Sse, Workload::Ticker);
    for forgets in [false, true] {
        let faults = ServerFaults { ids: true, forgets, resets: 9, ..correct.faults };
        let scenario = Scenario { faults, ..correct };
        breaks(resume::check, &scenario, OF_RESUMED);
        if !forgets {
            breaks(resume::check, &scenario, OF_REPLAYED);
        }
    }
}

/// A run in which nothing is wrong.
fn correct_run(kind: ServerKind, workload: Workload) -> Scenario {
    let delay = Delay::default();
    let (faults, conditions, rate_hz) = (ServerFaults::default(), PLAIN, 20.0);
    Scenario { kind, workload, faults, conditions, rate_hz, delay, clients: 2, ..Scenario::of(0) }
}

/// Returns what the broken law says; nothing if all hold.
fn broken(
    law: fn(&Scenario, &SeedReport),
    scenario: &Scenario,
    report: &SeedReport,
) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(|| law(scenario, report))).err()?;
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
}

fn breaks(law: fn(&Scenario, &SeedReport), scenario: &Scenario, mutations: &[Mutation]) {
    assert_eq!(broken(law, scenario, &scenario.run()), None, "{:?}", scenario.kind);
    for (n, (name, mutate)) in mutations.iter().enumerate() {
        let mut report = scenario.run();
        mutate(&mut report);
        let said = broken(law, scenario, &report);
        let begins =
            |said: &String| said.starts_with(name) || said.contains(&format!("failed: {name}"));
        let names = said.as_ref().is_some_and(begins);
        assert!(names, "{:?}: change {n} has to break \"{name}\": {said:?}", scenario.kind);
    }
}

#[test]
fn each_law_fails_if_what_it_holds_is_not_so() {
    for kind in ServerKind::ALL {
        let scenario = correct_run(kind, Workload::Ticker);
        breaks(check, &scenario, OF_ALL);
        breaks(check, &scenario, OF_PHASES);
        let polls = kind == ServerKind::Polling;
        breaks(check, &scenario, if polls { OF_POLLED } else { OF_PUSHED });
        breaks(check, &scenario, if kind.is_pushed() { OF_STREAMS } else { OF_ANSWERS });
    }
}

#[test]
fn each_law_of_the_phases_fails_behind_a_delay_line_and_tls() {
    for kind in ServerKind::ALL {
        let scenario = correct_run(kind, Workload::Ticker);
        let delay = Delay { one_way_ns: 10 * MS, ..Delay::default() };
        for scenario in [Scenario { delay, ..scenario }, Scenario { tls: true, ..scenario }] {
            breaks(check, &scenario, OF_PHASES);
        }
        breaks(check, &Scenario { delay, tls: true, ..scenario }, OF_PHASES);
    }
}

#[test]
fn each_law_of_an_echo_fails_if_what_it_holds_is_not_so() {
    breaks(echo::check, &correct_run(ServerKind::WebSocket, Workload::Echo), OF_ECHOES);
}
