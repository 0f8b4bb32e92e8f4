//! Estimates what a case will take: processes, bytes by layer, memory, time.
//!
//! Separate from `result`, which is what it took, and from `measured`, which has the figures that
//! are not arithmetic.

use crate::plan::measured::{
    AROUND_NS, CONNECT_NS, HTTP2_DRIVER_BYTES, HTTP2_SERVER_BYTES, PROCESS_BYTES, RATE_SEARCH_NS,
    RESULT_CASE_BYTES, RESULT_ROW_BYTES, SOCKET_BYTES, TLS_DRIVER_BYTES, TLS_SERVER_BYTES,
};
use crate::plan::{Case, DriverShard, Plan};
use crate::predict::Exchange;
use crate::record::Part;
use crate::units::SECOND_NS;
use serde::Serialize;
use std::net::Ipv4Addr;

/// Bytes a second by layer, of all clients of a case together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct ExpectedTraffic {
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
    /// Bytes of IP packets in both directions; absent if messages of several clients share packets.
    pub ip_bytes: Option<f64>,
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
    /// New connections a second under load; 0 if connections are kept.
    pub connections_per_second: f64,
    /// The first and the last source address; absent if the kernel chooses them.
    pub sources: Option<(Ipv4Addr, Ipv4Addr)>,
    /// Bytes a second; absent if they cannot be predicted.
    pub traffic: Option<ExpectedTraffic>,
    /// User-space memory of the driver.
    pub driver_bytes: u64,
    /// User-space memory of the bundled server.
    pub server_bytes: u64,
    /// Kernel memory for the sockets on this machine.
    pub kernel_bytes: u64,
    /// What the case adds to the result file, at most: a row a second, however many processes there
    /// are.
    pub result_bytes: u64,
    /// From the first process to the last close.
    pub duration_ns: u64,
}

impl Estimate {
    /// Returns all memory together.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.driver_bytes + self.server_bytes + self.kernel_bytes
    }
}

/// Estimates what a case of a plan will take.
pub(crate) fn estimate(plan: &Plan, case: &Case) -> Estimate {
    let series = plan.series_of(case);
    let clients = u64::from(case.clients);
    // The floor opens no socket.
    let connections = if case.floor { 0 } else { connections(plan, case) };
    let memory = series.settings.memory();
    let memory = if series.settings.is_http2() { memory.over_http2() } else { memory };
    let http2_connections = if series.settings.is_http2() { connections } else { 0 };
    let tls = plan.tls_of(series).filter(|_| !case.floor).map_or(0, |_| 1);
    let drivers = case.drivers.len() as u64;
    let servers = case.servers.len() as u64;
    let ends = if plan.is_bundled(series) { 2 } else { 1 };
    let turns = if series.interval_ns == 0 { 0.0 } else { per_second(clients, series.interval_ns) };
    let opens = series.connection_each_turn && !case.floor;
    let duration_ns = duration_ns(plan, case);
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
        driver_bytes: drivers * PROCESS_BYTES
            + clients * (memory.driver_bytes + tls * TLS_DRIVER_BYTES)
            + http2_connections * HTTP2_DRIVER_BYTES,
        server_bytes: if servers > 0 {
            servers * PROCESS_BYTES
                + clients * (memory.server_bytes + tls * TLS_SERVER_BYTES)
                + http2_connections * HTTP2_SERVER_BYTES
        } else {
            0
        },
        kernel_bytes: connections * SOCKET_BYTES * ends,
        result_bytes: RESULT_CASE_BYTES + duration_ns.div_ceil(SECOND_NS) * RESULT_ROW_BYTES,
        duration_ns,
    }
}

/// Returns how many connections the clients of a case keep: those of a thread share some over HTTP/2.
fn connections(plan: &Plan, case: &Case) -> u64 {
    let shared = plan.series_of(case).settings.http2().map_or(1, |http2| http2.streams.max(1));
    let of_thread = |clients: u32| u64::from(clients.div_ceil(shared));
    let of_process = |shard: &DriverShard| -> u64 {
        // Every so many-th client is a thread's.
        let threads = shard.threads.max(1);
        (0..threads).map(|number| of_thread((shard.clients + threads - 1 - number) / threads)).sum()
    };
    case.drivers.iter().map(of_process).sum()
}

/// Estimates the size of the result file.
pub(crate) fn estimate_result_bytes(plan: &Plan) -> u64 {
    plan.cases.iter().map(|case| estimate(plan, case).result_bytes).sum()
}

fn per_second(clients: u64, interval_ns: u64) -> f64 {
    clients as f64 * SECOND_NS as f64 / interval_ns as f64
}

fn traffic(plan: &Plan, case: &Case) -> Option<ExpectedTraffic> {
    let model = plan.model(case)?;
    // Back to back without a delay: as fast as the machine allows, which cannot be predicted.
    let clients = f64::from(case.clients);
    let all = |of: fn(&Exchange) -> u64| Some(clients * model.per_second(|e| of(e) as f64)?);
    Some(ExpectedTraffic {
        events: clients * model.messages_hz?,
        payload_bytes: all(|e| e.ledger.down[Part::Payload])?,
        protocol_up_bytes: all(|e| e.ledger.up.overhead())?,
        protocol_down_bytes: all(|e| e.ledger.down.overhead())?,
        wire_bytes: all(|e| e.ledger.up.wire.get() + e.ledger.down.wire.get())?,
        ip_bytes: all(|e| e.ip_bytes().get()).filter(|_| !model.shares_packets),
    })
}

fn duration_ns(plan: &Plan, case: &Case) -> u64 {
    let timing = plan.timing_of(case);
    let connecting = if case.floor { 0 } else { u64::from(case.clients) * CONNECT_NS };
    let rate_search = if case.stretch.is_some() && !case.floor { RATE_SEARCH_NS } else { 0 };
    timing.ramp_ns.max(connecting)
        + timing.warmup_ns
        + timing.duration_ns
        + timing.cooldown_ns
        + rate_search
        + AROUND_NS
}
