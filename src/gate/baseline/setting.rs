//! Differences of plans by what a user wrote: the table and the key of a scenario, `[server] pid`, not
//! the place in a plan.

use std::fmt;

/// A setting that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// The setting as a scenario names it: `[feed] size`; of a machine its property.
    pub path: String,
    /// The first's value as JSON, or `absent`.
    pub a: String,
    /// The second's.
    pub b: String,
    /// True if the runs can be compared all the same, with a note: another name, another seed, a
    /// setting that only one version has.
    pub harmless: bool,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ≠ {}", self.path, self.a, self.b)
    }
}

/// Where a setting is in a plan, and the table and key that it has in a scenario. What follows from
/// another setting (`true`) is named only if that one does not differ.
const SETTINGS: &[(&str, &str, &str, bool)] = &[
    ("feed.batch_ns", "feed", "batch", false),
    ("feed.kind", "feed", "payload", false),
    ("feed.message_limit_bytes", "feed", "message_limit", false),
    ("feed.payload_bytes", "feed", "size", false),
    ("feed.rate_hz", "feed", "rate", false),
    ("feed.seed", "", "seed", true),
    ("delay.jitter_ns", "", "jitter", false),
    ("delay.law", "", "jitter_law", false),
    ("delay.one_way_ns", "", "delay", false),
    ("delay.seed", "", "seed", true),
    ("message.time.place", "message", "time", false),
    ("rate_unknown", "feed", "rate", true),
    ("server", "server", "url", false),
    ("server.external.address", "server", "url", true),
    ("server.external.authority", "server", "url", true),
    ("server.external.credentials", "server", "url", true),
    ("server.external.others", "server", "url", true),
    ("server.external.processes.cgroup", "server", "cgroup", false),
    ("server.external.processes.docker", "server", "docker", false),
    ("server.external.processes.pid", "server", "pid", false),
    ("server.external.start.ready_ns", "server", "ready_timeout", false),
    ("server.external.start.ready_path", "server", "ready_path", false),
    ("server.external.start.words", "server", "command", false),
    ("server.external.url", "server", "url", false),
    ("tls.certificate", "server.tls", "cert", false),
    ("tls.name", "server.tls", "sni", false),
];

/// Tables of a plan and of a scenario that have the same keys, but for units at their ends.
const TABLES: &[(&str, &str)] = &[
    ("feed.", "feed"),
    ("message.time.", "message"),
    ("message.", "message"),
    ("timing.", ""),
    ("tls.", "server.tls"),
];

/// Settings of a series by their names in a plan; what is made of others (`true`) as above.
const SERIES: &[(&str, &str, bool)] = &[
    ("back_to_back", "interval", true),
    ("connection_each_turn", "connection", true),
    ("head", "request_head", false),
    ("interval_ns", "interval", true),
    ("keep_cookies", "cookies", false),
    ("new_connection", "connection", false),
    ("paced", "interval", true),
    ("params.interval_ns", "interval", false),
    ("read_buffer_bytes", "read_buffer", false),
    ("request", "request_head", false),
    ("response", "response_head", false),
];

/// Parts of a series' plan that group its settings.
const GROUPS: [&str; 5] = ["params.", "request.", "options.", "conversation.", "position."];

/// Names differences by their keys, each key once.
pub(super) fn by_key(differences: Vec<Difference>) -> Vec<Difference> {
    let named: Vec<(Difference, bool)> = differences.into_iter().map(named).collect();
    let mut kept: Vec<Difference> = Vec::new();
    for (place, (difference, follows)) in named.iter().enumerate() {
        let alike = |other: &Difference| {
            (&other.path, other.harmless) == (&difference.path, difference.harmless)
        };
        let others =
            named.iter().enumerate().filter(|(at, (other, _))| *at != place && alike(other));
        let is_said = others.into_iter().any(|(at, (_, other))| !other || at < place);
        if !follows || !is_said {
            kept.push(difference.clone());
        }
    }
    kept
}

/// Returns a difference by its key, and whether it follows from another one.
fn named(mut difference: Difference) -> (Difference, bool) {
    let (key, follows) = match difference.path.split_once('.') {
        Some((series, rest)) if series.starts_with("series[") => of_series(&difference.path, rest),
        _ => of_run(&difference.path),
    };
    difference.path = key;
    (difference, follows)
}

