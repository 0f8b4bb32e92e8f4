//! Extension point 1: the ways of getting live data to a client.
//!
//! A transport is a folder with its settings, its client half, its server half and its
//! predictions, and one line in [`TRANSPORTS`]. The scenario schema, the command line, the ledger
//! and the reports need no edit. A transport uses no other transport, nor `plan`, `driver` or
//! `run`.

#[cfg(feature = "dummy-transport")]
mod dummy;
mod long_polling;
mod null;
mod polling;
mod sse;
mod streaming;
mod websocket;

use crate::client::ClientHalf;
use crate::config::{Fields, Key};
use crate::feed::{Spec, Workload};
use crate::predict::{Model, SeriesContext, Variation};
use crate::protocol::http1::Target;
use crate::protocol::http1::request_options::{RequestOptions, RequestSettings};
use crate::protocol::http1::request_parts::RequestParts;
use crate::protocol::http2::frame::DEFAULT_FRAME_BYTES;
use crate::protocol::http2::options::Http2Settings;
use crate::record::TransportKind;
use crate::server::{CompressingEndpoint, Routes};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::fmt::Debug;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
pub(crate) use streaming::read_any_body;
pub(crate) use websocket::{read_response as read_upgrade_response, receive_any_messages};

/// Memory of the user space for one client, in bytes, for estimates. Measured with
/// `polling-vs-ws.toml` at 100,000 clients on Linux 6.18 (columns
/// `driver_resident_bytes_per_client` and `server_resident_bytes_per_client`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientMemory {
    /// Of the driver.
    pub driver_bytes: u64,
    /// Of the reference server.
    pub server_bytes: u64,
}

impl ClientMemory {
    /// A client whose answer is under way all the time: held polls, streams and server-sent events (12 KB each in `every-way.toml`).
    pub const HTTP: ClientMemory = ClientMemory { driver_bytes: 1_000, server_bytes: 12_300 };
    /// A client that polls: between two polls its connection keeps no buffers.
    pub const POLLED: ClientMemory = ClientMemory { driver_bytes: 1_000, server_bytes: 1_300 };
    /// A client whose connection is upgraded to WebSocket.
    pub const UPGRADED: ClientMemory = ClientMemory { driver_bytes: 950, server_bytes: 1_500 };

    /// The same over HTTP/2, where a stream has no buffers of its own: those are its connection's.
    pub(crate) fn over_http2(self) -> ClientMemory {
        let more = |of: u64, usual: u64| of.saturating_sub(usual);
        ClientMemory {
            driver_bytes: 1_200 + more(self.driver_bytes, ClientMemory::HTTP.driver_bytes),
            server_bytes: 2_500 + more(self.server_bytes, ClientMemory::HTTP.server_bytes),
        }
    }
}

/// A way of getting live data to a client.
pub struct Transport {
    /// The name in scenarios, files and pictures.
    pub name: &'static str,
    /// One sentence for lists.
    pub about: &'static str,
    /// The settings that it knows, with their defaults.
    pub keys: &'static [Key],
    /// The path on the reference server; empty if there is no server half.
    pub path: &'static str,
    /// Reads and validates the settings of a series; faults go into the fields. `None` if one of
    /// them cannot be used.
    parse: fn(&mut Fields<'_>) -> Option<Box<dyn Series>>,
    /// Makes a series of the settings that [`Settings::to_json`] wrote. The error is a sentence: a
    /// setting is missing or has another type.
    read_json: fn(Value) -> Result<Box<dyn Series>, String>,
}

impl Transport {
    /// False if its clients open no connection: then it has no path either.
    pub fn has_network(&self) -> bool {
        !self.path.is_empty()
    }
}

/// The settings of one series: validated, complete, and of the transport's own type.
pub trait Series: Settings {
    /// The settings of its HTTP requests; `None` if it sends no usual ones.
    fn request_settings(&self) -> Option<&RequestSettings> {
        None
    }
    /// How its requests go over HTTP/2; `None` for HTTP/1.1.
    fn http2(&self) -> Option<&Http2Settings> {
        self.options()?.http2.as_ref()
    }
    /// Whether its requests go over HTTP/2.
    fn is_http2(&self) -> bool {
        self.http2().is_some()
    }
    /// The media type that its requests ask for (`Accept`); `None` for any.
    fn accept(&self) -> Option<&'static str> {
        None
    }
    /// The path that the settings prescribe, as a request head from a file does; `None` if any
    /// path will do.
    fn own_path(&self) -> Option<String> {
        self.request_settings()?.head.own_path()
    }
    /// The settings of its requests besides their head; `None` for a series that sends none.
    fn options(&self) -> Option<&RequestOptions> {
        Some(&self.request_settings()?.options)
    }
    /// Why the series cannot be run against this server at this path; `None` if it can.
    fn refuses_target(&self, target: &Target) -> Option<String> {
        self.request_settings()?.refuses_target(target)
    }
    /// The request that a client sends first; `None` if it sends none.
    fn request(&self, target: &Target) -> Option<RequestParts> {
        Some(self.request_settings()?.request(target, self.accept()))
    }
    /// Why the series cannot carry this feed; `None` if it can. An echo needs messages both ways.
    fn refuses(&self, feed: &Spec) -> Option<String> {
        (feed.workload == Workload::Echo).then(|| ONE_WAY.to_owned())
    }
    /// Pace, connections and prediction.
    fn shape(&self, context: &SeriesContext) -> SeriesShape;
    /// The setting that leaves the sockets to a library, so that no delay line can be put before
    /// them; `None` if this program opens them.
    fn foreign_sockets(&self) -> Option<Key> {
        None
    }
    /// A setting for a server of one's own that the reference server cannot serve, and why not;
    /// `None` if it can serve all of them.
    fn needs_other_server(&self) -> Option<(Key, String)> {
        None
    }
    /// The setting by which answers are matched to a client's messages by their `[message] id`;
    /// `None` if they are not.
    fn matches_answers(&self) -> Option<Key> {
        None
    }
    /// Whether the clients use this setting of the bundled server too.
    fn client_has(&self, _key: &str) -> bool {
        false
    }
    /// The memory of one client.
    fn memory(&self) -> ClientMemory {
        ClientMemory::HTTP
    }
    /// Whether each response carries the latest update of this feed, so that a client cannot see
    /// that the server left one out.
    fn always_sends_latest(&self, _feed: &Spec) -> bool {
        false
    }
    /// Mounts the server half at a path of the reference server.
    fn mount(&self, path: &str, routes: &mut Routes);
    /// Makes the client half of one driver thread.
    ///
    /// # Errors
    /// A sentence, if a library that the client half uses cannot be set up.
    fn client_half(&self, target: &Target, feed: &Spec) -> Result<ClientHalf, String>;
}

