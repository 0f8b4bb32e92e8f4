//! From what the user wrote to what will run: reads every setting, applies the defaults, holds
//! the settings against one another, and lays out the cases.
//!
//! Separate from `preflight`, which holds the plan against the machine. Of the machine only its
//! limit of open files and its cores are used here: they decide how many processes there are.

use crate::config::{Diagnostic, Diagnostics, Fields, Key, Place, Table, nearest};
use crate::feed;
use crate::feed::{Arrivals, PayloadKind};
use crate::gate::limit::Limit;
use crate::os::Machine;
use crate::plan::warnings::warnings;
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
/// A plan and what its user should know of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// The plan.
    pub plan: Plan,
    /// What its figures are held against.
    pub limits: Vec<Limit>,
    /// What is legal and probably not meant.
    pub warnings: Vec<String>,
}

/// What stands before the first table.
struct Root {
    name: String,
    about: String,
    clients: Vec<u32>,
    timing: Timing,
    delay: Delay,
    repeats: u32,
    seed: u64,
    /// False where the duration itself was faulty: nothing is held against it then.
    duration_sound: bool,
}

/// The server and the paths that the user gave, by label or transport.
struct Answering {
    server: Server,
    paths: BTreeMap<String, String>,
}

/// Makes the plan of a scenario for a machine.
///
/// # Errors
/// Everything that is wrong with the scenario.
pub fn resolve(file: &scenario::File, machine: &Machine) -> Result<Resolved, Diagnostics> {
    let mut faults = Vec::new();
    let mut fields = file.root();
    let root = read_root(&mut fields, file, machine);
    let feed = read_feed(file, root.seed, &mut faults);
    workload::judge_clients(&mut fields, &feed, &root.clients, &root.timing, machine);
    let labels = read_labels(file);
    let answering = read_server(file, &labels, &mut faults);
    let mut series = Vec::new();
    for each in file.series() {
        series.extend(read_series(each, &feed, &answering, &series, &root, &mut faults));
    }
    let stretch = read_stretch(file, &root.clients, &mut faults);
    let (limits, unusual) = limits::read(file, &root.clients, root.timing.duration_ns, &mut faults);
    let wanted = root.clients.len() as u64 * (series.len() as u64 + 1) * u64::from(root.repeats);
    if wanted > MOST_CASES {
        let message = format!("{wanted} cases in all; at most {MOST_CASES} are run");
        fields.fault(&keys::REPEATS, message);
    }
    faults.extend(fields.finish());
    file.judge(faults)?;
    let mut plan = Plan {
        name: root.name,
        about: root.about,
        seed: root.seed,
        feed,
        timing: root.timing,
        delay: root.delay,
        repeats: root.repeats,
        series,
        server: answering.server,
        cases: Vec::new(),
    };
    plan.cases = cases::lay_out(&plan, &root.clients, &stretch, machine);
    let mut warnings = warnings(&plan, machine.cores);
    warnings.extend(unusual);
    Ok(Resolved { plan, limits, warnings })
}

fn read_root(fields: &mut Fields<'_>, file: &scenario::File, machine: &Machine) -> Root {
    fields.declare(keys::ROOT);
    for key in scenario::File::table_keys() {
        fields.declare(&[key]);
    }
    let name = read_name(fields, &file.stem);
    let clients = fields.integers(&keys::CLIENTS, 1..=MOST_CLIENTS);
    // Within MOST_CLIENTS.
    let clients: Vec<u32> = clients.into_iter().map(|n| n as u32).collect();
    if let Some(most) = clients.iter().max()
        && let Err(message) = cases::splittable(*most, machine)
    {
        fields.fault(&keys::CLIENTS, message);
    }
    let mut phase = |key: &Key| {
        let ns = fields.duration_ns(key);
        if ns > MOST_PHASE_NS {
            fields.fault(key, format!("{} must be at most 24h", key.name));
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
        if ns == 0 && fields.sound(key) {
            fields.fault(key, format!("{} must be more than 0s", key.name));
        }
    }
    if timing.resolution_ns > MOST_RESOLUTION_NS && fields.sound(&keys::RESOLUTION) {
        fields.fault(&keys::RESOLUTION, "resolution must be at most 10ms");
    }
    // TOML's whole numbers have a sign.
    let seed = fields.integer(&keys::SEED, 0..=i64::MAX as u64);
    Root {
        name,
        about: fields.optional_text(&keys::ABOUT).unwrap_or_default(),
        clients,
        timing,
        delay: read_delay(fields, seed),
        repeats: fields.integer(&keys::REPEATS, 1..=1000) as u32,
        seed,
        duration_sound: fields.sound(&keys::DURATION),
    }
}

fn read_delay(fields: &mut Fields<'_>, seed: u64) -> Delay {
    let mut held = |key: &Key| {
        let ns = fields.duration_ns(key);
        if ns > MOST_DELAY_NS && fields.sound(key) {
            fields.fault(key, format!("{} must be at most 10s", key.name));
        }
        ns
    };
    let (one_way_ns, jitter_ns) = (held(&keys::DELAY), held(&keys::JITTER));
    let names = JitterLaw::ALL.map(JitterLaw::name);
    let chosen = fields.choice(&keys::JITTER_LAW, &names);
    let law = JitterLaw::ALL.into_iter().find(|law| law.name() == chosen).unwrap_or_default();
    Delay { one_way_ns, jitter_ns, law, seed }
}

/// The name is a part of a folder's name.
fn read_name(fields: &mut Fields<'_>, stem: &str) -> String {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let Some(name) = fields.optional_text(&keys::NAME) else {
        let tamed: String = stem.chars().map(|c| if legal(c) { c } else { '-' }).collect();
        let tamed = tamed.trim_start_matches(['.', '-']).chars().take(64).collect::<String>();
        return if tamed.is_empty() { "scenario".to_owned() } else { tamed };
    };
    if let Some(message) = bad_word("name", &name) {
        fields.fault(&keys::NAME, message);
    }
    name
}

