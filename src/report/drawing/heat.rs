//! The delivery latency over time: how often each latency came in each moment, a panel for each series and
//! client count.

use crate::record::Metric;
use crate::report::drawing::axis;
use crate::report::drawing::canvas::{Area, Drawn, PictureGroup};
use crate::report::drawing::grid;
use crate::report::drawing::page::{LegendEntry, Page};
use crate::report::drawing::panel;
use crate::report::drawing::plot::{Axis, AxisUnit, Plot};
use crate::report::drawing::text::Pen;
use crate::report::drawing::{invalid_mark, palette, show_moment, show_us};
use crate::report::pictures::{HeatCell, HeatMap};
use crate::report::table::{Row, Table};
use crate::units::thousands;
use plotters::prelude::*;
use plotters_backend::text_anchor::HPos;
use std::borrow::Cow;

/// With more panels, each would be too small.
const MOST: usize = 12;
const GAP: (i32, i32) = (44, 26);
/// Columns of a panel: more cannot be told apart.
const COLUMNS: u32 = 90;
const SIZE: f32 = 20.0;
/// From which share of a moment's values on a cell has a shade, and how pale that is: below zero is darker.
const SHADES: [(f64, f32, &str); 5] = [
    (0.0, 0.82, "less than 1 %"),
    (0.01, 0.6, "1 % or more"),
    (0.05, 0.35, "5 % or more"),
    (0.2, 0.0, "20 % or more"),
    (0.5, -0.5, "50 % or more"),
];

/// The latency that is shown of a table: delivery, unless no row has one.
fn metric(table: &Table) -> Metric {
    let has = |metric| table.rows.iter().any(|row| row.latency(metric).count > 0);
    if !has(Metric::DeliveryLatency) && has(Metric::ResponseLatency) {
        Metric::ResponseLatency
    } else {
        Metric::DeliveryLatency
    }
}

pub(crate) fn draw(table: &Table) -> String {
    let metric = metric(table);
    let series = palette::series(table);
    let mut rows: Vec<&Row> = drawn(table).collect();
    // Those with most clients are the ones that a machine has trouble with.
    rows.sort_by_key(|row| std::cmp::Reverse(row.clients));
    let all = rows.len();
    rows.truncate(MOST);
    rows.sort_by_key(|row| row.clients);
    let maps: Vec<(&Row, Result<HeatMap, String>)> = rows
        .into_iter()
        .map(|row| (row, row.seconds.heat(metric, COLUMNS).map_err(|e| e.to_string())))
        .collect();
    let grey = RGBColor(110, 110, 110);
    let shade = |(_, pale, name): &(f64, f32, &str)| LegendEntry::new(name, shaded(grey, *pale));
    let mut footnotes = vec![
        "The darker a cell, the more of its moment's values are in it. Values of a second come from histograms \
         of one significant digit: twelve bins between a latency and ten times that."
            .to_owned(),
    ];
    if maps.len() < all {
        footnotes.push(format!("{} of {all}, those with the most clients.", maps.len()));
    }
    let what = metric.name().replace('_', " ");
    let page = Page {
        table,
        title: "Latency over time",
        about: Cow::from(format!("{what}, by the second of its end, on a log scale")),
        keys: SHADES.iter().map(shade).collect(),
        footnotes,
        absent: None,
    };
    page.draw(|area| {
        if maps.is_empty() {
            panel::nothing(area, None, 26.0)
        } else {
            panels_of(&maps, &series, area)
        }
    })
}

/// True if a picture of it would have no cell.
pub(crate) fn is_empty(table: &Table) -> bool {
    drawn(table).next().is_none()
}

fn drawn(table: &Table) -> impl Iterator<Item = &Row> {
    let metric = metric(table);
    let known = move |row: &&Row| {
        let latency = row.latency(metric);
        latency.count > 0 && (latency.times.untrue.is_none() || !metric.is_from_stamps())
    };
    table.rows.iter().filter(known)
}

fn shaded(colour: RGBColor, pale: f32) -> RGBColor {
    if pale < 0.0 { palette::darker(colour, -pale) } else { palette::lighter(colour, pale) }
}

