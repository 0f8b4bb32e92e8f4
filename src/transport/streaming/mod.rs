//! Streaming: one HTTP response that never ends, a chunk for each message.
//!
//! The chapter's "streaming" (RFC 6202 §3, "HTTP streaming"): the client asks once and reads on.

mod params;

use crate::client::streaming_response::{Decode, Part, StreamClient};
use crate::client::{ClientHalf, post};
use crate::config::{Fields, Key};
use crate::feed;
use crate::feed::Workload;
use crate::predict::SeriesContext;
use crate::protocol::http1::Target;
use crate::protocol::http1::response::BodyPiece;
use crate::server::Routes;
use crate::server::routes::{Answer, Endpoint, Peer, only_get};
use crate::server::streaming_response::{Writing, respond};
use crate::transport::{SeriesShape, Transport};
use hyper::body::Incoming;
use hyper::{Method, Request};
use params::Params;
use serde_json::Value;
use std::rc::Rc;

/// See the module.
pub(crate) struct Streaming;

impl Transport for Streaming {
    fn name(&self) -> &'static str {
        "streaming"
    }
    fn about(&self) -> &'static str {
        "one HTTP response that never ends, a chunk of it for each update"
    }
    fn keys(&self) -> &'static [Key] {
        params::KEYS
    }
    fn path(&self) -> &'static str {
        "/stream"
    }
    fn own_path(&self, params: &Value) -> Option<String> {
        Params::from_value(params).request.own_path()
    }
    fn parse(&self, fields: &mut Fields) -> Option<Value> {
        params::parse(fields)
    }
    fn refuses(&self, _: &Value, feed: &feed::Spec) -> Option<String> {
        (feed.workload == Workload::Echo).then(|| crate::transport::ONE_WAY.to_owned())
    }
    fn shape(&self, params: &Value, setting: &SeriesContext) -> SeriesShape {
        params::shape(&Params::from_value(params), setting)
    }
    fn mount(&self, _: &Value, path: &str, site: &mut Routes) {
        site.mount(path, Rc::new(Streams));
    }
    fn driver(
        &self,
        params: &Value,
        target: &Target,
        feed: &feed::Spec,
    ) -> Result<Rc<dyn ClientHalf>, String> {
        let params = Params::from_value(params);
        let request = params.request.render(&target.path, &target.authority);
        let client = StreamClient::<Chunks>::driver(request, params.reconnect_ns, feed);
        Ok(post::with_sender(client, &params.request, target, feed))
    }
}

/// A message is a chunk.
struct Chunks;

impl Decode for Chunks {
    fn new(_: &feed::Spec) -> Chunks {
        Chunks
    }
    fn decode(&mut self, piece: BodyPiece<'_>, on: &mut dyn FnMut(Part<'_>)) {
        match piece {
            BodyPiece::Data(bytes) => on(Part::Payload(bytes, bytes.len() as u64)),
            BodyPiece::ChunkEnd => on(Part::End),
        }
    }
    fn lost(&mut self) {}
}

/// The endpoint.
struct Streams;

impl Endpoint for Streams {
    fn answer(&self, request: &Request<Incoming>, peer: &Rc<Peer>) -> Answer {
        if request.method() != Method::GET {
            return Answer::Now(only_get());
        }
        let writing = Writing {
            content_type: "application/octet-stream",
            message: |outgoing| outgoing.bytes,
            heartbeat: (b"", 0),
        };
        Answer::Now(respond(request.headers(), peer, writing))
    }
}
