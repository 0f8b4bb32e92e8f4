//! A judgement as one JSON document. An absent value is null and its reason is in `absent`.

use crate::report::figure::Figure;
use crate::report::finding::{Beside, Finding};
use crate::report::judgement::JudgementView;
use serde::Serialize;
use serde_json::{Value, json};

/// Name and version of the document.
pub const JUDGEMENT_SCHEMA: &str = "wsbench.judgement/1";

/// Renders the document, with a line end.
pub fn render(view: &JudgementView) -> Vec<u8> {
    pretty(&document(view))
}

/// Returns the judgement as a value, also for other documents.
pub fn document(view: &JudgementView) -> Value {
    let judgement = view.judgement;
    json!({
        "schema_version": JUDGEMENT_SCHEMA,
        "title": judgement.title,
        "sides": judgement.sides,
        "decision": judgement.decision().name(),
        "exit_code": view.conclusion().exit_code(),
        "strict": judgement.strict,
        "seed": judgement.seed,
        "findings": judgement.findings.iter().map(finding).collect::<Vec<_>>(),
        "notes": judgement.notes,
    })
}

fn finding(finding: &Finding) -> Value {
    let mut absent = serde_json::Map::new();
    let mut value = |name: &str, figure: &Figure| match figure {
        Figure::Known(value) => number(*value),
        Figure::Absent(absence) => {
            absent.insert(name.to_owned(), json!(absence.why));
            Value::Null
        }
    };
    let found = value("value", &finding.value);
    let baseline = finding.baseline.as_ref().map(|b| value("baseline", b));
    let subject = &finding.subject;
    json!({
        "kind": finding.kind.name(),
        "subject": {
            "series": (!subject.series.is_empty()).then_some(&subject.series),
            "clients": subject.clients,
            "metric": subject.metric,
        },
        "decision": finding.decision.name(),
        "value": found,
        "baseline": baseline,
        "unit": finding.unit,
        "bound": finding.bound,
        "effect": finding.effect,
        "samples": finding.samples,
        "text": finding.text,
        "details": finding.details,
        "beside": finding.beside.as_ref().map(beside),
        "absent": absent,
    })
}

fn beside(beside: &Beside) -> Value {
    let unknown: serde_json::Map<String, Value> =
        beside.unknown.iter().map(|(name, why)| (name.clone(), json!(why))).collect();
    json!({ "changed": beside.changed, "unchanged": beside.unchanged, "unknown": unknown })
}

/// Returns every digit, and a whole number without a fraction.
pub fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 { json!(value as i64) } else { json!(value) }
}

/// Renders with indentation and a line end.
pub fn pretty(value: &impl Serialize) -> Vec<u8> {
    // Text, numbers and string keys serialize.
    let mut bytes = serde_json::to_vec_pretty(value).expect("text and numbers are JSON");
    bytes.push(b'\n');
    bytes
}
