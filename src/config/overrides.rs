//! `--set key=value`: one value put into the tree in place of the file's.
//!
//! Separate from `fields`: whether the key exists and the value fits is found out later, as for a
//! value in the file.

use crate::config::tree::{Entry, Item, Node, Table};
use crate::config::{Origin, Place, nearest};

/// Merges the `nth` override into the tree.
///
/// # Errors
/// A sentence, where the argument has no `=` or its path leads nowhere.
pub(crate) fn merge(root: &mut Table, nth: usize, text: &str) -> Result<(), String> {
    let place = Place { origin: Origin::Override(nth), span: 0..0 };
    let Some((key, value)) = text.split_once('=') else {
        return Err("write key=value, for example --set feed.rate=2/s".to_owned());
    };
    let mut path = key.trim().split('.').map(str::trim).peekable();
    let first = path.next().unwrap_or_default();
    let mut at = entry(root, first, &place)?;
    let mut walked = first.to_owned();
    for segment in path {
        at = step(at, segment, &walked, &place)?;
        walked = format!("{walked}.{segment}");
    }
    *at = Node { place: place.clone(), item: literal(value.trim(), place.origin)? };
    Ok(())
}

/// The value's text as TOML, or as it stands, so that quotes are optional.
fn literal(text: &str, origin: Origin) -> Result<Item, String> {
    match Node::parse(text, origin) {
        Ok(node) => Ok(node.item),
        // What opens like TOML was meant as TOML.
        Err(message) if text.starts_with(['[', '{', '"', '\'']) => Err(message),
        Err(_) => Ok(Item::Text(text.to_owned())),
    }
}

/// One step down a path: into a table by key, into a list by number or label.
fn step<'n>(
    node: &'n mut Node,
    segment: &str,
    walked: &str,
    place: &Place,
) -> Result<&'n mut Node, String> {
    let kind = node.kind();
    match &mut node.item {
        Item::Table(table) => entry(table, segment, place),
        Item::List(items) => {
            let at = index(items, segment, walked)?;
            Ok(&mut items[at])
        }
        _ => Err(format!("{walked} is {kind}, it has no {segment:?} in it")),
    }
}

fn entry<'t>(table: &'t mut Table, name: &str, place: &Place) -> Result<&'t mut Node, String> {
    if name.is_empty() {
        return Err("the key has an empty part; write for example feed.rate".to_owned());
    }
    let at = match table.entries.iter().position(|e| e.name == name) {
        Some(at) => at,
        None => {
            let item = Item::Table(Table::empty(place.clone()));
            let node = Node { place: place.clone(), item };
            table.entries.push(Entry { name: name.to_owned(), place: place.clone(), node });
            table.entries.len() - 1
        }
    };
    Ok(&mut table.entries[at].node)
}

/// The number of the item that a segment means.
fn index(items: &[Node], segment: &str, walked: &str) -> Result<usize, String> {
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
            let hint = match nearest(segment, &known) {
                Some(near) => format!(", did you mean {near:?}?"),
                None => format!("; write its label or its number, as in {walked}.0"),
            };
            Err(format!("nothing in {walked} is called {segment:?}{hint}"))
        }
    }
}

/// What a table in a list is called: its label, or else its transport.
fn label(node: &Node) -> Option<&str> {
    let Item::Table(table) = &node.item else { return None };
    ["label", "transport"].iter().find_map(|name| match &table.get(name)?.item {
        Item::Text(text) => Some(text.as_str()),
        _ => None,
    })
}
