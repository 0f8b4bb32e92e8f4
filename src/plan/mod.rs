//! What will run: validated, complete, immutable.
//!
//! Separate from `scenario`, which has what the user wrote: here every default is applied. The
//! defaults are in the key tables (`keys` and the transports' own) and nowhere else. This folder
//! opens no socket.

mod address;
mod bundled_only;
mod cases;
mod client_counts;
mod curves;
mod estimate;
mod keys;
mod limits;
mod measured;
mod message;
mod preflight;
mod resolve;
mod server;
mod shard;
mod tls;
mod warnings;
mod workload;

pub(crate) use address::{ANY_PORT, Address, PORT, UrlParts, split_path};
pub(crate) use bundled_only::{are_arrivals_idle, is_idle, is_size_idle};
pub(crate) use curves::predict_costs;
pub(crate) use estimate::{Estimate, estimate, estimate_result_bytes};
pub use keys::SECTIONS;
pub(crate) use keys::Section;
pub use preflight::Preflight;
pub use resolve::{Resolved, resolve};
pub(crate) use server::usage_of;
pub(crate) use shard::{DriverShard, ServerShard};

use crate::feed;
use crate::os::Machine;
use crate::predict::Model;
use crate::predict::SeriesContext;
use crate::protocol::http1::Target;
use crate::protocol::http1::request_parts::RequestParts;
use crate::secret;
use crate::time::Delay;
use crate::tls::TlsSettings;
use crate::transport::AnySeries;
use crate::units::SECOND_NS;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;

/// The `Host` in a request before the server's port is known: any ephemeral port has five digits,
/// so the sizes are right.
const BUNDLED_AUTHORITY: &str = "127.0.0.1:65535";
/// The shortest cool-down: how late an update may be on a busy machine.
const LEAST_COOLDOWN_NS: u64 = SECOND_NS / 10;
/// The label of the floor's rows, which no series may have.
pub(crate) const FLOOR: &str = "floor";
/// The floor is measured over at most this, or one interval.
const FLOOR_NS: u64 = 3 * SECOND_NS;

/// A complete plan. Its canonical JSON is in the header of every result file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The scenario's name: names the report's folder.
    pub name: String,
    /// One sentence on what the scenario shows.
    pub about: String,
    /// The seed of everything random.
    pub seed: u64,
    /// What is published.
    pub feed: feed::Spec,
    /// Where things are in the messages of servers with a form of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<feed::MessageSpec>,
    /// True if the scenario does not state the rate of a server that is not the bundled one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rate_unknown: bool,
    /// The durations of a case.
    pub timing: Timing,
    /// The delay between every client and its socket.
    pub delay: Delay,
    /// How often each case is run.
    pub repeats: u32,
    /// The transports with their settings.
    pub series: Vec<PlannedSeries>,
    /// Who answers, unless a series has a server of its own.
    pub server: Server,
    /// How clients use TLS with it; absent if they do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSettings>,
    /// The cases in the order in which they run.
    pub cases: Vec<Case>,
    /// The cores of each side, if they have some of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cores: Option<CoreSplit>,
}

/// Cores that the driver has for itself, and cores of the servers that are started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoreSplit {
    /// Of the driver's processes.
    pub driver: Vec<u32>,
    /// Of the server's.
    pub server: Vec<u32>,
}

impl CoreSplit {
    /// Half of the cores for each side, the odd one for the servers. `None` with one core.
    pub(crate) fn halves(cores: &[u32]) -> Option<CoreSplit> {
        let (driver, server) = cores.split_at(cores.len() / 2);
        let driver = driver.to_vec();
        let server = server.to_vec();
        (!driver.is_empty()).then_some(CoreSplit { driver, server })
    }
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// The durations of a case, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// The connects are spread over this time; 0: as fast as possible.
    pub ramp_ns: u64,
    /// Load before the measured window.
    pub warmup_ns: u64,
    /// The measured window.
    pub duration_ns: u64,
    /// Load after it.
    pub cooldown_ns: u64,
    /// How long one connect, upgrade or response may take.
    pub timeout_ns: u64,
    /// How long clients may take to end.
    pub drain_ns: u64,
    /// Between two times that a thread wakes for due turns or updates; see
    /// [`Timer::with_gap`](crate::time::Timer::with_gap).
    pub resolution_ns: u64,
    /// How late the driver may be by its own fault (p99) before a row is invalid; 0 for a tenth of
    /// the median latency, at least 1 ms.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub driver_lateness_ns: u64,
}

