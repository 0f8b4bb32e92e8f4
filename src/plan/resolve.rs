//! Makes a plan of a scenario: reads every setting, applies the defaults, compares the settings
//! with one another, and lays out the cases.
//!
//! Separate from `preflight`, which compares the plan with the machine. Of the machine only its
//! limit of open files and its cores are used here: they decide how many processes there are.

use crate::config::{Diagnostic, Diagnostics, Fields, Key, Location, Origin, TomlTable};
use crate::feed;
use crate::feed::{Arrivals, MOST_PAYLOAD_BYTES, PayloadKind, Workload};
use crate::gate::limit::Limit;
use crate::os::Machine;
use crate::plan::client_counts::{Clients, join_counts};
use crate::plan::server::GivenPaths;
use crate::plan::warnings::plan_warnings;
use crate::plan::{
    FLOOR, Plan, PlannedSeries, Server, Stretch, Timing, address, bundled_only, cases, keys,
    limits, message, server, workload,
};
use crate::protocol::client_data::DATA;
use crate::protocol::http1::head;
use crate::record::MOST_DRIVER_LATENESS_NS;
use crate::scenario;
use crate::time::{Delay, JitterDistribution, MOST_DELAY_NS};
use crate::transport::{self, AnySeries, Transport};
use crate::units::{SECOND_NS, human_ns, listed};
use std::collections::{BTreeMap, BTreeSet};

/// The most clients of one case: more than two machines' worth of ports and memory.
const MOST_CLIENTS: u64 = 1_000_000;
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

/// Makes the plan of a scenario for a machine.
///
/// # Errors
/// Everything that is wrong with the scenario.
pub fn resolve(file: &scenario::ScenarioFile, machine: &Machine) -> Result<Resolved, Diagnostics> {
    let mut diagnostics = Vec::new();
    let mut warnings = Vec::new();
    let mut fields = file.root();
    let (mut plan, clients) = read_root(&mut fields, file, machine);
    // If the duration itself is wrong, nothing is compared with it.
    let duration_ns = fields.is_valid(&keys::DURATION).then_some(plan.timing.duration_ns);
    let rate_stated;
    (plan.feed, rate_stated) = read_feed(file, plan.seed, &mut diagnostics);
    workload::check_clients(&mut fields, &plan.feed, &clients.counts, &plan.timing, machine);
    let names = read_series_names(file);
    let paths = server::read(file, &mut plan, &mut diagnostics, &mut warnings);
    let has_message = file.table("message").is_some();
    let mut used_paths = BTreeSet::new();
    let mut labels = BTreeSet::new();
    for each in file.series() {
        let most_clients = clients.counts.iter().max().copied().unwrap_or(0);
        let around = SeriesSurroundings {
            plan: &plan,
            paths: &paths,
            duration_ns,
            most_clients,
            has_message,
        };
        let series = read_series(each, &around, &mut labels, &mut used_paths, &mut diagnostics);
        plan.series.extend(series);
    }
    let all_bundled = plan.series.iter().all(|series| plan.is_bundled(series));
    plan.rate_unknown = !rate_stated && !all_bundled;
    plan.message = message::read(file, &plan, &mut diagnostics, &mut warnings);
    warnings.extend(warn_of_unused(file, &paths, &names, &used_paths));
    let stretch = read_stretch(file, &clients, &mut diagnostics, &mut warnings);
    let exact_ns = plan.message.as_ref().map_or(0, message::exact_ns);
    let selectable = limits::Selectable { series: names, clients: &clients, exact_ns };
    let limits =
        limits::read(file, &selectable, plan.timing.duration_ns, &mut diagnostics, &mut warnings);
    let counts = clients.counts.len() as u64;
    let cases = counts * (plan.series.len() as u64 + 1) * u64::from(plan.repeats);
    if cases > MOST_CASES {
        let message = format!("{cases} cases in all; at most {MOST_CASES} are run");
        fields.report(&keys::REPEATS, message);
    }
    diagnostics.extend(fields.finish());
    file.check(diagnostics)?;
    plan.cases = cases::lay_out(&plan, &clients.counts, &stretch, machine);
    warnings.extend(bundled_only::warn(file, &plan));
    warnings.extend(warn_of_dialects(file));
    warnings.extend(warn_of_bodies(file, &plan));
    warnings.extend(plan_warnings(&plan, machine.cores));
    Ok(Resolved { plan, limits, warnings })
}

