//! What a server said when it refused a request: for the message about the error, never for a
//! figure.
//!
//! Separate from the faults, which are counted and hold no text. Only the first answer with an error
//! is kept of each kind, and the first one that is compressed and cannot be read, which is no error.

use crate::record::ClientError;
use crate::record::head::{as_text, from_text};
use serde::{Deserialize, Serialize};

/// Kinds of errors of which an answer is kept, for each driver thread.
pub(crate) const MOST_REFUSALS: usize = 8;

/// What an answer with an error said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The error that was counted.
    pub error: ClientError,
    /// The number of the client that it was for.
    #[serde(default)]
    pub client: u32,
    /// The beginning of its field `Location`. In files each byte is a character of Latin-1.
    #[serde(default, serialize_with = "as_text", deserialize_with = "from_text")]
    pub location: Vec<u8>,
    /// The beginning of its field `Content-Type`, in the same way.
    #[serde(default, serialize_with = "as_text", deserialize_with = "from_text")]
    pub media_type: Vec<u8>,
    /// The beginning of its field `Content-Encoding`, in the same way.
    #[serde(default, serialize_with = "as_text", deserialize_with = "from_text")]
    pub coding: Vec<u8>,
    /// The beginning of its body, in the same way.
    #[serde(default, serialize_with = "as_text", deserialize_with = "from_text")]
    pub body: Vec<u8>,
    /// Of an answer that did not end, how many bytes of its body came.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub body_bytes: u64,
    /// And how many its head has announced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_length: Option<u64>,
    /// Of an answer that leads elsewhere, how many before it were followed, if no more may be; 0 otherwise.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub redirects: u8,
}

fn is_zero<N: Copy + Into<u64>>(n: &N) -> bool {
    (*n).into() == 0
}
