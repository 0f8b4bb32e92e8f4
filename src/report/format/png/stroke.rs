//! Smooth lines: how much of each pixel a line of some width covers.
//!
//! Separate from `plot`, which knows values; here are only pixels.

use crate::report::format::png::backend::{Area, Drawn};
use plotters::prelude::*;

type At = (i32, i32);

/// Pixels of a dash and of the gap behind it.
const DASH: (f64, f64) = (12.0, 8.0);
/// A line is never taken for wider or longer than any picture.
const MOST: i32 = 20_000;

/// Gives each pixel that a line through these points touches, once, and how much is covered.
pub(crate) fn pixels(path: &[At], width: f32, mut each: impl FnMut(At, f32)) {
    let near = |v: i32| v.clamp(-MOST, MOST);
    let path: Vec<At> = path.iter().map(|p| (near(p.0), near(p.1))).collect();
    let reach = (width / 2.0 + 1.0).ceil() as i32;
    let left = path.iter().map(|p| p.0).min().unwrap_or(0) - reach;
    let right = path.iter().map(|p| p.0).max().unwrap_or(0) + reach;
    let top = path.iter().map(|p| p.1).min().unwrap_or(0) - reach;
    let bottom = path.iter().map(|p| p.1).max().unwrap_or(0) + reach;
    let columns = (right - left + 1) as usize;
    // What two segments share is covered once: joints are no darker than the rest.
    let mut covered = vec![0f32; columns * (bottom - top + 1) as usize];
    for ends in path.windows(2) {
        segment(ends[0], ends[1], reach, |(x, y), distance| {
            let cover = (width / 2.0 + 0.5 - distance).clamp(0.0, 1.0);
            let at = (y - top) as usize * columns + (x - left) as usize;
            covered[at] = covered[at].max(cover);
        });
    }
    for (n, cover) in covered.iter().enumerate().filter(|(_, cover)| **cover > 0.0) {
        each((left + (n % columns) as i32, top + (n / columns) as i32), *cover);
    }
}

/// Gives the pixels about a segment with their distance from it.
fn segment(from: At, to: At, reach: i32, mut each: impl FnMut(At, f32)) {
    let (dx, dy) = ((to.0 - from.0) as f32, (to.1 - from.1) as f32);
    let length = dx.hypot(dy);
    let (first, last) = (from.1.min(to.1) - reach, from.1.max(to.1) + reach);
    for y in first..=last {
        // The part of the row that is near: a steep line has little in each.
        let (low, high) = match dy.abs() < 1.0 {
            true => (0.0, 1.0),
            false => {
                let part = |y: i32| ((y - from.1) as f32 / dy).clamp(0.0, 1.0);
                let (a, b) = (part(y - 2 * reach), part(y + 2 * reach));
                (a.min(b), a.max(b))
            }
        };
        let (a, b) = (from.0 as f32 + low * dx, from.0 as f32 + high * dx);
        let (start, end) = (a.min(b) as i32 - 2 * reach, a.max(b) as i32 + 2 * reach);
        let least = from.0.min(to.0) - reach;
        let most = from.0.max(to.0) + reach;
        for x in start.max(least)..=end.min(most) {
            let (px, py) = ((x - from.0) as f32, (y - from.1) as f32);
            let along = match length > 0.0 {
                true => ((px * dx + py * dy) / (length * length)).clamp(0.0, 1.0),
                false => 0.0,
            };
            each((x, y), (px - along * dx).hypot(py - along * dy));
        }
    }
}

/// Draws a line.
pub(crate) fn solid(area: &Area, path: &[At], colour: RGBColor, width: u32) -> Drawn {
    if path.len() < 2 {
        return Ok(());
    }
    area.draw(&PathElement::new(path.to_vec(), colour.stroke_width(width)))
}

/// Draws a line of dashes.
pub(crate) fn dashed(area: &Area, path: &[At], colour: RGBColor, width: u32) -> Drawn {
    let (dash, gap) = DASH;
    let mut done = 0.0;
    for ends in path.windows(2) {
        let (from, to) = (ends[0], ends[1]);
        let (dx, dy) = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
        let length = dx.hypot(dy);
        let at = |part: f64| {
            let part = (part / length).clamp(0.0, 1.0);
            (from.0 + (part * dx).round() as i32, from.1 + (part * dy).round() as i32)
        };
        // A pattern that goes on around corners.
        let mut start = -(done % (dash + gap));
        while length > 0.0 && start < length {
            if start + dash > 0.0 {
                solid(area, &[at(start), at(start + dash)], colour, width)?;
            }
            start += dash + gap;
        }
        done += length;
    }
    Ok(())
}

/// A line with fewer corners that is nowhere farther than half a pixel from it (Douglas and
/// Peucker 1973): many short pieces between whole pixels would be a wavy line.
pub(crate) fn straight(path: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut keep = vec![false; path.len()];
    let mut parts = vec![(0, path.len().saturating_sub(1))];
    while let Some((from, to)) = parts.pop() {
        if from >= path.len() {
            break;
        }
        (keep[from], keep[to]) = (true, true);
        let (dx, dy) = (path[to].0 - path[from].0, path[to].1 - path[from].1);
        let length = (dx * dx + dy * dy).max(1e-12);
        let distance = |n: &usize| {
            let (px, py) = (path[*n].0 - path[from].0, path[*n].1 - path[from].1);
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

/// The part of a segment within a rectangle, by Liang and Barsky (1984).
pub(crate) fn clip(
    from: (f64, f64),
    to: (f64, f64),
    (least, most): ((f64, f64), (f64, f64)),
) -> Option<((f64, f64), (f64, f64))> {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let (mut enter, mut leave) = (0.0f64, 1.0f64);
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
    fn a_line_covers_its_width_times_its_length() {
        for to in [(100, 0), (0, 100), (60, 80), (-80, 60), (99, 14)] {
            let mut sum = 0.0;
            pixels(&[(0, 0), to], 4.0, |_, cover| sum += cover);
            assert!((sum - 412.0).abs() < 16.0, "{to:?}: {sum}");
        }
        pixels(&[(i32::MAX, 5)], 1.0, |_, _| ());
        pixels(&[], 1.0, |_, _| ());
    }

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
