//! A transport that nobody needs: a stream in which an exclamation mark stands before each message.
//! With the feature `dummy-transport` alone, by which a test shows that a further transport is its
//! own file and its line in the registry.

use crate::client::ClientHalf;
use crate::client::requests::Requests;
use crate::client::streaming_response::{Decode, Decoded, StreamClients};
use crate::config::Fields;
use crate::feed::{PayloadKind, Spec};
use crate::predict::SeriesContext;
use crate::predict::arithmetic::{chunk_framing, message_bytes, message_down, posted, pushing};
use crate::protocol::http1::Target;
use crate::protocol::http1::head::RequestHead;
use crate::protocol::http1::request_options::RequestSettings;
use crate::protocol::http1::response::BodyPiece;
use crate::server::post::POST_REPLY;
use crate::server::streaming_response::MessageFormat;
use crate::server::{Outgoing, Routes};
use crate::transport::{RECONNECT, Series, SeriesShape, Transport, series_from_json};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::rc::Rc;

pub(crate) static TRANSPORT: Transport = Transport {
    name: "dummy",
    about: "a stream with an exclamation mark before each message: a test of the registry",
    keys: &[RECONNECT],
    path: "/dummy",
    parse: |fields: &mut Fields| {
        Some(Box::new(Params { reconnect_ns: fields.duration_ns(&RECONNECT) }))
    },
    read_json: series_from_json::<Params>,
};

#[derive(Debug, Serialize, Deserialize)]
struct Params {
    reconnect_ns: u64,
}

impl Series for Params {
    fn shape(&self, context: &SeriesContext) -> SeriesShape {
        let exchange = |feed: &Spec, updates| {
            let bytes = message_bytes(feed, updates);
            message_down(bytes, 1 + chunk_framing(bytes.0 + bytes.1 + 1))
        };
        let sent = || posted(&RequestHead::Minimal.into(), context, POST_REPLY);
        let (model, interval_ns) = pushing(context, exchange, sent);
        SeriesShape::pushed(context, model, interval_ns)
    }
    fn mount(&self, path: &str, routes: &mut Routes) {
        let endpoint = MessageFormat {
            content_type: "text/plain",
            message: marked,
            over_http2: None,
            heartbeat: (b"", 0),
        };
        routes.mount(path, Rc::new(endpoint));
    }
    fn client_half(&self, target: &Target, feed: &Spec) -> Result<ClientHalf, String> {
        let request = RequestSettings::from(RequestHead::Minimal);
        let parts = request.request(target, None);
        let requests = Requests::new(parts, &request.options, target)?;
        let decoder = || MarkDecoder { after_mark: false };
        Ok(StreamClients::client_half(requests, self.reconnect_ns, feed, decoder))
    }
}

fn marked(outgoing: Outgoing, _: PayloadKind) -> Bytes {
    [b"!", &outgoing.bytes[..]].concat().into()
}

/// Finds chunks, each of which is a mark and a message.
struct MarkDecoder {
    after_mark: bool,
}

impl Decode for MarkDecoder {
    fn decode(&mut self, piece: BodyPiece<'_>, on: &mut dyn FnMut(Decoded<'_>)) {
        match piece {
            BodyPiece::Data(bytes) | BodyPiece::Plain(bytes) => {
                let mark = usize::from(!self.after_mark).min(bytes.len());
                self.after_mark |= mark == 1;
                on(Decoded::Framing(mark as u64));
                let payload = &bytes[mark..];
                on(Decoded::Payload(payload, payload.len() as u64));
            }
            BodyPiece::ChunkEnd => {
                self.after_mark = false;
                on(Decoded::End);
            }
        }
    }
    fn is_within(&self) -> bool {
        self.after_mark
    }
    fn lost(&mut self) {
        self.after_mark = false;
    }
}
