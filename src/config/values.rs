//! The readers of each kind of value: durations, rates, sizes, numbers, words and lists.
//!
//! Separate from `fields`, which finds the value and its default.

use crate::config::{Fields, Item, Key, Node, Place, nearest};
use crate::units;
use std::fmt::Display;
use std::ops::RangeInclusive;

/// A value as text with the place of its key and of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedText {
    /// The key.
    pub name: String,
    /// Where the key stands.
    pub place: Place,
    /// The value.
    pub text: String,
    /// Where the value stands.
    pub text_place: Place,
}

type Wanted<T> = Result<T, Vec<(Place, String)>>;

impl Fields<'_> {
    /// A duration such as `"1s"`, in nanoseconds.
    pub fn duration_ns(&mut self, key: &Key) -> u64 {
        self.read(key, |node| {
            quantity(key, node, "a duration such as \"1s\"", units::parse_duration_ns)
        })
    }

    /// A duration, or a word that stands for none: `None`.
    pub fn duration_ns_or(&mut self, key: &Key, word: &str) -> Option<u64> {
        let what = format!("a duration such as \"1s\", or {word:?}");
        self.read(key, |node| match &node.item {
            Item::Text(text) if text == word => Ok(None),
            Item::Text(text) if text.starts_with(|c: char| c.is_alphabetic()) => {
                refuse(key, node, format_args!("must be {what}, not {text:?}"))
            }
            _ => quantity(key, node, &what, units::parse_duration_ns).map(Some),
        })
    }

    /// A rate such as `"10/s"`, in events a second.
    pub fn rate_hz(&mut self, key: &Key) -> f64 {
        self.read(key, |node| quantity(key, node, "a rate such as \"10/s\"", units::parse_rate_hz))
    }

    /// A size such as `"21B"`, in bytes.
    pub fn size(&mut self, key: &Key) -> u64 {
        self.read(key, |node| quantity(key, node, "a size such as \"21B\"", units::parse_size))
    }

    /// A whole number within a range.
    pub fn integer(&mut self, key: &Key, range: RangeInclusive<u64>) -> u64 {
        self.read(key, |node| integer(key, node, &range))
    }

    /// A number within a range, whole or decimal.
    pub fn number(&mut self, key: &Key, range: RangeInclusive<f64>) -> f64 {
        self.read(key, |node| {
            let value = match node.item {
                Item::Integer(value) => value as f64,
                Item::Float(value) => value,
                _ => return wrong_type(key, node, "a number"),
            };
            match range.contains(&value) {
                true => Ok(value),
                false => {
                    let (least, most) = (range.start(), range.end());
                    refuse(key, node, format_args!("must be between {least} and {most}"))
                }
            }
        })
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &Key) -> bool {
        self.read(key, |node| match node.item {
            Item::Boolean(value) => Ok(value),
            _ => wrong_type(key, node, "true or false, without quotes"),
        })
    }

    /// Text, not empty and without control characters.
    pub fn text(&mut self, key: &Key) -> String {
        self.read(key, |node| text(key, node))
    }

    /// Text, or `None` where the user gave none; the key's default is not used.
    pub fn optional_text(&mut self, key: &Key) -> Option<String> {
        self.written(key).then(|| self.text(key)).filter(|_| self.sound(key))
    }

    /// One of several words; the empty word where the user's is unknown and there is no default.
    pub fn choice<'o>(&mut self, key: &Key, options: &[&'o str]) -> &'o str {
        self.read(key, |node| {
            let given = text(key, node)?;
            match options.iter().find(|option| **option == given) {
                Some(option) => Ok(*option),
                None => {
                    let hint = match nearest(&given, options) {
                        Some(near) => format!(", did you mean {near:?}?"),
                        None => {
                            let all: Vec<_> = options.iter().map(|o| format!("{o:?}")).collect();
                            format!("; use one of {}", all.join(", "))
                        }
                    };
                    let message = format!("unknown {} {given:?}{hint}", key.name);
                    Err(vec![(node.place.clone(), message)])
                }
            }
        })
    }

    /// A list of whole numbers within a range: not empty, none of them twice.
    pub fn integers(&mut self, key: &Key, range: RangeInclusive<u64>) -> Vec<u64> {
        self.read(key, |node| match &node.item {
            Item::List(items) => {
                let all = several(key, node, items, |item| integer(key, item, &range))?;
                Ok(all.into_iter().map(|(value, _)| value).collect())
            }
            _ => wrong_type(key, node, "a list of whole numbers such as [1000, 10000]"),
        })
    }

    /// A whole number within a range or a list of them, each with its place; empty where the user
    /// gave none.
    pub fn optional_integers(
        &mut self,
        key: &Key,
        range: RangeInclusive<u64>,
    ) -> Vec<(u64, Place)> {
        self.optional(key, |node| match &node.item {
            Item::List(items) => several(key, node, items, |item| integer(key, item, &range)),
            _ => Ok(vec![(integer(key, node, &range)?, node.place.clone())]),
        })
    }

    /// A text or a list of them, each with its place; empty where the user gave none.
    pub fn optional_texts(&mut self, key: &Key) -> Vec<(String, Place)> {
        self.optional(key, |node| match &node.item {
            Item::List(items) => several(key, node, items, |item| text(key, item)),
            _ => Ok(vec![(text(key, node)?, node.place.clone())]),
        })
    }

    /// What the user wrote, or nothing.
    fn optional<T>(&mut self, key: &Key, want: impl Fn(&Node) -> Wanted<Vec<T>>) -> Vec<T> {
        if self.written(key) { self.read(key, want) } else { Vec::new() }
    }

    /// A table of texts, such as `{ polling = "/poll" }`.
    pub fn texts(&mut self, key: &Key) -> Vec<NamedText> {
        self.read(key, |node| {
            let Item::Table(table) = &node.item else {
                return wrong_type(key, node, "a table such as { polling = \"/poll\" }");
            };
            let (mut values, mut found) = (Vec::new(), Vec::new());
            for entry in &table.entries {
                match text(key, &entry.node) {
                    Ok(text) => values.push(NamedText {
                        name: entry.name.clone(),
                        place: entry.place.clone(),
                        text,
                        text_place: entry.node.place.clone(),
                    }),
                    Err(more) => found.extend(more),
                }
            }
            if found.is_empty() { Ok(values) } else { Err(found) }
        })
    }
}

