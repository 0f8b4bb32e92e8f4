//! Bytes of a client by the rate of updates, and the rates at which two series need the same.

use crate::report::drawing::canvas::{Area, Drawn, PictureGroup};
use crate::report::drawing::page::Page;
use crate::report::drawing::plot::{Axis, AxisUnit, Plot};
use crate::report::drawing::text::{GREY, INK, Pen};
use crate::report::drawing::{axis, palette, show_bytes, stroke};
use crate::report::pictures::Costs;
use crate::report::table::{Crossing, Table};
use crate::units::{thousands, three};
use plotters::prelude::*;
use plotters_backend::text_anchor::HPos;
use std::ops::Range;

const LABEL: Pen = Pen::new(22.0);
const SMALL: Pen = Pen::new(20.0);
/// Room at the left, above, at the right (for names) and below.
const RIM: [i32; 4] = [130, 44, 300, 84];
/// Crossings that are labelled; more would hide the lines.
const MOST_LABELS: usize = 10;
/// Crossings closer than these pixels share a label.
const NEAR: i32 = 26;
/// The penalty for covering a text, a ring, or a line to a text.
const TEXT: i64 = 40;
/// Ticks, in updates per second.
const RATES: [(f64, &str); 8] = [
    (1.0 / 3600.0, "1 per hour"),
    (1.0 / 600.0, "1 per 10 min"),
    (1.0 / 60.0, "1 per minute"),
    (0.1, "1 per 10 s"),
    (1.0, "1 per second"),
    (10.0, "10 per second"),
    (100.0, "100 per second"),
    (1000.0, "1,000 per second"),
];

pub(crate) fn draw(table: &Table) -> String {
    let costs = &table.pictures.costs;
    let mut footnotes = vec![format!(
        "Predicted by arithmetic, not measured: bytes of IP packets with acknowledgements, both \
         directions, all other settings as in the scenario ({} clients).",
        thousands(costs.clients.into())
    )];
    footnotes.extend(costs.left_out.iter().map(|why| format!("left out: {why}")));
    let more = table.crossings.len().saturating_sub(MOST_LABELS);
    if more > 0 {
        footnotes.push(format!("{more} more crossings are in break-even.csv."));
    }
    if table.crossings.is_empty() && costs.curves.len() > 1 {
        footnotes.push("No two lines cross at these rates.".to_owned());
    }
    let page = Page {
        table,
        title: "Bytes by rate of updates, and rates at which transports need the same",
        about: "TCP/IP bytes per second of one client".into(),
        keys: Vec::new(),
        footnotes,
        absent: costs.absent.as_deref(),
    };
    page.draw(|area| chart(table, costs, area))
}

/// Returns for example `1 update per 43 s` or `8.6 updates per second`.
fn rate(hz: f64) -> String {
    match hz {
        hz if hz > 1.0 => format!("{} updates per second", three(hz)),
        hz => format!("1 update per {}", crate::units::human_ns(1e9 / hz)),
    }
}

