//! The command line: types only, no logic. Each subcommand's help groups its options, fits 80
//! columns and ends with an example.

mod bisect;
mod capacity;
mod gate;
mod history;
mod output;
mod run;
mod serve;

pub(crate) use bisect::BisectArgs;
pub(crate) use capacity::{CapacityArgs, Varied};
pub(crate) use gate::{CalibrateArgs, CompareArgs, GateArgs, PairArgs};
pub(crate) use history::{
    HistoryAddArgs, HistoryArgs, HistoryCheckArgs, HistoryCommand, HistoryFileArgs, HistoryFormat,
    HistoryShowArgs,
};
pub(crate) use output::{
    DrawArgs, HtmlArgs, OutputArgs, OutputFormat, ReportArgs, ReportingArgs, SchemaArgs, VerifyArgs,
};
pub(crate) use run::{
    InitArgs, LiveArgs, PlanArgs, RunArgs, RunOutputArgs, ScenarioArgs, TryArgs, When,
};
pub(crate) use serve::{RelayArgs, ServeArgs, parse_kind, parse_payload_size, parse_rate};

pub use run::PlanFormat;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

/// The options that say what is run.
const SCENARIO: &str = "Scenario";
/// The options that name what is written.
const OUTPUT: &str = "Output";
/// The options that say what is shown and written during a run.
const LIVE: &str = "While it runs";

/// Measures what polling, WebSocket and the other ways of getting live data to a client cost:
/// bytes by layer, latency, CPU and memory
#[derive(Debug, Parser)]
#[command(
    name = "wsbench", bin_name = "wsbench", version, max_term_width = 80, after_help = AFTER_HELP
)]
pub(crate) struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  wsbench try ws://127.0.0.1:8080/live    measure a server that runs

From an empty folder:
  wsbench init                 write scenario.toml
  wsbench run scenario.toml    run it, and write reports

Exit codes:
    0 passed
    1 the run failed, or a file could not be read or written
    2 the command line or the scenario cannot be used
   96 invalid: a check of the measurement failed, so that its figures cannot
      be used
   97 undecided, with --strict
   98 worse than the baseline, or B worse than A
   99 a limit of the scenario failed
  130 stopped by SIGINT; what was measured is reported
  143 stopped by SIGTERM or SIGHUP; what was measured is reported";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measure a server by its URLs, without a scenario
    Try(TryArgs),
    /// Run a scenario and report
    Run(RunArgs),
    /// Show what a scenario would run, and whether this machine can
    #[command(after_help = run::PLAN_EXAMPLE)]
    Plan(PlanArgs),
    /// Predict what each series costs and how late it is
    #[command(after_help = run::MODEL_EXAMPLE)]
    Model(PlanArgs),
    /// Write a commented scenario to start from
    Init(InitArgs),
    /// Render result files again, also from other machines
    Report(ReportArgs),
    /// Make the figures of a report again from its rows, and compare
    Verify(VerifyArgs),
    /// Compare a result with a baseline: a gate for CI
    Gate(GateArgs),
    /// Compare two servers, or two builds, by pairs of runs
    Compare(CompareArgs),
    /// Measure the smallest change that this machine can show
    Calibrate(CalibrateArgs),
    /// Find the largest load that keeps a condition
    Capacity(CapacityArgs),
    /// Find the commit that made a server worse
    Bisect(BisectArgs),
    /// Keep the figures of nightly runs, and find changes in them
    History(HistoryArgs),
    /// Run the reference server
    Serve(ServeArgs),
    /// Run a TCP relay that delays every byte
    Relay(RelayArgs),
    /// Print the JSON Schema of what the program writes
    Schema(SchemaArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Print the manual page
    Man(ManArgs),
    /// A driver process, started by `run`
    #[command(hide = true)]
    Worker,
    /// A server process, started by `run`
    #[command(hide = true)]
    Server,
    /// The process that ends a server if `run` is killed, started by `run`
    #[command(hide = true)]
    Guard {
        /// The server's process group
        group: u32,
        /// The mark of all that the server starts
        mark: String,
    },
    /// The process that draws pictures, started by `run` and `report`
    #[command(hide = true)]
    Draw(DrawArgs),
}

/// The arguments of `wsbench completions`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Example:
  mkdir -p ~/.local/share/bash-completion/completions
  wsbench completions bash > ~/.local/share/bash-completion/completions/wsbench")]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// The arguments of `wsbench man`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  wsbench man | man -l -
  wsbench man run > wsbench-run.1
  wsbench man history add > wsbench-history-add.1")]
pub(crate) struct ManArgs {
    /// The subcommand, of several words if it has subcommands [default: the page of the whole
    /// program]
    #[arg(value_name = "COMMAND")]
    pub command: Vec<String>,
}
