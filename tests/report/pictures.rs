//! What pictures and their CSV twins show: single messages, distributions, ages, curves.

use super::recorded::{RATE, SERIES, recorded};
use super::sample::{POLLING, WEBSOCKET, complete, planned};
use super::{COUNTS, check_everything, text};
use std::collections::BTreeMap;
use std::path::Path;
use wsbench::internals::error::FailureKind;
use wsbench::internals::predict::{Component, CostAt, Distribution, Exchange, Model};
use wsbench::internals::record::{TraceEvent, TraceKind};
use wsbench::internals::report::{Table, find_format, summarise};
use wsbench::internals::result::{Curve, Header, RunResult, file};

/// Events at any moments, in any order, of any clients.
pub fn any_trace(n: &[u64]) -> Vec<TraceEvent> {
    let kinds = [TraceKind::Sent, TraceKind::Empty, TraceKind::Update];
    let event = |pair: &[u64]| TraceEvent {
        client: pair[0] as u32 % 6,
        at_ns: if pair[0].is_multiple_of(11) { i64::MAX } else { pair[0] as i64 },
        kind: kinds[pair[1] as usize % 3],
        sequence: pair[1],
        published_ns: if pair[1].is_multiple_of(13) {
            i64::MIN
        } else {
            pair[1] as i64 - pair[0] as i64
        },
    };
    n.chunks_exact(2).map(event).collect()
}

/// Any law and any curve for a case, sensible or not.
pub fn any_model(header: &mut Header, case: usize, n: &[u64]) {
    let [a, b, c] = [n[1], n[2], n[3]].map(|n| n as f64);
    let parts = [
        (0.5, Component::Constant { at_ns: a }),
        (0.2, Component::Uniform { from_ns: a, to_ns: b }),
        (0.3, Component::CutExponential { from_ns: b, to_ns: c, rate: a / 1e12 }),
    ];
    let some = n[4] as usize % 4;
    let Some(info) = header.cases.get_mut(case) else { return };
    let model = Model::exact(Exchange::default(), 1, None);
    let delivery = Some(Distribution { parts: parts[..some.min(3)].to_vec() });
    info.model = (some < 3).then_some(Model { delivery, age_mean_ns: Some(c), ..model });
    let point = |n: &[u64]| CostAt {
        rate_hz: n[0] as f64 / 1e3,
        wire_bytes_per_s: n[1] as f64,
        ip_bytes_per_s: n[2] as f64,
    };
    header.curves.push(Curve {
        series: info.series.clone(),
        transport: info.transport.clone(),
        clients: info.clients,
        points: n.chunks_exact(3).map(point).collect(),
        absent: None,
    });
}

/// Draws everything; `WSBENCH_PICTURES` names a folder to look at it in.
fn draw(name: &str, result: &RunResult) -> Table {
    let table = summarise(result);
    let folder = std::env::var_os("WSBENCH_PICTURES").map(std::path::PathBuf::from);
    for picture in find_format("png").unwrap().render(&table) {
        assert!(picture.bytes.starts_with(b"\x89PNG"), "{}", picture.name);
        if let Some(folder) = &folder {
            std::fs::create_dir_all(folder).unwrap();
            std::fs::write(folder.join(format!("{name}-{}", picture.name)), &picture.bytes)
                .unwrap();
        }
    }
    check_everything(result);
    table
}

#[test]
fn recordings_are_drawn_whatever_is_missing() {
    let all = draw("all", &recorded(&SERIES, &[40, 10_000], RATE));
    assert_eq!(all.verdict.reasons, Vec::<String>::new());
    assert_eq!(all.pictures.timeline.lanes.len(), 6);
    assert!(all.pictures.timeline.absent.is_none() && all.pictures.ages.absent.is_none());
    let one = draw("one", &recorded(&SERIES[..1], &[40], RATE));
    assert!(one.crossings.is_empty() && one.pictures.costs.absent.is_none());
    let none = draw("no-updates", &recorded(&SERIES, &[40], 0.0));
    assert!(none.pictures.timeline.lanes[0].messages.iter().all(|m| m.latency_us.is_none()));
    assert!(none.pictures.ages.lanes.iter().all(|l| l.corners.is_empty()));
    let why = "no update reached a client in the measured window";
    assert_eq!(none.pictures.ages.absent.as_deref(), Some(why));
    let chapter = draw("no-trace-no-model", &complete(&[POLLING, WEBSOCKET], &COUNTS));
    let absent = "the result has no record of single clients";
    assert_eq!(chapter.pictures.timeline.absent.as_deref(), Some(absent));
    assert!(chapter.pictures.costs.absent.is_some());
    let at_once = recorded(&[SERIES[1], SERIES[5]], &[40], 200.0);
    let fast = draw("fast", &at_once);
    assert!(fast.pictures.timeline.lanes[1].kept_until_us.is_some());
    let mut external = recorded(&SERIES[..2], &[40], RATE);
    for curve in &mut external.header.curves {
        curve.points.clear();
        curve.absent =
            Some("the server is not the bundled one: what it sends cannot be predicted".to_owned());
    }
    external.header.cases.iter_mut().for_each(|c| c.model = None);
    let external = draw("external", &external);
    assert!(external.pictures.costs.absent.unwrap().contains("not the bundled one"));
}

/// The result header of a scenario, as a run would write it.
fn planned_header(scenario: &str) -> RunResult {
    let source = wsbench::internals::config::SourceText {
        name: "scenarios/x.toml".to_owned(),
        text: scenario.to_owned(),
        overrides: Vec::new(),
    };
    let file = wsbench::internals::scenario::parse(source, "x".to_owned(), "scenarios".into());
    let machine = wsbench::internals::os::Machine::read();
    let plan = wsbench::internals::plan::resolve(&file, &machine).expect("a good scenario").plan;
    RunResult::new(wsbench::internals::run::header(&plan, String::new(), BTreeMap::new()))
}

