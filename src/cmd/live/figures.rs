//! What is known of a run while it goes on: of the case that runs, its last whole second, and of each case what
//! it has done so far.
//!
//! Separate from `report`, which says what a run is worth: these figures are shown and forgotten.

use crate::gate::limit::LimitState;
use crate::record::{Metric, Part, Phase, PhaseTotals, Phases, Window};
use crate::report::finding::Decision;
use crate::result::CaseInfo;
use crate::run::{ClientProgress, RunEvent};
use hdrhistogram::Histogram;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Seconds of the rate that are kept.
const KEPT_SECONDS: usize = 60;
/// The latencies that are shown.
pub(super) const SHOWN: [Metric; 4] =
    [Metric::DeliveryLatency, Metric::ResponseLatency, Metric::DriverLag, Metric::ProbeLateness];
/// The upper bounds of a histogram's buckets, in seconds.
pub(super) const BUCKETS_S: [f64; 15] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0,
];

/// Percentiles of the values of one second, in µs; absent where there are too few values.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct LiveLatency {
    /// Values.
    pub count: u64,
    pub p50_us: Option<f64>,
    pub p90_us: Option<f64>,
    pub p99_us: Option<f64>,
    pub max_us: Option<f64>,
}

impl LiveLatency {
    fn of(values: Option<&Histogram<u64>>) -> LiveLatency {
        let Some(values) = values.filter(|values| !values.is_empty()) else {
            return LiveLatency::default();
        };
        let at = |quantile: f64, least: u64| {
            let us = values.value_at_quantile(quantile) as f64 / 1e3;
            (values.len() >= least).then_some(us)
        };
        LiveLatency {
            count: values.len(),
            p50_us: at(0.5, 2),
            p90_us: at(0.9, 10),
            p99_us: at(0.99, 100),
            max_us: Some(values.max() as f64 / 1e3),
        }
    }
}

/// The last whole second.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LiveSecond {
    /// Seconds from the case's epoch.
    pub second: u32,
    /// Phases in which clients were.
    pub phases: Vec<Phase>,
    /// What happened in all of them.
    pub totals: PhaseTotals,
    /// In the order of [`SHOWN`].
    pub latencies: [LiveLatency; SHOWN.len()],
}

/// Values of a latency so far, by the bounds of [`BUCKETS_S`].
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct LiveBuckets {
    /// Values in each bucket, and those above all of them.
    pub counts: [u64; BUCKETS_S.len() + 1],
    /// All values added up, in seconds.
    pub sum_s: f64,
}

impl LiveBuckets {
    fn add(&mut self, values: Option<&Histogram<u64>>) {
        let Some(values) = values else { return };
        for step in values.iter_recorded() {
            let count = step.count_since_last_iteration();
            let seconds = values.median_equivalent(step.value_iterated_to()) as f64 / 1e9;
            self.counts[BUCKETS_S.partition_point(|bound| *bound < seconds)] += count;
            self.sum_s += seconds * count as f64;
        }
    }
    /// Values.
    pub(super) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// What a case has done so far.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LiveCase {
    pub series: String,
    pub clients: u32,
    /// Bytes and counts by phase.
    pub phases: Phases<PhaseTotals>,
    /// In the order of [`SHOWN`].
    pub latencies: [LiveBuckets; SHOWN.len()],
}

/// A run so far.
#[derive(Debug, Clone)]
pub(super) struct LiveFigures {
    /// The scenario's name.
    pub scenario: String,
    /// The place of the case that runs, from 1, and how many there are.
    pub place: (usize, usize),
    /// The case that runs.
    pub info: Option<Box<CaseInfo>>,
    /// What is done in it.
    pub stage: &'static str,
    stage_length: Duration,
    stage_began: Instant,
    pub progress: ClientProgress,
    pub second: Option<LiveSecond>,
    /// Messages of the last seconds, or completed exchanges.
    pub rates: VecDeque<u64>,
    /// Limits of the case that runs, and those of cases that are over.
    pub limits: Vec<LimitState>,
    settled: Vec<LimitState>,
    /// Every case that has begun.
    pub cases: Vec<LiveCase>,
}

/// Figures that are shown in several ways.
pub(super) type SharedFigures = Arc<Mutex<LiveFigures>>;

