//! A condition with its metrics found and its bound on their scale.
//!
//! Separate from `grammar`, which takes a text apart, and from `judge`, which holds a rule against
//! a run.

use crate::config::nearest;
use crate::gate::limit::condition::{Aggregate, Bound, Condition, Op, Spans, Wrong};
use crate::gate::limit::grammar;
use crate::gate::limit::metric::Measure;
use crate::gate::limit::unit::{Dimension, Scaled};
use std::ops::Range;

/// Which setting of a limit is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Its metric.
    Metric,
    /// These bytes of its condition.
    Condition(Range<usize>),
}

/// What is wrong with a limit, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Where.
    pub part: Part,
    /// What is wrong and what would be right.
    pub message: String,
}

/// A metric of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// The label or transport that the condition names; `None` for the series of the limit.
    pub series: Option<String>,
    /// Where in the condition the series is named.
    pub series_span: Range<usize>,
    /// The metric.
    pub measure: Measure,
    /// What it counts under the rule's aggregate.
    pub dimension: Dimension,
}

/// A condition that can be judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// One metric, or two that are divided.
    pub terms: Vec<Term>,
    /// What is made of the values.
    pub aggregate: Aggregate,
    /// How the figure is held against the bound.
    pub op: Op,
    /// The bound.
    pub bound: Scaled,
    /// What is judged, in words: `delivery_latency p(95)`.
    pub expression: String,
    /// What it is held against, as written: `< 20ms`.
    pub bound_text: String,
}

impl Rule {
    /// Reads a limit's condition; `metric` is what it is on where it names nothing itself.
    ///
    /// # Errors
    /// Everything that is wrong, with its place.
    pub fn read(metric: Option<&str>, text: &str) -> Result<Rule, Vec<Refused>> {
        let (condition, spans) = grammar::parse(text).map_err(|wrong| vec![of(wrong)])?;
        let parts = measures(metric, &condition, &spans)?;
        let aggregate = condition.aggregate.as_ref();
        let (mut terms, mut refused) = (Vec::new(), Vec::new());
        for (series, series_span, measure) in parts {
            match measure.dimension(aggregate) {
                Ok(dimension) => terms.push(Term { series, series_span, measure, dimension }),
                Err(message) => refused.push(at(spans.aggregate.clone(), message)),
            }
        }
        refused.dedup();
        if !refused.is_empty() {
            return Err(refused);
        }
        let aggregate = condition.aggregate.clone().unwrap_or(Aggregate::Value);
        let left = match condition.operands.as_slice() {
            [] => metric.unwrap_or_default().to_owned(),
            all => all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" / "),
        };
        let expression = match aggregate {
            Aggregate::Value => left,
            ref other => format!("{left} {other}"),
        };
        if let [a, b] = terms.as_slice()
            && !a.dimension.divides(b.dimension)
        {
            let (one, other) = (a.dimension.words(), b.dimension.words());
            let message =
                format!("a ratio is of two figures of a kind, and these are {one} and {other}");
            return Err(vec![at(spans.operands[0].start..spans.operands[1].end, message)]);
        }
        let bound = bound(&condition, &terms, &expression)
            .map_err(|message| vec![at(spans.bound.clone(), message)])?;
        let bound_text = text[spans.op.start..].trim().to_owned();
        Ok(Rule { terms, aggregate, op: condition.op, bound, expression, bound_text })
    }

    /// True where the condition names a series for each of its metrics.
    pub fn names_series(&self) -> bool {
        self.terms.iter().all(|term| term.series.is_some())
    }

    /// True where two series are held against each other.
    pub fn is_between_series(&self) -> bool {
        matches!(self.terms.as_slice(), [a, b] if a.series != b.series)
    }

    /// True where it can be judged while a case runs.
    pub fn is_live(&self) -> bool {
        let live = |term: &Term| {
            let measure = &term.measure;
            // What only grows is below every floor at first, and at its end alone it is what it is.
            let grows = measure.grows(&self.aggregate);
            let ceiling = matches!(self.op, Op::Less | Op::AtMost);
            let none = self.op == Op::Equal && self.bound.is_zero();
            measure.is_live(&self.aggregate) && (!grows || ceiling || none)
        };
        !self.is_between_series() && self.terms.iter().all(live)
    }
}

