//! `wsbench gate`: a result against a baseline.

use crate::cmd::ci;
use crate::cmd::ci::OutputArgs;
use crate::error::{Failure, Outcome};
use crate::gate::baseline;
use crate::gate::baseline::{Document, Source, Terms};
use crate::report::finding::Judgement;
use crate::report::{Conclusion, Table};
use std::path::{Path, PathBuf};

/// The arguments of `wsbench gate`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct GateArgs {
    /// The result file of a run, or its folder
    #[arg(value_name = "RESULT")]
    pub result: PathBuf,
    /// The baseline, from `wsbench run --save-baseline`; a result file or its folder will do
    #[arg(long, value_name = "FILE")]
    pub baseline: PathBuf,
    /// Allow a baseline of another machine; what depends on the machine is then not compared
    #[arg(long)]
    pub any_machine: bool,
    /// Exit with 97 where a figure that one run tells is undecided or missing
    #[arg(long)]
    pub strict: bool,
    /// What to print, and what CI is given
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Judges a result.
///
/// # Errors
/// Where a file cannot be read, or the two cannot be compared.
pub(crate) fn run(args: &GateArgs) -> Outcome<Conclusion> {
    ci::watched("gate", &args.output, || {
        let (judgement, table) = judge(args)?;
        ci::show(&judgement, Some(&table), &args.output)?;
        Ok(judgement.conclusion())
    })
}

fn judge(args: &GateArgs) -> Outcome<(Judgement, Table)> {
    let baseline = baseline_of(&args.baseline)?;
    let (candidate, table) = candidate_of(&args.result)?;
    let terms = Terms {
        baseline: baseline.about(&args.baseline),
        candidate: candidate.about(&args.result),
        any_machine: args.any_machine,
        strict: args.strict,
    };
    let judged = baseline::judge(&baseline, &candidate, &table, &terms).map_err(|why| {
        let files = format!("{} and {}", args.baseline.display(), args.result.display());
        Failure::usage(format!("{files}: {why}"))
    })?;
    Ok((judged, table))
}

fn baseline_of(path: &Path) -> Outcome<Document> {
    match baseline::read(path)? {
        Source::Baseline(document) => Ok(*document),
        Source::Result(result, table) => Document::valid(&result, &table)
            .map_err(|why| Failure::usage(format!("{} is no baseline: {why}", path.display()))),
    }
}

fn candidate_of(path: &Path) -> Outcome<(Document, Table)> {
    match baseline::read(path)? {
        Source::Result(result, table) => Ok((Document::of(&result, &table), *table)),
        Source::Baseline(_) => Err(Failure::usage(format!(
            "{} is a baseline; what is judged is a result: result.jsonl of a run, or its folder",
            path.display()
        ))),
    }
}
