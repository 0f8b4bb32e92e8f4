//! What a client costs a second at each rate of updates, by arithmetic.
//!
//! Separate from `model`, which is a series at the one rate that runs.

use serde::{Deserialize, Serialize};

/// What a client of a series costs by the rate of updates, by arithmetic when the run was planned:
/// whoever reads the file needs no transport for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// The label of the series.
    pub series: String,
    /// The transport's name.
    pub transport: String,
    /// Clients at once, on which costs depend if clients receive from one another.
    pub clients: u32,
    /// Points by rising rate; empty if `absent` says why.
    pub points: Vec<CostAt>,
    /// Why there is no curve.
    #[serde(default)]
    pub absent: Option<String>,
}

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