/// What the plan and a start message hold of a series. Every type that serde can write has it.
pub trait Settings: Debug + Send + Sync {
    /// The settings as JSON: what `Transport::read_json` reads.
    ///
    /// # Errors
    /// If a value has no form in JSON.
    fn to_json(&self) -> Result<Value, serde_json::Error>;
}

impl<T: Serialize + Debug + Send + Sync> Settings for T {
    fn to_json(&self) -> Result<Value, serde_json::Error> {
        serde_json::to_value(self)
    }
}

/// What a series does, as far as the plan must know.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesShape {
    /// Whether the driver has a schedule of its own; a push transport has none.
    pub paced: bool,
    /// Nanoseconds between two turns of a client; 0 if each follows the last. A push transport
    /// gives the feed's period.
    pub interval_ns: u64,
    /// Predicted bytes and latency; `None` if the server is not the reference server.
    pub model: Option<Model>,
    /// Whether each turn opens a connection.
    pub connection_each_turn: bool,
}

impl SeriesShape {
    /// A series that takes no turns: the server sends when there is something.
    fn pushed(context: &SeriesContext, model: Model, interval_ns: u64) -> SeriesShape {
        let model = context.target.bundled.then_some(model);
        SeriesShape { paced: false, interval_ns, model, connection_each_turn: false }
    }

    /// The same of a series over HTTP/2, if it is one: arithmetic does not know what its clients' own messages cost.
    fn over_http2(self, is_http2: bool) -> SeriesShape {
        let model = self.model.filter(|model| !is_http2 || model.sending.is_none());
        SeriesShape { model, ..self }
    }
}

/// A series of any transport. As JSON it is the transport's name and the settings:
/// `{"transport": "sse", "params": {…}}`. This is the only place that turns one into the other.
#[derive(Clone)]
pub struct AnySeries {
    transport: &'static Transport,
    series: Arc<dyn Series>,
}

impl AnySeries {
    /// Reads a series from a scenario; `None` if one of its settings cannot be used. Faults go
    /// into `fields`.
    pub fn parse(transport: &'static Transport, fields: &mut Fields) -> Option<AnySeries> {
        Some(AnySeries { transport, series: (transport.parse)(fields)?.into() })
    }

    /// A series without network, whose clients take a turn each interval: the floor of a
    /// measurement.
    pub fn without_network(interval_ns: u64) -> AnySeries {
        AnySeries { transport: &null::TRANSPORT, series: Arc::new(null::Params { interval_ns }) }
    }

    /// The settings as JSON, without the name of the transport.
    ///
    /// # Errors
    /// See [`Settings::to_json`], which this hides: its implementation for this type has the name.
    pub fn to_json(&self) -> Result<Value, serde_json::Error> {
        self.series.to_json()
    }

