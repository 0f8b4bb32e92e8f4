//! One screen for the terminal: what ran, what it cost, and whether it can be trusted.
//!
//! Everything else is in `summary.txt`. Only what fails takes more room.

use crate::feed::Workload;
use crate::record::Metric;
use crate::report::figure::Figure;
use crate::report::finding::{Decision, Finding};
use crate::report::format::text::grid::{Grid, wrapped};
use crate::report::format::text::{ABSENT, amount, ratio_text, rows, show};
use crate::report::layer::{Layer, Statistic, Way};
use crate::report::table::{Comparison, Row, Status, Table};
use crate::units::{human_bytes, human_ns, thousands};

/// The widest line.
const WIDTH: usize = 100;
/// Sentences of the table that are shown.
const MOST_SENTENCES: usize = 5;
/// Kinds of client errors that are shown of each row.
const MOST_ERRORS: usize = 3;

const LEGEND: &str = "overhead: bytes at the socket that are not payload; TCP/IP: whole packets, \
                      acknowledgements too";

/// Renders a run for the terminal. `reports` says where the reports are, if any were written.
pub fn terminal(table: &Table, reports: Option<&str>) -> String {
    let parts = [
        heading(table),
        costs(table),
        chapter(table),
        bullets("-", table.words.iter().take(MOST_SENTENCES).cloned()),
        bullets("!", warnings(table)),
        failures(table),
        conclusion(table, reports),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|p| !p.is_empty()).collect();
    parts.join("\n")
}

fn count(clients: u32) -> String {
    thousands(u64::from(clients))
}

fn listed(names: impl IntoIterator<Item = String>) -> String {
    let names: Vec<String> = names.into_iter().collect();
    match names.as_slice() {
        [before @ .., last] if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        names => names.concat(),
    }
}

fn bullets(mark: &str, sentences: impl IntoIterator<Item = String>) -> String {
    sentences.into_iter().map(|s| wrapped(&format!("{mark} {s}"), 2, WIDTH)).collect()
}

fn heading(table: &Table) -> String {
    let mut series: Vec<&str> = Vec::new();
    let mut counts: Vec<u32> = Vec::new();
    for row in rows(table) {
        if !series.contains(&row.series.as_str()) {
            series.push(&row.series);
        }
        if !counts.contains(&row.clients) {
            counts.push(row.clients);
        }
    }
    let mut facts = vec![
        table.name.clone(),
        format!("{} series at {} clients", series.len(), listed(counts.iter().map(|n| count(*n)))),
    ];
    if table.parts > 1 {
        facts.push(format!("{} result files merged", table.parts));
    }
    facts.extend(table.elapsed_s.value().map(|s| human_ns(s * 1e9)));
    facts.push(table.build.clone());
    wrapped(&facts.join(" · "), 2, WIDTH)
}

/// The latency that all rows are shown by: delivery, unless no row has one.
fn latency_shown(table: &Table) -> (Metric, &'static str) {
    let known = |metric| table.rows.iter().any(|r| r.latency(metric).count > 0);
    if known(Metric::ResponseLatency) && !known(Metric::DeliveryLatency) {
        (Metric::ResponseLatency, "response ms")
    } else {
        (Metric::DeliveryLatency, "delivery ms")
    }
}

/// Bytes, latency, CPU and memory, a line for each series and client count.
fn costs(table: &Table) -> String {
    let with_status = cost_grid(table, true);
    let alike = table.rows.iter().all(|r| r.status == Status::Valid);
    // The last line says that all are valid.
    let grid = if alike && with_status.width() > WIDTH {
        cost_grid(table, false).render()
    } else {
        with_status.render()
    };
    format!("{grid}{LEGEND}\n")
}

