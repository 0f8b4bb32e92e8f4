//! A commit against the good one: good, bad, undecided, or to be skipped.
//!
//! BAD against GOOD shows which figures are worse: these decide, and no others. If they are bytes or
//! counts, one pair of runs is enough for each commit; if they vary from run to run, bytes are left to
//! `wsbench gate`, since another commit may have changed them on purpose.
//!
//! Of a figure that varies, a commit is bad if it has more than half of BAD's change (half of its
//! logarithm): so much is tolerated. Whether a large change is there yet is decided within a few pairs,
//! where the usual margin would ask whether a hundredth of it is.

use crate::cli::{BisectArgs, PairArgs};
use crate::cmd::bisect::git::Commit;
use crate::cmd::compare::target::CompareTarget;
use crate::cmd::compare::{CommitComparison, ComparedFigures, compare_commits};
use crate::cmd::console::note;
use crate::error::{Failure, FailureKind, Outcome};
use crate::report::Conclusion;
use crate::report::finding::{ChangeScale, Decision, Effect, Finding, Judgement, Kind, Subject};
use crate::units::listed;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How many times as long an undecided comparison is repeated for.
const LONGER: u32 = 3;
/// The time of a comparison that is repeated, if the user names none: three times that of
/// `wsbench compare` for one series.
const LONGER_DEFAULT: Duration = Duration::from_secs(900);

/// What is known of a commit.
pub(super) enum BisectStep {
    /// No figure is worse that is worse in BAD.
    Good,
    /// One is, as this comparison shows.
    Bad(Judgement),
    /// The noise was too large.
    Undecided(Judgement),
    /// It cannot be measured, for this reason.
    Skip(String),
}

/// The figures that are worse in BAD.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tracked {
    subjects: Vec<Subject>,
    /// Of those that vary, the change that is tolerated.
    margins: Vec<f64>,
    /// Whether they vary from run to run.
    noisy: bool,
}

impl Tracked {
    /// `None` if B is not worse than A.
    pub(super) fn of(judgement: &Judgement) -> Option<Tracked> {
        if judgement.conclusion() != Conclusion::Regression {
            return None;
        }
        let failed = judgement.of(Decision::Fail).filter(|f| f.kind != Kind::Check);
        let (paired, exact): (Vec<&Finding>, Vec<&Finding>) =
            failed.partition(|f| f.kind == Kind::Paired);
        let noisy = exact.is_empty();
        let found = if noisy { paired } else { exact };
        let half = |finding: &&Finding| {
            let effect = finding.effect.as_ref();
            effect.map_or(0.0, |e| e.margin.max(half_of(e)))
        };
        let tracked = Tracked {
            margins: found.iter().map(half).collect(),
            subjects: found.into_iter().map(|finding| finding.subject.clone()).collect(),
            noisy,
        };
        (!tracked.subjects.is_empty()).then_some(tracked)
    }

    pub(super) fn describe(&self) -> String {
        let mut metrics: Vec<&str> = self.subjects.iter().map(|s| s.metric.as_str()).collect();
        metrics.sort_unstable();
        metrics.dedup();
        listed(&metrics)
    }

    fn comparison(&self, limit: Option<Duration>) -> CommitComparison {
        if !self.noisy {
            return CommitComparison {
                figures: ComparedFigures::Exact,
                tracked: Vec::new(),
                limit,
            };
        }
        // The margin is that of a metric: of several rows the least holds.
        let least = |subject: &Subject| {
            let same = self.subjects.iter().zip(&self.margins);
            let same = same.filter(|(other, _)| other.metric == subject.metric);
            same.map(|(_, margin)| *margin).fold(f64::INFINITY, f64::min)
        };
        let tracked = self.subjects.iter().map(|s| (s.clone(), least(s))).collect();
        CommitComparison { figures: ComparedFigures::Noisy, tracked, limit }
    }

