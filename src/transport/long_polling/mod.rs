//! Long polling: a request that the server holds until there is an update, and the next one at
//! once.
//!
//! The chapter's "long polling", RFC 6202 §2. A client always has one request under way.

mod client;
mod params;
mod server;

use crate::client::{ClientHalf, post};
use crate::config::{Fields, Key};
use crate::feed;
use crate::feed::Workload;
use crate::predict::SeriesContext;
use crate::protocol::http1::Target;
use crate::server::Routes;
use crate::transport::{Series, SeriesShape, Transport, series_from_json};
use params::Params;
use serde_json::Value;
use std::rc::Rc;

/// The transport.
pub(crate) struct LongPolling;

impl Transport for LongPolling {
    fn name(&self) -> &'static str {
        "long-polling"
    }
    fn about(&self) -> &'static str {
        "an HTTP request that is held until there is an update, and the next one at once"
    }
    fn keys(&self) -> &'static [Key] {
        params::KEYS
    }
    /// As long as the path of polling, so that the chapter's heads have the same size.
    fn path(&self) -> &'static str {
        "/LongPollTick//LongPollTick"
    }
    fn parse(&self, fields: &mut Fields) -> Option<Box<dyn Series>> {
        Some(Box::new(params::parse(fields)?))
    }
    fn read_json(&self, settings: Value) -> Result<Box<dyn Series>, String> {
        series_from_json::<Params>(settings)
    }
}

impl Series for Params {
    fn own_path(&self) -> Option<String> {
        self.request.own_path()
    }
    fn refuses(&self, feed: &feed::Spec) -> Option<String> {
        (feed.workload == Workload::Echo).then(|| crate::transport::ONE_WAY.to_owned())
    }
    fn shape(&self, context: &SeriesContext) -> SeriesShape {
        params::shape(self, context)
    }
    fn mount(&self, path: &str, routes: &mut Routes) {
        routes.mount(path, Rc::new(server::LongPollEndpoint::new(self)));
    }
    fn client_half(
        &self,
        target: &Target,
        feed: &feed::Spec,
    ) -> Result<Rc<dyn ClientHalf>, String> {
        let clients = client::client_half(self, target, feed);
        Ok(post::with_sender(clients, &self.request, target, feed))
    }
}
