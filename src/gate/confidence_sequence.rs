//! A test that may look after every pair, and its interval: pure arithmetic.
//!
//! The input is differences `x_1, x_2, …` in the order in which they came. The question is, at any
//! number of them, whether they lie above zero, and between which bounds they lie.
//! [`paired`](crate::gate::paired) decides by the answer. A p-value of a fixed number of pairs may be
//! looked at once; this one as often as one likes, and the comparison may stop as soon as it decides.
//!
//! # How
//!
//! A gambler who begins with 1 bets on each difference that it lies above θ: his money is multiplied by
//! `1 + λ g((x_i − θ)/c_i)`, with `g` cut to −1 … 1 and `c_i` a scale that depends on **earlier**
//! differences alone. If the differences are symmetric around θ or less, given those before them, no bet
//! gains in the mean; so by Ville's inequality he ever has `1/α` with a chance of at most α. His money is
//! the evidence (an *e-process*), its inverse at its height an anytime-valid p-value, and all θ that he
//! cannot refute are a *confidence sequence*.
//!
//! He splits his money among a few λ: a large one decides within few pairs if all of them agree, a small
//! one survives those that do not. The first two differences count by their sign, since there is no scale
//! yet; the others by their size too, up to the median deviation of those before.
//!
//! The law needs no more than the signed-rank test: pairs whose order a coin decided make every
//! difference symmetric if nothing changed, whatever drift, bursts or tails the machine has.
//!
//! Sources: Ville, *Étude critique de la notion de collectif* (1939); Ramdas, Ruf, Larsson and Koolen,
//! "Testing exchangeability" and "Admissible anytime-valid sequential inference" (2020); Waudby-Smith and
//! Ramdas, *Journal of the Royal Statistical Society B* 86 (2024) 1.
//!
//! `tests/gate/confidence_sequence.json` has evidence, intervals and false alarms by confseq (PyPI), to which
//! tests hold these.

use crate::gate::signed_rank::student_quantile;
use crate::report::median::median;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The bets, as shares of the money, and how the first 1 is split among them.
const BETS: [(f64, f64); 4] = [(0.3, 0.15), (0.6, 0.25), (0.9, 0.35), (1.0, 0.25)];
/// Halvings of the interval in which a bound is looked for.
const STEPS: u32 = 40;

/// Differences in their order, with their scales.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ConfidenceSequence {
    /// Each difference and its scale; 0 if only its sign counts.
    scaled: Vec<(f64, f64)>,
}

/// Where the differences are suspected to lie: the alternative to the hypothesis that is refuted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alternative {
    Above,
    Below,
}

impl ConfidenceSequence {
    /// `None` without differences, or if one is not finite.
    pub(crate) fn of(differences: &[f64]) -> Option<ConfidenceSequence> {
        if differences.is_empty() || differences.iter().any(|x| !x.is_finite()) {
            return None;
        }
        let scaled = differences.iter().enumerate();
        Some(ConfidenceSequence {
            scaled: scaled.map(|(i, x)| (*x, scale(&differences[..i]))).collect(),
        })
    }

    /// Returns the anytime-valid p-value against the differences lying above zero.
    pub(crate) fn p_value(&self) -> f64 {
        (1.0 / self.most_evidence(0.0, Alternative::Above)).min(1.0)
    }

    /// Returns the lower and the upper bound, **each** at the level `alpha` for all numbers of pairs at
    /// once. `None` if so few differences give none.
    pub(crate) fn bounds(&self, alpha: f64) -> Option<(f64, f64)> {
        let values = || self.scaled.iter().map(|(x, _)| *x);
        let least = values().fold(f64::INFINITY, f64::min);
        let most = values().fold(f64::NEG_INFINITY, f64::max);
        // Below all of them the evidence is at its greatest, also if they are all the same.
        let beyond = (most - least).max(most.abs().max(least.abs()) * 1e-9).max(1e-12);
        let lower = self.bound(least - beyond, most + beyond, Alternative::Above, alpha)?;
        let upper = self.bound(most + beyond, least - beyond, Alternative::Below, alpha)?;
        Some((lower, upper))
    }

