//! Text with placeholders, such as `Bearer {token}`: parsed once, rendered for each client.
//!
//! A placeholder is a name in braces: `{client}` is the client's number, from 0, `{random}` is 16
//! hexadecimal digits, and any other name is a column of the client's own data, see
//! [`client_data`](crate::protocol::client_data). `{{` is a brace. Braces around anything but a name
//! are text, as in JSON.

use crate::config::nearest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::io::Write as _;
use std::ops::Range;

/// The names that are known without data.
const ALWAYS: [&str; 2] = ["client", "random"];

/// Text with placeholders.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Template {
    source: String,
    pieces: Vec<TemplatePiece>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
enum TemplatePiece {
    Text(String),
    Client,
    Random,
    /// A column of the client's own data.
    Column(String),
}

/// What the placeholders of one client stand for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TemplateValues<'a> {
    /// The client's number, from 0.
    pub client: u32,
    /// What `{random}` stands for: the same number for all that is rendered at once.
    pub random: u64,
    /// The names of the data's columns.
    pub columns: &'a [String],
    /// A text in which the client's values lie.
    pub text: &'a str,
    /// Where the values lie, one after the other: the beginning of the first, and the end of each.
    pub bounds: &'a [u32],
}

impl Template {
    /// Parses a text. Every text is a template; [`Template::check`] says whether its names are known.
    pub(crate) fn new(source: &str) -> Template {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = source;
        while let Some(at) = rest.find('{') {
            text.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('{') {
                text.push('{');
                rest = after;
            } else if let Some((name, after)) = rest.split_once('}').filter(|(n, _)| is_name(n)) {
                push_text(&mut pieces, &mut text);
                pieces.push(TemplatePiece::named(name));
                rest = after;
            } else {
                text.push('{');
            }
        }
        text.push_str(rest);
        push_text(&mut pieces, &mut text);
        Template { source: source.to_owned(), pieces }
    }

    /// A text in which braces mean nothing.
    pub(crate) fn literal(text: &str) -> Template {
        let mut pieces = Vec::new();
        push_text(&mut pieces, &mut text.to_owned());
        Template { source: text.replace('{', "{{"), pieces }
    }

    /// Returns the text as it was written.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// Whether it is the same for every client and moment.
    pub(crate) fn is_constant(&self) -> bool {
        self.constant().is_some()
    }

