//! A against A: how much a machine's figures vary if nothing changed, and which changes it can show.
//! Nothing passes or fails here.

use crate::gate::paired::{PairOrder, PairedMetric, Rules, Verdicts};
use crate::report::Figure;
use crate::report::finding::{ChangeScale, Decision, Finding, Subject};
use crate::report::median::median_figure;

/// The most pairs that are considered.
const MOST_PAIRS: u32 = 1000;

/// The noise of one metric on this machine.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Noise {
    /// Which figure.
    pub subject: Subject,
    /// The unit of `median`.
    pub unit: String,
    /// The median of all runs.
    pub median: Figure,
    /// What changes and their noise are measured by.
    pub scale: ChangeScale,
    /// The standard deviation of the pairs' log ratios, 0.01 is about 1 %, or of their differences.
    pub sigma: Figure,
    /// The relative change from the first run to the last, by the line through the logarithms of all:
    /// 0.05 is 5 %.
    pub drift: Figure,
    /// The smallest change that is shown at each look of the rules.
    pub detectable: Vec<(u32, Figure)>,
    /// The change that is tolerated.
    pub margin: f64,
    /// Pairs that are needed to show a change of the margin; absent if they are more than a
    /// thousand.
    pub needed: Figure,
    /// The same of the test after every pair, which comparisons make by default.
    pub needed_by_default: Figure,
    /// True if the test finds a difference between A and A.
    pub false_alarm: bool,
}

/// Returns the noise of each metric in pairs of runs of the same target. `orders` are the orders in
/// which they ran; `every_pair` are the rules of a comparison that names no number of pairs.
pub(crate) fn measure(
    metrics: &[PairedMetric],
    verdicts: &Verdicts,
    orders: &[PairOrder],
    rules: &Rules,
    every_pair: &Rules,
) -> Vec<Noise> {
    let of = |(metric, finding): (&PairedMetric, &Finding)| {
        let none = || Figure::absent("fewer than two pairs have a ratio");
        let sigma = finding.effect.map(|e| e.noise);
        let seen = |pairs| sigma.and_then(|s| rules.detectable(metric.scale, s, pairs));
        let shown = |pairs: u32| (pairs, seen(pairs).map_or_else(none, Figure::known));
        let runs = in_time(metric, orders);
        let needed = |rules: &Rules| match sigma {
            None => none(),
            Some(sigma) => match needed(metric, sigma, rules) {
                Some(pairs) => Figure::count(pairs.into()),
                None => Figure::absent("more than a thousand pairs were needed"),
            },
        };
        Noise {
            subject: metric.subject.clone(),
            unit: metric.unit.clone(),
            median: median_figure(metric.pairs.iter().flat_map(|(a, b)| [a, b])),
            scale: metric.scale,
            sigma: sigma.map_or_else(none, Figure::known),
            drift: drift(&runs).map_or_else(none, Figure::known),
            detectable: rules.numbers().iter().map(|&pairs| shown(pairs)).collect(),
            margin: metric.margin,
            needed: needed(rules),
            needed_by_default: needed(every_pair),
            false_alarm: finding.decision == Decision::Fail,
        }
    };
    metrics.iter().zip(&verdicts.findings).map(of).collect()
}

/// Returns the least number of pairs of this noise that show a change of the margin.
fn needed(metric: &PairedMetric, noise: f64, rules: &Rules) -> Option<u32> {
    let shows = |pairs: u32| {
        let seen = rules.detectable(metric.scale, noise, pairs);
        seen.is_some_and(|seen| seen <= metric.margin)
    };
    let mut hidden = rules.deciding().first().copied().unwrap_or(MOST_PAIRS).saturating_sub(1);
    let mut shown = MOST_PAIRS;
    if !shows(shown) {
        return None;
    }
    // More pairs show less.
    while hidden + 1 < shown {
        let middle = u32::midpoint(hidden, shown);
        if shows(middle) { shown = middle } else { hidden = middle }
    }
    Some(shown)
}

/// Returns the figures of all runs in the order in which they ran.
fn in_time(metric: &PairedMetric, orders: &[PairOrder]) -> Vec<f64> {
    let in_order = |((a, b), order): (&(Figure, Figure), &PairOrder)| match order {
        PairOrder::Ab => [a.value(), b.value()],
        PairOrder::Ba => [b.value(), a.value()],
    };
    metric.pairs.iter().zip(orders).flat_map(in_order).flatten().collect()
}

