//! What is unequal about two runs' scenarios, and about their machines.
//!
//! Separate from comparing figures: figures of unequal scenarios are not compared at all. Plans
//! are complete, so that two of one version have the same settings; whatever the machine decides,
//! as into how many processes clients are split, is no part of a scenario.

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;

/// A setting that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Where: `feed.payload_bytes`.
    pub path: String,
    /// The first's value as JSON, or `absent`.
    pub a: String,
    /// The second's.
    pub b: String,
    /// True where it says nothing against a comparison, and a reader should know it: another
    /// name, another seed, a setting that one version has and the other has not.
    pub harmless: bool,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ≠ {}", self.path, self.a, self.b)
    }
}

/// Parts of a plan that decide nothing about its figures: what it is for, what it is held against.
const IGNORED: [&str; 3] = ["about", "limits", "limit"];
/// Parts that are told and do not forbid a comparison. Another seed moves clients' phases and
/// makes no message larger.
const HARMLESS: [&str; 4] = ["name", "seed", "feed.seed", "delay.seed"];
/// What is shown of a value, in characters.
const SHOWN_CHARS: usize = 60;

/// What differs between two plans. `builds` are the versions that made them: of unequal ones, a
/// setting may be missing that the other did not have yet.
pub(crate) fn scenarios(a: &Value, b: &Value, builds: (&str, &str)) -> Vec<Difference> {
    let mut out = Vec::new();
    walk("", &essence(a), &essence(b), builds.0 != builds.1, &mut out);
    out
}

/// A plan without what is no part of its scenario; of its cases, the client counts and how far
/// intervals may be stretched.
fn essence(plan: &Value) -> Value {
    let Value::Object(plan) = plan else { return plan.clone() };
    let mut out: Map<String, Value> = plan.clone();
    out.retain(|key, _| !IGNORED.contains(&key.as_str()));
    if let Some(cases) = out.remove("cases") {
        let mut unique = |name: &str, of: &str| {
            let mut values: Vec<Value> = Vec::new();
            for case in cases.as_array().into_iter().flatten() {
                let value = case.get(of).cloned().unwrap_or(Value::Null);
                if !values.contains(&value) {
                    values.push(value);
                }
            }
            out.insert(name.to_owned(), Value::Array(values));
        };
        unique("clients", "clients");
        unique("stretch", "stretch");
    }
    Value::Object(out)
}

fn walk(path: &str, a: &Value, b: &Value, versions: bool, out: &mut Vec<Difference>) {
    match (a, b) {
        _ if a == b => {}
        (Value::Object(x), Value::Object(y)) => {
            let mut keys: Vec<&String> = x.keys().chain(y.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                match (x.get(key), y.get(key)) {
                    (Some(a), Some(b)) => walk(&path, a, b, versions, out),
                    (a, b) => out.push(difference(path, a, b, versions)),
                }
            }
        }
        (Value::Array(x), Value::Array(y)) if x.iter().chain(y).any(Value::is_object) => {
            for index in 0..x.len().max(y.len()) {
                let path = format!("{path}[{}]", label(x, y, index));
                match (x.get(index), y.get(index)) {
                    (Some(a), Some(b)) => walk(&path, a, b, versions, out),
                    (a, b) => out.push(difference(path, a, b, false)),
                }
            }
        }
        _ => out.push(difference(path.to_owned(), Some(a), Some(b), false)),
    }
}

/// The label of a list's member where both have the same one, else its place.
fn label(x: &[Value], y: &[Value], index: usize) -> String {
    let of = |list: &[Value]| list.get(index).and_then(|v| v["label"].as_str()).map(str::to_owned);
    match (of(x), of(y)) {
        (Some(a), Some(b)) if a == b => a,
        _ => index.to_string(),
    }
}

fn difference(path: String, a: Option<&Value>, b: Option<&Value>, harmless: bool) -> Difference {
    let shown = |value: Option<&Value>| match value {
        None => "absent".to_owned(),
        Some(value) => shortened(&value.to_string()),
    };
    let harmless = harmless || HARMLESS.contains(&path.as_str());
    Difference { a: shown(a), b: shown(b), path, harmless }
}

fn shortened(text: &str) -> String {
    match text.chars().count() {
        n if n <= SHOWN_CHARS => text.to_owned(),
        _ => text.chars().take(SHOWN_CHARS).chain(['…']).collect(),
    }
}

/// Properties of a machine that its figures may depend on. How many files a process may open is
/// not among them: a plan that they would change says so itself.
const MACHINE: [&str; 5] = ["arch", "cores", "cpu", "kernel", "os"];
/// Properties that may vary by a little from start to start of one machine.
const ABOUT: [&str; 2] = ["memory", "net.ipv4.tcp_mem"];
/// By how much, of one.
const A_LITTLE: f64 = 0.01;

