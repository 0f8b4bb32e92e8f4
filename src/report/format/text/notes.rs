//! Audit, limits, verdicts with their reasons, and notes.

use crate::report::check::Check;
use crate::report::figure::Figure;
use crate::report::finding::{Decision, Finding};
use crate::report::format::text::grid::{Grid, paragraph};
use crate::report::format::text::{ABSENT, BOUND_MEANING, labels, rows, show, with_labels};
use crate::report::metrics::{CellValue, columns};
use crate::report::table::{Latencies, Row, Status, Table};
use crate::units::{human_us, thousands, with_unit};
use std::collections::BTreeMap;

/// Columns listed for each reason of absence; the rest are counted.
const MOST_NAMES: usize = 4;

pub(crate) fn audit(table: &Table) -> String {
    let known = |of: fn(&Row) -> &Figure| table.rows.iter().filter_map(move |r| of(r).value());
    let sum = |of| thousands(known(of).sum::<f64>() as u64);
    let server: fn(&Row) -> &Figure = |r| &r.audit.server_bytes;
    let line = format!(
        "Audit: {} connections compared with the kernel's counters, {} closed before they could be, \
         {} of which it has no counts, {} mismatched; bytes unexplained: {} by layer, {} by the kernel, {} by the server",
        sum(|r| &r.audit.connections),
        sum(|r| &r.audit.unaudited),
        sum(|r| &r.audit.refused),
        sum(|r| &r.audit.mismatched),
        sum(|r| &r.audit.ledger_bytes),
        sum(|r| &r.audit.kernel_bytes),
        known(server).next().map_or("unknown".to_owned(), |_| sum(server)),
    );
    paragraph(&line, 2)
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
        let value = match one.value.below() {
            Some(_) => show(&one.value, human_us),
            None => show(&one.value, |value| with_unit(value, &one.unit)),
        };
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
    for row in rows(table) {
        out.push_str(&paragraph(&row.standing(), 2));
        let errors = client_errors(row, usize::MAX);
        if let Some(line) = tolerated_errors(row, usize::MAX).or(errors) {
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

/// Names a row's client errors, at most so many kinds of them.
pub(super) fn client_errors(row: &Row, most: usize) -> Option<String> {
    let errors = &row.events.faults_by_text;
    let kind = |(text, n): &(String, u64)| format!("{} × {text}", thousands(*n));
    let mut shown: Vec<String> = errors.iter().take(most).map(kind).collect();
    if errors.len() > most {
        shown.push(format!("{} other kinds", errors.len() - most));
    }
    (!shown.is_empty()).then(|| format!("{}: client errors: {}", row.label(), shown.join("; ")))
}

/// Names the client errors of a valid row and says why it is valid all the same.
pub(super) fn tolerated_errors(row: &Row, most: usize) -> Option<String> {
    let errors = client_errors(row, most).filter(|_| row.status == Status::Valid)?;
    let succeed = row.checks.iter().find(|found| found.check == Check::ExchangesSucceed)?;
    Some(format!("{errors}. The row is valid all the same: {}.", succeed.text))
}

pub(crate) fn notes(table: &Table) -> String {
    let chapter = table.has_chapter().then(|| {
        "\"Mbps\" is the chapter's unit: 2^20 bits per second, which is 1.049 SI megabits per second. \
         Measured \"Mbps\" are at the planned rate."
            .to_owned()
    });
    let mut notes: Vec<String> = chapter.into_iter().collect();
    notes.push(
        "A message is a completed request and response of a series that polls, and a received \
         message of any other. Header characters do not include line ends. Overhead is every byte \
         at the socket that is not payload."
            .to_owned(),
    );
    notes.extend(of_rows(table));
    if table.rows.iter().any(|r| r.latencies.iter().any(Latencies::is_any_bound)) {
        notes.push(BOUND_MEANING.to_owned());
    }
    notes.extend(absent(table));
    let lines = notes.iter().map(|n| paragraph(&format!("- {n}"), 2));
    format!("Notes\n{}", lines.collect::<String>())
}

/// Returns the notes of the rows, each once with the rows that it is about.
pub(in crate::report) fn of_rows(table: &Table) -> Vec<String> {
    fn of_row(row: &Row) -> impl Iterator<Item = (&Row, String)> {
        row.notes.iter().map(move |note| (row, format!("{note}.")))
    }
    let said: Vec<(&Row, String)> = rows(table).into_iter().flat_map(of_row).collect();
    with_labels(table, &said)
}

/// Returns a sentence for each reason why figures are absent, and for each group of rows in which it is
/// the same ones. Reasons that follow from the scenario are left out.
fn absent(table: &Table) -> Vec<String> {
    // The verdict tells of a case that did not run.
    let rows: Vec<&Row> = rows(table).into_iter().filter(|row| row.repeats > 0).collect();
    // Names of columns by reason and by the rows, as their places, that lack them for it.
    let mut found: BTreeMap<(String, Vec<usize>), Vec<String>> = BTreeMap::new();
    for column in columns() {
        let mut by_reason: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (place, row) in rows.iter().enumerate() {
            if let CellValue::Number(Figure::Absent(absence)) = column.get(row)
                && !absence.by_scenario
            {
                by_reason.entry(absence.why).or_default().push(place);
            }
        }
        for of in by_reason {
            found.entry(of).or_default().push(column.name.clone());
        }
    }
    let sentence = |((why, places), names): ((String, Vec<usize>), Vec<String>)| {
        let some: Vec<&Row> = places.into_iter().map(|place| rows[place]).collect();
        let mut shown = names[..names.len().min(MOST_NAMES)].join(", ");
        if names.len() > MOST_NAMES {
            shown.push_str(&format!(" and {} more", names.len() - MOST_NAMES));
        }
        let who = labels(table, &some).unwrap_or_default();
        format!("absent in {who}: {shown}: {why}.")
    };
    found.into_iter().map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Metric;
    use crate::report::layer::Statistic;
    use crate::report::tests::table_of_series;
    use crate::report::time_quality::TimeQuality;

    /// Two series that lack figures for one reason do not lack the same ones.
    #[test]
    fn a_figure_is_absent_in_no_series_that_has_it() {
        let mut table = table_of_series(&[("polling", 50), ("sse", 50)]);
        let times = TimeQuality { untrue: None, exact_us: 1_000 };
        for (row, p50) in table.rows.iter_mut().zip([238_000.0, 900.0]) {
            row.repeats = 1;
            let delivery = &mut row.latencies[Metric::DeliveryLatency as usize];
            delivery.stats[Statistic::Min as usize] = times.known_us(1.0);
            delivery.stats[Statistic::P50 as usize] = times.known_us(p50);
        }
        let said = absent(&table);
        let why = "too short to be known: the times in messages are exact to 1 ms.";
        let all = format!("absent in all series: delivery_latency_us_min: {why}");
        let one = format!("absent in sse: delivery_latency_us_p50: {why}");
        assert!(said.contains(&all) && said.contains(&one), "{said:#?}");
    }

    /// A series that lacks a figure at one client count has it at another.
    #[test]
    fn a_figure_is_absent_at_no_client_count_that_has_it() {
        let mut table = table_of_series(&[("sse", 10), ("sse", 20)]);
        for (row, connects) in table.rows.iter_mut().zip([Figure::absent("few"), Figure::count(1)])
        {
            row.repeats = 1;
            row.connecting.per_s = connects;
        }
        let said = absent(&table);
        assert!(
            said.iter().any(|s| s == "absent in sse at 10 clients: connects_per_s: few."),
            "{said:#?}"
        );
    }
}
