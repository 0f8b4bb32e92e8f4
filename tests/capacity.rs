//! `wsbench capacity` end to end: by a condition on bytes, which no machine's speed changes.

use crate::support::{World, expect_code, finish, said, wsbench};
use serde_json::Value;

const SCENARIO: &str = "name = \"small\"\nclients = [4]\nwarmup = \"200ms\"\nduration = \"1s\"\ncooldown = \"100ms\"\n\
                        driver_lateness = \"1s\"\n[feed]\nrate = \"10/s\"\n[[series]]\ntransport = \"websocket\"\n\
                        [[series]]\ntransport = \"polling\"\ninterval = \"1s\"\n";

/// Searches with one trial of each end, which a condition on bytes needs no more of.
fn search(world: &World, more: &[&str]) -> std::process::Output {
    let mut command = wsbench(&["capacity"]);
    command.arg(world.path("scenario.toml")).arg("--out").arg(world.path("found"));
    command.args(["--trials", "1", "--allow-failed", "0", "--precision", "20%"]);
    finish(command.args(["--series", "websocket"]).args(more))
}

#[test]
fn the_largest_load_that_keeps_a_condition_is_found() {
    let world = World::new(SCENARIO);
    // A message of 23 bytes ten times a second: 230 B/s a client, so that 21 keep it and 22 do not.
    let until = ["--until", "wire_bytes_down_per_s < 5kB/s"];
    let found = search(&world, &[&until[..], &["--quiet", "--at-least", "22"]].concat());
    // More was wanted.
    expect_code(&found, 99);
    let text = said(&found);
    assert!(
        text.contains("websocket holds 21 clients (1 of 1 full trials) and not 23 clients (0 of 1"),
        "{text}"
    );
    let json = std::fs::read_to_string(world.path("found/capacity.json")).expect("the file");
    let json: Value = serde_json::from_str(&json).expect("it is JSON");
    let series = &json["series"][0];
    assert_eq!((&series["end"], &series["holds"]["load"]), (&"found".into(), &21.0.into()));
    let trials = series["trials"].as_array().expect("a list");
    let loads: Vec<f64> = trials.iter().filter_map(|trial| trial["load"].as_f64()).collect();
    assert_eq!(loads, [4.0, 8.0, 16.0, 32.0, 23.0, 19.0, 21.0], "no load is tried twice");
    // Each trial's result can be shown by itself.
    for trial in trials {
        let file = world.path("found").join(trial["result"].as_str().expect("a name"));
        let mut report = wsbench(&["report", "--reports", "none", "--verbose"]);
        let report = finish(report.arg(&file));
        let code = if trial["outcome"] == "held" { 0 } else { 99 };
        expect_code(&report, code);
    }
}

#[test]
fn a_rate_is_searched_where_the_server_pushes() {
    let world = World::new(SCENARIO);
    let rate = ["--vary", "rate", "--first", "2", "--until", "wire_bytes_down_per_s < 500B/s"];
    let found = search(&world, &[&rate[..], &["--quiet", "--format", "json"]].concat());
    expect_code(&found, 0);
    let json: Value = serde_json::from_slice(&found.stdout).expect("it is JSON");
    // Four clients of 23 bytes a message: 5.43 messages a second.
    let end = |name: &str| json["series"][0][name]["load"].as_f64().expect("a number");
    assert!(end("holds") < 5.5 && end("fails") > 5.4, "{json}");
}

#[test]
fn what_cannot_be_searched_is_refused_with_the_reason() {
    let world = World::new(SCENARIO);
    let refused = |more: &[&str], why: &str| {
        let mut command = wsbench(&["capacity"]);
        command.arg(world.path("scenario.toml")).arg("--out").arg(world.path("found"));
        let output = finish(command.args(more));
        expect_code(&output, 2);
        let text = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(why), "{text}");
        assert!(!world.path("found/1-1.jsonl").exists(), "no trial was made");
    };
    let until = ["--until", "delivery_latency p(99) < 50ms"];
    refused(&["--until", "latency < 5ms"], "--until \"latency < 5ms\": ");
    refused(&[&until[..], &["--series", "sse"]].concat(), "it has websocket, polling");
    refused(
        &[&until[..], &["--vary", "rate"]].concat(),
        "the clients of \"polling\" ask at an interval",
    );
    refused(
        &[&until[..], &["--trials", "2", "--allow-failed", "2"]].concat(),
        "must be less than --trials",
    );
    refused(&[&until[..], &["--first", "0"]].concat(), "more than 0");
    refused(&[&until[..], &["--precision", "0"]].concat(), "from 0.1% to 100%");
}
