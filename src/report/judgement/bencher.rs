//! Bencher Metric Format: values by benchmark and measure, for `bencher run --adapter json`.
//!
//! A measure's name is a slug of at most 64 characters. The change of a paired comparison is a
//! separate measure with an interval, because it is a share.

use crate::report::judgement::JudgementView;
use crate::report::judgement::json::{number, pretty};
use crate::report::judgement::measures::{Reading, readings};
use serde_json::{Map, Value, json};

/// Characters of a slug.
const MOST_SLUG: usize = 64;
/// Characters of a benchmark's name.
const MOST_NAME: usize = 1024;
/// Suffix of a change's measure.
const CHANGE: &str = "-change";

/// Renders one object: benchmark, measure, value.
pub fn render(view: &[JudgementView]) -> Vec<u8> {
    let mut benchmarks = Map::new();
    for reading in readings(view) {
        let name: String = reading.benchmark.chars().take(MOST_NAME).collect();
        let measures = benchmarks.entry(name).or_insert_with(|| json!({}));
        if let Value::Object(measures) = measures {
            add(measures, &reading);
        }
    }
    pretty(&Value::Object(benchmarks))
}

fn add(measures: &mut Map<String, Value>, reading: &Reading) {
    let value = json!({ "value": number(reading.value) });
    let slug = free(measures, &slug(&reading.metric), "");
    measures.insert(slug.clone(), value);
    if let Some(effect) = &reading.effect {
        let mut change = json!({ "value": effect.estimate });
        for (name, end) in [("lower_value", effect.lower), ("upper_value", effect.upper)] {
            if let Some(end) = end {
                change[name] = json!(end);
            }
        }
        let slug = free(measures, &slug, CHANGE);
        measures.insert(slug, change);
    }
}

/// Returns lower-case letters and digits, with hyphens for everything else.
fn slug(text: &str) -> String {
    let parts = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|p| !p.is_empty());
    let slug = parts.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    if slug.is_empty() { "value".to_owned() } else { slug }
}

/// Returns an unused slug with this suffix, cut and numbered as needed.
fn free(measures: &Map<String, Value>, slug: &str, end: &str) -> String {
    let mut tried = 1;
    loop {
        let end = match tried {
            1 => end.to_owned(),
            n => format!("{end}-{n}"),
        };
        let kept: String = slug.chars().take(MOST_SLUG - end.len()).collect();
        let whole = format!("{}{end}", kept.trim_end_matches('-'));
        if !measures.contains_key(&whole) {
            return whole;
        }
        tried += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_short_and_their_own() {
        assert_eq!(slug("overhead_bytes_per_message"), "overhead-bytes-per-message");
        assert_eq!(slug("polling.p(95) / µs <= 2"), "polling-p-95-s-2");
        assert_eq!(slug("µ"), "value");
        let long = "a_".repeat(60);
        let mut measures = Map::new();
        for end in ["", "", CHANGE, CHANGE] {
            let slug = free(&measures, &slug(&long), end);
            assert!(slug.len() <= MOST_SLUG && !slug.ends_with('-'), "{slug}");
            assert!(measures.insert(slug, Value::Null).is_none());
        }
    }
}
