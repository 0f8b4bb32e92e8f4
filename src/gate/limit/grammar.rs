//! The grammar of a condition, close to that of k6's thresholds.
//!
//! ```text
//! condition = [ operand [ "/" operand ] ] [ aggregate ] comparison bound
//! operand   = [ series "." ] metric           the metric is what follows the last dot
//! aggregate = "avg" | "mean" | "min" | "max" | "med" | "p(" N ")" | "count" | "rate" | "value"
//! comparison = "<" | "<=" | ">" | ">=" | "==" | "===" | "!="
//! bound     = number [ unit ] | number ":" number
//! ```
//!
//! Separate from `rule`, which knows which metrics there are and what they count. A condition that
//! is printed reads back to the same.

use crate::config::nearest;
use crate::gate::limit::condition::{
    Aggregate, Bound, Comparison, Condition, LimitError, Located, Operand,
};
use std::ops::Range;

/// The longest condition, in bytes.
const MOST_BYTES: usize = 512;
/// The largest number.
const MOST_NUMBER: f64 = 1e30;

fn error<T>(span: Range<usize>, message: impl Into<String>) -> Result<T, LimitError> {
    Err(LimitError::at(span, message))
}

/// The same part of a text without blanks at its ends.
fn trim(text: &str, span: Range<usize>) -> Range<usize> {
    let part = &text[span.clone()];
    let start = span.end - part.trim_start().len();
    start..start + part.trim().len()
}

/// Takes a condition apart.
///
/// # Errors
/// The first thing that is wrong, and where.
pub fn parse(text: &str) -> Result<Condition, LimitError> {
    if text.len() > MOST_BYTES {
        let message = format!("the condition is longer than {MOST_BYTES} bytes");
        return error(0..text.len(), message);
    }
    let is_sign = |c: char| matches!(c, '<' | '>' | '=' | '!');
    let Some(start) = text.find(is_sign) else {
        let message = "the condition has no <, <=, >, >=, == or !=: write for example \
                       \"p(95) < 20ms\"";
        return error(0..text.len(), message);
    };
    let end = text[start..].find(|c| !is_sign(c)).map_or(text.len(), |length| start + length);
    let comparison = comparison(&text[start..end], start..end)?;
    let bound = bound(text, trim(text, end..text.len()))?;
    let (operands, aggregate) = left_side(text, trim(text, 0..start))?;
    Ok(Condition { operands, aggregate, comparison, bound })
}

fn comparison(written: &str, span: Range<usize>) -> Result<Located<Comparison>, LimitError> {
    let name = if written == "===" { "==" } else { written };
    if let Some(value) = Comparison::ALL.into_iter().find(|known| known.name() == name) {
        return Ok(Located { value, span });
    }
    let hint = match written {
        "=" => "write ==",
        "=<" => "write <=",
        "=>" => "write >=",
        "<>" | "!" | "!==" => "write !=",
        _ => "use one of <, <=, >, >=, ==, !=",
    };
    error(span, format!("unknown comparison {written:?}; {hint}"))
}

/// The number that a text begins with, and how many bytes it has. `_` may separate digits.
fn number(text: &str) -> Option<(f64, usize)> {
    let sign = usize::from(text.starts_with(['-', '+']));
    let digits = |c: char| c.is_ascii_digit() || matches!(c, '_' | '.');
    let end = text[sign..].find(|c| !digits(c)).map_or(text.len(), |length| sign + length);
    let value: f64 = text[..end].replace('_', "").parse().ok()?;
    (value.abs() <= MOST_NUMBER).then_some((value, end))
}

/// The number that a text is.
fn whole_number(text: &str) -> Option<f64> {
    number(text).filter(|(_, length)| *length == text.len()).map(|(value, _)| value)
}

