//! What is legal in a plan and probably not meant.
//!
//! Separate from `resolve`, whose faults end the matter: a run with warnings begins.

use crate::plan::{Plan, PlannedSeries, Timing};
use crate::units::{human_ns, thousands};

/// Polls a second that one core holds, client and server together: two held 75,000 to 80,000
/// with the chapter's heads (a C epoll loop on a two-core Linux 6.18 machine, 25 µs a poll).
const HELD_POLLS_A_CORE: f64 = 37_500.0;

/// Deliveries a second that one core holds where clients send to each other, client and server
/// together.
const HELD_DELIVERIES_A_CORE: f64 = 75_000.0;

/// Sentences on a plan for a machine with so many cores.
pub(super) fn warnings(plan: &Plan, cores: u32) -> Vec<String> {
    let mut said = Vec::new();
    let Timing { warmup_ns, duration_ns, .. } = plan.timing;
    for series in plan.series.iter().filter(|s| s.paced && s.interval_ns > warmup_ns) {
        said.push(format!(
            "{}: the warm-up of {} is shorter than the interval of {}; first exchanges of some \
             clients fall into the measured window",
            series.label,
            human_ns(warmup_ns as f64),
            human_ns(series.interval_ns as f64),
        ));
    }
    let round_trip_ns = plan.delay.one_way_ns.saturating_mul(2);
    let held = |s: &&PlannedSeries| {
        s.paced && s.interval_ns > 0 && s.interval_ns < turn_ns(s, round_trip_ns)
    };
    for series in plan.series.iter().filter(held) {
        said.push(format!(
            "{}: with the delay an exchange takes {} or more, longer than the interval of {}; \
             clients fall behind their schedule",
            series.label,
            human_ns(turn_ns(series, round_trip_ns) as f64),
            human_ns(series.interval_ns as f64),
        ));
    }
    if plan.feed.period_ns() > duration_ns {
        said.push(format!(
            "feed: one update every {} and a measured duration of {}; most clients get none in it",
            human_ns(plan.feed.period_ns() as f64),
            human_ns(duration_ns as f64),
        ));
    }
    said.extend(too_fast(plan, cores));
    said.extend(too_many(plan, cores));
    said.extend(cut_tail(plan));
    said
}

/// The least time of one turn, where each may open a connection first.
fn turn_ns(series: &PlannedSeries, round_trip_ns: u64) -> u64 {
    round_trip_ns.saturating_mul(if series.connection_each_turn { 2 } else { 1 })
}

/// Cases in which clients send each other more than the machine is likely to hold: what one sends
/// is delivered as often as there are clients.
fn too_many(plan: &Plan, cores: u32) -> impl Iterator<Item = String> {
    let held = HELD_DELIVERIES_A_CORE * f64::from(cores);
    let first = plan.cases.iter().filter(|c| !c.floor && c.repeat == 0);
    first.filter(|_| plan.feed.workload.is_shared()).filter_map(move |case| {
        let spec = plan.feed.among(case.clients);
        let rate = f64::from(case.clients) * f64::from(spec.senders) * spec.rate_hz;
        (rate > held).then(|| {
            format!(
                "{} at {} clients: {} senders' messages to all are {} deliveries a second, and \
                 {cores} cores hold about {}: the run is likely to be invalid",
                plan.series_of(case).label,
                thousands(u64::from(case.clients)),
                thousands(u64::from(spec.senders)),
                thousands(rate as u64),
                thousands(held as u64),
            )
        })
    })
}

/// Messages at the end of the measured window that nobody would fetch in time.
fn cut_tail(plan: &Plan) -> impl Iterator<Item = String> {
    let cooldown_ns = plan.timing.cooldown_ns;
    let shared = plan.series.iter().filter(|_| plan.feed.workload.is_shared());
    shared.filter(move |s| s.interval_ns.max(plan.feed.period_ns()) > cooldown_ns).map(move |s| {
        format!(
            "{}: the cool-down of {} is shorter than the interval of {}; the last messages may \
             count as missing",
            s.label,
            human_ns(cooldown_ns as f64),
            human_ns(s.interval_ns.max(plan.feed.period_ns()) as f64),
        )
    })
}

/// Cases that want more exchanges than the machine is likely to hold, without permission to
/// stretch the interval.
fn too_fast(plan: &Plan, cores: u32) -> impl Iterator<Item = String> {
    let held = HELD_POLLS_A_CORE * f64::from(cores);
    let first = plan.cases.iter().filter(|c| !c.floor && c.repeat == 0 && c.stretch.is_none());
    first.filter(|_| plan.bundled()).filter_map(move |case| {
        let series = plan.series_of(case);
        let rate = f64::from(case.clients) * 1e9 / series.interval_ns.max(1) as f64;
        (series.paced && series.interval_ns > 0 && rate > held).then(|| {
            format!(
                "{} at {} clients wants {} exchanges a second, and {cores} cores hold about {}: \
                 the run is likely to be invalid; allow [stretch], lengthen the interval or take \
                 fewer clients",
                series.label,
                thousands(u64::from(case.clients)),
                thousands(rate as u64),
                thousands(held as u64),
            )
        })
    })
}
