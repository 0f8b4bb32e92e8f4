//! A judgement in the formats of people and CI systems, one file per format.
//!
//! | file | what | for |
//! |---|---|---|
//! | `text` | failures, undecided and passed figures, the decision | the terminal |
//! | `markdown` | the same as tables | `$GITHUB_STEP_SUMMARY` |
//! | `annotations` | workflow commands | GitHub Actions |
//! | `junit` | a test case for each finding | every CI system |
//! | `json` | everything | programs |
//! | `github_action_benchmark` | values with names and units | the action of that name |
//! | `bencher` | values by benchmark and measure | bencher.dev |
//!
//! Separate from `crate::report::FORMATS`, which render a run's table, and from `gate`, which
//! decides. Nothing here decides, prints or reads the environment.

pub mod annotations;
pub mod bencher;
pub(in crate::report) mod beside;
pub(in crate::report) mod describe;
pub mod github_action_benchmark;
pub mod json;
pub mod junit;
pub mod markdown;
pub(crate) mod measures;
pub mod text;

use crate::report::conclusion::Conclusion;
use crate::report::finding::{Decision, Finding, Judgement, Kind};
use crate::report::table::{Status, Table, Verdict};

/// A judgement, with its run if there is one.
#[derive(Debug, Clone, Copy)]
pub struct JudgementView<'a> {
    /// The findings.
    pub judgement: &'a Judgement,
    /// The figures of the run, if there is one.
    pub table: Option<&'a Table>,
    /// The run's verdict, if the run itself is view: a run that ended early does not pass,
    /// whatever its figures.
    pub verdict: Option<&'a Verdict>,
}