    /// Decides by a comparison of a commit with the good one.
    fn decide(&self, judgement: Judgement) -> BisectStep {
        let found = |subject: &Subject| judgement.findings.iter().find(|f| f.subject == *subject);
        let decisions: Vec<Option<Decision>> =
            self.subjects.iter().map(|subject| found(subject).map(|f| f.decision)).collect();
        if decisions.contains(&Some(Decision::Fail)) {
            return BisectStep::Bad(judgement);
        }
        // A run that is broken in another way than BAD's says nothing about it.
        let broken = judgement.of(Decision::Fail).find(|f| f.is_condition);
        if let Some(finding) = broken.filter(|finding| finding.kind != Kind::Check) {
            return BisectStep::Skip(format!("it cannot be measured: {}", finding.text));
        }
        let is_good = |decision: &Option<Decision>| match decision {
            Some(decision) => *decision == Decision::Pass,
            // Only what failed is listed of a run's own checks.
            None => !self.noisy && broken.is_none(),
        };
        if !judgement.findings.is_empty() && decisions.iter().all(is_good) {
            return BisectStep::Good;
        }
        BisectStep::Undecided(judgement)
    }
}

/// Returns half of a change for the worse: what a commit may have that is not to blame.
fn half_of(effect: &Effect) -> f64 {
    match effect.scale {
        ChangeScale::Relative => (1.0 + effect.estimate).max(1.0).sqrt() - 1.0,
        ChangeScale::Difference => effect.estimate / 2.0,
    }
}

/// The comparisons of one commit with the good one.
pub(super) struct Outcomes<'a> {
    pub args: &'a BisectArgs,
    pub good: (&'a Commit, PathBuf),
    pub candidate: (&'a Commit, PathBuf),
    pub out: &'a Path,
}

impl Outcomes<'_> {
    /// Compares all figures.
    ///
    /// # Errors
    /// If a side cannot be measured, or a signal comes.
    pub(super) async fn compare_all(&self) -> Outcome<Judgement> {
        let first = self.compare(all(self.time()), 1).await?;
        if first.conclusion() == Conclusion::Regression || is_passed(&first) {
            return Ok(first);
        }
        self.say("BAD");
        self.compare(all(Some(self.longer())), 2).await
    }

    /// Decides on the figures that are worse in BAD.
    ///
    /// # Errors
    /// If a signal comes, or the good commit cannot be measured.
    pub(super) async fn decide(&self, tracked: &Tracked) -> Outcome<BisectStep> {
        for (attempt, limit) in [(1, self.time()), (2, Some(self.longer()))] {
            let compared = match self.compare(tracked.comparison(limit), attempt).await {
                Ok(judgement) => judgement,
                Err(failure) if failure.kind == FailureKind::Run => {
                    return Ok(BisectStep::Skip(format!("it cannot be measured: {failure:#}")));
                }
                Err(failure) => return Err(failure),
            };
            match tracked.decide(compared) {
                BisectStep::Undecided(judgement) if attempt == 2 => {
                    return Ok(BisectStep::Undecided(judgement));
                }
                BisectStep::Undecided(_) => self.say(self.candidate.0.short()),
                decided => return Ok(decided),
            }
        }
        Ok(BisectStep::Skip("no comparison was made".to_owned()))
    }

    fn say(&self, commit: &str) {
        if !self.args.how.quiet {
            note(format_args!("{commit} is undecided: once more, for three times as long"));
        }
    }

    fn time(&self) -> Option<Duration> {
        self.args.time.map(Duration::from_nanos)
    }

    fn longer(&self) -> Duration {
        self.time().map_or(LONGER_DEFAULT, |time| time.saturating_mul(LONGER))
    }

    async fn compare(&self, how: CommitComparison, attempt: u32) -> Outcome<Judgement> {
        let [a, b] = [&self.good, &self.candidate]
            .map(|(_, folder)| CompareTarget::in_folder(&self.args.target, folder));
        // The file of a build that is not there is a matter of the commit.
        let target = |side: Result<CompareTarget, String>, commit: &Commit| {
            side.map_err(|why| Failure::run(format!("--target in {}: {why}", commit.short())))
        };
        let targets = [target(a, self.good.0)?, target(b, self.candidate.0)?];
        let name = format!("{}-{attempt}", self.candidate.0.short());
        let args = PairArgs { out: Some(self.out.join(name)), ..self.args.how.clone() };
        let title = format!("{} against {}", self.candidate.0.short(), self.good.0.short());
        let compared = compare_commits(&args, &title, targets, how).await?;
        if let Some(caught) = compared.caught {
            return Err(Failure::signal_during(caught, "a comparison"));
        }
        let mut judgement = compared.judgement;
        for (side, (commit, _)) in judgement.sides.iter_mut().zip([&self.good, &self.candidate]) {
            side.about = format!("{commit}, {}", side.about);
        }
        Ok(judgement)
    }
}

