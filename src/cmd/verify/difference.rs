//! The first difference between a file and what its rows give.

use std::fmt;
use std::path::{Path, PathBuf};

/// Characters of a line that are shown around a difference.
const AROUND: usize = 60;

/// Where a file differs, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileDifference {
    file: PathBuf,
    /// From 1; `None` if it is no text.
    line: Option<usize>,
    /// Of a CSV file: the name of the column, and both fields.
    column: Option<String>,
    shown: String,
    given: String,
}

impl FileDifference {
    /// Compares a file with what was made again.
    pub(super) fn between(path: &Path, shown: &[u8], given: &[u8]) -> Option<FileDifference> {
        if shown == given {
            return None;
        }
        let file = path.to_owned();
        let (Ok(a), Ok(b)) = (std::str::from_utf8(shown), std::str::from_utf8(given)) else {
            let [shown, given] = [shown, given].map(|bytes| format!("{} bytes", bytes.len()));
            return Some(FileDifference { file, line: None, column: None, shown, given });
        };
        let mut lines = a.lines().zip(b.lines()).enumerate();
        let Some((n, (left, right))) = lines.find(|(_, (left, right))| left != right) else {
            let [shown, given] = [a, b].map(|text| format!("{} lines", text.lines().count()));
            return Some(FileDifference { file, line: None, column: None, shown, given });
        };
        let head = a.lines().next().unwrap_or_default();
        let is_csv = path.extension().is_some_and(|ending| ending == "csv");
        if let Some((column, shown, given)) = is_csv.then(|| field(head, left, right)).flatten() {
            return Some(FileDifference {
                file,
                line: Some(n + 1),
                column: Some(column),
                shown,
                given,
            });
        }
        let [shown, given] = around(left, right);
        Some(FileDifference { file, line: Some(n + 1), column: None, shown, given })
    }
}

/// Returns the name of the first column in which two lines differ, and both fields.
fn field(head: &str, left: &str, right: &str) -> Option<(String, String, String)> {
    let fields = |line: &str| -> Option<Vec<String>> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(line.as_bytes());
        let record = reader.records().next()?.ok()?;
        Some(record.iter().map(str::to_owned).collect())
    };
    let head = fields(head)?;
    let left = fields(left)?;
    let right = fields(right)?;
    if left.len() != right.len() {
        return None;
    }
    let at = left.iter().zip(&right).position(|(a, b)| a != b)?;
    Some((head.get(at)?.clone(), left[at].clone(), right[at].clone()))
}

/// Returns what is around the first character in which two lines differ.
fn around(left: &str, right: &str) -> [String; 2] {
    let same = left.chars().zip(right.chars()).take_while(|(a, b)| a == b).count();
    [left, right].map(|line| {
        let from = same.saturating_sub(AROUND / 2);
        let part: String = line.chars().skip(from).take(AROUND).collect();
        let before = if from > 0 { "…" } else { "" };
        let after = if line.chars().count() > from + AROUND { "…" } else { "" };
        format!("{before}{part}{after}")
    })
}

impl fmt::Display for FileDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(column) = &self.column {
            write!(f, ": {column}")?;
        }
        write!(f, ": shows {:?}, and the rows give {:?}", self.shown, self.given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(file: &str, shown: &str, given: &str) -> String {
        let found = FileDifference::between(Path::new(file), shown.as_bytes(), given.as_bytes());
        found.map_or_else(String::new, |found| found.to_string())
    }

    #[test]
    fn a_difference_is_named_by_its_line_and_column() {
        assert_eq!(said("a.csv", "x,y\n1,2\n", "x,y\n1,2\n"), "");
        assert_eq!(
            said("a.csv", "x,y\n1,\"2,5\"\n", "x,y\n1,3\n"),
            "a.csv:2: y: shows \"2,5\", and the rows give \"3\""
        );
        assert_eq!(
            said("a.txt", "one\ntwo\n", "one\nten\n"),
            "a.txt:2: shows \"two\", and the rows give \"ten\""
        );
        assert_eq!(
            said("a.txt", "one\n", "one\ntwo\n"),
            "a.txt: shows \"1 lines\", and the rows give \"2 lines\""
        );
        let long = "x".repeat(200);
        let other = format!("{}y", &long[..199]);
        assert!(said("a.html", &long, &other).len() < 200);
        assert!(said("a.csv", "x,y\n1\n", "x,y\n1,2\n").contains("a.csv:2: shows"));
    }
}
