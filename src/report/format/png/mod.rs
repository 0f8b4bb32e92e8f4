//! Eight pictures, one file for each. `page` has what all share: title, legend and footnotes. `panel`
//! draws bars by client count, `plot` lines over two axes of numbers. plotters draws SVG documents,
//! which `canvas` rasterises.

mod age;
mod axis;
mod break_even;
mod bytes;
mod canvas;
mod cost;
mod distribution;
mod latency;
mod overhead;
mod page;
mod palette;
mod panel;
mod plot;
mod stroke;
mod text;
mod timeline;

use crate::report::Format;
use crate::report::figure::Figure;
use crate::report::table::{Row, Status, Table};
use crate::units::{distinct, thousands};
use page::LegendEntry;
use panel::{Cluster, Mark};
use plotters::style::RGBColor;

/// Marks values of rows that are not valid; a footnote of every picture explains it.
const INVALID: &str = "‡";

/// Pictures of overhead, bytes, latency, cost, single messages, age and break-even rates.
pub(crate) const PNG: Format = Format {
    name: "png",
    contents: &[
        ("overhead.png", |t| unless_empty(t, overhead::is_empty(t), overhead::draw)),
        ("bytes.png", |t| unless_empty(t, bytes::is_empty(t), bytes::draw)),
        ("latency.png", |t| unless_empty(t, latency::is_empty(t), latency::draw)),
        ("cost.png", |t| unless_empty(t, cost::is_empty(t), cost::draw)),
        ("timeline.png", |t| unless_empty(t, t.pictures.timeline.absent.is_some(), timeline::draw)),
        ("distribution.png", |t| unless_empty(t, !has_distribution(t), distribution::draw)),
        ("age.png", |t| unless_empty(t, t.pictures.ages.absent.is_some(), age::draw)),
        ("break-even.png", |t| {
            unless_empty(t, t.pictures.costs.absent.is_some(), break_even::draw)
        }),
    ],
    streams: &[],
    own_process: true,
};

/// Draws a picture, but none that would be empty of another server than the chapter's: what is not
/// known of such a server is in the summary.
fn unless_empty(table: &Table, empty: bool, draw: fn(&Table) -> Vec<u8>) -> Vec<u8> {
    if empty && !table.has_chapter() { Vec::new() } else { draw(table) }
}

fn has_distribution(table: &Table) -> bool {
    table.rows.iter().any(|row| !row.distribution.points.is_empty())
}

/// Returns a cluster for each client count, rising, made of its rows with their colours. With `room`,
/// labels name the chapter's use case.
fn clusters(
    table: &Table,
    series: &[(String, RGBColor)],
    room: bool,
    marks: impl Fn(&[(&Row, RGBColor)]) -> Vec<Mark>,
) -> Vec<Cluster> {
    let mut counts: Vec<_> =
        table.rows.iter().map(|r| (r.clients, r.chapter.use_case.filter(|_| room))).collect();
    counts.sort_unstable();
    counts.dedup();
    let cluster = |(clients, case): (u32, Option<char>)| {
        let rows = series.iter().filter_map(|(l, c)| Some((row(table, l, clients)?, *c)));
        let count = thousands(clients.into());
        Cluster {
            label: case.map_or(count.clone(), |case| format!("use case {case}: {count}")),
            marks: marks(&rows.collect::<Vec<_>>()),
        }
    };
    counts.into_iter().map(cluster).collect()
}

fn row<'a>(table: &'a Table, series: &str, clients: u32) -> Option<&'a Row> {
    table.rows.iter().find(|r| r.series == series && r.clients == clients)
}

fn keys(series: &[(String, RGBColor)]) -> Vec<LegendEntry> {
    series.iter().map(|(label, colour)| LegendEntry::new(label, *colour)).collect()
}

/// Returns the mark of a row that is not valid.
fn invalid_mark(row: &Row) -> &'static str {
    if row.status == Status::Valid { "" } else { INVALID }
}

/// Returns why figures are absent, each reason once.
fn reasons<'a>(figures: impl Iterator<Item = &'a Figure>) -> Option<String> {
    let reasons = distinct(figures.filter_map(Figure::reason));
    (!reasons.is_empty()).then(|| format!("n/a: {}", reasons.join("; ")))
}

/// Returns a time, or what it is below.
fn known_us(figure: &Figure) -> String {
    match (figure.value(), figure.below()) {
        (Some(us), _) => show_us(us),
        (None, Some(below)) => format!("< {}", show_us(below as f64)),
        (None, None) => "n/a".to_owned(),
    }
}

/// Returns a number and its SI prefix: `871 k`, `1.53 M`.
fn prefixed(value: f64, kilo: f64) -> (f64, &'static str) {
    let mut rest = value;
    for prefix in ["", "k", "M", "G", "T", "P"] {
        if rest.abs() < kilo * 0.9995 {
            return (rest, prefix);
        }
        rest /= kilo;
    }
    (rest, "E")
}

fn digits(value: f64) -> String {
    match value.abs() {
        m if m != 0.0 && !(1e-3..1e4).contains(&m) => format!("{value:.1e}").replace(".0e", "e"),
        _ => crate::units::three(value),
    }
}

fn show_bytes(value: f64) -> String {
    let (number, prefix) = prefixed(value, 1000.0);
    format!("{} {prefix}B", digits(number))
}

/// Formats a time in µs on an axis: zero has no unit.
fn show_moment(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { show_us(value) }
}

/// Formats a time in µs.
fn show_us(value: f64) -> String {
    match value.abs() {
        m if m < 999.5 => format!("{} µs", digits(value)),
        m if m < 999.5e3 => format!("{} ms", digits(value / 1e3)),
        _ => format!("{} s", digits(value / 1e6)),
    }
}
