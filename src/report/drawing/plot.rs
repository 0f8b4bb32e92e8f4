//! A chart of lines over two axes of numbers.

use crate::report::drawing::axis;
use crate::report::drawing::canvas::{Area, Drawn};
use crate::report::drawing::panel::RULE;
use crate::report::drawing::stroke;
use crate::report::drawing::text::{GREY, Pen};
use plotters::prelude::*;
use plotters_backend::text_anchor::HPos;

/// An axis with its ticks.
pub(crate) struct Axis {
    /// The least and the greatest value; above zero if the axis is logarithmic.
    pub span: (f64, f64),
    pub log: bool,
    /// Values with their labels.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// Returns a linear axis with round ticks.
    pub(crate) fn linear(span: (f64, f64), ticks: usize, show: impl Fn(f64) -> String) -> Axis {
        let span = (axis::bounded(span.0), axis::bounded(span.1));
        let span = if span.1 > span.0 { span } else { (span.0, span.0 + 1.0) };
        let ticks = round(span, ticks).into_iter().map(|v| (v, show(v))).collect();
        Axis { span, log: false, ticks }
    }
    /// Returns a value's position: 0 at the start of the axis, 1 at its end.
    fn part(&self, value: f64) -> f64 {
        let (from, to) = self.span;
        if self.log {
            (value.max(1e-300) / from).ln() / (to / from).ln()
        } else {
            (value - from) / (to - from)
        }
    }
}

/// Returns about so many round values within a span: multiples of 1, 2 or 5 times a power of ten.
fn round((from, to): (f64, f64), about: usize) -> Vec<f64> {
    let raw = (to - from) / about.max(1) as f64;
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|s| s * power).into_iter().find(|s| *s >= raw * 0.999);
    let step = step.filter(|s| s.is_finite() && *s > 0.0).unwrap_or(1.0);
    let first = (from / step - 1e-9).ceil();
    let last = (to / step + 1e-9).floor();
    let count = (last - first).clamp(-1.0, 100.0) as i64;
    (0..=count).map(|n| (first + n as f64) * step).collect()
}

/// What the values of an axis are, for whoever reads a point of a plot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AxisUnit {
    /// Microseconds.
    Time,
    /// From 0 to 1.
    Share,
    /// A quantile, 1 for each nine of it.
    Nines,
    /// Updates a second.
    Rate,
    /// Bytes a second.
    Bytes,
    /// Nothing that can be read.
    None,
}

impl AxisUnit {
    fn name(self) -> &'static str {
        match self {
            AxisUnit::Time => "us",
            AxisUnit::Share => "share",
            AxisUnit::Nines => "nines",
            AxisUnit::Rate => "rate",
            AxisUnit::Bytes => "bytes",
            AxisUnit::None => "-",
        }
    }
}

/// A chart's place in its area, in pixels, with its axes.
pub(crate) struct Plot<'a, 'b> {
    pub area: &'a Area<'b>,
    /// Left and top.
    pub from: (i32, i32),
    /// Right and bottom.
    pub to: (i32, i32),
    pub x: Axis,
    pub y: Axis,
    /// What the values of both axes are.
    pub units: (AxisUnit, AxisUnit),
    /// Text size of ticks.
    pub size: f32,
}

impl Plot<'_, '_> {
    /// Says where in the picture it is and what its axes span: left, top, right and bottom in pixels, and then of
    /// both axes the unit, the ends, and `log` or `linear`.
    pub(crate) fn axes(&self) -> String {
        let (left, top) = self.area.get_base_pixel();
        let axis = |axis: &Axis, unit: AxisUnit| {
            let scale = if axis.log { "log" } else { "linear" };
            format!("{} {:e} {:e} {scale}", unit.name(), axis.span.0, axis.span.1)
        };
        let corners = [self.from.0 + left, self.from.1 + top, self.to.0 + left, self.to.1 + top];
        format!(
            "{} {} {}",
            corners.map(|c| c.to_string()).join(" "),
            axis(&self.x, self.units.0),
            axis(&self.y, self.units.1)
        )
    }
    fn exact(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let width = f64::from(self.to.0 - self.from.0);
        let height = f64::from(self.to.1 - self.from.1);
        let at = |base: i32, part: f64| f64::from(base) + part.clamp(-1e4, 1e4);
        (at(self.from.0, self.x.part(x) * width), at(self.to.1, -self.y.part(y) * height))
    }
    pub(crate) fn at(&self, point: (f64, f64)) -> (i32, i32) {
        let (x, y) = self.exact(point);
        (x.round() as i32, y.round() as i32)
    }