    /// Returns the last θ on the way from `refuted` to `kept` that is still refuted: the evidence
    /// falls all the way.
    fn bound(
        &self,
        mut refuted: f64,
        mut kept: f64,
        alternative: Alternative,
        alpha: f64,
    ) -> Option<f64> {
        let is_refuted = |theta| self.most_evidence(theta, alternative) * alpha >= 1.0;
        if !is_refuted(refuted) {
            return None;
        }
        for _ in 0..STEPS {
            let middle = f64::midpoint(refuted, kept);
            if is_refuted(middle) { refuted = middle } else { kept = middle }
        }
        Some(refuted)
    }

    /// Returns the most money that the gambler had at any time.
    fn most_evidence(&self, theta: f64, alternative: Alternative) -> f64 {
        let mut money = BETS.map(|(_, share)| share);
        let mut most: f64 = 0.0;
        for (x, scale) in &self.scaled {
            let beyond = match alternative {
                Alternative::Above => x - theta,
                Alternative::Below => theta - x,
            };
            let stake = stake(beyond, *scale);
            for (money, (bet, _)) in money.iter_mut().zip(BETS) {
                *money *= 1.0 + bet * stake;
            }
            most = most.max(money.iter().sum());
        }
        most
    }
}

/// Returns how much a difference counts, from −1 to 1.
fn stake(beyond: f64, scale: f64) -> f64 {
    if beyond == 0.0 {
        0.0
    } else if scale > 0.0 {
        (beyond / scale).clamp(-1.0, 1.0)
    } else {
        beyond.signum()
    }
}

/// Returns the scale of the difference after these: their median deviation from their median.
fn scale(before: &[f64]) -> f64 {
    if before.len() < 2 {
        return 0.0;
    }
    let Some(middle) = median(before) else { return 0.0 };
    let deviations: Vec<f64> = before.iter().map(|x| (x - middle).abs()).collect();
    median(&deviations).unwrap_or(0.0)
}

/// Returns the least p-value that so many pairs can give, if all of them agree.
pub(crate) fn smallest_anytime_p(pairs: u32) -> f64 {
    let pairs = i32::try_from(pairs).unwrap_or(i32::MAX);
    let most: f64 = BETS.iter().map(|(bet, share)| share * (1.0 + bet).powi(pairs)).sum();
    (1.0 / most).min(1.0)
}

/// Returns the smallest relative change that the test at the level `alpha` shows after at most so many
/// pairs with the chance `power`, if the pairs' log ratios have the normal deviation `noise`. `None` if
/// so few pairs show nothing at this level, or the result is not finite.
///
/// The logarithm of a bet's money is a sum over the pairs: its mean and deviation are integrals over the
/// normal density, and the sum is taken for normal. That is right within a tenth of the change. Margins
/// and Holm's correction are not considered.
pub(crate) fn detectable_by_bets(noise: f64, pairs: u32, alpha: f64, power: f64) -> Option<f64> {
    let change = (detectable_deviations(pairs, alpha, power)? * noise).exp_m1();
    change.is_finite().then_some(change)
}

/// Returns the same in deviations of the log ratios, which depends on nothing measured. It is asked for after every
/// pair and of every metric, and takes fifty thousand logarithms: each is computed once.
fn detectable_deviations(pairs: u32, alpha: f64, power: f64) -> Option<f64> {
    static KNOWN: Mutex<BTreeMap<(u32, u64, u64), Option<f64>>> = Mutex::new(BTreeMap::new());
    let key = (pairs, alpha.to_bits(), power.to_bits());
    // What a thread that panicked left is whole: an entry is there or not.
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    *known.entry(key).or_insert_with(|| least_shown(pairs, alpha, power))
}

fn least_shown(pairs: u32, alpha: f64, power: f64) -> Option<f64> {
    if alpha.is_nan() || pairs < 2 || smallest_anytime_p(pairs) > alpha {
        return None;
    }
    let short = student_quantile(power, 1_000);
    let n = f64::from(pairs);
    let shows = |shift: f64| {
        let money = |(bet, share): &(f64, f64)| {
            let (mean, deviation) = growth(*bet, shift);
            share * (n * mean - short * n.sqrt() * deviation).exp()
        };
        BETS.iter().map(money).sum::<f64>() * alpha >= 1.0
    };
    // Beyond twenty all pairs agree.
    let mut hidden = 0.0;
    let mut shown = 20.0;
    if !shows(shown) {
        return None;
    }
    for _ in 0..30 {
        let middle = f64::midpoint(hidden, shown);
        if shows(middle) { shown = middle } else { hidden = middle }
    }
    Some(shown)
}

