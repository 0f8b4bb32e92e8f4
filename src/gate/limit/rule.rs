//! A condition whose metrics are found and whose bound is in their unit.
//!
//! Separate from `grammar`, which takes a text apart, and from `judge`, which holds a run against a
//! rule.

use crate::config::nearest;
use crate::gate::limit::condition::{
    Aggregate, Bound, Comparison, Condition, ErrorPlace, LimitError, Operand,
};
use crate::gate::limit::grammar;
use crate::gate::limit::metric::LimitMetric;
use crate::gate::limit::unit::{Dimension, ScaledBound};
use std::ops::Range;

/// A metric of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// The label or transport that the condition names; `None` for the series of the limit.
    pub series: Option<String>,
    /// The place of the series in the condition.
    pub series_span: Range<usize>,
    /// The metric.
    pub metric: LimitMetric,
    /// What it counts under the rule's aggregate.
    pub dimension: Dimension,
}

/// A condition that can be evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// One metric, or two that are divided.
    pub terms: Vec<Term>,
    /// What is made of the values.
    pub aggregate: Aggregate,
    /// How the figure is compared with the bound.
    pub comparison: Comparison,
    /// The bound.
    pub bound: ScaledBound,
    /// What is evaluated: `delivery_latency p(95)`.
    pub expression: String,
    /// What it is compared with, as written: `< 20ms`.
    pub bound_text: String,
}

impl Rule {
    /// Reads a limit's condition; `metric` is what it is on if it names nothing itself.
    ///
    /// # Errors
    /// Everything that is wrong, with its place.
    pub fn read(metric: Option<&str>, text: &str) -> Result<Rule, Vec<LimitError>> {
        let condition = grammar::parse(text).map_err(|error| vec![error])?;
        let terms = terms(metric, &condition)?;
        let aggregate = condition.aggregate.as_ref().map_or(Aggregate::Value, |a| a.value);
        let operands: Vec<String> =
            condition.operands.iter().map(|operand| operand.value.to_string()).collect();
        let left = metric.map_or_else(|| operands.join(" / "), str::to_owned);
        let expression = match aggregate {
            Aggregate::Value => left,
            other => format!("{left} {other}"),
        };
        if let [a, b] = terms.as_slice()
            && !a.dimension.divides(b.dimension)
        {
            let one = a.dimension.describe();
            let other = b.dimension.describe();
            let message =
                format!("a ratio is of two figures of a kind, and these are {one} and {other}");
            let span = condition.operands[0].span.start..condition.operands[1].span.end;
            return Err(vec![LimitError::at(span, message)]);
        }
        let bound = bound(&condition.bound.value, &terms, &expression)
            .map_err(|message| vec![LimitError::at(condition.bound.span.clone(), message)])?;
        let bound_text = text[condition.comparison.span.start..].trim().to_owned();
        let comparison = condition.comparison.value;
        Ok(Rule { terms, aggregate, comparison, bound, expression, bound_text })
    }

    /// True if the condition names a series for each of its metrics.
    pub fn names_series(&self) -> bool {
        self.terms.iter().all(|term| term.series.is_some())
    }

    /// True if it compares two series.
    pub fn is_between_series(&self) -> bool {
        matches!(self.terms.as_slice(), [a, b] if a.series != b.series)
    }

    /// The bound in µs, if it is on a latency from the times in messages.
    pub fn bound_of_message_time_us(&self) -> Option<f64> {
        let [term] = self.terms.as_slice() else { return None };
        let counts = self.aggregate == Aggregate::Count;
        (term.metric.is_of_message_times() && !counts).then_some(self.bound.number)
    }

    /// True if it can be evaluated while a case runs.
    pub fn is_live(&self) -> bool {
        let live = |term: &Term| {
            // A figure that only grows can be held to a lower bound at the end alone.
            let grows = term.metric.grows(&self.aggregate);
            let upper_bound = matches!(self.comparison, Comparison::Less | Comparison::AtMost);
            let none = self.comparison == Comparison::Equal && self.bound.number == 0.0;
            term.metric.is_live(&self.aggregate) && (!grows || upper_bound || none)
        };
        !self.is_between_series() && self.terms.iter().all(live)
    }
}

