//! The tables of `wsbench plan`.

use crate::cmd::relay::describe_delay;
use crate::cmd::table::{Cells, head};
use crate::feed::{Arrivals, Semantics, Spec, Workload};
use crate::gate::limit::Limit;
use crate::plan::{
    Case, Plan, PlannedSeries, Preflight, Server, ServerProcesses, are_arrivals_idle, estimate,
    estimate_result_bytes, is_idle, is_size_idle,
};
use crate::predict::http2::{beginning_bytes, repeated_request};
use crate::predict::{Exchange, Model};
use crate::protocol::http1::position::PositionSettings;
use crate::protocol::http2::frame::FRAME_HEADER_BYTES;
use crate::protocol::http2::message::request_fields;
use crate::protocol::template::Template;
use crate::protocol::websocket::deflate_offer::DeflateOffer;
use crate::record::Part;
use crate::secret::redact;
use crate::tls::{TlsSettings, TlsVersion};
use crate::units::{human_bytes, human_ns, thousands, three};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Stands for the key of a client's handshake: as long as one, and none.
const SOME_KEY: &str = "(16 random bytes:base64)";

/// Names the semantics of updates, unless only the latest counts and it is sent at once.
fn semantics_of(feed: &Spec) -> String {
    let log = match feed.semantics {
        Semantics::Log => "; every update counts",
        Semantics::Snapshot => "",
    };
    match feed.batch_ns {
        0 => log.to_owned(),
        batch_ns => format!("{log}; held back for {}", ns(batch_ns)),
    }
}

fn ns(value: u64) -> String {
    match value {
        0 => "0 s".to_owned(),
        ns => human_ns(ns as f64),
    }
}

/// The settings that hold for every case.
pub(super) fn facts(plan: &Plan) -> Vec<Cells> {
    let feed = &plan.feed;
    let timing = &plan.timing;
    let arrivals = match (feed.arrivals, feed.spread) {
        // That is the server's own matter.
        _ if are_arrivals_idle(plan) => "",
        (Arrivals::Periodic, true) => ", periodic, phases spread",
        (Arrivals::Periodic, false) => ", periodic, all clients at once",
        (Arrivals::Poisson, true) => ", Poisson, each client its own",
        (Arrivals::Poisson, false) => ", Poisson, all clients at once",
    };
    let ramp = match timing.ramp_ns {
        0 => "as fast as it goes".to_owned(),
        ramp => ns(ramp),
    };
    let delay = if plan.delay.is_none() { "none".to_owned() } else { describe_delay(&plan.delay) };
    let workload = match feed.workload {
        Workload::Ticker => String::new(),
        other => format!("{}, ", other.name()),
    };
    let payload = if plan.message.is_some() && !plan.has_bundled() {
        // Messages in a server's own form have any.
        String::new()
    } else if is_size_idle(plan) {
        format!("; {} of any size", feed.kind.name())
    } else {
        format!("; {} B of {}", feed.payload_bytes, feed.kind.name())
    };
    let feed = format!(
        "{workload}{} for each client{arrivals}{}{payload}; seed {}",
        if plan.rate_unknown && !plan.has_bundled() {
            "a rate that is not stated".to_owned()
        } else {
            format!("{}/s", three(feed.rate_hz))
        },
        semantics_of(feed),
        plan.seed
    );
    let phases = format!(
        "connect {ramp}, warm up {}, measure {}, cool down {}, drain at most {}",
        ns(timing.warmup_ns),
        ns(timing.duration_ns),
        ns(timing.cooldown_ns),
        ns(timing.drain_ns)
    );
    let result_bytes = estimate_result_bytes(plan);
    let facts = [
        ("feed", feed),
        ("phases", phases),
        ("timeout", ns(timing.timeout_ns)),
        ("delay", delay),
        ("repeats", plan.repeats.to_string()),
        ("result", format!("about {} in result.jsonl", human_bytes(result_bytes as f64))),
    ];
    let shared = plan.series.iter().any(|series| series.server.is_none());
    let server = shared.then(|| ("server", server_fact(&plan.server)));
    let tls = tls_fact(plan).map(|fact| ("tls", fact));
    let series = plan.series.iter().map(|series| ("series", series_fact(plan, series)));
    facts
        .into_iter()
        .chain(server)
        .chain(tls)
        .chain(series)
        .map(|(name, fact)| vec![name.to_owned(), redact(&fact).into_owned()])
        .collect()
}