/// One series of the plan: a line in the pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedSeries {
    /// Its label; unique.
    pub label: String,
    /// The transport and its settings.
    #[serde(flatten)]
    pub settings: AnySeries,
    /// The path of the request on the server.
    pub path: String,
    /// True if clients take turns on the driver's own schedule.
    pub paced: bool,
    /// Planned nanoseconds between two events of a client; 0 if each follows the last.
    pub interval_ns: u64,
    /// True if each turn opens a connection.
    pub connection_each_turn: bool,
    /// Its own server, if the scenario gives it a URL; else [`Plan::server`] answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Server>,
    /// How clients use TLS with that, or with the bundled server if that has it for this series; absent if they
    /// do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSettings>,
}

/// Who answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Server {
    /// The reference server, started in processes of its own for each case.
    Bundled,
    /// Another server: already running, or started from its command line.
    External {
        /// As the user wrote it.
        url: String,
        /// Its `Host`.
        authority: String,
        /// The value of `Authorization` for the URL's user and password.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        credentials: Option<String>,
        /// Where it listens.
        address: SocketAddr,
        /// Further addresses of its name, tried in this order if nobody listens there.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        others: Vec<SocketAddr>,
        /// How to start it for each case; absent if it is already running.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        start: Option<Box<StartCommand>>,
        /// What of this machine it is, if the scenario says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        processes: Option<ServerProcesses>,
    },
}

/// What of this machine an external server is, so that its CPU time and memory can be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerProcesses {
    /// A process with all that it started.
    Pid(u32),
    /// A control group by its path.
    Cgroup(String),
    /// A container by its name.
    Docker(String),
}

impl Server {
    /// Returns the `Host` of requests, or one of the same length.
    pub(crate) fn authority(&self) -> &str {
        match self {
            Server::Bundled => BUNDLED_AUTHORITY,
            Server::External { authority, .. } => authority,
        }
    }

    /// Returns the value of `Authorization` for user and password of its URL.
    pub(crate) fn credentials(&self) -> Option<&String> {
        match self {
            Server::Bundled => None,
            Server::External { credentials, .. } => credentials.as_ref(),
        }
    }

    /// True for the reference server.
    pub fn is_bundled(&self) -> bool {
        matches!(self, Server::Bundled)
    }
}

/// How to start an external server. `{port}` in its arguments and its address stands for a port
/// that is free when it is started; until then the address has a port of as many digits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartCommand {
    /// The program and its arguments.
    pub words: Vec<String>,
    /// How long it may take until it is ready, in nanoseconds.
    pub ready_ns: u64,
    /// The path that it answers with 2xx once it is ready; absent for the path of the series.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_path: Option<String>,
    /// The folder to start it in; absent for the current one. The same scenario has another one
    /// on another machine.
    #[serde(skip)]
    pub folder: Option<PathBuf>,
    /// Whether its output is kept in a file beside the result.
    #[serde(skip)]
    pub keep_output: bool,
}

/// How far an interval may be lengthened.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stretch {
    /// The longest interval allowed, as a multiple of the planned one.
    pub most: f64,
}

