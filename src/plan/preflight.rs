//! Compares a plan with the machine before a socket is opened: what is too little, and what to do.
//!
//! Separate from the plan itself, which is the same on every machine with the same limit of open
//! files and the same number of cores.

use crate::os::Machine;
use crate::plan::shard::RESERVED_FILES;
use crate::plan::{Plan, estimate};
use crate::units::{SECOND_NS, human_bytes, thousands};
use serde::Serialize;

/// How long a connection keeps its port on Linux at the side that closed first
/// (`TCP_TIMEWAIT_LEN`), in seconds.
const TIME_WAIT_S: f64 = 60.0;
/// After how long such a port is taken again if `tcp_tw_reuse` allows it, in seconds.
const REUSE_S: f64 = 1.0;
/// How long connection tracking keeps a closed connection by default, in seconds.
const TRACKED_S: f64 = 120.0;
/// An accept queue that does not overflow when clients connect as fast as they can.
const QUEUE: u64 = 1_024;
/// Memory of a packet in a socket's buffer besides its bytes (`struct sk_buff` and its tail).
const PACKET_BYTES: u64 = 768;
/// Files that the run's own process needs besides its pipes.
const OWN_FILES: u64 = 64;
/// The addresses of 127.0.0.0/8.
const ALL_SOURCES: u64 = 1 << 24;
/// Tasks for this program itself and those that already run.
const OTHER_TASKS: u64 = 512;

/// One need of a plan, and what the machine has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PreflightCheck {
    /// What is needed.
    pub name: &'static str,
    /// How much of it.
    pub needed: String,
    /// How much there is.
    pub available: String,
    /// True if that is enough.
    pub ok: bool,
    /// True if the run cannot work without it. Otherwise it may be slow, or invalid.
    pub required: bool,
    /// What to do; empty if it is enough.
    pub remedy: String,
}

/// A plan compared with a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Preflight {
    /// Every need that could be checked.
    pub checks: Vec<PreflightCheck>,
    /// What could not be checked, and why.
    pub unread: Vec<String>,
}

/// The largest needs of any case.
#[derive(Debug, Default)]
struct Needs {
    files: u64,
    ports: u64,
    /// The ports of open connections, and those of closed ones if each was closed from here.
    ports_with_closed: u64,
    memory: u64,
    tracked: u64,
    buffers: u64,
    tasks: u64,
    connections: u64,
}

impl Preflight {
    /// Compares a plan with a machine.
    pub fn new(plan: &Plan, machine: &Machine) -> Preflight {
        let needs = needs(plan, machine);
        let mut checks = vec![files(&needs, machine)];
        checks.extend(ports(plan, &needs, machine));
        checks.extend(ports_with_closed(&needs, machine));
        checks.extend(memory(&needs, machine));
        checks.extend(buffers(&needs, machine));
        checks.extend(tracking(&needs, machine));
        checks.extend(queue(plan, &needs, machine));
        checks.extend(tasks(&needs, machine));
        checks.extend(sources(plan, machine));
        Preflight { checks, unread: machine.unread.clone() }
    }

