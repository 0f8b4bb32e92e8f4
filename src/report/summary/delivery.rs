//! What reached the clients of what was published, and how old what they have is.
//!
//! Separate from `times`, whose latencies are of single updates: here updates are added up.

use crate::feed::Workload;
use crate::record::{Part, Phase};
use crate::report::figure::Figure;
use crate::report::summary::group::Group;
use crate::report::summary::message_times;
use crate::report::summary::remarks;
use crate::report::summary::setting::Setting;
use crate::report::table::Delivery;
use crate::report::time_quality::TimeQuality;

/// The counts of the measured windows. The age's area is in units of 10⁹ ns², which are µs·ms.
pub(super) fn delivery(group: &Group, setting: &Setting, times: &TimeQuality) -> Delivery {
    let cell = &group.total.phases[Phase::Steady];
    let counts = &cell.counts;
    let missing = message_times::missing_numbers(group, setting);
    let ledger = |count: u64| match (unknown(group, setting), &missing) {
        // What was counted without numbers counts no loss.
        (Some(_), Some(why)) => Figure::absent(why.as_ref()),
        // Whoever counts knows.
        (Some(why), None) if counts.updates_published == 0 => Figure::absent(why),
        _ => Figure::count(count),
    };
    let came = |count: u64| {
        if group.info.floor {
            Figure::absent("the floor has no network")
        } else if group.cases.is_empty() {
            Figure::absent("the case did not run")
        } else {
            match message_times::no_numbers(group, setting) {
                Some(why) => Figure::absent(why),
                None => Figure::count(count),
            }
        }
    };
    let asked_of = |count: u64| {
        if group.cases.is_empty() || group.info.floor {
            came(count)
        } else if setting.own.is_some() {
            // An answer without a number is known again by its name or time.
            Figure::count(count)
        } else {
            came(count)
        }
    };
    let asked = |count: u64| match asked_of(count) {
        Figure::Known(_) if !asks(group) => {
            Figure::absent_by_scenario("the transport is pushed to: it has no polls")
        }
        figure => figure,
    };
    let wire = Figure::count(cell.ledger.up.wire.get() + cell.ledger.down.wire.get());
    Delivery {
        published: ledger(counts.updates_published),
        delivered: ledger(counts.updates_delivered),
        superseded: ledger(counts.updates_superseded),
        missing: ledger(counts.updates_missing),
        duplicated: came(counts.updates_duplicated),
        reordered: came(counts.updates_reordered),
        reconnect_gaps: came(counts.reconnect_gaps),
        empty_polls: asked(counts.empty_polls),
        empty_poll_bytes: asked(counts.empty_poll_bytes),
        empty_poll_share: asked(counts.empty_poll_bytes).over(&wire, "nothing was moved"),
        sent: counts.sent,
        age_us: age(group, setting, times),
    }
}

/// True if the client asks for each message.
pub(super) fn asks(group: &Group) -> bool {
    let heads = |m: &crate::predict::MessageShare| m.exchange.ledger.up[Part::Heads] > 0;
    let by_model = group.info.model.as_ref().is_some_and(|m| m.messages.iter().any(heads));
    by_model || group.info.paced || group.counts().empty_polls > 0
}

/// Why nobody knows what was published.
pub(super) fn unknown(group: &Group, setting: &Setting) -> Option<&'static str> {
    match group.info.workload {
        _ if !group.info.network => Some("the floor has no network"),
        _ if group.cases.is_empty() => Some("the case did not run"),
        _ if !group.info.bundled_server => {
            Some("the server is not the bundled one: what it published is not known")
        }
        Workload::Ticker if setting.topics_known => None,
        Workload::Ticker => Some("the server alone knows which updates are a client's"),
        _ => Some("what clients send is not known beforehand"),
    }
}

/// Of clients' time in the measured windows, how much must have a known age.
const AGE_SEEN_AT_LEAST: f64 = 0.9;

/// The measured windows of all clients, in microseconds.
fn window_us(group: &Group) -> f64 {
    let windows = group.ends.iter().map(|e| e.duration_ns as f64 / 1e3).sum::<f64>();
    windows * f64::from(group.info.clients)
}

fn age(group: &Group, setting: &Setting, times: &TimeQuality) -> Figure {
    let counts = group.counts();
    if let Some(why) = &times.untrue {
        return Figure::absent(why.as_str());
    }
    match counts.age_time_us {
        _ if group.info.floor => Figure::absent("the floor has no network"),
        0 if group.cases.is_empty() => Figure::absent("the case did not run"),
        0 if group.info.is_shared() => Figure::absent_by_scenario("a broadcast has no one state"),
        0 if group.info.workload == Workload::Echo => {
            Figure::absent("an echo has no state that ages")
        }
        0 if setting.own.is_some_and(|own| own.channels) => {
            Figure::absent_by_scenario("the messages of several channels have no one state")
        }
        0 if counts.unstamped > 0 => without_times(group, setting),
        // What came before the window may have had a time, but what came in it is newer.
        _ if counts.messages > 0 && counts.unstamped >= counts.messages => {
            without_times(group, setting)
        }
        0 => Figure::absent("no client had an update in the measured window"),
        time if (time as f64) < AGE_SEEN_AT_LEAST * window_us(group) => Figure::absent(
            "too many clients had their first update within the measured window: how old what \
             they had before it was is unknown, and it was the oldest",
        ),
        time => times.known_us(counts.age_area_us_ms as f64 * 1000.0 / time as f64),
    }
}

/// Returns that no age is known, since messages have no time.
fn without_times(group: &Group, setting: &Setting) -> Figure {
    Figure::absent(
        message_times::no_times(group, setting)
            .unwrap_or_else(|| remarks::no_stamp(group.counts()).to_owned()),
    )
}
