//! The readers of each kind of value: durations, rates, sizes, numbers, words and lists.
//!
//! Separate from `fields`, which finds the value and its default.

use crate::config::diagnostic::Diagnostic;
use crate::config::fields::{Fields, Key, shown_anyway};
use crate::config::source::Location;
use crate::config::suggestion::hint;
use crate::config::tree::{TomlItem, TomlNode, TomlTable};
use crate::units;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;

/// A value with its location.
#[derive(Debug, Clone, PartialEq)]
pub struct LocatedValue<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub location: Location,
}

type ValueResult<T> = Result<T, Vec<Diagnostic>>;

impl Fields<'_> {
    /// A duration such as `"1s"`, in nanoseconds.
    pub fn duration_ns(&mut self, key: &Key) -> u64 {
        self.read(key, |node| {
            quantity(key, node, "a duration such as \"1s\"", units::parse_duration_ns)
        })
    }

    /// A duration of at most `most_ns`, which is `most` in words.
    pub fn duration_ns_up_to(&mut self, key: &Key, most_ns: u64, most: &str) -> u64 {
        let ns = self.duration_ns(key);
        if ns > most_ns {
            self.report(key, format!("{} must be at most {most}", key.name));
        }
        ns
    }

    /// A duration of at least `least_ns`, which is `least` in words, or 0 for none.
    pub fn duration_ns_from_or_none(&mut self, key: &Key, least_ns: u64, least: &str) -> u64 {
        let ns = self.duration_ns(key);
        if ns > 0 && ns < least_ns {
            self.report(key, format!("{} must be at least {least}, or 0s for none", key.name));
        }
        ns
    }

    /// A duration, or a word that stands for none: `None`.
    pub fn duration_ns_or(&mut self, key: &Key, word: &str) -> Option<u64> {
        let what = format!("a duration such as \"1s\", or {word:?}");
        self.read(key, |node| match &node.item {
            TomlItem::Text(_) if node.secret => Err(refusal(node, shown_anyway(key))),
            TomlItem::Text(text) if text == word => Ok(None),
            TomlItem::Text(text) if text.starts_with(|c: char| c.is_alphabetic()) => {
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
                TomlItem::Integer(value) => value as f64,
                TomlItem::Float(value) => value,
                _ => return wrong_type(key, node, "a number"),
            };
            if range.contains(&value) {
                Ok(value)
            } else {
                let least = range.start();
                let most = range.end();
                refuse(key, node, format_args!("must be between {least} and {most}"))
            }
        })
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &Key) -> bool {
        self.read(key, |node| match node.item {
            TomlItem::Boolean(value) => Ok(value),
            _ => wrong_type(key, node, "true or false, without quotes"),
        })
    }

    /// Text, not empty and without control characters.
    pub fn text(&mut self, key: &Key) -> String {
        self.read(key, |node| text(key, node))
    }

    /// Text, or `None` if the user gave none; the key's default is not used.
    pub fn optional_text(&mut self, key: &Key) -> Option<String> {
        self.is_given(key).then(|| self.text(key)).filter(|_| self.is_valid(key))
    }

    /// One of several options; empty if the user's is unknown and there is no default.
    pub fn choice<'o>(&mut self, key: &Key, options: &[&'o str]) -> &'o str {
        self.read(key, |node| {
            if node.secret {
                return Err(refusal(node, shown_anyway(key)));
            }
            let given = match number_text(&node.item).filter(|number| options.contains(&&**number))
            {
                // `http_version = 2` says the same as with quotes.
                Some(number) => number,
                None => text(key, node)?,
            };
            options.iter().find(|option| **option == given).copied().ok_or_else(|| {
                let hint = hint(&given, options, || {
                    let all: Vec<_> = options.iter().map(|o| format!("{o:?}")).collect();
                    format!("; use one of {}", all.join(", "))
                });
                refusal(node, format!("unknown {} {given:?}{hint}", key.name))
            })
        })
    }

    /// The value of one of several options; that of the first if the user's is unknown.
    pub fn choose<T: Copy>(&mut self, key: &Key, options: &[(&str, T)]) -> T {
        let names: Vec<&str> = options.iter().map(|option| option.0).collect();
        let chosen = self.choice(key, &names);
        options.iter().find(|option| option.0 == chosen).unwrap_or(&options[0]).1
    }

    /// A list of whole numbers within a range: not empty, none of them twice.
    pub fn integers(&mut self, key: &Key, range: RangeInclusive<u64>) -> Vec<LocatedValue<u64>> {
        self.read(key, |node| match &node.item {
            TomlItem::List(items) => several(key, node, items, |item| integer(key, item, &range)),
            _ => wrong_type(key, node, "a list of whole numbers such as [1000, 10000]"),
        })
    }

    /// A whole number within a range or a list of them; empty if the user gave none.
    pub fn optional_integers(
        &mut self,
        key: &Key,
        range: RangeInclusive<u64>,
    ) -> Vec<LocatedValue<u64>> {
        self.optional(key, |node| match &node.item {
            TomlItem::List(items) => several(key, node, items, |item| integer(key, item, &range)),
            _ => Ok(vec![locate(node, integer(key, node, &range)?)]),
        })
    }

    /// A text or a list of them; empty if the user gave none.
    pub fn optional_texts(&mut self, key: &Key) -> Vec<LocatedValue<String>> {
        self.optional(key, |node| match &node.item {
            TomlItem::List(items) => several(key, node, items, |item| text(key, item)),
            _ => Ok(vec![locate(node, text(key, node)?)]),
        })
    }

    /// A list of any texts, which may be empty and may have one twice.
    pub fn list_of_texts(&mut self, key: &Key) -> Vec<LocatedValue<String>> {
        self.read(key, |node| match &node.item {
            TomlItem::List(items) => all(items.iter().map(|item| match &item.item {
                TomlItem::Text(text) if text.contains('\0') => {
                    refuse(key, item, "must not hold the character 0")
                }
                TomlItem::Text(text) => Ok(locate(item, text.clone())),
                _ => wrong_type(key, item, "texts in quotes"),
            })),
            _ => wrong_type(key, node, "a list of texts such as [\"a\", \"b\"]"),
        })
    }

    /// What the user wrote, or nothing.
    fn optional<T>(
        &mut self,
        key: &Key,
        want: impl Fn(&TomlNode) -> ValueResult<Vec<T>>,
    ) -> Vec<T> {
        if self.is_given(key) { self.read(key, want) } else { Vec::new() }
    }

    /// A text, a whole number or a list of them, such as `["2xx", 404]`: numbers as text.
    pub fn strings(&mut self, key: &Key) -> Vec<LocatedValue<String>> {
        let word = |item: &TomlNode| match item.item {
            TomlItem::Integer(number) => Ok(number.to_string()),
            _ => text(key, item),
        };
        self.read(key, |node| match &node.item {
            TomlItem::List(items) => several(key, node, items, word),
            _ => Ok(vec![locate(node, word(node)?)]),
        })
    }

    /// A table of texts, such as `example`: names and values.
    pub fn texts(&mut self, key: &Key, example: &str) -> Vec<[LocatedValue<String>; 2]> {
        self.read(key, |node| {
            let TomlItem::Table(table) = &node.item else {
                return wrong_type(key, node, &format!("a table such as {example}"));
            };
            all(table.entries.iter().map(|entry| {
                let name =
                    LocatedValue { value: entry.name.clone(), location: entry.location.clone() };
                Ok([name, locate(&entry.node, text(key, &entry.node)?)])
            }))
        })
    }
}

