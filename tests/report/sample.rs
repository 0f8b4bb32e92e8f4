//! A synthetic result: the chapter's exchanges by arithmetic, so that every figure is known.

use std::collections::BTreeMap;
use wsbench::internals::feed::Workload;
use wsbench::internals::predict::{Distribution, Exchange, Model};
use wsbench::internals::record::{
    Flow, Ledger, Metric, Part, Phase, Phases, Recorder, TcpTotals, Window,
};
use wsbench::internals::result::StopReason;
use wsbench::internals::result::{
    CaseEnd, CaseInfo, CaseResult, Cost, DriverEnd, End, Header, Instructions, KernelAudit,
    KernelCounts, MemoryReading, ProcessActivity, ReceiveTimestamps, RunResult, SCHEMA, ServerEnd,
    Uncounted,
};
use wsbench::internals::units::{Bytes, SECOND_NS};

/// The measured seconds.
pub const SECONDS: u32 = 10;

/// A transport with its label.
#[derive(Debug, Clone, Copy)]
pub struct Series(pub &'static str, pub &'static str);

pub const POLLING: Series = Series("polling", "polling");
pub const WEBSOCKET: Series = Series("websocket", "websocket");
pub const ALL: [Series; 6] = [
    POLLING,
    Series("polling by reqwest, a real application's client", "polling"),
    Series("long-polling", "long-polling"),
    Series("streaming", "streaming"),
    Series("sse", "sse"),
    WEBSOCKET,
];

impl Series {
    fn paced(self) -> bool {
        self.1 == "polling"
    }
    /// Bytes of one message: up, then down.
    fn exchange(self) -> Ledger {
        let mut ledger = Ledger::default();
        let down = &mut ledger.down;
        down[Part::Payload] = 21;
        match self.1 {
            "polling" | "long-polling" => {
                ledger.up = Flow::of([(Part::Heads, 716)]).with_head_chars(692);
                down[Part::Heads] = 193;
                down.head_chars = 179;
            }
            "streaming" => down[Part::Framing] = 6,
            "sse" => down[Part::Framing] = 14,
            _ => down[Part::Framing] = 2,
        }
        ledger.up.wire = Bytes::new(ledger.up.explained());
        ledger.down.wire = Bytes::new(ledger.down.explained());
        ledger
    }
    /// The same by arithmetic, an update a second.
    fn model(self) -> Model {
        let segments_up = if self.paced() { 2 } else { 1 };
        let exchange = Exchange { ledger: self.exchange(), segments_up, segments_down: 1 };
        let (delivery, age_mean_ns) = match self.paced() {
            true => (Distribution::uniform(0.0, 1e9), 1e9),
            false => (Distribution::constant(0.0), 0.5e9),
        };
        Model {
            delivery: Some(delivery),
            response: self.paced().then(|| Distribution::constant(0.0)),
            age_mean_ns: Some(age_mean_ns),
            ..Model::exact(exchange, 1, Some(1.0))
        }
    }
}

fn times(ledger: &Ledger, n: u64) -> Ledger {
    let flow = |f: &Flow| {
        let mut all = Flow::default().with_head_chars(f.head_chars * n);
        all.wire = Bytes::new(f.wire.get() * n);
        for &part in Part::ALL {
            all[part] = f[part] * n;
        }
        all
    };
    Ledger { up: flow(&ledger.up), down: flow(&ledger.down) }
}

fn info(case: u32, series: Series, clients: u32) -> CaseInfo {
    CaseInfo {
        case,
        series: series.0.to_owned(),
        transport: series.1.to_owned(),
        clients,
        repeat: 0,
        floor: series.1 == "null",
        network: series.1 != "null",
        paced: series.paced() || series.1 == "null",
        interval_ns: SECOND_NS,
        may_stretch: clients >= 100_000,
        workload: Workload::Ticker,
        feed_rate_hz: 1.0,
        feed_rate_stated: false,
        probes_per_s: 0,
        payload_bytes: 21,
        duration_ns: u64::from(SECONDS) * SECOND_NS,
        bundled_server: true,
        absent: BTreeMap::new(),
        model: (series.1 != "null").then(|| series.model()),
        connection_each_turn: false,
    }
}

