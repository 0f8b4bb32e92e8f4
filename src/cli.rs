//! The command line: types only, no logic.

use crate::cmd::plan::PlanFormat;
use crate::cmd::serve::ServeArgs;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// What polling, WebSocket and the other ways of getting live data to a client cost: bytes by
/// layer, latency, CPU and memory.
#[derive(Debug, Parser)]
#[command(name = "wsbench", bin_name = "wsbench", version, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
    0  passed
    1  the run, or reading or writing a file, failed
    2  the command line or the scenario cannot be used
   96  the run is invalid: the driver was too slow, clients are missing, bytes do not add up
  130  ended by SIGINT, 143 by SIGTERM; what was measured is reported, marked partial";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a scenario and report
    Run(RunArgs),
    /// Show what a scenario would run, and whether this machine can
    Plan(PlanArgs),
    /// Run the reference server
    Serve(ServeArgs),
    /// Render result files again, of other machines too
    Report(ReportArgs),
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
pub struct RunArgs {
    /// The scenario
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// Override a value of the scenario, for example `--set clients=[100]` or
    /// `--set series.polling.interval=2s`
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Where to write the reports [default: reports/SCENARIO-TIME]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What to print on standard output
    #[arg(long, value_enum, default_value_t = Shown::Text)]
    pub format: Shown,
    /// The reports to write beside the result file: text, csv, json, png, or none
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "text,csv,json,png")]
    pub reports: Vec<String>,
    /// Show no progress
    #[arg(long, short)]
    pub quiet: bool,
}

/// The arguments of `wsbench plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The scenario
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// Override a value of the scenario
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// How to show it
    #[arg(long, value_enum, default_value_t = PlanFormat::Text)]
    pub format: PlanFormat,
}

/// The arguments of `wsbench report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Result files; those of the same plan are merged
    #[arg(value_name = "RESULT", required = true)]
    pub results: Vec<PathBuf>,
    /// Where to write the reports [default: beside the first result]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What to print on standard output
    #[arg(long, value_enum, default_value_t = Shown::Text)]
    pub format: Shown,
    /// The reports to write: text, csv, json, png, or none
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "text,csv,json,png")]
    pub reports: Vec<String>,
}

/// What goes to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shown {
    /// Tables for people
    Text,
    /// The summary as one JSON document, and nothing else
    Json,
}
