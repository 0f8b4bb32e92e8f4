//! HTTP/1.1 (RFC 9110, RFC 9112): heads as bytes, and responses as they come.

pub(crate) mod answer_text;
pub(crate) mod content_coding;
pub(crate) mod cookies;
pub(crate) mod head;
pub(crate) mod media_type;
pub(crate) mod other_protocol;
pub(crate) mod position;
pub(crate) mod redirect;
pub(crate) mod request;
pub(crate) mod request_options;
pub(crate) mod request_parts;
pub(crate) mod response;
pub(crate) mod retry_after;
pub(crate) mod success;

use serde::{Deserialize, Serialize};

/// Returns the number of bytes without CR and LF: characters as the chapter counts them.
pub(crate) fn chars_without_line_ends(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|b| !matches!(b, b'\r' | b'\n')).count() as u64
}

/// Whether an answer with this status refuses what was asked for: 304 has nothing new, and 101
/// switches to another protocol.
pub(crate) fn refuses(status: u16) -> bool {
    !matches!(status, 0 | 101 | 200..300 | 304)
}

/// Who will answer, as far as rendering a request needs to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The `Host` of requests.
    pub authority: String,
    /// The value of `Authorization`, unless a head or a setting has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<String>,
    /// The path of requests.
    pub path: String,
    /// True if the reference server answers.
    pub bundled: bool,
    /// Whether requests go over TLS.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tls: bool,
}

/// Returns a number in digits alone.
pub(crate) fn decimal(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}
