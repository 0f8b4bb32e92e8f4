//! The custom format of github-action-benchmark, `tool: customSmallerIsBetter`: an array of
//! objects with name, unit and value, and with range and extra if there are any.

use crate::report::judgement::json::{number, pretty};
use crate::report::judgement::measures::{Reading, readings};
use crate::report::judgement::{JudgementView, describe};
use serde_json::{Value, json};

/// Renders one array. Figures of which more is better are left out: the tool supports one direction
/// at a time. It rejects an empty array.
pub fn render(view: &[JudgementView]) -> Vec<u8> {
    let readings = readings(view);
    let entries = readings.iter().filter(|r| r.smaller_is_better).map(entry);
    pretty(&entries.collect::<Vec<Value>>())
}

fn entry(reading: &Reading) -> Value {
    let unit = match reading.unit.as_str() {
        "-" => "",
        unit => unit,
    };
    let mut entry = json!({
        "name": format!("{}: {}", reading.benchmark, reading.metric),
        "unit": unit,
        "value": number(reading.value),
        "extra": reading.about.join("\n"),
    });
    if let Some(effect) = &reading.effect {
        entry["range"] = json!(describe::interval(effect, unit));
    }
    entry
}
