//! Reports: exact arithmetic, every format of a synthetic result, and what is absent or invalid.

/// Arithmetic beside measurement, and the checks against it.
mod consistency;
/// Limits held against the sample.
mod limits;
/// The table of byte parts.
mod parts;
mod pictures;
mod recorded;
mod registry;
pub mod sample;
/// The screen that `run` and `report` print.
mod terminal;

use proptest::prelude::*;
use sample::{POLLING, WEBSOCKET, complete, planned};
use std::collections::{BTreeMap, HashSet};
use wsbench::internals::cmd::report as command;
use wsbench::internals::error::FailureKind;
use wsbench::internals::record::{
    ClientError, ClientErrorKind, Counts, Metric, Part, Phase, Recorder, Window,
};
use wsbench::internals::report::as_printed;
use wsbench::internals::report::metrics;
use wsbench::internals::report::metrics::CellValue;
use wsbench::internals::report::{FORMATS, Table, find_format, summarise};
use wsbench::internals::report::{Layer, Statistic, Way};
use wsbench::internals::report::{Row, Status};
use wsbench::internals::result::{
    CaseEnd, CaseResult, Cost, DriverEnd, End, KernelCounts, ProcessActivity, RunResult, ServerEnd,
    file,
};
use wsbench::internals::result::{LostProcess, ProcessRole, SocketChange, StopReason};
use wsbench::internals::units::Bytes;

const COUNTS: [u32; 3] = [1_000, 10_000, 100_000];

fn chapter_run() -> Table {
    summarise(&complete(&[POLLING, WEBSOCKET], &COUNTS))
}

fn row<'a>(table: &'a Table, series: &str, clients: u32) -> &'a Row {
    let found = table.rows.iter().find(|r| r.series == series && r.clients == clients);
    found.expect("the sample has the row")
}

fn per_message(row: &Row, layer: Layer) -> Option<f64> {
    row.steady(Way::Both, layer).per_message.value()
}

fn value(row: &Row, column: &str) -> f64 {
    let columns = metrics::columns();
    let column = columns.iter().find(|c| c.name == column).expect("a known column");
    column.figure(row).value().expect("the row has the figure")
}

fn text(table: &Table, name: &str, file: usize) -> String {
    let rendered = find_format(name).expect("a known format").render(table);
    String::from_utf8(rendered[file].bytes.clone()).expect("text is UTF-8")
}

fn timeseries(table: &Table) -> String {
    let (name, stream) = find_format("csv").expect("a known format").streams()[0];
    assert_eq!(name, "timeseries.csv");
    let mut bytes = Vec::new();
    stream(table, &mut bytes).expect("memory takes everything");
    String::from_utf8(bytes).expect("text is UTF-8")
}

#[test]
fn a_message_costs_what_the_protocols_say() {
    let table = chapter_run();
    for clients in COUNTS {
        let poll = row(&table, "polling", clients);
        let push = row(&table, "websocket", clients);
        assert_eq!(per_message(poll, Layer::Overhead), Some(909.0));
        assert_eq!(per_message(poll, Layer::HeadChars), Some(871.0));
        assert_eq!(per_message(poll, Layer::Wire), Some(930.0));
        assert_eq!(per_message(poll, Layer::Ip), Some(1086.0));
        assert_eq!(per_message(push, Layer::Overhead), Some(2.0));
        assert_eq!(per_message(push, Layer::Ip), Some(127.0));
        assert_eq!(poll.cost.driver_cpu_us.value(), Some(12.0));
        assert_eq!(push.cost.server_bytes.value(), Some(5_100.0));
    }
    let ratios: BTreeMap<_, _> =
        table.comparisons[0].ratios.iter().map(|r| (r.name, r.per_message.value())).collect();
    assert_eq!(ratios["head_chars"], Some(435.5));
    assert_eq!(ratios["overhead_bytes"], Some(454.5));
    assert_eq!(ratios["wire_bytes"], Some(930.0 / 23.0));
    assert_eq!(ratios["ip_bytes"], Some(1086.0 / 127.0));
}