/// Reads the settings before the first table: a plan without series, and its client counts.
fn read_root(
    fields: &mut Fields<'_>,
    file: &scenario::ScenarioFile,
    machine: &Machine,
) -> (Plan, Clients) {
    fields.declare(keys::ROOT);
    fields.forbid_secrets(&[&keys::NAME, &keys::ABOUT]);
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
    let mut phase = |key: &Key| fields.duration_ns_up_to(key, 24 * 3600 * SECOND_NS, "24h");
    let timing = Timing {
        ramp_ns: phase(&keys::RAMP),
        warmup_ns: phase(&keys::WARMUP),
        duration_ns: phase(&keys::DURATION),
        cooldown_ns: phase(&keys::COOLDOWN),
        timeout_ns: phase(&keys::TIMEOUT),
        drain_ns: phase(&keys::DRAIN),
        // More would be a batch, not a timer.
        resolution_ns: fields.duration_ns_up_to(&keys::RESOLUTION, 10_000_000, "10ms"),
        driver_lateness_ns: driver_lateness_ns(fields),
    };
    // A shorter window is over before anything can be said of it, and no machine answers or ends within
    // less than its timers tell apart.
    for (key, ns, least_ns, least) in [
        (&keys::DURATION, timing.duration_ns, 100_000_000, "100ms"),
        (&keys::TIMEOUT, timing.timeout_ns, LEAST_LIMIT_NS, "10ms"),
        (&keys::DRAIN, timing.drain_ns, LEAST_LIMIT_NS, "10ms"),
    ] {
        if ns < least_ns && fields.is_valid(key) {
            fields.report(key, format!("{} must be at least {least}", key.name));
        }
    }
    // TOML's whole numbers have a sign.
    let seed = fields.integer(&keys::SEED, 0..=i64::MAX as u64);
    let plan = Plan {
        name,
        about: fields.optional_text(&keys::ABOUT).unwrap_or_default(),
        seed,
        feed: feed::Spec::PLAIN,
        message: None,
        rate_unknown: false,
        timing,
        delay: Delay {
            one_way_ns: fields.duration_ns_up_to(&keys::DELAY, MOST_DELAY_NS, "10s"),
            jitter_ns: fields.duration_ns_up_to(&keys::JITTER, MOST_DELAY_NS, "10s"),
            law: fields
                .choose(&keys::JITTER_LAW, &JitterDistribution::ALL.map(|law| (law.name(), law))),
            seed,
        },
        repeats: fields.integer(&keys::REPEATS, 1..=1000) as u32,
        series: Vec::new(),
        server: Server::Bundled,
        tls: None,
        cases: Vec::new(),
        cores: None,
    };
    (plan, clients)
}

/// The least time limit of clients.
const LEAST_LIMIT_NS: u64 = 10_000_000;

