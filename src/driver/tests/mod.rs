//! Tests of the engine.

mod flood;
mod simulation;