#[test]
fn the_chapters_figures_have_its_digits() {
    let table = chapter_run();
    let printed = |series: &str| {
        COUNTS.map(|n| as_printed(value(row(&table, series, n), "chapter_overhead_mebibits_per_s")))
    };
    assert_eq!(printed("polling"), ["6.6", "66", "665"]);
    assert_eq!(printed("websocket"), ["0.015", "0.153", "1.526"]);
    let si = value(row(&table, "polling", 100_000), "chapter_overhead_megabits_per_s");
    assert_eq!(si, 696.8);
    assert_eq!(row(&table, "polling", 1_000).chapter.bytes_per_s.value(), Some(871_000.0));
}

#[test]
fn a_stretched_interval_is_scaled_in_a_column_of_its_own() {
    let table = chapter_run();
    assert_eq!(table.verdict.status, Status::Valid);
    let volume = row(&table, "polling", 100_000).steady(Way::Both, Layer::Overhead);
    let (measured, scaled) = (volume.per_s.value().unwrap(), volume.per_s_scaled.value().unwrap());
    // 71,428 whole turns a second are a little less than 100,000 / 1.4.
    assert_eq!(measured, 71_428.0 * 909.0);
    assert!((scaled / measured - 1.4).abs() < 1e-12);
    let held = row(&table, "polling", 1_000).steady(Way::Both, Layer::Overhead);
    assert!(held.per_s_scaled.reason().is_some());
}

#[test]
fn repeats_and_merged_files_are_one_row() {
    let one = complete(&[POLLING, WEBSOCKET], &[1_000]);
    let mut two = one.clone();
    two.merge(&one).unwrap();
    let (one, two) = (summarise(&one), summarise(&two));
    let (a, b) = (row(&one, "polling", 1_000), row(&two, "polling", 1_000));
    assert_eq!((b.repeats, b.asked, b.status), (2, 2_000, Status::Valid));
    assert_eq!(b.window_s.value(), Some(2.0 * f64::from(sample::SECONDS)));
    assert_eq!(b.cost.driver_bytes, a.cost.driver_bytes);
    let per_s = |r: &Row| r.steady(Way::Both, Layer::Wire).per_s.clone();
    assert_eq!(per_s(a), per_s(b));
    let p99 = |r: &Row| r.latency(Metric::DeliveryLatency).stat(Statistic::P99).clone();
    assert_eq!(p99(a), p99(b));
}

#[test]
fn formats_look_as_agreed() {
    let table = chapter_run();
    let small = summarise(&complete(&[POLLING, WEBSOCKET], &[1_000]));
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("report/snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| {
        insta::assert_snapshot!("text", text(&table, "text", 0));
        insta::assert_snapshot!("summary_csv", text(&small, "csv", 0));
        insta::assert_snapshot!("latency_csv", text(&small, "csv", 2));
        insta::assert_snapshot!("json", text(&small, "json", 0));
        insta::assert_snapshot!("columns", metrics::markdown());
    });
}

#[test]
fn csv_reads_back_to_the_arithmetic() {
    let bytes = text(&chapter_run(), "csv", 1);
    let mut reader = csv::Reader::from_reader(bytes.as_bytes());
    let rows: Vec<BTreeMap<String, String>> = reader.deserialize().map(Result::unwrap).collect();
    let is = |r: &BTreeMap<String, String>, key: &str, value: &str| r[key] == value;
    let found = rows.iter().find(|r| {
        is(r, "series", "polling")
            && is(r, "clients", "1000")
            && is(r, "phase", "steady")
            && is(r, "direction", "up")
            && is(r, "layer", "heads_bytes")
    });
    let found = found.expect("the row is there");
    assert_eq!((&*found["per_message"], &*found["total"]), ("716", "7160000"));
    let seconds = timeseries(&chapter_run());
    assert!(
        seconds.lines().any(|l| l.starts_with("websocket,1000,0,3,steady,0,1000,1000,0,23000,"))
    );
}

