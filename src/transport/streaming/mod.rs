//! Streaming: one HTTP response that never ends, a chunk for each message.
//!
//! The chapter's "streaming" (RFC 6202 §3, "HTTP streaming"): the client sends one request and reads on.

mod params;

use crate::client::streaming_response::{Decode, Decoded, StreamClients};
use crate::client::{ClientHalf, post};
use crate::feed;
use crate::predict::SeriesContext;
use crate::protocol::http1::Target;
use crate::protocol::http1::response::BodyPiece;
use crate::server::Routes;
use crate::server::streaming_response::MessageFormat;
use crate::transport::{Series, SeriesShape, Transport, series_from_json};
use params::Params;
use std::rc::Rc;

pub(crate) static TRANSPORT: Transport = Transport {
    name: "streaming",
    about: "one HTTP response that never ends, a chunk of it for each update",
    keys: params::KEYS,
    path: "/stream",
    parse: |fields| Some(Box::new(params::parse(fields)?)),
    read_json: series_from_json::<Params>,
};

impl Series for Params {
    fn own_path(&self) -> Option<String> {
        self.request.own_path()
    }
    fn shape(&self, context: &SeriesContext) -> SeriesShape {
        params::shape(self, context)
    }
    fn mount(&self, path: &str, routes: &mut Routes) {
        let endpoint = MessageFormat {
            content_type: "application/octet-stream",
            message: |outgoing| outgoing.bytes,
            heartbeat: (b"", 0),
        };
        routes.mount(path, Rc::new(endpoint));
    }
    fn client_half(
        &self,
        target: &Target,
        feed: &feed::Spec,
    ) -> Result<Rc<dyn ClientHalf>, String> {
        let request = self.request.render(&target.path, &target.authority);
        let clients = StreamClients::<ChunkDecoder>::client_half(request, self.reconnect_ns, feed);
        Ok(post::with_sender(clients, &self.request, target, feed))
    }
}

/// Finds chunks, each of which is a message.
struct ChunkDecoder;

impl Decode for ChunkDecoder {
    fn new(_: &feed::Spec) -> ChunkDecoder {
        ChunkDecoder
    }
    fn decode(&mut self, piece: BodyPiece<'_>, on: &mut dyn FnMut(Decoded<'_>)) {
        match piece {
            BodyPiece::Data(bytes) => on(Decoded::Payload(bytes, bytes.len() as u64)),
            BodyPiece::ChunkEnd => on(Decoded::End),
        }
    }
    fn lost(&mut self) {}
}
