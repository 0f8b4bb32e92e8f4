//! JSON Schema (draft 2020-12) of the documents that the program writes.
//!
//! `schema.json` beside this file is the output of `wsbench schema`. It is written by hand, except
//! for the columns of a row, which come from their table.

use crate::report::metrics::{Better, Column, ColumnKind, columns};
use serde_json::{Map, Value, json};

const SCHEMA: &str = include_str!("schema.json");
/// The documents that the program writes, by their names in `$defs`.
pub const DOCUMENTS: [&str; 4] = ["summary", "judgement", "baseline", "stream"];
/// The fields of a row that are no columns.
const ROW_FIELDS: [&str; 5] = ["faults_by_text", "checks", "prediction", "notes", "absent"];

/// Returns the schema of any document, and of the summaries of several runs.
pub fn all() -> Value {
    let mut all: Value = serde_json::from_str(SCHEMA).expect("a test reads it");
    let status = all["$defs"]["summary"]["properties"]["verdict"]["properties"]["status"].clone();
    let row = &mut all["$defs"]["row"];
    let mut properties = Map::new();
    let mut required = Vec::new();
    for column in columns() {
        let schema = if column.name == "status" { status.clone() } else { schema_of(&column) };
        properties.insert(column.name.clone(), schema);
        required.push(column.name);
    }
    for name in ROW_FIELDS {
        properties.insert(name.to_owned(), row["properties"][name].take());
        required.push(name.to_owned());
    }
    row["properties"] = properties.into();
    row["required"] = required.into();
    all
}

/// Returns the schema of one document, with the definitions that it needs.
pub fn of(document: &str) -> Value {
    let all = all();
    let mut needed = Map::new();
    let mut names = vec![document.to_owned()];
    while let Some(name) = names.pop() {
        let schema = &all["$defs"][&name];
        if !needed.contains_key(&name) {
            referred(schema, &mut names);
            needed.insert(name, schema.clone());
        }
    }
    json!({
        "$schema": all["$schema"],
        "title": format!("wsbench {document}"),
        "$ref": format!("#/$defs/{document}"),
        "$defs": needed,
    })
}

/// Collects the names of definitions that a schema refers to.
fn referred(schema: &Value, names: &mut Vec<String>) {
    match schema {
        Value::Object(fields) => {
            let own = fields.get("$ref").and_then(Value::as_str);
            names.extend(own.and_then(|to| to.strip_prefix("#/$defs/")).map(str::to_owned));
            fields.values().for_each(|value| referred(value, names));
        }
        Value::Array(items) => items.iter().for_each(|item| referred(item, names)),
        _ => {}
    }
}

fn schema_of(column: &Column) -> Value {
    let mut schema = match column.kind {
        ColumnKind::Text => json!({ "type": "string" }),
        ColumnKind::Flag => json!({ "type": "boolean" }),
        ColumnKind::Count => json!({ "type": "integer", "minimum": 0 }),
        ColumnKind::Number => json!({ "type": ["number", "null"] }),
    };
    schema["description"] = json!(column.about);
    if column.unit != "-" {
        schema["x-unit"] = json!(column.unit);
    }
    if column.is_number() && column.better != Better::Neither {
        schema["x-better"] = json!(column.better.name());
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::conclusion::Conclusion;
    use crate::report::finding::{Decision, Kind};
    use crate::report::format::json::{JSON_SCHEMA, STREAM_SCHEMA};
    use crate::report::judgement::json::JUDGEMENT_SCHEMA;
    use crate::report::table::Status;

    #[test]
    fn the_schema_has_the_words_and_codes_of_the_program() {
        let all = all();
        let field = |document: &str, name: &str| all["$defs"][document]["properties"][name].clone();
        let decisions = json!(Decision::ALL.map(Decision::name));
        for document in ["judgement", "finding", "limit"] {
            assert_eq!(field(document, "decision")["enum"], decisions, "{document}");
        }
        assert_eq!(field("finding", "kind")["enum"], json!(Kind::ALL.map(Kind::name)));
        let verdict = &field("summary", "verdict")["properties"];
        let statuses = [Status::Valid, Status::Partial, Status::Invalid].map(Status::name);
        assert_eq!(verdict["status"]["enum"], json!(statuses));
        assert_eq!(field("summary", "schema_version")["const"], JSON_SCHEMA);
        assert_eq!(field("judgement", "schema_version")["const"], JUDGEMENT_SCHEMA);
        assert_eq!(field("stream", "schema_version")["const"], STREAM_SCHEMA);
        // A command line that cannot be used writes no file.
        let written = || Conclusion::ALL.into_iter().filter(|one| *one != Conclusion::Unusable);
        let codes: Vec<u8> = written().map(Conclusion::exit_code).collect();
        let meaning = |one: Conclusion| format!("{} {}", one.exit_code(), one.meaning());
        let meanings: Vec<String> = written().map(meaning).collect();
        let about = format!("the exit code of the process: {}", meanings.join("; "));
        for exit_code in [&verdict["exit_code"], &field("judgement", "exit_code")] {
            assert_eq!(*exit_code, json!({ "enum": codes, "description": about }));
        }
    }
}
