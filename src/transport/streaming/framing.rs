//! What is around a message of the reference server over HTTP/2, whose bodies have no chunks: a record separator
//! behind a text (RFC 7464 has it before one), and a length before binary data, which may have any byte.

use crate::feed::PayloadKind;
use crate::server::Outgoing;
use crate::transport::streaming::delimiter::{Delimiter, Prefix};
use bytes::{BufMut, Bytes, BytesMut};

const SEPARATOR: char = '\u{1e}';
/// The bytes of a length.
const PREFIX_BYTES: usize = 4;

/// How a client finds the messages.
pub(super) fn delimiter(kind: PayloadKind) -> Delimiter {
    match kind {
        PayloadKind::Binary => Delimiter::Prefix(Prefix::U32),
        _ => Delimiter::Separator(SEPARATOR.to_string()),
    }
}

/// The bytes around a message.
pub(super) fn bytes_over_http2(kind: PayloadKind) -> u64 {
    match kind {
        PayloadKind::Binary => PREFIX_BYTES as u64,
        _ => SEPARATOR.len_utf8() as u64,
    }
}

/// Writes a message.
pub(super) fn write(outgoing: Outgoing, kind: PayloadKind) -> Bytes {
    let mut out = BytesMut::with_capacity(outgoing.bytes.len() + PREFIX_BYTES);
    match kind {
        PayloadKind::Binary => {
            out.put_u32(u32::try_from(outgoing.bytes.len()).unwrap_or(u32::MAX));
            out.put_slice(&outgoing.bytes);
        }
        _ => {
            out.put_slice(&outgoing.bytes);
            out.put_u8(SEPARATOR as u8);
        }
    }
    out.freeze()
}
