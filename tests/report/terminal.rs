use crate::report::sample;
use crate::report::sample::{POLLING, Series, WEBSOCKET, complete};
use wsbench::internals::gate::limit::summarise_and_judge;
use wsbench::internals::record::Metric;
use wsbench::internals::report::{summarise, terminal};
use wsbench::internals::result::RunResult;

const COUNTS: [u32; 3] = [1_000, 10_000, 100_000];

fn screen(result: &RunResult) -> String {
    terminal(&summarise(result), Some("reports/polling-vs-ws (open overhead.png)"))
}

#[track_caller]
fn expect_one_screen(shown: &str) {
    let lines = shown.lines().count();
    assert!(lines <= 45, "{lines} lines:\n{shown}");
    for line in shown.lines() {
        assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
    }
}

/// The text without its line breaks.
fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Received bytes that wait for the driver are named with both figures, of several rows those of the worst.
#[test]
fn a_wait_for_the_driver_is_named_with_its_figures() {
    let mut result = complete(&[POLLING, WEBSOCKET], &[1_000, 10_000]);
    for case in result.cases.values_mut() {
        let latency = &mut case.total.latency;
        latency.of_mut(Metric::DriverLag).reset();
        latency.of_mut(Metric::ProbeLateness).reset();
        latency.of_mut(Metric::ProbeLateness).saturating_record_n(1_000, 2_000);
        latency.of_mut(Metric::KernelToClient).reset();
        latency.of_mut(Metric::KernelToClient).saturating_record_n(2_000_000_000, 1_000);
    }
    let shown = on_one_line(&screen(&result));
    let what = "! all series: the latencies are in part the driver's, not the server's: received bytes waited \
                for the driver for more than a tenth of the median latency (at worst median 2 s; ";
    assert!(shown.contains(what), "{shown}");
}

/// A remark on several rows is one line that names them.
#[test]
fn a_remark_on_several_rows_is_said_once() {
    let mut result = complete(&[POLLING, WEBSOCKET], &[1_000, 10_000]);
    let cases: Vec<(u32, String, u32)> =
        result.header.cases.iter().map(|c| (c.case, c.series.clone(), c.clients)).collect();
    for (case, series, clients) in cases {
        let counts = &mut result.cases.get_mut(&case).unwrap().total.phases.steady.counts;
        counts.cookies_secure = if series == POLLING.0 { 7 } else { 0 };
        counts.cookies_of_other_hosts = u64::from(clients == 1_000 && series == POLLING.0);
        counts.endless_waits = 3;
    }
    let text = screen(&result);
    let shown = on_one_line(&text);
    for once in [
        "! polling at 1,000 and 10,000 clients, each: cookies that the server set 7 times",
        "! polling at 1,000 clients: cookies that the server set 1 times",
        "! all series, each: the server asked",
    ] {
        assert_eq!(shown.matches(once).count(), 1, "{once}: {text}");
    }
    assert_eq!(shown.matches("cookies that the server set").count(), 2, "{text}");
}

fn with_settings(check: impl FnOnce()) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(check);
}

#[test]
fn the_chapters_run_fits_one_screen() {
    let shown = screen(&complete(&[POLLING, WEBSOCKET], &COUNTS));
    expect_one_screen(&shown);
    with_settings(|| insta::assert_snapshot!("terminal", shown));
}

#[test]
fn many_series_fit_one_screen_and_keep_their_names() {
    let shown = screen(&complete(&sample::ALL, &[1_000]));
    expect_one_screen(&shown);
    for Series(label, _) in sample::ALL {
        assert!(shown.contains(label), "{shown}");
    }
    with_settings(|| insta::assert_snapshot!("terminal_many_series", shown));
}

#[test]
fn a_late_driver_that_the_scenario_permits_is_named() {
    let permits = "! websocket: the driver was late, which the scenario's driver_lateness allows";
    let mut result = complete(&[POLLING, WEBSOCKET], &[1_000]);
    result.header.plan = serde_json::json!({ "timing": { "driver_lateness_ns": 50_000_000_u64 } });
    assert!(!screen(&result).contains("driver_lateness"), "{}", screen(&result));
    // Above a tenth of the median of what is pushed, and below that of what is polled.
    for case in result.cases.values_mut() {
        case.total.latency.of_mut(Metric::ProbeLateness).reset();
        case.total.latency.of_mut(Metric::ProbeLateness).saturating_record_n(20_000_000, 200);
    }
    let shown = screen(&result);
    assert_eq!(shown.matches("driver_lateness").count(), 1, "{shown}");
    let bound = "! websocket: the latencies are in part the driver's, not the server's: the driver sent late or \
                 its threads woke up late by more than a tenth of the median latency (p99 20 ms; ";
    assert!(on_one_line(&shown).contains(bound), "{shown}");
    assert!(shown.contains(permits) && shown.contains("verdict: valid"), "{shown}");
}

#[test]
fn what_fails_is_shown_with_its_reason_and_remedy() {
    let mut result = complete(&[POLLING, WEBSOCKET], &[1_000]);
    result.header.limits = vec![serde_json::json!({
        "series": ["websocket"],
        "condition": "overhead_bytes_per_message == 1B",
    })];
    let driver = &mut result.cases.get_mut(&0).unwrap().drivers[0];
    driver.connected -= 3;
    driver.audit.mismatched = 2;
    let shown = terminal(&summarise_and_judge(&result), None);
    with_settings(|| insta::assert_snapshot!("terminal_failures", shown));
}
