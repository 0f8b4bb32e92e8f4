//! The JSON lines between a run and its processes.

use crate::feed::Spec;
use crate::net::Dialer;
use crate::result::Cost;
use crate::result::file::Line;
use crate::time::Schedule;
use crate::transport::{AnySeries, Mount};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// The first line to a server process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ServerStart {
    /// The case, for the result's lines.
    pub case: u32,
    /// The process's number within the case.
    pub shard: u32,
    /// Where to listen; port 0 for any.
    pub bind: SocketAddr,
    /// Threads, each with a listener of its own on the same port.
    pub threads: u32,
    /// What is published, from [`ToServer::Publish`] on.
    pub feed: Spec,
    /// Between two times that a thread wakes for due updates, in nanoseconds.
    pub gap_ns: u64,
    /// What the clients' delay adds to limits, in nanoseconds.
    pub allowance_ns: u64,
    /// True if the case has more threads a side than the machine has cores.
    pub crowded: bool,
    /// What to serve.
    pub mounts: Vec<Mount>,
}

/// Later lines to a server process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToServer {
    /// Publish, from this moment on.
    Publish {
        /// Nanoseconds of `CLOCK_MONOTONIC`.
        epoch_ns: u64,
    },
    /// Answer with [`FromServer::Cost`]: now.
    Sample,
    /// The measured window had this cost, and the clients are closing: answer with
    /// [`FromServer::End`] once every connection has ended, or after the limit.
    Drain {
        /// The cost to report.
        cost: Cost,
        /// How long to wait for connections to end, in nanoseconds.
        limit_ns: u64,
    },
}

/// Lines from a server process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FromServer {
    /// It accepts connections.
    Listening {
        /// Where.
        address: SocketAddr,
    },
    /// CPU time and memory now.
    Cost {
        /// CPU nanoseconds since the process began.
        cpu_ns: u64,
        /// Private resident bytes.
        resident: u64,
        /// Connections open.
        open: u64,
    },
    /// The result's line; the process ends after it.
    End(Box<Line>),
    /// It cannot go on.
    Failed {
        /// Why.
        message: String,
    },
}

/// The first line to a driver process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DriverStart {
    /// The case, for the result's lines.
    pub case: u32,
    /// The process's number within the case.
    pub shard: u32,
    /// Its first client.
    pub first_client: u32,
    /// Its clients.
    pub clients: u32,
    /// Its threads.
    pub threads: u32,
    /// The transport and its settings.
    #[serde(flatten)]
    pub series: AnySeries,
    /// The path of requests.
    pub path: String,
    /// The `Host` of requests.
    pub authority: String,
    /// True if the reference server answers.
    pub bundled: bool,
    /// What is published.
    pub feed: Spec,
    /// How to connect, a server shard each; client `i` uses the `i`-th, round robin.
    pub dialers: Vec<Dialer>,
    /// Over how long connects are spread, in nanoseconds.
    pub ramp_ns: u64,
    /// How long an upgrade or a response may take, in nanoseconds.
    pub timeout_ns: u64,
    /// How long clients may take to end, in nanoseconds.
    pub drain_ns: u64,
    /// Between two times that a thread wakes for due turns, in nanoseconds.
    pub gap_ns: u64,
    /// True if the case has more threads a side than the machine has cores.
    pub crowded: bool,
    /// The seed of phases and masks.
    pub seed: u64,
}

/// Later lines to a driver process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToDriver {
    /// Connect, from this moment on.
    Connect {
        /// Nanoseconds of `CLOCK_MONOTONIC`; windows count their seconds from here.
        epoch_ns: u64,
    },
    /// The feed of the reference server begins.
    Publish {
        /// Nanoseconds of `CLOCK_MONOTONIC`.
        epoch_ns: u64,
    },
    /// Take turns by this schedule until the next command.
    Schedule(Schedule),
    /// End the clients, close every connection, send what is left and end.
    Stop,
}

/// Lines from a driver process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FromDriver {
    /// It has started.
    Hello {
        /// Private resident bytes before the first client.
        resident: u64,
    },
    /// How far it is, a few times a second.
    Progress {
        /// Clients connected.
        connected: u32,
        /// Clients that gave up.
        failed: u32,
        /// Turns completed or messages received since the start.
        events: u64,
        /// Faults since the start.
        faults: u64,
    },
    /// Every client is connected or has given up.
    Ready {
        /// Clients connected.
        connected: u32,
        /// From the first connect to the last, in nanoseconds.
        wall_ns: u64,
    },
    /// The end of a step of the rate search.
    Step {
        /// Turns due.
        due: u64,
        /// Turns completed.
        completed: u64,
        /// The 99th percentile of the lag, in nanoseconds; absent without a turn.
        lag_p99_ns: Option<u64>,
    },
    /// The cool-down is over.
    Finished,
    /// A line of the result: windows, and at the end the driver's.
    Result(Box<Line>),
    /// It cannot go on.
    Failed {
        /// Why.
        message: String,
    },
}