/// An empty result of a plan with these series at these client counts, a floor each.
pub fn planned(series: &[Series], counts: &[u32]) -> RunResult {
    let mut cases = Vec::new();
    for &clients in counts {
        for &one in series.iter().chain([&Series("null", "null")]) {
            cases.push(info(cases.len() as u32, one, clients));
        }
    }
    RunResult::new(Header {
        schema: SCHEMA.to_owned(),
        name: "polling-vs-ws".to_owned(),
        started: "2026-11-22T08:00:00Z".to_owned(),
        plan: serde_json::json!({ "name": "polling-vs-ws" }),
        plan_hash: "0123456789abcdef".to_owned(),
        build: "wsbench 0.1.0 release".to_owned(),
        host: BTreeMap::from([("cpus".to_owned(), "2".to_owned())]),
        cases,
        curves: Vec::new(),
        limits: Vec::new(),
        source: None,
    })
}

/// A complete, valid result; polling at 100,000 clients held 1.4 s instead of one.
pub fn complete(series: &[Series], counts: &[u32]) -> RunResult {
    let mut result = planned(series, counts);
    for info in result.header.cases.clone() {
        let series = series.iter().copied().find(|s| s.0 == info.series);
        let case = case(&info, series.unwrap_or(Series("null", "null")));
        result.cases.insert(info.case, case);
    }
    result.ends.push(End { reason: StopReason::Complete, wall_ns: 200 * SECOND_NS, sha256: None });
    result
}

fn case(info: &CaseInfo, series: Series) -> CaseResult {
    let floor = info.floor;
    let clients = u64::from(info.clients);
    let stretched = info.clients >= 100_000 && series.paced();
    let interval_ns = if stretched { SECOND_NS * 7 / 5 } else { SECOND_NS };
    let turns = clients * SECOND_NS / interval_ns;
    let mut case = CaseResult::default();
    let set_up = if floor { Ledger::default() } else { times(&ledger_of_set_up(), clients) };
    case.add_window(0, &set_up_window(&set_up, clients, floor));
    for second in 3..3 + SECONDS {
        case.add_window(second, &window(series, turns, clients, floor));
    }
    let total = case.total.phases.total().ledger;
    case.drivers.push(driver(info, series, turns * u64::from(SECONDS)));
    if !floor {
        case.servers.push(ServerEnd {
            case: info.case,
            connections: clients,
            received: total.up.wire.get(),
            sent: total.down.wire.get(),
            cost: Cost {
                cpu_ns: turns * u64::from(SECONDS) * if series.paced() { 14_500 } else { 5_200 },
                resident_before: 4 << 20,
                resident_during: (4 << 20) + clients * if series.paced() { 9_800 } else { 5_100 },
                activity: activity(turns * u64::from(SECONDS)),
            },
            ..ServerEnd::default()
        });
    }
    case.ends.push(CaseEnd {
        case: info.case,
        steady_from_s: 3,
        steady_until_s: 3 + SECONDS,
        interval_ns,
        duration_ns: u64::from(SECONDS) * 1_000_000_000,
        connect_wall_ns: if floor { 0 } else { clients * 25_000 },
        kernel_memory: (!floor).then_some(clients as i64 * 9_600),
        server_memory: if floor { Vec::new() } else { server_memory(turns) },
        ..CaseEnd::default()
    });
    case
}

/// Half a byte for each of so many turns a second, ten readings a second.
fn server_memory(turns: u64) -> Vec<MemoryReading> {
    let readings = 0..=u64::from(SECONDS) * 10;
    let reading =
        |n: u64| MemoryReading { at_ns: n * SECOND_NS / 10, resident: (4 << 20) + n * turns / 20 };
    readings.map(reading).collect()
}

fn ledger_of_set_up() -> Ledger {
    let head = |n| Flow::of([(Part::Heads, n)]);
    Ledger { up: head(180), down: head(129) }
}

