//! Streaming: one HTTP response that never ends, a chunk for each message.
//!
//! The chapter's "streaming" (RFC 6202 §3, "HTTP streaming"): the client sends one request and reads on.

mod any_body;
mod chunk_texts;
mod cutter;
mod decoder;
mod delimiter;

use crate::client::requests::Requests;
use crate::client::streaming_response::StreamClients;
use crate::client::{ClientHalf, post};
use crate::config::Key;
use crate::feed::Spec;
use crate::predict::SeriesContext;
use crate::predict::arithmetic::{chunk_framing, message_bytes, message_down, posted, pushing};
use crate::protocol::client_data::{DATA, DATA_SHORT};
use crate::protocol::http1::Target;
use crate::protocol::http1::head;
use crate::protocol::http1::request_options::{
    ACCEPT_ENCODING, COOKIES, HEADERS, HOST, REDIRECTS, RequestSettings,
};
use crate::protocol::http1::success::SUCCESS;
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
    ],
    path: "/stream",
    parse: |fields| {
        let request = RequestSettings::read_stream(fields);
        let delimiter = delimiter::read(fields);
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
            message_down(bytes, chunk_framing(bytes.0 + bytes.1))
        };
        let sent = || posted(&self.request, context, POST_REPLY);
        let (model, interval_ns) = pushing(context, exchange, sent);
        SeriesShape::pushed(context, model, interval_ns)
    }
    fn mount(&self, path: &str, routes: &mut Routes) {
        let endpoint = MessageFormat {
            content_type: "application/octet-stream",
            message: |outgoing| outgoing.bytes,
            heartbeat: (b"", 0),
        };
        routes.mount(path, Rc::new(endpoint));
    }
    fn client_half(&self, target: &Target, feed: &Spec) -> Result<ClientHalf, String> {
        let RequestSettings { options, .. } = &self.request;
        let parts = self.request.request(target, None);
        let requests = Requests::new(parts, options, &target.authority)?;
        let spec = *feed;
        let delimiter = self.delimiter.clone();
        let clients = StreamClients::client_half(requests, self.reconnect_ns, feed, move || {
            MessageDecoder::new(&spec, &delimiter)
        });
        post::with_sender(clients, &self.request, target, feed)
    }
}
