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
pub struct Flaw {
    series: String,
    clients: Option<u32>,
    check: String,
    value: Figure,
    samples: u64,
    text: String,
}

impl Flaw {
    /// A flaw of a run as a whole.
    pub fn of_run(check: &str, text: String) -> Flaw {
        Flaw {
            series: String::new(),
            clients: None,
            check: check.to_owned(),
            value: Figure::absent("the run has no result"),
            samples: 0,
            text,
        }
    }
    fn of(row: &Row, check: &Check) -> Flaw {
        Flaw {
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
pub enum Worth {
    /// Its figures count.
    Sound,
    /// The driver was late: it is to be run again.
    Late(Vec<Flaw>),
    /// The measuring failed, for a reason that is not its server's.
    Invalid(Vec<Flaw>),
    /// Its server did not do what it is there for.
    Broken(Vec<Flaw>),
}

/// What a run is worth, by its checks.
pub fn worth(table: &Table) -> Worth {
    if table.rows.is_empty() {
        let text = "the plan holds no case".to_owned();
        return Worth::Invalid(vec![Flaw::of_run("something_measured", text)]);
    }
    let mut flaws: Vec<Flaw> = Vec::new();
    for row in &table.rows {
        flaws.extend(row.checks.iter().filter(|c| !c.ok).map(|check| Flaw::of(row, check)));
    }
    let lost = flaws.iter().any(|f| f.check == "no_process_lost");
    if table.verdict.status == Status::Partial && !lost {
        // What a stop cut off is of no use, whatever its checks say: a limit ended it.
        let flaw = Flaw::of_run("run_ended", table.verdict.reasons.join("; "));
        return Worth::Broken(vec![flaw]);
    }
    weigh(flaws)
}

fn weigh(mut flaws: Vec<Flaw>) -> Worth {
    let is = |flaw: &Flaw, names: &[&str]| names.contains(&flaw.check.as_str());
    let driver_lost = |f: &Flaw| f.check == "no_process_lost" && !f.text.contains("server");
    let late = flaws.iter().any(|f| is(f, &LATE));
    if flaws.is_empty() {
        Worth::Sound
    } else if flaws.iter().any(driver_lost) {
        Worth::Invalid(flaws)
    } else if late && flaws.iter().all(|f| is(f, &LATE) || is(f, &SPOILED)) {
        Worth::Late(flaws)
    } else if flaws.iter().all(|f| is(f, &OWN) || is(f, &LATE)) {
        Worth::Invalid(flaws)
    } else {
        // What the measuring has not passed follows from the rest, and a lost server explains it.
        flaws.retain(|f| !is(f, &OWN));
        flaws.sort_by_key(|f| f.check != "no_process_lost");
        Worth::Broken(flaws)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flaw(check: &str) -> Flaw {
        Flaw::of_run(check, format!("{check} of the server"))
    }

    fn weighed(checks: &[&str]) -> Worth {
        weigh(checks.iter().map(|check| flaw(check)).collect())
    }

    #[test]
    fn a_late_driver_is_nobodys_fault_and_anything_else_is_somebodys() {
        let kept = |checks: &[&str]| checks.iter().map(|check| flaw(check)).collect::<Vec<_>>();
        assert_eq!(weighed(&[]), Worth::Sound);
        for late in [&["feed_held"][..], &["driver_on_schedule", "nothing_missing"]] {
            assert_eq!(weighed(late), Worth::Late(kept(late)));
        }
        for own in [&["kernel_agrees"][..], &["ledger_explains_every_byte", "feed_held"]] {
            assert_eq!(weighed(own), Worth::Invalid(kept(own)));
        }
        let broken = Worth::Broken(kept(&["nothing_missing"]));
        assert_eq!(weighed(&["nothing_missing"]), broken);
        assert_eq!(weighed(&["kernel_agrees", "nothing_missing"]), broken);
        let gone = ["driver_on_schedule", "something_measured", "no_process_lost"];
        let Worth::Broken(flaws) = weighed(&gone) else { panic!("a server was lost") };
        assert_eq!(flaws[0], flaw("no_process_lost"));
    }

    #[test]
    fn a_lost_driver_is_not_the_servers_fault() {
        let text = "lost: driver process 0 of case 1 ended".to_owned();
        let lost = Flaw::of_run("no_process_lost", text);
        let flaws = vec![flaw("all_clients_connected"), lost];
        assert_eq!(weigh(flaws.clone()), Worth::Invalid(flaws));
    }

    #[test]
    fn a_flaw_fails_by_its_name_and_never_has_samples_of_nothing() {
        let finding = flaw("something_measured").finding("B", Kind::Exact);
        assert_eq!((finding.decision, finding.kind.exit_code()), (Decision::Fail, 98));
        assert_eq!((finding.subject.metric.as_str(), finding.samples), ("something_measured", 0));
        assert_eq!(finding.text, "B: something_measured: something_measured of the server");
    }
}
