//! Server-sent events (WHATWG HTML §9.2): one HTTP response that never ends, an event of text for
//! each message, and a reconnect that names the last one received.

use crate::client::requests::Requests;
use crate::client::streaming_response::{Decode, Decoded, StreamClients};
use crate::client::{ClientHalf, post};
use crate::config::Key;
use crate::feed::{self, PayloadKind, Spec, Workload, sequence_text};
use crate::predict::arithmetic::{
    heartbeats, message_bytes, message_down, piece_framing, posted, pushing,
};
use crate::predict::{Exchange, SeriesContext};
use crate::protocol::client_data::{DATA, DATA_SHORT};
use crate::protocol::http1::Target;
use crate::protocol::http1::head;
use crate::protocol::http1::request_options::{
    ACCEPT_ENCODING, COOKIES, HEADERS, HOST, REDIRECTS, RequestSettings,
};
use crate::protocol::http1::response::BodyPiece;
use crate::protocol::http1::success::SUCCESS;
use crate::protocol::http2::options::{HEADER_TABLE, HPACK, HTTP_VERSION, STREAMS};
use crate::protocol::sse::{DATA_KEPT_BYTES, Parser, StreamItem};
use crate::record::{Flow, Ledger, Part, TransportKind};
use crate::server::post::POST_REPLY;
use crate::server::streaming_response::MessageFormat;
use crate::server::{Outgoing, Routes};
use crate::transport::{Series, SeriesShape, Transport, series_from_json};
use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use std::rc::Rc;

const IDS: Key = Key {
    name: "ids",
    default: Some("true"),
    about: "whether each event has an id (12 bytes), so that a reconnect loses nothing",
};
const HEARTBEAT: Key = Key {
    name: "heartbeat",
    default: Some("\"0s\""),
    about: "a comment is sent if nothing else was for this long; 0s: never",
};
const RECONNECT: Key = Key {
    name: "reconnect",
    default: Some("\"1s\""),
    about: "how long a client waits before it connects again after an early close; after an end between two \
            events it connects at once; the server's `retry` goes first",
};

pub(crate) static TRANSPORT: Transport = Transport {
    name: TransportKind::ServerSentEvents.name(),
    about: "server-sent events: one HTTP response that never ends, an event for each update",
    keys: &[
        head::REQUEST,
        IDS,
        HEARTBEAT,
        RECONNECT,
        HEADERS,
        ACCEPT_ENCODING,
        HOST,
        COOKIES,
        SUCCESS,
        REDIRECTS,
        DATA,
        DATA_SHORT,
        HTTP_VERSION,
        STREAMS,
        HPACK,
        HEADER_TABLE,
    ],
    path: "/events",
    parse: |fields| {
        let request = RequestSettings::read_stream(fields);
        let ids = fields.boolean(&IDS);
        let heartbeat_ns = fields.duration_ns_from_or_none(&HEARTBEAT, 10_000_000, "10ms");
        let reconnect_ns = fields.duration_ns(&RECONNECT);
        Some(Box::new(Params { request: request?, ids, heartbeat_ns, reconnect_ns }))
    },
    read_json: series_from_json::<Params>,
};

/// The comment that keeps a connection alive (HTML §9.2.7).
const COMMENT: &[u8] = b":\n\n";
/// The most of an event's data that is kept.
const MOST_DATA_BYTES: u32 = 1 << 20;
/// `id: `, seven digits, line feed.
const ID_BYTES: u64 = 12;
/// `data: ` and the line feed of each payload.
const LINE_BYTES: u64 = 7;

/// Validated and complete settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Params {
    /// The request.
    #[serde(flatten)]
    request: RequestSettings,
    /// Whether events have ids.
    ids: bool,
    /// Nanoseconds of silence before a heartbeat; 0 for none.
    heartbeat_ns: u64,
    /// Nanoseconds between an early close and the next connect.
    reconnect_ns: u64,
}

impl Series for Params {
    fn request_settings(&self) -> Option<&RequestSettings> {
        Some(&self.request)
    }
    fn accept(&self) -> Option<&'static str> {
        Some("text/event-stream")
    }
    fn refuses(&self, feed: &Spec) -> Option<String> {
        match (feed.workload, feed.kind) {
            (Workload::Echo, _) => Some(crate::transport::ONE_WAY.to_owned()),
            (_, PayloadKind::Binary) => {
                Some("an event stream is text; take payload = \"text\" or \"json\"".to_owned())
            }
            _ => None,
        }
    }
    fn shape(&self, context: &SeriesContext) -> SeriesShape {
        let http2 = self.is_http2();
        // Heads belong to the set-up.
        let exchange = |feed: &Spec, updates| {
            let bytes = message_bytes(feed, updates);
            let event = self.event_framing(updates);
            message_down(bytes, event + piece_framing(http2, bytes.0 + bytes.1 + event))
        };
        let sent = || posted(&self.request, context, POST_REPLY);
        let (mut model, interval_ns) = pushing(context, exchange, sent);
        let hz = model.messages_hz.unwrap_or(0.0);
        model.idle = heartbeats(&context.feed, hz, self.heartbeat_ns, heartbeat(http2));
        SeriesShape::pushed(context, model, interval_ns).over_http2(self.is_http2())
    }
    fn mount(&self, path: &str, routes: &mut Routes) {
        let message = if self.ids { event_with_id } else { event };
        let endpoint = MessageFormat {
            content_type: "text/event-stream",
            message,
            over_http2: None,
            heartbeat: (COMMENT, self.heartbeat_ns),
        };
        routes.mount(path, Rc::new(endpoint));
    }
    fn client_half(&self, target: &Target, feed: &Spec) -> Result<ClientHalf, String> {
        let RequestSettings { options, .. } = &self.request;
        let parts = self.request.request(target, Some("text/event-stream"));
        let requests = Requests::new(parts, options, target)?;
        let spec = *feed;
        let clients = StreamClients::client_half(requests, self.reconnect_ns, feed, move || {
            EventDecoder::new(&spec)
        });
        post::with_sender(clients, &self.request, target, feed)
    }
}

