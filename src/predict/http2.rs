//! What heads cost over HTTP/2 once a connection has carried the same ones before: all but the first time.
//!
//! Requests by the client's own encoder, answers by the rules of the `h2` that the reference server is built with.

use crate::protocol::http2::fields::{FieldList, PreparedFields};
use crate::protocol::http2::frame::FRAME_HEADER_BYTES;
use crate::protocol::http2::hpack::{Encoder, HpackPolicy};
use crate::protocol::http2::message::request_fields;
use crate::record::{Flow, Part};

/// Returns the sizes of the header blocks of a list that is sent twice: the first and the second.
fn blocks(policy: HpackPolicy, table_bytes: u32, fields: FieldList) -> [u64; 2] {
    let mut encoder = Encoder::new(policy);
    encoder.allow(table_bytes as usize);
    // The new size of the table is said in the block of the settings' acknowledgement, before these.
    let mut out = Vec::new();
    encoder.encode(&PreparedFields::default(), &mut out);
    let fields = PreparedFields::new(fields);
    [0, 1].map(|_| {
        out.clear();
        encoder.encode(&fields, &mut out);
        out.len() as u64
    })
}

fn flow(block: u64) -> Flow {
    let framing = FRAME_HEADER_BYTES as u64;
    Flow::of([(Part::Heads, block), (Part::Framing, framing)]).with_head_chars(block)
}

/// Returns the head of a request without a body: of the first one on a connection, and of each later one. `None` if
/// it is none.
pub(crate) fn request_flows(head: &[u8], policy: HpackPolicy) -> Option<[Flow; 2]> {
    // Both schemes are in the static table.
    let fields = request_fields(head, false)?;
    // A client does not know the server's table before its first request, and has one of the default size.
    Some(blocks(policy, 4_096, fields).map(flow))
}

/// Returns the head of an answer with status 200 and these fields: of the first one on a connection, and of each
/// later one. `table_bytes` is the client's table.
pub(crate) fn answer_flows<'a>(
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    table_bytes: u32,
) -> [Flow; 2] {
    let mut list = FieldList::default();
    list.push(b":status", b"200");
    fields.for_each(|(name, value)| list.push(name, value));
    blocks(HpackPolicy::OfH2, table_bytes, list).map(flow)
}