#[test]
fn columns_have_one_name_each() {
    let names: Vec<String> = metrics::columns().into_iter().map(|c| c.name).collect();
    assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
    let snake =
        |n: &String| n.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    assert!(names.iter().all(snake));
    for wanted in ["wire_bytes_down_per_s", "delivery_latency_us_p99", "server_cpu_us_per_message"]
    {
        assert!(names.iter().any(|n| n == wanted), "{wanted}");
    }
}

#[test]
fn pictures_are_png_files_of_the_declared_size() {
    let empty = summarise(&planned(&[POLLING], &[1_000]));
    let none = summarise(&planned(&[], &[]));
    let all = summarise(&complete(&sample::ALL, &COUNTS));
    for table in [&empty, &none, &all] {
        for picture in find_format("png").unwrap().render(table) {
            let decoder = png::Decoder::new(std::io::Cursor::new(&picture.bytes));
            let mut reader = decoder.read_info().unwrap();
            let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
            let info = reader.next_frame(&mut pixels).unwrap();
            assert_eq!((info.width, info.height), (2000, 1200), "{}", picture.name);
            assert!(pixels.iter().any(|&p| p < 100), "{} is blank", picture.name);
        }
    }
}

#[test]
fn pictures_mark_what_is_not_valid() {
    let mut table = chapter_run();
    let valid = find_format("png").unwrap().render(&table);
    table.rows[0].status = Status::Invalid;
    let marked = find_format("png").unwrap().render(&table);
    assert!(valid.iter().zip(&marked).all(|(a, b)| a.bytes != b.bytes));
}

