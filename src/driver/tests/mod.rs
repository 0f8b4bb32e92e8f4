//! Tests of the engine.

#[cfg(all(target_os = "linux", not(feature = "portable")))]
mod conformance;
mod flood;
mod late_read;
mod simulation;
