//! The delivery latency by percentile, measured and predicted, with the nines spread out: a panel for each
//! client count.

use crate::report::drawing::axis::{self, AxisScale};
use crate::report::drawing::canvas::{Area, Drawn, PictureGroup};
use crate::report::drawing::page::{LegendEntry, Page, Swatch};
use crate::report::drawing::panel;
use crate::report::drawing::plot::{Axis, AxisUnit, Plot};
use crate::report::drawing::text::{GREY, INK, Pen};
use crate::report::drawing::{invalid_mark, keys, palette, row, show_us};
use crate::report::table::{Row, Table};
use crate::units::thousands;
use plotters::style::RGBColor;
use plotters_backend::text_anchor::HPos;

/// With more panels, each would be too small.
const MOST: usize = 4;
const GAP: (i32, i32) = (54, 30);
const SIZE: f32 = 21.0;
/// Percentiles that have a name on the axis.
const TICKS: [(f64, &str); 8] = [
    (0.0, "0 %"),
    (0.5, "50 %"),
    (0.9, "90 %"),
    (0.99, "99 %"),
    (0.999, "99.9 %"),
    (0.9999, "99.99 %"),
    (0.99999, "99.999 %"),
    (0.999_999, "99.9999 %"),
];

pub(crate) fn draw(table: &Table) -> String {
    let series = palette::series(table);
    let counts = counts(table);
    let predicted =
        drawn(table).any(|row| row.distribution.tail.iter().any(|p| p.law_us.is_some()));
    let mut legend = keys(&series);
    if predicted {
        legend.push(LegendEntry::of("predicted by arithmetic", INK, Swatch::Dashed(3)));
    }
    let mut footnotes = vec![
        "A line ends at the last percentile that its values suffice for: a p99.9 needs 1,000 of them. What is zero \
         has no place on a log scale."
            .to_owned(),
    ];
    let all = {
        let mut all: Vec<u32> = table.rows.iter().map(|row| row.clients).collect();
        all.sort_unstable();
        all.dedup();
        all.len()
    };
    if counts.len() < all {
        footnotes.push(format!(
            "{} of {all} client counts; all percentiles are in latency.csv.",
            counts.len()
        ));
    }
    let page = Page {
        table,
        title: "Delivery latency by percentile",
        about: "the rare long ones spread out; on a log scale; lower is better".into(),
        keys: legend,
        footnotes,
        absent: None,
    };
    page.draw(|area| {
        if counts.is_empty() {
            panel::nothing(area, None, 26.0)
        } else {
            grid(table, &series, &counts, area)
        }
    })
}

/// True if a picture of them would have no line.
pub(crate) fn is_empty(table: &Table) -> bool {
    drawn(table).next().is_none()
}

fn drawn(table: &Table) -> impl Iterator<Item = &Row> {
    table.rows.iter().filter(|row| !row.distribution.tail.is_empty())
}

/// Returns the client counts to show: all, or those with the most clients.
fn counts(table: &Table) -> Vec<u32> {
    let mut all: Vec<u32> = drawn(table).map(|row| row.clients).collect();
    all.sort_unstable();
    all.dedup();
    let left_out = all.len().saturating_sub(MOST);
    all.split_off(left_out)
}

fn grid(table: &Table, series: &[(String, RGBColor)], counts: &[u32], area: &Area) -> Drawn {
    let columns = if counts.len() == 4 { 2 } else { counts.len() };
    let rows = counts.len().div_ceil(columns);
    let (width, height) = area.dim_in_pixel();
    let each = (width as i32 / columns as i32, height as i32 / rows as i32);
    for (n, clients) in counts.iter().enumerate() {
        let corner = ((n % columns) as i32 * each.0, (n / columns) as i32 * each.1);
        let size = ((each.0 - GAP.0).max(1) as u32, (each.1 - GAP.1).max(1) as u32);
        let shown: Vec<(&Row, RGBColor)> = series
            .iter()
            .filter_map(|(label, colour)| Some((row(table, label, *clients)?, *colour)))
            .filter(|(row, _)| !row.distribution.tail.is_empty())
            .collect();
        one(&area.clone().shrink(corner, size), *clients, &shown)?;
    }
    Ok(())
}