#[test]
fn what_cannot_be_known_says_why() {
    let mut result = complete(&[POLLING], &[1_000]);
    let why = "the server is not the bundled one and was not started by this run";
    for info in &mut result.header.cases {
        info.bundled_server = false;
        for name in ["server_cpu", "server_memory", "server_audit"] {
            info.absent.insert(name.to_owned(), why.to_owned());
        }
    }
    result.cases.values_mut().for_each(|c| c.servers.clear());
    let table = summarise(&result);
    let poll = row(&table, "polling", 1_000);
    for figure in [&poll.cost.server_cpu_us, &poll.cost.server_bytes, &poll.audit.server_bytes] {
        assert_eq!(figure.reason(), Some(why));
    }
    assert_eq!(poll.status, Status::Valid);
    let shown = text(&table, "text", 0).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains(why), "{shown}");
    assert!(text(&table, "json", 0).contains(r#""server_cpu_us_per_message": null"#));
    let upgrade = poll.latency(Metric::UpgradeTime).stat(Statistic::P50);
    assert_eq!(upgrade.reason(), Some("no connection was upgraded"));
}

#[test]
fn memory_of_a_server_that_runs_on_is_that_of_its_first_case() {
    let mut result = complete(&[POLLING, WEBSOCKET], &[1_000]);
    for info in &mut result.header.cases {
        info.bundled_server = false;
    }
    let mut used = None;
    for (number, case) in &mut result.cases {
        for server in &mut case.servers {
            server.foreign = true;
            server.runs_on_as = Some("process 7 and its children".to_owned());
            used.get_or_insert(*number);
            // The second series uses again what the first one left.
            if used != Some(*number) {
                server.cost.resident_during = server.cost.resident_before + 100_000;
            }
        }
    }
    let table = summarise(&result);
    let memory = |series: &str| &row(&table, series, 1_000).cost.server_bytes;
    let known = ["polling", "websocket"].map(|series| memory(series).value().is_some());
    assert_eq!(known.iter().filter(|known| **known).count(), 1, "{known:?}");
    let why = ["polling", "websocket"].iter().find_map(|series| memory(series).reason());
    assert!(why.is_some_and(|why| why.contains("runs on from an earlier case")), "{why:?}");
    let cpu = |series: &str| row(&table, series, 1_000).cost.server_cpu_us.value().is_some();
    assert!(cpu("polling") && cpu("websocket"));
    let shown = text(&table, "text", 0);
    assert!(!shown.contains("Server memory"), "{shown}");

    // A server that each case starts anew begins with nothing.
    result.cases.values_mut().flat_map(|c| &mut c.servers).for_each(|s| s.runs_on_as = None);
    let table = summarise(&result);
    assert!(row(&table, "websocket", 1_000).cost.server_bytes.value().is_some());
    assert!(row(&table, "polling", 1_000).cost.server_bytes.value().is_some());
}

#[test]
fn kernel_memory_of_the_whole_host_is_not_ranked() {
    let mut result = complete(&[POLLING, WEBSOCKET], &[1_000]);
    for (n, case) in result.cases.values_mut().enumerate() {
        case.ends.iter_mut().for_each(|end| end.kernel_memory = Some(10_000_000 << n));
    }
    let table = summarise(&result);
    assert!(row(&table, "polling", 1_000).cost.kernel_bytes.value().is_some());
    let shown = text(&table, "text", 0).to_lowercase();
    assert!(!shown.contains("kernel memory:") && !shown.contains("kernel: least"), "{shown}");
}

#[test]
fn memory_that_shrank_is_not_clamped() {
    let mut result = complete(&[POLLING], &[1_000]);
    let case = result.cases.get_mut(&0).unwrap();
    case.drivers[0].cost.resident_during = case.drivers[0].cost.resident_before - 1;
    case.ends[0].kernel_memory = Some(-5);
    let table = summarise(&result);
    let cost = &row(&table, "polling", 1_000).cost;
    assert!(cost.driver_bytes.reason().unwrap().contains("shrank by 1 B"));
    assert!(cost.kernel_bytes.reason().unwrap().contains("shrank by 5 B"));
}

#[test]
fn memory_that_did_not_rise_is_absent_and_never_zero() {
    // The rise for 1,000 clients, whether the server ran before, and the reason if there is one.
    let cases = [
        (0, false, Some("did not rise: too few clients")),
        (1, false, None),
        (0, true, Some("did not rise: the server ran before")),
        // One page for a thousand clients is shown as "0 kB".
        (4_096, true, Some("rose by only 4.1 kB for 1,000 clients: the server ran before")),
        (64_000, true, None),
    ];
    for (rise, ran_before, expected) in cases {
        let mut result = complete(&[POLLING], &[1_000]);
        let case = result.cases.get_mut(&0).unwrap();
        case.servers[0].runs_on_as = ran_before.then(|| "process 4711 and its children".to_owned());
        case.servers[0].cost.resident_during = case.servers[0].cost.resident_before + rise;
        case.drivers[0].cost.resident_during = case.drivers[0].cost.resident_before;
        case.ends[0].kernel_memory = Some(0);
        let table = summarise(&result);
        let cost = &row(&table, "polling", 1_000).cost;
        match expected {
            Some(why) => {
                let reason = cost.server_bytes.reason().unwrap();
                assert!(reason.contains(why), "{reason}");
            }
            None => assert_eq!(cost.server_bytes.value(), Some(rise as f64 / 1_000.0)),
        }
        assert!(cost.driver_bytes.reason().unwrap().contains("did not rise"));
        assert!(cost.kernel_bytes.reason().unwrap().contains("did not rise"));
        // Neither the terminal nor the summary shows a zero in its place.
        for format in ["text", "csv"] {
            let shown = text(&table, format, 0);
            assert!(!shown.contains("0 kB/client"), "{shown}");
        }
    }
}

#[test]
fn kernel_memory_with_sockets_of_other_processes_is_absent() {
    // What the host counted with 1,000 clients of the bundled server, and the reason if there is one.
    let own = SocketChange { held: 2_000, allocated: 2_000, opened: 2_000, server: None };
    let cases = [
        (own, None),
        // A file of one more listener or so is no matter.
        (SocketChange { held: 2_060, opened: 2_060, ..own }, None),
        (SocketChange { held: 6_000, ..own }, Some("about 4,000 sockets came to the host beside")),
        // Of another network namespace.
        (SocketChange { allocated: 2_500, ..own }, Some("about 500 sockets came to the host")),
        // Opened and closed between the two readings.
        (SocketChange { opened: 12_000, ..own }, Some("accepted about 10,000 connections")),
        (SocketChange { allocated: 700, ..own }, Some("about 1,300 sockets of other processes")),
        // A proxy has a connection of its own for each client.
        (SocketChange { held: 4_000, allocated: 4_000, opened: 4_000, server: Some(3_000) }, None),
    ];
    for (change, expected) in cases {
        let mut result = complete(&[WEBSOCKET], &[1_000]);
        result.cases.get_mut(&0).unwrap().ends[0].kernel_sockets = Some(change);
        let table = summarise(&result);
        let figure = &row(&table, "websocket", 1_000).cost.kernel_bytes;
        match expected {
            Some(why) => {
                let reason = figure.reason().unwrap_or_default();
                assert!(reason.contains(why), "{change:?}: {reason}");
            }
            None => assert_eq!(figure.value(), Some(9_600.0), "{change:?}: {figure:?}"),
        }
    }
}

#[test]
fn processes_that_could_not_be_ended_are_in_the_text() {
    let mut result = complete(&[WEBSOCKET], &[1_000]);
    let left = "processes that `serve` started could not be ended and run on: 4711";
    result.cases.get_mut(&0).unwrap().ends[0].left_running = Some(left.to_owned());
    let table = summarise(&result);
    let shown = text(&table, "text", 0).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains(left), "{shown}");
    assert_eq!(table.verdict.conclusion.exit_code(), 0);
}

