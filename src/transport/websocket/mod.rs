//! WebSocket (RFC 6455): one upgraded connection, a frame for each update, and one for each
//! message that a client sends.
//!
//! Two engines: `raw` renders and parses frames itself, for many thousands of clients;
//! `tungstenite` is the client of a real application, with the same bytes counted.

mod account;
mod client;
mod compressed;
mod conversation;
mod engine_tungstenite;
mod frame_faults;
mod masks;
mod message;
mod params;
mod pending_echo;
mod server;
mod unwritten;
mod upgrade;

use crate::client::ClientHalf;
use crate::config::Key;
use crate::feed::{Spec, Workload};
use crate::predict::SeriesContext;
use crate::protocol::http1::Target;
use crate::protocol::http1::request_options::RequestOptions;
use crate::protocol::http1::request_parts::RequestParts;
use crate::record::TransportKind;
use crate::server::Routes;
use crate::transport::{ClientMemory, Series, SeriesShape, Transport, series_from_json};
pub(crate) use conversation::receive_any_messages;
use engine_tungstenite::TungsteniteEngine;
use params::{Params, WebsocketEngine};
use std::rc::Rc;
pub(crate) use upgrade::read_response;

pub(crate) static TRANSPORT: Transport = Transport {
    name: TransportKind::WebSocket.name(),
    about: "one upgraded connection, on which the server sends a frame for each update",
    keys: params::KEYS,
    path: "/ws",
    parse: |fields| Some(Box::new(params::parse(fields)?)),
    read_json: series_from_json::<Params>,
};

impl Series for Params {
    fn options(&self) -> Option<&RequestOptions> {
        Some(&self.options)
    }
    fn refuses_target(&self, target: &Target) -> Option<String> {
        let of_library = || match self.engine {
            WebsocketEngine::Raw => None,
            WebsocketEngine::Tungstenite => engine_tungstenite::refuses_target(self, target),
        };
        self.options.refuses_path(&target.path).or_else(of_library)
    }
    fn request(&self, target: &Target) -> Option<RequestParts> {
        Some(self.options.upgrade(target))
    }
    fn refuses(&self, feed: &Spec) -> Option<String> {
        let echo = feed.workload == Workload::Echo;
        (self.send.is_some() && !echo).then(|| {
            "`send` is what a client sends in an echo: set workload = \"echo\" in [feed]".to_owned()
        })
    }
    fn needs_other_server(&self) -> Option<(Key, String)> {
        let why = "the bundled one has no such messages";
        let send = self.send.as_ref().map(|_| params::SEND);
        self.conversation.first_key().or(send).map(|key| (key, why.to_owned()))
    }
    fn matches_answers(&self) -> Option<Key> {
        self.send.as_ref().map(|_| params::SEND)
    }
    fn shape(&self, context: &SeriesContext) -> SeriesShape {
        params::shape(self, context)
    }
    fn client_has(&self, key: &str) -> bool {
        self.engine == WebsocketEngine::Tungstenite && key == params::READ_BUFFER.name
    }
    fn memory(&self) -> ClientMemory {
        match self.engine {
            WebsocketEngine::Raw => {
                let deflate = self.options.deflate.as_ref();
                let agreed = deflate.and_then(|offer| offer.select(offer.value()));
                let ClientMemory { driver_bytes, server_bytes } = ClientMemory::UPGRADED;
                agreed.map_or(ClientMemory::UPGRADED, |(params, _)| ClientMemory {
                    driver_bytes: driver_bytes + params.inflater_bytes(),
                    server_bytes: server_bytes + params.deflater_bytes(),
                })
            }
            // A task and the library's buffers: 12.7 kB at 2,000 clients with the default
            // `read_buffer`.
            WebsocketEngine::Tungstenite => {
                let buffer = u64::from(self.read_buffer_bytes);
                ClientMemory { driver_bytes: 12_200 + buffer, ..ClientMemory::UPGRADED }
            }
        }
    }
    fn mount(&self, path: &str, routes: &mut Routes) {
        routes.mount(path, Rc::new(server::UpgradeEndpoint::new(self)));
    }
    fn client_half(&self, target: &Target, feed: &Spec) -> Result<ClientHalf, String> {
        match self.engine {
            WebsocketEngine::Raw => client::client_half(self, target, feed),
            WebsocketEngine::Tungstenite => {
                let engine = TungsteniteEngine::new(self, target, feed)?;
                Ok(ClientHalf::Tasks(Rc::new(engine), None))
            }
        }
    }
}
