//! Whether a run may be used in a comparison, by its own checks: it counts, is run again, is
//! invalid, or shows that its server is broken.
//!
//! Separate from `report`'s verdict, which does not ask for the cause.

use crate::report::Figure;
use crate::report::check::{Cause, Check, CheckResult};
use crate::report::finding::{Decision, Finding, Kind, Subject};
use crate::report::table::{Row, Status, Table};
use std::cmp::Ordering;

/// A check that a run does not pass.
#[derive(Debug, Clone, PartialEq)]
pub struct FailedCheck {
    subject: Subject,
    result: CheckResult,
    samples: u64,
}

impl FailedCheck {
    /// A failure of a run as a whole.
    pub fn of_run(check: Check, text: String) -> FailedCheck {
        let value = Figure::absent("the run has no result");
        let result = check.result(false, value, text);
        FailedCheck { subject: Subject::run(check.name()), result, samples: 0 }
    }
    fn of(row: &Row, result: &CheckResult) -> FailedCheck {
        FailedCheck {
            subject: Subject::of_row(&row.series, row.clients, result.check.name()),
            result: result.clone(),
            samples: row.events.per_message_divisor(),
        }
    }
    /// Describes it in a sentence.
    pub fn text(&self) -> String {
        self.result.text.clone()
    }
    /// Describes it in a sentence, with the side that it is of.
    pub fn sentence(&self, side: &str) -> String {
        let row = self.subject.row().map(|row| format!("{row}: ")).unwrap_or_default();
        format!("{side}: {row}{}: {}", self.subject.metric, self.result.text)
    }
    /// Which check it is.
    pub fn check(&self) -> Check {
        self.result.check
    }
    /// What a user can do about it.
    pub fn remedy(&self) -> &'static str {
        self.result.remedy
    }
    /// Orders failures of late runs: the driver's own lateness counts before anything that follows from it.
    pub fn compare_lateness(&self, other: &FailedCheck) -> Ordering {
        let rank = |failed: &FailedCheck| {
            let is_of_driver = failed.result.check == Check::DriverOnSchedule;
            (is_of_driver, failed.result.value.value().unwrap_or(0.0))
        };
        let (own, value) = rank(self);
        let (others, other) = rank(other);
        own.cmp(&others).then(value.total_cmp(&other))
    }
    /// Returns it as a finding that fails. What a process wrote last stays in lines of its own.
    pub fn finding(&self, side: &str, kind: Kind) -> Finding {
        let (text, output) = match self.result.text.split_once('\n') {
            Some((text, output)) => (text, vec![output.to_owned()]),
            None => (self.result.text.as_str(), Vec::new()),
        };
        Finding {
            decision: Decision::Fail,
            value: self.result.value.clone(),
            samples: self.samples,
            text: format!("{side}: {}: {text}", self.subject.metric),
            details: output,
            ..Finding::of_condition(kind, self.subject.clone())
        }
    }
}

/// Whether a run may be used in a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum RunQuality {
    /// Its figures count.
    Sound,
    /// The driver was late, or the server was slow, which a busy machine explains as well: it is to be
    /// run again.
    Late(Vec<FailedCheck>),
    /// The measurement failed, and not because of the server.
    Invalid(Vec<FailedCheck>),
    /// Its server failed.
    Broken(Vec<FailedCheck>),
}

/// Assesses a run by its checks.
pub fn assess(table: &Table) -> RunQuality {
    if table.rows.is_empty() {
        let text = "the plan holds no case".to_owned();
        return RunQuality::Invalid(vec![FailedCheck::of_run(Check::SomethingMeasured, text)]);
    }
    let of_row = |row: &Row| {
        let failed = row.checks.iter().filter(|check| !check.is_ok());
        failed.map(|check| FailedCheck::of(row, check)).collect::<Vec<_>>()
    };
    let failed: Vec<FailedCheck> = table.rows.iter().flat_map(of_row).collect();
    let lost = failed.iter().any(|f| f.result.check == Check::NoProcessLost);
    if table.verdict.status == Status::Partial && !lost {
        // A limit ended the run: whatever its checks say, it is not complete.
        let ended = FailedCheck::of_run(Check::RunEnded, table.verdict.reasons.join("; "));
        return RunQuality::Broken(vec![ended]);
    }
    classify(failed)
}

