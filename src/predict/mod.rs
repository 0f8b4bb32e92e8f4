//! Bytes and latency by arithmetic: what an exchange takes on the wire, how late a message is, and
//! at which rates two transports cost the same.

pub(crate) mod arithmetic;
mod curve;
mod distribution;
mod exchange;
pub(crate) mod http2;
pub(crate) mod long_polling;
mod model;

pub use curve::{CostAt, Curve};
pub use distribution::{Component, Distribution};
pub use exchange::Exchange;
pub(crate) use exchange::{SEGMENT_HEADER_BYTES, data_segments};
pub(crate) use model::{Idle, SHARED_PACKETS, Sending, Variation};
pub use model::{MessageShare, Model};

use crate::feed;
use crate::protocol::http1::Target;

/// What a series is run in, as far as its arithmetic depends on it.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesContext {
    /// What is published.
    pub feed: feed::Spec,
    /// Who answers.
    pub target: Target,
    /// One way between client and server, in nanoseconds.
    pub delay_ns: u64,
    /// Clients at once.
    pub clients: u32,
}