/// Returns the mean and the deviation of the logarithm of a bet's factor, if differences are normal with
/// the deviation 1 around `shift`.
fn growth(bet: f64, shift: f64) -> (f64, f64) {
    /// The median deviation of a normal deviate, which the scale is.
    const SCALE: f64 = 0.6745;
    const NODES: i32 = 200;
    let mut weight = 0.0;
    let mut mean = 0.0;
    let mut square = 0.0;
    for node in -NODES..=NODES {
        let z = f64::from(node) * 5.0 / f64::from(NODES);
        let density = (-z * z / 2.0).exp();
        // The whole money is never lost in the mixture: the other bets live on.
        let log = (1.0 + bet * stake(shift + z, SCALE)).max(0.05).ln();
        weight += density;
        mean += density * log;
        square += density * log * log;
    }
    (mean / weight, (square / weight - (mean / weight).powi(2)).max(0.0).sqrt())
}

#[cfg(test)]
mod oracle;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand_xoshiro::Xoshiro256PlusPlus;
    use rand_xoshiro::rand_core::{RngCore, SeedableRng};

    fn of(differences: &[f64]) -> ConfidenceSequence {
        ConfidenceSequence::of(differences).expect("finite differences")
    }

    /// By hand: two differences count by their sign, the third by the scale 1 of those before it.
    #[test]
    fn money_is_multiplied_by_each_bet() {
        let sequence = of(&[1.0, 3.0, 0.5]);
        assert_eq!(sequence.scaled, [(1.0, 0.0), (3.0, 0.0), (0.5, 1.0)]);
        let after = |stake: f64| -> f64 {
            let money =
                |(bet, share): &(f64, f64)| share * (1.0 + bet) * (1.0 + bet) * (1.0 + bet * stake);
            BETS.iter().map(money).sum()
        };
        assert!((sequence.most_evidence(0.0, Alternative::Above) - after(0.5)).abs() < 1e-12);
        assert!((sequence.p_value() - 1.0 / after(0.5)).abs() < 1e-12);
        // Against the other side he loses from the first bet on.
        assert!(sequence.most_evidence(0.0, Alternative::Below) < 1.0);
        let shares: f64 = BETS.iter().map(|(_, share)| share).sum();
        assert!((shares - 1.0).abs() < 1e-12);
    }

    #[test]
    fn so_many_pairs_that_agree_decide() {
        // At 1 in 100 eight pairs, and ten for the first of four metrics.
        assert!(smallest_anytime_p(7) > 0.01 && smallest_anytime_p(8) <= 0.01);
        assert!(smallest_anytime_p(9) > 0.0025 && smallest_anytime_p(10) <= 0.0025);
        assert!((of(&[1.0; 10]).p_value() - smallest_anytime_p(10)).abs() < 1e-12);
        assert_eq!(of(&[1.0; 7]).bounds(0.01), None);
        let (lower, upper) = of(&[1.0; 8]).bounds(0.01).expect("bounds");
        assert!((lower - 1.0).abs() < 1e-6 && (upper - 1.0).abs() < 1e-6);
        assert_eq!(ConfidenceSequence::of(&[]), None);
        assert_eq!(ConfidenceSequence::of(&[1.0, f64::INFINITY]), None);
        assert_eq!(of(&[0.0; 20]).p_value(), 1.0);
    }

    /// Of a change that is called detectable eight in ten are found, within the precision stated.
    #[test]
    fn detectable_changes_are_detected() {
        const NOISE: f64 = 0.05;
        for pairs in [12, 20, 40] {
            let change = detectable_by_bets(NOISE, pairs, 0.01, 0.8).expect("a change").ln_1p();
            let found = |shift: f64| {
                let is_found = |seed: &u64| {
                    let mut random = Xoshiro256PlusPlus::seed_from_u64(*seed);
                    let all: Vec<f64> =
                        (0..pairs).map(|_| shift + NOISE * normal(&mut random)).collect();
                    of(&all).p_value() <= 0.01
                };
                (0..400).filter(is_found).count()
            };
            // A tenth less or more of it is found less and more often than eight in ten.
            assert!(found(0.88 * change) < 320, "{pairs}: {}", found(0.88 * change));
            assert!(found(1.12 * change) > 320, "{pairs}: {}", found(1.12 * change));
        }
        assert_eq!(detectable_by_bets(NOISE, 7, 0.01, 0.8), None);
        assert_eq!(detectable_by_bets(0.0, 8, 0.01, 0.8), Some(0.0));
    }

    /// A normal deviate: the sum of twelve uniform ones.
    fn normal(random: &mut Xoshiro256PlusPlus) -> f64 {
        (0..12).map(|_| (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64).sum::<f64>() - 6.0
    }

    /// Symmetric differences of these kinds: of one size, uniform, with heavy tails, of a variance that
    /// grows, and bursts.
    fn symmetric(kind: u64, i: u64, random: &mut Xoshiro256PlusPlus) -> f64 {
        let mut unit = || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        let (sign, size) = (if unit() < 0.5 { -1.0 } else { 1.0 }, unit());
        sign * match kind {
            0 => 1.0,
            1 => size,
            2 => 1.0 / (1.0 - size).max(1e-9),
            3 => size * 1.1_f64.powi(i32::try_from(i).unwrap_or(0)),
            _ => size * if i % 10 < 2 { 50.0 } else { 1.0 },
        }
    }

    /// Looked at after every one of 60 pairs, at most 1 in 20 sequences ever refutes the truth at that
    /// level; 500 sequences of each kind, and five standard deviations of their number.
    #[test]
    fn looking_after_every_pair_refutes_the_truth_as_rarely_as_stated() {
        const SEQUENCES: u64 = 500;
        const LEVEL: f64 = 0.05;
        for kind in 0..5 {
            let refuted = (0..SEQUENCES).filter(|seed| {
                let mut random = Xoshiro256PlusPlus::seed_from_u64(kind * SEQUENCES + seed);
                let all: Vec<f64> = (0..60).map(|i| symmetric(kind, i, &mut random)).collect();
                of(&all).p_value() <= LEVEL
            });
            let most = LEVEL * SEQUENCES as f64;
            let bound = most + 5.0 * (most * (1.0 - LEVEL)).sqrt();
            assert!((refuted.count() as f64) <= bound, "kind {kind}");
        }
    }

    proptest! {
        /// More pairs never make the p-value larger, nor the interval wider.
        #[test]
        fn evidence_is_kept(all in prop::collection::vec(-1.0_f64..1.0, 1..40)) {
            let (some, more) = (of(&all[..all.len().div_ceil(2)]), of(&all));
            prop_assert!(more.p_value() <= some.p_value());
            if let Some((lower, upper)) = some.bounds(0.05) {
                let (later_lower, later_upper) = more.bounds(0.05).expect("bounds stay");
                prop_assert!(later_lower >= lower - 1e-9 && later_upper <= upper + 1e-9);
            }
        }

        /// The interval moves with the differences and grows with their unit, and the lower bound is
        /// above zero exactly if the test refutes zero.
        #[test]
        fn the_interval_belongs_to_the_test(
            all in prop::collection::vec(-1.0_f64..2.0, 8..40), shift in -3.0_f64..3.0,
        ) {
            let plain = of(&all);
            let moved: Vec<f64> = all.iter().map(|x| 2.0 * x + shift).collect();
            if let (Some(bounds), Some(of_moved)) = (plain.bounds(0.05), of(&moved).bounds(0.05)) {
                prop_assert!((2.0 * bounds.0 + shift - of_moved.0).abs() < 1e-6);
                prop_assert!((2.0 * bounds.1 + shift - of_moved.1).abs() < 1e-6);
                if bounds.0.abs() > 1e-9 {
                    prop_assert_eq!(bounds.0 > 0.0, plain.p_value() <= 0.05);
                }
            }
        }
    }
}
