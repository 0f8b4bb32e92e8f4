//! What the pairs of one metric tell, before any decision: log ratios, or why there are none.
//!
//! Separate from `signed_rank`, which knows no runs, and from the decision over all metrics.

use crate::gate::paired::{Rules, Sampled, describe};
use crate::gate::signed_rank::{Walsh, detectable, deviation, median, smallest_p};
use crate::report::Figure;
use crate::report::finding::Effect;

/// The grid of log ratios, 2⁻⁴⁰: equal ratios are then equal numbers whatever the unit, and ties
/// are ties. A ratio is moved by less than a millionth of a millionth.
const GRID: f64 = (1_u64 << 40) as f64;

/// A logarithm on the grid.
fn on_grid(log: f64) -> f64 {
    (log * GRID).round() / GRID
}

/// What one pair says.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Pair {
    /// Both figures, and ln(B/A); zero where both are zero, infinite where one alone is nothing.
    Log(f64),
    /// Figures without a ratio: neither is above zero.
    NoRatio,
    /// Not both figures.
    Absent,
}

fn pair((a, b): &(Figure, Figure)) -> Pair {
    match (a.value(), b.value()) {
        (None, _) | (_, None) => Pair::Absent,
        (Some(a), Some(b)) if a > 0.0 && b > 0.0 => Pair::Log(on_grid(b.ln() - a.ln())),
        (Some(a), Some(b)) if a == 0.0 && b == 0.0 => Pair::Log(0.0),
        (Some(_), Some(b)) if b > 0.0 => Pair::Log(f64::INFINITY),
        (Some(a), Some(_)) if a > 0.0 => Pair::Log(f64::NEG_INFINITY),
        _ => Pair::NoRatio,
    }
}

/// What the pairs of one metric tell.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Evidence {
    /// Every pair has a ratio.
    Ratios(Walsh),
    /// A is nothing in so many pairs, and B is beyond the margin in every pair.
    FromNothing(usize),
    /// B is nothing in so many pairs, and within the margin in every pair.
    ToNothing(usize),
    /// There is no ratio to judge by, and why: a clause.
    None(String),
    /// No pair has a figure of either side, so that nothing was tested, and why.
    Void(String),
}

/// One metric over the pairs that are judged.
#[derive(Debug, Clone)]
pub(super) struct Evident<'a> {
    pub(super) metric: &'a Sampled,
    /// Pairs that are judged, also where this metric has fewer.
    pub(super) pairs: u32,
    /// Of these, the pairs that have both figures.
    pub(super) complete: usize,
    /// The medians of A and of B.
    pub(super) medians: (Figure, Figure),
    /// ln(1+δ).
    pub(super) margin: f64,
    pub(super) evidence: Evidence,
    /// Standard deviation of the log ratios.
    noise: Option<f64>,
}

