//! Aligned columns within the width of a terminal.

/// Columns of a line.
pub(in crate::report) const WIDTH: usize = 120;

const GAP: &str = "  ";
/// The least width that a column of words is cut to.
const LEAST: usize = 8;

/// A table: the first `words` columns are flush left, the others flush right.
pub(in crate::report) struct Grid {
    words: usize,
    lines: Vec<Vec<String>>,
}

impl Grid {
    /// A table with its head; a head of several lines has them apart by `\n`.
    pub(in crate::report) fn new(words: usize, head: &[&str]) -> Grid {
        let height = head.iter().map(|h| h.lines().count()).max().unwrap_or(1);
        let line = |n: usize| {
            let part = |h: &&str| {
                let above = height - h.lines().count();
                n.checked_sub(above).and_then(|n| h.lines().nth(n)).unwrap_or("").to_owned()
            };
            head.iter().map(part).collect()
        };
        Grid { words, lines: (0..height).map(line).collect() }
    }
    /// Adds a row of as many cells as the head has.
    pub(in crate::report) fn row(&mut self, cells: Vec<String>) {
        self.lines.push(cells);
    }
    /// The lines, none longer than [`WIDTH`] as long as the numbers alone are not.
    pub(in crate::report) fn render(&self) -> String {
        let count = self.lines.first().map_or(0, Vec::len);
        let width = |s: &String| s.chars().count();
        let mut widths: Vec<usize> = (0..count)
            .map(|c| self.lines.iter().map(|l| width(&l[c])).max().unwrap_or(0))
            .collect();
        let total = widths.iter().sum::<usize>() + GAP.len() * count.saturating_sub(1);
        // The longest column of words gives way.
        if let Some(longest) = (0..self.words).max_by_key(|&c| widths[c]) {
            let over = total.saturating_sub(WIDTH);
            widths[longest] = widths[longest].saturating_sub(over).max(widths[longest].min(LEAST));
        }
        let mut out = String::new();
        for line in &self.lines {
            let cells = line.iter().enumerate().map(|(c, cell)| {
                let cell = cut(cell, widths[c]);
                match c < self.words {
                    true => format!("{cell:<w$}", w = widths[c]),
                    false => format!("{cell:>w$}", w = widths[c]),
                }
            });
            out.push_str(cells.collect::<Vec<_>>().join(GAP).trim_end());
            out.push('\n');
        }
        out
    }
}

fn cut(text: &str, width: usize) -> String {
    match text.chars().count() <= width {
        true => text.to_owned(),
        false => text.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// A paragraph in lines of at most [`WIDTH`], those after the first indented.
pub(in crate::report) fn paragraph(text: &str, indent: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) => lines.push(format!("{}{word}", " ".repeat(indent))),
            None => lines.push(word.to_owned()),
        }
    }
    lines.iter().map(|l| format!("{l}\n")).collect()
}