fn set_up_window(ledger: &Ledger, clients: u64, floor: bool) -> Window {
    let mut recorder = Recorder::default();
    if !floor {
        recorder.at(Phase::Setup).ledger += *ledger;
        recorder.at(Phase::Setup).counts.connects = clients;
        (1..=100).for_each(|n| recorder.set_up_time(Metric::ConnectTime, n * 3_000));
    }
    recorder.take(Window::clone)
}

/// A second of load: latencies are spread so that every percentile differs.
fn window(series: Series, turns: u64, clients: u64, floor: bool) -> Window {
    let mut recorder = Recorder::default();
    let phase = Phase::Steady;
    let cell = recorder.at(phase);
    cell.counts.turns = if series.paced() || floor { turns } else { 0 };
    if !floor {
        cell.counts.completed = turns;
        cell.counts.messages = turns;
        cell.counts.updates_published = clients;
        cell.counts.updates_delivered = turns;
        cell.counts.updates_superseded = clients - turns;
        cell.counts.age_time_us = clients * 1_000_000;
        let age_ms = if series.paced() { 1_005 } else { 510 };
        cell.counts.age_area_us_ms = cell.counts.age_time_us * age_ms;
        cell.ledger = times(&series.exchange(), turns);
    }
    for n in 1..=1000u64 {
        if !floor {
            let delivery = if series.paced() { n * 1_000_000 } else { 20_000 * n + 300_000 };
            recorder.latency(phase, Metric::DeliveryLatency, delivery);
        }
        if series.paced() {
            recorder.latency(phase, Metric::ResponseLatency, 150_000 + n * n * 4);
            recorder.latency(phase, Metric::ServiceTime, 120_000 + n * n * 3);
        }
        if series.paced() || floor {
            recorder.latency(phase, Metric::DriverLag, 2_000 + n * 20);
        }
        recorder.latency(phase, Metric::ProbeLateness, 1_000 + n * 10);
        if !floor {
            recorder.latency(phase, Metric::KernelToClient, 4_000 + n * 30);
        }
    }
    recorder.take(Window::clone)
}

/// What a server does for so many messages. This user may not read its calls.
fn activity(messages: u64) -> ProcessActivity {
    ProcessActivity {
        cpu_ns: KernelCounts::Known(messages * 1_200, messages * 4_000),
        instructions: Instructions::Known(messages * 5_500),
        context_switches: KernelCounts::Known(messages * 5 / 4, messages / 20),
        io_calls: KernelCounts::Absent(Uncounted::NotPermitted),
        page_faults: KernelCounts::Known(messages / 100, 0),
    }
}

fn driver(info: &CaseInfo, series: Series, events: u64) -> DriverEnd {
    let clients = u64::from(info.clients);
    let app = times(&series.exchange(), events);
    let (up, down) = if series.paced() { (2 * events, events) } else { (events, events) };
    let steady = TcpTotals {
        readings: clients,
        bytes_up: app.up.wire.get(),
        bytes_down: app.down.wire.get(),
        segments_up: up,
        segments_down: down,
        data_segments_up: if series.paced() { events } else { 0 },
        data_segments_down: events,
        ip_bytes_up: Bytes::new(app.up.wire.get() + 52 * up),
        ip_bytes_down: Bytes::new(app.down.wire.get() + 52 * down),
        ..TcpTotals::default()
    };
    let floor = info.floor;
    DriverEnd {
        case: info.case,
        clients: info.clients,
        connected: info.clients,
        connected_peak: info.clients,
        tcp: Phases {
            steady: if floor { TcpTotals::default() } else { steady },
            ..Phases::default()
        },
        audit: KernelAudit {
            connections: if floor { 0 } else { clients },
            ..KernelAudit::default()
        },
        receive_timestamps: Some(ReceiveTimestamps {
            connections: if floor { 0 } else { clients.div_ceil(64) },
            ..ReceiveTimestamps::default()
        }),
        cost: Cost {
            cpu_ns: events
                * if floor {
                    1_300
                } else if series.paced() {
                    12_000
                } else {
                    6_600
                },
            resident_before: 3 << 20,
            resident_during: (3 << 20) + clients * if series.paced() { 2_300 } else { 7_800 },
            ..Cost::default()
        },
        ..DriverEnd::default()
    }
}
