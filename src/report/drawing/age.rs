//! Age of information over time: the age of a client's latest update.

use crate::report::drawing::canvas::{Area, Drawn, PictureGroup};
use crate::report::drawing::page::{LegendEntry, Page, Swatch, series_name};
use crate::report::drawing::panel;
use crate::report::drawing::panel::RULE;
use crate::report::drawing::plot::{Axis, AxisUnit, Plot};
use crate::report::drawing::text::{GREY, INK, Pen};
use crate::report::drawing::{known_us, palette, reasons, show_moment, stroke};
use crate::report::figure::Figure;
use crate::report::pictures::{AgePicture, Ages};
use crate::report::table::Table;
use crate::units::thousands;
use plotters::prelude::*;
use plotters_backend::text_anchor::HPos;

/// With more panels, each would be too low.
const MOST: usize = 8;
/// Widths of the columns at the left (names and ticks) and at the right (means).
const LEFT: (i32, i32) = (280, 100);
const RIGHT: i32 = 270;
const FOOT: i32 = 78;
const LABEL: Pen = Pen::new(22.0);

pub(crate) fn draw(table: &Table) -> String {
    let ages = &table.pictures.ages;
    let page = Page {
        table,
        title: "Age of information",
        about: if ages.absent.is_some() {
            "age of the latest update that a client has".into()
        } else {
            format!(
                "age of the latest update that a client has; one of {} clients of each series, means over all",
                thousands(ages.clients.into())
            )
            .into()
        },
        keys: legend(ages),
        footnotes: footnotes(ages),
        absent: ages.absent.as_deref(),
    };
    page.draw(|area| panels(table, ages, area))
}

/// Returns what is drawn: a prediction only if there is one.
fn legend(ages: &Ages) -> Vec<LegendEntry> {
    let mut keys = vec![
        LegendEntry::of("one client, as recorded", GREY, Swatch::Line(2)),
        LegendEntry::of("mean over time and clients, measured", GREY, Swatch::Line(5)),
    ];
    if ages.lanes.iter().take(MOST).any(|lane| lane.model_us.value().is_some()) {
        keys.push(LegendEntry::of("mean, predicted by arithmetic", INK, Swatch::Dashed(3)));
    }
    keys
}

fn footnotes(ages: &Ages) -> Vec<String> {
    let mut notes = vec![
        "At each update the age falls to the time since its publishing, then it rises until the next \
         update. It is not known before the client's first update of the window."
            .to_owned(),
    ];
    let figures = ages.lanes.iter().flat_map(|l| [&l.mean_us, &l.model_us]);
    notes.extend(reasons(figures));
    let more = ages.lanes.len().saturating_sub(MOST);
    if more > 0 {
        notes.push(format!("{more} more series are in trace.csv."));
    }
    notes
}

fn panels(table: &Table, ages: &Ages, area: &Area) -> Drawn {
    let (width, height) = area.dim_in_pixel();
    let series = palette::series(table);
    let shown = &ages.lanes[..ages.lanes.len().min(MOST)];
    let each = ((height as i32 - FOOT) / shown.len().max(1) as i32).clamp(1, 400);
    let right = width as i32 - RIGHT;
    for (n, lane) in shown.iter().enumerate() {
        let top = each * n as i32;
        let plot = Plot {
            area,
            from: (LEFT.0 + LEFT.1, top + 14),
            to: (right, top + each - 14),
            // The last panel has the times of all.
            x: Axis::linear((0.0, ages.span_us), 8, |us| {
                if n + 1 == shown.len() { show_moment(us) } else { String::new() }
            }),
            y: Axis::linear((0.0, ages.top_us * 1.05), if each > 160 { 4 } else { 2 }, show_moment),
            units: (AxisUnit::Time, AxisUnit::Time),
            size: 20.0,
        };
        let axes = plot.axes();
        let group = PictureGroup {
            series: Some(&lane.series),
            axes: Some(&axes),
            ..PictureGroup::default()
        };
        group.draw(area, || one(&plot, lane, palette::of(&series, &lane.series)))?;
    }
    let middle = ((LEFT.0 + LEFT.1 + right) / 2, each * shown.len() as i32 + 44);
    let words = "time since the start of the measured window";
    area.draw_text(words, &LABEL.colour(GREY).at(HPos::Center), middle)
}

