//! A judgement for the terminal: paired comparisons, failures, undecided and passed figures, and the
//! decision.

mod paired;

use crate::report::figure::Figure;
use crate::report::finding::{Beside, Decision, Finding, Kind};
use crate::report::format::text::grid::{Grid, WIDTH, indented};
use crate::report::judgement::{JudgementView, beside, describe};
use std::collections::BTreeSet;

/// Passed figures that are listed; the rest are counted by kind.
const MOST_PASSED: usize = 60;
/// Indent of the lines that belong to a finding.
const INDENT: usize = 6;

/// Renders lines of at most 120 columns; quoted details may be longer.
pub fn render(view: &JudgementView) -> String {
    let judgement = view.judgement;
    let mut parts = vec![paired::table(judgement)];
    for decision in [Decision::Fail, Decision::Inconclusive, Decision::NotComparable] {
        for group in describe::by_reason(&view.shown(decision)) {
            parts.push(match group.as_slice() {
                [one] => finding(one),
                several => alike(several),
            });
        }
        if decision == Decision::Fail {
            let failed = view.shown(Decision::Fail);
            parts.push(beside_failures(&failed));
            let besides: Vec<&Beside> = failed.iter().filter_map(|f| f.beside.as_ref()).collect();
            let unknown = beside::unknown(&besides);
            parts.push(unknown.iter().map(|text| wrapped(text, 0, 2)).collect());
        }
    }
    parts.push(passed(view));
    parts.push(notes(&judgement.notes));
    parts.push(wrapped(&view.conclusion_line(), 0, 2));
    parts.retain(|p| !p.is_empty());
    let body = parts.join("\n");
    let title = describe::line(&judgement.title);
    match judgement.sides.as_slice() {
        // If only checks passed, two lines are enough.
        [] if parts.len() <= 2 && !body.starts_with("Passed") => format!("{title}: {body}"),
        sides => format!("{title}\n{}\n{body}", sides.iter().map(side).collect::<String>()),
    }
}

/// Renders a comparison of pairs of runs in brief: the table, what failed, and the decision. Further
/// findings and notes are in [`render`].
pub fn brief(view: &JudgementView) -> String {
    let judgement = view.judgement;
    let mut parts = vec![paired::whole_table(judgement)];
    if !parts[0].is_empty() {
        parts[0].push_str(paired::LEGEND);
    }
    let failed = view.shown(Decision::Fail);
    let (paired, others): (Vec<&Finding>, Vec<&Finding>) =
        failed.iter().partition(|f| f.kind == Kind::Paired);
    for group in describe::by_reason(&others) {
        parts.push(match group.as_slice() {
            [one] => finding(one),
            several => alike(several),
        });
    }
    // One sentence each: the values are in the table.
    parts.push(paired.iter().map(|f| sentence(f)).collect());
    parts.push(beside_failures(&failed));
    // Their row has the figures of both sides, and no ratio that would say why.
    let of_pairs = |f: &&Finding| paired::is_shown(f);
    let mut lacking: Vec<&Finding> = view.shown(Decision::NotComparable);
    lacking.retain(of_pairs);
    parts.extend(describe::by_reason(&lacking).iter().map(|group| {
        let decision = describe::decision(Decision::NotComparable);
        let subjects: Vec<String> = group.iter().map(|f| describe::subject(&f.subject)).collect();
        let head = format!("{decision} {}: {}", subjects.join("; "), group[0].text);
        wrapped(&head, 0, INDENT)
    }));
    let unpaired = |decision| view.shown(decision).iter().filter(|f| !of_pairs(f)).count();
    let mut others = Vec::new();
    for (decision, what) in [
        (Decision::Pass, "equal, or within what arithmetic allows"),
        (Decision::Inconclusive, "undecided"),
        (Decision::NotComparable, "not comparable"),
    ] {
        let count = unpaired(decision);
        if count > 0 {
            others.push(format!("{count} {what}"));
        }
    }
    if !others.is_empty() {
        let text = format!("Bytes, counts and checks: {}", others.join(", "));
        parts.push(wrapped(&text, 0, 2));
    }
    let said = judgement.load.iter().chain(&judgement.always_shown).chain(&judgement.why_open);
    parts.extend(said.map(|note| wrapped(note, 0, 2)));
    let hidden = match judgement.notes.len() {
        _ if judgement.answer.is_some() => String::new(),
        0 => String::new(),
        1 => " --verbose shows every figure and a note.".to_owned(),
        notes => format!(" --verbose shows every figure and {notes} notes."),
    };
    parts.push(wrapped(&(view.conclusion_line() + &hidden), 0, 2));
    parts.retain(|part| !part.is_empty());
    let sides: String = judgement.sides.iter().map(side).collect();
    format!("{}\n{sides}\n{}", describe::line(&judgement.title), parts.join("\n"))
}

fn side(side: &crate::report::finding::Side) -> String {
    wrapped(&format!("{}: {}", side.name, side.about), 2, 4)
}

/// Wraps text, with one indent for the first line and one for the rest.
fn wrapped(text: &str, first: usize, rest: usize) -> String {
    indented(&describe::line(text), [first, rest], WIDTH)
}

