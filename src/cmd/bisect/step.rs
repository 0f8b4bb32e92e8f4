//! A commit against the good one: good, bad, undecided, or to be skipped.
//!
//! BAD against GOOD shows which figures are worse: these decide, and no others. If they are bytes or
//! counts, one pair of runs is enough for each commit; if they vary from run to run, bytes are left to
//! `wsbench gate`, since another commit may have changed them on purpose.
//!
//! Of a figure that varies, a commit is bad if it has more than half of BAD's change (half of its
//! logarithm): so much is tolerated. Whether a large change is there yet is decided within a few pairs,
//! where the usual margin would ask whether a hundredth of it is.
//!
//! That a whole distribution of latencies did not shift cannot be shown. So it decides only if nothing else is worse in
//! BAD, and then a commit is good if it did not fail by it within the time and does not seem to be worse.

use crate::cli::{BisectArgs, PairArgs};
use crate::cmd::bisect::git::Commit;
use crate::cmd::compare::target::CompareTarget;
use crate::cmd::compare::{CommitComparison, ComparedFigures, ComparedRuns, compare_commits};
use crate::cmd::console::note;
use crate::error::{Failure, FailureKind, Outcome};
use crate::gate::paired::PairedMetric;
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

/// How the figures that are worse in BAD are decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TrackedKind {
    /// They are equal in all runs of one server: one pair of runs is enough.
    Exact,
    /// They vary from run to run, and can be shown to be within what is tolerated.
    Varying,
    /// They vary from run to run and can only be shown to be worse: a whole distribution of latencies.
    OnlyWorse,
}

/// The figures that are worse in BAD.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tracked {
    subjects: Vec<Subject>,
    /// Of those that vary, the change that is tolerated; `None` for the usual one, if there is no ratio that
    /// could be halved.
    margins: Vec<Option<f64>>,
    kind: TrackedKind,
}

impl Tracked {
    /// `None` if B is not worse than A. `metrics` are the figures that vary.
    ///
    /// A figure that can only be shown to be worse is no help beside one that can also be shown not to be: no
    /// commit would be good.
    pub(super) fn of(judgement: &Judgement, metrics: &[PairedMetric]) -> Option<Tracked> {
        if judgement.conclusion() != Conclusion::Regression {
            return None;
        }
        let failed = judgement.of(Decision::Fail).filter(|f| f.kind != Kind::Check);
        let (paired, exact): (Vec<&Finding>, Vec<&Finding>) =
            failed.partition(|f| f.kind == Kind::Paired);
        let can_pass = |f: &&Finding| {
            metrics.iter().find(|m| m.subject == f.subject).is_none_or(PairedMetric::can_pass)
        };
        let (both, only_worse): (Vec<&Finding>, Vec<&Finding>) =
            paired.into_iter().partition(can_pass);
        let mut kinds = [
            (TrackedKind::Exact, exact),
            (TrackedKind::Varying, both),
            (TrackedKind::OnlyWorse, only_worse),
        ]
        .into_iter();
        let (kind, found) = kinds.find(|(_, found)| !found.is_empty())?;
        let half = |finding: &&Finding| {
            let effect = finding.effect.as_ref();
            effect.map(|e| e.margin.max(half_of(e)))
        };
        Some(Tracked {
            margins: found.iter().map(half).collect(),
            subjects: found.into_iter().map(|finding| finding.subject.clone()).collect(),
            kind,
        })
    }

    pub(super) fn describe(&self) -> String {
        let mut metrics: Vec<&str> = self.subjects.iter().map(|s| s.metric.as_str()).collect();
        metrics.sort_unstable();
        metrics.dedup();
        listed(&metrics)
    }

    fn comparison(&self, limit: Option<Duration>) -> CommitComparison {
        if self.kind == TrackedKind::Exact {
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
            let margins = same.map(|(_, margin)| *margin);
            // Without a margin of its own a row has the usual one, which is the least.
            margins.reduce(|least, margin| Some(least?.min(margin?))).flatten()
        };
        let tracked = self.subjects.iter().map(|s| (s.clone(), least(s))).collect();
        CommitComparison { figures: ComparedFigures::Noisy, tracked, limit }
    }