impl<'a> JudgementView<'a> {
    /// Returns the view of a run with its limits.
    pub fn run(table: &'a Table) -> JudgementView<'a> {
        JudgementView {
            judgement: &table.judgement,
            table: Some(table),
            verdict: Some(&table.verdict),
        }
    }
    /// Returns the view of a comparison, with the figures of the view side if there are any.
    pub fn comparison(judgement: &'a Judgement, table: Option<&'a Table>) -> JudgementView<'a> {
        JudgementView { judgement, table, verdict: None }
    }
    /// Returns what the process ends with: the run's verdict comes before its findings.
    pub fn conclusion(&self) -> Conclusion {
        match self.verdict.map(|v| v.conclusion) {
            None | Some(Conclusion::Passed) => self.judgement.conclusion(),
            Some(conclusion) => conclusion,
        }
    }
    /// Returns the decision for headings: `PASS`.
    pub fn word(&self) -> String {
        if let Some(answer) = &self.judgement.answer {
            return answer.word.clone();
        }
        match self.verdict.map(|v| v.status) {
            // A limit ended it: the limit's failure is the decision.
            Some(Status::Partial) if self.conclusion() != Conclusion::LimitFailed => {
                "PARTIAL".to_owned()
            }
            Some(Status::Invalid) => "INVALID".to_owned(),
            None | Some(Status::Valid | Status::Partial) => {
                describe::decision(self.judgement.decision())
            }
        }
    }
    /// Returns how many figures passed and failed, as a sentence without its full stop.
    pub fn counts(&self) -> String {
        let of = |decision| self.judgement.of(decision).count();
        let all = self.judgement.findings.len();
        let passed = of(Decision::Pass);
        if all == 0 {
            return "there was no figure to judge".to_owned();
        }
        // A run without limits has conditions alone.
        let what = if self.has_checks_alone() { "check" } else { "figure" };
        if passed == all {
            return match all {
                1 => format!("1 {what} passed"),
                n => format!("all {n} {what}s passed"),
            };
        }
        let parts = [
            (of(Decision::Fail), "failed"),
            (of(Decision::Inconclusive), "undecided"),
            (of(Decision::NotComparable), "not comparable"),
            (passed, "passed"),
        ];
        let shown: Vec<String> =
            parts.iter().filter(|p| p.0 > 0).map(|(n, what)| format!("{n} {what}")).collect();
        format!("{} of {all} {what}s", shown.join(", "))
    }
    fn has_checks_alone(&self) -> bool {
        let findings = &self.judgement.findings;
        !findings.is_empty() && findings.iter().all(|found| found.kind == Kind::Check)
    }
    /// Returns decision, counts and exit code in one line; of a command with an answer of its own that one,
    /// since its exit code does not tell whether the figures passed.
    pub fn conclusion_line(&self) -> String {
        let conclusion = self.conclusion();
        if let Some(answer) = &self.judgement.answer {
            return format!(
                "{}: {}. Exit code {}.",
                answer.word,
                answer.text,
                conclusion.exit_code()
            );
        }
        let open = |d: Decision| self.judgement.of(d).next().is_some();
        let nothing = self.judgement.findings.is_empty();
        let open = nothing || open(Decision::Inconclusive) || open(Decision::NotComparable);
        let meaning = match (conclusion, open) {
            (Conclusion::Passed, true) if self.has_checks_alone() => {
                "nothing failed, but some checks are undecided or not comparable".to_owned()
            }
            (Conclusion::Passed, true) => {
                "nothing failed, but some figures are undecided or not comparable".to_owned()
            }
            (Conclusion::Invalid, _) => self.why_invalid(),
            (conclusion, _) => conclusion.meaning().to_owned(),
        };
        let code = conclusion.exit_code();
        format!("{}: {}. Exit code {code}: {meaning}.", self.word(), self.counts())
    }
    /// Returns what an invalid measurement is, with the checks that make it one.
    fn why_invalid(&self) -> String {
        let mut checks: Vec<&str> = Vec::new();
        let failed = self.judgement.of(Decision::Fail);
        for finding in failed.filter(|finding| finding.kind.failure() == Conclusion::Invalid) {
            let name = finding.subject.metric.as_str();
            if !checks.contains(&name) {
                checks.push(name);
            }
        }
        let does = if checks.len() == 1 { "does" } else { "do" };
        match checks.as_slice() {
            [] => Conclusion::Invalid.meaning().to_owned(),
            checks => format!("invalid: {} {does} not hold, as is said above", checks.join(", ")),
        }
    }
    /// Returns why the run as a whole does not pass.
    fn reasons(&self) -> impl Iterator<Item = &'a str> {
        self.verdict.iter().flat_map(|v| v.of_run.iter()).map(String::as_str)
    }
    /// Returns the findings of a decision, without passed checks of validity: there are many.
    fn shown(&self, decision: Decision) -> Vec<&'a Finding> {
        let plain = |f: &&Finding| !describe::is_passed_check(f);
        self.judgement.of(decision).filter(plain).collect()
    }
}

