//! Event streams with ids: what a client asks for after its connection was lost, and what comes of it if the
//! server sends again what was missed, or does not.

use crate::driver::tests::simulation::arrivals::came_ns;
use crate::driver::tests::simulation::{MS, Scenario, SeedReport, laws};
use crate::feed::Topic;
use std::collections::BTreeMap;
use std::ops::Range;

/// The updates of a topic that are published in the measured window.
pub(super) fn in_window(report: &SeedReport, topic: u32) -> Range<u64> {
    let before = |ns| report.feed.published_before(Topic(topic), ns);
    let (from_ns, until_ns) = report.measured_ns;
    before(from_ns) + 1..before(until_ns) + 1
}

/// What has come of each topic, by the account of servers and network: of each update how often.
fn arrived(report: &SeedReport, until_ns: u64) -> BTreeMap<u32, BTreeMap<u64, u64>> {
    let mut topics: BTreeMap<u32, BTreeMap<u64, u64>> = BTreeMap::new();
    for (number, served) in report.log.served.iter().enumerate() {
        let updates = topics.entry(served.topic).or_default();
        for (end, sequence) in &served.updates {
            if came_ns(report, number, *end).is_some_and(|ns| ns < until_ns) {
                *updates.entry(*sequence).or_default() += 1;
            }
        }
    }
    topics
}

/// What the figures must say of updates that came.
#[derive(Debug, Default, PartialEq, Eq)]
struct ResumedUpdates {
    /// Updates of the measured window, each once, and those that never came.
    delivered: u64,
    missing: u64,
    repeats: u64,
    /// Those between the first and the last one that did not come.
    lost: u64,
}

fn account(report: &SeedReport, until_ns: u64) -> ResumedUpdates {
    let mut account = ResumedUpdates::default();
    for (topic, updates) in arrived(report, until_ns) {
        let window = in_window(report, topic);
        let delivered = updates.range(window.clone()).count() as u64;
        account.delivered += delivered;
        account.missing += window.end - window.start - delivered;
        account.repeats += updates.values().map(|times| times - 1).sum::<u64>();
        if let (Some((first, _)), Some((last, _))) =
            (updates.first_key_value(), updates.last_key_value())
        {
            account.lost += last + 1 - first - updates.len() as u64;
        }
    }
    account
}

/// Updates of the measured window that never came, although the server did not leave them out.
fn missed(report: &SeedReport) -> u64 {
    let mut missed = 0;
    for (topic, updates) in arrived(report, u64::MAX) {
        let left_out = |sequence: &u64| report.log.dropped.contains(&(topic, *sequence));
        let never = |sequence: &u64| !updates.contains_key(sequence) && !left_out(sequence);
        missed += in_window(report, topic).filter(never).count() as u64;
    }
    missed
}

/// The laws of an event stream with ids, beside those of every run.
pub(super) fn check(scenario: &Scenario, report: &SeedReport) {
    laws::check(scenario, report);
    let all = report.window.phases.total().counts;
    let steady = report.window.phases.steady.counts;
    let (sure, most) = (account(report, report.stopped_ns), account(report, u64::MAX));
    // What a delay line holds is lost with the connection.
    let keeps = scenario.delay.is_none() || report.log.resets + report.log.ends == 0;
    let is_finished = steady.updates_published == most.delivered + most.missing;
    if is_finished && keeps && sure == most {
        let reported = ResumedUpdates {
            delivered: steady.updates_delivered,
            missing: steady.updates_missing,
            repeats: all.updates_duplicated,
            lost: all.lost,
        };
        assert_eq!(reported, sure, "resumed");
    } else {
        assert!(steady.updates_delivered <= most.delivered, "resumed with too many: {most:?}");
        assert!(all.updates_duplicated <= most.repeats, "resumed with repeats: {most:?}");
    }
    if scenario.faults.forgets {
        return;
    }
    // The client says what it has: nothing of it comes again, and nothing after it is missed, if there is
    // time to send it again. One that could not be set up misses all, and does not count.
    assert!(all.updates_duplicated <= report.log.repeated, "counted twice: {all:?}");
    let is_fast = scenario.conditions.latency_ns <= MS && scenario.conditions.stalls_one_in == 0;
    if is_fast && is_finished && scenario.delay.is_none() {
        let missed = missed(report);
        assert_eq!(missed, 0, "lost, though sent again");
    }
}
