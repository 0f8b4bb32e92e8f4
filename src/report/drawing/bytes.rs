//! Bytes per message by layer: a stacked bar for each series and client count with numbers beside it,
//! because two bytes beside a thousand are too small to see.

use crate::record::Part;
use crate::report::drawing::axis;
use crate::report::drawing::canvas::{Area, Drawn, PictureGroup};
use crate::report::drawing::page::Page;
use crate::report::drawing::panel;
use crate::report::drawing::panel::RULE;
use crate::report::drawing::text::{GREY, INK, Pen};
use crate::report::drawing::{invalid_mark, palette, reasons, show_bytes};
use crate::report::layer::{Layer, Way};
use crate::report::table::{Row, Table};
use crate::units::thousands;
use plotters::prelude::*;
use plotters_backend::text_anchor::HPos;

/// Parts of a bar, with their headings.
const STACK: [(&str, Layer); 4] = [
    ("payload", Layer::Part(Part::Payload)),
    ("heads", Layer::Part(Part::Heads)),
    ("frames", Layer::Frames),
    ("TCP/IP", Layer::IpHeaders),
];
const TOTAL: (&str, Layer) = ("total", Layer::Ip);
/// Larger than the text below it, so that its widths suffice.
const HEADING: Pen = Pen::new(24.0).bold();
const COLUMN: i32 = 130;
/// Room for a swatch between client count and label.
const SWATCH: i32 = 52;
/// The widest label; longer ones are cut.
const LABELS: f32 = 560.0;
/// Room for headings above the rows and for the axis below them.
const RIM: (i32, i32) = (60, 50);

pub(crate) fn draw(table: &Table) -> String {
    let of_frames = Part::ALL.iter().filter(|part| part.is_frame()).map(|part| part.meaning());
    let mut footnotes = vec![
        "payload: the messages. heads: HTTP request and response heads. TCP/IP: headers of all segments with \
         acknowledgements, and retransmissions, without link headers."
            .to_owned(),
        // Some have commas of their own.
        format!("frames: {}.", of_frames.collect::<Vec<_>>().join("; ")),
    ];
    let columns = STACK.iter().chain([&TOTAL]);
    footnotes.extend(reasons(columns.flat_map(|(_, layer)| {
        table.rows.iter().map(|r| &r.steady(Way::Both, *layer).per_message)
    })));
    let page = Page {
        table,
        title: "Bytes per message by layer",
        about: "both directions, measured phase; a poll is one request with its response".into(),
        keys: Vec::new(),
        footnotes,
        absent: None,
    };
    page.draw(|area| {
        if table.rows.is_empty() {
            panel::nothing(area, None, 26.0)
        } else {
            BytesLayout::of(table, area).draw(area)
        }
    })
}

/// True if a picture of them would have no bar.
pub(crate) fn is_empty(table: &Table) -> bool {
    let is_any = |row: &Row| STACK.iter().chain([&TOTAL]).any(|(_, l)| bytes(row, *l).is_some());
    !table.rows.iter().any(is_any)
}

fn bytes(row: &Row, layer: Layer) -> Option<f64> {
    row.steady(Way::Both, layer).per_message.value()
}

fn shade(colour: RGBColor, part: usize) -> RGBColor {
    match part {
        0 => palette::darker(colour, 0.55),
        1 => colour,
        2 => palette::lighter(colour, 0.45),
        _ => palette::lighter(colour, 0.75),
    }
}

/// Columns and rows, in pixels.
struct BytesLayout<'a> {
    /// By rising client count.
    rows: Vec<(&'a Row, RGBColor)>,
    height: f32,
    pen: Pen,
    width: i32,
    /// The right edge of the client counts; labels, bars and numbers follow.
    counts: i32,
    labels: f32,
    bars: i32,
    numbers: i32,
}

