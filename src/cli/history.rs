//! The commands of a history.

use crate::cli::{OUTPUT, OutputArgs};
use clap::{Args, Subcommand, ValueEnum, value_parser};
use std::path::PathBuf;

/// Which runs and figures of a history.
const HISTORY: &str = "History";
/// Where a run came from.
const ORIGIN: &str = "Origin";
/// When a figure passes or fails.
const JUDGING: &str = "Judging";

/// The arguments of `wsbench history`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
A history is for runs at about equal intervals, such as nightly ones on one
machine. A pull request is decided by `wsbench gate` and `wsbench compare`: a
history sees a change only some runs after it.

Example, each night:
  wsbench run ci.toml --out out
  wsbench history add out --file history.jsonl
  wsbench history check --file history.jsonl")]
pub(crate) struct HistoryArgs {
    /// What to do
    #[command(subcommand)]
    pub command: HistoryCommand,
}

/// The subcommands of `wsbench history`.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum HistoryCommand {
    /// Append a run to a history
    Add(HistoryAddArgs),
    /// Show each figure of a history as a sparkline
    Show(HistoryShowArgs),
    /// Find the newest change of each figure, and fail if one is a regression
    Check(HistoryCheckArgs),
}

/// The arguments of `wsbench history add`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
A history is a JSON Lines file with a line for each run, appended in one piece.
With this line in .gitattributes two branches of it merge by themselves:
  history.jsonl merge=union

Without --commit and --branch both are taken from the environment of the CI
system (GitHub, GitLab, Jenkins, Buildkite, CircleCI), else from git in the
current folder.

Example:
  wsbench history add out --file history.jsonl")]
pub(crate) struct HistoryAddArgs {
    /// The result file of a run, or its folder
    #[arg(value_name = "RESULT")]
    pub result: PathBuf,
    /// The history; it is created if it is missing
    #[arg(long, value_name = "FILE", help_heading = HISTORY)]
    pub file: PathBuf,
    /// The commit that was measured
    #[arg(long, value_name = "COMMIT", help_heading = ORIGIN)]
    pub commit: Option<String>,
    /// Its branch
    #[arg(long, value_name = "NAME", help_heading = ORIGIN)]
    pub branch: Option<String>,
    /// Add the run even if it is not valid: it is shown, and no change is sought in it
    #[arg(long, help_heading = HISTORY)]
    pub allow_invalid: bool,
    /// Say nothing if it worked
    #[arg(long, short, help_heading = OUTPUT)]
    pub quiet: bool,
}

/// What `show` and `check` share.
#[derive(Debug, Clone, Args)]
pub(crate) struct HistoryFileArgs {
    /// The history
    #[arg(long, value_name = "FILE", help_heading = HISTORY)]
    pub file: PathBuf,
    /// Begin with the run of this commit (or its beginning), or at this time, such as
    /// 2026-11-27: what changed before is known
    #[arg(long, value_name = "COMMIT|TIME", help_heading = HISTORY)]
    pub since: Option<String>,
    /// Of this series alone; may be given several times
    #[arg(long, value_name = "LABEL", help_heading = HISTORY)]
    pub series: Vec<String>,
    /// This figure alone, by the name of its column; may be given several times
    #[arg(long, value_name = "METRIC", help_heading = HISTORY)]
    pub metric: Vec<String>,
    /// Take latency, CPU and memory of other machines than the newest run's too
    #[arg(long, help_heading = HISTORY)]
    pub any_machine: bool,
}

/// The arguments of `wsbench history show`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  wsbench history show --file history.jsonl
  wsbench history show --file history.jsonl --format html > history.html")]
pub(crate) struct HistoryShowArgs {
    /// Which runs and figures
    #[command(flatten)]
    pub history: HistoryFileArgs,
    /// How many of the newest runs are shown
    #[arg(
        long, value_name = "N", default_value_t = 40, value_parser = value_parser!(u32).range(1..=1000),
        help_heading = HISTORY
    )]
    pub last: u32,
    /// What to print
    #[arg(long, value_enum, default_value_t = HistoryFormat::Text, help_heading = OUTPUT)]
    pub format: HistoryFormat,
}

/// How a history is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum HistoryFormat {
    /// A table for people
    #[default]
    Text,
    /// Markdown, as in the summary of a job of GitHub Actions
    Markdown,
    /// A section of a page, without scripts and requests
    Html,
}

/// The arguments of `wsbench history check`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
For nightly runs, not for pull requests: at least a handful of runs must have
followed a change until it is seen.

Two methods vote: E-divisive (energy distance, permutations) and rank sums
(Mann and Whitney, exact). A change is reported if both see one within three
runs of each other.

Exit codes:
    0 no figure's newest change is a regression
   98 one is: worse than before by more than its margin
Others are those of `wsbench --help`. Once a regression is accepted, --since
leaves it behind.

Example:
  wsbench history check --file history.jsonl --junit history.xml")]
pub(crate) struct HistoryCheckArgs {
    /// Which runs and figures
    #[command(flatten)]
    pub history: HistoryFileArgs,
    /// How many of the newest runs are looked at
    #[arg(
        long, value_name = "N", default_value_t = 200, value_parser = value_parser!(u32).range(2..=1000),
        help_heading = HISTORY
    )]
    pub last: u32,
    /// The share of looks at a history without a change in which one is seen
    #[arg(
        long, value_name = "SHARE", default_value_t = 0.01, value_parser = super::gate::parse_level,
        help_heading = JUDGING
    )]
    pub alpha: f64,
    /// The change of a metric that is tolerated, for example
    /// `--margin server_cpu_us_per_message=10%`
    #[arg(long = "margin", value_name = "METRIC=SHARE", help_heading = JUDGING)]
    pub margins: Vec<String>,
    /// The seed of the permutations
    #[arg(long, value_name = "N", default_value_t = 2009, help_heading = JUDGING)]
    pub seed: u64,
    /// What to print
    #[command(flatten)]
    pub output: OutputArgs,
}
