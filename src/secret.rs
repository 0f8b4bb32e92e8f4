//! Secrets: what a scenario or a command line says must not be written, and the text that stands for
//! it.
//!
//! The values are known to the whole process, as those of a CI runner are: whatever writes asks here,
//! and nothing can forget to carry them along. Drivers get the real values, since they send them, and
//! write nothing but lines to their parent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::{Bound, Range};
use std::sync::{PoisonError, RwLock};

mod any_text;
mod client_values;
mod parts;

pub(crate) use any_text::hide_any_secret;
pub(crate) use client_values::{ClientValues, note_of_clients, redact_server_output};
use parts::SecretParts;

/// Fields of a head whose values are secrets, whoever sent them (RFC 9110 §11, RFC 6265).
const FIELDS: [&str; 4] = ["authorization", "cookie", "set-cookie", "proxy-authorization"];
/// Secrets shorter than this stand for themselves only as whole words: they may be a part of any text.
const LEAST_ANYWHERE: usize = 8;
/// The shortest value of a cookie or of a line of a source that is taken for a secret of its own.
const LEAST_PART: usize = 4;

/// What may be in any part of a URL as it is (RFC 3986 §2.3).
const UNRESERVED: &[u8] = b"-._~";
/// What encoders of URLs keep: those of a part, JavaScript's of a part, those of a path, and
/// JavaScript's of a whole URL.
const URL_KEPT: [&[u8]; 4] = [UNRESERVED, b"-._~!*'()", b"-._~/", b";,/?:@&=+$-_.!~*'()#"];
/// What encoders of JSON escape by numbers besides what is not ASCII: nothing, what HTML could take
/// for more, that and what .NET adds, and all that may be in base64.
const JSON_ESCAPED: [&str; 4] = ["", "<>&", "<>&'\"+`", "<>&'\"+`/="];
/// What encoders of HTML escape: the library of Python, that of Go and PHP, and templates.
const HTML_ESCAPED: [&[(char, &str)]; 4] = [
    &[('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;"), ('\'', "&#x27;")],
    &[('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&#34;"), ('\'', "&#39;")],
    &[('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;"), ('\'', "&#39;")],
    &[
        ('&', "&amp;"),
        ('<', "&lt;"),
        ('>', "&gt;"),
        ('"', "&quot;"),
        ('\'', "&#39;"),
        ('/', "&#x2F;"),
        ('`', "&#x60;"),
        ('=', "&#x3D;"),
    ],
];

/// What is known.
struct Known {
    values: BTreeSet<Box<[u8]>>,
    /// Whether a value begins with a byte.
    begins: [bool; 256],
    /// SecretParts of values, of which a server may quote one alone.
    parts: SecretParts,
    /// Values from this length on are replaced wherever they are, shorter ones as whole words.
    least_anywhere: usize,
    /// The shortest beginning of a value that is replaced at the end of a text that was cut.
    least_cut: usize,
}

static KNOWN: RwLock<Known> = RwLock::new(Known::NONE);

/// Takes a secret that was found; with its parts, if none of them is a word that others write, too.
type OnSecret<'a> = &'a mut dyn FnMut(&str, bool);

/// What stands for a secret: its length is between these.
const BEFORE: &str = "‹redacted, ";
const AFTER: &str = " B›";

/// Returns the text that stands for a secret of so many bytes.
pub(crate) fn placeholder(bytes: usize) -> String {
    format!("{BEFORE}{bytes}{AFTER}")
}

/// Returns how many bytes a text had before its secrets were taken out.
pub(crate) fn original_length(text: &[u8]) -> usize {
    let mut length = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let (all, secret) = hidden_length(rest).unwrap_or((1, 1));
        length += secret;
        rest = &rest[all..];
    }
    length
}

/// Returns the length of what stands for a secret at the beginning of a text, and the secret's.
fn hidden_length(text: &[u8]) -> Option<(usize, usize)> {
    let rest = text.strip_prefix(BEFORE.as_bytes())?;
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    rest[digits..].starts_with(AFTER.as_bytes()).then_some(())?;
    let secret = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
    Some((BEFORE.len() + digits + AFTER.len(), secret))
}