/// The metrics that the condition names, or the one that stands beside it.
fn terms(metric: Option<&str>, condition: &Condition) -> Result<Vec<Term>, Vec<LimitError>> {
    let term = |series, series_span, metric| {
        let dimension = Dimension::NUMBER;
        Term { series, series_span, metric, dimension }
    };
    let mut terms = Vec::new();
    let mut errors = Vec::new();
    match metric.map(LimitMetric::find).filter(|_| condition.operands.is_empty()) {
        Some(Ok(metric)) => terms.push(term(None, 0..0, metric)),
        Some(Err(message)) => errors.push(LimitError { place: ErrorPlace::Metric, message }),
        None if condition.operands.is_empty() => {
            let message = "the limit has no metric: write metric = \"…\" beside the condition, or \
                           name it in the condition, as in \"faults == 0\"";
            errors.push(LimitError::at(0..condition.comparison.span.start.max(1), message));
        }
        None => {}
    }
    for operand in &condition.operands {
        let Operand { series, metric: name } = &operand.value;
        let message = match LimitMetric::find(name) {
            Ok(_) if metric.is_some() => {
                "the condition names its metric: leave out `metric` beside it".to_owned()
            }
            Ok(found) => {
                terms.push(term(series.clone(), operand.series_span(), found));
                continue;
            }
            Err(message) => unknown(name, metric.is_some(), message),
        };
        errors.push(LimitError::at(operand.metric_span(), message));
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let aggregate = condition.aggregate.as_ref();
    let span = aggregate.map_or(&condition.comparison.span, |aggregate| &aggregate.span);
    for term in &mut terms {
        match term.metric.dimension(aggregate.map(|aggregate| &aggregate.value)) {
            Ok(dimension) => term.dimension = dimension,
            Err(message) => errors.push(LimitError::at(span.clone(), message)),
        }
    }
    errors.dedup();
    if errors.is_empty() { Ok(terms) } else { Err(errors) }
}

/// The message for an unknown metric, which may be a misspelt aggregate. Beside a metric it can be
/// nothing else.
fn unknown(name: &str, has_metric: bool, message: String) -> String {
    if has_metric {
        return format!("unknown aggregate {name:?}{}", grammar::aggregate_hint(name));
    }
    match nearest(name, &Aggregate::names()) {
        Some(near) => format!("unknown metric or aggregate {name:?}, did you mean {near:?}?"),
        None => message,
    }
}

fn bound(bound: &Bound, terms: &[Term], expression: &str) -> Result<ScaledBound, String> {
    match terms {
        [_, _] => {
            let mut scaled = Dimension::NUMBER.scale(bound.number, &bound.unit, "a ratio")?;
            scaled.number /= bound.divisor.unwrap_or(1.0);
            Ok(scaled)
        }
        _ if bound.divisor.is_some() => Err(format!("{bound} is a ratio, and {expression} is not")),
        [one] => match one.metric.part() {
            Some(name) if bound.unit == "%" && one.dimension != Dimension::SHARE => Err(format!(
                "{expression} is a bare number; its share in percent is \"{name} rate\""
            )),
            _ => one.dimension.scale(bound.number, &bound.unit, expression),
        },
        _ => Err("the limit has no metric".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn described(metric: Option<&str>, text: &str) -> String {
        match Rule::read(metric, text) {
            Ok(rule) => {
                format!("{} | {} | {}", rule.expression, rule.bound_text, rule.bound.number)
            }
            Err(all) => {
                let shown = |error: &LimitError| match &error.place {
                    ErrorPlace::Metric => format!("metric: {}", error.message),
                    ErrorPlace::Condition(span) => {
                        format!("{:?}: {}", &text[span.clone()], error.message)
                    }
                };
                all.iter().map(shown).collect::<Vec<_>>().join("\n")
            }
        }
    }

    #[test]
    fn a_rule_is_a_condition_on_its_metric() {
        assert_eq!(
            described(Some("delivery_latency"), "p(95) <20 ms"),
            "delivery_latency p(95) | <20 ms | 20000"
        );
        assert_eq!(described(None, "faults == 0"), "faults | == 0 | 0");
        assert_eq!(
            described(None, "updates_delivered rate > 99.9%"),
            "updates_delivered rate | > 99.9% | 0.999"
        );
        let ratio = "polling.overhead_bytes_per_message/websocket.overhead_bytes_per_message";
        assert_eq!(
            described(None, &format!("{ratio} >= 400:1")),
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
            (None, "faults < 3:1", "\"3:1\": 3:1 is a ratio, and faults is not"),
            (None, "delivery_latency < 1s", "\"<\": delivery_latency is a distribution of"),
            (
                None,
                "faults / wire_bytes_per_s < 1",
                "\"faults / wire_bytes_per_s\": a ratio is of two figures of a kind",
            ),
            (None, "turns / faults < 1B", "\"1B\": a ratio is a bare number: leave out \"B\""),
            (None, "age_of_information_us_mean < 9", "\"9\": 9 has no unit, and age_of_"),
        ] {
            let found = described(metric, text);
            assert!(found.starts_with(message), "{text}: {found}");
        }
    }
    proptest! {
        /// The same is a fuzz target.
        #[test]
        fn any_text_is_a_rule_or_located_errors(
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
                Err(errors) => for one in errors {
                    let ErrorPlace::Condition(span) = one.place else { continue };
                    prop_assert!(text.get(span).is_some());
                },
            }
        }
    }
}