fn bound(text: &str, span: Range<usize>) -> Result<Located<Bound>, LimitError> {
    let written = &text[span.clone()];
    if written.is_empty() {
        let end = text.trim_end().len();
        let last = text[..end].char_indices().last().map_or(0, |(at, _)| at);
        return error(last..end, "the condition has no value after the comparison");
    }
    let Some((number, length)) = number(written) else {
        let message = format!("{written:?} is not a number with a unit; write for example 20ms");
        return error(span, message);
    };
    let rest = written[length..].trim();
    let (divisor, unit) = match rest.strip_prefix(':') {
        Some(divisor) => (Some(whole_number(divisor.trim()).unwrap_or(0.0)), ""),
        None => (None, rest),
    };
    if divisor == Some(0.0) {
        return error(span, format!("{written:?} is not a ratio; write for example 400:1"));
    }
    let legal = |c: char| c.is_alphanumeric() || matches!(c, '/' | '%' | '^' | ' ');
    if !unit.chars().all(legal) || unit.starts_with(|c: char| c.is_ascii_digit()) {
        return error(span.end - unit.len()..span.end, format!("{unit:?} is not a unit"));
    }
    Ok(Located { value: Bound { number, divisor, unit: unit.to_owned() }, span })
}

type LeftSide = (Vec<Located<Operand>>, Option<Located<Aggregate>>);

/// The operands and the aggregate, which stand before the comparison.
fn left_side(text: &str, span: Range<usize>) -> Result<LeftSide, LimitError> {
    let last = last_word(text, span.clone());
    let aggregate =
        aggregate(&text[last.clone()], &last)?.map(|value| Located { value, span: last.clone() });
    let end = if aggregate.is_some() { last.start } else { span.end };
    let rest = trim(text, span.start..end);
    let mut operands = Vec::new();
    if rest.is_empty() {
        return Ok((operands, aggregate));
    }
    let mut start = rest.start;
    for part in text[rest].split('/') {
        let end = start + part.len();
        let place = trim(text, start..end);
        match (operands.len(), place.is_empty()) {
            (0, true) => return error(end..end + 1, "there is no metric before the \"/\""),
            (1, true) => return error(start - 1..start, "there is no metric after the \"/\""),
            (2, _) => return error(start - 1..start, "a ratio has two metrics, not more"),
            _ => {}
        }
        let mut words = text[place.clone()].split_whitespace();
        let first = words.next().unwrap_or_default();
        operands.push(operand(first, place.start..place.start + first.len())?);
        if let Some(word) = words.next() {
            let at = place.start + first.len();
            let at = trim(text, at..place.end).start;
            return unexpected(word, at..at + word.len(), aggregate.is_some());
        }
        start = end + 1;
    }
    Ok((operands, aggregate))
}

/// The last word of a part of a text. What is in parentheses belongs to the word before it.
fn last_word(text: &str, span: Range<usize>) -> Range<usize> {
    let part = &text[span.clone()];
    let closes_last =
        |open: &usize| part[*open..].find(')').is_none_or(|n| open + n + 1 == part.len());
    let open = part.rfind('(').filter(closes_last);
    let before = &part[..open.unwrap_or(part.len())];
    let ends = |(_, c): &(usize, char)| c.is_whitespace() || *c == '/';
    let start = before.char_indices().rev().find(ends).map_or(0, |(at, c)| at + c.len_utf8());
    span.start + start..span.end
}

fn unexpected<T>(word: &str, span: Range<usize>, has_aggregate: bool) -> Result<T, LimitError> {
    if has_aggregate {
        return error(span, format!("{word:?} is one word too many"));
    }
    error(span, format!("unknown aggregate {word:?}{}", aggregate_hint(word)))
}

/// What an unknown aggregate may stand for, or those that there are.
pub(super) fn aggregate_hint(word: &str) -> String {
    let names = Aggregate::names();
    match nearest(word, &names) {
        Some(near) => format!(", did you mean {near:?}?"),
        None => format!("; use one of {}, p(N)", names.join(", ")),
    }
}

