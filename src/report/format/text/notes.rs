//! What stands below the tables: audit, verdicts with their reasons, and what is absent and why.

use crate::report::figure::Figure;
use crate::report::finding;
use crate::report::finding::{Decision, Finding};
use crate::report::format::text::grid::{Grid, paragraph};
use crate::report::format::text::{ABSENT, show};
use crate::report::metrics::{Cell, columns};
use crate::report::table::{Row, Status, Table};
use crate::units::{thousands, with_unit};
use std::collections::BTreeMap;

/// Names that a reason is given for, at the most; the rest are counted.
const MOST_NAMES: usize = 4;

/// A line a row that has something to say, and one for all.
pub(crate) fn audit(table: &Table) -> String {
    let sum = |of: fn(&Row) -> &Figure| {
        table.rows.iter().filter_map(|r| of(r).value()).sum::<f64>() as u64
    };
    let connections = sum(|r| &r.audit.connections);
    let line = format!(
        "Audit: {} connections compared with the kernel, {} gone before they could be, {} \
         mismatched; unexplained bytes: {} by the ledger, {} by the kernel, {} by the server",
        thousands(connections),
        thousands(sum(|r| &r.audit.unaudited)),
        thousands(sum(|r| &r.audit.mismatched)),
        thousands(sum(|r| &r.audit.ledger_bytes)),
        thousands(sum(|r| &r.audit.kernel_bytes)),
        server(table),
    );
    paragraph(&line, 2)
}

fn server(table: &Table) -> String {
    let known: Vec<f64> = table.rows.iter().filter_map(|r| r.audit.server_bytes.value()).collect();
    match known.len() {
        0 => "unknown".to_owned(),
        _ => thousands(known.iter().sum::<f64>() as u64),
    }
}

/// What was found of the scenario's limits: the figure beside each verdict.
pub(crate) fn limits(table: &Table) -> String {
    let found: Vec<&Finding> = finding::limits(table).collect();
    if found.is_empty() {
        return String::new();
    }
    let head = ["limit", "clients", "series", "metric", "is", "to be", "samples"];
    let mut grid = Grid::new(4, &head);
    let mut reasons = String::new();
    for one in found {
        let value = show(&one.value, |value| with_unit(value, &one.unit));
        let clients =
            one.subject.clients.map_or_else(|| ABSENT.to_owned(), |n| thousands(n.into()));
        grid.row(vec![
            one.decision.name().to_owned(),
            clients.clone(),
            one.subject.series.clone(),
            one.subject.metric.clone(),
            value,
            one.bound.clone(),
            thousands(one.samples),
        ]);
        if one.value.value().is_none() {
            let line = format!("- {} at {clients} clients: {}", one.subject.series, one.text);
            reasons.push_str(&paragraph(&line, 2));
        }
    }
    format!("Limits\n{}{reasons}", grid.render())
}

/// What each row and the run are worth.
pub(crate) fn verdicts(table: &Table) -> String {
    let mut out = String::new();
    for row in crate::report::format::text::rows(table) {
        let failed: Vec<&str> =
            row.checks.iter().filter(|c| !c.ok).map(|c| c.text.as_str()).collect();
        let text = match (row.status, failed.is_empty()) {
            (Status::Valid, _) => format!("all {} checks passed", row.checks.len()),
            (_, true) => "ended early".to_owned(),
            (_, false) => failed.join("; "),
        };
        let line = format!("{}: {}: {text}", row.label(), row.status.name());
        out.push_str(&paragraph(&line, 2));
        if !row.events.faults_by_text.is_empty() {
            let faults: Vec<String> = row
                .events
                .faults_by_text
                .iter()
                .map(|(text, n)| format!("{} × {text}", thousands(*n)))
                .collect();
            let line = format!("{}: faults: {}", row.label(), faults.join("; "));
            out.push_str(&paragraph(&line, 2));
        }
    }
    let verdict = &table.verdict;
    let all = finding::limits(table).count();
    let failed = finding::limits(table).filter(|f| f.decision == Decision::Fail).count();
    let limits = match (all, failed) {
        (0, _) => String::new(),
        (n, 0) => format!(", {n} limits kept"),
        (n, failed) => format!(", {failed} of {n} limits not kept"),
    };
    let status = verdict.status.name();
    let line = format!("Verdict: {status}{limits} (exit code {})", verdict.conclusion.exit_code());
    out.push_str(&paragraph(&line, 2));
    for reason in &verdict.of_run {
        out.push_str(&paragraph(&format!("  {reason}"), 2));
    }
    out
}

/// What a reader must know besides.
pub(crate) fn notes(table: &Table) -> String {
    let mut notes: Vec<String> = vec![
        "\"Mbps\" as the chapter prints it is bits a second over 2^20; SI megabits a second are \
         1.049 times as many. Measured \"Mbps\" are those of the planned rate."
            .to_owned(),
        "A message is a completed exchange of a series that asks and a received message of one \
         that is pushed to; header chars are counted without line ends, overhead is every byte above TCP \
         that is not payload."
            .to_owned(),
    ];
    for row in crate::report::format::text::rows(table) {
        notes.extend(row.notes.iter().map(|n| format!("{}: {n}.", row.label())));
    }
    if table.rows.iter().any(|r| r.latencies.iter().any(|l| l.driver_bound)) {
        notes.push("† driver-bound: says as much of the driver as of the server.".to_owned());
    }
    notes.extend(absent(table));
    let lines = notes.iter().map(|n| paragraph(&format!("- {n}"), 2));
    format!("Notes\n{}", lines.collect::<String>())
}

/// Absent figures by their reason. Figures that are absent in the nature of the transport would
/// bury the others and are left to the files.
fn absent(table: &Table) -> Vec<String> {
    let columns = columns();
    let mut by_reason: BTreeMap<String, (Vec<&str>, Vec<&str>)> = BTreeMap::new();
    // Of a case that did not run the verdict says so, once.
    for row in table.rows.iter().filter(|r| r.repeats > 0) {
        for column in &columns {
            if let Cell::Number(Figure::Absent(why)) = column.get(row) {
                let (names, series) = by_reason.entry(why).or_default();
                if !names.contains(&column.name.as_str()) {
                    names.push(&column.name);
                }
                if !series.contains(&row.series.as_str()) {
                    series.push(&row.series);
                }
            }
        }
    }
    let sentence = |(why, (names, series)): (String, (Vec<&str>, Vec<&str>))| {
        let mut shown = names[..names.len().min(MOST_NAMES)].join(", ");
        if names.len() > MOST_NAMES {
            shown.push_str(&format!(" and {} more", names.len() - MOST_NAMES));
        }
        format!("absent in {}: {shown}: {why}.", series.join(", "))
    };
    by_reason.into_iter().filter(|(why, _)| !is_natural(why)).map(sentence).collect()
}

/// True for a reason that lies in what was asked for.
fn is_natural(why: &str) -> bool {
    const NATURAL: [&str; 9] = [
        "clients do not send to each other",
        "the transport is pushed to",
        "no arithmetic",
        "no delay was set",
        "no update replaced another",
        "a broadcast has no one state",
        "the interval was not",
        "the chapter",
        "no connection was upgraded",
    ];
    NATURAL.iter().any(|n| why.starts_with(n))
}
