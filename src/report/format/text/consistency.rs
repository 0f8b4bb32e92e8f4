//! Predictions beside measurements, delivery of updates, and the run in sentences.

use crate::record::Metric;
use crate::report::format::text::grid::paragraph;
use crate::report::format::text::{amount, column, figure, rows, show, table_of};
use crate::report::layer::{Layer, Quantity, Statistic};
use crate::report::table::{Row, Table};
use crate::units::{human_bytes, human_us, thousands, three};

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
fn difference(row: &Row, quantity: Quantity, how: impl Fn(f64) -> String) -> String {
    let compared = row.predicted.of(quantity);
    let above_tcp = matches!(quantity, Quantity::Of(Layer::Overhead | Layer::Wire));
    let exact = above_tcp && row.predicted.exact;
    match compared.relative.value().filter(|_| !exact) {
        Some(share) => percent(share),
        None => show(&compared.difference, |v| signed(v, &how)),
    }
}

/// Returns quantities as predicted and as measured, if any is predicted.
fn compared(
    title: &str,
    table: &Table,
    quantities: [(Quantity, &str); 3],
    how: fn(f64) -> String,
) -> String {
    let known = |r: &Row, q| r.predicted.of(q).predicted.value().is_some();
    if !table.rows.iter().any(|r| quantities.iter().any(|(q, _)| known(r, *q))) {
        return String::new();
    }
    let mut columns = Vec::new();
    for (q, name) in quantities {
        columns.extend([
            figure(format!("{name}\npredicted"), how, move |r| &r.predicted.of(q).predicted),
            figure(format!("{name}\nmeasured"), how, move |r| &r.predicted.of(q).measured),
            column(format!("{name}\noff by"), move |r| difference(r, q, how)),
        ]);
    }
    if quantities.iter().any(|(q, _)| q.is_time()) {
        let distance = |r: &Row| show(&r.predicted.distribution_distance, three);
        columns.push(column("distance\n0 to 1", distance));
    }
    table_of(title, &rows(table), columns)
}

pub(crate) fn bytes(table: &Table) -> String {
    let quantities = [
        (Quantity::Of(Layer::Overhead), "overhead B"),
        (Quantity::Of(Layer::Wire), "app B"),
        (Quantity::Of(Layer::Ip), "TCP/IP B"),
    ];
    let title = "Bytes per message, predicted by arithmetic and measured";
    compared(title, table, quantities, amount)
}

pub(crate) fn times(table: &Table) -> String {
    let quantities = [
        (Quantity::DeliveryMean, "mean"),
        (Quantity::DeliveryWorst, "worst"),
        (Quantity::AgeMean, "age"),
    ];
    let title = "Mean and worst delivery latency and mean age of information, predicted by arithmetic \
                 and measured;\ndistance: Kolmogorov–Smirnov, between the predicted and the measured \
                 distribution";
    compared(title, table, quantities, human_us)
}

pub(crate) fn delivery(table: &Table) -> String {
    let known = |r: &Row| {
        let d = &r.delivery;
        d.published.value().or(d.age_us.value()).or(d.duplicated.value()).is_some()
    };
    if !table.rows.iter().any(known) {
        return String::new();
    }
    let columns = [
        figure("published", amount, |r| &r.delivery.published),
        figure("delivered", amount, |r| &r.delivery.delivered),
        figure("superseded", amount, |r| &r.delivery.superseded),
        figure("missing", amount, |r| &r.delivery.missing),
        figure("duplicated", amount, |r| &r.delivery.duplicated),
        figure("empty\npolls", amount, |r| &r.delivery.empty_polls),
        figure("empty\nbytes", human_bytes, |r| &r.delivery.empty_poll_bytes),
        figure("mean\nage", human_us, |r| &r.delivery.age_us),
        figure("peak age\np99", human_us, |r| r.latency(Metric::PeakAge).stat(Statistic::P99)),
    ];
    table_of("Delivery of updates, and age of information", &rows(table), columns)
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
        assert_eq!(signed(-2.0, human_us), "-2 µs");
    }
}
