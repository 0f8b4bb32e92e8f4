//! The text of a configuration as errors show it: without what must not be shown, whatever is wrong
//! with it.
//!
//! Separate from `secrets`, which notes the secrets of a configuration that can be read. Here a value is
//! hidden for its place: it may have the wrong type, or its line may not be TOML.

use crate::config::sensitive::{is_mark, is_sensitive, user_in};
use crate::config::source::{Location, Origin};
use crate::config::tree::{TomlItem, TomlNode, TomlTable};
use crate::secret;
use std::borrow::Cow;
use std::ops::Range;
use toml::de::DeTable;

/// The key of a text that is marked as a secret.
const MARKED: &str = "value";
/// The key beside a `value` that is what a message must have there.
const PLACE: &str = "pointer";

/// A text without what must not be shown.
pub(super) struct Excerpts<'t> {
    text: &'t str,
    /// In their order, none in another.
    hidden: Vec<Range<usize>>,
}

impl<'t> Excerpts<'t> {
    /// Finds what of a text must not be shown.
    pub(super) fn new(text: &'t str) -> Excerpts<'t> {
        let (parsed, errors) = DeTable::parse_recoverable(text);
        let root = TomlTable::copy(parsed.get_ref(), Location::whole(), Origin::File);
        let mut hidden = secret::find(text);
        hide_in_table(&root, &mut hidden);
        // What is not UTF-8 was replaced, and may be TOML all the same.
        let is_broken = !errors.is_empty() || text.contains('\u{fffd}');
        if is_broken {
            hide_in_sections(text, &mut hidden);
        }
        for (start, line) in lines(text) {
            hidden.extend(user_in(line, is_broken).map(|range| shift(&range, start)));
        }
        hidden.retain(|range| !range.is_empty());
        Excerpts { text, hidden: secret::merge(hidden) }
    }

    /// Returns the text to show, with the place that a span of it then has.
    pub(super) fn show(&self, span: Range<usize>) -> (String, Range<usize>) {
        let text = self.text;
        let mut out = String::new();
        let mut at = 0;
        let mut shown = span.clone();
        for secret in &self.hidden {
            out.push_str(&text[at..secret.start]);
            let start = out.len();
            out.push_str(&secret::placeholder(secret.len()));
            // Within a secret a span begins and ends with it.
            let place = |offset: usize, inside: usize, now: usize| match offset {
                offset if offset >= secret.end => out.len() + (offset - secret.end),
                offset if offset > secret.start => inside,
                _ => now,
            };
            let begins = place(span.start, start, shown.start);
            let ends = place(span.end, out.len(), shown.end);
            shown = begins..ends;
            at = secret.end;
        }
        out.push_str(&text[at..]);
        (out, shown)
    }

    /// Returns a message on a part of the text without that part if it must not be shown.
    pub(super) fn clean<'m>(&self, message: &'m str, span: &Range<usize>) -> Cow<'m, str> {
        let overlaps = |range: &&Range<usize>| range.start < span.end && range.end > span.start;
        let Some(raw) = self.text.get(span.clone()) else { return Cow::Borrowed(message) };
        if raw.is_empty() || !self.hidden.iter().any(|range| overlaps(&range)) {
            return Cow::Borrowed(message);
        }
        Cow::Owned(message.replace(&format!("{raw:?}"), &secret::placeholder(raw.len())))
    }
}

/// Returns the lines of a text with their offsets, without their ends.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split('\n').map(move |line| {
        let start = at;
        at += line.len() + 1;
        (start, line.trim_end_matches('\r'))
    })
}

fn shift(range: &Range<usize>, by: usize) -> Range<usize> {
    range.start + by..range.end + by
}

