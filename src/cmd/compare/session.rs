//! A comparison from its first run to its judgement: what runs when, what counts, when it ends.
//!
//! ```text
//! a warm-up run of each side, then pairs in seeded random order
//!   both sound        → the pair counts
//!   A or B was late or did not hold its rate → the pair is discarded and run again, as often as pairs count and a few times
//!                       more; if it was B each time and A never, B fails
//!   B is broken       → FAIL at once, with the failed check
//!   A is broken       → invalid, with the reasons
//!   B differs in what is equal in all of A's runs → FAIL at once if it is a build of the same server,
//!                       else at the end: what varies is decided all the same
//! after every pair, or a number of them: a decision, or more pairs
//! ```
//!
//! Separate from `run`, which runs one side once, and from `gate`, which judges.

use crate::cmd::compare::progress::PairProgress;
use crate::cmd::compare::run::{ComparedSide, SideRun, run};
use crate::cmd::compare::why_open::{Discards, OpenComparison, PairsEnd, count, option_time};
use crate::error::{Outcome, at};
use crate::gate::baseline;
use crate::gate::beside;
use crate::gate::invariants::Invariants;
use crate::gate::loads;
use crate::gate::paired::{
    CarriedPairs, Looks, NextStep, PairOrder, PairedMetric, Question, Rules, Verdicts, judge, order,
};
use crate::gate::pairs;
use crate::gate::pairs::{Margins, VaryingMetrics};
use crate::gate::run_validity::{FailedCheck, RunQuality};
use crate::os::{Caught, Signals};
use crate::report::Table;
use crate::report::check::Check;
use crate::report::finding::{Decision, Finding, Judgement, Kind, Side, Subject};
use crate::run::RunEvent;
use crate::run::companion::Companion;
use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Pairs that may be discarded because a driver was late, beyond as many as count.
const MOST_DISCARDED: u32 = 5;
/// If B was late in so many more of them than A, what is left cannot pass...
const ONE_SIDED: u32 = 3;
/// ...unless it is less than so many standard deviations of a fair coin.
const ONE_SIDED_DEVIATIONS: f64 = 1.2;
/// A and B, as places in lists.
const SIDES: [usize; 2] = [0, 1];

/// How to compare.
pub(crate) struct PairTerms {
    /// The judgement's title: `B against A`.
    pub title: String,
    /// A and B.
    pub sides: [ComparedSide; 2],
    /// When decisions are made.
    pub rules: Rules,
    /// No pair begins that would end later than this after the first one's beginning.
    pub limit: Option<Duration>,
    /// The seed of the pairs' orders.
    pub seed: u64,
    /// The changes that are tolerated.
    pub margins: Margins,
    /// True if an undecided figure is no pass.
    pub strict: bool,
    /// Whether both runs of a pair go on at the same time, each with its share of the clients.
    pub together: bool,
    /// The folder of each run's result.
    pub out: PathBuf,
    /// True if bytes and counts are left out.
    pub only_noisy: bool,
    /// True if the first figure that fails ends it.
    pub fail_fast: bool,
    /// The figures that vary and are compared; empty for all.
    pub tracked: Vec<Subject>,
    /// Further notes for a reader.
    pub notes: Vec<String>,
}

impl PairTerms {
    /// Whether both sides are servers that this program drives, not builds of wsbench.
    fn are_servers(&self) -> bool {
        !self.sides.iter().any(ComparedSide::has_own_driver)
    }

    /// Whether the sides are two different servers, of which an exact figure may differ by design.
    fn are_different_servers(&self) -> bool {
        let [a, b] = &self.sides;
        self.are_servers() && !a.target.is_build_of(&b.target)
    }

    /// Returns the updates a second and client that the scenario states for a series.
    fn stated_rate(&self, series: &str) -> Option<f64> {
        let plan = &self.sides[0].plan;
        let series = plan.series.iter().find(|one| one.label == series)?;
        (!plan.is_rate_unknown(series)).then_some(plan.feed.rate_hz)
    }
}

/// The end of a comparison.
pub(crate) struct ComparedRuns {
    /// What was found.
    pub judgement: Judgement,
    /// The figures that vary.
    pub metrics: Vec<PairedMetric>,
    /// What was found in them.
    pub verdicts: Verdicts,
    /// The orders of the pairs that count.
    pub orders: Vec<PairOrder>,
    /// The signal that ended it.
    pub caught: Option<Caught>,
}

