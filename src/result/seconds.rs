//! The seconds of a case. Of those in a file only their places are kept, so that a run of any length
//! fits in memory; their figures are read when somebody wants them.

use crate::record::{Metric, PhaseTotals, Phases, Window};
use crate::result::histogram::add_or_insert;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What is known of one second.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct SecondRow {
    /// Bytes and counts by phase.
    pub phases: Phases<PhaseTotals>,
    histograms: BTreeMap<Metric, Histogram<u64>>,
}

impl SecondRow {
    /// The row of these bytes and counts.
    pub(crate) fn new(phases: Phases<PhaseTotals>) -> SecondRow {
        SecondRow { phases, histograms: BTreeMap::new() }
    }
    /// Adds the histogram of a metric.
    ///
    /// # Errors
    /// A sentence, if it has values that another one of the metric cannot hold.
    pub(crate) fn add_histogram(
        &mut self,
        metric: Metric,
        histogram: Histogram<u64>,
    ) -> Result<(), String> {
        add_or_insert(&mut self.histograms, metric, histogram)
    }
    /// Adds everything of `other`.
    ///
    /// # Errors
    /// As of [`SecondRow::add_histogram`].
    pub(crate) fn add(&mut self, other: SecondRow) -> Result<(), String> {
        self.phases += other.phases;
        other.histograms.into_iter().try_for_each(|(metric, h)| self.add_histogram(metric, h))
    }
    /// The histogram of a latency that clients observe: with three significant digits, or with one
    /// if the file has no other.
    pub(crate) fn histogram(&self, metric: Metric) -> Option<&Histogram<u64>> {
        self.histograms.get(&metric).filter(|h| !h.is_empty())
    }
}

impl From<&Window> for SecondRow {
    fn from(window: &Window) -> SecondRow {
        let of = |metric: Metric| Some((metric, window.latency.of(metric)?.clone()));
        let shown = Metric::ALL.into_iter().filter(|metric| metric.is_headline());
        SecondRow { phases: window.phases, histograms: shown.filter_map(of).collect() }
    }
}

/// The line of a result file that a second, or a part of it, is in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LinePlace {
    /// Seconds from the case's epoch.
    pub second: u32,
    /// The file.
    pub file: Arc<Path>,
    /// Bytes before the line.
    pub offset: u64,
}

/// The seconds of a case.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Seconds {
    /// Those that are in no file.
    kept: BTreeMap<u32, Window>,
    /// Those that are in a file, in the order of their lines.
    lines: Vec<LinePlace>,
}

impl Seconds {
    /// Adds a window that is in no file.
    pub(crate) fn keep(&mut self, second: u32, window: &Window) {
        self.kept.entry(second).or_default().add(window);
    }
    /// Adds a line of a file.
    pub(crate) fn note(&mut self, place: LinePlace) {
        self.lines.push(place);
    }
    /// Adds the seconds of another result of the same case.
    pub(crate) fn merge(&mut self, other: &Seconds) {
        other.kept.iter().for_each(|(second, window)| self.keep(*second, window));
        self.lines.extend_from_slice(&other.lines);
        self.lines.sort();
    }
    /// The windows that are in no file.
    pub fn kept(&self) -> &BTreeMap<u32, Window> {
        &self.kept
    }
    /// Each second with its window that is in no file and its lines in files, by rising second.
    pub(crate) fn each(&self) -> impl Iterator<Item = (u32, Option<&Window>, Vec<&LinePlace>)> {
        let mut lines: Vec<&LinePlace> = self.lines.iter().collect();
        lines.sort();
        let mut lines = lines.into_iter().peekable();
        let mut kept = self.kept.iter().peekable();
        std::iter::from_fn(move || {
            let ends = [lines.peek().map(|line| line.second), kept.peek().map(|one| *one.0)];
            let second = ends.into_iter().flatten().min()?;
            let mut places = Vec::new();
            while let Some(place) = lines.next_if(|line| line.second == second) {
                places.push(place);
            }
            let window = kept.next_if(|one| *one.0 == second).map(|one| one.1);
            Some((second, window, places))
        })
    }
}
