//! The metrics of limits: latencies and the numeric columns of `summary.csv`, with their aggregates,
//! their figures in a row, and the number of values behind each.

use crate::config::nearest;
use crate::gate::limit::condition::Aggregate;
use crate::gate::limit::unit::Dimension;
use crate::record::Metric;
use crate::report::Figure;
use crate::report::layer::Statistic;
use crate::report::metrics::{Column, ColumnKind, Nature, columns};
use crate::report::table::Row;
use std::sync::Arc;

/// A metric that a limit can be on.
#[derive(Debug, Clone, PartialEq)]
pub enum LimitMetric {
    /// A distribution of latencies.
    Latency(Metric),
    /// A numeric column of `summary.csv`.
    Column {
        /// The column.
        column: Arc<Column>,
        /// What it counts.
        dimension: Dimension,
    },
}

/// A figure and the number of values behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct SampledFigure {
    /// The figure, on the scale of its dimension.
    pub figure: Figure,
    /// Values behind it.
    pub samples: u64,
}

impl SampledFigure {
    /// No figure, and no value behind it.
    pub fn absent(why: impl Into<String>) -> SampledFigure {
        SampledFigure { figure: Figure::absent(why.into()), samples: 0 }
    }
}

impl LimitMetric {
    /// Finds the metric of a name, which may be one of an earlier version.
    ///
    /// # Errors
    /// A sentence, if there is none or it is not a number.
    pub fn find(name: &str) -> Result<LimitMetric, String> {
        if let Some(metric) = Metric::ALL.into_iter().find(|m| m.name() == name) {
            return Ok(LimitMetric::Latency(metric));
        }
        let mut all = columns();
        let Some(place) = all.iter().position(|column| column.is_named(name)) else {
            let names = all.iter().filter(|c| c.is_number()).map(|c| c.name.as_str());
            let known: Vec<&str> = Metric::ALL.iter().map(|m| m.name()).chain(names).collect();
            let hint = match nearest(name, &known) {
                Some(near) => format!(", did you mean {near:?}?"),
                None => format!(
                    "; a metric is a latency ({}) or a numeric column of summary.csv",
                    Metric::ALL.map(Metric::name).join(", ")
                ),
            };
            return Err(format!("unknown metric {name:?}{hint}"));
        };
        let column = all.swap_remove(place);
        match column.kind {
            ColumnKind::Text => Err(format!("{name} is text: a limit is on a number")),
            ColumnKind::Flag => Err(format!("{name} is true or false: a limit is on a number")),
            ColumnKind::Count | ColumnKind::Number => {
                // Every unit of a column is known: a test goes through them.
                let dimension = dimension(&column).unwrap_or(Dimension::NUMBER);
                Ok(LimitMetric::Column { column: Arc::new(column), dimension })
            }
        }
    }

    /// Returns what its figure counts under an aggregate.
    ///
    /// # Errors
    /// A sentence, if it has no such aggregate or needs one.
    pub fn dimension(&self, aggregate: Option<&Aggregate>) -> Result<Dimension, String> {
        let offer = "avg, min, max, med, p(N) and count";
        match self {
            LimitMetric::Latency(metric) => match (metric.name(), aggregate) {
                (name, None) => Err(format!(
                    "{name} is a distribution of latencies and needs an aggregate; it has {offer}: \
                     write for example p(95)"
                )),
                (name, Some(a @ (Aggregate::Rate | Aggregate::Value))) => {
                    Err(format!("{name} has no {a}: latencies have {offer}"))
                }
                (_, Some(Aggregate::Count)) => Ok(Dimension::NUMBER),
                (_, Some(_)) => Ok(Dimension::LATENCY),
            },
            LimitMetric::Column { column, dimension } => match aggregate {
                Some(Aggregate::Rate) if column.whole.is_some() => Ok(Dimension::SHARE),
                Some(Aggregate::Count) if column.nature == Nature::Events => Ok(*dimension),
                Some(a @ (Aggregate::Rate | Aggregate::Count | Aggregate::Percentile(_))) => {
                    Err(format!("{} has no {a}: it has {}", column.name, aggregates(column)))
                }
                _ => Ok(*dimension),
            },
        }
    }

    /// Returns the name of a column that is a part of a whole.
    pub fn part(&self) -> Option<&str> {
        match self {
            LimitMetric::Column { column, .. } => column.whole.map(|_| column.name.as_str()),
            LimitMetric::Latency(_) => None,
        }
    }

    /// True if it is a time since one in a message.
    pub fn is_of_message_times(&self) -> bool {
        match self {
            LimitMetric::Latency(metric) => metric.is_from_stamps(),
            LimitMetric::Column { column, .. } => Metric::ALL.into_iter().any(|metric| {
                metric.is_from_stamps() && column.name.starts_with(&format!("{}_us", metric.name()))
            }),
        }
    }

    /// True if it is known while a case runs, false if only at its end.
    pub fn is_live(&self, aggregate: &Aggregate) -> bool {
        match self {
            LimitMetric::Latency(_) => true,
            LimitMetric::Column { column, .. } => match (aggregate, column.whole) {
                (Aggregate::Rate, Some(whole)) => column.live && whole.live,
                _ => column.live,
            },
        }
    }

    /// True if it never falls while a case runs.
    pub fn grows(&self, aggregate: &Aggregate) -> bool {
        match (self, aggregate) {
            (_, Aggregate::Count) => true,
            (_, Aggregate::Rate) | (LimitMetric::Latency(_), _) => false,
            (LimitMetric::Column { column, .. }, _) => column.grows,
        }
    }

