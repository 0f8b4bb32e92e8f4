//! `wsbench serve`: the reference server on its own; and the server process of a run.
//!
//! The first prints and ends by a signal, the second exchanges lines with its parent. What is
//! served, and how, is in `server`.

use crate::cli::{ServeArgs, parse_kind, parse_payload_size, parse_rate};
use crate::cmd::console::warn;
use crate::cmd::stdout::print;
use crate::cmd::table;
use crate::config::{Fields, Location, TomlTable};
use crate::error::{Failure, Outcome, at};
use crate::feed::{Feed, PAYLOAD_VARIABLE, RATE_VARIABLE, SIZE_VARIABLE, Spec, Workload};
use crate::os::{
    Machine, Signals, outlive_interrupts, own_activity, own_instructions, raise_open_files,
    resident_bytes, set_batch_scheduling,
};
use crate::result::file::Line;
use crate::result::{ProcessActivity, ServerEnd};
use crate::run::protocol::{FromProcess, ResourceSample, ServerStart, ToServer};
use crate::run::runtime;
use crate::run::worker::{Commands, read_input, send_line};
use crate::server;
use crate::server::fault_injection::{FaultInjection, InjectedFault};
use crate::server::pages::{Hosts, Pages};
use crate::server::{Config, Limits, Running, Totals};
use crate::time::{now_ns, process_cpu_ns};
use crate::tls::{Identity, ServerTls, server_config};
use crate::transport::{AnySeries, Mount, TRANSPORTS, Transport};
use crate::units::{human_bytes, thousands};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Updates due within this time share a wake-up, as in a scenario without `resolution`.
const GAP_NS: u64 = 500_000;
/// How long connections may take to end after the first signal.
const DRAIN: Duration = Duration::from_secs(10);
/// How long connections that outlived a run's limit may take to end.
const LAST_DRAIN: Duration = Duration::from_secs(1);
/// How often to look whether a run's connections have ended.
const LOOK: Duration = Duration::from_millis(5);
/// Serves until a signal.
///
/// # Errors
/// If the scenario cannot be used or the address is taken.
pub(crate) fn run(args: &ServeArgs) -> Outcome<()> {
    let (spec, mounts) = match &args.scenario {
        Some(path) => from_scenario(path)?,
        None => (from_args(args)?, every_transport()?),
    };
    let scheme = if args.tls { "https" } else { "http" };
    raise_open_files();
    let threads = threads(args.threads, &spec)?;
    let faults = combine_faults(&args.faults, &spec, &mounts)?;
    let about: Vec<String> =
        mounts.iter().map(|m| format!("  {:<32}{}", m.path, m.series.transport().about)).collect();
    let config = Config {
        bind: args.bind,
        threads,
        feed: Feed { spec, epoch_ns: now_ns() },
        tls: tls(args)?,
        gap_ns: GAP_NS,
        mount: Mount::all(mounts),
        limits: Limits::default(),
        faults,
        pages: pages(args)?,
        notice: Arc::new(|text: &str| warn(text)),
    };
    let has_pages = config.pages.is_some();
    for fault in &args.faults {
        warn(format_args!("this server is faulty on purpose: {fault}"));
    }
    let totals = runtime()?.block_on(async {
        // Before a first client takes the last descriptor.
        let signals = Signals::catch().map_err(at("cannot listen for signals"))?;
        let running = server::start(config)?;
        let address = running.address();
        let mut text = format!("listening on {scheme}://{address}\n{}\n", about.join("\n"));
        if has_pages {
            text.push_str(&format!("pages for a browser: {scheme}://{}/\n", for_browser(address)));
        }
        print(text.as_bytes())?;
        until_signal(running, signals).await
    })?;
    print(describe(&totals).as_bytes())
}

/// Combines all faults; an error if one is given twice, or nothing that is served can show it.
fn combine_faults(
    list: &[InjectedFault],
    spec: &Spec,
    mounts: &[Mount],
) -> Outcome<FaultInjection> {
    let wrong = |error: String| Failure::usage(format!("--fault: {error}"));
    let faults = FaultInjection::of(list).map_err(wrong)?;
    let drops = list.iter().any(|fault| matches!(fault, InjectedFault::Drop(_)));
    let latest = mounts.iter().all(|mount| mount.series.always_sends_latest(spec));
    match (drops, spec.workload, latest) {
        (true, Workload::Echo, _) => Err(wrong(
            "drop has no effect on an echo: each message is answered, and nothing else is sent"
                .into(),
        )),
        (true, _, true) => Err(wrong(
            "drop has no effect: each poll is answered with the latest update; use semantics = \
             \"log\" or another transport"
                .into(),
        )),
        _ => Ok(faults),
    }
}

