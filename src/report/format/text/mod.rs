//! `summary.txt`: every table, the audit, the verdict and the notes. `terminal` is the short form.

mod consistency;
pub(crate) mod grid;
pub(in crate::report) mod notes;
mod terminal;

use crate::record::Metric;
use crate::report::Format;
use crate::report::chapter::{as_printed, mebibits};
use crate::report::figure::Figure;
use crate::report::layer::{Layer, Statistic, Way};
use crate::report::table::{Row, Table, Volume};
use crate::units::{amount, distinct, human_bytes, human_us, listed, thousands, three};
use grid::Grid;

pub use terminal::terminal;
pub(in crate::report) use terminal::warnings;

/// Tables as text.
pub(crate) const TEXT: Format = Format {
    name: "text",
    contents: &[("summary.txt", summary)],
    streams: &[],
    own_process: false,
};

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
    match figure.below() {
        Some(below) => format!("< {}", how(below as f64)),
        None => figure.value().map_or_else(|| ABSENT.to_owned(), how),
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

/// Sentences of rows, each once with the rows that it is about, in the order in which they come first.
fn with_labels(table: &Table, said: &[(&Row, String)]) -> Vec<String> {
    let sentence = |text: &String| {
        let about = said.iter().filter(|(_, one)| one == text).map(|(row, _)| *row);
        let mut about: Vec<&Row> = about.collect();
        about.dedup_by(|a, b| std::ptr::eq(*a, *b));
        match about.as_slice() {
            [one] => format!("{}: {text}", one.label()),
            several => {
                // Its numbers, wherever they stand in it, are those of each row, not their sum.
                let each = if text.contains(|c: char| c.is_ascii_digit()) { ", each" } else { "" };
                format!("{}{each}: {text}", labels(table, several).unwrap_or_default())
            }
        }
    };
    distinct(said.iter().map(|(_, text)| text)).into_iter().map(sentence).collect()
}

/// Returns the names of rows, each series once, or `None` if there is no row.
fn labels(table: &Table, some: &[&Row]) -> Option<String> {
    let count = |row: &Row| thousands(row.clients.into());
    let series = distinct(some.iter().map(|row| row.series.as_str()));
    let at = |series: &&str| {
        let own = some.iter().filter(|row| row.series == **series);
        let counts: Vec<String> = own.map(|row| count(row)).collect();
        format!("{series} at {}", listed(&counts))
    };
    let one_count = table.rows.iter().all(|r| r.clients == table.rows[0].clients);
    let one_series = table.rows.iter().all(|r| r.series == table.rows[0].series);
    match some {
        [] => None,
        // One is not all of several.
        [one] if table.rows.len() == 1 => Some(one.label()),
        all if all.len() == table.rows.len() && !one_series => Some("all series".to_owned()),
        _ if one_count => Some(listed(&series)),
        _ => {
            let all: Vec<String> = series.iter().map(at).collect();
            Some(format!("{} clients", all.join("; ")))
        }
    }
}

/// Bytes a second as the chapter prints its "Mbps".
fn mbps(bytes_per_s: f64) -> String {
    as_printed(mebibits(bytes_per_s))
}

/// Beside a figure that the driver's own lateness may have made.
pub(in crate::report) const BOUND: &str = "†";
/// What that means.
pub(in crate::report) const BOUND_MEANING: &str = "† driver-bound: this figure is the driver's as much as the server's. The driver itself was late by more than \
     a tenth of it, at the same percentile (of a median: at p99). If it only receives, how late its threads woke up \
     counts from 1 ms on.";

/// A column of a table that has a line for each row: its head and its cells.
struct TextColumn<'a> {
    head: String,
    cell: Box<dyn Fn(&Row) -> String + 'a>,
}

fn column<'a>(head: impl Into<String>, cell: impl Fn(&Row) -> String + 'a) -> TextColumn<'a> {
    TextColumn { head: head.into(), cell: Box::new(cell) }
}

fn figure<'a>(
    head: impl Into<String>,
    how: impl Fn(f64) -> String + 'a,
    of: impl Fn(&Row) -> &Figure + 'a,
) -> TextColumn<'a> {
    column(head, move |row| show(of(row), &how))
}

/// Returns a table of columns with its title, after the client count and the series.
fn table_of<'a>(
    title: &str,
    rows: &[&Row],
    columns: impl IntoIterator<Item = TextColumn<'a>>,
) -> String {
    let names = [
        column("clients", |row| thousands(row.clients.into())),
        column("series", |row| row.series.clone()),
    ];
    let columns: Vec<TextColumn> = names.into_iter().chain(columns).collect();
    format!("{title}\n{}", grid_of(2, rows, &columns).render())
}

fn grid_of(names: usize, rows: &[&Row], columns: &[TextColumn]) -> Grid {
    let head: Vec<&str> = columns.iter().map(|column| column.head.as_str()).collect();
    let mut grid = Grid::new(names, &head);
    for row in rows {
        grid.row(columns.iter().map(|column| (column.cell)(row)).collect());
    }
    grid
}

