//! Whether B's latencies are slower anywhere between the percentiles that are compared by themselves: the
//! whole distribution, pair by pair.
//!
//! p50 and p99 can stay the same while everything between them becomes slower. So each side of a pair
//! is compared with **all sides of all pairs before it**, at the 5th, 10th … 95th percentile. With *slower(x,
//! y)* = the average over these percentiles of how much later y is than x in logarithms (what is
//! earlier counts as zero), and the averages over the earlier pairs:
//!
//! | figure of a pair | what it is |
//! |---|---|
//! | of A, "own" | e to the half of slower(earlier A, this A) + slower(this B, earlier B): what two runs of one side differ by |
//! | of B, "other" | e to the half of slower(earlier A, this B) + slower(this A, earlier B): what B is slower by than A |
//!
//! If nothing changed, the coin that decided which of the two is A makes "own" and "other" of a pair change
//! places, given all pairs before it: their log ratio is symmetric around zero, and the test that looks after
//! every pair ([`confidence_sequence`](crate::gate::confidence_sequence)) holds as for any other figure.
//! The signed-rank test would not: the size of a later difference depends on the earlier coins. The
//! first pair has none before it, and no figure.
//!
//! It can only fail. That nothing was seen is no proof that nothing is there, and p50 and p99 have a margin
//! that they are proven to be within.

use crate::gate::paired::{PairedMetric, Question};
use crate::record::Metric;
use crate::report::Figure;
use crate::report::finding::{ChangeScale, Decision, Finding, Subject};
use crate::report::table::{Row, Table};

/// Percentiles that are compared: 5, 10 … 95.
const POINTS: usize = 19;
/// Latencies that a run needs: so many that five lie beyond the outermost percentile.
const LEAST_SAMPLES: u64 = 100;

/// The natural logarithms of a run's latencies at [`POINTS`] percentiles, ascending.
type Quantiles = [f64; POINTS];

/// The name of the figure for a latency.
pub(crate) fn name(latency: Metric) -> String {
    format!("{}_shift_factor", latency.name())
}

/// The latencies of all pairs but the first as one figure of each side; `None` if a run has too few of them.
pub(crate) fn metric(
    pairs: &[(&Table, &Table)],
    row: &Row,
    latency: Metric,
    margin: f64,
) -> Option<PairedMetric> {
    let of = |table: &Table| {
        let same = |r: &&Row| r.series == row.series && r.clients == row.clients;
        table.rows.iter().find(same).and_then(|row| quantiles(row, latency))
    };
    let both = |(a, b): &(&Table, &Table)| of(a).zip(of(b));
    let runs: Vec<(Quantiles, Quantiles)> = pairs.iter().map(both).collect::<Option<_>>()?;
    Some(PairedMetric {
        subject: Subject::of_row(&row.series, row.clients, name(latency)),
        unit: "-".to_owned(),
        scale: ChangeScale::Relative,
        margin,
        pairs: figures(&runs),
        question: Question::IsWorse,
    })
}

fn quantiles(row: &Row, latency: Metric) -> Option<Quantiles> {
    let latencies = row.latency(latency);
    let histogram = latencies.histogram.as_ref().filter(|h| h.len() >= LEAST_SAMPLES)?;
    let step = 1.0 / (POINTS + 1) as f64;
    Some(std::array::from_fn(|i| {
        let ns = histogram.value_at_quantile((i + 1) as f64 * step);
        // Shorter than a nanosecond is a nanosecond: it has a logarithm.
        (ns.max(1) as f64).ln()
    }))
}

/// "Own" and "other" of each pair but the first, see the module.
fn figures(runs: &[(Quantiles, Quantiles)]) -> Vec<(Figure, Figure)> {
    let of = |(place, this): (usize, &(Quantiles, Quantiles))| {
        let [own, other] = logs(&runs[..place], this);
        (Figure::known(own.exp()), Figure::known(other.exp()))
    };
    runs.iter().enumerate().skip(1).map(of).collect()
}

/// The logarithms of "own" and "other" of a pair after these.
fn logs(before: &[(Quantiles, Quantiles)], (a, b): &(Quantiles, Quantiles)) -> [f64; 2] {
    let mut own = 0.0;
    let mut other = 0.0;
    for (earlier_a, earlier_b) in before {
        own += slower(earlier_a, a) + slower(b, earlier_b);
        other += slower(earlier_a, b) + slower(a, earlier_b);
    }
    let halves = (2 * before.len()).max(1) as f64;
    [own / halves, other / halves]
}

/// How much later `y` is than `x` in logarithms, on the average over all percentiles; earlier is zero.
fn slower(x: &Quantiles, y: &Quantiles) -> f64 {
    let later = x.iter().zip(y).map(|(x, y)| (y - x).max(0.0));
    later.sum::<f64>() / POINTS as f64
}

