//! Counts that should be zero and may not grow: updates that never came, faults, unexplained bytes.

use crate::gate::baseline::comparable::{ComparableRow, Loss};
use crate::gate::baseline::ratio::ExactRatio;
use crate::gate::baseline::row_finding;
use crate::report::Figure;
use crate::report::finding::{Decision, Finding, Kind};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// Compares each loss that either row has.
pub(super) fn compare(a: &ComparableRow, b: &ComparableRow, findings: &mut Vec<Finding>) {
    let names: BTreeSet<&String> = a.losses.keys().chain(b.losses.keys()).collect();
    for name in names {
        let unit = Loss::named(name).map_or("-", Loss::unit);
        let none = || Figure::absent("it was not counted");
        let was = a.losses.get(name);
        let is = b.losses.get(name);
        let figures = [was, is].map(|n| n.map_or_else(none, |n| Figure::count(*n)));
        let text = match is {
            Some(_) => "it was not counted before",
            None => "it was not counted",
        };
        let mut finding = row_finding(Kind::Exact, b, (name, unit), figures.into(), text);
        if let (Some(was), Some(is)) = (was, is) {
            judge(&mut finding, (*was, a.runs), (*is, b.runs));
        }
        // Without messages, nothing can be lost.
        if b.messages > 0 || finding.decision == Decision::Fail {
            findings.push(finding);
        }
    }
}

fn judge(finding: &mut Finding, was: (u64, u64), is: (u64, u64)) {
    let ratios = (ExactRatio::new(was.0, was.1), ExactRatio::new(is.0, is.1));
    let (Some(before), Some(now)) = ratios else {
        finding.text = "the case did not run".to_owned();
        return;
    };
    let runs = |runs: u64| if runs == 1 { String::new() } else { format!(" in {runs} runs") };
    let before_text = format!("{}{}", was.0, runs(was.1));
    let now_text = format!("{}{}", is.0, runs(is.1));
    finding.bound = format!("<= {}", before.show());
    let order = now.compare(before);
    finding.decision = match order {
        Ordering::Greater => Decision::Fail,
        _ => Decision::Pass,
    };
    finding.text = match order {
        Ordering::Equal if is.0 == 0 => "none".to_owned(),
        Ordering::Equal => format!("{now_text}, as before"),
        Ordering::Greater => format!("{now_text}, more than {before_text}"),
        Ordering::Less => format!("{now_text}, fewer than {before_text}"),
    };
}
