//! The summary as one JSON document.
//!
//! A row's fields are the columns of `summary.csv`, in their order; an absent figure is null and
//! its reason is in the row's `absent`.

use crate::report::Format;
use crate::report::check::CheckResult;
use crate::report::figure::Figure;
use crate::report::finding::{Decision, Finding};
use crate::report::judgement::json::pretty;
use crate::report::metrics::{CellValue, Column, columns};
use crate::report::table::{Comparison, Row, Table};
use serde::{Serialize, Serializer};
use serde_json::json;
use std::collections::BTreeMap;

/// The schema of the document.
pub(crate) const JSON_SCHEMA: &str = "wsbench.summary/2";

/// The summary as one JSON document.
pub(crate) const JSON: Format = Format {
    name: "json",
    contents: &[("summary.json", document)],
    streams: &[],
    own_process: false,
};

/// The schema of each object of `--stream`.
pub(crate) const STREAM_SCHEMA: &str = "wsbench.stream/1";

/// The last object of `--stream`: what the run came to.
pub(crate) fn stream_end(table: &Table, time: &str) -> serde_json::Value {
    json!({
        "schema_version": STREAM_SCHEMA,
        "event": "end",
        "time": time,
        "scenario": table.name,
        "status": table.verdict.status.name(),
        "exit_code": table.verdict.conclusion.exit_code(),
        "reasons": table.verdict.reasons,
    })
}

fn document(table: &Table) -> Vec<u8> {
    let columns = columns();
    let rows = |rows: &[Row]| rows.iter().map(|r| fields(r, &columns)).collect::<Vec<_>>();
    pretty(&SummaryDocument {
        schema_version: JSON_SCHEMA,
        name: &table.name,
        started: &table.started,
        plan_hash: &table.plan_hash,
        build: &table.build,
        parts: table.parts,
        host: table.host.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect(),
        verdict: VerdictDocument {
            status: table.verdict.status.name(),
            exit_code: table.verdict.conclusion.exit_code(),
            reasons: &table.verdict.reasons,
        },
        limits: table.limits().map(limit).collect(),
        rows: rows(&table.rows),
        floors: rows(&table.floors),
        words: &table.words,
        polling_over_websocket: table.comparisons.iter().map(comparison).collect(),
    })
}

#[derive(Serialize)]
struct SummaryDocument<'a> {
    schema_version: &'static str,
    name: &'a str,
    started: &'a str,
    plan_hash: &'a str,
    build: &'a str,
    parts: usize,
    host: BTreeMap<&'a str, &'a str>,
    verdict: VerdictDocument<'a>,
    limits: Vec<serde_json::Value>,
    rows: Vec<Ordered>,
    floors: Vec<Ordered>,
    words: &'a [String],
    polling_over_websocket: Vec<serde_json::Value>,
}

#[derive(Serialize)]
struct VerdictDocument<'a> {
    status: &'static str,
    exit_code: u8,
    reasons: &'a [String],
}

/// An object whose fields keep their order.
struct Ordered(Vec<(String, serde_json::Value)>);

impl Serialize for Ordered {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// Writes a whole number without a fraction: `909`, not `909.0`.
fn number(figure: &Figure) -> serde_json::Value {
    match figure.value() {
        Some(v) if v.fract() == 0.0 && v.abs() < 9e15 => json!(v as i64),
        Some(v) => json!((v * 1e6).round() / 1e6),
        None => serde_json::Value::Null,
    }
}

fn fields(row: &Row, columns: &[Column]) -> Ordered {
    let mut out = Vec::with_capacity(columns.len() + 4);
    let mut absent = serde_json::Map::new();
    for column in columns {
        let value = match column.get(row) {
            CellValue::Text(text) => json!(text),
            CellValue::Count(count) => json!(count),
            CellValue::Flag(flag) => json!(flag),
            CellValue::Number(figure) => {
                if let Some(why) = figure.reason() {
                    absent.insert(column.name.clone(), json!(why));
                }
                number(&figure)
            }
        };
        out.push((column.name.clone(), value));
    }
    let faults: BTreeMap<_, _> = row.events.faults_by_text.iter().cloned().collect();
    out.push(("faults_by_text".to_owned(), json!(faults)));
    out.push(("checks".to_owned(), row.checks.iter().map(check).collect()));
    out.push(("prediction".to_owned(), json!(row.predicted.basis)));
    out.push(("notes".to_owned(), json!(row.notes)));
    out.push(("absent".to_owned(), absent.into()));
    Ordered(out)
}

fn check(result: &CheckResult) -> serde_json::Value {
    json!({
        "name": result.check.name(),
        "ok": result.is_ok(),
        "outcome": result.outcome.name(),
        "value": number(&result.value),
        "text": result.text,
    })
}

fn limit(found: &Finding) -> serde_json::Value {
    json!({
        "series": found.subject.series,
        "clients": found.subject.clients,
        "metric": found.subject.metric,
        "condition": found.bound,
        "value": number(&found.value),
        "unit": found.unit,
        "samples": found.samples,
        "ok": found.decision == Decision::Pass,
        "decision": found.decision.name(),
        "text": found.text,
        "about": found.details.first(),
    })
}

fn comparison(c: &Comparison) -> serde_json::Value {
    let ratios: serde_json::Map<_, _> = c
        .ratios
        .iter()
        .map(|r| {
            let both = json!({ "per_message": number(&r.per_message), "per_s": number(&r.per_s) });
            (r.name.to_owned(), both)
        })
        .collect();
    json!({
        "clients": c.clients,
        "polling": c.polling,
        "websocket": c.websocket,
        "ratios": ratios,
    })
}
