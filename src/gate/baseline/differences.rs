//! Differences between two runs' scenarios, and between their machines. Figures of different
//! scenarios are not compared.
//!
//! Plans are complete: two of one version have the same settings. What the machine decides, such as
//! the number of driver processes, is not part of a scenario.

use crate::gate::baseline::port::remove_ports;
use crate::gate::baseline::process::hide_pid;
use crate::gate::baseline::setting::{Difference, by_key};
use crate::units::{distinct, human_ns, human_ns_and_bound};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Parts of a plan that change none of its figures.
const IGNORED: [&str; 3] = ["about", "limits", "limit"];
/// Parts that are noted and do not forbid a comparison. Another seed moves clients' phases and
/// makes no message larger.
const HARMLESS: [&str; 4] = ["name", "seed", "feed.seed", "delay.seed"];
/// Characters of a value that are shown.
const SHOWN_CHARS: usize = 60;

/// Lists what differs between two plans. `builds` are the versions that made them: an older one may
/// lack a setting.
pub(crate) fn scenarios(a: &Value, b: &Value, builds: (&str, &str)) -> Vec<Difference> {
    let mut out = Vec::new();
    walk("", &reduce_to_scenario(a), &reduce_to_scenario(b), builds.0 != builds.1, &mut out);
    by_key(out)
}

/// Reduces a plan to its scenario. Of its cases, the client counts remain and how far intervals may
/// be stretched.
pub(crate) fn reduce_to_scenario(plan: &Value) -> Value {
    let Value::Object(plan) = plan else { return plan.clone() };
    let mut out: Map<String, Value> = plan.clone();
    out.retain(|key, _| !IGNORED.contains(&key.as_str()));
    remove_ports(&mut out);
    out.get_mut("server").into_iter().for_each(hide_pid);
    // A series may have a server of its own.
    let series = out.get_mut("series").and_then(Value::as_array_mut).into_iter().flatten();
    series.filter_map(|series| series.get_mut("server")).for_each(hide_pid);
    if let Some(cases) = out.remove("cases") {
        for name in ["clients", "stretch"] {
            let values = cases.as_array().into_iter().flatten().map(|case| case[name].clone());
            out.insert(name.to_owned(), Value::Array(distinct(values)));
        }
    }
    Value::Object(out)
}

