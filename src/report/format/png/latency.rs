//! Latencies: a box from the median to p90, paler to p99, a line to the largest.

use crate::record::Metric;
use crate::report::format::png::axis::AxisScale;
use crate::report::format::png::page::{LegendEntry, Page};
use crate::report::format::png::panel::{Mark, Panel, Shape};
use crate::report::format::png::{clusters, invalid_mark, keys, palette, show_us};
use crate::report::layer::Statistic;
use crate::report::table::{DriverBound, Row, Table};
use plotters::style::RGBColor;

const BOUND: &str = "†";
const GAP: u32 = 50;
const PANELS: [(Metric, &str); 2] = [
    (Metric::DeliveryLatency, "Delivery: intended publishing → client has the update"),
    (Metric::ResponseLatency, "Response: intended request → whole response"),
];

pub(crate) fn draw(table: &Table) -> Vec<u8> {
    let series = palette::series(table);
    let measured = |m: Metric| table.rows.iter().any(|r| r.latency(m).count > 0);
    let mut shown: Vec<_> = PANELS.into_iter().filter(|(m, _)| measured(*m)).collect();
    if shown.is_empty() {
        shown.push(PANELS[0]);
    }
    let mut footnotes = vec![
        "Dark line: the median. Line above the box: to the largest. Percentiles of all repeats' \
         values together."
            .to_owned(),
    ];
    let marks = |r: &Row| shown.iter().filter_map(|(m, _)| r.latency(*m).driver_bound).collect();
    let found: Vec<DriverBound> = table.rows.iter().flat_map::<Vec<_>, _>(marks).collect();
    let reasons = DriverBound::ALL.into_iter().filter(|reason| found.contains(reason));
    let reasons: Vec<&str> = reasons.map(DriverBound::what).collect();
    if !reasons.is_empty() {
        let what = reasons.join(", or than ten times ");
        footnotes.push(format!("{BOUND} driver-bound: the median is less than ten times {what}"));
    }
    let grey = palette::transport("null");
    let mut legend = keys(&series);
    legend.push(LegendEntry::new("box: median to p90", grey));
    legend.push(LegendEntry::new("pale: p90 to p99", palette::lighter(grey, 0.6)));
    let page = Page {
        table,
        title: "Latency",
        about: "by client count, on a log scale; lower is better".into(),
        keys: legend,
        footnotes,
        absent: None,
    };
    page.draw(|area| {
        let panels: Vec<_> =
            shown.iter().map(|(m, title)| panel(table, *m, title, &series)).collect();
        let [first, second] = &panels[..] else { return panels[0].draw(area) };
        // A panel with more series gets more room.
        let share = if first.most_marks() > second.most_marks() { 0.62 } else { 0.5 };
        let (left, right) = area.split_horizontally(area.relative_to_width(share) as i32);
        first.draw(&left.margin(0, 0, 0, GAP))?;
        second.draw(&right)
    })
}

fn panel(
    table: &Table,
    metric: Metric,
    title: &'static str,
    series: &[(String, RGBColor)],
) -> Panel {
    // A series without this latency would leave a gap in every cluster.
    let has = |row: &Row| row.latency(metric).count > 0;
    let none = !table.rows.iter().any(has);
    let shown = |label: &str| none || table.rows.iter().any(|r| r.series == label && has(r));
    let series: Vec<_> = series.iter().filter(|(label, _)| shown(label)).cloned().collect();
    let clusters = clusters(table, &series, false, |rows| {
        rows.iter().map(|(row, colour)| mark(row, metric, *colour)).collect()
    });
    Panel { title, axis: "", scale: AxisScale::Range, show: show_us, clusters, size: 24.0 }
}

/// A distribution, with its median and p99 in numbers.
fn mark(row: &Row, metric: Metric, colour: RGBColor) -> Mark {
    let latency = row.latency(metric);
    let stats = [Statistic::P50, Statistic::P90, Statistic::P99, Statistic::Max];
    let [Some(p50), Some(p90), Some(p99), Some(max)] = stats.map(|s| latency.stat(s).value())
    else {
        return Mark::absent(latency.stat(Statistic::P50).reason().unwrap_or_default());
    };
    let bound = |s| if latency.is_bound(s) { BOUND } else { "" };
    let p50_line = format!("p50 {}{}", show_us(p50), bound(Statistic::P50));
    let p99_line = format!("p99 {}{}{}", show_us(p99), bound(Statistic::P99), invalid_mark(row));
    Mark { shape: Shape::Range([p50, p90, p99, max]), lines: vec![p50_line, p99_line], colour }
}