fn lost_driver() -> LostProcess {
    LostProcess { role: ProcessRole::Driver, how: "driver 0".to_owned() }
}

/// Spoils a valid result and gives the verdict's exit code and reasons.
fn spoiled(clients: u32, spoil: impl Fn(&mut CaseResult)) -> (u8, String) {
    let mut result = complete(&[POLLING], &[clients]);
    spoil(result.cases.get_mut(&0).unwrap());
    let table = summarise(&result);
    (table.verdict.conclusion.exit_code(), table.verdict.reasons.join("\n"))
}

#[test]
fn a_run_that_does_not_hold_is_invalid() {
    let expect = |(code, reasons): (u8, String), words: &str| {
        assert_eq!(code, 96, "{reasons}");
        assert!(reasons.contains(words), "{reasons}");
    };
    assert_eq!(spoiled(1_000, |_| ()), (0, String::new()));
    expect(spoiled(1_000, |c| c.drivers[0].connected = 999), "999 of 1,000 clients connected");
    expect(spoiled(1_000, |c| c.drivers[0].turns_not_started = 7), "7 turns were not reached");
    expect(spoiled(1_000, |c| c.drivers[0].audit.mismatched = 1), "on 1 connections");
    expect(spoiled(1_000, |c| c.drivers[0].audit.connections = 0), "no connection was compared");
    expect(spoiled(1_000, |c| c.servers[0].received += 3), "the server leaves 3 bytes");
    expect(spoiled(1_000, |c| c.ends[0].lost.push(lost_driver())), "lost: driver 0");
    expect(spoiled(1_000, |c| c.ends[0].interval_ns *= 2), "which the scenario does not permit");
    expect(
        spoiled(1_000, |c| c.total.phases.steady.ledger.down[Part::Payload] += 1),
        "the ledger leaves 1 bytes unexplained",
    );
    let late = |c: &mut CaseResult| {
        (0..100_000).for_each(|_| c.total.latency.record(Metric::DriverLag, 60_000_000));
    };
    expect(
        spoiled(1_000, late),
        "driver lag, how late the driver sent what was due: p99 60 ms is above 50 ms",
    );
    let nothing = |c: &mut CaseResult| c.total.phases[Phase::Steady].counts = Counts::default();
    expect(spoiled(1_000, nothing), "nothing was measured");
}

