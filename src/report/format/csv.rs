//! Comma-separated values: a summary, and tidy files of bytes, latencies, seconds and pictures.
//!
//! An absent figure is an empty field; the last column of `summary.csv` says why.

mod changes;
mod pictures;

use crate::report::Format;
use crate::report::figure::Figure;
use crate::report::layer::Statistic;
use crate::report::metrics::{CellValue, columns};
use crate::report::table::{Latencies, Row, Table, Volume};
use crate::report::time_series::Second;
pub(in crate::report) use changes::changes;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// A row for each series and client count, and tidy files of bytes, latencies, seconds and pictures.
pub(crate) const CSV: Format = Format {
    name: "csv",
    contents: &[
        ("summary.csv", summary),
        ("bytes.csv", bytes),
        ("latency.csv", latency),
        ("trace.csv", pictures::trace),
        ("distribution.csv", pictures::distribution),
        ("percentiles.csv", pictures::percentiles),
        ("break-even.csv", pictures::break_even),
    ],
    streams: &[("timeseries.csv", timeseries), ("heat.csv", pictures::heat)],
    own_process: false,
};

fn lines(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Vec<u8> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    // Writing to memory does not fail, and every row has the head's number of fields.
    writer.write_record(head).expect("memory takes every line");
    for row in rows {
        writer.write_record(&row).expect("memory takes every line of the head's length");
    }
    writer.into_inner().expect("memory takes every line")
}

/// Returns a text as a cell: one that a spreadsheet would take for a formula has an apostrophe before
/// it, as spreadsheets read it (OWASP, "CSV Injection").
fn cell(text: &str) -> String {
    match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{text}"),
        _ => text.to_owned(),
    }
}

/// A column: its name, and its field in the line of a part, such as a second with its row.
type CsvColumn<Part> = (&'static str, fn(&Part) -> String);

/// Returns a file with a line for each part.
fn tidy<Part>(columns: &[CsvColumn<Part>], parts: impl IntoIterator<Item = Part>) -> Vec<u8> {
    let head: Vec<&str> = columns.iter().map(|column| column.0).collect();
    let fields = |part| columns.iter().map(|column| column.1(&part)).collect();
    lines(&head, parts.into_iter().map(fields))
}

/// Returns a number with at most six decimals, or nothing if it is absent.
fn plain(figure: &Figure) -> String {
    figure.value().map_or_else(String::new, decimals)
}

fn decimals(value: f64) -> String {
    let text = format!("{value:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    match text {
        "-0" => "0".to_owned(),
        text => text.to_owned(),
    }
}

fn summary(table: &Table) -> Vec<u8> {
    let mut columns = columns();
    columns.retain(|column| table.has_chapter() || !column.of_chapter);
    let mut head: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
    head.push("absent");
    let row = |row: &Row| {
        let mut absent: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        let mut fields: Vec<String> = Vec::with_capacity(head.len());
        for column in &columns {
            fields.push(match column.get(row) {
                CellValue::Text(text) => cell(&text),
                CellValue::Count(count) => count.to_string(),
                CellValue::Flag(flag) => flag.to_string(),
                CellValue::Number(figure) => {
                    if let Some(why) = figure.reason() {
                        absent.entry(why.to_owned()).or_default().push(&column.name);
                    }
                    plain(&figure)
                }
            });
        }
        let why = absent.iter().map(|(why, names)| format!("{}: {why}", names.join(" ")));
        fields.push(cell(&why.collect::<Vec<_>>().join("; ")));
        fields
    };
    lines(&head, table.rows.iter().chain(&table.floors).map(row))
}

fn bytes(table: &Table) -> Vec<u8> {
    let columns: [CsvColumn<(&Row, &Volume)>; 10] = [
        ("series", |(row, _)| cell(&row.series)),
        ("clients", |(row, _)| row.clients.to_string()),
        ("phase", |(_, v)| v.phase.name().to_owned()),
        ("direction", |(_, v)| v.way.name().to_owned()),
        ("layer", |(_, v)| v.layer.name().to_owned()),
        ("total", |(_, v)| plain(&v.total)),
        ("per_message", |(_, v)| plain(&v.per_message)),
        ("per_delivered", |(_, v)| plain(&v.per_delivered)),
        ("per_s", |(_, v)| plain(&v.per_s)),
        ("per_s_scaled", |(_, v)| plain(&v.per_s_scaled)),
    ];
    tidy(&columns, table.rows.iter().flat_map(|row| row.volumes.iter().map(move |v| (row, v))))
}

fn latency(table: &Table) -> Vec<u8> {
    let columns: [CsvColumn<(&Row, &Latencies, Statistic)>; 8] = [
        ("series", |(row, ..)| cell(&row.series)),
        ("clients", |(row, ..)| row.clients.to_string()),
        ("metric", |(_, l, _)| l.metric.name().to_owned()),
        ("statistic", |(_, _, s)| s.name().to_owned()),
        ("value_us", |(_, l, s)| plain(l.stat(*s))),
        ("count", |(_, l, _)| l.count.to_string()),
        ("driver_bound", |(_, l, _)| l.driver_bound.is_some().to_string()),
        ("statistic_driver_bound", |(_, l, s)| l.is_bound(*s).to_string()),
    ];
    let rows = table.rows.iter().chain(&table.floors);
    let latencies = rows.flat_map(|row| row.latencies.iter().map(move |l| (row, l)));
    let measured = latencies.filter(|(_, l)| l.count > 0);
    tidy(&columns, measured.flat_map(|(row, l)| Statistic::ALL.map(|s| (row, l, s))))
}

fn timeseries(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    let columns: [CsvColumn<(&Row, Second)>; 15] = [
        ("series", |(row, _)| cell(&row.series)),
        ("clients", |(row, _)| row.clients.to_string()),
        ("repeat", |(_, s)| s.repeat.to_string()),
        ("second", |(_, s)| s.second.to_string()),
        ("phases", |(_, s)| s.phases.iter().map(|p| p.name()).collect::<Vec<_>>().join("+")),
        ("turns", |(_, s)| s.counts.turns.to_string()),
        ("completed", |(_, s)| s.counts.completed.to_string()),
        ("messages", |(_, s)| s.counts.messages.to_string()),
        ("wire_bytes_up", |(_, s)| s.ledger.up.wire.get().to_string()),
        ("wire_bytes_down", |(_, s)| s.ledger.down.wire.get().to_string()),
        ("faults", |(_, s)| s.counts.faults.to_string()),
        ("delivery_latency_us_p50", |(_, s)| plain(&s.delivery_us[0])),
        ("delivery_latency_us_p99", |(_, s)| plain(&s.delivery_us[1])),
        ("response_latency_us_p50", |(_, s)| plain(&s.response_us[0])),
        ("response_latency_us_p99", |(_, s)| plain(&s.response_us[1])),
    ];
    let mut writer = ::csv::Writer::from_writer(out);
    writer.write_record(columns.iter().map(|column| column.0))?;
    for row in table.rows.iter().chain(&table.floors) {
        row.seconds.each(|second| {
            let part = (row, second);
            Ok(writer.write_record(columns.iter().map(|column| column.1(&part)))?)
        })?;
    }
    writer.flush()
}
