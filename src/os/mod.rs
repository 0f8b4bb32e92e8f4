//! Everything that asks the operating system about itself: memory, limits, process groups,
//! scheduling class, signals.
//!
//! Linux is supported in full; on other systems each function says what is missing.

mod machine;
mod memory;
mod process_group;
mod scheduling;
mod signals;

pub use machine::{Conntrack, Machine};
pub(crate) use memory::{
    describe, free_bytes, kernel_socket_bytes, raise_open_files, resident_bytes,
};
pub(crate) use process_group::{GroupCost, group_alive, group_cost, group_listens};
pub(crate) use scheduling::set_batch_scheduling;
pub(crate) use signals::{Caught, Signals};
