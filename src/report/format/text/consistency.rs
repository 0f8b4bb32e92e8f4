//! Arithmetic beside measurement, what reached the clients, and the run in words.

use crate::record::Metric;
use crate::report::figure::Figure;
use crate::report::format::text::grid::{Grid, paragraph};
use crate::report::format::text::{amount, rows, show, us};
use crate::report::layer::{Quantity, Statistic};
use crate::report::table::{Foretold, Row, Table};
use crate::units::{human_bytes, thousands, three};

/// How a deviation reads: signed, as an amount or a share.
fn signed(value: f64, how: impl Fn(f64) -> String) -> String {
    let text = how(value.abs());
    match value {
        v if v > 0.0 => format!("+{text}"),
        v if v < 0.0 => format!("-{text}"),
        _ => text,
    }
}

fn percent(share: f64) -> String {
    match share.abs() * 100.0 {
        p if p >= 1e4 => signed(share, |_| format!("{:.0e} %", p)),
        p if p >= 99.95 => signed(share, |_| format!("{} %", thousands(p.round() as u64))),
        p => signed(share, |_| format!("{} %", three(p))),
    }
}

/// A deviation in the quantity's own unit where that is exact or there is no share, else a share.
fn deviation(foretold: &Foretold, exact: bool, how: impl Fn(f64) -> String) -> String {
    match foretold.relative.value().filter(|_| !exact) {
        Some(share) => percent(share),
        None => show(&foretold.deviation, |v| signed(v, &how)),
    }
}

fn grid(table: &Table, quantities: &[(Quantity, &str)], how: fn(f64) -> String) -> Option<Grid> {
    let known =
        |r: &Row| quantities.iter().any(|(q, _)| r.predicted.of(*q).predicted.value().is_some());
    if !table.rows.iter().any(known) {
        return None;
    }
    let mut head = vec!["clients".to_owned(), "series".to_owned()];
    for (_, name) in quantities {
        // Nine times as wide a word would push the series' names out of the page.
        let what = match quantities[0].0.is_time() {
            true => ["by law", "measured", "off by"],
            false => ["predicted", "measured", "deviation"],
        };
        head.extend(what.map(|what| format!("{name}\n{what}")));
    }
    if quantities.iter().any(|(q, _)| q.is_time()) {
        head.push("distance\nfrom law".to_owned());
    }
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let mut grid = Grid::new(2, &head);
    for row in rows(table) {
        let mut cells = vec![thousands(row.clients.into()), row.series.clone()];
        for (quantity, _) in quantities {
            let foretold = row.predicted.of(*quantity);
            let above_tcp = matches!(quantity, Quantity::Overhead | Quantity::Wire);
            cells.push(show(&foretold.predicted, how));
            cells.push(show(&foretold.measured, how));
            cells.push(deviation(foretold, above_tcp && row.predicted.exact, how));
        }
        if cells.len() < head.len() {
            cells.push(show(&row.predicted.law_distance, three));
        }
        grid.row(cells);
    }
    Some(grid)
}

/// Bytes a message by arithmetic and as measured.
pub(crate) fn bytes(table: &Table) -> String {
    let quantities =
        [(Quantity::Overhead, "overhead B"), (Quantity::Wire, "app B"), (Quantity::Ip, "TCP/IP B")];
    grid(table, &quantities, amount).map_or_else(String::new, |grid| {
        format!("Predicted and measured: bytes a message\n{}", grid.render())
    })
}

/// Latency and age by arithmetic and as measured.
pub(crate) fn times(table: &Table) -> String {
    let quantities = [
        (Quantity::DeliveryMean, "mean"),
        (Quantity::DeliveryWorst, "worst"),
        (Quantity::AgeMean, "age"),
    ];
    grid(table, &quantities, us).map_or_else(String::new, |grid| {
        format!(
            "Predicted and measured: mean and worst delivery latency, mean age of information\n{}",
            grid.render()
        )
    })
}

/// What reached the clients, and how old what they have is.
pub(crate) fn delivery(table: &Table) -> String {
    let head = [
        "clients",
        "series",
        "published",
        "delivered",
        "superseded",
        "missing",
        "duplicated",
        "empty\npolls",
        "empty\nbytes",
        "mean\nage",
        "peak age\np99",
    ];
    let mut grid = Grid::new(2, &head);
    let mut told = false;
    for row in rows(table) {
        let d = &row.delivery;
        let mut cells = vec![thousands(row.clients.into()), row.series.clone()];
        let counts =
            [&d.published, &d.delivered, &d.superseded, &d.missing, &d.duplicated, &d.empty_polls];
        cells.extend(counts.map(|count| show(count, amount)));
        cells.push(show(&d.empty_poll_bytes, human_bytes));
        let peak: &Figure = row.latency(Metric::PeakAge).stat(Statistic::P99);
        cells.extend([&d.age_us, peak].map(|age| show(age, us)));
        told |= d.published.value().or(d.age_us.value()).or(d.duplicated.value()).is_some();
        grid.row(cells);
    }
    match told {
        true => format!("Delivery of updates, and age of information\n{}", grid.render()),
        false => String::new(),
    }
}

/// The run in words.
pub(crate) fn words(table: &Table) -> String {
    let lines = table.words.iter().map(|sentence| paragraph(&format!("- {sentence}"), 2));
    match table.words.is_empty() {
        true => String::new(),
        false => format!("In words\n{}", lines.collect::<String>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deviations_have_a_sign_and_a_unit() {
        assert_eq!(percent(0.0123), "+1.23 %");
        assert_eq!(percent(-0.5), "-50 %");
        assert_eq!(percent(12.0), "+1,200 %");
        assert_eq!(percent(1e5), "+1e7 %");
        assert_eq!(signed(0.0, amount), "0");
        assert_eq!(signed(-2.0, us), "-2 µs");
    }
}
