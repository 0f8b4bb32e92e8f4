//! `wsbench gate`: a result against a baseline.

use crate::cli::GateArgs;
use crate::cmd::ci;
use crate::error::{Failure, Outcome};
use crate::gate::baseline;
use crate::gate::baseline::{Baseline, BaselineOrResult, GateOptions};
use crate::report::finding::Judgement;
use crate::report::{Conclusion, Table};
use std::path::Path;

/// Judges a result.
///
/// # Errors
/// If a file cannot be read, or the two cannot be compared.
pub(crate) fn run(args: &GateArgs) -> Outcome<Conclusion> {
    ci::report_failure("gate", &args.output, || {
        let (judgement, table) = judge(args)?;
        ci::print_judgement(&judgement, Some(&table), None, &args.output)?;
        Ok(judgement.conclusion())
    })
}

fn judge(args: &GateArgs) -> Outcome<(Judgement, Table)> {
    let baseline = baseline_of(&args.baseline)?;
    let (candidate, table) = candidate_of(&args.result)?;
    let options = GateOptions {
        baseline: baseline.describe(&args.baseline),
        candidate: candidate.describe(&args.result),
        any_machine: args.any_machine,
        strict: args.strict,
    };
    let judgement = baseline::judge(&baseline, &candidate, &table, &options).map_err(|why| {
        let files = format!("{} and {}", args.baseline.display(), args.result.display());
        Failure::usage(format!("{files}: {why}"))
    })?;
    Ok((judgement, table))
}

fn baseline_of(path: &Path) -> Outcome<Baseline> {
    match baseline::read(path)? {
        BaselineOrResult::Baseline(document) => Ok(*document),
        BaselineOrResult::Result(result, table) => {
            Baseline::of_valid(&result, &table).map_err(|why| {
                Failure::usage(format!("{} cannot be a baseline: {why}", path.display()))
            })
        }
    }
}

fn candidate_of(path: &Path) -> Outcome<(Baseline, Table)> {
    match baseline::read(path)? {
        BaselineOrResult::Result(result, table) => Ok((Baseline::of(&result, &table), *table)),
        BaselineOrResult::Baseline(_) => Err(Failure::usage(format!(
            "{} is a baseline, not a result: name the result.jsonl of a run, or its folder",
            path.display()
        ))),
    }
}
