//! Whether a run may be used in a comparison, by its own checks: it counts, is run again, is
//! invalid, or shows that its server is broken.
//!
//! Separate from `report`'s verdict, which does not ask for the cause.

use crate::report::Figure;
use crate::report::finding::{Decision, Finding, Kind, Subject};
use crate::report::table::{Check, Row, Status, Table};

/// Checks that fail if the machine was too busy for the driver.
const LATE: [&str; 2] = ["driver_on_schedule", "feed_held"];
/// Checks that may fail because the driver was late: what came after the end counts as missing.
const SPOILED_BY_LATE: [&str; 3] =
    ["nothing_missing", "deliveries_add_up", "every_message_reached_all"];
/// Checks of the measurement itself: they say nothing about the server.
const OF_MEASUREMENT: [&str; 3] =
    ["ledger_explains_every_byte", "kernel_agrees", "interval_as_permitted"];

/// A check that a run does not pass.
#[derive(Debug, Clone, PartialEq)]
pub struct FailedCheck {
    series: String,
    clients: Option<u32>,
    check: String,
    value: Figure,
    samples: u64,
    text: String,
}

impl FailedCheck {
    /// A failure of a run as a whole.
    pub fn of_run(check: &str, text: String) -> FailedCheck {
        FailedCheck {
            series: String::new(),
            clients: None,
            check: check.to_owned(),
            value: Figure::absent("the run has no result"),
            samples: 0,
            text,
        }
    }
    fn of(row: &Row, check: &Check) -> FailedCheck {
        FailedCheck {
            series: row.series.clone(),
            clients: Some(row.clients),
            check: check.name.to_owned(),
            value: check.value.clone(),
            samples: row.events.per_message_divisor,
            text: check.text.clone(),
        }
    }
    /// Describes it in a sentence, with the side that it is of.
    pub fn sentence(&self, side: &str) -> String {
        let row = match (&self.series, self.clients) {
            (series, Some(clients)) => format!("{series} at {clients} clients: "),
            _ => String::new(),
        };
        format!("{side}: {row}{}: {}", self.check, self.text)
    }
    /// Returns it as a finding that fails.
    pub fn finding(&self, side: &str, kind: Kind) -> Finding {
        let subject = Subject {
            series: self.series.clone(),
            clients: self.clients,
            metric: self.check.clone(),
        };
        Finding {
            decision: Decision::Fail,
            value: self.value.clone(),
            bound: "holds".to_owned(),
            samples: self.samples,
            text: format!("{side}: {}: {}", self.check, self.text),
            ..Finding::new(kind, subject)
        }
    }
}

/// Whether a run may be used in a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum RunQuality {
    /// Its figures count.
    Sound,
    /// The driver was late: it is to be run again.
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
        return RunQuality::Invalid(vec![FailedCheck::of_run("something_measured", text)]);
    }
    let mut failed: Vec<FailedCheck> = Vec::new();
    for row in &table.rows {
        failed.extend(row.checks.iter().filter(|c| !c.ok).map(|check| FailedCheck::of(row, check)));
    }
    let lost = failed.iter().any(|f| f.check == "no_process_lost");
    if table.verdict.status == Status::Partial && !lost {
        // A limit ended the run: whatever its checks say, it is not complete.
        let ended = FailedCheck::of_run("run_ended", table.verdict.reasons.join("; "));
        return RunQuality::Broken(vec![ended]);
    }
    classify(failed)
}

fn classify(mut failed: Vec<FailedCheck>) -> RunQuality {
    let is = |check: &FailedCheck, names: &[&str]| names.contains(&check.check.as_str());
    let driver_lost = |f: &FailedCheck| f.check == "no_process_lost" && !f.text.contains("server");
    let late = failed.iter().any(|f| is(f, &LATE));
    if failed.is_empty() {
        RunQuality::Sound
    } else if failed.iter().any(driver_lost) {
        RunQuality::Invalid(failed)
    } else if late && failed.iter().all(|f| is(f, &LATE) || is(f, &SPOILED_BY_LATE)) {
        RunQuality::Late(failed)
    } else if failed.iter().all(|f| is(f, &OF_MEASUREMENT) || is(f, &LATE)) {
        RunQuality::Invalid(failed)
    } else {
        // Failures of the measurement follow from the others, and a lost server explains them all.
        failed.retain(|f| !is(f, &OF_MEASUREMENT));
        failed.sort_by_key(|f| f.check != "no_process_lost");
        RunQuality::Broken(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(check: &str) -> FailedCheck {
        FailedCheck::of_run(check, format!("{check} of the server"))
    }

    fn classify_names(checks: &[&str]) -> RunQuality {
        classify(checks.iter().map(|check| failed(check)).collect())
    }

    #[test]
    fn late_own_and_server_failures_are_distinguished() {
        let kept = |checks: &[&str]| checks.iter().map(|check| failed(check)).collect::<Vec<_>>();
        assert_eq!(classify_names(&[]), RunQuality::Sound);
        for late in [&["feed_held"][..], &["driver_on_schedule", "nothing_missing"]] {
            assert_eq!(classify_names(late), RunQuality::Late(kept(late)));
        }
        for own in [&["kernel_agrees"][..], &["ledger_explains_every_byte", "feed_held"]] {
            assert_eq!(classify_names(own), RunQuality::Invalid(kept(own)));
        }
        let broken = RunQuality::Broken(kept(&["nothing_missing"]));
        assert_eq!(classify_names(&["nothing_missing"]), broken);
        assert_eq!(classify_names(&["kernel_agrees", "nothing_missing"]), broken);
        let gone = ["driver_on_schedule", "something_measured", "no_process_lost"];
        let RunQuality::Broken(all) = classify_names(&gone) else { panic!("a server was lost") };
        assert_eq!(all[0], failed("no_process_lost"));
    }

    #[test]
    fn a_lost_driver_makes_the_run_invalid() {
        let text = "lost: driver process 0 of case 1 ended".to_owned();
        let lost = FailedCheck::of_run("no_process_lost", text);
        let all = vec![failed("all_clients_connected"), lost];
        assert_eq!(classify(all.clone()), RunQuality::Invalid(all));
    }

    #[test]
    fn a_failed_check_is_a_failure_by_its_name_without_samples() {
        let finding = failed("something_measured").finding("B", Kind::Exact);
        assert_eq!((finding.decision, finding.kind), (Decision::Fail, Kind::Exact));
        assert_eq!((finding.subject.metric.as_str(), finding.samples), ("something_measured", 0));
        assert_eq!(finding.text, "B: something_measured: something_measured of the server");
    }
}