/// Whether the value of a field of this name is a secret.
pub(crate) fn is_secret_field(name: &[u8]) -> bool {
    let name = name.trim_ascii();
    FIELDS.iter().any(|field| name.eq_ignore_ascii_case(field.as_bytes()))
}

/// Takes a value for a secret from now on, and each longer part of it.
pub(crate) fn note(value: &str) {
    note_forms(value, true);
}

/// Takes a value for a secret; `with_parts` if none of its parts is a word that others write, too.
fn note_forms(value: &str, with_parts: bool) {
    // The set is valid even if a holder of the lock panicked.
    KNOWN.write().unwrap_or_else(PoisonError::into_inner).learn(value, with_parts);
}

/// Returns a text in the forms in which others quote it: as it is, within the quotes of a message, and
/// as encoders of JSON, URLs and HTML write it.
fn forms(value: &str) -> BTreeSet<String> {
    let quoted = format!("{value:?}");
    let mut forms = BTreeSet::from([value.to_owned(), quoted[1..quoted.len() - 1].to_owned()]);
    for escaped in JSON_ESCAPED {
        for upper in [false, true] {
            let json = json(value, escaped, upper);
            forms.insert(json.replace('/', "\\/"));
            forms.insert(json);
        }
    }
    // What only JSON's own rules escape, without what is not ASCII.
    let plain = Value::from(value).to_string();
    let plain = plain[1..plain.len() - 1].to_owned();
    forms.insert(plain.replace('/', "\\/"));
    forms.insert(plain);
    for kept in URL_KEPT {
        for upper in [false, true] {
            let escaped = percent(value, kept, upper);
            forms.insert(escaped.replace("%20", "+"));
            forms.insert(escaped);
        }
    }
    forms.extend(HTML_ESCAPED.iter().map(|escapes| {
        let escape = |c| escapes.iter().find(|(of, _)| *of == c).map(|(_, to)| (*to).to_owned());
        value.chars().map(|c| escape(c).unwrap_or_else(|| c.to_string())).collect()
    }));
    forms
}

/// Returns a text as it stands within a JSON string, with these characters and what is not ASCII
/// escaped by their numbers.
fn json(text: &str, escaped: &str, upper: bool) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii() && !escaped.contains(c) {
            let plain = Value::from(c.to_string()).to_string();
            out.push_str(&plain[1..plain.len() - 1]);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let escape = if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
            out.push_str(&escape);
        }
    }
    out
}

/// Returns a text with the bytes escaped that a URL's part may not have: all but letters, digits and
/// these.
fn percent(text: &str, kept: &[u8], upper: bool) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || kept.contains(&b);
    let each = |b: u8| match (plain(b), upper) {
        (true, _) => char::from(b).to_string(),
        (false, true) => format!("%{b:02X}"),
        (false, false) => format!("%{b:02x}"),
    };
    text.bytes().map(each).collect()
}

/// Takes the value of a field for a secret if its name says so: the whole of it, and its parts that
/// may be quoted alone.
pub(crate) fn note_field(name: &str, value: &str) {
    find_in_field(name, value, &mut note_forms);
}

fn find_in_field(name: &str, value: &str, on: OnSecret<'_>) {
    if !is_secret_field(name.as_bytes()) {
        return;
    }
    // Of the whole field a scheme, names and words such as `HttpOnly` are parts.
    on(value, false);
    if name.trim().to_ascii_lowercase().ends_with("authorization") {
        // A scheme and its credentials.
        let value = value.trim();
        on(value.split_once(' ').map_or(value, |(_, credentials)| credentials), true);
        return;
    }
    // What follows the first pair of `Set-Cookie` are words such as `Path` and `None`.
    let sets = name.trim().eq_ignore_ascii_case("set-cookie");
    for pair in value.split(';').take(if sets { 1 } else { usize::MAX }) {
        let part = pair.split_once('=').map_or("", |(_, part)| part).trim();
        // A server may take off its quotes and escapes.
        let bare = part.trim_matches('"');
        let plain = decode(bare);
        for part in BTreeSet::from([part, bare, &plain]) {
            if part.len() >= LEAST_PART {
                on(part, true);
            }
        }
    }
}

