//! The schema of the summary, its rows from the table of columns.

use crate::report::format::json::JSON_SCHEMA;
use crate::report::metrics::{Better, Column, ColumnKind, columns};
use crate::report::schema::{
    decision, exit_code, fields, list, map, object, one_of, reference, text, typed, whole,
};
use crate::report::table::Status;
use serde_json::{Value, json};

pub(super) fn definitions() -> Vec<(&'static str, Value)> {
    vec![
        ("summary", summary()),
        ("row", row()),
        ("check", check()),
        ("limit", limit()),
        ("polling_over_websocket", comparison()),
    ]
}

fn summary() -> Value {
    let rows = |about| list(reference("row"), about);
    object(
        "what a run measured",
        fields([
            ("schema_version", json!({ "const": JSON_SCHEMA })),
            ("name", text("the scenario's name")),
            ("started", text("UTC time of the start, RFC 3339")),
            ("plan_hash", text("the plan's hash: equal plans have equal hashes")),
            ("build", text("version and profile of the program that measured")),
            ("parts", whole("result files that were merged")),
            ("host", map(json!({ "type": "string" }), "the machine, by the name of the property")),
            ("verdict", verdict()),
            ("limits", list(reference("limit"), "the scenario's limits, checked")),
            ("rows", rows("a row for each series and client count")),
            ("floors", rows("the same of the `null` transport, which has no network")),
            (
                "words",
                list(json!({ "type": "string" }), "what the run shows, the most important first"),
            ),
            (
                "polling_over_websocket",
                list(reference("polling_over_websocket"), "polling over WebSocket"),
            ),
        ]),
    )
}

fn verdict() -> Value {
    object(
        "whether the run is valid, and why not",
        fields([
            ("status", status()),
            ("exit_code", exit_code()),
            (
                "reasons",
                list(json!({ "type": "string" }), "why it is not valid, and which limits failed"),
            ),
        ]),
    )
}

fn status() -> Value {
    let names = [Status::Valid, Status::Partial, Status::Invalid].map(Status::name);
    one_of(&names, "`valid`, `partial` or `invalid`")
}

fn row() -> Value {
    let mut all: Vec<(String, Value)> =
        columns().iter().map(|c| (c.name.clone(), column(c))).collect();
    all.extend(fields([
        ("faults_by_text", map(json!({ "type": "integer" }), "errors by their text")),
        ("checks", list(reference("check"), "the conditions of validity")),
        ("prediction", text("how the predicted figures were computed, or why there are none")),
        ("notes", list(json!({ "type": "string" }), "what a reader of the row must know")),
        ("absent", map(json!({ "type": "string" }), "why a figure is null, by its name")),
    ]));
    object("a series at one client count, all repeats together", all)
}

fn column(column: &Column) -> Value {
    if column.name == "status" {
        return status();
    }
    let mut schema = match column.kind {
        ColumnKind::Text => text(&column.about),
        ColumnKind::Flag => typed(json!("boolean"), &column.about),
        ColumnKind::Count => whole(&column.about),
        ColumnKind::Number => typed(json!(["number", "null"]), &column.about),
    };
    if column.unit != "-" {
        schema["x-unit"] = json!(column.unit);
    }
    if column.is_number() && column.better != Better::Neither {
        schema["x-better"] = json!(column.better.name());
    }
    schema
}

fn check() -> Value {
    object(
        "a condition of validity",
        fields([
            ("name", text("its name")),
            ("ok", typed(json!("boolean"), "whether it holds")),
            ("value", typed(json!(["number", "null"]), "the number it was decided by")),
            ("text", text("the result as a sentence")),
        ]),
    )
}

fn limit() -> Value {
    object(
        "a limit of the scenario",
        fields([
            ("series", text("the label of the series; empty for several")),
            ("clients", typed(json!(["integer", "null"]), "simulated clients")),
            ("metric", text("the figure or expression")),
            ("condition", text("the condition")),
            ("value", typed(json!(["number", "null"]), "the value; null if `text` says why")),
            ("unit", text("its unit; `-` for a bare number")),
            ("samples", whole("values behind the figure; without any the limit fails")),
            ("ok", typed(json!("boolean"), "whether it is kept")),
            ("decision", decision()),
            ("text", text("the result as a sentence")),
            ("about", typed(json!(["string", "null"]), "why the scenario sets it")),
        ]),
    )
}

fn comparison() -> Value {
    let ratio = |about: &str| typed(json!(["number", "null"]), about);
    let both = object(
        "polling over WebSocket: above 1 polling costs more",
        fields([
            ("per_message", ratio("for each message")),
            ("per_s", ratio("for each second, at the planned rate")),
        ]),
    );
    object(
        "polling over WebSocket at one client count",
        fields([
            ("clients", whole("simulated clients of both")),
            ("polling", text("the polling series")),
            ("websocket", text("the WebSocket series")),
            ("ratios", map(both, "by quantity")),
        ]),
    )
}
