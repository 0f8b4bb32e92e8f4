//! Latencies of a group and its time series.

use crate::feed::Workload;
use crate::record::{Metric, ReceiveTimestamps};
use crate::report::figure::{Absence, Figure, above_an_hour};
use crate::report::layer::Statistic;
use crate::report::summary::group::Group;
use crate::report::summary::message_times;
use crate::report::summary::setting::Setting;
use crate::report::table::{DriverBound, DriverCause, Latencies, NO_STAMP};
use crate::report::time_quality::TimeQuality;
use crate::report::time_series::TimeSeries;
use crate::result::{CaseInfo, CaseResult};
use crate::units::thousands;
use hdrhistogram::Histogram;

/// The distribution of every metric, driver-bound ones marked.
pub(super) fn latencies(group: &Group, setting: &Setting, times: &TimeQuality) -> Vec<Latencies> {
    let all = &group.total.latency;
    let p99 = |metric| all.of(metric).map(|h: &Histogram<u64>| h.value_at_quantile(0.99));
    // A client that takes no turns, or waits for its own answers, has the probes of its thread. Below a
    // millisecond they show no more than how long a sleeping thread takes to wake.
    let probed = p99(Metric::ProbeLateness).filter(|late| *late > 1_000_000);
    let lag_p99 = p99(Metric::DriverLag).max(probed);
    let probes = all.of(Metric::ProbeLateness).filter(|_| probed.is_some());
    let lateness = [all.of(Metric::DriverLag), probes].map(|late| late.map(values));
    let kernel_p50 = all
        .of(Metric::KernelToClient)
        .filter(|h| Figure::quantile_us(h, 0.5).value().is_some())
        .map(|h| h.value_at_quantile(0.5));
    let distribution = |metric: Metric| {
        let times = if metric.is_from_stamps() { times.clone() } else { TimeQuality::default() };
        let untrue = times.untrue.as_deref();
        let histogram = all.of(metric).filter(|_| untrue.is_none());
        let why = untrue.map_or_else(|| absence(group, setting, metric), Absence::from);
        let found = histogram.map(|h| (h, values(h)));
        let stats = Statistic::ALL.map(|s| match &found {
            Some((h, values)) => times.known(statistic(h, values, s)),
            None => Figure::Absent(why.clone()),
        });
        let compared = matches!(
            metric,
            Metric::DeliveryLatency | Metric::ResponseLatency | Metric::ServiceTime
        );
        let driver_bound = histogram.filter(|_| compared && !group.info.floor).and_then(|h| {
            let median = h.value_at_quantile(0.5);
            let more_than_a_tenth = |ns: &u64| median < ns.saturating_mul(10);
            let late = [(DriverCause::Lag, lag_p99), (DriverCause::KernelToClient, kernel_p50)];
            let mut bound = late.into_iter().filter_map(|(cause, late)| {
                let late_ns = late.filter(more_than_a_tenth)?;
                let below_us = times.known_us(median as f64 / 1e3).below();
                Some(DriverBound { metric, cause, late_ns, median_ns: median, below_us })
            });
            bound.next()
        });
        let checked = found.filter(|_| compared && !group.info.floor);
        let bound = Statistic::ALL.map(|s| match &checked {
            _ if s == Statistic::P50 => driver_bound.is_some(),
            None => false,
            Some((_, values)) => {
                lateness.iter().flatten().any(|late| made_by_late_time(values, late, s))
            }
        });
        Latencies {
            metric,
            count: histogram.map_or(0, Histogram::len),
            histogram: histogram.cloned(),
            times,
            stats: Vec::from(stats),
            driver_bound,
            bound: Vec::from(bound),
        }
    };
    Vec::from(Metric::ALL.map(distribution))
}

/// The percentiles and the largest of the values, in nanoseconds and in the order of [`Statistic::ALL`], from
/// one walk over the histogram: it has 33,000 counters. The others are `None`.
type Values = [Option<u64>; Statistic::ALL.len()];

fn values(histogram: &Histogram<u64>) -> Values {
    let quantiles = Statistic::ALL.into_iter().filter_map(Statistic::quantile);
    // In rising order, as the walk wants them.
    let mut found = histogram.value_at_quantiles(quantiles);
    Statistic::ALL.map(|statistic| match (statistic, statistic.quantile()) {
        (_, Some(_)) => found.next(),
        (Statistic::Max, None) => Some(histogram.max()),
        (_, None) => None,
    })
}

/// True if the driver's own lateness may have made a high percentile: at the same percentile it is
/// above a tenth of it. Of 1 % of the messages that are slow, as many came in time that was late.
fn made_by_late_time(values: &Values, lateness: &Values, statistic: Statistic) -> bool {
    match (values[statistic as usize], lateness[statistic as usize]) {
        (Some(value), Some(late)) => value < late.saturating_mul(10),
        _ => false,
    }
}

/// Of a foreign server's latencies, how many may be negative: the others are then the late half.
const NEGATIVE_ALLOWED: f64 = 0.01;

/// Finds out what the times in messages are worth.
pub(super) fn quality(group: &Group, setting: &Setting) -> TimeQuality {
    TimeQuality {
        untrue: stamps_ahead(group).or_else(|| message_times::wrong(group, setting)),
        exact_us: message_times::resolution_ns(group, setting) / 1_000,
    }
}

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