/// Describes a finding. The values of a paired comparison are in the table above.
fn finding(finding: &Finding) -> String {
    let decision = describe::decision(finding.decision);
    let mut out =
        wrapped(&format!("{decision} {}", describe::subject(&finding.subject)), 0, INDENT);
    if finding.effect.is_none() {
        out.push_str(&wrapped(&describe::values(finding), INDENT, INDENT));
    }
    if !finding.text.is_empty() {
        out.push_str(&wrapped(&finding.text, INDENT, INDENT));
    }
    out.push_str(&details(finding));
    out
}

/// Describes a failure in one sentence.
fn sentence(finding: &Finding) -> String {
    let decision = describe::decision(finding.decision);
    let head = format!("{decision} {}", describe::subject(&finding.subject));
    match finding.text.as_str() {
        "" => wrapped(&head, 0, INDENT),
        text => wrapped(&format!("{head}: {text}"), 0, INDENT),
    }
}

/// Says what changed beside failures, once for each series and client count.
fn beside_failures(failed: &[&Finding]) -> String {
    beside::of_rows(failed).iter().map(|text| wrapped(text, 0, 2)).collect()
}

/// Details keep their line breaks: bytes in columns, a command to copy.
fn details(finding: &Finding) -> String {
    let lines = finding.details.iter().flat_map(|d| d.lines());
    lines.map(|l| format!("{}{}\n", " ".repeat(INDENT + 2), describe::line(l))).collect()
}

/// Describes findings with the same text.
fn alike(findings: &[&Finding]) -> String {
    let first = findings[0];
    let head = format!("{} {} figures", describe::decision(first.decision), findings.len());
    let mut out = match first.text.as_str() {
        "" => wrapped(&head, 0, INDENT),
        text => wrapped(&format!("{head}: {text}"), 0, INDENT),
    };
    out.push_str(&details(first));
    out + &table(findings)
}

/// Returns findings as a table, without the column of baselines if there are none.
fn table(findings: &[&Finding]) -> String {
    let baselines = findings.iter().any(|f| f.baseline.is_some());
    let mut head = vec!["series", "metric", "unit", "bound", "clients"];
    head.extend(baselines.then_some("baseline"));
    head.push("value");
    let mut grid = Grid::new(4, &head);
    for f in findings {
        let (value, baseline) = describe::pair(f);
        let end = format!(" {}", f.unit);
        // The unit has a column of its own.
        let bare = |text: &str| describe::line(&text.replace(&end, ""));
        let clients = f.subject.clients.map(|n| crate::units::thousands(n.into()));
        let mut cells = vec![
            describe::line(&f.subject.series),
            describe::line(&f.subject.metric),
            describe::line(&f.unit),
            bare(&f.bound),
            clients.unwrap_or_default(),
        ];
        cells.extend(baselines.then(|| bare(&baseline.unwrap_or_default())));
        cells.push(bare(&value));
        grid.row(cells);
    }
    let absent = findings.iter().flat_map(|f| [Some(&f.value), f.baseline.as_ref()]);
    let whys: BTreeSet<&str> = absent.flatten().filter_map(describe::why_none).collect();
    let whys = whys.iter().map(|why| wrapped(&format!("none: {why}"), 0, 2));
    grid.render() + &whys.collect::<String>()
}

fn passed(view: &JudgementView) -> String {
    let passed = view.shown(Decision::Pass).into_iter().filter(|f| f.effect.is_none());
    let (nothing, passed): (Vec<&Finding>, Vec<&Finding>) = passed.partition(|f| is_nothing(f));
    let mut out = String::new();
    if !passed.is_empty() {
        let listed = &passed[..passed.len().min(MOST_PASSED)];
        out = format!("Passed\n{}", table(listed));
        let rest = &passed[listed.len()..];
        for kind in Kind::ALL {
            let more = rest.iter().filter(|f| f.kind == kind).count();
            if more > 0 {
                out.push_str(&format!("and {more} more of the kind \"{}\"\n", kind.name()));
            }
        }
    }
    if !nothing.is_empty() {
        let metrics: BTreeSet<&str> = nothing.iter().map(|f| f.subject.metric.as_str()).collect();
        let rows: BTreeSet<_> =
            nothing.iter().map(|f| (&f.subject.series, f.subject.clients)).collect();
        let names = metrics.into_iter().collect::<Vec<_>>().join(", ");
        let rows = rows.len();
        let of = if rows == 1 { "its row".to_owned() } else { format!("{rows} rows") };
        let zero = format!("{} counts of losses of {of} are 0: {names}", nothing.len());
        out.push_str(&wrapped(&zero, 0, 2));
    }
    if let Some(checks) = describe::passed_checks(view.judgement) {
        out.push_str(&format!("{checks}\n"));
    }
    out
}

/// True for a count of losses that is 0 on both sides: each row has a dozen.
fn is_nothing(finding: &Finding) -> bool {
    let zero = |figure: &Figure| figure.value() == Some(0.0);
    finding.kind == Kind::Exact
        && zero(&finding.value)
        && finding.baseline.as_ref().is_some_and(zero)
        && finding.details.is_empty()
}

fn notes(notes: &[String]) -> String {
    if notes.is_empty() {
        return String::new();
    }
    let lines = notes.iter().map(|n| wrapped(&format!("- {n}"), 0, 2));
    format!("Notes\n{}", lines.collect::<String>())
}
