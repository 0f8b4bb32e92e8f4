//! `summary.txt`: every table, the audit, the verdict and the notes. `terminal` is the short form.

mod consistency;
pub(in crate::report) mod grid;
mod notes;
mod terminal;

use crate::record::Metric;
use crate::report::Format;
use crate::report::chapter::{as_printed, mebibits};
use crate::report::figure::Figure;
use crate::report::layer::{Layer, Statistic, Way};
use crate::report::table::{Row, Table};
use crate::units::{human_bytes, human_ns, thousands, three};
use grid::Grid;

pub use terminal::terminal;

/// Tables as text.
pub(crate) const TEXT: Format = Format { name: "text", contents: &[("summary.txt", summary)] };

/// Stands for an absent figure; the notes say why it is absent.
const ABSENT: &str = "-";

fn summary(table: &Table) -> Vec<u8> {
    let parts = [
        head(table),
        overhead(table),
        ratios(table),
        consistency::bytes(table),
        latency(table),
        consistency::times(table),
        consistency::delivery(table),
        fanout(table),
        cost(table),
        consistency::sentences(table),
        notes::audit(table),
        notes::limits(table),
        notes::verdicts(table),
        notes::notes(table),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|p| !p.is_empty()).collect();
    parts.join("\n").into_bytes()
}

fn head(table: &Table) -> String {
    let files = match table.parts {
        1 => String::new(),
        n => format!(", {n} result files merged"),
    };
    let line = format!("{} · {} · {}{files}", table.name, table.started, table.build);
    grid::paragraph(&line, 2)
}

fn show(figure: &Figure, how: impl Fn(f64) -> String) -> String {
    figure.value().map_or_else(|| ABSENT.to_owned(), how)
}

/// Returns a whole number with separated thousands, any other with three significant digits.
fn amount(value: f64) -> String {
    match value {
        v if !(0.0..1e15).contains(&v) => format!("{v:.2e}"),
        v if v >= 1000.0 || v.fract() == 0.0 => thousands(v.round() as u64),
        v if v >= 100.0 => format!("{v:.1}"),
        v => three(v),
    }
}

fn case_name(row: &Row) -> String {
    let clients = thousands(row.clients.into());
    match row.chapter.use_case {
        Some(case) => format!("{case} {clients}"),
        None => clients,
    }
}

fn rows(table: &Table) -> Vec<&Row> {
    let mut rows: Vec<&Row> = table.rows.iter().collect();
    rows.sort_by_key(|r| r.clients);
    rows
}

/// Bytes a second as the chapter prints its "Mbps".
fn mbps(bytes_per_s: f64) -> String {
    as_printed(mebibits(bytes_per_s))
}

/// The chapter's figures beside the measured ones.
fn overhead(table: &Table) -> String {
    let stretched = table.rows.iter().any(|r| r.pace.stretched);
    let chapter = table.rows.iter().any(|r| r.chapter.bytes_per_s.value().is_some());
    let mut head = vec!["\nclients", "\nseries"];
    if chapter {
        head.extend(["chapter\nB/s", "chapter\n\"Mbps\""]);
    }
    head.push("measured\nB/s");
    if stretched {
        head.push("scaled to\nplan, B/s");
    }
    if chapter {
        head.push("measured\n\"Mbps\"");
    }
    head.extend([
        "head chars\n/message",
        "overhead B\n/message",
        "socket B\n/message",
        "TCP/IP B\n/message",
    ]);
    let mut grid = Grid::new(2, &head);
    for row in rows(table) {
        let volume = |layer| row.steady(Way::Both, layer);
        let overhead = volume(Layer::Overhead);
        let mut cells = vec![case_name(row), row.series.clone()];
        if chapter {
            cells.push(show(&row.chapter.bytes_per_s, amount));
            cells.push(show(&row.chapter.bytes_per_s, mbps));
        }
        cells.push(show(&overhead.per_s, amount));
        if stretched {
            cells.push(show(&overhead.per_s_scaled, amount));
        }
        if chapter {
            cells.push(show(row.overhead_per_s(), mbps));
        }
        for layer in [Layer::HeadChars, Layer::Overhead, Layer::Wire, Layer::Ip] {
            cells.push(show(&volume(layer).per_message, amount));
        }
        grid.row(cells);
    }
    format!(
        "Protocol overhead per second of all clients, and bytes per message by layer\n{}",
        grid.render()
    )
}

fn ratios(table: &Table) -> String {
    let Some(first) = table.comparisons.first() else { return String::new() };
    let labels: Vec<String> = first.ratios.iter().map(|r| r.label.replace(' ', "\n")).collect();
    let mut head = vec!["clients", "polling : websocket"];
    head.extend(labels.iter().map(String::as_str));
    let mut grid = Grid::new(2, &head);
    for comparison in &table.comparisons {
        let mut cells = vec![
            thousands(comparison.clients.into()),
            format!("{} : {}", comparison.polling, comparison.websocket),
        ];
        let ratio = |r: &crate::report::table::Ratio| show(&r.per_message, ratio_text);
        cells.extend(comparison.ratios.iter().map(ratio));
        grid.row(cells);
    }
    format!(
        "Ratio per message, polling : websocket (below 1, polling costs less)\n{}",
        grid.render()
    )
}

