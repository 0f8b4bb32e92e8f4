//! `wsbench history`: a result becomes a line, lines become sparklines, and a change ends with 98.

use crate::support::{World, expect_code, finish, said, wsbench};
use serde_json::Value;
use std::fs;
use std::process::Output;

/// A valid run of 20 clients, of polling and of WebSocket.
const RESULT: &str = include_str!("compat/v2/quick/result.jsonl");

fn world() -> World {
    let world = World::new("");
    world.write("result.jsonl", RESULT);
    world
}

fn history(world: &World, command: &str, more: &[&str]) -> Output {
    let mut call = wsbench(&["history", command]);
    call.arg("--file").arg(world.path("history.jsonl")).args(more).current_dir(world.path(""));
    finish(&mut call)
}

fn add(world: &World, more: &[&str]) -> Output {
    let mut arguments = vec!["result.jsonl", "--commit", "0123456789abcdef", "--branch", "main"];
    arguments.extend(more);
    history(world, "add", &arguments)
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn lines(world: &World) -> Vec<Value> {
    let text = fs::read_to_string(world.path("history.jsonl")).expect("it was written");
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

/// Repeats the only line of a history for further days, its server's CPU multiplied by these factors.
fn repeat(world: &World, factors: impl Iterator<Item = f64>) {
    let first = &lines(world)[0];
    let mut out = String::new();
    for (day, factor) in factors.enumerate() {
        let mut run = first.clone();
        run["started"] = format!("2026-{:02}-{:02}T02:00:00Z", 1 + day / 28, 1 + day % 28).into();
        for row in run["rows"].as_array_mut().expect("rows") {
            let noise = 1.0 + (day * 7 % 11) as f64 / 1_000.0;
            row["figures"]["server_cpu_us_per_message"] = (20.0 * factor * noise).into();
        }
        out.push_str(&format!("{run}\n"));
    }
    world.write("history.jsonl", out);
}

#[test]
fn a_run_is_added_once_as_a_line_with_its_origin() {
    let world = world();
    expect_code(&add(&world, &[]), 0);
    let again = add(&world, &[]);
    expect_code(&again, 0);
    assert!(said(&again).contains("has this run already"), "{}", said(&again));
    let lines = lines(&world);
    assert_eq!(lines.len(), 1);
    let line = &lines[0];
    assert_eq!(line["schema"], "wsbench.history/1");
    assert_eq!((&line["commit"], &line["branch"]), (&"0123456789abcdef".into(), &"main".into()));
    assert_eq!((&line["name"], &line["valid"]), (&"quick".into(), &true.into()));
    let rows = line["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1]["figures"]["overhead_bytes_per_message"], 2.0);
    // What the machine decides is no part of the scenario.
    assert_eq!(line["scenario"]["clients"], serde_json::json!([20]));
    assert!(line["scenario"].get("cases").is_none());
}

#[test]
fn commit_and_branch_come_from_the_environment_of_a_ci_system() {
    let world = world();
    let mut call = wsbench(&["history", "add", "result.jsonl", "--file", "history.jsonl"]);
    call.env("GITHUB_SHA", "feed").env("GITHUB_REF_NAME", "nightly");
    expect_code(&finish(call.current_dir(world.path(""))), 0);
    let line = &lines(&world)[0];
    assert_eq!((&line["commit"], &line["branch"]), (&"feed".into(), &"nightly".into()));
}

#[test]
fn a_run_that_is_not_valid_is_added_if_asked_for() {
    let world = world();
    let whole: Vec<&str> = RESULT.lines().collect();
    world.write("result.jsonl", whole[..whole.len() - 1].join("\n"));
    let refused = add(&world, &[]);
    expect_code(&refused, 2);
    assert!(said(&refused).contains("the run is partial"), "{}", said(&refused));
    assert!(said(&refused).contains("--allow-invalid"), "{}", said(&refused));
    assert!(!world.path("history.jsonl").exists());
    expect_code(&add(&world, &["--allow-invalid"]), 0);
    assert_eq!(lines(&world)[0]["valid"], false);
    let check = history(&world, "check", &[]);
    expect_code(&check, 2);
    assert!(said(&check).contains("no valid run"), "{}", said(&check));
}

#[test]
fn what_cannot_be_written_or_read_is_named() {
    let world = world();
    let mut call = wsbench(&["history", "add", "result.jsonl", "--file", "/dev/full"]);
    let full = finish(call.current_dir(world.path("")));
    expect_code(&full, 1);
    assert!(said(&full).contains("cannot append to /dev/full: No space left"), "{}", said(&full));
    let missing = history(&world, "show", &[]);
    expect_code(&missing, 1);
    assert!(said(&missing).contains("cannot open"), "{}", said(&missing));
    expect_code(&add(&world, &[]), 0);
    let line = fs::read_to_string(world.path("history.jsonl")).expect("it was written");
    world.write("history.jsonl", format!("<<<<<<< HEAD\n{line}"));
    let merged = history(&world, "show", &[]);
    expect_code(&merged, 1);
    let shown = said(&merged);
    assert!(shown.contains("line 1: a mark of a merge conflict"), "{shown}");
    assert!(shown.contains("merge=union"), "{shown}");
}

#[test]
fn a_history_is_shown_in_each_format() {
    let world = world();
    expect_code(&add(&world, &[]), 0);
    repeat(&world, (0..12).map(|day| if day < 9 { 1.0 } else { 2.0 }));
    let shown = text(&history(&world, "show", &["--metric", "server_cpu_us_per_message"]));
    assert!(shown.contains("12 runs from 2026-01-01"), "{shown}");
    assert!(shown.contains("polling at 20 clients"), "{shown}");
    let line = shown.lines().find(|line| line.contains("server_cpu")).expect("a figure");
    assert!(line.contains("▁▁▁▁▁▁▁▁▁███") && line.contains("µs/message"), "{line}");
    assert_eq!(shown.matches("server_cpu_us_per_message").count(), 2, "{shown}");
    let markdown = text(&history(&world, "show", &["--format", "markdown", "--last", "3"]));
    assert!(markdown.starts_with("## ") && markdown.contains("| █▄▁ |"), "{markdown}");
    let html = text(&history(&world, "show", &["--format", "html", "--series", "websocket"]));
    assert!(html.starts_with("<section") && html.contains("<polyline"), "{html}");
    assert!(!html.contains("polling") && !html.contains("http"), "{html}");
    let wrong = history(&world, "show", &["--metric", "cpu"]);
    expect_code(&wrong, 2);
    assert!(said(&wrong).contains("it is one of"), "{}", said(&wrong));
}

#[test]
fn the_newest_change_for_the_worse_ends_with_98() {
    let world = world();
    expect_code(&add(&world, &[]), 0);
    repeat(&world, (0..40).map(|day| if day < 25 { 1.0 } else { 1.3 }));
    let junit = world.path("history.xml").display().to_string();
    let output = history(&world, "check", &["--junit", &junit]);
    expect_code(&output, 98);
    let shown = text(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains("FAIL"), "{shown}");
    assert!(shown.contains("more since the run of 2026-01-26T02:00:00Z"), "{shown}");
    assert!(shown.contains("2 failed"), "{shown}");
    let xml = fs::read_to_string(&junit).expect("it was written");
    assert!(xml.contains("server_cpu_us_per_message"), "{xml}");
    // Tolerated, and accepted.
    let margin = "--margin=server_cpu_us_per_message=40%";
    expect_code(&history(&world, "check", &[margin]), 0);
    expect_code(&history(&world, "check", &["--since", "2026-01-26"]), 0);
    // For the better.
    repeat(&world, (0..40).map(|day| if day < 25 { 1.3 } else { 1.0 }));
    expect_code(&history(&world, "check", &[]), 0);
}
