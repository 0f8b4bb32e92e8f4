//! E-divisive: change points by the energy distance of what is before and after.
//!
//! For a part of the series `X = x_s … x_(τ−1)`, `n` values, and what follows it,
//! `Y = x_τ … x_(κ−1)`, `m` values, the statistic is
//!
//! ```text
//! Q(τ, κ) = m n / (m + n) · Ê(X, Y)
//! Ê(X, Y) = 2 / (m n) Σ|X_i − Y_j|  −  2 / (n (n − 1)) Σ|X_i − X_k|  −  2 / (m (m − 1)) Σ|Y_j − Y_k|
//! ```
//!
//! The candidate is the τ of the greatest Q over all τ and κ of all parts between the change points
//! found so far. It is one if at most a share `level` of permutations of the values within each part
//! have a Q as great; then its part is divided there and the search goes on.
//!
//! The term of a single value with itself is zero, as in Apache Otava, and the p-value is
//! `(1 + permutations as great) / (1 + permutations)`: the order that was observed is one of them, so
//! that the level is kept exactly.
//!
//! Sources: Matteson and James, "A Nonparametric Approach for Multiple Change Point Analysis of
//! Multivariate Data", *JASA* 109 (2014) 334, with α = 1; Daly et al., "The Use of Change Point Detection
//! to Identify Software Performance Regressions in a Continuous Integration System" (ICPE 2020).
//! `tests/gate/change_points.json` has places and statistics by Apache Otava, to which a test holds these.

use crate::gate::change_points::ChangePoint;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

/// Statistics that differ by less than this share are equal: sums in another order round otherwise.
const EQUAL: f64 = 1e-9;

/// A candidate: the place of the greatest statistic.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Candidate {
    index: usize,
    q: f64,
}

/// Finds the change points of a series of finite numbers, in its order.
pub(super) fn find_by_energy(
    values: &[f64],
    level: f64,
    permutations: u32,
    seed: u64,
) -> Vec<ChangePoint> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut found: Vec<ChangePoint> = Vec::new();
    while let Some(candidate) = next_candidate(values, &found) {
        let p = p_value(values, &found, candidate.q, level, permutations, &mut random);
        if p > level {
            break;
        }
        let Candidate { index, q } = candidate;
        found.push(ChangePoint { index, statistic: q, p });
        found.sort_by_key(|point| point.index);
    }
    found
}

/// Returns the ends of the parts between change points.
fn parts(length: usize, found: &[ChangePoint]) -> impl Iterator<Item = (usize, usize)> {
    let begins = std::iter::once(0).chain(found.iter().map(|point| point.index));
    let ends = found.iter().map(|point| point.index).chain([length]);
    begins.zip(ends)
}

/// Returns the best place for a further change point; `None` if every part is constant or a single
/// value.
fn next_candidate(values: &[f64], found: &[ChangePoint]) -> Option<Candidate> {
    let mut best: Option<Candidate> = None;
    for (begin, end) in parts(values.len(), found) {
        let Some(candidate) = greatest(&values[begin..end]) else { continue };
        if best.is_none_or(|best| candidate.q > best.q * (1.0 + EQUAL)) {
            best = Some(Candidate { index: begin + candidate.index, ..candidate });
        }
    }
    best
}

/// Returns τ and Q(τ, κ) for the greatest Q of a part; the first τ if several are equal.
///
/// The sums of distances grow value by value, so that all of it takes a square number of steps and
/// no matrix.
fn greatest(part: &[f64]) -> Option<Candidate> {
    let length = part.len();
    // Of each τ: the distances within what is before it, across it, and within what follows it.
    let mut before = vec![0.0; length];
    let mut across = vec![0.0; length];
    let mut after = vec![0.0; length];
    let mut best = vec![0.0_f64; length];
    let mut within = 0.0;
    for last in 0..length {
        before[last] = within;
        let total: f64 = part[..last].iter().map(|x| (x - part[last]).abs()).sum();
        let mut to_before = 0.0;
        let kappa = last + 1;
        for tau in 1..=last {
            to_before += (part[tau - 1] - part[last]).abs();
            across[tau] += to_before;
            after[tau] += (total - to_before).max(0.0);
            let n = tau as f64;
            let m = (kappa - tau) as f64;
            let mut q = 2.0 / (m + n) * across[tau];
            if n > 1.0 {
                q -= 2.0 * m / ((m + n) * (n - 1.0)) * before[tau];
            }
            if m > 1.0 {
                q -= 2.0 * n / ((m + n) * (m - 1.0)) * after[tau];
            }
            best[tau] = best[tau].max(q);
        }
        within += total;
    }
    let top = best.iter().copied().fold(0.0, f64::max);
    // What rounding leaves of a constant part is no change.
    if top <= within * EQUAL {
        return None;
    }
    let index = best.iter().position(|q| *q >= top * (1.0 - EQUAL))?;
    Some(Candidate { index, q: top })
}