/// Locks them: they are whole even if a holder of the lock panicked.
pub(super) fn lock(figures: &SharedFigures) -> MutexGuard<'_, LiveFigures> {
    figures.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LiveFigures {
    pub(super) fn new(scenario: &str) -> LiveFigures {
        LiveFigures {
            scenario: scenario.to_owned(),
            place: (0, 0),
            info: None,
            stage: "starting",
            stage_length: Duration::ZERO,
            stage_began: Instant::now(),
            progress: ClientProgress::default(),
            second: None,
            rates: VecDeque::new(),
            limits: Vec::new(),
            settled: Vec::new(),
            cases: Vec::new(),
        }
    }

    /// Takes what a run says.
    pub(super) fn absorb(&mut self, news: &RunEvent) {
        match news {
            RunEvent::Case { place, of, info } => {
                self.place = (*place, *of);
                self.cases.push(LiveCase {
                    series: info.series.clone(),
                    clients: info.clients,
                    phases: Phases::default(),
                    latencies: Default::default(),
                });
                self.info = Some(info.clone());
                self.progress = ClientProgress::default();
                self.second = None;
                self.rates.clear();
            }
            RunEvent::Stage { name, length_ns } => {
                self.stage = name;
                self.stage_length = Duration::from_nanos(*length_ns);
                self.stage_began = Instant::now();
            }
            RunEvent::Progress(progress) => self.progress = *progress,
            RunEvent::Second { second, window } => self.add(*second, window),
            RunEvent::Warning(_) => {}
        }
    }

    fn add(&mut self, second: u32, window: &Window) {
        let totals = window.phases.total();
        self.rates.push_back(totals.counts.completed);
        if self.rates.len() > KEPT_SECONDS {
            self.rates.pop_front();
        }
        self.second = Some(LiveSecond {
            second,
            phases: window.phases.used().collect(),
            totals,
            latencies: SHOWN.map(|metric| LiveLatency::of(window.latency.of(metric))),
        });
        let Some(case) = self.cases.last_mut() else { return };
        case.phases += window.phases;
        for (buckets, metric) in case.latencies.iter_mut().zip(SHOWN) {
            buckets.add(window.latency.of(metric));
        }
    }

    /// Takes where limits stand: of the case that runs, or of one that is over.
    pub(super) fn set_limits(&mut self, states: Vec<LimitState>, is_over: bool) {
        if is_over {
            self.settled.retain(|old| states.iter().all(|new| new.what != old.what));
            self.settled.extend(states);
            self.limits = self.settled.clone();
        } else {
            let own = |old: &&LimitState| states.iter().all(|new| new.what != old.what);
            self.limits = self.settled.iter().filter(own).cloned().collect();
            self.limits.extend(states);
        }
    }

    /// How many limits hold, and how many there are that are decided.
    pub(super) fn limits_kept(&self) -> (usize, usize) {
        let count = |decision| self.limits.iter().filter(|one| one.decision == decision).count();
        let kept = count(Decision::Pass);
        (kept, kept + count(Decision::Fail))
    }

    /// How long the stage still takes, if that is known.
    pub(super) fn left(&self) -> Option<Duration> {
        self.stage_length.checked_sub(self.stage_began.elapsed()).filter(|left| !left.is_zero())
    }

    /// How much of the stage is over, from 0 to 1, if that is known.
    pub(super) fn share_done(&self) -> Option<f64> {
        let length = self.stage_length.as_secs_f64();
        (length > 0.0).then(|| (self.stage_began.elapsed().as_secs_f64() / length).clamp(0.0, 1.0))
    }
}

/// The name of a latency in files, with its unit.
pub(super) fn latency_name(metric: Metric) -> String {
    format!("{}_us", metric.name())
}

/// Every part with its bytes up and down.
pub(super) fn parts(totals: &PhaseTotals) -> impl Iterator<Item = (Part, u64, u64)> + '_ {
    let bytes = |part: &Part| (*part, totals.ledger.up[*part], totals.ledger.down[*part]);
    Part::ALL.iter().map(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Recorder;

    fn second(values: u64) -> Window {
        let mut recorder = Recorder::default();
        recorder.at(Phase::Steady).counts.completed = values;
        recorder.at(Phase::Steady).ledger.down.wire += 100 * values;
        (0..values)
            .for_each(|n| recorder.latency(Phase::Steady, Metric::DeliveryLatency, 1_000_000 + n));
        recorder.take(Window::clone)
    }

    #[test]
    fn seconds_add_up_and_percentiles_need_enough_values() {
        let mut live = LiveFigures::new("x");
        live.cases.push(LiveCase {
            series: "a".to_owned(),
            clients: 1,
            phases: Phases::default(),
            latencies: Default::default(),
        });
        for n in 0..70 {
            live.absorb(&RunEvent::Second { second: n, window: Box::new(second(9)) });
        }
        assert_eq!(live.rates.len(), KEPT_SECONDS);
        let last = live.second.as_ref().expect("a second");
        assert_eq!((last.second, last.totals.counts.completed), (69, 9));
        let latency = last.latencies[0];
        assert!(latency.p50_us.is_some() && latency.p90_us.is_none() && latency.p99_us.is_none());
        assert_eq!(last.latencies[1], LiveLatency::default());
        let case = &live.cases[0];
        assert_eq!(case.phases.steady.ledger.down.wire.get(), 70 * 900);
        assert_eq!(case.latencies[0].count(), 630);
        // 1 ms and a little more is above that bound.
        assert_eq!(case.latencies[0].counts.iter().position(|n| *n > 0), Some(4));
        assert!((case.latencies[0].sum_s - 0.630).abs() < 0.01);
    }

    #[test]
    fn a_limit_that_is_settled_stays_and_a_running_one_is_replaced() {
        let state = |what: &str, decision| LimitState {
            what: what.to_owned(),
            decision,
            text: String::new(),
        };
        let mut live = LiveFigures::new("x");
        live.set_limits(vec![state("a", Decision::Pass)], true);
        live.set_limits(vec![state("b", Decision::Fail)], false);
        assert_eq!(live.limits_kept(), (1, 2));
        live.set_limits(vec![state("b", Decision::Pass)], false);
        assert_eq!(live.limits_kept(), (2, 2));
        live.set_limits(vec![state("b", Decision::Pass), state("a", Decision::Fail)], true);
        assert_eq!(live.limits_kept(), (1, 2));
    }
}