    /// The transport.
    pub fn transport(&self) -> &'static Transport {
        self.transport
    }

    /// Pace, connections and prediction.
    pub fn shape(&self, context: &SeriesContext) -> SeriesShape {
        let mut shape = self.series.shape(context);
        let Some(options) = self.series.options() else { return shape };
        // How long compressed answers are is not known.
        shape.model = shape.model.filter(|_| options.accept_encoding.is_none());
        if let Some(model) = shape.model.as_mut().filter(|_| options.http2.is_some()) {
            let bytes = model.messages.iter().map(|kind| kind.exchange.ledger.down.wire.get());
            if bytes.max() > Some(u64::from(DEFAULT_FRAME_BYTES)) {
                model.varies = model.varies.or(Some(Variation::Frames));
            }
        }
        shape
    }
}

impl Deref for AnySeries {
    type Target = dyn Series;

    fn deref(&self) -> &(dyn Series + 'static) {
        &*self.series
    }
}

impl Debug for AnySeries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.transport.name, self.series)
    }
}

impl PartialEq for AnySeries {
    fn eq(&self, other: &AnySeries) -> bool {
        let same_settings =
            || matches!((self.to_json(), other.to_json()), (Ok(a), Ok(b)) if a == b);
        self.transport.name == other.transport.name && same_settings()
    }
}

/// The JSON of a series.
#[derive(Serialize, Deserialize)]
struct SeriesJson {
    transport: String,
    params: Value,
}

impl Serialize for AnySeries {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let params = self.to_json().map_err(serde::ser::Error::custom)?;
        SeriesJson { transport: self.transport.name.to_owned(), params }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for AnySeries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AnySeries, D::Error> {
        let SeriesJson { transport: name, params } = SeriesJson::deserialize(deserializer)?;
        let unknown = || D::Error::custom(format!("unknown transport {name:?}"));
        let transport = find(&name).ok_or_else(unknown)?;
        let wrong = |error| D::Error::custom(format!("settings of {name:?}: {error}"));
        Ok(AnySeries { transport, series: (transport.read_json)(params).map_err(wrong)?.into() })
    }
}

/// `Transport::read_json` for settings of the type `T`.
fn series_from_json<T: Series + DeserializeOwned + 'static>(
    settings: Value,
) -> Result<Box<dyn Series>, String> {
    let settings: T = serde_json::from_value(settings).map_err(|error| error.to_string())?;
    Ok(Box::new(settings))
}

/// A series' server half and where it answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mount {
    /// The series.
    #[serde(flatten)]
    pub series: AnySeries,
    /// The path.
    pub path: String,
}

impl Mount {
    /// What mounts all of these on a server thread.
    pub fn all(mounts: Vec<Mount>) -> Arc<dyn Fn(&mut Routes) + Send + Sync> {
        Arc::new(move |routes| {
            for mount in &mounts {
                mount.series.mount(&mount.path, routes);
                let options = mount.series.options();
                if let Some(codings) = options.and_then(|all| all.accept_encoding.clone()) {
                    routes.wrap(&mount.path, |inner| {
                        Rc::new(CompressingEndpoint::new(inner, codings))
                    });
                }
            }
        })
    }
}

/// Every transport.
pub const TRANSPORTS: &[&Transport] = &[
    &polling::TRANSPORT,
    &long_polling::TRANSPORT,
    &streaming::TRANSPORT,
    &sse::TRANSPORT,
    &websocket::TRANSPORT,
    &null::TRANSPORT,
    #[cfg(feature = "dummy-transport")]
    &dummy::TRANSPORT,
];

/// Why a transport whose messages go from server to client cannot carry an echo.
const ONE_WAY: &str = "its messages go from server to client alone; a request that is answered \
                       with what it sent is what the transport \"polling\" does";

/// How long a client waits after its connection was lost.
const RECONNECT: Key = Key {
    name: "reconnect",
    default: Some("\"1s\""),
    about: "how long a client waits before it connects again after an early close, 50 ms at least; \
            the server's `Retry-After` goes first",
};

/// Engines that are libraries, and the transport whose clients they can be.
const LIBRARIES: [(&str, TransportKind); 2] =
    [("reqwest", TransportKind::Polling), ("tungstenite", TransportKind::WebSocket)];

/// Reads the setting that says whose client is used. A library that is another transport's is
/// refused with the name of that.
fn choose_engine<T: Copy>(fields: &mut Fields<'_>, key: &Key, own: &[(&str, T)]) -> T {
    let given = fields.text(key);
    let is_own = own.iter().any(|(name, _)| *name == given);
    match LIBRARIES.iter().find(|(name, _)| *name == given && !is_own) {
        None => fields.choose(key, own),
        Some((name, transport)) => {
            let all: Vec<_> = own.iter().map(|(name, _)| format!("{name:?}")).collect();
            let all = all.join(" or ");
            fields.report(
                key,
                format!(
                    "engine {name:?} is a client for the transport {:?}; take {all}",
                    transport.name()
                ),
            );
            own[0].1
        }
    }
}