fn of_run(path: &str) -> (String, bool) {
    if let Some((_, table, key, follows)) = SETTINGS.iter().find(|(at, ..)| *at == path) {
        return (in_table(table, key), *follows);
    }
    let found = TABLES.iter().find_map(|(at, table)| Some((table, path.strip_prefix(at)?)));
    match found {
        Some((table, key)) => (in_table(table, without_unit(key)), false),
        None => (path.to_owned(), false),
    }
}

/// Names a setting of a series: `[[series]] polling: interval`.
fn of_series(path: &str, rest: &str) -> (String, bool) {
    // A label may have full stops.
    let (label, rest) = path.split_once("].").unwrap_or((path, rest));
    let label = label.trim_start_matches("series[");
    let of = |key: &str| format!("[[series]] {label}: {key}");
    if rest == "server" || rest.starts_with("server.") {
        let (key, follows) = of_run(rest);
        return (of(key.trim_start_matches("[server] ")), follows);
    }
    let find = |name: &str| SERIES.iter().find(|(at, ..)| *at == name);
    if let Some((_, key, follows)) = find(rest) {
        return (of(key), *follows);
    }
    let mut name = rest;
    while let Some(inner) = GROUPS.iter().find_map(|group| name.strip_prefix(group)) {
        name = inner;
    }
    match find(name) {
        Some((_, key, follows)) => (of(key), *follows),
        None => (of(without_unit(name)), false),
    }
}

fn in_table(table: &str, key: &str) -> String {
    match table {
        "" => key.to_owned(),
        table => format!("[{table}] {key}"),
    }
}

fn without_unit(key: &str) -> &str {
    key.strip_suffix("_ns").unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::SECTIONS;
    use serde_json::{Value, json};

    fn key(path: &str) -> String {
        let difference = Difference {
            path: path.to_owned(),
            a: String::new(),
            b: String::new(),
            harmless: false,
        };
        named(difference).0.path
    }

    /// True for a key of a scenario by this name, without those of transports.
    fn is_key(named: &str) -> bool {
        SECTIONS
            .iter()
            .any(|section| section.keys.iter().any(|key| in_table(section.name, key.name) == named))
    }

    #[test]
    fn every_setting_is_named_by_a_key_of_a_scenario() {
        for (_, table, key, _) in SETTINGS {
            assert!(is_key(&in_table(table, key)), "[{table}] {key}");
        }
        let feed = serde_json::to_value(crate::feed::Spec::PLAIN).expect("JSON");
        for field in feed.as_object().expect("a table").keys() {
            let named = key(&format!("feed.{field}"));
            assert!(is_key(&named), "feed.{field} is shown as {named}");
        }
        let external = json!({"external": {
            "url": "http://h", "authority": "h", "address": "127.0.0.1:1",
            "start": {"words": ["x"], "ready_ns": 1, "ready_path": "/"},
        }});
        let known: crate::plan::Server = serde_json::from_value(external).expect("a server");
        let mut places = Vec::new();
        leaves("server", &serde_json::to_value(known).expect("JSON"), &mut places);
        for place in places {
            assert!(is_key(&key(&place)), "{place} is shown as {}", key(&place));
        }
    }

    fn leaves(path: &str, value: &Value, out: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                fields
                    .iter()
                    .for_each(|(name, value)| leaves(&format!("{path}.{name}"), value, out));
            }
            _ => out.push(path.to_owned()),
        }
    }

    #[test]
    fn settings_of_a_series_are_named_with_its_label() {
        for (path, wanted) in [
            ("series[polling].params.request.head", "[[series]] polling: request_head"),
            ("series[a.b].params.heartbeat_ns", "[[series]] a.b: heartbeat"),
            ("series[ws].params.options.status", "[[series]] ws: status"),
            ("series[ws].server.external.url", "[[series]] ws: url"),
            ("series[ws].path", "[[series]] ws: path"),
            ("series[2]", "series[2]"),
        ] {
            assert_eq!(key(path), wanted);
        }
    }
}
