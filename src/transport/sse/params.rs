//! The settings of server-sent events and their arithmetic.

use crate::config::{Fields, Key};
use crate::feed::Spec;
use crate::predict::Exchange;
use crate::predict::SeriesContext;
use crate::predict::arithmetic::{
    chunk_framing, heartbeats, message_bytes, message_down, posted, pushing,
};
use crate::protocol::http1::head;
use crate::protocol::http1::head::RequestHead;
use crate::record::{Flow, Ledger, Part};
use crate::server::post::POST_REPLY;
use crate::transport::SeriesShape;
use serde::{Deserialize, Serialize};

const IDS: Key = Key {
    name: "ids",
    default: Some("true"),
    about: "whether each event has an id (12 bytes), so that a reconnect loses nothing",
};
const HEARTBEAT: Key = Key {
    name: "heartbeat",
    default: Some("\"0s\""),
    about: "a comment is sent where nothing else was for this long; 0s: never",
};
const RECONNECT: Key = Key {
    name: "reconnect",
    default: Some("\"1s\""),
    about: "how long a client waits before it connects again; the server's `retry` goes first",
};

/// Every setting.
pub(crate) const KEYS: &[Key] = &[head::REQUEST, IDS, HEARTBEAT, RECONNECT];

/// The comment that keeps a connection alive (HTML §9.2.7).
pub(crate) const COMMENT: &[u8] = b":\n\n";
/// `id: `, seven digits, line feed.
const ID_BYTES: u64 = 12;
/// `data: ` and the line feed of each payload.
const LINE_BYTES: u64 = 7;

/// Validated and complete settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Params {
    /// The request's head.
    pub request: RequestHead,
    /// Whether events have ids.
    pub ids: bool,
    /// Nanoseconds of silence before a heartbeat; 0 for none.
    pub heartbeat_ns: u64,
    /// Nanoseconds between an early close and the next connect.
    pub reconnect_ns: u64,
}

/// Reads the settings of a series; `None` if one of them cannot be used.
pub(crate) fn parse(fields: &mut Fields) -> Option<Params> {
    let request = head::read_request(fields);
    let ids = fields.boolean(&IDS);
    let heartbeat_ns = fields.duration_ns(&HEARTBEAT);
    let reconnect_ns = fields.duration_ns(&RECONNECT);
    Some(Params { request: request?, ids, heartbeat_ns, reconnect_ns })
}

/// Returns the bytes of an event around its payloads: a line each, the empty line, perhaps an id.
/// Line feeds between payloads are separators and are counted elsewhere.
fn event_framing(params: &Params, updates: u32) -> u64 {
    let lines = LINE_BYTES * u64::from(updates) - u64::from(updates - 1);
    lines + 1 + if params.ids { ID_BYTES } else { 0 }
}

/// Returns what a series with these settings does. Heads belong to the set-up.
pub(crate) fn shape(params: &Params, context: &SeriesContext) -> SeriesShape {
    let exchange = |feed: &Spec, updates| {
        let bytes = message_bytes(feed, updates);
        let event = event_framing(params, updates);
        message_down(bytes, event + chunk_framing(bytes.0 + bytes.1 + event))
    };
    let sent = || posted(&params.request, context, POST_REPLY);
    let (mut model, interval_ns) = pushing(context, exchange, sent);
    let hz = model.messages_hz.unwrap_or(0.0);
    model.idle = heartbeats(&context.feed, hz, params.heartbeat_ns, heartbeat());
    SeriesShape::pushed(context, model, interval_ns)
}

/// Returns the cost of a comment and its chunk.
fn heartbeat() -> Exchange {
    let bytes = COMMENT.len() as u64;
    let down = Flow::of([(Part::Framing, bytes + chunk_framing(bytes))]);
    let ledger = Ledger { up: Flow::default(), down };
    Exchange { ledger, segments_up: 1, segments_down: 1 }
}
