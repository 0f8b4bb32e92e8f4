//! One screen for the terminal: what ran, what it cost, and whether it can be trusted.
//!
//! Everything else is in `summary.txt`. Only what fails takes more room.

use crate::feed::Workload;
use crate::record::Metric;
use crate::report::check::{Cause, Check, CheckResult};
use crate::report::figure::{Figure, above_an_hour};
use crate::report::finding::{Decision, Finding};
use crate::report::format::text::grid::{Grid, wrapped};
use crate::report::format::text::notes::{client_errors, tolerated_errors};
use crate::report::format::text::{
    ABSENT, BOUND, TextColumn, column, figure, grid_of, labels, ratio_text, rows, show, with_labels,
};
use crate::report::layer::{Layer, Statistic, Way};
use crate::report::table::{Comparison, DriverBound, DriverCause, Row, Status, Table};
use crate::units::{amount, distinct, human_bytes, human_ns, listed, thousands};

/// The widest line.
const WIDTH: usize = 100;
/// Sentences of the table that are shown.
const MOST_SENTENCES: usize = 5;
/// Kinds of client errors that are shown of each row.
const MOST_ERRORS: usize = 3;

const LEGEND: &str = "overhead: bytes at the socket that are not payload; TCP/IP: whole packets, \
                      acknowledgements too";
/// Below it, if a figure is marked.
const BOUND_LEGEND: &str = "†: a late driver may be the cause, not the server\n";

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

fn bullets(mark: &str, sentences: impl IntoIterator<Item = String>) -> String {
    sentences.into_iter().map(|s| wrapped(&format!("{mark} {s}"), 2, WIDTH)).collect()
}

fn heading(table: &Table) -> String {
    let series = distinct(table.rows.iter().map(|row| &row.series));
    let counts = distinct(rows(table).iter().map(|row| count(row.clients)));
    let mut facts =
        vec![table.name.clone(), format!("{} series at {} clients", series.len(), listed(&counts))];
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
    let (metric, _) = latency_shown(table);
    let shown = [Statistic::P50, Statistic::P99];
    let is_bound = |r: &&Row| shown.iter().any(|s| r.latency(metric).is_bound(*s));
    let bound = if rows(table).iter().any(is_bound) { BOUND_LEGEND } else { "" };
    format!("{grid}{LEGEND}\n{bound}")
}

fn cost_grid(table: &Table, with_status: bool) -> Grid {
    let rows = rows(table);
    let several = rows.iter().any(|r| r.clients != rows[0].clients);
    let (metric, latency) = latency_shown(table);
    let kilo = |bytes: f64| short(bytes * 1e-3);
    // A client count stands beside the first of its rows.
    let firsts: Vec<&Row> = rows.chunk_by(|a, b| a.clients == b.clients).map(|c| c[0]).collect();
    let clients = move |row: &Row| {
        if firsts.iter().any(|first| std::ptr::eq(*first, row)) {
            format!("{:>7}", count(row.clients))
        } else {
            String::new()
        }
    };
    let mut columns = Vec::new();
    columns.extend(several.then(|| column("clients", clients)));
    columns.push(column("series", |r| r.series.clone()));
    let first = columns.len();
    let layers = [("overhead", Layer::Overhead), ("socket", Layer::Wire), ("TCP/IP", Layer::Ip)];
    columns.extend(layers.map(|(head, layer)| {
        figure(head, amount, move |r| &r.steady(Way::Both, layer).per_message)
    }));
    columns.extend([
        percentile("p50", metric, Statistic::P50),
        percentile("p99", metric, Statistic::P99),
        figure("driver", short, |r| &r.cost.driver_cpu_us),
        figure("server", short, |r| &r.cost.server_cpu_us),
        figure("driver", kilo, |r| &r.cost.driver_bytes),
        figure("server", kilo, |r| &r.cost.server_bytes),
    ]);
    columns.extend(with_status.then(|| column("status", |r| r.status.name().to_owned())));
    let mut grid = grid_of(first, &rows, &columns).within(WIDTH);
    grid.group(first, first + 2, "bytes per message");
    grid.group(first + 3, first + 4, latency);
    grid.group(first + 5, first + 6, "CPU µs/message");
    grid.group(first + 7, first + 8, "RAM kB/client");
    grid
}

