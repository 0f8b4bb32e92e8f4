//! The command that finds a commit.

use crate::cli::PairArgs;
use crate::units::parse_duration_ns;
use clap::Args;

/// What is built and started.
const TARGET: &str = "Target";
/// How pairs of runs are made.
const PAIRS: &str = "Pairs of runs";

/// The arguments of `wsbench bisect`.
#[derive(Debug, Clone, Args)]
#[command(
    override_usage = "\
wsbench bisect [OPTIONS] --target <TARGET> <GOOD> <BAD> <SCENARIO>
                      -- <BUILD-COMMAND>...",
    after_help = "\
GOOD must be an ancestor of BAD. Both are built and compared first, so that
there is something to find. Then commits between them are built and compared
with GOOD, half of those that are left at a time. A commit that cannot be built
or measured is skipped. Commits are checked out in worktrees of their own in
the folder for temporary files; yours is not touched.

Exit codes:
    0 the commit was found
    2 BAD is not worse than GOOD, or the arguments cannot be used
   97 undecided: the noise is too large for --time, or commits were skipped
Others are those of `wsbench --help`.

Example:
  wsbench bisect v1.2 main live.toml \\
      --target './server --port {port} @ http://127.0.0.1:{port}' -- make"
)]
pub(crate) struct BisectArgs {
    /// A commit whose server is as it should be
    #[arg(value_name = "GOOD")]
    pub good: String,
    /// A later commit whose server is worse
    #[arg(value_name = "BAD")]
    pub bad: String,
    /// How to compare
    #[command(flatten)]
    pub how: PairArgs,
    /// How a commit's server is started: 'COMMAND LINE @ URL', run in the folder in which it was
    /// built, or the path of a wsbench there
    #[arg(long, value_name = "TARGET", help_heading = TARGET)]
    pub target: String,
    /// End a comparison after this time, and once more after three times as long if it is
    /// undecided [default: 5 minutes for each series and client count]
    #[arg(long, value_name = "TIME", value_parser = parse_duration_ns, help_heading = PAIRS)]
    pub time: Option<u64>,
    /// What builds a commit, run in the folder of its worktree
    #[arg(value_name = "BUILD-COMMAND", last = true, required = true)]
    pub build: Vec<String>,
}