    /// Returns the figure of a row, all repeats together. Without repeats, a column's smallest,
    /// largest and mean are its one value.
    pub fn of(&self, aggregate: &Aggregate, row: &Row) -> SampledFigure {
        match self {
            LimitMetric::Latency(metric) => latency(*metric, aggregate, row),
            LimitMetric::Column { column, .. } => {
                let figure = match (aggregate, column.whole) {
                    (Aggregate::Rate, Some(whole)) => {
                        column.figure(row).over(&(whole.of)(row), whole.if_zero)
                    }
                    (Aggregate::Rate, None) => Figure::absent("it is no part of a whole"),
                    _ => column.figure(row),
                };
                SampledFigure { figure, samples: column.samples(row) }
            }
        }
    }
}

/// Lists the aggregates of a column.
fn aggregates(column: &Column) -> String {
    let mut all = vec!["value"];
    all.extend((column.nature == Nature::Events).then_some("count"));
    all.extend(column.whole.map(|_| "rate"));
    format!("{} and, over repeats, avg, min, max and med", all.join(", "))
}

fn dimension(column: &Column) -> Option<Dimension> {
    match column.nature {
        Nature::Share => Some(Dimension::SHARE),
        _ => Dimension::of(column.unit),
    }
}

fn latency(metric: Metric, aggregate: &Aggregate, row: &Row) -> SampledFigure {
    let all = row.latency(metric);
    let statistic = |s| all.stat(s).clone();
    let figure = match aggregate {
        Aggregate::Avg => statistic(Statistic::Mean),
        Aggregate::Min => statistic(Statistic::Min),
        Aggregate::Max => statistic(Statistic::Max),
        Aggregate::Count => Figure::count(all.count),
        other => match other.quantile() {
            Some(quantile) => all.quantile(quantile),
            None => Figure::absent(format!("latencies have no {other}")),
        },
    };
    SampledFigure { figure, samples: all.count }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_numeric_column_has_a_dimension() {
        for column in columns().iter().filter(|c| c.is_number()) {
            assert!(dimension(column).is_some(), "{} in {}", column.name, column.unit);
            assert!(LimitMetric::find(&column.name).is_ok(), "{}", column.name);
        }
    }

    #[test]
    fn a_former_name_finds_the_column_of_today() {
        for column in columns().iter().filter(|c| c.is_number()) {
            for former in &column.formerly {
                let found = LimitMetric::find(former).expect(former);
                assert_eq!(found, LimitMetric::find(&column.name).expect(&column.name));
            }
        }
        let former = "delivery_latency_law_distance"; // formerly
        let Ok(LimitMetric::Column { column, .. }) = LimitMetric::find(former) else {
            panic!("{former} is not found")
        };
        assert_eq!(column.name, "delivery_latency_distribution_distance");
    }

    #[test]
    fn metrics_have_their_aggregates() {
        let found = |name: &str, aggregate: Option<Aggregate>| {
            let measure = LimitMetric::find(name).expect(name);
            measure.dimension(aggregate.as_ref()).map(Dimension::describe)
        };
        let p95 = || Some(Aggregate::Percentile(95.0));
        assert_eq!(found("delivery_latency", p95()), Ok("a time"));
        assert_eq!(found("delivery_latency", Some(Aggregate::Count)), Ok("a bare number"));
        assert_eq!(found("updates_delivered", Some(Aggregate::Rate)), Ok("a share"));
        assert_eq!(found("faults", Some(Aggregate::Count)), Ok("a bare number"));
        assert_eq!(
            found("overhead_bytes_per_message", Some(Aggregate::Max)),
            Ok("a number of bytes")
        );
        assert_eq!(found("payload_bytes", None), Ok("a number of bytes"));
        assert_eq!(found("empty_poll_share", None), Ok("a share"));
        let error = found("delivery_latency", None).unwrap_err();
        assert!(error.contains("needs an aggregate"), "{error}");
        let error = found("wire_bytes_per_message", p95()).unwrap_err();
        assert_eq!(
            error,
            "wire_bytes_per_message has no p(95): it has value and, over repeats, avg, min, max and med"
        );
        let error = found("delivery_latency", Some(Aggregate::Rate)).unwrap_err();
        assert!(error.starts_with("delivery_latency has no rate: latencies have"), "{error}");
    }

    #[test]
    fn counters_of_the_kernel_and_of_processes_are_known_at_the_end() {
        let live = |name: &str, aggregate| LimitMetric::find(name).expect(name).is_live(&aggregate);
        for name in ["overhead_bytes_per_message", "head_chars_per_message", "faults", "turns"] {
            assert!(live(name, Aggregate::Value), "{name}");
        }
        assert!(live("delivery_latency", Aggregate::Max));
        assert!(live("delivery_latency_us_p99", Aggregate::Value));
        assert!(!live("completed", Aggregate::Rate) && live("faults", Aggregate::Rate));
        for name in [
            "ip_bytes_per_message",
            "tcp_segments_per_message",
            "wire_bytes_per_s",
            "server_cpu_us_per_message",
            "clients_connected",
            "turns_not_started",
            "updates_missing",
            "delivery_latency_distribution_distance",
            "audit_mismatched",
            "connects_per_s",
        ] {
            assert!(!live(name, Aggregate::Value), "{name}");
        }
        assert!(!live("updates_duplicated", Aggregate::Rate));
    }

    #[test]
    fn an_unknown_metric_is_refused_with_a_hint() {
        let found = |name: &str| LimitMetric::find(name).expect_err(name);
        assert_eq!(
            found("delivery_latenzy"),
            "unknown metric \"delivery_latenzy\", did you mean \"delivery_latency\"?"
        );
        assert_eq!(found("status"), "status is text: a limit is on a number");
        assert_eq!(found("paced"), "paced is true or false: a limit is on a number");
        assert!(
            found("qqq").contains("; a metric is a latency (delivery_latency, response_latency")
        );
    }
}
