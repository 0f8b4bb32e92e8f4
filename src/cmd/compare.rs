//! `wsbench compare` and `wsbench calibrate`: pairs of runs.

use super::ci::OutputArgs;
use crate::error::{Failure, Outcome};
use std::path::PathBuf;

/// The arguments of `wsbench compare`.
#[derive(Debug, Clone, clap::Args)]
pub struct CompareArgs {
    /// The scenario
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// What is compared with
    #[arg(long, value_name = "TARGET")]
    pub a: String,
    /// What is judged
    #[arg(long, value_name = "TARGET")]
    pub b: String,
    /// What to print, and what CI is given
    #[command(flatten)]
    pub output: OutputArgs,
}

/// The arguments of `wsbench calibrate`.
#[derive(Debug, Clone, clap::Args)]
pub struct CalibrateArgs {
    /// The scenario
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// What to print, and what CI is given
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Compares two targets. Gives the exit code.
///
/// # Errors
/// Where a target cannot be run.
pub fn compare(_args: &CompareArgs) -> Outcome<u8> {
    Err(Failure::run("not built yet"))
}

/// Compares a target with itself. Gives the exit code.
///
/// # Errors
/// Where the target cannot be run.
pub fn calibrate(_args: &CalibrateArgs) -> Outcome<u8> {
    Err(Failure::run("not built yet"))
}
