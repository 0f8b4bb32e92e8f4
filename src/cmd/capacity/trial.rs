//! One trial: the scenario with one series at one load, run and compared with its conditions.

use crate::cli::{ScenarioArgs, Varied};
use crate::cmd::files::now_text;
use crate::cmd::plan::{Prepared, prepare_args};
use crate::error::{Failure, Outcome};
use crate::gate::capacity::{TrialLength, TrialOutcome};
use crate::gate::limit::{Limit, LimitWatch, limits_to_json, summarise_and_judge};
use crate::gate::run_validity::{FailedCheck, RunQuality, assess};
use crate::os;
use crate::os::{Caught, Signals};
use crate::report::check::Check;
use crate::report::finding::Decision;
use crate::result::RunResult;
use crate::run;
use crate::run::{Inspection, RunContext, RunEvent};
use std::path::Path;

/// A trial lasts at least this long.
const LEAST_NS: u64 = 1_000_000_000;
/// Loads of rates are in thousandths of an update a second.
const RATE_UNIT: f64 = 1_000.0;

/// What is varied, as the loads of the search: whole numbers from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct VariedLoad {
    /// What it is.
    pub vary: Varied,
    /// How much, in its unit.
    pub amount: u64,
}

impl VariedLoad {
    /// From a number of clients, or a rate in updates a second.
    pub(super) fn new(vary: Varied, value: f64) -> VariedLoad {
        let amount = match vary {
            Varied::Clients => value,
            Varied::Rate => value * RATE_UNIT,
        };
        VariedLoad { vary, amount: (amount.round() as u64).max(1) }
    }

    /// As it is in results: a number of clients, or updates a second.
    pub(super) fn value(self) -> f64 {
        match self.vary {
            Varied::Clients => self.amount as f64,
            Varied::Rate => self.amount as f64 / RATE_UNIT,
        }
    }

    /// The setting that makes it.
    fn setting(self) -> String {
        match self.vary {
            Varied::Clients => format!("clients=[{}]", self.amount),
            Varied::Rate => format!("feed.rate=\"{}/s\"", self.value()),
        }
    }
}

/// What a trial came to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trial {
    /// What it says of the load.
    pub outcome: TrialOutcome,
    /// Why, as a sentence.
    pub why: String,
}

/// What all trials of a series have in common.
pub(super) struct TrialTerms<'a> {
    /// The scenario.
    pub scenario: &'a ScenarioArgs,
    /// The label of the series.
    pub series: &'a str,
    /// What must hold.
    pub until: &'a [Limit],
    /// How long a full trial is measured, in nanoseconds.
    pub full_ns: u64,
}

impl TrialTerms<'_> {
    /// How long a trial is measured, in nanoseconds.
    pub(super) fn length_ns(&self, length: TrialLength) -> u64 {
        let share = u64::from(length.quarters());
        (self.full_ns / 4 * share).max(LEAST_NS.min(self.full_ns))
    }

    /// Prepares the scenario with this load and length.
    fn prepare(&self, load: VariedLoad, length: TrialLength) -> Outcome<Prepared> {
        let mut scenario = self.scenario.clone();
        let micros = self.length_ns(length) / 1_000;
        scenario.overrides.extend([
            load.setting(),
            format!("duration={micros}us"),
            "repeats=1".to_owned(),
        ]);
        let mut prepared = prepare_args(&scenario)?;
        let plan = &mut prepared.plan;
        let of_series: Vec<bool> = plan
            .cases
            .iter()
            .map(|case| !case.floor && plan.series_of(case).label == self.series)
            .collect();
        let mut is_kept = of_series.into_iter();
        plan.cases.retain(|_| is_kept.next().unwrap_or(false));
        prepared.limits = self.until.to_vec();
        Ok(prepared)
    }

    /// Runs a trial, whose result is kept at a path; or until a signal.
    ///
    /// # Errors
    /// If it cannot be run, or its measurement is at fault.
    pub(super) async fn run(
        &self,
        load: VariedLoad,
        length: TrialLength,
        path: &Path,
        signals: &mut Signals,
        observer: &mut dyn FnMut(RunEvent),
    ) -> Outcome<Result<Trial, Caught>> {
        let prepared = self.prepare(load, length)?;
        if let Some(refusal) = prepared.preflight.refusal() {
            return Ok(Ok(Trial { outcome: TrialOutcome::DriverBound, why: refusal }));
        }
        let mut header = run::header(&prepared.plan, now_text(), os::describe());
        header.limits = limits_to_json(&prepared.limits);
        header.source = Some(prepared.source.clone());
        let watch = LimitWatch::new(&prepared.limits);
        let inspector = &mut |result: &RunResult, look: Inspection| {
            watch.check(result, look.case, look.measured_ns)
        };
        let context = RunContext { signals, observer, inspector, companion: None };
        let ran = run::run(&prepared.plan, header, path, context).await?;
        match ran.caught {
            Some(caught) => Ok(Err(caught)),
            None => judge(&ran.result).map(Ok),
        }
    }
}

/// Judges a run that has ended.
fn judge(result: &RunResult) -> Outcome<Trial> {
    let table = summarise_and_judge(result);
    let said = |failed: &[FailedCheck]| failed.first().map_or_else(String::new, FailedCheck::text);
    let (outcome, why) = match assess(&table) {
        RunQuality::Sound => {
            let findings: Vec<_> = table.limits().collect();
            let failed = findings.iter().find(|found| found.decision != Decision::Pass);
            match failed {
                Some(found) => (TrialOutcome::Failed, found.text.clone()),
                None => {
                    let texts: Vec<&str> =
                        findings.iter().map(|found| found.text.as_str()).collect();
                    (TrialOutcome::Held, texts.join("; "))
                }
            }
        }
        RunQuality::Late(failed) => {
            let is_late = failed.iter().any(|check| check.check() == Check::DriverOnSchedule);
            let outcome = if is_late { TrialOutcome::DriverBound } else { TrialOutcome::Failed };
            (outcome, said(&failed))
        }
        RunQuality::Broken(failed) => (TrialOutcome::Failed, said(&failed)),
        RunQuality::Invalid(failed) => {
            let why = said(&failed);
            return Err(Failure::run(format!("the measurement of a trial is at fault: {why}")));
        }
    };
    Ok(Trial { outcome, why })
}