/// The transport of this name.
pub(crate) fn find(name: &str) -> Option<&'static Transport> {
    TRANSPORTS.iter().copied().find(|t| t.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Location, TomlTable};
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn every_transport_says_who_it_is() {
        let names: BTreeSet<_> = TRANSPORTS.iter().map(|t| t.name).collect();
        assert_eq!(names.len(), TRANSPORTS.len(), "two transports share a name");
        let paths: BTreeSet<_> = TRANSPORTS.iter().map(|t| t.path).collect();
        assert_eq!(paths.len(), TRANSPORTS.len(), "two transports share a path");
        for transport in TRANSPORTS {
            assert!(find(transport.name).is_some() && !transport.about.is_empty());
            let keys: BTreeSet<_> = transport.keys.iter().map(|k| k.name).collect();
            assert_eq!(keys.len(), transport.keys.len());
            assert!(transport.keys.iter().all(|k| k.default.is_some() && !k.about.is_empty()));
        }
    }

    #[test]
    fn every_kind_is_a_shipped_transport() {
        let shipped = TRANSPORTS.iter().filter(|t| t.name != "dummy");
        let kinds: Vec<_> = shipped.filter_map(|t| TransportKind::named(t.name)).collect();
        assert_eq!(kinds.len(), TransportKind::ALL.len());
    }

    #[test]
    fn every_folder_is_registered() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/transport");
        let is_module = |e: &std::fs::DirEntry| e.path().join("mod.rs").exists();
        let folders = std::fs::read_dir(here).unwrap().flatten().filter(is_module);
        let folders: BTreeSet<_> =
            folders.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        let shipped = TRANSPORTS.iter().filter(|t| t.name != "dummy");
        let names = shipped.map(|t| t.name.replace('-', "_"));
        assert_eq!(folders, names.collect());
    }

    #[test]
    fn the_parts_of_predicted_bytes_add_up() {
        for (transport, workload) in
            TRANSPORTS.iter().flat_map(|t| Workload::ALL.into_iter().map(move |w| (t, w)))
        {
            let series = defaults(transport);
            let feed = Spec { workload, senders: 3, ..Spec::PLAIN };
            if series.refuses(&feed).is_some() {
                continue;
            }
            let model = series.shape(&context(&series, feed)).model.expect("it is predicted");
            let sent = model.sending.map(|s| s.exchange);
            assert_eq!(sent.is_some(), workload.is_shared(), "{}", transport.name);
            for exchange in model.messages.iter().map(|m| m.exchange).chain(sent) {
                assert_eq!(exchange.ledger.both().unexplained(), 0, "{}", transport.name);
            }
            let shares: f64 = model.messages.iter().map(|m| m.share).sum();
            assert!((shares - 1.0).abs() < 1e-9, "{}", transport.name);
        }
    }

    #[test]
    fn a_series_with_the_defaults_can_be_used_and_survives_the_plan() {
        for transport in TRANSPORTS {
            let series = defaults(transport);
            let text = serde_json::to_string(&series).expect("settings are JSON");
            let again: AnySeries = serde_json::from_str(&text).expect("it reads what it wrote");
            assert_eq!(again, series);
            let context = context(&series, Spec::PLAIN);
            assert_eq!(again.refuses(&context.feed), None);
            assert_eq!(again.shape(&context), series.shape(&context));
            again.client_half(&context.target, &context.feed).expect("a client half");
        }
    }

    #[test]
    fn a_series_that_cannot_be_read_is_an_error_that_names_the_transport() {
        let error = |text| serde_json::from_str::<AnySeries>(text).expect_err("wrong").to_string();
        let unknown = error(r#"{"transport": "pigeon", "params": {}}"#);
        assert!(unknown.starts_with("unknown transport \"pigeon\""), "{unknown}");
        let wrong = error(r#"{"transport": "null", "params": {"interval_ns": "1s"}}"#);
        assert!(wrong.starts_with("settings of \"null\": invalid type"), "{wrong}");
    }

    /// A series without any setting.
    fn defaults(transport: &'static Transport) -> AnySeries {
        let table = TomlTable::empty(Location::whole());
        let mut fields = Fields::new(&table, Path::new("."));
        fields.declare(transport.keys);
        let series = AnySeries::parse(transport, &mut fields).expect("defaults can be used");
        assert!(fields.finish().is_empty());
        series
    }

    fn context(series: &AnySeries, feed: Spec) -> SeriesContext {
        let path = series.transport().path.to_owned();
        let target = Target {
            authority: "h:1".to_owned(),
            credentials: None,
            path,
            bundled: true,
            tls: false,
        };
        SeriesContext { feed, target, delay_ns: 50_000_000, clients: 10 }
    }
}
