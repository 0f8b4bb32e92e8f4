//! A scenario's `[[limit]]`: a figure of a run against a bound with a unit, close to k6's
//! thresholds, also between two series.
//!
//! | file | what |
//! |---|---|
//! | `condition` `grammar` | the parts of a condition, and reading them from text |
//! | `unit` | the units that fit a figure, exactly |
//! | `metric` | what a limit can be on, and the number of values behind a figure |
//! | `rule` | a condition with its metrics and units |
//! | `judge` | a run's findings |
//! | `watch` | `abort_on_fail`: limits that end a run |
//!
//! Limits stand in the header of a result and not in its plan: results with other limits still
//! merge and compare, and `wsbench report` judges again.
//!
//! A figure that is absent, or has no samples, fails. Several repeats are one row, as in the
//! reports; `min`, `max`, `avg` and `med` of a column are over its repeats, each summarised by
//! itself. Percentiles are those of the merged histogram, never of percentiles.

mod condition;
mod grammar;
mod judge;
mod metric;
mod rule;
mod unit;
mod watch;

pub use condition::{ErrorPlace, LimitError};
pub use grammar::parse;
pub use judge::summarise_and_judge;
pub use rule::Rule;
pub(crate) use unit::Dimension;
pub(crate) use watch::LimitState;
pub use watch::LimitWatch;

use crate::report::table::Row;
use crate::result::Header;
use serde::{Deserialize, Serialize};

/// One limit, as the scenario has it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Limit {
    /// What it is on, if the condition does not name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// Labels or transports of the series that are evaluated; all if empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<String>,
    /// Client counts that are evaluated; all if empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub clients: Vec<u32>,
    /// The condition as it was written.
    pub condition: String,
    /// True if the run ends once it does not hold.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub abort_on_fail: bool,
    /// Nanoseconds of a case's measured window before it may end the run.
    #[serde(skip_serializing_if = "is_zero")]
    pub delay_abort_eval_ns: u64,
    /// One sentence on what it tests.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub about: String,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Limit {
    /// Reads it as a rule.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn rule(&self) -> Result<Rule, Vec<LimitError>> {
        Rule::read(self.metric.as_deref(), &self.condition)
    }
    /// Returns the whole condition on one line: `delivery_latency p(95) < 20ms`.
    pub fn describe(&self) -> String {
        match self.rule() {
            Ok(rule) => format!("{} {}", rule.expression, rule.bound_text),
            Err(_) => {
                let metric = self.metric.as_deref().unwrap_or_default();
                format!("{metric} {}", self.condition).trim().to_owned()
            }
        }
    }
}

/// Returns limits as a result's header holds them.
pub fn limits_to_json(limits: &[Limit]) -> Vec<serde_json::Value> {
    // Numbers, text and lists: nothing that JSON cannot hold.
    limits.iter().map(|limit| serde_json::to_value(limit).expect("a limit is JSON")).collect()
}

/// Reads the limits of a result's header; a sentence in place of one that cannot be read.
pub(crate) fn limits_of(header: &Header) -> Vec<Result<Limit, String>> {
    let read = |value: &serde_json::Value| {
        Limit::deserialize(value).map_err(|e| format!("the file's limit cannot be read: {e}"))
    };
    header.limits.iter().map(read).collect()
}

/// Returns the row of a label, or all rows of a transport.
fn matching<'t>(rows: &[&'t Row], selector: &str) -> Vec<&'t Row> {
    let by = |of: fn(&Row) -> &str| -> Vec<&'t Row> {
        rows.iter().copied().filter(|row| of(row) == selector).collect()
    };
    let labelled = by(|row| &row.series);
    if labelled.is_empty() { by(|row| &row.transport) } else { labelled }
}
