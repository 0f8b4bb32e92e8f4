//! The figures that do not vary from run to run, compared between two sides over all of their runs.
//!
//! [`baseline`] compares two runs. A figure that differs between A's own runs says nothing about B.

use crate::gate::baseline;
use crate::gate::baseline::ComparableRun;
use crate::report::finding::{Decision, Finding, Kind, Subject};
use std::collections::BTreeSet;

/// A figure, by its rule and its name.
type FigureKey = (Kind, Subject);

/// The runs of both sides, compared as they are added.
#[derive(Debug, Clone)]
pub(crate) struct Invariants<R = ComparableRun> {
    /// Compares the second with the first.
    compare: fn(&R, &R) -> Vec<Finding>,
    /// A's runs, of which the first is the reference.
    a: Vec<R>,
    /// B's runs.
    b: Vec<R>,
    /// Figures that differ between A's own runs.
    varying: BTreeSet<FigureKey>,
}

impl Default for Invariants {
    fn default() -> Invariants {
        Invariants::by(baseline::compare)
    }
}

impl<R> Invariants<R> {
    /// Compares runs by this function.
    pub(crate) fn by(compare: fn(&R, &R) -> Vec<Finding>) -> Invariants<R> {
        Invariants { compare, a: Vec::new(), b: Vec::new(), varying: BTreeSet::new() }
    }

    /// Adds a run of A.
    pub(crate) fn add_a(&mut self, run: R) {
        if let Some(reference) = self.a.first() {
            // Less fails in one direction at most, so both are compared.
            let compare = self.compare;
            let both = compare(reference, &run).into_iter().chain(compare(&run, reference));
            self.varying.extend(both.filter(|f| f.decision == Decision::Fail).map(key));
        }
        self.a.push(run);
    }

    /// Adds a run of B.
    pub(crate) fn add_b(&mut self, run: R) {
        self.b.push(run);
    }

    /// Returns the gravest finding so far for each figure.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let Some(reference) = self.a.first() else { return Vec::new() };
        let mut worst: Vec<Finding> = Vec::new();
        for run in &self.b {
            for finding in (self.compare)(reference, run) {
                let finding = self.excuse_varying(finding, run);
                let same =
                    |f: &&mut Finding| f.kind == finding.kind && f.subject == finding.subject;
                match worst.iter_mut().find(same) {
                    None => worst.push(finding),
                    Some(worst) if worst.decision < finding.decision => {
                        let samples = worst.samples + finding.samples;
                        *worst = Finding { samples, ..finding };
                    }
                    Some(worst) => worst.samples += finding.samples,
                }
            }
        }
        worst
    }

    /// True if B differs in a figure that is the same in all of A's runs, or is worse than each of
    /// them.
    pub(crate) fn differs(&self) -> bool {
        self.findings().iter().any(|f| f.decision == Decision::Fail)
    }

    /// Excuses a failure that says nothing about B: of a figure that should be equal and varies in A,
    /// or of one that may not grow and is not above that of one of A's runs.
    fn excuse_varying(&self, mut finding: Finding, run: &R) -> Finding {
        if finding.decision != Decision::Fail || !self.varying.contains(&key(finding.clone())) {
            return finding;
        }
        let fails = |a: &R| {
            let again = (self.compare)(a, run);
            let same = |f: &&Finding| f.kind == finding.kind && f.subject == finding.subject;
            again.iter().find(same).is_none_or(|f| f.decision == Decision::Fail)
        };
        if finding.must_equal || !self.a.iter().all(fails) {
            finding.decision = Decision::NotComparable;
            finding.text = "A's own runs differ in it".to_owned();
        }
        finding
    }
}

fn key(finding: Finding) -> FigureKey {
    (finding.kind, finding.subject)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Figure;

    /// A run has two figures; more than A's is a failure.
    fn compare(a: &[u64; 2], b: &[u64; 2]) -> Vec<Finding> {
        let one = |n: usize| Finding {
            kind: Kind::Exact,
            subject: Subject { series: "s".to_owned(), clients: Some(1), metric: n.to_string() },
            decision: if b[n] > a[n] { Decision::Fail } else { Decision::Pass },
            unit: "-".to_owned(),
            value: Figure::count(b[n]),
            baseline: Some(Figure::count(a[n])),
            bound: "<= 1".to_owned(),
            must_equal: false,
            is_condition: false,
            effect: None,
            samples: 10,
            text: String::new(),
            details: Vec::new(),
            beside: None,
        };
        vec![one(0), one(1)]
    }

    fn decisions(invariants: &Invariants<[u64; 2]>) -> Vec<Decision> {
        invariants.findings().iter().map(|f| f.decision).collect()
    }

    #[test]
    fn one_run_of_b_that_differs_is_enough() {
        let mut invariants = Invariants::by(compare);
        invariants.add_b([1, 5]);
        assert!(invariants.findings().is_empty(), "nothing to compare with");
        for b in [[1, 5], [2, 5], [1, 5]] {
            invariants.add_a([1, 5]);
            invariants.add_b(b);
        }
        assert_eq!(decisions(&invariants), [Decision::Fail, Decision::Pass]);
        assert!(invariants.differs());
        let found = invariants.findings();
        assert_eq!((&found[0].value, found[0].samples), (&Figure::count(2), 40));
    }

    /// Whichever of A's runs is the first.
    #[test]
    fn a_difference_between_runs_of_a_decides_nothing() {
        for runs in [[[1, 5], [2, 5]], [[2, 5], [1, 5]]] {
            let mut invariants = Invariants::by(compare);
            runs.into_iter().for_each(|run| invariants.add_a(run));
            invariants.add_b([2, 5]);
            assert_ne!(decisions(&invariants)[0], Decision::Fail);
            assert!(!invariants.differs());
            // One stray loss of A's does not hide what is more than in any of its runs.
            invariants.add_b([3, 5]);
            assert_eq!(decisions(&invariants), [Decision::Fail, Decision::Pass]);
        }
    }
}
