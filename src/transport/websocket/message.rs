//! Payloads as messages of the WebSocket protocol.

use crate::feed::PayloadKind;
use crate::protocol::websocket::codec::MessageKind;
use bytes::Bytes;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// Returns the kind of message that a payload is sent as: binary or text, as the feed says.
pub(super) fn message_kind(kind: PayloadKind, payload: &[u8]) -> MessageKind {
    match kind {
        PayloadKind::Binary => MessageKind::Binary,
        _ => {
            // Stamps are ASCII; what another client has sent may be anything.
            match std::str::from_utf8(payload) {
                Ok(_) => MessageKind::Text,
                Err(_) => MessageKind::Binary,
            }
        }
    }
}

/// Makes a message of tungstenite of a payload.
pub(super) fn message(kind: PayloadKind, payload: Bytes) -> Message {
    match (message_kind(kind, &payload), Utf8Bytes::try_from(payload.clone())) {
        (MessageKind::Text, Ok(text)) => Message::Text(text),
        _ => Message::Binary(payload),
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