/// Hides what belongs to secret fields, and the values of tables that are marked as secrets.
fn hide_in_table(table: &TomlTable, hidden: &mut Vec<Range<usize>>) {
    let marks = |name: &str| {
        table.get(name).is_some_and(|mark| !matches!(mark.item, TomlItem::Boolean(false)))
    };
    let marked = table.entries.iter().any(|entry| is_mark(&entry.name) && marks(&entry.name));
    let compared = table.get(PLACE).is_some();
    for entry in &table.entries {
        // Any other name may be a mistyped `value`, and its mark may be forgotten.
        let of_mark = (marked && !is_mark(&entry.name)) || (entry.name == MARKED && !compared);
        if of_mark || secret::is_secret_field(entry.name.as_bytes()) {
            hide_values(&entry.node, hidden);
        } else {
            hide_in_node(&entry.node, hidden);
        }
    }
}

fn hide_in_node(node: &TomlNode, hidden: &mut Vec<Range<usize>>) {
    match &node.item {
        TomlItem::Table(table) => hide_in_table(table, hidden),
        TomlItem::List(items) => items.iter().for_each(|item| hide_in_node(item, hidden)),
        _ => {}
    }
}

/// Hides every value within one, in their quotes.
fn hide_values(node: &TomlNode, hidden: &mut Vec<Range<usize>>) {
    match &node.item {
        TomlItem::Table(table) => {
            table.entries.iter().for_each(|entry| hide_values(&entry.node, hidden));
        }
        TomlItem::List(items) => items.iter().for_each(|item| hide_values(item, hidden)),
        // What a mark says is no secret.
        TomlItem::Boolean(_) => {}
        TomlItem::Text(_) | TomlItem::Integer(_) | TomlItem::Float(_) | TomlItem::Date => {
            hidden.push(node.location.span.clone());
        }
    }
}

/// Hides every value of the tables that hold a secret, by their lines: of a text that is not TOML nobody
/// knows where its values end.
fn hide_in_sections(text: &str, hidden: &mut Vec<Range<usize>>) {
    let mut section: Vec<(usize, &str)> = Vec::new();
    let mut flush = |section: &mut Vec<(usize, &str)>| {
        if section.iter().any(|(_, line)| is_sensitive(line)) {
            hide_in_lines(section, hidden);
        }
        section.clear();
    };
    for (start, line) in lines(text) {
        if is_header(line) {
            flush(&mut section);
        }
        section.push((start, line));
    }
    flush(&mut section);
}

/// Whether a line begins a table, and is no item of a list.
fn is_header(line: &str) -> bool {
    let inner = line.trim().strip_prefix('[').map(|rest| rest.strip_prefix('[').unwrap_or(rest));
    inner.is_some_and(|rest| {
        let name = rest.split(']').next().unwrap_or_default();
        // A key of a scenario, such as `server` or `series.headers`.
        let first = name.split('.').next().unwrap_or_default().trim();
        let legal = |c: char| c.is_ascii_lowercase() || c == '_';
        rest.contains(']') && !first.is_empty() && first.chars().all(legal)
    })
}

fn hide_in_lines(section: &[(usize, &str)], hidden: &mut Vec<Range<usize>>) {
    // Whether a line may be within a text over several lines.
    let mut within = false;
    for (start, line) in section {
        let key = line.split_once('=').map(|(key, _)| key).filter(|key| !within && is_key(key));
        let from = match key {
            Some(key) => key.len() + 1,
            None if is_header(line) => line.len(),
            None => 0,
        };
        let from = from + (line[from..].len() - line[from..].trim_start().len());
        hidden.push(shift(&(from..line.trim_end().len().max(from)), *start));
        within |= line.contains("\"\"\"") || line.contains("'''");
    }
}

