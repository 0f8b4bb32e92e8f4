//! Whole runs: evaluated, refused, read and written.

use crate::gate::baseline::file::{SCHEMA, parse};
use crate::gate::baseline::tests::*;
use crate::report::Conclusion;
use crate::report::judgement::json::pretty;
use crate::report::table::{Status, Table, Verdict};

fn baseline() -> Baseline {
    Baseline {
        schema: SCHEMA.to_owned(),
        name: "ci".to_owned(),
        started: "2026-11-22T08:00:00Z".to_owned(),
        build: "wsbench 0.1.0 (release)".to_owned(),
        plan_hash: "0123456789abcdef".to_owned(),
        host: BTreeMap::from([("cores".to_owned(), "2".to_owned())]),
        plan: serde_json::json!({ "name": "ci", "feed": { "payload_bytes": 21 } }),
        rows: recorded(polling()),
    }
}

fn table(status: Status) -> Table {
    let header = crate::result::Header {
        schema: crate::result::SCHEMA.to_owned(),
        name: "ci".to_owned(),
        ..crate::result::Header::default()
    };
    let mut table = crate::report::summarise(&crate::result::RunResult::new(header));
    table.verdict = Verdict {
        status,
        of_run: Vec::new(),
        reasons: vec!["it was cut".to_owned()],
        conclusion: Conclusion::Passed,
    };
    table
}

fn judge_changed(
    change: impl FnOnce(&mut Baseline),
    status: Status,
    options: &GateOptions,
) -> Result<Judgement, String> {
    let mut candidate = baseline();
    change(&mut candidate);
    judge(&baseline(), &candidate, &table(status), options)
}

/// It was measured, and the screen shows what it is below.
#[test]
fn a_figure_that_the_times_do_not_tell_says_what_it_is_below() {
    let name = "delivery_latency_us_p50";
    let coarse = |candidate: &mut Baseline| {
        let row = &mut candidate.rows.rows[0];
        row.noisy.remove(name);
        row.below.insert(name.to_owned(), 1_700);
    };
    let judgement = judge_changed(coarse, Status::Valid, &GateOptions::default()).unwrap();
    let value = &of(&judgement.findings, name).value;
    let why = "below 1,700 µs, and the times in messages are not exact enough for more";
    assert_eq!((value.below(), value.reason()), (Some(1_700), Some(why)));
    let lacking = |candidate: &mut Baseline| candidate.rows.rows[0].noisy.clear();
    let judgement = judge_changed(lacking, Status::Valid, &GateOptions::default()).unwrap();
    assert_eq!(of(&judgement.findings, name).value, Figure::absent("it was not measured"));
    // A saved baseline keeps it.
    let mut saved = baseline();
    coarse(&mut saved);
    let text = serde_json::to_vec(&saved).unwrap();
    assert_eq!(parse(&text).unwrap().rows.rows[0].below, saved.rows.rows[0].below);
}

#[test]
fn one_run_a_side_decides_what_does_not_vary() {
    let judgement = judge_changed(|_| {}, Status::Valid, &GateOptions::default()).unwrap();
    assert_eq!(judgement.conclusion().exit_code(), 0);
    let noisy = of(&judgement.findings, "delivery_latency_us_p50");
    assert_eq!((noisy.decision, noisy.value.value()), (Decision::NotComparable, Some(500.5)));
    assert_eq!(noisy.text, "one run a side does not tell a change from noise");
    assert!(noisy.details[0].contains("wsbench compare SCENARIO --a BASELINE --b CANDIDATE"));
    let strict = GateOptions { strict: true, ..GateOptions::default() };
    assert_eq!(judge_changed(|_| {}, Status::Valid, &strict).unwrap().conclusion().exit_code(), 0);
    let uncounted = |d: &mut Baseline| d.rows.rows[0].tcp = None;
    assert_eq!(
        judge_changed(uncounted, Status::Valid, &strict).unwrap().conclusion().exit_code(),
        97
    );
    let fewer = |d: &mut Baseline| {
        d.rows.rows[0].steady.bytes.down[Part::Heads] = 19_000;
        d.build = "wsbench 9.9.9 (release)".to_owned();
    };
    let notes = judge_changed(fewer, Status::Valid, &GateOptions::default()).unwrap().notes;
    assert!(notes[0].starts_with("2 exact figures are lower"), "{notes:?}");
    assert!(notes[1].contains("the builds differ: wsbench 0.1.0"), "{notes:?}");
}

/// A server that stops sending loses nothing that its sequence numbers show.
#[test]
fn fewer_messages_than_came_before_are_no_pass() {
    let came = |messages: u64| {
        let pushed = move |row: &mut ComparableRow| {
            row.paced = false;
            row.counts.remove("completed");
            (row.model, row.messages, row.window_ns) = (None, messages, 1_000_000_000);
        };
        let before = |row: &mut ComparableRow| {
            row.paced = false;
            row.counts.remove("completed");
            (row.model, row.messages, row.window_ns) = (None, 10_000, 1_000_000_000);
        };
        of(&between(before, pushed), "completed").decision
    };
    assert_eq!(came(10_000), Decision::Pass);
    assert_eq!(came(9_700), Decision::Pass, "two in a hundred, and chance");
    assert_eq!(came(9_000), Decision::Fail);
    assert_eq!(came(1_000), Decision::Fail);
}

#[test]
fn a_run_that_is_not_whole_is_no_pass() {
    for status in [Status::Partial, Status::Invalid] {
        let judgement = judge_changed(|_| {}, status, &GateOptions::default()).unwrap();
        assert_eq!(judgement.conclusion().exit_code(), 96);
        let found = of(&judgement.findings, "run_is_valid");
        assert_eq!(found.text, format!("the run is {}: it was cut", status.name()));
    }
}

