//! The distribution of the delivery latency, measured and predicted: a panel for each series and
//! client count.
//!
//! Cumulative instead of a histogram: a prediction may put a share of all values on one point, no bin
//! width has to be chosen, and the distance is the largest vertical gap between the lines.

use crate::record::Metric;
use crate::report::drawing::canvas::{Area, Drawn, PictureGroup};
use crate::report::drawing::grid::{self, ACROSS};
use crate::report::drawing::page::{LegendEntry, Page, Swatch};
use crate::report::drawing::panel;
use crate::report::drawing::plot::{Axis, AxisUnit, Plot};
use crate::report::drawing::stroke;
use crate::report::drawing::text::{GREY, INK, Pen};
use crate::report::drawing::{invalid_mark, known_us, palette, row, show_moment, show_us};
use crate::report::figure::Figure;
use crate::report::layer::{Quantity, Statistic};
use crate::report::pictures::{DistributionPicture, Share};
use crate::report::table::{Row, Table};
use crate::units::{distinct, thousands};
use plotters::prelude::*;
use plotters_backend::text_anchor::HPos;
use std::collections::BTreeSet;

/// With more panels, each would be too small.
const MOST: usize = 12;
const BAND: RGBColor = RGBColor(226, 226, 226);
const GAP: (i32, i32) = (44, 22);
/// The size of text in a panel of this width.
const SIZE: (f32, f32) = (21.0, 570.0);

pub(crate) fn draw(table: &Table) -> String {
    let series = palette::series(table);
    let counts = counts(table, series.len());
    let by_series = series.iter().flat_map(|(s, c)| counts.iter().map(move |n| (s, *c, *n)));
    let mut panels: Vec<(&Row, RGBColor)> =
        by_series.filter_map(|(s, c, n)| Some((row(table, s, n)?, c))).take(MOST).collect();
    if counts.len() <= series.len() && series.len() <= ACROSS {
        // If they fit side by side, each client count has a line of panels, else each series.
        panels.sort_by_key(|(row, _)| row.clients);
    }
    let page = Page {
        table,
        title: if is_any_predicted(&panels) {
            "Delivery latency: measured and predicted"
        } else {
            "Delivery latency"
        },
        about: "share of updates that reached their client within this time of their publishing"
            .into(),
        keys: legend(&panels),
        footnotes: footnotes(table, &panels),
        absent: None,
    };
    page.draw(|area| {
        if panels.is_empty() {
            panel::nothing(area, None, 26.0)
        } else {
            panels_of(area, &panels, series.len(), counts.len())
        }
    })
}

fn is_any_predicted(panels: &[(&Row, RGBColor)]) -> bool {
    let is_predicted = |row: &Row| row.distribution.points.iter().any(|point| point.law.is_some());
    panels.iter().any(|(row, _)| is_predicted(row))
}

/// Returns what is drawn: a prediction only if there is one.
fn legend(panels: &[(&Row, RGBColor)]) -> Vec<LegendEntry> {
    let mut keys = vec![LegendEntry::of("measured (colour of the series)", GREY, Swatch::Line(5))];
    if is_any_predicted(panels) {
        let late = panels.first().map_or(0.0, |(r, _)| r.distribution.late_us);
        let later = format!("predicted, up to {} later: the timers' error", show_us(late));
        keys.push(LegendEntry::of("predicted by arithmetic", INK, Swatch::Line(2)));
        keys.push(LegendEntry::of(&later, BAND, Swatch::Block));
    }
    keys
}

/// Returns the client counts to show: all, else the least and the greatest, else the least.
fn counts(table: &Table, series: usize) -> Vec<u32> {
    let mut all: Vec<u32> = table.rows.iter().map(|r| r.clients).collect();
    all.sort_unstable();
    all.dedup();
    let ends: Vec<u32> = [all.first(), all.last()].into_iter().flatten().copied().collect();
    match () {
        () if all.len() * series <= MOST => all,
        () if 2 * series <= MOST => ends,
        () => ends[..1].to_vec(),
    }
}

fn footnotes(table: &Table, panels: &[(&Row, RGBColor)]) -> Vec<String> {
    let distance = if is_any_predicted(panels) {
        "KS: Kolmogorov–Smirnov distance, the largest part of all updates by which the measured \
         line is outside the grey band. "
    } else {
        ""
    };
    let mut notes = vec![format!("{distance}{}", axes_end(panels))];
    if panels.iter().any(|(row, _)| is_hatched(row)) {
        notes.push(
            "Hatched: too short to be known: the times in messages are too coarse.".to_owned(),
        );
    }
    if panels.len() < table.rows.len() {
        notes.push(format!(
            "{} of {} distributions; all are in distribution.csv.",
            panels.len(),
            table.rows.len()
        ));
    }
    let why = panels.iter().filter_map(|(r, _)| predicted(r, Quantity::DeliveryMean).reason());
    let reasons = BTreeSet::from_iter(why);
    notes.extend(reasons.iter().map(|why| format!("no prediction: {why}")));
    notes
}

