//! `wsbench gate`: a result against a baseline.

use crate::cli::GateArgs;
use crate::cmd::ci;
use crate::error::{Failure, Outcome};
use crate::gate::baseline;
use crate::gate::baseline::{Document, Source, Terms};
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
        ci::print_judgement(&judgement, Some(&table), &args.output)?;
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
        Source::Result(result, table) => Document::valid(&result, &table).map_err(|why| {
            Failure::usage(format!("{} cannot be a baseline: {why}", path.display()))
        }),
    }
}

fn candidate_of(path: &Path) -> Outcome<(Document, Table)> {
    match baseline::read(path)? {
        Source::Result(result, table) => Ok((Document::of(&result, &table), *table)),
        Source::Baseline(_) => Err(Failure::usage(format!(
            "{} is a baseline, not a result: name the result.jsonl of a run, or its folder",
            path.display()
        ))),
    }
}