#[test]
fn unequal_scenarios_and_machines_are_refused_with_what_differs() {
    let other = |d: &mut Baseline| d.plan["feed"]["payload_bytes"] = 64.into();
    let why = judge_changed(other, Status::Valid, &GateOptions::default()).unwrap_err();
    assert!(why.contains("\n  [feed] size: 21 ≠ 64\n"), "{why}");
    let moved = |d: &mut Baseline| {
        d.host.insert("cores".to_owned(), "4".to_owned());
    };
    let why = judge_changed(moved, Status::Valid, &GateOptions::default()).unwrap_err();
    assert!(why.contains("\n  cores: 2 ≠ 4\n") && why.contains("--any-machine"), "{why}");
    let anywhere = GateOptions { any_machine: true, ..GateOptions::default() };
    let judgement = judge_changed(moved, Status::Valid, &anywhere).unwrap();
    assert_eq!(judgement.conclusion().exit_code(), 0);
    let noisy = of(&judgement.findings, "delivery_latency_us_p50");
    assert_eq!(noisy.text, "it is of another machine");
    assert!(judgement.notes[0].contains("cores: 2 ≠ 4"), "{:?}", judgement.notes);
    let seeded = |d: &mut Baseline| d.plan["seed"] = 7.into();
    assert!(
        judge_changed(seeded, Status::Valid, &GateOptions::default()).unwrap().notes[0]
            .contains("seed")
    );
}

#[test]
fn the_file_has_a_line_for_each_figure() {
    let text = String::from_utf8(pretty(&baseline())).unwrap();
    insta::assert_snapshot!("document", text);
    assert_eq!(parse(text.as_bytes()), Ok(baseline()));
    assert_eq!(parse(["\u{feff}", &text].concat().as_bytes()), Ok(baseline()));
}

#[test]
fn what_is_no_baseline_of_this_version_is_refused() {
    let text = String::from_utf8(pretty(&baseline())).unwrap();
    let why = |text: &str| parse(text.as_bytes()).unwrap_err();
    let next = why(&text.replace("wsbench.baseline/2", "wsbench.baseline/3"));
    assert!(next.contains("\"wsbench.baseline/3\", and this version reads"), "{next}");
    let summary = why(r#"{"schema_version": "wsbench.summary/1"}"#);
    assert!(summary.contains("not a baseline: it has schema \"wsbench.summary/1\""), "{summary}");
    assert!(why("[1]").contains("it has no schema"));
    assert!(why("").contains("neither a baseline nor a result file"));
    assert!(why(&text.replace("\"runs\": 1", "\"runs\": 0")).contains("broken"));
    assert!(why(&text.replace("\"messages\": 100,", "")).contains("missing field `messages`"));
    let read = |name: &str, text: &[u8]| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        crate::gate::baseline::tests::read(&path)
            .map(|(_, table)| table.is_none())
            .map_err(|f| f.message)
    };
    assert_eq!(read("b.json", text.as_bytes()), Ok(true));
    let small = serde_json::to_vec(&baseline()).unwrap();
    assert_eq!(read("b.json", &small), Ok(true), "in one line too");
    assert!(read("b.json", b"\xff\xfe").unwrap_err().contains("b.json: neither"));
    assert!(
        crate::gate::baseline::tests::read(std::path::Path::new("/no/such"))
            .unwrap_err()
            .message
            .contains("/no/such")
    );
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(
        cut in 0usize..6000, at in 0usize..6000, byte in any::<u8>(), numbers in prop_oneof![any::<u64>(), (1u64 << 52)..(1 << 54)]
    ) {
        let text = pretty(&baseline());
        let _ = parse(&text[..cut.min(text.len())]);
        let mut changed = text.clone();
        let at = at.min(text.len() - 1);
        changed[at] = byte;
        let whole = String::from_utf8(text).unwrap();
        let huge = whole.replace(": 100,", &format!(": {numbers},"));
        let read = parse(huge.as_bytes());
        prop_assert_eq!(read.is_ok(), numbers <= 1 << 53, "{:?}", read.err());
        for text in [&changed[..], huge.as_bytes()] {
            let Ok(read) = parse(text) else { continue };
            // Whatever a file says, comparing it ends.
            for findings in [compare(&read.rows, &baseline().rows), compare(&baseline().rows, &read.rows)] {
                let no_nan = |f: &Finding| f.value.value().is_none_or(f64::is_finite);
                prop_assert!(findings.iter().all(no_nan));
            }
        }
    }
}

/// Few clients with few messages: the edges of their windows and chance are most of what came.
#[test]
fn a_wide_bound_of_messages_is_noted() {
    let pushed = |messages: u64| {
        let mut row = polling();
        row.paced = false;
        row.counts.remove("completed");
        row.messages = messages;
        Baseline { rows: recorded(row), ..baseline() }
    };
    let notes = |was: u64, is: u64| {
        let options = GateOptions::default();
        let judgement = judge(&pushed(was), &pushed(is), &table(Status::Valid), &options).unwrap();
        let came = of(&judgement.findings, "completed").decision;
        (came, judgement.notes)
    };
    let (came, noted) = notes(200, 120);
    assert_eq!(came, Decision::Pass);
    let wide = "polling at 10 clients: fewer messages by less than 50 % would not be seen";
    assert!(noted.iter().any(|note| note.starts_with(wide)), "{noted:?}");
    let (came, noted) = notes(100_000, 60_000);
    assert_eq!(came, Decision::Fail);
    assert!(!noted.iter().any(|note| note.contains("would not be seen")), "{noted:?}");
}
