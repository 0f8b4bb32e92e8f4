//! Long polling: a request that the server holds until there is an update, and the next one at
//! once.
//!
//! The chapter's "long polling", RFC 6202 §2. A client always has one request under way.

mod client;
mod params;
mod server;

use crate::client::{ClientHalf, post};
use crate::config::Key;
use crate::feed::Spec;
use crate::predict::SeriesContext;
use crate::protocol::http1::Target;
use crate::protocol::http1::position::{CONDITIONAL, CURSOR, PositionSettings};
use crate::protocol::http1::request_options::RequestSettings;
use crate::record::TransportKind;
use crate::server::Routes;
use crate::transport::{Series, SeriesShape, Transport, series_from_json};
use params::Params;
use std::rc::Rc;

pub(crate) static TRANSPORT: Transport = Transport {
    name: TransportKind::LongPolling.name(),
    about: "an HTTP request that is held until there is an update, and the next one at once",
    keys: params::KEYS,
    // As long as the path of polling, so that the chapter's heads have the same size.
    path: "/LongPollTick//LongPollTick",
    parse: |fields| Some(Box::new(params::parse(fields)?)),
    read_json: series_from_json::<Params>,
};

impl Series for Params {
    fn request_settings(&self) -> Option<&RequestSettings> {
        Some(&self.request)
    }
    fn needs_other_server(&self) -> Option<(Key, String)> {
        let why = |what: &str| format!("the answers of the bundled one have no {what}");
        match &self.position {
            PositionSettings { cursor: Some(_), .. } => Some((CURSOR, why("cursor"))),
            PositionSettings { conditional: true, .. } => Some((CONDITIONAL, why("ETag"))),
            _ => None,
        }
    }
    fn shape(&self, context: &SeriesContext) -> SeriesShape {
        params::shape(self, context)
    }
    fn mount(&self, path: &str, routes: &mut Routes) {
        routes.mount(path, Rc::new(server::LongPollEndpoint::new(self)));
    }
    fn client_half(&self, target: &Target, feed: &Spec) -> Result<ClientHalf, String> {
        let clients = client::client_half(self, target, feed)?;
        post::with_sender(clients, &self.request, target, feed)
    }
}
