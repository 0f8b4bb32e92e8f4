//! Where a message of a server's own seems to have its time, for a hint to who has not said it.

use crate::feed::TimeUnit;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How far from now a number may be that is taken for a time: a server's clock may be off, and a state may
/// be of before.
const FAR_NS: f64 = 24.0 * 3600e9;
/// How deep and how far into arrays times are looked for.
const MOST_DEPTH: usize = 6;
const MOST_ELEMENTS: usize = 16;

/// A place in a message whose value seems to be the time of its publishing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeGuess {
    /// The place, as a JSON pointer.
    pub pointer: String,
    /// What the time counts, since 1970.
    pub unit: TimeUnit,
}

/// Returns the first place in a message that has a time of about now; `None` if it is no JSON or has none.
pub(crate) fn guess_time(message: &[u8], realtime_ns: u64) -> Option<TimeGuess> {
    let document: Value = serde_json::from_slice(message).ok()?;
    let mut pointer = String::new();
    let unit = find(&document, &mut pointer, MOST_DEPTH, realtime_ns as f64)?;
    Some(TimeGuess { pointer, unit })
}

/// Looks for it, and leaves its place in `pointer`.
fn find(value: &Value, pointer: &mut String, depth: usize, now_ns: f64) -> Option<TimeUnit> {
    // A place that nobody could type, or that might be a secret, is no hint.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let length = pointer.len();
    let mut inside = |name: &str, value: &Value| {
        if depth == 0 || name.len() > 40 || !name.chars().all(is_plain) {
            return None;
        }
        pointer.push('/');
        pointer.push_str(name);
        let unit = find(value, pointer, depth - 1, now_ns);
        if unit.is_none() {
            pointer.truncate(length);
        }
        unit
    };
    match value {
        Value::Object(members) => members.iter().find_map(|(name, value)| inside(name, value)),
        Value::Array(elements) => {
            let mut elements = elements.iter().take(MOST_ELEMENTS).enumerate();
            elements.find_map(|(n, value)| inside(&n.to_string(), value))
        }
        // The whole message has no pointer that `time` takes.
        _ if pointer.is_empty() => None,
        Value::Number(number) => unit_of(number.as_f64()?, now_ns),
        Value::String(text) => unit_of(text.parse().ok()?, now_ns),
        Value::Null | Value::Bool(_) => None,
    }
}

/// Returns the unit in which a number is a time of about now.
fn unit_of(number: f64, now_ns: f64) -> Option<TimeUnit> {
    TimeUnit::ALL.into_iter().find(|unit| (number * unit.ns() as f64 - now_ns).abs() < FAR_NS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_time_is_found() {
        let now_ns = 1_700_000_000_123_456_789;
        let of = |message: &str| {
            let guess = guess_time(message.as_bytes(), now_ns)?;
            Some(format!("{}:{}", guess.pointer, guess.unit.name()))
        };
        let found = |message: &str, place: &str| assert_eq!(of(message).as_deref(), Some(place));
        found(r#"{"t": 1700000000100, "seq": 5, "price": 12.3}"#, "/t:ms");
        found(r#"{"seq": 5, "data": {"x": null, "at": "1700000000.25"}}"#, "/data/at:s");
        found(r#"["update", {"ts": 1700000000100000}]"#, "/1/ts:us");
        found(r#"{"time": 1700000000100000000}"#, "/time:ns");
        for none in [
            "",
            "{",
            "17",
            "1700000000100",
            r#"{"seq": 5}"#,
            r#"{"t": 60}"#,
            r#"{"a b": 1700000000}"#,
        ] {
            assert_eq!(of(none), None, "{none}");
        }
        // A date is not read (see `time`), and depth has an end.
        assert_eq!(of(r#"{"t": "2023-11-14T22:13:20Z"}"#), None);
        let deep = format!("{}1700000000{}", "[".repeat(50), "]".repeat(50));
        assert_eq!(of(&deep), None);
    }
}