impl<'a> BytesLayout<'a> {
    fn of(table: &'a Table, area: &Area) -> BytesLayout<'a> {
        let series = palette::series(table);
        let mut rows: Vec<_> =
            table.rows.iter().map(|r| (r, palette::of(&series, &r.series))).collect();
        rows.sort_by_key(|(r, _)| r.clients);
        let (width, most) = area.dim_in_pixel();
        let most = most as f32 - (RIM.0 + RIM.1) as f32;
        let height = (most / rows.len() as f32).clamp(1.0, 130.0);
        let pen = Pen::new(23.0f32.min(height * 0.8));
        let labels = rows.iter().map(|(r, _)| pen.width(&label(r))).fold(0.0, f32::max);
        let labels = labels.min(LABELS);
        let counts = rows.iter().map(|(r, _)| HEADING.width(&thousands(r.clients.into())));
        let counts = counts.fold(HEADING.width("clients"), f32::max) as i32 + 6;
        let bars = counts + SWATCH + labels as i32 + 24;
        let numbers = width as i32 - COLUMN * (STACK.len() + 1) as i32;
        BytesLayout { rows, height, pen, width: width as i32, counts, labels, bars, numbers }
    }

    fn draw(&self, area: &Area) -> Drawn {
        self.headings(area, 14)?;
        self.bars(area)?;
        let mut last = None;
        for (i, (row, colour)) in self.rows.iter().enumerate() {
            let top = RIM.0 + (self.height * i as f32) as i32;
            if last.is_some_and(|clients| clients != row.clients) {
                let ends = vec![(0, top), (self.width, top)];
                area.draw(&PathElement::new(ends, RULE.stroke_width(2)))?;
            }
            let y = top + (self.height / 2.0) as i32;
            if last != Some(row.clients) {
                let clients = thousands(row.clients.into());
                area.draw_text(&clients, &self.pen.bold().at(HPos::Right), (self.counts, y))?;
            }
            last = Some(row.clients);
            let half = (self.pen.size * 0.42) as i32;
            let swatch = [(self.counts + 18, y - half), (self.counts + 40, y + half)];
            area.draw(&Rectangle::new(swatch, colour.filled()))?;
            let text = self.pen.fit(&label(row), self.labels + 1.0);
            area.draw_text(&text, &self.pen.at(HPos::Left), (self.counts + SWATCH, y))?;
            for (n, (_, layer)) in STACK.iter().chain([&TOTAL]).enumerate() {
                let value = bytes(row, *layer);
                let colour = if value.is_some() { INK } else { GREY };
                let pen = if n == STACK.len() { self.pen.bold() } else { self.pen };
                let text = value.map_or_else(|| "n/a".to_owned(), number);
                let at = (self.column(n), y);
                area.draw_text(&text, &pen.colour(colour).at(HPos::Right), at)?;
            }
        }
        Ok(())
    }

    /// Returns the right edge of a column of numbers.
    fn column(&self, n: usize) -> i32 {
        self.numbers + COLUMN * (n + 1) as i32
    }

    fn headings(&self, area: &Area, y: i32) -> Drawn {
        area.draw_text("clients", &HEADING.at(HPos::Right), (self.counts, y))?;
        area.draw_text("series", &HEADING.at(HPos::Left), (self.counts + SWATCH, y))?;
        area.draw_text("bytes, to scale", &HEADING.at(HPos::Left), (self.bars, y))?;
        area.draw_text(TOTAL.0, &HEADING.at(HPos::Right), (self.column(STACK.len()), y))?;
        for (n, (name, _)) in STACK.iter().enumerate() {
            area.draw_text(name, &HEADING.at(HPos::Right), (self.column(n), y))?;
            let x = self.column(n) - HEADING.width(name) as i32 - 26;
            let grey = shade(RGBColor(120, 120, 120), n).filled();
            area.draw(&Rectangle::new([(x, y - 9), (x + 18, y + 9)], grey))?;
        }
        Ok(())
    }

    fn bars(&self, area: &Area) -> Drawn {
        let rows = self.rows.len() as f64;
        let stack = |row: &Row| STACK.iter().filter_map(|(_, l)| bytes(row, *l)).sum();
        let widest = self.rows.iter().map(|(r, _)| stack(r)).fold(0.0, f64::max);
        let widest = if widest > 0.0 { axis::bounded(widest) } else { 1.0 };
        let height = (self.height * rows as f32) as i32 + RIM.1;
        let size = ((self.numbers - self.bars).max(1), height);
        let part = area.clone().shrink((self.bars, RIM.0), size);
        let mut chart = ChartBuilder::on(&part)
            .x_label_area_size(RIM.1)
            .build_cartesian_2d(0.0..widest, rows..0.0)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .max_light_lines(0)
            .x_labels(6)
            .bold_line_style(RULE.stroke_width(2))
            .axis_style(GREY.stroke_width(2))
            .set_all_tick_mark_size(6)
            .x_label_style(Pen::new(22.0).colour(GREY).at(HPos::Center))
            .x_label_formatter(&|x| show_bytes(*x))
            .draw()?;
        let half = (f64::from(self.height) * 0.36).min(34.0) / f64::from(self.height);
        for (i, (row, colour)) in self.rows.iter().enumerate() {
            let y = i as f64 + 0.5;
            let plot = chart.plotting_area();
            let mut x = 0.0;
            for (n, (name, layer)) in STACK.iter().enumerate() {
                let value = bytes(row, *layer);
                let end = x + value.unwrap_or(0.0);
                let style = shade(*colour, n).filled();
                let bar = Rectangle::new([(x, y - half), (end, y + half)], style);
                let shown = value.map_or_else(|| "n/a".to_owned(), number);
                let title = format!("{}: {shown} bytes of {name} a message", row.label());
                let group = PictureGroup {
                    series: Some(&row.series),
                    title: Some(&title),
                    ..PictureGroup::default()
                };
                group.draw(&plot.use_screen_coord(), || plot.draw(&bar))?;
                x = end;
            }
        }
        Ok(())
    }
}

fn label(row: &Row) -> String {
    format!("{}{}", row.series, invalid_mark(row))
}

/// Returns whole numbers with all digits, others with three.
fn number(value: f64) -> String {
    match value {
        v if v >= 1e6 => show_bytes(v),
        v if v.fract() == 0.0 => thousands(v as u64),
        v if v >= 100.0 => format!("{v:.1}"),
        v => crate::units::three(v),
    }
}
