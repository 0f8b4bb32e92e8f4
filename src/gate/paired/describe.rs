//! Sentences about a paired metric: what changed, how surely, and what is missing. Nothing here
//! decides.

use crate::gate::paired::evidence::{Evidence, MetricPairs, is_margin};
use crate::gate::paired::{DecidedMetric, Looks, PairedMetric, Rules};
use crate::report::Figure;
use crate::report::finding::{ChangeScale, Decision, Effect};
use crate::units::{amount, append_unit, listed, percent, three};

/// Changes from tenfold on are shown as a factor.
const FACTOR_FROM: f64 = 9.0;

/// Says that none of so many metrics can fail with the most pairs that run, if that is so.
pub(super) fn undecidable(rules: &Rules, metrics: usize) -> Option<String> {
    let most = rules.most_pairs();
    if rules.smallest_p(most) * metrics as f64 <= rules.alpha {
        return None;
    }
    let more = match rules.least_pairs(metrics) {
        Some(least) => format!("run at least {least} pairs"),
        None => "run more pairs".to_owned(),
    };
    Some(format!(
        "with {metrics} metrics and {most} pairs at the most no single metric can fail: {more}, or raise \
         --alpha"
    ))
}

/// Returns a metric's name for a sentence: `server_cpu_us_per_message` is `server CPU a message`. The
/// unit stands beside the value.
fn metric_name(name: &str) -> String {
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

/// `51`, for changes that are not shown in percent.
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

/// `12.3 % more`, `5 % less`, `96 bytes/message more`, `unchanged`.
fn change(scale: ChangeScale, unit: &str, by: f64) -> String {
    match scale {
        ChangeScale::Relative => relative(by),
        ChangeScale::Difference => match three(by.abs()).as_str() {
            "0" => "unchanged".to_owned(),
            size => {
                let more = if by > 0.0 { "more" } else { "less" };
                format!("{} {more}", append_unit(size.to_owned(), unit))
            }
        },
    }
}

fn relative(by: f64) -> String {
    match percent(by).as_str() {
        "0" => "unchanged".to_owned(),
        _ if by >= FACTOR_FROM => factor(by),
        text if by > 0.0 => format!("{text} % more"),
        text => format!("{text} % less"),
    }
}

/// `4.1 to 19.8 %`, `8 to 51 times as much`, `2.2 % less to 3.1 % more`: the direction is given
/// unless it is the estimate's.
fn interval(effect: &Effect, unit: &str) -> Option<String> {
    let lower = effect.lower?;
    let upper = effect.upper?;
    let change = |by| change(effect.scale, unit, by);
    Some(match (lower, upper) {
        _ if effect.scale == ChangeScale::Difference => {
            format!("{} to {}", change(lower), change(upper))
        }
        (l, u) if l >= FACTOR_FROM => format!("{} to {} times as much", times(l), times(u)),
        (l, u) if l > 0.0 && u < FACTOR_FROM => format!("{} to {} %", percent(l), percent(u)),
        (l, u) if u < 0.0 => format!("{} to {} %", percent(u), percent(l)),
        (l, u) => format!("{} to {}", change(l), change(u)),
    })
}

/// `p = 0.0007`, `p = 0.012`.
pub(super) fn p_value(p: f64) -> String {
    match p {
        p if p < 0.0001 => "p < 0.0001".to_owned(),
        p if p < 0.01 => format!("p = {p:.4}"),
        p if p < 0.1 => format!("p = {p:.3}"),
        p => format!("p = {p:.2}"),
    }
}

/// `A 9.98, B 11.2 µs/message`: the medians, with their unit once.
fn medians(tested: &MetricPairs) -> String {
    let (a, b) = &tested.medians;
    let unit = tested.metric.unit.as_str();
    let shown = |figure: &Figure, unit| match figure {
        Figure::Known(value) => append_unit(amount(*value), unit),
        Figure::Absent(absence) => match absence.below {
            Some(below) => format!("below {}", append_unit(amount(below as f64), unit)),
            None => "no figure".to_owned(),
        },
    };
    let has_unit = b.value().is_some() || b.below().is_some();
    let unit_of_a = if has_unit { "-" } else { unit };
    format!("medians A {}, B {}", shown(a, unit_of_a), shown(b, unit))
}

/// Returns the change that a metric tolerates: `5 %`, `8 bytes/message`.
fn tolerated(metric: &PairedMetric) -> String {
    match metric.scale {
        ChangeScale::Relative => format!("{} %", percent(metric.margin)),
        ChangeScale::Difference => append_unit(three(metric.margin), &metric.unit),
    }
}

/// Returns the bound of a metric.
pub(super) fn bound(metric: &PairedMetric) -> String {
    let margin = metric.margin;
    match percent(margin).as_str() {
        _ if !is_margin(margin) => "no bound".to_owned(),
        _ if metric.scale == ChangeScale::Difference => {
            format!("at most {} more", tolerated(metric))
        }
        _ if margin >= FACTOR_FROM => format!("at most {}", factor(margin)),
        "0" => "no more".to_owned(),
        text => format!("at most {text} % more"),
    }
}

/// Returns the finding's sentence.
pub(super) fn text(decided: &DecidedMetric) -> String {
    let tested = decided.tested;
    let name = metric_name(&tested.metric.subject.metric);
    let medians = medians(tested);
    let pairs = tested.pairs;
    let outcome = outcome(decided);
    match &tested.evidence {
        _ if pairs == 0 => format!("{name} was not compared: no pair of runs has ended"),
        Evidence::NoRatio(why) | Evidence::NoFigure(why) => {
            format!("{name} cannot be compared: {why}; {medians}")
        }
        Evidence::FromZero(nothing) => format!(
            "{name} is zero or less in A in {nothing} of {pairs} pairs and more in B in \
             every one{outcome}; {medians}"
        ),
        Evidence::FromBelow { bound, below } => format!(
            "{name} is below {} in A in {below} of {pairs} pairs, too short for the times in messages to say \
             more, and in B it is higher by more than is tolerated in every pair{outcome}; {medians}",
            append_unit(amount(*bound as f64), &tested.metric.unit)
        ),
        Evidence::ToZero(nothing) => format!(
            "{name} is zero or less in B in {nothing} of {pairs} pairs and no more than \
             tolerated in any{outcome}; {medians}"
        ),
        Evidence::Changes(_) => {
            let by = match &decided.effect {
                None => "was compared in one pair only".to_owned(),
                Some(_) if tested.same() => "is the same in every pair".to_owned(),
                Some(effect) => {
                    let unit = &tested.metric.unit;
                    let estimate = change(effect.scale, unit, effect.estimate);
                    match interval(effect, unit) {
                        Some(interval) => format!("is {estimate} ({interval})"),
                        None => format!("is {estimate}"),
                    }
                }
            };
            format!("{name} {by}{outcome}; {medians}")
        }
    }
}

/// `, p = 0.0007`, or why that passes or decides nothing; empty if it needs no words.
fn outcome(decided: &DecidedMetric) -> String {
    let tolerated = tolerated(decided.tested.metric);
    match (decided.decision, &decided.effect) {
        (Decision::Fail, _) => format!(", {}", p_value(decided.corrected)),
        (Decision::Inconclusive, _) => format!(", undecided: {}", undecided(decided, &tolerated)),
        (Decision::Pass, Some(effect)) if !decided.tested.same() => match effect.upper {
            Some(upper) if upper < 0.0 => ", an improvement".to_owned(),
            _ => format!(", within the {tolerated} tolerated"),
        },
        _ => String::new(),
    }
}

/// Says why there is no decision.
fn undecided(decided: &DecidedMetric, tolerated: &str) -> String {
    let DecidedMetric { tested, rules, corrected, .. } = decided;
    let looks = rules.deciding();
    let within = matches!(&tested.evidence, Evidence::Changes(c) if c.estimate() < tested.margin);
    match looks.first() {
        None => "no look has enough pairs for a decision at this level".to_owned(),
        Some(first) if !looks.contains(&tested.pairs) => {
            format!("{} and the first decision is at {first}", ran(tested.pairs))
        }
        _ if !within && *corrected > rules.alpha => {
            let few = decided
                .effect
                .as_ref()
                .and_then(|effect| too_few(effect, &tested.metric.unit, rules, decided.family));
            let few = few.map(|few| format!("{few}; ")).unwrap_or_default();
            format!("{few}{}, above the level of {}", p_value(*corrected), three(rules.alpha))
        }
        _ => format!("the interval reaches beyond the {tolerated} tolerated"),
    }
}

/// `+480 % to +625 % lies above the 5 % that is allowed, but 9 pairs are too few to say so at 1 in 100 for
/// 4 figures together`, if the interval does.
pub(super) fn too_few(
    effect: &Effect,
    unit: &str,
    rules: &Rules,
    metrics: usize,
) -> Option<String> {
    let lower = effect.lower?;
    let upper = effect.upper?;
    if lower <= effect.margin {
        return None;
    }
    let together = match metrics {
        0 | 1 => String::new(),
        n => format!(" for {n} figures together"),
    };
    let pairs = match effect.pairs {
        1 => "1 pair is".to_owned(),
        n => format!("{n} pairs are"),
    };
    let size = |by: f64| match effect.scale {
        ChangeScale::Relative => format!("{} %", percent(by)),
        ChangeScale::Difference => append_unit(three(by), unit),
    };
    Some(format!(
        "+{} to +{} lies above the {} that is allowed, but {pairs} too few to say so at 1 in {}{together}",
        size(lower),
        size(upper),
        size(effect.margin),
        three(1.0 / rules.alpha)
    ))
}

/// `1 pair ran`, `13 pairs ran`.
fn ran(pairs: u32) -> String {
    format!("{pairs} pair{} ran", if pairs == 1 { "" } else { "s" })
}

/// Returns further lines: what so many pairs can show, what the correction did, which pairs were
/// evaluated.
pub(super) fn details(decided: &DecidedMetric) -> Vec<String> {
    let DecidedMetric { tested, rules, p, corrected, family, .. } = decided;
    let mut lines = Vec::new();
    if decided.decision == Decision::Inconclusive {
        if let Some(effect) = &decided.effect
            && let Some(seen) = effect.detectable.filter(|seen| *seen > 0.0)
        {
            let unit = &tested.metric.unit;
            let noise = match effect.scale {
                ChangeScale::Relative => format!("{} %", percent(effect.noise.exp_m1())),
                ChangeScale::Difference => append_unit(three(effect.noise), unit),
            };
            lines.push(format!(
                "The noise from pair to pair is {noise}; {} pairs of it show changes from about {} on.",
                tested.pairs,
                change(effect.scale, unit, seen)
            ));
        }
        if *p <= rules.alpha && *corrected > rules.alpha {
            let least = rules.smallest_p(tested.pairs);
            let mut line = format!(
                "By itself it has {}; Holm's correction over {family} metrics makes that {}",
                p_value(*p),
                p_value(*corrected)
            );
            if least * *family as f64 > rules.alpha {
                line += &format!(
                    ", and {} pairs are too few for so many metrics: the least is {}",
                    tested.pairs,
                    p_value(least)
                );
            }
            lines.push(line + ".");
        }
    }
    let looks = rules.deciding();
    if looks.contains(&tested.pairs) && decided.ran > tested.pairs {
        lines.push(match rules.looks {
            Looks::At(_) => format!(
                "{}; the first {} were evaluated, as decisions are made at {} pairs.",
                ran(decided.ran),
                tested.pairs,
                listed(&looks)
            ),
            Looks::EveryPair { .. } => {
                format!("{}; {} of them give this figure.", ran(decided.ran), tested.pairs)
            }
        });
    }
    lines
}

/// Explains the rules to a reader of a judgement.
pub(super) fn rules(rules: &Rules) -> String {
    let looks = rules.deciding();
    if looks.is_empty() {
        return "No number of pairs is enough for a decision at this level.".to_owned();
    }
    let alpha = rules.alpha;
    if let Looks::EveryPair { .. } = rules.looks {
        return format!(
            "A decision may be made after every pair of runs, by a test that allows that (bets on each \
             pair's log ratio, or its difference if a figure is about zero: an e-process). Estimates are Hodges–Lehmann, with confidence sequences \
             of {} % ({} % on each side, for all numbers of pairs together); p-values have Holm's \
             correction over the metrics.",
            percent(1.0 - 2.0 * alpha),
            percent(alpha)
        );
    }
    format!(
        "Decisions are made at {} pairs of runs. Estimates are Hodges–Lehmann, with intervals of \
         {} % ({} % on each side at each look); p-values are exact, of the one-sided signed-rank \
         test, with Holm's correction over the metrics.",
        listed(&looks),
        percent(1.0 - 2.0 * alpha),
        percent(alpha)
    )
}