/// Keeps a finding about a whole distribution if it failed. Otherwise says what was not seen.
pub(crate) fn explain(finding: &mut Finding) -> Option<String> {
    if finding.decision == Decision::Fail {
        finding.text.push_str(
            "; over the 5th to the 95th percentile, what B is slower by than A (\"B\") against what runs of \
             one side differ by (\"A\"), both as factors",
        );
        return None;
    }
    let row = finding.subject.row().unwrap_or_else(|| "the run".to_owned());
    let seen = finding.effect.as_ref().and_then(|effect| effect.detectable);
    let seen = match seen {
        Some(change) => format!("one of {:.0} % would have been seen", change * 100.0),
        None => "so few pairs could not have shown one".to_owned(),
    };
    Some(format!("between the percentiles that are compared, no shift of {row} was seen; {seen}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::paired::{PairOrder, Rules, judge, order};
    use proptest::prelude::*;
    use rand_xoshiro::Xoshiro256PlusPlus;
    use rand_xoshiro::rand_core::{RngCore, SeedableRng};

    fn unit(random: &mut Xoshiro256PlusPlus) -> f64 {
        (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A run's percentiles: exponential latencies, all of them moved by the run's own noise.
    fn run(random: &mut Xoshiro256PlusPlus, noise: f64) -> Quantiles {
        let moved = noise * (unit(random) + unit(random) + unit(random) - 1.5);
        std::array::from_fn(|i| {
            let share = (i + 1) as f64 / (POINTS + 1) as f64;
            let own = noise * 0.3 * (unit(random) - 0.5);
            (-(1.0 - share).ln()).ln() + moved + own
        })
    }

    /// Pairs of two equal runs, of which a seed's coins say which is A's; B's percentiles are moved by `change`.
    fn pairs(seed: u64, count: u32, change: impl Fn(usize) -> f64) -> Vec<(Quantiles, Quantiles)> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        (0..count)
            .map(|pair| {
                // The machine becomes slower and slower, and the second run of a pair a little more.
                let drift = 0.02 * f64::from(pair);
                let first = run(&mut random, 0.1).map(|q| q + drift);
                let second = run(&mut random, 0.1).map(|q| q + drift + 0.03);
                let (a, mut b) = match order(seed, pair) {
                    PairOrder::Ab => (first, second),
                    PairOrder::Ba => (second, first),
                };
                for (i, q) in b.iter_mut().enumerate() {
                    *q += change(i);
                }
                (a, b)
            })
            .collect()
    }

    fn decided(runs: &[(Quantiles, Quantiles)]) -> Decision {
        let all = figures(runs);
        let rules = Rules::every_pair();
        for count in 1..=all.len() {
            let metric = PairedMetric {
                subject: Subject::of_row("websocket", 100, "delivery_latency_shift_factor"),
                unit: "-".to_owned(),
                scale: ChangeScale::Relative,
                margin: 0.05,
                pairs: all[..count].to_vec(),
                question: Question::IsWorse,
            };
            if judge(&[metric], &rules).findings[0].decision == Decision::Fail {
                return Decision::Fail;
            }
        }
        Decision::Inconclusive
    }

    #[test]
    fn a_shift_between_the_median_and_the_99th_percentile_is_seen() {
        // The 60th to the 90th percentile a third slower; the median and the 95th as before.
        let between = |i: usize| if (11..=17).contains(&i) { 0.3 } else { 0.0 };
        let seen = (0..50).filter(|s| decided(&pairs(*s, 30, between)) == Decision::Fail).count();
        assert!(seen >= 45, "{seen} of 50");
    }

    #[test]
    fn what_became_faster_is_no_failure() {
        for (name, change) in [
            ("all", [-0.3; POINTS]),
            ("half", std::array::from_fn(|i| if i > 9 { -0.3 } else { 0.0 })),
        ] {
            let failed =
                (0..50).filter(|s| decided(&pairs(*s, 30, |i| change[i])) == Decision::Fail);
            assert_eq!(failed.count(), 0, "{name}");
        }
    }

    #[test]
    fn equal_servers_fail_in_fewer_than_one_of_a_hundred_comparisons() {
        let failed = (0..500).filter(|s| decided(&pairs(*s, 20, |_| 0.0)) == Decision::Fail);
        assert!(failed.count() <= 5);
    }

    #[test]
    fn the_first_pair_has_no_figure() {
        let all = figures(&pairs(1, 3, |_| 0.5));
        assert_eq!(all.len(), 2);
        assert!(all[1].1.value() > all[1].0.value(), "{all:?}");
    }

    proptest! {
        #[test]
        fn the_coin_changes_the_sign_alone(seed in any::<u64>()) {
            let runs = pairs(seed, 5, |_| 0.0);
            let (before, last) = (&runs[..4], runs[4]);
            let [own, other] = logs(before, &last);
            let [own_swapped, other_swapped] = logs(before, &(last.1, last.0));
            prop_assert!((own - other_swapped).abs() < 1e-12);
            prop_assert!((other - own_swapped).abs() < 1e-12);
        }
    }
}
