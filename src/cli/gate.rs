//! The commands that compare.

use crate::cli::{HtmlArgs, OUTPUT, OutputArgs, SCENARIO};
use crate::units::parse_duration_ns;
use clap::{Args, value_parser};
use std::path::PathBuf;

/// How pairs of runs are made.
const PAIRS: &str = "Pairs of runs";
/// What is compared.
const TARGETS_HEADING: &str = "Targets";
/// When a figure passes or fails.
const JUDGING: &str = "Judging";

/// The arguments of `wsbench gate`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Example:
  wsbench run ci.toml --out out
  wsbench gate out --baseline baseline.json --junit junit.xml")]
pub(crate) struct GateArgs {
    /// The result file of a run, or its folder
    #[arg(value_name = "RESULT")]
    pub result: PathBuf,
    /// The baseline, from `wsbench run --save-baseline`, or a result file or its folder
    #[arg(long, value_name = "FILE", help_heading = JUDGING)]
    pub baseline: PathBuf,
    /// Allow a baseline of another machine; what depends on the machine is then not compared
    #[arg(long, help_heading = JUDGING)]
    pub any_machine: bool,
    /// Exit with 97 if a figure that one run can tell is undecided or missing
    #[arg(long, help_heading = JUDGING)]
    pub strict: bool,
    /// What to write
    #[command(flatten)]
    pub page: HtmlArgs,
    /// What to print
    #[command(flatten)]
    pub output: OutputArgs,
}

const TARGETS: &str = "\
A target is one of
  URL
      a server that already runs: http://127.0.0.1:8080
  'COMMAND LINE @ URL'
      a server that is started anew for each case of each run, is ready when it
      accepts a connection, and is stopped by SIGTERM. {port} in both stands for
      a free port.
  PATH
      another wsbench, with its own driver and reference server

Each side first has a run that does not count. Then pairs of runs follow: A and
B live at the same time, each with half of the clients, and a coin decides for
each pair which is started first.

";

fn with_targets(example: &str) -> String {
    format!("{TARGETS}{example}")
}

/// The arguments of `wsbench compare`.
#[derive(Debug, Clone, Args)]
#[command(after_help = with_targets("\
Bytes of a message that differ end a comparison of two builds of a server at
once. Of two different servers what varies is decided first; then they fail
unless --margin tolerates the difference.

Example:
  wsbench compare scenario.toml --a ./wsbench-old --b ./wsbench-new
  wsbench compare scenario.toml --a http://127.0.0.1:8080 \\
      --b './server --port {port} @ http://127.0.0.1:{port}'"))]
pub(crate) struct CompareArgs {
    /// The target to compare with
    #[arg(long, value_name = "TARGET", help_heading = TARGETS_HEADING)]
    pub a: String,
    /// The target that passes or fails
    #[arg(long, value_name = "TARGET", help_heading = TARGETS_HEADING)]
    pub b: String,
    /// How to compare
    #[command(flatten)]
    pub how: PairArgs,
    /// End after this time if something is undecided [default: 5 minutes for each series and
    /// client count]
    #[arg(
        long, value_name = "TIME", value_parser = parse_duration_ns, help_heading = PAIRS,
        conflicts_with_all = ["pairs", "most_pairs"]
    )]
    pub time: Option<u64>,
    /// Decide at this number of pairs, not after every pair, nor by --time; at the default level
    /// fewer than 8 decide nothing, and several metrics need more: the run says how many
    #[arg(
        long, value_name = "N", value_parser = value_parser!(u32).range(1..=1000),
        help_heading = PAIRS
    )]
    pub pairs: Option<u32>,
    /// With --pairs: the most pairs, if something is undecided [default: twice as many]
    #[arg(
        long, value_name = "N", value_parser = value_parser!(u32).range(1..=2000),
        help_heading = PAIRS, requires = "pairs"
    )]
    pub most_pairs: Option<u32>,
    /// Exit with 97 if a figure is undecided
    #[arg(long, help_heading = JUDGING)]
    pub strict: bool,
    /// End at the first figure that fails, and leave the others undecided
    #[arg(long, help_heading = JUDGING)]
    pub fail_fast: bool,
    /// Print every figure and note
    #[arg(long, short, help_heading = OUTPUT)]
    pub verbose: bool,
    /// Judge only what varies from run to run, and leave bytes and counts to `wsbench gate`
    #[arg(long, help_heading = JUDGING)]
    pub only_noisy: bool,
}

/// The arguments of `wsbench calibrate`.
#[derive(Debug, Clone, Args)]
#[command(after_help = with_targets("\
Example:
  wsbench calibrate scenario.toml --pairs 20"))]
pub(crate) struct CalibrateArgs {
    /// What is run [default: this program]
    #[arg(long, value_name = "TARGET", help_heading = TARGETS_HEADING)]
    pub target: Option<String>,
    /// Pairs of runs; at the default level fewer than 8 decide nothing, and several metrics need
    /// more
    #[arg(
        long, value_name = "N", default_value_t = 10, value_parser = value_parser!(u32).range(1..=1000),
        help_heading = PAIRS
    )]
    pub pairs: u32,
    /// How to compare
    #[command(flatten)]
    pub how: PairArgs,
}

/// What `compare` and `calibrate` share.
#[derive(Debug, Clone, Args)]
pub(crate) struct PairArgs {
    /// The scenario, a TOML file
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// Override a value of the scenario, as in `run`
    #[arg(long = "set", value_name = "KEY=VALUE", help_heading = SCENARIO)]
    pub overrides: Vec<String>,
    /// Run A and B of a pair one after the other, each with all clients
    #[arg(long, help_heading = PAIRS)]
    pub sequential: bool,
    /// Let the driver and the servers that are started share all cores; otherwise each side has
    /// half of them
    #[arg(long, help_heading = PAIRS)]
    pub share_cores: bool,
    /// The seed of the pairs' orders, to repeat those of a comparison that named it [default: drawn
    /// at random]
    #[arg(long, value_name = "N", help_heading = PAIRS)]
    pub seed: Option<u64>,
    /// How long a server may take until it is ready [default: the scenario's
    /// `ready_timeout`, 30s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration_ns, help_heading = PAIRS)]
    pub ready_timeout: Option<u64>,
    /// The level of a decision on each side [default: 0.01 for all looks together; 0.005 for each of
    /// --pairs and --most-pairs]
    #[arg(long, value_name = "SHARE", value_parser = parse_level, help_heading = JUDGING)]
    pub alpha: Option<f64>,
    /// The change of a metric that is tolerated, for example
    /// `--margin server_cpu_us_per_message=10%`; also of bytes of a message that should be equal, such as
    /// heads_bytes_down_per_message
    #[arg(long = "margin", value_name = "METRIC=SHARE", help_heading = JUDGING)]
    pub margins: Vec<String>,
    /// Where to keep each run's result [default: reports/SCENARIO-pairs-TIME]
    #[arg(long, value_name = "DIR", help_heading = OUTPUT)]
    pub out: Option<PathBuf>,
    /// What to write
    #[command(flatten)]
    pub page: HtmlArgs,
    /// What to print
    #[command(flatten)]
    pub output: OutputArgs,
    /// Show no progress
    #[arg(long, short, help_heading = OUTPUT)]
    pub quiet: bool,
}

pub(super) fn parse_level(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(alpha) if alpha > 0.0 && alpha <= 0.2 => Ok(alpha),
        _ => Err("must be a number above 0 and at most 0.2, for example 0.005".to_owned()),
    }
}
