//! What heads cost over HTTP/2 once a connection has carried the same ones before: all but the first time.
//!
//! Requests by the client's own encoder, answers by the rules of the `h2` that the reference server is built with.

use crate::protocol::http2::fields::{FieldList, PreparedFields};
use crate::protocol::http2::frame::FRAME_HEADER_BYTES;
use crate::protocol::http2::hpack::{Encoder, HpackPolicy};
use crate::protocol::http2::message::request_fields;
use crate::record::{Flow, Part};

/// Returns the head whose header block has these fields, as it is once the connection has carried the same ones.
fn steady_head(policy: HpackPolicy, table_bytes: u32, fields: FieldList) -> Flow {
    let mut encoder = Encoder::new(policy);
    encoder.allow(table_bytes as usize);
    let fields = PreparedFields::new(fields);
    let mut block = Vec::new();
    encoder.encode(&fields, &mut block);
    block.clear();
    encoder.encode(&fields, &mut block);
    let block_bytes = block.len() as u64;
    Flow::of([(Part::Heads, block_bytes), (Part::Framing, FRAME_HEADER_BYTES as u64)])
        .with_head_chars(block_bytes)
}

/// Returns the head of a request without a body; `None` if it is none.
pub(crate) fn steady_request(head: &[u8], policy: HpackPolicy) -> Option<Flow> {
    // Both schemes are in the static table, and the reference server's decoder has the default size.
    Some(steady_head(policy, 4_096, request_fields(head, false)?))
}

/// Returns the head of an answer with status 200 and these fields. `table_bytes` is the client's table.
pub(crate) fn steady_answer<'a>(
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    table_bytes: u32,
) -> Flow {
    let mut list = FieldList::default();
    list.push(b":status", b"200");
    fields.for_each(|(name, value)| list.push(name, value));
    steady_head(HpackPolicy::OfH2, table_bytes, list)
}
