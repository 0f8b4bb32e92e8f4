//! Streaming: one HTTP response that never ends, a chunk for each message.
//!
//! The chapter's "streaming" (RFC 6202 §3, "HTTP streaming"): the client sends one request and reads on.

mod any_body;
mod chunk_texts;
mod cutter;
mod decoder;
mod delimiter;
mod framing;

use crate::client::requests::Requests;
use crate::client::streaming_response::StreamClients;
use crate::client::{ClientHalf, post};
use crate::config::Key;
use crate::feed::Spec;
use crate::predict::SeriesContext;
use crate::predict::arithmetic::{message_bytes, message_down, piece_framing, posted, pushing};
use crate::protocol::client_data::{DATA, DATA_SHORT};
use crate::protocol::http1::Target;
use crate::protocol::http1::head;
use crate::protocol::http1::request_options::{
    ACCEPT_ENCODING, COOKIES, HEADERS, HOST, REDIRECTS, RequestSettings,
};
use crate::protocol::http1::success::SUCCESS;
use crate::protocol::http2::options::{HEADER_TABLE, HPACK, HTTP_VERSION, STREAMS};
use crate::record::TransportKind;
use crate::server::Routes;
use crate::server::post::POST_REPLY;
use crate::server::streaming_response::MessageFormat;
use crate::transport::streaming::decoder::MessageDecoder;
use crate::transport::streaming::delimiter::{DELIMITER, Delimiter};
use crate::transport::{RECONNECT, Series, SeriesShape, Transport, series_from_json};
use serde::{Deserialize, Serialize};
use std::rc::Rc;

pub(crate) use any_body::read_any_body;

pub(crate) static TRANSPORT: Transport = Transport {
    name: TransportKind::Streaming.name(),
    about: "one HTTP response that never ends, a chunk of it for each update",
    keys: &[
        head::REQUEST,
        DELIMITER,
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
    path: "/stream",
    parse: |fields| {
        let request = RequestSettings::read_stream(fields);
        let delimiter = delimiter::read(fields);
        let http2 = request.as_ref().is_some_and(|request| request.options.http2.is_some());
        if http2 && delimiter == Delimiter::Chunk {
            let why = "a body over HTTP/2 has no chunks: take \"line\" or a table";
            fields.report(&DELIMITER, why);
        }
        let reconnect_ns = fields.duration_ns(&RECONNECT);
        Some(Box::new(Params { request: request?, delimiter, reconnect_ns }))
    },
    read_json: series_from_json::<Params>,
};

/// Validated and complete settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Params {
    /// The request.
    #[serde(flatten)]
    request: RequestSettings,
    /// What ends a message.
    #[serde(default, skip_serializing_if = "Delimiter::is_auto")]
    delimiter: Delimiter,
    /// Nanoseconds between an early close and the next connect.
    reconnect_ns: u64,
}

impl Series for Params {
    fn request_settings(&self) -> Option<&RequestSettings> {
        Some(&self.request)
    }
    fn needs_other_server(&self) -> Option<(Key, String)> {
        let why = "the bundled one sends a chunk for each message";
        let other = !matches!(self.delimiter, Delimiter::Auto | Delimiter::Chunk);
        other.then(|| (DELIMITER, why.to_owned()))
    }
    fn shape(&self, context: &SeriesContext) -> SeriesShape {
        // Heads belong to the set-up.
        let exchange = |feed: &Spec, updates| {
            let bytes = message_bytes(feed, updates);
            let more = if self.is_http2() { framing::bytes_over_http2(feed.kind) } else { 0 };
            message_down(bytes, more + piece_framing(self.is_http2(), bytes.0 + bytes.1 + more))
        };
        let sent = || posted(&self.request, context, POST_REPLY);
        let (model, interval_ns) = pushing(context, exchange, sent);
        SeriesShape::pushed(context, model, interval_ns).over_http2(self.is_http2())
    }
    fn mount(&self, path: &str, routes: &mut Routes) {
        let endpoint = MessageFormat {
            content_type: "application/octet-stream",
            message: |outgoing, _| outgoing.bytes,
            over_http2: Some(framing::write),
            heartbeat: (b"", 0),
        };
        routes.mount(path, Rc::new(endpoint));
    }
    fn client_half(&self, target: &Target, feed: &Spec) -> Result<ClientHalf, String> {
        let RequestSettings { options, .. } = &self.request;
        let parts = self.request.request(target, None);
        let requests = Requests::new(parts, options, target)?;
        let spec = *feed;
        let own = self.is_http2() && target.bundled;
        let delimiter = if own { framing::delimiter(feed.kind) } else { self.delimiter.clone() };
        let clients = StreamClients::client_half(requests, self.reconnect_ns, feed, move || {
            MessageDecoder::new(&spec, &delimiter)
        });
        post::with_sender(clients, &self.request, target, feed)
    }
}
