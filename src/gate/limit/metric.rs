//! The metrics of limits: latencies and the numeric columns of `summary.csv`, with their aggregates,
//! their figures in a row, and the number of values behind each.

use crate::config::nearest;
use crate::gate::limit::condition::Aggregate;
use crate::gate::limit::unit::Dimension;
use crate::record::Metric;
use crate::report::Figure;
use crate::report::layer::{Layer, Statistic};
use crate::report::metrics::{Cell, Column, Kind, columns};
use crate::report::table::Row;

/// Columns that are a part of a whole, from 0 to 1.
const SHARES: [&str; 3] =
    ["empty_poll_share", "fanout_completeness_min", "fanout_completeness_mean"];
/// Columns that count events, beside those whose cells are counts.
const COUNTED: [&str; 8] = [
    "updates_published",
    "updates_delivered",
    "updates_superseded",
    "updates_missing",
    "updates_duplicated",
    "updates_reordered",
    "reconnect_gaps",
    "empty_polls",
];
/// Columns that are known while a case runs, beside latencies and the bytes of a message.
const LIVE: [&str; 14] = [
    "turns",
    "completed",
    "messages",
    "repeated",
    "superseded",
    "lost",
    "reconnects",
    "faults",
    "negative_latencies",
    "updates_duplicated",
    "updates_reordered",
    "reconnect_gaps",
    "empty_polls",
    "sent",
];
/// Of these counts `rate` is the share of a whole, and what the whole is.
const WHOLES: [(&str, &str); 11] = [
    ("updates_delivered", "updates_published"),
    ("updates_superseded", "updates_published"),
    ("updates_missing", "updates_published"),
    ("updates_duplicated", "updates_published"),
    ("updates_reordered", "updates_published"),
    ("clients_connected", "clients asked for"),
    ("completed", "turns"),
    ("faults", "completed and faults"),
    ("empty_polls", "completed"),
    ("repeated", "completed"),
    ("lost", "messages and lost"),
];

