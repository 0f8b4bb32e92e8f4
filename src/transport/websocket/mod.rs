//! WebSocket (RFC 6455): one upgraded connection, a frame for each update, and one for each
//! message that a client sends.

mod client;
mod connection;
mod message;
mod params;
mod scanned;
mod server;
mod upgrade;

use crate::client::ClientHalf;
use crate::config::{Fields, Key};
use crate::feed;
use crate::predict::SeriesContext;
use crate::protocol::http1::Target;
use crate::server::Routes;
use crate::transport::{ClientMemory, Series, SeriesShape, Transport, series_from_json};
use params::Params;
use serde_json::Value;
use std::rc::Rc;

/// The transport.
pub(crate) struct WebSocket;

impl Transport for WebSocket {
    fn name(&self) -> &'static str {
        "websocket"
    }
    fn about(&self) -> &'static str {
        "one upgraded connection, on which the server sends a frame for each update"
    }
    fn keys(&self) -> &'static [Key] {
        params::KEYS
    }
    fn path(&self) -> &'static str {
        "/ws"
    }
    fn parse(&self, fields: &mut Fields) -> Option<Box<dyn Series>> {
        Some(Box::new(params::parse(fields)?))
    }
    fn read_json(&self, settings: Value) -> Result<Box<dyn Series>, String> {
        series_from_json::<Params>(settings)
    }
}

impl Series for Params {
    fn refuses(&self, _: &feed::Spec) -> Option<String> {
        None
    }
    fn shape(&self, context: &SeriesContext) -> SeriesShape {
        params::shape(self, context)
    }
    fn memory(&self) -> ClientMemory {
        ClientMemory::UPGRADED
    }
    fn mount(&self, path: &str, routes: &mut Routes) {
        routes.mount(path, Rc::new(server::UpgradeEndpoint::new(self)));
    }
    fn client_half(
        &self,
        target: &Target,
        feed: &feed::Spec,
    ) -> Result<Rc<dyn ClientHalf>, String> {
        Ok(client::client_half(self, target, feed))
    }
}