    /// Returns its text, if it is the same for every client and moment.
    pub(crate) fn constant(&self) -> Option<&str> {
        match &*self.pieces {
            [] => Some(""),
            [TemplatePiece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Checks that every placeholder is known, for data with these columns.
    ///
    /// # Errors
    /// A sentence that names the placeholder and what to do.
    pub(crate) fn check(&self, columns: &[String]) -> Result<(), String> {
        let unknown = self.pieces.iter().find_map(|piece| match piece {
            TemplatePiece::Column(name) if !columns.contains(name) => Some(name),
            _ => None,
        });
        let Some(name) = unknown else { return Ok(()) };
        let known: Vec<String> = columns.iter().map(|column| format!("{{{column}}}")).collect();
        let data = if known.is_empty() {
            "set `data` to a file that has it".to_owned()
        } else {
            format!("the data have {}", known.join(", "))
        };
        let names: Vec<&str> = columns.iter().map(String::as_str).chain(ALWAYS).collect();
        let near = nearest(name, &names);
        let hint = near.map_or_else(String::new, |near| format!(" (did you mean {{{near}}}?)"));
        Err(format!(
            "{{{name}}} is not known{hint}; {data}, or write {{{{{name}}} for the text itself; \
             {{client}} and {{random}} are always known"
        ))
    }

    /// Returns the names of the placeholders of clients' own data.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            TemplatePiece::Column(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Whether it begins as a JSON object or list does.
    pub(crate) fn looks_like_json(&self) -> bool {
        matches!(self.pieces.first(), Some(TemplatePiece::Text(text))
            if text.trim_start().starts_with(['{', '[']))
    }

    /// Returns the pieces that are the same for every client and moment.
    pub(crate) fn constant_pieces(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            TemplatePiece::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// Returns what stands before and after a column that has this name; `None` unless it comes once.
    pub(crate) fn split_at(&self, name: &str) -> Option<(Template, Template)> {
        let is_it =
            |piece: &TemplatePiece| matches!(piece, TemplatePiece::Column(it) if it == name);
        let at = self.pieces.iter().position(is_it)?;
        let part = |pieces: &[TemplatePiece]| Template {
            source: self.source.clone(),
            pieces: pieces.to_vec(),
        };
        let before = part(&self.pieces[..at]);
        let after = part(&self.pieces[at + 1..]);
        (!after.pieces.iter().any(is_it)).then_some((before, after))
    }

    /// Appends the text for one client. A column that the data do not have is empty: the plan has
    /// checked the names.
    pub(crate) fn render(&self, values: &TemplateValues<'_>, out: &mut Vec<u8>) {
        self.pieces.iter().for_each(|piece| piece.render(values, out));
    }

    /// Returns where a text that was rendered for one client has the client's own data, and how much of
    /// the text is from the template; `None` if it was not rendered for this client. `encode` is what was
    /// done to each piece. Any random number will do, and the end may be missing.
    pub(crate) fn find_columns(
        &self,
        values: &TemplateValues<'_>,
        text: &[u8],
        encode: impl Fn(&mut Vec<u8>),
    ) -> Option<(Vec<Range<usize>>, usize)> {
        let mut found = Vec::new();
        let mut at = 0;
        for piece in &self.pieces {
            let mut bytes = Vec::new();
            piece.render(values, &mut bytes);
            encode(&mut bytes);
            let rest = &text[at..];
            let shared = bytes.len().min(rest.len());
            let is_same = match piece {
                TemplatePiece::Random => rest[..shared].iter().all(u8::is_ascii_hexdigit),
                _ => rest[..shared] == bytes[..shared],
            };
            if !is_same {
                return None;
            }
            if matches!(piece, TemplatePiece::Column(_)) && shared > 0 {
                found.push(at..at + shared);
            }
            at += shared;
        }
        Some((found, at))
    }

    /// Returns the text for one client.
    #[cfg(test)]
    pub(crate) fn to_text(&self, values: &TemplateValues<'_>) -> String {
        let mut out = Vec::new();
        self.render(values, &mut out);
        // All pieces are text.
        String::from_utf8_lossy(&out).into_owned()
    }
}

impl TemplatePiece {
    fn named(name: &str) -> TemplatePiece {
        match name {
            "client" => TemplatePiece::Client,
            "random" => TemplatePiece::Random,
            name => TemplatePiece::Column(name.to_owned()),
        }
    }

    fn render(&self, values: &TemplateValues<'_>, out: &mut Vec<u8>) {
        match self {
            TemplatePiece::Text(text) => out.extend_from_slice(text.as_bytes()),
            // Writing into memory does not fail.
            TemplatePiece::Client => drop(write!(out, "{}", values.client)),
            TemplatePiece::Random => drop(write!(out, "{:016x}", values.random)),
            TemplatePiece::Column(name) => out.extend_from_slice(values.column(name).as_bytes()),
        }
    }
}

impl<'a> TemplateValues<'a> {
    /// Returns the client's own data, a value for each column.
    pub(crate) fn own(&self) -> impl Iterator<Item = &'a str> {
        let text = self.text;
        let ranges = self.bounds.windows(2).map(|at| at[0] as usize..at[1] as usize);
        ranges.filter_map(move |range| text.get(range))
    }

    /// Returns the client's value in a column; empty if the data do not have it.
    fn column(&self, name: &str) -> &'a str {
        let at = self.columns.iter().position(|column| column == name);
        let bounds = at.and_then(|at| self.bounds.get(at..at + 2));
        let range = bounds.map(|bounds| bounds[0] as usize..bounds[1] as usize);
        range.and_then(|range| self.text.get(range)).unwrap_or("")
    }
}

/// Whether a text can be the name of a placeholder: letters, digits, `_` and `-`, with a letter or
/// `_` first.
pub(crate) fn is_name(name: &str) -> bool {
    let begins = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(begins)
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

fn push_text(pieces: &mut Vec<TemplatePiece>, text: &mut String) {
    if !text.is_empty() {
        pieces.push(TemplatePiece::Text(std::mem::take(text)));
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.source, f)
    }
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Template, D::Error> {
        String::deserialize(deserializer).map(|source| Template::new(&source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(text: &str) -> String {
        let columns = ["token".to_owned(), "room-1".to_owned()];
        let (text_of_row, bounds) = ("abc{client}", [0, 3, 11]);
        let values = TemplateValues {
            client: 7,
            random: 0xfe,
            columns: &columns,
            text: text_of_row,
            bounds: &bounds,
        };
        let template = Template::new(text);
        assert_eq!(template.check(&columns), Ok(()), "{text}");
        template.to_text(&values)
    }

    #[test]
    fn a_text_is_split_at_a_name_that_comes_once() {
        let text = |(a, b): (Template, Template)| {
            let values = TemplateValues { client: 7, ..TemplateValues::default() };
            (a.to_text(&values), b.to_text(&values))
        };
        let split = |of: &str| Template::new(of).split_at("id").map(text);
        assert_eq!(
            split("{\"a\":{id},\"b\":{client}}"),
            Some(("{\"a\":".into(), ",\"b\":7}".into()))
        );
        assert_eq!(split("{id}"), Some((String::new(), String::new())));
        assert_eq!((split("{id}{id}"), split("{{id}"), split("id")), (None, None, None));
    }

    #[test]
    fn names_in_braces_are_replaced_and_other_braces_are_text() {
        assert_eq!(render("Bearer {token}"), "Bearer abc");
        assert_eq!(render("{client}/{random}/{client}"), "7/00000000000000fe/7");
        // A value is not a template.
        assert_eq!(render("{room-1}"), "{client}");
        assert_eq!(render(r#"{"id":{client},"a":{"b":{}}}"#), r#"{"id":7,"a":{"b":{}}}"#);
        assert_eq!(render("{{client}"), "{client}");
        assert_eq!(render("{{{client}}"), "{7}");
        assert_eq!(render("{ client } {1} {"), "{ client } {1} {");
        assert_eq!(render(""), "");
    }

    #[test]
    fn the_places_of_a_client_s_own_data_are_found_whatever_the_data_are() {
        let columns = ["a".to_owned(), "b".to_owned()];
        let bounds = [0, 1, 4];
        let values = TemplateValues {
            client: 1,
            random: 5,
            columns: &columns,
            text: "11 1",
            bounds: &bounds,
        };
        let in_text = |ranges: &[Range<usize>]| {
            ranges.iter().map(|range| (range.start, range.end)).collect::<Vec<_>>()
        };
        let find = |template: &str, text: &str| {
            let found = Template::new(template).find_columns(&values, text.as_bytes(), |_| {});
            found.map(|(ranges, end)| (in_text(&ranges), end))
        };
        assert_eq!(find("1{a}1{client}{a}", "11111"), Some((vec![(1, 2), (4, 5)], 5)));
        assert_eq!(find("{b}.{random}", "1 1.0123456789abcdef&x"), Some((vec![(0, 3)], 20)));
        // The end is cut, within a value too.
        assert_eq!(find("x{b}y", "x1 "), Some((vec![(1, 3)], 3)));
        assert_eq!(find("x{b}y", "x"), Some((vec![], 1)));
        // Another text.
        assert_eq!(find("x{b}y", "x1 2y"), None);
        assert_eq!(find("{random}", "xyz"), None);
        let encoded = Template::new("/{b}").find_columns(&values, b"/1%201", |bytes| {
            *bytes = String::from_utf8_lossy(bytes).replace(' ', "%20").into_bytes();
        });
        assert_eq!(encoded.map(|(ranges, end)| (in_text(&ranges), end)), Some((vec![(1, 6)], 6)));
    }

    #[test]
    fn what_has_no_placeholder_is_constant() {
        assert_eq!(Template::new("{{a} {}").constant(), Some("{a} {}"));
        assert_eq!(Template::new("").constant(), Some(""));
        assert!(!Template::new("a{client}").is_constant());
        let literal = Template::literal("{client}{");
        assert_eq!(literal.constant(), Some("{client}{"));
        assert_eq!(Template::new(literal.source()).constant(), literal.constant());
    }

    #[test]
    fn an_unknown_name_is_refused_with_what_is_known() {
        let why = Template::new("{tokn}").check(&["token".to_owned()]).unwrap_err();
        assert!(
            why.starts_with(
                "{tokn} is not known (did you mean {token}?); the data have {token}, or write {{tokn}"
            ),
            "{why}"
        );
        let why = Template::new("{clint}").check(&[]).unwrap_err();
        assert!(why.starts_with("{clint} is not known (did you mean {client}?)"), "{why}");
        let why = Template::new("{token}").check(&[]).unwrap_err();
        assert!(why.contains("set `data`"), "{why}");
    }

    #[test]
    fn it_travels_as_the_text_that_was_written() {
        let template = Template::new("a{{b}{client}");
        let json = serde_json::to_string(&template).unwrap();
        assert_eq!(json, r#""a{{b}{client}""#);
        assert_eq!(serde_json::from_str::<Template>(&json).unwrap(), template);
    }
}
