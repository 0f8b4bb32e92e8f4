//! Polling: a request each turn, answered at once with the latest update or with all that the
//! client has not received.
//!
//! The chapter's "traditional polling". Two engines: `raw` renders one request and parses bytes, for
//! many thousands of clients; `reqwest` is the client of a real application, one for each simulated
//! user, observed from outside.

mod client;
mod engine_raw;
mod engine_reqwest;
mod params;
mod reqwest_answer;
mod reqwest_error;
mod reqwest_target;
mod server;

use crate::client::ClientHalf;
use crate::client::post::{self, PostClients, PostReply};
use crate::config::Key;
use crate::feed::{Semantics, Spec, Workload};
use crate::predict::SeriesContext;
use crate::protocol::http1::Target;
use crate::protocol::http1::head::CHAPTER_PATH;
use crate::protocol::http1::position::CONDITIONAL;
use crate::protocol::http1::request_options::RequestSettings;
use crate::record::TransportKind;
use crate::server::Routes;
use crate::transport::{ClientMemory, Series, SeriesShape, Transport, series_from_json};
use engine_raw::RawClients;
use engine_reqwest::ReqwestEngine;
use params::{Params, PollingEngine};
use std::rc::Rc;

pub(crate) static TRANSPORT: Transport = Transport {
    name: TransportKind::Polling.name(),
    about: "an HTTP request each interval, answered at once with the latest update",
    keys: params::KEYS,
    path: CHAPTER_PATH,
    parse: |fields| Some(Box::new(params::parse(fields)?)),
    read_json: series_from_json::<Params>,
};

impl Series for Params {
    fn request_settings(&self) -> Option<&RequestSettings> {
        Some(&self.request)
    }
    fn refuses(&self, feed: &Spec) -> Option<String> {
        params::refuses(self, feed)
    }
    fn refuses_target(&self, target: &Target) -> Option<String> {
        let of_library = || match self.engine {
            PollingEngine::Raw => None,
            PollingEngine::Reqwest => reqwest_target::refuses_target(self, target),
        };
        self.request.refuses_target(target).or_else(of_library)
    }
    fn needs_other_server(&self) -> Option<(Key, String)> {
        let why = || "the answers of the bundled one have no ETag".to_owned();
        self.conditional.then(|| (CONDITIONAL, why()))
    }
    fn shape(&self, context: &SeriesContext) -> SeriesShape {
        params::shape(self, context)
    }
    fn foreign_sockets(&self) -> Option<Key> {
        (self.engine == PollingEngine::Reqwest).then_some(params::ENGINE)
    }
    fn always_sends_latest(&self, feed: &Spec) -> bool {
        feed.workload == Workload::Ticker && feed.semantics == Semantics::Snapshot
    }
    fn memory(&self) -> ClientMemory {
        ClientMemory::POLLED
    }
    fn mount(&self, path: &str, routes: &mut Routes) {
        routes.mount(path, Rc::new(server::PollEndpoint::new(self)));
    }
    fn client_half(&self, target: &Target, feed: &Spec) -> Result<ClientHalf, String> {
        if feed.workload == Workload::Echo {
            let clients = PostClients::new(&self.request, target, feed, PostReply::Echo)?;
            return Ok(ClientHalf::Machines(Rc::new(
                clients.with(self.phase, self.new_connection),
            )));
        }
        let half = match self.engine {
            PollingEngine::Raw => {
                ClientHalf::Machines(Rc::new(RawClients::new(self, target, feed)?))
            }
            PollingEngine::Reqwest => {
                ClientHalf::Tasks(Rc::new(ReqwestEngine::new(self, target, feed)?), None)
            }
        };
        post::with_sender(half, &self.request, target, feed)
    }
}
