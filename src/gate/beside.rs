//! What changed beside a figure that got worse: what can be seen of its cause, over the same pairs of
//! runs. Nothing here decides; the finding has been made.
//!
//! A figure is named if it changed by [`LEAST_CHANGE`] or more, and in the same direction in
//! [`LEAST_AGREEING`] of the pairs; a pair without it does not count as one. That is no test: among ten pairs of the same server each figure has one
//! chance in nine of agreeing so far, and is then rarely so far apart.

use crate::gate::pairs::figures;
use crate::report::Figure;
use crate::report::finding::{Beside, ChangedFigure, Decision, Finding, Kind};
use crate::report::median::median;
use crate::report::metrics::{Column, columns};
use crate::report::table::{Row, Table};

/// The least change that is named.
const LEAST_CHANGE: f64 = 0.05;
/// The least change that is named, in the figure's own unit: what happens at one message in twenty costs
/// next to nothing.
const LEAST_A_MESSAGE: f64 = 0.05;
/// The least share of the pairs in which a figure must change in the same direction.
const LEAST_AGREEING: f64 = 0.8;

/// Adds to each failure of a figure that varies what changed beside it.
pub(crate) fn add(findings: &mut [Finding], pairs: &[(&Table, &Table)]) {
    let failed = |f: &&mut Finding| f.kind == Kind::Paired && f.decision == Decision::Fail;
    let named: Vec<Column> = columns().into_iter().filter(|c| c.beside.is_some()).collect();
    for finding in findings.iter_mut().filter(failed) {
        let Some((first, _)) = pairs.first() else { return };
        let of = &finding.subject;
        let same = |r: &&Row| r.series == of.series && Some(r.clients) == of.clients;
        let Some(row) = first.rows.iter().find(same) else { continue };
        // Those that the decision was made on.
        let evaluated = finding.effect.map_or(pairs.len(), |effect| effect.pairs as usize);
        let evaluated = &pairs[..evaluated.min(pairs.len())];
        let others = named.iter().filter(|column| column.name != of.metric);
        let mut beside = Beside::default();
        for column in others {
            sort_in(&mut beside, column, &figures(evaluated, row, column));
        }
        beside.changed.sort_by(|x, y| size(y).total_cmp(&size(x)));
        finding.beside = Some(beside);
    }
}

/// How far a ratio is from 1, whatever its direction.
fn size(changed: &ChangedFigure) -> f64 {
    let of_medians = || (changed.a > 0.0 && changed.b > 0.0).then(|| changed.b / changed.a);
    changed.ratio.or_else(of_medians).map_or(f64::INFINITY, |ratio| ratio.ln().abs())
}

