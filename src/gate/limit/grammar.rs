//! The grammar of a condition, close to that of k6's thresholds.
//!
//! ```text
//! condition = [ operand [ "/" operand ] ] [ aggregate ] op bound
//! operand   = [ series "." ] metric           the metric is what follows the last dot
//! aggregate = "avg" | "mean" | "min" | "max" | "med" | "p(" N ")" | "count" | "rate" | "value"
//! op        = "<" | "<=" | ">" | ">=" | "==" | "===" | "!="
//! bound     = number [ unit ] | number ":" number
//! ```
//!
//! Separate from `rule`, which knows which metrics there are and what they count: here a condition
//! is only taken apart. What is printed reads back to the same.

use crate::config::nearest;
use crate::gate::limit::condition::{Aggregate, Bound, Condition, Op, Operand, Spans, Wrong};
use std::ops::Range;

/// The longest condition, in bytes.
const MOST_BYTES: usize = 512;
/// The most digits of a number, so that it is finite.
const MOST_DIGITS: usize = 30;

fn wrong<T>(span: Range<usize>, message: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { span, message: message.into() })
}

/// Takes a condition apart.
///
/// # Errors
/// What is wrong first, and where.
pub fn parse(text: &str) -> Result<(Condition, Spans), Wrong> {
    let whole = 0..text.len();
    if text.len() > MOST_BYTES {
        return wrong(whole, format!("the condition is longer than {MOST_BYTES} bytes"));
    }
    let Some(at) = text.find(['<', '>', '=', '!']) else {
        let message = "the condition has no <, <=, >, >=, == or !=: write for example \
                       \"p(95) < 20ms\"";
        return wrong(whole, message);
    };
    let run = text[at..].find(|c| !matches!(c, '<' | '>' | '=' | '!')).unwrap_or(text.len() - at);
    let op_span = at..at + run;
    let written = &text[op_span.clone()];
    let Some((_, op)) = Op::WRITTEN.iter().find(|(name, _)| *name == written) else {
        let hint = match written {
            "=" => "; write ==",
            "=<" => "; write <=",
            "=>" => "; write >=",
            "<>" | "!" | "!==" => "; write !=",
            _ => "; use one of <, <=, >, >=, ==, !=",
        };
        return wrong(op_span, format!("unknown comparison {written:?}{hint}"));
    };
    let bound_span = trimmed(text, op_span.end..text.len());
    let bound = bound(text, bound_span.clone())?;
    let (operands, aggregate, mut spans) = left(text, at)?;
    if spans.aggregate.is_empty() {
        spans.aggregate = op_span.clone();
    }
    let spans = Spans { op: op_span, bound: bound_span, ..spans };
    Ok((Condition { operands, aggregate, op: *op, bound }, spans))
}

fn trimmed(text: &str, span: Range<usize>) -> Range<usize> {
    let part = &text[span.clone()];
    let start = span.start + (part.len() - part.trim_start().len());
    start..(start + part.trim().len())
}

/// Digits with a sign, a point and underscores; gives them without underscores, and their length.
fn number(text: &str) -> Option<(String, usize)> {
    let sign = text.starts_with(['-', '+']) as usize;
    let digits = &text[sign..];
    let end = digits.find(|c: char| !(c.is_ascii_digit() || c == '_' || c == '.'));
    let digits = &digits[..end.unwrap_or(digits.len())];
    let plain = digits.replace('_', "");
    let count = plain.chars().filter(char::is_ascii_digit).count();
    let points = plain.len() - count;
    let sound = (1..=MOST_DIGITS).contains(&count) && points <= 1;
    let minus = if text.starts_with('-') { "-" } else { "" };
    sound.then(|| (format!("{minus}{plain}"), sign + digits.len()))
}

fn bound(text: &str, span: Range<usize>) -> Result<Bound, Wrong> {
    let written = &text[span.clone()];
    if written.is_empty() {
        let end = text.trim_end().len();
        let mark = text[..end].char_indices().last().map_or(0, |(at, _)| at);
        return wrong(mark..end, "the condition has no value after the comparison");
    }
    let Some((digits, length)) = number(written) else {
        let message = format!("{written:?} is not a number with a unit; write for example 20ms");
        return wrong(span, message);
    };
    let rest = written[length..].trim();
    if let Some(to) = rest.strip_prefix(':') {
        let to = to.trim();
        return match number(to) {
            Some((one, length)) if length == to.len() && !is_zero(&one) => {
                Ok(Bound { number: digits, to: Some(one), unit: String::new() })
            }
            _ => wrong(span, format!("{written:?} is no ratio; write for example 400:1")),
        };
    }
    let legal = |c: char| c.is_alphanumeric() || matches!(c, '/' | '%' | '^' | ' ');
    if !rest.chars().all(legal) || rest.starts_with(|c: char| c.is_ascii_digit()) {
        let start = span.end - rest.len();
        return wrong(start..span.end, format!("{rest:?} is no unit"));
    }
    Ok(Bound { number: digits, to: None, unit: rest.to_owned() })
}

fn is_zero(number: &str) -> bool {
    !number.contains(|c: char| matches!(c, '1'..='9'))
}

