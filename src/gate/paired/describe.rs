//! Sentences about a paired metric: what changed, how surely, and what is missing.
//!
//! Separate from the decision: nothing here decides. Shares become per cent here and nowhere else.

use crate::gate::paired::evidence::{Evidence, Evident, is_margin};
use crate::gate::paired::{Judged, Rules};
use crate::gate::signed_rank::smallest_p;
use crate::report::Figure;
use crate::report::finding::{Decision, Effect};
use crate::units::{thousands, three};

/// Changes from tenfold on are told as a factor.
const FACTOR_FROM: f64 = 9.0;

/// A metric's name in words: `server_cpu_us_per_message` is `server CPU a message`. The unit stands
/// beside the value.
fn metric(name: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut last = "";
    for part in name.split('_') {
        match (last, part) {
            ("per", "s") => words.push("second".to_owned()),
            (_, "us" | "s" | "") => continue,
            (_, "per") => words.push("a".to_owned()),
            (_, "cpu" | "ip") => words.push(part.to_uppercase()),
            // p99_9 is the percentile 99.9.
            (quantile, digits)
                if quantile.starts_with('p')
                    && quantile[1..].parse::<u32>().is_ok()
                    && digits.parse::<u32>().is_ok() =>
            {
                let whole = words.pop().unwrap_or_default();
                words.push(format!("{whole}.{digits}"));
            }
            _ => words.push(part.to_owned()),
        }
        last = part;
    }
    words.join(" ")
}

