//! B against A over pairs of runs: which metrics got worse, and whether more pairs would decide it.
//!
//! Drift and noise of the machine are excluded by the design, not by a model: the two runs of a pair
//! take place at the same time, or one after the other, and a coin decides which is first ([`order`]). If B is the same as A, then each
//! log ratio `x = ln(B/A)` has either sign with equal chance **by that coin**, whatever drifts,
//! bursts or heavy tails the machine has, and the signed-rank distribution is exact
//! ([`signed_rank`](crate::gate::signed_rank)).
//!
//! # Decisions
//!
//! Decisions are made at *looks*: after every pair by a test that allows that
//! ([`confidence_sequence`](crate::gate::confidence_sequence)), or at 10 pairs, then 20. With the Hodges–Lehmann estimate HL of x, its
//! bounds L and U, each at the level α of one look, and the tolerated change δ, a metric
//!
//! * **fails** if B is worse, L > 0, and by the best estimate beyond the margin, HL ≥ ln(1+δ);
//! * **passes** if U < ln(1+δ): a change of δ is ruled out, also if B is better;
//! * is **undecided** otherwise, and has more pairs at the next look. After the last look it is
//!   inconclusive, which is not a pass.
//!
//! Every metric here is a cost: more is worse. A look judges every pair up to it, and every metric
//! anew. With α = 0.01 for all looks together, or two looks at 0.005 each, a metric that did not change fails in at most 1 of 100
//! comparisons, and one that is worse by δ passes in at most 1 of 100 (the sum of the looks bounds
//! both).
//!
//! # Many metrics
//!
//! *Some metric fails* is a union: each further metric is a further chance of a false alarm. So
//! L > 0, which is p ≤ α, is asked of p-values with Holm's correction (*Scandinavian Journal of
//! Statistics* 6 (1979) 65), and the bound of 1 of 100 holds for all metrics of a judgement
//! together, however they depend on each other. So few pairs have a smallest p-value, 1/1024 of 10
//! by the signed-rank test: with more than five metrics nothing can fail at 10 pairs, and the comparison
//! goes on to 20.
//!
//! *All metrics pass* is an intersection, and needs no correction: for a worse server to pass, the
//! metric that is worse must pass, which has its own small chance, and the others can only lessen
//! it (the intersection-union test: Berger, *Technometrics* 24 (1982) 295; Berger and Hsu,
//! *Statistical Science* 11 (1996) 283).
//!
//! # Figures that are about zero
//!
//! Of a figure that is about zero if nothing is wrong, such as the growth of a server's memory, there is no
//! ratio. Its pairs have the difference x = B − A in place of the log ratio, and the tolerated change is δ
//! itself, in the figure's unit. The coin makes that symmetric as well, so that all else is the same.
//!
//! # Figures without a ratio
//!
//! | in the pairs that are evaluated | decision |
//! |---|---|
//! | a side has no figure in some pair | not comparable: without such pairs B would be evaluated by its good runs |
//! | both sides zero | x = 0 |
//! | A zero or less and B above, or B beyond the margin, in **every** pair | fails, p = 2^−K |
//! | A below what its times can tell and B beyond the margin above that, in **every** pair | fails, p = 2^−K |
//! | B zero or less and A above, or B within the margin, in **every** pair | passes |
//! | anything else that is zero or less | not comparable |

mod carried;
mod describe;
mod evidence;

use crate::gate::confidence_sequence::{detectable_by_bets, smallest_anytime_p};
use crate::gate::signed_rank::{detectable, smallest_p};
use crate::report::Figure;
use crate::report::figure::whole;
use crate::report::finding::{ChangeScale, Decision, Effect, Finding, Kind, Subject};
pub(crate) use carried::CarriedPairs;
use evidence::{Evidence, MetricPairs};
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};

/// The most pairs that are advised.
const MOST_PAIRS: u32 = 10_000;

/// One metric of every pair of runs. More is worse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairedMetric {
    /// Which figure.
    pub subject: Subject,
    /// The unit of the figures; `-` for a bare number.
    pub unit: String,
    /// What its change is measured by.
    pub scale: ChangeScale,
    /// δ, the change that is tolerated: 0.05 is 5 % more, or of a difference the number itself. Zero or
    /// more.
    pub margin: f64,
    /// A's and B's figure of each pair, in the order of the pairs.
    #[serde(with = "whole")]
    pub pairs: Vec<(Figure, Figure)>,
    /// What is asked of it.
    pub question: Question,
}

