//! JSON Schema (draft 2020-12) of the documents that the program writes. `schema.json` beside this
//! file is the output of `wsbench schema`; a test compares them.

mod judgement;
mod summary;

use crate::report::conclusion::Conclusion;
use crate::report::finding;
use serde_json::{Map, Value, json};

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";
const BASELINE_SCHEMA: &str = "wsbench.baseline/1";

/// A document that the program writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentKind {
    /// What a run measured: `summary.json`, and `--format json` of `run` and `report`.
    Summary,
    /// Findings and decision: `--format json` of `gate`, `compare` and `calibrate`.
    Judgement,
    /// What `gate` compares later runs with.
    Baseline,
}

impl DocumentKind {
    /// Every document.
    pub const ALL: [DocumentKind; 3] =
        [DocumentKind::Summary, DocumentKind::Judgement, DocumentKind::Baseline];
    /// Its name in `$defs`.
    pub fn name(self) -> &'static str {
        match self {
            DocumentKind::Summary => "summary",
            DocumentKind::Judgement => "judgement",
            DocumentKind::Baseline => "baseline",
        }
    }
}

/// Returns the schema of one document, with the definitions that it needs.
pub fn of(document: DocumentKind) -> Value {
    let all = definitions();
    let mut needed = Map::new();
    let mut names = vec![document.name().to_owned()];
    while let Some(name) = names.pop() {
        if let (false, Some(schema)) = (needed.contains_key(&name), all.get(&name)) {
            referred(schema, &mut names);
            needed.insert(name, schema.clone());
        }
    }
    json!({
        "$schema": DRAFT,
        "title": format!("wsbench {}", document.name()),
        "$ref": reference(document.name())["$ref"],
        "$defs": needed,
    })
}

/// Returns the schema of any document, and of the summaries of several runs.
pub fn all() -> Value {
    let several = json!({
        "type": "array",
        "description": "`report --format json` with results of several plans",
        "items": reference(DocumentKind::Summary.name()),
        "minItems": 2,
    });
    let one = DocumentKind::ALL.map(|d| reference(d.name()));
    json!({
        "$schema": DRAFT,
        "title": "wsbench",
        "description": "The summary of a run, a judgement, or a baseline. Within a version of a \
                        document, fields may be added; none is removed or changed.",
        "oneOf": one.into_iter().chain([several]).collect::<Vec<_>>(),
        "$defs": definitions(),
    })
}

fn definitions() -> Map<String, Value> {
    let mut all = Map::new();
    for (name, schema) in summary::definitions().into_iter().chain(judgement::definitions()) {
        all.insert(name.to_owned(), schema);
    }
    all.insert(DocumentKind::Baseline.name().to_owned(), baseline());
    all
}

/// Describes how to recognise a baseline. Only this program reads the rest.
fn baseline() -> Value {
    json!({
        "type": "object",
        "description": "what `gate` compares later runs with, written by `run --save-baseline`",
        "properties": {
            "schema": { "const": BASELINE_SCHEMA },
            "name": text("the scenario's name"),
            "started": text("UTC time of the run's start, RFC 3339"),
            "build": text("version and profile of the program that measured"),
            "plan_hash": text("the plan's hash: equal plans have equal hashes"),
            "host": map(json!({ "type": "string" }), "the machine, by the name of the property"),
            "plan": typed(json!("object"), "the complete plan"),
            "rows": list(json!({ "type": "object" }), "a row for each series and client count"),
        },
        "required": [
            "schema", "name", "started", "build", "plan_hash", "host", "plan", "rows"
        ],
    })
}

/// Collects the names of definitions that a schema refers to.
fn referred(schema: &Value, names: &mut Vec<String>) {
    match schema {
        Value::Object(fields) => {
            for (key, value) in fields {
                match (key.as_str(), value) {
                    ("$ref", Value::String(to)) => {
                        names.extend(to.strip_prefix("#/$defs/").map(str::to_owned));
                    }
                    (_, value) => referred(value, names),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| referred(item, names)),
        _ => {}
    }
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// An object with exactly these fields.
fn object(about: &str, fields: Vec<(String, Value)>) -> Value {
    let required: Vec<String> = fields.iter().map(|(name, _)| name.clone()).collect();
    let properties: Map<String, Value> = fields.into_iter().collect();
    json!({
        "type": "object",
        "description": about,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn typed(types: Value, about: &str) -> Value {
    json!({ "type": types, "description": about })
}

fn text(about: &str) -> Value {
    typed(json!("string"), about)
}

fn whole(about: &str) -> Value {
    json!({ "type": "integer", "minimum": 0, "description": about })
}

fn one_of(words: &[&str], about: &str) -> Value {
    json!({ "enum": words, "description": about })
}

fn list(items: Value, about: &str) -> Value {
    json!({ "type": "array", "items": items, "description": about })
}

/// An object with any names.
fn map(values: Value, about: &str) -> Value {
    json!({ "type": "object", "additionalProperties": values, "description": about })
}

fn fields<const N: usize>(fields: [(&str, Value); N]) -> Vec<(String, Value)> {
    fields.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

fn exit_code() -> Value {
    // A command line that cannot be used writes no file.
    let all = || Conclusion::ALL.into_iter().filter(|one| *one != Conclusion::Unusable);
    let codes: Vec<u8> = all().map(Conclusion::exit_code).collect();
    let meanings: Vec<String> =
        all().map(|one| format!("{} {}", one.exit_code(), one.meaning())).collect();
    let about = format!("the exit code of the process: {}", meanings.join("; "));
    json!({ "enum": codes, "description": about })
}

fn decision() -> Value {
    let names = finding::Decision::ALL.map(finding::Decision::name);
    one_of(&names, "the decision")
}
