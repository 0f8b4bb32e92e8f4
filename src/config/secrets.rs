//! Values from the environment, and what is marked as a secret: in any text of a configuration, before
//! a reader sees it.
//!
//! `${env:NAME}` stands for a variable's value, and `{ value = "…", secret = true }` for its text. Such
//! texts are secrets, and so are some by their nature; see [`crate::secret`].

use crate::config::diagnostic::Diagnostic;
use crate::config::source::{Location, SourceText};
use crate::config::tree::{TomlItem, TomlNode, TomlTable};
use crate::secret;
use std::ops::Range;

/// What a variable's name is between.
const OPEN: &str = "${env:";
const CLOSE: char = '}';
/// The shortest text beside a placeholder that is taken for a secret of its own: shorter ones are in any
/// text.
const LEAST_PART: usize = 4;

/// Puts in the values of variables, takes the texts out of their marks, and notes every secret.
/// Returns what is wrong.
pub(super) fn resolve(source: &SourceText, root: &mut TomlTable) -> Vec<Diagnostic> {
    // A line that is not TOML is shown as well.
    secret::note_text(&source.text);
    source.overrides.iter().for_each(|given| secret::note_text(given));
    let mut walk = Walk { source, found: Vec::new() };
    walk.table(root);
    walk.found
}

struct Walk<'s> {
    source: &'s SourceText,
    found: Vec<Diagnostic>,
}

impl Walk<'_> {
    fn table(&mut self, table: &mut TomlTable) {
        for entry in &mut table.entries {
            self.node(&mut entry.node);
            each_text(&entry.node, &mut |text| secret::note_field(&entry.name, text));
        }
    }

    fn node(&mut self, node: &mut TomlNode) {
        if let Some((inner, is_secret)) = marked(node) {
            *node = inner;
            self.text(node);
            if let (true, TomlItem::Text(text)) = (is_secret, &node.item) {
                secret::note(text);
                // A client sends what is around its placeholders with something else between.
                around_braces(text).filter(|part| part.len() >= LEAST_PART).for_each(secret::note);
                node.secret = true;
            }
            return;
        }
        if is_malformed_mark(node) {
            // It is refused, and its texts may be in the message.
            each_text(node, &mut secret::note);
        }
        match &mut node.item {
            TomlItem::Text(_) => self.text(node),
            TomlItem::List(items) => items.iter_mut().for_each(|item| self.node(item)),
            TomlItem::Table(table) => self.table(table),
            TomlItem::Integer(_) | TomlItem::Float(_) | TomlItem::Boolean(_) | TomlItem::Date => {}
        }
    }

    /// Puts the values of variables into a text, and notes it if it is a secret.
    fn text(&mut self, node: &mut TomlNode) {
        let TomlItem::Text(text) = &mut node.item else { return };
        match expand(text, |name| std::env::var(name)) {
            Ok(None) => {}
            Ok(Some(expanded)) => {
                *text = expanded;
                // Of its text only the values are.
                node.secret = true;
            }
            Err((part, message)) => {
                let location = self.source.locate_part(&node.location, text, part);
                self.found.push(Diagnostic::of_value(location, message));
            }
        }
        secret::note_text(text);
    }
}

/// Returns the text of `{ value = "…", secret = true }`, and whether it is a secret.
fn marked(node: &TomlNode) -> Option<(TomlNode, bool)> {
    let TomlItem::Table(table) = &node.item else { return None };
    let value = table.get("value")?;
    let mark = table.get("secret")?;
    match (&value.item, &mark.item) {
        (TomlItem::Text(_), TomlItem::Boolean(is_secret)) if table.entries.len() == 2 => {
            Some((value.clone(), *is_secret))
        }
        _ => None,
    }
}

