//! The custom format of github-action-benchmark, `tool: customSmallerIsBetter`: an array of
//! objects with name, unit and value, and with range and extra if there are any.

use crate::report::judgement::measures::{Reading, readings};
use crate::report::judgement::{JudgementView, describe};
use serde_json::{Value, json};

/// Renders one array. Figures of which more is better are left out: the tool supports one direction
/// at a time. It rejects an empty array.
pub fn render(view: &[JudgementView]) -> Vec<u8> {
    let entries =
        crate::report::judgement::with_prefixes(view).into_iter().flat_map(|(prefix, view)| {
            let readings = readings(&view).into_iter().filter(|r| r.smaller_is_better);
            readings.map(move |r| entry(&prefix, &r)).collect::<Vec<_>>()
        });
    crate::report::judgement::json::pretty(&Value::Array(entries.collect()))
}

fn entry(prefix: &str, reading: &Reading) -> Value {
    let unit = match reading.unit.as_str() {
        "-" => "",
        unit => unit,
    };
    let mut entry = json!({
        "name": format!("{prefix}{}: {}", reading.benchmark, reading.metric),
        "unit": unit,
        "value": crate::report::judgement::json::number(reading.value),
        "extra": reading.about.join("\n"),
    });
    if let Some(effect) = &reading.effect {
        entry["range"] = json!(describe::interval(effect));
    }
    entry
}
