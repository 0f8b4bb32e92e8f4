//! The clients of one process: threads, ramp, schedule, windows, drain.
//!
//! A driver process has a few threads, each with its own runtime, timer and recorder; a client
//! stays on its thread. Separate from `transport`, which defines what a client does, and from
//! `run::worker`, which receives the commands. It never looks at a transport's name.

mod thread;

pub(crate) use crate::client::context::Tally;
pub(crate) use thread::{DriverCommand, DriverEvent, DriverStart, run};
