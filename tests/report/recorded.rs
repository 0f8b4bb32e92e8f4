//! A synthetic recording: clients whose updates, requests and answers follow their transport's
//! rules on a line with a delay, with the laws and curves that the arithmetic gives for them.

use super::sample::{Series, complete};
use wsbench::internals::predict::{Component, CostAt, Distribution, Model};
use wsbench::internals::record::{
    Metric, Phase, TRACED_CLIENTS, TRACED_EVENTS, TraceEvent, TraceKind,
};
use wsbench::internals::result::{CaseInfo, Curve, RunResult};

/// One way, in nanoseconds.
pub const DELAY: i64 = 50_000_000;
/// Updates a second.
pub const RATE: f64 = 1.25;
const WINDOW: i64 = 30_000_000_000;

pub const SERIES: [Series; 6] = [
    Series("polling every 1 s", "polling"),
    Series("polling every 2 s", "polling"),
    Series("long-polling", "long-polling"),
    Series("streaming", "streaming"),
    Series("sse", "sse"),
    Series("websocket", "websocket"),
];

/// Numbers that look random and are the same each time (Steele, Lea and Flood's SplitMix).
struct Dice(u64);

impl Dice {
    fn part(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
    fn gap(&mut self, mean_ns: f64) -> i64 {
        (-(1.0 - self.part()).ln() * mean_ns) as i64
    }
    /// What server, timers and wake-ups take.
    fn late(&mut self) -> i64 {
        80_000 + self.gap(120_000.0)
    }
}

/// The planned interval of a series; 0 if it has none.
fn interval(series: &str) -> i64 {
    match series {
        "polling every 1 s" => 1_000_000_000,
        "polling every 2 s" => 2_000_000_000,
        _ => 0,
    }
}

/// What one client sent and received.
fn client(info: &CaseInfo, number: u32, rate_hz: f64) -> Vec<TraceEvent> {
    let mut dice = Dice(u64::from(number) * 7919 + info.series.len() as u64);
    let mut published = Vec::new();
    if rate_hz > 0.0 {
        let mut at = -6_000_000_000;
        while at < WINDOW {
            at += dice.gap(1e9 / rate_hz);
            published.push(at);
        }
    }
    let event = |at_ns, kind, place: usize| TraceEvent {
        client: number,
        at_ns,
        kind,
        sequence: if kind == TraceKind::Update { place as u64 } else { 0 },
        published_ns: match kind {
            TraceKind::Update => published[place - 1],
            _ => 0,
        },
    };
    let mut events = Vec::new();
    let mut had = 0;
    // The place of the last update that was published by then, from 1.
    let latest = |at: i64| published.partition_point(|p| *p <= at);
    let push = info.transport != "polling" && info.transport != "long-polling";
    let mut sent = -5_000_000_000 + (dice.part() * interval(&info.series) as f64) as i64;
    if push {
        for place in 1..=published.len() {
            let at = published[place - 1] + DELAY + dice.late();
            events.push(event(at, TraceKind::Update, place));
        }
    }
    while !push && sent < WINDOW {
        events.push(event(sent, TraceKind::Sent, 0));
        let mut there = sent + DELAY;
        if info.transport == "long-polling" && latest(there) == had {
            there = published.get(had).copied().unwrap_or(WINDOW * 2);
        }
        let place = latest(there);
        let at = there + DELAY + dice.late();
        let kind = if place > had { TraceKind::Update } else { TraceKind::Empty };
        events.push(event(at, kind, place));
        had = place;
        sent = match interval(&info.series) {
            0 => at,
            interval => sent + interval,
        };
    }
    events.retain(|e| (0..WINDOW).contains(&e.at_ns));
    events.sort_by_key(|e| e.at_ns);
    events
}

fn distribution(info: &CaseInfo, rate_hz: f64) -> Distribution {
    let (d, rate) = (DELAY as f64, rate_hz / 1e9);
    match &*info.transport {
        "polling" => {
            let to_ns = d + interval(&info.series) as f64;
            Distribution {
                parts: vec![(1.0, Component::CutExponential { from_ns: d, to_ns, rate })],
            }
        }
        // The next request is there two ways after an answer left: who is published before waits.
        "long-polling" => {
            let at_once = (-2.0 * d * rate).exp();
            let waits = Component::CutExponential { from_ns: d, to_ns: 3.0 * d, rate };
            Distribution {
                parts: vec![(at_once, Component::Constant { at_ns: d }), (1.0 - at_once, waits)],
            }
        }
        _ => Distribution::constant(d),
    }
}

fn model(info: &CaseInfo, rate_hz: f64) -> Model {
    let age = DELAY as f64 + 1e9 / rate_hz + interval(&info.series) as f64 / 2.0;
    // What one costs is as in the sample that the recording is made from.
    let exchange = info.model.as_ref().map(|m| m.messages[0].exchange).unwrap_or_default();
    Model {
        delivery: Some(distribution(info, rate_hz)),
        age_mean_ns: Some(age),
        ..Model::exact(exchange, 1, Some(rate_hz))
    }
}

/// Bytes of IP packets a second at a rate: the chapter's heads, 21 bytes of payload.
fn cost(series: Series, rate_hz: f64) -> f64 {
    match (series.1, interval(series.0)) {
        ("polling", ns) => 1086.0 * 1e9 / ns as f64,
        // A request that is held for 30 s is answered with nothing.
        ("long-polling", _) => 1034.0 * rate_hz + 1034.0 / 30.0 * (-30.0 * rate_hz).exp(),
        ("streaming", _) => 131.0 * rate_hz,
        ("sse", _) => 145.0 * rate_hz + 107.0 / 15.0,
        _ => 127.0 * rate_hz,
    }
}

/// The curve of a series.
pub fn curve(series: Series) -> Curve {
    let point = |n: i32| {
        let rate_hz = (100.0f64 * 3600.0).powf(f64::from(n) / 64.0) / 3600.0;
        let ip = cost(series, rate_hz);
        CostAt { rate_hz, wire_bytes_per_s: ip / 2.0, ip_bytes_per_s: ip }
    };
    Curve {
        series: series.0.to_owned(),
        transport: series.1.to_owned(),
        clients: 40,
        points: (0..=64).map(point).collect(),
        absent: None,
    }
}

/// A complete result with traces, laws, ages and curves.
pub fn recorded(series: &[Series], counts: &[u32], rate_hz: f64) -> RunResult {
    let mut result = complete(series, counts);
    result.header.plan = serde_json::json!({
        "delay": { "one_way_ns": DELAY },
        "timing": { "resolution_ns": 500_000 },
    });
    result.header.curves = series.iter().copied().map(curve).collect();
    for info in result.header.cases.iter_mut().filter(|c| !c.floor) {
        info.feed_rate_hz = rate_hz;
        info.interval_ns = match interval(&info.series) {
            0 if rate_hz > 0.0 => (1e9 / rate_hz) as u64,
            ns => ns as u64,
        };
        info.model = (rate_hz > 0.0).then(|| model(info, rate_hz));
        let case = result.cases.get_mut(&info.case).expect("a complete result has every case");
        case.ends[0].interval_ns = info.interval_ns;
        case.ends[0].duration_ns = WINDOW as u64;
        case.total.phases[Phase::Steady].counts.messages =
            (f64::from(info.clients) * rate_hz * WINDOW as f64 / 1e9) as u64;
        let counts = &mut case.total.phases[Phase::Steady].counts;
        (counts.age_time_us, counts.age_area_us_ms) = (0, 0);
        for metric in [Metric::DeliveryLatency, Metric::ResponseLatency, Metric::ServiceTime] {
            case.total.latency.of_mut(metric).reset();
        }
        if info.paced {
            case.total.latency.record(Metric::ResponseLatency, 2 * DELAY as u64 + 300_000);
        }
        // So many clients' worth is enough for a picture.
        for number in 0..info.clients.min(400) {
            let events = client(info, number, rate_hz);
            let mut last: Option<&TraceEvent> = None;
            for update in events.iter().filter(|e| e.kind == TraceKind::Update) {
                let latency = (update.at_ns - update.published_ns) as u64;
                case.total.latency.record(Metric::DeliveryLatency, latency);
                if let Some(last) = last {
                    let age = |at: i64| (at - last.published_ns) as f64;
                    let counts = &mut case.total.phases[Phase::Steady].counts;
                    let time = (update.at_ns - last.at_ns) as f64;
                    counts.age_time_us += (time / 1e3) as u64;
                    let mean = (age(last.at_ns) + age(update.at_ns)) / 2.0;
                    counts.age_area_us_ms += (mean * time / 1e9) as u64;
                }
                last = Some(update);
            }
            if number < TRACED_CLIENTS {
                case.drivers[0].trace.extend(events.into_iter().take(TRACED_EVENTS));
            }
        }
    }
    result
}
