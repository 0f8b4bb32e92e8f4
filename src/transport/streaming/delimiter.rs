//! How a server of one's own delimits the messages of a stream: the setting.
//!
//! Separate from `decoder`, which follows chunks, and from `cutter`, which cuts by what is given here.

use crate::config::{Diagnostic, Fields, Key, TomlItem, TomlNode, TomlTable};
use serde::{Deserialize, Serialize};

/// The setting.
pub(super) const DELIMITER: Key = Key {
    name: "delimiter",
    default: Some("\"auto\""),
    about: "what ends a message: a \"chunk\", a \"line\", { separator = \"\\u0000\" }, \
            { bytes = 21 } or { prefix = \"u32\" }, a length before it; \"auto\": chunks, and in a \
            body without chunks lines",
};

/// The longest separator.
const MOST_SEPARATOR_BYTES: usize = 64;
/// The longest message of a fixed length.
const MOST_LENGTH: i128 = 1 << 30;

/// What ends a message of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Delimiter {
    /// A chunk; in a body without chunks the end of a line, or of binary messages their size.
    #[default]
    Auto,
    /// A chunk.
    Chunk,
    /// The end of a line: LF or CR LF.
    Line,
    /// These bytes.
    Separator(String),
    /// So many bytes are a message.
    Bytes(u32),
    /// A length comes before each message.
    Prefix(Prefix),
}

impl Delimiter {
    /// Whether the scenario leaves it open.
    pub(super) fn is_auto(&self) -> bool {
        *self == Delimiter::Auto
    }
}

/// How the length before a message is written. It counts the message's own bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Prefix {
    /// A byte.
    U8,
    /// Two bytes, the high one first.
    U16,
    /// Four bytes, the high one first.
    U32,
    /// Two bytes, the low one first.
    U16le,
    /// Four bytes, the low one first.
    U32le,
    /// Seven bits a byte, the low ones first (Protocol Buffers, "delimited").
    Varint,
}

impl Prefix {
    pub(super) const ALL: [(&'static str, Prefix); 6] = [
        ("u8", Prefix::U8),
        ("u16", Prefix::U16),
        ("u32", Prefix::U32),
        ("u16le", Prefix::U16le),
        ("u32le", Prefix::U32le),
        ("varint", Prefix::Varint),
    ];
}

/// Reads the setting.
pub(super) fn read(fields: &mut Fields<'_>) -> Delimiter {
    fields.read(&DELIMITER, |node| {
        parse(node).map_err(|why| {
            vec![Diagnostic::of_value(node.location.clone(), format!("delimiter {why}"))]
        })
    })
}

fn parse(node: &TomlNode) -> Result<Delimiter, String> {
    match &node.item {
        TomlItem::Text(text) => match text.as_str() {
            "auto" => Ok(Delimiter::Auto),
            "chunk" => Ok(Delimiter::Chunk),
            "line" => Ok(Delimiter::Line),
            other => Err(format!(
                "must be \"auto\", \"chunk\", \"line\" or a table, not {other:?}; other bytes are \
                 {{ separator = {other:?} }}"
            )),
        },
        TomlItem::Table(table) => parse_table(table),
        _ => Err(format!("must be a word or a table, not {}", node.kind())),
    }
}

fn parse_table(table: &TomlTable) -> Result<Delimiter, String> {
    let [entry] = &table.entries[..] else {
        return Err("must have one of separator, bytes and prefix".to_owned());
    };
    match (entry.name.as_str(), &entry.node.item) {
        ("separator", TomlItem::Text(text)) if text.is_empty() => {
            Err("separator must not be empty".to_owned())
        }
        ("separator", TomlItem::Text(text)) if text.len() > MOST_SEPARATOR_BYTES => {
            Err(format!("separator must be at most {MOST_SEPARATOR_BYTES} bytes"))
        }
        ("separator", TomlItem::Text(text)) => Ok(Delimiter::Separator(text.clone())),
        ("bytes", TomlItem::Integer(bytes)) if (1..=MOST_LENGTH).contains(bytes) => {
            // Within the range.
            Ok(Delimiter::Bytes(*bytes as u32))
        }
        ("bytes", _) => Err(format!("bytes must be a whole number from 1 to {MOST_LENGTH}")),
        ("prefix", TomlItem::Text(text)) => {
            let all = Prefix::ALL.map(|(name, _)| name).join(", ");
            let found = Prefix::ALL.iter().find(|(name, _)| name == text);
            found
                .map(|(_, prefix)| Delimiter::Prefix(*prefix))
                .ok_or_else(|| format!("prefix {text:?} is none of {all}"))
        }
        ("separator" | "prefix", _) => Err(format!("{} must be text in quotes", entry.name)),
        (other, _) => Err(format!("has separator, bytes or prefix, not {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Origin;

    fn of(text: &str) -> Result<Delimiter, String> {
        parse(&TomlNode::parse(text, Origin::Whole).expect("it is TOML"))
    }

    #[test]
    fn a_delimiter_is_a_word_or_a_table_of_one_entry() {
        assert_eq!(of("\"line\""), Ok(Delimiter::Line));
        assert_eq!(of("{ separator = \"\\u0000\" }"), Ok(Delimiter::Separator("\0".to_owned())));
        assert_eq!(of("{ bytes = 21 }"), Ok(Delimiter::Bytes(21)));
        assert_eq!(of("{ prefix = \"u16le\" }"), Ok(Delimiter::Prefix(Prefix::U16le)));
        for (text, why) in [
            ("\";\"", "other bytes are { separator = \";\" }"),
            ("7", "a word or a table"),
            ("{}", "one of separator"),
            ("{ bytes = 0 }", "from 1 to"),
            ("{ bytes = 1, prefix = \"u8\" }", "one of separator"),
            ("{ separator = \"\" }", "not be empty"),
            ("{ separator = 1 }", "text in quotes"),
            ("{ prefix = \"u24\" }", "none of u8, u16"),
            ("{ length = 1 }", "not \"length\""),
        ] {
            let error = of(text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn every_prefix_has_its_name_in_files() {
        for (name, prefix) in Prefix::ALL {
            assert_eq!(serde_json::to_string(&prefix).expect("JSON"), format!("{name:?}"));
        }
    }
}
