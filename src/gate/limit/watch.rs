//! `abort_on_fail`: limits that end a run once they do not hold, as k6's do.
//!
//! While a case runs, limits are checked against what its driver has recorded so far. Figures that
//! are known only at a case's end are checked then, before the next case begins. A figure that is
//! absent ends nothing here: `judge` fails it at the end of the run.

use crate::gate::limit::judge::{Evaluation, located_text, part_of};
use crate::gate::limit::{Limit, Rule};
use crate::report::finding::Decision;
use crate::report::summarise;
use crate::result::{CaseInfo, RunResult};

/// Where a limit stands while a run goes on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LimitState {
    /// Of which rows, and what is demanded.
    pub what: String,
    /// What follows from what was recorded so far.
    pub decision: Decision,
    /// The finding as a sentence.
    pub text: String,
}

/// The limits that may end a run.
#[derive(Debug, Clone, Default)]
pub struct LimitWatch {
    limits: Vec<(Limit, Rule)>,
}

impl LimitWatch {
    /// Keeps those of these limits that may end a run.
    pub fn new(limits: &[Limit]) -> LimitWatch {
        let aborting = limits.iter().filter(|limit| limit.abort_on_fail);
        // A limit that is not a rule fails at the end of the run.
        let rules = aborting.filter_map(|limit| Some((limit.clone(), limit.rule().ok()?)));
        LimitWatch { limits: rules.collect() }
    }

    /// Keeps every limit that is a rule.
    pub(crate) fn of_all(limits: &[Limit]) -> LimitWatch {
        let rules = limits.iter().filter_map(|limit| Some((limit.clone(), limit.rule().ok()?)));
        LimitWatch { limits: rules.collect() }
    }

    /// Returns where each limit of a case stands. While the case runs these are the limits that can be known
    /// then.
    pub(crate) fn states(&self, result: &RunResult, case: u32, is_over: bool) -> Vec<LimitState> {
        let due: Vec<_> =
            self.limits.iter().filter(|(_, rule)| is_over || rule.is_live()).collect();
        let Some(info) = result.info(case).filter(|info| !info.floor && !due.is_empty()) else {
            return Vec::new();
        };
        let part = part_of(result, |other| {
            if is_over { other.clients == info.clients } else { other.case == info.case }
        });
        let table = summarise(&part);
        let evaluation = Evaluation::new(&part, &table);
        let mut states = Vec::new();
        for (limit, rule) in due {
            if !limit.clients.is_empty() && !limit.clients.contains(&info.clients) {
                continue;
            }
            for rows in evaluation.subjects(limit, rule, info.clients) {
                let found = evaluation.finding(limit, rule, &rows);
                let of = found.subject.row().unwrap_or_default();
                // A figure that is absent so far, say of a case that comes later, says nothing of the limit yet.
                let is_known = found.value.value().is_some();
                let is_early = !is_known && found.decision == Decision::Fail;
                states.push(LimitState {
                    what: format!("{of}: {} {}", found.subject.metric, found.bound),
                    decision: if is_early { Decision::Inconclusive } else { found.decision },
                    text: found.text,
                });
            }
        }
        states
    }

    /// Checks a case that has run for `measured_ns` of its measured window, or one that is over.
    /// Returns a sentence on the first limit that does not hold.
    pub fn check(&self, result: &RunResult, case: u32, measured_ns: Option<u64>) -> Option<String> {
        let due = |limit: &Limit, rule: &Rule| match measured_ns {
            Some(ns) => ns >= limit.delay_abort_eval_ns && rule.is_live(),
            None => true,
        };
        let due: Vec<_> = self.limits.iter().filter(|(limit, rule)| due(limit, rule)).collect();
        let info = result.info(case).filter(|info| !info.floor)?;
        if due.is_empty() {
            return None;
        }
        // The case alone while it runs; once it is over, also the other series that have run at its
        // client count.
        let belongs = |other: &CaseInfo| match measured_ns {
            Some(_) => other.case == info.case,
            None => {
                other.clients == info.clients
                    && other.repeat == info.repeat
                    && result.cases.contains_key(&other.case)
            }
        };
        let part = part_of(result, belongs);
        let table = summarise(&part);
        let evaluation = Evaluation::new(&part, &table);
        for (limit, rule) in due {
            if !limit.clients.is_empty() && !limit.clients.contains(&info.clients) {
                continue;
            }
            for rows in evaluation.subjects(limit, rule, info.clients) {
                if !rows.iter().any(|row| row.series == info.series) {
                    continue;
                }
                let found = evaluation.finding(limit, rule, &rows);
                if found.decision == Decision::Fail && found.value.value().is_some() {
                    return Some(located_text(&found));
                }
            }
        }
        None
    }
}
