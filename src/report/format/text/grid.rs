//! Columns of text, and paragraphs, within the width of a terminal: those of reports, and those that
//! commands print.

use crate::units::spaces;

/// The widest line of `summary.txt`.
pub(in crate::report) const WIDTH: usize = 120;

const GAP: &str = "  ";

/// A longer cell widens no column of a table without a width: a path may have 100,000 characters.
const WIDEST_CELL: usize = 160;

/// A table. Columns of names are flush left, those of numbers flush right.
pub(crate) struct Grid {
    /// Whether a column holds numbers.
    numbers: Vec<bool>,
    /// The width that lines should not exceed, if there is one.
    width: Option<usize>,
    /// What every line begins with.
    indent: &'static str,
    groups: Vec<ColumnGroup>,
    head_lines: usize,
    lines: Vec<Vec<String>>,
}

/// A heading above several columns.
struct ColumnGroup {
    first: usize,
    last: usize,
    title: String,
}

impl Grid {
    /// Returns a table with its head and no row; its first columns hold names. `\n` separates the
    /// lines of a column's head.
    pub(in crate::report) fn new(names: usize, head: &[&str]) -> Grid {
        let height = head.iter().map(|h| h.lines().count()).max().unwrap_or(1);
        let line = |n: usize| {
            let part = |h: &&str| {
                let above = height - h.lines().count();
                n.checked_sub(above).and_then(|n| h.lines().nth(n)).unwrap_or("").to_owned()
            };
            head.iter().map(part).collect()
        };
        let lines: Vec<Vec<String>> = (0..height).map(line).collect();
        Grid {
            numbers: (0..head.len()).map(|c| c >= names).collect(),
            width: Some(WIDTH),
            indent: "",
            groups: Vec::new(),
            head_lines: lines.len(),
            lines,
        }
    }

    /// Returns a table of rows, which may lack cells at their ends, as wide as they need. `numbers`
    /// are the columns that hold numbers.
    pub(crate) fn of_rows(rows: &[Vec<String>], numbers: &[usize]) -> Grid {
        let count = rows.iter().map(Vec::len).max().unwrap_or(0);
        Grid {
            numbers: (0..count).map(|c| numbers.contains(&c)).collect(),
            width: None,
            indent: GAP,
            groups: Vec::new(),
            head_lines: 0,
            lines: rows.to_vec(),
        }
    }

    /// Sets the width that lines should not exceed.
    pub(in crate::report) fn within(mut self, width: usize) -> Grid {
        self.width = Some(width);
        self
    }

    /// Puts a heading above the columns from `first` to `last`.
    pub(in crate::report) fn group(&mut self, first: usize, last: usize, title: &str) {
        self.groups.push(ColumnGroup { first, last, title: title.to_owned() });
    }

    /// Adds a row of as many cells as the head has.
    pub(in crate::report) fn row(&mut self, cells: Vec<String>) {
        self.lines.push(cells);
    }

    /// Returns the widest line's length.
    pub(in crate::report) fn width(&self) -> usize {
        total(&self.widths())
    }

    fn widths(&self) -> Vec<usize> {
        let most = if self.width.is_some() { usize::MAX } else { WIDEST_CELL };
        let widest = |c: usize| {
            let cells = self.lines.iter().filter_map(|line| line.get(c));
            cells.map(|cell| cell.chars().count()).filter(|n| *n <= most).max()
        };
        let columns = 0..self.numbers.len();
        let mut widths: Vec<usize> = columns.map(|c| widest(c).unwrap_or(0)).collect();
        for group in &self.groups {
            let missing = group.title.chars().count().saturating_sub(group.width(&widths));
            widths[group.first] += missing;
        }
        widths
    }

