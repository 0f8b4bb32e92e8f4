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

/// Whether a field may be in an answer (RFC 9113 §8.2): its name of lower case, its value without the ends of lines that
/// HTTP/1.1 would take for those of a field, and none that belongs to a connection of HTTP/1.1. Spaces around a value
/// are not allowed either, which servers and clients overlook.
pub(super) fn is_field(name: &[u8], value: &[u8]) -> bool {
    let (pseudo, text) = name.strip_prefix(b":").map_or((false, name), |rest| (true, rest));
    let is_name = !text.is_empty()
        && text
            .iter()
            .all(|byte| matches!(byte, 0x21..=0x7e) && !byte.is_ascii_uppercase() && *byte != b':');
    let is_value = !value.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n'));
    is_name && is_value && (pseudo || !is_of_connection(name))
}

/// Whether a field belongs to a connection of HTTP/1.1 (§8.2.2).
fn is_of_connection(name: &[u8]) -> bool {
    matches!(
        name,
        b"connection" | b"proxy-connection" | b"keep-alive" | b"transfer-encoding" | b"upgrade"
    )
}

/// Whether fields can follow a body: none is a pseudo-header field (§8.1).
pub(super) fn is_trailer_section(fields: &FieldList) -> bool {
    fields.iter().all(|(name, _)| !name.starts_with(b":"))
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
    match status.filter(|status| (100..1_000).contains(status)) {
        None => Err(Http2Problem::Message),
        // A stream does not become another protocol by it (§8.6).
        Some(101) => Err(Http2Problem::SwitchedProtocols),
        Some(status) => Ok(status),
    }
}
