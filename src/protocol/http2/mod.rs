//! The client's side of HTTP/2 (RFC 9113) without I/O: bytes in, events and bytes out.
//!
//! Own, since every byte belongs to a part: header blocks, the headers of frames, payload, and what belongs to
//! the connection. The reference server's side is hyper's.

pub(crate) mod connection;
pub(crate) mod fields;
mod flow_control;
pub(crate) mod frame;
mod frame_reader;
pub(crate) mod hpack;
pub(crate) mod message;
pub(crate) mod options;
mod payload;
mod settings;
mod streams;
#[cfg(test)]
mod tests;

use crate::protocol::http2::connection::{Http2Connection, Http2Event, Http2Options, ReadScratch};
use crate::protocol::http2::fields::{FieldList, PreparedFields};
use crate::protocol::http2::frame::ErrorCode;
use crate::protocol::http2::hpack::HpackPolicy;

/// Reads what a server sends to a client with two requests, for the fuzz target. Returns whether it is allowed.
///
/// # Panics
/// If bytes are in no event and await nothing.
pub(crate) fn read_all(bytes: &[u8]) -> bool {
    let options = Http2Options { policy: HpackPolicy::Dynamic, header_table_bytes: 4_096 };
    let mut connection = Http2Connection::new(options);
    let mut out = Vec::new();
    connection.begin(&mut out);
    let mut fields = FieldList::default();
    fields.push(b":method", b"GET");
    let fields = PreparedFields::new(fields);
    for token in 0..2 {
        let opened = connection.open(token, &fields, token == 0, &mut out);
        assert!(opened.is_ok(), "no limit is known yet");
    }
    let mut explained = 0;
    let read = connection.receive(bytes, &mut ReadScratch::default(), &mut out, &mut |event| {
        explained += match event {
            Http2Event::Control(bytes) | Http2Event::Discarded(bytes) => bytes,
            Http2Event::Answer { frame, .. } => frame.wire_bytes(),
            Http2Event::Ready
            | Http2Event::Reset { .. }
            | Http2Event::Sent(_)
            | Http2Event::GoAway { .. } => 0,
        };
    });
    let all = explained + connection.pending() == bytes.len() as u64;
    assert!(all || read.is_err(), "each byte is explained or awaits more");
    read.is_ok()
}

/// What a server does that HTTP/2 does not allow. The connection cannot be used any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Http2Problem {
    /// Its first frame is not SETTINGS (RFC 9113 §3.4).
    NoSettings,
    /// A frame is longer than the client takes (§4.2).
    LongFrame,
    /// A frame has a length that its type does not allow (§4.2).
    FrameLength,
    /// A frame of a type that belongs to a stream names none, or the reverse (§5.1.1).
    Stream,
    /// A frame names a stream that the client has not opened (§5.1).
    IdleStream,
    /// A header block is interrupted, or goes on without a beginning (§6.10).
    Continuation,
    /// A header block cannot be read (§4.3).
    Compression,
    /// A list of fields is larger than the client takes (§6.5.2).
    LongFields,
    /// More came than a window had room for, or a window became too large (§6.9).
    Window,
    /// A setting has a value that is not allowed (§6.5.2).
    SettingValue,
    /// There is as much padding as payload, or more (§6.1).
    Padding,
    /// A pushed request, which the client has refused (§8.4).
    Push,
    /// An answer is malformed: its fields and frames have no allowed order, or no status (§8.1.1).
    Message,
    /// A field has a name or a value that is not allowed (§8.2).
    Field,
    /// An answer with status 101 (§8.6).
    SwitchedProtocols,
    /// A frame names a stream that the server had ended (§5.1).
    ClosedStream,
    /// A window is enlarged by nothing (§6.9).
    Increment,
    /// The server asks for more acknowledgements than it reads (§10.5).
    Unread,
}

impl Http2Problem {
    /// The code that says so to the server.
    pub(crate) fn code(self) -> ErrorCode {
        match self {
            Http2Problem::LongFrame | Http2Problem::FrameLength => ErrorCode::FRAME_SIZE_ERROR,
            Http2Problem::Compression => ErrorCode::COMPRESSION_ERROR,
            Http2Problem::Window => ErrorCode::FLOW_CONTROL_ERROR,
            Http2Problem::ClosedStream => ErrorCode::STREAM_CLOSED,
            Http2Problem::Unread => ErrorCode::ENHANCE_YOUR_CALM,
            Http2Problem::NoSettings
            | Http2Problem::Stream
            | Http2Problem::IdleStream
            | Http2Problem::Continuation
            | Http2Problem::LongFields
            | Http2Problem::SettingValue
            | Http2Problem::Padding
            | Http2Problem::Push
            | Http2Problem::Message
            | Http2Problem::Field
            | Http2Problem::SwitchedProtocols
            | Http2Problem::Increment => ErrorCode::PROTOCOL_ERROR,
        }
    }
}
