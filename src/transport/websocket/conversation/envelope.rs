//! Where an update is within a message of a protocol that wraps it: in a JSON value, or behind a header.

use crate::config::{Diagnostic, TomlItem, TomlNode};
use crate::protocol::json_pointer::JsonPointer;
use crate::transport::websocket::conversation::payload::{Literal, refuse};
use serde::{Deserialize, Serialize};

/// Where an update is. What is not set is not looked for; the fields are applied in this order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Envelope {
    /// What a message with an update begins with.
    #[serde(skip_serializing_if = "Option::is_none")]
    begins: Option<Literal>,
    /// The fields of a binary header behind that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    skip: Vec<HeaderField>,
    /// The text that ends a header.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Literal>,
    /// The place in JSON; of a string, what is between its quotes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<JsonPointer>,
    /// The last such text ends the update.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Literal>,
}

/// A field of a binary header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum HeaderField {
    /// So many bytes.
    Bytes(u32),
    /// The number of the bytes that follow, in groups of seven bits, the lowest first (MQTT 3.1.1
    /// §2.2.3): what comes after them is not a part of the message.
    Varint,
    /// A length of two bytes, the high one first, and so many bytes.
    U16,
}

impl Envelope {
    /// Reads the setting.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub(super) fn read(key: &str, node: &TomlNode) -> Result<Envelope, Vec<Diagnostic>> {
        let TomlItem::Table(table) = &node.item else {
            let kind = node.kind();
            return refuse(
                node,
                format!("{key} must be a table such as {{ pointer = \"/data\" }}, not {kind}"),
            );
        };
        let mut envelope = Envelope::default();
        for entry in &table.entries {
            let bytes = || Literal::read(key, &entry.node).map(Some);
            match entry.name.as_str() {
                "begins" => envelope.begins = bytes()?,
                "after" => envelope.after = bytes()?,
                "before" => envelope.before = bytes()?,
                "skip" => envelope.skip = read_fields(key, &entry.node)?,
                "pointer" => envelope.pointer = Some(read_pointer(key, &entry.node)?),
                name => {
                    let known = "begins, skip, after, pointer and before";
                    let message = format!("{key}: {name:?} is not known; known here: {known}");
                    return Err(vec![Diagnostic::of_value(entry.location.clone(), message)]);
                }
            }
        }
        Ok(envelope)
    }

    /// Whether a message is an update as a whole.
    pub(super) fn is_none(&self) -> bool {
        *self == Envelope::default()
    }

    /// Returns the update of a message; `None` if it has none.
    pub(super) fn open<'m>(&self, message: &'m [u8]) -> Option<&'m [u8]> {
        let mut rest = match &self.begins {
            Some(begins) => message.strip_prefix(begins.bytes())?,
            None => message,
        };
        for field in &self.skip {
            rest = field.skip(rest)?;
        }
        if let Some(after) = self.after.as_ref().map(Literal::bytes) {
            let at = rest.windows(after.len()).position(|window| window == after)?;
            rest = &rest[at + after.len()..];
        }
        if let Some(pointer) = &self.pointer {
            rest = pointer.find(rest)?;
            let inner = rest.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
            rest = inner.unwrap_or(rest);
        }
        if let Some(before) = self.before.as_ref().map(Literal::bytes) {
            let at = rest.windows(before.len()).rposition(|window| window == before)?;
            rest = &rest[..at];
        }
        Some(rest)
    }
}

impl HeaderField {
    /// The most bytes of a length in groups of seven bits.
    pub(super) const VARINT_BYTES: usize = 4;

    /// Reads a length in groups of seven bits. Returns its size and value; `None` if it does not
    /// end within these bytes or the most that it may have.
    pub(super) fn varint(bytes: &[u8]) -> Option<(usize, usize)> {
        let most = bytes.iter().take(HeaderField::VARINT_BYTES);
        let size = most.clone().position(|byte| byte & 0x80 == 0)? + 1;
        let add = |sum: usize, digit: &u8| sum << 7 | usize::from(digit & 0x7f);
        Some((size, bytes[..size].iter().rev().fold(0, add)))
    }

    /// Returns what follows the field; `None` if the message ends within it.
    fn skip(self, bytes: &[u8]) -> Option<&[u8]> {
        match self {
            HeaderField::Bytes(count) => bytes.get(usize::try_from(count).ok()?..),
            HeaderField::U16 => {
                let (len, rest) = bytes.split_first_chunk::<2>()?;
                rest.get(usize::from(u16::from_be_bytes(*len))..)
            }
            HeaderField::Varint => {
                let (size, length) = HeaderField::varint(bytes)?;
                bytes[size..].get(..length)
            }
        }
    }
}