/// Why a word cannot be a part of a file's name or a path in `--set`.
fn bad_word(what: &str, word: &str) -> Option<String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let begins = word.starts_with(|c: char| c.is_ascii_alphanumeric());
    (!word.chars().all(legal) || !begins || word.len() > 64).then(|| {
        format!(
            "{what} {word:?} must be at most 64 letters, digits, \"-\", \"_\" and \".\", \
             and begin with a letter or digit"
        )
    })
}

fn read_feed(file: &scenario::File, seed: u64, faults: &mut Vec<Diagnostic>) -> feed::Spec {
    let nothing = Table::empty(Place::whole());
    let mut fields =
        file.table("feed").unwrap_or_else(|| Fields::new(&nothing, "feed", &file.base_dir));
    fields.declare(keys::of("feed"));
    let plain = workload::read(&mut fields);
    let rate_hz = fields.rate_hz(&keys::RATE);
    if fields.sound(&keys::RATE) && !(LEAST_RATE_HZ..=MOST_RATE_HZ).contains(&rate_hz) {
        let message = match rate_hz {
            0.0 => "rate must be more than 0/s".to_owned(),
            _ => format!("rate must be between 1/24h and {MOST_RATE_HZ}/s for each client"),
        };
        fields.fault(&keys::RATE, message);
    }
    let arrivals = match fields.choice(&keys::ARRIVALS, &["periodic", "poisson"]) {
        "poisson" => Arrivals::Poisson,
        _ => Arrivals::Periodic,
    };
    let spread = fields.boolean(&keys::SPREAD);
    let names = PayloadKind::CHOICES.map(PayloadKind::name);
    let chosen = fields.choice(&keys::PAYLOAD, &names);
    let kind =
        PayloadKind::ALL.into_iter().find(|k| k.name() == chosen).unwrap_or(PayloadKind::Text);
    let size = fields.size(&keys::SIZE);
    let (kind, size) = workload::payload(&mut fields, plain.workload, kind, size);
    workload::judge(&mut fields, &plain, arrivals);
    let least = kind.least_bytes() as u64;
    if fields.sound(&keys::SIZE) && fields.sound(&keys::PAYLOAD) {
        if size < least {
            let message = format!(
                "size {size}B is too small for the sequence number and publish time in a \
                 {} message: at least {least}B",
                kind.name()
            );
            fields.fault(&keys::SIZE, message);
        } else if size > MOST_PAYLOAD_BYTES {
            fields.fault(&keys::SIZE, "size must be at most 1MiB");
        }
    }
    faults.extend(fields.finish());
    let payload_bytes = size.min(MOST_PAYLOAD_BYTES) as u32;
    feed::Spec { rate_hz, arrivals, spread, kind, payload_bytes, seed, ..plain }
}

/// The labels and transports of the series, without judging them: other settings name them.
fn read_labels(file: &scenario::File) -> Vec<String> {
    let mut labels = Vec::new();
    for mut fields in file.series() {
        labels.extend(fields.optional_text(&keys::LABEL));
        labels.extend(fields.optional_text(&keys::TRANSPORT));
    }
    labels
}

