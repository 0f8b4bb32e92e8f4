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
use crate::transport::{SeriesShape, Transport};
use params::Params;
use serde_json::Value;
use std::rc::Rc;

/// See the module.
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
    fn mount(&self, params: &Value, path: &str, site: &mut Routes) {
        site.mount(path, Rc::new(server::Held::new(&Params::from_value(params))));
    }
    fn driver(
        &self,
        params: &Value,
        target: &Target,
        feed: &feed::Spec,
    ) -> Result<Rc<dyn ClientHalf>, String> {
        let params = Params::from_value(params);
        let client = client::driver(&params, target, feed);
        Ok(post::with_sender(client, &params.request, target, feed))
    }
}
