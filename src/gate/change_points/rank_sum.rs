//! Change points by ranks: the rank-sum test (Mann and Whitney 1947) of what is before and after each
//! place, by its exact distribution.
//!
//! At each place the whole part before it is compared with the whole part after it, and so are windows of
//! 8, 12, 18, … values on each side: a rise that is taken back hides in the whole. The place of the
//! smallest two-sided p-value is a change point if that, times the number of tests (Bonferroni), is at
//! most the level; then both sides are searched. Two values that are equal count
//! against a change in either direction, so that ties make no false alarm: if ties were broken by a
//! coin, the statistic could only be greater.
//!
//! With both sides larger than [`EXACT_UP_TO`] the normal distribution stands in, with a correction for
//! continuity. The probabilities of the ends of the series are exact: a change there has few values
//! after it, which is what a gate sees first.

use crate::gate::change_points::ChangePoint;
use distrs::Normal;

/// The larger size of the smaller side up to which probabilities are exact.
const EXACT_UP_TO: usize = 20;
/// The smallest window on each side of a place.
const LEAST_WINDOW: usize = 8;

/// Finds the change points of a series of finite numbers, in its order.
pub(super) fn find_by_ranks(values: &[f64], level: f64) -> Vec<ChangePoint> {
    let mut found = Vec::new();
    let mut parts = vec![(0, values.len())];
    while let Some((begin, end)) = parts.pop() {
        let Some((place, p)) = best_split(&values[begin..end]) else { continue };
        let corrected = (p * tests(end - begin) as f64).min(1.0);
        if corrected <= level {
            let index = begin + place;
            found.push(ChangePoint { index, statistic: p, p: corrected });
            parts.extend([(begin, index), (index, end)]);
        }
    }
    found.sort_by_key(|point| point.index);
    found
}

/// Returns the smallest p-value that so many values can give, Bonferroni's correction applied.
pub(crate) fn smallest_corrected_p(values: usize) -> f64 {
    let half = values / 2;
    if half == 0 {
        return 1.0;
    }
    (2.0 / binomial(values, half) * tests(values) as f64).min(1.0)
}

/// Returns the windows of so many values, without that of all.
fn windows(length: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(LEAST_WINDOW), |window| Some(window + window / 2))
        .take_while(move |window| 2 * window <= length)
}

/// Returns how many tests there are in so many values.
fn tests(length: usize) -> usize {
    length.saturating_sub(1) * (1 + windows(length).count())
}

/// Returns the place whose two sides differ most surely, and the p-value there; `None` for fewer than
/// two values.
fn best_split(values: &[f64]) -> Option<(usize, f64)> {
    let mut best = best_of_whole(values)?;
    for window in windows(values.len()) {
        for place in 1..values.len() {
            let before = &values[place.saturating_sub(window)..place];
            let after = &values[place..values.len().min(place + window)];
            let p = rank_sum_p(before, after);
            if p < best.1 {
                best = (place, p);
            }
        }
    }
    Some(best)
}

/// The same of all values before and after a place: from place to place one value changes sides.
fn best_of_whole(values: &[f64]) -> Option<(usize, f64)> {
    let length = values.len();
    // How often a value after the place is above, and below, one before it.
    let mut above = 0_usize;
    let mut below = 0_usize;
    let mut best: Option<(usize, f64)> = None;
    for place in 1..length {
        let moved = values[place - 1];
        // It was after the place, and now is before it.
        for before in &values[..place - 1] {
            above -= usize::from(moved > *before);
            below -= usize::from(moved < *before);
        }
        for after in &values[place..] {
            above += usize::from(*after > moved);
            below += usize::from(*after < moved);
        }
        let p = two_sided(above.max(below), place, length - place);
        if best.is_none_or(|(_, least)| p < least) {
            best = Some((place, p));
        }
    }
    best
}

/// Returns the two-sided p-value of the rank-sum test of two samples. Equal values count against a
/// difference.
fn rank_sum_p(before: &[f64], after: &[f64]) -> f64 {
    let mut above = 0_usize;
    let mut below = 0_usize;
    for x in before {
        for y in after {
            above += usize::from(y > x);
            below += usize::from(y < x);
        }
    }
    two_sided(above.max(below), before.len(), after.len())
}

fn two_sided(wins: usize, m: usize, n: usize) -> f64 {
    (2.0 * at_least(wins, m, n)).min(1.0)
}

/// Returns the probability that of `m · n` comparisons at least so many are won, if nothing differs.
fn at_least(wins: usize, m: usize, n: usize) -> f64 {
    let lost = m * n - wins;
    if m == 0 || n == 0 || 2 * lost >= m * n {
        return 1.0;
    }
    if m.min(n) > EXACT_UP_TO {
        return normal_tail(wins, m, n);
    }
    let total: f64 = orders(lost, m.min(n), m.max(n)).iter().sum();
    (total / binomial(m + n, m.min(n))).min(1.0)
}

