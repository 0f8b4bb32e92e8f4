//! A table of a page, and what stands in it.

use crate::report::figure::Figure;
use crate::report::table::{Row, Status};
use crate::units::{decimals, thousands};
use askama::Template;

/// A table with its caption.
#[derive(Debug, Clone, Template)]
#[template(path = "table.html", config = "src/report/format/html/askama.toml")]
pub(super) struct HtmlTable {
    /// Its identity within the page.
    pub id: &'static str,
    pub caption: String,
    pub heads: Vec<ColumnHead>,
    pub rows: Vec<HtmlRow>,
    /// Sentences below it.
    pub notes: Vec<String>,
}

/// The head of a column.
#[derive(Debug, Clone)]
pub(super) struct ColumnHead {
    pub text: String,
    /// What the column is, shown if it is pointed at.
    pub about: String,
    pub number: bool,
}

/// A line of a table.
#[derive(Debug, Clone)]
pub(super) struct HtmlRow {
    /// The label of the series that it is about; empty if it is about none.
    pub series: String,
    pub cells: Vec<Cell>,
}

/// A cell.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    pub text: String,
    /// The number in full, by which a table is sorted; empty if there is none.
    pub value: String,
    /// More, shown if it is pointed at: why a figure is absent.
    pub about: String,
    pub number: bool,
    pub is_head: bool,
    /// `good`, `bad` or `some`; empty if it is none of them.
    pub mark: &'static str,
}

impl Cell {
    /// A text.
    pub(super) fn text(text: impl Into<String>) -> Cell {
        Cell { text: text.into(), ..Cell::default() }
    }
    /// The text that the line is about.
    pub(super) fn head(text: impl Into<String>) -> Cell {
        Cell { is_head: true, ..Cell::text(text) }
    }
    /// A count.
    pub(super) fn count(count: u64) -> Cell {
        Cell { value: count.to_string(), number: true, ..Cell::text(thousands(count)) }
    }
    /// A figure, or that it is absent and why.
    pub(super) fn figure(figure: &Figure, show: impl Fn(f64) -> String) -> Cell {
        let (text, value, about) = match (figure.value(), figure.below()) {
            (Some(value), _) => (show(value), decimals(value), String::new()),
            (None, Some(below)) => {
                (format!("< {}", show(below as f64)), String::new(), reason(figure))
            }
            (None, None) => ("n/a".to_owned(), String::new(), reason(figure)),
        };
        Cell { text, value, about, number: true, ..Cell::default() }
    }
    /// The same with a sign behind it, and what that means.
    pub(super) fn signed(mut self, sign: &str, about: &str) -> Cell {
        self.text.push_str(sign);
        if self.about.is_empty() {
            self.about = about.to_owned();
        }
        self
    }
    /// The same with a mark.
    pub(super) fn marked(self, mark: &'static str) -> Cell {
        Cell { mark, ..self }
    }
    /// What a row is worth.
    pub(super) fn status(status: Status) -> Cell {
        let mark = match status {
            Status::Valid => "good",
            Status::Partial => "some",
            Status::Invalid => "bad",
        };
        Cell::text(status.name()).marked(mark)
    }
}

fn reason(figure: &Figure) -> String {
    figure.reason().unwrap_or_default().to_owned()
}

/// A column of a table that has a line for each row: its head, and what its cells are.
pub(super) struct RowColumn<'a> {
    head: ColumnHead,
    cell: Box<dyn Fn(&Row) -> Cell + 'a>,
}

/// A column of numbers.
pub(super) fn column<'a>(
    text: impl Into<String>,
    about: impl Into<String>,
    cell: impl Fn(&Row) -> Cell + 'a,
) -> RowColumn<'a> {
    let head = ColumnHead { text: text.into(), about: about.into(), number: true };
    RowColumn { head, cell: Box::new(cell) }
}

/// A column of texts.
pub(super) fn texts<'a>(
    text: impl Into<String>,
    cell: impl Fn(&Row) -> Cell + 'a,
) -> RowColumn<'a> {
    let head = ColumnHead { text: text.into(), about: String::new(), number: false };
    RowColumn { head, cell: Box::new(cell) }
}

/// A column of a figure.
pub(super) fn figures<'a>(
    text: impl Into<String>,
    about: impl Into<String>,
    show: impl Fn(f64) -> String + 'a,
    of: impl Fn(&Row) -> &Figure + 'a,
) -> RowColumn<'a> {
    column(text, about, move |row| Cell::figure(of(row), &show))
}

/// A table with a line for each row, by client count, after series and clients.
pub(super) fn of_rows<'a>(
    id: &'static str,
    caption: impl Into<String>,
    rows: &[&Row],
    columns: impl IntoIterator<Item = RowColumn<'a>>,
) -> HtmlTable {
    let columns: Vec<RowColumn> = columns.into_iter().collect();
    let own = [("series", false), ("clients", true)].map(|(text, number)| ColumnHead {
        text: text.to_owned(),
        about: String::new(),
        number,
    });
    let line = |row: &&Row| HtmlRow {
        series: row.series.clone(),
        cells: [Cell::head(row.series.as_str()), Cell::count(row.clients.into())]
            .into_iter()
            .chain(columns.iter().map(|column| (column.cell)(row)))
            .collect(),
    };
    HtmlTable {
        id,
        caption: caption.into(),
        rows: rows.iter().map(line).collect(),
        heads: own.into_iter().chain(columns.iter().map(|column| column.head.clone())).collect(),
        notes: Vec::new(),
    }
}

/// The head of a column of texts.
pub(super) fn text_head(text: &str) -> ColumnHead {
    ColumnHead { text: text.to_owned(), about: String::new(), number: false }
}

/// The head of a column of numbers.
pub(super) fn number_head(text: &str) -> ColumnHead {
    ColumnHead { number: true, ..text_head(text) }
}
