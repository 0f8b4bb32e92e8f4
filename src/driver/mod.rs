//! The clients of one process: threads, ramp, schedule, windows, drain.
//!
//! A driver process has a few threads, each with its own engine and recorder; a client
//! stays on its thread. Separate from `transport`, which defines what a client does, and from
//! `run::worker`, which receives the commands. It never looks at a transport's name.

mod engine;
#[cfg(test)]
mod tests;
mod thread;

pub(crate) use crate::client::context::Tally;
pub(crate) use engine::PROBES_PER_S;
pub(crate) use thread::{CommandSender, DriverCommand, DriverEvent, DriverStart, spawn};
