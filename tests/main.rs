//! The integration tests: one binary, a file a behaviour.

// A test binary exports nothing, whatever its helpers are called.
#![allow(unreachable_pub)]

mod support;

/// TCP/IP bytes against a packet capture.
mod capture;
/// The delay line, within a run and as a relay.
mod delay;
/// The README and `docs/` against the program.
mod docs;
/// The event stream's parser against a plain reading of the standard.
mod events;
/// What a gate says: limits, baselines, pairs of runs.
mod gate;
/// A response's body as it comes.
mod http;
/// Words that have a plainer one.
mod language;
/// Which folder may use which.
mod layering;
/// `wsbench model` and one's own headers from the command line.
mod model;
/// The WebSocket client half against a foreign server.
mod push;
/// What a report says, held against literal text and arithmetic.
mod report;
/// `wsbench run` end to end.
mod run;
/// The messages of every class of bad scenario, and plans.
mod scenario;
/// The reference server over raw sockets.
mod server;
/// Every transport end to end: bytes, laws, reconnects.
mod transports;
/// What clients send, end to end.
mod workloads;