/// What differs between two machines, by name: processor, cores, memory, kernel and its settings.
pub(crate) fn machines(
    a: &BTreeMap<String, String>,
    b: &BTreeMap<String, String>,
) -> Vec<Difference> {
    let mut names: Vec<&String> = a.keys().chain(b.keys()).collect();
    names.sort();
    names.dedup();
    let bears = |name: &str| MACHINE.contains(&name) || ABOUT.contains(&name) || name.contains('.');
    let mut out = Vec::new();
    for name in names.into_iter().filter(|name| bears(name)) {
        let (was, is) = (a.get(name), b.get(name));
        let same = match (was, is) {
            (Some(x), Some(y)) => x == y || (ABOUT.contains(&name.as_str()) && is_about(x, y)),
            _ => false,
        };
        if !same {
            let shown = |v: Option<&String>| v.map_or("absent".to_owned(), |v| shortened(v));
            let (a, b) = (shown(was), shown(is));
            out.push(Difference { path: name.clone(), a, b, harmless: false });
        }
    }
    out
}

/// Whether two texts have the same words and numbers that are nearly the same.
fn is_about(a: &str, b: &str) -> bool {
    let (x, y): (Vec<&str>, Vec<&str>) =
        (a.split_whitespace().collect(), b.split_whitespace().collect());
    x.len() == y.len()
        && x.iter().zip(&y).all(|(a, b)| match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(a), Ok(b)) => (a - b).abs() <= A_LITTLE * a.abs().max(b.abs()),
            _ => a == b,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn plan() -> Value {
        json!({
            "name": "ci", "about": "x", "seed": 1,
            "feed": { "payload_bytes": 21, "seed": 1, "kind": "text" },
            "series": [{ "label": "polling", "params": { "request": "chapter" } }],
            "cases": [
                { "clients": 10, "floor": true, "stretch": null, "drivers": [{ "threads": 2 }] },
                { "clients": 10, "floor": false, "stretch": null, "drivers": [{ "threads": 2 }] },
            ],
        })
    }

    fn told(a: &Value, b: &Value) -> Vec<String> {
        let show = |d: &Difference| format!("{d}{}", if d.harmless { " (harmless)" } else { "" });
        scenarios(a, b, ("1", "1")).iter().map(show).collect()
    }

    #[test]
    fn what_differs_is_named_with_both_values() {
        let mut other = plan();
        other["feed"]["payload_bytes"] = json!(64);
        other["series"][0]["params"]["request"] = json!("none");
        other["cases"][1]["clients"] = json!(20);
        let wanted = [
            "clients: [10] ≠ [10,20]",
            "feed.payload_bytes: 21 ≠ 64",
            "series[polling].params.request: \"chapter\" ≠ \"none\"",
        ];
        assert_eq!(told(&plan(), &other), wanted);
    }

    #[test]
    fn what_decides_nothing_is_no_difference() {
        let mut other = plan();
        other["about"] = json!("y");
        other["limits"] = json!([{ "limit": "max <= 2B" }]);
        other["cases"][1]["drivers"][0]["threads"] = json!(64);
        assert!(told(&plan(), &other).is_empty());
        (other["seed"], other["name"]) = (json!(2), json!("mine"));
        let wanted = ["name: \"ci\" ≠ \"mine\" (harmless)", "seed: 1 ≠ 2 (harmless)"];
        assert_eq!(told(&plan(), &other), wanted);
    }

    #[test]
    fn a_setting_that_a_version_does_not_have_yet_is_told() {
        let mut other = plan();
        other["feed"]["burst"] = json!(1);
        assert_eq!(told(&plan(), &other), ["feed.burst: absent ≠ 1"]);
        let of = |builds| scenarios(&plan(), &other, builds)[0].harmless;
        assert_eq!((of(("1", "1")), of(("1", "2"))), (false, true));
        other = plan();
        other["series"].as_array_mut().unwrap().push(json!({ "label": "sse" }));
        assert!(!scenarios(&plan(), &other, ("1", "2"))[0].harmless, "a series is no setting");
    }

    #[test]
    fn machines_differ_by_what_bears_on_figures() {
        let of = |list: &[(&str, &str)]| -> BTreeMap<String, String> {
            list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
        };
        let a = of(&[
            ("cores", "2"),
            ("memory", "24684092 kB"),
            ("open_files", "20000"),
            ("net.core.somaxconn", "4096"),
            ("net.ipv4.tcp_mem", "287901 383868 575802"),
        ]);
        let mut b = a.clone();
        b.insert("open_files".into(), "1024".into());
        b.insert("memory".into(), "24684100 kB".into());
        b.insert("net.ipv4.tcp_mem".into(), "287900 383868 575800".into());
        assert!(machines(&a, &b).is_empty());
        b.insert("cores".into(), "4".into());
        b.insert("memory".into(), "12684100 kB".into());
        b.remove("net.core.somaxconn");
        let told: Vec<String> = machines(&a, &b).iter().map(Difference::to_string).collect();
        let wanted = [
            "cores: 2 ≠ 4",
            "memory: 24684092 kB ≠ 12684100 kB",
            "net.core.somaxconn: 4096 ≠ absent",
        ];
        assert_eq!(told, wanted);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(|n| json!(n)),
            "[a-c]{0,3}".prop_map(|s| json!(s)),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::btree_map("[a-d]|cases|label", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn equal_plans_have_no_difference_and_others_are_told(a in any_json(), b in any_json()) {
            prop_assert!(scenarios(&a, &a, ("", "")).is_empty());
            let (there, back) = (scenarios(&a, &b, ("", "")), scenarios(&b, &a, ("", "")));
            prop_assert_eq!(there.len(), back.len());
            prop_assert_eq!(there.is_empty(), essence(&a) == essence(&b));
        }
    }
}
