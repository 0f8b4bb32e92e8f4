//! Makes a plan of a scenario: reads every setting, applies the defaults, compares the settings
//! with one another, and lays out the cases.
//!
//! Separate from `preflight`, which compares the plan with the machine. Of the machine only its
//! limit of open files and its cores are used here: they decide how many processes there are.

use crate::config::{Diagnostic, Diagnostics, Fields, Key, Location, Origin, TomlTable, nearest};
use crate::feed;
use crate::feed::{Arrivals, PayloadKind};
use crate::gate::limit::Limit;
use crate::os::Machine;
use crate::plan::client_counts::{Clients, join_counts};
use crate::plan::warnings::plan_warnings;
use crate::plan::{
    BUNDLED_AUTHORITY, Plan, PlannedSeries, Server, Stretch, Timing, address, cases, keys, limits,
    workload,
};
use crate::predict::SeriesContext;
use crate::protocol::http1::Target;
use crate::scenario;
use crate::time::{Delay, JitterLaw, MOST_DELAY_NS};
use crate::transport::{self, AnySeries};
use crate::units::{SECOND_NS, human_ns};
use std::collections::BTreeMap;

/// The most clients of one case: more than two machines' worth of ports and memory.
const MOST_CLIENTS: u64 = 1_000_000;
/// The coarsest resolution: more would be a batch, not a timer.
const MOST_RESOLUTION_NS: u64 = 10_000_000;
/// The longest phase of a case.
const MOST_PHASE_NS: u64 = 24 * 3600 * SECOND_NS;
/// The largest message.
const MOST_PAYLOAD_BYTES: u64 = 1 << 20;
/// The highest rate of updates for one client.
const MOST_RATE_HZ: f64 = 10_000.0;
/// The lowest one: an update a day.
const LEAST_RATE_HZ: f64 = 1.0 / 86_400.0;
/// The most cases of a run: as many as an hour holds at a second each.
const MOST_CASES: u64 = 3_600;

/// A plan and what its user should know about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// What will run.
    pub plan: Plan,
    /// What its figures are compared with.
    pub limits: Vec<Limit>,
    /// What is valid and probably not intended.
    pub warnings: Vec<String>,
}

/// The settings before the first table.
struct RootSettings {
    name: String,
    about: String,
    clients: Clients,
    timing: Timing,
    delay: Delay,
    repeats: u32,
    seed: u64,
    /// False if the duration itself is wrong: nothing is compared with it then.
    duration_is_valid: bool,
}

/// The server, and the paths that the user gave by label or transport.
struct ServerSettings {
    server: Server,
    paths: BTreeMap<String, String>,
}

/// Makes the plan of a scenario for a machine.
///
/// # Errors
/// Everything that is wrong with the scenario.
pub fn resolve(file: &scenario::ScenarioFile, machine: &Machine) -> Result<Resolved, Diagnostics> {
    let mut diagnostics = Vec::new();
    let mut fields = file.root();
    let root = read_root(&mut fields, file, machine);
    let feed = read_feed(file, root.seed, &mut diagnostics);
    workload::check_clients(&mut fields, &feed, &root.clients.counts, &root.timing, machine);
    let labels = read_labels(file);
    let server_settings = read_server(file, &labels, &mut diagnostics);
    let mut series = Vec::new();
    for each in file.series() {
        series.extend(read_series(each, &feed, &server_settings, &series, &root, &mut diagnostics));
    }
    let mut warnings = Vec::new();
    let stretch = read_stretch(file, &root.clients, &mut diagnostics, &mut warnings);
    let limits =
        limits::read(file, &root.clients, root.timing.duration_ns, &mut diagnostics, &mut warnings);
    let counts = root.clients.counts.len() as u64;
    let cases = counts * (series.len() as u64 + 1) * u64::from(root.repeats);
    if cases > MOST_CASES {
        let message = format!("{cases} cases in all; at most {MOST_CASES} are run");
        fields.report(&keys::REPEATS, message);
    }
    diagnostics.extend(fields.finish());
    file.check(diagnostics)?;
    let mut plan = Plan {
        name: root.name,
        about: root.about,
        seed: root.seed,
        feed,
        timing: root.timing,
        delay: root.delay,
        repeats: root.repeats,
        series,
        server: server_settings.server,
        cases: Vec::new(),
    };
    plan.cases = cases::lay_out(&plan, &root.clients.counts, &stretch, machine);
    warnings.extend(plan_warnings(&plan, machine.cores));
    Ok(Resolved { plan, limits, warnings })
}