#[test]
fn faults_and_losses_are_shown_and_do_not_invalidate() {
    let lossy = |c: &mut CaseResult| {
        c.total.phases.steady.counts.lost = 4;
        c.total.phases.steady.counts.faults = 2;
        c.total.faults.insert(ClientError::with(ClientErrorKind::Status, 503), 2);
    };
    let mut result = complete(&[WEBSOCKET], &[1_000]);
    lossy(result.cases.get_mut(&0).unwrap());
    let table = summarise(&result);
    assert_eq!(table.verdict.status, Status::Valid);
    assert!(text(&table, "text", 0).contains("2 × answered with status 503"));
    assert!(text(&table, "json", 0).contains(r#""answered with status 503": 2"#));
}

#[test]
fn a_stopped_run_is_partial_and_shows_what_there_is() {
    let mut result = complete(&[POLLING, WEBSOCKET], &[1_000]);
    result.cases.remove(&1);
    result.ends[0].reason = StopReason::Interrupted;
    let case = result.cases.get_mut(&0).unwrap();
    case.ends[0].stopped = Some("SIGINT".to_owned());
    case.ends[0].steady_until_s = 5;
    case.ends[0].duration_ns = 2_000_000_000;
    let table = summarise(&result);
    assert_eq!(
        (table.verdict.status, table.verdict.conclusion.exit_code()),
        (Status::Partial, 130)
    );
    assert_eq!(row(&table, "polling", 1_000).window_s.value(), Some(2.0));
    assert_eq!(row(&table, "websocket", 1_000).status, Status::Partial);
    assert!(text(&table, "text", 0).contains("partial: the run was stopped: SIGINT"));
    result.ends.clear();
    assert_eq!(summarise(&result).verdict.conclusion.exit_code(), 1);
}

#[test]
fn files_are_written_whole_and_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let result = complete(&[POLLING, WEBSOCKET], &[1_000]);
    let path = dir.path().join("result.jsonl");
    let mut writer = file::Writer::create(&path, &result.header).unwrap();
    for (number, case) in &result.cases {
        for (second, window) in case.seconds.kept() {
            let line = file::WindowLine::new(*number, 0, *second, window);
            writer.write(&file::Line::Window(Box::new(line))).unwrap();
        }
        let lines = case.drivers.iter().map(|d| file::Line::Driver(Box::new(d.clone())));
        let lines =
            lines.chain(case.servers.iter().map(|s| file::Line::Server(Box::new(s.clone()))));
        let lines = lines.chain(case.ends.iter().map(|e| file::Line::Case(Box::new(e.clone()))));
        lines.for_each(|line| writer.write(&line).unwrap());
    }
    writer.write(&file::Line::End(result.ends[0].clone())).unwrap();
    let out = dir.path().join("out");
    let all = command::formats(&[]).unwrap();
    let report = command::report(&[path], Some(&out), &all).unwrap();
    let mut expected = summarise(&result);
    let written = std::fs::read_to_string(out.join("timeseries.csv")).unwrap();
    assert_eq!(written, timeseries(&expected));
    // Their seconds are in the file, and in memory.
    let mut read = report.tables[0].clone();
    let rows = |table: &mut Table| {
        table.rows.iter_mut().chain(&mut table.floors).for_each(|row| row.seconds = <_>::default());
    };
    rows(&mut read);
    rows(&mut expected);
    // It came from a file, and the other did not.
    expected.sources.clone_from(&read.sources);
    assert_eq!(read, expected);
    let mut names: Vec<String> = std::fs::read_dir(&out)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut expected: Vec<String> =
        FORMATS.iter().flat_map(|f| f.files()).map(str::to_owned).collect();
    names.sort();
    expected.sort();
    assert_eq!(names, expected);
}

#[test]
fn failures_name_the_path_or_the_format() {
    let dir = tempfile::tempdir().unwrap();
    let blocked = dir.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let table = summarise(&planned(&[POLLING], &[1_000]));
    let text = [find_format("text").unwrap()];
    let error = command::write_all(&table, &blocked, &text).unwrap_err();
    assert!(error.message.contains("file"), "{error}");
    std::fs::create_dir_all(dir.path().join("out/summary.txt")).unwrap();
    let error = command::write_all(&table, &dir.path().join("out"), &text).unwrap_err();
    assert!(error.message.contains("summary.txt"), "{error}");
    assert_eq!(std::fs::read_dir(dir.path().join("out")).unwrap().count(), 1);
    let error = command::formats(&["pdf".to_owned()]).err().unwrap();
    assert_eq!(error.kind, FailureKind::Usage);
    assert!(error.message.contains("text, csv, json, html, png"), "{error}");
}

fn amount() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 1u64..100, 0u64..1 << 44]
}