const POLL_AND_PUSH: &str = r#"
name = "x"
clients = [100, 10]
duration = "10s"
[feed]
rate = "2/s"
size = "21B"
[[series]]
transport = "polling"
interval = "5s"
request_head = "chapter"
response_head = "chapter"
[[series]]
transport = "websocket"
"#;

#[test]
fn curves_cross_where_arithmetic_says() {
    let result = planned_header(POLL_AND_PUSH);
    let table = summarise(&result);
    let costs = &table.pictures.costs;
    assert_eq!((costs.clients, costs.planned_hz, costs.curves.len()), (10, Some(2.0), 2));
    // A poll of the chapter's heads and 21 bytes is 1086 bytes of IP packets, a frame 127.
    for point in &costs.curves[0].points {
        assert!((point.ip_bytes_per_s - 1086.0 / 5.0).abs() < 1e-6, "{point:?}");
    }
    for point in &costs.curves[1].points {
        assert!((point.ip_bytes_per_s / (127.0 * point.rate_hz) - 1.0).abs() < 1e-9, "{point:?}");
    }
    let [crossing] = &table.crossings[..] else { panic!("{:?}", table.crossings) };
    assert!((crossing.rate_hz / (1086.0 / 127.0 / 5.0) - 1.0).abs() < 1e-9, "{crossing:?}");
    assert!((crossing.bytes_per_s / 217.2 - 1.0).abs() < 1e-9);
    assert_eq!((&*crossing.a, &*crossing.b), ("polling", "websocket"));
    assert_eq!((&*crossing.cheaper_below, &*crossing.cheaper_above), ("websocket", "polling"));
    let csv = text(&table, "csv", 6);
    assert!(csv.contains("polling,polling,1.710236,,217.2,websocket\n"), "{csv}");
    draw("planned", &result);
}

#[test]
fn a_foreign_server_has_no_curve_and_says_why() {
    let scenario = format!("{POLL_AND_PUSH}\n[server]\nurl = \"http://127.0.0.1:8080\"\n");
    let table = summarise(&planned_header(&scenario));
    assert!(table.pictures.costs.absent.as_deref().unwrap().contains("not the bundled one"));
    assert!(table.crossings.is_empty());
}

#[test]
fn distributions_end_at_one_and_never_fall() {
    let result = recorded(&SERIES, &[40], RATE);
    let table = summarise(&result);
    for row in &table.rows {
        let points = &row.distribution.points;
        assert!(points.len() > 2 && points.len() < 1_000, "{}", points.len());
        assert!(points.windows(2).all(|w| w[0].latency_us < w[1].latency_us));
        assert!(points.windows(2).all(|w| w[0].measured <= w[1].measured && w[0].law <= w[1].law));
        let last = points.last().unwrap();
        assert_eq!((last.measured, last.law), (Some(1.0), Some(1.0)), "{}", row.series);
        let distance = row.predicted.distribution_distance.value().unwrap();
        assert!((0.0..0.1).contains(&distance), "{}: {distance}", row.series);
    }
    let csv = text(&table, "csv", 4);
    assert!(csv.starts_with("series,clients,latency_us,measured_share,law_share\n"));
    let traces = text(&table, "csv", 3);
    assert!(traces.contains("polling every 1 s,40,0,0,") && traces.contains(",update,"));
}

#[test]
fn a_result_without_curves_reads_as_before() {
    let header = serde_json::to_value(&planned(&[POLLING], &[10]).header).unwrap();
    assert!(header.get("curves").is_none());
    let read: wsbench::internals::result::Header = serde_json::from_value(header).unwrap();
    assert!(read.curves.is_empty());
    let why = summarise(&RunResult::new(read)).pictures.costs.absent.unwrap();
    assert!(why.contains("no curves"), "{why}");
}

#[test]
fn a_file_with_a_figure_that_no_run_can_have_is_refused_by_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("result.jsonl");
    let mut header = recorded(&SERIES, &[40], RATE).header;
    file::Writer::create(&path, &header).unwrap();
    file::read(&path).expect("the figures are those of a run");
    header.curves[1].points[2].ip_bytes_per_s = 1e308;
    file::Writer::create(&path, &header).unwrap();
    let refused = file::read(&path).unwrap_err().to_string();
    let place = "result.jsonl:1: not a line of a result file: header.curves[1].points[2].ip_bytes_per_s is 1e308";
    assert!(refused.contains(place), "{refused}");
}

#[test]
fn a_picture_of_any_number_is_drawn() {
    let mut result = recorded(&SERIES, &[40], RATE);
    // What is not read from a file is not refused.
    result.header.curves[1].points[2].ip_bytes_per_s = 1e308;
    result.header.curves[2].points[2].ip_bytes_per_s = 1e-308;
    result.header.cases[1].model.as_mut().unwrap().age_mean_ns = Some(1e308);
    draw("any number", &result);
}

#[test]
fn a_device_is_no_result_file() {
    for read in [file::read(Path::new("/dev/zero")), file::read(Path::new("/dev/null"))] {
        let refused = read.unwrap_err();
        assert_eq!(refused.kind, FailureKind::Run, "{refused}");
    }
    let refused = format!("{:#}", file::read(Path::new("/dev/zero")).unwrap_err());
    assert!(refused.contains("a line has no end within 256 MiB"), "{refused}");
}