/// Returns the column of a percentile in milliseconds, marked if the driver's own lateness may have
/// made it.
fn percentile<'a>(head: &'a str, metric: Metric, statistic: Statistic) -> TextColumn<'a> {
    column(head, move |row| {
        let latency = row.latency(metric);
        let mark = if latency.is_bound(statistic) { BOUND } else { "" };
        show(latency.stat(statistic), |us| format!("{}{mark}", short(us * 1e-3)))
    })
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
        let ratio = comparison.ratios.iter().find(|r| r.layer == Some(Layer::Overhead));
        let shown = ratio.map(|r| show(&r.per_message, |v| format!("{} : 1", ratio_text(v))));
        cells.push(shown.unwrap_or_else(|| ABSENT.to_owned()));
        grid.row(cells);
    }
    format!("Overhead per second of all clients, beside the chapter's figures\n{}", grid.render())
}

/// What changes the conclusions that may be drawn.
pub(in crate::report) fn warnings(table: &Table) -> Vec<String> {
    let mut out = Vec::new();
    for row in rows(table).into_iter().filter(|r| r.pace.stretched) {
        let pace = &row.pace;
        if let (Some(planned), Some(held)) = (pace.planned_s.value(), pace.held_s.value()) {
            let scaled = if pace.may_stretch {
                format!("; figures per second are scaled to one every {}", human_ns(planned * 1e9))
            } else {
                String::new()
            };
            out.push(format!(
                "{}: this machine cannot send a request for each client every {}: each client sent \
                 one every {}{scaled}.",
                row.label(),
                human_ns(planned * 1e9),
                human_ns(held * 1e9)
            ));
        }
    }
    out.extend(driver_warnings(table));
    let unchecked =
        |check: &&CheckResult| check.check == Check::NothingMissing && check.is_unchecked_loss();
    let reasons = rows(table).into_iter().filter_map(|r| r.checks.iter().find(unchecked));
    for why in distinct(reasons.map(|check| check.text.as_str())) {
        let alike = |r: &&Row| r.checks.iter().any(|c| unchecked(&c) && c.text == why);
        if let Some(who) = labels(table, &filtered(table, alike)) {
            out.push(format!("{who}: {why}."));
        }
    }
    for row in rows(table) {
        let headline = row.latencies.iter().filter(|l| l.metric.is_headline());
        for latency in headline {
            if let Some(why) = latency.histogram.as_ref().and_then(above_an_hour) {
                let what = latency.metric.name().replace('_', " ");
                out.push(format!("{}: {what}: {why}.", row.label()));
            }
        }
    }
    out.extend(rows(table).into_iter().filter_map(|row| tolerated_errors(row, MOST_ERRORS)));
    let mut said: Vec<(&Row, String)> = Vec::new();
    for row in rows(table) {
        said.extend(row.remarks.iter().map(|remark| (row, format!("{remark}."))));
    }
    said.extend(absent_costs(table));
    out.extend(with_labels(table, &said));
    for row in rows(table).into_iter().filter(|r| r.events.all.negative_latencies > 0) {
        out.push(format!(
            "{}: {} latencies were negative because two clocks disagree; no percentile includes \
             them.",
            row.label(),
            thousands(row.events.all.negative_latencies)
        ));
    }
    out
}

/// The rows that are so, in the order of the table.
fn filtered(table: &Table, is_so: impl FnMut(&&Row) -> bool) -> Vec<&Row> {
    rows(table).into_iter().filter(is_so).collect()
}

/// Why CPU or memory of the server is absent, which the table has as `-`, though the scenario lets it be
/// known.
fn absent_costs(table: &Table) -> Vec<(&Row, String)> {
    let mut said = Vec::new();
    // What received nothing has other lines.
    let expected = |r: &&Row| r.cost.server_expected && r.events.per_message_divisor() > 0;
    for row in filtered(table, expected) {
        let figures = [
            ("no CPU of the server", row.cost.server_cpu_us.reason()),
            ("no RAM of the server", row.cost.server_bytes.reason()),
        ];
        for reason in distinct(figures.iter().filter_map(|(_, reason)| *reason)) {
            let some = figures.iter().filter(|(_, why)| *why == Some(reason));
            let names: Vec<&str> = some.map(|(name, _)| *name).collect();
            said.push((row, format!("{}: {reason}.", names.join(", "))));
        }
    }
    said
}

