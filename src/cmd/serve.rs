//! `wsbench serve`: the reference server on its own; and the server process of a run.
//!
//! The first prints and obeys signals, the second speaks lines with its parent. What is served,
//! and how, is `server`.

use crate::config::{Fields, Location, TomlTable};
use crate::error::{Failure, Outcome, at};
use crate::feed::{Feed, PayloadKind, Spec, Workload};
use crate::os::Machine;
use crate::os::Signals;
use crate::os::{raise_open_files, resident_bytes, set_batch_scheduling};
use crate::result::ServerEnd;
use crate::result::file::Line;
use crate::run::protocol::{FromServer, ServerStart, ToServer};
use crate::run::worker::{listen, say};
use crate::server;
use crate::server::fault_injection::{FAULTS, FaultInjection, InjectedFault};
use crate::server::{Config, Limits, Running, Totals};
use crate::time::{now_ns, process_cpu_ns};
use crate::transport::{AnySeries, Mount, TRANSPORTS, Transport};
use crate::units::{human_bytes, parse_rate_hz, parse_size, thousands};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// Updates due within this time share a wake-up, as in a scenario without `resolution`.
const GAP_NS: u64 = 500_000;
/// How long connections may take to end after the first signal.
const DRAIN: Duration = Duration::from_secs(10);
/// How long connections that outlived a run's limit may take to end.
const LAST_DRAIN: Duration = Duration::from_secs(1);
/// How often to look whether a run's connections have ended.
const LOOK: Duration = Duration::from_millis(5);
/// The largest payload, as in a scenario.
const MOST_PAYLOAD_BYTES: u64 = 1024 * 1024;

/// The arguments of `wsbench serve`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ServeArgs {
    /// Where to listen; port 0 for any
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub bind: SocketAddr,
    /// Threads [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub threads: Option<u32>,
    /// Publish and answer as this scenario says
    #[arg(long, value_name = "FILE", conflicts_with_all = ["rate", "payload", "size"])]
    pub scenario: Option<PathBuf>,
    /// Updates for each client
    #[arg(long, value_name = "RATE", default_value = "1/s", value_parser = rate)]
    pub rate: f64,
    /// The form of a message: text, binary or json
    #[arg(long, value_name = "KIND", default_value = "text", value_parser = kind)]
    pub payload: PayloadKind,
    /// The size of a message
    #[arg(long, value_name = "SIZE", default_value = "21B", value_parser = size)]
    pub size: u32,
    /// A fault of the server's own, of a stated size, to see whether a gate catches it: delay=5ms,
    /// header=64B, cpu=50us, leak=1KiB, drop=1%, stall=200ms/2s; may be given several times
    #[arg(long = "fault", value_name = "NAME=SIZE", long_help = fault_help())]
    pub faults: Vec<InjectedFault>,
}

/// Every fault and what it does.
fn fault_help() -> String {
    let line = |(_, example, about): &(_, &str, &str)| format!("\n  {example}: {about}");
    let lines: String = FAULTS.iter().map(line).collect();
    format!(
        "A fault of the server's own, of a stated size, to see whether a gate catches it; may be \
         given several times:\n{lines}"
    )
}

fn rate(text: &str) -> Result<f64, String> {
    match parse_rate_hz(text)? {
        hz if hz > 0.0 && hz <= 1e6 => Ok(hz),
        _ => Err("must be above 0/s and at most 1000000/s".to_owned()),
    }
}

fn kind(text: &str) -> Result<PayloadKind, String> {
    let found = PayloadKind::CHOICES.into_iter().find(|kind| kind.name() == text);
    found.ok_or_else(|| "must be text, binary or json".to_owned())
}

fn size(text: &str) -> Result<u32, String> {
    let bytes = parse_size(text)?;
    let within = u32::try_from(bytes).ok().filter(|_| bytes <= MOST_PAYLOAD_BYTES);
    within.ok_or_else(|| "must be at most 1MiB".to_owned())
}