fn read_root(
    fields: &mut Fields<'_>,
    file: &scenario::ScenarioFile,
    machine: &Machine,
) -> RootSettings {
    fields.declare(keys::ROOT);
    for key in scenario::ScenarioFile::table_keys() {
        fields.declare(&[key]);
    }
    let name = read_name(fields, &file.stem);
    let counts = fields.integers(&keys::CLIENTS, 1..=MOST_CLIENTS);
    let clients = Clients {
        // Within MOST_CLIENTS.
        counts: counts.into_iter().map(|count| count.value as u32).collect(),
        overridden: matches!(fields.location(&keys::CLIENTS).origin, Origin::Override(_)),
    };
    if let Some(most) = clients.counts.iter().max()
        && let Err(message) = cases::check_split(*most, machine)
    {
        fields.report(&keys::CLIENTS, message);
    }
    let mut phase = |key: &Key| {
        let ns = fields.duration_ns(key);
        if ns > MOST_PHASE_NS {
            fields.report(key, format!("{} must be at most 24h", key.name));
        }
        ns
    };
    let timing = Timing {
        ramp_ns: phase(&keys::RAMP),
        warmup_ns: phase(&keys::WARMUP),
        duration_ns: phase(&keys::DURATION),
        cooldown_ns: phase(&keys::COOLDOWN),
        timeout_ns: phase(&keys::TIMEOUT),
        drain_ns: phase(&keys::DRAIN),
        resolution_ns: phase(&keys::RESOLUTION),
    };
    for (key, ns) in [
        (&keys::DURATION, timing.duration_ns),
        (&keys::TIMEOUT, timing.timeout_ns),
        (&keys::DRAIN, timing.drain_ns),
    ] {
        if ns == 0 && fields.is_valid(key) {
            fields.report(key, format!("{} must be more than 0s", key.name));
        }
    }
    if timing.resolution_ns > MOST_RESOLUTION_NS && fields.is_valid(&keys::RESOLUTION) {
        fields.report(&keys::RESOLUTION, "resolution must be at most 10ms");
    }
    // TOML's whole numbers have a sign.
    let seed = fields.integer(&keys::SEED, 0..=i64::MAX as u64);
    RootSettings {
        name,
        about: fields.optional_text(&keys::ABOUT).unwrap_or_default(),
        clients,
        timing,
        delay: read_delay(fields, seed),
        repeats: fields.integer(&keys::REPEATS, 1..=1000) as u32,
        seed,
        duration_is_valid: fields.is_valid(&keys::DURATION),
    }
}

fn read_delay(fields: &mut Fields<'_>, seed: u64) -> Delay {
    let mut bounded = |key: &Key| {
        let ns = fields.duration_ns(key);
        if ns > MOST_DELAY_NS && fields.is_valid(key) {
            fields.report(key, format!("{} must be at most 10s", key.name));
        }
        ns
    };
    let one_way_ns = bounded(&keys::DELAY);
    let jitter_ns = bounded(&keys::JITTER);
    let law = fields.choose(&keys::JITTER_LAW, &JitterLaw::ALL.map(|law| (law.name(), law)));
    Delay { one_way_ns, jitter_ns, law, seed }
}

/// Reads the name, which becomes a part of a folder's name.
fn read_name(fields: &mut Fields<'_>, stem: &str) -> String {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let Some(name) = fields.optional_text(&keys::NAME) else {
        let safe: String = stem.chars().map(|c| if legal(c) { c } else { '-' }).collect();
        let safe = safe.trim_start_matches(['.', '-']).chars().take(64).collect::<String>();
        return if safe.is_empty() { "scenario".to_owned() } else { safe };
    };
    if let Some(message) = bad_name("name", &name) {
        fields.report(&keys::NAME, message);
    }
    name
}

/// Returns why a name cannot be a part of a file's name or of a path in `--set`.
fn bad_name(what: &str, name: &str) -> Option<String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    (!name.chars().all(legal) || !begins || name.len() > 64).then(|| {
        format!(
            "{what} {name:?} must be at most 64 letters, digits, \"-\", \"_\" and \".\", \
             and begin with a letter or digit"
        )
    })
}

