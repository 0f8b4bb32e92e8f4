//! Comparisons and calibrations of recorded results: a script stands for a wsbench and copies a
//! result in place of running, so that each run is as good or as bad as the test needs.

use crate::support::{World, expect_code, finish, said, wsbench};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Output;

/// A valid result of every transport.
const SOUND: &str = include_str!("../compat/v1/ci/result.jsonl");
const SCENARIO: &str = include_str!("../compat/v1/scenarios/ci.toml");

/// What a script answers and copies: its first `bad_runs` runs are the bad result.
const SCRIPT: &str = r#"#!/bin/sh
[ "$1" = --version ] && echo wsbench 0.0.0 && exit 0
while [ $# -gt 0 ]; do
    [ "$1" = --out ] && out=$2
    shift
done
echo run >>"$0.runs"
mkdir -p "$out"
if [ "$(wc -l <"$0.runs")" -le BAD_RUNS ]; then
    cp "$0.bad" "$out/result.jsonl"
else
    cp "$0.sound" "$out/result.jsonl"
fi
"#;

/// A driver that did not reach seven turns of the first series.
fn late() -> String {
    let driver = "{\"driver\":{\"case\":1,";
    let late = |line: &str| match line.starts_with(driver) {
        // What it was formerly called: the result is of an earlier build.
        true => line.replace("\"turns_unreached\":0", "\"turns_unreached\":7"), // formerly
        false => line.to_owned(),
    };
    let text: String = SOUND.lines().map(|line| late(line) + "\n").collect();
    assert_ne!(text.trim_end(), SOUND.trim_end(), "the driver's line is there");
    text
}

/// A script of a world that stands for a wsbench. Its first `bad_runs` runs are late.
fn wsbench_of(world: &World, name: &str, bad_runs: u32) -> String {
    wsbench_with(world, name, SOUND, bad_runs)
}

fn wsbench_with(world: &World, name: &str, sound: &str, bad_runs: u32) -> String {
    world.executable(name, &SCRIPT.replace("BAD_RUNS", &bad_runs.to_string()));
    world.write(&format!("{name}.sound"), sound);
    world.write(&format!("{name}.bad"), late());
    world.path(name).display().to_string()
}

/// A sound result whose servers used so much more CPU time, and so many instructions if they are counted.
fn with_costs(cpu: f64, instructions: Option<u64>) -> String {
    let none = json!({ "absent": "system" });
    let counted = instructions.map_or(json!({ "absent": "no_counter" }), |n| json!({ "known": n }));
    let of = |line: &str| {
        let mut value: Value = serde_json::from_str(line).expect("a line of a result");
        let Some(cost) = value.get_mut("server").map(|server| &mut server["cost"]) else {
            return line.to_owned();
        };
        let ns = cost["cpu_ns"].as_u64().expect("it has CPU time") as f64;
        cost["cpu_ns"] = ((ns * cpu) as u64).into();
        cost["activity"] = json!({
            "cpu_ns": none, "instructions": counted, "context_switches": none, "io_calls": none,
            "page_faults": none,
        });
        value.to_string()
    };
    SOUND.lines().map(|line| of(line) + "\n").collect()
}

/// Compares a server with one of other costs: more CPU time, and other instructions.
fn compare_costs(a: Option<u64>, b: Option<u64>, cpu: f64) -> (Output, Value) {
    let world = World::new(SCENARIO);
    let a = wsbench_with(&world, "a", &with_costs(1.0, a), 0);
    let b = wsbench_with(&world, "b", &with_costs(cpu, b), 0);
    let mut command = wsbench(&["compare", "--quiet", "--only-noisy", "--a", &a, "--b", &b]);
    command.args(["--format", "json"]).arg(world.path("scenario.toml"));
    let output = finish(command.arg("--out").arg(world.path("out")));
    let judgement = serde_json::from_slice(&output.stdout).expect("JSON alone");
    (output, judgement)
}

/// The decisions on a metric.
fn decisions(judgement: &Value, metric: &str) -> BTreeSet<String> {
    let findings = judgement["findings"].as_array().expect("findings").iter();
    let of_metric = findings.filter(|finding| finding["subject"]["metric"] == metric);
    of_metric.map(|finding| finding["decision"].as_str().expect("a name").to_owned()).collect()
}

/// Compares a sound A with a B whose first runs are late.
fn compare(world: &World, late_runs_of_b: u32, more: &[&str]) -> Output {
    let a = wsbench_of(world, "a", 0);
    let b = wsbench_of(world, "b", late_runs_of_b);
    let mut command = wsbench(&["compare", "--quiet", "--a", &a, "--b", &b]);
    command.arg(world.path("scenario.toml")).arg("--out").arg(world.path("out")).args(more);
    finish(&mut command)
}

fn discarded(out: &Path) -> usize {
    let names = fs::read_dir(out).expect("a folder").flatten().map(|entry| entry.file_name());
    names.filter(|name| name.to_string_lossy().starts_with("discarded-")).count()
}

/// What was printed without the breaks of its lines.
fn flat(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_b_that_is_late_in_every_pair_fails() {
    let world = World::new(SCENARIO);
    let output = compare(&world, u32::MAX, &["--verbose"]);
    expect_code(&output, 98);
    let text = flat(&output);
    assert!(text.contains("FAIL polling at 200 clients: driver_on_schedule"), "{text}");
    assert!(text.contains("B was late in each of them and A in none"), "{text}");
    assert_eq!(discarded(&world.path("out")), 12, "both runs of six pairs are kept");
}

/// The warm-up and three pairs: what they would have shown is not known.
#[test]
fn pairs_that_were_discarded_for_b_alone_are_not_a_pass() {
    let world = World::new(SCENARIO);
    let output = compare(&world, 4, &["--strict", "--verbose"]);
    expect_code(&output, 97);
    let text = flat(&output);
    assert!(text.contains("INCONCLUSIVE the run: runs_discarded"), "{text}");
    assert!(text.contains("B was late in 3 of the pairs that were discarded and A in 0"), "{text}");
    assert!(!text.contains("FAIL "), "{text}");
    assert_eq!(discarded(&world.path("out")), 6);
}

/// Two late runs may be chance: the pairs are run again, and the comparison passes.
#[test]
fn two_discarded_pairs_are_run_again() {
    let world = World::new(SCENARIO);
    let output = compare(&world, 3, &["--verbose"]);
    expect_code(&output, 0);
    let text = flat(&output);
    // Said once, with the worst of why and the remedy.
    let said = "2 pairs were discarded, since a side was late: A in 0, B in 2. The worst is B: polling at \
                200 clients: driver_on_schedule:";
    assert_eq!(text.matches(said).count(), 1, "{text}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("was discarded"), "{stderr}");
    assert!(!text.contains("runs_discarded"), "{text}");
    assert_eq!(discarded(&world.path("out")), 4);
}

/// The normal screen says why nothing was decided, without `--verbose`.
#[test]
fn what_left_a_comparison_undecided_is_on_the_normal_screen() {
    let world = World::new(SCENARIO);
    let output = compare(&world, 4, &[]);
    expect_code(&output, 0);
    let text = flat(&output);
    assert!(text.contains("INCONCLUSIVE: "), "{text}");
    assert!(text.contains("what these would have shown is not known"), "{text}");
    assert!(
        text.contains("3 pairs were discarded, since a side was late: A in 0, B in 3"),
        "{text}"
    );
    assert!(
        text.contains("The worst is B: polling at 200 clients: driver_on_schedule: "),
        "{text}"
    );
}

/// No pair fits into the time: the line of the failure says so.
#[test]
fn a_comparison_without_a_pair_says_why() {
    let world = World::new(SCENARIO);
    let output = compare(&world, 0, &["--time", "1ms"]);
    expect_code(&output, 96);
    let text = flat(&output);
    assert!(text.contains("FAIL the run: something_compared"), "{text}");
    let why =
        "no figure of B could be compared with A's: --time 1ms leaves no time for a further pair";
    assert!(text.contains(why), "{text}");
}

const INSTRUCTIONS: &str = "server_instructions_per_message";
const CPU: &str = "server_cpu_us_per_message";

/// CPU time is the same in every run: a fifth more instructions fail.
#[test]
fn instructions_decide_if_both_sides_have_them() {
    let (output, judgement) = compare_costs(Some(1_000_000_000), Some(1_200_000_000), 1.0);
    expect_code(&output, 98);
    assert_eq!(decisions(&judgement, INSTRUCTIONS), ["fail".to_owned()].into());
    assert_eq!(decisions(&judgement, CPU), ["pass".to_owned()].into());
}

/// Time in the kernel is in no instruction that is counted.
#[test]
fn cpu_time_fails_beside_instructions_that_pass() {
    let (output, judgement) = compare_costs(Some(1_000_000_000), Some(1_000_000_000), 1.2);
    expect_code(&output, 98);
    assert_eq!(decisions(&judgement, INSTRUCTIONS), ["pass".to_owned()].into());
    assert_eq!(decisions(&judgement, CPU), ["fail".to_owned()].into());
}

/// Without instructions of a side nothing changes.
#[test]
fn cpu_time_decides_if_a_side_has_no_instructions() {
    for a in [None, Some(1_000_000_000)] {
        let (output, judgement) = compare_costs(a, None, 1.0);
        expect_code(&output, 0);
        assert_eq!(decisions(&judgement, INSTRUCTIONS), BTreeSet::new());
        assert_eq!(decisions(&judgement, CPU), ["pass".to_owned()].into());
        assert!(!judgement["notes"].to_string().contains(INSTRUCTIONS), "{}", judgement["notes"]);
    }
}

#[test]
fn a_calibration_of_invalid_runs_exits_with_96() {
    let world = World::new(SCENARIO);
    let target = wsbench_of(&world, "late", u32::MAX);
    let mut command = wsbench(&["calibrate", "--pairs", "2", "--quiet", "--target", &target]);
    command.arg(world.path("scenario.toml")).arg("--out").arg(world.path("out"));
    let output = finish(&mut command);
    expect_code(&output, 96);
    let text = flat(&output);
    assert!(text.contains("FAIL polling at 200 clients, driver_on_schedule"), "{}", said(&output));
    assert!(text.contains("this machine is busy"), "{text}");
    assert!(text.contains("False alarms: 0 of 0 figures"), "{text}");
}

/// The page of a comparison carries its pairs: `verify` judges them again and finds every changed figure.
#[test]
fn the_page_of_a_comparison_is_verified_by_its_pairs() {
    let world = World::new(SCENARIO);
    let page = world.path("page.html");
    let more = ["--html", page.to_str().expect("UTF-8"), "--pairs=8", "--most-pairs=8"];
    expect_code(&compare(&world, 0, &more), 0);
    let verify = |path: &Path| finish(wsbench(&["verify"]).arg(path));
    let output = verify(&page);
    expect_code(&output, 0);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("as 8 pairs give them"), "{text}");

    let text = fs::read_to_string(&page).expect("a page");
    assert!(text.contains("data-csv=\"changes.csv\""), "its picture can be copied as CSV");
    assert!(text.contains("<script type=\"application/gzip\" data-name=\"changes.csv\""));
    let body = text.find("<main").expect("a body")..text.find("application/x-xz").expect("pairs");
    let is_digit = |at: &usize| text.as_bytes()[*at].is_ascii_digit();
    let places: Vec<usize> = body.filter(is_digit).collect();
    let changed = world.path("changed.html");
    for at in places.iter().step_by(places.len() / 12) {
        let mut bytes = text.clone().into_bytes();
        bytes[*at] = if bytes[*at] == b'9' { b'3' } else { bytes[*at] + 1 };
        fs::write(&changed, bytes).expect("a file");
        expect_code(&verify(&changed), 96);
    }
}