fn chart(table: &Table, costs: &Costs, area: &Area) -> Drawn {
    let (width, height) = area.dim_in_pixel();
    let points = || costs.curves.iter().flat_map(|c| &c.points);
    let bytes: Vec<f64> = points().map(|p| p.ip_bytes_per_s).collect();
    let rates = points().map(|p| p.rate_hz);
    let (least, most) = rates.fold((f64::MAX, 0.0f64), |(l, m), r| (l.min(r), m.max(r)));
    let most = if most > least { most } else { least * 10.0 };
    let span: Range<f64> = axis::span(axis::AxisScale::Log, &bytes, 0.04);
    let within = |r: &&(f64, &str)| r.0 >= least * 0.999 && r.0 <= most * 1.001;
    let named = RATES.iter().filter(within).map(|(hz, name)| (*hz, (*name).to_owned()));
    let decades = axis::decades(&span).into_iter().map(|v| (v, show_bytes(v)));
    let plot = Plot {
        area,
        from: (RIM[0], RIM[1]),
        to: (width as i32 - RIM[2], height as i32 - RIM[3]),
        x: Axis { span: (least, most), log: true, ticks: named.collect() },
        y: Axis { span: (span.start, span.end), log: true, ticks: decades.collect() },
        units: (AxisUnit::Rate, AxisUnit::Bytes),
        size: 21.0,
    };
    let axes = plot.axes();
    let group = PictureGroup { axes: Some(&axes), ..PictureGroup::default() };
    group.draw(area, || plot.frame())?;
    let grey = LABEL.colour(GREY);
    area.draw_text("bytes per second and client", &grey.at(HPos::Left), (0, 12))?;
    let middle = ((plot.from.0 + plot.to.0) / 2, height as i32 - 22);
    area.draw_text("updates per client", &grey.at(HPos::Center), middle)?;
    let mut taken = Vec::new();
    if let Some(hz) = costs.planned_hz.filter(|hz| (least..=most).contains(hz)) {
        let x = plot.at((hz, span.start)).0;
        stroke::dashed(area, &[(x, plot.from.1), (x, plot.to.1)], GREY, 3)?;
        let text = "the scenario's rate";
        let half = (SMALL.width(text) / 2.0) as i32 + 6;
        let near = x.clamp(plot.from.0 + half, plot.to.0 - half);
        area.draw_text(text, &SMALL.colour(GREY).at(HPos::Center), (near, plot.from.1 - 16))?;
        taken.push(Taken { from: (x - 3, plot.from.1), to: (x + 3, plot.to.1), weight: 1 });
    }
    let series = palette::series(table);
    let colour = |label: &str| palette::of(&series, label);
    let mut ends = Vec::new();
    for curve in &costs.curves {
        let line: Vec<(f64, f64)> =
            curve.points.iter().map(|p| (p.rate_hz, p.ip_bytes_per_s)).collect();
        let parts = plot.within(&line);
        let group = PictureGroup { series: Some(&curve.series), ..PictureGroup::default() };
        group.draw(area, || plot.line(&line, colour(&curve.series), 5))?;
        taken.extend(parts.iter().flatten().map(|point| Taken::around(*point, 6, 2)));
        if let Some(last) = parts.last().and_then(|p| p.last()) {
            ends.push((last.1, curve.words.as_str(), colour(&curve.series)));
        }
    }
    names(&plot, ends)?;
    crossings(&plot, costs, &table.crossings, taken)
}

/// Writes the names at the ends of their lines, moved apart if they are close.
fn names(plot: &Plot, mut ends: Vec<(i32, &str, RGBColor)>) -> Drawn {
    const APART: i32 = 30;
    ends.sort_by_key(|e| e.0);
    // Move down those too close to the last, then up from the bottom.
    for n in 1..ends.len() {
        ends[n].0 = ends[n].0.max(ends[n - 1].0 + APART);
    }
    let mut most = plot.to.1;
    for end in ends.iter_mut().rev() {
        end.0 = end.0.min(most);
        most = end.0 - APART;
    }
    for (y, name, colour) in ends {
        let pen = LABEL.bold().colour(palette::darker(colour, 0.2));
        let text = pen.fit(name, RIM[2] as f32 - 20.0);
        plot.area.draw_text(&text, &pen.at(HPos::Left), (plot.to.0 + 14, y))?;
    }
    Ok(())
}

/// An occupied rectangle, with the penalty for covering it.
struct Taken {
    from: (i32, i32),
    to: (i32, i32),
    weight: i64,
}

impl Taken {
    fn around((x, y): (i32, i32), half: i32, weight: i64) -> Taken {
        Taken { from: (x - half, y - half), to: (x + half, y + half), weight }
    }
    fn meets(&self, other: &Taken) -> bool {
        self.from.0 < other.to.0
            && other.from.0 < self.to.0
            && self.from.1 < other.to.1
            && other.from.1 < self.to.1
    }
}

/// Crossings that are drawn on each other, by rising rate.
type Knot<'a> = Vec<&'a Crossing>;

/// Groups crossings that nearly cover each other.
fn knots<'a>(plot: &Plot, all: &'a [Crossing]) -> Vec<Knot<'a>> {
    let mut knots: Vec<Knot> = Vec::new();
    for crossing in all {
        let (x, y) = at(plot, crossing);
        let near = |other: &&Crossing| {
            let (u, v) = at(plot, other);
            (x - u).abs() < NEAR && (y - v).abs() < NEAR
        };
        match knots.iter_mut().find(|k| k.iter().any(near)) {
            Some(knot) => knot.push(crossing),
            None => knots.push(vec![crossing]),
        }
    }
    knots
}

fn at(plot: &Plot, crossing: &Crossing) -> (i32, i32) {
    plot.at((crossing.rate_hz, crossing.bytes_per_s))
}

