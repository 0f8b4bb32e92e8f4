//! Files of earlier versions: every later build reads, reports and gates them, and plans their
//! scenarios.

use crate::support::{Row, World, expect_code, finish, read_csv, said, wsbench};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What a version of the schema left.
struct Version {
    folder: &'static str,
    results: &'static [&'static str],
    /// The result that the baseline was saved from, and what a gate says of both.
    baseline: (&'static str, &'static str),
    scenarios: usize,
}

const VERSIONS: [Version; 2] = [
    Version {
        folder: "v1",
        results: &["ci", "echo", "broadcast"],
        baseline: ("ci", "212 passed of 247 figures"),
        scenarios: 9,
    },
    Version {
        folder: "v2",
        results: &["quick"],
        baseline: ("quick", "78 passed of 89 figures"),
        scenarios: 1,
    },
];

impl Version {
    fn path(&self, name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat").join(self.folder).join(name)
    }
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
fn results_of_earlier_versions_are_reported_with_the_same_figures() {
    let renamed = renamed();
    for version in &VERSIONS {
        for name in version.results {
            let world = World::new("");
            let out = world.path("out");
            let folder = version.path(name);
            let mut report = wsbench(&["report"]);
            let output = finish(report.arg(folder.join("result.jsonl")).arg("--out").arg(&out));
            expect_code(&output, 0);
            for file in ["summary.json", "summary.txt", "bytes.png"] {
                assert!(out.join(file).exists(), "{name}: no {file}\n{}", said(&output));
            }
            for file in ["summary.csv", "bytes.csv", "latency.csv", "timeseries.csv"] {
                let (old, mut new) = (read_csv(&folder.join(file)), read_csv(&out.join(file)));
                // Parts that the version did not know: no bytes of it are theirs.
                let layer = |row: &Row| row.get("layer").cloned();
                new.retain(|row| old.iter().any(|old| layer(old) == layer(row)));
                assert_eq!(old.len(), new.len(), "{name}/{file}");
                for (old, new) in old.iter().zip(&new) {
                    compare(version, &renamed, old, new);
                }
            }
        }
    }
}

/// `report FOLDER` is the same as of the folder's result, and writes beside it without --out.
#[test]
fn the_folder_of_a_run_is_reported_as_its_result() {
    let result = fs::read(VERSIONS[0].path("ci/result.jsonl")).expect("it is committed");
    let world = World::new("");
    for folder in ["one", "other"] {
        fs::create_dir(world.path(folder)).expect("a folder");
        world.write(&format!("{folder}/result.jsonl"), &result);
    }
    let report = |of: &[&str], more: &[&str]| {
        let mut report = wsbench(&["report", "--reports", "csv"]);
        report.args(of.iter().map(|name| world.path(name))).args(more);
        finish(&mut report)
    };
    let out = world.path("out").display().to_string();
    expect_code(&report(&["one/result.jsonl"], &["--out", &out]), 0);
    let output = report(&["one"], &[]);
    expect_code(&output, 0);
    assert!(said(&output).contains("/one"), "{}", said(&output));
    let read = |name: &str| fs::read_to_string(world.path(name)).expect("a report");
    assert_eq!(read("one/summary.csv"), read("out/summary.csv"));
    // The same run twice would count twice: as one file, and as its copy, also one that was cut.
    let text = String::from_utf8(result.clone()).expect("a result is text");
    world.write("cut.jsonl", &text[..text.len() / 2]);
    for (twice, why) in [
        (["one", "one"], "one/result.jsonl is named twice"),
        (["one", "other/../one/result.jsonl"], "are the same file"),
        (["one", "other"], "hold the same run"),
        (["cut.jsonl", "one"], "hold the same run"),
    ] {
        let output = report(&twice, &[]);
        expect_code(&output, 2);
        assert!(said(&output).contains(why), "{}", said(&output));
        assert!(said(&output).contains("Name each run once"), "{}", said(&output));
    }
    // Several folders of one plan are merged as their files are, and none gets the other one's reports.
    let started = r#""started":"20"#;
    assert!(text.contains(started), "the header says when it was");
    world.write("other/result.jsonl", text.replacen(started, r#""started":"21"#, 1));
    let output = report(&["one", "other"], &[]);
    expect_code(&output, 0);
    assert!(said(&output).contains("2 result files merged"), "{}", said(&output));
    assert_eq!(read("one/summary.csv"), read("out/summary.csv"));
    assert!(!world.path("other/summary.csv").exists());
    expect_code(
        &report(&["one", "other"], &["--out", &world.path("both").display().to_string()]),
        0,
    );
    assert_ne!(read("both/summary.csv"), read("out/summary.csv"));
    fs::create_dir(world.path("empty")).expect("a folder");
    let output = report(&["empty"], &[]);
    expect_code(&output, 1);
    assert!(said(&output).contains("empty/result.jsonl"), "{}", said(&output));
}

/// Compares a line of a file with what an earlier version wrote.
fn compare(version: &Version, renamed: &HashMap<String, String>, old: &Row, new: &Row) {
    for (column, value) in old {
        // Sentences with the names of absent columns: the names are compared as cells.
        if column == "absent" {
            continue;
        }
        let column = renamed.get(column).unwrap_or(column);
        let now = new.get(column).unwrap_or_else(|| panic!("no {column}"));
        // A percentile that has too few values for it is absent since version 2.
        let percentile = ["_p50", "_p9"].iter().any(|p| column.contains(p))
            || old.get("statistic").is_some_and(|s| s.starts_with('p'));
        if version.folder == "v1" && now.is_empty() && percentile {
            continue;
        }
        assert_eq!(renamed.get(value).unwrap_or(value), now, "{}: {column}", version.folder);
    }
}

#[test]
fn baselines_of_earlier_versions_still_judge() {
    for version in &VERSIONS {
        let (name, expected) = version.baseline;
        let mut gate = wsbench(&["gate"]);
        let output = finish(
            gate.arg(version.path(name).join("result.jsonl"))
                .arg("--baseline")
                .arg(version.path("baseline.json"))
                .arg("--any-machine"),
        );
        // The run that the baseline was saved from.
        expect_code(&output, 0);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(expected), "{}", said(&output));
    }
}

#[test]
fn scenarios_of_earlier_versions_are_planned() {
    for version in &VERSIONS {
        let mut seen = 0;
        for entry in fs::read_dir(version.path("scenarios")).expect("they are committed").flatten()
        {
            let output = finish(wsbench(&["plan"]).arg(entry.path()));
            expect_code(&output, 0);
            seen += 1;
        }
        assert_eq!(seen, version.scenarios, "{}", version.folder);
    }
}
