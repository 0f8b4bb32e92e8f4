//! The integration tests: one binary, a file a behaviour.

mod support;

/// Which folder may use which.
mod layering;
/// What a report says, held against literal text and arithmetic.
mod report;
/// `wsbench run` end to end.
mod run;
/// The messages of every class of bad scenario, and plans.
mod scenario;
/// The reference server over raw sockets.
mod server;