/// Takes the value of a field `Set-Cookie` that a server sent for a secret, whatever its bytes are.
pub(crate) fn note_set_cookie(field: &[u8]) {
    let Ok(text) = std::str::from_utf8(field) else {
        let pair = field.split(|&b| b == b';').next().unwrap_or_default();
        let value = pair.splitn(2, |&b| b == b'=').nth(1).unwrap_or_default().trim_ascii();
        if value.len() >= LEAST_PART {
            let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
            known.parts.add(value);
            known.add(value.to_vec());
        }
        return;
    };
    note_field("set-cookie", text);
}

/// Finds secrets in a text of any kind: user and password of each URL, and fields of the known names
/// (`Authorization: x`, `"Cookie" = "x"`).
pub(crate) fn note_text(text: &str) {
    find_in_text(text, &mut note_forms);
}

fn find_in_text(text: &str, on: OnSecret<'_>) {
    for (at, mark) in text.match_indices("://") {
        find_user(&text[at + mark.len()..], on);
    }
    for line in text.lines() {
        find_in_line(line, on);
    }
}

/// Returns the value of `Authorization` for user and password as they are in a URL (RFC 7617).
pub(crate) fn basic_credentials(user_info: &str) -> String {
    let plain = decode(user_info);
    let colon = if plain.contains(':') { "" } else { ":" };
    let encoded = STANDARD.encode(format!("{plain}{colon}"));
    note(&encoded);
    format!("Basic {encoded}")
}

/// Takes user and password of a URL for secrets. The text begins after its `://`.
fn find_user(rest: &str, on: OnSecret<'_>) {
    let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '`');
    let authority = &rest[..rest.find(ends).unwrap_or(rest.len())];
    let Some((user_info, _)) = authority.rsplit_once('@') else { return };
    let plain = decode(user_info);
    // What a client sends for them (RFC 7617).
    on(&STANDARD.encode(&plain), true);
    for both in [user_info, &plain] {
        let (user, password) = both.split_once(':').unwrap_or((both, ""));
        // A shorter one is a part of any text: only within a URL it is replaced.
        for part in [both, user, password].into_iter().filter(|part| part.len() >= LEAST_PART) {
            on(part, true);
        }
    }
}

