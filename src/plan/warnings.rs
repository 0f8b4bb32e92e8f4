//! Warnings on what is valid in a plan and probably not intended.
//!
//! Separate from `resolve`, whose errors end the command: a run with warnings begins.

use crate::plan::measured::{HELD_DELIVERIES_PER_CORE, HELD_POLLS_PER_CORE};
use crate::plan::{Case, Plan, PlannedSeries, Timing};
use crate::units::{human_ns, thousands};

/// Returns the warnings on a plan for a machine with so many cores.
pub(super) fn plan_warnings(plan: &Plan, cores: u32) -> Vec<String> {
    let mut warnings = Vec::new();
    let Timing { warmup_ns, duration_ns, .. } = plan.timing;
    let shown = |ns: u64| human_ns(ns as f64);
    for series in plan.series.iter().filter(|s| s.paced && s.interval_ns > warmup_ns) {
        let PlannedSeries { label, interval_ns, .. } = series;
        warnings.push(format!(
            "{label}: the warm-up of {} is shorter than the interval of {}; the first exchanges of \
             some clients fall into the measured window",
            shown(warmup_ns),
            shown(*interval_ns),
        ));
    }
    let round_trip_ns = plan.delay.one_way_ns.saturating_mul(2);
    let falls_behind = |s: &&PlannedSeries| {
        s.paced && s.interval_ns > 0 && s.interval_ns < turn_ns(s, round_trip_ns)
    };
    for series in plan.series.iter().filter(falls_behind) {
        warnings.push(format!(
            "{}: with the delay an exchange takes at least {}, longer than the interval of {}; \
             clients will fall behind their schedule",
            series.label,
            human_ns(turn_ns(series, round_trip_ns) as f64),
            human_ns(series.interval_ns as f64),
        ));
    }
    if plan.feed.period_ns() > duration_ns {
        warnings.push(format!(
            "feed: one update every {}, and a measured duration of {}: most clients get none in it",
            human_ns(plan.feed.period_ns() as f64),
            human_ns(duration_ns as f64),
        ));
    }
    warnings.extend(warn_of_rate(plan, cores));
    warnings.extend(warn_of_deliveries(plan, cores));
    warnings.extend(warn_of_cooldown(plan));
    warnings
}

/// Returns the least time of one turn, which may begin with a connect.
fn turn_ns(series: &PlannedSeries, round_trip_ns: u64) -> u64 {
    round_trip_ns.saturating_mul(if series.connection_each_turn { 2 } else { 1 })
}

/// Warns of cases in which clients send each other more than the machine is likely to hold: each
/// message is delivered to all clients.
fn warn_of_deliveries(plan: &Plan, cores: u32) -> impl Iterator<Item = String> {
    let held = HELD_DELIVERIES_PER_CORE * f64::from(cores);
    let first = plan.first_cases().filter(|_| plan.feed.workload.is_shared());
    first.filter_map(move |case| {
        let spec = plan.feed.among(case.clients);
        let rate = f64::from(case.clients) * f64::from(spec.senders) * spec.rate_hz;
        (rate > held).then(|| {
            format!(
                "{} at {} clients: {} senders' messages to all are {} deliveries a second, and \
                 {cores} cores hold about {}: the run will probably be invalid",
                plan.series_of(case).label,
                thousands(u64::from(case.clients)),
                thousands(u64::from(spec.senders)),
                thousands(rate as u64),
                thousands(held as u64),
            )
        })
    })
}

/// Warns of messages at the end of the measured window that would not be fetched in time.
fn warn_of_cooldown(plan: &Plan) -> impl Iterator<Item = String> {
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

/// Warns of cases that plan more exchanges than the machine is likely to hold, without permission
/// to lengthen the interval.
fn warn_of_rate(plan: &Plan, cores: u32) -> impl Iterator<Item = String> {
    let held = HELD_POLLS_PER_CORE * f64::from(cores);
    let is_bundled = |case: &&Case| plan.is_bundled(plan.series_of(case));
    let first = plan.first_cases().filter(is_bundled).filter(|case| case.stretch.is_none());
    first.filter_map(move |case| {
        let series = plan.series_of(case);
        let rate = f64::from(case.clients) * 1e9 / series.interval_ns.max(1) as f64;
        (series.paced && series.interval_ns > 0 && rate > held).then(|| {
            format!(
                "{} at {} clients plans {} exchanges a second, and {cores} cores hold about {}: \
                 the run will probably be invalid; allow [stretch], lengthen the interval or \
                 take fewer clients",
                series.label,
                thousands(u64::from(case.clients)),
                thousands(rate as u64),
                thousands(held as u64),
            )
        })
    })
}