fn locate<T>(node: &TomlNode, value: T) -> LocatedValue<T> {
    LocatedValue { value, location: node.location.clone() }
}

/// Reads the items of a list: not empty, none of them twice.
fn several<T: Clone + Display + Ord>(
    key: &Key,
    node: &TomlNode,
    items: &[TomlNode],
    one: impl Fn(&TomlNode) -> ValueResult<T>,
) -> ValueResult<Vec<LocatedValue<T>>> {
    if items.is_empty() {
        return refuse(key, node, "must not be empty");
    }
    let mut before = BTreeSet::new();
    all(items.iter().map(|item| {
        let value = one(item)?;
        if !before.insert(value.clone()) {
            return refuse(key, item, format_args!("has {value} twice"));
        }
        Ok(locate(item, value))
    }))
}

/// Returns every value, or everything that is wrong with them.
fn all<T>(read: impl Iterator<Item = ValueResult<T>>) -> ValueResult<Vec<T>> {
    let mut values = Vec::new();
    let mut found = Vec::new();
    for one in read {
        match one {
            Ok(value) => values.push(value),
            Err(more) => found.extend(more),
        }
    }
    if found.is_empty() { Ok(values) } else { Err(found) }
}

fn refusal(node: &TomlNode, message: String) -> Vec<Diagnostic> {
    vec![Diagnostic::of_value(node.location.clone(), message)]
}

