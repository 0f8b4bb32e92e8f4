//! `wsbench gate`: a result against a baseline.

use crate::cli::GateArgs;
use crate::cmd::ci;
use crate::error::{Failure, Outcome};
use crate::gate::baseline;
use crate::gate::baseline::{Baseline, GateOptions};
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
        ci::write_page(&judgement, &args.page)?;
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
    let (baseline, table) = baseline::read(path)?;
    table
        .as_ref()
        .map_or(Ok(()), baseline::require_valid)
        .map_err(|why| Failure::usage(format!("{} cannot be a baseline: {why}", path.display())))?;
    Ok(baseline)
}

fn candidate_of(path: &Path) -> Outcome<(Baseline, Table)> {
    let (candidate, table) = baseline::read(path)?;
    let table = table.ok_or_else(|| {
        Failure::usage(format!(
            "{} is a baseline, not a result: name the result.jsonl of a run, or its folder",
            path.display()
        ))
    })?;
    Ok((candidate, table))
}