/// Returns a text of a URL with its escapes decoded.
fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        (rest, _) = match escaped.filter(|_| first == b'%') {
            Some(byte) => (&after[2..], bytes.push(byte)),
            None => (after, bytes.push(first)),
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Takes what follows a known field's name in a line for a secret.
fn find_in_line(line: &str, on: OnSecret<'_>) {
    let lower = line.to_ascii_lowercase();
    for field in FIELDS {
        for (at, _) in lower.match_indices(field) {
            let before = lower[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '-') {
                continue;
            }
            let rest = line[at + field.len()..].trim_start_matches(['"', '\'', ' ', '\t']);
            let Some(rest) = rest.strip_prefix([':', '=']) else { continue };
            let value = rest.trim_start_matches([' ', '\t', '"', '\'']);
            let value = value[..value.find(['"', '\'']).unwrap_or(value.len())].trim();
            if value.len() >= LEAST_PART {
                find_in_field(field, value, on);
            }
        }
    }
}

impl Known {
    const NONE: Known = Known::finding(LEAST_ANYWHERE, LEAST_PART);

    /// No value, with the lengths from which on values are found anywhere, and their beginnings at a cut.
    const fn finding(least_anywhere: usize, least_cut: usize) -> Known {
        Known {
            values: BTreeSet::new(),
            begins: [false; 256],
            parts: SecretParts::NONE,
            least_anywhere,
            least_cut,
        }
    }

    /// Takes one of many values for a secret, as it is and as it stands within a URL or PHP's JSON.
    fn learn_one_of_many(&mut self, value: &str) {
        let value = value.trim();
        if value.is_empty() {
            return;
        }
        let others = [
            percent(value, UNRESERVED, true),
            percent(value, UNRESERVED, false),
            value.replace('/', "\\/"),
        ];
        for form in others.into_iter().filter(|form| form != value) {
            self.add(form.into_bytes());
        }
        self.parts.add_of_many(value.as_bytes());
        self.add(value.as_bytes().to_vec());
    }

    /// Takes a value for a secret in each of its forms.
    fn learn(&mut self, value: &str, with_parts: bool) {
        let value = value.trim();
        if value.is_empty() {
            return;
        }
        for form in forms(value) {
            if with_parts {
                self.parts.add(form.as_bytes());
            }
            self.add(form.into_bytes());
        }
    }

    fn add(&mut self, value: Vec<u8>) {
        if let Some(&first) = value.first() {
            self.begins[usize::from(first)] = true;
            self.values.insert(value.into());
        }
    }

    /// Returns where a secret begins of which the text has only the first bytes.
    fn cut_at(&self, text: &[u8]) -> Option<usize> {
        let cut = |&at: &usize| {
            let rest = &text[at..];
            let from = (Bound::Included(rest), Bound::Unbounded);
            self.begins[usize::from(rest[0])]
                && self.values.range::<[u8], _>(from).next().is_some_and(|v| v.starts_with(rest))
        };
        (0..(text.len() + 1).saturating_sub(self.least_cut)).find(cut)
    }

    /// Returns the length of the longest secret that begins at an offset.
    fn longest_at(&self, text: &[u8], at: usize, least: usize) -> Option<usize> {
        let rest = &text[at..];
        if !self.begins[usize::from(*rest.first()?)] {
            return None;
        }
        let mut bound = rest;
        loop {
            let below = (Bound::Unbounded, Bound::Included(bound));
            let value = self.values.range::<[u8], _>(below).next_back()?;
            let shared = value.iter().zip(rest).take_while(|(a, b)| a == b).count();
            if shared == value.len() {
                let free = shared >= self.least_anywhere || stands_alone(text, at, shared);
                if shared >= least && free {
                    return Some(shared);
                }
                bound = &rest[..shared.checked_sub(1)?];
            } else {
                // Whatever begins here as well has no more in common with this value.
                bound = &rest[..shared];
            }
            if bound.is_empty() {
                return None;
            }
        }
    }

    fn find(&self, text: &[u8], least: usize) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut at = if self.values.is_empty() { text.len() } else { 0 };
        while at < text.len() {
            match self.longest_at(text, at, least) {
                Some(length) => {
                    found.push(at..at + length);
                    at += length;
                }
                None => at += 1,
            }
        }
        found
    }

    /// Returns where the secrets of bytes are. `cut` is true if more followed that is not there: then
    /// their end may be the beginning of a secret.
    fn find_all(&self, text: &[u8], cut: bool) -> Vec<Range<usize>> {
        let mut all = self.find(text, 1);
        all.extend(find_users(text));
        if cut {
            all.extend(self.cut_at(text).map(|at| at..text.len()));
        }
        merge(all)
    }
}

/// Whether a part of a text is a whole word.
fn stands_alone(text: &[u8], at: usize, length: usize) -> bool {
    let part = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let before = at.checked_sub(1).and_then(|before| text.get(before));
    !(part(before) || part(text.get(at + length)))
}

/// Returns where the secrets are in a text of at least so many bytes each.
fn find_known(text: &[u8], least: usize) -> Vec<Range<usize>> {
    KNOWN.read().unwrap_or_else(PoisonError::into_inner).find(text, least)
}

/// Returns where user and password are in the URLs of a text.
fn find_users(text: &[u8]) -> Vec<Range<usize>> {
    const MARK: &[u8] = b"://";
    let ends = |b: &u8| b.is_ascii_whitespace() || b"/?#\"'`\\".contains(b);
    let begins = text.windows(MARK.len()).enumerate().filter(|(_, bytes)| *bytes == MARK);
    let users = begins.filter_map(|(at, _)| {
        let start = at + MARK.len();
        let length = text[start..].iter().position(ends).unwrap_or(text.len() - start);
        let user = text[start..start + length].iter().rposition(|&b| b == b'@')?;
        (user > 0).then_some(start..start + user)
    });
    users.collect()
}

fn find_all(text: &[u8], cut: bool) -> Vec<Range<usize>> {
    KNOWN.read().unwrap_or_else(PoisonError::into_inner).find_all(text, cut)
}

/// Returns ranges in their order, those that overlap as one.
pub(crate) fn merge(mut all: Vec<Range<usize>>) -> Vec<Range<usize>> {
    all.sort_by_key(|range| range.start);
    let mut apart: Vec<Range<usize>> = Vec::new();
    for range in all {
        match apart.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => apart.push(range),
        }
    }
    apart
}