/// Says what the axes end at.
fn axes_end(panels: &[(&Row, RGBColor)]) -> String {
    let drawn = panels.iter().map(|(row, _)| &row.distribution).filter(|d| !d.points.is_empty());
    let ends = distinct(drawn.map(|distribution| distribution.top.what()));
    if ends.is_empty() {
        return String::new();
    }
    format!("Axes end at {}.", ends.join(", or at "))
}

/// Whether a part of the measured curve is missing, as it cannot be known.
fn is_hatched(row: &Row) -> bool {
    row.distribution.known_from_us > 0.0
}

/// Draws as many columns as series or client counts, whichever are more, if they fit.
fn panels_of(area: &Area, panels: &[(&Row, RGBColor)], series: usize, counts: usize) -> Drawn {
    let across = series.max(counts);
    let columns = match panels.len() {
        n if n > across && across <= ACROSS => across,
        n => grid::columns(n),
    };
    let rows = panels.iter().map(|(row, _)| *row);
    grid::draw(area, columns, GAP, rows, |part, n| one(part, panels[n].0, panels[n].1))
}

fn one(area: &Area, row: &Row, colour: RGBColor) -> Drawn {
    let (width, height) = area.dim_in_pixel();
    let width = width as f32;
    let size = SIZE.0 * (width / SIZE.1).clamp(0.8, 1.0);
    let clients = thousands(row.clients.into());
    let title = format!("{}, {clients} clients{}", row.series, invalid_mark(row));
    let bold = Pen::new(size * 1.1).bold();
    area.draw_text(&bold.fit(&title, width), &bold.at(HPos::Left), (0, (size * 0.6) as i32))?;
    let lines = [(measured(row), palette::darker(colour, 0.45)), (distribution_label(row), INK)];
    let widest = lines.iter().map(|(text, _)| Pen::new(size).width(text)).fold(1.0, f32::max);
    for (n, (text, colour)) in lines.into_iter().enumerate() {
        // Smaller text is better than a cut figure.
        let pen = Pen::new(size * (width * 0.98 / widest).clamp(0.75, 1.0)).colour(colour);
        let y = size * (2.1 + 1.45 * n as f32);
        area.draw_text(&pen.fit(&text, width), &pen.at(HPos::Left), (0, y as i32))?;
    }
    let distribution = &row.distribution;
    let top = if distribution.top_us > 0.0 { distribution.top_us } else { distribution.late_us };
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let plot = Plot {
        area,
        from: ((size * 3.6) as i32, (size * 4.9) as i32),
        to: (width as i32 - (size * 1.2) as i32, height as i32 - (size * 2.2) as i32),
        x: Axis::linear((0.0, top), 4, show_moment),
        y: Axis {
            span: (0.0, 1.02),
            log: false,
            ticks: [0.0, 0.5, 1.0].map(|s| (s, percent(s))).to_vec(),
        },
        units: (AxisUnit::Time, AxisUnit::Share),
        size: size * 0.92,
    };
    if plot.to.1 - plot.from.1 < 20 {
        return Ok(());
    }
    if distribution.points.is_empty() {
        let part = area.clone().shrink((0, plot.from.1), (width as u32, height));
        let why = row.latency(Metric::DeliveryLatency).stat(Statistic::Mean).reason();
        return panel::nothing(&part, why, size);
    }
    let axes = plot.axes();
    let group = PictureGroup { axes: Some(&axes), ..PictureGroup::default() };
    group.draw(area, || curves(&plot, distribution, top, colour))
}

/// Hatches the latencies that are too short to be known.
fn hatch(plot: &Plot, known_from_us: f64) -> Drawn {
    let from = (plot.from.0, plot.at((0.0, 1.0)).1);
    let to = plot.at((known_from_us.min(plot.x.span.1), 0.0));
    if to.0 <= from.0 {
        return Ok(());
    }
    panel::stripes(plot.area, from, to, palette::lighter(GREY, 0.6))?;
    let pen = Pen::new(plot.size).colour(GREY);
    let text = format!("not known below {}", show_us(known_from_us));
    let fits = pen.width(&text) + 16.0 < (to.0 - from.0) as f32;
    let middle = ((from.0 + to.0) / 2, (from.1 + to.1) / 2);
    if fits {
        stroke::text_on_white(plot.area, (&text, pen), HPos::Center, middle, (6, 14))?;
    }
    Ok(())
}

