//! That clients got no update, none any more or none for a time, and that a server which is polled answered nobody
//! for a time, in sentences.
//!
//! None of it fails a row by itself: if the scenario states no rate, nothing says what should come.

use crate::feed::{Arrivals, Workload};
use crate::record::{Counts, LEAST_UPDATES, Metric};
use crate::report::summary::delivery;
use crate::report::summary::group::Group;
use crate::report::summary::rate;
use crate::report::summary::setting::Setting;
use crate::units::{human_ns, thousands};
use hdrhistogram::Histogram;

/// Of a Poisson process of which so many updates are expected none comes once in 500 million times.
const POISSON_LEAST: f64 = 20.0;
/// Of updates at equal intervals one comes at least.
const PERIODIC_LEAST: f64 = 2.0;

/// The part of the measured window for which an answer that is awaited makes a silence.
const LEAST_SHARE: f64 = 0.1;
/// And how many times as long as the usual answer it must take.
const TIMES_MEDIAN: f64 = 10.0;
/// The same if the scenario states that updates come at equal intervals.
const TIMES_PERIOD: f64 = 3.0;
/// The same of a Poisson process: as rare as [`POISSON_LEAST`] makes it.
const TIMES_MEDIAN_AT_RANDOM: f64 = POISSON_LEAST / std::f64::consts::LN_2;

/// Returns the sentences, without their full stops.
pub(super) fn notes(group: &Group, setting: &Setting) -> Vec<String> {
    let info = group.info;
    if !info.network || info.bundled_server {
        return Vec::new();
    }
    let none_any_more = || stopped(group, setting);
    if info.paced {
        let found = unanswered(group).or_else(none_any_more);
        let found = found.or_else(|| nothing_new(group, setting));
        let found = found.or_else(|| paused(group, setting)).or_else(|| once(group, setting));
        // If nothing new came at all, another remark says so.
        let silent = silent(group, setting).filter(|_| group.counts().messages > 0);
        return silent.into_iter().chain(found).collect();
    }
    // If nothing came at all, a check says so.
    if info.workload != Workload::Ticker || group.counts().messages == 0 {
        return Vec::new();
    }
    let found = none_any_more();
    let asks = delivery::asks(group);
    let found = found.or_else(|| nothing_new(group, setting).filter(|_| asks));
    let found = found.or_else(|| uneven(group, setting).filter(|_| !asks));
    let found = found.or_else(|| paused(group, setting)).or_else(|| once(group, setting));
    silent(group, setting).into_iter().chain(found).collect()
}

/// Returns what did not come: of what tells updates apart, those that are new.
fn of_what(group: &Group, setting: &Setting) -> &'static str {
    let counts = group.counts();
    let has_updates = setting.own.is_some() || counts.unstamped < counts.messages;
    if has_updates || delivery::asks(group) { "no new update" } else { "no message" }
}

/// Returns to whom something did not come, unless that is to all.
fn to_whom(group: &Group, clients: u64, others: u64) -> String {
    if clients.saturating_add(others) >= group.asked() {
        return String::new();
    }
    format!(" to {} of {} clients", thousands(clients), thousands(group.asked()))
}

/// Returns how many times as long as the usual time something took, of so many clients together.
fn times_usual(took_us: u64, usual_us: u64) -> String {
    match took_us.checked_div(usual_us) {
        Some(times) => format!("{} times", thousands(times)),
        None => "far longer than".to_owned(),
    }
}

/// Returns the mean of what so many clients have together, in nanoseconds.
fn mean_ns(together_us: u64, clients: u64) -> f64 {
    together_us as f64 * 1e3 / clients.max(1) as f64
}

/// Returns the length of one client's measured window.
fn window_ns(group: &Group) -> f64 {
    group.measured_s() * 1e9 / group.ends.len().max(1) as f64
}

/// Returns by how much the driver was late at most.
fn latest_ns(group: &Group) -> u64 {
    let latest = |metric| group.total.latency.of(metric).map_or(0, Histogram::max);
    latest(Metric::ProbeLateness).max(latest(Metric::DriverLag))
}