/// Whether a table looks like one that is marked as a secret, and is none. A header may be called
/// `secret`, too.
fn is_malformed_mark(node: &TomlNode) -> bool {
    let TomlItem::Table(table) = &node.item else { return false };
    match table.get("secret").map(|mark| &mark.item) {
        Some(TomlItem::Boolean(is_secret)) => *is_secret,
        Some(_) => table.get("value").is_some(),
        None => false,
    }
}

/// Returns the texts before, between and after the names in braces of a text that has some.
fn around_braces(text: &str) -> impl Iterator<Item = &str> {
    let mut parts = text.split('{');
    let first = parts.next().filter(|first| first.len() < text.len());
    first.into_iter().chain(parts.map(|part| part.split_once('}').map_or(part, |(_, after)| after)))
}

/// Does something with every text of a value.
fn each_text(node: &TomlNode, on: &mut dyn FnMut(&str)) {
    match &node.item {
        TomlItem::Text(text) => on(text),
        TomlItem::List(items) => items.iter().for_each(|item| each_text(item, on)),
        TomlItem::Table(table) => {
            table.entries.iter().for_each(|entry| each_text(&entry.node, on));
        }
        TomlItem::Integer(_) | TomlItem::Float(_) | TomlItem::Boolean(_) | TomlItem::Date => {}
    }
}

/// Returns a text with the values of its variables, each of which is noted; `None` if it names none.
///
/// # Errors
/// What is wrong, and with which part of the text.
fn expand(
    text: &str,
    variable: impl Fn(&str) -> Result<String, std::env::VarError>,
) -> Result<Option<String>, (Range<usize>, String)> {
    let mut out = String::new();
    let mut at = 0;
    while let Some(open) = text[at..].find(OPEN).map(|found| at + found) {
        let name_at = open + OPEN.len();
        let Some(length) = text[name_at..].find(CLOSE) else {
            let message = format!("{OPEN:?} has no closing {CLOSE:?}");
            return Err((open..text.len(), message));
        };
        let end = name_at + length + CLOSE.len_utf8();
        let name = &text[name_at..end - CLOSE.len_utf8()];
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(legal) {
            return Err((open..end, format!("{name:?} is no name of an environment variable")));
        }
        let value = variable(name).map_err(|error| {
            let what = match error {
                std::env::VarError::NotPresent => "is not set",
                std::env::VarError::NotUnicode(_) => "is not UTF-8",
            };
            (open..end, format!("the environment variable {name:?} {what}"))
        })?;
        secret::note(&value);
        out.push_str(&text[at..open]);
        out.push_str(&value);
        at = end;
    }
    out.push_str(&text[at..]);
    Ok((at > 0).then_some(out))
}

/// Returns where the first secret of a value is.
pub(super) fn first_secret(node: &TomlNode) -> Option<&Location> {
    match &node.item {
        TomlItem::List(items) => items.iter().find_map(first_secret),
        _ => node.secret.then_some(&node.location),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::env::VarError;

    #[test]
    fn variables_are_put_in() {
        let variable = |name: &str| match name {
            "A" => Ok("one".to_owned()),
            "B_2" => Ok("${env:A}".to_owned()),
            _ => Err(VarError::NotPresent),
        };
        let of = |text: &str| expand(text, variable);
        assert_eq!(of("plain $x {env:A}"), Ok(None));
        assert_eq!(of("x${env:A}y${env:A}"), Ok(Some("xoneyone".to_owned())));
        // A value is not read again.
        assert_eq!(of("${env:B_2}"), Ok(Some("${env:A}".to_owned())));
        let refused = |text: &str, part: &str, why: &str| {
            let (range, message) = of(text).expect_err(text);
            assert_eq!((&text[range], message.as_str()), (part, why));
        };
        refused("x${env:C}", "${env:C}", "the environment variable \"C\" is not set");
        refused("a ${env:A", "${env:A", "\"${env:\" has no closing '}'");
        refused("${env:}", "${env:}", "\"\" is no name of an environment variable");
        refused("${env:A B}", "${env:A B}", "\"A B\" is no name of an environment variable");
    }
}