/// Says how clients use TLS, and with which hosts; the settings of all series are the same.
fn tls_fact(plan: &Plan) -> Option<String> {
    let series = plan.series.iter().filter(|series| series.has_network());
    let used: Vec<&TlsSettings> = series.filter_map(|series| plan.tls_of(series)).collect();
    let tls = used.first()?;
    let hosts: BTreeSet<&str> = used.iter().map(|tls| tls.name.as_str()).collect();
    let hosts = Vec::from_iter(hosts).join(" and ");
    let trusted = match (&tls.ca, tls.insecure) {
        (_, true) => "any certificate is accepted".to_owned(),
        (Some(ca), _) => format!("authorities of {}", ca.display()),
        (None, _) => "the system's authorities or the bundled server's".to_owned(),
    };
    let version = match tls.version {
        None => "1.2 or 1.3",
        Some(TlsVersion::V1_2) => "1.2",
        Some(TlsVersion::V1_3) => "1.3",
    };
    let again = if tls.resumption { "sessions are resumed" } else { "every handshake is full" };
    Some(format!("{version}, for {hosts}, {trusted}, {again}"))
}

fn server_fact(server: &Server) -> String {
    match server {
        Server::Bundled => "bundled, started anew for each case".to_owned(),
        Server::External { url, start: Some(start), processes, .. } => {
            let words = start.words.join(" ");
            format!("{url}, `{words}` started anew for each case{}", processes_fact(processes))
        }
        Server::External { url, address, others, processes, .. } => {
            let all = std::iter::once(address).chain(others).map(ToString::to_string);
            let all: Vec<String> = all.collect();
            format!("{url} ({}), already running{}", all.join(" or "), processes_fact(processes))
        }
    }
}

/// What of this machine a server is.
fn processes_fact(processes: &Option<ServerProcesses>) -> String {
    match processes {
        None => String::new(),
        Some(ServerProcesses::Pid(pid)) => format!(", process {pid} and its children"),
        Some(ServerProcesses::Cgroup(path)) => format!(", control group {path}"),
        Some(ServerProcesses::Docker(name)) => format!(", container {name:?}"),
    }
}

fn series_fact(plan: &Plan, series: &PlannedSeries) -> String {
    let PlannedSeries { label, path, .. } = series;
    let transport = series.transport();
    let name = if label == transport { label.clone() } else { format!("{label} ({transport})") };
    let pace = match (series.paced, series.interval_ns) {
        (true, 0) => "back to back".to_owned(),
        (true, interval) => format!("every {}", ns(interval)),
        (false, _) => "when there is an update".to_owned(),
    };
    let connection = match series.settings.http2() {
        Some(http2) => format!(", {http2}"),
        None if series.connection_each_turn => ", a new connection each time".to_owned(),
        None => String::new(),
    };
    let tls = match (&series.server, &series.tls) {
        (None, Some(_)) => ", over TLS",
        // Of a URL it is the scheme.
        _ => "",
    };
    let compression = compression_fact(series);
    let at = match &series.server {
        Some(server) => format!(" at {}", server_fact(server)),
        None if path.is_empty() => String::new(),
        None => format!(" at {path}"),
    };
    format!("{name}{at}, {pace}{connection}{tls}{compression}{}", settings(plan, series))
}

/// Which compression the clients ask for.
fn compression_fact(series: &PlannedSeries) -> String {
    let Some(options) = series.settings.options() else { return String::new() };
    let coding = options.accept_encoding.as_ref().map(|accept| accept.value.as_str());
    let extension = options.deflate.as_ref().map(DeflateOffer::value);
    coding.into_iter().chain(extension).map(|word| format!(", asks for {word}")).collect()
}

/// A transport's settings, by name, other than those that have a place of their own, or no effect on
/// the server.
fn settings(plan: &Plan, series: &PlannedSeries) -> String {
    let Ok(Value::Object(params)) = series.settings.to_json() else {
        return String::new();
    };
    let elsewhere = ["interval_ns", "new_connection", "options"];
    let shown = params
        .iter()
        .filter(|(name, _)| !elsewhere.contains(&name.as_str()) && !is_idle(plan, series, name));
    let word = |(name, value): (&String, &Value)| {
        let value = match (name.strip_suffix("_ns"), value) {
            (Some(_), value) => value.as_u64().map_or_else(|| value.to_string(), ns),
            (None, Value::String(text)) => text.clone(),
            // A head from a file: its text is in the JSON.
            (None, value) if name == "position" => {
                let position: Result<PositionSettings, _> = serde_json::from_value(value.clone());
                return position.map_or_else(|_| value.to_string(), |known| known.to_string());
            }
            (None, Value::Object(_)) if matches!(name.as_str(), "request" | "response") => {
                "from a file".to_owned()
            }
            (None, value) => value.to_string(),
        };
        let name = name.trim_end_matches("_ns").replace('_', " ");
        format!("{name} {value}")
    };
    let words: Vec<String> = shown.map(word).collect();
    if words.is_empty() { String::new() } else { format!("; {}", words.join(", ")) }
}