impl PairedMetric {
    /// Whether it can be shown to be within its margin. Of a whole distribution of latencies it can only be
    /// shown that it is slower; the growth of a server's memory passes if it is asked for by name.
    pub(crate) fn can_pass(&self) -> bool {
        match (self.question, self.scale) {
            (Question::IsWorse, ChangeScale::Relative) => false,
            (Question::IsWorse, ChangeScale::Difference)
            | (Question::WorseOrNot | Question::SeemsWorse, _) => true,
        }
    }
}

/// What is asked of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Question {
    /// Whether it is worse or within its margin: pairs go on until one of both is decided.
    WorseOrNot,
    /// Whether it is worse, beside a metric that decides: pairs go on for its sake as long as its estimate is at
    /// its margin or above.
    SeemsWorse,
    /// Whether it is worse: pairs go on for its sake only if it is, and Holm's correction asks for more of
    /// them. It may have fewer of them than others.
    IsWorse,
}

/// When and how surely decisions are made.
///
/// The margin decides what matters, the rules how surely. One metric over ten pairs, with an
/// alternating noise of 1 %:
///
/// ```
/// use wsbench::internals::gate::{NextStep, PairedMetric, Question, Rules, judge};
/// use wsbench::internals::report::{ChangeScale, Decision, Figure, Subject};
///
/// let rules = Rules::default();
/// assert_eq!((rules.deciding(), rules.alpha, rules.power), (vec![10, 20], 0.005, 0.8));
///
/// for (b_over_a, pairs, decision, next) in [
///     (1.00, 10, Decision::Pass, NextStep::Enough),                      // no change
///     (0.80, 10, Decision::Pass, NextStep::Enough),                      // B got better
///     (1.03, 10, Decision::Pass, NextStep::Enough),                      // worse, but tolerated
///     (1.12, 10, Decision::Fail, NextStep::Enough),                      // worse
///     (1.045, 10, Decision::Inconclusive, NextStep::More { pairs: 20 }), // too near to tell
///     (1.045, 20, Decision::Inconclusive, NextStep::Enough),             // nor after the last look
///     (1.12, 9, Decision::Inconclusive, NextStep::More { pairs: 10 }),   // no look is full
/// ] {
///     let noise = |i: u32| if i.is_multiple_of(2) { 1.01 } else { 1.0 / 1.01 };
///     let pair = |i| (Figure::known(10.0), Figure::known(10.0 * b_over_a * noise(i)));
///     let metric = "server_cpu_us_per_message".to_owned();
///     let cpu = PairedMetric {
///         subject: Subject { series: "websocket".to_owned(), clients: Some(1000), metric },
///         unit: "µs/message".to_owned(),
///         scale: ChangeScale::Relative,
///         margin: 0.05,
///         pairs: (0..pairs).map(pair).collect(),
///         question: Question::WorseOrNot,
///     };
///     let verdicts = judge(&[cpu], &rules);
///     assert_eq!((verdicts.findings[0].decision, verdicts.next), (decision, next), "{b_over_a}");
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// When decisions are made.
    pub looks: Looks,
    /// α, the level on each side, of each look or of all: an interval between both bounds covers the
    /// truth with 1 − 2α. Above zero and below one half.
    pub alpha: f64,
    /// The chance with which the smallest detectable change would be seen.
    pub power: f64,
}

/// When decisions are made, and by which test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Looks {
    /// At these numbers of pairs, by the exact signed-rank test.
    At(Vec<u32>),
    /// After every pair, up to so many, by a test that allows that
    /// ([`confidence_sequence`](crate::gate::confidence_sequence)).
    EveryPair {
        /// The most pairs.
        most: u32,
    },
}

impl Default for Rules {
    /// 10 pairs, then 20, at 0.005 each, and a power of 0.8.
    fn default() -> Rules {
        Rules { looks: Looks::At(vec![10, 20]), alpha: 0.005, power: 0.8 }
    }
}