fn all(limit: Option<Duration>) -> CommitComparison {
    CommitComparison { figures: ComparedFigures::All, tracked: Vec::new(), limit }
}

fn is_passed(judgement: &Judgement) -> bool {
    judgement.conclusion() == Conclusion::Passed && judgement.decision() == Decision::Pass
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(kind: Kind, metric: &str, decision: Decision) -> Finding {
        let subject = Subject::of_row("polling", 10, metric);
        Finding { decision, ..Finding::new(kind, subject) }
    }

    fn judgement(findings: &[Finding]) -> Judgement {
        Judgement { findings: findings.to_vec(), ..Judgement::new("t") }
    }

    fn heads(decision: Decision) -> Finding {
        finding(Kind::Exact, "heads", decision)
    }

    fn cpu(decision: Decision) -> Finding {
        finding(Kind::Paired, "cpu", decision)
    }

    fn of(findings: &[Finding]) -> Option<(String, bool)> {
        Tracked::of(&judgement(findings)).map(|tracked| (tracked.describe(), tracked.noisy))
    }

    #[test]
    fn what_is_worse_in_bad_is_tracked_and_exact_figures_first() {
        let both = [heads(Decision::Fail), cpu(Decision::Fail)];
        assert_eq!(of(&both), Some(("heads".to_owned(), false)));
        assert_eq!(of(&both[1..]), Some(("cpu".to_owned(), true)));
        assert_eq!(of(&[heads(Decision::Pass), cpu(Decision::Inconclusive)]), None);
        // A run that is not valid shows nothing.
        let check = finding(Kind::Check, "late", Decision::Fail);
        assert_eq!(of(&[check, cpu(Decision::Fail)]), None);
    }

    #[test]
    fn the_tracked_figures_decide_and_no_others() {
        let step = |tracked: &[Finding], found: &[Finding]| {
            let tracked = Tracked::of(&judgement(tracked)).expect("something is worse");
            match tracked.decide(judgement(found)) {
                BisectStep::Good => "good",
                BisectStep::Bad(_) => "bad",
                BisectStep::Undecided(_) => "undecided",
                BisectStep::Skip(_) => "skip",
            }
        };
        let (exact, noisy) = ([heads(Decision::Fail)], [cpu(Decision::Fail)]);
        assert_eq!(step(&exact, &[heads(Decision::Fail)]), "bad");
        assert_eq!(step(&exact, &[heads(Decision::Pass), cpu(Decision::Inconclusive)]), "good");
        assert_eq!(step(&noisy, &[cpu(Decision::Pass), heads(Decision::Fail)]), "good");
        assert_eq!(step(&noisy, &[cpu(Decision::Inconclusive)]), "undecided");
        assert_eq!(step(&noisy, &[heads(Decision::Pass)]), "undecided");
        assert_eq!(step(&exact, &[]), "undecided");
        let condition =
            |kind| Finding { is_condition: true, ..finding(kind, "ended", Decision::Fail) };
        assert_eq!(step(&exact, &[condition(Kind::Exact)]), "skip");
        assert_eq!(step(&exact, &[condition(Kind::Check)]), "undecided");
    }
}