fn panels_of(
    maps: &[(&Row, Result<HeatMap, String>)],
    series: &[(String, RGBColor)],
    area: &Area,
) -> Drawn {
    let rows = maps.iter().map(|(row, _)| *row);
    grid::draw(area, grid::columns(maps.len()), GAP, rows, |part, n| {
        let (row, map) = &maps[n];
        one(part, row, map, palette::of(series, &row.series))
    })
}

fn one(area: &Area, row: &Row, map: &Result<HeatMap, String>, colour: RGBColor) -> Drawn {
    let (width, height) = area.dim_in_pixel();
    let bold = Pen::new(SIZE * 1.1).bold();
    let clients = thousands(row.clients.into());
    let title = format!("{}, {clients} clients{}", row.series, invalid_mark(row));
    let title = bold.fit(&title, width as f32);
    area.draw_text(&title, &bold.at(HPos::Left), (0, (SIZE * 0.6) as i32))?;
    let from = ((SIZE * 4.6) as i32, (SIZE * 2.0) as i32);
    let to = (width as i32 - (SIZE * 1.2) as i32, height as i32 - (SIZE * 2.2) as i32);
    if to.1 - from.1 < 20 || to.0 - from.0 < 20 {
        return Ok(());
    }
    let map = match map {
        Ok(map) if !map.cells.is_empty() => map,
        Ok(_) => {
            return panel::nothing(&area.clone().shrink((0, from.1), (width, height)), None, SIZE);
        }
        Err(why) => {
            let part = area.clone().shrink((0, from.1), (width, height));
            return panel::nothing(&part, Some(why), SIZE);
        }
    };
    let edges = &map.edges_us;
    let span = (edges[0], edges[edges.len() - 1]);
    let ticks = axis::decades(&(span.0..span.1));
    let seconds = |us: f64| if us < 0.0 { String::new() } else { show_moment(us) };
    let start = f64::from(map.from_s) * 1e6;
    let end = start + f64::from(map.columns) * f64::from(map.column_s) * 1e6;
    let plot = Plot {
        area,
        from,
        to,
        x: Axis::linear((start, end), 4, seconds),
        y: Axis { span, log: true, ticks: ticks.into_iter().map(|v| (v, show_us(v))).collect() },
        units: (AxisUnit::Time, AxisUnit::Time),
        size: SIZE * 0.92,
    };
    let axes = plot.axes();
    let group = PictureGroup { axes: Some(&axes), ..PictureGroup::default() };
    group.draw(area, || cells(&plot, map, colour).and_then(|()| plot.frame()))
}

/// Fills the cells, shade by shade: a document is shorter if neighbours look alike.
fn cells(plot: &Plot, map: &HeatMap, colour: RGBColor) -> Drawn {
    let mut sums = vec![0u64; map.columns as usize];
    map.cells.iter().for_each(|cell| sums[cell.column as usize] += cell.count);
    let level = |share: f64| SHADES.iter().rposition(|(from, ..)| share >= *from).unwrap_or(0);
    let start = f64::from(map.from_s) * 1e6;
    let at = |column: u32| start + f64::from(column) * f64::from(map.column_s) * 1e6;
    for (n, (_, pale, _)) in SHADES.iter().enumerate() {
        let style = shaded(colour, *pale).filled();
        let of_level = |cell: &&HeatCell| {
            level(cell.count as f64 / sums[cell.column as usize].max(1) as f64) == n
        };
        let cells: Vec<&HeatCell> = map.cells.iter().filter(of_level).collect();
        // Those above each other are one rectangle.
        let is_above = |a: &&HeatCell, b: &&HeatCell| a.column == b.column && a.bin + 1 == b.bin;
        for run in cells.chunk_by(is_above) {
            let first = run[0];
            let last = run[run.len() - 1];
            let low = plot.at((at(first.column), map.edges_us[first.bin as usize]));
            let high = plot.at((at(first.column + 1), map.edges_us[last.bin as usize + 1]));
            plot.area.draw(&Rectangle::new([(low.0, high.1), (high.0, low.1)], style))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_rise_and_differ() {
        let grey = RGBColor(110, 110, 110);
        assert!(SHADES.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 > two[1].1));
        assert_eq!(SHADES[0].0, 0.0, "each cell has one");
        assert_ne!(shaded(grey, 0.5), grey);
    }
}
