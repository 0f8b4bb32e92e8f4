//! Latencies: a box from the median to p90, paler to p99, a line to the largest.

use crate::record::{Metric, TransportKind};
use crate::report::drawing::axis::AxisScale;
use crate::report::drawing::page::{LegendEntry, Page, Swatch};
use crate::report::drawing::panel::{Mark, Panel, Shape, Spread};
use crate::report::drawing::{
    clusters, invalid_mark, keys, known_us, palette, reasons, show_moment, show_us,
};
use crate::report::layer::Statistic;
use crate::report::table::{DriverCause, Latencies, Row, Table};
use plotters::style::RGBColor;

const BOUND: &str = "†";
const GAP: u32 = 50;
/// What a box is drawn from.
const DRAWN: [Statistic; 4] = [Statistic::P50, Statistic::P90, Statistic::P99, Statistic::Max];
/// What is written above a box.
const IN_NUMBERS: [Statistic; 2] = [Statistic::P50, Statistic::P99];
const PANELS: [(Metric, &str); 2] = [
    (Metric::DeliveryLatency, "Delivery: intended publishing → client has the update"),
    (Metric::ResponseLatency, "Response: intended request → whole response"),
];

pub(crate) fn draw(table: &Table) -> String {
    let series = palette::series(table);
    let measured = |m: Metric| table.rows.iter().any(|r| r.latency(m).count > 0);
    let mut shown: Vec<_> = PANELS.into_iter().filter(|(m, _)| measured(*m)).collect();
    if shown.is_empty() {
        shown.push(PANELS[0]);
    }
    let scales: Vec<AxisScale> = shown.iter().map(|(m, _)| scale(table, *m)).collect();
    let is_log = scales.contains(&AxisScale::Range);
    let boxes = "Dark line: the median. Line above the box: to the largest. ";
    let boxes = if is_log { boxes } else { "" };
    let mut footnotes = vec![format!("{boxes}Percentiles of all repeats' values together.")];
    let is_any_below =
        shown.iter().any(|(m, _)| table.rows.iter().any(|r| is_below(r.latency(*m))));
    if is_any_below {
        let what = "Striped: where in it the median is, and what else is below a bound, is not known: the times in \
                    messages are too coarse.";
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
    if is_log {
        legend.push(LegendEntry::new("box: median to p90", grey));
        legend.push(LegendEntry::new("pale: p90 to p99", palette::lighter(grey, 0.6)));
    }
    if is_any_below {
        legend.push(LegendEntry::of("striped: below a bound", grey, Swatch::Striped));
    }
    if is_log && scales.contains(&AxisScale::Linear) {
        let what = "The axis of the delivery latency begins with zero, as nothing but bounds is known; the other \
                    is on a log scale.";
        footnotes.push(what.to_owned());
    }
    let page = Page {
        table,
        title: "Latency",
        about: if !scales.contains(&AxisScale::Linear) {
            "by client count, on a log scale; lower is better".into()
        } else {
            "by client count; lower is better".into()
        },
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
            .map(|(row, colour)| {
                mark(row.latency(metric), invalid_mark(row), *colour).of(&row.series)
            })
            .collect()
    });
    let scale = scale(table, metric);
    let show = if scale == AxisScale::Linear { show_moment } else { show_us };
    Panel { title, axis: "", scale, show, clusters, size: 24.0 }
}

/// True if a picture of them would have nothing to draw.
pub(crate) fn is_empty(table: &Table) -> bool {
    let is_any = |row: &Row| PANELS.iter().any(|(metric, _)| is_drawn(row.latency(*metric)));
    !table.rows.iter().any(is_any)
}

fn is_drawn(latency: &Latencies) -> bool {
    !matches!(mark(latency, "", palette::transport("")).shape, Shape::Absent(_))
}

/// Whether a part of what is drawn is below a bound.
fn is_below(latency: &Latencies) -> bool {
    DRAWN.iter().any(|statistic| latency.stat(*statistic).below().is_some())
}

/// From zero, if nothing but bounds is known: a log scale has no zero, from which they go.
fn scale(table: &Table, metric: Metric) -> AxisScale {
    let mut drawn = table.rows.iter().map(|row| row.latency(metric));
    let is_any_known = drawn.any(|l| DRAWN.iter().any(|s| l.stat(*s).value().is_some()));
    let is_any_below = table.rows.iter().any(|row| is_below(row.latency(metric)));
    if is_any_below && !is_any_known { AxisScale::Linear } else { AxisScale::Range }
}

/// A distribution, with its median and p99 in numbers.
fn mark(latency: &Latencies, sign: &str, colour: RGBColor) -> Mark {
    let known = DRAWN.map(|s| latency.stat(s).value());
    let below = DRAWN.iter().filter_map(|s| latency.stat(*s).below()).max().map(|us| us as f64);
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
    let shape = Shape::Range(Spread { stats: known, below });
    Mark { shape, lines, colour, series: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::figure::Figure;
    use crate::report::tests::table_of_series;
    use crate::report::time_quality::TimeQuality;

    /// A log scale has no zero, from which what is below a bound goes; and what has nothing is not drawn.
    #[test]
    fn bounds_alone_are_drawn_from_zero_and_nothing_at_all_is_empty() {
        let times = TimeQuality { untrue: None, exact_us: 1_000 };
        let mut table = table_of_series(&[("a", 10), ("b", 10)]);
        let metric = Metric::DeliveryLatency;
        assert!(is_empty(&table));
        let mut set = |row: usize, us: f64| {
            let latency = &mut table.rows[row].latencies[metric as usize];
            latency.count = 1_000;
            latency.stats.fill(times.known_us(us));
            (is_empty(&table), scale(&table, metric))
        };
        assert_eq!(set(0, 400.0), (false, AxisScale::Linear));
        assert_eq!(set(1, 238_000.0), (false, AxisScale::Range));
    }

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
