//! Counts that should be zero and may not become more: updates that never came, faults, bytes that
//! nobody can explain.
//!
//! Separate from `exact`, whose figures are of messages that came.

use crate::gate::baseline::found;
use crate::gate::baseline::ratio::Ratio;
use crate::gate::baseline::recorded::RecordedRow;
use crate::report::Figure;
use crate::report::finding::{Decision, Finding, Kind};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// Each loss that either row knows of.
pub(super) fn losses(a: &RecordedRow, b: &RecordedRow, findings: &mut Vec<Finding>) {
    let names: BTreeSet<&String> = a.losses.keys().chain(b.losses.keys()).collect();
    for name in names {
        let mut finding = found(Kind::Exact, b, name);
        finding.unit = if name.ends_with("_bytes") { "bytes" } else { "-" }.to_owned();
        let figure = |n: Option<&u64>| match n {
            Some(n) => Figure::count(*n),
            None => Figure::absent("it was not counted"),
        };
        let (was, is) = (a.losses.get(name), b.losses.get(name));
        (finding.value, finding.baseline) = (figure(is), Some(figure(was)));
        match (was, is) {
            (Some(was), Some(is)) => judge(&mut finding, (*was, a.runs), (*is, b.runs)),
            _ if b.messages == 0 => continue,
            (None, Some(_)) => finding.text = "it was not counted before".to_owned(),
            _ => finding.text = "it was not counted".to_owned(),
        }
        // Where nothing came, nothing can be lost.
        if b.messages > 0 || finding.decision == Decision::Fail {
            findings.push(finding);
        }
    }
}

fn judge(finding: &mut Finding, was: (u64, u64), is: (u64, u64)) {
    let ratios = (Ratio::new(was.0, was.1), Ratio::new(is.0, is.1));
    let (Some(before), Some(now)) = ratios else {
        finding.text = "the case did not run".to_owned();
        return;
    };
    let runs = |runs: u64| if runs == 1 { String::new() } else { format!(" in {runs} runs") };
    let (before_words, now_words) =
        (format!("{}{}", was.0, runs(was.1)), format!("{}{}", is.0, runs(is.1)));
    finding.bound = format!("<= {}", before.words());
    let order = now.compare(before);
    finding.decision = match order {
        Ordering::Greater => Decision::Fail,
        _ => Decision::Pass,
    };
    finding.text = match order {
        Ordering::Equal if is.0 == 0 => "none".to_owned(),
        Ordering::Equal => format!("{now_words}, as before"),
        Ordering::Greater => format!("{now_words}, more than {before_words}"),
        Ordering::Less => format!("{now_words}, fewer than {before_words}"),
    };
}
