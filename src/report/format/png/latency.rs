//! Latencies: a box from the median to p90, paler to p99, a line to the largest.

use crate::record::{Metric, TransportKind};
use crate::report::format::png::axis::AxisScale;
use crate::report::format::png::page::{LegendEntry, Page};
use crate::report::format::png::panel::{Mark, Panel, Shape, Spread};
use crate::report::format::png::{
    clusters, invalid_mark, keys, known_us, palette, reasons, show_us,
};
use crate::report::layer::Statistic;
use crate::report::table::{DriverCause, Latencies, Row, Table};
use plotters::style::RGBColor;

const BOUND: &str = "†";
const GAP: u32 = 50;
/// What is written above a box.
const IN_NUMBERS: [Statistic; 2] = [Statistic::P50, Statistic::P99];
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
    let is_below =
        |r: &Row| shown.iter().any(|(m, _)| r.latency(*m).stat(Statistic::P50).below().is_some());
    if table.rows.iter().any(is_below) {
        let what = "A box without a dark line goes below what the times in messages are exact to.";
        footnotes.push(what.to_owned());
    }
    let figures = table.rows.iter().flat_map(|row| shown.iter().map(|(m, _)| row.latency(*m)));
    let figures = figures.filter(|latency| latency.count > 0);
    let figures = figures.flat_map(|latency| IN_NUMBERS.map(|s| latency.stat(s)));
    footnotes.extend(reasons(figures.filter(|figure| figure.below().is_none())));
    let marks = |r: &Row| {
        let bound = shown.iter().filter_map(|(m, _)| r.latency(*m).driver_bound);
        bound.map(|bound| bound.cause).collect()
    };
    let found: Vec<DriverCause> = table.rows.iter().flat_map::<Vec<_>, _>(marks).collect();
    let reasons = DriverCause::ALL.into_iter().filter(|cause| found.contains(cause));
    let reasons: Vec<&str> = reasons.map(DriverCause::what).collect();
    if !reasons.is_empty() {
        let what = reasons.join(", or ");
        footnotes.push(format!("{BOUND} driver-bound, not the server's alone: {what}"));
    }
    let grey = palette::transport(TransportKind::Null.name());
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
        rows.iter()
            .map(|(row, colour)| mark(row.latency(metric), invalid_mark(row), *colour))
            .collect()
    });
    Panel { title, axis: "", scale: AxisScale::Range, show: show_us, clusters, size: 24.0 }
}

/// A distribution, with its median and p99 in numbers.
fn mark(latency: &Latencies, sign: &str, colour: RGBColor) -> Mark {
    let stats = [Statistic::P50, Statistic::P90, Statistic::P99, Statistic::Max];
    let known = stats.map(|s| latency.stat(s).value());
    let below = stats.iter().filter_map(|s| latency.stat(*s).below()).max().map(|us| us as f64);
    if below.is_none() && known[0].is_none() {
        return Mark::absent(latency.stat(Statistic::P50).reason().unwrap_or_default());
    }
    let bound = |s| if latency.is_bound(s) { BOUND } else { "" };
    let shown = |s| {
        let figure = latency.stat(s);
        let is_known = figure.value().is_some() || figure.below().is_some();
        format!("{}{}", known_us(figure), if is_known { bound(s) } else { "" })
    };
    let lines = vec![
        format!("p50 {}", shown(Statistic::P50)),
        format!("p99 {}{sign}", shown(Statistic::P99)),
    ];
    Mark { shape: Shape::Range(Spread { stats: known, below }), lines, colour }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::figure::Figure;
    use crate::report::time_quality::TimeQuality;

    #[test]
    fn what_is_below_the_times_resolution_is_marked_and_the_rest_is_drawn() {
        let of = |values: [f64; 7]| Latencies {
            metric: Metric::DeliveryLatency,
            count: 1_000,
            histogram: None,
            times: TimeQuality { untrue: None, exact_us: 1_000 },
            stats: values
                .map(|us| TimeQuality { untrue: None, exact_us: 1_000 }.known_us(us))
                .to_vec(),
            driver_bound: None,
            bound: vec![false; 7],
        };
        let colour = palette::transport("websocket");
        // The least value, p50, p90, p95, p99, p99.9 and the largest.
        let some = mark(&of([0.0, 200.0, 900.0, 1_500.0, 3_000.0, 4_000.0, 5_000.0]), "‡", colour);
        assert_eq!(some.lines, ["p50 < 1 ms", "p99 3 ms‡"]);
        let stats = [None, None, Some(3_000.0), Some(5_000.0)];
        assert_eq!(some.shape, Shape::Range(Spread { stats, below: Some(1_000.0) }));
        let all = mark(&of([0.0; 7]), "", colour);
        assert_eq!(all.lines, ["p50 < 1 ms", "p99 < 1 ms"]);
        let mut few = of([2_000.0; 7]);
        few.stats[Statistic::P99 as usize] = Figure::absent("too few");
        few.stats[Statistic::Min as usize] = Figure::known(2_000.0);
        assert_eq!(mark(&few, "", colour).lines, ["p50 2 ms", "p99 n/a"]);
        few.stats[Statistic::P50 as usize] = Figure::absent("no message came");
        assert_eq!(mark(&few, "", colour), Mark::absent("no message came"));
    }
}
