//! The figures of each second, read from the result's file while they are written: those of a day do
//! not fit in memory.

use crate::record::{Counts, Ledger, Metric, Phase};
use crate::report::figure::Figure;
use crate::report::layer::Statistic;
use crate::report::time_quality::TimeQuality;
use crate::result::file::each_second;
use crate::result::{SecondRow, Seconds};
use hdrhistogram::Histogram;
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

fn point(repeat: u32, second: u32, row: &SecondRow) -> Second {
    let all = row.phases.total();
    let was = |phase: &Phase| row.phases[*phase] != Default::default();
    Second {
        repeat,
        second,
        phases: Phase::ALL.into_iter().filter(was).collect(),
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