/// Whether a text is a key as keys are mostly written: bare, with dots, or in whole quotes.
fn is_key(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.\"' \t".contains(c);
    let pairs = |quote: char| text.matches(quote).count().is_multiple_of(2);
    !text.trim().is_empty() && text.chars().all(legal) && pairs('"') && pairs('\'')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_keeps_its_place_beside_what_is_hidden() {
        secret::note("z5hidden-value");
        let text = "a = \"z5hidden-value\", b = 1";
        let of = |part: &str| {
            let start = text.find(part).expect(part);
            let (shown, span) = Excerpts::new(text).show(start..start + part.len());
            assert_eq!(shown, "a = \"‹redacted, 14 B›\", b = 1");
            shown[span].to_owned()
        };
        assert_eq!(of("a"), "a");
        assert_eq!(of("b = 1"), "b = 1");
        assert_eq!(of("z5hidden-value"), "‹redacted, 14 B›");
        assert_eq!(of("hidden"), "‹redacted, 14 B›");
        assert_eq!(of("\"z5hidden-value\""), "\"‹redacted, 14 B›\"");
    }

    /// Values of secrets, and what is wrong with their lines or elsewhere.
    #[test]
    fn no_value_of_a_secret_is_shown_however_malformed_it_is() {
        for text in [
            "headers={X={value=\"CANARY\",secret=true,foo=1}}",
            "headers={X={value=\"CANARY\",secret=\"yes\"}}",
            "headers={X={value=12345678901,secret=true}}",
            "headers={X={value=[\"CANARY\"],secret=true}}",
            "headers={X={valeu=\"CANARY\",secret=true}}",
            "headers={X={value=\"CANARY\",secrt=true}}",
            "headers={X={value=\"CANARY\"}}",
            "wait={pointer=\"/a\",value=\"CANARY\",secret=true}",
            "wait={pointer=\"/a\",value={value=\"CANARY\",secret=true}}",
            "wait={pointer=\"/a\",value=\"CANARY\",secret=true",
            "headers={Authorization=[\"CANARY\"]}",
            "headers={authorization={a={b=\"CANARY\"}}}",
            "headers={Cookie=12345678901}",
            "headers={Proxy-Authorization=Bearer CANARY}",
            "headers={Authorization=\"CANARY}\n[feed]\nrate=\"1/s\"",
            "headers={Authorization='CANARY\"}",
            "[series.headers]\nAuthorization=\"\"\"\nCANARY=\nCANARY\"",
            "[series.headers.X]\nvalue=\"CANARY\nsecret=true",
            "[series.headers]\nX={value=\"CANARY\",secret=true,}}",
            "headers={Authorization=\"a\"}\nheaders={Authorization=\"CANARY\"}",
            "Authorization = [\n  \"CANARY\n",
            "Authorization = [\n  [CANARY]\n",
            "headers.Cookie = CANARY",
            "\"Set-Cookie\" = \"CANARY\" x",
            "url = \"http://us er:CANARY@host\"",
            "url = \"http://us:CAN\"ARY@host\"",
            "url = \"http://us:p/w#CANARY?@host\"",
            "url = \"http://us:p\\\"CANARY@host\"",
            "url = http://us:CANARY @host",
            "Authorization: CANARY",
            "x = 1 = \u{fffd}\nAuthorization = \u{fffd}CANARY",
        ] {
            let (shown, _) = Excerpts::new(text).show(0..0);
            for part in ["CANARY", "ARY", "12345678901"] {
                assert!(!shown.contains(part), "{text}\n{shown}");
            }
        }
    }

    #[test]
    fn what_is_no_secret_is_shown() {
        for text in [
            "headers = { Accept = \"text/plain\" }\nurl = \"http://host/a\"",
            "cookies = \"keep\"\nbroken",
            "duration = 1 s",
            "[server]\nurl = \"http://host:1\" x\n",
            "headers = { X = { secret = false } }",
            "wait = { pointer = \"/type\", value = \"ack\" }\nx = [{ value = 5, pointer = \"/n\" }]",
        ] {
            assert_eq!(Excerpts::new(text).show(0..0).0, text);
        }
        // Another table than that with the secret.
        let text = "[server]\nurl = host\n[series]\nAuthorization = \"CANARY\"\n";
        let (shown, _) = Excerpts::new(text).show(0..0);
        assert!(shown.starts_with("[server]\nurl = host\n[series]\nAuthorization = ‹"), "{shown}");
    }
}