fn classify(mut failed: Vec<FailedCheck>) -> RunQuality {
    let any = |cause: Cause| failed.iter().any(|f| f.result.cause == cause);
    let all = |causes: &[Cause]| failed.iter().all(|f| causes.contains(&f.result.cause));
    if failed.is_empty() {
        RunQuality::Sound
    } else if any(Cause::LostDriver) {
        RunQuality::Invalid(failed)
    } else if all(&[Cause::BusyMachine, Cause::SlowServerOrBusyMachine])
        || (any(Cause::BusyMachine)
            && all(&[
                Cause::BusyMachine,
                Cause::SlowServerOrBusyMachine,
                Cause::ServerOrBusyMachine,
            ]))
    {
        RunQuality::Late(failed)
    } else if all(&[Cause::Measurement, Cause::BusyMachine, Cause::SlowServerOrBusyMachine]) {
        RunQuality::Invalid(failed)
    } else {
        // Failures of the measurement follow from the others, and a lost server explains them all: of one that
        // did not start, too, that the further cases did not run.
        let no_server = any(Cause::NoServer);
        failed.retain(|f| {
            f.result.cause != Cause::Measurement && !(no_server && f.result.check == Check::Ran)
        });
        failed.sort_by_key(|f| f.result.check != Check::NoProcessLost);
        RunQuality::Broken(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(check: Check) -> FailedCheck {
        FailedCheck::of_run(check, format!("{} of the server", check.name()))
    }

    fn classify_checks(checks: &[Check]) -> RunQuality {
        classify(checks.iter().map(|&check| failed(check)).collect())
    }

    #[test]
    fn a_server_that_did_not_start_explains_what_did_not_run() {
        let mut lost = failed(Check::NoProcessLost);
        lost.result.cause = Cause::NoServer;
        let RunQuality::Broken(left) = classify(vec![failed(Check::Ran), lost]) else {
            panic!("it is broken")
        };
        let names: Vec<Check> = left.iter().map(FailedCheck::check).collect();
        assert_eq!(names, [Check::NoProcessLost]);
    }

    #[test]
    fn the_last_lines_of_a_server_are_lines_of_the_finding() {
        let text = "the server `x` ended; its last output:\n    cannot open\n    at line 7";
        let found = FailedCheck::of_run(Check::NoProcessLost, text.to_owned());
        let found = found.finding("B", Kind::Exact);
        assert_eq!(found.text, "B: no_process_lost: the server `x` ended; its last output:");
        assert_eq!(found.details, ["    cannot open\n    at line 7"]);
        let found = failed(Check::FeedHeld).finding("A", Kind::Check);
        assert!(found.details.is_empty());
    }

    #[test]
    fn late_own_and_server_failures_are_distinguished() {
        let kept = |checks: &[Check]| checks.iter().map(|&check| failed(check)).collect::<Vec<_>>();
        assert_eq!(classify_checks(&[]), RunQuality::Sound);
        for late in [&[Check::FeedHeld][..], &[Check::DriverOnSchedule, Check::NothingMissing]] {
            assert_eq!(classify_checks(late), RunQuality::Late(kept(late)));
        }
        for own in [&[Check::KernelAgrees][..], &[Check::LedgerExplainsEveryByte, Check::FeedHeld]]
        {
            assert_eq!(classify_checks(own), RunQuality::Invalid(kept(own)));
        }
        let broken = RunQuality::Broken(kept(&[Check::NothingMissing]));
        assert_eq!(classify_checks(&[Check::NothingMissing]), broken);
        assert_eq!(classify_checks(&[Check::KernelAgrees, Check::NothingMissing]), broken);
        let gone = [Check::DriverOnSchedule, Check::SomethingMeasured, Check::NoProcessLost];
        let RunQuality::Broken(all) = classify_checks(&gone) else { panic!("a server was lost") };
        assert_eq!(all[0], failed(Check::NoProcessLost));
    }

    #[test]
    fn a_server_of_another_that_does_not_hold_its_rate_is_run_again() {
        let mut slow = failed(Check::FeedHeld);
        slow.result.cause = Cause::SlowServerOrBusyMachine;
        let late = |more: &[Check]| {
            let all: Vec<_> =
                more.iter().map(|&check| failed(check)).chain([slow.clone()]).collect();
            match classify(all) {
                RunQuality::Late(all) => Some(all.len()),
                _ => None,
            }
        };
        assert_eq!(late(&[]), Some(1));
        assert_eq!(late(&[Check::DriverOnSchedule]), Some(2));
        assert_eq!(late(&[Check::DriverOnSchedule, Check::NothingMissing]), Some(3));
        // An update that never came is no matter of time.
        assert_eq!(late(&[Check::NothingMissing]), None);
        assert_eq!(late(&[Check::SomethingMeasured]), None);
    }

    #[test]
    fn a_lost_driver_makes_the_run_invalid() {
        let mut lost = failed(Check::NoProcessLost);
        lost.result.cause = Cause::LostDriver;
        let all = vec![failed(Check::AllClientsConnected), lost];
        assert_eq!(classify(all.clone()), RunQuality::Invalid(all));
    }

    #[test]
    fn a_failed_check_is_a_failure_by_its_name_without_samples() {
        let finding = failed(Check::SomethingMeasured).finding("B", Kind::Exact);
        assert_eq!((finding.decision, finding.kind), (Decision::Fail, Kind::Exact));
        assert_eq!((finding.subject.metric.as_str(), finding.samples), ("something_measured", 0));
        assert_eq!(finding.text, "B: something_measured: something_measured of the server");
    }
}
