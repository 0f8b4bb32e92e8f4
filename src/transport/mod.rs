//! Extension point 1: the ways of getting live data to a client.
//!
//! A transport is a folder with its settings, its client half, its server half and its
//! arithmetic, and one line in [`TRANSPORTS`]. Scenario schema, command line, ledger, CSV and
//! pictures need no edit. A transport never imports a sibling, nor `plan`, `load` or `server`.

mod long_polling;
mod null;
mod polling;
mod sse;
mod streaming;
mod websocket;

use crate::client::ClientHalf;
use crate::config::{Fields, Key};
use crate::feed;
use crate::predict::Model;
use crate::predict::SeriesContext;
use crate::protocol::http1::Target;
use crate::server::Routes;
use serde_json::Value;
use std::rc::Rc;
use std::sync::Arc;

/// What a transport says about a series of its, once the settings are known.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesShape {
    /// Whether the driver has a schedule of its own; a push transport has none.
    pub paced: bool,
    /// Nanoseconds between two turns of a client; 0 where each follows the last. A push transport
    /// gives the feed's period.
    pub interval_ns: u64,
    /// Bytes and latency by arithmetic; `None` where the server is not ours.
    pub model: Option<Model>,
    /// True where each turn opens a connection.
    pub connection_each_turn: bool,
}

/// A way of getting live data to a client.
pub trait Transport: Sync {
    /// The name in scenarios, files and pictures.
    fn name(&self) -> &'static str;
    /// One sentence for lists.
    fn about(&self) -> &'static str;
    /// The settings it knows, with their defaults.
    fn keys(&self) -> &'static [Key];
    /// The path on the reference server; empty where there is no server half.
    fn path(&self) -> &'static str;
    /// The path that settings dictate, as a request's head from a file does; `None` where any
    /// path will do.
    fn own_path(&self, _params: &Value) -> Option<String> {
        None
    }
    /// Reads and validates its settings; faults go into `fields`. `None` where they are unusable.
    fn parse(&self, fields: &mut Fields) -> Option<Value>;
    /// Why a series with these settings cannot carry this feed; `None` where it can.
    fn refuses(&self, params: &Value, feed: &feed::Spec) -> Option<String>;
    /// What a series with these settings does. `params` came from [`Transport::parse`].
    fn shape(&self, params: &Value, setting: &SeriesContext) -> SeriesShape;
    /// The setting that leaves the sockets to somebody else, so that no delay line can be put
    /// before them; `None` where they are ours.
    fn foreign_sockets(&self, _params: &Value) -> Option<Key> {
        None
    }
    /// Mounts the server half.
    fn mount(&self, params: &Value, path: &str, site: &mut Routes);
    /// Makes the client half of one thread.
    ///
    /// # Errors
    /// A sentence, where the settings are not from [`Transport::parse`].
    fn driver(
        &self,
        params: &Value,
        target: &Target,
        feed: &feed::Spec,
    ) -> Result<Rc<dyn ClientHalf>, String>;
}

/// A transport's server half and where it answers.
#[derive(Clone)]
pub struct Mount {
    /// The transport.
    pub transport: &'static dyn Transport,
    /// Its settings, from [`Transport::parse`].
    pub params: Value,
    /// The path.
    pub path: String,
}

impl Mount {
    /// What mounts all of these on a server thread.
    pub fn all(mounts: Vec<Mount>) -> Arc<dyn Fn(&mut Routes) + Send + Sync> {
        Arc::new(move |routes| {
            for mount in &mounts {
                mount.transport.mount(&mount.params, &mount.path, routes);
            }
        })
    }
}

/// Every transport. A law test walks it.
pub const TRANSPORTS: &[&dyn Transport] = &[
    &polling::Polling,
    &long_polling::LongPolling,
    &streaming::Streaming,
    &sse::Sse,
    &websocket::WebSocket,
    &null::Null,
];

/// Why a transport whose messages go one way carries no echo.
const ONE_WAY: &str = "its messages go from server to client alone; a request that is answered \
                       with what it sent is what the transport \"polling\" does";