/// One transport at one client count, once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Its number within the run.
    pub index: u32,
    /// The number of the series; for the floor, of the series whose schedule it has.
    pub series: usize,
    /// True for the floor: the `null` transport on the same schedule.
    pub floor: bool,
    /// Simulated clients.
    pub clients: u32,
    /// 0 for the first repeat.
    pub repeat: u32,
    /// The permission to lengthen the interval.
    pub stretch: Option<Stretch>,
    /// The first source address is 127.0.0.0 plus this; one address a client. 0 if the server is
    /// not on 127.0.0.0/8: then the kernel chooses.
    pub first_source: u32,
    /// The driver's processes.
    pub drivers: Vec<DriverShard>,
    /// The server's processes; none for an external server or the floor.
    pub servers: Vec<ServerShard>,
}

impl PlannedSeries {
    /// Returns the name of the transport.
    pub fn transport(&self) -> &'static str {
        self.settings.transport().name
    }
    /// False if its clients open no connection.
    pub fn has_network(&self) -> bool {
        self.settings.transport().has_network()
    }
}

impl Plan {
    /// True if halved client counts would be at least one, and all different.
    pub(crate) fn can_halve_clients(&self) -> bool {
        let counts: BTreeSet<u32> = self.first_cases().map(|case| case.clients).collect();
        let halves: BTreeSet<u32> = counts.iter().map(|count| count / 2).collect();
        halves.len() == counts.len() && !halves.contains(&0)
    }

    /// Leaves each case half of its clients: another plan runs at the same time.
    pub(crate) fn halve_clients(&mut self, machine: &Machine) {
        cases::halve(self, machine);
    }

    /// Gives the driver cores of its own, and the servers the others.
    pub(crate) fn split_cores(&mut self, cores: CoreSplit, machine: &Machine) {
        cases::split_cores(self, &cores, machine);
        self.cores = Some(cores);
    }

    /// Returns the cores of the driver's processes; none for all.
    pub(crate) fn driver_cores(&self) -> &[u32] {
        self.cores.as_ref().map_or(&[], |cores| &cores.driver)
    }

    /// Returns the cores of servers that are started; none for all.
    pub(crate) fn server_cores(&self) -> &[u32] {
        self.cores.as_ref().map_or(&[], |cores| &cores.server)
    }

    /// Returns the series of a case.
    pub fn series_of(&self, case: &Case) -> &PlannedSeries {
        &self.series[case.series]
    }

    /// Returns who answers a series.
    pub fn server_of<'a>(&'a self, series: &'a PlannedSeries) -> &'a Server {
        series.server.as_ref().unwrap_or(&self.server)
    }

    /// True if the reference server answers a series.
    pub fn is_bundled(&self, series: &PlannedSeries) -> bool {
        self.server_of(series).is_bundled()
    }

    /// True if the reference server answers a series of the plan.
    pub fn has_bundled(&self) -> bool {
        self.series.iter().any(|series| self.is_bundled(series))
    }

    /// True if the rate of what a series receives is not known.
    pub fn is_rate_unknown(&self, series: &PlannedSeries) -> bool {
        self.rate_unknown && !self.is_bundled(series)
    }

    /// Returns the first case of each series and client count, the floor left out.
    pub(crate) fn first_cases(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter().filter(|case| !case.floor && case.repeat == 0)
    }

    /// Returns the nanoseconds between two events of a client in a case.
    pub fn interval_ns(&self, case: &Case) -> u64 {
        self.series_of(case).interval_ns
    }

    /// Returns the durations of a case: the plan's, with limits that allow for the delay; shorter
    /// ones for the floor, which connects to nothing.
    pub fn timing_of(&self, case: &Case) -> Timing {
        let mut timing = self.timing;
        if !case.floor {
            let allowance_ns = self.delay.allowance_ns();
            timing.timeout_ns = timing.timeout_ns.saturating_add(allowance_ns);
            // An exchange that has begun, and the end of the connection.
            timing.drain_ns = timing.drain_ns.saturating_add(allowance_ns.saturating_mul(2));
        } else {
            timing.ramp_ns = 0;
            timing.warmup_ns = timing.warmup_ns.min(SECOND_NS / 2);
            timing.duration_ns = timing.duration_ns.min(FLOOR_NS.max(self.interval_ns(case)));
            timing.cooldown_ns = 0;
        }
        let least_ns = self.least_cooldown_ns(case, self.interval_ns(case));
        timing.cooldown_ns = timing.cooldown_ns.max(least_ns);
        timing
    }

