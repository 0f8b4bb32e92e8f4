//! Measured figures that estimates and warnings are made of: what a client, a socket or a message
//! costs. Memory of a client by transport is in [`ClientMemory`](crate::transport::ClientMemory).
//!
//! All of them are from a two-core virtual machine with Linux 6.18.

use crate::units::SECOND_NS;

/// Kernel memory of one socket in bytes: 200,000 idle ones on loopback took 4.8 KB of slab each.
pub(super) const SOCKET_BYTES: u64 = 4_800;

/// User-space memory that TLS adds to a client, of the driver and of the bundled server: 10,000
/// WebSocket clients took 6.86 KB and 5.70 KB with it (`tests/bench/tls.sh`), 0.9 KB and 1.45 KB without.
pub(super) const TLS_DRIVER_BYTES: u64 = 6_000;
/// See [`TLS_DRIVER_BYTES`].
pub(super) const TLS_SERVER_BYTES: u64 = 4_300;

/// User-space memory of a connection of HTTP/2, of the driver and of the bundled server: 10,000 clients with one each took
/// 2.5 to 6.5 KB and 22 to 33 KB, those that share one with 19 others 1.2 to 1.9 KB and 3.6 to 4.1 KB (docs/http2.md).
pub(super) const HTTP2_DRIVER_BYTES: u64 = 3_500;
/// See [`HTTP2_DRIVER_BYTES`].
pub(super) const HTTP2_SERVER_BYTES: u64 = 24_000;

/// Memory of a process before its first client, in bytes.
pub(super) const PROCESS_BYTES: u64 = 6_000_000;

/// Time of one connect with its upgrade: 100,000 clients of `polling-vs-ws.toml` took 4 s (column
/// `connect_wall_s`).
pub(super) const CONNECT_NS: u64 = 40_000;

/// Time of a case besides its phases: starting processes, waiting for the next whole second,
/// closing. `quick.toml` took 17.4 s and `every-way.toml` 89 s, of which 13 s and 79 s are phases.
pub(super) const AROUND_NS: u64 = SECOND_NS * 3 / 2;

/// Time of the search for the rate that the machine holds: seven or eight steps of 4 s, which took 31 s with
/// `polling-vs-ws.toml`, and one of 11 s.
pub(super) const RATE_SEARCH_NS: u64 = 42 * SECOND_NS;

/// Polls a second that one core holds, client and server together, with the chapter's headers: the
/// rate search of `polling-vs-ws.toml` found 1.48 s for 100,000 clients on two cores, which are 67,600
/// a second.
pub(super) const HELD_POLLS_PER_CORE: f64 = 33_000.0;

/// Messages a second that one core can deliver, client and server together: 100,000 WebSocket
/// messages a second took 5.6 µs of the driver's CPU and 12.0 µs of the server's each.
pub(super) const HELD_DELIVERIES_PER_CORE: f64 = 57_000.0;

/// The row of a second in the result file, with its share of the whole histograms that are written
/// now and then: 1.2 KB for a pushed series, 2.5 KB for a polled one with all its latencies.
pub(super) const RESULT_ROW_BYTES: u64 = 2_600;

/// What a case adds to the result file besides its seconds: whole histograms and the traces of its
/// first clients: 44 KB on average and 122 KB at most in `polling-vs-ws.toml`, whose rows take less than
/// [`RESULT_ROW_BYTES`].
pub(super) const RESULT_CASE_BYTES: u64 = 120_000;
