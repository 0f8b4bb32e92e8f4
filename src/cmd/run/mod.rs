//! `wsbench run`: runs a scenario and reports.

pub(super) mod progress;

use crate::cli::{OutputFormat, RunArgs, RunOutputArgs};
use crate::cmd::ci;
use crate::cmd::console::{note, warn};
use crate::cmd::files::{has_result, now_text, prepare_file, prepare_reports, write_file};
use crate::cmd::listening;
use crate::cmd::listening::Patience;
use crate::cmd::live;
use crate::cmd::live::Live;
use crate::cmd::pictures;
use crate::cmd::plan::{Prepared, prepare_args};
use crate::cmd::report::{formats, reports_in, write_all};
use crate::error::{Failure, Outcome, at};
use crate::gate::baseline;
use crate::gate::baseline::Baseline;
use crate::gate::limit::{LimitWatch, limits_to_json, summarise_and_judge};
use crate::os;
use crate::os::Signals;
use crate::plan::estimate_result_bytes;
use crate::report::judgement::json::pretty;
use crate::report::{Conclusion, Format, Table};
use crate::result::RunResult;
use crate::result::file::RESULT_FILE;
use crate::run;
use crate::run::{Inspection, RunContext, RunOutcome};
use std::cell::RefCell;
use std::path::Path;

/// Runs a scenario and reports. Returns what the run came to.
///
/// # Errors
/// If the scenario cannot be used, the machine cannot hold it, nobody listens at a URL, or the run failed.
pub(crate) fn run(args: &RunArgs) -> Outcome<Conclusion> {
    let title = format!("run of {}", args.scenario.path.display());
    measure(&title, &args.how, Patience::Timeout, || prepare_args(&args.scenario))
}

/// Prepares a scenario, runs it and reports.
///
/// # Errors
/// As of preparing it, or if the machine cannot hold it, nobody listens at a URL, or the run failed.
pub(super) fn measure(
    title: &str,
    args: &RunOutputArgs,
    patience: Patience,
    prepare: impl FnOnce() -> Outcome<Prepared>,
) -> Outcome<Conclusion> {
    ci::report_failure(title, &args.reporting.output, || {
        let formats = formats(&args.reporting.reports)?;
        os::raise_open_files();
        run_prepared(&prepare()?, args, patience, &formats)
    })
}

fn run_prepared(
    prepared: &Prepared,
    args: &RunOutputArgs,
    patience: Patience,
    formats: &[&'static Format],
) -> Outcome<Conclusion> {
    let reporting = &args.reporting;
    for warning in &prepared.warnings {
        warn(warning);
    }
    if let Some(refusal) = prepared.preflight.refusal() {
        return Err(Failure::run(refusal));
    }
    let plan = &prepared.plan;
    listening::require(plan, patience)?;
    let out = prepare_reports(args.out.as_deref(), &plan.name, estimate_result_bytes(plan))?;
    if !args.quiet && has_result(&out) {
        note(format_args!("{} has an earlier result, which this run replaces", out.display()));
    }
    if let Some(file) = &args.save_baseline {
        prepare_file(file)?;
    }
    let (ran, live) = run_plan(prepared, &out, args)?;
    let table = summarise_and_judge(&ran.result);
    let streamed = live.end(Some(&table));
    // Everything is written before the first error ends the command.
    let (written, drawn) = pictures::split(formats);
    let reports = write_all(&table, &out, &written);
    let place = [(!formats.is_empty()).then(|| reports_in(&out, formats, &table))];
    let tables = std::slice::from_ref(&table);
    let printed = ci::print_runs(tables, &place, reporting, live::takes_stdout(&args.live));
    if !args.quiet && formats.is_empty() {
        note(format_args!("the result is {}", out.join(RESULT_FILE).display()));
    } else if !args.quiet && (reporting.verbose || reporting.output.format != OutputFormat::Text) {
        note(format_args!("reports are in {}", out.display()));
    }
    let saved = match &args.save_baseline {
        Some(file) => save_baseline(&ran, &table, file, args.quiet),
        None => Ok(()),
    };
    let drawn = pictures::draw(&[out.join(RESULT_FILE)], &drawn, &out);
    let with_remedy = |failure: Failure| failure.with_note(&kept_result(&out));
    reports.map_err(with_remedy)?;
    printed?;
    streamed.map_err(with_remedy)?;
    saved.map_err(|failure| failure.with_note(&kept_for_gate(&out)))?;
    let caught = ran.caught.or(drawn.map_err(with_remedy)?);
    Ok(caught.map_or(table.verdict.conclusion, Conclusion::from))
}

/// Says that the run is not lost with its reports: its result file was written to its end before them.
fn kept_result(out: &Path) -> String {
    format!(
        "the result is whole, in {}: `wsbench report {} --out FOLDER` writes all reports into another folder",
        out.join(RESULT_FILE).display(),
        out.display()
    )
}

/// Says what stands in for a baseline that could not be written.
fn kept_for_gate(out: &Path) -> String {
    format!(
        "the result is whole, in {}: `wsbench gate --baseline` takes that file as well",
        out.join(RESULT_FILE).display()
    )
}

fn run_plan(prepared: &Prepared, out: &Path, args: &RunOutputArgs) -> Outcome<(RunOutcome, Live)> {
    let Prepared { plan, limits, source, .. } = prepared;
    let mut header = run::header(plan, now_text(), os::describe());
    header.limits = limits_to_json(limits);
    header.source = Some(source.clone());
    let watch = LimitWatch::new(limits);
    run::runtime()?.block_on(async {
        let mut signals = Signals::catch().map_err(at("cannot listen for signals"))?;
        let live = Live::start(&args.live, args.quiet, &plan.name, limits).await?;
        let live = RefCell::new(live);
        let path = out.join(RESULT_FILE);
        let mut watcher = |news| live.borrow_mut().show(news);
        let mut inspector = |result: &RunResult, look: Inspection| {
            live.borrow_mut().look(result, look);
            watch.check(result, look.case, look.measured_ns)
        };
        let context = RunContext {
            signals: &mut signals,
            observer: &mut watcher,
            inspector: &mut inspector,
            companion: None,
        };
        let ran = run::run(plan, header, &path, context).await;
        let mut live = live.into_inner();
        live.clear();
        let ran = ran.map_err(|failure| {
            let kept = format!("what was recorded is in {}", path.display());
            failure.with_note(&kept)
        })?;
        Ok((ran, live))
    })
}

/// Saves a valid run as a baseline, or prints why it cannot be one. That changes no exit code.
fn save_baseline(ran: &RunOutcome, table: &Table, file: &Path, quiet: bool) -> Outcome<()> {
    let shown = file.display();
    match baseline::require_valid(table) {
        Err(why) => note(format_args!("no baseline was written to {shown}: {why}")),
        Ok(()) => {
            write_file(file, &pretty(&Baseline::of(&ran.result, table)))?;
            if !quiet {
                note(format_args!("the baseline is in {shown}"));
            }
        }
    }
    Ok(())
}