    /// Returns the shortest cool-down of a case at this interval: what was published at the end
    /// of the measured window must reach its client before the load ends, or it would be counted
    /// as missing. A poll may be an interval away, and a held one two round trips.
    pub fn least_cooldown_ns(&self, case: &Case, interval_ns: u64) -> u64 {
        if case.floor {
            return 0;
        }
        let asks_after_ns = if self.series_of(case).paced { interval_ns } else { 0 };
        // A sender's last turn may come a period after the window's end.
        let shared = self.feed.workload.is_shared();
        let sends_ns = if shared { self.feed.period_ns() } else { 0 };
        let late_ns = sends_ns + asks_after_ns + 2 * self.delay.allowance_ns() + self.feed.batch_ns;
        late_ns.max(LEAST_COOLDOWN_NS)
    }

    /// Predicts a case's bytes and latency; `None` if they are not known, as of an external server.
    pub fn model(&self, case: &Case) -> Option<Model> {
        self.model_of(self.series_of(case), &self.feed, case.clients)
    }

    /// Predicts the same for a series with another feed, or other clients, than planned.
    pub fn model_of(
        &self,
        series: &PlannedSeries,
        feed: &feed::Spec,
        clients: u32,
    ) -> Option<Model> {
        let context = self.context(
            self.server_of(series),
            &series.path,
            feed,
            clients,
            self.tls_of(series).is_some(),
        );
        let mut model = series.settings.shape(&context).model?;
        model.shares_packets = shares_connections(series);
        if let Some(tls) = self.tls_of(series) {
            if series.connection_each_turn {
                // The size of a handshake varies with its signatures.
                return None;
            }
            if model.shares_packets {
                return None;
            }
            model.add_records(tls.record_bytes());
        }
        if self.delay.jitter_ns > 0 {
            // With jitter, and in order, a latency has no closed form.
            model.delivery = None;
            model.response = None;
            model.age_mean_ns = None;
        }
        Some(model)
    }

