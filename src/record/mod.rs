//! Numbers of one thread: a ledger of bytes by layer, counts, latency histograms, windows of a
//! second.
//!
//! Separate from everything that runs: no runtime, no lock, no channel, no string. A recorder
//! has one owner; what it took in a second leaves it as a [`Window`], a value that adds up.

mod counts;
mod curve;
mod exchange;
mod fanout;
mod fault;
mod head;
mod latency;
mod law;
mod ledger;
mod model;
mod tcp;
mod trace;
mod window;

pub use counts::Counts;
pub use curve::CostAt;
pub use exchange::{Exchange, SEGMENT_HEADER_BYTES, data_segments};
pub use fanout::FanOut;
pub use fault::{Fault, FaultKind, errno_name};
pub use head::{HEAD_KEPT_BYTES, Head, HeadOf, from_latin1, latin1};
pub use latency::{BOUND_NS as LATENCY_BOUND_NS, Latency, Metric};
pub use law::{Law, Piece};
pub use ledger::{Direction, Flow, Ledger, Phase, Phases};
pub use model::{Idle, Model, Sending, Share};
pub use tcp::{Audit, TcpReading, TcpTotals};
pub use trace::{TRACED_CLIENTS, TRACED_EVENTS, TraceEvent, TraceKind};
pub use window::{Cell, Recorder, Window};