impl Params {
    /// Returns the bytes of an event around its payloads: a line each, the empty line, perhaps an
    /// id. Line feeds between payloads are separators and are counted elsewhere.
    fn event_framing(&self, updates: u32) -> u64 {
        let lines = LINE_BYTES * u64::from(updates) - u64::from(updates - 1);
        lines + 1 + if self.ids { ID_BYTES } else { 0 }
    }
}

/// Returns the cost of a comment and its chunk.
fn heartbeat(http2: bool) -> Exchange {
    let bytes = COMMENT.len() as u64;
    let down = Flow::of([(Part::Control, bytes), (Part::Framing, piece_framing(http2, bytes))]);
    let ledger = Ledger { up: Flow::default(), down };
    Exchange { ledger, segments_up: 1, segments_down: 1 }
}

/// Renders a message as an event: a `data` line for each of its payloads.
fn event(outgoing: Outgoing, _: PayloadKind) -> Bytes {
    write(&outgoing, BytesMut::with_capacity(outgoing.bytes.len() + 16))
}

/// Renders the same after a line with the number of its last payload, in base 36.
fn event_with_id(outgoing: Outgoing, _: PayloadKind) -> Bytes {
    let mut out = BytesMut::with_capacity(outgoing.bytes.len() + 32);
    out.put_slice(b"id: ");
    out.put_slice(sequence_text(outgoing.last).as_bytes());
    out.put_slice(b"\n");
    write(&outgoing, out)
}

fn write(outgoing: &Outgoing, mut out: BytesMut) -> Bytes {
    for line in outgoing.bytes.split(|&b| b == b'\n') {
        out.put_slice(b"data: ");
        out.put_slice(line);
        out.put_slice(b"\n");
    }
    out.put_slice(b"\n");
    out.freeze()
}

/// Finds events, each of which is a message.
struct EventDecoder(Parser);

impl EventDecoder {
    fn new(feed: &Spec) -> EventDecoder {
        // As many payloads as are likely to be held back together, a mebibyte of them at most.
        let held = (feed.rate_hz * feed.batch_ns as f64 / 1e9 * 2.0) as u64 + 8;
        let bytes = feed::joined_bytes(feed.kind, feed.payload_bytes as usize, held);
        EventDecoder(Parser::keeping(
            bytes.clamp(u64::from(DATA_KEPT_BYTES), MOST_DATA_BYTES.into()) as u32,
        ))
    }
}

impl Decode for EventDecoder {
    fn decode(&mut self, piece: BodyPiece<'_>, on: &mut dyn FnMut(Decoded<'_>)) {
        let Some(bytes) = piece.bytes() else { return };
        self.0.feed(bytes, |found| match found {
            StreamItem::Framing(bytes) => on(Decoded::Between(bytes)),
            StreamItem::Control(bytes) => on(Decoded::Control(bytes)),
            StreamItem::Event(event) => {
                if event.sizes.control > 0 {
                    on(Decoded::Control(event.sizes.control));
                }
                on(Decoded::Framing(event.sizes.framing));
                on(Decoded::Payload(event.data, event.sizes.payload));
                on(Decoded::End);
            }
        });
    }
    fn expect_any_size(&mut self) {
        self.0.keep(MOST_DATA_BYTES);
    }
    fn is_within(&self) -> bool {
        self.0.pending() > 0
    }
    fn would_lose(&self) -> bool {
        self.0.would_lose()
    }
    fn lost(&mut self) {
        self.0.end();
    }
    fn last_event_id(&self) -> &[u8] {
        self.0.last_event_id()
    }
    fn unknown_field(&self) -> Option<&[u8]> {
        self.0.unknown_field()
    }
    fn needs_event_stream(&self) -> bool {
        true
    }
    fn retry_ms(&self) -> Option<u64> {
        self.0.retry_ms()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_costs_eight_bytes_and_a_data_line_for_each_payload() {
        const TEXT: PayloadKind = PayloadKind::Text;
        let outgoing = |bytes: &'static [u8]| Outgoing {
            bytes: Bytes::from_static(bytes),
            updates: 1,
            last: 37,
        };
        assert_eq!(event(outgoing(b"x"), TEXT), &b"data: x\n\n"[..]);
        assert_eq!(event(outgoing(b"x\ny"), TEXT), &b"data: x\ndata: y\n\n"[..]);
        assert_eq!(event_with_id(outgoing(b"x"), TEXT), &b"id: 0000011\ndata: x\n\n"[..]);
    }
}
