//! What windows have room for (RFC 9113 §5.2).

use crate::protocol::http2::frame::{FRAME_HEADER_BYTES, FrameType, Http2FrameHeader, flags};
use crate::protocol::http2::streams::StreamEntry;

const HEADER: u64 = FRAME_HEADER_BYTES as u64;

/// What was appended to the bytes to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SentBytes {
    /// Bytes of header blocks.
    pub block: u64,
    /// Headers of frames.
    pub framing: u64,
    /// Bytes of bodies.
    pub body: u64,
}

/// Sends as much of a body as windows have room for, and its end with the last byte.
pub(super) fn write_data(
    stream: &mut StreamEntry,
    window: &mut i64,
    frame_bytes: u32,
    bytes: &[u8],
    ends: bool,
    out: &mut Vec<u8>,
) -> SentBytes {
    let mut sent = SentBytes::default();
    loop {
        let left = &bytes[sent.body as usize..];
        let room = (*window).min(stream.send_window).min(frame_bytes.into()).max(0);
        let length = (room as usize).min(left.len());
        let is_end = ends && length == left.len();
        if length == 0 && !(is_end && left.is_empty()) {
            return sent;
        }
        let flags = if is_end { flags::END_STREAM } else { 0 };
        let kind = FrameType::Data;
        Http2FrameHeader { length: length as u32, kind, flags, stream: stream.id }.write(out);
        out.extend_from_slice(&left[..length]);
        *window -= length as i64;
        stream.send_window -= length as i64;
        sent.framing += HEADER;
        sent.body += length as u64;
        if length == left.len() {
            return sent;
        }
    }
}

/// Returns by how much a window for what the server sends is to be enlarged: half of it was used.
pub(super) fn refill(window: &mut i64, full: u32) -> Option<u32> {
    let used = i64::from(full) - *window;
    if used < i64::from(full / 2) {
        return None;
    }
    *window = full.into();
    u32::try_from(used).ok()
}