    /// The labels of series without a model, by the reason.
    pub(crate) fn unpredicted(&self) -> BTreeMap<&'static str, Vec<&str>> {
        let mut unknown: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for case in self.first_cases().filter(|case| self.model(case).is_none()) {
            let series = self.series_of(case);
            let labels = unknown.entry(self.why_unpredicted(series)).or_default();
            if !labels.contains(&&*series.label) {
                labels.push(&series.label);
            }
        }
        unknown
    }

    /// Returns why a series has no model, if it has none.
    pub(crate) fn why_unpredicted(&self, series: &PlannedSeries) -> &'static str {
        if !self.is_bundled(series) {
            "the server is not the bundled one: what it sends, and when, cannot be predicted"
        } else if self.tls_of(series).is_some() && series.connection_each_turn {
            "each turn has a TLS handshake, whose size cannot be predicted"
        } else if self.tls_of(series).is_some() && shares_connections(series) {
            "messages of several clients share a TLS record, or have one each, as the server's timing has it"
        } else if series.settings.options().is_some_and(|options| options.accept_encoding.is_some())
        {
            "how long compressed answers are depends on what is in them"
        } else if series.settings.options().is_some_and(|options| options.deflate.is_some()) {
            "what compression makes of the clients' own messages is not known"
        } else if series.settings.is_http2() && series.settings.foreign_sockets().is_some() {
            "over HTTP/2 the library of the engine decides the size of a head and what it sends besides"
        } else if series.settings.is_http2() {
            "over HTTP/2 the size of a head depends on those before it: known are polls for a snapshot whose answers \
             have no date (response_head = \"minimal\")"
        } else {
            "requests differ from client to client, so that their size cannot be predicted"
        }
    }

    /// Returns the request that a client of a series sends first; `None` if it sends none.
    pub(crate) fn request(&self, series: &PlannedSeries) -> Option<RequestParts> {
        let context = self.context(
            self.server_of(series),
            &series.path,
            &self.feed,
            1,
            self.tls_of(series).is_some(),
        );
        series.settings.request(&context.target)
    }

    /// Returns how the clients of a series use TLS; `None` if they do not.
    pub(crate) fn tls_of<'a>(&'a self, series: &'a PlannedSeries) -> Option<&'a TlsSettings> {
        let of_all = || self.tls.as_ref().filter(|_| series.server.is_none());
        series.tls.as_ref().or_else(of_all)
    }

    /// Returns what a series at a path of a server is run in.
    fn context(
        &self,
        server: &Server,
        path: &str,
        feed: &feed::Spec,
        clients: u32,
        tls: bool,
    ) -> SeriesContext {
        let authority = server.authority().to_owned();
        let bundled = server.is_bundled();
        let credentials = server.credentials().cloned();
        let path = path.to_owned();
        let target = Target { authority, credentials, path, bundled, tls };
        SeriesContext { feed: *feed, target, delay_ns: self.delay.one_way_ns, clients }
    }

    /// Returns the plan as JSON, with the lengths of secrets in place of them.
    pub fn to_public_json(&self) -> serde_json::Value {
        // `serde_json::Value` sorts its keys; a plan holds no map with other than string keys.
        let mut value = serde_json::to_value(self).expect("a plan is JSON");
        secret::redact_json(&mut value);
        value
    }

    /// Returns the SHA-1 of the public JSON, in hexadecimal: no secret can be guessed from it. The number
    /// of a server's process is not in it: a server that was restarted has another one.
    pub fn hash(&self) -> String {
        use sha1::Digest;
        let mut plan = self.clone();
        let servers = plan.series.iter_mut().filter_map(|series| series.server.as_mut());
        for server in servers.chain([&mut plan.server]) {
            if let Server::External { processes: Some(ServerProcesses::Pid(pid)), .. } = server {
                *pid = 0;
            }
        }
        crate::units::hexadecimal(&sha1::Sha1::digest(plan.to_public_json().to_string()))
    }

    /// Returns why figures of a series will be absent from the reports, by the figure's name.
    pub fn absent(&self, series: &PlannedSeries) -> BTreeMap<String, String> {
        let (names, why): (&[&str], _) = match self.server_of(series) {
            Server::Bundled => (&[], ""),
            Server::External { start: Some(_), .. }
            | Server::External { processes: Some(_), .. } => {
                (&["server_audit"], "an external server does not count bytes")
            }
            Server::External { .. } => (
                &["server_cpu", "server_memory", "server_audit"],
                "the server is external and was not started by this run: [server] pid, cgroup or \
                 docker says what it is",
            ),
        };
        let mut absent: BTreeMap<_, _> =
            names.iter().map(|name| ((*name).to_owned(), why.to_owned())).collect();
        if matches!(self.server_of(series), Server::External { start: None, .. }) {
            let why = "the kernel counts the sockets of the whole machine, on which a server runs \
                       that this run did not start";
            absent.insert("kernel_memory".to_owned(), why.to_owned());
        }
        let ends_itself = self.tls_of(series).is_some() || series.settings.is_http2();
        if ends_itself && series.settings.foreign_sockets().is_some() {
            let why = "the engine is a library: it ends TLS and HTTP/2 after its sockets could be looked at \
                       for the last time";
            absent.entry("server_audit".to_owned()).or_insert_with(|| why.to_owned());
        }
        absent
    }
}

/// Whether several clients of a series share a connection.
fn shares_connections(series: &PlannedSeries) -> bool {
    series.settings.http2().is_some_and(|http2| http2.streams > 1)
}
