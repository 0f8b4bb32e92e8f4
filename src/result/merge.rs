//! A run's result in memory and the law by which results merge.

use crate::record::Window;
use crate::result::{CaseEnd, CaseInfo, DriverEnd, End, Header, Seconds, ServerEnd, StopReason};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Everything recorded of one case.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CaseResult {
    /// All seconds together.
    pub total: Window,
    /// The seconds for the time series.
    pub seconds: Seconds,
    /// The driver's processes.
    pub drivers: Vec<DriverEnd>,
    /// The server's processes.
    pub servers: Vec<ServerEnd>,
    /// How the case ended; absent in a partial file. More than one if several parts were
    /// merged.
    pub ends: Vec<CaseEnd>,
}

impl CaseResult {
    /// Adds a window that is in no file.
    pub fn add_window(&mut self, second: u32, window: &Window) {
        self.total.add(window);
        self.seconds.keep(second, window);
    }

    fn merge(&mut self, other: &CaseResult) {
        self.total.add(&other.total);
        self.seconds.merge(&other.seconds);
        self.drivers.extend_from_slice(&other.drivers);
        self.servers.extend_from_slice(&other.servers);
        self.ends.extend_from_slice(&other.ends);
        in_order(&mut self.drivers);
        in_order(&mut self.servers);
        in_order(&mut self.ends);
    }
}

/// The result of a run, or of several that were merged.
#[derive(Debug, Clone, PartialEq)]
pub struct RunResult {
    /// What was run.
    pub header: Header,
    /// The cases by their number.
    pub cases: BTreeMap<u32, CaseResult>,
    /// Ends of the merged files; fewer than `parts` if one was cut.
    pub ends: Vec<End>,
    /// How many files were merged.
    pub parts: usize,
}

impl RunResult {
    /// An empty result of a run.
    pub fn new(header: Header) -> RunResult {
        RunResult { header, cases: BTreeMap::new(), ends: Vec::new(), parts: 1 }
    }
    /// The description of a case.
    pub fn info(&self, case: u32) -> Option<&CaseInfo> {
        self.header.cases.iter().find(|c| c.case == case)
    }
    /// True if a file was cut or a run was stopped.
    pub fn is_partial(&self) -> bool {
        self.ends.len() < self.parts || self.ends.iter().any(|e| e.reason != StopReason::Complete)
    }
    /// Adds another result of the same plan.
    ///
    /// # Errors
    /// A sentence, if the plans differ.
    pub fn merge(&mut self, other: &RunResult) -> Result<(), String> {
        if self.header.plan_hash != other.header.plan_hash {
            return Err(format!(
                "results of different plans do not merge: {:?} has plan {}, {:?} has plan {}; \
                 report them one by one",
                self.header.name, self.header.plan_hash, other.header.name, other.header.plan_hash
            ));
        }
        let limits = merged_limits(&self.header.limits, &other.header.limits);
        let of = |result: &RunResult| {
            let header = Header { limits: Vec::new(), ..result.header.clone() };
            (header.started.clone(), json(&header))
        };
        if of(other) < of(self) {
            self.header = other.header.clone();
        }
        self.header.limits = limits;
        for (number, case) in &other.cases {
            self.cases.entry(*number).or_default().merge(case);
        }
        self.ends.extend_from_slice(&other.ends);
        in_order(&mut self.ends);
        self.parts += other.parts;
        Ok(())
    }
}

/// The limits of both results: those that are set alike in the order of the scenario, or else all
/// of both in an order that does not depend on which was merged into which.
fn merged_limits(a: &[Value], b: &[Value]) -> Vec<Value> {
    if a == b {
        return a.to_vec();
    }
    let mut all = [a, b].concat();
    in_order(&mut all);
    all.dedup();
    all
}

/// An order that does not depend on which result was merged into which.
fn in_order<T: Serialize>(list: &mut [T]) {
    list.sort_by_cached_key(json);
}

fn json<T: Serialize>(value: &T) -> String {
    // Numbers, text and tables with text keys.
    serde_json::to_string(value).expect("a line of a result is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Metric, Phase, Recorder};
    use crate::result::SCHEMA;
    use proptest::prelude::*;

    fn header(started: u32) -> Header {
        Header {
            schema: SCHEMA.to_owned(),
            name: "x".to_owned(),
            started: format!("2026-01-01T00:00:{started:02}Z"),
            plan_hash: "h".to_owned(),
            ..Header::default()
        }
    }

    fn result() -> impl Strategy<Value = RunResult> {
        let window = (0u32..3, 0u32..4, 1u64..1_000_000, 0u32..3);
        let limits = prop::collection::vec(0u32..3, 0..3);
        (0u32..9, prop::collection::vec(window, 0..8), any::<bool>(), limits).prop_map(
            |(started, windows, ended, limits)| {
                let mut result = RunResult::new(header(started));
                result.header.limits = limits.into_iter().map(Value::from).collect();
                for (case, second, ns, shard) in windows {
                    let mut recorder = Recorder::default();
                    recorder.at(Phase::Steady).counts.turns += 1;
                    recorder.latency(Phase::Steady, Metric::ServiceTime, ns);
                    let case_result = result.cases.entry(case).or_default();
                    recorder.take(|window| case_result.add_window(second, window));
                    case_result.drivers.push(DriverEnd { case, shard, ..DriverEnd::default() });
                }
                result.cases.values_mut().for_each(|c| in_order(&mut c.drivers));
                if ended {
                    let reason = StopReason::Complete;
                    result.ends.push(End { reason, wall_ns: u64::from(started), sha256: None });
                }
                result
            },
        )
    }

    fn merged(a: &RunResult, b: &RunResult) -> RunResult {
        let mut sum = a.clone();
        sum.merge(b).expect("one plan");
        sum
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn merging_does_not_depend_on_the_order(a in result(), b in result(), c in result()) {
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
        }
    }

    #[test]
    fn results_of_different_plans_do_not_merge() {
        let mut a = RunResult::new(header(0));
        let mut b = a.clone();
        b.header.plan_hash = "other".to_owned();
        assert!(a.merge(&b).unwrap_err().contains("different plans"));
    }
}