fn read_feed(
    file: &scenario::ScenarioFile,
    seed: u64,
    diagnostics: &mut Vec<Diagnostic>,
) -> feed::Spec {
    let nothing = TomlTable::empty(Location::whole());
    let mut fields =
        file.table("feed").unwrap_or_else(|| Fields::new(&nothing, "feed", &file.base_dir));
    fields.declare(keys::of("feed"));
    let plain = workload::read(&mut fields);
    let rate_hz = fields.rate_hz(&keys::RATE);
    if fields.is_valid(&keys::RATE) && !(LEAST_RATE_HZ..=MOST_RATE_HZ).contains(&rate_hz) {
        let message = match rate_hz {
            0.0 => "rate must be more than 0/s".to_owned(),
            _ => format!("rate must be between 1/24h and {MOST_RATE_HZ}/s for each client"),
        };
        fields.report(&keys::RATE, message);
    }
    let options = [("periodic", Arrivals::Periodic), ("poisson", Arrivals::Poisson)];
    let arrivals = fields.choose(&keys::ARRIVALS, &options);
    let spread = fields.boolean(&keys::SPREAD);
    let kind = fields.choose(&keys::PAYLOAD, &PayloadKind::CHOICES.map(|kind| (kind.name(), kind)));
    let size = fields.size(&keys::SIZE);
    let (kind, size) = workload::payload(&mut fields, plain.workload, kind, size);
    workload::check(&mut fields, &plain, arrivals);
    let least = kind.least_bytes() as u64;
    if fields.is_valid(&keys::SIZE) && fields.is_valid(&keys::PAYLOAD) {
        if size < least {
            let message = format!(
                "size {size}B is too small for the sequence number and publish time in a \
                 {} message: at least {least}B",
                kind.name()
            );
            fields.report(&keys::SIZE, message);
        } else if size > MOST_PAYLOAD_BYTES {
            fields.report(&keys::SIZE, "size must be at most 1MiB");
        }
    }
    diagnostics.extend(fields.finish());
    let payload_bytes = size.min(MOST_PAYLOAD_BYTES) as u32;
    feed::Spec { rate_hz, arrivals, spread, kind, payload_bytes, seed, ..plain }
}

/// Reads the labels and transports of the series, unchecked: other settings name them.
fn read_labels(file: &scenario::ScenarioFile) -> Vec<String> {
    let mut labels = Vec::new();
    for mut fields in file.series() {
        labels.extend(fields.optional_text(&keys::LABEL));
        labels.extend(fields.optional_text(&keys::TRANSPORT));
    }
    labels
}

fn read_server(
    file: &scenario::ScenarioFile,
    labels: &[String],
    diagnostics: &mut Vec<Diagnostic>,
) -> ServerSettings {
    let mut server_settings = ServerSettings { server: Server::Bundled, paths: BTreeMap::new() };
    let Some(mut fields) = file.table("server") else { return server_settings };
    fields.declare(keys::of("server"));
    let url = fields.text(&keys::URL);
    if fields.is_valid(&keys::URL) {
        match address::Address::resolve(&url) {
            Err(message) => fields.report(&keys::URL, message),
            Ok(address::Address { authority, socket }) => {
                server_settings.server =
                    Server::External { url, authority, address: socket, start: None };
            }
        }
    }
    let known: Vec<&str> = labels.iter().map(String::as_str).collect();
    for path in fields.texts(&keys::PATHS) {
        if !labels.contains(&path.name) {
            let hint = match nearest(&path.name, &known) {
                Some(near) => format!(", did you mean {near:?}?"),
                None => String::new(),
            };
            let message = format!("no series has the label or transport {:?}{hint}", path.name);
            fields.report_at(&keys::PATHS, path.location, message);
        }
        let legal = path.text.chars().all(|c| c.is_ascii_graphic() && c != '#');
        if !path.text.starts_with('/') || !legal {
            let message = format!(
                "path {:?} must begin with \"/\" and hold no space, # or letter beyond ASCII",
                path.text
            );
            fields.report_at(&keys::PATHS, path.text_location, message);
        }
        server_settings.paths.insert(path.name, path.text);
    }
    diagnostics.extend(fields.finish());
    server_settings
}