fn anything() -> impl Strategy<Value = RunResult> {
    let numbers = prop::collection::vec(amount(), 31 + Metric::ALL.len());
    let cases = prop::collection::vec((numbers, 0u8..32), 1..6);
    (cases, prop::sample::subsequence(sample::ALL.to_vec(), 1..3)).prop_map(|(cases, series)| {
        let mut result = planned(&series, &[1, 100_000]);
        for (i, (n, keep)) in cases.into_iter().enumerate() {
            let number = i as u32;
            let has = |bit: u8| keep & (1 << bit) != 0;
            pictures::any_model(&mut result.header, i, &n);
            let case = result.cases.entry(number).or_default();
            if has(0) {
                case.add_window(n[0] as u32 % 100, &any_window(&n));
            }
            let (cpu_ns, resident_before, resident_during) = (n[1], n[2], n[3]);
            let activity = ProcessActivity {
                cpu_ns: KernelCounts::Known(n[0], n[1]),
                context_switches: KernelCounts::Known(n[2], n[3]),
                ..ProcessActivity::default()
            };
            let cost = Cost { cpu_ns, resident_before, resident_during, activity };
            if has(1) {
                let mut end =
                    DriverEnd { case: number, connected: n[4] as u32, cost, ..Default::default() };
                end.tcp.steady.readings = n[5];
                end.tcp.steady.ip_bytes_up = Bytes::new(n[6]);
                end.tcp.steady.data_segments_up = n[7];
                end.audit.unexplained_bytes = n[8];
                end.trace = pictures::any_trace(&n);
                case.drivers.push(end);
            }
            if has(2) {
                case.servers.push(ServerEnd { received: n[9], cost, ..Default::default() });
            }
            if has(3) {
                case.ends.push(CaseEnd {
                    steady_from_s: n[10] as u32,
                    steady_until_s: n[11] as u32,
                    interval_ns: n[12],
                    connect_wall_ns: n[13],
                    kernel_memory: Some(n[14] as i64 - 100),
                    ..Default::default()
                });
            }
            if has(4) {
                result.ends.push(End {
                    reason: StopReason::Complete,
                    wall_ns: n[15],
                    sha256: None,
                });
            }
        }
        result
    })
}

fn any_window(n: &[u64]) -> Window {
    let mut recorder = Recorder::default();
    for (i, phase) in Phase::ALL.into_iter().enumerate() {
        let cell = recorder.at(phase);
        cell.counts.turns = n[16 + i];
        cell.counts.messages = n[17 + i];
        cell.counts.completed = n[18 + i];
        cell.ledger.up.wire = Bytes::new(n[19 + i]);
        cell.ledger.down[Part::Heads] = n[20 + i];
        cell.ledger.down[Part::Framing] = n[21 + i];
    }
    for metric in Metric::ALL {
        if !n[30].is_multiple_of(3) {
            recorder.latency(Phase::Steady, metric, n[31 + metric as usize]);
        }
    }
    recorder.take(Window::clone)
}