/// Serves until a signal.
///
/// # Errors
/// Where the scenario cannot be used or the address is taken.
pub(crate) fn run(args: &ServeArgs) -> Outcome<()> {
    let (spec, mounts) = match &args.scenario {
        Some(path) => from_scenario(path)?,
        None => (from_args(args)?, every_transport()?),
    };
    raise_open_files();
    let threads = threads(args.threads, &spec)?;
    let faults = faults(&args.faults, &spec, &mounts)?;
    let about: Vec<String> = mounts
        .iter()
        .map(|m| format!("  {:<32}{}", m.path, m.series.transport().about()))
        .collect();
    let config = Config {
        bind: args.bind,
        threads,
        feed: Feed { spec, epoch_ns: now_ns() },
        gap_ns: GAP_NS,
        mount: Mount::all(mounts),
        limits: Limits::default(),
        faults,
        notice: Arc::new(warn),
    };
    for fault in &args.faults {
        warn(&format!("this server is faulty on purpose: {fault}"));
    }
    let totals = runtime()?.block_on(async {
        // Before the first client comes, who may take the last descriptor.
        let signals = Signals::catch().map_err(at("cannot listen for signals"))?;
        let running = server::start(config)?;
        tell(&format!("listening on http://{}\n{}\n", running.address(), about.join("\n")))?;
        until_signal(running, signals).await
    })?;
    tell(&describe(&totals))
}

/// All faults together.
///
/// # Errors
/// Where one is given twice, or nothing that is served can show it.
fn faults(list: &[InjectedFault], spec: &Spec, mounts: &[Mount]) -> Outcome<FaultInjection> {
    let wrong = |error: String| Failure::usage(format!("--fault: {error}"));
    let faults = FaultInjection::of(list).map_err(wrong)?;
    let drops = list.iter().any(|fault| matches!(fault, InjectedFault::Drop(_)));
    let latest = mounts.iter().all(|mount| mount.series.always_sends_latest(spec));
    match (drops, spec.workload, latest) {
        (true, Workload::Echo, _) => {
            Err(wrong("drop: in an echo each message is answered, and nothing else is sent".into()))
        }
        (true, _, true) => Err(wrong(
            "drop: each poll is answered with the latest update, so that no update can be left \
             out; take semantics = \"log\" or another transport"
                .into(),
        )),
        _ => Ok(faults),
    }
}

/// As asked for, or one for each core; where clients send to each other, they meet in one.
fn threads(asked: Option<u32>, spec: &Spec) -> Outcome<u32> {
    match (asked, spec.workload.is_shared()) {
        (Some(more @ 2..), true) => Err(Failure::usage(format!(
            "--threads {more}: all clients of a {} meet in one thread; leave --threads out",
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
        // Two series may share an endpoint where they differ at the client alone.
        if mounts.iter().all(|mount| mount.path != series.path) {
            mounts.push(Mount { series: series.settings, path: series.path });
        }
    }
    Ok((plan.feed, mounts))
}

fn from_args(args: &ServeArgs) -> Outcome<Spec> {
    let least = args.payload.least_bytes();
    if (args.size as usize) < least {
        let name = args.payload.name();
        return Err(Failure::usage(format!(
            "--size: a {name} message needs at least {least}B for its number and time"
        )));
    }
    Ok(Spec {
        rate_hz: args.rate,
        kind: args.payload,
        payload_bytes: args.size,
        seed: 0,
        ..Spec::PLAIN
    })
}

/// Every transport that has a server half, with the defaults of its settings.
fn every_transport() -> Outcome<Vec<Mount>> {
    let table = TomlTable::empty(Location::whole());
    let mount = |transport: &&'static dyn Transport| {
        let mut fields = Fields::new(&table, transport.name(), Path::new("."));
        fields.declare(transport.keys());
        let series = AnySeries::parse(*transport, &mut fields).ok_or_else(|| {
            Failure::run(format!("the defaults of {:?} cannot be used", transport.name()))
        })?;
        Ok(Mount { series, path: transport.path().to_owned() })
    };
    TRANSPORTS.iter().filter(|t| !t.path().is_empty()).map(mount).collect()
}

async fn until_signal(mut running: Running, mut signals: Signals) -> Outcome<Totals> {
    signals.next().await;
    tell(&format!("draining {} connections; once more to end at once\n", running.open()))?;
    running.drain(DRAIN);
    tokio::select! {
        () = running.ended() => {}
        _ = signals.next() => running.stop(),
    }
    running.finish()
}

fn describe(totals: &Totals) -> String {
    let mut lines = vec![
        format!("connections  {}", thousands(totals.connections)),
        format!("requests     {}", thousands(totals.requests)),
        format!("pushed       {}", thousands(totals.pushed)),
        format!("received     {}", human_bytes(totals.received as f64)),
        format!("sent         {}", human_bytes(totals.sent as f64)),
    ];
    if totals.lagged > 0 {
        lines.push(format!("too slow     {}", thousands(totals.lagged)));
    }
    if totals.dropped > 0 {
        lines.push(format!("dropped      {}", thousands(totals.dropped)));
    }
    lines.join("\n") + "\n"
}

fn tell(text: &str) -> Outcome<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(at("cannot write"))
}

fn warn(text: &str) {
    eprintln!("warning: {text}");
}

fn runtime() -> Outcome<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().map_err(at("cannot start a runtime"))
}