fn one(plot: &Plot, lane: &AgePicture, colour: RGBColor) -> Drawn {
    plot.frame()?;
    let area = plot.area;
    let middle = (plot.from.1 + plot.to.1) / 2;
    series_name(area, (lane.series.as_str(), colour), middle, (LEFT.0 as f32 - 44.0, 3))?;
    fill(plot, &lane.corners, palette::lighter(colour, 0.8))?;
    plot.line(&lane.corners, colour, 2)?;
    if lane.corners.is_empty() {
        let room = (plot.to.0 - plot.from.0) as f32 - 40.0;
        let why = lane.absent.as_deref().unwrap_or("no update was recorded");
        let why = LABEL.fit(&format!("n/a: {why}"), room);
        let text = (why.as_str(), LABEL.colour(GREY));
        let at = (plot.from.0 + 20, middle);
        stroke::text_on_white(area, text, HPos::Left, at, (10, 14))?;
    }
    if let Some((last, _)) = lane.corners.last().filter(|c| c.0 < plot.x.span.1 * 0.995) {
        let from = (plot.at((*last, 0.0)).0.max(plot.from.0) + 4, plot.from.1);
        panel::not_recorded(area, from, plot.to, LABEL)?;
    }
    let across = |us: f64| [(plot.x.span.0, us), (plot.x.span.1, us)];
    let dark = palette::darker(colour, 0.3);
    if let Some(mean) = lane.mean_us.value() {
        plot.line(&across(mean), dark, 5)?;
    }
    if let Some(model) = lane.model_us.value() {
        plot.dashed(&across(model), INK, 3)?;
    }
    labels(plot, lane, dark)
}

/// Fills the area below the saw-tooth.
fn fill(plot: &Plot, corners: &[(f64, f64)], colour: RGBColor) -> Drawn {
    for mut outline in plot.within(corners) {
        let first = outline[0].0;
        let last = outline[outline.len() - 1].0;
        outline.extend([(last, plot.to.1), (first, plot.to.1)]);
        plot.area.draw(&Polygon::new(outline, colour.filled()))?;
    }
    // Draw the grid lines over it.
    for (value, _) in &plot.y.ticks {
        let y = plot.at((0.0, *value)).1;
        if y < plot.to.1 {
            stroke::solid(plot.area, &[(plot.from.0 + 1, y), (plot.to.0, y)], RULE, 1)?;
        }
    }
    Ok(())
}

/// Writes both means at their heights, moved apart if they are close.
fn labels(plot: &Plot, lane: &AgePicture, dark: RGBColor) -> Drawn {
    let text = |what: &str, figure: &Figure| format!("{what} {}", known_us(figure));
    let middle = (plot.from.1 + plot.to.1) / 2;
    let height = |figure: &Figure| figure.value().map(|us| plot.at((0.0, us)).1);
    let mut mean = height(&lane.mean_us);
    let mut model = height(&lane.model_us);
    mean = mean.or(model.map(|y| y + 30));
    model = model.or(mean.map(|y| y + 30));
    let mut a = mean.unwrap_or(middle - 15);
    let mut b = model.unwrap_or(middle + 15);
    let apart = 30 - (a - b).abs();
    if apart > 0 {
        let up = apart / 2;
        let down = apart - apart / 2;
        (a, b) = if a <= b { (a - up, b + down) } else { (a + down, b - up) };
    }
    // Keep above the ticks of the axis.
    let low = (a.max(b) - (plot.to.1 - 6)).max(0);
    a -= low;
    b -= low;
    let x = plot.to.0 + 14;
    plot.area.draw_text(
        &text("mean", &lane.mean_us),
        &LABEL.colour(dark).at(HPos::Left),
        (x, a),
    )?;
    plot.area.draw_text(&text("predicted", &lane.model_us), &LABEL.at(HPos::Left), (x, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_legend_promises_no_prediction_that_is_not_there() {
        let lane = |model_us: Figure| AgePicture {
            series: "a".to_owned(),
            corners: Vec::new(),
            absent: None,
            mean_us: Figure::known(1.0),
            model_us,
        };
        let with = |model_us: Figure| Ages { lanes: vec![lane(model_us)], ..Ages::default() };
        assert_eq!(legend(&with(Figure::absent("none"))).len(), 2);
        assert_eq!(legend(&with(Figure::known(2.0))).len(), 3);
    }
}
