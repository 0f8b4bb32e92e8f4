//! Title, legend and footnotes of every picture.

use crate::report::drawing::canvas::{Area, Drawn, picture};
use crate::report::drawing::text::{GREY, Pen};
use crate::report::drawing::{INVALID, Table};
use crate::report::drawing::{panel, stroke};
use crate::report::table::Status;
use plotters::prelude::*;
use plotters_backend::text_anchor::HPos;
use std::borrow::Cow;

/// In pixels, for displays with two pixels per point.
const SIZE: (u32, u32) = (2000, 1200);
const MARGIN: u32 = 44;
const TITLE: Pen = Pen::new(38.0).bold();
const ABOUT: Pen = Pen::new(24.0).colour(GREY);
const LEGEND: Pen = Pen::new(24.0);
const FOOTNOTE: Pen = Pen::new(20.0).colour(GREY);
/// Lines of footnotes; more would leave no room for the chart.
const MOST_FOOTNOTES: usize = 7;

pub(crate) struct LegendEntry {
    pub label: String,
    pub colour: RGBColor,
    pub swatch: Swatch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Swatch {
    Block,
    Striped,
    /// Its width.
    Line(u32),
    Dashed(u32),
    Dot,
    /// A low block.
    Band,
}

/// Writes a series' name beside a swatch of its colour, in so many lines at most. Returns the height
/// below them.
pub(crate) fn series_name(
    area: &Area,
    (name, colour): (&str, RGBColor),
    mut y: i32,
    (width, lines): (f32, usize),
) -> Drawn<i32> {
    let bold = Pen::new(22.0).bold();
    area.draw(&Rectangle::new([(0, y - 11), (22, y + 11)], colour.filled()))?;
    for line in bold.wrap(name, width).iter().take(lines) {
        area.draw_text(line, &bold.at(HPos::Left), (34, y))?;
        y += 28;
    }
    Ok(y)
}

impl LegendEntry {
    pub(crate) fn new(label: &str, colour: RGBColor) -> LegendEntry {
        LegendEntry::of(label, colour, Swatch::Block)
    }
    pub(crate) fn of(label: &str, colour: RGBColor, swatch: Swatch) -> LegendEntry {
        LegendEntry { label: label.to_owned(), colour, swatch }
    }

    fn draw(&self, area: &Area, (x, y): (i32, i32)) -> Drawn {
        let from = (x, y - 13);
        let to = (x + 28, y + 13);
        let filled = self.colour.filled();
        let left = (x - 4, y);
        let right = (x + 32, y);
        match self.swatch {
            Swatch::Striped => panel::stripes(area, from, to, self.colour),
            Swatch::Block => area.draw(&Rectangle::new([from, to], filled)),
            Swatch::Band => area.draw(&Rectangle::new([(x, y - 6), (x + 28, y + 6)], filled)),
            Swatch::Dot => area.draw(&Circle::new((x + 16, y), 8, filled)),
            Swatch::Line(width) => stroke::solid(area, &[left, right], self.colour, width),
            Swatch::Dashed(width) => stroke::dashed(area, &[left, right], self.colour, width),
        }
    }
}

pub(crate) struct Page<'a> {
    pub table: &'a Table,
    pub title: &'static str,
    /// A line below the title.
    pub about: Cow<'a, str>,
    pub keys: Vec<LegendEntry>,
    pub footnotes: Vec<String>,
    /// Why there is nothing to draw, if there is nothing: then legend and footnotes go too.
    pub absent: Option<&'a str>,
}

impl Page<'_> {
    /// Returns an SVG document. `charts` draws on the area that is left.
    pub(crate) fn draw(mut self, charts: impl FnOnce(&Area) -> Drawn) -> String {
        if self.absent.is_some() {
            (self.keys, self.footnotes) = Default::default();
        }
        picture(SIZE, |root| {
            let area = self.frame(root.margin(MARGIN, MARGIN, MARGIN, MARGIN))?;
            match self.absent {
                Some(why) => panel::nothing(&area, Some(why), 26.0),
                None => charts(&area),
            }
        })
    }

    fn frame<'b>(&self, area: Area<'b>) -> Drawn<Area<'b>> {
        let (width, height) = area.dim_in_pixel();
        let title = TITLE.fit(self.title, width as f32);
        area.draw_text(&title, &TITLE.at(HPos::Left), (0, 14))?;
        let mut top = 58;
        let run = format!("{} · {} · {}", self.about, self.table.name, self.table.started);
        for line in ABOUT.wrap(&run, width as f32).iter().take(2) {
            area.draw_text(line, &ABOUT.at(HPos::Left), (0, top))?;
            top += 34;
        }
        let top = self.legend(&area, top + 10)?;
        let bottom = self.notes(&area, height as i32)?;
        Ok(area.shrink((0, top), (width, (bottom - top).max(1))))
    }

    fn legend(&self, area: &Area, mut y: i32) -> Drawn<i32> {
        if self.keys.is_empty() {
            return Ok(y);
        }
        let width = area.dim_in_pixel().0 as i32;
        let mut x = 0;
        for key in &self.keys {
            let label = LEGEND.fit(&key.label, 560.0);
            let wide = 40 + LEGEND.width(&label).ceil() as i32;
            if x > 0 && x + wide > width {
                x = 0;
                y += 38;
            }
            key.draw(area, (x, y))?;
            area.draw_text(&label, &LEGEND.at(HPos::Left), (x + 38, y))?;
            x += wide + 40;
        }
        Ok(y + 44)
    }

    /// Writes the footnotes up from `bottom`. Returns their top.
    fn notes(&self, area: &Area, mut bottom: i32) -> Drawn<i32> {
        let width = area.dim_in_pixel().0 as f32;
        let standing = [Status::Invalid, Status::Partial].map(|status| self.standing(status));
        let notes = standing.iter().flatten().chain(&self.footnotes);
        let mut lines: Vec<String> = notes.flat_map(|note| FOOTNOTE.wrap(note, width)).collect();
        if lines.len() > MOST_FOOTNOTES {
            lines.truncate(MOST_FOOTNOTES - 1);
            lines.push("… and more: see summary.txt".to_owned());
        }
        for line in lines.iter().rev() {
            area.draw_text(line, &FOOTNOTE.at(HPos::Left), (0, bottom - 8))?;
            bottom -= 30;
        }
        Ok(bottom - 8)
    }

    /// Names the rows that are not valid, because a picture is shown without its verdict.
    fn standing(&self, status: Status) -> Option<String> {
        let rows = &self.table.rows;
        let labels: Vec<String> =
            rows.iter().filter(|r| r.status == status).map(|r| r.label()).collect();
        let which = match labels.len() {
            0 => return None,
            n if n == rows.len() => "every case".to_owned(),
            _ => labels.join("; "),
        };
        Some(format!("{INVALID} {}: {which} (summary.txt says why)", status.name()))
    }
}
