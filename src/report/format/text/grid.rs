//! Columns of text, and paragraphs, within the width of a terminal.

use crate::units::spaces;

/// The widest line of `summary.txt`.
pub(in crate::report) const WIDTH: usize = 120;

const GAP: &str = "  ";

/// A table. The first columns hold names and are flush left, the others hold numbers and are flush
/// right.
pub(in crate::report) struct Grid {
    names: usize,
    width: usize,
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
    /// Returns a table with its head and no row. `\n` separates the lines of a column's head.
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
        Grid { names, width: WIDTH, groups: Vec::new(), head_lines: lines.len(), lines }
    }

    /// Sets the width that lines should not exceed.
    pub(in crate::report) fn within(mut self, width: usize) -> Grid {
        self.width = width;
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
        let count = self.lines.first().map_or(0, Vec::len);
        let widest = |c: usize| self.lines.iter().map(|l| l[c].chars().count()).max();
        let mut widths: Vec<usize> = (0..count).map(|c| widest(c).unwrap_or(0)).collect();
        for group in &self.groups {
            let missing = group.title.chars().count().saturating_sub(group.width(&widths));
            widths[group.first] += missing;
        }
        widths
    }

    /// Returns the lines. No cell is cut: if the names would make lines too wide, the long ones
    /// stand on a line of their own, above their numbers.
    pub(in crate::report) fn render(&self) -> String {
        let mut widths = self.widths();
        let longest = (0..self.names).max_by_key(|&c| widths[c]);
        if let Some(c) = longest {
            let over = total(&widths).saturating_sub(self.width);
            let head = self.lines[..self.head_lines].iter().map(|l| l[c].chars().count()).max();
            widths[c] = widths[c].saturating_sub(over).max(head.unwrap_or(0));
        }
        let mut out = String::new();
        if !self.groups.is_empty() {
            push_line(&mut out, &self.group_line(&widths));
        }
        for line in &self.lines {
            let too_long = longest.filter(|&c| line[c].chars().count() > widths[c]);
            if let Some(c) = too_long {
                push_line(&mut out, &self.joined(&line[..=c], &widths));
                let mut rest = vec![String::new(); c + 1];
                rest.extend_from_slice(&line[c + 1..]);
                push_line(&mut out, &self.joined(&rest, &widths));
            } else {
                push_line(&mut out, &self.joined(line, &widths));
            }
        }
        out
    }

    fn joined(&self, cells: &[String], widths: &[usize]) -> String {
        let aligned = cells.iter().zip(widths).enumerate().map(|(c, (cell, &width))| {
            let spaces = spaces(cell, width);
            if c < self.names { format!("{cell}{spaces}") } else { format!("{spaces}{cell}") }
        });
        aligned.collect::<Vec<_>>().join(GAP)
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

fn push_line(out: &mut String, line: &str) {
    out.push_str(line.trim_end());
    out.push('\n');
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
pub(in crate::report) fn indented(text: &str, [first, rest]: [usize; 2], width: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) => lines.push(format!("{}{word}", " ".repeat(rest))),
            None => lines.push(format!("{}{word}", " ".repeat(first))),
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
}
