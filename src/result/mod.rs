//! What happened in a run: values that merge, and their file.
//!
//! Separate from everything that runs: this folder works on a file from another machine and
//! another year. It knows no plan type (the header embeds the plan as JSON) and no transport.
//! Nothing here is derived: figures are made in `report::summary`.

pub(crate) mod file;
pub(crate) mod histogram;
pub(crate) mod line_reader;
mod lost_process;
mod merge;
pub(crate) mod same_run;
pub(crate) mod seconds;
mod stop_reason;

pub use lost_process::{LostProcess, ProcessRole};
pub use merge::{CaseResult, RunResult};
pub(crate) use seconds::SecondRow;
pub use seconds::Seconds;
pub use stop_reason::StopReason;

pub use crate::predict::Curve;
pub use crate::record::{
    Instructions, KernelAudit, KernelCounts, ProcessActivity, ReceiveTimestamps, Uncounted,
};

use crate::feed::{StrangeTime, TimeGuess, Workload};
use crate::predict::Model;
use crate::record::{FanOut, Head, Phases, Refusal, TcpTotals, TraceEvent, TransportKind};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// What stands in [`CaseInfo::absent`] for all figures that are predicted.
pub(crate) const PREDICTION: &str = "prediction";
/// The schema of the result file. A reader refuses one that it does not know.
pub const SCHEMA: &str = "wsbench.result/2";
/// Earlier schemas that are read as well. The first has a line for each second and thread.
pub(crate) const OLDER_SCHEMAS: [&str; 1] = ["wsbench.result/1"];

/// Reads a value of a header's plan; `None` if it is not there, or of another version.
pub(crate) fn planned<T: DeserializeOwned>(value: &Value) -> Option<T> {
    serde_json::from_value(value.clone()).ok()
}

/// The first line of a result file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Header {
    /// [`SCHEMA`].
    pub schema: String,
    /// The scenario's name.
    pub name: String,
    /// UTC time of the start, RFC 3339.
    pub started: String,
    /// The complete plan.
    pub plan: Value,
    /// SHA-1 of the plan's canonical JSON; results of unequal plans do not merge.
    pub plan_hash: String,
    /// Version and profile of this program.
    pub build: String,
    /// The machine.
    pub host: BTreeMap<String, String>,
    /// Every case that was planned.
    pub cases: Vec<CaseInfo>,
    /// What each series costs at other rates than the planned one; a curve a series.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curves: Vec<Curve>,
    /// The limits that the scenario sets, which `gate` reads. They are no part of the plan:
    /// results with other limits still merge.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Value>,
    /// What the user wrote; absent from files of a version that did not keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<ScenarioSource>,
}

/// A scenario as it was written, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ScenarioSource {
    /// The file's name, as it was given.
    pub name: String,
    /// Its text.
    pub text: String,
    /// The arguments of `--set`, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<String>,
}

/// What a case was to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseInfo {
    /// Its number; lines of the file refer to it.
    pub case: u32,
    /// The label of the series: the same for every client count and repeat.
    pub series: String,
    /// The transport's name.
    pub transport: String,
    /// Simulated clients.
    pub clients: u32,
    /// 0 for the first repeat.
    pub repeat: u32,
    /// True for the floor: no network, not part of the comparison.
    pub floor: bool,
    /// True if the driver has a schedule of its own (polling), false if it is pushed to.
    pub paced: bool,
    /// Planned nanoseconds between two events of a client; 0 if each follows the last.
    pub interval_ns: u64,
    /// True if the interval may be stretched to what the machine holds.
    pub may_stretch: bool,
    /// Who sends what to whom.
    #[serde(default = "ticker")]
    pub workload: Workload,
    /// Updates a second and client.
    pub feed_rate_hz: f64,
    /// True if the scenario states this rate, so that it can be held against a server of any kind.
    #[serde(default)]
    pub feed_rate_stated: bool,
    /// Probes of its own lateness that each thread of the driver takes a second; 0 if it takes none.
    #[serde(default)]
    pub probes_per_s: u32,
    /// Bytes of a payload.
    pub payload_bytes: u32,
    /// The measured duration in nanoseconds.
    pub duration_ns: u64,
    /// True if the server is the bundled one: its cost and its side of the audit are known.
    pub bundled_server: bool,
    /// Why a figure cannot be known, by the figure's name, or all that is predicted ([`PREDICTION`]).
    #[serde(default)]
    pub absent: BTreeMap<String, String>,
    /// Bytes and latency by arithmetic; absent for a server that cannot be predicted.
    pub model: Option<Model>,
    /// True if each turn opens a connection.
    #[serde(default)]
    pub connection_each_turn: bool,
    /// False for the floor and for a series without a network: there are no bytes to audit.
    #[serde(default = "yes")]
    pub network: bool,
}