/// Returns the share of permutations within the parts whose statistic is as great; more than `level` as
/// soon as it cannot be less any more.
fn p_value(
    values: &[f64],
    found: &[ChangePoint],
    q: f64,
    level: f64,
    permutations: u32,
    random: &mut impl RngCore,
) -> f64 {
    let all = f64::from(permutations) + 1.0;
    let mut as_great = 1_u32;
    let mut shuffled = values.to_vec();
    for _ in 0..permutations {
        for (begin, end) in parts(values.len(), found) {
            shuffle(&mut shuffled[begin..end], random);
        }
        let other = next_candidate(&shuffled, found).map_or(0.0, |candidate| candidate.q);
        if other >= q * (1.0 - EQUAL) {
            as_great += 1;
            // One more than the level permits.
            if f64::from(as_great) / all > level {
                break;
            }
        }
    }
    f64::from(as_great) / all
}

/// Fisher and Yates.
fn shuffle(values: &mut [f64], random: &mut impl RngCore) {
    for last in (1..values.len()).rev() {
        // The remainder prefers no place by more than a billionth.
        let other = (random.next_u64() % (last as u64 + 1)) as usize;
        values.swap(last, other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Q of a part by its definition, sum by sum.
    fn q_by_definition(part: &[f64], tau: usize, kappa: usize) -> f64 {
        let (x, y) = (&part[..tau], &part[tau..kappa]);
        let (n, m) = (x.len() as f64, y.len() as f64);
        let across: f64 = x.iter().flat_map(|a| y.iter().map(move |b| (a - b).abs())).sum();
        let within = |all: &[f64]| -> f64 {
            let one = |i: usize| all[i + 1..].iter().map(|b| (all[i] - b).abs()).sum::<f64>();
            (0..all.len()).map(one).sum()
        };
        let mean = |all: &[f64], count: f64| match all.len() {
            1 => 0.0,
            _ => 2.0 / (count * (count - 1.0)) * within(all),
        };
        m * n / (m + n) * (2.0 / (m * n) * across - mean(x, n) - mean(y, m))
    }

    #[test]
    fn the_greatest_statistic_is_that_of_the_definition() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        for length in 2..25_usize {
            let part: Vec<f64> = (0..length).map(|_| (random.next_u64() % 20) as f64).collect();
            let all = (1..length).flat_map(|tau| (tau + 1..=length).map(move |k| (tau, k)));
            let top = all.map(|(tau, k)| q_by_definition(&part, tau, k)).fold(0.0, f64::max);
            let found = greatest(&part).map_or(0.0, |candidate| candidate.q);
            assert!((found - top).abs() < 1e-9 * top.max(1.0), "{part:?}: {found} {top}");
        }
    }

    /// By hand: X = 0 0, Y = 3 3 3. Q = 2/5 · (6 · 3) = 7.2.
    #[test]
    fn a_step_has_the_statistic_of_the_formula() {
        let candidate = greatest(&[0.0, 0.0, 3.0, 3.0, 3.0]).expect("a step");
        assert_eq!(candidate.index, 2);
        assert!((candidate.q - 7.2).abs() < 1e-12);
    }

    #[test]
    fn a_constant_has_no_candidate() {
        assert_eq!(greatest(&[0.1; 30]), None);
        assert_eq!(greatest(&[5.0]), None);
        assert_eq!(greatest(&[]), None);
    }
}