/// A metric that a limit can be on.
#[derive(Debug, Clone, PartialEq)]
pub enum LimitMetric {
    /// A distribution of latencies.
    Latency(Metric),
    /// A numeric column of `summary.csv`.
    Column {
        /// Its name.
        name: String,
        /// What it counts.
        dimension: Dimension,
        /// True if it counts events.
        counts: bool,
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

impl LimitMetric {
    /// Finds the metric of a name.
    ///
    /// # Errors
    /// A sentence, if there is none or it is not a number.
    pub fn find(name: &str) -> Result<LimitMetric, String> {
        if let Some(metric) = Metric::ALL.into_iter().find(|m| m.name() == name) {
            return Ok(LimitMetric::Latency(metric));
        }
        let all = columns();
        let Some(column) = all.iter().find(|c| c.name == name) else {
            let names = all.iter().filter(|c| is_number(c)).map(|c| c.name.as_str());
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
        match column.kind {
            Kind::Text => return Err(format!("{name} is text: a limit is on a number")),
            Kind::Flag => return Err(format!("{name} is true or false: a limit is on a number")),
            Kind::Count | Kind::Number => {}
        }
        let counts = COUNTED.contains(&name) || (column.kind == Kind::Count && !is_setting(name));
        // Every unit of a column is known: a test goes through them.
        let dimension = dimension(column).unwrap_or(Dimension::NUMBER);
        Ok(LimitMetric::Column { name: column.name.clone(), dimension, counts })
    }

    /// Returns what its figure counts under an aggregate.
    ///
    /// # Errors
    /// A sentence, if it has no such aggregate or needs one.
    pub fn dimension(&self, aggregate: Option<&Aggregate>) -> Result<Dimension, String> {
        match self {
            LimitMetric::Latency(metric) => {
                let name = metric.name();
                let offer = "avg, min, max, med, p(N) and count";
                match aggregate {
                    None => Err(format!(
                        "{name} is a distribution of latencies and needs an aggregate; it has \
                         {offer}: write for example p(95)"
                    )),
                    Some(Aggregate::Count) => Ok(Dimension::NUMBER),
                    Some(Aggregate::Rate | Aggregate::Value) => {
                        let given = aggregate.map(Aggregate::to_string).unwrap_or_default();
                        Err(format!("{name} has no {given}: latencies have {offer}"))
                    }
                    Some(_) => Ok(Dimension::LATENCY),
                }
            }
            LimitMetric::Column { name, dimension, counts } => match aggregate {
                Some(Aggregate::Rate) if whole(name).is_some() => Ok(Dimension::SHARE),
                Some(Aggregate::Count) if *counts => Ok(*dimension),
                Some(a @ (Aggregate::Rate | Aggregate::Count | Aggregate::Percentile(_))) => {
                    Err(format!("{name} has no {a}: it has {}", self.aggregates()))
                }
                _ => Ok(*dimension),
            },
        }
    }

    /// Returns the name of a column that is a part of a whole.
    pub fn part(&self) -> Option<&str> {
        match self {
            LimitMetric::Column { name, .. } => whole(name).map(|_| name.as_str()),
            LimitMetric::Latency(_) => None,
        }
    }

    /// Lists the aggregates of a column.
    fn aggregates(&self) -> String {
        let LimitMetric::Column { name, counts, .. } = self else { return String::new() };
        let mut all = vec!["value"];
        all.extend(counts.then_some("count"));
        all.extend(whole(name).map(|_| "rate"));
        format!("{} and, over repeats, avg, min, max and med", all.join(", "))
    }

    /// True if it is known while a case runs, false if only at its end.
    pub fn is_live(&self, aggregate: &Aggregate) -> bool {
        match self {
            LimitMetric::Latency(_) => true,
            LimitMetric::Column { name, .. } => match (aggregate, whole(name)) {
                // Turns count when they begin, and exchanges once they are complete.
                (Aggregate::Rate, Some("updates_published" | "clients asked for" | "turns")) => {
                    false
                }
                _ => LIVE.contains(&name.as_str()) || is_of_latency(name) || is_of_message(name),
            },
        }
    }

    /// True if it never falls while a case runs.
    pub fn grows(&self, aggregate: &Aggregate) -> bool {
        match (self, aggregate) {
            (_, Aggregate::Count) => true,
            (_, Aggregate::Rate) | (LimitMetric::Latency(_), _) => false,
            (LimitMetric::Column { name, .. }, _) => {
                LIVE.contains(&name.as_str()) || name.ends_with("_count")
            }
        }
    }

    /// Returns the figure of a row, all repeats together. Without repeats, a column's smallest,
    /// largest and mean are its one value.
    pub fn of(&self, aggregate: &Aggregate, row: &Row, columns: &[Column]) -> SampledFigure {
        match self {
            LimitMetric::Latency(metric) => latency(*metric, aggregate, row),
            LimitMetric::Column { name, .. } => {
                let figure = match aggregate {
                    Aggregate::Rate => rate(name, row, columns),
                    _ => column(name, row, columns),
                };
                SampledFigure { figure, samples: samples(name, row) }
            }
        }
    }
}

fn is_number(column: &Column) -> bool {
    matches!(column.kind, Kind::Count | Kind::Number)
}

/// Columns of whole numbers that count nothing that happened.
fn is_setting(name: &str) -> bool {
    matches!(name, "clients" | "payload_bytes" | "repeats")
}

fn dimension(column: &Column) -> Option<Dimension> {
    match column.name.as_str() {
        "payload_bytes" => Dimension::of("bytes"),
        name if SHARES.contains(&name) || name.starts_with("relative_deviation_") => {
            Some(Dimension::SHARE)
        }
        _ => Dimension::of(column.unit),
    }
}

fn whole(name: &str) -> Option<&'static str> {
    WHOLES.iter().find(|(part, _)| *part == name).map(|(_, whole)| *whole)
}

/// The latency that a column is of.
fn latency_of(name: &str) -> Option<Metric> {
    Metric::ALL.into_iter().find(|m| name.starts_with(m.name()))
}

fn is_of_latency(name: &str) -> bool {
    let rest = latency_of(name).and_then(|m| name.strip_prefix(m.name()));
    rest.is_some_and(|rest| rest == "_count" || rest.starts_with("_us_"))
}

/// True for bytes and characters of a message, which the driver counts. The kernel counts packets,
/// and its counters are read at the end.
fn is_of_message(name: &str) -> bool {
    let own = |layer: Layer| !layer.is_kernels() && name.starts_with(layer.name());
    let each = name.ends_with("_per_message") || name.ends_with("_per_delivered");
    each && Layer::all().any(own)
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

fn column(name: &str, row: &Row, columns: &[Column]) -> Figure {
    match columns.iter().find(|c| c.name == name).map(|c| c.get(row)) {
        Some(Cell::Count(count)) => Figure::count(count),
        Some(Cell::Number(figure)) => figure,
        _ => Figure::absent(format!("{name} is no numeric column")),
    }
}

fn rate(name: &str, row: &Row, columns: &[Column]) -> Figure {
    let part = column(name, row, columns);
    let events = &row.events;
    let sum = |a: u64, b: u64| Figure::count(a.saturating_add(b));
    let (whole, nothing) = match whole(name) {
        Some("updates_published") => (row.delivery.published.clone(), "no update was published"),
        Some("clients asked for") => (Figure::count(row.asked), "no client was asked for"),
        Some("turns") => (Figure::count(events.turns), "no turn was due"),
        Some("completed and faults") => (sum(events.completed, events.faults), "nothing happened"),
        Some("completed") => (Figure::count(events.completed), "no exchange was completed"),
        Some("messages and lost") => (sum(events.messages, events.lost), "nothing was received"),
        _ => (Figure::absent("it is no part of a whole"), ""),
    };
    part.over(&whole, nothing)
}

/// Returns the number of values behind a column of a row; by default its messages.
fn samples(name: &str, row: &Row) -> u64 {
    let whole = |figure: &Figure| figure.value().map_or(0, |v| v as u64);
    let events = &row.events;
    match name {
        "updates_published" | "updates_delivered" | "updates_superseded" | "updates_missing" => {
            whole(&row.delivery.published)
        }
        "clients_connected" => row.asked,
        "reconnects" | "connect_wall_s" | "connects_per_s" => row.connected,
        "turns" => events.turns,
        "faults" => events.completed.saturating_add(events.faults),
        _ if name.starts_with("audit_") => whole(&row.audit.connections),
        _ if name.starts_with("fanout_") => row.fanout.posts,
        _ => match latency_of(name) {
            Some(metric) => row.latency(metric).count,
            None => events.per_message_divisor,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_numeric_column_has_a_dimension() {
        for column in columns().iter().filter(|c| is_number(c)) {
            assert!(dimension(column).is_some(), "{} in {}", column.name, column.unit);
            assert!(LimitMetric::find(&column.name).is_ok(), "{}", column.name);
        }
        let known = |name: &str| columns().iter().any(|c| c.name == name && is_number(c));
        let wholes = WHOLES.map(|(name, _)| name);
        for name in SHARES.iter().chain(&COUNTED).chain(&LIVE).chain(&wholes) {
            assert!(known(name), "{name}");
        }
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
            "turns_unreached",
            "updates_missing",
            "delivery_latency_law_distance",
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
