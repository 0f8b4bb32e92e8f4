//! What the payloads of frames have in common.

use crate::protocol::http2::Http2Problem;
use crate::protocol::http2::fields::FieldList;
use crate::protocol::http2::frame::{Http2FrameHeader, flags};

/// A frame must be the connection's.
pub(super) fn of_connection(header: Http2FrameHeader) -> Result<(), Http2Problem> {
    if header.stream == 0 { Ok(()) } else { Err(Http2Problem::Stream) }
}

/// Reads a number, which is all of a payload.
pub(super) fn first_u32(payload: &[u8], length: usize) -> Result<u32, Http2Problem> {
    let number = payload.first_chunk().filter(|_| payload.len() == length);
    number.map(|bytes| u32::from_be_bytes(*bytes)).ok_or(Http2Problem::FrameLength)
}

/// Returns a payload without its padding (RFC 9113 §6.1).
pub(super) fn without_padding(
    header: Http2FrameHeader,
    payload: &[u8],
) -> Result<&[u8], Http2Problem> {
    if !header.has(flags::PADDED) {
        return Ok(payload);
    }
    let (padding, rest) = payload.split_first().ok_or(Http2Problem::FrameLength)?;
    let kept = rest.len().checked_sub(usize::from(*padding)).ok_or(Http2Problem::Padding)?;
    Ok(&rest[..kept])
}

/// Returns the status of an answer, whose pseudo-header fields are `:status` alone (RFC 9113 §8.3.2).
pub(super) fn status_of(fields: &FieldList) -> Result<u16, Http2Problem> {
    let mut status = None;
    let mut has_regular = false;
    for (name, value) in fields.iter() {
        if !name.starts_with(b":") {
            has_regular = true;
            continue;
        }
        if name != b":status" || status.is_some() || has_regular {
            return Err(Http2Problem::Message);
        }
        let digits = std::str::from_utf8(value).ok().filter(|text| text.len() == 3);
        status = digits.and_then(|text| text.parse().ok());
    }
    status.filter(|status| (100..1_000).contains(status)).ok_or(Http2Problem::Message)
}