fn ratio_text(value: f64) -> String {
    match value {
        v if v >= 1e6 || (v > 0.0 && v < 1e-3) => format!("{v:.1e}"),
        v if v >= 99.95 => format!("{v:.1}"),
        v => three(v),
    }
}

fn us(value: f64) -> String {
    human_ns(value * 1e3)
}

fn latency(table: &Table) -> String {
    let wanted = [
        (Metric::DeliveryLatency, Statistic::P50, "delivery\np50"),
        (Metric::DeliveryLatency, Statistic::P99, "delivery\np99"),
        (Metric::DeliveryLatency, Statistic::Max, "delivery\nmax"),
        (Metric::ResponseLatency, Statistic::P50, "response\np50"),
        (Metric::ResponseLatency, Statistic::P99, "response\np99"),
        (Metric::DriverLag, Statistic::P99, "driver lag\np99"),
        (Metric::ConnectTime, Statistic::P99, "connect\np99"),
    ];
    let mut head = vec!["clients", "series"];
    head.extend(wanted.map(|(_, _, name)| name));
    head.push("floor lag\np99");
    // How late the delay line itself was, if there is one.
    let line = [Statistic::P50, Statistic::P99];
    let delayed = table.rows.iter().any(|r| r.latency(Metric::DelayError).count > 0);
    if delayed {
        head.extend(["line error\np50", "line error\np99"]);
    }
    let mut grid = Grid::new(2, &head);
    for row in rows(table) {
        let mut cells = vec![thousands(row.clients.into()), row.series.clone()];
        for (metric, statistic, _) in wanted {
            let latency = row.latency(metric);
            let mark = if latency.driver_bound { "†" } else { "" };
            cells.push(show(latency.stat(statistic), |v| format!("{}{mark}", us(v))));
        }
        cells.push(show(&row.cost.floor_lag_p99_us, us));
        let error = row.latency(Metric::DelayError);
        cells.extend(line.iter().filter(|_| delayed).map(|&s| show(error.stat(s), us)));
        grid.row(cells);
    }
    format!("Latency\n{}", grid.render())
}

/// A column of a table that has a line for each row: its head and its cells.
type Column = (&'static str, fn(&Row) -> String);

/// Returns a table of columns, after the client count and the series.
fn columns_grid(rows: &[&Row], columns: &[Column]) -> Grid {
    let mut head = vec!["clients", "series"];
    head.extend(columns.iter().map(|column| column.0));
    let mut grid = Grid::new(2, &head);
    for row in rows {
        let mut cells = vec![thousands(row.clients.into()), row.series.clone()];
        cells.extend(columns.iter().map(|column| column.1(row)));
        grid.row(cells);
    }
    grid
}

/// How long a client's message takes to reach the others, if clients send to each other.
fn fanout(table: &Table) -> String {
    let rows: Vec<&Row> = rows(table).into_iter().filter(|r| r.fanout.posts > 0).collect();
    if rows.is_empty() {
        return String::new();
    }
    fn share(figure: &Figure) -> String {
        show(figure, |v| format!("{:.2} %", v * 100.0))
    }
    let columns: [Column; 9] = [
        ("messages", |r| thousands(r.fanout.posts)),
        ("first\np50", |r| show(&r.fanout.first_us[0], us)),
        ("first\np99", |r| show(&r.fanout.first_us[1], us)),
        ("last\np50", |r| show(&r.fanout.last_us[0], us)),
        ("last\np99", |r| show(&r.fanout.last_us[1], us)),
        ("spread\np50", |r| show(&r.fanout.spread_us[0], us)),
        ("spread\np99", |r| show(&r.fanout.spread_us[1], us)),
        ("reached\nleast", |r| share(&r.fanout.completeness_min)),
        ("reached\nmean", |r| share(&r.fanout.completeness_mean)),
    ];
    format!(
        "Time until a message has reached the first and the last client, from its intended sending\n{}",
        columns_grid(&rows, &columns).render()
    )
}

fn cost(table: &Table) -> String {
    let columns: [Column; 10] = [
        ("driver CPU\n/message", |r| show(&r.cost.driver_cpu_us, us)),
        ("server CPU\n/message", |r| show(&r.cost.server_cpu_us, us)),
        ("floor CPU\n/turn", |r| show(&r.cost.floor_cpu_us, us)),
        ("driver\nB/client", |r| show(&r.cost.driver_bytes, human_bytes)),
        ("server\nB/client", |r| show(&r.cost.server_bytes, human_bytes)),
        ("kernel\nB/client", |r| show(&r.cost.kernel_bytes, human_bytes)),
        ("connects\n/s", |r| show(&r.connecting.per_s, amount)),
        ("messages", |r| thousands(r.events.messages)),
        ("lost", |r| thousands(r.events.lost)),
        ("errors", |r| thousands(r.events.faults)),
    ];
    let grid = columns_grid(&rows(table), &columns);
    format!("CPU and memory of driver and server\n{}", grid.render())
}
