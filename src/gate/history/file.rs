//! The file of a history: JSON Lines, one line for each run, so that two branches merge line by line
//! (`merge=union`) and a run is a line of a diff. The order of the lines says nothing: each has its
//! time.
//!
//! A line holds the figures that trackers of benchmarks get, and what decides whether two runs can be
//! compared: the scenario and the machine.

use crate::gate::baseline::{Baseline, reduce_to_scenario};
use crate::report::judgement::measures::{of_row, tracked};
use crate::report::table::{Row, Status, Table};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The schema of a line. A reader refuses another major version.
pub(crate) const SCHEMA: &str = "wsbench.history/1";

/// Where a run came from, as far as that is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct RunOrigin {
    /// The commit.
    pub commit: Option<String>,
    /// The branch.
    pub branch: Option<String>,
}

/// A run. The keys of a line are in the order of the fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct HistoryRun {
    /// [`SCHEMA`].
    pub schema: String,
    /// UTC time of the run's start, RFC 3339.
    pub started: String,
    /// The commit that was measured; absent if it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Its branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The scenario's name.
    pub name: String,
    /// False if the run is not valid, and was added all the same.
    pub valid: bool,
    /// Version and profile of the program that measured.
    pub build: String,
    /// The rows in the order of the plan.
    pub rows: Vec<HistoryRow>,
    /// The machine, by the name of the property.
    pub host: BTreeMap<String, String>,
    /// The scenario: the plan without what the machine decides.
    pub scenario: Value,
}

/// A series at one client count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct HistoryRow {
    /// The label of the series.
    pub series: String,
    /// Simulated clients.
    pub clients: u32,
    /// The figures by the name of their column; what is absent is left out.
    pub figures: BTreeMap<String, f64>,
}

impl HistoryRun {
    /// Makes the line of a run: `run` and `table` are of the same result.
    pub(crate) fn of(run: &Baseline, table: &Table, origin: RunOrigin) -> HistoryRun {
        let columns = tracked();
        let row = |row: &Row| {
            let figures = of_row(&columns, row);
            let known = figures.filter_map(|c| Some((c.name.clone(), c.figure(row).value()?)));
            HistoryRow {
                series: row.series.clone(),
                clients: row.clients,
                figures: known.collect(),
            }
        };
        HistoryRun {
            schema: SCHEMA.to_owned(),
            started: run.started.clone(),
            commit: origin.commit,
            branch: origin.branch,
            name: run.name.clone(),
            valid: table.verdict.status == Status::Valid,
            build: run.build.clone(),
            rows: table.rows.iter().map(row).collect(),
            host: run.host.clone(),
            scenario: reduce_to_scenario(&run.plan),
        }
    }

    /// Returns the line, with its end.
    pub(crate) fn line(&self) -> String {
        // Keys are texts, and figures are finite.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    /// Whether it is the same run, whatever is known of where it came from.
    pub(crate) fn is_same_run(&self, other: &HistoryRun) -> bool {
        (&self.name, &self.started, &self.rows) == (&other.name, &other.started, &other.rows)
    }

    /// Returns time and commit for a sentence: `2026-11-27T02:00:00Z (commit 1234567890ab)`.
    pub(crate) fn describe(&self) -> String {
        match &self.commit {
            None => self.started.clone(),
            Some(commit) => {
                let short: String = commit.chars().take(12).collect();
                format!("{} (commit {short})", self.started)
            }
        }
    }
}

/// Reads a history: its runs in the order of their times, each once.
///
/// # Errors
/// A sentence with the line, if one is no run of this version.
pub(crate) fn parse(text: &str) -> Result<Vec<HistoryRun>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut runs: Vec<HistoryRun> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let run = parse_line(line).map_err(|why| format!("line {}: {why}", index + 1))?;
        // A merge may have brought the same line twice.
        if !runs.iter().any(|there| there.is_same_run(&run)) {
            runs.push(run);
        }
    }
    runs.sort_by(|a, b| a.started.cmp(&b.started));
    Ok(runs)
}