/// Reads how late the driver may be; 0 if that follows from what is measured.
fn driver_lateness_ns(fields: &mut Fields<'_>) -> u64 {
    let key = &keys::DRIVER_LATENESS;
    let ns = fields.duration_ns_or(key, "auto");
    if ns.is_some_and(|ns| !(1..=MOST_DRIVER_LATENESS_NS).contains(&ns)) && fields.is_valid(key) {
        fields.report(key, "driver_lateness must be more than 0s and at most 1s");
    }
    ns.unwrap_or(0)
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

/// Returns why a label cannot be that of a series.
fn bad_label(label: &str) -> Option<String> {
    if label == FLOOR {
        return Some(format!(
            "label {label:?} is that of the driver's own cost in every report: choose another one"
        ));
    }
    bad_name("label", label)
}

/// Reads the feed, and whether its rate is stated.
fn read_feed(
    file: &scenario::ScenarioFile,
    seed: u64,
    diagnostics: &mut Vec<Diagnostic>,
) -> (feed::Spec, bool) {
    let nothing = TomlTable::empty(Location::whole());
    let mut fields = file.table("feed").unwrap_or_else(|| Fields::new(&nothing, &file.base_dir));
    fields.declare(keys::FEED);
    let plain = workload::read(&mut fields);
    let rate_hz = fields.rate_hz(&keys::RATE);
    let rate_stated = fields.is_given(&keys::RATE);
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
    let size = match fields.size(&keys::SIZE) {
        size if fields.is_given(&keys::SIZE) => size,
        _ => kind.usual_bytes() as u64,
    };
    let (kind, size) = workload::payload(&mut fields, plain.workload, kind, size);
    workload::check(&mut fields, &plain, arrivals);
    let least = kind.least_bytes() as u64;
    // Messages of a server of one's own have the size that it gives them, unless they are told apart by it.
    let is_any = plain.workload == Workload::Ticker
        && kind != PayloadKind::Binary
        && server::is_all_own(file);
    let size = if is_any { size.max(least).min(MOST_PAYLOAD_BYTES) } else { size };
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
        } else if kind.has_one_size() && size != least && !is_any {
            let message = format!("a {} message has {least}B: leave size out", kind.name());
            fields.report(&keys::SIZE, message);
        }
    }
    let message_limit = fields.size(&keys::MESSAGE_LIMIT);
    diagnostics.extend(fields.finish());
    let payload_bytes = size.min(MOST_PAYLOAD_BYTES) as u32;
    // No size is larger than 64 MiB.
    let message_limit_bytes = u32::try_from(message_limit).unwrap_or(u32::MAX);
    let spec = feed::Spec {
        rate_hz,
        arrivals,
        spread,
        kind,
        payload_bytes,
        seed,
        message_limit_bytes,
        ..plain
    };
    (spec, rate_stated)
}

/// Reads the labels and transports of all series, unchecked: other settings name them.
fn read_series_names(file: &scenario::ScenarioFile) -> Vec<String> {
    let mut names = Vec::new();
    let mut known = BTreeSet::new();
    for mut fields in file.series() {
        for key in [&keys::LABEL, &keys::TRANSPORT] {
            names.extend(fields.optional_text(key).filter(|name| known.insert(name.clone())));
        }
    }
    names
}

/// Warns of paths that no series has.
fn warn_of_unused<'p>(
    file: &'p scenario::ScenarioFile,
    paths: &'p GivenPaths,
    names: &'p [String],
    used: &'p BTreeSet<String>,
) -> impl Iterator<Item = String> + use<'p> {
    paths.iter().filter(|(name, _)| !used.contains(*name)).map(|(name, path)| {
        let why = limits::unknown_series(name, names).unwrap_or_else(|| {
            "each series that it is for has a path of its own, by its label or its url".to_owned()
        });
        let place = file.source.place(&path.location);
        format!("{place}: paths.{name} in [server] has no effect: {why}; leave it out")
    })
}

/// Warns of dialects that are longer than one should be.
fn warn_of_dialects(file: &scenario::ScenarioFile) -> Vec<String> {
    let mut warnings = Vec::new();
    for mut fields in file.series().filter(|fields| fields.is_given(&keys::DIALECT)) {
        let place = file.source.place(&fields.location(&keys::DIALECT));
        let name = fields.optional_text(&keys::DIALECT);
        let lines = name.map_or(0, |name| scenario::dialect_lines(&name, &file.base_dir));
        if lines > scenario::MOST_DIALECT_LINES {
            warnings.push(format!(
                "{place}: dialect has {lines} lines, and one should have at most {}: settings of one \
                 scenario alone are better in its series",
                scenario::MOST_DIALECT_LINES
            ));
        }
    }
    warnings
}

