//! The heads of HTTP messages as they crossed the wire: for whoever asks why their size changed,
//! never for a figure.
//!
//! Separate from the ledger, which counts every head and keeps none. Only the first client of a
//! case has its heads kept, and only the first of each kind, so that it costs the others nothing.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is kept of one head, in bytes.
pub(crate) const HEAD_KEPT_BYTES: usize = 16 * 1024;

tabled! {
    /// Which head.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum HeadOf: &'static str {
        /// The first request on the first connection: a first poll, what opens a stream, an upgrade.
        OpeningRequest = "the opening request",
        /// Its answer.
        OpeningResponse = "the opening response",
        /// The first request of the measured window.
        Request = "the request",
        /// Its answer.
        Response = "the response",
        /// The first message of its own that a client posted beside its transport's connection.
        PostRequest = "the request that posts a message",
        /// Its answer.
        PostResponse = "the response to a posted message",
    }
}

impl HeadOf {
    /// The kind in words.
    pub fn describe(self) -> &'static str {
        self.row()
    }
    /// True for what the client sent.
    pub fn is_request(self) -> bool {
        matches!(self, HeadOf::OpeningRequest | HeadOf::Request | HeadOf::PostRequest)
    }
    /// The same of the opening exchange, for one of the measured window; else itself.
    pub fn opening(self) -> HeadOf {
        match self {
            HeadOf::Request => HeadOf::OpeningRequest,
            HeadOf::Response => HeadOf::OpeningResponse,
            other => other,
        }
    }
    /// The answer to a request; an answer is its own.
    pub fn answer(self) -> HeadOf {
        match self {
            HeadOf::OpeningRequest => HeadOf::OpeningResponse,
            HeadOf::Request => HeadOf::Response,
            HeadOf::PostRequest => HeadOf::PostResponse,
            answer => answer,
        }
    }
}

/// One head: start line, fields and empty line, interim responses before it included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Which.
    pub of: HeadOf,
    /// Its bytes, the first [`HEAD_KEPT_BYTES`] of them. In files each is a character of Latin-1.
    #[serde(rename = "text", serialize_with = "as_text", deserialize_with = "from_text")]
    pub bytes: Vec<u8>,
    /// True if it had more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// The quotes around what stands for a secret in a head, whose bytes are UTF-8.
const QUOTES: [char; 2] = ['‹', '›'];

/// Bytes as the characters of Latin-1, which are as many, but for the quotes around what stands for a
/// secret: these are themselves.
pub(crate) fn latin1(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, after)) = rest.split_first() {
        let quote = QUOTES.iter().find_map(|quote| {
            let mut utf8 = [0; 4];
            Some((*quote, rest.strip_prefix(quote.encode_utf8(&mut utf8).as_bytes())?))
        });
        let (c, after) = quote.unwrap_or((char::from(first), after));
        text.push(c);
        rest = after;
    }
    text
}

/// The bytes again; `None` if another character is not in Latin-1.
pub(crate) fn from_latin1(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        if QUOTES.contains(&c) {
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            bytes.push(u8::try_from(u32::from(c)).ok()?);
        }
    }
    Some(bytes)
}

pub(super) fn as_text<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
    latin1(bytes).serialize(s)
}

pub(super) fn from_text<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(d)?;
    from_latin1(&text).ok_or_else(|| D::Error::custom("a head has a character that is no byte"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_a_file() {
        let bytes: Vec<u8> = (0..=255).collect();
        let head = Head { of: HeadOf::Response, bytes, cut: false };
        let text = serde_json::to_string(&head).unwrap();
        assert_eq!(serde_json::from_str::<Head>(&text).unwrap(), head);
        let secret = "Cookie: ‹redacted, 3 B›\r\n".as_bytes().to_vec();
        let head = Head { of: HeadOf::Request, bytes: secret, cut: false };
        let text = serde_json::to_string(&head).unwrap();
        assert!(text.contains("Cookie: ‹redacted, 3 B›"), "{text}");
        assert_eq!(serde_json::from_str::<Head>(&text).unwrap(), head);
        let bad = r#"{"of":"response","text":"\u20ac"}"#;
        assert!(serde_json::from_str::<Head>(bad).unwrap_err().to_string().contains("no byte"));
    }
}