fn cost_grid(table: &Table, with_status: bool) -> Grid {
    let several = table.rows.iter().any(|r| r.clients != table.rows[0].clients);
    let (metric, latency) = latency_shown(table);
    let mut head = if several { vec!["clients", "series"] } else { vec!["series"] };
    let first = head.len();
    head.extend(["overhead", "socket", "TCP/IP", "p50", "p99"]);
    head.extend(["driver", "server", "driver", "server"]);
    if with_status {
        head.push("status");
    }
    let mut grid = Grid::new(first, &head).within(WIDTH);
    grid.group(first, first + 2, "bytes per message");
    grid.group(first + 3, first + 4, latency);
    grid.group(first + 5, first + 6, "CPU µs/message");
    grid.group(first + 7, first + 8, "memory kB/client");
    let mut before = None;
    for row in rows(table) {
        let mut cells = Vec::new();
        if several {
            let again = before == Some(row.clients);
            let clients = format!("{:>7}", count(row.clients));
            cells.push(if again { String::new() } else { clients });
            before = Some(row.clients);
        }
        cells.push(row.series.clone());
        for layer in [Layer::Overhead, Layer::Wire, Layer::Ip] {
            cells.push(show(&row.steady(Way::Both, layer).per_message, amount));
        }
        let cost = &row.cost;
        let stats = [Statistic::P50, Statistic::P99].map(|s| row.latency(metric).stat(s));
        let others = [
            (stats[0], 1e-3),
            (stats[1], 1e-3),
            (&cost.driver_cpu_us, 1.0),
            (&cost.server_cpu_us, 1.0),
            (&cost.driver_bytes, 1e-3),
            (&cost.server_bytes, 1e-3),
        ];
        cells.extend(others.map(|(figure, scale)| show(figure, |v| short(v * scale))));
        if with_status {
            cells.push(row.status.name().to_owned());
        }
        grid.row(cells);
    }
    grid
}

/// Returns a number with three significant digits, at most three of them decimals; whole numbers
/// have all of theirs.
fn short(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        v if v >= 0.9995 => 2,
        _ => 3,
    };
    match value {
        v if (999.5..1e15).contains(&v) => thousands(v.round() as u64),
        v => format!("{v:.decimals$}"),
    }
}

/// The chapter's own table, for a run that repeats its comparison.
fn chapter(table: &Table) -> String {
    let of = |c: &Comparison, series: &str| {
        table.rows.iter().find(|r| r.clients == c.clients && r.series == series)
    };
    let is_the_chapters =
        |r: &Row| r.workload == Workload::Ticker && r.chapter.bytes_per_s.value().is_some();
    let pairs: Vec<(&Comparison, &Row, &Row)> = table
        .comparisons
        .iter()
        .filter_map(|c| Some((c, of(c, &c.polling)?, of(c, &c.websocket)?)))
        .filter(|(_, polling, websocket)| is_the_chapters(polling) && is_the_chapters(websocket))
        .collect();
    let Some((one, ..)) = pairs.first() else { return String::new() };
    let alike = |c: &Comparison| c.polling == one.polling && c.websocket == one.websocket;
    let named = !pairs.iter().all(|(c, ..)| alike(c));
    let mut head = if named { vec!["clients", "polling series"] } else { vec!["clients"] };
    let first = head.len();
    head.extend(["chapter", "measured", "chapter", "measured", "ratio"]);
    let mut grid = Grid::new(first, &head).within(WIDTH);
    grid.group(first, first + 1, "polling");
    grid.group(first + 2, first + 3, "websocket");
    for (comparison, polling, websocket) in pairs {
        let mut cells = vec![format!("{:>7}", count(comparison.clients))];
        if named {
            cells.push(comparison.polling.clone());
        }
        for row in [polling, websocket] {
            let measured = row.steady(Way::Both, Layer::Overhead).per_s_planned();
            let per_s = |figure: &Figure| show(figure, |v| format!("{}/s", human_bytes(v)));
            cells.extend([per_s(&row.chapter.bytes_per_s), per_s(measured)]);
        }
        let ratio = comparison.ratios.iter().find(|r| r.name == "overhead_bytes");
        let shown = ratio.map(|r| show(&r.per_message, |v| format!("{} : 1", ratio_text(v))));
        cells.push(shown.unwrap_or_else(|| ABSENT.to_owned()));
        grid.row(cells);
    }
    format!("Overhead per second of all clients, beside the chapter's figures\n{}", grid.render())
}

/// What changes the conclusions that may be drawn.
fn warnings(table: &Table) -> Vec<String> {
    let mut out = Vec::new();
    for row in rows(table).into_iter().filter(|r| r.pace.stretched) {
        let pace = &row.pace;
        if let (Some(planned), Some(held)) = (pace.planned_s.value(), pace.held_s.value()) {
            let scaled =
                if pace.may_stretch { "; figures per second are scaled to the plan" } else { "" };
            out.push(format!(
                "{}: this machine holds one request per client every {}, not every {}{scaled}.",
                row.label(),
                human_ns(held * 1e9),
                human_ns(planned * 1e9)
            ));
        }
    }
    let (metric, _) = latency_shown(table);
    let bound = rows(table).into_iter().filter(|r| r.latency(metric).driver_bound);
    if let Some(who) = labels(table, bound) {
        out.push(format!(
            "{who}: the median latency is less than ten times the driver's own lag (p99), so it \
             describes the driver as much as the server."
        ));
    }
    for row in rows(table).into_iter().filter(|r| r.events.negative_latencies > 0) {
        out.push(format!(
            "{}: {} latencies were negative because two clocks disagree; no percentile includes \
             them.",
            row.label(),
            thousands(row.events.negative_latencies)
        ));
    }
    out
}