/// Draws a ring at each crossing, and writes what crosses and at which rate.
fn crossings(plot: &Plot, costs: &Costs, all: &[Crossing], mut taken: Vec<Taken>) -> Drawn {
    let words = |series: &str| {
        let curve = costs.curves.iter().find(|c| c.series == series);
        curve.map_or_else(|| series.to_owned(), |c| c.words.clone())
    };
    for crossing in all {
        let (x, y) = at(plot, crossing);
        taken.push(Taken::around((x, y), 12, TEXT));
        plot.area.draw(&Circle::new((x, y), 10, WHITE.filled()))?;
        plot.area.draw(&Circle::new((x, y), 10, INK.stroke_width(3)))?;
    }
    for knot in knots(plot, all.get(..MOST_LABELS).unwrap_or(all)) {
        let line = |c: &&Crossing| {
            let pair = SMALL.fit(&format!("{} = {}", words(&c.a), words(&c.b)), 420.0);
            (format!("{pair} at "), rate(c.rate_hz))
        };
        let lines: Vec<(String, String)> = knot.iter().map(line).collect();
        let widths = lines.iter().map(|(a, b)| SMALL.width(a) + SMALL.bold().width(b));
        let size = (widths.fold(0.0, f32::max) as i32 + 16, 28 * lines.len() as i32 + 8);
        let ring = at(plot, knot[knot.len() / 2]);
        let Some(spot) = place(plot, ring, size, &taken) else { continue };
        plot.area.draw(&Rectangle::new([spot.from, spot.to], WHITE.filled()))?;
        let near = nearest(&spot, ring);
        let dx = f64::from(near.0 - ring.0);
        let dy = f64::from(near.1 - ring.1);
        let far = dx.hypot(dy);
        if far > 26.0 {
            let part = |part: f64| (ring.0 + (dx * part) as i32, ring.1 + (dy * part) as i32);
            stroke::solid(plot.area, &[part(11.0 / far), near], INK, 2)?;
            let steps = (far / 14.0) as i32;
            let step = |n| part(f64::from(n) / f64::from(steps.max(1)));
            taken.extend((0..=steps).map(|n| Taken::around(step(n), 5, TEXT)));
        }
        for (n, (pair, rate)) in lines.iter().enumerate() {
            let x = spot.from.0 + 8;
            let y = spot.from.1 + 18 + 28 * n as i32;
            plot.area.draw_text(pair, &SMALL.at(HPos::Left), (x, y))?;
            let x = x + SMALL.width(pair) as i32;
            plot.area.draw_text(rate, &SMALL.bold().at(HPos::Left), (x, y))?;
        }
        taken.push(spot);
    }
    Ok(())
}

/// Returns the point of a rectangle that is nearest to another point.
fn nearest(spot: &Taken, (x, y): (i32, i32)) -> (i32, i32) {
    (x.clamp(spot.from.0, spot.to.0), y.clamp(spot.from.1, spot.to.1))
}

/// Finds the place for a text of this size that covers least, near a point.
fn place(plot: &Plot, ring: (i32, i32), (w, h): (i32, i32), taken: &[Taken]) -> Option<Taken> {
    const STEP: usize = 16;
    let mut best: Option<(i64, Taken)> = None;
    for x in (plot.from.0 + 8..plot.to.0 - w - 8).step_by(STEP) {
        for y in (plot.from.1 + 8..plot.to.1 - h - 8).step_by(STEP) {
            let spot = Taken { from: (x, y), to: (x + w, y + h), weight: TEXT };
            let near = nearest(&spot, ring);
            let dx = near.0 - ring.0;
            let dy = near.1 - ring.1;
            let far = f64::from(dx).hypot(f64::from(dy)) as i64;
            // Most places are too far to be better.
            if best.as_ref().is_some_and(|b| far >= b.0) || far < 16 {
                continue;
            }
            let covered: i64 = taken.iter().filter(|t| t.meets(&spot)).map(|t| t.weight).sum();
            let way = |n: i32| (ring.0 + dx * n / 16, ring.1 + dy * n / 16);
            let crosses = |t: &&Taken| {
                let inside =
                    |(x, y): (i32, i32)| t.from.0 < x && x < t.to.0 && t.from.1 < y && y < t.to.1;
                t.weight >= TEXT && (3..=16).map(way).any(inside)
            };
            let crossed: i64 = taken.iter().filter(crosses).map(|t| t.weight).sum();
            let cost = (covered + crossed) * 60 + far;
            if best.as_ref().is_none_or(|b| cost < b.0) {
                best = Some((cost, spot));
            }
        }
    }
    best.map(|(_, spot)| spot)
}
