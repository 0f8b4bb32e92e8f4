//! Evidence, intervals and false alarms beside those of confseq (PyPI), on the same seeded series.

use super::*;
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};
use serde_json::Value;

/// The answers of confseq; `tests/conformance/confidence_sequence` wrote them.
const CONFSEQ: &str = include_str!("../../../tests/gate/confidence_sequence.json");

fn held() -> Value {
    let held: Value = serde_json::from_str(CONFSEQ).expect("JSON");
    assert_eq!(held["confseq"], "0.0.11");
    held
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

/// Two numbers; `None` if there are none.
fn two(value: &Value) -> Option<(f64, f64)> {
    value.as_array().map(|both| (number(&both[0]), number(&both[1])))
}

/// A series as the script makes it: to the bit, since its arithmetic is that of one order.
fn series(kind: &str, length: u64, shift: f64, seed: u64) -> Vec<f64> {
    let mut random = SplitMix64::from_seed(seed.to_le_bytes());
    (0..length).map(|i| shift + 0.03 * noise(kind, i, &mut random)).collect()
}

fn noise(kind: &str, i: u64, random: &mut SplitMix64) -> f64 {
    let mut unit = || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    if kind == "normal" {
        return (0..12).fold(-6.0, |sum, _| sum + unit());
    }
    let sign = if unit() < 0.5 { -1.0 } else { 1.0 };
    let size = unit();
    match kind {
        "coin" => sign,
        "heavy tails" => sign * (size / (1.0 - size)),
        "growing" => sign * size * (1.0 + 0.05 * i as f64),
        "bursts" => sign * size * if i % 10 < 2 { 20.0 } else { 1.0 },
        _ => panic!("no kind {kind}"),
    }
}

/// One series of the file, with its values.
struct Held {
    values: Vec<f64>,
    answers: Value,
}

impl Held {
    fn name(&self) -> String {
        format!("{} of {}, seed {}", self.answers["kind"], self.values.len(), self.answers["seed"])
    }
    fn bounds(&self, level: f64) -> Option<(f64, f64)> {
        ConfidenceSequence::of(&self.values).expect("finite").bounds(level)
    }
    /// From the least to the greatest value, which is what bounds are exact to a share of.
    fn range(&self) -> f64 {
        let most = self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let least = self.values.iter().copied().fold(f64::INFINITY, f64::min);
        (most - least).max(1e-3)
    }
}

fn all_series(held: &Value) -> Vec<Held> {
    let read = |answers: &Value| {
        let whole = |name: &str| answers[name].as_u64().expect("a whole number");
        let kind = answers["kind"].as_str().expect("a kind");
        let values = series(kind, whole("length"), number(&answers["shift"]), whole("seed"));
        let last = values.last().expect("it has values");
        assert!((last - number(&answers["last"])).abs() < 1e-12, "{answers}");
        Held { values, answers: answers.clone() }
    };
    let all: Vec<Held> = held["series"].as_array().expect("series").iter().map(read).collect();
    assert!(all.len() >= 100, "{}", all.len());
    all
}

/// The same bets on the same stakes are the same money, at each look.
#[test]
fn the_evidence_is_that_of_confseq() {
    let held = held();
    let looks = held["looks"].as_array().expect("looks");
    for one in all_series(&held) {
        let wanted = one.answers["p"].as_array().expect("p-values");
        assert!(wanted.len() >= 5);
        for (look, wanted) in looks.iter().zip(wanted) {
            let pairs = look.as_u64().expect("a whole number") as usize;
            let p = ConfidenceSequence::of(&one.values[..pairs]).expect("finite").p_value();
            let wanted = number(wanted);
            assert!((p - wanted).abs() <= 1e-9 * wanted, "{}, {pairs}: {p} {wanted}", one.name());
        }
    }
}

/// Bounds that are looked for with confseq's money are ours, and confseq's own inversion, which tries points
/// of a grid and goes one step beyond what it keeps, has them within a step.
#[test]
fn the_interval_is_that_of_confseq() {
    let held = held();
    let level = number(&held["level"]);
    let mut on_a_grid = 0;
    for one in all_series(&held) {
        let wanted = two(&one.answers["bounds"]);
        let found = one.bounds(level);
        assert_eq!(found.is_some(), wanted.is_some(), "{}", one.name());
        let Some(((lower, upper), wanted)) = found.zip(wanted) else { continue };
        let near = 1e-9 * one.range();
        let is_near = |a: f64, b: f64| (a - b).abs() <= near;
        let same = is_near(lower, wanted.0) && is_near(upper, wanted.1);
        assert!(same, "{}: {lower} {upper} {wanted:?}", one.name());
        if let Some(grid) = two(&one.answers["on_a_grid"]) {
            on_a_grid += 1;
            let step = number(&one.answers["step"]);
            let within = |beyond: f64| beyond >= -near && beyond <= step + near;
            let both = within(lower - grid.0) && within(grid.1 - upper);
            assert!(both, "{}: {lower} {upper} {grid:?}", one.name());
        }
    }
    assert!(on_a_grid >= 30, "{on_a_grid}");
}

/// Looked at after every pair, at most 1 in 100 series around zero refutes it on each side, here as with bets of
/// confseq's own on the signs; and it is the same series that do so here and by confseq's money.
#[test]
fn zero_is_refuted_as_rarely_as_by_confseq() {
    let held = held();
    let level = number(&held["level"]);
    let all = held["coverage"].as_array().expect("counts");
    assert_eq!(all.len(), 5);
    for one in all {
        let kind = one["kind"].as_str().expect("a kind");
        let length = one["length"].as_u64().expect("a whole number");
        let (from, until) = two(&one["seeds"]).expect("seeds");
        let mut refuted = (0.0, 0.0);
        for seed in from as u64..until as u64 {
            let sequence =
                ConfidenceSequence::of(&series(kind, length, 0.0, seed)).expect("finite");
            let refutes = |side| sequence.most_evidence(0.0, side) * level >= 1.0;
            refuted.0 += f64::from(refutes(Alternative::Above));
            refuted.1 += f64::from(refutes(Alternative::Below));
        }
        assert_eq!(Some(refuted), two(&one["refuted"]), "{kind}");
        let most = level * (until - from);
        assert!(most >= 6.0 && refuted.0 <= most && refuted.1 <= most, "{kind}: {refuted:?}");
        let by_signs = two(&one["refuted_by_signs"]).expect("counts");
        assert!(by_signs.0 <= most && by_signs.1 <= most, "{kind}: {by_signs:?}");
    }
}

/// An interval that covers as surely as another is worth no more than its width: beside that of confseq's
/// predictable mixture on the signs ours is no wider in the median of each kind, but for a tenth, and there
/// from fewer pairs on.
#[test]
fn the_interval_is_no_wider_than_that_by_signs() {
    let held = held();
    let level = number(&held["level"]);
    let mut ratios: std::collections::BTreeMap<String, Vec<f64>> = Default::default();
    let mut ours_alone = 0;
    let mut theirs_alone = 0;
    for one in all_series(&held) {
        match (one.bounds(level), two(&one.answers["by_signs"])) {
            (Some(ours), Some(theirs)) => {
                let ratio = (ours.1 - ours.0) / (theirs.1 - theirs.0);
                ratios.entry(one.answers["kind"].to_string()).or_default().push(ratio);
            }
            (Some(_), None) => ours_alone += 1,
            (None, Some(_)) => theirs_alone += 1,
            (None, None) => {}
        }
    }
    assert_eq!(ratios.len(), 5);
    for (kind, ratios) in ratios {
        let middle = median(&ratios).expect("there are some");
        assert!(middle <= 1.1, "{kind}: {middle}");
    }
    assert!(ours_alone >= 20 && theirs_alone == 0, "{ours_alone} {theirs_alone}");
}
