//! Files of earlier versions: every later build reads, reports and gates them, and plans their
//! scenarios.

use crate::support::{World, expect_code, finish, read_csv, said, wsbench};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The results that version 0.1 left.
const RESULTS: [&str; 3] = ["ci", "echo", "broadcast"];

fn v1(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat/v1").join(name)
}

/// Former column names and today's, from the table in `docs/columns.md`.
fn renamed() -> HashMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/columns.md");
    let text = fs::read_to_string(path).expect("the columns are documented");
    let table = text.split("## Former names").nth(1).unwrap_or_default();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let mut cells = row.split('|').map(|cell| cell.trim().trim_matches('`').to_owned());
        (cells.nth(1).expect("a former name"), cells.next().expect("today's name"))
    })
    .collect()
}

#[test]
fn results_of_version_1_are_reported_with_the_same_figures() {
    let renamed = renamed();
    for name in RESULTS {
        let world = World::new("");
        let out = world.path("out");
        let result = v1(name).join("result.jsonl");
        let mut report = wsbench(&["report"]);
        let output = finish(report.arg(&result).arg("--out").arg(&out));
        expect_code(&output, 0);
        for file in ["summary.json", "summary.txt", "bytes.png"] {
            assert!(out.join(file).exists(), "{name}: no {file}\n{}", said(&output));
        }
        for file in ["summary.csv", "bytes.csv", "latency.csv", "timeseries.csv"] {
            let (old, new) = (read_csv(&v1(name).join(file)), read_csv(&out.join(file)));
            assert_eq!(old.len(), new.len(), "{name}/{file}");
            for (old, new) in old.iter().zip(&new) {
                for (column, value) in old {
                    // Sentences with the names of absent columns: the names are compared as cells.
                    if column == "absent" {
                        continue;
                    }
                    let column = renamed.get(column).unwrap_or(column);
                    let now = new.get(column).unwrap_or_else(|| panic!("{file}: no {column}"));
                    // A percentile that has too few values for it is absent since version 2.
                    let percentile = ["_p50", "_p9"].iter().any(|p| column.contains(p))
                        || old.get("statistic").is_some_and(|s| s.starts_with('p'));
                    if now.is_empty() && percentile {
                        continue;
                    }
                    assert_eq!(renamed.get(value).unwrap_or(value), now, "{name}/{file}: {column}");
                }
            }
        }
    }
}

#[test]
fn a_baseline_of_version_1_still_judges() {
    let baseline = v1("baseline.json");
    let mut gate = wsbench(&["gate"]);
    let output = finish(
        gate.arg(v1("ci").join("result.jsonl"))
            .arg("--baseline")
            .arg(&baseline)
            .arg("--any-machine"),
    );
    // The run that the baseline was saved from.
    expect_code(&output, 0);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("212 passed of 247 figures"), "{}", said(&output));
}

#[test]
fn scenarios_of_version_1_are_planned() {
    let mut seen = 0;
    for entry in fs::read_dir(v1("scenarios")).expect("they are committed").flatten() {
        let output = finish(wsbench(&["plan"]).arg(entry.path()));
        expect_code(&output, 0);
        seen += 1;
    }
    assert_eq!(seen, 9);
}