/// Warns of data that are put into JSON, where they need escapes that they do not get.
fn warn_of_bodies(file: &scenario::ScenarioFile, plan: &Plan) -> Vec<String> {
    let mut warnings = Vec::new();
    // A plan has every series of its scenario.
    for (fields, series) in file.series().zip(&plan.series) {
        let Some(options) = series.settings.options() else { continue };
        let (Some(data), Some(body)) = (&options.data, &options.body) else { continue };
        let odd = data.load().ok().and_then(|table| table.unfit_for_json(body));
        if let Some(column) = odd.filter(|_| body.looks_like_json()) {
            warnings.push(format!(
                "{}: a value of {{{column}}} has a quote, a backslash or a tab, which is put into the \
                 JSON of body as it is: the server will get no JSON; write its escape into the data",
                file.source.place(&fields.location(&DATA))
            ));
        }
    }
    warnings
}

/// What the settings of a series are compared with.
struct SeriesSurroundings<'a> {
    /// The plan without series.
    plan: &'a Plan,
    /// The paths that the user gave, by label or transport.
    paths: &'a GivenPaths,
    /// The measured window, if it is valid.
    duration_ns: Option<u64>,
    /// The largest number of clients.
    most_clients: u32,
    /// Whether the scenario says where things are in messages.
    has_message: bool,
}

/// Reads the path that a series gives itself.
fn read_path(fields: &mut Fields<'_>) -> Option<String> {
    let path = fields.optional_text(&keys::PATH)?;
    if let Some(message) = address::bad_path(&path) {
        fields.report(&keys::PATH, message);
    }
    Some(path)
}

