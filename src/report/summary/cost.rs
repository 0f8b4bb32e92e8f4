//! CPU, memory, connecting, and the audit.

use crate::record::Metric;
use crate::report::figure::Figure;
use crate::report::summary::further_client;
use crate::report::summary::group::{Group, SilentProcesses};
use crate::report::summary::growth;
use crate::report::table::{Audit, Connecting, CostFigures, ServerActivity};
use crate::result;
use crate::result::{Instructions, KernelCounts, ProcessActivity, SocketChange};
use crate::units::{human_bytes, thousands};

const NO_DRIVER: &str = "no driver process reported its end";
const NO_SERVER: &str = "no server process reported its end";

/// Why the memory of a control group is not known.
const NO_MEMORY: &str = "this control group has no memory controller";

/// Why the memory of a server that runs on is not known after its first case.
const USED_SERVER: &str = "the server runs on from an earlier case, and clients may live on memory that those \
                           before them left: measure one series and client count in a run, or let the \
                           run start the server ([server] command)";

/// CPU a message and memory a client.
pub(super) fn cost(group: &Group, floor: Option<&Group>) -> CostFigures {
    let drivers: Vec<_> = group.drivers.iter().map(|d| d.cost).collect();
    let servers: Vec<_> = group.servers.iter().map(|s| s.cost).collect();
    let messages = Figure::count(group.counts().completed);
    let a_message = |cpu: Figure| cpu.over(&messages, "nothing was received");
    let of_floor = |figure: fn(&Group) -> Figure| match floor {
        Some(floor) => figure(floor),
        None => Figure::absent("no floor was measured at this client count"),
    };
    CostFigures {
        driver_cpu_us: a_message(cpu_us(&drivers, NO_DRIVER)),
        server_cpu_us: server_figure(group, "server_cpu", || {
            a_message(cpu_us(&servers, NO_SERVER))
        }),
        server_expected: is_server_expected(group),
        server: server_activity(group, &servers, &messages),
        driver_bytes: resident(group, &drivers, NO_DRIVER, Began::Anew),
        server_bytes: memory_of_clients(group, || {
            resident(group, &servers, NO_SERVER, Began::of_servers(group))
        }),
        server_further_bytes: memory_of_clients(group, || further_client::bytes(group)),
        server_growth: server_memory(group, || growth::bytes_per_message(group, &messages)),
        kernel_bytes: kernel(group),
        floor_cpu_us: of_floor(floor_cpu_us),
        floor_lag_p99_us: of_floor(floor_lag_p99_us),
    }
}

/// Whether the scenario names the server's processes, or has the run start them.
fn is_server_expected(group: &Group) -> bool {
    let mut servers = group.servers.iter();
    group.planned_absence("server_cpu").is_none()
        && (group.info.bundled_server || servers.any(|s| s.foreign || s.unknown.is_some()))
}

fn server_figure(group: &Group, name: &str, figure: impl FnOnce() -> Figure) -> Figure {
    match group.planned_absence(name) {
        _ if group.info.floor => Figure::absent("the floor has no server"),
        Some(why) => Figure::absent(why),
        None if group.info.bundled_server => figure(),
        // What is known of its processes on this machine.
        None => match group.servers.iter().find_map(|s| s.unknown.as_deref()) {
            Some(why) => Figure::absent(why),
            None if group.servers.iter().any(|s| s.foreign) => figure(),
            None if group.has_not_started() => Figure::absent("the server did not start"),
            None => Figure::absent("the server is not the bundled one"),
        },
    }
}

/// A figure of the server's memory.
fn server_memory(group: &Group, figure: impl FnOnce() -> Figure) -> Figure {
    server_figure(group, "server_memory", || {
        if group.servers.iter().any(|server| server.no_memory_controller) {
            Figure::absent(NO_MEMORY)
        } else {
            figure()
        }
    })
}

/// The same of what its clients take.
fn memory_of_clients(group: &Group, figure: impl FnOnce() -> Figure) -> Figure {
    server_memory(
        group,
        || {
            if group.is_server_used { Figure::absent(USED_SERVER) } else { figure() }
        },
    )
}