/// Reads the fields of a binary header.
///
/// # Errors
/// What is wrong with them, and where.
pub(super) fn read_fields(key: &str, node: &TomlNode) -> Result<Vec<HeaderField>, Vec<Diagnostic>> {
    let TomlItem::List(items) = &node.item else {
        let kind = node.kind();
        return refuse(
            node,
            format!("{key}: write a list of header fields such as [1, \"u16\"], not {kind}"),
        );
    };
    let read = |item: &TomlNode| match &item.item {
        TomlItem::Text(text) if text == "varint" => Ok(HeaderField::Varint),
        TomlItem::Text(text) if text == "u16" => Ok(HeaderField::U16),
        TomlItem::Integer(count) if u32::try_from(*count).is_ok() => {
            Ok(HeaderField::Bytes(u32::try_from(*count).unwrap_or(0)))
        }
        _ => {
            let forms = "a number of bytes, \"u16\" (two bytes with a length, and so many bytes) or \
                         \"varint\" (the length of the rest, as MQTT has it)";
            refuse(item, format!("{key}: a header field is {forms}"))
        }
    };
    items.iter().map(read).collect()
}

/// Reads a JSON pointer.
///
/// # Errors
/// What is wrong with it, and where.
pub(super) fn read_pointer(key: &str, node: &TomlNode) -> Result<JsonPointer, Vec<Diagnostic>> {
    let TomlItem::Text(text) = &node.item else {
        return refuse(node, format!("{key}: pointer must be text such as \"/type\""));
    };
    JsonPointer::try_from(text.clone()).or_else(|why| refuse(node, format!("{key}: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Origin;

    fn envelope(text: &str) -> Result<Envelope, String> {
        let node = TomlNode::parse(text, Origin::Whole).expect("TOML");
        Envelope::read("update", &node).map_err(|found| found[0].message.clone())
    }

    fn open(text: &str, message: &[u8]) -> Option<Vec<u8>> {
        envelope(text).expect("an envelope").open(message).map(<[u8]>::to_vec)
    }

    #[test]
    fn an_update_is_a_value_in_json_or_behind_a_header() {
        let event = "{ begins = \"42\", pointer = \"/1\" }";
        assert_eq!(open(event, b"42[\"tick\",{\"t\":1}]").as_deref(), Some(&b"{\"t\":1}"[..]));
        assert_eq!(open(event, b"42[\"tick\",\"0a\"]").as_deref(), Some(&b"0a"[..]));
        assert_eq!(open(event, b"42[\"tick\"]"), None);
        assert_eq!(open(event, b"44{}"), None);
        let stomp = "{ begins = \"MESSAGE\\n\", after = \"\\n\\n\", before = \"\\u0000\" }";
        let frame = b"MESSAGE\nid:1\n\nbody\n\n\0\n";
        assert_eq!(open(stomp, frame).as_deref(), Some(&b"body\n\n"[..]));
        assert_eq!(open(stomp, b"RECEIPT\n\n\0"), None);
        let mqtt = "{ begins = { hex = \"30\" }, skip = [\"varint\", \"u16\"] }";
        assert_eq!(open(mqtt, b"\x30\x07\x00\x03a/bxy").as_deref(), Some(&b"xy"[..]));
        // Another packet behind it.
        assert_eq!(open(mqtt, b"\x30\x07\x00\x03a/bxy\xd0\x00").as_deref(), Some(&b"xy"[..]));
        assert_eq!(open(mqtt, b"\x30\x80\x80\x80\x80\x01"), None);
        assert_eq!(open(mqtt, b"\x30\x09\x00\x03a/bxy"), None);
        let long = [&b"\x30\xc8\x01\x00\x01t"[..], &[7; 197]].concat();
        assert_eq!(open(mqtt, &long).map(|update| update.len()), Some(197));
        assert_eq!(open("{ skip = [2] }", b"ab"), Some(Vec::new()));
        assert_eq!(open("{ skip = [2] }", b"a"), None);
        assert!(envelope("{}").expect("none").is_none());
    }

    #[test]
    fn wrong_ones_are_refused() {
        for (text, message) in [
            ("\"/data\"", "update must be a table"),
            ("{ pointr = \"/data\" }", "update: \"pointr\" is not known"),
            ("{ pointer = \"data\" }", "update: \"data\" is no JSON pointer"),
            ("{ pointer = 1 }", "update: pointer must be text"),
            ("{ begins = \"\" }", "update: a message must not be empty"),
            ("{ skip = 1 }", "update: write a list of header fields"),
            ("{ skip = [\"u8\"] }", "update: a header field is a number of bytes"),
            ("{ skip = [-1] }", "update: a header field is a number of bytes"),
        ] {
            let found = envelope(text).expect_err(text);
            assert!(found.starts_with(message), "{found}");
        }
    }
}
