//! Server-sent events (WHATWG HTML §9.2): one HTTP response that never ends, an event of text for
//! each message, and a reconnect that names the last one received.

mod params;

use crate::client::streaming_response::{Decode, Decoded, StreamClients};
use crate::client::{ClientHalf, post};
use crate::feed;
use crate::feed::{PayloadKind, Workload, sequence_text};
use crate::predict::SeriesContext;
use crate::protocol::http1::Target;
use crate::protocol::http1::response::BodyPiece;
use crate::protocol::sse::{DATA_KEPT_BYTES, Parser, StreamItem};
use crate::server::Outgoing;
use crate::server::Routes;
use crate::server::streaming_response::MessageFormat;
use crate::transport::{Series, SeriesShape, Transport, series_from_json};
use bytes::{BufMut, Bytes, BytesMut};
use params::Params;
use std::rc::Rc;

pub(crate) static TRANSPORT: Transport = Transport {
    name: "sse",
    about: "server-sent events: one HTTP response that never ends, an event for each update",
    keys: params::KEYS,
    path: "/events",
    parse: |fields| Some(Box::new(params::parse(fields)?)),
    read_json: series_from_json::<Params>,
};

impl Series for Params {
    fn own_path(&self) -> Option<String> {
        self.request.own_path()
    }
    fn refuses(&self, feed: &feed::Spec) -> Option<String> {
        match (feed.workload, feed.kind) {
            (Workload::Echo, _) => Some(crate::transport::ONE_WAY.to_owned()),
            (_, PayloadKind::Binary) => {
                Some("an event stream is text; take payload = \"text\" or \"json\"".to_owned())
            }
            _ => None,
        }
    }
    fn shape(&self, context: &SeriesContext) -> SeriesShape {
        params::shape(self, context)
    }
    fn mount(&self, path: &str, routes: &mut Routes) {
        let message = if self.ids { event_with_id } else { event };
        let endpoint = MessageFormat {
            content_type: "text/event-stream",
            message,
            heartbeat: (params::COMMENT, self.heartbeat_ns),
        };
        routes.mount(path, Rc::new(endpoint));
    }
    fn client_half(
        &self,
        target: &Target,
        feed: &feed::Spec,
    ) -> Result<Rc<dyn ClientHalf>, String> {
        let request = self.request.render(&target.path, &target.authority);
        let clients = StreamClients::<EventDecoder>::client_half(request, self.reconnect_ns, feed);
        Ok(post::with_sender(clients, &self.request, target, feed))
    }
}

/// Renders a message as an event: a `data` line for each of its payloads.
fn event(outgoing: Outgoing) -> Bytes {
    write(&outgoing, BytesMut::with_capacity(outgoing.bytes.len() + 16))
}

/// Renders the same after a line with the number of its last payload, in base 36.
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

/// Finds events, each of which is a message.
struct EventDecoder(Parser);

impl Decode for EventDecoder {
    fn new(feed: &feed::Spec) -> EventDecoder {
        // As many payloads as are likely to be held back together, a mebibyte of them at most.
        let held = (feed.rate_hz * feed.batch_ns as f64 / 1e9 * 2.0) as u64 + 8;
        let bytes = feed::joined_bytes(feed.kind, feed.payload_bytes as usize, held);
        EventDecoder(Parser::keeping(bytes.clamp(u64::from(DATA_KEPT_BYTES), 1 << 20) as u32))
    }
    fn decode(&mut self, piece: BodyPiece<'_>, on: &mut dyn FnMut(Decoded<'_>)) {
        let BodyPiece::Data(bytes) = piece else { return };
        self.0.feed(bytes, |found| match found {
            StreamItem::Framing(bytes) => on(Decoded::Framing(bytes)),
            StreamItem::Event(event) => {
                on(Decoded::Framing(event.sizes.framing));
                on(Decoded::Payload(event.data, event.sizes.payload));
                on(Decoded::End);
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