/// Returns where the secrets of a text are.
pub(crate) fn find(text: &str) -> Vec<Range<usize>> {
    find_all(text.as_bytes(), false)
}

fn replace(text: &[u8], found: &[Range<usize>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    for range in found {
        out.extend_from_slice(&text[at..range.start]);
        out.extend_from_slice(placeholder(range.len()).as_bytes());
        at = range.end;
    }
    out.extend_from_slice(&text[at..]);
    out
}

/// Returns a text without its secrets.
pub(crate) fn redact(text: &str) -> Cow<'_, str> {
    replace_text(text, &find(text))
}

/// Returns a whole document without its secrets, but for those so short that they may be one of its
/// figures. Its texts were redacted where they came from: this is for what was forgotten there.
pub(crate) fn redact_document(text: &str) -> Cow<'_, str> {
    let mut found = find_known(text.as_bytes(), LEAST_ANYWHERE);
    found.retain(|range| !text.as_bytes()[range.clone()].iter().all(u8::is_ascii_digit));
    replace_text(text, &found)
}

fn replace_text<'t>(text: &'t str, found: &[Range<usize>]) -> Cow<'t, str> {
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    // Both are text, and a text begins in another one at a character alone.
    let replaced = replace(text.as_bytes(), found);
    Cow::Owned(String::from_utf8_lossy(&replaced).into_owned())
}

/// Returns where parts of secrets are in what a server said.
fn find_parts(text: &[u8]) -> Vec<Range<usize>> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    if !known.parts.is_complete() {
        drop(known);
        KNOWN.write().unwrap_or_else(PoisonError::into_inner).parts.complete();
        return find_parts(text);
    }
    known.parts.find(text)
}

/// Takes the secrets out of what a server said, parts of them too, and if it was cut, a secret's
/// beginning at its end; and what else was found in it.
pub(crate) fn redact_with(bytes: &mut Vec<u8>, cut: bool, mut found: Vec<Range<usize>>) {
    found.extend(find_all(bytes, cut));
    found.extend(find_parts(bytes));
    let found = merge(found);
    if !found.is_empty() {
        *bytes = replace(bytes, &found);
    }
}

/// Takes the secrets out of a text.
pub(crate) fn redact_string(text: &mut String) {
    if let Cow::Owned(redacted) = redact(text) {
        *text = redacted;
    }
}

