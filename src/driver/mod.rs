//! A shard's clients: threads, ramp, schedule, seconds, drain.
//!
//! A driver process has a few threads, each with a runtime, an alarm and a recorder of its own;
//! a client lives and dies on its thread. Separate from `transport`, which says what a client
//! does, and from `worker`, which brings the words to start and stop. It never looks at a
//! transport's name.

mod thread;

pub(crate) use crate::client::context::Tally;
pub(crate) use thread::{Command, Event, ThreadEnd, ThreadPlan, run};