/// Returns the relative change from the first value to the last, by least squares through the
/// logarithms; `None` for fewer than two values above zero.
fn drift(values: &[f64]) -> Option<f64> {
    let logs: Vec<f64> = values.iter().filter(|v| **v > 0.0).map(|v| v.ln()).collect();
    let n = logs.len() as f64;
    if logs.len() < 2 {
        return None;
    }
    let middle = (n - 1.0) / 2.0;
    let mean = logs.iter().sum::<f64>() / n;
    let from_middle = |i: usize| i as f64 - middle;
    let with = logs.iter().enumerate().map(|(i, y)| from_middle(i) * (y - mean)).sum::<f64>();
    let alone = (0..logs.len()).map(|i| from_middle(i).powi(2)).sum::<f64>();
    Some((with / alone * (n - 1.0)).exp_m1())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::paired::{Question, judge};

    fn sampled(values: &[(f64, f64)]) -> PairedMetric {
        PairedMetric {
            subject: Subject {
                series: "s".to_owned(),
                clients: Some(1),
                metric: "server_cpu_us_per_message".to_owned(),
            },
            unit: "µs/message".to_owned(),
            scale: ChangeScale::Relative,
            margin: 0.05,
            pairs: values.iter().map(|&(a, b)| (Figure::known(a), Figure::known(b))).collect(),
            question: Question::WorseOrNot,
        }
    }

    fn of(values: &[(f64, f64)]) -> Noise {
        let (metrics, rules) = ([sampled(values)], Rules::default());
        let orders = vec![PairOrder::Ab; values.len()];
        let verdicts = judge(&metrics, &rules);
        measure(&metrics, &verdicts, &orders, &rules, &Rules::every_pair()).remove(0)
    }

    #[test]
    fn drift_is_the_change_from_the_first_run_to_the_last() {
        let steady = |n: usize, factor: f64| -> Vec<f64> {
            (0..n).map(|i| 10.0 * factor.powf(i as f64 / (n - 1) as f64)).collect()
        };
        assert!((drift(&steady(20, 1.10)).expect("values") - 0.10).abs() < 1e-12);
        assert!((drift(&steady(7, 0.5)).expect("values") + 0.5).abs() < 1e-12);
        assert_eq!(drift(&[3.0]), None);
        assert_eq!(drift(&[0.0, 0.0, 1.0]), None);
    }

    #[test]
    fn runs_are_put_into_the_order_of_time() {
        let metric = sampled(&[(1.0, 2.0), (4.0, 3.0)]);
        assert_eq!(in_time(&metric, &[PairOrder::Ab, PairOrder::Ba]), [1.0, 2.0, 3.0, 4.0]);
    }

    /// σ of ±1 % alternating is known in closed form, and so is the change seen.
    #[test]
    fn noise_and_the_change_that_it_shows() {
        let x = 0.01_f64;
        let values: Vec<(f64, f64)> =
            (0..10).map(|i| (10.0, 10.0 * if i % 2 == 0 { x } else { -x }.exp())).collect();
        let noise = of(&values);
        let sigma = (10.0 * x * x / 9.0).sqrt();
        assert!((noise.sigma.value().expect("known") - sigma).abs() < 1e-9);
        let at = |n: usize| noise.detectable[n].1.value().expect("known").ln_1p();
        // Student's quantiles fall with the pairs too.
        assert!(
            (at(0) / at(1) - 2f64.sqrt() * (3.249_836 + 0.883_404) / (2.860_935 + 0.860_951)).abs()
                < 1e-5
        );
        // (3.250 + 0.883)·σ·√(π/3K) is 1.4 % at 10 pairs: the fewest that can decide are enough.
        assert!((at(0) - 0.0141).abs() < 0.0001, "{}", at(0));
        assert_eq!(noise.needed, Figure::count(10));
        // The test after every pair can decide from 8 pairs on.
        assert_eq!(noise.needed_by_default, Figure::count(8));
        assert!(!noise.false_alarm);
    }

    #[test]
    fn a_noisy_machine_needs_more_pairs_and_one_pair_shows_nothing() {
        let values: Vec<(f64, f64)> =
            (0..10).map(|i| (10.0, 10.0 * if i % 2 == 0 { 0.1_f64 } else { -0.1 }.exp())).collect();
        let needed = of(&values).needed.value().expect("fewer than a thousand");
        assert!((50.0..100.0).contains(&needed), "{needed}");
        let one = of(&values[..1]);
        assert_eq!((one.sigma.value(), one.needed.value()), (None, None));
        assert_eq!(one.median, Figure::known((10.0 * (1.0 + 0.1_f64.exp())) / 2.0));
    }
}
