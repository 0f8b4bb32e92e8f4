//! WebSocket (RFC 6455): one upgraded connection, a frame for each update, and one for each
//! message that a client sends.

mod client;
mod echo;
mod params;
mod scanned;
mod server;

use crate::client::ClientHalf;
use crate::config::{Fields, Key};
use crate::feed;
use crate::predict::SeriesContext;
use crate::protocol::http1::Target;
use crate::server::Routes;
use crate::transport::{SeriesShape, Transport};
use params::Params;
use serde_json::Value;
use std::rc::Rc;

/// See the module.
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
    fn parse(&self, fields: &mut Fields) -> Option<Value> {
        params::parse(fields)
    }
    fn refuses(&self, _: &Value, _: &feed::Spec) -> Option<String> {
        None
    }
    fn shape(&self, params: &Value, setting: &SeriesContext) -> SeriesShape {
        params::shape(&Params::from_value(params), setting)
    }
    fn mount(&self, params: &Value, path: &str, site: &mut Routes) {
        site.mount(path, Rc::new(server::Upgrades::new(&Params::from_value(params))));
    }
    fn driver(
        &self,
        params: &Value,
        target: &Target,
        feed: &feed::Spec,
    ) -> Result<Rc<dyn ClientHalf>, String> {
        Ok(client::driver(&Params::from_value(params), target, feed))
    }
}