/// A word or a slash, and where.
type Token<'t> = (&'t str, Range<usize>);

/// Words and slashes; what is in brackets is one word.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut out = Vec::new();
    let (mut start, mut depth) = (None, 0u32);
    for (at, c) in text.char_indices() {
        let ends = depth == 0 && (c.is_whitespace() || c == '/');
        if let (true, Some(from)) = (ends, start) {
            out.push((&text[from..at], from..at));
            start = None;
        }
        match c {
            '/' if depth == 0 => out.push((&text[at..at + 1], at..at + 1)),
            _ if ends => {}
            _ => {
                start = start.or(Some(at));
                depth = match c {
                    '(' => depth + 1,
                    ')' => depth.saturating_sub(1),
                    _ => depth,
                };
            }
        }
    }
    if let Some(from) = start {
        let end = text.trim_end().len();
        out.push((&text[from..end], from..end));
    }
    out
}

/// What stands before the comparison.
fn left(text: &str, end: usize) -> Result<(Vec<Operand>, Option<Aggregate>, Spans), Wrong> {
    let mut tokens = tokens(&text[..end]);
    let mut spans = Spans { operands: Vec::new(), aggregate: 0..0, op: 0..0, bound: 0..0 };
    let mut found = None;
    if let Some((word, span)) = tokens.last().cloned()
        && let Some(read) = aggregate(word, &span)
    {
        found = Some(read?);
        spans.aggregate = span;
        tokens.pop();
    }
    let mut operands = Vec::new();
    for (n, (word, span)) in tokens.iter().enumerate() {
        let slash = *word == "/";
        match (n, slash) {
            (1, true) if tokens.len() == 2 => {
                return wrong(span.clone(), "there is no metric after the \"/\"");
            }
            (1, true) => {}
            (0 | 2, false) => {
                operands.push(operand(word, span)?);
                spans.operands.push(span.clone());
            }
            (0, true) => return wrong(span.clone(), "there is no metric before the \"/\""),
            (_, false) => return unexpected(word, span, found.is_some()),
            (_, true) => return wrong(span.clone(), "a ratio has two metrics, not more"),
        }
    }
    Ok((operands, found, spans))
}

fn unexpected<T>(word: &str, span: &Range<usize>, has_aggregate: bool) -> Result<T, Wrong> {
    if has_aggregate {
        return wrong(span.clone(), format!("{word:?} is one word too many"));
    }
    let hint = match nearest(word, &Aggregate::WORDS) {
        Some(near) => format!(", did you mean {near:?}?"),
        None => format!("; use one of {}, p(N)", Aggregate::WORDS.join(", ")),
    };
    wrong(span.clone(), format!("unknown aggregate {word:?}{hint}"))
}

/// A word as an aggregate; `None` where it is none and was not meant as one.
fn aggregate(word: &str, span: &Range<usize>) -> Option<Result<Aggregate, Wrong>> {
    if let Some(known) = Aggregate::of(word) {
        return Some(Ok(known));
    }
    let digits = |c: char| c.is_ascii_digit();
    let bare = word.strip_prefix('p').filter(|rest| rest.starts_with(digits));
    if let Some(rest) = bare.map(|rest| rest.replace('_', "."))
        && number(&rest).is_some_and(|(_, length)| length == rest.len())
    {
        let message = format!("unknown aggregate {word:?}, did you mean \"p({rest})\"?");
        return Some(wrong(span.clone(), message));
    }
    let rest = word.strip_prefix("p(")?;
    let inside = rest.strip_suffix(')').unwrap_or(rest).trim();
    let read = number(inside).filter(|(text, length)| {
        let value: Option<f64> = text.parse().ok();
        *length == inside.len()
            && !text.starts_with('-')
            && value.is_some_and(|v| (0.0..=100.0).contains(&v))
    });
    Some(match read {
        Some((text, _)) if rest.ends_with(')') => Ok(Aggregate::Percentile(text)),
        _ => wrong(
            span.clone(),
            format!("{word:?} is no percentile; write p(N) with N from 0 to 100, as in p(99.9)"),
        ),
    })
}

