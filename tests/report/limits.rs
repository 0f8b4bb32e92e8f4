//! Limits held against the sample: every figure is known, and so is every decision.

use super::sample::{POLLING, SECONDS, WEBSOCKET, complete, planned};
use wsbench::internals::gate::limit::{Limit, LimitWatch, limits_to_json, summarise_and_judge};
use wsbench::internals::record::Part;
use wsbench::internals::report::Table;
use wsbench::internals::report::{Decision, Finding};
use wsbench::internals::result::StopReason;
use wsbench::internals::result::{End, RunResult};
use wsbench::internals::units::SECOND_NS;

fn limit(condition: &str) -> Limit {
    Limit { condition: condition.to_owned(), ..Limit::default() }
}

fn with(mut result: RunResult, all: &[Limit]) -> RunResult {
    result.header.limits = limits_to_json(all);
    result
}

fn chapter(all: &[Limit]) -> RunResult {
    with(complete(&[POLLING, WEBSOCKET], &[1_000, 10_000]), all)
}

fn found(table: &Table) -> Vec<&Finding> {
    table.limits().collect()
}

/// Decision, figure with unit, and samples of a condition on the sample.
fn decided(condition: &str) -> (Decision, String, u64) {
    let table = summarise_and_judge(&chapter(&[limit(condition)]));
    let all = found(&table);
    assert!(!all.is_empty() && all.iter().all(|f| f.decision == all[0].decision), "{all:?}");
    let value = match all[0].value.value() {
        Some(value) => format!("{value} {}", all[0].unit),
        None => all[0].value.reason().unwrap_or_default().to_owned(),
    };
    (all[0].decision, value, all[0].samples)
}

#[test]
fn what_holds_passes_and_what_does_not_fails() {
    use Decision::{Fail, Pass};
    let ten_thousand = u64::from(SECONDS) * 1_000;
    for (condition, decision, value) in [
        ("websocket.overhead_bytes_per_message == 2B", Pass, "2 B/message"),
        ("websocket.overhead_bytes_per_message <= 2B", Pass, "2 B/message"),
        ("websocket.overhead_bytes_per_message < 2B", Fail, "2 B/message"),
        ("websocket.overhead_bytes_per_message > 1.999_999_999B", Pass, "2 B/message"),
        ("websocket.overhead_bytes_per_message max <= 2 B/message", Pass, "2 B/message"),
        ("polling.head_chars_per_message == 871chars", Pass, "871 chars/message"),
        ("polling.head_chars_per_message != 871chars", Fail, "871 chars/message"),
        ("polling.wire_bytes_per_message == 0.93kB", Pass, "0.93 kB/message"),
        (
            "polling.overhead_bytes_per_message / websocket.overhead_bytes_per_message == 454.5",
            Pass,
            "454.5 -",
        ),
        (
            "polling.overhead_bytes_per_message / websocket.overhead_bytes_per_message >= 909:2",
            Pass,
            "454.5 -",
        ),
        (
            "polling.overhead_bytes_per_message / websocket.overhead_bytes_per_message > 454.5:1",
            Fail,
            "454.5 -",
        ),
        ("polling.updates_delivered rate == 100%", Pass, "100 %"),
        ("polling.updates_missing rate <= 0%", Pass, "0 %"),
        ("polling.clients_connected rate == 100%", Pass, "100 %"),
        ("polling.completed rate >= 100%", Pass, "100 %"),
        ("polling.faults count == 0", Pass, "0 -"),
        ("polling.faults rate < 0.1%", Pass, "0 %"),
        ("websocket.driver_cpu_us_per_message < 7us", Pass, "6.6 us/message"),
        ("websocket.server_resident_bytes_per_client <= 5.1kB", Pass, "5.1 kB/client"),
    ] {
        let (decided, figure, samples) = decided(condition);
        assert_eq!((decided, &*figure), (decision, value), "{condition}");
        let of_clients = condition.contains("clients_connected");
        assert_eq!(samples, if of_clients { 1_000 } else { ten_thousand }, "{condition}");
    }
}

