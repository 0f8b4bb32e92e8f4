//! The JSON lines between a run and its processes. Those to a driver are its own:
//! [`DriverStart`](crate::driver::DriverStart) and [`DriverCommand`](crate::driver::DriverCommand).

use crate::feed::Spec;
use crate::result::file::Line;
use crate::result::{Cost, KernelCounts, ProcessActivity, Uncounted};
use crate::tls::ServerTls;
use crate::transport::Mount;
use crate::units::add_fields;
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
    /// How it uses TLS; absent if it does not.
    #[serde(default)]
    pub tls: Option<ServerTls>,
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
    /// Answer with [`FromProcess::Cost`]: now.
    Sample,
    /// The measured window had this cost, and the clients are closing: answer with
    /// the [`FromProcess::Result`] once every connection has ended, or after the limit.
    Drain {
        /// The cost to report.
        cost: Cost,
        /// How long to wait for connections to end, in nanoseconds.
        limit_ns: u64,
    },
}

/// How far the clients of a process are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClientProgress {
    /// Clients connected.
    pub connected: u64,
    /// Clients that gave up.
    pub failed: u64,
    /// Turns completed and messages received since the start.
    pub events: u64,
    /// Errors of clients since the start.
    pub faults: u64,
}

add_fields!(ClientProgress { connected, failed, events, faults });

/// The result of one step of the search for the rate that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StepResult {
    /// Turns due.
    pub due: u64,
    /// Turns completed.
    pub completed: u64,
    /// The 99th percentile of the lag, in nanoseconds; absent without a turn.
    pub lag_p99_ns: Option<u64>,
}

/// What a process has used so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ResourceSample {
    /// CPU nanoseconds since the process began.
    pub cpu_ns: u64,
    /// Private resident bytes now.
    pub resident: u64,
    /// What it did since it began.
    pub activity: ProcessActivity,
    /// Whether a thread has ended since the sample before: its context switches are in none of both.
    pub threads_ended: bool,
}

impl ResourceSample {
    /// Returns what it did since the sample before.
    pub(crate) fn activity_since(&self, before: &ResourceSample) -> ProcessActivity {
        let mut activity = self.activity.since(before.activity);
        if self.threads_ended && matches!(activity.context_switches, KernelCounts::Known(..)) {
            activity.context_switches = KernelCounts::Absent(Uncounted::Ended);
        }
        activity
    }
}

/// Lines from a driver or server process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FromProcess {
    /// A driver has started.
    Hello,
    /// A server accepts connections.
    Listening {
        /// Where.
        address: SocketAddr,
    },
    /// How far a driver is, a few times a second.
    Progress(ClientProgress),
    /// Every client of a driver is connected or has given up.
    Ready {
        /// From the first connect to the last, in nanoseconds.
        wall_ns: u64,
    },
    /// The end of a driver's step of the rate search.
    Step(StepResult),
    /// A driver's cool-down is over.
    Finished,
    /// CPU time and memory of a server now.
    Cost(ResourceSample),
    /// Fields `Set-Cookie` that a driver's clients have got and the end of its result may quote. What
    /// writes it must know these secrets; the driver writes nothing.
    SetCookies(Vec<Vec<u8>>),
    /// A line of the result: windows, and at last that of the process's end.
    Result(Box<Line>),
    /// It cannot go on.
    Failed {
        /// Why.
        message: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_of_a_thread_that_ended_leave_no_figure() {
        let sample = |switches, threads_ended| ResourceSample {
            activity: ProcessActivity {
                context_switches: KernelCounts::Known(switches, 0),
                page_faults: KernelCounts::Known(switches, 0),
                ..ProcessActivity::default()
            },
            threads_ended,
            ..ResourceSample::default()
        };
        // One that ended before the first sample is in neither.
        let did = sample(9, false).activity_since(&sample(4, true));
        assert_eq!(did.context_switches, KernelCounts::Known(5, 0));
        let did = sample(9, true).activity_since(&sample(4, false));
        assert_eq!(did.context_switches, KernelCounts::Absent(Uncounted::Ended));
        assert_eq!(did.page_faults, KernelCounts::Known(5, 0));
    }
}