/// A comparison that is running.
pub(crate) struct PairSession<'a> {
    terms: &'a PairTerms,
    signals: Signals,
    progress: PairProgress,
    pairs: Vec<[Table; 2]>,
    orders: Vec<PairOrder>,
    same: Invariants,
    /// Findings that end it.
    fatal: Vec<Finding>,
    notes: Vec<String>,
    /// How the set-up of two servers differs.
    setup: Option<String>,
    discards: Discards,
    /// What ended the pairs, if nothing that was found.
    end: Option<PairsEnd>,
    caught: Option<Caught>,
}

/// Whether the comparison continues.
#[derive(PartialEq, Eq)]
enum PairStep {
    Continue,
    End,
}

impl<'a> PairSession<'a> {
    pub(crate) fn new(
        terms: &'a PairTerms,
        signals: Signals,
        progress: PairProgress,
    ) -> PairSession<'a> {
        PairSession {
            terms,
            signals,
            progress,
            pairs: Vec::new(),
            orders: Vec::new(),
            same: if terms.are_servers() {
                Invariants::by(baseline::compare_servers)
            } else {
                Invariants::default()
            },
            fatal: Vec::new(),
            notes: terms.notes.clone(),
            setup: None,
            discards: Discards::default(),
            end: None,
            caught: None,
        }
    }

    /// Runs everything and judges it.
    ///
    /// # Errors
    /// If a side cannot be run at all.
    pub(crate) async fn run(mut self) -> Outcome<ComparedRuns> {
        let done = self.run_all().await;
        self.progress.clear();
        done?;
        Ok(self.conclude())
    }

    async fn run_all(&mut self) -> Outcome<()> {
        let began = Instant::now();
        if self.warm_up().await? == PairStep::End {
            return Ok(());
        }
        let mut until = self.terms.rules.deciding().first().copied().unwrap_or(1);
        loop {
            self.progress.set_pairs(until);
            while self.pairs.len() < until as usize {
                if self.is_out_of_time(began) || self.run_pair().await? == PairStep::End {
                    return Ok(());
                }
            }
            let verdicts = self.judge().1;
            if self.terms.fail_fast && self.has_failed(&verdicts) {
                self.end = Some(PairsEnd::Failure);
                return Ok(());
            }
            match verdicts.next {
                // A figure of a pair and those before it has none in the first pair.
                NextStep::More { pairs } => until = pairs.max(self.pairs.len() as u32 + 1),
                NextStep::Enough => {
                    let all = self.pairs.len() >= self.terms.rules.most_pairs() as usize;
                    self.end = all.then_some(PairsEnd::Pairs);
                    return Ok(());
                }
            }
        }
    }

    /// Whether some figure is decided to be worse.
    fn has_failed(&self, verdicts: &Verdicts) -> bool {
        let of_pairs = verdicts.findings.iter().any(|finding| finding.decision == Decision::Fail);
        of_pairs || !self.differences().is_empty()
    }

    /// Whether another pair would take the comparison beyond its limit: it takes as long as the others
    /// took in the mean.
    fn is_out_of_time(&mut self, began: Instant) -> bool {
        let Some(limit) = self.terms.limit else { return false };
        // The warm-up took as long as a pair.
        let tried = 1 + self.pairs.len() as u32 + self.discards.pairs;
        let took = began.elapsed();
        let one = took.checked_div(tried).unwrap_or_default();
        if took + one <= limit {
            return false;
        }
        self.end = Some(PairsEnd::Time { limit, one });
        true
    }

    /// Runs each side once without counting it: that warms the machine, and shows what is broken
    /// before time is spent on pairs.
    async fn warm_up(&mut self) -> Outcome<PairStep> {
        if self.terms.together {
            self.progress.begin("warm-up");
            let files = SIDES.map(|side| format!("warm-up-{}.jsonl", self.terms.sides[side].name));
            let Some([a, b]) = self.run_together(PairOrder::Ab, files).await? else {
                return Ok(PairStep::End);
            };
            if let (RunQuality::Sound, Some(figures)) = (&a.quality, a.figures) {
                self.same.add_a(figures.recorded);
            }
            return Ok(self.check_broken(&a.quality, &b.quality));
        }
        let mut qualities = Vec::new();
        for side in SIDES {
            let name = self.terms.sides[side].name;
            self.progress.begin(&format!("warm-up, {name}"));
            let Some(run) = self.run_side(side, &format!("warm-up-{name}.jsonl")).await? else {
                return Ok(PairStep::End);
            };
            if let (0, RunQuality::Sound, Some(figures)) = (side, &run.quality, run.figures) {
                self.same.add_a(figures.recorded);
            }
            qualities.push(run.quality);
        }
        Ok(self.check_broken(&qualities[0], &qualities[1]))
    }

    async fn run_pair(&mut self) -> Outcome<PairStep> {
        let number = self.pairs.len() as u32;
        let order = order(self.terms.seed, number);
        let runs = if self.terms.together {
            self.progress.begin_pair(number + 1, "both", false);
            let files = SIDES.map(|side| self.file(number, side));
            self.run_together(order, files).await?
        } else {
            self.run_in_turn(order, number).await?
        };
        let Some([a, b]) = runs else { return Ok(PairStep::End) };
        if self.check_broken(&a.quality, &b.quality) == PairStep::End {
            return Ok(PairStep::End);
        }
        let (RunQuality::Sound, RunQuality::Sound, Some(run_a), Some(run_b)) =
            (&a.quality, &b.quality, a.figures, b.figures)
        else {
            return self.discard(&a.quality, &b.quality, number);
        };
        if self.terms.are_servers() && self.pairs.is_empty() {
            self.setup = baseline::describe_setup(&run_a.recorded, &run_b.recorded);
        }
        self.same.add_a(run_a.recorded);
        if !self.terms.only_noisy {
            self.same.add_b(run_b.recorded);
        }
        self.pairs.push([run_a.table, run_b.table]);
        self.orders.push(order);
        if !self.terms.are_different_servers() && !self.differences().is_empty() {
            let note = "B differs in what is equal in all of A's runs: no more pairs were run";
            self.notes.push(note.to_owned());
            self.end = Some(PairsEnd::Difference);
            return Ok(PairStep::End);
        }
        Ok(PairStep::Continue)
    }

    /// Runs one side after the other; `None` if a signal came.
    async fn run_in_turn(
        &mut self,
        order: PairOrder,
        number: u32,
    ) -> Outcome<Option<[SideRun; 2]>> {
        let mut runs: [Option<SideRun>; 2] = [None, None];
        for side in order.sides() {
            let first = runs.iter().all(Option::is_none);
            self.progress.begin_pair(number + 1, self.terms.sides[side].name, first);
            runs[side] = self.run_side(side, &self.file(number, side)).await?;
            if runs[side].is_none() {
                return Ok(None);
            }
        }
        let [a, b] = runs;
        Ok(a.zip(b).map(<[SideRun; 2]>::from))
    }

    /// Runs both sides at the same time, the first of the order a little earlier; `None` if a signal
    /// came.
    async fn run_together(
        &mut self,
        order: PairOrder,
        files: [String; 2],
    ) -> Outcome<Option<[SideRun; 2]>> {
        let mut other_signals = Signals::catch().map_err(at("cannot listen for signals"))?;
        let sides = order.sides();
        let [first, second] = sides.map(|side| &self.terms.sides[side]);
        let paths = sides.map(|side| self.terms.out.join(&files[side]));
        let progress = RefCell::new(&mut self.progress);
        // One line shows how far both are.
        let mut watch = |news| progress.borrow_mut().show(news);
        let mut warnings = |news| match news {
            RunEvent::Warning(_) => progress.borrow_mut().show(news),
            RunEvent::Case { .. }
            | RunEvent::Stage { .. }
            | RunEvent::Progress(_)
            | RunEvent::Second { .. } => {}
        };
        let [mut one, mut other] = Companion::pair();
        // Each ends with its companion, so that the other does not wait for one that is gone.
        let first = async {
            let ran = run(first, &paths[0], &mut self.signals, &mut watch, Some(&mut one)).await;
            drop(one);
            ran
        };
        let second = async {
            let signals = &mut other_signals;
            let ran = run(second, &paths[1], signals, &mut warnings, Some(&mut other)).await;
            drop(other);
            ran
        };
        let (first, second) = tokio::join!(first, second);
        let first = first?;
        let second = second?;
        self.progress.end_run();
        self.caught = first.as_ref().err().or(second.as_ref().err()).copied();
        let (Ok(first), Ok(second)) = (first, second) else { return Ok(None) };
        Ok(Some(match order {
            PairOrder::Ab => [first, second],
            PairOrder::Ba => [second, first],
        }))
    }

    /// Returns what was found in the figures that do not vary, without differences that are tolerated.
    fn exact_findings(&self) -> impl Iterator<Item = Finding> {
        self.same.findings().into_iter().map(|finding| self.terms.margins.excuse(finding))
    }

    /// Returns those of them that fail.
    fn differences(&self) -> Vec<Finding> {
        if !self.same.differs() {
            return Vec::new();
        }
        self.exact_findings().filter(|finding| finding.decision == Decision::Fail).collect()
    }

    fn file(&self, pair: u32, side: usize) -> String {
        format!("pair-{:02}-{}.jsonl", pair + 1, self.terms.sides[side].name)
    }

    /// Runs a side once; `None` if a signal came.
    async fn run_side(&mut self, side: usize, name: &str) -> Outcome<Option<SideRun>> {
        let path = self.terms.out.join(name);
        let progress = &mut self.progress;
        let mut watch = |news| progress.show(news);
        let ran = run(&self.terms.sides[side], &path, &mut self.signals, &mut watch, None).await?;
        self.progress.end_run();
        self.caught = ran.as_ref().err().copied();
        Ok(ran.ok())
    }

    /// Ends the comparison if a run cannot be compared: without a sound A nothing can be said about
    /// B.
    fn check_broken<'q>(&mut self, a: &'q RunQuality, b: &'q RunQuality) -> PairStep {
        let unusable = |quality: &'q RunQuality| match quality {
            RunQuality::Broken(failed) | RunQuality::Invalid(failed) => Some(failed),
            RunQuality::Sound | RunQuality::Late(_) => None,
        };
        let (failed, kind) = match (a, b) {
            // Both are said: what is wrong is then hardly one server's own.
            (RunQuality::Broken(_) | RunQuality::Invalid(_), _) => {
                ([unusable(a), unusable(b)], Kind::Check)
            }
            (_, RunQuality::Invalid(failed)) => ([None, Some(failed)], Kind::Check),
            // A late A may still become a sound one.
            (RunQuality::Sound, RunQuality::Broken(failed)) => ([None, Some(failed)], Kind::Exact),
            _ => return PairStep::Continue,
        };
        for (side, failed) in ["A", "B"].into_iter().zip(failed) {
            let failed = failed.into_iter().flatten();
            self.fatal.extend(failed.map(|check| check.finding(side, kind)));
        }
        PairStep::End
    }

    /// Discards a pair in which a side was late: its driver, or a server that does not hold the rate.
    fn discard(&mut self, a: &RunQuality, b: &RunQuality, number: u32) -> Outcome<PairStep> {
        self.discards.pairs += 1;
        let mut late = Vec::new();
        for (place, (side, quality)) in [("A", a), ("B", b)].into_iter().enumerate() {
            if let RunQuality::Late(failed) | RunQuality::Broken(failed) = quality {
                self.discards.failed[place] += 1;
                late.extend(failed.iter().map(|check| (side, check)));
            }
        }
        let all = late.iter().map(|(side, check)| (*side, (*check).clone()));
        let known = self.discards.worst.take().into_iter();
        self.discards.worst = known.chain(all).max_by(|(_, a), (_, b)| a.compare_lateness(b));
        self.progress.set_discarded(self.discards.pairs);
        for side in SIDES {
            let name = self.file(number, side);
            let kept = format!("discarded-{}-{}", self.discards.pairs, name);
            match fs::rename(self.terms.out.join(&name), self.terms.out.join(kept)) {
                // A run that failed has left none.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                renamed => renamed.map_err(at(format!("cannot rename {name}")))?,
            }
        }
        let most = MOST_DISCARDED + self.pairs.len() as u32;
        if self.discards.pairs <= most {
            return Ok(PairStep::Continue);
        }
        // A busy machine makes either side late: six of six on B's side has one chance in 64.
        let what = self.discards.what();
        let (note, kind) = match self.discards.failed {
            [0, _] => (format!("B {what} in each of them and A in none"), Kind::Exact),
            [_, 0] => (format!("A {what} in each of them and B in none"), Kind::Check),
            [a, b] if self.discards.failed_check().is_some() => {
                (format!("a side {what}, A in {a} of them and B in {b}"), Kind::Check)
            }
            _ => ("this machine is busy".to_owned(), Kind::Check),
        };
        self.notes.push(format!("more than {most} pairs were discarded: {note}"));
        self.fatal.extend(late.iter().map(|(side, check)| check.finding(side, kind)));
        Ok(PairStep::End)
    }

    fn judge(&self) -> (VaryingMetrics, Verdicts) {
        let pairs: Vec<(&Table, &Table)> = self.pairs.iter().map(|[a, b]| (a, b)).collect();
        let own_drivers = self.terms.sides.iter().all(ComparedSide::has_own_driver);
        let tracked = &self.terms.tracked;
        let mut samples = pairs::collect(&pairs, &self.terms.margins, own_drivers, tracked);
        if matches!(self.terms.rules.looks, Looks::EveryPair { .. }) {
            samples.metrics.extend(pairs::latency_shifts(&pairs, &self.terms.margins, tracked));
        }
        if !tracked.is_empty() {
            // Whoever asks for a figure by name needs an answer.
            let asked = samples.metrics.iter_mut();
            asked.for_each(|metric| metric.question = Question::WorseOrNot);
        }
        let verdicts = judge(&samples.metrics, &self.terms.rules);
        (samples, verdicts)
    }

    /// Notes why figures are undecided, which pairs were discarded, and what ended the pairs.
    fn explain_open(&self, judgement: &mut Judgement, family: usize) {
        let is_open = judgement.of(Decision::Inconclusive).next().is_some();
        if (is_open || judgement.findings.is_empty()) && self.caught.is_none() {
            let open = OpenComparison {
                findings: &judgement.findings,
                end: self.end,
                pairs: u32::try_from(self.pairs.len()).unwrap_or(u32::MAX),
                discards: &self.discards,
                rules: &self.terms.rules,
                metrics: family,
            };
            judgement.why_open = match judgement.decision() {
                Decision::Fail => open.describe_beside_failure(),
                _ => open.describe(),
            };
        }
        judgement.notes.extend(judgement.why_open.clone());
        if judgement.why_open.is_none() || judgement.decision() == Decision::Fail {
            judgement.notes.extend(self.discards.describe());
        }
        if judgement.why_open.is_none() {
            judgement.notes.extend(describe_time(self.end, self.pairs.len()));
        }
    }

    fn conclude(mut self) -> ComparedRuns {
        let (mut samples, mut verdicts) = self.judge();
        // Holm's correction is over the shifts too.
        let family = samples.metrics.len();
        let carried = CarriedPairs::of(&self.terms.rules, &samples.metrics);
        let undecided = keep_decided(&mut samples.metrics, &mut verdicts.findings);
        let pairs: Vec<(&Table, &Table)> = self.pairs.iter().map(|[a, b]| (a, b)).collect();
        beside::add(&mut verdicts.findings, &pairs);
        let mut judgement = Judgement::new(self.terms.title.clone());
        judgement.pairs = carried;
        judgement.strict = self.terms.strict;
        judgement.seed = Some(self.terms.seed);
        judgement.sides = self.terms.sides.iter().map(describe_side).collect();
        let mut exact: Vec<Finding> = self.exact_findings().collect();
        if self.terms.are_different_servers() {
            judgement.always_shown.extend(describe_differences(&exact));
            exact.iter_mut().for_each(pairs::say_how_to_tolerate);
        }
        judgement.always_shown.extend(self.setup.take());
        judgement.always_shown.append(&mut samples.latencies_left_out);
        judgement.notes.extend_from_slice(&judgement.always_shown);
        judgement.findings.append(&mut self.fatal);
        judgement.findings.extend(exact);
        let loads = loads::compare(&pairs);
        if !self.terms.only_noisy {
            judgement.findings.extend(loads.findings);
        }
        judgement.findings.extend(verdicts.findings.iter().cloned());
        judgement.findings.extend(one_sided(&self.discards));
        if judgement.findings.is_empty() && self.caught.is_none() {
            let why = [describe_time(self.end, self.pairs.len()), self.discards.describe()];
            judgement.findings.push(nothing_compared(why));
        }
        if let Some(caught) = self.caught {
            let done = self.pairs.len();
            let note = format!("{} ended the comparison after {done} pairs", caught.name());
            judgement.notes.push(note);
        }
        self.explain_open(&mut judgement, family);
        let stated = |series: &str| self.terms.stated_rate(series);
        judgement.load = loads::describe_rates(&pairs, stated);
        judgement.notes.extend(judgement.load.clone());
        judgement.notes.extend(self.notes);
        judgement.notes.extend(loads.notes);
        judgement.notes.extend(samples.left_out);
        judgement.notes.extend(undecided);
        judgement.notes.extend(self.terms.sides.iter().filter_map(ComparedSide::caution));
        judgement.notes.push(format!(
            "a coin for each pair decided which side was started first; --seed {} repeats these orders",
            self.terms.seed
        ));
        judgement.notes.push(self.terms.rules.describe());
        judgement.notes.extend(self.terms.rules.undecidable(family));
        ComparedRuns {
            judgement,
            metrics: samples.metrics,
            verdicts,
            orders: self.orders,
            caught: self.caught,
        }
    }
}