#[test]
fn percentiles_are_those_of_the_merged_histogram() {
    // A thousand latencies a second: 1 ms, 2 ms, … 1 s.
    let value = |condition: &str| {
        let table = summarise_and_judge(&chapter(&[limit(condition)]));
        found(&table)[0].value.value().expect(condition)
    };
    for (n, ms) in [("50", 500.0), ("99.9", 999.0), ("37.5", 375.0), ("100", 1000.0), ("0", 1.0)] {
        let at = value(&format!("polling.delivery_latency p({n}) < 1ms"));
        assert!((at / ms - 1.0).abs() < 2e-3, "p({n}) is {at}");
    }
    assert_eq!(value("polling.delivery_latency count > 0"), 10_000.0);
    let (max, p100) = (
        value("polling.delivery_latency max < 1ms"),
        value("polling.delivery_latency p(100) < 1ms"),
    );
    assert_eq!(max, p100);
    // An aggregate is of both sides of a ratio: 500 ms over 10.3 ms.
    let ratio = value("polling.delivery_latency / websocket.delivery_latency p(50) > 1");
    assert!((ratio / (500.0 / 10.3) - 1.0).abs() < 2e-3, "{ratio}");
    // The same as the column.
    let column = value("polling.delivery_latency_us_p99_9 < 1us");
    assert_eq!(value("polling.delivery_latency p(99.9) < 1us"), column);
}

#[test]
fn a_limit_is_checked_for_each_row_that_it_matches() {
    let one = Limit { series: vec!["websocket".to_owned()], ..limit("faults == 0") };
    let other = Limit { clients: vec![10_000], ..limit("turns >= 0") };
    let table = summarise_and_judge(&chapter(&[limit("faults == 0"), one, other]));
    let rows: Vec<_> =
        found(&table).iter().map(|f| (f.subject.series.clone(), f.subject.clients)).collect();
    let at = |series: &str, clients| (series.to_owned(), Some(clients));
    let all = [
        at("polling", 1_000),
        at("websocket", 1_000),
        at("polling", 10_000),
        at("websocket", 10_000),
    ];
    let of_one = [at("websocket", 1_000), at("websocket", 10_000)];
    let of_other = [at("polling", 10_000), at("websocket", 10_000)];
    assert_eq!(rows, [&all[..], &of_one, &of_other].concat());
}

#[test]
fn the_verdict_tells_what_failed_and_graver_reasons_go_first() {
    let kept = summarise_and_judge(&chapter(&[limit("faults == 0")]));
    assert_eq!((kept.verdict.conclusion.exit_code(), kept.verdict.reasons.len()), (0, 0));
    let failing = [limit("websocket.overhead_bytes_per_message < 2B")];
    let mut result = with(complete(&[POLLING, WEBSOCKET], &[1_000]), &failing);
    let table = summarise_and_judge(&result);
    assert_eq!(table.verdict.conclusion.exit_code(), 99);
    let why = "limit: websocket at 1,000 clients: websocket.overhead_bytes_per_message is \
               2 B/message, which is not < 2B";
    assert_eq!(table.verdict.reasons, [why]);
    assert_eq!(found(&table)[0].bound, "< 2B");

    let case = result.cases.get_mut(&0).expect("there is a first case");
    case.drivers[0].connected -= 1;
    let invalid = summarise_and_judge(&result);
    assert_eq!(invalid.verdict.conclusion.exit_code(), 96);
    assert!(invalid.verdict.reasons.contains(&why.to_owned()));
    for (reason, code) in [(StopReason::Interrupted, 130), (StopReason::Terminated, 143)] {
        result.ends[0].reason = reason;
        assert_eq!(summarise_and_judge(&result).verdict.conclusion.exit_code(), code);
    }
}