/// The requests of the series, each with its label before it: those of a plan with a server of the
/// user's own, with settings of their own, or with a head from a file.
pub(super) fn requests(plan: &Plan) -> Vec<(String, String)> {
    let shown = |series: &&PlannedSeries| {
        let own = series.settings.options().is_some_and(|options| !options.is_default());
        own || !plan.is_bundled(series) || series.settings.own_path().is_some()
    };
    let requests = plan.series.iter().filter(shown).filter_map(|series| {
        let mut parts = plan.request(series)?;
        if parts.field("Upgrade").is_some() {
            parts.set("Sec-WebSocket-Key", Template::literal(SOME_KEY));
        }
        let mut text = parts.to_string();
        if let Some(fields) = fields_of(plan, series, &text) {
            text = fields;
        }
        let options = series.settings.options()?;
        if let Some(data) = &options.data {
            let again =
                if data.wrap { ", again from the first one if there are more clients" } else { "" };
            let path = data.path.display();
            let _ = writeln!(
                text,
                "(a line for each client of {} in {path}{again})",
                thousands(data.lines.into())
            );
        }
        if options.keep_cookies {
            text.push_str("(and the cookies that answers have set)\n");
        }
        Some((series.label.clone(), redact(&text).into_owned()))
    });
    requests.collect()
}

/// The fields of a request that goes over HTTP/2, a line each; `None` of one that does not.
fn fields_of(plan: &Plan, series: &PlannedSeries, head: &str) -> Option<String> {
    let http2 = series.settings.http2()?;
    let tls = plan.tls_of(series).is_some();
    let fields = request_fields(head.as_bytes(), tls)?;
    let line =
        |(name, value): (&str, &[u8])| format!("{name}: {}\n", String::from_utf8_lossy(value));
    let mut text: String = fields.iter_text().map(line).collect();
    // A library has its own settings and encoder.
    let own = series.settings.foreign_sockets().is_none();
    if let Some(size) = repeated_request(head.as_bytes(), http2.hpack, tls).filter(|_| own) {
        let _ = writeln!(
            text,
            "(HEADERS of {} B, those of later requests {} B; the connection begins with {} B)",
            thousands(size.first.wire.get()),
            thousands(size.later.wire.get()),
            thousands(beginning_bytes(http2.options()))
        );
    }
    if let Some((first, later)) = answer_heads(plan, series) {
        let _ = writeln!(
            text,
            "(HEADERS of the first answer {} B, those of later ones {} B)",
            thousands(first),
            thousands(later)
        );
    }
    Some(text)
}

/// The bytes of HEADERS of the first answer of a connection, and of later ones, if arithmetic knows them.
fn answer_heads(plan: &Plan, series: &PlannedSeries) -> Option<(u64, u64)> {
    let is_its = |case: &&Case| plan.series_of(case).label == series.label;
    let model = plan.model(plan.cases.iter().find(is_its)?)?;
    let later = model.messages.first()?.exchange.ledger.down;
    let later = later[Part::Heads] + FRAME_HEADER_BYTES as u64;
    Some((model.first_heads?.down.wire.get(), later))
}

/// What a case is called in every table.
fn title(plan: &Plan, case: &Case) -> String {
    match (case.floor, plan.repeats) {
        (true, _) => "floor (null)".to_owned(),
        (false, 1) => plan.series_of(case).label.clone(),
        (false, _) => format!("{} #{}", plan.series_of(case).label, case.repeat + 1),
    }
}

/// The first cells of a case's row.
fn case_cells(plan: &Plan, case: &Case) -> Cells {
    let clients = thousands(u64::from(case.clients));
    vec![(case.index + 1).to_string(), title(plan, case), clients]
}

/// What runs, in which processes and how long.
pub(super) fn case_rows(plan: &Plan) -> Vec<Cells> {
    let heads = head("case|series|clients|driver|server|threads|connections|sources|time|");
    let rows = plan.cases.iter().map(|case| {
        let e = estimate(plan, case);
        let processes = |n: u64| if n == 0 { "–".to_owned() } else { n.to_string() };
        let connections = match (e.connections, e.connections_per_second) {
            (0, _) => "none".to_owned(),
            (_, opened) if opened > 0.0 => format!("{} new/s", thousands(opened as u64)),
            (kept, _) => format!("{} kept", thousands(kept)),
        };
        let sources = match (e.sources, case.floor) {
            (Some((first, last)), _) => format!("{first} to {last}"),
            (None, true) => "–".to_owned(),
            (None, false) => "the kernel's choice".to_owned(),
        };
        let stretch = case.stretch.filter(|_| !case.floor);
        let mut notes: Vec<String> =
            stretch.iter().map(|s| format!("may stretch to {}×", three(s.most))).collect();
        let cooldown_ns = plan.timing_of(case).cooldown_ns;
        if cooldown_ns > plan.timing.cooldown_ns {
            notes.push(format!("cools down {} for the last updates", ns(cooldown_ns)));
        }
        let mut row = case_cells(plan, case);
        row.extend([e.driver_processes, e.server_processes].map(processes));
        row.extend([e.threads.to_string(), connections, sources, ns(e.duration_ns)]);
        row.push(notes.join("; "));
        row
    });
    std::iter::once(heads).chain(rows).collect()
}

