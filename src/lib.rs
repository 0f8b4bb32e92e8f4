//! wsbench measures what polling, WebSocket and the other ways of getting live data to a client
//! cost: bytes on the wire by layer, latency from the intended moment, CPU and memory.
//!
//! # A run, by the types that it passes through
//!
//! ```text
//! scenario::File → plan::Plan → worker::protocol::DriverStart → load::ThreadPlan
//!     → record::Window… → result::RunResult → report::Table → files
//!                                                 └→ report::finding::Judgement
//! ```
//!
//! Each arrow is one function in one file. `conduct` goes through a plan's cases and starts the
//! processes of each; a driver process runs `load`, a server process runs `server`.
//!
//! # Arrows
//!
//! | folder | what it is | may use |
//! |---|---|---|
//! | `units` `clock` `error` `host` `alarm` `delay` `pacing` `signals` | leaves | each other, `record::Phase` |
//! | `settings` | located reading of TOML tables | leaves |
//! | `record` | numbers of one thread: no runtime, lock, channel or string | leaves |
//! | `feed` | what is published | leaves |
//! | `net` | bytes: metered stream, delay line, kernel counts, dialling, the relay | `record`, leaves |
//! | `transport` | extension point 1: a folder a transport | `net`, `feed`, `record`, `settings`, leaves |
//! | `scenario` `plan` | what the user wrote; what will run | `transport` (parsing only), `gate` (limits), `settings`, `feed`, `record` |
//! | `result` | what happened, on disk | `record`, leaves |
//! | `report` | extension point 2: a file a format | `result`, `record`, leaves |
//! | `gate` | verdicts: limits, baselines, paired runs | `report`, `result`, `record`, `settings`, leaves |
//! | `load` | a process's clients | `transport`, `net`, `record`, `result` (lines) |
//! | `server` | the reference server | `transport`, `net`, `feed` |
//! | `worker` | processes and their lines | `load`, `result`, `net`, `feed` |
//! | `conduct` | a run, case by case | `worker`, `plan`, `result` |
//! | `cmd` `cli` | the only place that prints | everything |
//!
//! `report`, `result` and `gate` use nothing that runs: they work on a file of another machine and
//! another year. A transport never uses a sibling, `plan`, `load` or `server`. `record` has no
//! runtime. A test reads the sources and holds these rules.
//!
//! # Deliberately absent
//!
//! * No shared state between clients' threads: a thread has its own runtime, alarm and recorder,
//!   and gives its numbers away once a second.
//! * No sample lists: latencies go into histograms, and percentiles are never merged.
//! * No retries that hide a fault, and no correction of a figure after the fact.
//! * No TLS, HTTP/2 or compression yet: `wire` and the sum of the layers above are the same bytes.

pub mod alarm;
pub mod clock;
pub mod delay;
pub mod error;
pub mod host;
pub mod pacing;
pub mod signals;
pub mod units;

pub mod settings;

pub mod feed;
pub mod net;
pub mod record;

pub mod transport;

pub mod plan;
pub mod scenario;

pub mod gate;
pub mod report;
pub mod result;

pub mod load;
pub mod server;

pub mod conduct;
pub mod worker;

pub mod cli;
pub mod cmd;
