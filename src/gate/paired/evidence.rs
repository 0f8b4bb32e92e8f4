//! The evidence in the pairs of one metric: log ratios or differences, or why there are none. Nothing is
//! decided here.

use crate::gate::confidence_sequence::ConfidenceSequence;
use crate::gate::paired::{Looks, PairedMetric, Rules};
use crate::gate::signed_rank::{Walsh, deviation};
use crate::report::Figure;
use crate::report::finding::{ChangeScale, Effect};
use crate::report::median::median_figure;

/// The grid of log ratios and differences, 2⁻⁴⁰: equal ratios are then equal numbers whatever the unit, and ties
/// are ties. A ratio is moved by less than a millionth of a millionth.
const GRID: f64 = (1_u64 << 40) as f64;

/// A logarithm or a difference on the grid.
fn on_grid(change: f64) -> f64 {
    // What is so large that it would not stay finite has no digits below the grid.
    let scaled = change * GRID;
    if scaled.is_finite() { scaled.round() / GRID } else { change }
}

/// The change of one pair: ln(B/A), or B − A; `None` if a figure is absent.
fn change_of(scale: ChangeScale, pair: &(Figure, Figure)) -> Option<f64> {
    match scale {
        ChangeScale::Relative => log_ratio(pair),
        ChangeScale::Difference => Some(on_grid(pair.1.value()? - pair.0.value()?)),
    }
}

/// ln(B/A) of one pair; `None` if a figure is absent. It is zero if both figures are zero, infinite
/// if one of them is zero or less, and not a number if neither is above zero.
fn log_ratio((a, b): &(Figure, Figure)) -> Option<f64> {
    Some(match (a.value()?, b.value()?) {
        (a, b) if a > 0.0 && b > 0.0 => on_grid(b.ln() - a.ln()),
        (0.0, 0.0) => 0.0,
        (_, b) if b > 0.0 => f64::INFINITY,
        (a, _) if a > 0.0 => f64::NEG_INFINITY,
        _ => f64::NAN,
    })
}

/// The log ratios or differences of all pairs, and the test that they go through.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PairChanges {
    walsh: Walsh,
    p: f64,
    /// The lower and the upper bound, each at the level of the rules.
    pub(super) bounds: Option<(f64, f64)>,
}

impl PairChanges {
    /// `None` if one is not finite.
    fn of(changes: &[f64], rules: &Rules) -> Option<PairChanges> {
        let walsh = Walsh::of(changes)?;
        let (p, bounds) = match rules.looks {
            Looks::At(_) => (walsh.p_value(), walsh.bounds(rules.alpha)),
            Looks::EveryPair { .. } => {
                let sequence = ConfidenceSequence::of(changes)?;
                (sequence.p_value(), sequence.bounds(rules.alpha))
            }
        };
        Some(PairChanges { walsh, p, bounds })
    }
    /// The Hodges–Lehmann estimate.
    pub(super) fn estimate(&self) -> f64 {
        self.walsh.estimate()
    }
}

/// The evidence in the pairs of one metric.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Evidence {
    /// Every pair has a log ratio, or a difference.
    Changes(PairChanges),
    /// A is zero or less in so many pairs, and B is beyond the margin in every pair.
    FromZero(usize),
    /// A is only known to be below a bound in some pairs, and B is beyond the margin above A, or above that
    /// bound, in every pair.
    FromBelow {
        /// The largest bound of A, in the unit of the figure.
        bound: u64,
        /// Pairs in which nothing but the bound is known of A.
        below: usize,
    },
    /// B is zero or less in so many pairs, and within the margin in every pair.
    ToZero(usize),
    /// Some pairs have no ratio; the reason as a clause.
    NoRatio(String),
    /// No pair has a figure of either side, so that nothing was tested; the reason as a clause.
    NoFigure(String),
}

/// One metric over the pairs that are evaluated.
#[derive(Debug, Clone)]
pub(super) struct MetricPairs<'a> {
    pub(super) metric: &'a PairedMetric,
    /// Pairs that are evaluated, also if this metric has fewer.
    pub(super) pairs: u32,
    /// Pairs of these that have both figures.
    pub(super) complete: usize,
    /// The medians of A and of B.
    pub(super) medians: (Figure, Figure),
    /// ln(1+δ), or δ itself of a difference.
    pub(super) margin: f64,
    pub(super) evidence: Evidence,
    /// Standard deviation of the log ratios or differences.
    noise: Option<f64>,
}

