//! Anti-aliasing: how much of each pixel a line of some width covers.

/// Column and row.
pub(crate) type Pixel = (i32, i32);

/// Coordinates are clamped to this: no picture is larger.
const MOST: i32 = 20_000;

/// Calls `each` once with each pixel that a line through these points touches, and with the covered
/// share.
pub(crate) fn pixels(path: &[Pixel], width: f32, mut each: impl FnMut(Pixel, f32)) {
    let near = |v: i32| v.clamp(-MOST, MOST);
    let path: Vec<Pixel> = path.iter().map(|p| (near(p.0), near(p.1))).collect();
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

/// Calls `each` with the pixels near a segment and their distance from it.
fn segment(from: Pixel, to: Pixel, reach: i32, mut each: impl FnMut(Pixel, f32)) {
    let (dx, dy) = ((to.0 - from.0) as f32, (to.1 - from.1) as f32);
    let length = dx.hypot(dy);
    let (first, last) = (from.1.min(to.1) - reach, from.1.max(to.1) + reach);
    for y in first..=last {
        // The part of the row that is near: a steep line has little in each.
        let (low, high) = if dy.abs() < 1.0 {
            (0.0, 1.0)
        } else {
            let part = |y: i32| ((y - from.1) as f32 / dy).clamp(0.0, 1.0);
            let (a, b) = (part(y - 2 * reach), part(y + 2 * reach));
            (a.min(b), a.max(b))
        };
        let (a, b) = (from.0 as f32 + low * dx, from.0 as f32 + high * dx);
        let (start, end) = (a.min(b) as i32 - 2 * reach, a.max(b) as i32 + 2 * reach);
        let least = from.0.min(to.0) - reach;
        let most = from.0.max(to.0) + reach;
        for x in start.max(least)..=end.min(most) {
            let (px, py) = ((x - from.0) as f32, (y - from.1) as f32);
            let along = if length > 0.0 {
                ((px * dx + py * dy) / (length * length)).clamp(0.0, 1.0)
            } else {
                0.0
            };
            each((x, y), (px - along * dx).hypot(py - along * dy));
        }
    }
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
}