fn parse_line(line: &str) -> Result<HistoryRun, String> {
    if ["<<<<<<<", "=======", ">>>>>>>"].iter().any(|mark| line.starts_with(mark)) {
        return Err(
            "a mark of a merge conflict: keep the lines of both sides, and remove the marks; \
                    `FILE merge=union` in .gitattributes does that by itself"
                .to_owned(),
        );
    }
    let value: Value = serde_json::from_str(line)
        .map_err(|error| format!("no run of a history ({error}): remove the line if it was cut"))?;
    match value["schema"].as_str() {
        Some(SCHEMA) => {}
        Some(schema) if schema.starts_with("wsbench.history/") => {
            return Err(format!(
                "it has schema {schema:?}, and this version reads {SCHEMA:?}: use the version that \
                 wrote it"
            ));
        }
        _ => {
            return Err(format!(
                "no run of a history: its schema is not {SCHEMA:?}; `wsbench history add` writes one"
            ));
        }
    }
    let run: HistoryRun =
        serde_json::from_value(value).map_err(|error| format!("the run is broken: {error}"))?;
    match run.rows.iter().find(|row| row.clients == 0) {
        Some(row) => Err(format!("the run is broken: {:?} has no clients", row.series)),
        None => Ok(run),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    /// A run of a day, with one figure.
    pub(in crate::gate::history) fn run(day: u32, metric: &str, value: f64) -> HistoryRun {
        HistoryRun {
            schema: SCHEMA.to_owned(),
            started: format!("2026-{:02}-{:02}T02:00:00Z", 1 + day / 28, 1 + day % 28),
            commit: Some(format!("{day:040x}")),
            branch: None,
            name: "ci".to_owned(),
            valid: true,
            build: "wsbench 1".to_owned(),
            rows: vec![HistoryRow {
                series: "websocket".to_owned(),
                clients: 10,
                figures: BTreeMap::from([(metric.to_owned(), value)]),
            }],
            host: BTreeMap::from([("cpu".to_owned(), "x".to_owned())]),
            scenario: json!({"name": "ci", "clients": [10]}),
        }
    }

    #[test]
    fn a_line_has_its_keys_in_a_fixed_order_and_is_read_again() {
        let run = run(0, "overhead_bytes_per_message", 2.5);
        let line = "{\"schema\":\"wsbench.history/1\",\"started\":\"2026-01-01T02:00:00Z\",\
                    \"commit\":\"0000000000000000000000000000000000000000\",\"name\":\"ci\",\
                    \"valid\":true,\"build\":\"wsbench 1\",\"rows\":[{\"series\":\"websocket\",\
                    \"clients\":10,\"figures\":{\"overhead_bytes_per_message\":2.5}}],\
                    \"host\":{\"cpu\":\"x\"},\"scenario\":{\"clients\":[10],\"name\":\"ci\"}}\n";
        assert_eq!(run.line(), line);
        assert_eq!(parse(line), Ok(vec![run]));
    }

    #[test]
    fn runs_are_in_the_order_of_their_times_and_each_is_there_once() {
        let lines = [2, 0, 1, 0].map(|day| run(day, "m", 1.0).line()).concat();
        let runs = parse(&format!("{lines}\n")).expect("runs");
        let days: Vec<&str> = runs.iter().map(|run| &run.started[8..10]).collect();
        assert_eq!(days, ["01", "02", "03"]);
        assert_eq!(parse(""), Ok(Vec::new()));
    }

    #[test]
    fn a_line_that_is_no_run_is_named() {
        let sound = run(0, "m", 1.0).line();
        let cut = &sound[..40];
        for (second, part) in [
            (cut, "line 2: no run of a history (EOF"),
            ("<<<<<<< HEAD", "line 2: a mark of a merge conflict"),
            ("{}", "line 2: no run of a history: its schema"),
            ("[]", "its schema is not"),
            ("{\"schema\":\"wsbench.history/2\"}", "this version reads"),
            ("{\"schema\":\"wsbench.history/1\"}", "the run is broken"),
            (&sound.replace("\"clients\":10,", "\"clients\":0,"), "has no clients"),
            (&sound.replace("2.5", "1e999").replace(":1.0}", ":1e999}"), "line 2: no run"),
        ] {
            let why = parse(&format!("{sound}{second}")).unwrap_err();
            assert!(why.contains(part), "{second}: {why}");
        }
    }
}