/// The transport of this name.
pub fn find(name: &str) -> Option<&'static dyn Transport> {
    TRANSPORTS.iter().copied().find(|t| t.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Place, Table};
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn every_transport_says_who_it_is() {
        let names: BTreeSet<_> = TRANSPORTS.iter().map(|t| t.name()).collect();
        assert_eq!(names.len(), TRANSPORTS.len(), "two transports share a name");
        let paths: BTreeSet<_> = TRANSPORTS.iter().map(|t| t.path()).collect();
        assert_eq!(paths.len(), TRANSPORTS.len(), "two transports share a path");
        for transport in TRANSPORTS {
            assert!(find(transport.name()).is_some() && !transport.about().is_empty());
            let keys: BTreeSet<_> = transport.keys().iter().map(|k| k.name).collect();
            assert_eq!(keys.len(), transport.keys().len());
            assert!(transport.keys().iter().all(|k| k.default.is_some() && !k.about.is_empty()));
        }
    }

    #[test]
    fn every_folder_is_registered() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/transport");
        let is_module = |e: &std::fs::DirEntry| e.path().join("mod.rs").exists();
        let folders = std::fs::read_dir(here).unwrap().flatten().filter(is_module);
        let folders: BTreeSet<_> =
            folders.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        let names = TRANSPORTS.iter().map(|t| t.name().replace('-', "_"));
        assert_eq!(folders, names.collect());
    }

    #[test]
    fn what_clients_send_is_foretold_to_the_byte() {
        use feed::Workload;
        let table = Table::empty(Place::whole());
        for (transport, workload) in
            TRANSPORTS.iter().flat_map(|t| Workload::ALL.into_iter().map(move |w| (t, w)))
        {
            let mut fields = Fields::new(&table, transport.name(), Path::new("."));
            let params = transport.parse(&mut fields).expect("defaults can be used");
            let spec = feed::Spec { workload, senders: 3, ..feed::Spec::PLAIN };
            if transport.refuses(&params, &spec).is_some() {
                continue;
            }
            let (path, authority) = (transport.path().to_owned(), "h:1".to_owned());
            let target = Target { authority, path, bundled: true };
            let setting = SeriesContext { feed: spec, target, delay_ns: 1, clients: 10 };
            let model = transport.shape(&params, &setting).model.expect("it is foretold");
            let sent = model.sending.map(|s| s.exchange);
            assert_eq!(sent.is_some(), workload.is_shared(), "{}", transport.name());
            for exchange in model.messages.iter().map(|m| m.exchange).chain(sent) {
                assert_eq!(exchange.ledger.both().unexplained(), 0, "{}", transport.name());
            }
        }
    }

    #[test]
    fn defaults_are_settings_that_survive_the_plan() {
        let table = Table::empty(Place::whole());
        let spec = feed::Spec::PLAIN;
        for transport in TRANSPORTS {
            let mut fields = Fields::new(&table, transport.name(), Path::new("."));
            fields.declare(transport.keys());
            let params = transport.parse(&mut fields).expect("defaults can be used");
            assert!(fields.finish().is_empty());
            let target = Target {
                authority: "h:1".to_owned(),
                path: transport.path().to_owned(),
                bundled: true,
            };
            let text = params.to_string();
            let again: Value = serde_json::from_str(&text).unwrap();
            let setting = SeriesContext {
                feed: spec,
                target: target.clone(),
                delay_ns: 50_000_000,
                clients: 10,
            };
            assert_eq!(transport.refuses(&again, &spec), None);
            let shape = transport.shape(&again, &setting);
            assert_eq!(shape, transport.shape(&params, &setting));
            let model = shape.model.expect("the bundled server is foretold");
            let shares: f64 = model.messages.iter().map(|m| m.share).sum();
            assert!((shares - 1.0).abs() < 1e-9, "{}", transport.name());
            // Distribution of the ledger, by arithmetic.
            for message in &model.messages {
                assert_eq!(message.exchange.ledger.both().unexplained(), 0, "{}", transport.name());
            }
            transport.driver(&again, &setting.target, &spec).expect("a client half");
        }
    }
}
