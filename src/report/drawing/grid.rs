//! Panels side by side and one above the other, each with a part of a picture.

use crate::report::drawing::canvas::{Area, Drawn, PictureGroup};
use crate::report::table::Row;

/// The most panels side by side.
pub(crate) const ACROSS: usize = 4;

/// Returns how many panels stand side by side if nothing else says so.
pub(crate) fn columns(panels: usize) -> usize {
    match panels {
        n @ 1..=3 => n,
        4 => 2,
        5..=9 => 3,
        _ => ACROSS,
    }
}

/// Draws a panel for each row, with a gap behind and below it, as the group of its series.
pub(crate) fn draw<'a>(
    area: &Area,
    columns: usize,
    gap: (i32, i32),
    rows: impl ExactSizeIterator<Item = &'a Row>,
    mut one: impl FnMut(&Area, usize) -> Drawn,
) -> Drawn {
    let lines = rows.len().div_ceil(columns);
    let (width, height) = area.dim_in_pixel();
    let each = (width as i32 / columns as i32, height as i32 / lines as i32);
    for (n, row) in rows.enumerate() {
        let corner = ((n % columns) as i32 * each.0, (n / columns) as i32 * each.1);
        let size = ((each.0 - gap.0).max(1) as u32, (each.1 - gap.1).max(1) as u32);
        let part = area.clone().shrink(corner, size);
        let group = PictureGroup { series: Some(&row.series), ..PictureGroup::default() };
        group.draw(&part, || one(&part, n))?;
    }
    Ok(())
}
