//! `wsbench run`: runs a scenario and reports.

pub(super) mod progress;

use crate::cli::{OutputFormat, RunArgs};
use crate::cmd::ci;
use crate::cmd::console::{note, warn};
use crate::cmd::files::{folder_of, prepare_folder, write_file};
use crate::cmd::plan::Prepared;
use crate::cmd::report::{formats, reports_in, write_all};
use crate::error::{Failure, Outcome, at};
use crate::gate::baseline;
use crate::gate::baseline::Baseline;
use crate::gate::limit::{LimitWatch, limits_to_json, summarise_and_judge};
use crate::os;
use crate::os::Machine;
use crate::os::Signals;
use crate::report::{Conclusion, Table};
use crate::result::RunResult;
use crate::result::file::RESULT_FILE;
use crate::run;
use crate::run::{Inspection, RunOutcome};
use progress::RunProgress;
use std::path::Path;

/// Runs a scenario and reports. Returns what the run came to.
///
/// # Errors
/// If the scenario cannot be used, the machine cannot hold it, or the run failed.
pub(crate) fn run(args: &RunArgs) -> Outcome<Conclusion> {
    let title = format!("run of {}", args.scenario.display());
    ci::report_failure(&title, &args.output, || measure(args))
}

fn measure(args: &RunArgs) -> Outcome<Conclusion> {
    let formats = formats(&args.reports)?;
    os::raise_open_files();
    let overrides = crate::cmd::heads::overrides(&args.scenario, &args.overrides, &args.heads)?;
    let prepared = crate::cmd::plan::prepare(&args.scenario, &overrides, &Machine::read())?;
    for warning in &prepared.warnings {
        warn(warning);
    }
    if let Some(refusal) = prepared.preflight.refusal() {
        return Err(Failure::run(refusal));
    }
    let started = jiff::Timestamp::now();
    let out = match &args.out {
        Some(out) => out.clone(),
        None => {
            let time = started.strftime("%Y%m%dT%H%M%SZ");
            Path::new("reports").join(format!("{}-{time}", prepared.plan.name))
        }
    };
    prepare_folder(&out)?;
    if let Some(file) = &args.save_baseline {
        prepare_folder(folder_of(file))?;
    }
    let ran = run_plan(&prepared, started, &out, args.quiet)?;
    let table = summarise_and_judge(&ran.result);
    // Everything is written before the first error ends the command.
    let reports = write_all(&table, &out, &formats);
    let place = [Some(reports_in(&out, &formats))];
    let printed = ci::print_runs(std::slice::from_ref(&table), &place, args.verbose, &args.output);
    if !args.quiet && (args.verbose || args.output.format != OutputFormat::Text) {
        note(format_args!("reports are in {}", out.display()));
    }
    let saved = match &args.save_baseline {
        Some(file) => save_baseline(&ran, &table, file, args.quiet),
        None => Ok(()),
    };
    reports?;
    printed?;
    saved?;
    Ok(ran.caught.map_or(table.verdict.conclusion, Conclusion::from))
}

fn run_plan(
    prepared: &Prepared,
    started: jiff::Timestamp,
    out: &Path,
    quiet: bool,
) -> Outcome<RunOutcome> {
    let Prepared { plan, limits, .. } = prepared;
    let started = started.strftime("%FT%TZ").to_string();
    let mut header = run::header(plan, started, os::describe());
    header.limits = limits_to_json(limits);
    let watch = LimitWatch::new(limits);
    run::runtime()?.block_on(async {
        let mut signals = Signals::catch().map_err(at("cannot listen for signals"))?;
        let mut progress = RunProgress::new(quiet);
        let path = out.join(RESULT_FILE);
        let mut watcher = |news| progress.show(news);
        let mut inspector =
            |result: &RunResult, look: Inspection| watch.check(result, look.case, look.measured_ns);
        let ran =
            run::run_inspected(plan, header, &path, &mut signals, &mut watcher, &mut inspector);
        let ran = ran.await;
        progress.clear();
        ran.map_err(|failure| {
            let kept = format!("what was recorded is in {}", path.display());
            failure.with_note(&kept)
        })
    })
}

/// Saves a valid run as a baseline, or prints why it cannot be one. That changes no exit code.
fn save_baseline(ran: &RunOutcome, table: &Table, file: &Path, quiet: bool) -> Outcome<()> {
    let shown = file.display();
    match Baseline::of_valid(&ran.result, table) {
        Err(why) => note(format_args!("no baseline was written to {shown}: {why}")),
        Ok(document) => {
            write_file(file, &baseline::render(&document))?;
            if !quiet {
                note(format_args!("the baseline is in {shown}"));
            }
        }
    }
    Ok(())
}
