//! A message as a scenario writes it: text, or bytes as hex or base64.

use crate::config::{Diagnostic, TomlItem, TomlNode};
use crate::protocol::websocket::codec::Opcode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

/// How the bytes of a message may be written.
const FORMS: &str = "text in quotes, { hex = \"…\" } or { base64 = \"…\" }";

/// A message that is sent as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Payload {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
}

impl Payload {
    /// Its bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Payload::Text(text) => text.as_bytes(),
            Payload::Binary(bytes) => bytes,
        }
    }
    /// The opcode of its frame.
    pub(crate) fn opcode(&self) -> Opcode {
        match self {
            Payload::Text(_) => Opcode::Text,
            Payload::Binary(_) => Opcode::Binary,
        }
    }
    fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }
    /// Reads a message of a scenario.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub(crate) fn read(key: &str, node: &TomlNode) -> Result<Payload, Vec<Diagnostic>> {
        let payload = match &node.item {
            TomlItem::Text(text) => Payload::Text(text.clone()),
            TomlItem::Table(table) => match &table.entries[..] {
                [entry] => read_form(key, &entry.name, &entry.node)?,
                _ => return refuse(node, format!("{key}: a message is one of {FORMS}")),
            },
            _ => {
                let kind = node.kind();
                return refuse(node, format!("{key}: a message is {FORMS}, not {kind}"));
            }
        };
        if payload.is_empty() {
            return refuse(node, format!("{key}: a message must not be empty"));
        }
        Ok(payload)
    }
}

/// Reads a message by the name of its form.
fn read_form(key: &str, form: &str, node: &TomlNode) -> Result<Payload, Vec<Diagnostic>> {
    let TomlItem::Text(text) = &node.item else {
        let kind = node.kind();
        return refuse(node, format!("{key}: {form} must be text in quotes, not {kind}"));
    };
    match form {
        "text" => Ok(Payload::Text(text.clone())),
        "hex" => match parse_hex(text) {
            Ok(bytes) => Ok(Payload::Binary(bytes)),
            Err(why) => refuse(node, format!("{key}: {why}")),
        },
        "base64" => match BASE64.decode(text) {
            Ok(bytes) => Ok(Payload::Binary(bytes)),
            Err(error) => refuse(node, format!("{key}: {text:?} is not base64: {error}")),
        },
        _ => refuse(node, format!("{key}: {form:?} is no form of a message; write {FORMS}")),
    }
}

/// Reads bytes in hexadecimal digits, with blanks between them as one likes.
///
/// # Errors
/// A sentence.
pub(super) fn parse_hex(text: &str) -> Result<Vec<u8>, String> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    match digits {
        Some(digits) if digits.len() % 2 == 0 => {
            let (pairs, _) = digits.as_chunks::<2>();
            Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect())
        }
        _ => Err(format!("{text:?} is not hex: two digits from 0 to f for each byte")),
    }
}

/// Returns the error of a value.
pub(super) fn refuse<T>(node: &TomlNode, message: String) -> Result<T, Vec<Diagnostic>> {
    Err(vec![Diagnostic::of_value(node.location.clone(), message)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Origin;

    fn read(text: &str) -> Result<Payload, String> {
        let node = TomlNode::parse(text, Origin::Whole).expect("TOML");
        Payload::read("first", &node).map_err(|found| found[0].message.clone())
    }

    #[test]
    fn a_message_is_text_hex_or_base64() {
        assert_eq!(read("\"40\""), Ok(Payload::Text("40".to_owned())));
        assert_eq!(read("{ text = \"40\" }"), Ok(Payload::Text("40".to_owned())));
        let bytes = Ok(Payload::Binary(vec![0x10, 0x0c, 0xff]));
        assert_eq!(read("{ hex = \"10 0C ff\" }"), bytes);
        assert_eq!(read("{ base64 = \"EAz/\" }"), bytes);
        for (wrong, message) in [
            ("\"\"", "first: a message must not be empty"),
            ("1", "first: a message is text in quotes"),
            ("{ hex = \"123\" }", "first: \"123\" is not hex"),
            ("{ hex = \"0x12\" }", "first: \"0x12\" is not hex"),
            ("{ base64 = \"%\" }", "first: \"%\" is not base64"),
            ("{ hec = \"12\" }", "first: \"hec\" is no form of a message"),
            ("{ hex = 12 }", "first: hex must be text in quotes"),
            ("{}", "first: a message is one of"),
        ] {
            let found = read(wrong).expect_err(wrong);
            assert!(found.starts_with(message), "{found}");
        }
    }
}
