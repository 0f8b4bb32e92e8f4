//! The numbers behind the pictures: single messages, whole distributions, curves.

use crate::record::{Metric, TraceEvent, TraceKind};
use crate::report::format::csv::{CsvColumn, cell, decimals, lines, plain, tidy};
use crate::report::pictures::{AtQuantile, Share, Trace};
use crate::report::table::{Row, Table};
use std::io::{self, Write};

fn us(ns: i64) -> String {
    decimals(ns as f64 / 1e3)
}

/// Returns a field that only an update has.
fn of_update(event: &TraceEvent, text: String) -> String {
    if event.kind == TraceKind::Update { text } else { String::new() }
}

/// A row for each event of a traced client.
pub(crate) fn trace(table: &Table) -> Vec<u8> {
    let columns: [CsvColumn<(&Trace, &TraceEvent)>; 9] = [
        ("series", |(trace, _)| trace.series.clone()),
        ("clients", |(trace, _)| trace.clients.to_string()),
        ("repeat", |(trace, _)| trace.repeat.to_string()),
        ("client", |(trace, _)| trace.client.to_string()),
        ("at_us", |(_, event)| us(event.at_ns)),
        ("event", |(_, event)| {
            let name = match event.kind {
                TraceKind::Sent => "sent",
                TraceKind::Empty => "empty",
                TraceKind::Update => "update",
            };
            name.to_owned()
        }),
        ("sequence", |(_, event)| of_update(event, event.sequence.to_string())),
        ("published_us", |(_, event)| of_update(event, us(event.published_ns))),
        ("latency_us", |(trace, event)| of_update(event, plain(&trace.latency_us(event)))),
    ];
    let traces = table.pictures.traces.iter();
    tidy(&columns, traces.flat_map(|trace| trace.events.iter().map(move |event| (trace, event))))
}

/// A row for each point of a distribution of the delivery latency.
pub(crate) fn distribution(table: &Table) -> Vec<u8> {
    fn share(share: Option<f64>) -> String {
        share.map_or_else(String::new, decimals)
    }
    let columns: [CsvColumn<(&Row, &Share)>; 5] = [
        ("series", |(row, _)| row.series.clone()),
        ("clients", |(row, _)| row.clients.to_string()),
        ("latency_us", |(_, point)| decimals(point.latency_us)),
        ("measured_share", |(_, point)| share(point.measured)),
        ("law_share", |(_, point)| share(point.law)),
    ];
    let rows = table.rows.iter();
    tidy(&columns, rows.flat_map(|r| r.distribution.points.iter().map(move |point| (r, point))))
}

/// A row for each point of a curve, then a row for each crossing; no file if the picture is left out.
pub(crate) fn break_even(table: &Table) -> Vec<u8> {
    if table.pictures.costs.absent.is_some() && !table.has_chapter() {
        return Vec::new();
    }
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

/// A row for each quantile of a delivery latency, as far as there are values enough.
pub(crate) fn percentiles(table: &Table) -> Vec<u8> {
    fn us(us: Option<f64>) -> String {
        us.map_or_else(String::new, decimals)
    }
    let columns: [CsvColumn<(&Row, &AtQuantile)>; 5] = [
        ("series", |(row, _)| row.series.clone()),
        ("clients", |(row, _)| row.clients.to_string()),
        ("quantile", |(_, point)| format!("{:.7}", point.quantile)),
        ("measured_us", |(_, point)| us(point.measured_us)),
        ("law_us", |(_, point)| us(point.law_us)),
    ];
    let rows = table.rows.iter();
    tidy(&columns, rows.flat_map(|r| r.distribution.tail.iter().map(move |point| (r, point))))
}

/// A row for each cell of a heat map: how many values of a latency came in a moment.
pub(crate) fn heat(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "series,clients,metric,from_s,until_s,latency_from_us,latency_until_us,values")?;
    let shown = Metric::ALL.into_iter().filter(|metric| metric.is_headline());
    for (row, metric) in table.rows.iter().flat_map(|r| shown.clone().map(move |m| (r, m))) {
        let map = row.seconds.heat(metric, u32::MAX)?;
        let series = cell(&row.series);
        let mut lines = ::csv::Writer::from_writer(&mut *out);
        for cell in &map.cells {
            let from_s = map.from_s + cell.column * map.column_s;
            let bin = cell.bin as usize;
            lines.write_record([
                series.as_str(),
                &row.clients.to_string(),
                metric.name(),
                &from_s.to_string(),
                &(from_s + map.column_s).to_string(),
                &decimals(map.edges_us[bin]),
                &decimals(map.edges_us[bin + 1]),
                &cell.count.to_string(),
            ])?;
        }
        lines.flush()?;
    }
    Ok(())
}
