//! What a message of the server must be, so that it is the one that is waited for.

use crate::protocol::json_pointer::JsonPointer;
use crate::transport::websocket::conversation::payload::Literal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A condition on a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Pattern {
    /// It is these bytes.
    Exact(Literal),
    /// It begins with these bytes.
    Beginning(Literal),
    /// It is JSON with this value at this place; with any value if none is given.
    Json { pointer: JsonPointer, value: Option<Value> },
}

impl Pattern {
    /// Whether a message is the one.
    pub(crate) fn matches(&self, message: &[u8]) -> bool {
        match self {
            Pattern::Exact(bytes) => message == bytes.bytes(),
            Pattern::Beginning(bytes) => message.starts_with(bytes.bytes()),
            Pattern::Json { pointer, value } => match (pointer.find(message), value) {
                (None, _) => false,
                (Some(_), None) => true,
                (Some(found), Some(value)) => {
                    serde_json::from_slice::<Value>(found).is_ok_and(|found| found == *value)
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_exact_a_beginning_or_json() {
        let exact = Pattern::Exact(Literal::text("3"));
        assert!(exact.matches(b"3") && !exact.matches(b"33") && !exact.matches(b""));
        let beginning = Pattern::Beginning(Literal::text("40"));
        assert!(beginning.matches(b"40{\"sid\":1}") && !beginning.matches(b"4"));
        let json = |pointer: &str, value| {
            let pointer = JsonPointer::try_from(pointer.to_owned()).expect("a pointer");
            Pattern::Json { pointer, value }
        };
        let ack = json("/type", Some(Value::from("connection_ack")));
        assert!(ack.matches(b"{\"type\" : \"connection_ack\"}"));
        assert!(!ack.matches(b"{\"type\":\"ping\"}") && !ack.matches(b"connection_ack"));
        assert!(json("/id", Some(Value::from(1))).matches(b"{\"id\":1}"));
        assert!(json("/connect", None).matches(b"{\"id\":1,\"connect\":{}}"));
    }
}
