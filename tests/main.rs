//! The integration tests: one binary, one file per behaviour.

// A test binary exports nothing, so `pub` in it says nothing.
#![allow(unreachable_pub)]

mod support;

/// What figures and reports say of any server.
mod any_server;
/// Bodies of other servers: what delimits messages.
mod bodies;
/// TCP/IP bytes compared with a packet capture.
mod capacity;
mod capture;
/// How long a server can hold up the end of a run.
mod closing;
/// Files of earlier versions.
mod compat;
/// Compressed messages and answers.
mod compressed;
/// The delay line, within a run and as a relay.
mod delay;
/// What counts as a message of another server.
mod delimited;
/// What a started server leaves behind.
mod detached;
/// Protocols above WebSocket, as settings.
mod dialects;
/// The README and `docs/` compared with the program.
mod docs;
/// Clients of libraries beside this program's own.
mod engines;
/// The event stream parser compared with the standard.
mod events;
/// What the library exports.
mod exports;
/// What external servers may and must not do.
mod external;
/// Messages after connecting, the answer that counts as connected, pings of the application.
mod first_messages;
/// Servers that are not the bundled one.
mod foreign;
/// Which parser has which fuzz target.
mod fuzz_targets;
/// Gates: limits, baselines, pairs of runs.
mod gate;
/// Help texts, completions, and `wsbench init`.
mod help;
/// `wsbench history`: lines, sparklines, change points.
mod history;
/// The HTTP/1.1 response parser.
mod http;
mod http2;
mod http2_servers;
/// Statements that have a plainer form.
mod idioms;
/// Words that have a plainer one.
mod language;
/// Which folder may use which.
mod layering;
/// What is shown and written while a run goes on.
mod live;
/// `wsbench model`, and the user's own headers.
mod model;
/// Servers that break the rules, and what is said of them.
mod odd_servers;
/// Outputs and files that are closed, full, no regular files, or too large for memory; huge scenarios.
mod outputs;
/// Servers with messages of their own form.
mod own_messages;
/// The pages of `wsbench serve`.
mod pages;
/// The WebSocket client against an external server.
mod push;
/// How long clients wait after a failure, and what they count when they are back.
mod reconnects;
/// Reports, compared with literal text and arithmetic.
mod report;
/// What clients send to a server of the user's own.
mod requests;
/// `wsbench run` end to end.
mod run;
/// The messages of every class of bad scenario, and plans.
mod scenario;
/// What must not be written.
mod secrets;
/// The reference server over raw sockets.
mod server;
/// CPU time and memory of external servers, and servers that a run starts.
mod server_cost;
/// Servers that send nothing, or nothing any more.
mod silence;
/// TLS from end to end.
mod tls;
/// What servers may do as browsers allow it, and what is pointed out to the reader.
mod tolerance;
/// Every transport end to end: bytes, distributions, reconnects.
mod transports;
/// `wsbench try`, and series with servers of their own.
mod try_urls;
/// Outputs that nobody reads, and what ends the wait.
mod unread_outputs;
mod unsaid;
/// Reports that say what their rows give.
mod verify;
/// What clients send, end to end.
mod workloads;
