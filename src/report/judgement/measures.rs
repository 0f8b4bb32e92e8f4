//! The key figures for benchmark trackers, of a run's rows or of a judgement's findings.
//!
//! Absent figures and rows that are not valid are left out, because trackers cannot show a doubt.

use crate::record::Metric;
use crate::report::figure::Figure;
use crate::report::finding::{Decision, Effect, Finding, Kind};
use crate::report::judgement::JudgementView;
use crate::report::metrics::{Better, Column, Nature, columns};
use crate::report::table::{Row, Status, Table};

/// A figure of a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KeyFigure {
    pub label: &'static str,
    /// The column of `summary.csv`.
    pub name: String,
    /// `-` if there is none.
    pub unit: &'static str,
    pub better: Better,
    pub figure: Figure,
}

/// A row with its key figures.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RowFigures<'a> {
    pub row: &'a Row,
    /// The same figures in the same order for every row.
    pub measures: Vec<KeyFigure>,
}

/// One number for a tracker.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reading {
    /// For example `polling at 1000 clients`.
    pub benchmark: String,
    /// A column, or the expression of a limit.
    pub metric: String,
    /// `-` if there is none.
    pub unit: String,
    pub value: f64,
    /// The change against the baseline, if pairs of runs were compared.
    pub effect: Option<Effect>,
    /// False if larger is better.
    pub smaller_is_better: bool,
    /// Further lines.
    pub about: Vec<String>,
}

/// Returns the key figures of every row: the columns that are tracked, counts of events last. Of the
/// latencies it is delivery if it is known, else response.
pub(crate) fn of_rows(table: &Table) -> Vec<RowFigures<'_>> {
    let columns = columns();
    let (events, quantities): (Vec<&Column>, Vec<&Column>) =
        columns.iter().partition(|column| column.nature == Nature::Events);
    let tracked: Vec<&Column> =
        quantities.into_iter().chain(events).filter(|column| column.tracked.is_some()).collect();
    let measures = |row: &Row| {
        let latency = match row.latency(Metric::DeliveryLatency).count {
            0 => Metric::ResponseLatency,
            _ => Metric::DeliveryLatency,
        };
        let of_row = tracked.iter().filter(|c| c.latency.is_none_or(|of| of == latency));
        let figure = |column: &&Column| {
            Some(KeyFigure {
                label: column.tracked?,
                name: column.name.clone(),
                unit: column.unit,
                better: column.better,
                figure: column.figure(row),
            })
        };
        of_row.filter_map(figure).collect()
    };
    table.rows.iter().map(|row| RowFigures { row, measures: measures(row) }).collect()
}

/// Returns the labels of rows that are left out because they are not valid.
pub(crate) fn left_out(table: &Table) -> Vec<String> {
    table.rows.iter().filter(|r| r.status != Status::Valid).map(Row::label).collect()
}

/// Returns the numbers of the run if there is one, else of the findings.
pub(crate) fn readings(view: &JudgementView) -> Vec<Reading> {
    match view.table {
        Some(table) => of_table(table),
        None => of_findings(&view.judgement.findings),
    }
}

fn of_table(table: &Table) -> Vec<Reading> {
    let mut out = Vec::new();
    for measured in of_rows(table).iter().filter(|m| m.row.status == Status::Valid) {
        let row = measured.row;
        let about = vec![
            table.build.clone(),
            format!("plan {}", table.plan_hash),
            format!("messages {}", row.events.per_message_divisor()),
            format!("repeats {}", row.repeats),
        ];
        out.extend(measured.measures.iter().filter_map(|m| {
            Some(Reading {
                benchmark: benchmark(&row.series, Some(row.clients)),
                metric: m.name.clone(),
                unit: m.unit.to_owned(),
                value: m.figure.value()?,
                effect: None,
                smaller_is_better: m.better != Better::Higher,
                about: about.clone(),
            })
        }));
    }
    out
}

fn of_findings(findings: &[Finding]) -> Vec<Reading> {
    let invalid = |f: &Finding| {
        findings.iter().any(|check| {
            let (of, by) = (&check.subject, &f.subject);
            let whole = of.series.is_empty() && of.clients.is_none();
            check.kind == Kind::Check
                && check.decision == Decision::Fail
                && (whole || (&of.series, of.clients) == (&by.series, by.clients))
        })
    };
    // A figure that has to be equal has no direction.
    let directed =
        |f: &&Finding| f.effect.is_some() || f.bound.trim_start().starts_with(['<', '>']);
    let shown = findings.iter().filter(|f| f.kind != Kind::Check && !invalid(f)).filter(directed);
    shown
        .filter_map(|f| {
            Some(Reading {
                benchmark: benchmark(&f.subject.series, f.subject.clients),
                metric: f.subject.metric.clone(),
                unit: f.unit.clone(),
                value: f.value.value()?,
                effect: f.effect,
                smaller_is_better: !f.bound.trim_start().starts_with('>'),
                about: vec![
                    format!("decision {}", f.decision.name()),
                    format!("bound {}", f.bound),
                    format!("samples {}", f.samples),
                ],
            })
        })
        .collect()
}

fn benchmark(series: &str, clients: Option<u32>) -> String {
    match (series, clients) {
        ("", None) => "run".to_owned(),
        ("", Some(n)) => format!("{n} clients"),
        (series, None) => series.to_owned(),
        (series, Some(n)) => format!("{series} at {n} clients"),
    }
}
