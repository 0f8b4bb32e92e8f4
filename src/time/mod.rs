//! Clock, timer, pacing and delay profiles.
//!
//! Every moment is a reading of `CLOCK_MONOTONIC` in nanoseconds, which all processes of one host
//! share.

mod delay_profile;
mod pacing;
mod timer;
#[cfg_attr(any(not(target_os = "linux"), feature = "portable"), allow(dead_code))]
mod wall_clock;

pub use crate::os::now_ns;
pub(crate) use crate::os::{process_cpu_ns, thread_cpu_ns};
pub(crate) use delay_profile::{Delay, Draws, JitterDistribution, MOST_DELAY_NS};
pub(crate) use pacing::{Pacer, Schedule, Turn, TurnPlacement};
pub(crate) use timer::{Sleep, Timer};
#[cfg_attr(any(not(target_os = "linux"), feature = "portable"), allow(unused_imports))]
pub(crate) use wall_clock::{ClockReading, WallClock};
