//! Which updates reached a client, how late, and which are missing.

pub(crate) mod client_inbox;
pub(crate) mod fan_out;
pub(crate) mod inbox;
pub(crate) mod message_times;
mod number_wrap;
mod open_gaps;
mod own_messages;
mod own_reader;
pub(crate) mod per_client;
mod sequence_window;
pub(crate) mod shared;
mod silence;
pub(crate) mod skipped;