/// The rows whose latencies say something of the driver, or that only a permission makes valid.
fn driver_warnings(table: &Table) -> Vec<String> {
    let mut out = Vec::new();
    let (metric, _) = latency_shown(table);
    for cause in DriverCause::ALL {
        let bound = |r: &Row| r.latency(metric).driver_bound.filter(|found| found.cause == cause);
        let some = filtered(table, |r| bound(r).is_some());
        let found: Vec<DriverBound> = some.iter().filter_map(|row| bound(row)).collect();
        if let (Some(who), Some(what)) = (labels(table, &some), DriverBound::describe(&found)) {
            out.push(format!(
                "{who}: the latencies are in part the driver's, not the server's: {what}."
            ));
        }
    }
    let permitted = |r: &&Row| {
        r.status == Status::Valid && r.checks.iter().any(|c| c.is_ok() && c.by_permission)
    };
    if let Some(who) = labels(table, &filtered(table, permitted)) {
        out.push(format!(
            "{who}: the driver was late, which the scenario's driver_lateness allows: bytes and counts are \
             right, latencies include the driver's delay."
        ));
    }
    out
}

/// What failed, why, and what to do about it.
fn failures(table: &Table) -> String {
    let of_run = &table.verdict.of_run;
    // What ended the run is said already; the checks that it cut off have no remedy of their own.
    let ended_early = !of_run.is_empty();
    // The row of a server that did not start says that the run was stopped, and why.
    let no_server = |row: &Row| row.checks.iter().any(|found| found.cause == Cause::NoServer);
    let not_started = table.rows.iter().any(no_server);
    let mut failed = if not_started { Vec::new() } else { of_run.clone() };
    let mut cut = Vec::new();
    for row in rows(table) {
        if ended_early && row.status == Status::Partial {
            cut.push(row.label());
        } else {
            // Without a process of the driver the other checks cannot pass, and nobody else is at fault.
            let lost = |found: &&CheckResult| found.cause == Cause::LostDriver;
            let failing = || row.checks.iter().filter(|c| !c.is_ok());
            if let Some(found) = failing().find(lost) {
                let others = failing().count() - 1;
                let line = format!("{}: {}. {}", row.label(), found.text, found.remedy);
                failed.push(match others {
                    0 => line,
                    1 => format!("{line} Another check fails for want of it."),
                    n => format!("{line} {n} other checks fail for want of it."),
                });
                continue;
            }
            // What the clients met is the cause of the rest. What a valid row tolerates is a warning.
            let met = client_errors(row, MOST_ERRORS);
            failed.extend(met.filter(|_| tolerated_errors(row, MOST_ERRORS).is_none()));
            let mut said = Vec::new();
            for found in row.checks.iter().filter(|c| !c.is_ok()) {
                let line = format!("{}: {}.", row.label(), found.text);
                // A text may say itself what to do.
                failed.push(if found.remedy.is_empty() || said.contains(&found.remedy) {
                    line
                } else {
                    format!("{line} {}", found.remedy)
                });
                said.push(found.remedy);
            }
            continue;
        }
        failed.extend(client_errors(row, MOST_ERRORS));
    }
    if !cut.is_empty() {
        failed.push(format!("not measured to the end: {}", cut.join(", ")));
    }
    let broken = table.limits().filter(|f| f.decision != Decision::Pass);
    let says_more = |limit: &&Finding| !not_started || limit.value.value().is_some();
    failed.extend(broken.filter(says_more).map(limit_line));
    bullets("x", failed)
}

fn limit_line(limit: &Finding) -> String {
    let subject = &limit.subject;
    let what = match limit.decision {
        Decision::Fail => "limit failed",
        _ => "limit undecided",
    };
    let of = match (subject.series.as_str(), subject.clients) {
        ("", None) => String::new(),
        ("", Some(n)) => format!(" for at {} clients", count(n)),
        (series, None) => format!(" for {series}"),
        (series, Some(n)) => format!(" for {series} at {} clients", count(n)),
    };
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
    facts.push(match (connections, unexplained) {
        // Nothing unexplained of nothing compared would sound like a clean audit.
        (0, 0) => "audit: no connection was compared with the kernel".to_owned(),
        (connections, unexplained) => format!(
            "audit: {} connections, {} bytes unexplained",
            thousands(connections),
            thousands(unexplained)
        ),
    });
    let mut out = wrapped(&facts.join(" · "), 2, WIDTH);
    if let Some(reports) = reports {
        // A path is not broken.
        out.push_str(&format!("reports: {reports}\n"));
    }
    out
}
