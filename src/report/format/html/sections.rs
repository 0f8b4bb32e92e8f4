//! The sections of a run's page, in the order in which they are asked for.

use super::cells::HtmlTable;
use super::{environment, tables};
use crate::report::drawing::{self, Picture};
use crate::report::finding::Decision;
use crate::report::format::text::notes;
use crate::report::format::text::warnings;
use crate::report::table::Table;
use std::borrow::Cow;

/// A part of a page with a title of its own.
#[derive(Default)]
pub(super) struct PageSection {
    /// Its identity within the page.
    pub id: Cow<'static, str>,
    pub title: Cow<'static, str>,
    /// Paragraphs at its beginning.
    pub lead: Vec<String>,
    pub bullets: Vec<String>,
    pub figures: Vec<FigureOfPage>,
    pub tables: Vec<HtmlTable>,
    /// Texts that are shown as they are.
    pub blocks: Vec<TextBlock>,
}

/// A picture.
pub(super) struct FigureOfPage {
    /// Its name.
    pub name: &'static str,
    /// What it shows, for whoever cannot see it.
    pub about: &'static str,
    /// Its document.
    pub svg: String,
    /// The file that its figures can be copied from; empty if there is none.
    pub csv: &'static str,
}

/// A text that is folded away, or not.
pub(super) struct TextBlock {
    pub title: String,
    pub text: String,
    pub open: bool,
}

fn figures(table: &Table, wanted: &[&Picture]) -> Vec<FigureOfPage> {
    let figure = |picture: &&Picture| {
        let one = drawn(picture.name, picture.about, &picture.svg(table)?);
        Some(FigureOfPage { csv: picture.csv, ..one })
    };
    wanted.iter().filter_map(figure).collect()
}

/// A document as a figure, of which there is no file to copy from.
pub(super) fn drawn(name: &'static str, about: &'static str, document: &str) -> FigureOfPage {
    FigureOfPage { name, about, svg: labelled(document, about), csv: "" }
}

/// Returns a document for a page, in which it has the width that there is, with what it shows.
fn labelled(document: &str, about: &str) -> String {
    let at = document.find("viewBox").unwrap_or_default();
    // The page says it once for all of them.
    let body = document[at..].replace(" font-family=\"sans-serif\"", "");
    format!("<svg role=\"img\" aria-label=\"{about}\" {body}")
}

/// Every section of a run's page, which has the rows of its results in it or not.
pub(super) fn of_run(table: &Table, has_all_rows: bool) -> Vec<PageSection> {
    let sections = [
        PageSection {
            id: "result".into(),
            title: "The result".into(),
            bullets: table
                .words
                .iter()
                .cloned()
                .chain(warnings(table).into_iter().map(|why| format!("Take care: {why}")))
                .collect(),
            tables: [Some(tables::overview(table)), tables::ratios(table)].into_iter().flatten().collect(),
            ..PageSection::default()
        },
        PageSection {
            id: "bytes".into(),
            title: "Bytes by layer and direction".into(),
            lead: vec![
                "Every byte is counted at the socket and belongs to one part. A prediction is arithmetic from the \
                 scenario alone; it stands beside what was measured."
                    .to_owned(),
            ],
            figures: figures(table, &[&drawing::OVERHEAD, &drawing::BYTES]),
            tables: [Some(tables::layers(table)), tables::predictions(table)].into_iter().flatten().collect(),
            ..PageSection::default()
        },
        PageSection {
            id: "latency".into(),
            title: "Latency".into(),
            lead: vec![
                "From the intended moment on, so that a wait for the driver or for an earlier answer is part of \
                 it (no coordinated omission)."
                    .to_owned(),
            ],
            figures: figures(
                table,
                &[&drawing::LATENCY, &drawing::DISTRIBUTION, &drawing::PERCENTILES, &drawing::HEAT],
            ),
            tables: [Some(tables::latencies(table)), tables::fanout(table)].into_iter().flatten().collect(),
            ..PageSection::default()
        },
        PageSection {
            id: "costs".into(),
            title: "CPU and memory".into(),
            figures: figures(table, &[&drawing::COST]),
            tables: vec![tables::cost(table)],
            ..PageSection::default()
        },
        PageSection {
            id: "freshness".into(),
            title: "Freshness, single messages, and break-even rates".into(),
            figures: figures(table, &[&drawing::AGE, &drawing::TIMELINE, &drawing::BREAK_EVEN]),
            tables: vec![tables::delivery(table)],
            ..PageSection::default()
        },
        limits(table),
        counted(table, has_all_rows),
        PageSection {
            id: "environment".into(),
            title: "Where it was measured".into(),
            tables: vec![environment::table(table)],
            ..PageSection::default()
        },
        repeat(table),
    ];
    let has_any = |section: &PageSection| {
        !(section.lead.is_empty()
            && section.bullets.is_empty()
            && section.figures.is_empty()
            && section.tables.is_empty()
            && section.blocks.is_empty())
    };
    sections.into_iter().filter(has_any).collect()
}