/// Returns how many orders of `k` and `m` values lose 0, 1, … `most` comparisons: the first coefficients
/// of the Gaussian binomial, factor by factor.
fn orders(most: usize, k: usize, m: usize) -> Vec<f64> {
    let mut counts = vec![0.0; most + 1];
    counts[0] = 1.0;
    for i in 1..=k {
        for lost in (m + i..=most).rev() {
            counts[lost] -= counts[lost - m - i];
        }
        for lost in i..=most {
            counts[lost] += counts[lost - i];
        }
    }
    counts
}

fn normal_tail(wins: usize, m: usize, n: usize) -> f64 {
    let wins = wins as f64;
    let m = m as f64;
    let n = n as f64;
    let deviation = (m * n * (m + n + 1.0) / 12.0).sqrt();
    let z = (wins - m * n / 2.0 - 0.5) / deviation;
    // The library's own difference from one is off by less than this.
    Normal::cdf(-z.max(0.0), 0.0, 1.0).max(1e-15)
}

/// Returns how many subsets of `k` there are in `n` values.
fn binomial(n: usize, k: usize) -> f64 {
    (1..=k.min(n)).map(|i| (n - k + i) as f64 / i as f64).product()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of all orders of small samples, so many lose as many comparisons.
    #[test]
    fn the_distribution_is_that_of_all_orders() {
        for (m, n) in [(1, 4), (2, 3), (3, 3), (4, 5), (6, 4)] {
            let mut counts = vec![0.0; m * n + 1];
            // A set bit is a value of the first sample.
            for set in (0_u32..1 << (m + n)).filter(|set| set.count_ones() as usize == m) {
                let lost: u32 = (0..m + n)
                    .filter(|i| set >> i & 1 == 1)
                    .map(|i| (0..i).filter(|j| set >> j & 1 == 0).count() as u32)
                    .sum();
                counts[lost as usize] += 1.0;
            }
            assert_eq!(orders(m * n, m.min(n), m.max(n)), counts, "{m} {n}");
            assert_eq!(counts.iter().sum::<f64>(), binomial(m + n, m), "{m} {n}");
        }
    }

    /// From the tables of Mann and Whitney (1947) and R's `pwilcox`.
    #[test]
    fn probabilities_are_the_published_ones() {
        for (lost, m, n, p) in [
            (0, 3, 3, 0.05),
            (1, 4, 4, 2.0 / 70.0),
            (2, 5, 5, 4.0 / 252.0),
            (23, 10, 10, 0.021_6),
            (27, 10, 10, 0.044_6),
        ] {
            let found = at_least(m * n - lost, m, n);
            assert!((found - p).abs() < 5e-4, "{lost} {m} {n}: {found}");
        }
    }

    #[test]
    fn the_normal_distribution_takes_over_smoothly() {
        // 21 and 30 values, at probabilities from 0.2 to 10⁻⁵: far out it is too large, never too small.
        let (m, n) = (21, 30);
        for lost in [110, 150, 190, 220, 270] {
            let exact: f64 = orders(lost, m, n).iter().sum::<f64>() / binomial(m + n, m);
            let normal = normal_tail(m * n - lost, m, n);
            let apart = (normal / exact - 1.0).abs();
            assert!(apart < 0.02 || (normal > exact && apart < 2.0), "{lost}: {exact} {normal}");
        }
    }

    #[test]
    fn equal_values_are_no_evidence() {
        assert_eq!(rank_sum_p(&[1.0; 9], &[1.0; 9]), 1.0);
        assert_eq!(rank_sum_p(&[], &[1.0]), 1.0);
        let clear = rank_sum_p(&[1.0; 9], &[2.0; 9]);
        assert!((clear - 2.0 / binomial(18, 9)).abs() < 1e-15);
        // One tie across.
        let tied = rank_sum_p(&[1.0, 1.0, 2.0], &[2.0, 3.0, 3.0]);
        assert!(tied > rank_sum_p(&[1.0, 1.0, 1.9], &[2.0, 3.0, 3.0]));
    }

    #[test]
    fn so_many_values_can_show_a_change() {
        // 2 / C(12, 6) · 11 is above 1 in 100 and 2 / C(14, 7) · 13 is not.
        assert!(smallest_corrected_p(12) > 0.01 && smallest_corrected_p(14) <= 0.01);
        assert_eq!((smallest_corrected_p(0), smallest_corrected_p(1)), (1.0, 1.0));
    }
}
