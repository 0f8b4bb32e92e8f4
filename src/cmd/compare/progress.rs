//! What is shown on standard error while pairs of runs go on: on a terminal the line of the run
//! that goes on, elsewhere a plain line a run.

use crate::cmd::run::progress::Progress as OfRun;
use crate::run::Note;
use crate::units::human_ns;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Shows a comparison.
pub(crate) struct Progress {
    of_run: OfRun,
    plain: bool,
    /// What a run takes, until one is known.
    planned: Duration,
    began: Instant,
    took: Duration,
    done: u32,
    /// Pairs that are wanted now.
    pairs: u32,
}

impl Progress {
    /// Shows on standard error, or nothing where it is to be quiet; a run takes about `planned`.
    pub(crate) fn new(quiet: bool, planned: Duration, pairs: u32) -> Progress {
        let plain = !std::io::stderr().is_terminal();
        Progress {
            of_run: OfRun::new(quiet || plain),
            plain: plain && !quiet,
            planned,
            began: Instant::now(),
            took: Duration::ZERO,
            done: 0,
            pairs,
        }
    }

    /// So many pairs are wanted.
    pub(crate) fn expect(&mut self, pairs: u32) {
        self.pairs = pairs;
    }

    /// A run begins that is none of a pair.
    pub(crate) fn begin(&mut self, what: &str) {
        let runs = (2 + 2 * self.pairs).saturating_sub(self.done);
        self.show(what, runs);
    }

    /// A run of a pair begins, the pair counted from 1; `first` for the first of its runs.
    pub(crate) fn begin_pair(&mut self, pair: u32, side: &str, first: bool) {
        let runs = 2 * (self.pairs + 1).saturating_sub(pair) - u32::from(!first);
        self.show(&format!("pair {pair} of {}, {side}", self.pairs), runs);
    }

    fn show(&mut self, what: &str, runs: u32) {
        let one = self.took.checked_div(self.done).unwrap_or(self.planned);
        let left = human_ns((one.as_secs_f64() * f64::from(runs)).ceil() * 1e9);
        let line = format!("{what}, about {left} left");
        if self.plain {
            eprintln!("{line}");
        }
        self.of_run.under(format!("{line}:"));
        self.began = Instant::now();
    }

    /// The run has ended.
    pub(crate) fn ended(&mut self) {
        self.took += self.began.elapsed();
        self.done += 1;
    }

    /// Takes in what a run tells.
    pub(crate) fn note(&mut self, note: Note) {
        self.of_run.note(note);
    }

    /// Something that a person should know now.
    pub(crate) fn word(&mut self, word: &str) {
        self.of_run.note(Note::Word(word.to_owned()));
    }

    /// Takes the line away.
    pub(crate) fn clear(&mut self) {
        self.of_run.clear();
    }
}
