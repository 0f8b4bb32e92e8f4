//! A judgement as JUnit XML: a suite for each series, a case for each finding.
//!
//! Undecided and not comparable figures are skipped with their reason; they fail if the judgement is
//! strict, as the exit code does.

use crate::report::conclusion::Conclusion;
use crate::report::finding::{Decision, Finding, Kind};
use crate::report::judgement::{JudgementView, describe, with_prefixes};
use crate::report::table::Status;
use crate::units::distinct;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::collections::HashSet;
use std::time::Duration;

const NAME: &str = "wsbench";

/// Renders all judgements as one document.
pub fn render(view: &[JudgementView]) -> Vec<u8> {
    let mut report = Report::new(NAME);
    for (prefix, view) in with_prefixes(view) {
        report.add_test_suites(suites(&prefix, &view));
    }
    bytes(&report)
}

/// Renders a command that ended early: one case with an error.
pub fn failed(title: &str, message: &str) -> Vec<u8> {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    let first = message.lines().next().unwrap_or_default();
    status.set_message(describe::line(first)).set_type("error").set_description(block(message));
    let mut suite = suite(title);
    suite.add_test_case(case("run", "the command ends as it should", status));
    let mut report = Report::new(NAME);
    report.add_test_suite(suite);
    bytes(&report)
}

fn bytes(report: &Report) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to memory does not fail, and all text is valid in XML.
    report.serialize(&mut bytes).expect("memory takes every document");
    bytes
}

fn suites(prefix: &str, view: &JudgementView) -> Vec<TestSuite> {
    let title = describe::line(&format!("{prefix}{}", view.judgement.title));
    let mut suites = vec![whole(&title, view)];
    for name in distinct(view.judgement.findings.iter().map(|f| f.subject.series.as_str())) {
        let mut names = HashSet::new();
        let shown = if name.is_empty() { "run".to_owned() } else { describe::line(name) };
        let mut suite = suite(&format!("{title}: {shown}"));
        for f in view.judgement.findings.iter().filter(|f| f.subject.series == name) {
            let class = format!("{}.{shown}", f.kind.name());
            let clients = f.subject.clients.map(|n| format!(" at {n} clients"));
            let metric = match f.kind {
                // A metric may have several limits.
                Kind::Limit => format!("{} {}", f.subject.metric, f.bound),
                _ => f.subject.metric.clone(),
            };
            let plain = describe::line(&metric) + &clients.unwrap_or_default();
            // Readers merge cases of the same name.
            let mut name = plain.clone();
            let mut tried = 1;
            while !names.insert((class.clone(), name.clone())) {
                tried += 1;
                name = format!("{plain} ({tried})");
            }
            let mut case = case(&class, &name, status(f, view.judgement.strict));
            case.set_system_out(block(&describe::lines(f)));
            suite.add_test_case(case);
        }
        suites.push(suite);
    }
    suites
}

/// The suite of the judgement as a whole. A run that ended early or has no finding fails it.
fn whole(title: &str, view: &JudgementView) -> TestSuite {
    let valid = view.verdict.is_none_or(|v| v.status == Status::Valid);
    let conclusion = describe::line(&view.conclusion_line());
    let mut status = match (view.conclusion(), view.judgement.decision()) {
        (Conclusion::Passed, Decision::Inconclusive | Decision::NotComparable) => {
            TestCaseStatus::skipped()
        }
        (Conclusion::Passed, _) => TestCaseStatus::success(),
        _ => TestCaseStatus::non_success(NonSuccessKind::Failure),
    };
    if !matches!(status, TestCaseStatus::Success { .. }) {
        let reasons = view.verdict.map(|v| v.reasons.join("\n")).unwrap_or_default();
        let word = if valid { view.judgement.decision().name() } else { "invalid" };
        status.set_message(&conclusion).set_type(word).set_description(block(&reasons));
    }
    let mut case = case("decision", "exit code is 0", status);
    let judgement = view.judgement;
    let sides = judgement.sides.iter().map(|s| format!("{}: {}", s.name, s.about));
    let lines: Vec<String> =
        std::iter::once(conclusion).chain(sides).chain(judgement.notes.iter().cloned()).collect();
    case.set_system_out(block(&lines.join("\n")));
    let mut suite = suite(title);
    suite.add_test_case(case);
    suite
}

fn status(finding: &Finding, strict: bool) -> TestCaseStatus {
    let mut status = match (finding.decision, strict) {
        (Decision::Pass, _) => return TestCaseStatus::success(),
        (Decision::Fail, _) | (_, true) => TestCaseStatus::non_success(NonSuccessKind::Failure),
        (Decision::NotComparable | Decision::Inconclusive, false) => TestCaseStatus::skipped(),
    };
    let mut message = describe::values(finding);
    if !finding.text.is_empty() {
        message = format!("{message}: {}", finding.text);
    }
    status.set_message(describe::line(&message)).set_type(finding.decision.name());
    status.set_description(block(&describe::lines(finding)));
    status
}

/// Returns text with its line ends, but without characters that XML does not allow.
fn block(text: &str) -> String {
    text.lines().map(describe::line).collect::<Vec<_>>().join("\n")
}

/// Returns an empty suite. Many readers require a time.
fn suite(name: &str) -> TestSuite {
    let mut suite = TestSuite::new(name);
    suite.set_time(Duration::ZERO);
    suite
}

fn case(class: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(class).set_time(Duration::ZERO);
    case
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::finding::Judgement;
    use crate::report::judgement::tests::{finding, sample};

    fn read(bytes: &[u8]) -> Report {
        Report::deserialize(bytes).expect("what is written can be read")
    }

    #[test]
    fn a_case_a_finding_and_one_for_the_whole() {
        let mut judgement = sample();
        let report = read(&render(&[JudgementView::comparison(&judgement, None)]));
        // A finding of each decision, two of them open.
        assert_eq!((report.tests, report.failures, report.skipped), (5, 2, 2));
        judgement.strict = true;
        let report = read(&render(&[JudgementView::comparison(&judgement, None)]));
        assert_eq!((report.tests, report.failures, report.skipped), (5, 4, 0));
    }

    #[test]
    fn text_of_any_origin_is_escaped() {
        let mut judgement = Judgement::new("a<b> & \"c\"");
        let mut odd = finding(Decision::Fail, "x ]]> <y>");
        odd.text = "\u{0}\u{1b}[1m'&\u{ffff}".to_owned();
        odd.details = vec!["a\r\nb".to_owned()];
        judgement.findings = vec![odd.clone(), odd];
        let bytes = render(&[JudgementView::comparison(&judgement, None)]);
        let text = String::from_utf8(bytes.clone()).expect("XML is UTF-8");
        assert!(text.contains("name=\"a&lt;b&gt; &amp; &quot;c&quot;\""), "{text}");
        assert!(text.contains("\\u{0}\\u{1b}[1m"), "{text}");
        assert!(text.contains("\na\nb</system-out>"), "{text}");
        let controls = |c: char| (c.is_control() && c != '\n') || c == '\u{ffff}';
        assert!(!text.contains(controls), "{text:?}");
        let report = read(&bytes);
        let names: Vec<&str> =
            report.test_suites[1].test_cases.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["x ]]> <y> at 1000 clients", "x ]]> <y> at 1000 clients (2)"]);
    }

    #[test]
    fn a_failed_command_is_an_error() {
        let report = read(&failed("run of x", "no server\nstart one"));
        assert_eq!((report.tests, report.errors), (1, 1));
    }
}
