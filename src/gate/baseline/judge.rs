//! The judgement of `wsbench gate`: the result's own checks and limits, the comparison with the
//! baseline, and the figures that one run a side cannot decide.

use crate::gate::baseline::comparable::{ComparableRow, ComparableRun};
use crate::gate::baseline::differences::{machines, scenarios};
use crate::gate::baseline::file::Baseline;
use crate::gate::baseline::port::with_equal_hosts;
use crate::gate::baseline::setting::Difference;
use crate::gate::baseline::structural::MessageBound;
use crate::gate::baseline::{compare, row_finding};
use crate::report::check::{Check, CheckOutcome, CheckResult};
use crate::report::finding::{Decision, Finding, Judgement, Kind, Side, Subject};
use crate::report::metrics::columns;
use crate::report::table::Status;
use crate::report::{Absence, Figure, Table};
use crate::units::{amount, append_unit, thousands};
use std::collections::{BTreeMap, BTreeSet};

/// Differences listed at the most.
const LISTED: usize = 20;

/// What is said of a run that is compared with itself.
const SAME_RUN: &str = "baseline and candidate are the same run, so that no figure can differ: name a \
                        baseline of an earlier run";

/// How a result is compared with a baseline.
#[derive(Debug, Clone, Default)]
pub(crate) struct GateOptions {
    /// A description of the baseline: a file with its date.
    pub baseline: String,
    /// A description of what is evaluated.
    pub candidate: String,
    /// True if the two may be of different machines: what depends on the machine is then not
    /// compared.
    pub any_machine: bool,
    /// True if an undecided figure is not a pass.
    pub strict: bool,
}

/// Judges a result, which `candidate` was made of, against a baseline.
///
/// # Errors
/// A sentence with what differs, if the scenarios or the machines do.
pub(crate) fn judge(
    baseline: &Baseline,
    candidate: &Baseline,
    table: &Table,
    options: &GateOptions,
) -> Result<Judgement, String> {
    let builds = (baseline.build.as_str(), candidate.build.as_str());
    let (harmless, unequal): (Vec<Difference>, Vec<Difference>) =
        scenarios(&baseline.plan, &candidate.plan, builds).into_iter().partition(|d| d.harmless);
    if !unequal.is_empty() {
        return Err(format!(
            "the scenarios differ, and their figures cannot be compared:\n{}\nrun the baseline's \
             scenario, or save a baseline of this one with `wsbench run --save-baseline`",
            listed(&unequal)
        ));
    }
    let moved = machines(&baseline.host, &candidate.host);
    if !moved.is_empty() && !options.any_machine {
        return Err(format!(
            "the machines differ:\n{}\nwith `--any-machine` what does not depend on them is \
             compared: bytes, counts, losses and segments",
            listed(&moved)
        ));
    }
    let mut judgement = Judgement::new(format!("{} against its baseline", candidate.name));
    let side = |name: &str, about: &str| Side { name: name.to_owned(), about: about.to_owned() };
    judgement.sides =
        vec![side("baseline", &options.baseline), side("candidate", &options.candidate)];
    judgement.findings = table.judgement.findings.clone();
    judgement.findings.extend(validity(&candidate.name, table, &judgement));
    let (rows, candidate_rows) = with_equal_hosts(&baseline.rows, &candidate.rows);
    judgement.findings.extend(compare(&rows, &candidate_rows));
    let why = if moved.is_empty() {
        "one run a side does not tell a change from noise"
    } else {
        "it is of another machine"
    };
    judgement.findings.extend(undecided(&baseline.rows, &candidate.rows, why, &candidate.name));
    judgement.notes = notes(&harmless, &moved, builds, &judgement.findings);
    judgement.notes.extend(unseen_losses(&rows, &candidate_rows, table));
    if baseline.is_same_run(candidate) {
        judgement.notes.push(SAME_RUN.to_owned());
    }
    // Figures that one run a side can never decide do not count.
    let open = |d: Decision| judgement.of(d).any(|f| f.kind != Kind::Paired);
    judgement.strict =
        options.strict && (open(Decision::Inconclusive) || open(Decision::NotComparable));
    Ok(judgement)
}