fn check_everything(result: &RunResult) {
    let table = summarise(result);
    for row in table.rows.iter().chain(&table.floors) {
        for column in metrics::columns() {
            if let CellValue::Number(figure) = column.get(row) {
                assert!(figure.value().is_none_or(f64::is_finite), "{}", column.name);
                assert!(figure.reason().is_none_or(|why| !why.is_empty()), "{}", column.name);
            }
        }
    }
    for file in ["text", "csv", "json"].iter().flat_map(|f| find_format(f).unwrap().render(&table))
    {
        let text = String::from_utf8(file.bytes).unwrap();
        for bad in ["NaN", "nan", "inf"] {
            let word = |w: &str| w.trim_matches(|c: char| !c.is_alphanumeric()) == bad;
            assert!(!text.split([' ', ',', '\n', ':']).any(word), "{bad} in {}", file.name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_result_renders(result in anything()) {
        check_everything(&result);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]
    #[test]
    fn any_result_can_be_drawn(result in anything()) {
        let drawn = find_format("png").unwrap().render(&summarise(&result));
        prop_assert_eq!(drawn.len(), 10);
        let page = find_format("html").unwrap().render(&summarise(&result));
        prop_assert!(!page[0].bytes.is_empty());
    }
}

#[test]
fn lines_fit_a_terminal() {
    for table in [chapter_run(), summarise(&complete(&sample::ALL, &COUNTS))] {
        for line in text(&table, "text", 0).lines() {
            assert!(line.chars().count() <= 120, "{} columns: {line}", line.chars().count());
        }
    }
}

use proptest::strategy::ValueTree;

/// How many results the second implementation makes again.
const GENERATED: usize = 1_000;

/// A second implementation, in another language and written from the documents alone, makes the same figures.
#[test]
fn an_independent_program_makes_the_same_figures_of_any_result() {
    let script =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/figures.py");
    if std::process::Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: there is no python3 to make the figures again with");
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = anything();
    let formats = ["csv", "html"].map(|name| find_format(name).expect("a format"));
    let mut folders = Vec::new();
    for n in 0..GENERATED {
        let result = strategy.new_tree(&mut runner).expect("a result").current();
        let folder = dir.path().join(n.to_string());
        std::fs::create_dir(&folder).expect("a folder");
        let path = folder.join("result.jsonl");
        write_result(&path, &result);
        let mut table = summarise(&file::read(&path).expect("it reads"));
        table.sources = vec![path];
        // A page takes longer than a summary.
        let formats = if n % 50 == 0 { &formats[..] } else { &formats[..1] };
        for file in formats.iter().flat_map(|format| format.render(&table)) {
            if matches!(file.name, "summary.csv" | "report.html") {
                std::fs::write(folder.join(file.name), file.bytes).expect("a file");
            }
        }
        folders.push(folder);
    }
    let mut python = std::process::Command::new("python3");
    let output = python.arg(script).args(&folders).output().expect("python3 starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains(" 0 differ; no formula here: none"), "{said}");
}

/// Writes a result with its lines in the order of a run.
fn write_result(path: &std::path::Path, result: &RunResult) {
    let mut writer = file::Writer::create(path, &result.header).expect("a file");
    let mut write = |line: file::Line| writer.write(&line).expect("a line");
    for (&number, case) in &result.cases {
        for (&second, window) in case.seconds.kept() {
            write(file::Line::Window(Box::new(file::WindowLine::new(number, 0, second, window))));
        }
        for end in &case.drivers {
            let end = DriverEnd { case: number, ..end.clone() };
            write(file::Line::Driver(Box::new(end)));
        }
        for end in &case.servers {
            write(file::Line::Server(Box::new(ServerEnd { case: number, ..end.clone() })));
        }
        for end in &case.ends {
            write(file::Line::Case(Box::new(CaseEnd { case: number, ..end.clone() })));
        }
    }
    for end in &result.ends {
        write(file::Line::End(end.clone()));
    }
}