impl Rules {
    /// After every pair at 0.01 for all together, up to 1,000 pairs, and a power of 0.8.
    pub fn every_pair() -> Rules {
        Rules { looks: Looks::EveryPair { most: 1_000 }, alpha: 0.01, power: 0.8 }
    }
    /// Returns the most pairs that are considered; 1 if there are none.
    pub(crate) fn most_pairs(&self) -> u32 {
        match &self.looks {
            Looks::At(looks) => looks.iter().copied().max().unwrap_or(1),
            Looks::EveryPair { most } => *most,
        }
    }
    /// Returns the looks that can decide anything, ascending: with too few pairs, no p-value is at
    /// most α.
    pub fn deciding(&self) -> Vec<u32> {
        let level = self.alpha > 0.0 && self.alpha < 0.5;
        let able = |pairs: &u32| level && *pairs > 0 && self.smallest_p(*pairs) <= self.alpha;
        let mut looks: Vec<u32> = match &self.looks {
            Looks::At(looks) => looks.iter().copied().filter(able).collect(),
            Looks::EveryPair { most } => (1..=*most).filter(able).collect(),
        };
        looks.sort_unstable();
        looks.dedup();
        looks
    }
    /// Returns the numbers of pairs at which decisions are made, if these are few.
    pub(crate) fn numbers(&self) -> &[u32] {
        match &self.looks {
            Looks::At(looks) => looks,
            Looks::EveryPair { .. } => &[],
        }
    }
    /// Returns the smallest p-value that so many pairs can give, if all of them agree.
    pub(crate) fn smallest_p(&self, pairs: u32) -> f64 {
        match self.looks {
            Looks::At(_) => smallest_p(pairs),
            Looks::EveryPair { .. } => smallest_anytime_p(pairs),
        }
    }
    /// Returns the smallest change that so many pairs of this noise show.
    pub(crate) fn detectable(&self, scale: ChangeScale, noise: f64, pairs: u32) -> Option<f64> {
        let relative = |noise| match self.looks {
            Looks::At(_) => detectable(noise, pairs, self.alpha, self.power),
            Looks::EveryPair { .. } => detectable_by_bets(noise, pairs, self.alpha, self.power),
        };
        match scale {
            ChangeScale::Relative => relative(noise),
            // Its logarithm is a multiple of the noise.
            ChangeScale::Difference => {
                relative(1.0).map(|change| change.ln_1p() * noise).filter(|seen| seen.is_finite())
            }
        }
    }
    /// Returns the least number of pairs at which one of so many metrics can fail: with Holm's
    /// correction the smallest p-value is as many times as large.
    pub(crate) fn least_pairs(&self, metrics: usize) -> Option<u32> {
        (1..=MOST_PAIRS).find(|pairs| self.smallest_p(*pairs) * metrics as f64 <= self.alpha)
    }
    /// Says that none of so many metrics can fail, and what to do, if that is so.
    pub(crate) fn undecidable(&self, metrics: usize) -> Option<String> {
        describe::undecidable(self, metrics)
    }
    /// Explains the rules to a reader of a judgement.
    pub fn describe(&self) -> String {
        describe::rules(self)
    }
}

/// Says that a figure is undecided for want of pairs alone, if its whole interval lies above what is
/// tolerated; `metrics` is how many figures Holm's correction is over.
pub(crate) fn describe_too_few(finding: &Finding, rules: &Rules, metrics: usize) -> Option<String> {
    let open = finding.decision == Decision::Inconclusive;
    let effect = finding.effect.as_ref().filter(|_| open)?;
    describe::too_few(effect, &finding.unit, rules, metrics).map(|why| {
        let of = finding.subject.row().unwrap_or_else(|| "the run".to_owned());
        format!("{} of {of}: {why}", finding.subject.metric)
    })
}

/// Whether more pairs could decide more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// Go on until there are so many pairs in all.
    More {
        /// Pairs in all.
        pairs: u32,
    },
    /// Every metric is decided, or cannot be by further pairs.
    Enough,
}

/// The findings, and whether to go on.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdicts {
    /// One for each metric, in their order.
    pub findings: Vec<Finding>,
    /// Whether to go on.
    pub next: NextStep,
}

/// One metric with the decision on it.
struct DecidedMetric<'a> {
    tested: &'a MetricPairs<'a>,
    decision: Decision,
    effect: Option<Effect>,
    /// The p-value by itself and with Holm's correction.
    p: f64,
    corrected: f64,
    /// Metrics that Holm's correction is over.
    family: usize,
    /// Pairs that ran, also those beyond the last full look.
    ran: u32,
    rules: &'a Rules,
}

