//! The search for the rate that a machine holds: arithmetic on the steps tried so far.
//!
//! A step holds if the driver was on time: nearly all turns that were due were taken, and the lag
//! stayed below a tenth of the median delivery latency. For polling that median is half of what an
//! update may wait: the interval, or less if a later update takes its place. The search begins at
//! the planned rate and never goes above it. It goes down until a step holds, and then halves what is
//! between that and the slowest that did not, until they are 5 % apart. The run is longer than a
//! step and meets more of what else goes on: an interval 5 % longer than the one that held is tried
//! for about as long as the run, and a tenth longer as often as that is not held.
//!
//! `wsbench calibrate` is something else: it measures the noise of a machine. A step's type and the
//! field of the result file have kept the name `calibration`.

use crate::feed::{Semantics, Spec};
use crate::result::CalibrationStep;

/// Of the turns due, how many must have been taken.
const TAKEN_AT_LEAST: f64 = 0.98;
/// The lag allowed, as a part of the longest wait: a tenth of the median, which is half of it.
const LAG_AT_MOST: f64 = 0.05;
/// How much of the rate that was reached under overload is tried next.
const RESERVE: f64 = 0.85;
/// The least that an interval grows by from step to step.
const LEAST_GROWTH: f64 = 1.1;
/// How far the interval that holds is above one that does not, at the most.
const BRACKET: f64 = 1.05;
/// How much longer the interval of the run is than the shortest step that held.
const MARGIN: f64 = 1.05;
/// Steps at the most.
const MOST_STEPS: usize = 14;
/// Long steps at the most.
const MOST_CONFIRMATIONS: usize = 4;

/// A search for the interval that holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RateSearch {
    planned_ns: u64,
    longest_ns: u64,
    /// The steps so far.
    pub steps: Vec<CalibrationStep>,
    /// The long steps so far.
    pub confirmations: Vec<CalibrationStep>,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SearchStep {
    /// Try this interval, in nanoseconds.
    Try(u64),
    /// Try this interval, in nanoseconds, for as long as the run.
    Confirm(u64),
    /// This interval holds, in nanoseconds.
    Holds(u64),
    /// No interval within the permission holds; the longest one tried, in nanoseconds.
    Fails(u64),
}

/// Returns how long an update may wait for a poll at this interval, in nanoseconds.
pub(crate) fn longest_wait_ns(feed: &Spec, interval_ns: u64) -> u64 {
    match feed.semantics {
        Semantics::Log => interval_ns,
        // A later one is sent in its place.
        Semantics::Snapshot => interval_ns.min(feed.period_ns()),
    }
}

/// True if a step held, in which an update waits for at most `wait_ns`.
pub(crate) fn holds(wait_ns: u64, due: u64, completed: u64, lag_p99_ns: Option<u64>) -> bool {
    let on_time = lag_p99_ns.is_some_and(|lag| lag as f64 <= LAG_AT_MOST * wait_ns as f64);
    due > 0 && completed as f64 >= TAKEN_AT_LEAST * due as f64 && on_time
}

impl RateSearch {
    /// Returns a search from a planned interval up to `most` times it.
    pub(crate) fn new(planned_ns: u64, most: f64) -> RateSearch {
        let longest_ns = (planned_ns as f64 * most.max(1.0)) as u64;
        RateSearch { planned_ns, longest_ns, steps: Vec::new(), confirmations: Vec::new() }
    }

    /// Returns all steps, in their order.
    pub(crate) fn into_steps(self) -> Vec<CalibrationStep> {
        [self.steps, self.confirmations].concat()
    }

    /// Returns what follows from the steps so far.
    pub(crate) fn next(&self) -> SearchStep {
        let Some(last) = self.steps.last() else { return SearchStep::Try(self.planned_ns) };
        let held = self.steps.iter().filter(|step| step.held).map(|step| step.interval_ns).min();
        if let Some(held_ns) = held {
            return self.narrow(held_ns);
        }
        if last.interval_ns >= self.longest_ns || self.steps.len() >= MOST_STEPS {
            return SearchStep::Fails(last.interval_ns);
        }
        // At the rate that was reached, all turns due would take due/completed intervals.
        let reached = last.due as f64 / (last.completed.max(1)) as f64 / RESERVE;
        let longer = last.interval_ns as f64 * reached.clamp(LEAST_GROWTH, 4.0);
        SearchStep::Try((longer as u64).min(self.longest_ns))
    }

    /// Looks between an interval that holds and the longest below it that does not.
    fn narrow(&self, held_ns: u64) -> SearchStep {
        let failed = self.steps.iter().filter(|step| !step.held).map(|step| step.interval_ns);
        let Some(failed_ns) = failed.filter(|ns| *ns < held_ns).max() else {
            return SearchStep::Holds(held_ns);
        };
        let ratio = held_ns as f64 / failed_ns as f64;
        if ratio <= BRACKET || self.steps.len() >= MOST_STEPS {
            return self.confirm(held_ns);
        }
        SearchStep::Try((failed_ns as f64 * ratio.sqrt()) as u64)
    }