/// Bytes a second by layer.
pub(super) fn traffic_rows(plan: &Plan) -> Vec<Cells> {
    let heads = head("case|series|clients|events|payload|protocol up|protocol down|wire|TCP/IP");
    let rows = plan.first_cases().map(|case| {
        let mut row = case_cells(plan, case);
        let Some(t) = estimate(plan, case).traffic else {
            row.extend(match plan.model(case) {
                Some(model) => each_event(&model),
                None => vec!["not known".to_owned()],
            });
            return row;
        };
        row.push(format!("{}/s", thousands(t.events.round() as u64)));
        let protocol = [t.protocol_up_bytes, t.protocol_down_bytes];
        let layers = [t.payload_bytes, protocol[0], protocol[1], t.wire_bytes];
        let a_second = |bytes: f64| format!("{}/s", human_bytes(bytes));
        row.extend(layers.map(a_second));
        // Packets that several clients share have no arithmetic.
        row.push(t.ip_bytes.map_or_else(|| "–".to_owned(), a_second));
        row
    });
    std::iter::once(heads).chain(rows).collect()
}

/// The bytes of one event, if as many come as possible.
fn each_event(model: &Model) -> Cells {
    let bytes = |of: fn(&Exchange) -> u64| {
        format!("{} each", human_bytes(model.per_message(|exchange| of(exchange) as f64)))
    };
    vec![
        "as many as possible".to_owned(),
        bytes(|e| e.ledger.down[Part::Payload]),
        bytes(|e| e.ledger.up.overhead()),
        bytes(|e| e.ledger.down.overhead()),
        bytes(|e| e.ledger.up.wire.get() + e.ledger.down.wire.get()),
        if model.shares_packets { "–".to_owned() } else { bytes(|e| e.ip_bytes().get()) },
    ]
}

/// Memory by owner.
pub(super) fn memory_rows(plan: &Plan) -> Vec<Cells> {
    let heads = head("case|series|clients|driver|server|kernel|together");
    let rows = plan.cases.iter().filter(|c| c.repeat == 0).map(|case| {
        let e = estimate(plan, case);
        let size = |bytes: u64| match bytes {
            0 => "–".to_owned(),
            bytes => human_bytes(bytes as f64),
        };
        let mut row = case_cells(plan, case);
        let memory = [e.driver_bytes, e.server_bytes, e.kernel_bytes, e.memory_bytes()];
        row.extend(memory.map(size));
        row
    });
    std::iter::once(heads).chain(rows).collect()
}

/// The limits.
pub(super) fn limit_rows(limits: &[Limit]) -> Vec<Cells> {
    let or_all = |names: Vec<String>, what: &str| {
        if names.is_empty() { format!("all {what}") } else { names.join(", ") }
    };
    let rows = limits.iter().map(|limit| {
        let named = limit.rule().is_ok_and(|rule| rule.names_series());
        let series = if named { String::new() } else { or_all(limit.series.clone(), "series") };
        let counts = limit.clients.iter().map(|n| thousands(u64::from(*n))).collect();
        let ends = match (limit.abort_on_fail, limit.delay_abort_eval_ns) {
            (false, _) => String::new(),
            (true, 0) => "ends the run".to_owned(),
            (true, delay) => format!("ends the run after {}", ns(delay)),
        };
        let clients = or_all(counts, "client counts");
        vec![limit.describe(), series, clients, ends, limit.about.clone()]
    });
    rows.collect()
}

/// What is needed, and what the machine has.
pub(super) fn check_rows(preflight: &Preflight) -> Vec<Cells> {
    let rows = preflight.checks.iter().map(|c| {
        let verdict = match (c.ok, c.required) {
            (true, _) => "ok",
            (false, true) => "TOO FEW",
            (false, false) => "low",
        };
        let needed = format!("needs {}", c.needed);
        let available = format!("has {}", c.available);
        vec![verdict.to_owned(), c.name.to_owned(), needed, available]
    });
    rows.collect()
}
