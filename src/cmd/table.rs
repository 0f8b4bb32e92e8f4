//! Plain tables: rows of cells, lined up as columns.

use crate::units::spaces;
use std::fmt::Write as _;

/// A longer cell widens no column: a path may have 100,000 characters.
const WIDEST: usize = 160;

/// The cells of a row.
pub(in crate::cmd) type Cells = Vec<String>;

/// Returns the first row: the heads of all columns, with `|` between them.
pub(in crate::cmd) fn head(heads: &str) -> Cells {
    heads.split('|').map(str::to_owned).collect()
}

/// Returns a line for each total, after its name.
pub(in crate::cmd) fn totals(rows: &[(&str, String)]) -> String {
    rows.iter().map(|(name, total)| format!("{name:<13}{total}\n")).collect()
}

/// Appends a title with rows below it, if there are any.
pub(in crate::cmd) fn append_section(
    out: &mut String,
    title: &str,
    rows: &[Cells],
    right: &[usize],
) {
    if !rows.is_empty() {
        let _ = writeln!(out, "\n{title}");
        append_columns(out, rows, right);
    }
}

/// Appends rows with their columns lined up, those listed to the right.
pub(in crate::cmd) fn append_columns(out: &mut String, rows: &[Cells], right: &[usize]) {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |n: usize| {
        let cells = rows.iter().filter_map(|row| row.get(n));
        cells.map(|cell| cell.chars().count()).filter(|n| *n <= WIDEST).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    for row in rows {
        let mut line = String::new();
        for (n, cell) in row.iter().enumerate() {
            let spaces = spaces(cell, widths[n]);
            let _ = if right.contains(&n) {
                write!(line, "  {spaces}{cell}")
            } else {
                write!(line, "  {cell}{spaces}")
            };
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
}