    /// Makes sure that what was held for a short time is held.
    fn confirm(&self, held_ns: u64) -> SearchStep {
        let longer = |ns: u64, by: f64| ((ns as f64 * by) as u64).min(self.longest_ns);
        match self.confirmations.last() {
            None => SearchStep::Confirm(longer(held_ns, MARGIN)),
            Some(last) if last.held => SearchStep::Holds(last.interval_ns),
            Some(last) if last.interval_ns >= self.longest_ns => {
                SearchStep::Fails(last.interval_ns)
            }
            // It was held once, and the run says what came of it.
            Some(last) if self.confirmations.len() >= MOST_CONFIRMATIONS => {
                SearchStep::Holds(longer(last.interval_ns, LEAST_GROWTH))
            }
            Some(last) => SearchStep::Confirm(longer(last.interval_ns, LEAST_GROWTH)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A machine that takes `capacity` turns a second at the most.
    fn step(interval_ns: u64, clients: f64, capacity: f64) -> CalibrationStep {
        let due = clients * 3e9 / interval_ns as f64;
        let completed = due.min(capacity * 3.0);
        let lag = if completed < due { 1_000_000_000 } else { 100_000 };
        let (due, completed) = (due as u64, completed as u64);
        let held = holds(interval_ns, due, completed, Some(lag));
        CalibrationStep { interval_ns, due, completed, lag_p99_ns: Some(lag), held }
    }

    #[test]
    fn a_machine_that_holds_the_plan_keeps_it() {
        let mut search = RateSearch::new(1_000_000_000, 4.0);
        assert_eq!(search.next(), SearchStep::Try(1_000_000_000));
        search.steps.push(step(1_000_000_000, 10_000.0, 75_000.0));
        assert_eq!(search.next(), SearchStep::Holds(1_000_000_000));
    }

    #[test]
    fn what_is_not_held_for_as_long_as_the_run_becomes_slower() {
        let mut search = RateSearch::new(1_000_000_000, 4.0);
        while let SearchStep::Try(ns) = search.next() {
            search.steps.push(step(ns, 100_000.0, 60_000.0));
        }
        let SearchStep::Confirm(first) = search.next() else { panic!("{:?}", search.next()) };
        search.confirmations.push(step(first, 100_000.0, 50_000.0));
        let SearchStep::Confirm(second) = search.next() else { panic!("{:?}", search.next()) };
        assert_eq!(second, (first as f64 * LEAST_GROWTH) as u64);
        search.confirmations.push(step(second, 100_000.0, 60_000.0));
        assert_eq!(search.next(), SearchStep::Holds(second));
        let steps = search.clone().into_steps();
        assert_eq!(steps.last().map(|step| (step.interval_ns, step.held)), Some((second, true)));
    }

    /// The median delivery does not grow with the interval once updates replace each other.
    #[test]
    fn a_longer_interval_allows_no_more_lag_than_the_median_latency_does() {
        let held_at = |semantics, lag_ms: u64| {
            let feed = Spec { semantics, ..Spec::PLAIN };
            let wait_ns = longest_wait_ns(&feed, 1_950_000_000);
            holds(wait_ns, 100, 100, Some(lag_ms * 1_000_000))
        };
        assert!(held_at(Semantics::Log, 93) && !held_at(Semantics::Snapshot, 93));
        assert!(held_at(Semantics::Snapshot, 49));
    }

    #[test]
    fn nothing_taken_is_not_held() {
        assert!(!holds(1_000, 0, 0, None));
        assert!(!holds(1_000_000_000, 100, 97, Some(1)));
        assert!(!holds(1_000_000_000, 100, 100, Some(60_000_000)));
        assert!(holds(1_000_000_000, 100, 99, Some(40_000_000)));
    }

    proptest! {
        #[test]
        fn the_search_ends_and_finds_what_holds(capacity in 20_000f64..99_000.0) {
            let mut search = RateSearch::new(1_000_000_000, 10.0);
            let held = loop {
                match search.next() {
                    SearchStep::Try(ns) => search.steps.push(step(ns, 100_000.0, capacity)),
                    SearchStep::Confirm(ns) => {
                        search.confirmations.push(step(ns, 100_000.0, capacity));
                    }
                    SearchStep::Holds(ns) => break ns,
                    SearchStep::Fails(ns) => panic!("gave up at {ns}"),
                }
                prop_assert!(search.steps.len() <= MOST_STEPS);
            };
            let rate = 100_000.0 * 1e9 / held as f64;
            // The driver may take 2 % less than is due.
            let most = capacity / TAKEN_AT_LEAST / MARGIN + 1.0;
            let least = capacity / BRACKET / MARGIN - 1.0;
            prop_assert!((least..=most).contains(&rate), "{rate} of {capacity}");
        }

        #[test]
        fn it_stays_within_its_permission(
            most in 1f64..5.0,
            capacity in 1f64..100_000.0,
            rest in 0.3f64..1.0,
        ) {
            let mut search = RateSearch::new(1_000_000_000, most);
            loop {
                let ns = match search.next() {
                    SearchStep::Try(ns) => {
                        search.steps.push(step(ns, 100_000.0, capacity));
                        ns
                    }
                    SearchStep::Confirm(ns) => {
                        // Something else runs on the machine from now on.
                        search.confirmations.push(step(ns, 100_000.0, capacity * rest));
                        ns
                    }
                    SearchStep::Holds(ns) | SearchStep::Fails(ns) => {
                        prop_assert!(ns as f64 <= 1e9 * most + 1.0 && ns >= 1_000_000_000);
                        break;
                    }
                };
                prop_assert!(ns as f64 <= 1e9 * most + 1.0 && ns >= 1_000_000_000);
                prop_assert!(search.steps.len() <= MOST_STEPS);
                prop_assert!(search.confirmations.len() <= MOST_CONFIRMATIONS);
            }
        }
    }
}
