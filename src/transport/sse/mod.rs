//! Server-sent events (WHATWG HTML §9.2): one HTTP response that never ends, an event of text for
//! each message, and a reconnect that says what was received.

mod params;
pub mod parser;

use super::http::Piece;
use super::site::{Answer, Endpoint, Peer, only_get};
use super::stream_client::{Decode, Part, StreamClient};
use super::stream_server::{Writing, respond};
use super::subscription::Outgoing;
use super::{Driver, Setting, Shape, Site, Target, Transport, voice};
use crate::feed::{self, Kind, Workload, sequence_text};
use crate::settings::{Fields, Key};
use bytes::{BufMut, Bytes, BytesMut};
use hyper::body::Incoming;
use hyper::{Method, Request};
use params::Params;
use parser::{Found, Parser};
use serde_json::Value;
use std::rc::Rc;

/// See the module.
pub struct Sse;

impl Transport for Sse {
    fn name(&self) -> &'static str {
        "sse"
    }
    fn about(&self) -> &'static str {
        "server-sent events: one HTTP response that never ends, an event for each update"
    }
    fn keys(&self) -> &'static [Key] {
        params::KEYS
    }
    fn path(&self) -> &'static str {
        "/events"
    }
    fn own_path(&self, params: &Value) -> Option<String> {
        Params::from_value(params).request.own_path()
    }
    fn parse(&self, fields: &mut Fields) -> Option<Value> {
        params::parse(fields)
    }
    fn refuses(&self, _: &Value, feed: &feed::Spec) -> Option<String> {
        match (feed.workload, feed.kind) {
            (Workload::Echo, _) => Some(super::ONE_WAY.to_owned()),
            (_, Kind::Binary) => {
                Some("an event stream is text; take payload = \"text\" or \"json\"".to_owned())
            }
            _ => None,
        }
    }
    fn shape(&self, params: &Value, setting: &Setting) -> Shape {
        params::shape(&Params::from_value(params), setting)
    }
    fn mount(&self, params: &Value, path: &str, site: &mut Site) {
        let Params { ids, heartbeat_ns, .. } = Params::from_value(params);
        let message = if ids { event_with_id } else { event };
        let writing = Writing {
            content_type: "text/event-stream",
            message,
            heartbeat: (params::COMMENT, heartbeat_ns),
        };
        site.mount(path, Rc::new(Events(writing)));
    }
    fn driver(
        &self,
        params: &Value,
        target: &Target,
        feed: &feed::Spec,
    ) -> Result<Rc<dyn Driver>, String> {
        let params = Params::from_value(params);
        let request = params.request.render(&target.path, &target.authority);
        let client = StreamClient::<Stream>::driver(request, params.reconnect_ns, feed);
        Ok(voice::beside(client, &params.request, target, feed))
    }
}

/// A message as an event: a `data` line for each of its payloads.
fn event(outgoing: Outgoing) -> Bytes {
    write(&outgoing, BytesMut::with_capacity(outgoing.bytes.len() + 16))
}

/// The same after a line with the place of its last payload, in base 36.
fn event_with_id(outgoing: Outgoing) -> Bytes {
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

/// A message is an event.
struct Stream(Parser);

impl Decode for Stream {
    fn new(feed: &feed::Spec) -> Stream {
        // As many payloads as are likely to be held back together, a mebibyte of them at most.
        let held = (feed.rate_hz * feed.batch_ns as f64 / 1e9 * 2.0) as u64 + 8;
        let bytes = feed::joined_bytes(feed.kind, feed.payload_bytes as usize, held);
        Stream(Parser::keeping(bytes.clamp(u64::from(parser::DATA_KEPT_BYTES), 1 << 20) as u32))
    }
    fn decode(&mut self, piece: Piece<'_>, on: &mut dyn FnMut(Part<'_>)) {
        let Piece::Data(bytes) = piece else { return };
        self.0.feed(bytes, |found| match found {
            Found::Framing(bytes) => on(Part::Framing(bytes)),
            Found::Event(event) => {
                on(Part::Framing(event.sizes.framing));
                on(Part::Payload(event.data, event.sizes.payload));
                on(Part::End);
            }
        });
    }
    fn lost(&mut self) {
        self.0.end();
    }
    fn last_event_id(&self) -> &[u8] {
        self.0.last_event_id()
    }
    fn retry_ms(&self) -> Option<u64> {
        self.0.retry_ms()
    }
}

/// The endpoint.
struct Events(Writing);

impl Endpoint for Events {
    fn answer(&self, request: &Request<Incoming>, peer: &Rc<Peer>) -> Answer {
        if request.method() != Method::GET {
            return Answer::Now(only_get());
        }
        Answer::Now(respond(request.headers(), peer, self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_costs_eight_bytes_and_a_data_line_for_each_payload() {
        let outgoing = |bytes: &'static [u8]| Outgoing {
            bytes: Bytes::from_static(bytes),
            updates: 1,
            last: 37,
        };
        assert_eq!(event(outgoing(b"x")), &b"data: x\n\n"[..]);
        assert_eq!(event(outgoing(b"x\ny")), &b"data: x\ndata: y\n\n"[..]);
        assert_eq!(event_with_id(outgoing(b"x")), &b"id: 0000011\ndata: x\n\n"[..]);
    }
}
