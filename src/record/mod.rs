//! Numbers of one thread: a ledger of bytes by layer, counts, latency histograms, windows of a
//! second.
//!
//! Separate from everything that runs: no runtime, no lock, no channel, no string. A recorder
//! has one owner; what it took in a second leaves it as a [`Window`], a value that adds up.

mod activity;
mod counts;
mod fanout;
mod fault;
mod flow;
mod frame_fault;
mod head;
mod http2_fault;
mod latency;
mod ledger;
mod part;
mod refusal;
mod step_turns;
mod tcp;
mod tls_problem;
mod trace;
mod transport_kind;
mod window;

pub use activity::{Instructions, KernelCounts, ProcessActivity, Uncounted};
pub use counts::Counts;
pub(crate) use counts::LEAST_UPDATES;
pub(crate) use fanout::FanOut;
pub use fault::{ClientError, ClientErrorKind};
pub(crate) use fault::{ForeignProtocol, UpgradeField};
pub use flow::Flow;
pub(crate) use frame_fault::FrameFault;
pub(crate) use head::{HEAD_KEPT_BYTES, Head, HeadOf, from_latin1, latin1};
pub(crate) use http2_fault::Http2Fault;
pub(crate) use latency::BOUND_NS as LATENCY_BOUND_NS;
pub(crate) use latency::MOST_DRIVER_LATENESS_NS;
pub use latency::Metric;
#[cfg(test)]
pub(crate) use latency::histogram_of;
pub(crate) use latency::{Latency, empty_histogram};
pub(crate) use ledger::Direction;
pub use ledger::{Ledger, Phase, Phases};
pub use part::Part;
pub(crate) use refusal::{MOST_REFUSALS, Refusal};
pub(crate) use step_turns::StepTurns;
pub use tcp::KernelAudit;
pub use tcp::ReceiveTimestamps;
pub(crate) use tcp::TcpReading;
pub use tcp::TcpTotals;
pub(crate) use tls_problem::TlsProblem;
pub(crate) use trace::EventTrace;
pub use trace::{TRACED_CLIENTS, TRACED_EVENTS, TraceEvent, TraceKind};
pub use transport_kind::TransportKind;
pub(crate) use window::PhaseTotals;
pub use window::{Recorder, Window};
