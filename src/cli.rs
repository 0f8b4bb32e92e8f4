//! The command line: types only, no logic.

use crate::cmd::ci::OutputArgs;
use crate::cmd::compare::{CalibrateArgs, CompareArgs};
use crate::cmd::gate::GateArgs;
use crate::cmd::plan::PlanFormat;
use crate::cmd::schema::SchemaArgs;
use crate::cmd::serve::ServeArgs;
use crate::time::{JitterLaw, MOST_DELAY_NS};
use crate::units::parse_duration_ns;
use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

/// What polling, WebSocket and the other ways of getting live data to a client cost: bytes by
/// layer, latency, CPU and memory.
#[derive(Debug, Parser)]
#[command(name = "wsbench", bin_name = "wsbench", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
    0 passed
    1 the run failed, or a file could not be read or written
    2 the command line or the scenario cannot be used
   96 invalid: the driver was too slow, clients are missing, or bytes do not add
      up
   97 undecided, with --strict
   98 worse than the baseline, or B worse than A
   99 a limit of the scenario failed
  130 stopped by SIGINT; what was measured is reported
  143 stopped by SIGTERM; what was measured is reported";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a scenario and report
    Run(RunArgs),
    /// Show what a scenario would run, and whether this machine can
    Plan(PlanArgs),
    /// Show what each series costs and how late it is by arithmetic, without opening a socket
    Model(PlanArgs),
    /// Run the reference server
    Serve(ServeArgs),
    /// Put a delay before a server: a TCP relay
    Relay(RelayArgs),
    /// Render result files again, of other machines too
    Report(ReportArgs),
    /// Hold a result against a baseline: a gate for CI
    Gate(GateArgs),
    /// Compare two servers, or two builds, by pairs of runs
    Compare(CompareArgs),
    /// Tell this machine's noise, and the smallest change that it can show
    Calibrate(CalibrateArgs),
    /// Print the JSON Schema of what the program writes
    Schema(SchemaArgs),
    /// Write a commented scenario to start from
    Init {
        /// Where to write it
        #[arg(default_value = "scenario.toml", value_name = "FILE")]
        file: PathBuf,
    },
    /// A driver process, started by `run`
    #[command(hide = true)]
    Worker,
    /// A server process, started by `run`
    #[command(hide = true)]
    Server,
}

/// The arguments of `wsbench run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The scenario
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// Override a value of the scenario, for example `--set clients=[100]` or
    /// `--set series.polling.interval=2s`
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// One's own headers
    #[command(flatten)]
    pub heads: HeadArgs,
    /// Where to write the reports [default: reports/SCENARIO-TIME]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What to print, and what CI is given
    #[command(flatten)]
    pub output: OutputArgs,
    /// The reports to write beside the result file: text, csv, json, png, or none
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "text,csv,json,png")]
    pub reports: Vec<String>,
    /// Save the run as a baseline for `wsbench gate`, where it is valid
    #[arg(long, value_name = "FILE")]
    pub save_baseline: Option<PathBuf>,
    /// Print the whole summary.txt instead of one screen
    #[arg(long, short)]
    pub verbose: bool,
    /// Show no progress
    #[arg(long, short)]
    pub quiet: bool,
}

/// One's own headers, for every series that has such a setting.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct HeadArgs {
    /// A file with a request's head as it is sent, for every series that has the setting
    /// `request_head`
    #[arg(long, value_name = "FILE")]
    pub request_head: Option<PathBuf>,
    /// A file with a response's head, for every series that has the setting `response_head`
    #[arg(long, value_name = "FILE")]
    pub response_head: Option<PathBuf>,
}

/// The arguments of `wsbench plan` and `wsbench model`.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The scenario
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// Override a value of the scenario
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// One's own headers
    #[command(flatten)]
    pub heads: HeadArgs,
    /// How to show it
    #[arg(long, value_enum, default_value_t = PlanFormat::Text)]
    pub format: PlanFormat,
}

/// The arguments of `wsbench report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Result files; those of the same plan are merged
    #[arg(value_name = "RESULT", required = true)]
    pub results: Vec<PathBuf>,
    /// Where to write the reports [default: beside the first result]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What to print, and what CI is given
    #[command(flatten)]
    pub output: OutputArgs,
    /// The reports to write: text, csv, json, png, or none
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "text,csv,json,png")]
    pub reports: Vec<String>,
    /// Print the whole summary.txt instead of one screen
    #[arg(long, short)]
    pub verbose: bool,
}

/// The arguments of `wsbench relay`.
///
/// Every byte is held for the delay, in both directions. A TCP handshake is answered by the
/// kernel at once: instead, a connection's first bytes are held for a round trip more.
#[derive(Debug, Clone, Args)]
pub(crate) struct RelayArgs {
    /// Where to listen; port 0 for any
    #[arg(long, value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// The server
    #[arg(long, value_name = "ADDRESS")]
    pub to: SocketAddr,
    /// How long a byte takes one way
    #[arg(long, value_name = "TIME", value_parser = held)]
    pub delay: u64,
    /// How much longer it may take, by the law
    #[arg(long, value_name = "TIME", value_parser = held, default_value = "0s")]
    pub jitter: u64,
    /// How jitter is distributed: uniform, exponential or half-normal
    #[arg(long, value_name = "LAW", value_parser = law, default_value = "uniform")]
    pub jitter_law: JitterLaw,
    /// The seed of jitter
    #[arg(long, value_name = "N", default_value_t = 2009)]
    pub seed: u64,
}

fn held(text: &str) -> Result<u64, String> {
    match parse_duration_ns(text)? {
        ns if ns <= MOST_DELAY_NS => Ok(ns),
        _ => Err("at most 10s".to_owned()),
    }
}

fn law(text: &str) -> Result<JitterLaw, String> {
    let names = JitterLaw::ALL.map(JitterLaw::name).join(", ");
    let found = JitterLaw::ALL.into_iter().find(|law| law.name() == text);
    found.ok_or_else(|| format!("one of {names}"))
}
