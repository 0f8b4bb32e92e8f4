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
    let permits = "! websocket: valid only because driver_lateness permits a late driver";
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