    /// Returns the lines. No cell is cut: if the names would make lines wider than they should be,
    /// the long ones stand on a line of their own, above their numbers.
    pub(crate) fn render(&self) -> String {
        let mut widths = self.widths();
        let names = (0..widths.len()).filter(|c| !self.numbers[*c]);
        let longest = names.max_by_key(|&c| widths[c]).filter(|_| self.width.is_some());
        if let Some((c, width)) = longest.zip(self.width) {
            let over = total(&widths).saturating_sub(width);
            let head = self.lines[..self.head_lines].iter().map(|l| l[c].chars().count()).max();
            widths[c] = widths[c].saturating_sub(over).max(head.unwrap_or(0));
        }
        let mut out = String::new();
        if !self.groups.is_empty() {
            self.push_line(&mut out, &self.group_line(&widths));
        }
        for line in &self.lines {
            let too_long = longest.filter(|&c| line[c].chars().count() > widths[c]);
            if let Some(c) = too_long {
                self.push_line(&mut out, &self.joined(&line[..=c], &widths));
                let mut rest = vec![String::new(); c + 1];
                rest.extend_from_slice(&line[c + 1..]);
                self.push_line(&mut out, &self.joined(&rest, &widths));
            } else {
                self.push_line(&mut out, &self.joined(line, &widths));
            }
        }
        out
    }

    fn joined(&self, cells: &[String], widths: &[usize]) -> String {
        let aligned = cells.iter().zip(widths).enumerate().map(|(c, (cell, &width))| {
            let spaces = spaces(cell, width);
            if self.numbers[c] { format!("{spaces}{cell}") } else { format!("{cell}{spaces}") }
        });
        aligned.collect::<Vec<_>>().join(GAP)
    }

    fn push_line(&self, out: &mut String, line: &str) {
        out.push_str(format!("{}{line}", self.indent).trim_end());
        out.push('\n');
    }

    fn group_line(&self, widths: &[usize]) -> String {
        let mut line = String::new();
        for group in &self.groups {
            let end = total(&widths[..=group.last]);
            let width = end - line.chars().count();
            line.push_str(&spaces(&group.title, width));
            line.push_str(&group.title);
        }
        line
    }
}

impl ColumnGroup {
    fn width(&self, widths: &[usize]) -> usize {
        total(&widths[self.first..=self.last])
    }
}

fn total(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1)
}

/// Returns a paragraph in lines of at most [`WIDTH`]; those after the first are indented.
pub(in crate::report) fn paragraph(text: &str, indent: usize) -> String {
    wrapped(text, indent, WIDTH)
}

/// Returns a paragraph in lines of at most `width`; those after the first are indented.
pub(in crate::report) fn wrapped(text: &str, indent: usize, width: usize) -> String {
    indented(text, [0, indent], width)
}

/// Returns a paragraph in lines of at most `width`, with an indent for the first and one for the
/// rest.
pub(in crate::report) fn indented(text: &str, indents: [usize; 2], width: usize) -> String {
    let [first, rest] = indents.map(|indent| " ".repeat(indent));
    prefixed(text, [&first, &rest], width)
}

/// Returns a paragraph in lines of at most `width`, with what the first begins with and the rest do.
pub(crate) fn prefixed(text: &str, [first, rest]: [&str; 2], width: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) => lines.push(format!("{rest}{word}")),
            None => lines.push(format!("{first}{word}")),
        }
    }
    lines.iter().map(|l| format!("{l}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_stand_above_their_numbers_and_are_never_cut() {
        let mut grid = Grid::new(2, &["clients", "series", "bytes"]).within(22);
        grid.group(2, 2, "all");
        let cells = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        grid.row(cells(["10", "a name that is long", "1"]));
        grid.row(cells(["10", "short", "22"]));
        let shown = "                   all\n\
                     clients  series  bytes\n\
                     10       a name that is long\n\
                     \x20                    1\n\
                     10       short      22\n";
        assert_eq!(grid.render(), shown);
    }

    #[test]
    fn rows_may_lack_cells_and_a_very_long_cell_widens_no_column() {
        let path = "p".repeat(WIDEST_CELL + 1);
        let rows = [vec!["name", "bytes", "why"], vec![&path, "1"], vec!["b", "22", "slow"]];
        let rows = rows.map(|row| row.into_iter().map(str::to_owned).collect());
        let shown = format!("  name  bytes  why\n  {path}      1\n  b        22  slow\n");
        assert_eq!(Grid::of_rows(&rows, &[1]).render(), shown);
    }

    #[test]
    fn a_paragraph_begins_its_lines_as_it_should() {
        let shown = "# one two\n# three\n";
        assert_eq!(prefixed("one two three", ["# ", "# "], 9), shown);
        assert_eq!(indented("one two three", [0, 2], 8), "one two\n  three\n");
    }
}