/// The items of a list with their places: not empty, none of them twice.
fn several<T: PartialEq + Display>(
    key: &Key,
    node: &Node,
    items: &[Node],
    one: impl Fn(&Node) -> Wanted<T>,
) -> Wanted<Vec<(T, Place)>> {
    if items.is_empty() {
        return refuse(key, node, "must not be empty");
    }
    let (mut values, mut found): (Vec<(T, Place)>, _) = (Vec::new(), Vec::new());
    for item in items {
        match one(item) {
            Ok(value) if values.iter().any(|(known, _)| *known == value) => {
                found.push((item.place.clone(), format!("{} has {value} twice", key.name)));
            }
            Ok(value) => values.push((value, item.place.clone())),
            Err(more) => found.extend(more),
        }
    }
    if found.is_empty() { Ok(values) } else { Err(found) }
}

fn refuse<T>(key: &Key, node: &Node, message: impl Display) -> Wanted<T> {
    Err(vec![(node.place.clone(), format!("{} {message}", key.name))])
}

fn wrong_type<T>(key: &Key, node: &Node, wanted: &str) -> Wanted<T> {
    refuse(key, node, format_args!("must be {wanted}, not {}", node.kind()))
}

/// A number with a unit. A bare number goes through the same parser, which asks for the unit.
fn quantity<T>(
    key: &Key,
    node: &Node,
    what: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Wanted<T> {
    let given = match &node.item {
        Item::Text(text) => text.clone(),
        Item::Integer(number) => number.to_string(),
        Item::Float(number) => number.to_string(),
        _ => return wrong_type(key, node, what),
    };
    parse(&given).map_err(|why| vec![(node.place.clone(), format!("{}: {why}", key.name))])
}

fn integer(key: &Key, node: &Node, range: &RangeInclusive<u64>) -> Wanted<u64> {
    let Item::Integer(value) = node.item else {
        return wrong_type(key, node, "a whole number");
    };
    match u64::try_from(value) {
        Ok(value) if range.contains(&value) => Ok(value),
        _ => {
            let (least, most) = (range.start(), range.end());
            refuse(key, node, format_args!("must be between {least} and {most}, not {value}"))
        }
    }
}

fn text(key: &Key, node: &Node) -> Wanted<String> {
    match &node.item {
        Item::Text(text) if text.trim().is_empty() => refuse(key, node, "must not be empty"),
        Item::Text(text) if text.chars().any(char::is_control) => {
            refuse(key, node, "must not hold control characters")
        }
        Item::Text(text) => Ok(text.clone()),
        _ => wrong_type(key, node, "text in quotes"),
    }
}