fn refuse<T>(key: &Key, node: &TomlNode, message: impl Display) -> ValueResult<T> {
    Err(refusal(node, format!("{} {message}", key.name)))
}

fn wrong_type<T>(key: &Key, node: &TomlNode, wanted: &str) -> ValueResult<T> {
    refuse(key, node, format_args!("must be {wanted}, not {}", node.kind()))
}

/// Reads a number with a unit. A bare number is given to the same parser, which asks for the unit.
fn quantity<T>(
    key: &Key,
    node: &TomlNode,
    what: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> ValueResult<T> {
    let given = match &node.item {
        TomlItem::Text(_) if node.secret => return Err(refusal(node, shown_anyway(key))),
        TomlItem::Text(text) => text.clone(),
        TomlItem::Integer(number) => number.to_string(),
        TomlItem::Float(number) => number.to_string(),
        _ => return wrong_type(key, node, what),
    };
    parse(&given).map_err(|why| refusal(node, format!("{}: {why}", key.name)))
}

fn integer(key: &Key, node: &TomlNode, range: &RangeInclusive<u64>) -> ValueResult<u64> {
    let TomlItem::Integer(value) = node.item else {
        return wrong_type(key, node, "a whole number");
    };
    match u64::try_from(value) {
        Ok(value) if range.contains(&value) => Ok(value),
        _ => {
            let least = range.start();
            let most = range.end();
            refuse(key, node, format_args!("must be between {least} and {most}, not {value}"))
        }
    }
}

/// A number as it would be written in quotes.
fn number_text(item: &TomlItem) -> Option<String> {
    match item {
        TomlItem::Integer(number) => Some(number.to_string()),
        TomlItem::Float(number) => Some(number.to_string()),
        _ => None,
    }
}

fn text(key: &Key, node: &TomlNode) -> ValueResult<String> {
    match &node.item {
        TomlItem::Text(text) if text.trim().is_empty() => refuse(key, node, "must not be empty"),
        TomlItem::Text(text) if text.chars().any(char::is_control) => {
            refuse(key, node, "must not hold control characters")
        }
        TomlItem::Text(text) => Ok(text.clone()),
        TomlItem::Table(table) => Err(why_no_mark(key, node, table)),
        _ => wrong_type(key, node, "text in quotes"),
    }
}

/// Says what is wrong with a table in place of a text: `{ value = "…", secret = true }` alone is one.
fn why_no_mark(key: &Key, node: &TomlNode, table: &TomlTable) -> Vec<Diagnostic> {
    let form = "{ value = \"…\", secret = true }";
    let name = key.name;
    let at = |location: &Location, message: String| {
        vec![Diagnostic::of_value(location.clone(), message)]
    };
    let known = ["value", "secret"];
    let given = |known: &&str| table.get(known).is_some();
    if let Some(entry) = table.entries.iter().find(|entry| !known.contains(&&*entry.name))
        && known.iter().any(given)
    {
        let message = format!("{name}: unknown key {:?} beside those of {form}", entry.name);
        return at(&entry.location, message);
    }
    match (table.get("value"), table.get("secret")) {
        (Some(value), _) if !matches!(value.item, TomlItem::Text(_)) => {
            let message = format!("{name}: value must be text in quotes, not {}", value.kind());
            at(&value.location, message)
        }
        (Some(_), Some(mark)) => {
            let kind = mark.kind();
            at(
                &mark.location,
                format!("{name}: secret must be true or false, without quotes, not {kind}"),
            )
        }
        _ => refusal(node, format!("{name} must be text in quotes, or {form}")),
    }
}
