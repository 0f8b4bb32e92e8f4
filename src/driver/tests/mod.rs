//! Tests of the engine.

mod allocations;
#[cfg(all(target_os = "linux", not(feature = "portable")))]
mod conformance;
mod flood;
mod late_read;
mod probes;
mod simulation;
mod unasked;