/// The server process of a run: see `worker::protocol`. Ends with its parent.
///
/// # Errors
/// Where the parent is gone. What else goes wrong is told to the parent.
pub(crate) fn child() -> Outcome<()> {
    let (start, orders) = listen::<ServerStart, ToServer>()?;
    raise_open_files();
    if start.crowded {
        set_batch_scheduling();
    }
    let (case, shard) = (start.case, start.shard);
    let served = runtime()?.block_on(async {
        // The parent coordinates: an interrupt of the terminal's whole group is not for us.
        // Listening for it is enough to survive it.
        #[cfg(unix)]
        let _interrupts = {
            use tokio::signal::unix::{SignalKind, signal};
            signal(SignalKind::interrupt()).map_err(at("cannot listen for signals"))?
        };
        let running = configure(start).and_then(server::start)?;
        obey(case, shard, running, orders).await
    });
    match served {
        Ok(()) => Ok(()),
        Err(failure) => say(&FromServer::Failed { message: format!("{failure:#}") }),
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
        gap_ns: start.gap_ns,
        mount: Mount::all(start.mounts),
        limits,
        faults: FaultInjection::default(),
        notice: Arc::new(warn),
    })
}

async fn obey(
    case: u32,
    shard: u32,
    running: Running,
    mut orders: UnboundedReceiver<ToServer>,
) -> Outcome<()> {
    say(&FromServer::Listening { address: running.address() })?;
    // The end of the orders is the end of the parent.
    while let Some(order) = orders.recv().await {
        match order {
            ToServer::Publish { epoch_ns } => running.publish(epoch_ns),
            ToServer::Sample => say(&FromServer::Cost {
                cpu_ns: process_cpu_ns(),
                // Where the host does not tell, the parent says so for all of its processes.
                resident: resident_bytes().unwrap_or(0),
                open: running.open(),
            })?,
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
                return say(&FromServer::End(Box::new(Line::Server(Box::new(end)))));
            }
        }
    }
    Ok(())
}

/// Lets the clients end their connections themselves, as far as they do within the limit: a Close
/// from this side would cross theirs.
async fn drain(mut running: Running, limit_ns: u64) -> Outcome<Totals> {
    let until = tokio::time::Instant::now() + Duration::from_nanos(limit_ns);
    while running.open() > 0 && tokio::time::Instant::now() < until {
        tokio::time::sleep(LOOK).await;
    }
    running.drain(LAST_DRAIN);
    running.ended().await;
    running.finish()
}
