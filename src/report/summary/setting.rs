//! What a run's plan says of all its cases: delay, resolution, semantics.
//!
//! Read from the plan's JSON in the header, since a report knows no plan type. What an older file
//! does not say has the value that it then had.

use crate::report::summary::predict;
use serde_json::Value;

/// What holds for every case of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Setting {
    /// One way between client and server, in nanoseconds.
    pub(super) delay_ns: u64,
    /// By how much a latency may be above its law; see [`predict::late_ns`].
    pub(super) late_ns: f64,
    /// True where every update counts, not the latest alone.
    pub(super) log: bool,
    /// True where each client's updates have a phase of their own.
    pub(super) spread: bool,
    /// How long updates are held back, in nanoseconds.
    pub(super) batch_ns: u64,
    /// True where the driver knows which updates are published for which client.
    pub(super) topics_known: bool,
}

impl Setting {
    /// What a plan says.
    pub(super) fn of(plan: &Value) -> Setting {
        // Without an address of its own, only the server knows what a client watches.
        let sourceless = |case: &Value| {
            case["floor"] != true && case["first_source"].as_u64().is_some_and(|n| n == 0)
        };
        let cases = plan["cases"].as_array();
        Setting {
            delay_ns: delay_ns(plan),
            late_ns: predict::late_ns(plan),
            log: plan["feed"]["semantics"] == "log",
            spread: plan["feed"]["spread"] != false,
            batch_ns: plan["feed"]["batch_ns"].as_u64().unwrap_or(0),
            topics_known: !cases.is_some_and(|cases| cases.iter().any(sourceless)),
        }
    }
}

/// One way between client and server, in nanoseconds; 0 where the plan has no line.
fn delay_ns(plan: &Value) -> u64 {
    plan["delay"]["one_way_ns"].as_u64().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_plan_does_not_say_is_as_it_was() {
        let silent = Setting::of(&json!({}));
        assert_eq!((silent.delay_ns, silent.log, silent.topics_known), (0, false, true));
        assert_eq!(silent.late_ns, 1e6);
        let plan = json!({
            "delay": { "one_way_ns": 50_000_000 },
            "feed": { "semantics": "log" },
            "timing": { "resolution_ns": 500_000 },
            "cases": [{ "floor": true, "first_source": 0 }, { "floor": false, "first_source": 7 }],
        });
        let told = Setting::of(&plan);
        assert_eq!((told.delay_ns, told.log, told.topics_known), (50_000_000, true, true));
        assert_eq!(told.late_ns, 2e6);
        let foreign = json!({ "cases": [{ "floor": false, "first_source": 0 }] });
        assert!(!Setting::of(&foreign).topics_known);
        assert!(!Setting::of(&json!([1, 2])).log);
    }
}
