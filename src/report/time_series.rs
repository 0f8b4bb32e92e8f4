//! The figures of each second, read from the result's file while they are written: those of a day do
//! not fit in memory.

use crate::record::{Counts, Ledger, Metric, Phase};
use crate::report::figure::Figure;
use crate::report::layer::Statistic;
use crate::report::pictures::{HeatCell, HeatMap};
use crate::report::time_quality::TimeQuality;
use crate::result::file::each_second;
use crate::result::{SecondRow, Seconds};
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::io;

/// Significant digits of a histogram whose percentiles are shown as they are.
const WHOLE_DIGITS: u8 = 3;

/// One second of a repeat.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Second {
    /// The repeat, from 0.
    pub repeat: u32,
    /// Seconds from the case's start.
    pub second: u32,
    /// Phases in which clients were.
    pub phases: Vec<Phase>,
    /// What happened in all phases.
    pub counts: Counts,
    /// The bytes of all phases.
    pub ledger: Ledger,
    /// Median and p99 of the delivery latency, in µs.
    pub delivery_us: [Figure; 2],
    /// Median and p99 of the response latency, in µs.
    pub response_us: [Figure; 2],
}

/// The seconds of all repeats of a row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TimeSeries {
    repeats: Vec<(u32, Seconds)>,
    times: TimeQuality,
}

impl TimeSeries {
    /// The seconds of repeats, each with its number, and what the times in their messages are worth.
    pub(crate) fn new(repeats: Vec<(u32, Seconds)>, times: TimeQuality) -> TimeSeries {
        TimeSeries { repeats, times }
    }
    /// How often each latency of a metric came in each moment, in columns of as many seconds as need be. Empty if
    /// nothing was recorded, or if the times in messages say nothing.
    ///
    /// # Errors
    /// If the result's file cannot be read any more.
    pub(crate) fn heat(&self, metric: Metric, most_columns: u32) -> io::Result<HeatMap> {
        if metric.is_from_stamps() && self.times.untrue.is_some() {
            return Ok(HeatMap::default());
        }
        let least_ns = if metric.is_from_stamps() { self.times.least_us() * 1e3 } else { 0.0 };
        let mut seconds: BTreeMap<u32, BTreeMap<u32, u64>> = BTreeMap::new();
        for (_, one) in &self.repeats {
            each_second(one, |second, row| {
                let Some(histogram) = row.histogram(metric) else { return Ok(()) };
                let bins = seconds.entry(second).or_default();
                for value in histogram.iter_recorded() {
                    let ns = histogram.median_equivalent(value.value_iterated_to()) as f64;
                    // What is too short to be known is in the lowest bin that can be.
                    let bin = bin_of(ns.max(least_ns));
                    *bins.entry(bin).or_default() += value.count_since_last_iteration();
                }
                Ok(())
            })?;
        }
        Ok(heat_map(&seconds, most_columns))
    }
    /// Gives each second of each repeat, and stops at the first error.
    ///
    /// # Errors
    /// If the result's file cannot be read any more, or the user's own error.
    pub(crate) fn each(&self, mut use_it: impl FnMut(Second) -> io::Result<()>) -> io::Result<()> {
        for (repeat, seconds) in &self.repeats {
            each_second(seconds, |second, row| {
                let mut point = point(*repeat, second, row);
                point.delivery_us = point.delivery_us.map(|figure| self.times.known(figure));
                use_it(point)
            })?;
        }
        Ok(())
    }
}

/// Bins of a heat map between a time and ten times that.
const BINS_OF_A_DECADE: f64 = 12.0;

/// The bin of a time, counted from 1 ns.
fn bin_of(ns: f64) -> u32 {
    (ns.max(1.0).log10() * BINS_OF_A_DECADE) as u32
}

fn heat_map(seconds: &BTreeMap<u32, BTreeMap<u32, u64>>, most_columns: u32) -> HeatMap {
    let bins = || seconds.values().flat_map(BTreeMap::keys).copied();
    let (Some((&from_s, _)), Some((&last_s, _)), Some(low), Some(high)) =
        (seconds.first_key_value(), seconds.last_key_value(), bins().min(), bins().max())
    else {
        return HeatMap::default();
    };
    let column_s = (last_s - from_s).saturating_add(1).div_ceil(most_columns.max(1));
    let mut cells: BTreeMap<(u32, u32), u64> = BTreeMap::new();
    for (second, bins) in seconds {
        for (bin, count) in bins {
            *cells.entry(((second - from_s) / column_s, bin - low)).or_default() += count;
        }
    }
    let edge = |bin: u32| 10f64.powf(f64::from(bin) / BINS_OF_A_DECADE) / 1e3;
    HeatMap {
        from_s,
        column_s,
        columns: (last_s - from_s) / column_s + 1,
        edges_us: (low..=high + 1).map(edge).collect(),
        cells: cells
            .into_iter()
            .map(|((column, bin), count)| HeatCell { column, bin, count })
            .collect(),
    }
}

fn point(repeat: u32, second: u32, row: &SecondRow) -> Second {
    let all = row.phases.total();
    Second {
        repeat,
        second,
        phases: row.phases.used().collect(),
        counts: all.counts,
        ledger: all.ledger,
        delivery_us: two(row, Metric::DeliveryLatency),
        response_us: two(row, Metric::ResponseLatency),
    }
}

fn two(row: &SecondRow, metric: Metric) -> [Figure; 2] {
    [Statistic::P50, Statistic::P99].map(|statistic| {
        match row.histogram(metric).zip(statistic.quantile()) {
            Some((histogram, quantile)) => percentile(histogram, quantile),
            None => Figure::absent("nothing was measured in this second"),
        }
    })
}

/// The percentile of a coarse histogram is the middle of its bucket, which halves the error.
fn percentile(histogram: &Histogram<u64>, quantile: f64) -> Figure {
    let value = Figure::quantile_us(histogram, quantile);
    if histogram.sigfig() < WHOLE_DIGITS {
        value.map(|us| histogram.median_equivalent((us * 1e3) as u64) as f64 / 1e3)
    } else {
        value
    }
}
