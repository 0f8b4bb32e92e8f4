//! The command that looks for the largest load.

use crate::cli::{OUTPUT, PlanFormat, SCENARIO, ScenarioArgs};
use crate::units::parse_share;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// How loads are tried.
const SEARCH: &str = "Search";

/// The arguments of `wsbench capacity`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
The load doubles until the condition does not hold, and is halved between the
last two from then on. Trials are short at first and as long as `duration` says
near the answer, where each end is tried several times. The answer is the
largest load that held and the smallest that did not; \"at least\" if the driver
or this machine was the limit before the server.

Exit codes:
    0 the largest load was found
   97 there were --most-trials trials, and the ends are not confirmed
   99 no load holds, or it is less than --at-least
Others are those of `wsbench --help`.

Examples:
  wsbench capacity live.toml --until 'delivery_latency p(99) < 50ms'
  wsbench capacity live.toml --vary rate --until 'server_cpu_us_per_message < 40us'")]
pub(crate) struct CapacityArgs {
    /// What is run
    #[command(flatten)]
    pub scenario: ScenarioArgs,
    /// What is tried: numbers of clients, or the rate of the feed for each client
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = Varied::Clients, help_heading = SEARCH)]
    pub vary: Varied,
    /// What must hold, as in a limit of a scenario; may be given several times. A run must be valid, too
    #[arg(long, value_name = "CONDITION", required = true, help_heading = SEARCH)]
    pub until: Vec<String>,
    /// The series, by its label [default: all, one after the other]
    #[arg(long, value_name = "LABEL", help_heading = SCENARIO)]
    pub series: Option<String>,
    /// The first load [default: the scenario's]
    #[arg(long, value_name = "LOAD", value_parser = parse_load, help_heading = SEARCH)]
    pub first: Option<f64>,
    /// The largest load
    #[arg(long, value_name = "LOAD", default_value = "1000000", value_parser = parse_load, help_heading = SEARCH)]
    pub most: f64,
    /// How far apart the two loads of the answer may be
    #[arg(long, value_name = "SHARE", default_value = "10%", value_parser = parse_share, help_heading = SEARCH)]
    pub precision: f64,
    /// Trials of each load of the answer
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100), help_heading = SEARCH)]
    pub trials: u32,
    /// So many of them may fail at a load that holds
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = SEARCH)]
    pub allow_failed: u32,
    /// No more trials of a series than this
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=10_000), help_heading = SEARCH)]
    pub most_trials: u32,
    /// Fail unless this load holds
    #[arg(long, value_name = "LOAD", value_parser = parse_load, help_heading = SEARCH)]
    pub at_least: Option<f64>,
    /// What to print
    #[arg(long, value_enum, default_value_t = PlanFormat::Text, help_heading = OUTPUT)]
    pub format: PlanFormat,
    /// Where to write the result of each trial [default: reports/SCENARIO-TIME]
    #[arg(long, value_name = "DIR", help_heading = OUTPUT)]
    pub out: Option<PathBuf>,
    /// Show no progress
    #[arg(long, short, help_heading = OUTPUT)]
    pub quiet: bool,
}

/// What is varied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Varied {
    /// The number of clients
    Clients,
    /// The rate of the feed for each client
    Rate,
}

/// Reads a number of clients or a rate.
fn parse_load(text: &str) -> Result<f64, String> {
    let load: Option<f64> = text.parse().ok().filter(|load: &f64| load.is_finite() && *load > 0.0);
    load.ok_or_else(|| "the load must be a number, and more than 0".to_owned())
}
