//! The few figures that trackers of benchmarks are given: of a run's rows, or of a judgement's
//! findings.
//!
//! Separate from `crate::report::metrics`, which has every figure. A tracker has no place for a
//! doubt: an absent figure is left out, never 0, and so are the figures of a row that is not valid.

use crate::record::Metric;
use crate::report::figure::Figure;
use crate::report::finding::{Decision, Effect, Finding, Kind};
use crate::report::judgement::Judged;
use crate::report::metrics::{Cell, columns};
use crate::report::table::{Row, Status, Table};

/// What is given of a row, by what it is in words and by its column; the latency is the row's
/// headline: delivery where it is known, else response.
const GIVEN: [(&str, &str); 10] = [
    ("overhead", "overhead_bytes_per_message"),
    ("TCP/IP", "ip_bytes_per_message"),
    ("latency p50", "LATENCY_us_p50"),
    ("latency p99", "LATENCY_us_p99"),
    ("driver CPU", "driver_cpu_us_per_message"),
    ("server CPU", "server_cpu_us_per_message"),
    ("driver memory", "driver_resident_bytes_per_client"),
    ("server memory", "server_resident_bytes_per_client"),
    ("lost", "lost"),
    ("missing", "updates_missing"),
];

/// A figure of a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measure {
    /// What it is, for people.
    pub label: &'static str,
    /// Its column in `summary.csv`.
    pub name: String,
    /// Its unit, or `-`.
    pub unit: &'static str,
    /// The number, or why there is none.
    pub figure: Figure,
}

/// A row with what is given of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measured<'a> {
    /// The row.
    pub row: &'a Row,
    /// Its figures; the same ones in the same order for every row.
    pub measures: Vec<Measure>,
}

/// One number for a tracker.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reading {
    /// Of whom: `polling at 1000 clients`.
    pub benchmark: String,
    /// Of what: a column, or the expression of a limit.
    pub metric: String,
    /// The unit, or `-`.
    pub unit: String,
    /// The number.
    pub value: f64,
    /// How much more it is than the baseline's, where pairs of runs told.
    pub effect: Option<Effect>,
    /// False where a larger number is the better one.
    pub smaller_is_better: bool,
    /// What else is known of it, a line each.
    pub about: Vec<String>,
}

/// Every row with what is given of it.
pub(crate) fn of_rows(table: &Table) -> Vec<Measured<'_>> {
    let columns = columns();
    let given = |row: &Row| {
        let latency = match row.latency(Metric::DeliveryLatency).count {
            0 => Metric::ResponseLatency,
            _ => Metric::DeliveryLatency,
        };
        let measure = |&(label, name): &(&'static str, &str)| {
            let name = name.replace("LATENCY", latency.name());
            let column = columns.iter().find(|c| c.name == name)?;
            let figure = match column.get(row) {
                Cell::Number(figure) => figure,
                Cell::Count(count) => Figure::count(count),
                Cell::Text(_) | Cell::Flag(_) => return None,
            };
            Some(Measure { label, name, unit: column.unit, figure })
        };
        GIVEN.iter().filter_map(measure).collect()
    };
    table.rows.iter().map(|row| Measured { row, measures: given(row) }).collect()
}

/// The labels of rows that trackers are not given, as they are not valid.
pub(crate) fn left_out(table: &Table) -> Vec<String> {
    table.rows.iter().filter(|r| r.status != Status::Valid).map(Row::label).collect()
}

/// The numbers for a tracker: of the run where there is one, else of the findings.
pub(crate) fn readings(judged: &Judged) -> Vec<Reading> {
    match judged.table {
        Some(table) => of_table(table),
        None => of_findings(&judged.judgement.findings),
    }
}

fn of_table(table: &Table) -> Vec<Reading> {
    let mut out = Vec::new();
    for measured in of_rows(table).iter().filter(|m| m.row.status == Status::Valid) {
        let row = measured.row;
        let about = vec![
            table.build.clone(),
            format!("plan {}", table.plan_hash),
            format!("messages {}", row.events.per_message_divisor),
            format!("repeats {}", row.repeats),
        ];
        out.extend(measured.measures.iter().filter_map(|m| {
            Some(Reading {
                benchmark: benchmark(&row.series, Some(row.clients)),
                metric: m.name.clone(),
                unit: m.unit.to_owned(),
                value: m.figure.value()?,
                effect: None,
                smaller_is_better: true,
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
    // What is to be equal is neither better nor worse.
    let directed =
        |f: &&Finding| f.effect.is_some() || f.bound.trim_start().starts_with(['<', '>']);
    let told = findings.iter().filter(|f| f.kind != Kind::Check && !invalid(f)).filter(directed);
    told.filter_map(|f| {
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