/// A word as an aggregate; `None` if it looks like a metric.
fn aggregate(word: &str, span: &Range<usize>) -> Result<Option<Aggregate>, LimitError> {
    if let Some(known) = Aggregate::of(word) {
        return Ok(Some(known));
    }
    let Some(rest) = word.strip_prefix('p') else { return Ok(None) };
    if let Some(inside) = rest.strip_prefix('(') {
        let percent = inside.strip_suffix(')').and_then(|inside| whole_number(inside.trim()));
        let legal = |p: &f64| p.is_sign_positive() && *p <= 100.0;
        return match percent.filter(legal) {
            Some(percent) => Ok(Some(Aggregate::Percentile(percent))),
            None => error(
                span.clone(),
                format!(
                    "{word:?} is not a percentile; write p(N) with N from 0 to 100, as in p(99.9)"
                ),
            ),
        };
    }
    // p95 and p99_9, as other tools write them.
    let digits = rest.replace('_', ".");
    if digits.starts_with(|c: char| c.is_ascii_digit()) && whole_number(&digits).is_some() {
        let message = format!("unknown aggregate {word:?}, did you mean \"p({digits})\"?");
        return error(span.clone(), message);
    }
    Ok(None)
}

fn operand(word: &str, span: Range<usize>) -> Result<Located<Operand>, LimitError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if let Some((at, c)) = word.char_indices().find(|(_, c)| !legal(*c)) {
        let start = span.start + at;
        let message = format!("{c:?} cannot be in a metric; write metric or series.metric");
        return error(start..start + c.len_utf8(), message);
    }
    let (series, metric) = match word.rsplit_once('.') {
        Some((series, metric)) => (Some(series.to_owned()), metric.to_owned()),
        None => (None, word.to_owned()),
    };
    if metric.is_empty() || series.as_ref().is_some_and(String::is_empty) {
        return error(span, format!("{word:?} is not a metric; write series.metric"));
    }
    Ok(Located { value: Operand { series, metric }, span })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::limit::condition::ErrorPlace;
    use proptest::prelude::*;

    /// The bytes that an error is in.
    fn shown<'t>(text: &'t str, error: &LimitError) -> &'t str {
        match &error.place {
            ErrorPlace::Condition(span) => text.get(span.clone()).expect("a place in the text"),
            ErrorPlace::Metric => panic!("a condition has no such place"),
        }
    }

    fn printed(text: &str) -> String {
        match parse(text) {
            Ok(condition) => condition.to_string(),
            Err(error) => format!("{:?}: {}", shown(text, &error), error.message),
        }
    }

    #[test]
    fn conditions_read_and_print() {
        for (text, wanted) in [
            ("p(95) < 20ms", "p(95) < 20ms"),
            ("p( 99.9 )<=20 ms", "p(99.9) <= 20ms"),
            ("max <= 2B", "max <= 2B"),
            ("rate>99.9%", "rate > 99.9%"),
            ("== 1_000", "== 1000"),
            ("faults===0", "faults == 0"),
            (
                "difference_wire_bytes_per_message >= -0.5B",
                "difference_wire_bytes_per_message >= -0.5B",
            ),
            ("a/b mean != +3", "a / b avg != 3"),
            (
                "sse-with.ids.x / web-socket.x p(99.9) >= 400 : 1",
                "sse-with.ids.x / web-socket.x p(99.9) >= 400:1",
            ),
            ("connects_per_s > 1000 /s", "connects_per_s > 1000/s"),
        ] {
            assert_eq!(printed(text), wanted);
        }
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        for (text, wanted) in [
            (
                "",
                "\"\": the condition has no <, <=, >, >=, == or !=: write for example \"p(95) < 20ms\"",
            ),
            ("max = 2B", "\"=\": unknown comparison \"=\"; write =="),
            ("max => 2B", "\"=>\": unknown comparison \"=>\"; write >="),
            ("max < ", "\"<\": the condition has no value after the comparison"),
            (
                "max < fast",
                "\"fast\": \"fast\" is not a number with a unit; write for example 20ms",
            ),
            (
                "max < 1.2.3s",
                "\"1.2.3s\": \"1.2.3s\" is not a number with a unit; write for example 20ms",
            ),
            ("max < 1 2", "\"2\": \"2\" is not a unit"),
            ("max < 2s < 3s", "\"s < 3s\": \"s < 3s\" is not a unit"),
            ("x / y > 400:0", "\"400:0\": \"400:0\" is not a ratio; write for example 400:1"),
            ("p95 < 1s", "\"p95\": unknown aggregate \"p95\", did you mean \"p(95)\"?"),
            ("p99_9 < 1s", "\"p99_9\": unknown aggregate \"p99_9\", did you mean \"p(99.9)\"?"),
            (
                "p(101) < 1s",
                "\"p(101)\": \"p(101)\" is not a percentile; write p(N) with N from 0 to 100, as in p(99.9)",
            ),
            (
                "p(95 < 1s",
                "\"p(95\": \"p(95\" is not a percentile; write p(N) with N from 0 to 100, as in p(99.9)",
            ),
            ("x maxx < 1s", "\"maxx\": unknown aggregate \"maxx\", did you mean \"max\"?"),
            ("x y max < 1s", "\"y\": \"y\" is one word too many"),
            ("x / < 1", "\"/\": there is no metric after the \"/\""),
            ("/ x < 1", "\"/\": there is no metric before the \"/\""),
            ("x / y / z < 1", "\"/\": a ratio has two metrics, not more"),
            ("a+b < 1", "\"+\": '+' cannot be in a metric; write metric or series.metric"),
            (".x < 1", "\".x\": \".x\" is not a metric; write series.metric"),
        ] {
            assert_eq!(printed(text), wanted, "{text}");
        }
    }

    #[test]
    fn a_metric_is_what_follows_the_last_dot() {
        let condition = parse("a.b-c.wire p(99.9) < 1ms").expect("it is good");
        let operand = &condition.operands[0];
        assert_eq!(
            (operand.value.series.as_deref(), &*operand.value.metric),
            (Some("a.b-c"), "wire")
        );
        assert_eq!((operand.series_span(), operand.metric_span()), (0..5, 6..10));
        let aggregate = condition.aggregate.expect("it has one");
        assert_eq!(aggregate.value.quantile(), Some(0.999));
        let spans = (aggregate.span, condition.comparison.span, condition.bound.span);
        assert_eq!(spans, (11..18, 19..20, 21..24));
    }

    fn located<T>(value: T) -> Located<T> {
        Located { value, span: 0..0 }
    }

    fn condition() -> impl Strategy<Value = Condition> {
        let operand = (prop::option::of("[a-z][a-z0-9.-]{0,6}[a-z]"), "[a-z][a-z_]{0,8}[a-z]")
            .prop_filter("an aggregate", |(series, metric)| {
                series.is_some() || matches!(aggregate(metric, &(0..0)), Ok(None))
            })
            .prop_map(|(series, metric)| located(Operand { series, metric }));
        let aggregate = prop::sample::select(vec![
            Aggregate::Avg,
            Aggregate::Min,
            Aggregate::Med,
            Aggregate::Percentile(99.9),
            Aggregate::Rate,
        ]);
        let comparison = prop::sample::select(Comparison::ALL.to_vec());
        let digits = "-?[0-9]{1,9}(\\.[0-9]{1,4})?";
        let bound = (digits, prop::option::of("[1-9][0-9]{0,3}"), "(ms|B|%|B/s|)");
        (prop::collection::vec(operand, 0..3), prop::option::of(aggregate), comparison, bound)
            .prop_map(|(operands, aggregate, comparison, (number, divisor, unit))| {
                let read = |text: String| text.parse().expect("a number");
                let unit = if divisor.is_some() { String::new() } else { unit };
                let bound = Bound { number: read(number), divisor: divisor.map(read), unit };
                Condition {
                    operands,
                    aggregate: aggregate.map(located),
                    comparison: located(comparison),
                    bound: located(bound),
                }
            })
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(condition in condition()) {
            let text = condition.to_string();
            prop_assert_eq!(parse(&text), Ok(condition), "{}", text);
        }

        #[test]
        fn any_text_is_a_condition_or_a_located_error(
            text in prop_oneof![".{0,60}", "[a-z./()<>=!:%µ 0-9_-]{0,40}"]
        ) {
            match parse(&text) {
                Ok(condition) => prop_assert_eq!(parse(&condition.to_string()), Ok(condition)),
                Err(error) => {
                    shown(&text, &error);
                    prop_assert!(!error.message.is_empty());
                }
            }
        }
    }
}