/// Puts a figure where it belongs: changed, not changed, or not known.
fn sort_in(beside: &mut Beside, column: &Column, pairs: &[(Figure, Figure)]) {
    let name = column.beside.unwrap_or(&column.name).to_owned();
    let known: Vec<(f64, f64)> =
        pairs.iter().filter_map(|(a, b)| a.value().zip(b.value())).collect();
    // In a pair without it, it does not agree.
    let enough = |count: usize| count as f64 >= LEAST_AGREEING * pairs.len() as f64;
    if known.is_empty() || !enough(known.len()) {
        let why = pairs.iter().find_map(|(a, b)| a.reason().or(b.reason()));
        beside.unknown.push((name, why.unwrap_or("no pair of runs has it").to_owned()));
        return;
    }
    let side = |of: fn(&(f64, f64)) -> f64| {
        median(&known.iter().map(of).collect::<Vec<f64>>()).unwrap_or_default()
    };
    let a = side(|pair| pair.0);
    let b = side(|pair| pair.1);
    let ratios: Vec<f64> = known.iter().filter(|p| p.0 > 0.0).map(|p| p.1 / p.0).collect();
    // Of a figure that A has in some pairs only there is no ratio.
    let ratio = if ratios.len() == known.len() { median(&ratios) } else { None };
    let ratio = ratio.filter(|ratio| *ratio > 0.0);
    let grew = ratio.map_or(b > a, |ratio| ratio > 1.0);
    let agrees = |(a, b): &&(f64, f64)| if grew { b > a } else { b < a };
    let agreeing = known.iter().filter(agrees).count();
    let changed = ratio.is_none_or(|ratio| (ratio - 1.0).abs() >= LEAST_CHANGE);
    let changed = changed && (b - a).abs() >= LEAST_A_MESSAGE;
    if changed && enough(agreeing) {
        beside.changed.push(ChangedFigure {
            metric: column.name.clone(),
            name,
            unit: column.unit.to_owned(),
            a,
            b,
            ratio,
            agreeing: agreeing as u32,
            pairs: pairs.len() as u32,
        });
    } else {
        beside.unchanged.push(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(pairs: &[(f64, f64)]) -> Beside {
        let all = columns();
        let column = all.iter().find(|c| c.beside.is_some()).expect("there are some");
        let mut beside = Beside::default();
        let figure = |&(a, b): &(f64, f64)| (Figure::known(a), Figure::known(b));
        sort_in(&mut beside, column, &pairs.iter().map(figure).collect::<Vec<_>>());
        beside
    }

    fn times(pairs: usize, ratio: f64) -> Vec<(f64, f64)> {
        (0..pairs).map(|n| 1.0 + n as f64 / 100.0).map(|a| (a, a * ratio)).collect()
    }

    #[test]
    fn a_figure_that_doubled_in_every_pair_is_named_with_its_ratio() {
        let beside = sorted(&times(9, 2.0));
        let [changed] = beside.changed.as_slice() else { panic!("{beside:?}") };
        assert_eq!((changed.agreeing, changed.pairs), (9, 9));
        assert!((changed.ratio.expect("A is above zero") - 2.0).abs() < 1e-12);
        assert!((changed.a - 1.04).abs() < 1e-12 && (changed.b - 2.08).abs() < 1e-12);
        assert!(beside.unchanged.is_empty() && beside.unknown.is_empty());
    }

    #[test]
    fn a_small_change_and_one_of_either_sign_are_noise() {
        assert_eq!(sorted(&times(10, 1.049)).changed, []);
        assert_eq!(sorted(&times(10, 0.94)).changed.len(), 1);
        let mixed = |against: usize| {
            let mut pairs = times(10, 1.5);
            pairs.iter_mut().take(against).for_each(|(a, b)| (*a, *b) = (*b, *a));
            sorted(&pairs)
        };
        assert_eq!(mixed(2).changed[0].agreeing, 8);
        let noise = mixed(3);
        assert_eq!((noise.changed.len(), noise.unchanged.len()), (0, 1));
    }

    #[test]
    fn what_a_does_not_have_has_no_ratio() {
        let beside = sorted(&[(0.0, 1.0); 5]);
        assert_eq!((beside.changed[0].ratio, beside.changed[0].b), (None, 1.0));
        assert_eq!(sorted(&[(0.0, 0.0); 5]).unchanged.len(), 1);
        let gone = sorted(&[(2.0, 0.0); 5]);
        assert_eq!((gone.changed[0].ratio, gone.changed[0].a), (None, 2.0));
    }

    #[test]
    fn a_figure_that_many_pairs_lack_is_not_known() {
        let all = columns();
        let column = all.iter().find(|c| c.beside.is_some()).expect("there are some");
        let lacking = |count: usize| {
            let mut pairs = vec![(Figure::known(1.0), Figure::known(9.0)); 10];
            pairs[..count].fill((Figure::known(1.0), Figure::absent("why")));
            let mut beside = Beside::default();
            sort_in(&mut beside, column, &pairs);
            beside
        };
        let two = lacking(2);
        assert_eq!((two.changed[0].agreeing, two.changed[0].pairs), (8, 10));
        let three = lacking(3);
        assert_eq!((three.changed.len(), three.unknown[0].1.as_str()), (0, "why"));
    }
}