fn of(wrong: Wrong) -> Refused {
    at(wrong.span, wrong.message)
}

fn at(span: Range<usize>, message: impl Into<String>) -> Refused {
    Refused { part: Part::Condition(span), message: message.into() }
}

type Found = (Option<String>, Range<usize>, Measure);

/// The metrics, from the condition or from beside it.
fn measures(
    metric: Option<&str>,
    condition: &Condition,
    spans: &Spans,
) -> Result<Vec<Found>, Vec<Refused>> {
    let beside = |message| vec![Refused { part: Part::Metric, message }];
    match (metric, condition.operands.as_slice()) {
        (None, []) => {
            let message = "the limit has no metric: write metric = \"…\" beside the condition, or \
                           name it in the condition, as in \"faults == 0\"";
            Err(vec![at(0..spans.op.start.max(1), message)])
        }
        (Some(name), []) => match Measure::find(name) {
            Ok(measure) => Ok(vec![(None, 0..0, measure)]),
            Err(message) => Err(beside(message)),
        },
        (beside, operands) => {
            let mut refused = Vec::new();
            let mut found = Vec::new();
            for (n, operand) in operands.iter().enumerate() {
                let span = spans.metric(operand, n);
                match Measure::find(&operand.metric) {
                    Ok(_) if beside.is_some() => refused.push(at(
                        span,
                        "the condition names its metric: leave out `metric` beside it",
                    )),
                    Ok(measure) => {
                        let series_span = spans.series(operand, n);
                        found.push((operand.series.clone(), series_span, measure));
                    }
                    Err(message) => {
                        let message = meant(&operand.metric, beside.is_some(), message);
                        refused.push(at(span, message));
                    }
                }
            }
            if refused.is_empty() { Ok(found) } else { Err(refused) }
        }
    }
}

/// An unknown metric may be an aggregate with a slip in it, and beside a metric it is meant as one.
fn meant(word: &str, is_beside: bool, message: String) -> String {
    let what = if is_beside { "aggregate" } else { "metric or aggregate" };
    match nearest(word, &Aggregate::WORDS) {
        Some(near) => format!("unknown {what} {word:?}, did you mean {near:?}?"),
        None if is_beside => {
            let all = Aggregate::WORDS.join(", ");
            format!("unknown aggregate {word:?}; use one of {all}, p(N)")
        }
        None => message,
    }
}

