//! Findings: figures with the decision on each.
//!
//! Separate from `gate`, which judges, and from `verdict`, which says what a run is worth. Formats
//! show these types and decide nothing.

use crate::report::conclusion::Conclusion;
use crate::report::figure::{Figure, whole};
use crate::units::thousands;
use serde::{Deserialize, Serialize};
use serde_json::Value;

named! {
    /// What a judgement says of one figure, or of all of them.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    pub enum Decision {
        /// It is as it should be.
        Pass = "pass",
        /// It cannot be compared, for the reason given; never counted as a pass.
        NotComparable = "not-comparable",
        /// The samples do not tell.
        Inconclusive = "inconclusive",
        /// It is not as it should be.
        Fail = "fail",
    }
}

named! {
    /// The rule by which a figure is decided.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    pub enum Kind {
        /// A condition of validity: every run has them without being asked.
        Check = "check",
        /// A `[[limit]]` of the scenario.
        Limit = "limit",
        /// A count, equal to the byte.
        Exact = "exact",
        /// A figure that depends on the network's moments, within the interval that arithmetic allows.
        Structural = "structural",
        /// A figure that varies from run to run, by the signed-rank test over pairs of runs.
        Paired = "paired",
        /// A figure over many runs, by the change points of its history.
        History = "history",
    }
}

impl Kind {
    /// What a failure of this kind makes of the whole.
    pub fn failure(self) -> Conclusion {
        match self {
            Kind::Check => Conclusion::Invalid,
            Kind::Limit => Conclusion::LimitFailed,
            Kind::Exact | Kind::Structural | Kind::Paired | Kind::History => Conclusion::Regression,
        }
    }
}

/// Which figure of which row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// The label of the series; empty for the run as a whole.
    pub series: String,
    /// Simulated clients; absent for the run as a whole.
    pub clients: Option<u32>,
    /// The metric's name, as in `summary.csv`, or the expression of a limit.
    pub metric: String,
}

impl Subject {
    /// The run as a whole.
    pub fn run(metric: impl Into<String>) -> Subject {
        Subject { series: String::new(), clients: None, metric: metric.into() }
    }
    /// A series at a client count.
    pub fn of_row(series: &str, clients: u32, metric: impl Into<String>) -> Subject {
        Subject { series: series.to_owned(), clients: Some(clients), metric: metric.into() }
    }
    /// Series and client count, for sentences; `None` for the run as a whole.
    pub fn row(&self) -> Option<String> {
        let clients = self.clients.map(|n| thousands(n.into()));
        match (self.series.as_str(), clients) {
            ("", None) => None,
            ("", Some(n)) => Some(format!("{n} clients")),
            (series, None) => Some(series.to_owned()),
            (series, Some(n)) => Some(format!("{series} at {n} clients")),
        }
    }
}

/// What the change from A to B is measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeScale {
    /// B over A, as a relative change: 0.05 is 5 % more.
    Relative,
    /// B less A, in the unit of the figure: of one that is about zero there is no ratio.
    Difference,
}

/// How much more B is than A, by the pairs of runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// What all changes here are measured by.
    pub scale: ChangeScale,
    /// The Hodges–Lehmann estimate.
    pub estimate: f64,
    /// The lower end of its interval, at the level of one look; minus infinity does not occur:
    /// absent if there are too few pairs for one.
    pub lower: Option<f64>,
    /// The upper end.
    pub upper: Option<f64>,
    /// The smallest change that so many pairs of this noise would have shown in 8 of 10 cases, were
    /// it the only figure.
    pub detectable: Option<f64>,
    /// The change that is tolerated.
    pub margin: f64,
    /// Standard deviation of the pairs' log ratios, or of their differences: the noise.
    pub noise: f64,
    /// Pairs that have both figures.
    pub pairs: u32,
    /// The exact one-sided p-value of the signed-rank test, Holm's correction applied.
    pub p: f64,
}

/// What changed beside a figure that got worse: what can be seen of its cause. Names are as
/// in sentences.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Beside {
    /// What changed, the largest change first.
    pub changed: Vec<ChangedFigure>,
    /// What did not, or not more than noise.
    pub unchanged: Vec<String>,
    /// What is not known, each with the reason.
    pub unknown: Vec<(String, String)>,
}

/// A figure that changed beside the one that got worse, over the same pairs of runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangedFigure {
    /// Its column.
    pub metric: String,
    /// What it is called in sentences.
    pub name: String,
    /// The unit of `a` and `b`.
    pub unit: String,
    /// A's median.
    pub a: f64,
    /// B's median.
    pub b: f64,
    /// The median of B over A; absent if one of them is zero in some pair.
    pub ratio: Option<f64>,
    /// Pairs in which it changed in this direction.
    pub agreeing: u32,
    /// Pairs in all.
    pub pairs: u32,
}

/// One figure and the decision on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// By which rule.
    pub kind: Kind,
    /// Which figure.
    pub subject: Subject,
    /// What follows.
    pub decision: Decision,
    /// The unit of `value` and `baseline`; `-` for a bare number.
    pub unit: String,
    /// The figure that is decided: the run's, or B's.
    #[serde(with = "whole")]
    pub value: Figure,
    /// What it was compared with: the baseline's, or A's. `None` if it is compared with a bound.
    #[serde(with = "whole")]
    pub baseline: Option<Figure>,
    /// What it was compared with, in words: `<= 2 B`, `equal`, `2 to 3 segments/message`.
    pub bound: String,
    /// True if it must equal `baseline`: any change of it fails, also one for the better.
    pub must_equal: bool,
    /// True if it is a condition that holds or does not: its value is compared with no number.
    pub is_condition: bool,
    /// The change and its interval, of the paired test.
    pub effect: Option<Effect>,
    /// Values behind the figure: messages, latencies, or pairs of runs. A decision without one is
    /// never a pass.
    pub samples: u64,
    /// One sentence on what was found.
    pub text: String,
    /// Further lines: the differing bytes of a head, the command that would settle it.
    pub details: Vec<String>,
    /// What changed beside it, of a figure that varies and got worse.
    pub beside: Option<Beside>,
}

