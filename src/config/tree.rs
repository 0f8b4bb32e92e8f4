//! Settings as an owned tree in which every key and value knows where it was written.
//!
//! Separate from `fields`, which knows what a value should be.

use crate::config::{Diagnostic, Origin, Place, Source, overrides};
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it was written.
    pub place: Place,
    /// What was written.
    pub item: Item,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A string.
    Text(String),
    /// A whole number; one that does not fit is the nearest that does.
    Integer(i128),
    /// A decimal number.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// A date or a time; no setting is one.
    Date,
    /// A list.
    List(Vec<Node>),
    /// A table.
    Table(Table),
}

/// A table: its place, which is its header, and its entries.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Where it was written.
    pub place: Place,
    /// Its entries.
    pub entries: Vec<Entry>,
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub name: String,
    /// Where the key was written.
    pub place: Place,
    /// Its value.
    pub node: Node,
}

/// A file with its overrides merged in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tree {
    /// The texts.
    pub source: Arc<Source>,
    /// The outermost table.
    pub root: Table,
    /// Syntax errors and overrides that fit nowhere.
    pub faults: Vec<Diagnostic>,
}

impl Tree {
    /// Parses as much of a source as is TOML, and merges the overrides into it.
    pub(crate) fn parse(source: Source) -> Tree {
        let (parsed, errors) = DeTable::parse_recoverable(&source.text);
        let mut root = table(parsed.get_ref(), Place::whole(), Origin::File);
        let mut faults = syntax_faults(&source, errors);
        for (n, text) in source.overrides.iter().enumerate() {
            if let Err(message) = overrides::merge(&mut root, n, text) {
                let place = Place { origin: Origin::Override(n), span: 0..0 };
                faults.push(Diagnostic { place, path: "--set".to_owned(), message, direct: true });
            }
        }
        Tree { source: Arc::new(source), root, faults }
    }
}

/// The parser's errors, one a line, since the second of a line mostly follows from the first.
fn syntax_faults(source: &Source, errors: Vec<toml::de::Error>) -> Vec<Diagnostic> {
    let mut found: Vec<(Range<usize>, String)> =
        errors.iter().map(|e| plainly(source, e)).collect();
    found.sort_by_key(|(span, _)| span.start);
    // Whatever follows an open list or table was read as a part of it.
    let unclosed = found.iter().position(|(_, message)| message.starts_with("unclosed"));
    if let Some(at) = unclosed {
        let end = found.swap_remove(at);
        found.sort_by_key(|(span, _)| span.start);
        found.truncate(1);
        found.push(end);
    }
    found.dedup_by_key(|(span, _)| source.position(span.start).0);
    let fault = |(span, message): (Range<usize>, String)| Diagnostic {
        place: Place { origin: Origin::File, span },
        path: String::new(),
        message,
        direct: true,
    };
    found.into_iter().map(fault).collect()
}

/// Where an error is, and its message; the parser's most frequent one in plainer words.
fn plainly(source: &Source, error: &toml::de::Error) -> (Range<usize>, String) {
    let span = error.span().unwrap_or(0..0);
    let message = error.message();
    let text = source.text.get(span.clone()).unwrap_or_default();
    let message = match message.starts_with("string values must be quoted") {
        true if text.is_empty() => "the value is missing".to_owned(),
        true => format!("text must be in quotes: {text:?}"),
        false => message.to_owned(),
    };
    (span, message)
}

impl Table {
    /// An empty table at a place.
    pub fn empty(place: Place) -> Table {
        Table { place, entries: Vec::new() }
    }
    /// The value of a key.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.entries.iter().find(|e| e.name == name).map(|e| &e.node)
    }
    /// Takes an entry out.
    pub fn take(&mut self, name: &str) -> Option<Entry> {
        let at = self.entries.iter().position(|e| e.name == name)?;
        Some(self.entries.remove(at))
    }
}

impl Node {
    /// Reads the text of one value; all of it gets the same origin.
    ///
    /// # Errors
    /// The parser's message where the text is no TOML value.
    pub fn parse(text: &str, origin: Origin) -> Result<Node, String> {
        let value = DeValue::parse(text).map_err(|e| e.message().to_owned())?;
        Ok(node(&value, origin))
    }
    /// What kind of value it is, in words.
    pub fn kind(&self) -> &'static str {
        match self.item {
            Item::Text(_) => "text",
            Item::Integer(_) => "a whole number",
            Item::Float(_) => "a decimal number",
            Item::Boolean(_) => "a boolean",
            Item::Date => "a date",
            Item::List(_) => "a list",
            Item::Table(_) => "a table",
        }
    }
}

fn node(value: &Spanned<DeValue<'_>>, origin: Origin) -> Node {
    let place = Place { origin, span: value.span() };
    let item = match value.get_ref() {
        DeValue::String(text) => Item::Text(text.clone().into_owned()),
        DeValue::Integer(digits) => Item::Integer(
            i128::from_str_radix(digits.as_str(), digits.radix()).unwrap_or(i128::MAX),
        ),
        DeValue::Float(digits) => Item::Float(digits.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(value) => Item::Boolean(*value),
        DeValue::Datetime(_) => Item::Date,
        DeValue::Array(values) => Item::List(values.iter().map(|v| node(v, origin)).collect()),
        DeValue::Table(entries) => Item::Table(table(entries, place.clone(), origin)),
    };
    Node { place, item }
}

fn table(entries: &DeTable<'_>, place: Place, origin: Origin) -> Table {
    let entry = |(key, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| Entry {
        name: key.get_ref().to_string(),
        place: Place { origin, span: key.span() },
        node: node(value, origin),
    };
    Table { place, entries: entries.iter().map(entry).collect() }
}
