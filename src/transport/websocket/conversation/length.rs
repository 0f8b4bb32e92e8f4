//! The length that a message begins with, by which it is found however frames cut and join messages
//! (MQTT 3.1.1 §6).

use crate::config::{Diagnostic, TomlNode};
use crate::transport::websocket::conversation::envelope::{HeaderField, read_fields};
use crate::transport::websocket::conversation::payload::refuse;
use serde::{Deserialize, Serialize};

/// Header fields of which the last one is the length of the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct LengthHeader(Vec<HeaderField>);

/// How far the first message of some bytes goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// It has so many bytes, which may be more than there are.
    Bytes(usize),
    /// Its length has not come yet.
    Unknown,
    /// What should be its length is none.
    Broken,
}

impl LengthHeader {
    /// Reads the setting; `None` for an empty list.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub(super) fn read(
        key: &str,
        node: &TomlNode,
    ) -> Result<Option<LengthHeader>, Vec<Diagnostic>> {
        let fields = read_fields(key, node)?;
        let is_count = |field: &HeaderField| matches!(field, HeaderField::Bytes(_));
        match fields.split_last() {
            None => Ok(None),
            Some((last, before)) if !is_count(last) && before.iter().all(is_count) => {
                Ok(Some(LengthHeader(fields)))
            }
            Some(_) => refuse(
                node,
                format!(
                    "{key} ends with the length, \"u16\" or \"varint\", behind numbers of bytes: \
                     [1, \"varint\"]"
                ),
            ),
        }
    }

    /// How far the first message of some bytes goes.
    pub(super) fn extent(&self, bytes: &[u8]) -> Extent {
        let mut at = 0_usize;
        for field in &self.0 {
            let rest = bytes.get(at..).unwrap_or_default();
            at = match field {
                HeaderField::Bytes(count) => at.saturating_add(*count as usize),
                HeaderField::U16 => match rest.first_chunk::<2>() {
                    Some(length) => at + 2 + usize::from(u16::from_be_bytes(*length)),
                    None => return Extent::Unknown,
                },
                HeaderField::Varint => match HeaderField::varint(rest) {
                    Some((size, length)) => at + size + length,
                    None if rest.len() < HeaderField::VARINT_BYTES => return Extent::Unknown,
                    None => return Extent::Broken,
                },
            };
        }
        Extent::Bytes(at)
    }

    /// Takes the first whole message off some bytes; `None` if none is whole.
    pub(super) fn split<'m>(&self, bytes: &'m [u8]) -> Option<(&'m [u8], &'m [u8])> {
        match self.extent(bytes) {
            Extent::Bytes(length) => bytes.split_at_checked(length),
            Extent::Unknown | Extent::Broken => None,
        }
        .filter(|(message, _)| !message.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Origin;

    fn header(text: &str) -> Result<Option<LengthHeader>, String> {
        let node = TomlNode::parse(text, Origin::Whole).expect("TOML");
        LengthHeader::read("length", &node).map_err(|found| found[0].message.clone())
    }

    #[test]
    fn a_message_ends_by_its_length() {
        let mqtt = header("[1, \"varint\"]").expect("a header").expect("fields");
        let json = serde_json::to_string(&mqtt).expect("JSON");
        assert_eq!(serde_json::from_str::<LengthHeader>(&json).expect("its own"), mqtt);
        assert_eq!(mqtt.split(b"\xd0\x00\x30"), Some((&b"\xd0\x00"[..], &b"\x30"[..])));
        for cut in [&b""[..], b"\x30", b"\x30\x02a", b"\x30\x80", b"\x30\xff\xff\xff"] {
            assert_eq!(mqtt.split(cut), None, "{cut:?}");
        }
        let long = [&b"\x30\xc8\x01"[..], &[7; 200]].concat();
        assert_eq!(mqtt.split(&long), Some((&long[..], &b""[..])));
        assert_eq!(mqtt.split(&long[..202]), None);
        let broken = b"\x30\xff\xff\xff\xff\x01a";
        assert_eq!((mqtt.split(broken), mqtt.extent(broken)), (None, Extent::Broken));
        let short = header("[\"u16\"]").expect("a header").expect("fields");
        assert_eq!(short.split(b"\x00\x01ab"), Some((&b"\x00\x01a"[..], &b"b"[..])));
        assert_eq!(short.split(b"\x00"), None);
        assert_eq!(header("[]"), Ok(None));
        for wrong in ["[1]", "[\"varint\", 1]", "[\"u16\", \"u16\"]"] {
            assert!(header(wrong).is_err_and(|why| why.starts_with("length ends with")), "{wrong}");
        }
        assert!(header("1").is_err_and(|why| why.starts_with("length: write a list")));
    }
}
