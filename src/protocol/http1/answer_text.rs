//! What an answer says that is not what was asked for: its first bytes, for a message.

use crate::protocol::http1::cookies::SetCookies;

/// Bytes that are kept of each text of an answer that refuses.
pub(crate) const TEXT_LIMIT: usize = 512;

/// What an answer says that is not what was asked for, for a message about it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnswerText {
    /// The beginning of its field `Location`.
    pub location: Vec<u8>,
    /// The beginning of its field `Content-Type`.
    pub media_type: Vec<u8>,
    /// The beginning of its field `Content-Encoding`, which may have come in several.
    pub coding: Vec<u8>,
    /// The extensions that it selects for a WebSocket, which may have come in several fields.
    pub extensions: Vec<u8>,
    /// The subprotocols that it selects, of which there may be one.
    pub subprotocols: Vec<u8>,
    /// Its fields `Set-Cookie`, whose values its body may quote.
    pub set_cookies: Vec<Vec<u8>>,
    /// The beginning of its body; of bytes that are no answer, the first ones or the bad line.
    pub body: Vec<u8>,
    /// Of an answer that did not end, how many bytes of its body came.
    pub body_bytes: u64,
    /// And how many the head has announced.
    pub body_length: Option<u64>,
    /// Of an answer that leads elsewhere, how many before it were followed, if no more may be.
    pub redirects: u8,
}

impl AnswerText {
    /// The text of an answer with fields of these names and values that sets these cookies.
    pub(crate) fn new<'a>(
        fields: impl Iterator<Item = (&'a str, &'a [u8])>,
        cookies: Option<&SetCookies>,
    ) -> AnswerText {
        let set_cookies = cookies.map(|cookies| cookies.0.clone()).unwrap_or_default();
        let mut text = AnswerText { set_cookies, ..AnswerText::default() };
        let mut has = [false; 2];
        for (name, value) in fields {
            let (known, kept) = match name {
                _ if name.eq_ignore_ascii_case("location") => (&mut has[0], &mut text.location),
                _ if name.eq_ignore_ascii_case("content-type") => {
                    (&mut has[1], &mut text.media_type)
                }
                _ if name.eq_ignore_ascii_case("content-encoding") => {
                    append(&mut text.coding, value);
                    continue;
                }
                _ => continue,
            };
            // Of fields that there may be one of, the first counts.
            if !std::mem::replace(known, true) {
                kept.extend_from_slice(&value[..value.len().min(TEXT_LIMIT)]);
            }
        }
        text
    }
    /// The text of an answer that switches to WebSocket and selects extensions or subprotocols by fields
    /// with these names and values; `None` if it selects none.
    pub(crate) fn of_selection<'a>(
        fields: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> Option<AnswerText> {
        let mut text = AnswerText::default();
        for (name, value) in fields {
            let kept = match name {
                _ if name.eq_ignore_ascii_case("sec-websocket-extensions") => &mut text.extensions,
                _ if name.eq_ignore_ascii_case("sec-websocket-protocol") => &mut text.subprotocols,
                _ => continue,
            };
            append(kept, value);
        }
        (!text.extensions.is_empty() || !text.subprotocols.is_empty()).then_some(text)
    }
    /// The text of bytes that are no answer.
    pub(crate) fn of_bytes(bytes: &[u8]) -> AnswerText {
        let mut text = AnswerText::default();
        text.push(bytes);
        text
    }
    /// Returns its field `Location`; `None` if it is longer than what is kept.
    pub(crate) fn whole_location(&self) -> Option<&[u8]> {
        (self.location.len() < TEXT_LIMIT).then_some(&self.location)
    }
    /// Whether no more of the body is kept.
    pub(crate) fn is_full(&self) -> bool {
        self.body.len() >= TEXT_LIMIT
    }
    /// Adds bytes of the body.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let room = TEXT_LIMIT - self.body.len();
        self.body.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

/// Adds a further field's value to a list (RFC 9110 §5.3).
fn append(list: &mut Vec<u8>, value: &[u8]) {
    if !list.is_empty() {
        list.extend_from_slice(b", ");
    }
    list.extend_from_slice(value.trim_ascii());
    list.truncate(TEXT_LIMIT);
}