/// Sections of results side by side: all rows in one table, then each result's pictures.
pub(super) fn of_several(tables: &[Table], names: &[String]) -> Vec<PageSection> {
    let mut sections = vec![PageSection {
        id: "overview-of-all".into(),
        title: "All results".into(),
        tables: vec![tables::overview_of_several(tables, names)],
        ..PageSection::default()
    }];
    let wanted = [&drawing::BYTES, &drawing::LATENCY, &drawing::PERCENTILES, &drawing::COST];
    for (n, (table, name)) in tables.iter().zip(names).enumerate() {
        let mut lead = vec![format!("{}, {}", table.started, table.build)];
        lead.extend(table.verdict.reasons.first().cloned());
        let mut figures = figures(table, &wanted);
        // Their rows are in the page; a copy of one table would be of all.
        figures.iter_mut().for_each(|figure| figure.csv = "");
        sections.push(PageSection {
            id: format!("result-{}", n + 1).into(),
            title: name.clone().into(),
            lead,
            bullets: table.words.clone(),
            figures,
            ..PageSection::default()
        });
    }
    sections
}

fn limits(table: &Table) -> PageSection {
    let count = table.limits().count();
    if count == 0 {
        return PageSection {
            id: "limits".into(),
            title: "Limits".into(),
            ..PageSection::default()
        };
    }
    let kept = table.limits().filter(|found| found.decision == Decision::Pass).count();
    PageSection {
        id: "limits".into(),
        title: "Limits".into(),
        lead: vec![format!("{kept} of {count} limits of the scenario are kept.")],
        tables: vec![tables::findings(
            "limit-findings",
            "What the scenario demands",
            table.limits(),
        )],
        ..PageSection::default()
    }
}

fn counted(table: &Table, has_all_rows: bool) -> PageSection {
    let rows = if has_all_rows {
        "The rows that all of this was made from are in this file: `wsbench verify` makes every figure again from \
         them."
    } else {
        "The rows that all of this was made from are not in this file, as they would make it too large: they are in \
         result.jsonl."
    };
    let mut lead = vec![
        "Three counts of the same bytes must agree: those of the driver at its sockets, by part; the kernel's for each \
         connection (TCP_INFO); and those of the server, if it is the bundled one. Not counted are link headers, \
         and what hosts between client and server do."
            .to_owned(),
        rows.to_owned(),
    ];
    lead.extend(table.verdict.of_run.iter().cloned());
    let mut blocks = Vec::new();
    let text = notes::notes(table);
    if !text.is_empty() {
        blocks.push(TextBlock { title: "Notes".to_owned(), text, open: false });
    }
    PageSection {
        id: "counted".into(),
        title: "How it was counted".into(),
        lead,
        tables: vec![tables::audit(table), tables::checks(table)],
        blocks,
        ..PageSection::default()
    }
}

fn repeat(table: &Table) -> PageSection {
    let mut blocks = Vec::new();
    if let Some(source) = &table.source {
        blocks.push(TextBlock {
            title: format!("The scenario, {}", source.name),
            text: source.text.clone(),
            open: true,
        });
    }
    let mut lead =
        vec![format!("Plan (SHA-1 of everything that was to run): {}.", table.plan_hash)];
    if let Some(source) = &table.source {
        let sets = source
            .overrides
            .iter()
            .map(|set| format!(" --set {}", shlex::try_quote(set).unwrap_or_default()));
        lead.push(format!("Command: wsbench run {}{}", source.name, sets.collect::<String>()));
    }
    lead.extend(table.seed.map(|seed| format!("Seed: {seed}.")));
    PageSection {
        id: "repeat".into(),
        title: "To repeat it".into(),
        lead,
        blocks,
        ..PageSection::default()
    }
}
