//! Payloads as messages of the WebSocket protocol.

use crate::feed::PayloadKind;
use bytes::Bytes;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// Makes a message of a payload: binary or text, as the feed says.
pub(super) fn message(kind: PayloadKind, payload: Bytes) -> Message {
    match kind {
        PayloadKind::Binary => Message::Binary(payload),
        PayloadKind::Text | PayloadKind::Json | PayloadKind::Position => {
            // Stamps are ASCII; if they were not, the bytes would still be sent.
            match Utf8Bytes::try_from(payload.clone()) {
                Ok(text) => Message::Text(text),
                Err(_) => Message::Binary(payload),
            }
        }
    }
}

/// Returns the payload of a message; nothing of a control frame.
pub(super) fn payload_of(message: &Message) -> &[u8] {
    match message {
        Message::Text(text) => text.as_bytes(),
        Message::Binary(bytes) => bytes,
        _ => &[],
    }
}
