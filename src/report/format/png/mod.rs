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

use crate::report::figure::Figure;
use crate::report::table::{Row, Status, Table};
use crate::report::{Format, Rendered};
use crate::units::thousands;
use page::LegendEntry;
use panel::{Cluster, Mark};
use plotters::style::RGBColor;

/// Marks values of rows that are not valid; a footnote of every picture explains it.
const INVALID: &str = "‡";

pub(crate) struct Png;

impl Format for Png {
    fn name(&self) -> &'static str {
        "png"
    }
    fn about(&self) -> &'static str {
        "pictures of overhead, bytes, latency, cost, single messages, age and break-even rates"
    }
    fn files(&self) -> &'static [&'static str] {
        &[
            "overhead.png",
            "bytes.png",
            "latency.png",
            "cost.png",
            "timeline.png",
            "distribution.png",
            "age.png",
            "break-even.png",
        ]
    }
    fn render(&self, table: &Table) -> Vec<Rendered> {
        let documents = svg(table);
        // Rasterising takes most of the time, so each picture has a thread.
        let drawn = std::thread::scope(|scope| {
            let start = |document| scope.spawn(move || canvas::rasterise(document));
            let threads = documents.each_ref().map(|document| start(document));
            // A panic in drawing is a bug and continues in this thread.
            threads.map(|t| t.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        let files = self.files().iter().zip(drawn);
        files.map(|(&name, bytes)| Rendered { name, bytes }).collect()
    }
}

/// Returns the pictures as SVG documents, in the order of the files.
fn svg(table: &Table) -> [String; 8] {
    let pictures: [fn(&Table) -> String; 8] = [
        overhead::draw,
        bytes::draw,
        latency::draw,
        cost::draw,
        timeline::draw,
        distribution::draw,
        age::draw,
        break_even::draw,
    ];
    pictures.map(|draw| draw(table))
}

/// Returns a cluster for each client count, rising. With `room`, labels name the chapter's use case.
fn clusters(table: &Table, room: bool, marks: impl Fn(u32) -> Vec<Mark>) -> Vec<Cluster> {
    let mut counts: Vec<_> =
        table.rows.iter().map(|r| (r.clients, r.chapter.use_case.filter(|_| room))).collect();
    counts.sort_unstable();
    counts.dedup();
    let label = |clients: u32, case| match case {
        Some(case) => format!("use case {case}: {}", thousands(clients.into())),
        None => thousands(clients.into()),
    };
    counts.into_iter().map(|(n, case)| Cluster { label: label(n, case), marks: marks(n) }).collect()
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
    let mut reasons: Vec<&str> = Vec::new();
    for why in figures.filter_map(Figure::reason) {
        if !reasons.contains(&why) {
            reasons.push(why);
        }
    }
    (!reasons.is_empty()).then(|| format!("n/a: {}", reasons.join("; ")))
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
