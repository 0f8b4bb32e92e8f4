//! One run of one side.
//!
//! Separate from `session`, which decides what runs when. This program drives a server; another
//! wsbench has its own driver, and its result file is read.

use crate::cmd::ci;
use crate::cmd::compare::target::CompareTarget;
use crate::cmd::files::now_text;
use crate::error::{Failure, Outcome, at};
use crate::gate::baseline::ComparableRun;
use crate::gate::run_validity::{FailedCheck, RunQuality, assess};
use crate::os;
use crate::os::{Caught, Signals};
use crate::plan::Plan;
use crate::report::check::Check;
use crate::report::{Conclusion, Table, summarise};
use crate::result::RunResult;
use crate::result::file::{self, RESULT_FILE};
use crate::run;
use crate::run::companion::Companion;
use crate::run::process_group::{ProcessGroup, describe_exit};
use crate::run::{Inspection, RunContext, RunEvent};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;

/// After a signal, how long a wsbench may take to drain its clients and end.
const DRAIN: Duration = Duration::from_secs(60);

/// A side, ready to be run.
pub(crate) struct ComparedSide {
    /// `a` or `b`.
    pub name: &'static str,
    /// What it is.
    pub target: CompareTarget,
    /// What will run; for a binary, what this program would run.
    pub plan: Plan,
    /// The scenario's file and `--set` arguments, for a binary.
    pub scenario: PathBuf,
    pub overrides: Vec<String>,
    /// True if the scenario has limits.
    pub limited: bool,
    /// What is legal in the scenario and probably a mistake.
    pub warnings: Vec<String>,
    /// Whether it runs at the same time as the other side, with half of the clients.
    pub together: bool,
}

impl ComparedSide {
    /// What a reader must know about it.
    pub(crate) fn caution(&self) -> Option<String> {
        matches!(self.target, CompareTarget::Url(_)).then(|| {
            format!(
                "{} runs already: it is not started anew for each run, and its CPU and memory are \
                 not known",
                self.name.to_uppercase()
            )
        })
    }

    /// True if another wsbench drives it.
    pub(crate) fn has_own_driver(&self) -> bool {
        matches!(self.target, CompareTarget::Binary { .. })
    }
}

/// A run of a side that no signal ended.
pub(crate) struct SideRun {
    /// Whether it may be compared.
    pub quality: RunQuality,
    /// Its figures; absent if another wsbench failed.
    pub figures: Option<Box<RunFigures>>,
}

/// A run's figures.
pub(crate) struct RunFigures {
    /// All figures.
    pub table: Table,
    /// What is compared to the byte.
    pub recorded: ComparableRun,
}

impl SideRun {
    fn of(result: &RunResult) -> SideRun {
        let table = summarise(result);
        let recorded = ComparableRun::of(result, &table);
        let quality = assess(&table);
        SideRun { quality, figures: Some(Box::new(RunFigures { table, recorded })) }
    }

    fn failed(why: String) -> SideRun {
        let failed = vec![FailedCheck::of_run(Check::RunEnded, why)];
        SideRun { quality: RunQuality::Broken(failed), figures: None }
    }
}

/// Runs a side once, or until a signal; its result is kept at the path. A companion is the other side,
/// if that runs at the same time.
///
/// # Errors
/// If it cannot be run: a file cannot be written, a program cannot be started, or the scenario cannot
/// be used.
pub(crate) async fn run(
    side: &ComparedSide,
    path: &Path,
    signals: &mut Signals,
    watch: &mut dyn FnMut(RunEvent),
    companion: Option<&mut Companion>,
) -> Outcome<Result<SideRun, Caught>> {
    let doing = format!("a run of {}", side.name.to_uppercase());
    let ran = match &side.target {
        CompareTarget::Url(_) | CompareTarget::Command { .. } => {
            let header = run::header(&side.plan, now_text(), os::describe());
            let inspector = &mut |_: &RunResult, _: Inspection| None;
            let context = RunContext { signals, observer: watch, inspector, companion };
            let ran = run::run(&side.plan, header, path, context).await;
            ran.map(|ran| ran.caught.map_or_else(|| Ok(SideRun::of(&ran.result)), Err))
        }
        CompareTarget::Binary { path: program, .. } => {
            run_binary(side, program, path, signals).await
        }
    };
    ran.map_err(|failure| failure.while_(doing))
}

async fn run_binary(
    side: &ComparedSide,
    program: &Path,
    path: &Path,
    signals: &mut Signals,
) -> Outcome<Result<SideRun, Caught>> {
    let folder = path.with_extension("run");
    let mut command = Command::new(program);
    command.arg("run").arg(&side.scenario).arg("--out").arg(&folder);
    command.args(["--reports", "none", "--quiet"]);
    command.args(side.overrides.iter().map(|set| format!("--set={set}")));
    // CI gets the comparison, not each run.
    ci::VARIABLES.iter().for_each(|name| {
        command.env_remove(name);
    });
    let shown = program.display().to_string();
    let mut process = ProcessGroup::start(command, &shown, &[])?;
    let status = tokio::select! {
        biased;
        caught = signals.next() => {
            process.terminate();
            tokio::select! {
                biased;
                second = signals.next() => {
                    return Err(Failure::signal(second));
                }
                _ = process.end(DRAIN) => {}
            }
            let _ = fs::remove_dir_all(&folder);
            return Ok(Err(caught));
        }
        status = process.wait() => status?,
    };
    process.tail.wait_for_end().await;
    let how = || format!("{shown} run {}{}", describe_exit(status), process.tail.describe());
    // Killed by a signal.
    let Some(code) = status.code() else { return Ok(Ok(SideRun::failed(how()))) };
    match Conclusion::from_exit_code(code) {
        // A result, whatever the verdict.
        Some(
            Conclusion::Passed
            | Conclusion::Invalid
            | Conclusion::Undecided
            | Conclusion::Regression
            | Conclusion::LimitFailed,
        ) => {}
        Some(Conclusion::Unusable) => {
            let why = format!("{shown} cannot use this scenario: {}", how());
            return Err(Failure::usage(why));
        }
        _ => return Err(Failure::run(how())),
    }
    let result = file::read(&folder.join(RESULT_FILE))?;
    fs::rename(folder.join(RESULT_FILE), path)
        .and_then(|()| fs::remove_dir_all(&folder))
        .map_err(at(format!("cannot keep the result of {shown}")))?;
    Ok(Ok(SideRun::of(&result)))
}
