//! The commands that take a scenario, and the one that writes one.

use crate::cli::{OUTPUT, ReportingArgs, SCENARIO};
use clap::{Args, ValueEnum};
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
    /// Where to write the reports [default: reports/SCENARIO-TIME]
    #[arg(long, value_name = "DIR", help_heading = OUTPUT)]
    pub out: Option<PathBuf>,
    /// What to write and print
    #[command(flatten)]
    pub reporting: ReportingArgs,
    /// Show no progress
    #[arg(long, short, help_heading = OUTPUT)]
    pub quiet: bool,
    /// Save the run as a baseline for `wsbench gate`, if it is valid
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub save_baseline: Option<PathBuf>,
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
