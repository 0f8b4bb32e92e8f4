//! Polling: a request each turn, answered at once with the latest update or with all that the
//! client has not had.
//!
//! The chapter's "traditional polling". Two engines: `raw`, a request rendered once and a parser
//! over the bytes, for many thousands of clients; `reqwest`, a real application's client, one for
//! each simulated user, observed from outside.

mod client;
mod engine_raw;
mod engine_reqwest;
mod params;
mod server;

use crate::client::ClientHalf;
use crate::config::{Fields, Key};
use crate::feed;
use crate::predict::SeriesContext;
use crate::protocol::http1::Target;
use crate::protocol::http1::head::CHAPTER_PATH;
use crate::server::Routes;
use crate::transport::{SeriesShape, Transport};
use params::Params;
use serde_json::Value;
use std::rc::Rc;

/// See the module.
pub(crate) struct Polling;

impl Transport for Polling {
    fn name(&self) -> &'static str {
        "polling"
    }
    fn about(&self) -> &'static str {
        "an HTTP request each interval, answered at once with the latest update"
    }
    fn keys(&self) -> &'static [Key] {
        params::KEYS
    }
    fn path(&self) -> &'static str {
        CHAPTER_PATH
    }
    fn own_path(&self, params: &Value) -> Option<String> {
        Params::from_value(params).request.own_path()
    }
    fn parse(&self, fields: &mut Fields) -> Option<Value> {
        params::parse(fields)
    }
    fn refuses(&self, params: &Value, feed: &feed::Spec) -> Option<String> {
        params::refuses(&Params::from_value(params), feed)
    }
    fn shape(&self, params: &Value, setting: &SeriesContext) -> SeriesShape {
        params::shape(&Params::from_value(params), setting)
    }
    fn foreign_sockets(&self, params: &Value) -> Option<Key> {
        let reqwest = Params::from_value(params).engine == params::Engine::Reqwest;
        reqwest.then_some(params::ENGINE)
    }
    fn mount(&self, params: &Value, path: &str, site: &mut Routes) {
        site.mount(path, Rc::new(server::Polls::new(&Params::from_value(params))));
    }
    fn driver(
        &self,
        params: &Value,
        target: &Target,
        feed: &feed::Spec,
    ) -> Result<Rc<dyn ClientHalf>, String> {
        client::driver(&Params::from_value(params), target, feed)
    }
}
