//! What a run's plan says of all its cases: delay, resolution, semantics.
//!
//! Read from the plan's JSON in the header, since a report knows no plan type. What an older file
//! does not say has the value that it then had.

use crate::feed::{Arrivals, MessageClock, MessageSpec, Semantics, TimeSpec, TimeUnit, Workload};
use crate::result::planned;
use serde_json::Value;

/// By how much a machine under load may be late beside its timers' resolution: a kernel's tick is
/// up to 4 ms, its timers fire within 50 µs, and a woken thread waits for a core and for the
/// messages before its own, which on two busy cores takes some hundred microseconds a side.
const TIMERS_ERROR_NS: f64 = 1_000_000.0;

/// By how much a latency may be above its law: updates that share a wake-up wait for up to one
/// resolution at the server and turns at the driver, and the timers' error.
fn late_ns(plan: &Value) -> f64 {
    2.0 * plan["timing"]["resolution_ns"].as_u64().unwrap_or(0) as f64 + TIMERS_ERROR_NS
}

/// What holds for every case of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Setting {
    /// One way between client and server, in nanoseconds.
    pub(super) delay_ns: u64,
    /// What the delay line adds to a round trip, jitter included, in nanoseconds.
    pub(super) delay_line_ns: u64,
    /// By how much a latency may be above its law; see [`late_ns`].
    pub(super) late_ns: f64,
    /// True if every update counts, not the latest alone.
    pub(super) log: bool,
    /// How late the driver may be, in nanoseconds, if the scenario says so.
    pub(super) driver_lateness_ns: Option<u64>,
    /// The law of the gaps between updates.
    pub(super) arrivals: Arrivals,
    /// True if each client's updates have a phase of their own.
    pub(super) spread: bool,
    /// How long updates are held back, in nanoseconds.
    pub(super) batch_ns: u64,
    /// How long the load runs before the measured window, in nanoseconds.
    pub(super) warmup_ns: u64,
    /// What the scenario says of a server's own messages.
    pub(super) own: Option<OwnMessageSetting>,
    /// True if the driver knows which updates are published for which client.
    pub(super) topics_known: bool,
}

/// What a plan says of a server's own messages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct OwnMessageSetting {
    /// Their time.
    pub(super) time: Option<OwnTime>,
    /// Whether they have numbers.
    pub(super) sequence: bool,
    /// Whether they have names.
    pub(super) id: bool,
    /// Whether they belong to channels.
    pub(super) channels: bool,
}

/// What a plan says of the time in messages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct OwnTime {
    pub(super) unit: TimeUnit,
    pub(super) clock: MessageClock,
    pub(super) resolution_ns: u64,
    pub(super) clock_bound_ns: Option<u64>,
    pub(super) replay_ns: u64,
}

impl OwnMessageSetting {
    /// Reads it from the plan's JSON; `None` if the plan has no own messages.
    pub(super) fn of(plan: &Value) -> Option<OwnMessageSetting> {
        if planned(&plan["feed"]["workload"]) == Some(Workload::Echo) {
            // Answers are the clients' own messages.
            return None;
        }
        let spec: MessageSpec = serde_json::from_value(plan.get("message")?.clone()).ok()?;
        let time = spec.time.map(|time| {
            let TimeSpec { unit, clock, resolution_ns, clock_bound_ns, replay_ns, .. } = time;
            OwnTime { unit, clock, resolution_ns, clock_bound_ns, replay_ns }
        });
        Some(OwnMessageSetting {
            time,
            sequence: spec.sequence.is_some(),
            id: spec.id.is_some(),
            channels: spec.channel.is_some(),
        })
    }
}

impl Setting {
    /// What holds for the cases of the bundled server, or of others.
    pub(super) fn of_server(&self, bundled: bool) -> Setting {
        Setting { own: self.own.filter(|_| !bundled), ..*self }
    }

    /// What a plan says.
    pub(super) fn of(plan: &Value) -> Setting {
        // Without an address of its own, only the server knows what a client watches.
        let sourceless = |case: &Value| {
            case["floor"] != true && case["first_source"].as_u64().is_some_and(|n| n == 0)
        };
        let cases = plan["cases"].as_array();
        Setting {
            delay_ns: delay_ns(plan),
            delay_line_ns: delay_ns(plan)
                .saturating_add(plan["delay"]["jitter_ns"].as_u64().unwrap_or(0))
                .saturating_mul(2),
            late_ns: late_ns(plan),
            log: planned(&plan["feed"]["semantics"]) == Some(Semantics::Log),
            driver_lateness_ns: plan["timing"]["driver_lateness_ns"].as_u64(),
            arrivals: planned(&plan["feed"]["arrivals"]).unwrap_or(Arrivals::Periodic),
            spread: plan["feed"]["spread"] != false,
            batch_ns: plan["feed"]["batch_ns"].as_u64().unwrap_or(0),
            warmup_ns: plan["timing"]["warmup_ns"].as_u64().unwrap_or(0),
            own: OwnMessageSetting::of(plan),
            topics_known: !cases.is_some_and(|cases| cases.iter().any(sourceless)),
        }
    }
}

/// One way between client and server, in nanoseconds; 0 if the plan has none.
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
        let read = Setting::of(&plan);
        assert_eq!((read.delay_ns, read.log, read.topics_known), (50_000_000, true, true));
        assert_eq!(read.late_ns, 2e6);
        let foreign = json!({ "cases": [{ "floor": false, "first_source": 0 }] });
        assert!(!Setting::of(&foreign).topics_known);
        assert!(!Setting::of(&json!([1, 2])).log);
    }

    #[test]
    fn timers_are_allowed_two_resolutions_and_a_millisecond() {
        let plan = serde_json::json!({ "timing": { "resolution_ns": 500_000 } });
        assert_eq!(late_ns(&plan), 2e6);
        assert_eq!(late_ns(&Value::Null), 1e6);
    }
}
