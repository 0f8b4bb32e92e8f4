//! `--set key=value`: replaces one value of the tree.
//!
//! Separate from `fields`, which finds out later whether the key exists and the value is valid, as
//! for a value in the file.

use crate::config::source::Location;
use crate::config::suggestion::hint;
use crate::config::tree::{TomlEntry, TomlItem, TomlNode, TomlTable};

/// Merges the `nth` override into the tree.
///
/// # Errors
/// A sentence, if the argument has no `=` or there is nothing at its path.
pub(crate) fn merge(root: &mut TomlTable, nth: usize, text: &str) -> Result<(), String> {
    let location = Location::of_override(nth);
    let Some((key, value)) = text.split_once('=') else {
        return Err("write key=value, for example --set feed.rate=2/s".to_owned());
    };
    let mut path = key.trim().split('.').map(str::trim);
    let first = path.next().unwrap_or_default();
    let mut node = find_or_add(root, first, &location)?;
    let mut walked = first.to_owned();
    for segment in path {
        node = descend(node, segment, &walked, &location)?;
        walked = format!("{walked}.{segment}");
    }
    *node = TomlNode::new(location.clone(), parse_value(value.trim(), &location)?);
    Ok(())
}

/// Parses a value as TOML, or else takes it as text, so that quotes are optional.
fn parse_value(text: &str, location: &Location) -> Result<TomlItem, String> {
    match TomlNode::parse(text, location.origin) {
        Ok(node) => Ok(node.item),
        // It begins like TOML: the user did not mean plain text.
        Err(message) if text.starts_with(['[', '{', '"', '\'']) => Err(message),
        Err(_) => Ok(TomlItem::Text(text.to_owned())),
    }
}

/// Follows one segment of a path: into a table by key, into a list by number or label.
fn descend<'n>(
    node: &'n mut TomlNode,
    segment: &str,
    walked: &str,
    location: &Location,
) -> Result<&'n mut TomlNode, String> {
    let kind = node.kind();
    match &mut node.item {
        TomlItem::Table(table) => find_or_add(table, segment, location),
        TomlItem::List(items) => {
            let at = find_index(items, segment, walked)?;
            Ok(&mut items[at])
        }
        _ => Err(format!("{walked} is {kind}, it has no {segment:?} in it")),
    }
}

/// Returns the value of a key; a missing one is added as an empty table.
fn find_or_add<'t>(
    table: &'t mut TomlTable,
    name: &str,
    location: &Location,
) -> Result<&'t mut TomlNode, String> {
    if name.is_empty() {
        return Err("the key has an empty part; write for example feed.rate".to_owned());
    }
    let at = match table.entries.iter().position(|e| e.name == name) {
        Some(at) => at,
        None => {
            let item = TomlItem::Table(TomlTable::empty(location.clone()));
            let node = TomlNode::new(location.clone(), item);
            let name = name.to_owned();
            table.entries.push(TomlEntry { name, location: location.clone(), node });
            table.entries.len() - 1
        }
    };
    Ok(&mut table.entries[at].node)
}

/// Returns the index of the item that a segment names by number, label or transport.
fn find_index(items: &[TomlNode], segment: &str, walked: &str) -> Result<usize, String> {
    if let Ok(at) = segment.parse::<usize>() {
        return match items.len() {
            n if at < n => Ok(at),
            0 => Err(format!("{walked} is empty")),
            n => Err(format!("there is no {walked}.{at}; the last one is {walked}.{}", n - 1)),
        };
    }
    let labels: Vec<Option<&str>> = items.iter().map(label).collect();
    let mut found = labels.iter().enumerate().filter(|(_, l)| **l == Some(segment));
    match (found.next(), found.next()) {
        (Some((at, _)), None) => Ok(at),
        (Some((a, _)), Some((b, _))) => Err(format!(
            "{walked}.{a} and {walked}.{b} are both called {segment:?}; write the number"
        )),
        (None, _) => {
            let known: Vec<&str> = labels.iter().flatten().copied().collect();
            let hint = hint(segment, &known, || {
                format!("; write its label or its number, as in {walked}.0")
            });
            Err(format!("nothing in {walked} is called {segment:?}{hint}"))
        }
    }
}

/// Returns the name of a table in a list: its label, or else its transport.
fn label(node: &TomlNode) -> Option<&str> {
    let TomlItem::Table(table) = &node.item else { return None };
    ["label", "transport"].iter().find_map(|name| match &table.get(name)?.item {
        TomlItem::Text(text) => Some(text.as_str()),
        _ => None,
    })
}