impl<'a> MetricPairs<'a> {
    /// Takes the evidence from the first `pairs` pairs.
    pub(super) fn of(metric: &'a PairedMetric, pairs: u32, rules: &Rules) -> MetricPairs<'a> {
        let used = &metric.pairs[..metric.pairs.len().min(pairs as usize)];
        let scale = metric.scale;
        let all: Vec<f64> = used.iter().filter_map(|pair| change_of(scale, pair)).collect();
        let complete = all.len();
        let changes: Vec<f64> = all.into_iter().filter(|x| !x.is_nan()).collect();
        let medians =
            (median_figure(used.iter().map(|p| &p.0)), median_figure(used.iter().map(|p| &p.1)));
        let margin = on_grid(match scale {
            ChangeScale::Relative => metric.margin.ln_1p(),
            ChangeScale::Difference => metric.margin,
        });
        let evidence = if !is_margin(metric.margin) {
            Evidence::NoRatio("its margin is not a finite change of zero or more".to_owned())
        } else if let Some(evidence) = evidence_of(&changes, margin, pairs, rules) {
            evidence
        } else if let Some(evidence) = from_below(used, metric, pairs) {
            evidence
        } else {
            missing_ratios(used, pairs)
        };
        MetricPairs {
            metric,
            pairs,
            complete,
            medians,
            margin,
            evidence,
            noise: deviation(&changes),
        }
    }
    /// True if some pairs have both figures, and others have not.
    pub(super) fn lacks_some(&self) -> bool {
        let is_decided = matches!(self.evidence, Evidence::FromBelow { .. });
        !is_decided && self.complete > 0 && self.complete < self.pairs as usize
    }
    /// True if B is worse than A by the margin or more, whatever the evidence for that is.
    pub(super) fn seems_worse(&self) -> bool {
        match &self.evidence {
            Evidence::Changes(changes) => changes.estimate() >= self.margin,
            Evidence::FromZero(_) | Evidence::FromBelow { .. } => true,
            Evidence::ToZero(_) | Evidence::NoRatio(_) | Evidence::NoFigure(_) => false,
        }
    }
    /// True if B equals A in every pair.
    pub(super) fn same(&self) -> bool {
        match &self.evidence {
            Evidence::Changes(changes) => changes.walsh.averages().iter().all(|w| *w == 0.0),
            _ => false,
        }
    }
    /// The p-value that enters Holm's correction; `None` if nothing was tested.
    pub(super) fn p_value(&self, rules: &Rules) -> Option<f64> {
        match &self.evidence {
            Evidence::Changes(changes) => Some(changes.p),
            Evidence::FromZero(_) | Evidence::FromBelow { .. } => {
                Some(rules.smallest_p(self.pairs))
            }
            // A hypothesis that cannot be rejected still counts as one: leaving it out because of
            // its figures would lower the hurdle of the others by chance.
            Evidence::ToZero(_) | Evidence::NoRatio(_) => Some(1.0),
            Evidence::NoFigure(_) => None,
        }
    }
    /// Whether B is worse than is tolerated so surely that this figure would fail, were it the only one.
    pub(super) fn is_worse_alone(&self, rules: &Rules) -> bool {
        match &self.evidence {
            Evidence::Changes(changes) => {
                changes.p <= rules.alpha && changes.estimate() >= self.margin
            }
            _ => false,
        }
    }
    /// The effect as changes on the metric's scale, with the corrected p-value; `None` without two ratios.
    pub(super) fn effect(&self, rules: &Rules, p: f64) -> Option<Effect> {
        let Evidence::Changes(changes) = &self.evidence else { return None };
        let noise = self.noise?.min(f64::MAX);
        let bounds = changes.bounds;
        let scale = self.metric.scale;
        Some(Effect {
            scale,
            estimate: shown(scale, changes.estimate()),
            lower: bounds.map(|b| shown(scale, b.0)),
            upper: bounds.map(|b| shown(scale, b.1)),
            detectable: rules.detectable(scale, noise, self.pairs),
            margin: self.metric.margin,
            noise,
            pairs: self.pairs,
            p,
        })
    }
}

/// True for a change that can be tolerated: a finite one, zero or more.
pub(super) fn is_margin(margin: f64) -> bool {
    margin.is_finite() && margin >= 0.0
}

/// Returns a log ratio as a relative change, or a difference as it is; always finite.
fn shown(scale: ChangeScale, change: f64) -> f64 {
    match scale {
        ChangeScale::Relative => change.exp_m1().min(f64::MAX),
        ChangeScale::Difference => change.clamp(f64::MIN, f64::MAX),
    }
}

/// Returns the evidence if some figures of A are only known to be below a bound. That bound stands for
/// them: what is beyond the margin above it is so above A, too.
fn from_below(used: &[(Figure, Figure)], metric: &PairedMetric, pairs: u32) -> Option<Evidence> {
    if metric.scale == ChangeScale::Difference {
        return None;
    }
    let bounds: Vec<u64> = used.iter().filter_map(|(a, _)| a.below()).collect();
    let is_beyond = |(a, b): &(Figure, Figure)| {
        let most = a.value().or(a.below().map(|below| below as f64));
        // A ratio to zero is no evidence of this kind.
        let worse = most.filter(|most| *most > 0.0).zip(b.value());
        worse.is_some_and(|(most, b)| b >= most * (1.0 + metric.margin))
    };
    let all = used.len() == pairs as usize && used.iter().all(is_beyond);
    bounds
        .iter()
        .max()
        .filter(|_| all)
        .map(|bound| Evidence::FromBelow { bound: *bound, below: bounds.len() })
}

/// Returns the evidence if every pair has a log ratio or a difference. If some are infinite, the metric is decided
/// only if all pairs agree: whatever these ratios are, the answer would be the same.
fn evidence_of(changes: &[f64], margin: f64, pairs: u32, rules: &Rules) -> Option<Evidence> {
    if changes.is_empty() || changes.len() != pairs as usize {
        return None;
    }
    if let Some(changes) = PairChanges::of(changes, rules) {
        return Some(Evidence::Changes(changes));
    }
    let infinite = changes.iter().filter(|x| x.is_infinite()).count();
    match changes.iter().filter(|x| **x >= margin).count() {
        0 => Some(Evidence::ToZero(infinite)),
        all if all == changes.len() => Some(Evidence::FromZero(infinite)),
        _ => None,
    }
}

/// Says why some pairs have no ratio, with counts.
fn missing_ratios(used: &[(Figure, Figure)], pairs: u32) -> Evidence {
    let total = pairs as usize;
    let unrun = total - used.len();
    let count = |wanted: fn(Option<f64>) -> bool| {
        let of_a = used.iter().filter(|(a, _)| wanted(a.value())).count();
        [of_a, used.iter().filter(|(_, b)| wanted(b.value())).count()]
    };
    let absent = count(|value| value.is_none());
    let reason = used.iter().find_map(|(a, b)| a.reason().or(b.reason()));
    if absent != [0, 0] || unrun > 0 {
        let why = reason.unwrap_or("the pairs have no such figure");
        let counts = count_sides(absent.map(|n| n + unrun), total);
        let clause = format!("there is no figure {counts} ({why})");
        let no_figure = absent.iter().all(|n| n + unrun == total);
        return if no_figure { Evidence::NoFigure(clause) } else { Evidence::NoRatio(clause) };
    }
    let counts = count_sides(count(|value| value.is_some_and(|v| v <= 0.0)), total);
    Evidence::NoRatio(format!("it is zero or less {counts}, which leaves no ratio"))
}

/// `in B in 3 of 10 pairs`, `in A in 2 and in B in 3 of 10 pairs`.
fn count_sides(counts: [usize; 2], total: usize) -> String {
    match counts {
        [a, 0] => format!("in A in {a} of {total} pairs"),
        [0, b] => format!("in B in {b} of {total} pairs"),
        [a, b] if a == b => format!("on either side in {a} of {total} pairs"),
        [a, b] => format!("in A in {a} and in B in {b} of {total} pairs"),
    }
}
