//! `wsbench compare` against the reference server's own faults: each is caught at its size, by the
//! metric that it belongs to. `faults` tests what one run shows of each.

use crate::support::{World, expect_code, finish, said, wsbench};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

/// Pushed and small: a comparison is at least 22 runs of it. At a rate that a server with all faults
/// holds on a busy machine too, and with three times the readings of its memory that a growth needs.
const PUSHED: &str = "name = \"caught\"\nclients = [50]\nwarmup = \"0s\"\ndriver_lateness = \"1s\"\nduration = \"1500ms\"\n\
    cooldown = \"100ms\"\n[feed]\nrate = \"10/s\"\n[[series]]\ntransport = \"websocket\"\n";
/// The same, asked for.
const ASKED: &str = "name = \"caught\"\nclients = [50]\nwarmup = \"0s\"\ndriver_lateness = \"1s\"\nduration = \"500ms\"\n\
    cooldown = \"100ms\"\n[feed]\nrate = \"20/s\"\n\
    [[series]]\ntransport = \"polling\"\ninterval = \"50ms\"\n";

/// The sound server against one with these faults.
fn compare(world: &World, faults: &[&str]) -> Command {
    let (program, scenario) = (env!("CARGO_BIN_EXE_wsbench"), world.path("scenario.toml"));
    let scenario = scenario.display();
    let serve = |faults: &[&str]| {
        let faults: String = faults.iter().map(|fault| format!(" --fault {fault}")).collect();
        let at = "127.0.0.1:{port}";
        format!("'{program}' serve --scenario '{scenario}' --bind {at}{faults} @ http://{at}")
    };
    let (a, b) = (serve(&[]), serve(faults));
    let mut command = wsbench(&["compare", "--a", &a, "--b", &b, "--quiet", "--format", "json"]);
    command.arg(world.path("scenario.toml")).arg("--out").arg(world.path("out"));
    command
}

/// The findings that fail, and how many pairs there were.
fn caught(world: &World, faults: &[&str]) -> (Vec<Value>, usize) {
    let output = finish(&mut compare(world, faults));
    expect_code(&output, 98);
    let judgement: Value = serde_json::from_slice(&output.stdout).expect("JSON alone");
    let findings = judgement["findings"].as_array().expect("findings");
    let failed: Vec<Value> = findings.iter().filter(|f| f["decision"] == "fail").cloned().collect();
    assert!(!failed.is_empty(), "{}", said(&output));
    let kept = std::fs::read_dir(world.path("out")).expect("results are kept").flatten();
    let names = kept.map(|entry| entry.file_name().to_string_lossy().into_owned());
    (failed, names.filter(|name| name.starts_with("pair-") && name.ends_with("-b.jsonl")).count())
}

fn metrics(failed: &[Value]) -> BTreeSet<&str> {
    failed.iter().filter_map(|f| f["subject"]["metric"].as_str()).collect()
}

/// A byte in a head needs one pair, and the bytes are shown.
#[test]
fn a_longer_head_is_caught_by_the_first_pair() {
    let world = World::new(ASKED);
    let (failed, pairs) = caught(&world, &["header=12B"]);
    assert!(metrics(&failed).contains("heads_bytes_down_per_message"), "{failed:?}");
    assert_eq!(pairs, 1);
    let shown = failed.iter().any(|f| f["details"].to_string().contains("X-Fault"));
    assert!(shown, "{failed:?}");
    let head = failed.iter().find(|f| f["subject"]["metric"] == "heads_bytes_down_per_message");
    let head = head.expect("it is among them");
    let grown = head["value"].as_f64().zip(head["baseline"].as_f64()).map(|(b, a)| b - a);
    assert_eq!(grown, Some(12.0), "{head}");
}

/// The least that a head can be longer by.
#[test]
fn one_byte_in_a_head_is_caught_by_the_first_pair() {
    let world = World::new(ASKED);
    let (failed, pairs) = caught(&world, &["header=1B"]);
    let head = failed.iter().find(|f| f["subject"]["metric"] == "heads_bytes_down_per_message");
    let head = head.expect("it is among them");
    let grown = head["value"].as_f64().zip(head["baseline"].as_f64()).map(|(b, a)| b - a);
    assert_eq!((grown, pairs), (Some(1.0), 1), "{head}");
}

