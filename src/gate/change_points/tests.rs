//! Change points of literal series, of series with Apache Otava's answer, laws, false alarms and power.

use crate::gate::change_points::*;
use proptest::prelude::*;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};
use serde_json::Value;

/// Series with their change points by Apache Otava; `tests/conformance/change_points` wrote it.
const OTAVA: &str = include_str!("../../../tests/gate/change_points.json");

fn places(points: &[ChangePoint]) -> Vec<usize> {
    points.iter().map(|point| point.index).collect()
}

fn agreed(values: &[f64], level: f64) -> Vec<usize> {
    find_changes(values, level, 1).agreed.iter().map(|change| change.index).collect()
}

/// So many values of each part.
fn steps(parts: &[(usize, f64)]) -> Vec<f64> {
    parts.iter().flat_map(|(count, value)| vec![*value; *count]).collect()
}

/// A normal deviate: the sum of twelve uniform ones.
fn normal(random: &mut Xoshiro256PlusPlus) -> f64 {
    (0..12).map(|_| (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64).sum::<f64>() - 6.0
}

fn noise(seed: u64, parts: &[(usize, f64)]) -> Vec<f64> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    steps(parts).into_iter().map(|mean| mean + normal(&mut random)).collect()
}

/// Places and statistics are those of apache-otava 0.8.0, whose permutations are others.
#[test]
fn the_energy_distance_finds_what_apache_otava_finds() {
    let held: Value = serde_json::from_str(OTAVA).expect("JSON");
    assert_eq!(held["apache-otava"], "0.8.0");
    let level = held["level"].as_f64().expect("a level");
    let series = held["series"].as_array().expect("series");
    assert!(series.len() >= 10);
    for one in series {
        let name = &one["name"];
        let number = |value: &Value| value.as_f64().expect("a number");
        let values: Vec<f64> =
            one["values"].as_array().expect("values").iter().map(number).collect();
        let found = find_by_energy(&values, level, LEAST_PERMUTATIONS, 1);
        let wanted = one["by_permutations"].as_array().expect("change points");
        let wanted: Vec<(u64, f64)> = wanted
            .iter()
            .map(|point| (point["index"].as_u64().expect("a place"), number(&point["q"])))
            .collect();
        assert_eq!(found.len(), wanted.len(), "{name}: {found:?}");
        for (point, (index, q)) in found.iter().zip(wanted) {
            assert_eq!(point.index as u64, index, "{name}");
            assert!((point.statistic - q).abs() < 1e-6 * q, "{name}: {} {q}", point.statistic);
        }
    }
}

/// Otava's first candidate, also if it is not significant.
#[test]
fn the_best_candidate_is_that_of_apache_otava() {
    let held: Value = serde_json::from_str(OTAVA).expect("JSON");
    for one in held["series"].as_array().expect("series") {
        let values: Vec<f64> =
            one["values"].as_array().expect("values").iter().filter_map(Value::as_f64).collect();
        let first = &one["first"];
        // At this level the first candidate is taken whatever it is, and there are no permutations.
        let found = find_by_energy(&values, 1.0, 0, 1);
        if first["q"] == 0.0 {
            assert_eq!(found, [], "{}", one["name"]);
            continue;
        }
        let is_first = |point: &&ChangePoint| Some(point.index as u64) == first["index"].as_u64();
        let point = found.iter().find(is_first).expect("it is among them");
        let q = first["q"].as_f64().expect("a number");
        assert!((point.statistic - q).abs() < 1e-6 * q, "{}", one["name"]);
    }
}

#[test]
fn a_step_of_a_count_is_found_where_it_is() {
    let values = steps(&[(12, 871.0), (8, 883.0)]);
    assert_eq!(agreed(&values, 0.01), [12]);
    let changes = find_changes(&values, 0.01, 1);
    assert!(changes.by_energy_alone.is_empty() && changes.by_ranks_alone.is_empty());
    // Both directions, and two of them.
    assert_eq!(agreed(&steps(&[(15, 2.0), (15, 1.0), (15, 3.0)]), 0.01), [15, 30]);
    // A rise that is taken back is two changes.
    assert_eq!(agreed(&steps(&[(15, 1.0), (12, 3.0), (15, 1.0)]), 0.01), [15, 27]);
}

#[test]
fn so_few_runs_after_a_change_show_it() {
    // Fifty runs before: at 1 in 1,000 five do, and two do not.
    assert_eq!(agreed(&steps(&[(50, 1.0), (5, 2.0)]), 0.001), [50]);
    assert_eq!(agreed(&steps(&[(50, 1.0), (2, 2.0)]), 0.001), [0; 0]);
}

/// One sees the wider spread, the other a location that is as before.
#[test]
fn what_one_method_sees_alone_is_not_agreed() {
    let held: Value = serde_json::from_str(OTAVA).expect("JSON");
    let series = held["series"].as_array().expect("series");
    let spread = series.iter().find(|one| one["name"] == "a change of the deviation");
    let values = spread.expect("it is there")["values"].as_array().expect("values");
    let values: Vec<f64> = values.iter().filter_map(Value::as_f64).collect();
    let changes = find_changes(&values, 0.01, 1);
    assert_eq!((changes.agreed.len(), places(&changes.by_energy_alone)), (0, vec![40]));
}