/// Says of which rows a server may send far fewer messages without notice: those whose rate no check holds.
fn unseen_losses(a: &ComparableRun, b: &ComparableRun, table: &Table) -> Vec<String> {
    let is_held = |row: &ComparableRow| {
        let own = table.rows.iter().filter(|r| r.series == row.series && r.clients == row.clients);
        let held = |found: &CheckResult| {
            found.check == Check::FeedHeld && found.outcome == CheckOutcome::Passed
        };
        own.flat_map(|r| &r.checks).any(held)
    };
    let of_row = |row: &ComparableRow| {
        if is_held(row) {
            return None;
        }
        let other = b.row(&row.series, row.clients)?;
        let percent = (100.0 * MessageBound::of(row, other)?.wide()?).ceil();
        Some(format!(
            "{} at {} clients: fewer messages by less than {percent} % would not be seen, as the edges of so short \
             a window and chance explain as much; a longer `duration` narrows that, and [feed] rate has the rate \
             itself checked",
            row.series,
            thousands(row.clients.into())
        ))
    };
    a.rows.iter().filter_map(of_row).collect()
}

fn listed(differences: &[Difference]) -> String {
    let shown = differences.iter().take(LISTED).map(|d| format!("  {d}"));
    let more = differences.len().saturating_sub(LISTED);
    let rest = (more > 0).then(|| format!("  and {more} more"));
    shown.chain(rest).collect::<Vec<_>>().join("\n")
}

/// A failure if the run is not valid and none of its checks says so.
fn validity(name: &str, table: &Table, judgement: &Judgement) -> Option<Finding> {
    let has_failed_check = judgement.of(Decision::Fail).any(|f| f.kind == Kind::Check);
    if table.verdict.status == Status::Valid || has_failed_check {
        return None;
    }
    let status = table.verdict.status.name();
    Some(Finding {
        decision: Decision::Fail,
        value: Figure::absent(format!("{name} is {status}")),
        samples: table.rows.iter().map(|row| row.events.per_message_divisor()).sum(),
        text: format!("the run is {status}: {}", table.verdict.reasons.join("; ")),
        ..Finding::of_condition(Kind::Check, Subject::run(Check::RunIsValid.name()))
    })
}

/// Findings for the figures that vary from run to run, with how to decide them.
fn undecided(a: &ComparableRun, b: &ComparableRun, why: &str, scenario: &str) -> Vec<Finding> {
    let columns = columns();
    let units: BTreeMap<&String, &str> = columns.iter().map(|c| (&c.name, c.unit)).collect();
    let mut out = Vec::new();
    for row in &a.rows {
        let Some(other) = b.row(&row.series, row.clients) else { continue };
        let names: BTreeSet<&String> = row.noisy.keys().chain(other.noisy.keys()).collect();
        for name in names {
            let unit = units.get(name).copied().unwrap_or("-");
            let figures = (varying(row, name, unit), varying(other, name, unit));
            out.push(Finding {
                bound: "not compared".to_owned(),
                must_equal: false,
                details: vec![format!(
                    "to decide it: wsbench compare SCENARIO --a BASELINE --b CANDIDATE; SCENARIO \
                     is the file of {scenario:?} and each side a server's command line, a URL or \
                     a wsbench binary"
                )],
                ..row_finding(Kind::Paired, other, (name, unit), figures, why)
            });
        }
    }
    out
}

/// Returns a figure that varies from run to run, or why the run has none.
fn varying(row: &ComparableRow, name: &str, unit: &str) -> Figure {
    match (row.noisy.get(name), row.below.get(name)) {
        (Some(value), _) => Figure::known(*value),
        (None, Some(below)) => {
            let most = append_unit(amount(*below as f64), unit);
            let why =
                format!("below {most}, and the times in messages are not exact enough for more");
            Figure::Absent(Absence { below: Some(*below), ..why.into() })
        }
        (None, None) => Figure::absent("it was not measured"),
    }
}

fn notes(
    harmless: &[Difference],
    moved: &[Difference],
    builds: (&str, &str),
    findings: &[Finding],
) -> Vec<String> {
    let mut notes = Vec::new();
    let fewer = |f: &&Finding| {
        let below = f.value.value().zip(f.baseline.as_ref().and_then(Figure::value));
        f.kind == Kind::Exact
            && f.decision == Decision::Pass
            && below.is_some_and(|(is, was)| is < was)
    };
    let lower = findings.iter().filter(fewer).count();
    if lower > 0 {
        notes.push(format!(
            "{lower} exact figures are lower than the baseline's: save it again to hold them there"
        ));
    }
    if builds.0 != builds.1 {
        notes.push(format!("the builds differ: {} and {}", builds.0, builds.1));
    }
    for (what, differences) in [
        ("the machines differ, and only bytes, counts, losses and segments are compared", moved),
        ("the scenarios differ in settings that change no figure", harmless),
    ] {
        let names: Vec<String> = differences.iter().map(Difference::to_string).collect();
        notes.extend((!names.is_empty()).then(|| format!("{what}: {}", names.join("; "))));
    }
    notes
}