fn operand(word: &str, span: &Range<usize>) -> Result<Operand, Wrong> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if let Some((at, c)) = word.char_indices().find(|(_, c)| !legal(*c)) {
        let start = span.start + at;
        let message = format!("{c:?} is no part of a metric; write metric or series.metric");
        return wrong(start..start + c.len_utf8(), message);
    }
    let (series, metric) = match word.rsplit_once('.') {
        Some((series, metric)) => (Some(series.to_owned()), metric),
        None => (None, word),
    };
    if metric.is_empty() || series.as_ref().is_some_and(String::is_empty) {
        return wrong(span.clone(), format!("{word:?} is no metric; write series.metric"));
    }
    Ok(Operand { series, metric: metric.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn printed(text: &str) -> String {
        parse(text).map(|(condition, _)| condition.to_string()).unwrap_or_else(|w| {
            let shown = text.get(w.span.clone()).unwrap_or("?");
            format!("{shown:?}: {}", w.message)
        })
    }

    #[test]
    fn conditions_read_and_print() {
        for (text, same) in [
            ("p(95) < 20ms", "p(95) < 20ms"),
            ("p( 99.9 )<=20 ms", "p(99.9) <= 20ms"),
            ("max <= 2B", "max <= 2B"),
            ("rate>99.9%", "rate > 99.9%"),
            ("== 1_000", "== 1000"),
            ("faults===0", "faults == 0"),
            (
                "deviation_wire_bytes_per_message >= -0.5B",
                "deviation_wire_bytes_per_message >= -0.5B",
            ),
            ("a/b mean != +3", "a / b avg != 3"),
            (
                "sse-with.ids.x / web-socket.x p(99.9) >= 400 : 1",
                "sse-with.ids.x / web-socket.x p(99.9) >= 400:1",
            ),
            ("connects_per_s > 1000 /s", "connects_per_s > 1000/s"),
        ] {
            assert_eq!(printed(text), same);
        }
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        for (text, told) in [
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
            ("max < 1 2", "\"2\": \"2\" is no unit"),
            ("max < 2s < 3s", "\"s < 3s\": \"s < 3s\" is no unit"),
            ("x / y > 400:0", "\"400:0\": \"400:0\" is no ratio; write for example 400:1"),
            ("p95 < 1s", "\"p95\": unknown aggregate \"p95\", did you mean \"p(95)\"?"),
            ("p99_9 < 1s", "\"p99_9\": unknown aggregate \"p99_9\", did you mean \"p(99.9)\"?"),
            (
                "p(101) < 1s",
                "\"p(101)\": \"p(101)\" is no percentile; write p(N) with N from 0 to 100, as in p(99.9)",
            ),
            (
                "p(95 < 1s",
                "\"p(95\": \"p(95\" is no percentile; write p(N) with N from 0 to 100, as in p(99.9)",
            ),
            ("x maxx < 1s", "\"maxx\": unknown aggregate \"maxx\", did you mean \"max\"?"),
            ("x y max < 1s", "\"y\": \"y\" is one word too many"),
            ("x / < 1", "\"/\": there is no metric after the \"/\""),
            ("/ x < 1", "\"/\": there is no metric before the \"/\""),
            ("x / y / z < 1", "\"/\": a ratio has two metrics, not more"),
            ("a+b < 1", "\"+\": '+' is no part of a metric; write metric or series.metric"),
            (".x < 1", "\".x\": \".x\" is no metric; write series.metric"),
        ] {
            assert_eq!(printed(text), told, "{text}");
        }
    }

    #[test]
    fn a_metric_is_what_follows_the_last_dot() {
        let (condition, spans) = parse("a.b-c.wire p(99.9) < 1ms").expect("it is good");
        let operand = &condition.operands[0];
        assert_eq!((operand.series.as_deref(), &*operand.metric), (Some("a.b-c"), "wire"));
        assert_eq!((spans.series(operand, 0), spans.metric(operand, 0)), (0..5, 6..10));
        assert_eq!((spans.aggregate, spans.op, spans.bound), (11..18, 19..20, 21..24));
        let quantile = condition.aggregate.and_then(|a| a.quantile());
        assert_eq!(quantile, Some(0.999));
    }

    fn condition() -> impl Strategy<Value = Condition> {
        let operand = (prop::option::of("[a-z][a-z0-9.-]{0,6}[a-z]"), "[a-z][a-z_]{0,8}[a-z]")
            .prop_filter("an aggregate", |(series, metric)| {
                series.is_some() || (aggregate(metric, &(0..0)).is_none())
            })
            .prop_map(|(series, metric)| Operand { series, metric });
        let aggregate = prop::sample::select(vec![
            Aggregate::Avg,
            Aggregate::Min,
            Aggregate::Med,
            Aggregate::Percentile("99.9".to_owned()),
            Aggregate::Rate,
        ]);
        let op = prop::sample::select(Op::WRITTEN.to_vec());
        let digits = "-?[0-9]{1,9}(\\.[0-9]{1,4})?";
        let bound = (digits, prop::option::of("[1-9][0-9]{0,3}"), "(ms|B|%|B/s|)");
        (prop::collection::vec(operand, 0..3), prop::option::of(aggregate), op, bound).prop_map(
            |(operands, aggregate, (_, op), (number, to, unit))| {
                let unit = if to.is_some() { String::new() } else { unit };
                Condition { operands, aggregate, op, bound: Bound { number, to, unit } }
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(condition in condition()) {
            let text = condition.to_string();
            prop_assert_eq!(parse(&text).map(|(c, _)| c), Ok(condition), "{}", text);
        }

        #[test]
        fn any_text_is_a_condition_or_a_located_fault(
            text in prop_oneof![".{0,60}", "[a-z./()<>=!:%µ 0-9_-]{0,40}"]
        ) {
            match parse(&text) {
                Ok((condition, _)) => {
                    let again = parse(&condition.to_string()).map(|(c, _)| c);
                    prop_assert_eq!(again, Ok(condition));
                }
                Err(wrong) => prop_assert!(text.get(wrong.span).is_some() && !wrong.message.is_empty()),
            }
        }
    }
}