    /// Draws grid lines, axes and labels.
    pub(crate) fn frame(&self) -> Drawn {
        let pen = Pen::new(self.size).colour(GREY);
        let left = self.from.0;
        let bottom = self.to.1;
        let mut end = i32::MIN;
        for (value, text) in &self.x.ticks {
            let x = self.at((*value, self.y.span.0)).0;
            stroke::solid(self.area, &[(x, self.from.1), (x, bottom)], RULE, 2)?;
            // Skip a label that would touch the one before.
            let half = (pen.width(text) / 2.0) as i32;
            if x - half > end {
                let at = (x, bottom + (self.size * 0.9) as i32 + 6);
                self.area.draw_text(text, &pen.at(HPos::Center), at)?;
                end = x + half + 10;
            }
        }
        for (value, text) in &self.y.ticks {
            let y = self.at((self.x.span.0, *value)).1;
            stroke::solid(self.area, &[(left, y), (self.to.0, y)], RULE, 2)?;
            self.area.draw_text(text, &pen.at(HPos::Right), (left - 10, y))?;
        }
        let axes = [(left, self.from.1), (left, bottom), (self.to.0, bottom)];
        stroke::solid(self.area, &axes[..2], GREY, 2)?;
        stroke::solid(self.area, &axes[1..], GREY, 2)
    }

    /// Returns the parts of a line within the chart, in pixels.
    pub(crate) fn within(&self, points: &[(f64, f64)]) -> Vec<Vec<(i32, i32)>> {
        let corner = |(x, y): (i32, i32)| (f64::from(x), f64::from(y));
        let frame = (corner(self.from), corner(self.to));
        let mut parts: Vec<Vec<(i32, i32)>> = Vec::new();
        let points: Vec<(f64, f64)> = points.iter().map(|p| self.exact(*p)).collect();
        for ends in stroke::straight(&points).windows(2) {
            let clipped = stroke::clip(ends[0], ends[1], frame);
            let Some((from, to)) = clipped else { continue };
            let [from, to] = [from, to].map(|(x, y)| (x.round() as i32, y.round() as i32));
            match parts.last_mut() {
                Some(part) if part.last() == Some(&from) => part.push(to),
                _ => parts.push(vec![from, to]),
            }
        }
        parts
    }
    pub(crate) fn line(&self, points: &[(f64, f64)], colour: RGBColor, width: u32) -> Drawn {
        let mut parts = self.within(points).into_iter();
        parts.try_for_each(|part| stroke::solid(self.area, &part, colour, width))
    }
    pub(crate) fn dashed(&self, points: &[(f64, f64)], colour: RGBColor, width: u32) -> Drawn {
        let mut parts = self.within(points).into_iter();
        parts.try_for_each(|part| stroke::dashed(self.area, &part, colour, width))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within() {
        assert_eq!(round((0.0, 1000.0), 5), [0.0, 200.0, 400.0, 600.0, 800.0, 1000.0]);
        assert_eq!(round((-60.0, 1000.0), 3), [0.0, 500.0, 1000.0]);
        assert!(round((0.0, f64::MAX), 5).len() < 102);
        assert!(round((0.0, 1e-300), 5).len() < 102);
    }

    #[test]
    fn a_logarithmic_axis_has_its_middle_at_the_geometric_mean() {
        let axis = Axis { span: (1.0, 100.0), log: true, ticks: Vec::new() };
        assert!((axis.part(10.0) - 0.5).abs() < 1e-12);
        assert!(axis.part(0.0).is_finite());
    }
}
