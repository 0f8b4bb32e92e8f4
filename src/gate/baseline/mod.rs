//! A result against a baseline: counts to the byte, segments by arithmetic, the rest not at all.
//!
//! Here one run is compared with an earlier one. Only figures that do not vary between two runs of
//! a scenario decide; for those that do, see `paired`.
//!
//! | file | what |
//! |---|---|
//! | `comparable` | what of a run can be compared: whole numbers, the model, heads |
//! | `file` | the document, and reading either kind of file |
//! | `differences` | unequal scenarios and machines, by what differs |
//! | `ratio` | fractions of whole numbers |
//! | `exact` | figures that are equal or not |
//! | `structural` | figures within the interval of arithmetic |
//! | `heads` | where two heads differ |
//! | `losses` | counts that may not grow |
//! | `port`, `named_server` | hosts of one length for servers at different ports |
//! | `judge` | the judgement of `wsbench gate` |
//!
//! More than the baseline has is a regression and fails. Less passes with a note, so that the
//! baseline can be saved again. What the plan determines (clients, turns, payload) fails in both
//! directions.

mod comparable;
mod differences;
mod exact;
mod file;
mod heads;
mod judge;
mod losses;
mod named_server;
mod ratio;

mod port;
mod process;
mod setting;
mod structural;

pub(crate) use comparable::{ComparableRow, ComparableRun};
pub(crate) use differences::{machines, reduce_to_scenario, scenarios};
pub(crate) use exact::metrics as exact_metrics;
pub(crate) use file::{Baseline, parse, read, require_valid};
pub(crate) use judge::{GateOptions, judge};
pub(crate) use setting::Difference;

use crate::report::Figure;
use crate::report::finding::{Decision, Finding, Kind, Subject};

/// Compares the figures of `b` with those of `a` for which one run a side is enough: exact ones
/// ([`Kind::Exact`]) and structural ones ([`Kind::Structural`]), row by row in the order of `a`.
/// `Finding::baseline` is `a`'s figure. The caller has checked that both ran the same scenario.
pub(crate) fn compare(a: &ComparableRun, b: &ComparableRun) -> Vec<Finding> {
    let mut findings = Vec::new();
    for row in &a.rows {
        match b.row(&row.series, row.clients) {
            Some(other) => compare_rows(row, other, &mut findings),
            None => {
                let none = Figure::absent("the run has no such series and client count");
                let figures = (Figure::count(row.messages), none);
                let missing = series_finding(row, figures, "it is missing from the run");
                findings.push(Finding { decision: Decision::Fail, ..missing });
            }
        }
    }
    for row in b.rows.iter().filter(|row| a.row(&row.series, row.clients).is_none()) {
        let none = Figure::absent("it has no such series and client count");
        let figures = (none, Figure::count(row.messages));
        findings.push(series_finding(row, figures, "there is nothing to compare it with"));
    }
    findings
}

/// Compares two servers: as [`compare`], without the set-up, whose heads are each server's own, and as if
/// both hosts had names of the same length.
pub(crate) fn compare_servers(a: &ComparableRun, b: &ComparableRun) -> Vec<Finding> {
    let (a, b) = port::with_hosts_of_one_length(a, b);
    let setup = setup_of(&a, &b);
    let is_of_setup = |finding: &Finding| setup.iter().any(|s| s.subject == finding.subject);
    compare(&a, &b).into_iter().filter(|finding| !is_of_setup(finding)).collect()
}

/// Says in a sentence how the set-up of two servers differs; `None` if it does not.
pub(crate) fn describe_setup(a: &ComparableRun, b: &ComparableRun) -> Option<String> {
    let (a, b) = &port::with_hosts_of_one_length(a, b);
    let differ = |f: &&Finding| f.baseline.as_ref() != Some(&f.value);
    let shown: Vec<String> = setup_of(a, b)
        .iter()
        .filter(differ)
        .map(|f| {
            let was = f.baseline.as_ref().map_or_else(String::new, exact::show);
            let Subject { series, metric, .. } = &f.subject;
            format!("{series} {metric} {was} with A and {} with B", exact::show(&f.value))
        })
        .collect();
    (!shown.is_empty()).then(|| {
        format!(
            "not compared, since two servers set up their clients differently: {}",
            shown.join("; ")
        )
    })
}

fn setup_of(a: &ComparableRun, b: &ComparableRun) -> Vec<Finding> {
    let mut findings = Vec::new();
    for row in &a.rows {
        if let Some(other) = b.row(&row.series, row.clients) {
            exact::setup(row, other, &mut findings);
        }
    }
    findings
}

fn compare_rows(a: &ComparableRow, b: &ComparableRow, findings: &mut Vec<Finding>) {
    exact::counts(a, b, findings);
    if exact::have_messages(a, b, findings) {
        structural::messages(a, b, findings);
        exact::bytes(a, b, findings);
        structural::bytes(a, b, findings);
        structural::segments(a, b, findings);
    }
    exact::setup(a, b, findings);
    losses::compare(a, b, findings);
}

/// A row that only one of the runs has.
fn series_finding(row: &ComparableRow, figures: (Figure, Figure), text: &str) -> Finding {
    let finding = row_finding(Kind::Exact, row, ("series", "messages"), figures, text);
    Finding { bound: "is there".to_owned(), must_equal: false, ..finding }
}

/// A finding of a row's metric with its unit that decides nothing yet, for the reason in `text`.
fn row_finding(
    kind: Kind,
    row: &ComparableRow,
    (metric, unit): (&str, &str),
    (was, is): (Figure, Figure),
    text: impl Into<String>,
) -> Finding {
    Finding {
        unit: unit.to_owned(),
        value: is,
        baseline: Some(was),
        bound: "equal".to_owned(),
        must_equal: true,
        samples: row.messages,
        text: text.into(),
        ..Finding::new(kind, Subject::of_row(&row.series, row.clients, metric))
    }
}

#[cfg(test)]
mod tests;