/// What the server's processes did for a message.
fn server_activity(group: &Group, servers: &[result::Cost], messages: &Figure) -> ServerActivity {
    let all = servers.iter().map(|cost| cost.activity).reduce(ProcessActivity::plus);
    let figure = |counts: fn(&ProcessActivity) -> KernelCounts, of: fn(u64, u64) -> f64| {
        server_figure(group, "server_cpu", || {
            let figure = match all.as_ref().map(counts) {
                None => Figure::absent(NO_SERVER),
                Some(KernelCounts::Absent(why)) => Figure::absent(why.why()),
                Some(KernelCounts::Known(first, second)) => Figure::known(of(first, second)),
            };
            figure.over(messages, "nothing was received")
        })
    };
    let cpu = server_figure(group, "server_cpu", || cpu_us(servers, NO_SERVER));
    // The parts are rounded to ticks, and their sum is not.
    let part = |of: fn(u64, u64) -> u64| {
        let Figure::Known(cpu_us) = cpu else { return cpu.clone() };
        match all.as_ref().map(|activity| activity.cpu_ns) {
            None => Figure::absent(NO_SERVER),
            Some(KernelCounts::Absent(why)) => Figure::absent(why.why()),
            Some(KernelCounts::Known(0, 0)) => {
                Figure::absent("the measured window had less CPU time than a tick of the kernel")
            }
            Some(KernelCounts::Known(user, system)) => {
                let share = of(user, system) as f64 / (user as f64 + system as f64);
                Figure::known(cpu_us * share).over(messages, "nothing was received")
            }
        }
    };
    ServerActivity {
        instructions: server_figure(group, "server_cpu", || {
            let figure = match all.as_ref().map(|activity| activity.instructions) {
                None => Figure::absent(NO_SERVER),
                Some(Instructions::Absent(why)) => Figure::absent(why.why()),
                Some(Instructions::Known(0)) => Figure::absent("no instruction was counted"),
                Some(Instructions::Known(count)) => Figure::count(count),
            };
            figure.over(messages, "nothing was received")
        }),
        user_us: part(|user, _| user),
        system_us: part(|_, system| system),
        context_switches: figure(
            |a| a.context_switches,
            |waited, preempted| waited as f64 + preempted as f64,
        ),
        preemptions: figure(|a| a.context_switches, |_, preempted| preempted as f64),
        read_calls: figure(|a| a.io_calls, |reads, _| reads as f64),
        write_calls: figure(|a| a.io_calls, |_, writes| writes as f64),
        page_faults: figure(|a| a.page_faults, |minor, major| minor as f64 + major as f64),
    }
}

fn cpu_us(costs: &[result::Cost], none: &str) -> Figure {
    match costs.iter().map(|c| c.cpu_ns).sum::<u64>() {
        _ if costs.is_empty() => Figure::absent(none),
        0 => Figure::absent("no CPU time was recorded"),
        ns => Figure::known(ns as f64 / 1e3),
    }
}

/// Whether the processes of a side began with the case.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Began {
    /// Yes: they had no client before.
    Anew,
    /// No: earlier clients may have left memory that is used again.
    Before,
}

impl Began {
    fn of_servers(group: &Group) -> Began {
        if group.servers.iter().any(|server| server.runs_on_as.is_some()) {
            Began::Before
        } else {
            Began::Anew
        }
    }
}

/// The least that a client can take in a process, in bytes: an entry in a table and the state of its
/// connection. What rose by less was there before.
const LEAST_CLIENT_BYTES: u64 = 64;

/// Returns the resident memory that a client added to the processes of a side: never zero or less.
fn resident(group: &Group, costs: &[result::Cost], none: &str, began: Began) -> Figure {
    if costs.is_empty() {
        return Figure::absent(none);
    }
    if costs.iter().all(|c| c.resident_during == 0) {
        return Figure::absent("resident memory was not read");
    }
    let before: u64 = costs.iter().map(|c| c.resident_before).sum();
    let during: u64 = costs.iter().map(|c| c.resident_during).sum();
    let clients = group.asked();
    let how = match (during.checked_sub(before), began) {
        (Some(rise), Began::Anew) if rise > 0 => {
            return Figure::count(rise).over(&Figure::count(clients), "no clients");
        }
        (Some(rise), Began::Before) if rise > 0 && rise >= clients * LEAST_CLIENT_BYTES => {
            return Figure::count(rise).over(&Figure::count(clients), "no clients");
        }
        (Some(0), _) => "the memory of its processes did not rise".to_owned(),
        (Some(rise), _) => {
            let rise = human_bytes(rise as f64);
            let clients = thousands(clients);
            format!("the memory of its processes rose by only {rise} for {clients} clients")
        }
        (None, _) => {
            let shrank = human_bytes((before - during) as f64);
            format!("the memory of its processes shrank by {shrank} while clients connected")
        }
    };
    Figure::absent(match began {
        Began::Before => format!(
            "{how}: the server ran before and uses memory again that earlier clients left; start it \
             anew, or let the run start it ([server] command)"
        ),
        Began::Anew => format!("{how}: too few clients for the memory that it had at its start"),
    })
}

