//! What heads cost over HTTP/2: the first one of a connection, and those that follow once it has carried the same ones.
//!
//! Requests by the client's own encoder, answers by the rules of the `h2` that the reference server is built with.

use crate::protocol::http2::connection::{Http2Connection, Http2Options};
use crate::protocol::http2::fields::{FieldList, PreparedFields};
use crate::protocol::http2::frame::FRAME_HEADER_BYTES;
use crate::protocol::http2::hpack::{Encoder, HpackPolicy};
use crate::protocol::http2::message::request_fields;
use crate::record::{Flow, Part};

/// A head as it is the first time on a connection, and once that has carried the same one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RepeatedHead {
    /// The first time.
    pub first: Flow,
    /// Later.
    pub later: Flow,
}

/// Returns the head whose header block has these fields.
fn repeated_head(policy: HpackPolicy, table_bytes: u32, fields: FieldList) -> RepeatedHead {
    let mut encoder = Encoder::new(policy);
    encoder.allow(table_bytes as usize);
    let fields = PreparedFields::new(fields);
    let mut block = Vec::new();
    let mut next = || {
        block.clear();
        encoder.encode(&fields, &mut block);
        let block_bytes = block.len() as u64;
        Flow::of([(Part::Heads, block_bytes), (Part::Framing, FRAME_HEADER_BYTES as u64)])
            .with_head_chars(block_bytes)
    };
    RepeatedHead { first: next(), later: next() }
}

/// Returns the bytes with which a client begins a connection: the preface, its settings and the connection's window.
pub(crate) fn beginning_bytes(options: Http2Options) -> u64 {
    let mut out = Vec::new();
    Http2Connection::new(options).begin(&mut out);
    out.len() as u64
}

/// Returns the head of a request without a body; `None` if it is none.
pub(crate) fn repeated_request(
    head: &[u8],
    policy: HpackPolicy,
    tls: bool,
) -> Option<RepeatedHead> {
    // The decoder of a server has the default size.
    Some(repeated_head(policy, 4_096, request_fields(head, tls)?))
}

/// Returns the head of an answer with status 200 and these fields. `table_bytes` is the client's table.
pub(crate) fn repeated_answer<'a>(
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    table_bytes: u32,
) -> RepeatedHead {
    let mut list = FieldList::default();
    list.push(b":status", b"200");
    fields.for_each(|(name, value)| list.push(name, value));
    repeated_head(HpackPolicy::OfH2, table_bytes, list)
}
