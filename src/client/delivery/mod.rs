//! Which updates reached a client, how late, and which are missing.

pub(crate) mod inbox;
pub(crate) mod per_client;
pub(crate) mod shared;
