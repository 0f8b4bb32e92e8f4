//! `abort_on_fail`: limits that end a run once they do not hold, as k6's do.
//!
//! Separate from `judge`, whose word on the whole run is the last. A look at a case that runs sees
//! what its driver has recorded so far; what is known only at a case's end is judged then, before
//! the next case begins. Without a value or a sample nothing is ended: that is judged at the end.

use crate::gate::limit::judge::{Bench, reason};
use crate::gate::limit::{Limit, Rule};
use crate::report::finding::Decision;
use crate::report::summarise;
use crate::result::{CaseInfo, CaseResult, RunResult};
use std::collections::BTreeMap;

/// The limits that may end a run.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    limits: Vec<(Limit, Rule)>,
}

impl Watch {
    /// Those of these limits that may end a run.
    pub fn new(limits: &[Limit]) -> Watch {
        let aborting = limits.iter().filter(|limit| limit.abort_on_fail);
        // What no rule can be read from fails in the end.
        let rules = aborting.filter_map(|limit| Some((limit.clone(), limit.rule().ok()?)));
        Watch { limits: rules.collect() }
    }

    /// Looks at a case that has run for `measured_ns` of its measured window, or at one that is
    /// over: the first limit that does not hold, in a sentence.
    pub fn look(&self, result: &RunResult, case: u32, measured_ns: Option<u64>) -> Option<String> {
        let due = |limit: &Limit, rule: &Rule| match measured_ns {
            Some(ns) => ns >= limit.delay_abort_eval_ns && rule.is_live(),
            None => true,
        };
        let due: Vec<_> = self.limits.iter().filter(|(limit, rule)| due(limit, rule)).collect();
        let info = result.info(case).filter(|info| !info.floor)?;
        if due.is_empty() {
            return None;
        }
        let part = part(result, info, measured_ns.is_some());
        let table = summarise(&part);
        let bench = Bench::new(&part, &table);
        for (limit, rule) in due {
            if !limit.clients.is_empty() && !limit.clients.contains(&info.clients) {
                continue;
            }
            for rows in bench.subjects(limit, rule, info.clients) {
                if !rows.iter().any(|row| row.series == info.series) {
                    continue;
                }
                let found = bench.finding(limit, rule, &rows);
                if found.decision == Decision::Fail && found.value.value().is_some() {
                    let said = reason(&found);
                    return Some(said.strip_prefix("limit: ").unwrap_or(&said).to_owned());
                }
            }
        }
        None
    }
}

/// What a look sees: the case alone while it runs; with it, once it is over, what has run before of
/// the other series at its client count. The seconds one by one are not needed.
fn part(result: &RunResult, info: &CaseInfo, running: bool) -> RunResult {
    let beside = |other: &&CaseInfo| match running {
        true => other.case == info.case,
        false => {
            other.clients == info.clients
                && other.repeat == info.repeat
                && result.cases.contains_key(&other.case)
        }
    };
    let mut header = result.header.clone();
    header.curves.clear();
    header.cases = result.header.cases.iter().filter(beside).cloned().collect();
    let without_seconds = |info: &CaseInfo| {
        let all = result.cases.get(&info.case)?;
        let case = CaseResult {
            total: all.total.clone(),
            seconds: BTreeMap::new(),
            drivers: all.drivers.clone(),
            servers: all.servers.clone(),
            ends: all.ends.clone(),
        };
        Some((info.case, case))
    };
    let cases = header.cases.iter().filter_map(without_seconds).collect();
    RunResult { header, cases, ends: Vec::new(), parts: 1 }
}
