//! Plain tables: rows of cells, lined up as columns, each table below a title.

use crate::report::format::text::grid::Grid;
use std::fmt::Write as _;

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
    out.push_str(&Grid::of_rows(rows, right).render());
}