/// The finding that there is none, for these reasons.
fn nothing_compared(why: [Option<String>; 2]) -> Finding {
    let why: Vec<String> = why.into_iter().flatten().collect();
    let text = match why.as_slice() {
        [] => "no figure of B could be compared with A's".to_owned(),
        why => format!("no figure of B could be compared with A's: {}", why.join(". ")),
    };
    FailedCheck::of_run(Check::SomethingCompared, text).finding("B", Kind::Check)
}

/// Takes away what takes no part in the decision. Returns a sentence for each.
fn keep_decided(metrics: &mut Vec<PairedMetric>, findings: &mut Vec<Finding>) -> Vec<String> {
    let mut undecided = Vec::new();
    let all = std::mem::take(metrics).into_iter().zip(std::mem::take(findings));
    for (metric, mut finding) in all {
        if let Some(why) = pairs::explain_left_out(&metric, &mut finding) {
            undecided.push(why);
            continue;
        }
        metrics.push(metric);
        findings.push(finding);
    }
    undecided
}

/// Says in a line in which exact figures two different servers differ; `None` if in none.
fn describe_differences(exact: &[Finding]) -> Option<String> {
    let shown: Vec<String> = exact
        .iter()
        .filter(|finding| finding.decision == Decision::Fail)
        .map(|Finding { subject, .. }| match subject.row() {
            Some(row) => format!("{} of {row}", subject.metric),
            None => subject.metric.clone(),
        })
        .collect();
    (!shown.is_empty()).then(|| {
        format!(
            "two different servers, which differ in figures that do not vary: {}; --margin METRIC=SHARE \
             tolerates that for bytes of a message",
            shown.join("; ")
        )
    })
}

