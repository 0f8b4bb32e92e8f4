//! Pictures of a run as SVG documents, which `format` shows as they are or in pixels. `page` has what all
//! share: title, legend and footnotes. `panel` draws bars by client count, `plot` lines over two axes of
//! numbers. plotters draws, and `canvas` gives its documents groups.

mod age;
mod axis;
mod break_even;
mod bytes;
mod canvas;
pub(in crate::report) mod changes;
mod compact;
mod cost;
mod distribution;
mod grid;
mod heat;
mod latency;
mod overhead;
mod page;
mod palette;
mod panel;
mod percentiles;
mod plot;
mod stroke;
mod text;
mod timeline;

pub(in crate::report) use text::FONTS;

use crate::report::figure::Figure;
use crate::report::table::{Row, Status, Table};
use crate::units::{distinct, thousands};
pub(in crate::report) use overhead::SCALED_SIGN;
use page::LegendEntry;
use panel::{Cluster, Mark};
use plotters::style::RGBColor;

/// Marks values of rows that are not valid; a footnote of every picture explains it.
const INVALID: &str = "‡";

/// A picture of a run.
pub(crate) struct Picture {
    /// Its name in files, without an ending.
    pub name: &'static str,
    /// What it shows, for whoever cannot see it.
    pub about: &'static str,
    /// The CSV file that has its figures.
    pub csv: &'static str,
    /// True if it would show nothing of a table.
    is_empty: fn(&Table) -> bool,
    draw: fn(&Table) -> String,
}

impl Picture {
    /// Returns it as an SVG document, or `None` if it would be empty of another server than the chapter's: what
    /// is not known of such a server is in the summary.
    pub(crate) fn svg(&self, table: &Table) -> Option<String> {
        let left_out = (self.is_empty)(table) && !table.has_chapter();
        (!left_out).then(|| (self.draw)(table))
    }
}

/// The chapter's figure 7-4.
pub(crate) const OVERHEAD: Picture = Picture {
    name: "overhead",
    about: "Protocol overhead per second of all clients, by client count, as the chapter says and as measured, on a logarithmic scale",
    csv: "summary.csv",
    is_empty: overhead::is_empty,
    draw: overhead::draw,
};
/// Bytes per message by layer.
pub(crate) const BYTES: Picture = Picture {
    name: "bytes",
    about: "Bytes per message by layer, to scale: payload, heads, frames and TCP/IP",
    csv: "bytes.csv",
    is_empty: bytes::is_empty,
    draw: bytes::draw,
};
/// Latencies by client count.
pub(crate) const LATENCY: Picture = Picture {
    name: "latency",
    about: "Median, 90th and 99th percentile and largest latency by client count",
    csv: "latency.csv",
    is_empty: latency::is_empty,
    draw: latency::draw,
};
/// CPU and memory by client count.
pub(crate) const COST: Picture = Picture {
    name: "cost",
    about: "CPU per message and memory per client of driver, server and kernel, by client count",
    csv: "summary.csv",
    is_empty: cost::is_empty,
    draw: cost::draw,
};
/// The chapter's figure 7-5.
pub(crate) const TIMELINE: Picture = Picture {
    name: "timeline",
    about: "Single messages between server and one client of each series, over time",
    csv: "trace.csv",
    is_empty: |table| table.pictures.timeline.absent.is_some(),
    draw: timeline::draw,
};
/// Distributions of the delivery latency.
pub(crate) const DISTRIBUTION: Picture = Picture {
    name: "distribution",
    about: "Share of updates that were delivered within a time, measured and predicted",
    csv: "percentiles.csv",
    is_empty: |table| !has_distribution(table),
    draw: distribution::draw,
};
/// The delivery latency by percentile.
pub(crate) const PERCENTILES: Picture = Picture {
    name: "percentiles",
    about: "Delivery latency by percentile, with the rare long ones spread out, measured and predicted",
    csv: "percentiles.csv",
    is_empty: percentiles::is_empty,
    draw: percentiles::draw,
};
/// Latency over time.
pub(crate) const HEAT: Picture = Picture {
    name: "heat",
    about: "How often each latency came in each moment of the run",
    csv: "heat.csv",
    is_empty: heat::is_empty,
    draw: heat::draw,
};
/// The age of what clients have.
pub(crate) const AGE: Picture = Picture {
    name: "age",
    about: "Age of what one client of each series has, over time, with the means measured and predicted",
    csv: "trace.csv",
    is_empty: |table| table.pictures.ages.absent.is_some(),
    draw: age::draw,
};
/// Bytes by the rate of updates.
pub(crate) const BREAK_EVEN: Picture = Picture {
    name: "break-even",
    about: "Bytes that a client costs by the rate of updates, predicted, with the rates at which two series need the same",
    csv: "break-even.csv",
    is_empty: |table| table.pictures.costs.absent.is_some(),
    draw: break_even::draw,
};

/// Every picture, in the order in which a reader asks for them.
pub(crate) static PICTURES: [&Picture; 10] = [
    &OVERHEAD,
    &BYTES,
    &LATENCY,
    &DISTRIBUTION,
    &PERCENTILES,
    &HEAT,
    &COST,
    &AGE,
    &TIMELINE,
    &BREAK_EVEN,
];

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
