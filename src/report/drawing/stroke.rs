//! Solid and dashed lines in pixels, and text that no line runs through.

use crate::report::drawing::canvas::{Area, Drawn};
use crate::report::drawing::text::Pen;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters_backend::text_anchor::HPos;

/// Pixels of a dash and of the gap behind it.
const DASH: (i32, i32) = (12, 8);

pub(crate) fn solid(area: &Area, path: &[(i32, i32)], colour: RGBColor, width: u32) -> Drawn {
    area.draw(&PathElement::new(path.to_vec(), colour.stroke_width(width)))
}

pub(crate) fn dashed(area: &Area, path: &[(i32, i32)], colour: RGBColor, width: u32) -> Drawn {
    let style = colour.stroke_width(width);
    area.draw(&DashedPathElement::new(path.to_vec(), DASH.0, DASH.1, style))
}

/// Writes a text on white, which is wider than the text by a margin on both sides, so that no line
/// runs through it.
pub(crate) fn text_on_white(
    area: &Area,
    (text, pen): (&str, Pen),
    h_pos: HPos,
    (x, y): (i32, i32),
    (aside, above): (i32, i32),
) -> Drawn {
    let width = pen.width(text);
    let (from, to) = match h_pos {
        HPos::Left => (x, x + width as i32),
        _ => (x - (width / 2.0) as i32, x + (width / 2.0) as i32),
    };
    let ground = [(from - aside, y - above), (to + aside, y + above)];
    area.draw(&Rectangle::new(ground, WHITE.filled()))?;
    area.draw_text(text, &pen.at(h_pos), (x, y))
}

/// Returns a line with fewer corners, nowhere farther than half a pixel away (Douglas and Peucker
/// 1973). Many short pieces between whole pixels would look wavy.
pub(crate) fn straight(path: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut keep = vec![false; path.len()];
    let mut parts = vec![(0, path.len().saturating_sub(1))];
    while let Some((from, to)) = parts.pop() {
        if from >= path.len() {
            break;
        }
        keep[from] = true;
        keep[to] = true;
        let dx = path[to].0 - path[from].0;
        let dy = path[to].1 - path[from].1;
        let length = (dx * dx + dy * dy).max(1e-12);
        let distance = |n: &usize| {
            let px = path[*n].0 - path[from].0;
            let py = path[*n].1 - path[from].1;
            let along = ((px * dx + py * dy) / length).clamp(0.0, 1.0);
            (px - along * dx).hypot(py - along * dy)
        };
        let farthest = (from + 1..to).map(|n| (n, distance(&n))).max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((n, _)) = farthest.filter(|(_, distance)| *distance > 0.5) {
            parts.extend([(from, n), (n, to)]);
        }
    }
    path.iter().zip(keep).filter(|(_, keep)| *keep).map(|(point, _)| *point).collect()
}

/// Returns the part of a segment within a rectangle, by Liang and Barsky (1984).
pub(crate) fn clip(
    from: (f64, f64),
    to: (f64, f64),
    (least, most): ((f64, f64), (f64, f64)),
) -> Option<((f64, f64), (f64, f64))> {
    let dx = to.0 - from.0;
    let dy = to.1 - from.1;
    let mut enter = 0.0f64;
    let mut leave = 1.0f64;
    let sides = [
        (-dx, from.0 - least.0),
        (dx, most.0 - from.0),
        (-dy, from.1 - least.1),
        (dy, most.1 - from.1),
    ];
    for (towards, room) in sides {
        if towards == 0.0 {
            if room < 0.0 {
                return None;
            }
        } else if towards < 0.0 {
            enter = enter.max(room / towards);
        } else {
            leave = leave.min(room / towards);
        }
    }
    let at = |part: f64| (from.0 + part * dx, from.1 + part * dy);
    (enter <= leave).then(|| (at(enter), at(leave)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straight_line_has_two_corners() {
        let line: Vec<_> = (0..50).map(|n| (f64::from(n) * 7.3, f64::from(n) * -2.1)).collect();
        assert_eq!(straight(&line), [line[0], line[49]]);
        let corner = [(0.0, 0.0), (5.0, 0.1), (10.0, 0.0), (10.0, 10.0)];
        assert_eq!(straight(&corner), [corner[0], corner[2], corner[3]]);
        assert_eq!((straight(&[]).len(), straight(&corner[..1]).len()), (0, 1));
    }

    #[test]
    fn what_is_outside_is_cut_off() {
        let frame = ((0.0, 0.0), (10.0, 10.0));
        assert_eq!(clip((-5.0, 5.0), (15.0, 5.0), frame), Some(((0.0, 5.0), (10.0, 5.0))));
        assert_eq!(clip((-5.0, -5.0), (-1.0, 20.0), frame), None);
        assert_eq!(clip((2.0, 3.0), (2.0, 3.0), frame), Some(((2.0, 3.0), (2.0, 3.0))));
    }
}