/// Says that polls waited for their answers for a part of the window, unless the driver was late by as much:
/// the polls that wait behind them are all answered at once, so that no count shows it.
fn unanswered(group: &Group) -> Option<String> {
    let answers = group.total.latency.of(Metric::ServiceTime)?;
    let window_ns = window_ns(group);
    let usual_ns = answers.value_at_quantile(0.5);
    let least_ns = (window_ns * LEAST_SHARE).max(usual_ns as f64 * TIMES_MEDIAN);
    let longest_ns = answers.max();
    if least_ns <= 0.0 || (longest_ns as f64) < least_ns || latest_ns(group) >= longest_ns {
        return None;
    }
    let waited = answers.count_between(least_ns as u64, longest_ns);
    Some(format!(
        "the server was silent for up to {} of the measured {}: {} of {} answers took longer than {}, and usual is \
         {}. The polls that waited behind them were sent afterwards, so that no count shows it",
        human_ns(longest_ns as f64),
        human_ns(window_ns),
        thousands(waited),
        thousands(answers.len()),
        human_ns(least_ns),
        human_ns(usual_ns as f64)
    ))
}

/// Says that clients which ask got nothing new for a part of the window, unless the driver was late by as much.
/// The next new update stands for all that was published meanwhile, so that no count shows it.
fn nothing_new(group: &Group, setting: &Setting) -> Option<String> {
    if !rate::polled_before(group, setting) {
        return None;
    }
    let ages = group.total.latency.of(Metric::PeakAge)?;
    let window_ns = window_ns(group);
    let usual_ns = ages.value_at_quantile(0.5);
    let times = match setting.arrivals {
        Arrivals::Periodic if group.info.feed_rate_stated => TIMES_PERIOD,
        Arrivals::Periodic => TIMES_MEDIAN,
        Arrivals::Poisson => TIMES_MEDIAN_AT_RANDOM,
    };
    let least_ns = (window_ns * LEAST_SHARE).max(usual_ns as f64 * times);
    let longest_ns = ages.max();
    if least_ns <= 0.0 || (longest_ns as f64) < least_ns || latest_ns(group) >= longest_ns {
        return None;
    }
    Some(format!(
        "nothing new came for up to {} of the measured {}, and usual is {}: the update after it stands for those \
         before it, so that no count shows it",
        human_ns(longest_ns as f64),
        human_ns(window_ns),
        human_ns(usual_ns as f64)
    ))
}

/// Whether fewer updates of a client than would show a silence are what the stated rate makes.
fn may_be_none(group: &Group, setting: &Setting) -> bool {
    let info = group.info;
    let least = match setting.arrivals {
        Arrivals::Periodic => PERIODIC_LEAST,
        Arrivals::Poisson => POISSON_LEAST,
    };
    info.feed_rate_stated && info.feed_rate_hz * window_ns(group) / 1e9 < least
}

/// Says that no message came to some clients, unless that is what the stated rate makes.
fn silent(group: &Group, setting: &Setting) -> Option<String> {
    let silent = group.counts().silent_clients;
    (silent > 0 && !may_be_none(group, setting)).then(|| {
        format!(
            "{} of {} clients got {} in the measured window",
            thousands(silent),
            thousands(group.asked()),
            of_what(group, setting)
        )
    })
}

/// Says that no client got more than one update, which may be what it got as it connected, unless that is what the
/// stated rate makes.
fn once(group: &Group, setting: &Setting) -> Option<String> {
    no_more_than_one(group.counts(), group.asked()).filter(|_| !may_be_none(group, setting))
}

fn no_more_than_one(counts: &Counts, asked: u64) -> Option<String> {
    let &Counts { once_clients, silent_clients, .. } = counts;
    (once_clients > 0 && once_clients.saturating_add(silent_clients) >= asked).then(|| {
        format!(
            "one update came to {} of {} clients in the measured window, and no more: that says nothing of a feed, so \
             check that the server publishes, or measure for longer",
            thousands(once_clients),
            thousands(asked)
        )
    })
}