fn ticker() -> Workload {
    Workload::Ticker
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn yes() -> bool {
    true
}

impl CaseInfo {
    /// What reports know of its transport; `None` for a transport that is added to the shipped ones.
    pub fn kind(&self) -> Option<TransportKind> {
        TransportKind::named(&self.transport)
    }

    /// True if what one client sends reaches all.
    pub fn is_shared(&self) -> bool {
        self.workload.is_shared()
    }
}

/// CPU and memory of one process over the measured window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cost {
    /// CPU time, user and system, between the start and the end of the measured window.
    pub cpu_ns: u64,
    /// Private resident memory before the first client, in bytes (`RssAnon`).
    pub resident_before: u64,
    /// The same at the end of the measured window.
    pub resident_during: u64,
    /// What a server's processes did between the start and the end of the measured window; not read
    /// of a driver.
    #[serde(default, skip_serializing_if = "ProcessActivity::is_unread")]
    pub activity: ProcessActivity,
}

/// The end of one driver process.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DriverEnd {
    /// The case.
    pub case: u32,
    /// The process's number within the case.
    pub shard: u32,
    /// Clients asked for.
    pub clients: u32,
    /// Clients connected when the load began.
    pub connected: u32,
    /// Clients connected, at the most.
    pub connected_peak: u32,
    /// Kernel counts by phase.
    pub tcp: Phases<TcpTotals>,
    /// Driver against kernel.
    pub audit: KernelAudit,
    /// What became of the kernel's receive timestamps; absent from files of a version that asked for
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receive_timestamps: Option<ReceiveTimestamps>,
    /// CPU and memory.
    pub cost: Cost,
    /// Turns that were due in the measured window but not started before its end.
    #[serde(alias = "turns_unreached")]
    pub turns_not_started: u64,
    /// Turns that were due in the measured window and not reached, since their client waited for its last
    /// answer or a connection; an older version counts them in `turns_not_started`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub turns_blocked: u64,
    /// What happened to the first clients of the case, for pictures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<TraceEvent>,
    /// How the messages of clients in the measured window spread over this process's clients;
    /// parts of one message add up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fanout: Vec<FanOut>,
    /// The first heads that the first client of the case sent and received, one of each kind; none
    /// of a process that does not hold that client, or whose sockets are not its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heads: Vec<Head>,
    /// What the first answer with each error said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<Refusal>,
    /// Fields `Set-Cookie` whose values these may quote: secrets, which no file has.
    #[serde(skip)]
    pub quotable_cookies: Vec<Vec<u8>>,
    /// Times in messages that are before their connection or cannot be right: of each thread the first of
    /// either kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strange_times: Vec<StrangeTime>,
    /// How exact the most exact of the times in messages is, in nanoseconds; 0 if they have none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub finest_time_ns: u64,
    /// Where messages without a stamp seem to have their time; absent if that is nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_guess: Option<TimeGuess>,
    /// The member of messages without a stamp that names another session in each of one client's; absent if
    /// none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_sessions: Option<String>,
}

/// The end of one server process.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ServerEnd {
    /// The case.
    pub case: u32,
    /// The process's number within the case.
    pub shard: u32,
    /// Connections accepted.
    pub connections: u64,
    /// Bytes read from clients' sockets, all phases.
    pub received: u64,
    /// Bytes written to clients' sockets, all phases.
    pub sent: u64,
    /// Updates written to push clients.
    pub pushed: u64,
    /// CPU and memory.
    pub cost: Cost,
    /// True for an external server: it counts nothing for us, and its cost is that of its processes
    /// on this machine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub foreign: bool,
    /// Why its cost is not known; absent if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
    /// Whether its memory is counted by nobody: it is that of a control group without a memory controller.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_memory_controller: bool,
    /// What of this machine it is, if it runs on from case to case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs_on_as: Option<String>,
}

