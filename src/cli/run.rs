//! The commands that take a scenario, and the one that writes one.

use crate::cli::{LIVE, OUTPUT, ReportingArgs, SCENARIO};
use clap::{Args, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

/// The arguments of `wsbench run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  wsbench run scenario.toml
  wsbench run scenario.toml --set clients=[100] --set duration=5s
  wsbench run ci.toml --save-baseline baseline.json --junit junit.xml")]
pub(crate) struct RunArgs {
    /// What is run
    #[command(flatten)]
    pub scenario: ScenarioArgs,
    /// What is written
    #[command(flatten)]
    pub how: RunOutputArgs,
}

/// What a run writes and prints.
#[derive(Debug, Args)]
pub(crate) struct RunOutputArgs {
    /// Where to write the reports [default: reports/SCENARIO-TIME]
    #[arg(long, value_name = "DIR", help_heading = OUTPUT)]
    pub out: Option<PathBuf>,
    /// What to write and print
    #[command(flatten)]
    pub reporting: ReportingArgs,
    /// Show no progress
    #[arg(long, short, help_heading = OUTPUT)]
    pub quiet: bool,
    /// What is shown and written while it runs
    #[command(flatten)]
    pub live: LiveArgs,
    /// Save the run as a baseline for `wsbench gate`, if it is valid
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub save_baseline: Option<PathBuf>,
}

/// What is shown and written while a run goes on.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct LiveArgs {
    /// Show figures in place while it runs: on a terminal unless this says otherwise
    #[arg(
        long, value_enum, value_name = "WHEN", num_args = 0..=1, require_equals = true,
        default_value_t = When::Auto, default_missing_value = "always", help_heading = LIVE
    )]
    pub live: When,
    /// Write an object of figures a second (JSON Lines); `-` is standard output
    #[arg(long, value_name = "FILE", help_heading = LIVE)]
    pub stream: Option<PathBuf>,
    /// Serve the same figures for Prometheus (OpenMetrics), such as 127.0.0.1:9464
    #[arg(long, value_name = "ADDRESS", help_heading = LIVE)]
    pub metrics: Option<SocketAddr>,
}

/// When something is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The arguments of `wsbench try`.
#[derive(Debug, Args)]
#[command(after_help = "\
The scheme of a URL says how its clients get updates:
  ws, wss                             WebSocket
  http, https                         polling, a request each second
  sse+http, sse+https                 server-sent events
  stream+http, stream+https           one response that never ends
  long-poll+http, long-poll+https     held requests
  poll+http, poll+https               polling

Examples:
  wsbench try ws://127.0.0.1:8080/live
  wsbench try http://127.0.0.1:8080/latest ws://127.0.0.1:8080/live --rate 2/s
  wsbench try ws://127.0.0.1:8080/ --first '{\"subscribe\": 1}' --time /t:ms")]
