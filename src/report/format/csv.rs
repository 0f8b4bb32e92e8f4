//! Comma-separated values: a summary, and tidy files of bytes, latencies, seconds and pictures.
//!
//! An absent figure is an empty field; the last column of `summary.csv` says why.

mod pictures;

use crate::record::Phase;
use crate::report::figure::Figure;
use crate::report::layer::Statistic;
use crate::report::metrics::{Cell, columns};
use crate::report::table::{Row, Table};
use crate::report::{Format, Rendered};
use std::collections::BTreeMap;

pub(crate) struct Csv;

impl Format for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }
    fn about(&self) -> &'static str {
        "a row for each series and client count, and tidy files of bytes, latencies, seconds and \
         pictures"
    }
    fn files(&self) -> &'static [&'static str] {
        &[
            "summary.csv",
            "bytes.csv",
            "latency.csv",
            "timeseries.csv",
            "trace.csv",
            "distribution.csv",
            "break-even.csv",
        ]
    }
    fn render(&self, table: &Table) -> Vec<Rendered> {
        let contents = [
            summary(table),
            bytes(table),
            latency(table),
            timeseries(table),
            pictures::trace(table),
            pictures::distribution(table),
            pictures::break_even(table),
        ];
        let files = self.files().iter().zip(contents);
        files.map(|(&name, bytes)| Rendered { name, bytes }).collect()
    }
}

fn lines(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Vec<u8> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    // Writing to memory does not fail, and every row has the head's number of fields.
    writer.write_record(head).expect("memory takes every line");
    for row in rows {
        writer.write_record(&row).expect("memory takes every line of the head's length");
    }
    writer.into_inner().expect("memory takes every line")
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
    let columns = columns();
    let mut head: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
    head.push("absent");
    let row = |row: &Row| {
        let mut absent: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        let mut fields: Vec<String> = Vec::with_capacity(head.len());
        for column in &columns {
            fields.push(match column.get(row) {
                Cell::Text(text) => text,
                Cell::Count(count) => count.to_string(),
                Cell::Flag(flag) => flag.to_string(),
                Cell::Number(figure) => {
                    if let Some(why) = figure.reason() {
                        absent.entry(why.to_owned()).or_default().push(&column.name);
                    }
                    plain(&figure)
                }
            });
        }
        let why = absent.iter().map(|(why, names)| format!("{}: {why}", names.join(" ")));
        fields.push(why.collect::<Vec<_>>().join("; "));
        fields
    };
    lines(&head, table.rows.iter().chain(&table.floors).map(row))
}

fn bytes(table: &Table) -> Vec<u8> {
    let head = [
        "series",
        "clients",
        "phase",
        "direction",
        "layer",
        "total",
        "per_message",
        "per_delivered",
        "per_s",
        "per_s_scaled",
    ];
    let rows = table.rows.iter().flat_map(|row| {
        row.volumes.iter().map(|v| {
            vec![
                row.series.clone(),
                row.clients.to_string(),
                v.phase.name().to_owned(),
                v.way.name().to_owned(),
                v.layer.name().to_owned(),
                plain(&v.total),
                plain(&v.per_message),
                plain(&v.per_delivered),
                plain(&v.per_s),
                plain(&v.per_s_scaled),
            ]
        })
    });
    lines(&head, rows)
}

fn latency(table: &Table) -> Vec<u8> {
    let head = ["series", "clients", "metric", "statistic", "value_us", "count", "driver_bound"];
    let rows = table.rows.iter().chain(&table.floors).flat_map(|row| {
        row.latencies.iter().filter(|l| l.count > 0).flat_map(move |l| {
            Statistic::ALL.into_iter().map(move |s| {
                vec![
                    row.series.clone(),
                    row.clients.to_string(),
                    l.metric.name().to_owned(),
                    s.name().to_owned(),
                    plain(l.stat(s)),
                    l.count.to_string(),
                    l.driver_bound.to_string(),
                ]
            })
        })
    });
    lines(&head, rows)
}

fn timeseries(table: &Table) -> Vec<u8> {
    let head = [
        "series",
        "clients",
        "repeat",
        "second",
        "phases",
        "turns",
        "completed",
        "messages",
        "wire_bytes_up",
        "wire_bytes_down",
        "faults",
        "delivery_latency_us_p50",
        "delivery_latency_us_p99",
        "response_latency_us_p50",
        "response_latency_us_p99",
    ];
    let rows = table.rows.iter().chain(&table.floors).flat_map(|row| {
        row.seconds.iter().map(|s| {
            let phases: Vec<&str> = s.phases.iter().copied().map(Phase::name).collect();
            vec![
                row.series.clone(),
                row.clients.to_string(),
                s.repeat.to_string(),
                s.second.to_string(),
                phases.join("+"),
                s.turns.to_string(),
                s.completed.to_string(),
                s.messages.to_string(),
                s.wire_bytes_up.to_string(),
                s.wire_bytes_down.to_string(),
                s.faults.to_string(),
                plain(&s.delivery_us[0]),
                plain(&s.delivery_us[1]),
                plain(&s.response_us[0]),
                plain(&s.response_us[1]),
            ]
        })
    });
    lines(&head, rows)
}