/// Returns the names of rows, each series once, or `None` if there is no row.
fn labels<'a>(table: &Table, some: impl Iterator<Item = &'a Row>) -> Option<String> {
    let mut by_series: Vec<(&str, Vec<String>)> = Vec::new();
    let mut number = 0;
    for row in some {
        number += 1;
        let clients = count(row.clients);
        match by_series.iter_mut().find(|(series, _)| *series == row.series) {
            Some((_, counts)) => counts.push(clients),
            None => by_series.push((&row.series, vec![clients])),
        }
    }
    let one_count = table.rows.iter().all(|r| r.clients == table.rows[0].clients);
    let one = |(series, counts): (&str, Vec<String>)| {
        if one_count { series.to_owned() } else { format!("{series} at {}", listed(counts)) }
    };
    match number {
        0 => None,
        n if n == table.rows.len() => Some("all series".to_owned()),
        _ if one_count => Some(listed(by_series.into_iter().map(one))),
        _ => {
            let all: Vec<String> = by_series.into_iter().map(one).collect();
            Some(format!("{} clients", all.join("; ")))
        }
    }
}

/// What failed, why, and what to do about it.
fn failures(table: &Table) -> String {
    let mut out = bullets("x", table.verdict.of_run.iter().cloned());
    for row in rows(table) {
        for check in row.checks.iter().filter(|c| !c.ok) {
            let remedy = check.check.remedy();
            let line = format!("x {}: {}. {remedy}", row.label(), check.text);
            out.push_str(&wrapped(&line, 2, WIDTH));
        }
        let errors = &row.events.faults_by_text;
        if !errors.is_empty() {
            let mut shown: Vec<String> = errors
                .iter()
                .take(MOST_ERRORS)
                .map(|(text, n)| format!("{} × {text}", thousands(*n)))
                .collect();
            if errors.len() > MOST_ERRORS {
                shown.push(format!("{} other kinds", errors.len() - MOST_ERRORS));
            }
            let line = format!("x {}: client errors: {}", row.label(), shown.join("; "));
            out.push_str(&wrapped(&line, 2, WIDTH));
        }
    }
    for limit in table.limits().filter(|f| f.decision != Decision::Pass) {
        out.push_str(&wrapped(&format!("x {}", limit_line(limit)), 2, WIDTH));
    }
    out
}

fn limit_line(limit: &Finding) -> String {
    let subject = &limit.subject;
    let clients = subject.clients.map(|n| format!("at {} clients", count(n)));
    let of = [Some(subject.series.clone()).filter(|s| !s.is_empty()), clients];
    let of: Vec<String> = of.into_iter().flatten().collect();
    let what = match limit.decision {
        Decision::Fail => "limit failed",
        _ => "limit undecided",
    };
    let of = if of.is_empty() { String::new() } else { format!(" for {}", of.join(" ")) };
    format!("{what}{of}: {}", limit.text)
}

/// Verdict, limits, audit, and where the reports are.
fn conclusion(table: &Table, reports: Option<&str>) -> String {
    let sum = |of: fn(&Row) -> f64| table.rows.iter().map(of).sum::<f64>() as u64;
    let connections = sum(|r| r.audit.connections.value().unwrap_or(0.0));
    let unexplained = sum(|r| r.audit.unexplained_bytes as f64);
    let code = match table.verdict.conclusion.exit_code() {
        0 => String::new(),
        code => format!(" (exit code {code})"),
    };
    let mut facts = vec![format!("verdict: {}{code}", table.verdict.status.name())];
    let limits = table.limits().count();
    let kept = table.limits().filter(|f| f.decision == Decision::Pass).count();
    if limits > 0 {
        facts.push(format!("limits: {kept} of {limits} kept"));
    }
    facts.push(format!(
        "audit: {} connections, {} bytes unexplained",
        thousands(connections),
        thousands(unexplained)
    ));
    let mut out = wrapped(&facts.join(" · "), 2, WIDTH);
    if let Some(reports) = reports {
        // A path is not broken.
        out.push_str(&format!("reports: {reports}\n"));
    }
    out
}