#[test]
fn without_samples_or_a_figure_a_limit_fails_with_the_reason() {
    let all = [
        "faults == 0",
        "updates_missing == 0",
        "delivery_latency p(95) < 1h",
        "delivery_latency count == 0",
        "clients_connected >= 0",
        "polling.faults / websocket.faults <= 1",
        "overhead_bytes_per_message max >= 0B",
    ];
    let limits: Vec<Limit> = all.iter().map(|c| limit(c)).collect();
    let table = summarise_and_judge(&with(planned(&[POLLING, WEBSOCKET], &[1_000]), &limits));
    let all = found(&table);
    assert_eq!(all.len(), 2 * limits.len() - 1);
    for one in all {
        assert_eq!((one.decision, one.value.value()), (Decision::Fail, None), "{one:?}");
        assert!(one.text.ends_with("the case did not run") || one.text.contains("nothing was"));
    }

    let (decision, why, _) = decided("websocket.response_latency max < 1h");
    let pushed = "the transport is pushed to: it has no responses";
    assert_eq!((decision, &*why), (Decision::Fail, pushed));
    let (decision, why, _) = decided("websocket.completed rate > 0%");
    assert_eq!((decision, &*why), (Decision::Fail, "no turn was due"));
    let (decision, why, _) = decided("polling.lost / websocket.lost < 1");
    assert_eq!((decision, &*why), (Decision::Fail, "the divisor is zero"));
    let (decision, why, samples) = decided("polling.negative_latencies == 0");
    assert_eq!((decision, &*why, samples), (Decision::Pass, "0 -", 10_000));
}

#[test]
fn a_file_with_limits_that_fit_nothing_fails() {
    let nowhere = Limit { series: vec!["sse".to_owned()], ..limit("faults == 0") };
    let never = Limit { clients: vec![7], ..limit("faults == 0") };
    let mut result = chapter(&[nowhere, never, limit("falts == 0")]);
    result.header.limits.push(serde_json::json!("what is this"));
    let table = summarise_and_judge(&result);
    assert_eq!(table.verdict.conclusion.exit_code(), 99);
    let texts: Vec<&str> = found(&table).iter().map(|f| f.text.as_str()).collect();
    assert_eq!(texts[0], "faults: the run has no such series");
    assert_eq!(texts[2], texts[0]);
    assert!(texts[3].starts_with("unknown metric \"falts\""), "{texts:?}");
    assert!(texts[4].starts_with("the file's limit cannot be read"), "{texts:?}");
    assert!(found(&table).iter().all(|f| f.decision == Decision::Fail));
}

/// The sample twice, as two repeats; in the second every message is as in `other`.
fn repeated(all: &[Limit]) -> RunResult {
    let mut result = with(complete(&[POLLING], &[1_000]), all);
    let mut second = complete(&[POLLING], &[1_000]);
    let infos = std::mem::take(&mut second.header.cases);
    for mut info in infos.into_iter().filter(|info| !info.floor) {
        let mut case = second.cases.remove(&info.case).expect("it ran");
        (info.case, info.repeat) = (7, 1);
        // As many header bytes again in each message.
        let steady = &mut case.total.phases.steady;
        steady.ledger.up[Part::Heads] += steady.ledger.up[Part::Heads];
        steady.ledger.up.wire += steady.ledger.up[Part::Heads] / 2;
        result.header.cases.push(info);
        result.cases.insert(7, case);
    }
    result
}

#[test]
fn over_repeats_each_is_summarised_by_itself() {
    let name = "polling.overhead_bytes_per_message";
    let value = |aggregate: &str| {
        let table = summarise_and_judge(&repeated(&[limit(&format!("{name} {aggregate} < 1MB"))]));
        let one = found(&table)[0].clone();
        (one.value.value().expect(aggregate) * 1e6, one.samples)
    };
    let (first, second) = (909.0, 909.0 + 716.0);
    assert_eq!(value("min"), (first, 20_000));
    assert_eq!(value("max"), (second, 20_000));
    assert_eq!(value("avg"), ((first + second) / 2.0, 20_000));
    assert_eq!(value("value"), ((first + second) / 2.0, 20_000));

    // A repeat that did not run has no figure, and so the whole has none.
    let mut cut = repeated(&[limit(&format!("{name} max < 1MB"))]);
    cut.cases.remove(&7);
    let table = summarise_and_judge(&cut);
    assert_eq!(found(&table)[0].value.reason(), Some("repeat 2: the case did not run"));
}

#[test]
fn results_with_other_limits_still_merge_and_keep_all_of_them() {
    let (a, b) = (chapter(&[limit("faults == 0")]), chapter(&[limit("lost == 0")]));
    let (mut ab, mut ba, mut aa) = (a.clone(), b.clone(), a.clone());
    ab.merge(&b).expect("one plan");
    ba.merge(&a).expect("one plan");
    aa.merge(&a).expect("one plan");
    assert_eq!(ab, ba);
    assert_eq!(found(&summarise_and_judge(&ab)).len(), 8);
    assert_eq!(found(&summarise_and_judge(&aa)).len(), 4);
}

