//! Predictions beside measurements, delivery of updates, and the run in sentences.

use crate::record::Metric;
use crate::report::format::text::grid::{Grid, paragraph};
use crate::report::format::text::{Column, amount, columns_grid, rows, show, us};
use crate::report::layer::{Layer, Quantity, Statistic};
use crate::report::table::{Prediction, Row, Table};
use crate::units::{human_bytes, thousands, three};

/// Returns a difference with its sign.
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

/// Returns a difference in the quantity's own unit if the prediction is exact or there is no share,
/// else as a share.
fn difference(compared: &Prediction, exact: bool, how: impl Fn(f64) -> String) -> String {
    match compared.relative.value().filter(|_| !exact) {
        Some(share) => percent(share),
        None => show(&compared.difference, |v| signed(v, &how)),
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
        let what = ["predicted", "measured", "off by"];
        head.extend(what.map(|what| format!("{name}\n{what}")));
    }
    if quantities.iter().any(|(q, _)| q.is_time()) {
        head.push("distance\n0 to 1".to_owned());
    }
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let mut grid = Grid::new(2, &head);
    for row in rows(table) {
        let mut cells = vec![thousands(row.clients.into()), row.series.clone()];
        for (quantity, _) in quantities {
            let compared = row.predicted.of(*quantity);
            let above_tcp = matches!(quantity, Quantity::Of(Layer::Overhead | Layer::Wire));
            cells.push(show(&compared.predicted, how));
            cells.push(show(&compared.measured, how));
            cells.push(difference(compared, above_tcp && row.predicted.exact, how));
        }
        if cells.len() < head.len() {
            cells.push(show(&row.predicted.distribution_distance, three));
        }
        grid.row(cells);
    }
    Some(grid)
}

pub(crate) fn bytes(table: &Table) -> String {
    let quantities = [
        (Quantity::Of(Layer::Overhead), "overhead B"),
        (Quantity::Of(Layer::Wire), "app B"),
        (Quantity::Of(Layer::Ip), "TCP/IP B"),
    ];
    grid(table, &quantities, amount).map_or_else(String::new, |grid| {
        format!("Bytes per message, predicted by arithmetic and measured\n{}", grid.render())
    })
}

pub(crate) fn times(table: &Table) -> String {
    let quantities = [
        (Quantity::DeliveryMean, "mean"),
        (Quantity::DeliveryWorst, "worst"),
        (Quantity::AgeMean, "age"),
    ];
    grid(table, &quantities, us).map_or_else(String::new, |grid| {
        format!(
            "Mean and worst delivery latency and mean age of information, predicted by arithmetic and \
             measured;\ndistance: Kolmogorov–Smirnov, between the predicted and the measured distribution\n{}",
            grid.render()
        )
    })
}

pub(crate) fn delivery(table: &Table) -> String {
    let columns: [Column; 9] = [
        ("published", |r| show(&r.delivery.published, amount)),
        ("delivered", |r| show(&r.delivery.delivered, amount)),
        ("superseded", |r| show(&r.delivery.superseded, amount)),
        ("missing", |r| show(&r.delivery.missing, amount)),
        ("duplicated", |r| show(&r.delivery.duplicated, amount)),
        ("empty\npolls", |r| show(&r.delivery.empty_polls, amount)),
        ("empty\nbytes", |r| show(&r.delivery.empty_poll_bytes, human_bytes)),
        ("mean\nage", |r| show(&r.delivery.age_us, us)),
        ("peak age\np99", |r| show(r.latency(Metric::PeakAge).stat(Statistic::P99), us)),
    ];
    let known = |r: &Row| {
        let d = &r.delivery;
        d.published.value().or(d.age_us.value()).or(d.duplicated.value()).is_some()
    };
    if !table.rows.iter().any(known) {
        return String::new();
    }
    let grid = columns_grid(&rows(table), &columns);
    format!("Delivery of updates, and age of information\n{}", grid.render())
}

pub(crate) fn sentences(table: &Table) -> String {
    let lines = table.words.iter().map(|sentence| paragraph(&format!("- {sentence}"), 2));
    if table.words.is_empty() {
        String::new()
    } else {
        format!("In short\n{}", lines.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_have_a_sign_and_a_unit() {
        assert_eq!(percent(0.0123), "+1.23 %");
        assert_eq!(percent(-0.5), "-50 %");
        assert_eq!(percent(12.0), "+1,200 %");
        assert_eq!(percent(1e5), "+1e7 %");
        assert_eq!(signed(0.0, amount), "0");
        assert_eq!(signed(-2.0, us), "-2 µs");
    }
}