/// The pages, if there are any: on an address of this machine alone unless they are asked for.
fn pages(args: &ServeArgs) -> Outcome<Option<Arc<Pages>>> {
    let asked = args.pages || !args.pages_hosts.is_empty();
    if args.no_pages || !(asked || args.bind.ip().is_loopback()) {
        return Ok(None);
    }
    let names = args.pages_hosts.iter().map(|name| name.to_ascii_lowercase()).collect();
    Ok(Some(Arc::new(Pages::new(Hosts { names, tls: args.tls }))))
}

/// An address as a person opens it in a browser.
fn for_browser(address: SocketAddr) -> String {
    if address.ip().is_loopback() || address.ip().is_unspecified() {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    }
}

/// How the server uses TLS, if it does: with the certificate that was given, or one of its own.
fn tls(args: &ServeArgs) -> Outcome<Option<Arc<rustls::ServerConfig>>> {
    if !args.tls {
        return Ok(None);
    }
    let identity = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => Identity::read(certificate, key),
        // The one needs the other.
        _ => Identity::own(),
    };
    let identity = identity.map_err(Failure::usage)?;
    let tls = ServerTls { identity, version: None, resumption: true };
    server_config(&tls).map(Some).map_err(Failure::usage)
}

/// As asked for, or one for each core. Clients that send to each other share one.
fn threads(asked: Option<u32>, spec: &Spec) -> Outcome<u32> {
    match (asked, spec.workload.is_shared()) {
        (Some(more @ 2..), true) => Err(Failure::usage(format!(
            "--threads {more}: all clients of a {} share one thread; leave --threads out",
            spec.workload.name()
        ))),
        (_, true) => Ok(1),
        (Some(asked), false) => Ok(asked),
        (None, false) => {
            Ok(std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32))
        }
    }
}

fn from_scenario(path: &Path) -> Outcome<(Spec, Vec<Mount>)> {
    let plan = crate::cmd::plan::prepare(path, &[], &Machine::read())?.plan;
    let mut mounts: Vec<Mount> = Vec::new();
    for series in plan.series {
        // Two series that differ at the client alone share an endpoint.
        if mounts.iter().all(|mount| mount.path != series.path) {
            mounts.push(Mount { series: series.settings, path: series.path });
        }
    }
    Ok((plan.feed, mounts))
}

/// Returns an option's value: as it was given, or from the variable that a run sets for a server that it
/// starts.
fn given_or_set<T>(
    given: Option<T>,
    variable: &str,
    parse: fn(&str) -> Result<T, String>,
) -> Outcome<Option<T>> {
    match std::env::var(variable) {
        Ok(text) if given.is_none() => {
            let wrong = |why| Failure::usage(format!("{variable}={text:?}: {why}"));
            parse(&text).map(Some).map_err(wrong)
        }
        _ => Ok(given),
    }
}

fn from_args(args: &ServeArgs) -> Outcome<Spec> {
    let rate_hz = given_or_set(args.rate, RATE_VARIABLE, parse_rate)?;
    let kind = given_or_set(args.payload, PAYLOAD_VARIABLE, parse_kind)?;
    let kind = kind.unwrap_or(Spec::PLAIN.kind);
    let size = given_or_set(args.size, SIZE_VARIABLE, parse_payload_size)?;
    let size = size.unwrap_or(kind.usual_bytes() as u32);
    let least = kind.least_bytes();
    if (size as usize) < least {
        let name = kind.name();
        return Err(Failure::usage(format!(
            "--size: a {name} message needs at least {least}B for its number and time"
        )));
    }
    if kind.has_one_size() && size as usize != least {
        let name = kind.name();
        return Err(Failure::usage(format!("--size: a {name} message has {least}B: leave it out")));
    }
    Ok(Spec {
        rate_hz: rate_hz.unwrap_or(Spec::PLAIN.rate_hz),
        kind,
        payload_bytes: size,
        seed: 0,
        message_limit_bytes: args.message_limit,
        ..Spec::PLAIN
    })
}

/// Every transport that the server has, with the defaults of its settings.
fn every_transport() -> Outcome<Vec<Mount>> {
    let table = TomlTable::empty(Location::whole());
    let mount = |transport: &&'static Transport| {
        let mut fields = Fields::new(&table, Path::new("."));
        fields.declare(transport.keys);
        let series = AnySeries::parse(transport, &mut fields).ok_or_else(|| {
            Failure::run(format!("the defaults of {:?} cannot be used", transport.name))
        })?;
        Ok(Mount { series, path: transport.path.to_owned() })
    };
    TRANSPORTS.iter().filter(|t| !t.path.is_empty()).map(mount).collect()
}

