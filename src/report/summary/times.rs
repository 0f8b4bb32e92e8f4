//! Latencies of a group and its time series.

use crate::record::Metric;
use crate::report::figure::{Absence, Figure, above_an_hour};
use crate::report::layer::Statistic;
use crate::report::summary::group::Group;
use crate::report::summary::remarks;
use crate::report::table::Latencies;
use crate::report::time_series::TimeSeries;
use crate::result::{CaseInfo, CaseResult};
use crate::units::thousands;
use hdrhistogram::Histogram;

/// The distribution of every metric, driver-bound ones marked.
pub(super) fn latencies(group: &Group) -> Vec<Latencies> {
    let all = &group.total.latency;
    let ahead = stamps_ahead(group);
    let p99 = |metric| all.of(metric).map(|h: &Histogram<u64>| h.value_at_quantile(0.99));
    // Who takes no turns has the probes of its thread. Below a millisecond they show no more than how
    // long a sleeping thread takes to wake.
    let probed = || p99(Metric::ProbeLateness).filter(|late| *late > 1_000_000);
    let lag_p99 = p99(Metric::DriverLag).or_else(probed);
    let distribution = |metric: Metric| {
        let untrue = ahead.as_ref().filter(|_| metric.is_from_stamps());
        let histogram = all.of(metric).filter(|_| untrue.is_none());
        let why = untrue.map_or_else(|| absence(group, metric), |why| why.as_str().into());
        let stats = Statistic::ALL
            .map(|s| histogram.map_or_else(|| Figure::Absent(why.clone()), |h| statistic(h, s)));
        let compared = matches!(
            metric,
            Metric::DeliveryLatency | Metric::ResponseLatency | Metric::ServiceTime
        );
        Latencies {
            metric,
            count: histogram.map_or(0, Histogram::len),
            histogram: histogram.cloned(),
            stats: stats.to_vec(),
            driver_bound: match (histogram, lag_p99) {
                (Some(h), Some(lag)) if compared && !group.info.floor => {
                    h.value_at_quantile(0.5) < lag.saturating_mul(10)
                }
                _ => false,
            },
        }
    };
    Metric::ALL.map(distribution).to_vec()
}

/// Of a foreign server's latencies, how many may be negative: the others are then the late half.
const NEGATIVE_ALLOWED: f64 = 0.01;

/// Why the latencies from the stamps of another server are untrue, if they are: too many stamps
/// lie ahead of this machine's clock, and without them the rest is a selection.
pub(super) fn stamps_ahead(group: &Group) -> Option<String> {
    let negative = group.counts().negative_latencies;
    let rest = group.total.latency.of(Metric::DeliveryLatency).map_or(0, Histogram::len);
    let all = negative.saturating_add(rest);
    (negative as f64 > NEGATIVE_ALLOWED * all as f64).then(|| {
        format!(
            "{} of {} latencies are negative: the times in the messages lie ahead of this machine's \
             CLOCK_MONOTONIC",
            thousands(negative),
            thousands(all)
        )
    })
}

fn statistic(histogram: &Histogram<u64>, statistic: Statistic) -> Figure {
    let ns = match (statistic, statistic.quantile()) {
        (_, Some(quantile)) => return Figure::quantile_us(histogram, quantile),
        (Statistic::Min, _) => histogram.min() as f64,
        (Statistic::Max, _) => histogram.max() as f64,
        (_, None) => histogram.mean(),
    };
    match above_an_hour(histogram).filter(|_| statistic != Statistic::Min) {
        Some(why) => Figure::absent(why),
        None => Figure::known(ns / 1e3),
    }
}

fn absence(group: &Group, metric: Metric) -> Absence {
    let steady = group.counts();
    if let Some(planned) = group.planned_absence(metric.name()) {
        return planned.into();
    }
    if group.cases.is_empty() {
        return "the case did not run".into();
    }
    match metric {
        Metric::DeliveryLatency if steady.messages > 0 && steady.unstamped > 0 => {
            remarks::no_stamp(steady).into()
        }
        Metric::DeliveryLatency => "no update was delivered in the measured window".into(),
        Metric::ResponseLatency | Metric::ServiceTime if !group.info.paced => {
            Absence::by_scenario("the transport is pushed to: it has no responses")
        }
        Metric::DriverLag if !group.info.paced && !group.info.is_shared() => {
            Absence::by_scenario("the transport is pushed to: it has no schedule")
        }
        Metric::ResponseLatency | Metric::ServiceTime => "no response was measured".into(),
        Metric::DriverLag => "no turn was measured".into(),
        Metric::ProbeLateness => "no probe of the driver was recorded".into(),
        Metric::PeakAge => {
            Absence::by_scenario("no update replaced another in the measured window")
        }
        Metric::ConnectTime => "no connection was made".into(),
        Metric::UpgradeTime => Absence::by_scenario("no connection was upgraded"),
        Metric::DelayError => Absence::by_scenario("no delay was set"),
    }
}

/// The seconds of all repeats.
pub(super) fn seconds(group: &Group) -> TimeSeries {
    let of = |(info, case): &(&CaseInfo, &CaseResult)| (info.repeat, case.seconds.clone());
    TimeSeries::new(group.cases.iter().map(of).collect())
}
