//! `wsbench run`: the main job.

pub(super) mod progress;

use crate::cli::RunArgs;
use crate::cmd::ci;
use crate::cmd::ci::Shown;
use crate::cmd::plan::Prepared;
use crate::cmd::report::{formats, reports_in, write, write_all};
use crate::error::{Failure, Outcome, at};
use crate::gate::baseline;
use crate::gate::baseline::Document;
use crate::gate::limit::{Watch, judged, written};
use crate::os;
use crate::os::Machine;
use crate::os::Signals;
use crate::report::{Conclusion, Table};
use crate::result::RunResult;
use crate::result::file::RESULT_FILE;
use crate::run;
use crate::run::{Look, Ran};
use progress::Progress;
use std::fs;
use std::path::{Path, PathBuf};

/// Free bytes that a report's folder must have: a run of every transport at 100,000 clients
/// leaves a few megabytes.
const ROOM_BYTES: u64 = 16 * 1024 * 1024;

/// Runs a scenario and reports. Returns what the run came to.
///
/// # Errors
/// Where the scenario cannot be used, the machine cannot hold it, or the run failed.
pub(crate) fn run(args: &RunArgs) -> Outcome<Conclusion> {
    let title = format!("run of {}", args.scenario.display());
    ci::watched(&title, &args.output, || measure(args))
}

fn measure(args: &RunArgs) -> Outcome<Conclusion> {
    let formats = formats(&args.reports)?;
    os::raise_open_files();
    let overrides = crate::cmd::heads::overrides(&args.scenario, &args.overrides, &args.heads)?;
    let prepared = crate::cmd::plan::prepare(&args.scenario, &overrides, &Machine::read())?;
    for warning in &prepared.warnings {
        eprintln!("warning: {warning}");
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
    make_room(&out)?;
    if let Some(file) = &args.save_baseline {
        make_room(folder_of(file))?;
    }
    let ran = perform(&prepared, started, &out, args.quiet)?;
    let table = judged(&ran.result);
    let done = write_all(&table, &out, &formats);
    let place = reports_in(&out, &formats);
    ci::show_runs(std::slice::from_ref(&table), &[Some(place)], args.verbose, &args.output)?;
    if !args.quiet && (args.verbose || args.output.format != Shown::Text) {
        eprintln!("reports are in {}", out.display());
    }
    done?;
    if let Some(file) = &args.save_baseline {
        save(&ran, &table, file, args.quiet)?;
    }
    Ok(ran.caught.map_or(table.verdict.conclusion, Conclusion::from))
}

fn perform(prepared: &Prepared, started: jiff::Timestamp, out: &Path, quiet: bool) -> Outcome<Ran> {
    let Prepared { plan, limits, .. } = prepared;
    let started = started.strftime("%FT%TZ").to_string();
    let mut header = run::header(plan, started, os::describe());
    header.limits = written(limits);
    let watch = Watch::new(limits);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(at("cannot start a runtime"))?;
    runtime.block_on(async {
        let mut signals = Signals::catch().map_err(at("cannot listen for signals"))?;
        let mut progress = Progress::new(quiet);
        let path = out.join(RESULT_FILE);
        let mut watcher = |note| progress.note(note);
        let mut inspector =
            |result: &RunResult, look: Look| watch.look(result, look.case, look.measured_ns);
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

/// Makes the folder, and finds out before the run whether reports can be written to it.
pub(super) fn make_room(out: &Path) -> Outcome<()> {
    let shown = out.display();
    fs::create_dir_all(out).map_err(at(format!("cannot make {shown}")))?;
    let probe: PathBuf = out.join(".room");
    let tried = fs::write(&probe, vec![0; 64 * 1024]);
    // It may never have come to be.
    let _ = fs::remove_file(&probe);
    tried.map_err(at(format!("cannot write to {shown}")))?;
    match os::free_bytes(out) {
        Some(free) if free < ROOM_BYTES => Err(Failure::run(format!(
            "{shown} has {free} bytes free and a run may need {ROOM_BYTES}; make room or choose \
             another folder with --out"
        ))),
        _ => Ok(()),
    }
}

/// Saves a valid run as a baseline; says why another is none. The run's exit code stays as it is.
fn save(ran: &Ran, table: &Table, file: &Path, quiet: bool) -> Outcome<()> {
    let shown = file.display();
    match Document::valid(&ran.result, table) {
        Err(why) => eprintln!("no baseline was written to {shown}: {why}"),
        Ok(document) => {
            write(file, &baseline::render(&document))?;
            if !quiet {
                eprintln!("the baseline is {shown}");
            }
        }
    }
    Ok(())
}

/// The folder that a file is to be in.
fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
