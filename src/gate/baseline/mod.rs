//! A result against a baseline: counts to the byte, segments by arithmetic, the rest not at all.
//!
//! Separate from `limit`, which holds a run against bounds that somebody chose, and from `paired`,
//! which tells noise from change: here one run is held against one that was found good before, and
//! only figures that do not vary between two runs of one scenario decide.
//!
//! | file | what |
//! |---|---|
//! | `recorded` | what of a run can be compared: whole numbers, the model, heads |
//! | `file` | the document, and reading either kind of file |
//! | `differences` | unequal scenarios and machines, by what differs |
//! | `ratio` | fractions of whole numbers |
//! | `exact` | figures that are equal or not |
//! | `structural` | figures within the interval of arithmetic |
//! | `heads` | where two heads differ |
//! | `losses` | what may not become more |
//! | `judge` | all of it, for `wsbench gate` |
//!
//! Two rules of this folder. More than the baseline has is a regression and fails; less passes and
//! is told, so that whoever wants to keep it renews the baseline. What the plan determines (clients,
//! turns, payload) is neither better nor worse and fails in both directions.

mod differences;
mod exact;
mod file;
mod heads;
mod judge;
mod losses;
mod ratio;
mod recorded;
mod structural;

pub(crate) use file::{Document, Source, read, render};
pub(crate) use judge::{Terms, judge};
pub(crate) use recorded::{Recorded, RecordedRow};

use crate::report::Figure;
use crate::report::finding::{Decision, Finding, Kind, Subject};

/// Holds `b` against `a` where one run a side is enough: exact figures ([`Kind::Exact`]) and
/// structural ones ([`Kind::Structural`]), row by row in the order of `a`. `Finding::baseline` is
/// `a`'s figure. Whether the two ran the same scenario is for the caller to know, see
/// [`scenarios`].
pub(crate) fn compare(a: &Recorded, b: &Recorded) -> Vec<Finding> {
    let mut findings = Vec::new();
    for row in &a.rows {
        match b.row(&row.series, row.clients) {
            Some(other) => compare_rows(row, other, &mut findings),
            None => findings.push(absent(row)),
        }
    }
    for row in b.rows.iter().filter(|row| a.row(&row.series, row.clients).is_none()) {
        findings.push(unknown(row));
    }
    findings
}

fn compare_rows(a: &RecordedRow, b: &RecordedRow, findings: &mut Vec<Finding>) {
    exact::counts(a, b, findings);
    if exact::something_came(a, b, findings) {
        structural::messages(a, b, findings);
        exact::bytes(a, b, findings);
        structural::bytes(a, b, findings);
        structural::segments(a, b, findings);
    }
    exact::set_up(a, b, findings);
    losses::losses(a, b, findings);
}

/// A row that was there and is not.
fn absent(row: &RecordedRow) -> Finding {
    let mut finding = found(Kind::Exact, row, "series");
    finding.decision = Decision::Fail;
    finding.value = Figure::absent("the run has no such series and client count");
    finding.baseline = Some(Figure::count(row.messages));
    finding.unit = "messages".to_owned();
    finding.bound = "is there".to_owned();
    finding.samples = row.messages;
    finding.text = "it is missing from the run".to_owned();
    finding
}

/// A row that nothing is known of.
fn unknown(row: &RecordedRow) -> Finding {
    let mut finding = found(Kind::Exact, row, "series");
    finding.value = Figure::count(row.messages);
    finding.baseline = Some(Figure::absent("it has no such series and client count"));
    finding.unit = "messages".to_owned();
    finding.bound = "is there".to_owned();
    finding.samples = row.messages;
    finding.text = "there is nothing to compare it with".to_owned();
    finding
}

/// A finding of a row's metric that decides nothing yet.
fn found(kind: Kind, row: &RecordedRow, metric: impl Into<String>) -> Finding {
    Finding {
        kind,
        subject: Subject {
            series: row.series.clone(),
            clients: Some(row.clients),
            metric: metric.into(),
        },
        decision: Decision::NotComparable,
        unit: "-".to_owned(),
        value: Figure::absent("not compared"),
        baseline: None,
        bound: "equal".to_owned(),
        effect: None,
        samples: row.messages,
        text: String::new(),
        details: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
