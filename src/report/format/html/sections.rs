//! The sections of a run's page, in the order in which they are asked for.

use super::attachments;
use super::cells::HtmlTable;
use super::{environment, tables};
use crate::report::drawing::{self, Picture};
use crate::report::finding::Decision;
use crate::report::format::text::notes;
use crate::report::table::Table;

/// A part of a page with a title of its own.
#[derive(Default)]
pub(super) struct Section {
    /// Its identity within the page.
    pub id: &'static str,
    pub title: &'static str,
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
        Some(FigureOfPage {
            name: picture.name,
            about: picture.about,
            svg: labelled(&picture.svg(table)?, picture.about),
            csv: picture.csv,
        })
    };
    wanted.iter().filter_map(figure).collect()
}

/// Returns a document for a page, in which it has the width that there is, with what it shows.
fn labelled(document: &str, about: &str) -> String {
    let at = document.find("viewBox").unwrap_or_default();
    format!("<svg role=\"img\" aria-label=\"{about}\" {}", &document[at..])
}

/// Every section of a run's page.
pub(super) fn of_run(table: &Table) -> Vec<Section> {
    let sections = [
        Section {
            id: "result",
            title: "The result",
            bullets: table.words.clone(),
            tables: [Some(tables::overview(table)), tables::ratios(table)].into_iter().flatten().collect(),
            ..Section::default()
        },
        Section {
            id: "bytes",
            title: "Bytes by layer and direction",
            lead: vec![
                "Every byte is counted at the socket and belongs to one part. A prediction is arithmetic from the \
                 scenario alone; it stands beside what was measured."
                    .to_owned(),
            ],
            figures: figures(table, &[&drawing::OVERHEAD, &drawing::BYTES]),
            tables: [Some(tables::layers(table)), tables::predictions(table)].into_iter().flatten().collect(),
            ..Section::default()
        },
        Section {
            id: "latency",
            title: "Latency",
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
            ..Section::default()
        },
        Section {
            id: "costs",
            title: "CPU and memory",
            figures: figures(table, &[&drawing::COST]),
            tables: vec![tables::cost(table)],
            ..Section::default()
        },
        Section {
            id: "freshness",
            title: "Freshness, single messages, and break-even rates",
            figures: figures(table, &[&drawing::AGE, &drawing::TIMELINE, &drawing::BREAK_EVEN]),
            tables: vec![tables::delivery(table)],
            ..Section::default()
        },
        limits(table),
        counted(table),
        Section {
            id: "environment",
            title: "Where it was measured",
            tables: vec![environment::table(table)],
            ..Section::default()
        },
        repeat(table),
    ];
    let has_any = |section: &Section| {
        !(section.lead.is_empty()
            && section.bullets.is_empty()
            && section.figures.is_empty()
            && section.tables.is_empty()
            && section.blocks.is_empty())
    };
    sections.into_iter().filter(has_any).collect()
}

fn limits(table: &Table) -> Section {
    let count = table.limits().count();
    if count == 0 {
        return Section { id: "limits", title: "Limits", ..Section::default() };
    }
    let kept = table.limits().filter(|found| found.decision == Decision::Pass).count();
    Section {
        id: "limits",
        title: "Limits",
        lead: vec![format!("{kept} of {count} limits of the scenario are kept.")],
        tables: vec![tables::findings(
            "limit-findings",
            "What the scenario demands",
            table.limits(),
        )],
        ..Section::default()
    }
}

fn counted(table: &Table) -> Section {
    let rows = if attachments::has_all_rows(table) {
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
    Section {
        id: "counted",
        title: "How it was counted",
        lead,
        tables: vec![tables::audit(table), tables::checks(table)],
        blocks,
        ..Section::default()
    }
}

fn repeat(table: &Table) -> Section {
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
    Section { id: "repeat", title: "To repeat it", lead, blocks, ..Section::default() }
}