    /// Returns why the run cannot work, with every remedy; `None` if it can.
    pub fn refusal(&self) -> Option<String> {
        let short = self.checks.iter().filter(|c| c.required && !c.ok);
        let lines: Vec<String> = short
            .map(|c| format!("{}: needs {}, has {}; {}", c.name, c.needed, c.available, c.remedy))
            .collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

fn needs(plan: &Plan, machine: &Machine) -> Needs {
    let mut most = Needs::default();
    let expected = plan.cases.iter().map(|case| estimate(plan, case).duration_ns);
    let run_s = expected.sum::<u64>() as f64 / SECOND_NS as f64;
    for case in &plan.cases {
        let expected = estimate(plan, case);
        let connections = expected.connections;
        let opened = expected.connections_per_second;
        let drivers = case.drivers.iter().map(|d| d.clients);
        let servers = case.servers.iter().map(|s| s.connections);
        let largest = u64::from(drivers.chain(servers).max().unwrap_or(0));
        // With a source address for each client its ports are its own.
        let clients_a_source = if case.first_source == 0 { connections } else { 1 };
        let opened_a_source = match case.first_source {
            0 => opened,
            _ => opened / f64::from(case.clients.max(1)),
        };
        let model = plan.model(case);
        let largest_message = model.iter().flat_map(|m| &m.messages).map(|m| m.exchange.ledger);
        let largest_message = largest_message.map(|l| l.up.wire.get().max(l.down.wire.get())).max();
        let message = largest_message.unwrap_or(0) + PACKET_BYTES;
        let tracked = connections + (opened * TRACKED_S) as u64;
        let tasks = expected.threads + 2 * (expected.driver_processes + expected.server_processes);
        // The run's own process has no sockets, but three pipes and a handle for each of the others.
        let others = (case.drivers.len() + case.servers.len()) as u64 * 4;
        let sockets = if case.floor { 0 } else { largest };
        most.files = most.files.max(sockets + RESERVED_FILES).max(others + OWN_FILES);
        // A run that is shorter has not closed more.
        let kept_s = time_wait_s(machine, case.first_source != 0).min(run_s);
        let closed_a_source = (opened_a_source * kept_s) as u64;
        most.ports = most.ports.max(clients_a_source);
        if closed_a_source > 0 {
            let ports = clients_a_source + closed_a_source;
            most.ports_with_closed = most.ports_with_closed.max(ports);
        }
        most.memory = most.memory.max(expected.memory_bytes());
        most.tracked = most.tracked.max(tracked);
        most.buffers = most.buffers.max(connections * message);
        most.tasks = most.tasks.max(tasks);
        most.connections = most.connections.max(connections);
    }
    most
}

/// Compares a need with what there is, both shown by `show`.
fn check(
    name: &'static str,
    required: bool,
    [needed, available]: [u64; 2],
    show: fn(u64) -> String,
    remedy: &str,
) -> PreflightCheck {
    let ok = needed <= available;
    let remedy = if ok { String::new() } else { remedy.to_owned() };
    let needed = show(needed);
    let available = show(available);
    PreflightCheck { name, needed, available, ok, required, remedy }
}

/// The same for bytes that are estimated.
fn check_bytes(
    name: &'static str,
    required: bool,
    bytes: [u64; 2],
    remedy: &str,
) -> PreflightCheck {
    let check = check(name, required, bytes, |n| human_bytes(n as f64), remedy);
    PreflightCheck { needed: format!("about {}", check.needed), ..check }
}

fn files(needs: &Needs, machine: &Machine) -> PreflightCheck {
    let open = machine.open_files();
    let remedy = "raise the hard limit: ulimit -Hn 20000, or LimitNOFILE= of the service";
    let mut check = check("open files a process", true, [needs.files, open], thousands, remedy);
    if let Some(soft) = machine.open_files_soft.filter(|soft| *soft < open) {
        check.available += &format!(" (now {}, raised by the run)", thousands(soft));
    }
    check
}

/// How long a port that was closed from here stays taken, on the loopback interface or elsewhere.
fn time_wait_s(machine: &Machine, loopback: bool) -> f64 {
    let reused = match machine.tw_reuse {
        Some(1) => true,
        Some(2) => loopback,
        _ => false,
    };
    if reused { REUSE_S } else { TIME_WAIT_S }
}

/// Connections that are open at once have a port each.
fn ports(plan: &Plan, needs: &Needs, machine: &Machine) -> Option<PreflightCheck> {
    let count = machine.port_count()?;
    let remedy = if plan.has_bundled() {
        "sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\""
    } else {
        "sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\", or fewer clients: one address holds \
         no more connections to one server"
    };
    Some(check("ports an address", true, [needs.ports, count], thousands, remedy))
}

/// A connection that was closed keeps its port at the side that closed first. Which one that is
/// shows only as the server does: too few are no reason to refuse the run.
fn ports_with_closed(needs: &Needs, machine: &Machine) -> Option<PreflightCheck> {
    let count = machine.port_count().filter(|_| needs.ports_with_closed > 0)?;
    let remedy = "connects fail (EADDRNOTAVAIL) if the server lets its clients close first: \
                  sysctl -w net.ipv4.tcp_tw_reuse=1, or keep connections alive, or a longer interval";
    let name = "ports, closed ones too";
    let needed = needs.ports_with_closed;
    Some(check(name, false, [needed, count], thousands, remedy))
}

fn memory(needs: &Needs, machine: &Machine) -> Option<PreflightCheck> {
    let free = machine.memory_bytes?;
    let remedy = "take fewer clients (--set clients=[…]) or free memory";
    Some(check_bytes("memory (estimate)", true, [needs.memory, free], remedy))
}

/// TCP's buffers, if one message for each client is on its way at once.
fn buffers(needs: &Needs, machine: &Machine) -> Option<PreflightCheck> {
    let most = machine.tcp_bytes?;
    let remedy = "raise the third number of sysctl net.ipv4.tcp_mem (pages), or fewer clients";
    Some(check_bytes("TCP buffers (estimate)", false, [needs.buffers, most], remedy))
}

fn tracking(needs: &Needs, machine: &Machine) -> Option<PreflightCheck> {
    let table = machine.conntrack?;
    let free = table.most.saturating_sub(table.used);
    let remedy = format!(
        "sysctl -w net.netfilter.nf_conntrack_max={}, or leave the connections out of tracking \
         (iptables -t raw: NOTRACK)",
        (needs.tracked + table.used).next_power_of_two()
    );
    // A kernel may have the table but no rule that fills it.
    Some(check("tracked connections", false, [needs.tracked, free], thousands, &remedy))
}

fn queue(plan: &Plan, needs: &Needs, machine: &Machine) -> Option<PreflightCheck> {
    let most = machine.somaxconn.filter(|_| plan.has_bundled())?;
    let needed = QUEUE.min(needs.connections);
    let remedy = "sysctl -w net.core.somaxconn=4096, or a ramp: connects may wait a second";
    Some(check("accept queue", false, [needed, most], thousands, remedy))
}

fn tasks(needs: &Needs, machine: &Machine) -> Option<PreflightCheck> {
    let most = machine.tasks?;
    let needed = needs.tasks + OTHER_TASKS;
    let remedy = "raise ulimit -u, kernel.pid_max or the control group's pids.max";
    Some(check("processes and threads", true, [needed, most], thousands, remedy))
}

fn sources(plan: &Plan, machine: &Machine) -> Option<PreflightCheck> {
    plan.cases.iter().find(|c| c.first_source != 0)?;
    let remedy = "run on Linux: only there are all of 127.0.0.0/8 addresses of the machine";
    let show = |n| if n == 1 { "127.0.0.1" } else { "127.0.0.0/8" }.to_owned();
    let available = if machine.loopback_block { ALL_SOURCES } else { 1 };
    Some(check("source addresses", true, [ALL_SOURCES, available], show, remedy))
}