/// A step of the calibration that finds the rate which holds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CalibrationStep {
    /// The interval tried, in nanoseconds.
    pub interval_ns: u64,
    /// Turns due in the step.
    pub due: u64,
    /// Turns completed in it.
    pub completed: u64,
    /// The driver's lag at the 99th percentile, in nanoseconds; absent without a turn.
    pub lag_p99_ns: Option<u64>,
    /// Whether the machine held it.
    pub held: bool,
}

/// What a server held at a moment of the measured window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryReading {
    /// Nanoseconds since the window's beginning.
    pub at_ns: u64,
    /// Private resident bytes of all the server's processes (`RssAnon`), or of its control group.
    pub resident: u64,
}

/// The shortest ramp over which a server's memory is read: the clients before each reading are connected by
/// then.
pub(crate) const LEAST_RAMP_NS: u64 = 320_000_000;

/// What a server held while its clients connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RampReading {
    /// Clients whose moment in the ramp had come.
    pub clients: u32,
    /// Private resident bytes of all the server's processes (`RssAnon`), or of its control group.
    pub resident: u64,
}

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CaseEnd {
    /// The case.
    pub case: u32,
    /// The first second of the case's epoch over which costs were read.
    pub steady_from_s: u32,
    /// The second after the last.
    pub steady_until_s: u32,
    /// The interval that ran, in nanoseconds; 0 if each event follows the last.
    pub interval_ns: u64,
    /// The length of each client's measured window, in nanoseconds: the planned one, rounded up to
    /// whole intervals.
    #[serde(default)]
    pub duration_ns: u64,
    /// From the first connect to the last, in nanoseconds.
    pub connect_wall_ns: u64,
    /// The time over which the connects were spread, in nanoseconds; 0 if they were not, and in files of an
    /// older version.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ramp_ns: u64,
    /// The server's memory at eighths of that time; none if they were not spread over 320 ms or more, or it
    /// is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ramp_memory: Vec<RampReading>,
    /// The calibration, if there was one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calibration: Vec<CalibrationStep>,
    /// The addresses of the server's name, if it has several; the one that the clients connected to
    /// comes first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<SocketAddr>,
    /// Whether none of them accepted a connection before the clients came.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub none_accepted: bool,
    /// Kernel memory that the sockets took, in bytes: slab and socket buffers of the whole host,
    /// with the clients less before them. Absent if the host does not report it.
    pub kernel_memory: Option<i64>,
    /// How many sockets came meanwhile, by which those of other processes are told apart; absent if the
    /// memory is, and in files of an older version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_sockets: Option<SocketChange>,
    /// CPU time that the host of a virtual machine took from its cores over the measured window, all cores
    /// together, in nanoseconds, exact to a tick of the kernel (10 ms on most systems). Absent if the system
    /// does not tell, and in files of an older version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stolen_ns: Option<u64>,
    /// The server's memory over the measured window, ten readings a second and 51 at the most; none if it is
    /// not known, and in files of an older version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub server_memory: Vec<MemoryReading>,
    /// Why the case ended too early; absent if it did not.
    #[serde(default)]
    pub stopped: Option<String>,
    /// Whether the server, which is among the lost processes, never listened, so that nothing ran.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub server_not_ready: bool,
    /// Says which processes of a started server could not be ended; absent if all were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_running: Option<String>,
    /// Says which process of a started server a signal had stopped at the end of the measured window or of
    /// the load; absent if none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_stopped: Option<String>,
    /// Processes that ended too early.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<LostProcess>,
}

/// How the host's sockets changed over the time for which its memory is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketChange {
    /// Sockets of all kinds that processes of the network namespace hold.
    pub held: i64,
    /// TCP sockets of the whole host, with those that no process holds any longer.
    pub allocated: i64,
    /// TCP connections opened or accepted in the network namespace.
    pub opened: i64,
    /// Sockets of an external server's processes, if they can be counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<i64>,
}

/// The last line of a result file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Why the run stopped.
    pub reason: StopReason,
    /// Nanoseconds that the run took.
    pub wall_ns: u64,
    /// SHA-256 (FIPS 180-4) of all lines before this one, in hexadecimal; absent from files of a version that
    /// wrote none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}