/// Sockets of other processes that may come or go without a word, of each case.
const OTHER_SOCKETS: i64 = 4;
/// And as a share of the sockets of clients and server: what the figure may be wrong by.
const OTHER_SHARE: i64 = 20;

/// Says that other processes of the host opened or closed sockets meanwhile: then the memory of all is
/// not that of the clients.
fn other_sockets(group: &Group) -> Option<String> {
    // A file of an older version has no counts.
    let changes = group.ends.iter().map(|end| end.kernel_sockets);
    let changes: Vec<SocketChange> = changes.collect::<Option<_>>()?;
    let sum = |of: fn(&SocketChange) -> i64| changes.iter().map(of).fold(0, i64::saturating_add);
    let counts = &group.total.phases.total().counts;
    let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let connected = whole(group.connected());
    // A server has at least one for each client; a proxy has more.
    let counted: Option<i64> = changes
        .iter()
        .map(|change| change.server)
        .try_fold(0, |all, one| one.map(|n| n.saturating_add(all)));
    let of_server = counted.map_or(connected, |count| count.max(connected));
    let own = connected.saturating_add(of_server);
    let slack = (OTHER_SOCKETS * changes.len() as i64).max(own / OTHER_SHARE);
    let held = sum(|change| change.held).max(sum(|change| change.allocated));
    let others = held.saturating_sub(own);
    let n = |count: i64| thousands(count.unsigned_abs());
    if others > slack {
        return Some(format!(
            "about {} sockets came to the host beside the {} of clients and server, and the kernel counts \
             the memory of all: measure while nothing else opens connections",
            n(others),
            n(own)
        ));
    }
    // Each connection is opened by one side and accepted by the other.
    let attempts = whole(counts.connects).saturating_add(whole(counts.faults));
    let own = attempts.saturating_add(of_server - connected).saturating_mul(2);
    let others = sum(|change| change.opened).saturating_sub(own);
    if others > slack {
        return Some(format!(
            "other processes of the host opened or accepted about {} connections meanwhile, and the \
             kernel counts the memory of all: measure while nothing else opens connections",
            n(others)
        ));
    }
    let steady = counts.faults == 0 && counts.reconnects == 0 && !group.info.connection_each_turn;
    let gone = connected.saturating_mul(2).saturating_sub(sum(|change| change.allocated));
    (steady && gone > slack).then(|| {
        format!(
            "about {} sockets of other processes of the host were closed meanwhile, and the kernel \
             counts the memory of all",
            n(gone)
        )
    })
}

fn kernel(group: &Group) -> Figure {
    if let Some(why) = group.planned_absence("kernel_memory") {
        return Figure::absent(why);
    }
    if let Some(why) = other_sockets(group) {
        return Figure::absent(why);
    }
    let known: Vec<i64> = group.ends.iter().filter_map(|e| e.kernel_memory).collect();
    match known.iter().map(|&b| b as f64).sum::<f64>() / known.len() as f64 {
        _ if known.is_empty() && group.info.floor => Figure::absent("the floor has no network"),
        _ if known.is_empty() => Figure::absent("the host does not tell its socket memory"),
        mean if mean < 0.0 => Figure::absent(format!(
            "the host's socket memory shrank by {}: something else ended meanwhile",
            human_bytes(-mean)
        )),
        0.0 => Figure::absent("the host's socket memory did not rise"),
        mean => {
            Figure::known(mean).over(&Figure::count(u64::from(group.info.clients)), "no clients")
        }
    }
}

