//! What one run of a comparison is worth, by its own checks: whether it counts, is to be run again,
//! or says by itself that its server is broken.
//!
//! Separate from `report`'s verdict on a run, which asks nobody for the reason: there a run that
//! does not say what it was to say is invalid, and that is all.

use crate::report::Figure;
use crate::report::finding::{Decision, Finding, Kind, Subject};
use crate::report::table::{Check, Row, Status, Table};

/// Checks that fail where the machine was too busy for the driver: nobody's fault.
const LATE: [&str; 2] = ["driver_on_schedule", "feed_held"];
/// Checks that a late driver may spoil beside: what came after the end counts as missing.
const SPOILED: [&str; 3] = ["nothing_missing", "deliveries_add_up", "every_message_reached_all"];
/// Checks that the measuring itself has not passed: they say nothing of the server.
const OWN: [&str; 3] = ["ledger_explains_every_byte", "kernel_agrees", "interval_as_permitted"];

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
    /// A flaw of a run as a whole.
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
    /// The flaw in a sentence, with the side that has it.
    pub fn sentence(&self, side: &str) -> String {
        let row = match (&self.series, self.clients) {
            (series, Some(clients)) => format!("{series} at {clients} clients: "),
            _ => String::new(),
        };
        format!("{side}: {row}{}: {}", self.check, self.text)
    }
    /// The flaw as a finding that fails.
    pub fn finding(&self, side: &str, kind: Kind) -> Finding {
        Finding {
            kind,
            subject: Subject {
                series: self.series.clone(),
                clients: self.clients,
                metric: self.check.clone(),
            },
            decision: Decision::Fail,
            unit: "-".to_owned(),
            value: self.value.clone(),
            baseline: None,
            bound: "holds".to_owned(),
            effect: None,
            samples: self.samples,
            text: format!("{side}: {}: {}", self.check, self.text),
            details: Vec::new(),
        }
    }
}

/// What a run is worth to a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum RunQuality {
    /// Its figures count.
    Sound,
    /// The driver was late: it is to be run again.
    Late(Vec<FailedCheck>),
    /// The measuring failed, for a reason that is not its server's.
    Invalid(Vec<FailedCheck>),
    /// Its server did not do what it is there for.
    Broken(Vec<FailedCheck>),
}

/// What a run is worth, by its checks.
pub fn worth(table: &Table) -> RunQuality {
    if table.rows.is_empty() {
        let text = "the plan holds no case".to_owned();
        return RunQuality::Invalid(vec![FailedCheck::of_run("something_measured", text)]);
    }
    let mut flaws: Vec<FailedCheck> = Vec::new();
    for row in &table.rows {
        flaws.extend(row.checks.iter().filter(|c| !c.ok).map(|check| FailedCheck::of(row, check)));
    }
    let lost = flaws.iter().any(|f| f.check == "no_process_lost");
    if table.verdict.status == Status::Partial && !lost {
        // What a stop cut off is of no use, whatever its checks say: a limit ended it.
        let flaw = FailedCheck::of_run("run_ended", table.verdict.reasons.join("; "));
        return RunQuality::Broken(vec![flaw]);
    }
    weigh(flaws)
}

fn weigh(mut flaws: Vec<FailedCheck>) -> RunQuality {
    let is = |flaw: &FailedCheck, names: &[&str]| names.contains(&flaw.check.as_str());
    let driver_lost = |f: &FailedCheck| f.check == "no_process_lost" && !f.text.contains("server");
    let late = flaws.iter().any(|f| is(f, &LATE));
    if flaws.is_empty() {
        RunQuality::Sound
    } else if flaws.iter().any(driver_lost) {
        RunQuality::Invalid(flaws)
    } else if late && flaws.iter().all(|f| is(f, &LATE) || is(f, &SPOILED)) {
        RunQuality::Late(flaws)
    } else if flaws.iter().all(|f| is(f, &OWN) || is(f, &LATE)) {
        RunQuality::Invalid(flaws)
    } else {
        // What the measuring has not passed follows from the rest, and a lost server explains it.
        flaws.retain(|f| !is(f, &OWN));
        flaws.sort_by_key(|f| f.check != "no_process_lost");
        RunQuality::Broken(flaws)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flaw(check: &str) -> FailedCheck {
        FailedCheck::of_run(check, format!("{check} of the server"))
    }

    fn weighed(checks: &[&str]) -> RunQuality {
        weigh(checks.iter().map(|check| flaw(check)).collect())
    }

    #[test]
    fn a_late_driver_is_nobodys_fault_and_anything_else_is_somebodys() {
        let kept = |checks: &[&str]| checks.iter().map(|check| flaw(check)).collect::<Vec<_>>();
        assert_eq!(weighed(&[]), RunQuality::Sound);
        for late in [&["feed_held"][..], &["driver_on_schedule", "nothing_missing"]] {
            assert_eq!(weighed(late), RunQuality::Late(kept(late)));
        }
        for own in [&["kernel_agrees"][..], &["ledger_explains_every_byte", "feed_held"]] {
            assert_eq!(weighed(own), RunQuality::Invalid(kept(own)));
        }
        let broken = RunQuality::Broken(kept(&["nothing_missing"]));
        assert_eq!(weighed(&["nothing_missing"]), broken);
        assert_eq!(weighed(&["kernel_agrees", "nothing_missing"]), broken);
        let gone = ["driver_on_schedule", "something_measured", "no_process_lost"];
        let RunQuality::Broken(flaws) = weighed(&gone) else { panic!("a server was lost") };
        assert_eq!(flaws[0], flaw("no_process_lost"));
    }

    #[test]
    fn a_lost_driver_is_not_the_servers_fault() {
        let text = "lost: driver process 0 of case 1 ended".to_owned();
        let lost = FailedCheck::of_run("no_process_lost", text);
        let flaws = vec![flaw("all_clients_connected"), lost];
        assert_eq!(weigh(flaws.clone()), RunQuality::Invalid(flaws));
    }

    #[test]
    fn a_flaw_fails_by_its_name_and_never_has_samples_of_nothing() {
        let finding = flaw("something_measured").finding("B", Kind::Exact);
        assert_eq!((finding.decision, finding.kind), (Decision::Fail, Kind::Exact));
        assert_eq!((finding.subject.metric.as_str(), finding.samples), ("something_measured", 0));
        assert_eq!(finding.text, "B: something_measured: something_measured of the server");
    }
}
