//! The numbers behind the pictures: single messages, whole distributions, curves.

use crate::record::{TraceEvent, TraceKind};
use crate::report::format::csv::{decimals, lines};
use crate::report::pictures::Trace;
use crate::report::table::Table;

/// A row for each event of a traced client.
pub(crate) fn trace(table: &Table) -> Vec<u8> {
    let head = [
        "series",
        "clients",
        "repeat",
        "client",
        "at_us",
        "event",
        "sequence",
        "published_us",
        "latency_us",
    ];
    let us = |ns: i64| decimals(ns as f64 / 1e3);
    let row = |trace: &Trace, event: &TraceEvent| {
        let update = |text: String| match event.kind {
            TraceKind::Update => text,
            TraceKind::Sent | TraceKind::Empty => String::new(),
        };
        vec![
            trace.series.clone(),
            trace.clients.to_string(),
            trace.repeat.to_string(),
            trace.client.to_string(),
            us(event.at_ns),
            match event.kind {
                TraceKind::Sent => "sent",
                TraceKind::Empty => "empty",
                TraceKind::Update => "update",
            }
            .to_owned(),
            update(event.sequence.to_string()),
            update(us(event.published_ns)),
            update(us(event.at_ns.saturating_sub(event.published_ns))),
        ]
    };
    let traces = table.pictures.traces.iter();
    lines(&head, traces.flat_map(|t| t.events.iter().map(move |e| row(t, e))))
}

/// A row for each point of a distribution of the delivery latency.
pub(crate) fn distribution(table: &Table) -> Vec<u8> {
    let head = ["series", "clients", "latency_us", "measured_share", "law_share"];
    let share = |share: Option<f64>| share.map_or_else(String::new, decimals);
    let rows = table.rows.iter().flat_map(|row| {
        row.distribution.points.iter().map(move |p| {
            vec![
                row.series.clone(),
                row.clients.to_string(),
                decimals(p.latency_us),
                share(p.measured),
                share(p.law),
            ]
        })
    });
    lines(&head, rows)
}

/// A row for each point of a curve, then a row for each crossing.
pub(crate) fn break_even(table: &Table) -> Vec<u8> {
    let head =
        ["series", "transport", "rate_hz", "wire_bytes_per_s", "ip_bytes_per_s", "crosses_series"];
    let curves = &table.pictures.costs.curves;
    let points = curves.iter().flat_map(|curve| {
        curve.points.iter().map(move |p| {
            vec![
                curve.series.clone(),
                curve.transport.clone(),
                decimals(p.rate_hz),
                decimals(p.wire_bytes_per_s),
                decimals(p.ip_bytes_per_s),
                String::new(),
            ]
        })
    });
    let transport = |series: &str| {
        let curve = curves.iter().find(|c| c.series == series);
        curve.map_or_else(String::new, |c| c.transport.clone())
    };
    let crossings = table.crossings.iter().map(|c| {
        vec![
            c.a.clone(),
            transport(&c.a),
            decimals(c.rate_hz),
            String::new(),
            decimals(c.bytes_per_s),
            c.b.clone(),
        ]
    });
    lines(&head, points.chain(crossings))
}
