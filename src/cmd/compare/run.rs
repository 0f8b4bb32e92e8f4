//! One run of one side.
//!
//! Separate from `session`, which decides what runs when. A server is driven by this program; a
//! wsbench of its own brings its driver, and its result file is read.

use crate::cmd::ci;
use crate::cmd::compare::target::Target;
use crate::error::{Failure, Outcome, at};
use crate::gate::baseline::Recorded;
use crate::os;
use crate::os::{Caught, Signals};
use crate::plan::{Plan, Server};
use crate::report::{Conclusion, Table, summarise};
use crate::result::{RunResult, file};
use crate::run;
use crate::run::Note;
use crate::run::external_server::{Grouped, ended};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;

/// After a signal, how long a wsbench may take to drain its clients and end.
const DRAIN: Duration = Duration::from_secs(60);

/// What `wsbench run` of every version calls its result.
const RESULT_FILE: &str = "result.jsonl";

/// A side, ready to be run.
pub(crate) struct Side {
    /// `a` or `b`.
    pub name: &'static str,
    /// What it is.
    pub target: Target,
    /// What will run; of a binary, what this program would.
    pub plan: Plan,
    /// The scenario's file and `--set` arguments, for a binary.
    pub scenario: PathBuf,
    /// See `scenario`.
    pub overrides: Vec<String>,
    /// True where the scenario has limits.
    pub limited: bool,
}

impl Side {
    /// What a reader must know of it.
    pub(crate) fn caution(&self) -> Option<String> {
        let name = self.name.to_uppercase();
        match &self.target {
            Target::Url(_) => Some(format!(
                "{name} runs already: it is not started anew for each run, and its CPU and memory \
                 are not known"
            )),
            _ => None,
        }
    }
    /// The `Host` of its requests, or one of the same length.
    pub(crate) fn authority(&self) -> String {
        match &self.plan.server {
            Server::External { authority, .. } => authority.clone(),
            // Any port that it is given has five digits.
            Server::Bundled => "127.0.0.1:65535".to_owned(),
        }
    }
}

/// What a run came to.
pub(crate) enum Ran {
    /// It went to its end, whatever it is worth.
    Whole(Box<Run>),
    /// A signal ended it.
    Caught(Caught),
    /// A wsbench of its own failed; why.
    Failed(String),
}

/// A run's figures.
pub(crate) struct Run {
    /// For people.
    pub table: Table,
    /// For comparing to the byte.
    pub recorded: Recorded,
}

impl Run {
    fn of(result: &RunResult) -> Ran {
        let table = summarise(result);
        let recorded = Recorded::of(result, &table);
        Ran::Whole(Box::new(Run { table, recorded }))
    }
}

/// Runs a side once; its result is kept at the path.
///
/// # Errors
/// Where it cannot be run: a file cannot be written, a program not be started, a scenario is not
/// known.
pub(crate) async fn run(
    side: &Side,
    path: &Path,
    signals: &mut Signals,
    watch: &mut dyn FnMut(Note),
) -> Outcome<Ran> {
    let doing = format!("a run of {}", side.name.to_uppercase());
    let ran = match &side.target {
        Target::Url(_) | Target::Command { .. } => driven(side, path, signals, watch).await,
        Target::Binary { path: program, .. } => own(side, program, path, signals).await,
    };
    ran.map_err(|failure| failure.while_(doing))
}

async fn driven(
    side: &Side,
    path: &Path,
    signals: &mut Signals,
    watch: &mut dyn FnMut(Note),
) -> Outcome<Ran> {
    let started = jiff::Timestamp::now().strftime("%FT%TZ").to_string();
    let header = run::header(&side.plan, started, os::describe());
    let ran = run::run(&side.plan, header, path, signals, watch).await?;
    Ok(match ran.caught {
        Some(caught) => Ran::Caught(caught),
        None => Run::of(&ran.result),
    })
}

async fn own(side: &Side, program: &Path, path: &Path, signals: &mut Signals) -> Outcome<Ran> {
    let folder = path.with_extension("run");
    let mut command = Command::new(program);
    command.arg("run").arg(&side.scenario).arg("--out").arg(&folder);
    command.args(["--reports", "none", "--quiet"]);
    command.args(side.overrides.iter().map(|set| format!("--set={set}")));
    // What CI is told is of the comparison, and not of each run.
    ci::VARIABLES.iter().for_each(|name| {
        command.env_remove(name);
    });
    let shown = program.display().to_string();
    let mut process = Grouped::start(command, &shown)?;
    let status = tokio::select! {
        biased;
        caught = signals.next() => {
            process.terminate();
            tokio::select! {
                biased;
                second = signals.next() => {
                    return Err(Failure::signal(second));
                }
                () = process.end(DRAIN) => {}
            }
            // What is left of a run that was cut is of no use.
            let _ = fs::remove_dir_all(&folder);
            return Ok(Ran::Caught(caught));
        }
        status = process.wait() => status?,
    };
    process.tail.settle().await;
    let how = || format!("{shown} run {}{}", ended(status), process.tail.words());
    // Killed, perhaps by what it was to measure.
    let Some(code) = status.code() else { return Ok(Ran::Failed(how())) };
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
            let why = format!("{shown} does not know this scenario: {}", how());
            return Err(Failure::usage(why));
        }
        _ => return Err(Failure::run(how())),
    }
    let result = file::read(&folder.join(RESULT_FILE))?;
    fs::rename(folder.join(RESULT_FILE), path)
        .and_then(|()| fs::remove_dir_all(&folder))
        .map_err(at(format!("cannot keep the result of {shown}")))?;
    Ok(Run::of(&result))
}