impl<'a> Evident<'a> {
    /// Of the first `pairs` pairs.
    pub(super) fn of(metric: &'a Sampled, pairs: u32) -> Evident<'a> {
        let used = &metric.pairs[..metric.pairs.len().min(pairs as usize)];
        let said: Vec<Pair> = used.iter().map(pair).collect();
        let log = |p: &Pair| match p {
            Pair::Log(x) => Some(*x),
            Pair::NoRatio | Pair::Absent => None,
        };
        let logs: Vec<f64> = said.iter().filter_map(log).collect();
        let medians = (middle(used.iter().map(|p| &p.0)), middle(used.iter().map(|p| &p.1)));
        let margin = on_grid(metric.margin.ln_1p());
        let evidence = if !is_margin(metric.margin) {
            Evidence::None("its margin is not a finite change of zero or more".to_owned())
        } else if logs.len() == pairs as usize {
            weigh(used, &logs, margin)
        } else {
            lacking(used, pairs)
        };
        let complete = said.iter().filter(|p| **p != Pair::Absent).count();
        Evident { metric, pairs, complete, medians, margin, evidence, noise: deviation(&logs) }
    }
    /// True where some pairs have both figures, and others not.
    pub(super) fn lacks_some(&self) -> bool {
        self.complete > 0 && self.complete < self.pairs as usize
    }
    /// True where B equals A in every pair.
    pub(super) fn same(&self) -> bool {
        match &self.evidence {
            Evidence::Ratios(walsh) => walsh.averages().iter().all(|w| *w == 0.0),
            _ => false,
        }
    }
    /// The p-value that enters Holm's correction; `None` where nothing was tested.
    pub(super) fn p_value(&self) -> Option<f64> {
        match &self.evidence {
            Evidence::Ratios(walsh) => Some(walsh.p_value()),
            Evidence::FromNothing(_) => Some(smallest_p(self.pairs)),
            // A hypothesis that cannot be rejected still counts as one: leaving it out because of
            // its figures would lower the hurdle of the others by chance.
            Evidence::ToNothing(_) | Evidence::None(_) => Some(1.0),
            Evidence::Void(_) => None,
        }
    }
    /// The effect as relative changes, with the corrected p-value: of ratios, from two pairs on.
    pub(super) fn effect(&self, rules: &Rules, p: f64) -> Option<Effect> {
        let Evidence::Ratios(walsh) = &self.evidence else { return None };
        let noise = self.noise?;
        let bounds = walsh.bounds(rules.alpha);
        Some(Effect {
            estimate: change(walsh.estimate()),
            lower: bounds.map(|b| change(b.0)),
            upper: bounds.map(|b| change(b.1)),
            detectable: detectable(noise, self.pairs, rules.alpha, rules.power),
            margin: self.metric.margin,
            noise,
            pairs: self.pairs,
            p,
        })
    }
}

/// Whether a change can be tolerated: a finite one, zero or more.
pub(super) fn is_margin(margin: f64) -> bool {
    margin.is_finite() && margin >= 0.0
}

/// A log ratio as a relative change, finite always.
fn change(log: f64) -> f64 {
    log.exp_m1().min(f64::MAX)
}

/// The median of the figures that there are, or why there is none.
fn middle<'f>(figures: impl Iterator<Item = &'f Figure> + Clone) -> Figure {
    let known: Vec<f64> = figures.clone().filter_map(Figure::value).collect();
    let why = || figures.clone().find_map(Figure::reason).unwrap_or("no pair of runs has one");
    median(&known).map_or_else(|| Figure::absent(why()), Figure::known)
}

/// Every pair has both figures and an order, if not a ratio.
///
/// Without a ratio in every pair a metric is decided only where every pair says the same, so that
/// the answer would be the same whatever the missing ratios are.
fn weigh(used: &[(Figure, Figure)], logs: &[f64], margin: f64) -> Evidence {
    if let Some(walsh) = Walsh::of(logs) {
        return Evidence::Ratios(walsh);
    }
    let infinite = logs.iter().filter(|x| x.is_infinite()).count();
    if logs.iter().all(|x| *x >= margin) && !logs.is_empty() {
        Evidence::FromNothing(infinite)
    } else if logs.iter().all(|x| *x < margin) && !logs.is_empty() {
        Evidence::ToNothing(infinite)
    } else {
        lacking(used, logs.len() as u32)
    }
}

/// Why there is no ratio of every pair, with counts.
fn lacking(used: &[(Figure, Figure)], pairs: u32) -> Evidence {
    let total = pairs as usize;
    let unrun = total - used.len();
    let count = |wanted: &dyn Fn(&(Figure, Figure)) -> bool| {
        used.iter().filter(|pair| wanted(pair)).count()
    };
    let absent = [count(&|p| p.0.value().is_none()), count(&|p| p.1.value().is_none())];
    let reason = used.iter().find_map(|(a, b)| a.reason().or(b.reason()));
    if absent != [0, 0] || unrun > 0 {
        let why = reason.unwrap_or("the pairs have no such figure");
        let counts = describe::sides(absent.map(|n| n + unrun), total);
        let clause = format!("there is no figure {counts} ({why})");
        return match absent.iter().all(|n| n + unrun == total) {
            true => Evidence::Void(clause),
            false => Evidence::None(clause),
        };
    }
    let nothing = |f: &Figure| f.value().is_some_and(|v| v <= 0.0);
    let counts = describe::sides([count(&|p| nothing(&p.0)), count(&|p| nothing(&p.1))], total);
    Evidence::None(format!("it is zero or less {counts}, which leaves no ratio"))
}