/// Returns views with a prefix for their names: none if there is one view, else scenario and plan, or
/// a number.
fn with_prefixes<'a>(view: &[JudgementView<'a>]) -> Vec<(String, JudgementView<'a>)> {
    let prefix = |n: usize, one: &JudgementView| match (view.len(), one.table) {
        (1, _) => String::new(),
        (_, Some(table)) => {
            let plan: String = table.plan_hash.chars().take(8).collect();
            format!("{} {plan}: ", table.name)
        }
        (_, None) => format!("{}: ", n + 1),
    };
    view.iter().enumerate().map(|(n, one)| (prefix(n, one), *one)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::figure::Figure;
    use crate::report::finding::{ChangeScale, CommandAnswer, Effect, Kind, Subject};

    /// A finding of a metric, polling at 1,000 clients.
    pub(super) fn finding(decision: Decision, metric: &str) -> Finding {
        Finding {
            kind: Kind::Exact,
            subject: Subject {
                series: "polling".to_owned(),
                clients: Some(1000),
                metric: metric.to_owned(),
            },
            decision,
            unit: "bytes/message".to_owned(),
            value: Figure::count(910),
            baseline: Some(Figure::count(909)),
            bound: "equal".to_owned(),
            must_equal: true,
            is_condition: false,
            effect: None,
            samples: 400,
            text: String::new(),
            details: Vec::new(),
            beside: None,
        }
    }

    /// A judgement with every decision, an effect, details, and an absent figure.
    pub(super) fn sample() -> Judgement {
        let mut judgement = Judgement::new("B against A");
        for decision in Decision::ALL {
            let mut one = finding(decision, &format!("m_{}", decision.name()));
            one.text = format!("{} | found", decision.name());
            one.details = vec!["GET / HTTP/1.1\n".repeat(20)];
            judgement.findings.push(one);
        }
        judgement.findings[1].value = Figure::absent("one run a side");
        judgement.findings[2].effect = Some(Effect {
            scale: ChangeScale::Relative,
            estimate: 0.07,
            lower: Some(0.055),
            upper: None,
            detectable: None,
            margin: 0.05,
            noise: 0.012,
            pairs: 20,
            p: 0.0012,
        });
        judgement.notes.push("a note".to_owned());
        judgement
    }

    #[test]
    fn the_conclusion_says_what_the_exit_code_means() {
        let mut judgement = Judgement::new("t");
        let conclusion = |j: &Judgement| JudgementView::comparison(j, None).conclusion_line();
        assert_eq!(
            conclusion(&judgement),
            "INCONCLUSIVE: there was no figure to judge. Exit code 0: nothing failed, but some figures \
             are undecided or not comparable."
        );
        judgement.findings.push(finding(Decision::Pass, "a"));
        assert_eq!(conclusion(&judgement), "PASS: 1 figure passed. Exit code 0: passed.");
        judgement.findings.push(finding(Decision::NotComparable, "b"));
        judgement.strict = true;
        assert_eq!(
            conclusion(&judgement),
            "NOT COMPARABLE: 1 not comparable, 1 passed of 2 figures. Exit code 97: undecided, \
             with --strict."
        );
        judgement.findings.push(finding(Decision::Fail, "c"));
        assert_eq!(
            conclusion(&judgement),
            "FAIL: 1 failed, 1 not comparable, 1 passed of 3 figures. Exit code 98: worse than \
             the baseline, or B worse than A."
        );
    }

    /// A bisection ends with 0 if its evidence failed, and with 97 without `--strict`.
    #[test]
    fn a_command_with_an_answer_of_its_own_does_not_count_figures() {
        let mut judgement = Judgement::new("t");
        judgement.findings.push(finding(Decision::Fail, "a"));
        judgement.ended = Some(Conclusion::Passed);
        judgement.answer = Some(CommandAnswer {
            word: "FOUND".to_owned(),
            text: "the first bad commit is ab12".to_owned(),
        });
        let view = JudgementView::comparison(&judgement, None);
        assert_eq!(view.word(), "FOUND");
        let line = "FOUND: the first bad commit is ab12. Exit code 0.";
        assert_eq!(view.conclusion_line(), line);
        judgement.notes.push("a note".to_owned());
        let shown = text::brief(&JudgementView::comparison(&judgement, None));
        // Such a command has no --verbose.
        assert!(shown.ends_with(&format!("{line}\n")), "{shown}");
    }

    #[test]
    fn what_the_run_is_worth_goes_before_its_findings() {
        let mut judgement = Judgement::new("t");
        judgement.findings.push(finding(Decision::Pass, "a"));
        let verdict = |status, conclusion| Verdict {
            status,
            of_run: Vec::new(),
            reasons: Vec::new(),
            conclusion,
        };
        for (status, conclusion, word) in [
            (Status::Valid, Conclusion::Passed, "PASS"),
            (Status::Partial, Conclusion::Interrupted, "PARTIAL"),
            (Status::Invalid, Conclusion::Invalid, "INVALID"),
        ] {
            let verdict = verdict(status, conclusion);
            let view =
                JudgementView { judgement: &judgement, table: None, verdict: Some(&verdict) };
            assert_eq!((view.word().as_str(), view.conclusion()), (word, conclusion));
        }
    }
}
