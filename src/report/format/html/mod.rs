//! `report.html`: the whole run as one file that asks for nothing, shows everything without scripts, and
//! carries the rows that its figures were made from.
//!
//! Separate from [`drawing`](crate::report::drawing), whose documents it embeds, and from the CSV files, whose
//! text it embeds so that a figure can be copied. The content is in `sections` and `tables`; templates are
//! checked when this program is compiled.

mod attachments;
mod cells;
mod environment;
mod judgement;
mod policy;
mod rows;
mod sections;
mod tables;

use crate::report::table::{Status, Table};
use crate::report::{Conclusion, Format, PROGRAM};
use crate::units::{human_ns, listed, thousands};
use askama::Template;
use attachments::Attachment;
use sections::PageSection;

pub(crate) use attachments::{attached_judgement, attached_results};
pub(crate) use judgement::of_judgement;

/// The report's file.
pub(crate) const REPORT_FILE: &str = "report.html";

/// One page with everything.
pub(crate) const HTML: Format =
    Format { name: "html", contents: &[(REPORT_FILE, page)], streams: &[], own_process: true };

const STYLE: &str = include_str!("templates/style.css");
const SCRIPT: &str = include_str!("templates/script.js");

/// A page: its heading, and sections below it.
#[derive(Template)]
#[template(path = "report.html", config = "src/report/format/html/askama.toml")]
struct PageTemplate<'a> {
    policy: String,
    generator: &'static str,
    style: &'static str,
    script: &'static str,
    kind: &'static str,
    title: &'a str,
    badge: String,
    /// `good`, `bad` or `some`.
    badge_is: &'static str,
    facts: String,
    summary: Vec<String>,
    sections: Vec<PageSection>,
    data: Vec<Attachment>,
    footer: &'static str,
}

impl Default for PageTemplate<'_> {
    /// What every page of a run has, and nothing in it.
    fn default() -> Self {
        PageTemplate {
            policy: policy::of(STYLE, SCRIPT),
            generator: PROGRAM,
            style: STYLE,
            script: SCRIPT,
            kind: "wsbench report",
            title: "",
            badge: String::new(),
            badge_is: "",
            facts: String::new(),
            summary: Vec::new(),
            sections: Vec::new(),
            data: Vec::new(),
            footer: "Every figure here was made from the rows of its result: `wsbench verify` makes them again and \
                     compares. The page loads nothing.",
        }
    }
}

impl PageTemplate<'_> {
    fn bytes(&self) -> Vec<u8> {
        // A template writes to memory, and no value of a page fails to be shown.
        self.render().expect("memory takes every line").into_bytes()
    }
}

fn page(table: &Table) -> Vec<u8> {
    let data = attachments::of_run(table);
    let page = PageTemplate {
        title: &table.name,
        badge: badge(table),
        badge_is: match (table.verdict.status, table.verdict.conclusion) {
            (Status::Valid, Conclusion::Passed) => "good",
            (Status::Partial, _) => "some",
            _ => "bad",
        },
        facts: facts(table),
        summary: summary(table),
        sections: sections::of_run(table, attachments::has_all_rows(table, &data)),
        data,
        ..PageTemplate::default()
    };
    page.bytes()
}

/// Renders results side by side as one page; one alone as its own.
pub(crate) fn of_tables(tables: &[Table]) -> Vec<u8> {
    if let [one] = tables {
        return page(one);
    }
    let name = |(n, table): (usize, &Table)| {
        let several = tables.iter().filter(|other| other.name == table.name).count() > 1;
        if several { format!("{} ({})", table.name, n + 1) } else { table.name.clone() }
    };
    let names: Vec<String> = tables.iter().enumerate().map(name).collect();
    let valid =
        tables.iter().filter(|table| table.verdict.conclusion == Conclusion::Passed).count();
    let page = PageTemplate {
        title: &format!("{} results side by side", tables.len()),
        badge: format!("{valid} of {} passed", tables.len()),
        badge_is: if valid == tables.len() { "good" } else { "bad" },
        facts: listed(&names),
        summary: tables
            .iter()
            .zip(&names)
            .map(|(table, name)| format!("{name}: {}", run_quality(table)))
            .collect(),
        sections: sections::of_several(tables, &names),
        data: attachments::of_several(tables),
        ..PageTemplate::default()
    };
    page.bytes()
}

fn badge(table: &Table) -> String {
    let all = table.limits().count();
    let kept =
        table.limits().filter(|found| found.decision == crate::report::finding::Decision::Pass);
    let status = table.verdict.status.name();
    match all {
        0 => status.to_owned(),
        all => format!("{status}, {} of {all} limits kept", kept.count()),
    }
}

fn facts(table: &Table) -> String {
    let mut facts = vec![table.started.clone()];
    facts.extend(table.elapsed_s.value().map(|s| human_ns(s * 1e9)));
    if table.parts > 1 {
        facts.push(format!("{} result files merged", table.parts));
    }
    facts.push(table.build.clone());
    facts.push(format!("plan {}", table.plan_hash.chars().take(12).collect::<String>()));
    facts.join(" · ")
}

/// The question, the answer, and what they are worth.
fn summary(table: &Table) -> Vec<String> {
    let series: Vec<&str> =
        crate::units::distinct(table.rows.iter().map(|row| row.series.as_str()));
    let mut counts: Vec<u32> = table.rows.iter().map(|row| row.clients).collect();
    counts.sort_unstable();
    counts.dedup();
    let counts: Vec<String> = counts.into_iter().map(|n| thousands(n.into())).collect();
    let about = match table.about.trim() {
        "" => String::new(),
        about => format!(" {about}"),
    };
    let question = format!(
        "The question: what {} {} cost at {} clients, and how soon do they have an update?{about}",
        if series.len() == 1 { "does" } else { "do" },
        listed(&series),
        listed(&counts)
    );
    let answer = match table.words.as_slice() {
        [] => "The answer: nothing that could be compared was measured.".to_owned(),
        [only] => format!("The answer: {only}"),
        [first, second, ..] => format!("The answer: {first} {second}"),
    };
    vec![question, answer, run_quality(table)]
}

fn run_quality(table: &Table) -> String {
    let rows = table.rows.len();
    let valid = table.rows.iter().filter(|row| row.status == Status::Valid).count();
    let checks: usize = table.rows.iter().map(|row| row.checks.len()).sum();
    let bytes: u64 = table.rows.iter().map(|row| row.audit.unexplained_bytes).sum();
    match table.verdict.reasons.as_slice() {
        [] => format!(
            "What it is worth: {} valid by {} checks, and {} bytes are unexplained.",
            if rows == 1 { "its one case is".to_owned() } else { format!("all {rows} cases are") },
            thousands(checks as u64),
            thousands(bytes)
        ),
        [first, others @ ..] => {
            let more = match others.len() {
                0 => String::new(),
                n => format!(" ({n} more below)"),
            };
            let cases = if rows == 1 { "case is" } else { "cases are" };
            format!("What it is worth: {valid} of {rows} {cases} valid. {first}{more}")
        }
    }
}