pub(crate) struct TryArgs {
    /// What the clients ask for; several URLs are compared side by side
    #[arg(value_name = "URL", required = true)]
    pub urls: Vec<String>,
    /// How many clients are connected at once; several numbers are separated by commas
    #[arg(
        long, value_name = "N", default_value = "100", value_delimiter = ',', help_heading = SCENARIO
    )]
    pub clients: Vec<u64>,
    /// How long each URL is measured
    #[arg(long, value_name = "TIME", default_value = "10s", help_heading = SCENARIO)]
    pub duration: String,
    /// How many updates each client should get, such as 2/s: the run fails if the server sends
    /// fewer or more [default: not known, and not checked]
    #[arg(long, value_name = "RATE", help_heading = SCENARIO)]
    pub rate: Option<String>,
    /// A header of each request, such as 'Name: value'
    #[arg(long = "header", value_name = "HEADER", help_heading = SCENARIO)]
    pub headers: Vec<String>,
    /// A message that each WebSocket client sends first
    #[arg(long, value_name = "TEXT", help_heading = SCENARIO)]
    pub first: Vec<String>,
    /// What ends a message of each stream (stream+http): line, chunk, or a table such as '{ bytes = 21 }'
    #[arg(long, value_name = "WHAT", help_heading = SCENARIO)]
    pub delimiter: Option<String>,
    /// What ends each message if a WebSocket frame has several, such as '\n'
    #[arg(long, value_name = "TEXT", help_heading = SCENARIO)]
    pub separator: Option<String>,
    /// Send back what identifies the last answer (If-None-Match, If-Modified-Since), so that a poll or
    /// long poll gets 304 if nothing is new
    #[arg(long, help_heading = SCENARIO)]
    pub conditional: bool,
    /// Ask over HTTP/2: chosen in the TLS handshake, and taken for granted without TLS
    #[arg(long, help_heading = SCENARIO)]
    pub http2: bool,
    /// Where each message has its time, and in which unit, such as /t:ms
    #[arg(long, value_name = "POINTER:UNIT", help_heading = SCENARIO)]
    pub time: Option<String>,
    /// Where each message has its number, which goes up by one, such as /seq: with it loss, repeats
    /// and order are checked
    #[arg(long, value_name = "POINTER", help_heading = SCENARIO)]
    pub sequence: Option<String>,
    /// How late the driver may be by its own fault, on a machine that is busy with other work
    /// [default: a tenth of the median latency, at least 1ms]
    #[arg(long, value_name = "TIME", help_heading = SCENARIO)]
    pub driver_lateness: Option<String>,
    /// Trust this authority's certificates, or this certificate itself (PEM) [default: the
    /// system's authorities]
    #[arg(long, value_name = "FILE", help_heading = SCENARIO)]
    pub ca: Option<PathBuf>,
    /// Accept any certificate of a server
    #[arg(long, conflicts_with = "ca", help_heading = SCENARIO)]
    pub insecure: bool,
    /// Write the scenario to a new file, which `wsbench run` repeats
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub save: Option<PathBuf>,
    /// What is written
    #[command(flatten)]
    pub how: RunOutputArgs,
}

/// A scenario, and what is changed in it.
#[derive(Debug, Clone, Args)]
pub(crate) struct ScenarioArgs {
    /// The scenario, a TOML file; `wsbench init` writes one
    #[arg(value_name = "SCENARIO")]
    pub path: PathBuf,
    /// Override a value of the scenario, for example `--set clients=[100]` or
    /// `--set series.polling.interval=2s`
    #[arg(long = "set", value_name = "KEY=VALUE", help_heading = SCENARIO)]
    pub overrides: Vec<String>,
    /// A file with a request's head as it is sent, for every series that has the setting
    /// `request_head`
    #[arg(long, value_name = "FILE", help_heading = SCENARIO)]
    pub request_head: Option<PathBuf>,
    /// A file with a response's head, for every series that has the setting `response_head`
    #[arg(long, value_name = "FILE", help_heading = SCENARIO)]
    pub response_head: Option<PathBuf>,
}

pub(super) const PLAN_EXAMPLE: &str = "\
Example:
  wsbench plan scenario.toml --set clients=[100000]";

pub(super) const MODEL_EXAMPLE: &str = "\
Example:
  wsbench model scenario.toml --set delay=50ms";

/// The arguments of `wsbench plan` and `wsbench model`.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// What would be run
    #[command(flatten)]
    pub scenario: ScenarioArgs,
    /// What to print
    #[arg(long, value_enum, default_value_t = PlanFormat::Text, help_heading = OUTPUT)]
    pub format: PlanFormat,
}

/// How a plan or a model is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum PlanFormat {
    /// Tables for people
    #[default]
    Text,
    /// One JSON document for programs
    Json,
}

/// The arguments of `wsbench init`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  wsbench init                        a scenario with every setting explained
  wsbench init --from polling-vs-ws   a scenario that comes with wsbench")]
pub(crate) struct InitArgs {
    /// Where to write it [default: scenario.toml, or NAME.toml with --from]
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Write one of the scenarios that come with wsbench instead
    #[arg(
        long,
        value_name = "NAME",
        value_parser = clap::builder::PossibleValuesParser::new(crate::scenario::SHIPPED.map(|s| s.0))
    )]
    pub from: Option<String>,
}