fn aborting(condition: &str) -> Limit {
    Limit { abort_on_fail: true, ..limit(condition) }
}

/// The sample's case as it is while it runs: no process has said its last word.
fn running(case: u32) -> RunResult {
    let mut result = complete(&[POLLING, WEBSOCKET], &[1_000]);
    result.ends.clear();
    let all = result.cases.get_mut(&case).expect("it runs");
    all.drivers.clear();
    all.servers.clear();
    all.ends.clear();
    result
}

#[test]
fn a_look_at_a_run_finds_what_does_not_hold() {
    let watch = |limits: &[Limit]| LimitWatch::new(limits);
    let seen = |one: Limit, ns: u64| watch(&[one]).check(&running(0), 0, Some(ns));
    let slow = seen(aborting("delivery_latency p(95) < 20ms"), SECOND_NS);
    let slow = slow.expect("it does not hold");
    assert!(slow.starts_with("polling at 1,000 clients: delivery_latency p(95) is 9"), "{slow}");
    assert!(slow.ends_with("ms, which is not < 20ms"), "{slow}");
    assert_eq!(seen(aborting("delivery_latency p(95) < 2s"), SECOND_NS), None);
    assert_eq!(seen(limit("delivery_latency p(95) < 20ms"), SECOND_NS), None, "without leave");
    // Before its delay is over, and of another series or count.
    let late = Limit { delay_abort_eval_ns: 2 * SECOND_NS, ..aborting("messages <= 1") };
    assert_eq!(seen(late.clone(), SECOND_NS), None);
    assert!(seen(late, 2 * SECOND_NS).is_some());
    assert_eq!(seen(aborting("websocket.messages <= 1"), SECOND_NS), None);
    let elsewhere = Limit { clients: vec![7], ..aborting("messages <= 1") };
    assert_eq!(seen(elsewhere, SECOND_NS), None);
    // What is known at the end only, and what has no sample.
    assert_eq!(seen(aborting("clients_connected == 1000"), SECOND_NS), None);
    assert_eq!(seen(aborting("tcp_segments_per_message < 1segment"), SECOND_NS), None);
    assert_eq!(seen(aborting("upgrade_time max < 1ns"), SECOND_NS), None);
    // What only grows is not yet what it will be.
    for floor in ["turns >= 999999999", "messages == 999999999", "delivery_latency count > 1e9"] {
        assert_eq!(seen(aborting(floor), SECOND_NS), None, "{floor}");
    }
    assert_eq!(seen(aborting("completed rate > 99.99%"), SECOND_NS), None);
}

#[test]
fn a_look_at_the_end_of_a_case_sees_all_of_it_and_what_ran_before() {
    let result = complete(&[POLLING, WEBSOCKET], &[1_000]);
    let ratio = "polling.wire_bytes_per_message / websocket.wire_bytes_per_message < 2";
    let watch = LimitWatch::new(&[aborting(ratio)]);
    assert_eq!(watch.check(&result, 1, Some(SECOND_NS)), None);
    let mut first_alone = result.clone();
    first_alone.cases.remove(&1);
    assert_eq!(watch.check(&first_alone, 0, None), None, "the other has not run");
    let said = watch.check(&result, 1, None).expect("both have run");
    assert!(said.starts_with("polling / websocket at 1,000 clients: "), "{said}");
    let watch = LimitWatch::new(&[aborting("tcp_segments_per_message < 1segment")]);
    assert!(watch.check(&result, 0, None).is_some());
    let floor = result.header.cases.iter().find(|c| c.floor).expect("there is a floor").case;
    assert_eq!(watch.check(&result, floor, None), None);
}

#[test]
fn a_run_that_a_limit_ended_fails_whatever_came_after() {
    let mut result = chapter(&[limit("faults == 0")]);
    result.ends =
        vec![End { reason: StopReason::Limit("it was slow".to_owned()), wall_ns: 1, sha256: None }];
    let table = summarise_and_judge(&result);
    assert_eq!(table.verdict.conclusion.exit_code(), 99);
    assert_eq!(table.verdict.status.name(), "partial");
    let last = found(&table).last().expect("there are findings").text.clone();
    assert_eq!(last, "the run was ended: it was slow");
}