fn statistic(histogram: &Histogram<u64>, values: &Values, statistic: Statistic) -> Figure {
    let ns = match (statistic, statistic.quantile()) {
        (_, Some(quantile)) => {
            let alone = || histogram.value_at_quantile(quantile);
            let value = || values[statistic as usize].unwrap_or_else(alone);
            return Figure::of_quantile(histogram, quantile, value);
        }
        (Statistic::Min, _) => histogram.min() as f64,
        (Statistic::Max, _) => histogram.max() as f64,
        (_, None) => histogram.mean(),
    };
    match above_an_hour(histogram).filter(|_| statistic != Statistic::Min) {
        Some(why) => Figure::absent(why),
        None => Figure::known(ns / 1e3),
    }
}

fn absence(group: &Group, setting: &Setting, metric: Metric) -> Absence {
    let steady = group.counts();
    if let Some(planned) = group.planned_absence(metric.name()) {
        return planned.into();
    }
    if group.cases.is_empty() {
        return "the case did not run".into();
    }
    match metric {
        Metric::DeliveryLatency if group.info.workload == Workload::Echo => Absence::by_scenario(
            "an echo has no delivery latency: its round trip is the response latency",
        ),
        Metric::DeliveryLatency if steady.messages > 0 && steady.unstamped > 0 => {
            let why = message_times::no_times(group, setting);
            why.unwrap_or_else(|| NO_STAMP.to_owned()).into()
        }
        Metric::DeliveryLatency if steady.messages > 0 && setting.own.is_some() => {
            let why = message_times::no_times(group, setting);
            why.unwrap_or_else(|| "no message was newer than its connection".to_owned()).into()
        }
        Metric::DeliveryLatency => "no update was delivered in the measured window".into(),
        Metric::ResponseLatency | Metric::ServiceTime if !group.info.paced => {
            Absence::by_scenario("the transport is pushed to: it has no responses")
        }
        Metric::DriverLag if !group.info.paced && !group.info.is_shared() => {
            Absence::by_scenario("the transport is pushed to: it has no schedule")
        }
        Metric::DriverLag if group.info.interval_ns == 0 => {
            Absence::by_scenario("back to back there is no schedule")
        }
        Metric::ResponseLatency | Metric::ServiceTime => "no response was measured".into(),
        Metric::DriverLag => "no turn was measured".into(),
        Metric::ProbeLateness => "no probe of the driver was recorded".into(),
        Metric::KernelToClient => no_timestamps(group),
        Metric::PeakAge => {
            Absence::by_scenario("no update replaced another in the measured window")
        }
        Metric::ConnectTime => "no connection was made".into(),
        Metric::TlsHandshakeTime => Absence::by_scenario(
            "no handshake of TLS was seen: no connection has it, or a library opened them",
        ),
        Metric::UpgradeTime => Absence::by_scenario("no connection was upgraded"),
        Metric::DelayError => Absence::by_scenario("no delay was set"),
    }
}

/// Why nothing is known of how long bytes lay in the kernel.
fn no_timestamps(group: &Group) -> Absence {
    if !group.info.network {
        return Absence::by_scenario("there is no network");
    }
    let mut all = ReceiveTimestamps::default();
    let counted = group.drivers.iter().filter_map(|driver| driver.receive_timestamps);
    let asked = counted.map(|counts| all += counts).count();
    let ReceiveTimestamps { connections, refused, library_clients, missing, discarded } = all;
    match () {
        () if asked == 0 => "this version of wsbench asked for no receive timestamps".into(),
        () if library_clients > 0 => {
            Absence::by_scenario("the engine is a library, which reads its sockets itself")
        }
        () if connections == 0 && refused > 0 => {
            "this system has no receive timestamps (SO_TIMESTAMPNS)".into()
        }
        () if discarded > 0 => {
            "the wall clock was set: no receive timestamp could be converted".into()
        }
        () if missing > 0 => "the kernel gave no timestamp with what was received".into(),
        () => "nothing was received in the measured window on the connections of the sample".into(),
    }
}

/// The seconds of all repeats.
pub(super) fn seconds(group: &Group, times: &TimeQuality) -> TimeSeries {
    let of = |(info, case): &(&CaseInfo, &CaseResult)| (info.repeat, case.seconds.clone());
    TimeSeries::new(group.cases.iter().map(of).collect(), times.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::histogram_of;

    /// A driver that was late for 2 % of its probes may have made the p99, not the median.
    #[test]
    fn a_percentile_is_marked_if_the_driver_was_as_late_as_a_tenth_of_it() {
        let ours = values(&histogram_of((1..=1_000).map(|n| n * 10_000)));
        let late = histogram_of((1..=1_000).map(|n| if n <= 980 { 1_000 } else { 2_000_000 }));
        let marked = |late: &Histogram<u64>| {
            let all = Statistic::ALL.into_iter();
            all.filter(|s| made_by_late_time(&ours, &values(late), *s)).collect::<Vec<_>>()
        };
        let high = [Statistic::P99, Statistic::P999, Statistic::Max];
        assert_eq!(marked(&late), high);
        assert_eq!(marked(&histogram_of([1_000])), []);
    }

    /// One walk finds what a walk for each percentile finds.
    #[test]
    fn values_found_together_are_those_found_alone() {
        for histogram in
            [histogram_of([]), histogram_of([7]), histogram_of((1..9_999).map(|n| n * n))]
        {
            let found = values(&histogram);
            for statistic in Statistic::ALL {
                let alone = statistic.quantile().map(|q| histogram.value_at_quantile(q));
                let largest = (statistic == Statistic::Max).then(|| histogram.max());
                assert_eq!(found[statistic as usize], alone.or(largest), "{}", statistic.name());
            }
        }
    }
}
