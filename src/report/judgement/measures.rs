//! The key figures for benchmark trackers, of a run's rows or of a judgement's findings.
//!
//! Absent figures and rows that are not valid are left out, because trackers cannot show a doubt.

use crate::record::Metric;
use crate::report::finding::{Decision, Effect, Finding, Kind};
use crate::report::judgement::{JudgementView, with_prefixes};
use crate::report::metrics::{Better, Column, Nature, columns};
use crate::report::table::{Row, Status, Table};

/// One number for a tracker.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reading {
    /// For example `polling at 1000 clients`, after a prefix if there are several views.
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

/// Returns the columns that are tracked, counts of events last.
pub(crate) fn tracked() -> Vec<Column> {
    let mut tracked: Vec<Column> =
        columns().into_iter().filter(|column| column.tracked.is_some()).collect();
    tracked.sort_by_key(|column| column.nature == Nature::Events);
    tracked
}

/// Returns the key figures among these columns: of the latencies it is delivery if it is known, else
/// response. They are equally many, in the same order, for every row.
pub(crate) fn of_row<'c>(tracked: &'c [Column], row: &Row) -> impl Iterator<Item = &'c Column> {
    let latency = match row.latency(Metric::DeliveryLatency).count {
        0 => Metric::ResponseLatency,
        _ => Metric::DeliveryLatency,
    };
    tracked.iter().filter(move |column| column.latency.is_none_or(|of| of == latency))
}

/// Returns the labels of rows that are left out because they are not valid.
pub(crate) fn left_out(table: &Table) -> Vec<String> {
    table.rows.iter().filter(|r| r.status != Status::Valid).map(Row::label).collect()
}

/// Returns the numbers of each run if there is one, else of the findings.
pub(crate) fn readings(views: &[JudgementView]) -> Vec<Reading> {
    let of_view = |(prefix, view): (String, JudgementView)| {
        let mut readings = match view.table {
            Some(table) => of_table(table),
            None => of_findings(&view.judgement.findings),
        };
        readings.iter_mut().for_each(|reading| reading.benchmark.insert_str(0, &prefix));
        readings
    };
    with_prefixes(views).into_iter().flat_map(of_view).collect()
}

fn of_table(table: &Table) -> Vec<Reading> {
    let mut out = Vec::new();
    let tracked = tracked();
    for row in table.rows.iter().filter(|row| row.status == Status::Valid) {
        let about = vec![
            table.build.clone(),
            format!("plan {}", table.plan_hash),
            format!("messages {}", row.events.per_message_divisor()),
            format!("repeats {}", row.repeats),
        ];
        out.extend(of_row(&tracked, row).filter_map(|column| {
            Some(Reading {
                benchmark: benchmark(&row.series, Some(row.clients)),
                metric: column.name.clone(),
                unit: column.unit.to_owned(),
                value: column.figure(row).value()?,
                effect: None,
                smaller_is_better: column.better != Better::Higher,
                about: about.clone(),
            })
        }));
    }
    out
}

fn of_findings(findings: &[Finding]) -> Vec<Reading> {
    let invalid = |f: &Finding| {
        findings.iter().any(|check| {
            let of = &check.subject;
            let by = &f.subject;
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