impl Finding {
    /// A finding that decides nothing yet: without a value, a bound or samples.
    pub fn new(kind: Kind, subject: Subject) -> Finding {
        Finding {
            kind,
            subject,
            decision: Decision::NotComparable,
            unit: "-".to_owned(),
            value: Figure::absent("not compared"),
            baseline: None,
            bound: String::new(),
            must_equal: false,
            is_condition: false,
            effect: None,
            samples: 0,
            text: String::new(),
            details: Vec::new(),
            beside: None,
        }
    }
    /// The same of a condition that holds or does not.
    pub fn of_condition(kind: Kind, subject: Subject) -> Finding {
        Finding { bound: "holds".to_owned(), is_condition: true, ..Finding::new(kind, subject) }
    }
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// `a` or `b`, `baseline` or `candidate`.
    pub name: String,
    /// What it is, in words: a command line, a file with its date.
    pub about: String,
}

/// Findings of a run or a comparison, and what follows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Judgement {
    /// Its subject: `limits of ci`, `B against A`.
    pub title: String,
    /// What was compared; empty for a run on its own.
    pub sides: Vec<Side>,
    /// What was found, in the order in which it is shown.
    pub findings: Vec<Finding>,
    /// The pairs that paired findings were made from, as `gate` writes them.
    #[serde(default)]
    pub pairs: Option<Value>,
    /// Sentences that a reader must know.
    pub notes: Vec<String>,
    /// Why something is undecided and what would decide it: one of the notes, which is also shown where the
    /// others are not.
    pub why_open: Option<String>,
    /// Which notes are also shown where the others are not: what was left out, and by design.
    pub always_shown: Vec<String>,
    /// How much came on each side: one of the notes, which is also shown where the others are not.
    pub load: Option<String>,
    /// The seed of what was drawn by chance.
    pub seed: Option<u64>,
    /// True if an undecided figure is no pass.
    pub strict: bool,
    /// The conclusion, if it does not follow from what was found: a signal's.
    pub ended: Option<Conclusion>,
    /// What the last line says, of a command that does not ask whether something passed.
    pub answer: Option<CommandAnswer>,
}

/// What a command found that asks for something else than whether figures pass: its findings are the evidence
/// for that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandAnswer {
    /// For headings: `FOUND`.
    pub word: String,
    /// A sentence without its full stop.
    pub text: String,
}

impl Judgement {
    /// Nothing found yet.
    pub fn new(title: impl Into<String>) -> Judgement {
        Judgement { title: title.into(), ..Judgement::default() }
    }
    /// Findings of a decision.
    pub fn of(&self, decision: Decision) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |f| f.decision == decision)
    }
    /// The decision on all of it: the gravest, except that what cannot be compared does not undo
    /// what passed, unless it is to be strict. A judgement without a finding is inconclusive.
    pub fn decision(&self) -> Decision {
        let gravest = self.findings.iter().map(|f| f.decision).max();
        match gravest.unwrap_or(Decision::Inconclusive) {
            Decision::NotComparable if !self.strict && self.of(Decision::Pass).next().is_some() => {
                Decision::Pass
            }
            gravest => gravest,
        }
    }
    /// What follows from all findings. A failed check of validity goes before a regression, and
    /// that before a limit.
    pub fn conclusion(&self) -> Conclusion {
        if let Some(ended) = self.ended {
            return ended;
        }
        match self.of(Decision::Fail).map(|f| f.kind.failure()).min() {
            Some(failure) => failure,
            None if self.strict && self.decision() != Decision::Pass => Conclusion::Undecided,
            None => Conclusion::Passed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(kind: Kind, decision: Decision) -> Finding {
        let metric = "m".to_owned();
        Finding {
            kind,
            subject: Subject { series: "s".to_owned(), clients: Some(1), metric },
            decision,
            unit: "-".to_owned(),
            value: Figure::count(1),
            baseline: None,
            bound: "<= 1".to_owned(),
            must_equal: false,
            is_condition: false,
            effect: None,
            samples: 1,
            text: String::new(),
            details: Vec::new(),
            beside: None,
        }
    }

    #[test]
    fn the_gravest_failure_gives_the_conclusion() {
        let mut all = Judgement::new("t");
        assert_eq!(
            (all.decision(), all.conclusion()),
            (Decision::Inconclusive, Conclusion::Passed)
        );
        all.findings.push(finding(Kind::Paired, Decision::Inconclusive));
        assert_eq!(all.conclusion(), Conclusion::Passed);
        all.strict = true;
        assert_eq!(all.conclusion(), Conclusion::Undecided);
        for (kind, conclusion) in [
            (Kind::Limit, Conclusion::LimitFailed),
            (Kind::Exact, Conclusion::Regression),
            (Kind::Check, Conclusion::Invalid),
        ] {
            all.findings.push(finding(kind, Decision::Fail));
            assert_eq!((all.decision(), all.conclusion()), (Decision::Fail, conclusion));
        }
    }
}