fn walk(path: &str, a: &Value, b: &Value, versions: bool, out: &mut Vec<Difference>) {
    match (a, b) {
        _ if a == b => {}
        (Value::Object(x), Value::Object(y)) => {
            for key in x.keys().chain(y.keys()).collect::<BTreeSet<_>>() {
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

/// Returns the label of a list's member if both have the same one, else its index.
fn label(x: &[Value], y: &[Value], index: usize) -> String {
    let of = |list: &[Value]| list.get(index).and_then(|v| v["label"].as_str()).map(str::to_owned);
    match (of(x), of(y)) {
        (Some(a), Some(b)) if a == b => a,
        _ => index.to_string(),
    }
}

fn difference(path: String, a: Option<&Value>, b: Option<&Value>, harmless: bool) -> Difference {
    let is_time = path.ends_with("_ns");
    let is_server = path == "server" || path.ends_with(".server");
    let shown = |value: Option<&Value>| match (value, value.and_then(Value::as_u64)) {
        (None, _) => "absent".to_owned(),
        (_, Some(ns)) if is_time => human_ns(ns as f64),
        (Some(value), _) if is_server => shortened(&server_by_url(value).to_string()),
        (Some(value), _) => shortened(&value.to_string()),
    };
    let harmless = harmless || HARMLESS.contains(&path.as_str());
    let [a, b] = match (a.and_then(Value::as_u64), b.and_then(Value::as_u64)) {
        (Some(a), Some(b)) if is_time => human_ns_and_bound(a as f64, b as f64),
        _ => [shown(a), shown(b)],
    };
    Difference { a, b, path, harmless }
}

/// A server of a plan by the URL that a scenario has for it; a scenario has none for the bundled one, nor
/// for a run whose series each have their own.
fn server_by_url(value: &Value) -> Cow<'_, Value> {
    match value.pointer("/external/url") {
        Some(url) => Cow::Borrowed(url),
        None if value == "bundled" => Cow::Owned(Value::from("none")),
        None => Cow::Borrowed(value),
    }
}

fn shortened(text: &str) -> String {
    match text.chars().count() {
        n if n <= SHOWN_CHARS => text.to_owned(),
        _ => text.chars().take(SHOWN_CHARS).chain(['…']).collect(),
    }
}

/// Settings of the kernel that every version of this program writes.
const SETTINGS_OF_ALL_VERSIONS: [&str; 3] =
    ["net.core.somaxconn", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_mem"];

/// Properties of a machine that its figures may depend on. The limit of open files is not among
/// them: it shows in the plan if it changes something.
const MACHINE: [&str; 5] = ["arch", "cores", "cpu", "kernel", "os"];
/// Properties that may vary a little from one start of a machine to the next.
const APPROXIMATE: [&str; 2] = ["memory", "net.ipv4.tcp_mem"];
/// By which share.
const TOLERANCE: f64 = 0.01;

/// Lists what differs between two machines: processor, cores, memory, kernel and its settings.
pub(crate) fn machines(
    a: &BTreeMap<String, String>,
    b: &BTreeMap<String, String>,
) -> Vec<Difference> {
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let matters =
        |name: &str| MACHINE.contains(&name) || APPROXIMATE.contains(&name) || name.contains('.');
    let same = |name: &String| match (a.get(name), b.get(name)) {
        (Some(x), Some(y)) => x == y || (APPROXIMATE.contains(&name.as_str()) && is_close(x, y)),
        // An older version did not read it.
        _ => name.contains('.') && !SETTINGS_OF_ALL_VERSIONS.contains(&name.as_str()),
    };
    let shown = |v: Option<&String>| v.map_or("absent".to_owned(), |v| shortened(v));
    let of = |name: &String| Difference {
        path: name.clone(),
        a: shown(a.get(name)),
        b: shown(b.get(name)),
        harmless: false,
    };
    names.into_iter().filter(|name| matters(name) && !same(name)).map(of).collect()
}

/// True if two texts have the same words, and numbers that are nearly the same.
fn is_close(a: &str, b: &str) -> bool {
    let x: Vec<&str> = a.split_whitespace().collect();
    let y: Vec<&str> = b.split_whitespace().collect();
    x.len() == y.len()
        && x.iter().zip(&y).all(|(a, b)| match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(a), Ok(b)) => (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()),
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

    fn shown(a: &Value, b: &Value) -> Vec<String> {
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
            "[feed] size: 21 ≠ 64",
            "[[series]] polling: request_head: \"chapter\" ≠ \"none\"",
        ];
        assert_eq!(shown(&plan(), &other), wanted);
    }

    /// Only a server: a text elsewhere that looks like one is shown as it is.
    #[test]
    fn servers_that_differ_are_shown_by_their_urls() {
        let url = |url: &str| json!({ "external": { "url": url, "address": "127.0.0.1:1" } });
        let (mut one, mut other) = (plan(), plan());
        one["server"] = json!("bundled");
        other["server"] = url("http://a");
        one["series"][0]["server"] = url("ws://b/c");
        one["feed"]["kind"] = json!("bundled");
        other["feed"]["kind"] = json!("json");
        let wanted = [
            "[feed] payload: \"bundled\" ≠ \"json\"",
            "[[series]] polling: url: \"ws://b/c\" ≠ absent",
            "[server] url: \"none\" ≠ \"http://a\"",
        ];
        assert_eq!(shown(&one, &other), wanted);
    }

    #[test]
    fn settings_that_change_no_figure_are_not_differences() {
        let mut other = plan();
        other["about"] = json!("y");
        other["limits"] = json!([{ "limit": "max <= 2B" }]);
        other["cases"][1]["drivers"][0]["threads"] = json!(64);
        assert!(shown(&plan(), &other).is_empty());
        (other["seed"], other["name"]) = (json!(2), json!("mine"));
        let wanted = ["name: \"ci\" ≠ \"mine\" (harmless)", "seed: 1 ≠ 2 (harmless)"];
        assert_eq!(shown(&plan(), &other), wanted);
    }

    /// A server that runs already, with its port and what it is of this machine.
    fn external(port: u16, processes: &Value) -> Value {
        let mut plan = plan();
        plan["timing"] = json!({ "duration_ns": 1_000_000_000 });
        plan["server"] = json!({ "external": {
            "url": format!("http://h:{port}"), "authority": format!("h:{port}"),
            "address": format!("127.0.0.1:{port}"),
        }});
        if !processes.is_null() {
            plan["server"]["external"]["processes"] = processes.clone();
        }
        plan["series"][0]["server"] = plan["server"].clone();
        plan
    }

    /// A server that was restarted has another process and may have another port.
    #[test]
    fn what_a_restart_changes_is_no_difference() {
        let pid = |pid: u32| json!({ "pid": pid });
        assert!(shown(&external(80, &pid(15204)), &external(8080, &pid(15205))).is_empty());
        let group = |name: &str| external(80, &json!({ "cgroup": name }));
        let wanted =
            ["[[series]] polling: cgroup: \"/a\" ≠ \"/b\"", "[server] cgroup: \"/a\" ≠ \"/b\""];
        assert_eq!(shown(&group("/a"), &group("/b")), wanted);
    }

    #[test]
    fn differences_are_named_by_the_keys_of_a_scenario_each_once() {
        let plain = external(80, &Value::Null);
        let mut other = external(80, &json!({ "pid": 7 }));
        (other["feed"]["seed"], other["seed"]) = (json!(2), json!(2));
        other["timing"]["duration_ns"] = json!(2_000_000_000_u64);
        other["series"][0]["server"] = plain["series"][0]["server"].clone();
        let of_server = &mut other["server"]["external"];
        (of_server["url"], of_server["authority"]) = (json!("http://other"), json!("other"));
        of_server["start"] =
            json!({ "words": ["serve", "--slow"], "ready_ns": 10_000_000_000_u64 });
        let wanted = [
            "seed: 1 ≠ 2 (harmless)",
            "[server] pid: absent ≠ \"any\"",
            "[server] ready_timeout: absent ≠ 10 s",
            "[server] command: absent ≠ [\"serve\",\"--slow\"]",
            "[server] url: \"http://h\" ≠ \"http://other\"",
            "duration: 1 s ≠ 2 s",
        ];
        assert_eq!(shown(&plain, &other), wanted);
    }

    #[test]
    fn a_setting_that_an_older_version_lacks_is_noted() {
        let mut other = plan();
        other["feed"]["burst"] = json!(1);
        assert_eq!(shown(&plan(), &other), ["[feed] burst: absent ≠ 1"]);
        let of = |builds| scenarios(&plan(), &other, builds)[0].harmless;
        assert_eq!((of(("1", "1")), of(("1", "2"))), (false, true));
        other = plan();
        other["series"].as_array_mut().unwrap().push(json!({ "label": "sse" }));
        assert!(!scenarios(&plan(), &other, ("1", "2"))[0].harmless, "a series is no setting");
    }

    #[test]
    fn machines_differ_in_what_figures_depend_on() {
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
        b.insert("net.ipv4.tcp_rmem".into(), "4096 131072 6291456".into());
        let found: Vec<String> = machines(&a, &b).iter().map(Difference::to_string).collect();
        let wanted = [
            "cores: 2 ≠ 4",
            "memory: 24684092 kB ≠ 12684100 kB",
            "net.core.somaxconn: 4096 ≠ absent",
        ];
        assert_eq!(found, wanted);
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
        fn equal_plans_have_no_difference_and_others_have_one(a in any_json(), b in any_json()) {
            prop_assert!(scenarios(&a, &a, ("", "")).is_empty());
            let (there, back) = (scenarios(&a, &b, ("", "")), scenarios(&b, &a, ("", "")));
            prop_assert_eq!(there.len(), back.len());
            prop_assert_eq!(there.is_empty(), reduce_to_scenario(&a) == reduce_to_scenario(&b));
        }
    }
}