fn read_server(
    file: &scenario::File,
    labels: &[String],
    faults: &mut Vec<Diagnostic>,
) -> Answering {
    let mut answering = Answering { server: Server::Bundled, paths: BTreeMap::new() };
    let Some(mut fields) = file.table("server") else { return answering };
    fields.declare(keys::of("server"));
    let url = fields.text(&keys::URL);
    if fields.sound(&keys::URL) {
        match address::parse(&url) {
            Err(message) => fields.fault(&keys::URL, message),
            Ok(address::Address { authority, socket }) => {
                answering.server =
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
            fields.fault_at(&keys::PATHS, path.place, message);
        }
        let legal = path.text.chars().all(|c| c.is_ascii_graphic() && c != '#');
        if !path.text.starts_with('/') || !legal {
            let message = format!(
                "path {:?} must begin with \"/\" and hold no space, # or letter beyond ASCII",
                path.text
            );
            fields.fault_at(&keys::PATHS, path.text_place, message);
        }
        answering.paths.insert(path.name, path.text);
    }
    faults.extend(fields.finish());
    answering
}

fn read_series(
    mut fields: Fields<'_>,
    feed: &feed::Spec,
    answering: &Answering,
    before: &[PlannedSeries],
    root: &Root,
    faults: &mut Vec<Diagnostic>,
) -> Option<PlannedSeries> {
    fields.declare(keys::of(scenario::SERIES));
    let names: Vec<&str> = transport::TRANSPORTS.iter().map(|t| t.name()).collect();
    let name = fields.choice(&keys::TRANSPORT, &names);
    let label = fields.optional_text(&keys::LABEL).unwrap_or_else(|| name.to_owned());
    let label_key = if fields.written(&keys::LABEL) { keys::LABEL } else { keys::TRANSPORT };
    if let Some(message) = bad_word("label", &label).filter(|_| fields.written(&keys::LABEL)) {
        fields.fault(&keys::LABEL, message);
    }
    if before.iter().any(|s| s.label == label) {
        let message =
            format!("two series have the label {label:?}; give one of them another label");
        fields.fault(&label_key, message);
    }
    let Some(transport) = transport::find(name) else {
        fields.allow_unknown();
        faults.extend(fields.finish());
        return None;
    };
    fields.declare(transport.keys());
    let parsed = AnySeries::parse(transport, &mut fields);
    let series = parsed.map(|settings| {
        let given = answering.paths.get(&label).or_else(|| answering.paths.get(name));
        let own = settings.own_path();
        let path = own.or(given.cloned()).unwrap_or_else(|| transport.path().to_owned());
        let (bundled, authority) = match &answering.server {
            Server::Bundled => (true, BUNDLED_AUTHORITY.to_owned()),
            Server::External { authority, .. } => (false, authority.clone()),
        };
        let target = Target { authority, path: path.clone(), bundled };
        if let Some(why) = settings.refuses(feed) {
            fields.fault(&keys::TRANSPORT, format!("{name} cannot carry this feed: {why}"));
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
        too_short(&mut fields, series, transport.keys(), root);
        if let (false, Some(key)) = (root.delay.is_none(), series.settings.foreign_sockets()) {
            let message = format!(
                "no delay can be put before the sockets of this {}: run the scenario without \
                 delay and jitter against `wsbench relay`, by [server]",
                key.name
            );
            fields.fault(&key, message);
        }
    }
    faults.extend(fields.finish());
    series
}

/// A window shorter than a client's interval does not see every client.
fn too_short(fields: &mut Fields<'_>, series: &PlannedSeries, keys: &[Key], root: &Root) {
    let (interval, duration) = (series.interval_ns, root.timing.duration_ns);
    if !(series.paced && root.duration_sound && interval > duration) {
        return;
    }
    // A transport with a schedule of its own calls it `interval`.
    let key = keys.iter().find(|k| k.name == "interval").unwrap_or(&keys::TRANSPORT);
    if fields.sound(key) {
        let (interval, duration) = (human_ns(interval as f64), human_ns(duration as f64));
        let message = format!(
            "the interval of {interval} is longer than the measured duration of {duration}: \
             some clients would do nothing in it"
        );
        fields.fault(key, message);
    }
}

fn read_stretch(
    file: &scenario::File,
    clients: &[u32],
    faults: &mut Vec<Diagnostic>,
) -> BTreeMap<u32, Stretch> {
    let Some(mut fields) = file.table("stretch") else { return BTreeMap::new() };
    fields.declare(keys::of("stretch"));
    let counts = fields.integers(&keys::STRETCH_CLIENTS, 1..=MOST_CLIENTS);
    let most = fields.number(&keys::MOST, 1.0..=1000.0);
    for count in &counts {
        // Without a single count of its own the scenario has another fault.
        if !clients.is_empty() && !clients.iter().any(|c| u64::from(*c) == *count) {
            let message = format!("{count} is none of the scenario's client counts");
            fields.fault(&keys::STRETCH_CLIENTS, message);
        }
    }
    faults.extend(fields.finish());
    counts.into_iter().map(|count| (count as u32, Stretch { most })).collect()
}
