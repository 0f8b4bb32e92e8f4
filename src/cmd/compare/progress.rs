//! What is shown on standard error during pairs of runs: on a terminal the line of the current run,
//! elsewhere a plain line for each run.

use crate::cmd::console::note;
use crate::cmd::run::progress::RunProgress;
use crate::run::RunEvent;
use crate::units::human_ns;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Shows a comparison.
pub(crate) struct PairProgress {
    run: RunProgress,
    plain: bool,
    /// How long a run takes, until one has ended.
    planned: Duration,
    began: Instant,
    took: Duration,
    done: u32,
    /// Pairs until the next decision.
    pairs: u32,
    /// Pairs that do not count.
    discarded: u32,
}

impl PairProgress {
    /// Shows on standard error, or nothing if it is to be quiet. A run takes about `planned`.
    pub(crate) fn new(quiet: bool, planned: Duration, pairs: u32) -> PairProgress {
        let plain = !std::io::stderr().is_terminal();
        PairProgress {
            run: RunProgress::new(quiet || plain),
            plain: plain && !quiet,
            planned,
            began: Instant::now(),
            took: Duration::ZERO,
            done: 0,
            pairs,
            discarded: 0,
        }
    }

    /// Sets how many pairs there are until the next decision.
    pub(crate) fn set_pairs(&mut self, pairs: u32) {
        self.pairs = pairs;
    }

    /// Sets how many pairs were discarded so far.
    pub(crate) fn set_discarded(&mut self, discarded: u32) {
        self.discarded = discarded;
    }

    /// Begins a run that is not part of a pair.
    pub(crate) fn begin(&mut self, what: &str) {
        let runs = (2 + 2 * self.pairs).saturating_sub(self.done);
        self.show_line(what, runs);
    }

    /// Begins a run of a pair, counted from 1; `first` for the first of its runs.
    pub(crate) fn begin_pair(&mut self, pair: u32, side: &str, first: bool) {
        let runs = 2 * (self.pairs + 1).saturating_sub(pair) - u32::from(!first);
        let discarded = match self.discarded {
            0 => String::new(),
            discarded => format!(" ({discarded} discarded)"),
        };
        self.show_line(&format!("pair {pair} of {}{discarded}, {side}", self.pairs), runs);
    }

    fn show_line(&mut self, what: &str, runs: u32) {
        let one = self.took.checked_div(self.done).unwrap_or(self.planned);
        let left = human_ns((one.as_secs_f64() * f64::from(runs)).ceil() * 1e9);
        let line = format!("{what}, about {left} left");
        if self.plain {
            note(&line);
        }
        self.run.set_heading(format!("{line}:"));
        self.began = Instant::now();
    }

    /// Ends a run.
    pub(crate) fn end_run(&mut self) {
        self.took += self.began.elapsed();
        self.done += 1;
    }

    /// Shows what the current run reports.
    pub(crate) fn show(&mut self, news: RunEvent) {
        self.run.show(news);
    }

    /// Removes the line.
    pub(crate) fn clear(&mut self) {
        self.run.clear();
    }
}
