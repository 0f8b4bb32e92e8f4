//! The page of a judgement: of a comparison by pairs, a calibration, or a gate with a baseline.

use super::attachments;
use super::sections::{FigureOfPage, PageSection, TextBlock, drawn};
use super::{PageTemplate, tables};
use crate::report::PROGRAM;
use crate::report::conclusion::Conclusion;
use crate::report::drawing;
use crate::report::finding::{Decision, Finding, Judgement, Kind};
use crate::report::judgement::describe;
use crate::report::judgement::{JudgementView, beside};

/// Renders a judgement as a page.
pub(crate) fn of_judgement(judgement: &Judgement) -> Vec<u8> {
    let view = JudgementView::comparison(judgement, None);
    let answer = judgement.answer.as_ref();
    let decision = judgement.decision();
    let is_invalid = judgement.conclusion() == Conclusion::Invalid;
    let page = PageTemplate {
        kind: "wsbench comparison",
        title: &judgement.title,
        badge: match answer {
            Some(found) => found.word.clone(),
            None if is_invalid => "INVALID".to_owned(),
            None => describe::decision(decision),
        },
        badge_is: match decision {
            _ if answer.is_some() => "some",
            Decision::Pass => "good",
            Decision::Fail => "bad",
            Decision::Inconclusive | Decision::NotComparable => "some",
        },
        facts: facts(judgement),
        summary: summary(judgement, &view),
        sections: sections(judgement),
        data: attachments::of_judgement(judgement),
        footer: "The page loads nothing. It carries each pair's figures: `wsbench verify` judges them again and \
                 compares. Each run of a comparison has a result file in its folder, which it verifies too.",
        ..PageTemplate::default()
    };
    page.bytes()
}

fn facts(judgement: &Judgement) -> String {
    let mut facts: Vec<String> =
        judgement.sides.iter().map(|side| format!("{}: {}", side.name, side.about)).collect();
    facts.push(PROGRAM.to_owned());
    facts.extend(judgement.seed.map(|seed| format!("seed {seed}")));
    facts.join(" · ")
}

/// What was asked, what was found, and what is open.
fn summary(judgement: &Judgement, view: &JudgementView) -> Vec<String> {
    let mut out = vec![format!("What follows: {}", view.conclusion_line())];
    out.extend(judgement.load.clone());
    out.extend(judgement.why_open.clone());
    out
}

fn sections(judgement: &Judgement) -> Vec<PageSection> {
    let is_paired = |finding: &&Finding| finding.kind == Kind::Paired;
    let paired: Vec<&Finding> = judgement.findings.iter().filter(is_paired).collect();
    let others: Vec<&Finding> = judgement.findings.iter().filter(|f| !is_paired(f)).collect();
    let mut sections = Vec::new();
    if !paired.is_empty() {
        let about =
            "Estimate and interval of each figure's change from A to B, beside what is tolerated";
        sections.push(PageSection {
            id: "varying".into(),
            title: "Figures that vary from run to run".into(),
            lead: vec![
                "Decided by pairs of runs. A change passes if it is surely within what is allowed, and fails if it \
                 is surely beyond it; else it is undecided, and the smallest change that would have been seen is \
                 named."
                    .to_owned(),
            ],
            figures: drawing::changes::draw(judgement)
                .map(|svg| FigureOfPage { csv: attachments::CHANGES, ..drawn("changes", about, &svg) })
                .into_iter()
                .collect(),
            tables: vec![tables::paired(&paired)],
            bullets: paired.iter().map(|found| evidence(found)).collect(),
            blocks: causes(&paired),
        });
    }
    if !others.is_empty() {
        sections.push(PageSection {
            id: "exact".into(),
            title: "Bytes, counts and checks".into(),
            tables: vec![tables::findings("findings", "What one run can tell", others.into_iter())],
            ..PageSection::default()
        });
    }
    let notes: Vec<String> =
        judgement.notes.iter().chain(&judgement.always_shown).cloned().collect();
    if !notes.is_empty() {
        sections.push(PageSection {
            id: "notes".into(),
            title: "Notes".into(),
            bullets: notes,
            ..PageSection::default()
        });
    }
    sections
}

/// What was found, in a sentence.
fn evidence(finding: &Finding) -> String {
    let of = describe::of_whom(&finding.subject);
    let word = describe::decision(finding.decision);
    format!("{word}, {} of {of}: {}", finding.subject.metric, finding.text)
}

/// What changed beside the figures that fail.
fn causes(paired: &[&Finding]) -> Vec<TextBlock> {
    let block = |finding: &&Finding| {
        let found = finding.beside.as_ref()?;
        Some(TextBlock {
            title: format!(
                "What changed beside {} ({})",
                finding.subject.metric,
                describe::of_whom(&finding.subject)
            ),
            text: beside::sentence(found),
            open: true,
        })
    };
    paired.iter().filter_map(block).collect()
}
