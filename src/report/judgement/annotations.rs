//! A judgement as workflow commands of GitHub Actions, which shows them as annotations.

use crate::report::finding::{Decision, Finding};
use crate::report::judgement::{JudgementView, describe};

/// GitHub shows so many of each level and step, and drops the rest.
const MOST: usize = 10;
/// Characters of a message; the summary has the rest.
const MOST_CHARS: usize = 2_000;

const ERROR: &str = "error";
const WARNING: &str = "warning";
const NOTICE: &str = "notice";

/// Renders an annotation for each finding that did not pass, and a notice of the decision, a command
/// per line. Each level has at most ten; the last says how many were left out.
pub fn render(view: &JudgementView) -> String {
    let mut out = String::new();
    let raised = |level| if view.judgement.strict { ERROR } else { level };
    let run: Vec<(String, String)> =
        view.reasons().map(|r| ("wsbench: the run".to_owned(), r.to_owned())).collect();
    let of = |decision| view.shown(decision).into_iter().map(annotation);
    let levels = [
        (ERROR, run.into_iter().chain(of(Decision::Fail)).collect::<Vec<_>>()),
        (raised(WARNING), of(Decision::Inconclusive).collect()),
        (raised(NOTICE), not_comparable(view)),
    ];
    for level in [ERROR, WARNING, NOTICE] {
        let mine = levels.iter().filter(|(l, _)| *l == level);
        let mut all: Vec<&(String, String)> = mine.flat_map(|(_, found)| found).collect();
        // The decision is a notice too.
        let most = if level == NOTICE { MOST - 1 } else { MOST };
        let more = if all.len() > most { all.split_off(most - 1).len() } else { 0 };
        all.iter().for_each(|(title, message)| out.push_str(&command(level, title, message)));
        if more > 0 {
            let message = format!("{more} more like these are in the summary of the job");
            out.push_str(&command(level, "wsbench: and more", &message));
        }
    }
    let title = format!("wsbench: {}", view.judgement.title);
    out.push_str(&command(NOTICE, &title, &view.conclusion_line()));
    out
}

/// Renders the annotation of a command that ended early.
pub fn failed(message: &str) -> String {
    command(ERROR, "wsbench: failed", message)
}

/// Returns title and message for each text: a gate with one run per side has dozens of such figures.
fn not_comparable(view: &JudgementView) -> Vec<(String, String)> {
    let groups = describe::by_reason(&view.shown(Decision::NotComparable));
    let of = |group: &Vec<&Finding>| match group.as_slice() {
        [one] => annotation(one),
        several => {
            let decision = describe::decision(Decision::NotComparable);
            let title = format!("{decision}: {} figures", several.len());
            (title, describe::sentences(several[0]).join("\n"))
        }
    };
    groups.iter().map(of).collect()
}

/// Returns title and message.
fn annotation(finding: &Finding) -> (String, String) {
    let title = format!(
        "{}: {}",
        describe::decision(finding.decision),
        describe::subject(&finding.subject)
    );
    (title, describe::lines(finding))
}

fn command(level: &str, title: &str, message: &str) -> String {
    let message: String = message.chars().take(MOST_CHARS).collect();
    format!("::{level} title={}::{}\n", property(title), data(&message))
}

/// Escapes a message. The per cent sign comes first, as the other escapes begin with it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes the value of a property, which ends at a comma or colon.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::finding::Judgement;
    use crate::report::judgement::tests::finding;

    #[test]
    fn commands_are_escaped_as_the_runner_reads_them() {
        assert_eq!(
            command(ERROR, "a: b, 5 %\n", "100 %0A\r\nx: y, z"),
            "::error title=a%3A b%2C 5 %25%0A::100 %250A%0D%0Ax: y, z\n"
        );
        assert_eq!(failed("no\nserver"), "::error title=wsbench%3A failed::no%0Aserver\n");
    }

    fn lines(fail: usize, undecided: usize, incomparable: usize, strict: bool) -> Vec<String> {
        let mut judgement = Judgement::new("t");
        judgement.strict = strict;
        let of = [
            (Decision::Fail, fail),
            (Decision::Inconclusive, undecided),
            (Decision::NotComparable, incomparable),
        ];
        for (decision, count) in of {
            judgement.findings.extend((0..count).map(|n| finding(decision, &format!("m{n}"))));
        }
        let text = render(&JudgementView::comparison(&judgement, None));
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn no_more_of_a_level_than_are_shown() {
        let count = |lines: &[String], level: &str| {
            lines.iter().filter(|l| l.starts_with(&format!("::{level} "))).count()
        };
        for (fail, wanted) in [(0, 0), (1, 1), (10, 10), (11, 10), (40, 10)] {
            let lines = lines(fail, 12, 12, false);
            assert_eq!(count(&lines, "error"), wanted);
            // One for all of a reason, and one of the decision.
            assert_eq!((count(&lines, "warning"), count(&lines, "notice")), (10, 2));
            let more = lines.iter().find(|l| l.contains("more like these") && l.contains("error"));
            let said = more.map(|l| l.contains(&format!("::{} more", fail - 9)));
            assert_eq!(said, (fail > 10).then_some(true), "{more:?}");
        }
        let strict = lines(3, 3, 3, true);
        assert_eq!((count(&strict, "error"), count(&strict, "warning")), (7, 0));
        assert_eq!(lines(0, 0, 0, false).len(), 1);
    }
}
