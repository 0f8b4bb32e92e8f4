//! `wsbench gate`: a result against a baseline.

use super::ci::OutputArgs;
use crate::error::{Failure, Outcome};
use std::path::PathBuf;

/// The arguments of `wsbench gate`.
#[derive(Debug, Clone, clap::Args)]
pub struct GateArgs {
    /// The result file of a run, or its folder
    #[arg(value_name = "RESULT")]
    pub result: PathBuf,
    /// The baseline, from `wsbench run --save-baseline`
    #[arg(long, value_name = "FILE")]
    pub baseline: PathBuf,
    /// What to print, and what CI is given
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Judges a result. Gives the exit code.
///
/// # Errors
/// Where a file cannot be read, or the two cannot be compared.
pub fn run(_args: &GateArgs) -> Outcome<u8> {
    Err(Failure::run("not built yet"))
}