#[test]
fn the_nearest_change_points_are_one_change() {
    let point = |index| ChangePoint { index, statistic: 1.0, p: 0.001 };
    let changes = vote(&[point(10), point(12), point(30)], &[point(13), point(34), point(50)]);
    let pairs: Vec<(usize, usize)> =
        changes.agreed.iter().map(|c| (c.index, c.by_ranks.index)).collect();
    assert_eq!(pairs, [(12, 13)]);
    assert_eq!(places(&changes.by_energy_alone), [10, 30]);
    assert_eq!(places(&changes.by_ranks_alone), [34, 50]);
}

#[test]
fn nothing_is_found_in_nothing() {
    for values in [vec![], vec![1.0], vec![1.0, 2.0], vec![0.1; 100]] {
        assert_eq!(find_changes(&values, 0.01, 1), Changes::default(), "{values:?}");
    }
    assert_eq!(permutations(0.01), LEAST_PERMUTATIONS);
    assert_eq!(permutations(1e-4), 10_000);
}

/// At 1 in 20 for each method, of 300 series without a change at most so many have one by either, five
/// standard deviations allowed, and fewer by both.
#[test]
fn false_changes_are_as_rare_as_stated() {
    const SERIES: u64 = 300;
    const LEVEL: f64 = 0.05;
    let mut found = [0_u32; 3];
    for seed in 0..SERIES {
        let values = noise(seed, &[(24, 0.0)]);
        found[0] += u32::from(!find_by_energy(&values, LEVEL, 99, seed).is_empty());
        found[1] += u32::from(!find_by_ranks(&values, LEVEL).is_empty());
        let changes = find_changes(&values, LEVEL / 50.0, seed);
        found[2] += u32::from(!changes.agreed.is_empty());
    }
    let most = LEVEL * SERIES as f64;
    let bound = most + 5.0 * (most * (1.0 - LEVEL)).sqrt();
    assert!(f64::from(found[0]) <= bound && f64::from(found[1]) <= bound, "{found:?}");
    assert!(found[2] <= 2, "{found:?}");
}

/// A step of three deviations with ten runs after it is found within the tolerance nearly always, at
/// 1 in 1,000.
#[test]
fn a_step_of_three_deviations_is_found() {
    let is_found = |seed: &u64| {
        let places = agreed(&noise(*seed, &[(25, 0.0), (10, 3.0)]), 0.001);
        matches!(places[..], [place] if place.abs_diff(25) <= TOLERANCE)
    };
    let found = (0..40).filter(is_found).count();
    assert!(found >= 37, "{found} of 40");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_constant_has_no_change(value in -1e9_f64..1e9, count in 0..60_usize) {
        prop_assert_eq!(find_changes(&vec![value; count], 0.05, 1), Changes::default());
    }

    /// Units and offsets change no place; powers of two move no digit.
    #[test]
    fn shift_and_scale_change_no_place(
        seed in 0..1_000_u64, step in 0.0_f64..6.0, shift in -64_i32..64, power in -8_i32..8,
    ) {
        let values = noise(seed, &[(12, 0.0), (10, step)]);
        // Whole numbers of a fine grid: a shift loses no digit either.
        let values: Vec<f64> = values.iter().map(|x| (x * 1024.0).round() / 1024.0).collect();
        let factor = f64::powi(2.0, power);
        let moved: Vec<f64> =
            values.iter().map(|x| (x + f64::from(shift)) * factor).collect();
        let (plain, other) = (find_changes(&values, 0.02, 7), find_changes(&moved, 0.02, 7));
        let at = |c: &Changes| c.agreed.iter().map(|a| a.index).collect::<Vec<_>>();
        prop_assert_eq!(at(&plain), at(&other));
        prop_assert_eq!(places(&plain.by_energy_alone), places(&other.by_energy_alone));
        prop_assert_eq!(places(&plain.by_ranks_alone), places(&other.by_ranks_alone));
    }

    /// Ranks know no more than the order: a rising function changes nothing, a falling one neither.
    #[test]
    fn ranks_know_the_order_alone(seed in 0..1_000_u64, step in 0.0_f64..4.0) {
        let values = noise(seed, &[(15, 0.0), (15, step)]);
        let plain = find_by_ranks(&values, 0.05);
        let risen: Vec<f64> = values.iter().map(|x| x.exp()).collect();
        prop_assert_eq!(&plain, &find_by_ranks(&risen, 0.05));
        let fallen: Vec<f64> = values.iter().map(|x| -x).collect();
        prop_assert_eq!(&plain, &find_by_ranks(&fallen, 0.05));
    }

    /// Backwards the change is at the other end.
    #[test]
    fn backwards_a_step_is_at_the_other_end(before in 8..20_usize, after in 8..20_usize) {
        let values = steps(&[(before, 1.0), (after, 2.0)]);
        let backwards: Vec<f64> = values.iter().rev().copied().collect();
        prop_assert_eq!(agreed(&values, 0.01), vec![before]);
        prop_assert_eq!(agreed(&backwards, 0.01), vec![after]);
    }
}