/// Where a quantile is on the axis: 1 for each nine.
fn nines(quantile: f64) -> f64 {
    -(1.0 - quantile).max(1e-12).log10()
}

fn one(area: &Area, clients: u32, rows: &[(&Row, RGBColor)]) -> Drawn {
    let (width, height) = area.dim_in_pixel();
    let bold = Pen::new(SIZE * 1.1).bold();
    let title = format!("{} clients", thousands(clients.into()));
    area.draw_text(&title, &bold.at(HPos::Left), (0, (SIZE * 0.6) as i32))?;
    let points = || rows.iter().flat_map(|(row, _)| &row.distribution.tail);
    let values: Vec<f64> = points().flat_map(|p| [p.measured_us, p.law_us]).flatten().collect();
    let last = points().map(|p| nines(p.quantile)).fold(1.0, f64::max);
    let span = axis::span(AxisScale::Range, &values, 0.04);
    let ticks = TICKS.iter().map(|(q, name)| (nines(*q), (*name).to_owned()));
    let room = Pen::new(SIZE).width("99.999 %") + 12.0;
    let between = (width as f32 - SIZE * 5.0) / last as f32;
    // Names that would touch are left out: of the first ones there are always two.
    let mut free = f32::MIN;
    let ticks = ticks.filter(|(at, _)| *at <= last + 1e-9).filter(|(at, _)| {
        let x = *at as f32 * between;
        let fits = x >= free;
        if fits {
            free = x + room;
        }
        fits
    });
    let plot = Plot {
        area,
        from: ((SIZE * 4.6) as i32, (SIZE * 2.2) as i32),
        to: (width as i32 - (SIZE * 2.2) as i32, height as i32 - (SIZE * 2.2) as i32),
        x: Axis { span: (0.0, last), log: false, ticks: ticks.collect() },
        y: Axis {
            span: (span.start, span.end),
            log: true,
            ticks: axis::decades(&span).into_iter().map(|v| (v, show_us(v))).collect(),
        },
        units: (AxisUnit::Nines, AxisUnit::Time),
        size: SIZE * 0.92,
    };
    if plot.to.1 - plot.from.1 < 20 || plot.to.0 - plot.from.0 < 20 {
        return Ok(());
    }
    let axes = plot.axes();
    let group = PictureGroup { axes: Some(&axes), ..PictureGroup::default() };
    group.draw(area, || {
        plot.frame()?;
        for (row, colour) in rows {
            let title = format!("{}{}", row.label(), invalid_mark(row));
            let group = PictureGroup {
                series: Some(&row.series),
                title: Some(&title),
                ..PictureGroup::default()
            };
            group.draw(area, || lines(&plot, row, *colour))?;
        }
        Ok(())
    })?;
    if values.is_empty() {
        let at = ((plot.from.0 + plot.to.0) / 2, (plot.from.1 + plot.to.1) / 2);
        area.draw_text("n/a", &Pen::new(SIZE).colour(GREY).at(HPos::Center), at)?;
    }
    Ok(())
}

fn lines(plot: &Plot, row: &Row, colour: RGBColor) -> Drawn {
    let tail = &row.distribution.tail;
    let of = |value: fn(&crate::report::pictures::AtQuantile) -> Option<f64>| -> Vec<(f64, f64)> {
        tail.iter().filter_map(|p| Some((nines(p.quantile), value(p)?))).collect()
    };
    plot.line(&of(|p| p.measured_us), colour, 5)?;
    // What is below the axis would be a line down to it.
    let mut law = of(|p| p.law_us);
    law.retain(|(_, us)| *us >= plot.y.span.0);
    plot.dashed(&law, palette::darker(colour, 0.45), 3)
}