/// Judges all metrics at the largest look that has all its pairs; further pairs count at the next
/// one. With fewer pairs than the first look every metric that can be compared is inconclusive.
///
/// A metric with fewer pairs than another has no figures in the others, unless it is only asked whether it is
/// worse.
pub fn judge(metrics: &[PairedMetric], rules: &Rules) -> Verdicts {
    let most = metrics.iter().map(|m| m.pairs.len()).max().unwrap_or(0);
    let ran = u32::try_from(most).unwrap_or(u32::MAX);
    let looks = rules.deciding();
    let look = looks.iter().copied().rfind(|look| *look <= ran);
    let evaluated = |m: &PairedMetric| match m.question {
        Question::WorseOrNot | Question::SeemsWorse => look.unwrap_or(ran),
        Question::IsWorse => look.unwrap_or(ran).min(m.pairs.len() as u32),
    };
    let tested: Vec<MetricPairs> =
        metrics.iter().map(|m| MetricPairs::of(m, evaluated(m), rules)).collect();
    let p_values: Vec<f64> = tested.iter().filter_map(|m| m.p_value(rules)).collect();
    let mut corrected = holm(&p_values).into_iter();
    let findings: Vec<Finding> = tested
        .iter()
        .map(|tested| {
            let own = tested.p_value(rules);
            let p = own.unwrap_or(1.0);
            let corrected = own.and_then(|_| corrected.next()).unwrap_or(1.0);
            let decision = decide(tested, corrected, look.is_some(), rules);
            let effect = tested.effect(rules, corrected);
            let family = p_values.len();
            finding(&DecidedMetric { tested, decision, effect, p, corrected, family, ran, rules })
        })
        .collect();
    // A figure that some pairs lack stays missing.
    let open = |(f, e): (&Finding, &MetricPairs)| {
        let has_all = e.pairs == 0 || !e.lacks_some();
        let is_asked = match e.metric.question {
            Question::WorseOrNot => has_all,
            Question::SeemsWorse => has_all && e.seems_worse(),
            Question::IsWorse => e.is_worse_alone(rules),
        };
        f.decision == Decision::Inconclusive && is_asked
    };
    let undecided = findings.iter().zip(&tested).any(open);
    let next = match looks.into_iter().find(|look| *look > ran) {
        Some(pairs) if undecided => NextStep::More { pairs },
        _ => NextStep::Enough,
    };
    Verdicts { findings, next }
}

fn decide(tested: &MetricPairs, corrected: f64, at_look: bool, rules: &Rules) -> Decision {
    let fails = corrected <= rules.alpha;
    match &tested.evidence {
        _ if tested.pairs == 0 => Decision::Inconclusive,
        Evidence::NoRatio(_) if tested.lacks_some() => Decision::Inconclusive,
        Evidence::NoRatio(_) | Evidence::NoFigure(_) => Decision::NotComparable,
        _ if !at_look => Decision::Inconclusive,
        Evidence::FromZero(_) | Evidence::FromBelow { .. } if fails => Decision::Fail,
        Evidence::FromZero(_) | Evidence::FromBelow { .. } => Decision::Inconclusive,
        Evidence::ToZero(_) => Decision::Pass,
        Evidence::Changes(changes) if fails && changes.estimate() >= tested.margin => {
            Decision::Fail
        }
        Evidence::Changes(changes) => match changes.bounds {
            Some((_, upper)) if upper < tested.margin => Decision::Pass,
            _ => Decision::Inconclusive,
        },
    }
}

fn finding(decided: &DecidedMetric) -> Finding {
    let MetricPairs { metric, medians, complete, .. } = decided.tested;
    Finding {
        kind: Kind::Paired,
        subject: metric.subject.clone(),
        decision: decided.decision,
        unit: metric.unit.clone(),
        value: medians.1.clone(),
        baseline: Some(medians.0.clone()),
        bound: describe::bound(metric),
        must_equal: false,
        is_condition: false,
        effect: decided.effect,
        samples: *complete as u64,
        text: describe::text(decided),
        details: describe::details(decided),
        beside: None,
    }
}

/// Corrects p-values by Holm's step-down procedure: each can then be compared with the common level.
/// Keeps their order.
pub(crate) fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut corrected = vec![1.0; p_values.len()];
    let mut largest: f64 = 0.0;
    for (step, &index) in order.iter().enumerate() {
        let left = (p_values.len() - step) as f64;
        largest = largest.max(left * p_values[index]).min(1.0);
        corrected[index] = largest;
    }
    corrected
}

/// Which side of a pair runs first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairOrder {
    /// A, then B.
    Ab,
    /// B, then A.
    Ba,
}

impl PairOrder {
    /// A is 0 and B is 1.
    pub(crate) fn sides(self) -> [usize; 2] {
        match self {
            PairOrder::Ab => [0, 1],
            PairOrder::Ba => [1, 0],
        }
    }
}

/// Returns the order of a pair, counted from 0: a fair coin for each pair, the same for the same
/// seed.
///
/// The coins are independent on purpose. Balancing them within blocks would cancel a steady drift
/// better, but the signed-rank distribution would then no longer follow from the coins alone.
pub fn order(seed: u64, pair: u32) -> PairOrder {
    // SplitMix64 steps its state by this constant: the pair's own output without those before it.
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let state = seed.wrapping_add(STEP.wrapping_mul(u64::from(pair)));
    match SplitMix64::from_seed(state.to_le_bytes()).next_u64() >> 63 {
        0 => PairOrder::Ab,
        _ => PairOrder::Ba,
    }
}

#[cfg(test)]
mod tests;