/// Says that the time was over, if that ended the pairs.
fn describe_time(end: Option<PairsEnd>, pairs: usize) -> Option<String> {
    let limit = match end? {
        PairsEnd::Time { limit, .. } => option_time(limit),
        PairsEnd::Failure => {
            let pairs = count(u32::try_from(pairs).unwrap_or(u32::MAX));
            return Some(format!("--fail-fast ended it after {pairs}"));
        }
        PairsEnd::Pairs | PairsEnd::Difference => return None,
    };
    Some(match pairs {
        0 => format!("--time {limit} leaves no time for a further pair"),
        1 => format!("--time {limit} leaves no time for more than 1 pair"),
        n => format!("--time {limit} leaves no time for more than {n} pairs"),
    })
}

/// A finding if pairs were discarded because of B alone: the pairs that replaced them say nothing
/// about them.
fn one_sided(discards: &Discards) -> Option<Finding> {
    let [a, b] = discards.failed;
    let chance = ONE_SIDED_DEVIATIONS * f64::from(a + b).sqrt();
    if b < a + ONE_SIDED || f64::from(b - a) < chance {
        return None;
    }
    let text = format!(
        "B {} in {b} of the pairs that were discarded and A in {a}: what these would have shown is not \
         known",
        discards.what()
    );
    let mut finding = FailedCheck::of_run(Check::RunsDiscarded, text).finding("B", Kind::Check);
    finding.decision = Decision::Inconclusive;
    Some(finding)
}

fn describe_side(side: &ComparedSide) -> Side {
    Side { name: side.name.to_owned(), about: side.target.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discarded_pairs_are_one_sided_beyond_chance() {
        for (failed, is_one_sided) in [
            ([0, 2], false),
            ([0, 3], true),
            ([1, 4], true),
            ([3, 0], false),
            ([2, 5], false),
            ([10, 14], false),
            ([10, 17], true),
        ] {
            let discards = Discards { failed, ..Discards::default() };
            assert_eq!(one_sided(&discards).is_some(), is_one_sided, "{failed:?}");
        }
    }
}