fn curves(plot: &Plot, shown: &DistributionPicture, top: f64, colour: RGBColor) -> Drawn {
    let points = &shown.points;
    let line = |of: fn(&Share) -> Option<f64>| -> Vec<(f64, f64)> {
        points.iter().filter_map(|p| Some((p.latency_us, of(p)?))).collect()
    };
    let law = line(|p| p.law);
    let late = line(|p| p.law_late);
    band(plot, &law, &late)?;
    plot.frame()?;
    hatch(plot, shown.known_from_us)?;
    let mut steps: Vec<(f64, f64)> = Vec::new();
    for (x, share) in line(|p| p.measured) {
        // A share holds until the next measured value.
        if let Some(last) = steps.last().map(|s| s.1).filter(|last| *last != share) {
            steps.push((x, last));
        }
        steps.push((x, share));
    }
    plot.line(&steps, colour, 5)?;
    // A constant prediction ends before the axis may.
    let mut law = law;
    law.extend(law.last().map(|last| (top.max(last.0), last.1)));
    plot.line(&law, INK, 2)
}

/// Fills the band between a prediction and the same one later.
fn band(plot: &Plot, law: &[(f64, f64)], late: &[(f64, f64)]) -> Drawn {
    // Beyond its last point a distribution function is 1.
    let end = plot.at((plot.x.span.1, 1.0));
    let mut outline = plot.within(law).concat();
    outline.push(end);
    outline.extend(plot.within(late).concat().into_iter().rev());
    plot.area.draw(&Polygon::new(outline, BAND.filled()))
}

fn measured(row: &Row) -> String {
    let latency = row.latency(Metric::DeliveryLatency);
    let shown = [(Statistic::Mean, "mean"), (Statistic::P99, "p99"), (Statistic::Max, "worst")];
    match latency.count {
        0 => "measured: n/a".to_owned(),
        _ => {
            let shown = shown.map(|(s, name)| format!("{name} {}", known_us(latency.stat(s))));
            format!("measured: {}", shown.join(", "))
        }
    }
}

fn predicted(row: &Row, quantity: Quantity) -> &Figure {
    &row.predicted.of(quantity).predicted
}

fn distribution_label(row: &Row) -> String {
    let ends = [Quantity::DeliveryMean, Quantity::DeliveryWorst].map(|q| predicted(row, q).value());
    let [Some(mean), Some(worst)] = ends else { return "no prediction (see below)".to_owned() };
    let distance = row.predicted.distribution_distance.value();
    let distance = distance.map_or("n/a".to_owned(), |d| format!("{d:.3}"));
    format!("predicted: mean {}, worst {}; KS {distance}", show_us(mean), show_us(worst))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::pictures::AxisEnd;
    use crate::report::tests::table_of_series;

    #[test]
    fn a_legend_promises_no_prediction_that_is_not_there() {
        assert_eq!(legend(&[]).len(), 1);
    }

    /// Of fewer than a thousand values there is no p99.9, at which an axis could end.
    #[test]
    fn footnotes_say_what_the_axes_end_at_and_what_is_not_known() {
        let mut table = table_of_series(&[("a", 10), ("b", 10)]);
        let ends = [AxisEnd::Largest, AxisEnd::P999];
        for (row, top) in table.rows.iter_mut().zip(ends) {
            let point = Share { latency_us: 9e3, measured: Some(1.0), law: None, law_late: None };
            row.distribution.points = vec![point];
            row.distribution.top = top;
        }
        table.rows[0].distribution.known_from_us = 2_000.0;
        let said = |rows: &[Row]| {
            let panels: Vec<_> = rows.iter().map(|row| (row, INK)).collect();
            footnotes(&table, &panels)
        };
        let hatched = "Hatched: too short to be known: the times in messages are too coarse.";
        let one = said(&table.rows[..1]);
        assert_eq!(one[..2], ["Axes end at the largest measured latency.", hatched]);
        let other = said(&table.rows[1..]);
        assert_eq!(other[0], "Axes end at the measured p99.9.");
        assert!(!other.contains(&hatched.to_owned()));
        let both = said(&table.rows);
        assert_eq!(both[0], "Axes end at the largest measured latency, or at the measured p99.9.");
    }
}