async fn until_signal(mut running: Running, mut signals: Signals) -> Outcome<Totals> {
    signals.next().await;
    let text = format!("draining {} connections; a second signal ends at once\n", running.open());
    print(text.as_bytes())?;
    running.drain(DRAIN);
    tokio::select! {
        () = running.ended() => {}
        _ = signals.next() => running.stop(),
    }
    running.finish()
}

fn describe(totals: &Totals) -> String {
    let rare = [("too slow", totals.lagged), ("dropped", totals.dropped)];
    let mut rows = vec![
        ("connections", thousands(totals.connections)),
        ("requests", thousands(totals.requests)),
        ("pushed", thousands(totals.pushed)),
        ("received", human_bytes(totals.received as f64)),
        ("sent", human_bytes(totals.sent as f64)),
    ];
    rows.extend(rare.into_iter().filter(|(_, n)| *n > 0).map(|(name, n)| (name, thousands(n))));
    table::totals(&rows)
}

/// Runs the server process of a run: see `run::protocol`. Ends with its parent.
///
/// # Errors
/// If the parent is gone. Other errors are sent to the parent.
pub(crate) fn child() -> Outcome<()> {
    let (start, commands) = read_input::<ServerStart, ToServer>()?;
    raise_open_files();
    if start.crowded {
        set_batch_scheduling();
    }
    let case = start.case;
    let shard = start.shard;
    let served = runtime()?.block_on(async {
        outlive_interrupts().map_err(at("cannot listen for signals"))?;
        let running = configure(start).and_then(server::start)?;
        follow_commands(case, shard, running, commands).await
    });
    match served {
        Ok(()) => Ok(()),
        Err(failure) => send_line(&FromProcess::Failed { message: format!("{failure:#}") }),
    }
}

fn configure(start: ServerStart) -> Outcome<Config> {
    let mut limits = Limits::default();
    // A request comes a handshake's two ways and its own after its connection, and an answer's
    // end is seen and answered a round trip later.
    let allowance = Duration::from_nanos(start.allowance_ns);
    limits.head = limits.head.saturating_add(allowance.saturating_mul(2));
    limits.linger = limits.linger.saturating_add(allowance);
    Ok(Config {
        bind: start.bind,
        threads: start.threads,
        feed: Feed::waiting(start.feed),
        tls: start.tls.as_ref().map(server_config).transpose().map_err(Failure::run)?,
        gap_ns: start.gap_ns,
        mount: Mount::all(start.mounts),
        limits,
        faults: FaultInjection::default(),
        pages: None,
        notice: Arc::new(|text: &str| warn(text)),
    })
}

async fn follow_commands(
    case: u32,
    shard: u32,
    running: Running,
    mut commands: Commands<ToServer>,
) -> Outcome<()> {
    // Its threads have started.
    let instructions = own_instructions();
    send_line(&FromProcess::Listening { address: running.address() })?;
    // The channel ends with the parent.
    while let Some(command) = commands.recv().await {
        match command? {
            ToServer::Publish { epoch_ns } => running.publish(epoch_ns),
            ToServer::Sample => send_line(&FromProcess::Cost(ResourceSample {
                cpu_ns: process_cpu_ns(),
                // If the system does not tell, the parent reports that for all of its processes.
                resident: resident_bytes().unwrap_or(0),
                activity: ProcessActivity { instructions: instructions.read(), ..own_activity() },
                threads_ended: false,
            }))?,
            ToServer::Drain { cost, limit_ns } => {
                let totals = drain(running, limit_ns).await?;
                let end = ServerEnd {
                    case,
                    shard,
                    connections: totals.connections,
                    received: totals.received,
                    sent: totals.sent,
                    pushed: totals.pushed,
                    cost,
                    ..ServerEnd::default()
                };
                return send_line(&FromProcess::Result(Box::new(Line::Server(Box::new(end)))));
            }
        }
    }
    Ok(())
}

/// Lets the clients end their connections themselves within the limit: a Close from this side
/// would cross theirs.
async fn drain(mut running: Running, limit_ns: u64) -> Outcome<Totals> {
    let until = tokio::time::Instant::now() + Duration::from_nanos(limit_ns);
    while running.open() > 0 && tokio::time::Instant::now() < until {
        tokio::time::sleep(LOOK).await;
    }
    running.drain(LAST_DRAIN);
    running.ended().await;
    running.finish()
}
