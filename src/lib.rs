//! wsbench measures what polling, WebSocket and the other ways of getting live data to a client
//! cost: bytes on the wire by layer, latency from the intended moment, CPU and memory.
//!
//! # A run, by the types that it passes through
//!
//! ```text
//! scenario::ScenarioFile → plan::Plan → worker::protocol::DriverStart → load::ThreadPlan
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

mod error;
mod os;
mod time;
mod units;

mod config;
mod feed;
mod protocol;
mod record;

mod net;
mod predict;

mod client;
mod server;
mod transport;

mod plan;
mod scenario;

mod driver;
mod run;

mod gate;
mod report;
mod result;

mod cli;
mod cmd;

pub use cmd::main;

/// The parts that the integration tests and the fuzz targets use, by folder. They may change with
/// every version.
pub mod internals {
    /// `wsbench plan` without its output.
    pub mod cmd {
        /// Plans.
        pub mod plan {
            pub use crate::cmd::plan::{PlanFormat, Prepared, prepare, show};
        }
        /// Reports.
        pub mod report {
            pub use crate::cmd::report::{formats, render_all, report};
        }
    }
    /// Why a command could not do its work.
    pub mod error {
        pub use crate::error::FailureKind;
    }
    /// Reading of TOML.
    pub mod config {
        pub use crate::config::{Key, SourceText};
    }
    /// What is published.
    pub mod feed {
        pub use crate::feed::{
            Feed, PayloadKind, Reader, Semantics, Spec, Stamp, Workload, sequence_text,
        };
    }
    /// Judgements.
    pub mod gate {
        /// Limits of a scenario.
        pub mod limit {
            pub use crate::gate::limit::{Limit, Part, Rule, Watch, judged, parse, written};
        }
        /// Pairs of runs.
        pub mod paired {
            pub use crate::gate::paired::{Next, Order, Rules, Sampled, Verdicts, judge, order};
        }
        /// Whether a run may be used in a comparison.
        pub mod run_validity {
            pub use crate::gate::run_validity::{RunQuality, worth};
        }
        /// Statistics.
        pub mod signed_rank {
            pub use crate::gate::signed_rank::{Walsh, detectable, student_quantile};
        }
    }
    /// The operating system.
    pub mod os {
        pub use crate::os::{Conntrack, Machine};
    }
    /// What will run.
    pub mod plan {
        pub use crate::plan::{Case, Plan, Preflight, Resolved, SECTIONS, resolve};
    }
    /// Arithmetic.
    pub mod predict {
        pub use crate::predict::{Component, CostAt, Distribution, Exchange, Model, Share};
    }
    /// Parsers.
    pub mod protocol {
        /// HTTP/1.1 responses.
        pub mod http1 {
            /// Responses as they come.
            pub mod response {
                pub use crate::protocol::http1::response::{BodyPiece, Malformed, Parts, Response};
            }
        }
        /// Event streams.
        pub mod sse {
            pub use crate::protocol::sse::{Found, ID_LIMIT_BYTES, Parser, Sizes};
        }
        /// WebSocket frames.
        pub mod websocket {
            /// Frame headers.
            pub mod frame {
                pub use crate::protocol::websocket::frame::Scanner;
            }
        }
    }
    /// Numbers of one thread.
    pub mod record {
        pub use crate::record::{
            ClientError, ClientErrorKind, Counts, Flow, Ledger, Metric, Phase, Phases, Recorder,
            TRACED_CLIENTS, TRACED_EVENTS, TcpTotals, TraceEvent, TraceKind, Window,
        };
    }
    /// Tables and formats.
    pub mod report {
        pub use crate::report::format::text::terminal;
        pub use crate::report::{Conclusion, FORMATS, Figure, Table, find_format, summarise};
        /// The chapter's figures.
        pub mod chapter {
            pub use crate::report::chapter::as_printed;
        }
        /// Findings and judgements.
        pub mod finding {
            pub use crate::report::finding::{
                Decision, Effect, Finding, Judgement, Kind, Side, Subject, limits,
            };
        }
        /// Judgements in every format.
        pub mod judgement {
            pub use crate::report::judgement::{
                Judged, annotations, bencher, github_action_benchmark, json, junit, markdown, text,
            };
        }
        /// Layers of bytes.
        pub mod layer {
            pub use crate::report::layer::{Layer, Quantity, Statistic, Way};
        }
        /// Columns.
        pub mod metrics {
            pub use crate::report::metrics::{Cell, columns, markdown};
        }
        /// JSON Schema.
        pub mod schema {
            pub use crate::report::schema::{Document, all, of};
        }
        /// Rows.
        pub mod table {
            pub use crate::report::table::{Row, Status};
        }
    }
    /// Results.
    pub mod result {
        pub use crate::result::{
            Audit, CaseEnd, CaseInfo, CaseResult, Cost, Curve, DriverEnd, End, Header, RunResult,
            SCHEMA, ServerEnd,
        };
        /// Result files.
        pub mod file {
            pub use crate::result::file::{Line, WindowLine, Writer, read};
        }
    }
    /// Runs.
    pub mod run {
        pub use crate::run::header;
    }
    /// Scenarios.
    pub mod scenario {
        pub use crate::scenario::parse;
    }
    /// The reference server.
    pub mod server {
        pub use crate::server::{Config, Limits, Running, start};
    }
    /// Clocks.
    pub mod time {
        pub use crate::time::now_ns;
    }
    /// Transports.
    pub mod transport {
        pub use crate::transport::{AnySeries, Mount, TRANSPORTS};
    }
    /// Units.
    pub mod units {
        pub use crate::units::{Bytes, SECOND_NS};
    }
}