#[test]
fn an_update_that_is_never_sent_is_caught_by_the_first_run() {
    let world = World::new(PUSHED);
    let (failed, pairs) = caught(&world, &["drop=5%"]);
    let names = metrics(&failed);
    assert!(names.contains("nothing_missing") || names.contains("updates_missing"), "{failed:?}");
    assert!(pairs <= 1, "{pairs}");
}

/// Four faults at once, so that some ten pairs are enough: each metric fails, and the
/// whole distribution, by the test that looks after every pair.
#[test]
fn delay_cpu_leak_and_stall_each_fail_their_own_metric() {
    let world = World::new(PUSHED);
    let faults = ["delay=5ms", "cpu=200us", "leak=16KiB", "stall=60ms/200ms"];
    let (failed, pairs) = caught(&world, &faults);
    let wanted = [
        "delivery_latency_shift_factor",
        "delivery_latency_us_p50",
        "delivery_latency_us_p99",
        "server_cpu_us_per_message",
        "server_resident_bytes_per_client",
        "server_resident_growth_bytes_per_message",
    ];
    // On a busy machine a server with these faults cannot keep up either.
    let failed: Vec<Value> =
        failed.into_iter().filter(|f| f["subject"]["metric"] != "completed").collect();
    assert_eq!(metrics(&failed), BTreeSet::from(wanted), "{failed:?}");
    assert!((10..=20).contains(&pairs), "{pairs}");
    for finding in &failed {
        let effect = &finding["effect"];
        assert!(effect["p"].as_f64().is_some_and(|p| p <= 0.01), "{finding}");
        assert!(effect["lower"].as_f64().is_some_and(|lower| lower > 0.0), "{finding}");
    }
}

/// What the fault costs is user time, which stands beside the figure that fails.
#[test]
fn a_cpu_fault_shows_in_the_user_time_beside_it() {
    // Enough CPU time for the kernel's ticks of 10 ms.
    let world = World::new(&ASKED.replace("500ms\"\ncooldown", "1s\"\ncooldown"));
    let mut command = compare(&world, &["cpu=400us"]);
    command.args(["--pairs=5", "--most-pairs=5", "--alpha=0.2", "--only-noisy"]);
    let output = finish(&mut command);
    expect_code(&output, 98);
    let judgement: Value = serde_json::from_slice(&output.stdout).expect("JSON alone");
    let findings = judgement["findings"].as_array().expect("findings");
    let of_cpu = findings.iter().find(|f| f["subject"]["metric"] == "server_cpu_us_per_message");
    let of_cpu = of_cpu.unwrap_or_else(|| panic!("it is not compared: {}", said(&output)));
    assert_eq!(of_cpu["decision"], "fail", "{of_cpu}");
    let changed = of_cpu["beside"]["changed"].as_array().expect("a list");
    let user = changed.iter().find(|c| c["metric"] == "server_user_us_per_message");
    let user = user.unwrap_or_else(|| panic!("no user time: {}", of_cpu["beside"]));
    assert!(user["b"].as_f64() > user["a"].as_f64() && user["pairs"] == 5, "{user}");
}

/// With --fail-fast the first look at which a figure fails is the last one.
#[test]
fn a_comparison_ends_at_the_first_figure_that_fails_if_asked_to() {
    let world = World::new(&PUSHED.replace("duration = \"1s\"", "duration = \"500ms\""));
    let mut command = compare(&world, &["delay=20ms"]);
    command.args(["--pairs=5", "--most-pairs=30", "--alpha=0.2", "--only-noisy", "--fail-fast"]);
    let output = finish(&mut command);
    expect_code(&output, 98);
    let judgement: Value = serde_json::from_slice(&output.stdout).expect("JSON alone");
    let notes = judgement["notes"].to_string();
    assert!(notes.contains("--fail-fast ended it after 5 pairs"), "{notes}");
    let findings = judgement["findings"].as_array().expect("findings");
    let of_median = findings.iter().find(|f| f["subject"]["metric"] == "delivery_latency_us_p50");
    assert_eq!(of_median.expect("it is compared")["decision"], "fail");
}
