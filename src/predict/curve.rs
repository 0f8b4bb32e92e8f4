//! What a client costs a second at some rate of updates, by arithmetic: a point of a curve.
//!
//! Separate from `model`, which is a series at the one rate that runs.

use serde::{Deserialize, Serialize};

/// Bytes of one client at one rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CostAt {
    /// Updates a second and client (of a sender, if clients send).
    pub rate_hz: f64,
    /// Socket bytes a second, both directions.
    pub wire_bytes_per_s: f64,
    /// Bytes of IP packets a second, both directions.
    pub ip_bytes_per_s: f64,
}