/// Reads a series of a plan, and adds its label to those before it.
fn read_series(
    mut fields: Fields<'_>,
    around: &SeriesSurroundings<'_>,
    labels: &mut BTreeSet<String>,
    used_paths: &mut BTreeSet<String>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<PlannedSeries> {
    let plan = around.plan;
    fields.declare(keys::SERIES);
    fields.forbid_secrets(&[&keys::LABEL]);
    let names: Vec<&str> = transport::TRANSPORTS.iter().map(|t| t.name).collect();
    let name = fields.choice(&keys::TRANSPORT, &names);
    let label = read_label(&mut fields, name, labels);
    let Some(transport) = transport::find(name) else {
        // Of a mistyped transport, or in place of `transport` itself.
        transport::TRANSPORTS.iter().for_each(|any| fields.declare(any.keys));
        diagnostics.extend(fields.finish());
        return None;
    };
    fields.declare(transport.keys);
    let dialect_path = read_path(&mut fields);
    refuse_keys_of_others(&mut fields, transport);
    let own = server::read_series_url(&mut fields, transport, plan.tls.as_ref());
    let has_url = own.is_some() || !plan.server.is_bundled();
    let is_tls = fields.boolean(&keys::SERIES_TLS);
    if is_tls && has_url {
        let message = "tls of a series is for the bundled server: a url that begins with https:// or wss:// is TLS";
        fields.report(&keys::SERIES_TLS, message);
    }
    if has_url {
        fields.set_default(&head::REQUEST, "\"minimal\"");
    }
    let series = AnySeries::parse(transport, &mut fields).map(|settings| {
        let (server, own_path) = own.unzip();
        let (server, tls) = server.unzip();
        let own_path = own_path.filter(|path| path != "/" || dialect_path.is_none());
        let path_of = |name: &str| around.paths.get_key_value(name);
        let given = path_of(&label).or_else(|| path_of(name)).filter(|_| own_path.is_none());
        used_paths.extend(given.map(|(name, _)| name.clone()));
        let given = own_path.or(given.map(|(_, path)| path.value.clone())).or(dialect_path);
        let path = given.or(settings.own_path());
        let path = path.unwrap_or_else(|| transport.path.to_owned());
        if let Some(why) = settings.refuses(&plan.feed) {
            fields.report(&keys::TRANSPORT, format!("{name} cannot carry this feed: {why}"));
        }
        // Pace and shape do not depend on how many clients there are.
        // Nor do they depend on TLS.
        let server_of = server.as_ref().unwrap_or(&plan.server);
        let context = plan.context(server_of, &path, &plan.feed, 1, false);
        if let Some(why) = settings.refuses_target(&context.target) {
            fields.report(&keys::TRANSPORT, why);
        }
        let data = settings.options().and_then(|options| options.data.as_ref());
        if let Some(why) = data.and_then(|data| data.refuses(around.most_clients)) {
            fields.report(&DATA, why);
        }
        let shape = settings.shape(&context);
        PlannedSeries {
            label,
            settings,
            path,
            paced: shape.paced,
            interval_ns: shape.interval_ns,
            connection_each_turn: shape.connection_each_turn,
            server,
            tls: tls.flatten().or_else(|| is_tls.then(|| plan.tls.clone().unwrap_or_default())),
        }
    });
    if let Some(series) = &series {
        check_interval(&mut fields, series, transport.keys, around.duration_ns);
        check_server(&mut fields, plan, series);
        if let (false, Some(key)) = (around.has_message, series.settings.matches_answers()) {
            fields.report(&key, message::NEEDS_ID);
        }
    }
    diagnostics.extend(fields.finish());
    series
}

/// Reads the label of a series, by default its transport's name; no other series may have it.
fn read_label(fields: &mut Fields<'_>, name: &str, labels: &mut BTreeSet<String>) -> String {
    let label = fields.optional_text(&keys::LABEL);
    let label_key = if label.is_some() { keys::LABEL } else { keys::TRANSPORT };
    if let Some(message) = label.as_ref().and_then(|label| bad_label(label)) {
        fields.report(&keys::LABEL, message);
    }
    let label = label.unwrap_or_else(|| name.to_owned());
    if !labels.insert(label.clone()) {
        let message =
            format!("two series have the label {label:?}; give one of them another label");
        fields.report(&label_key, message);
    }
    label
}

/// Reports settings that the server of a series cannot honour.
fn check_server(fields: &mut Fields<'_>, plan: &Plan, series: &PlannedSeries) {
    if let (true, Some((key, why))) =
        (plan.is_bundled(series), series.settings.needs_other_server())
    {
        fields.report(&key, format!("{} is for a server of your own: {why}", key.name));
    }
    if let (false, Some(key)) = (plan.delay.is_none(), series.settings.foreign_sockets()) {
        let message = format!(
            "no delay can be put before the sockets of this {}: run the scenario without \
             delay and jitter against `wsbench relay`, by [server]",
            key.name
        );
        fields.report(&key, message);
    }
}

/// Refuses settings that other transports have, with the names of those.
fn refuse_keys_of_others(fields: &mut Fields<'_>, transport: &Transport) {
    let has = |transport: &Transport, key: &Key| transport.keys.iter().any(|k| k.name == key.name);
    let others = transport::TRANSPORTS.iter().flat_map(|other| other.keys);
    let given: BTreeMap<&str, &Key> = others
        .filter(|key| fields.is_given(key) && !has(transport, key))
        .map(|key| (key.name, key))
        .collect();
    for key in given.into_values() {
        let owners: Vec<String> = transport::TRANSPORTS
            .iter()
            .filter(|other| has(other, key))
            .map(|other| format!("{:?}", other.name))
            .collect();
        fields.declare(&[*key]);
        fields.report(
            key,
            format!(
                "{} is a setting of {}, not of the transport {:?}",
                key.name,
                listed(&owners),
                transport.name
            ),
        );
    }
}

/// Reports a measured window that is shorter than a client's interval: some clients would do
/// nothing in it.
fn check_interval(
    fields: &mut Fields<'_>,
    series: &PlannedSeries,
    keys: &[Key],
    duration_ns: Option<u64>,
) {
    let interval = series.interval_ns;
    let Some(duration) = duration_ns.filter(|d| series.paced && interval > *d) else { return };
    // A transport with a schedule of its own calls it `interval`.
    let key = keys.iter().find(|k| k.name == "interval").unwrap_or(&keys::TRANSPORT);
    if fields.is_valid(key) {
        let interval = human_ns(interval as f64);
        let duration = human_ns(duration as f64);
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
    fields.declare(keys::STRETCH);
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
