//! The schema of a judgement.

use crate::report::finding::Kind;
use crate::report::judgement::json::JUDGEMENT_SCHEMA;
use crate::report::schema::{
    decision, exit_code, fields, list, map, object, one_of, reference, text, typed, whole,
};
use serde_json::{Value, json};

/// The definitions of a judgement.
pub(super) fn definitions() -> Vec<(&'static str, Value)> {
    vec![
        ("judgement", judgement()),
        ("side", side()),
        ("finding", finding()),
        ("subject", subject()),
        ("effect", effect()),
    ]
}

fn judgement() -> Value {
    object(
        "findings and their decision",
        fields([
            ("schema_version", json!({ "const": JUDGEMENT_SCHEMA })),
            ("title", text("what was compared")),
            ("sides", list(reference("side"), "what was compared; empty for a single run")),
            ("decision", decision()),
            ("exit_code", exit_code()),
            ("strict", typed(json!("boolean"), "whether an undecided figure fails")),
            ("findings", list(reference("finding"), "one for each figure")),
            ("notes", list(json!({ "type": "string" }), "what a reader must know")),
        ]),
    )
}

fn side() -> Value {
    object(
        "one side of a comparison",
        fields([
            ("name", text("`a` or `b`, `baseline` or `candidate`")),
            ("about", text("a command line, or a file with its date")),
        ]),
    )
}

fn finding() -> Value {
    let number = |about: &str| typed(json!(["number", "null"]), about);
    let effect = json!({ "oneOf": [reference("effect"), { "type": "null" }] });
    object(
        "a figure and its decision",
        fields([
            ("kind", one_of(&Kind::ALL.map(Kind::name), "the rule")),
            ("subject", reference("subject")),
            ("decision", decision()),
            ("value", number("the figure of the run, or of B")),
            ("baseline", number("the figure of the baseline, or of A; null if there is none")),
            ("unit", text("the unit of both; `-` for a bare number")),
            ("bound", text("what it was compared with")),
            ("effect", effect),
            ("samples", whole("values behind the figure; without any it never passes")),
            ("text", text("the finding as a sentence")),
            ("details", list(json!({ "type": "string" }), "further lines")),
            ("absent", map(json!({ "type": "string" }), "why `value` or `baseline` is null")),
        ]),
    )
}

fn subject() -> Value {
    object(
        "figure and row",
        fields([
            ("series", typed(json!(["string", "null"]), "null for the run as a whole")),
            ("clients", typed(json!(["integer", "null"]), "simulated clients")),
            ("metric", text("a column of the summary, or an expression")),
        ]),
    )
}

fn effect() -> Value {
    let share = |about: &str| typed(json!("number"), about);
    let perhaps = |about: &str| typed(json!(["number", "null"]), about);
    object(
        "how much more B is than A, by pairs of runs; 0.05 is 5 % more",
        fields([
            ("estimate", share("the Hodges–Lehmann estimate")),
            ("lower", perhaps("the lower end of its interval; null with too few pairs")),
            ("upper", perhaps("the upper end")),
            (
                "detectable",
                perhaps("the smallest change that 8 of 10 such comparisons would detect"),
            ),
            ("margin", share("the change that is tolerated")),
            ("noise", share("standard deviation of the pairs' log ratios")),
            ("pairs", whole("pairs that have both figures")),
            ("p", share("exact one-sided p-value of the signed-rank test, corrected by Holm")),
        ]),
    )
}