/// Says that updates stopped to come before the end of the window, unless the driver was late by as much.
fn stopped(group: &Group, setting: &Setting) -> Option<String> {
    let counts = group.counts();
    let stopped = counts.stopped_clients;
    let silence_ns = mean_ns(counts.stopped_silence_us, stopped);
    if stopped == 0 || latest_ns(group) as f64 >= silence_ns {
        return None;
    }
    let said = format!(
        "{} came{} in the last {} of the window",
        of_what(group, setting),
        to_whom(group, stopped, counts.silent_clients),
        human_ns(silence_ns)
    );
    // Files of before these were counted have clients with many alone.
    let came = counts.stopped_updates;
    if came > 0 && came < LEAST_UPDATES.saturating_mul(stopped) {
        return (!may_be_none(group, setting)).then(|| {
            format!(
                "{said}, and {} before in all: if the feed is as slow as that, measure for longer, or set rate in [feed]",
                thousands(came)
            )
        });
    }
    let times = times_usual(counts.stopped_silence_us, counts.stopped_usual_us);
    Some(format!("{said}, {times} the usual time between two"))
}

/// Says that no update came for a time that is unlike all others, unless the driver was late by as much.
fn paused(group: &Group, setting: &Setting) -> Option<String> {
    let counts = group.counts();
    let paused_ns = mean_ns(counts.paused_us, counts.paused_clients);
    if counts.paused_clients == 0 || is_of_another_cause(group, paused_ns) {
        return None;
    }
    Some(format!(
        "{} came{} for {} within the measured {}, {} the usual time between two: if the time in messages is that of \
         sending, no latency shows it",
        of_what(group, setting),
        to_whom(group, counts.paused_clients, 0),
        human_ns(paused_ns),
        human_ns(window_ns(group)),
        times_usual(counts.paused_us, counts.paused_usual_us)
    ))
}

/// Says that updates of a stated rate came with pauses, unless the driver was late by as much.
fn uneven(group: &Group, setting: &Setting) -> Option<String> {
    let counts = group.counts();
    let clients = counts.uneven_clients;
    let longest_ns = mean_ns(counts.uneven_longest_us, clients);
    let is_periodic = group.info.feed_rate_stated && setting.arrivals == Arrivals::Periodic;
    if clients == 0 || !is_periodic || is_of_another_cause(group, longest_ns) {
        return None;
    }
    let pauses_ns = mean_ns(counts.uneven_pauses_us, clients);
    let period_ns = (1e9 / group.info.feed_rate_hz).max(setting.batch_ns as f64);
    Some(format!(
        "{} came{} in {} of the measured {}, in pauses of up to {}, and the rate that the scenario states makes one \
             each {}: if the time in messages is that of sending, no latency shows it",
        of_what(group, setting),
        to_whom(group, clients, 0),
        human_ns(pauses_ns),
        human_ns(window_ns(group)),
        human_ns(longest_ns),
        human_ns(period_ns)
    ))
}

/// Whether something else explains that nothing came for so long: the driver, or that clients were not connected.
fn is_of_another_cause(group: &Group, pause_ns: f64) -> bool {
    let is_away = group.counts().reconnects > 0 && !group.info.connection_each_turn;
    is_away || latest_ns(group) as f64 >= pause_ns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_update_for_each_client_is_no_feed() {
        let said = |once_clients, silent_clients| {
            no_more_than_one(&Counts { once_clients, silent_clients, ..Counts::default() }, 4)
        };
        assert!(said(4, 0).is_some_and(|text| text.starts_with("one update came to 4 of 4")));
        assert!(said(1, 3).is_some_and(|text| text.starts_with("one update came to 1 of 4")));
        for (once, silent) in [(0, 4), (3, 0), (0, 0)] {
            assert_eq!(said(once, silent), None, "{once} {silent}");
        }
    }
}
