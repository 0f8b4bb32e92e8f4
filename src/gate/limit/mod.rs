//! A scenario's `[[limit]]`: a figure of a run against a bound with a unit, close to k6's
//! thresholds, also between two series.
//!
//! | file | what |
//! |---|---|
//! | `condition` `grammar` | a condition taken apart, and how that is done |
//! | `unit` | the units that fit a figure, exactly |
//! | `metric` | what there is to judge, and the values behind it |
//! | `rule` | a condition that can be judged |
//! | `judge` | a run's findings |
//! | `watch` | `abort_on_fail`: the same while the run goes on |
//!
//! Limits stand in the header of a result and not in its plan: results with other limits still
//! merge and compare, and `wsbench report` judges again.
//!
//! A figure without samples fails, and so does one that is absent. Several repeats are one row, as
//! in the reports; `min`, `max`, `avg` and `med` of a column are over its repeats, each summarised
//! by itself. Percentiles are those of the merged histogram, never of percentiles.

mod condition;
mod grammar;
mod judge;
mod metric;
mod rule;
mod unit;
mod watch;

pub use grammar::parse;
pub use judge::judged;
pub(crate) use metric::Measure;
pub(crate) use rule::Refused;
pub use rule::{Part, Rule};
pub use watch::Watch;

use crate::report::table::Row;
use crate::result::Header;
use serde::{Deserialize, Serialize};

/// One limit, as the scenario has it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Limit {
    /// What it is on, where the condition does not name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// Labels or transports of the series that are judged; all where empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<String>,
    /// Client counts that are judged; all where empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub clients: Vec<u32>,
    /// The condition as it was written.
    pub condition: String,
    /// True where the run ends once it does not hold.
    #[serde(skip_serializing_if = "is_false")]
    pub abort_on_fail: bool,
    /// Nanoseconds of a case's measured window before it may end the run.
    #[serde(skip_serializing_if = "is_zero")]
    pub delay_abort_eval_ns: u64,
    /// One sentence on what it tests.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub about: String,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Limit {
    /// The rule that it is.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn rule(&self) -> Result<Rule, Vec<Refused>> {
        Rule::read(self.metric.as_deref(), &self.condition)
    }
    /// The whole condition on one line: `delivery_latency p(95) < 20ms`.
    pub fn words(&self) -> String {
        match self.rule() {
            Ok(rule) => format!("{} {}", rule.expression, rule.bound_text),
            Err(_) => {
                let metric = self.metric.as_deref().unwrap_or_default();
                format!("{metric} {}", self.condition).trim().to_owned()
            }
        }
    }
}

/// Limits as a result's header holds them.
pub fn written(limits: &[Limit]) -> Vec<serde_json::Value> {
    // Numbers, text and lists: nothing that JSON cannot hold.
    limits.iter().map(|limit| serde_json::to_value(limit).expect("a limit is JSON")).collect()
}

/// The limits of a result's header; a sentence in place of one that cannot be read.
pub(crate) fn of_header(header: &Header) -> Vec<Result<Limit, String>> {
    let read = |value: &serde_json::Value| {
        Limit::deserialize(value).map_err(|e| format!("the file's limit cannot be read: {e}"))
    };
    header.limits.iter().map(read).collect()
}

/// The rows that a label or a transport means: the one of the label, or all of the transport.
fn matching<'t>(rows: &[&'t Row], selector: &str) -> Vec<&'t Row> {
    let by = |of: fn(&Row) -> &str| -> Vec<&'t Row> {
        rows.iter().copied().filter(|row| of(row) == selector).collect()
    };
    let labelled = by(|row| &row.series);
    if labelled.is_empty() { by(|row| &row.transport) } else { labelled }
}