    /// Decides by a comparison of a commit with the good one.
    fn decide(&self, judgement: Judgement) -> BisectStep {
        let found = |subject: &Subject| judgement.findings.iter().find(|f| f.subject == *subject);
        let tracked: Vec<Option<&Finding>> = self.subjects.iter().map(found).collect();
        let has_failed = |f: &Option<&Finding>| f.is_some_and(|f| f.decision == Decision::Fail);
        if tracked.iter().any(has_failed) {
            return BisectStep::Bad(judgement);
        }
        // A run that is broken in another way than BAD's says nothing about it.
        let broken = judgement.of(Decision::Fail).find(|f| f.is_condition);
        if let Some(finding) = broken.filter(|finding| finding.kind != Kind::Check) {
            return BisectStep::Skip(format!("it cannot be measured: {}", finding.text));
        }
        let is_good = |finding: &Option<&Finding>| match finding {
            Some(finding) => self.is_good(finding),
            // Only what failed is listed of a run's own checks.
            None => self.kind == TrackedKind::Exact && broken.is_none(),
        };
        if !judgement.findings.is_empty() && tracked.iter().all(is_good) {
            return BisectStep::Good;
        }
        BisectStep::Undecided(judgement)
    }

    /// Whether a figure shows a commit that is not to blame.
    fn is_good(&self, finding: &Finding) -> bool {
        match finding.decision {
            Decision::Pass => true,
            Decision::Fail => false,
            // What its times tell no more of is less than what BAD was measured to have.
            Decision::NotComparable => finding.value.below().is_some(),
            // It did not fail by what can only fail, of so many pairs that it could have, and it does not
            // seem to be worse: that is all that can be said for it.
            Decision::Inconclusive if self.kind == TrackedKind::OnlyWorse => {
                let effect = finding.effect.as_ref();
                effect.is_some_and(|e| e.lower.is_some() && e.estimate < e.margin)
            }
            Decision::Inconclusive => false,
        }
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
    pub(super) async fn compare_all(&self) -> Outcome<ComparedRuns> {
        let first = self.compare(all(self.time()), 1).await?;
        let judgement = &first.judgement;
        if judgement.conclusion() == Conclusion::Regression || is_passed(judgement) {
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
                Ok(compared) => compared.judgement,
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

    async fn compare(&self, how: CommitComparison, attempt: u32) -> Outcome<ComparedRuns> {
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
        let mut compared = compare_commits(&args, &title, targets, how).await?;
        if let Some(caught) = compared.caught {
            return Err(Failure::signal_during(caught, "a comparison"));
        }
        let sides = compared.judgement.sides.iter_mut();
        for (side, (commit, _)) in sides.zip([&self.good, &self.candidate]) {
            side.about = format!("{commit}, {}", side.about);
        }
        Ok(compared)
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
    use crate::gate::paired::Question;
    use crate::report::{Absence, Figure};

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

    fn shift(decision: Decision) -> Finding {
        finding(Kind::Paired, "shift", decision)
    }

    /// As a session asks of them: of "shift" only whether it is worse.
    fn metrics(findings: &[Finding]) -> Vec<PairedMetric> {
        let varying = findings.iter().filter(|f| f.kind == Kind::Paired);
        let metric = |f: &Finding| PairedMetric {
            subject: f.subject.clone(),
            unit: "-".to_owned(),
            scale: ChangeScale::Relative,
            margin: 0.05,
            pairs: Vec::new(),
            question: match f.subject.metric.as_str() {
                "shift" => Question::IsWorse,
                _ => Question::WorseOrNot,
            },
        };
        varying.map(metric).collect()
    }

    fn tracked(findings: &[Finding]) -> Option<Tracked> {
        Tracked::of(&judgement(findings), &metrics(findings))
    }

    fn of(findings: &[Finding]) -> Option<(String, TrackedKind)> {
        tracked(findings).map(|tracked| (tracked.describe(), tracked.kind))
    }

    fn with_effect(finding: Finding, estimate: f64, lower: Option<f64>) -> Finding {
        let effect = Effect {
            scale: ChangeScale::Relative,
            estimate,
            lower,
            upper: None,
            detectable: None,
            margin: 0.05,
            noise: 0.1,
            pairs: 9,
            p: 0.5,
        };
        Finding { effect: Some(effect), ..finding }
    }

    #[test]
    fn what_is_worse_in_bad_is_tracked_and_exact_figures_first() {
        let both = [heads(Decision::Fail), cpu(Decision::Fail)];
        assert_eq!(of(&both), Some(("heads".to_owned(), TrackedKind::Exact)));
        assert_eq!(of(&both[1..]), Some(("cpu".to_owned(), TrackedKind::Varying)));
        assert_eq!(of(&[heads(Decision::Pass), cpu(Decision::Inconclusive)]), None);
        // A run that is not valid shows nothing.
        let check = finding(Kind::Check, "late", Decision::Fail);
        assert_eq!(of(&[check, cpu(Decision::Fail)]), None);
    }

    /// No commit would be good if every one had to pass by a figure that cannot pass.
    #[test]
    fn what_can_only_fail_is_tracked_if_nothing_else_is_worse() {
        let (cpu, shift) = (cpu(Decision::Fail), shift(Decision::Fail));
        let shifted = Some(("shift".to_owned(), TrackedKind::OnlyWorse));
        assert_eq!(of(&[shift.clone(), cpu]), Some(("cpu".to_owned(), TrackedKind::Varying)));
        assert_eq!(of(std::slice::from_ref(&shift)), shifted);
        let heads = heads(Decision::Fail);
        assert_eq!(of(&[shift, heads]), Some(("heads".to_owned(), TrackedKind::Exact)));
    }

    #[test]
    fn half_of_the_change_is_tolerated_and_the_usual_one_without_a_ratio() {
        let comparison = |cpu: Finding| {
            let tracked = tracked(&[cpu]).expect("it is worse");
            tracked.comparison(None).tracked.remove(0).1
        };
        // 21 % more is twice 10 % in logarithms.
        let half = comparison(with_effect(cpu(Decision::Fail), 0.21, Some(0.2)));
        assert!((half.expect("there is a ratio") - 0.1).abs() < 1e-9, "{half:?}");
        assert_eq!(comparison(cpu(Decision::Fail)), None);
    }

    fn step(bad: &[Finding], found: &[Finding]) -> &'static str {
        let tracked = tracked(bad).expect("something is worse");
        match tracked.decide(judgement(found)) {
            BisectStep::Good => "good",
            BisectStep::Bad(_) => "bad",
            BisectStep::Undecided(_) => "undecided",
            BisectStep::Skip(_) => "skip",
        }
    }

    #[test]
    fn a_commit_that_does_not_fail_by_what_can_only_fail_is_good() {
        let bad = [shift(Decision::Fail)];
        let open = |estimate, lower| {
            step(&bad, &[with_effect(shift(Decision::Inconclusive), estimate, lower)])
        };
        assert_eq!(open(0.01, Some(-0.02)), "good");
        // It seems to be worse, or has so few pairs that it could not have failed.
        assert_eq!(open(0.2, Some(-0.02)), "undecided");
        assert_eq!(open(0.01, None), "undecided");
        assert_eq!(step(&bad, &[shift(Decision::Pass)]), "good");
        assert_eq!(step(&bad, &[shift(Decision::Fail)]), "bad");
        // Beside a figure that can pass it decides nothing.
        let both = [shift(Decision::Fail), cpu(Decision::Fail)];
        assert_eq!(step(&both, &[cpu(Decision::Pass)]), "good");
        assert_eq!(step(&both, &[cpu(Decision::Inconclusive)]), "undecided");
    }

    #[test]
    fn what_is_below_what_its_times_tell_is_good() {
        let bad = [cpu(Decision::Fail)];
        let below = Absence { below: Some(2_000), ..("its times are coarse".into()) };
        let lacking = |value| Finding { value, ..cpu(Decision::NotComparable) };
        assert_eq!(step(&bad, &[lacking(Figure::Absent(below))]), "good");
        assert_eq!(step(&bad, &[lacking(Figure::absent("the run has none"))]), "undecided");
    }

    #[test]
    fn the_tracked_figures_decide_and_no_others() {
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