fn read_series(
    mut fields: Fields<'_>,
    feed: &feed::Spec,
    server_settings: &ServerSettings,
    before: &[PlannedSeries],
    root: &RootSettings,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<PlannedSeries> {
    fields.declare(keys::of(scenario::SERIES));
    let names: Vec<&str> = transport::TRANSPORTS.iter().map(|t| t.name).collect();
    let name = fields.choice(&keys::TRANSPORT, &names);
    let label = fields.optional_text(&keys::LABEL).unwrap_or_else(|| name.to_owned());
    let label_key = if fields.is_given(&keys::LABEL) { keys::LABEL } else { keys::TRANSPORT };
    if let Some(message) = bad_name("label", &label).filter(|_| fields.is_given(&keys::LABEL)) {
        fields.report(&keys::LABEL, message);
    }
    if before.iter().any(|s| s.label == label) {
        let message =
            format!("two series have the label {label:?}; give one of them another label");
        fields.report(&label_key, message);
    }
    let Some(transport) = transport::find(name) else {
        fields.allow_unknown();
        diagnostics.extend(fields.finish());
        return None;
    };
    fields.declare(transport.keys);
    let parsed = AnySeries::parse(transport, &mut fields);
    let series = parsed.map(|settings| {
        let given = server_settings.paths.get(&label).or_else(|| server_settings.paths.get(name));
        let own = settings.own_path();
        let path = own.or(given.cloned()).unwrap_or_else(|| transport.path.to_owned());
        let (bundled, authority) = match &server_settings.server {
            Server::Bundled => (true, BUNDLED_AUTHORITY.to_owned()),
            Server::External { authority, .. } => (false, authority.clone()),
        };
        let target = Target { authority, path: path.clone(), bundled };
        if let Some(why) = settings.refuses(feed) {
            fields.report(&keys::TRANSPORT, format!("{name} cannot carry this feed: {why}"));
        }
        // Pace and shape do not depend on how many clients there are.
        let context =
            SeriesContext { feed: *feed, target, delay_ns: root.delay.one_way_ns, clients: 1 };
        let shape = settings.shape(&context);
        PlannedSeries {
            label,
            settings,
            path,
            paced: shape.paced,
            interval_ns: shape.interval_ns,
            connection_each_turn: shape.connection_each_turn,
        }
    });
    if let Some(series) = &series {
        check_interval(&mut fields, series, transport.keys, root);
        if let (false, Some(key)) = (root.delay.is_none(), series.settings.foreign_sockets()) {
            let message = format!(
                "no delay can be put before the sockets of this {}: run the scenario without \
                 delay and jitter against `wsbench relay`, by [server]",
                key.name
            );
            fields.report(&key, message);
        }
    }
    diagnostics.extend(fields.finish());
    series
}

/// Reports a measured window that is shorter than a client's interval: some clients would do
/// nothing in it.
fn check_interval(
    fields: &mut Fields<'_>,
    series: &PlannedSeries,
    keys: &[Key],
    root: &RootSettings,
) {
    let (interval, duration) = (series.interval_ns, root.timing.duration_ns);
    if !(series.paced && root.duration_is_valid && interval > duration) {
        return;
    }
    // A transport with a schedule of its own calls it `interval`.
    let key = keys.iter().find(|k| k.name == "interval").unwrap_or(&keys::TRANSPORT);
    if fields.is_valid(key) {
        let (interval, duration) = (human_ns(interval as f64), human_ns(duration as f64));
        let message = format!(
            "the interval of {interval} is longer than the measured duration of {duration}: \
             some clients would do nothing in it"
        );
        fields.report(key, message);
    }
}

fn read_stretch(
    file: &scenario::ScenarioFile,
    clients: &Clients,
    diagnostics: &mut Vec<Diagnostic>,
    warnings: &mut Vec<String>,
) -> BTreeMap<u32, Stretch> {
    let Some(mut fields) = file.table("stretch") else { return BTreeMap::new() };
    fields.declare(keys::of("stretch"));
    let counts = fields.integers(&keys::STRETCH_CLIENTS, 1..=MOST_CLIENTS);
    let most = fields.number(&keys::MOST, 1.0..=1000.0);
    let (kept, dropped) = clients.select(&mut fields, &keys::STRETCH_CLIENTS, counts);
    if !dropped.is_empty() {
        warnings.push(format!(
            "[stretch] is for {} clients, and --set clients leaves them out: it has no effect on \
             the others",
            join_counts(&dropped)
        ));
    }
    diagnostics.extend(fields.finish());
    kept.into_iter().map(|count| (count, Stretch { most })).collect()
}
