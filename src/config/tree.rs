//! A configuration as an owned tree in which every key and value has its location.
//!
//! Separate from `fields`, which knows what a value should be.

use crate::config::source::{Location, Origin};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// A value and its location.
#[derive(Debug, Clone, PartialEq)]
pub struct TomlNode {
    /// Where it was written.
    pub location: Location,
    /// What was written.
    pub item: TomlItem,
    /// True if it must not be shown: it is from the environment, or marked as a secret.
    pub secret: bool,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub enum TomlItem {
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
    List(Vec<TomlNode>),
    /// A table.
    Table(TomlTable),
}

/// A table: the location of its header, and its entries.
#[derive(Debug, Clone, PartialEq)]
pub struct TomlTable {
    /// Where it was written.
    pub location: Location,
    /// Its entries.
    pub entries: Vec<TomlEntry>,
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct TomlEntry {
    /// The key.
    pub name: String,
    /// Where the key was written.
    pub location: Location,
    /// Its value.
    pub node: TomlNode,
}

impl TomlTable {
    /// Returns an empty table.
    pub fn empty(location: Location) -> TomlTable {
        TomlTable { location, entries: Vec::new() }
    }

    /// Returns the value of a key.
    pub fn get(&self, name: &str) -> Option<&TomlNode> {
        self.entries.iter().find(|e| e.name == name).map(|e| &e.node)
    }

    /// Removes an entry and returns it.
    pub fn take(&mut self, name: &str) -> Option<TomlEntry> {
        let at = self.entries.iter().position(|e| e.name == name)?;
        Some(self.entries.remove(at))
    }

    /// Copies a parsed table, with every location in the same text.
    pub(crate) fn copy(entries: &DeTable<'_>, location: Location, origin: Origin) -> TomlTable {
        let entry = |(key, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| TomlEntry {
            name: key.get_ref().to_string(),
            location: Location { origin, span: key.span() },
            node: TomlNode::copy(value, origin),
        };
        TomlTable { location, entries: entries.iter().map(entry).collect() }
    }
}

impl TomlNode {
    /// Returns a value that may be shown.
    pub(crate) fn new(location: Location, item: TomlItem) -> TomlNode {
        TomlNode { location, item, secret: false }
    }

    /// Parses the text of one value; all of it gets the same origin.
    ///
    /// # Errors
    /// The parser's message, if the text is not a TOML value.
    pub fn parse(text: &str, origin: Origin) -> Result<TomlNode, String> {
        let value = DeValue::parse(text).map_err(|e| e.message().to_owned())?;
        Ok(TomlNode::copy(&value, origin))
    }

    fn copy(value: &Spanned<DeValue<'_>>, origin: Origin) -> TomlNode {
        let location = Location { origin, span: value.span() };
        let item = match value.get_ref() {
            DeValue::String(text) => TomlItem::Text(text.clone().into_owned()),
            DeValue::Integer(digits) => TomlItem::Integer(
                i128::from_str_radix(digits.as_str(), digits.radix()).unwrap_or(i128::MAX),
            ),
            DeValue::Float(digits) => TomlItem::Float(digits.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(value) => TomlItem::Boolean(*value),
            DeValue::Datetime(_) => TomlItem::Date,
            DeValue::Array(values) => {
                TomlItem::List(values.iter().map(|v| TomlNode::copy(v, origin)).collect())
            }
            DeValue::Table(entries) => {
                TomlItem::Table(TomlTable::copy(entries, location.clone(), origin))
            }
        };
        TomlNode::new(location, item)
    }

    /// Names the kind of value, for messages.
    pub fn kind(&self) -> &'static str {
        match self.item {
            TomlItem::Text(_) => "text",
            TomlItem::Integer(_) => "a whole number",
            TomlItem::Float(_) => "a decimal number",
            TomlItem::Boolean(_) => "a boolean",
            TomlItem::Date => "a date",
            TomlItem::List(_) => "a list",
            TomlItem::Table(_) => "a table",
        }
    }
}
