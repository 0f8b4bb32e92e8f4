//! What a case will take, by arithmetic: processes, bytes by layer, memory, time.
//!
//! Separate from `result`, which is what it took. The figures per client are measurements of a
//! two-core Linux 6.18 machine and are called estimates wherever they are shown.

use crate::plan::{Case, Plan};
use crate::predict::Exchange;
use crate::units::SECOND_NS;
use serde::Serialize;
use std::net::Ipv4Addr;

/// User-space bytes of the driver for a client with a schedule of its own.
const PACED_CLIENT_BYTES: u64 = 2_500;
/// User-space bytes of the driver for a client that is pushed to, with its read buffer.
const PUSHED_CLIENT_BYTES: u64 = 8_000;
/// User-space bytes of the bundled server for a connection that polls.
const PACED_SERVER_BYTES: u64 = 12_000;
/// User-space bytes of the bundled server for a connection that it pushes to.
const PUSHED_SERVER_BYTES: u64 = 6_000;
/// Kernel bytes of one socket: 200,000 idle ones took 4.8 KB of slab each.
const SOCKET_BYTES: u64 = 4_800;
/// Bytes of a process before its first client.
const PROCESS_BYTES: u64 = 6_000_000;
/// Time for one connect with its upgrade or first exchange: 100,000 took some seconds.
const CONNECT_NS: u64 = 50_000;
/// Time for starting processes and ending clients.
const AROUND_NS: u64 = SECOND_NS;
/// Time for the calibration that finds the rate that holds.
const CALIBRATION_NS: u64 = 8 * SECOND_NS;

/// Bytes a second by layer, of all clients of a case together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Traffic {
    /// Exchanges or messages a second.
    pub events: f64,
    /// Payload from server to client.
    pub payload_bytes: f64,
    /// Protocol bytes from client to server.
    pub protocol_up_bytes: f64,
    /// Protocol bytes from server to client.
    pub protocol_down_bytes: f64,
    /// Socket bytes in both directions.
    pub wire_bytes: f64,
    /// Bytes of IP packets in both directions.
    pub ip_bytes: f64,
}

/// What a case will take.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Estimate {
    /// Processes of the driver.
    pub driver_processes: u64,
    /// Processes of the server.
    pub server_processes: u64,
    /// Threads that move bytes, in all processes.
    pub threads: u64,
    /// Connections that are open at once.
    pub connections: u64,
    /// New connections a second while load lasts; 0 where connections are kept.
    pub connections_per_second: f64,
    /// The first and the last source address; absent where the kernel chooses.
    pub sources: Option<(Ipv4Addr, Ipv4Addr)>,
    /// Bytes a second; absent where no arithmetic knows them.
    pub traffic: Option<Traffic>,
    /// User-space memory of the driver.
    pub driver_bytes: u64,
    /// User-space memory of the bundled server.
    pub server_bytes: u64,
    /// Memory of the kernel for the sockets at this machine.
    pub kernel_bytes: u64,
    /// From the first process to the last close.
    pub duration_ns: u64,
}

impl Estimate {
    /// Memory of all sorts.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.driver_bytes + self.server_bytes + self.kernel_bytes
    }
}

/// What a case of a plan will take.
pub(crate) fn estimate(plan: &Plan, case: &Case) -> Estimate {
    let series = plan.series_of(case);
    let clients = u64::from(case.clients);
    // The floor opens no socket.
    let connections = if case.floor { 0 } else { clients };
    let (driver, server) = if series.paced {
        (PACED_CLIENT_BYTES, PACED_SERVER_BYTES)
    } else {
        (PUSHED_CLIENT_BYTES, PUSHED_SERVER_BYTES)
    };
    let (drivers, servers) = (case.drivers.len() as u64, case.servers.len() as u64);
    let ends = if plan.bundled() { 2 } else { 1 };
    let turns = if series.interval_ns == 0 { 0.0 } else { per_second(clients, series.interval_ns) };
    let opens = series.connection_each_turn && !case.floor;
    Estimate {
        driver_processes: drivers,
        server_processes: servers,
        threads: drivers * case.drivers.first().map_or(0, |d| u64::from(d.threads))
            + servers * case.servers.first().map_or(0, |s| u64::from(s.threads)),
        connections,
        connections_per_second: if opens { turns } else { 0.0 },
        sources: (case.first_source != 0 && !case.floor).then(|| {
            let at = |offset| Ipv4Addr::from(0x7f00_0000 + offset);
            (at(case.first_source), at(case.first_source + case.clients - 1))
        }),
        traffic: traffic(plan, case).filter(|_| !case.floor),
        driver_bytes: drivers * PROCESS_BYTES + clients * driver,
        server_bytes: servers * PROCESS_BYTES + if servers > 0 { clients * server } else { 0 },
        kernel_bytes: connections * SOCKET_BYTES * ends,
        duration_ns: duration_ns(plan, case),
    }
}

fn per_second(clients: u64, interval_ns: u64) -> f64 {
    clients as f64 * SECOND_NS as f64 / interval_ns as f64
}

fn traffic(plan: &Plan, case: &Case) -> Option<Traffic> {
    let model = plan.model(case)?;
    // Back to back without a delay: as fast as it goes, which no arithmetic knows.
    let clients = f64::from(case.clients);
    let all = |of: fn(&Exchange) -> u64| Some(clients * model.per_second(|e| of(e) as f64)?);
    Some(Traffic {
        events: clients * model.messages_hz?,
        payload_bytes: all(|e| e.ledger.down.payload.get())?,
        protocol_up_bytes: all(|e| e.ledger.up.protocol().get())?,
        protocol_down_bytes: all(|e| e.ledger.down.protocol().get())?,
        wire_bytes: all(|e| e.ledger.up.wire.get() + e.ledger.down.wire.get())?,
        ip_bytes: all(|e| e.ip_bytes().get())?,
    })
}

fn duration_ns(plan: &Plan, case: &Case) -> u64 {
    let timing = plan.timing_of(case);
    let connecting = if case.floor { 0 } else { u64::from(case.clients) * CONNECT_NS };
    let calibration = if case.stretch.is_some() && !case.floor { CALIBRATION_NS } else { 0 };
    timing.ramp_ns.max(connecting)
        + timing.warmup_ns
        + timing.duration_ns
        + timing.cooldown_ns
        + calibration
        + AROUND_NS
}