/// `12.3`, `5`, `0.04`: a share as per cent, without the sign.
fn percent(share: f64) -> String {
    let percent = share.abs() * 100.0;
    let decimals = match percent {
        p if p >= 99.95 => 0,
        p if p >= 0.995 => 1,
        _ => 2,
    };
    let text = format!("{percent:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// `51`, for changes that no one reads as per cent.
fn times(change: f64) -> String {
    match change + 1.0 {
        f if f < 1e6 => three(f),
        _ => "more than a million".to_owned(),
    }
}

/// `51 times as much`.
fn factor(change: f64) -> String {
    format!("{} times as much", times(change))
}

/// `12.3 % more`, `5 % less`, `unchanged`.
fn change(by: f64) -> String {
    match percent(by).as_str() {
        "0" => "unchanged".to_owned(),
        _ if by >= FACTOR_FROM => factor(by),
        text if by > 0.0 => format!("{text} % more"),
        text => format!("{text} % less"),
    }
}

/// `4.1 to 19.8 %`, `8 to 51 times as much`, `2.2 % less to 3.1 % more`; the direction is said
/// where it is not the estimate's own.
fn interval(effect: &Effect) -> Option<String> {
    let (lower, upper) = (effect.lower?, effect.upper?);
    Some(match (lower, upper) {
        (l, u) if l >= FACTOR_FROM => format!("{} to {} times as much", times(l), times(u)),
        (l, u) if l > 0.0 && u < FACTOR_FROM => format!("{} to {} %", percent(l), percent(u)),
        (l, u) if u < 0.0 => format!("{} to {} %", percent(u), percent(l)),
        (l, u) => format!("{} to {}", change(l), change(u)),
    })
}

/// `p = 0.0007`, `p = 0.012`.
pub(crate) fn p_value(p: f64) -> String {
    match p {
        p if p < 0.0001 => "p < 0.0001".to_owned(),
        p if p < 0.01 => format!("p = {p:.4}"),
        p if p < 0.1 => format!("p = {p:.3}"),
        p => format!("p = {p:.2}"),
    }
}

/// A value of a metric; large ones without a fraction, with thousands apart.
fn number(value: f64) -> String {
    match value.abs() {
        m if (999.5..1e15).contains(&m) => {
            let sign = if value < 0.0 { "−" } else { "" };
            format!("{sign}{}", thousands(m.round() as u64))
        }
        m if m >= 1e15 => format!("{value:.2e}"),
        m if m > 0.0 && m < 0.0005 => format!("{value:.2e}"),
        _ => three(value).replace('-', "−"),
    }
}

fn with_unit(value: &Figure, unit: &str) -> String {
    match (value, unit) {
        (Figure::Known(v), "-" | "") => number(*v),
        (Figure::Known(v), unit) => format!("{} {unit}", number(*v)),
        (Figure::Absent(_), _) => "no figure".to_owned(),
    }
}

/// `A 9.98, B 11.2 µs/message`: the medians.
fn medians(evident: &Evident) -> String {
    let (a, b) = &evident.medians;
    let unit = evident.metric.unit.as_str();
    match (a, b) {
        (Figure::Known(a), Figure::Known(_)) => {
            format!("medians A {}, B {}", number(*a), with_unit(b, unit))
        }
        _ => format!("medians A {}, B {}", with_unit(a, unit), with_unit(b, unit)),
    }
}

/// `in B in 3 of 10 pairs`, `in A in 2 and in B in 3 of 10 pairs`.
pub(crate) fn sides(counts: [usize; 2], total: usize) -> String {
    match counts {
        [a, 0] => format!("in A in {a} of {total} pairs"),
        [0, b] => format!("in B in {b} of {total} pairs"),
        [a, b] if a == b => format!("on either side in {a} of {total} pairs"),
        [a, b] => format!("in A in {a} and in B in {b} of {total} pairs"),
    }
}

/// What a metric is held against.
pub(crate) fn bound(margin: f64) -> String {
    match percent(margin).as_str() {
        _ if !is_margin(margin) => "no bound".to_owned(),
        _ if margin >= FACTOR_FROM => format!("at most {}", factor(margin)),
        "0" => "no more".to_owned(),
        text => format!("at most {text} % more"),
    }
}

/// The finding's sentence.
pub(crate) fn text(judged: &Judged) -> String {
    let evident = judged.evident;
    let name = metric(&evident.metric.subject.metric);
    let medians = medians(evident);
    let pairs = evident.pairs;
    let decided = match judged.decision {
        Decision::Fail => format!(", {}", p_value(judged.corrected)),
        _ => undecided(judged),
    };
    match &evident.evidence {
        _ if pairs == 0 => format!("{name} was not compared: no pair of runs has ended"),
        Evidence::None(why) | Evidence::Void(why) => {
            format!("{name} cannot be compared: {why}; {medians}")
        }
        Evidence::FromNothing(nothing) => format!(
            "{name} is nothing in A in {nothing} of {pairs} pairs and more in B in every \
             one{decided}; {medians}"
        ),
        Evidence::ToNothing(nothing) => format!(
            "{name} is nothing in B in {nothing} of {pairs} pairs and no more than tolerated in \
             any{decided}; {medians}"
        ),
        Evidence::Ratios(_) => match evident.effect(judged.rules, judged.corrected) {
            Some(effect) => format!("{name} is {}; {medians}", told(judged, &effect)),
            None => format!("{name} was compared in one pair only{decided}; {medians}"),
        },
    }
}

/// `12.3 % more (4.1 to 19.8 %), p = 0.0007`, and what that means.
fn told(judged: &Judged, effect: &Effect) -> String {
    let by = match judged.evident.same() {
        true => "the same in every pair".to_owned(),
        false => match interval(effect) {
            Some(interval) => format!("{} ({interval})", change(effect.estimate)),
            None => change(effect.estimate),
        },
    };
    let tolerated = percent(effect.margin);
    match judged.decision {
        Decision::Fail => format!("{by}, {}", p_value(judged.corrected)),
        Decision::Pass if judged.evident.same() => by,
        Decision::Pass if effect.upper.is_some_and(|u| u < 0.0) => format!("{by}, an improvement"),
        Decision::Pass => format!("{by}, within the {tolerated} % tolerated"),
        Decision::Inconclusive | Decision::NotComparable => format!("{by}{}", undecided(judged)),
    }
}

/// Why there is no decision; empty where there is one.
fn undecided(judged: &Judged) -> String {
    let Judged { evident, rules, corrected, .. } = judged;
    if judged.decision != Decision::Inconclusive {
        return String::new();
    }
    let looks = rules.deciding();
    if !looks.contains(&evident.pairs) {
        return match looks.first() {
            Some(first) => format!(
                ", undecided: {} and the first decision is at {first}",
                ran(evident.pairs as usize)
            ),
            None => ", undecided: no look has enough pairs for a decision at this level".to_owned(),
        };
    }
    let beyond = match &evident.evidence {
        Evidence::Ratios(walsh) => walsh.estimate() >= evident.margin,
        _ => true,
    };
    match beyond {
        true if *corrected > rules.alpha => {
            format!(
                ", undecided: {} where at most {} fails",
                p_value(*corrected),
                three(rules.alpha)
            )
        }
        _ => {
            let tolerated = percent(evident.metric.margin);
            format!(", undecided: the interval reaches beyond the {tolerated} % tolerated")
        }
    }
}

/// `1 pair ran`, `13 pairs ran`.
fn ran(pairs: usize) -> String {
    match pairs {
        1 => "1 pair ran".to_owned(),
        n => format!("{n} pairs ran"),
    }
}

/// Further lines: what so many pairs can see, what the correction did, which pairs were judged.
pub(crate) fn details(judged: &Judged) -> Vec<String> {
    let Judged { evident, rules, p, corrected, family, .. } = judged;
    let mut lines = Vec::new();
    let effect = evident.effect(rules, *corrected);
    if judged.decision == Decision::Inconclusive {
        let seen = effect.as_ref().and_then(|e| e.detectable);
        if let (Some(seen), Some(effect)) = (seen.filter(|s| *s > 0.0), &effect) {
            lines.push(format!(
                "The noise from pair to pair is {} %; {} pairs of it show changes from about {} on.",
                percent(effect.noise.exp_m1()),
                evident.pairs,
                change(seen)
            ));
        }
        if *p <= rules.alpha && *corrected > rules.alpha {
            let least = smallest_p(evident.pairs);
            let mut line = format!(
                "By itself it has {}; Holm's correction over {family} metrics makes that {}",
                p_value(*p),
                p_value(*corrected)
            );
            if least * *family as f64 > rules.alpha {
                line += &format!(
                    ", and {} pairs are too few for so many metrics: the least is {}",
                    evident.pairs,
                    p_value(least)
                );
            }
            lines.push(line + ".");
        }
    }
    let looks = rules.deciding();
    if looks.contains(&evident.pairs) && judged.ran > evident.pairs {
        lines.push(format!(
            "{}; the first {} were judged, as decisions are made at {} pairs.",
            ran(judged.ran as usize),
            evident.pairs,
            listed(&looks)
        ));
    }
    lines
}

/// `10`, `10 and 20`, `10, 20 and 40`.
fn listed(numbers: &[u32]) -> String {
    let words: Vec<String> = numbers.iter().map(u32::to_string).collect();
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, before)) => format!("{} and {last}", before.join(", ")),
        None => String::new(),
    }
}

/// What a reader of a judgement must know of its rules.
pub(crate) fn rules(rules: &Rules) -> String {
    let looks = rules.deciding();
    if looks.is_empty() {
        return "No number of pairs is enough for a decision at this level.".to_owned();
    }
    let alpha = rules.alpha;
    format!(
        "Decisions are made at {} pairs of runs. Estimates are Hodges–Lehmann, with intervals of \
         {} % ({} % on each side at each look); p-values are exact, of the one-sided signed-rank \
         test, with Holm's correction over the metrics.",
        listed(&looks),
        percent(1.0 - 2.0 * alpha),
        percent(alpha)
    )
}
