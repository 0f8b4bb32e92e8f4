//! A message as a scenario writes it: text, perhaps with placeholders, or bytes as hex or base64.
//!
//! Plans and result files have it as it was written, so that a secret in it is found and left out.

use crate::config::{Diagnostic, TomlItem, TomlNode};
use crate::protocol::template::{Template, TemplateValues};
use crate::protocol::websocket::codec::Opcode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// How the bytes of a message may be written.
const FORMS: &str = "text in quotes, { hex = \"…\" } or { base64 = \"…\" }";

/// Bytes in one of the forms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Written {
    Text(String),
    Hex(String),
    Base64(String),
}

/// Bytes that are the same for every client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub(crate) struct Literal {
    written: Written,
    bytes: Vec<u8>,
}

impl TryFrom<Written> for Literal {
    type Error = String;

    fn try_from(written: Written) -> Result<Literal, String> {
        let bytes = match &written {
            Written::Text(text) => text.clone().into_bytes(),
            Written::Hex(digits) => parse_hex(digits)?,
            Written::Base64(digits) => {
                let explain = |error| format!("{digits:?} is not base64: {error}");
                BASE64.decode(digits).map_err(explain)?
            }
        };
        Ok(Literal { written, bytes })
    }
}

impl From<Literal> for Written {
    fn from(literal: Literal) -> Written {
        literal.written
    }
}

impl Literal {
    /// A text as it is.
    pub(super) fn text(text: &str) -> Literal {
        let bytes = text.as_bytes().to_vec();
        Literal { written: Written::Text(text.to_owned()), bytes }
    }
    /// Bytes in hexadecimal digits, with blanks between them as one likes.
    ///
    /// # Errors
    /// A sentence.
    pub(super) fn hex(digits: &str) -> Result<Literal, String> {
        Literal::try_from(Written::Hex(digits.to_owned()))
    }
    /// The bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
    /// Reads bytes of a scenario, at least one.
    ///
    /// # Errors
    /// What is wrong with them, and where.
    pub(super) fn read(key: &str, node: &TomlNode) -> Result<Literal, Vec<Diagnostic>> {
        let written = match &node.item {
            TomlItem::Text(text) => Written::Text(text.clone()),
            TomlItem::Table(table) => match &table.entries[..] {
                [entry] => read_form(key, &entry.name, &entry.node)?,
                _ => return refuse(node, format!("{key}: a message is one of {FORMS}")),
            },
            _ => {
                let kind = node.kind();
                return refuse(node, format!("{key}: a message is {FORMS}, not {kind}"));
            }
        };
        match Literal::try_from(written) {
            Ok(literal) if literal.bytes.is_empty() => {
                refuse(node, format!("{key}: a message must not be empty"))
            }
            Ok(literal) => Ok(literal),
            Err(why) => refuse(node, format!("{key}: {why}")),
        }
    }
}

/// Reads the bytes of a message by the name of their form.
fn read_form(key: &str, form: &str, node: &TomlNode) -> Result<Written, Vec<Diagnostic>> {
    let TomlItem::Text(text) = &node.item else {
        let kind = node.kind();
        return refuse(node, format!("{key}: {form} must be text in quotes, not {kind}"));
    };
    match form {
        "text" => Ok(Written::Text(text.clone())),
        "hex" => Ok(Written::Hex(text.clone())),
        "base64" => Ok(Written::Base64(text.clone())),
        _ => refuse(node, format!("{key}: {form:?} is no form of a message; write {FORMS}")),
    }
}

/// A message that a client sends; its placeholders are filled in for each client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Literal", into = "Literal")]
pub(crate) struct Payload {
    literal: Literal,
    /// The text, if it has placeholders.
    template: Option<Template>,
}

impl From<Literal> for Payload {
    fn from(mut literal: Literal) -> Payload {
        let mut template = None;
        if let Written::Text(text) = &literal.written {
            let parsed = Template::new(text);
            match parsed.constant() {
                Some(text) => literal.bytes = text.as_bytes().to_vec(),
                None => template = Some(parsed),
            }
        }
        Payload { literal, template }
    }
}

impl From<Payload> for Literal {
    fn from(payload: Payload) -> Literal {
        payload.literal
    }
}

impl Payload {
    /// Its bytes for one client.
    pub(crate) fn bytes(&self, values: &TemplateValues<'_>) -> Cow<'_, [u8]> {
        match &self.template {
            None => Cow::Borrowed(&self.literal.bytes),
            Some(template) => {
                let mut bytes = Vec::new();
                template.render(values, &mut bytes);
                Cow::Owned(bytes)
            }
        }
    }
    /// The opcode of its frame.
    pub(crate) fn opcode(&self) -> Opcode {
        match self.literal.written {
            Written::Text(_) => Opcode::Text,
            Written::Hex(_) | Written::Base64(_) => Opcode::Binary,
        }
    }
    /// Reads a message of a scenario.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub(super) fn read(key: &str, node: &TomlNode) -> Result<Payload, Vec<Diagnostic>> {
        Literal::read(key, node).map(Payload::from)
    }
    /// Whether it is not the same for every client.
    pub(super) fn varies(&self) -> bool {
        self.template.is_some()
    }
    /// Checks that its placeholders are known, for data with these columns.
    ///
    /// # Errors
    /// A sentence that names the placeholder and what to do.
    pub(super) fn check(&self, columns: &[String]) -> Result<(), String> {
        self.template.as_ref().map_or(Ok(()), |template| template.check(columns))
    }
}

/// Reads bytes in hexadecimal digits.
fn parse_hex(text: &str) -> Result<Vec<u8>, String> {
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

    /// What a message is for client 7, and the opcode of its frame.
    fn sent(text: &str) -> (Vec<u8>, Opcode) {
        let values = TemplateValues { client: 7, ..TemplateValues::default() };
        let payload = read(text).expect("a message");
        let json = serde_json::to_string(&payload).expect("JSON");
        assert_eq!(serde_json::from_str::<Payload>(&json).expect("its own"), payload);
        assert_eq!(payload.check(&[]), Ok(()));
        (payload.bytes(&values).into_owned(), payload.opcode())
    }

    #[test]
    fn placeholders_are_the_clients_number_or_its_data() {
        let token = read("\"{token}\"").expect("a message");
        assert!(token.varies() && token.check(&["token".to_owned()]).is_ok());
        assert!(token.check(&[]).is_err_and(|why| why.starts_with("{token} is not known")));
        assert!(!read("\"{{token}\"").expect("a message").varies());
    }

    #[test]
    fn a_message_is_text_hex_or_base64() {
        assert_eq!(sent("\"40\""), (b"40".to_vec(), Opcode::Text));
        assert_eq!(sent("{ text = \"40\" }"), (b"40".to_vec(), Opcode::Text));
        let bytes = (vec![0x10, 0x0c, 0xff], Opcode::Binary);
        assert_eq!(sent("{ hex = \"10 0C ff\" }"), bytes);
        assert_eq!(sent("{ base64 = \"EAz/\" }"), bytes);
        assert_eq!(sent("'{\"id\":{client},\"{{a}\":{}}'").0, b"{\"id\":7,\"{a}\":{}}");
        assert_eq!(sent("\"{{a}\"").0, b"{a}");
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
