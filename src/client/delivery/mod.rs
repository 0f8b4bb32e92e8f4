//! Which updates reached a client, how late, and which are missing.

pub(crate) mod fan_out;
pub(crate) mod inbox;
mod open_gaps;
pub(crate) mod per_client;
mod sequence_window;
pub(crate) mod shared;