/// Takes the secrets out of all texts of a JSON value. Names of fields stay.
pub(crate) fn redact_json(value: &mut Value) {
    match value {
        Value::String(text) => redact_string(text),
        Value::Array(items) => items.iter_mut().for_each(redact_json),
        Value::Object(fields) => fields.values_mut().for_each(redact_json),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Returns a head with the values of secret fields replaced, those of folded lines too.
pub(crate) fn redact_fields(head: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(head.len());
    let mut secret = false;
    for line in head.split_inclusive(|&b| b == b'\n') {
        let folded = line.first().is_some_and(|b| matches!(b, b' ' | b'\t'));
        let start = if folded {
            0
        } else {
            let colon = line.iter().position(|&b| b == b':');
            secret = colon.is_some_and(|colon| is_secret_field(&line[..colon]));
            colon.map_or(0, |colon| colon + 1)
        };
        let value = line[start..].trim_ascii();
        let hidden = hidden_length(value).is_some_and(|(all, _)| all == value.len());
        if !secret || value.is_empty() || hidden {
            out.extend_from_slice(line);
            continue;
        }
        let lead = line[start..].len() - line[start..].trim_ascii_start().len();
        out.extend_from_slice(&line[..start + lead]);
        out.extend_from_slice(placeholder(value.len()).as_bytes());
        out.extend_from_slice(&line[start + lead + value.len()..]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    // What is noted is known to the other tests, too: these values are in no text of theirs.

    #[test]
    fn a_value_is_replaced_wherever_it_is_and_a_short_one_as_a_word() {
        note("q7Zlong-canary");
        note("q7Z");
        note("q7Zlong-canary-and-more");
        assert_eq!(redact("a q7Zlong-canary-and-more,b"), "a ‹redacted, 23 B›,b");
        assert_eq!(redact("xq7Zlong-canary-anx"), "x‹redacted, 14 B›-anx");
        assert_eq!(redact("q7Z/q7Zx xq7Z"), "‹redacted, 3 B›/q7Zx xq7Z");
        assert!(matches!(redact("nothing"), Cow::Borrowed("nothing")));
        assert_eq!(redact_document("q7Z q7Zlong-canary"), "q7Z ‹redacted, 14 B›");
        let mut json = serde_json::json!({"a": ["q7Z", 3], "q7Z": {"b": "q7Zlong-canary"}});
        redact_json(&mut json);
        let wanted = serde_json::json!(
            {"a": ["‹redacted, 3 B›", 3], "q7Z": {"b": "‹redacted, 14 B›"}}
        );
        assert_eq!(json, wanted);
    }

    #[test]
    fn a_value_is_replaced_in_its_other_forms() {
        note("q8 \"Z\\canary é");
        let json = Value::from("q8 \"Z\\canary é").to_string();
        for text in ["q8 \"Z\\canary é", &json, "q8%20%22Z%5Ccanary%20%C3%A9"] {
            let shown = redact(text);
            assert!(!shown.contains("canary"), "{shown}");
        }
    }

    #[test]
    fn a_part_of_a_secret_in_what_a_server_said_is_replaced() {
        let shown = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            redact_with(&mut bytes, false, Vec::new());
            String::from_utf8(bytes).expect("it is text")
        };
        note_set_cookie(b"sid=q0s%3Aabcanary-of-a-middle.tail; Path=/q0-path; HttpOnly");
        note_field("authorization", "Q0scheme q0-credentials-canary");
        assert_eq!(shown("see canary-of-a-mi!"), "see ‹redacted, 14 B›!");
        // Its form without escapes.
        assert_eq!(shown("(:abcanary-of)"), "(‹redacted, 12 B›)");
        assert_eq!(
            shown("two entials-canary, -middle.ta"),
            "two ‹redacted, 14 B›, ‹redacted, 10 B›"
        );
        // Seven bytes, and what is no part of the value.
        for plain in ["canary-", "/q0-path; HttpOnly", "Q0scheme q0"] {
            assert_eq!(shown(plain), plain);
        }
        note_of_clients(["q0row-canary-of-a-table"].into_iter());
        assert_eq!(shown("[anary-of-a-tab]"), "[‹redacted, 14 B›]");
        // This program's own words may be a part of one.
        assert_eq!(redact("canary-of-a-mi"), "canary-of-a-mi");
    }

    #[test]
    fn user_and_password_of_a_url_are_secrets_however_they_are_sent() {
        note_text("see http://q9user:q9p%40ss@host:80/path and ws://q9only@h");
        assert_eq!(redact("http://q9user:q9p%40ss@host"), "http://‹redacted, 15 B›@host");
        assert_eq!(redact("no user q9user"), "no user ‹redacted, 6 B›");
        assert_eq!(redact("q9only"), "‹redacted, 6 B›");
        assert_eq!(redact("not q9p@ss"), "not ‹redacted, 6 B›");
        let basic = format!("Basic {}", STANDARD.encode("q9user:q9p@ss"));
        assert_eq!(redact(&basic), "Basic ‹redacted, 20 B›");
        note_text("mailto:a@b http://host/x@y");
        assert_eq!(redact("host x y"), "host x y");
    }

    #[test]
    fn what_encoders_write_for_a_secret_is_replaced() {
        let secret = "q2/Zcanary+a=b &'é\"<";
        note(secret);
        for text in [
            r#"q2\/Zcanary+a=b &'é\"<"#,
            r#"q2\/Zcanary+a=b &'\u00e9\"<"#,
            r#"q2/Zcanary\u002Ba=b \u0026\u0027\u00E9\u0022\u003C"#,
            r#"q2/Zcanary+a=b \u0026'\u00e9\"\u003c"#,
            r#"q2\u002fZcanary\u002ba\u003db \u0026\u0027\u00e9\u0022\u003c"#,
            "q2%2fZcanary%2ba%3db%20%26%27%c3%a9%22%3c",
            "q2%2FZcanary%2Ba%3Db+%26%27%C3%A9%22%3C",
            "q2/Zcanary%2Ba%3Db%20%26%27%C3%A9%22%3C",
            "q2&#x2F;Zcanary+a&#x3D;b &amp;&#39;é&quot;&lt;",
        ] {
            assert_eq!(redact(text), placeholder(text.len()), "{text}");
        }
        note_of_clients(["q3/canary+of-a-table"].into_iter());
        for text in ["q3%2fcanary%2bof-a-table", "q3\\/canary+of-a-table"] {
            assert_eq!(redact(text), placeholder(text.len()), "{text}");
        }
    }

    #[test]
    fn the_beginning_of_a_secret_at_a_cut_is_replaced() {
        note("q4canary");
        note("q4canary-and-more");
        let shown = |text: &str, cut| {
            let mut bytes = text.as_bytes().to_vec();
            redact_with(&mut bytes, cut, Vec::new());
            String::from_utf8(bytes).expect("it is text")
        };
        assert_eq!(shown("a q4ca", true), "a ‹redacted, 4 B›");
        assert_eq!(shown("a q4ca", false), "a q4ca");
        assert_eq!(shown("a q4c", true), "a q4c");
        assert_eq!(shown("a q4canary-and", true), "a ‹redacted, 12 B›");
        assert_eq!(shown("q4", true), "q4");
        assert_eq!(shown("", true), "");
    }

    #[test]
    fn a_short_user_is_replaced_within_its_url_alone() {
        note_text("http://j:k@[::1");
        assert_eq!(redact("j k: http://j:k@[::1 j"), "j k: http://‹redacted, 3 B›@[::1 j");
        assert_eq!(redact("http://h/j@k ://@x"), "http://h/j@k ://@x");
    }

    #[test]
    fn of_a_cookie_that_is_set_the_value_is_a_secret_in_whatever_form() {
        note_set_cookie(b"sid=\"q5%3Acanary%2Bone\"; Path=/q5path; SameSite=q5None");
        note_set_cookie(b"other=q5\xffcanary; Path=/");
        assert_eq!(redact("q5%3Acanary%2Bone"), "‹redacted, 17 B›");
        assert_eq!(redact("q5:canary+one /q5path q5None"), "‹redacted, 13 B› /q5path q5None");
        let mut bytes = b"a q5\xffcanary".to_vec();
        redact_with(&mut bytes, false, Vec::new());
        assert_eq!(bytes, "a ‹redacted, 9 B›".as_bytes());
    }

    #[test]
    fn fields_are_found_in_heads_scenarios_and_command_lines() {
        note_text(
            "GET / HTTP/1.1\r\nAuthorization: Bearer q1token-a\r\nCookie: a=q1cookie; b=c\r\n",
        );
        note_text("headers = { \"proxy-authorization\" = 'q1proxy-b', X = \"plain-q1\" }");
        note_text("cookies = \"q1keep-it\"");
        for secret in ["Bearer q1token-a", "q1token-a", "a=q1cookie; b=c", "q1cookie", "q1proxy-b"]
        {
            assert_eq!(redact(secret), placeholder(secret.len()), "{secret}");
        }
        for plain in ["plain-q1", "q1keep-it", "Bearer"] {
            assert_eq!(redact(plain), plain);
        }
    }

    #[test]
    fn heads_keep_their_lines_and_lose_their_secrets() {
        let head =
            b"HTTP/1.1 401 No\r\nSet-Cookie:  a=b; Path=/ \r\nX: y\r\nCOOKIE:z\r\n more\r\n\r\n";
        let shown = String::from_utf8(redact_fields(head)).expect("it is text");
        assert_eq!(
            shown,
            "HTTP/1.1 401 No\r\nSet-Cookie:  ‹redacted, 11 B› \r\nX: y\r\n\
             COOKIE:‹redacted, 1 B›\r\n ‹redacted, 4 B›\r\n\r\n"
        );
        assert_eq!(redact_fields(b"Cookie: \r\nCookie"), b"Cookie: \r\nCookie");
        // A second time changes nothing, and the length is still known.
        assert_eq!(redact_fields(shown.as_bytes()), shown.as_bytes());
        assert_eq!(original_length(shown.as_bytes()), head.len());
        assert_eq!(original_length("‹redacted, B› ‹redacted, 9".as_bytes()), 32);
    }
}