fn bound(condition: &Condition, terms: &[Term], expression: &str) -> Result<Scaled, String> {
    let Bound { number, to, unit } = &condition.bound;
    match terms {
        [_, _] => {
            let mut scaled = Dimension::NUMBER.scaled(number, unit, "a ratio")?;
            if let Some(one) = to.as_ref().and_then(|to| to.parse::<f64>().ok()) {
                scaled.number /= one;
            }
            Ok(scaled)
        }
        _ if to.is_some() => {
            Err(format!("{} is a ratio, and {expression} is none", condition.bound))
        }
        [one]
            if unit == "%" && one.measure.part().is_some() && one.dimension != Dimension::SHARE =>
        {
            let name = one.measure.part().unwrap_or_default();
            Err(format!("{expression} is a bare number; its share in percent is \"{name} rate\""))
        }
        [one] => one.dimension.scaled(number, unit, expression),
        _ => Err("the limit has no metric".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(metric: Option<&str>, text: &str) -> String {
        match Rule::read(metric, text) {
            Ok(rule) => {
                format!("{} | {} | {}", rule.expression, rule.bound_text, rule.bound.number)
            }
            Err(all) => {
                let shown = |r: &Refused| match &r.part {
                    Part::Metric => format!("metric: {}", r.message),
                    Part::Condition(span) => format!("{:?}: {}", &text[span.clone()], r.message),
                };
                all.iter().map(shown).collect::<Vec<_>>().join("\n")
            }
        }
    }

    #[test]
    fn a_rule_is_a_condition_on_its_metric() {
        assert_eq!(
            told(Some("delivery_latency"), "p(95) <20 ms"),
            "delivery_latency p(95) | <20 ms | 20000"
        );
        assert_eq!(told(None, "faults == 0"), "faults | == 0 | 0");
        assert_eq!(
            told(None, "updates_delivered rate > 99.9%"),
            "updates_delivered rate | > 99.9% | 0.999"
        );
        let ratio = "polling.overhead_bytes_per_message/websocket.overhead_bytes_per_message";
        assert_eq!(
            told(None, &format!("{ratio} >= 400:1")),
            "polling.overhead_bytes_per_message / websocket.overhead_bytes_per_message | >= 400:1 \
             | 400"
        );
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        for (metric, text, message) in [
            (None, "p(95) < 20ms", "\"p(95) \": the limit has no metric"),
            (Some("falts"), "< 1", "metric: unknown metric \"falts\", did you mean \"faults\"?"),
            (Some("faults"), "faults < 1", "\"faults\": the condition names its metric"),
            (None, "faultz < 1", "\"faultz\": unknown metric \"faultz\", did you mean"),
            (
                Some("faults"),
                "maxi < 1",
                "\"maxi\": unknown aggregate \"maxi\", did you mean \"max\"?",
            ),
            (Some("faults"), "mox < 1", "\"mox\": unknown aggregate \"mox\", did you mean"),
            (Some("faults"), "qqq < 1", "\"qqq\": unknown aggregate \"qqq\"; use one of avg, mean"),
            (None, "maxi < 1", "\"maxi\": unknown metric or aggregate \"maxi\", did"),
            (
                None,
                "faults < 1%",
                "\"1%\": faults is a bare number; its share in percent is \"faults rate\"",
            ),
            (None, "faults < 3:1", "\"3:1\": 3:1 is a ratio, and faults is none"),
            (None, "delivery_latency < 1s", "\"<\": delivery_latency is a distribution of"),
            (
                None,
                "faults / wire_bytes_per_s < 1",
                "\"faults / wire_bytes_per_s\": a ratio is of two figures of a kind",
            ),
            (None, "turns / faults < 1B", "\"1B\": a ratio is a bare number: leave out \"B\""),
            (None, "age_of_information_us_mean < 9", "\"9\": 9 has no unit, and age_of_"),
        ] {
            let found = told(metric, text);
            assert!(found.starts_with(message), "{text}: {found}");
        }
    }
    proptest! {
        /// The same is a fuzz target.
        #[test]
        fn any_text_is_a_rule_or_located_faults(
            metric in prop::option::of(prop::sample::select(vec!["faults", "peak_age", "qqq"])),
            text in prop_oneof![
                ".{0,40}",
                "(a\\.)?(faults|lost|peak_age|wire_bytes_per_s|status)( / b\\.(faults|peak_age))? \
                 ?(max|p\\([0-9.]{0,4}\\)|rate|count)? ?(<|<=|==|!=|>) ?-?[0-9.]{0,5}(ms|%|B/s|:2)?",
            ]
        ) {
            match Rule::read(metric, &text) {
                Ok(rule) => {
                    prop_assert!(!rule.terms.is_empty() && rule.bound.number.is_finite());
                    prop_assert!(rule.bound.show(rule.bound.number).is_finite());
                }
                Err(refused) => for one in refused {
                    let Part::Condition(span) = one.part else { continue };
                    prop_assert!(text.get(span).is_some());
                },
            }
        }
    }
}