fn floor_cpu_us(floor: &Group) -> Figure {
    let costs: Vec<_> = floor.drivers.iter().map(|d| d.cost).collect();
    let turns = Figure::count(floor.counts().turns);
    cpu_us(&costs, NO_DRIVER).over(&turns, "the floor had no turn")
}

fn floor_lag_p99_us(floor: &Group) -> Figure {
    let lag = floor.total.latency.of(Metric::DriverLag);
    lag.map_or_else(
        || Figure::absent("the floor had no turn"),
        |lag| Figure::quantile_us(lag, 0.99),
    )
}

/// How fast the clients connected.
pub(super) fn connecting(group: &Group) -> Connecting {
    let walls = group.ends.iter().map(|e| e.connect_wall_ns).filter(|&ns| ns > 0);
    let walls: Vec<f64> = walls.map(|ns| ns as f64 / 1e9).collect();
    let count = Figure::count(walls.len() as u64);
    let wall_s = Figure::known(walls.iter().sum()).over(&count, "no connecting was timed");
    let clients = Figure::count(u64::from(group.info.clients));
    Connecting { per_s: clients.over(&wall_s, "connecting took no time"), wall_s }
}

/// Says that a library had closed every connection of which the kernel could have been asked.
pub(super) fn closed_by_the_library(group: &Group) -> Option<String> {
    let all = |of: fn(&result::KernelAudit) -> u64| -> u64 {
        group.drivers.iter().map(|driver| of(&driver.audit)).sum()
    };
    let compared = all(|a| a.connections) + all(|a| a.refused);
    let closed = all(|a| a.unaudited);
    (compared == 0 && closed > 0).then(|| {
        format!(
            "the library had closed each of {} connections before the kernel could be asked; take \
             engine = \"raw\"",
            thousands(closed)
        )
    })
}

/// Ledger against socket, driver against kernel, driver against server.
pub(super) fn audit(group: &Group) -> Audit {
    let all = group.total.phases.total().ledger;
    let kernel = |of: fn(&result::KernelAudit) -> u64| {
        if group.drivers.is_empty() {
            Figure::absent(NO_DRIVER)
        } else {
            Figure::count(group.drivers.iter().map(|d| of(&d.audit)).sum())
        }
    };
    let server_bytes = server_figure(group, "server_audit", || {
        let received: u64 = group.servers.iter().map(|s| s.received).sum();
        let sent: u64 = group.servers.iter().map(|s| s.sent).sum();
        let up = all.up.wire.get();
        let down = all.down.wire.get();
        // What a process did not report is no difference between those that did.
        match group.silent {
            _ if group.servers.is_empty() => Figure::absent(NO_SERVER),
            _ if group.drivers.is_empty() => Figure::absent(NO_DRIVER),
            SilentProcesses { drivers: 0, servers: 0 } => {
                Figure::count(received.abs_diff(up) + sent.abs_diff(down))
            }
            SilentProcesses { drivers, servers } => Figure::absent(format!(
                "processes did not report their end: {drivers} of the driver, {servers} of the server"
            )),
        }
    });
    let unexplained = all.up.unexplained().unsigned_abs() + all.down.unexplained().unsigned_abs();
    let ledger_bytes = if group.cases.is_empty() {
        Figure::absent("the case did not run")
    } else {
        Figure::count(unexplained)
    };
    let refused = kernel(|a| a.refused);
    let kernel_bytes = match refused.value() {
        Some(n) if n > 0.0 => Figure::absent(format!(
            "it has no byte counts for {} connections (TCP_INFO)",
            thousands(n as u64)
        )),
        _ => match closed_by_the_library(group) {
            Some(why) => Figure::absent(why),
            None => kernel(|a| a.unexplained_bytes),
        },
    };
    let known = [&ledger_bytes, &kernel_bytes, &server_bytes].into_iter().filter_map(Figure::value);
    Audit {
        connections: kernel(|a| a.connections),
        unaudited: kernel(|a| a.unaudited),
        refused,
        mismatched: kernel(|a| a.mismatched),
        unexplained_bytes: known.sum::<f64>() as u64,
        ledger_bytes,
        kernel_bytes,
        server_bytes,
    }
}