/// The chapter's figures beside the measured ones.
fn overhead(table: &Table) -> String {
    let stretched = table.rows.iter().any(|r| r.pace.stretched);
    let chapter = table.rows.iter().any(|r| r.chapter.bytes_per_s.value().is_some());
    fn overhead_of(row: &Row) -> &Volume {
        row.steady(Way::Both, Layer::Overhead)
    }
    let a_message = |head: &str, layer| {
        figure(format!("{head}\n/message"), amount, move |r| {
            &r.steady(Way::Both, layer).per_message
        })
    };
    // Each with whether it is shown.
    let columns = [
        (true, column("clients", case_name)),
        (true, column("series", |r| r.series.clone())),
        (chapter, figure("chapter\nB/s", amount, |r| &r.chapter.bytes_per_s)),
        (chapter, figure("chapter\n\"Mbps\"", mbps, |r| &r.chapter.bytes_per_s)),
        (true, figure("measured\nB/s", amount, |r| &overhead_of(r).per_s)),
        (stretched, figure("scaled to\nplan, B/s", amount, |r| &overhead_of(r).per_s_scaled)),
        (chapter, figure("measured\n\"Mbps\"", mbps, |r| r.overhead_per_s())),
        (true, a_message("head chars", Layer::HeadChars)),
        (true, a_message("overhead B", Layer::Overhead)),
        (true, a_message("socket B", Layer::Wire)),
        (true, a_message("TCP/IP B", Layer::Ip)),
    ];
    let shown: Vec<TextColumn> = columns.into_iter().filter(|c| c.0).map(|c| c.1).collect();
    format!(
        "Protocol overhead per second of all clients, and bytes per message by layer\n{}",
        grid_of(2, &rows(table), &shown).render()
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
    let mut columns: Vec<TextColumn> = Vec::new();
    columns.extend(wanted.map(|(metric, statistic, head)| {
        column(head, move |row| {
            let latency = row.latency(metric);
            let mark = if latency.is_bound(statistic) { BOUND } else { "" };
            show(latency.stat(statistic), |v| format!("{}{mark}", human_us(v)))
        })
    }));
    columns.push(figure("floor lag\np99", human_us, |r| &r.cost.floor_lag_p99_us));
    // How late the delay line itself was, if there is one.
    if table.rows.iter().any(|r| r.latency(Metric::DelayError).count > 0) {
        let line = [("line error\np50", Statistic::P50), ("line error\np99", Statistic::P99)];
        columns.extend(line.map(|(head, statistic)| {
            figure(head, human_us, move |r| r.latency(Metric::DelayError).stat(statistic))
        }));
    }
    table_of("Latency", &rows(table), columns)
}

/// How long a client's message takes to reach the others, if clients send to each other.
fn fanout(table: &Table) -> String {
    let rows: Vec<&Row> = rows(table).into_iter().filter(|r| r.fanout.posts > 0).collect();
    if rows.is_empty() {
        return String::new();
    }
    let share = |share: f64| format!("{:.2} %", share * 100.0);
    let columns = [
        column("messages", |r| thousands(r.fanout.posts)),
        figure("first\np50", human_us, |r| &r.fanout.first_us[0]),
        figure("first\np99", human_us, |r| &r.fanout.first_us[1]),
        figure("last\np50", human_us, |r| &r.fanout.last_us[0]),
        figure("last\np99", human_us, |r| &r.fanout.last_us[1]),
        figure("spread\np50", human_us, |r| &r.fanout.spread_us[0]),
        figure("spread\np99", human_us, |r| &r.fanout.spread_us[1]),
        figure("reached\nleast", share, |r| &r.fanout.completeness_min),
        figure("reached\nmean", share, |r| &r.fanout.completeness_mean),
    ];
    let title =
        "Time until a message has reached the first and the last client, from its intended sending";
    table_of(title, &rows, columns)
}

fn cost(table: &Table) -> String {
    let columns = [
        figure("driver CPU\n/message", human_us, |r| &r.cost.driver_cpu_us),
        figure("server CPU\n/message", human_us, |r| &r.cost.server_cpu_us),
        figure("floor CPU\n/turn", human_us, |r| &r.cost.floor_cpu_us),
        figure("driver\nB/client", human_bytes, |r| &r.cost.driver_bytes),
        figure("server\nB/client", human_bytes, |r| &r.cost.server_bytes),
        figure("kernel\nB/client", human_bytes, |r| &r.cost.kernel_bytes),
        figure("connects\n/s", amount, |r| &r.connecting.per_s),
        column("messages", |r| thousands(r.events.per_message_divisor())),
        column("lost", |r| show(&r.events.known_lost(), |lost| thousands(lost as u64))),
        column("errors", |r| thousands(r.events.all.faults)),
    ];
    table_of("CPU and memory of driver and server", &rows(table), columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::table_of_series;

    /// As many of each are not as many of all.
    #[test]
    fn a_number_of_several_rows_is_that_of_each() {
        let table = table_of_series(&[("a", 10), ("b", 10), ("c", 10)]);
        let said = |text: &str| {
            let rows = table.rows[..2].iter().map(|row| (row, text.to_owned()));
            with_labels(&table, &rows.collect::<Vec<_>>())
        };
        assert_eq!(said("20 messages were old."), ["a and b, each: 20 messages were old."]);
        assert_eq!(said("of these 20 were old."), ["a and b, each: of these 20 were old."]);
        assert_eq!(said("some were old."), ["a and b: some were old."]);
    }

    #[test]
    fn all_series_are_said_of_several_alone() {
        let said = |series: &[(&str, u32)], which: &[usize]| {
            let table = table_of_series(series);
            let some: Vec<&Row> = which.iter().map(|n| &table.rows[*n]).collect();
            labels(&table, &some)
        };
        let two = [("a", 10), ("b", 10)];
        assert_eq!(said(&two, &[]), None);
        assert_eq!(said(&two, &[0, 1]).unwrap(), "all series");
        assert_eq!(said(&two, &[1]).unwrap(), "b");
        assert_eq!(said(&[("a", 10)], &[0]).unwrap(), "a at 10 clients");
        let counts = [("a", 10), ("a", 20), ("a", 1_000)];
        assert_eq!(said(&counts, &[0, 1, 2]).unwrap(), "a at 10, 20 and 1,000 clients");
        assert_eq!(said(&counts, &[0, 1]).unwrap(), "a at 10 and 20 clients");
    }
}
