//! Audit, limits, verdicts with their reasons, and notes.

use crate::report::figure::Figure;
use crate::report::finding::{Decision, Finding};
use crate::report::format::text::grid::{Grid, paragraph};
use crate::report::format::text::{ABSENT, show};
use crate::report::metrics::{CellValue, columns};
use crate::report::table::{Row, Table};
use crate::units::{thousands, with_unit};
use std::collections::BTreeMap;

/// Columns listed for each reason of absence; the rest are counted.
const MOST_NAMES: usize = 4;

pub(crate) fn audit(table: &Table) -> String {
    let sum = |of: fn(&Row) -> &Figure| {
        table.rows.iter().filter_map(|r| of(r).value()).sum::<f64>() as u64
    };
    let connections = sum(|r| &r.audit.connections);
    let line = format!(
        "Audit: {} connections compared with the kernel's counters, {} closed before they could be, \
         {} mismatched; bytes unexplained: {} by layer, {} by the kernel, {} by the server",
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

pub(crate) fn limits(table: &Table) -> String {
    let found: Vec<&Finding> = table.limits().collect();
    if found.is_empty() {
        return String::new();
    }
    let head = ["result", "clients", "series", "metric", "value", "limit", "samples"];
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

pub(crate) fn verdicts(table: &Table) -> String {
    let mut out = String::new();
    for row in crate::report::format::text::rows(table) {
        out.push_str(&paragraph(&row.standing(), 2));
        if !row.events.faults_by_text.is_empty() {
            let errors: Vec<String> = row
                .events
                .faults_by_text
                .iter()
                .map(|(text, n)| format!("{} × {text}", thousands(*n)))
                .collect();
            let line = format!("{}: client errors: {}", row.label(), errors.join("; "));
            out.push_str(&paragraph(&line, 2));
        }
    }
    let verdict = &table.verdict;
    let all = table.limits().count();
    let failed = table.limits().filter(|f| f.decision == Decision::Fail).count();
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

pub(crate) fn notes(table: &Table) -> String {
    let mut notes: Vec<String> = vec![
        "\"Mbps\" is the chapter's unit: 2^20 bits per second, which is 1.049 SI megabits per second. \
         Measured \"Mbps\" are at the planned rate."
            .to_owned(),
        "A message is a completed request and response of a series that polls, and a received \
         message of any other. Header characters do not include line ends. Overhead is every byte \
         at the socket that is not payload."
            .to_owned(),
    ];
    for row in crate::report::format::text::rows(table) {
        notes.extend(row.notes.iter().map(|n| format!("{}: {n}.", row.label())));
    }
    if table.rows.iter().any(|r| r.latencies.iter().any(|l| l.driver_bound)) {
        notes.push("† driver-bound: describes the driver as much as the server.".to_owned());
    }
    notes.extend(absent(table));
    let lines = notes.iter().map(|n| paragraph(&format!("- {n}"), 2));
    format!("Notes\n{}", lines.collect::<String>())
}

/// Returns a sentence for each reason why figures are absent. Reasons that follow from the scenario
/// are left out.
fn absent(table: &Table) -> Vec<String> {
    let columns = columns();
    let mut by_reason: BTreeMap<String, (Vec<&str>, Vec<&str>)> = BTreeMap::new();
    // The verdict tells of a case that did not run.
    for row in table.rows.iter().filter(|r| r.repeats > 0) {
        for column in &columns {
            if let CellValue::Number(Figure::Absent(absence)) = column.get(row)
                && !absence.by_scenario
            {
                let (names, series) = by_reason.entry(absence.why).or_default();
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
    by_reason.into_iter().map(sentence).collect()
}
