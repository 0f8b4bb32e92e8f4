//! That clients of a server which pushes got no message, or none any more, and that one which is polled answered
//! nobody for a time, in sentences.
//!
//! None of it fails a row by itself: if the scenario states no rate, nothing says what should come.

use crate::feed::{Arrivals, Workload};
use crate::record::Metric;
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
    if info.network && info.paced && !info.bundled_server {
        return unanswered(group).or_else(|| nothing_new(group, setting)).into_iter().collect();
    }
    let is_pushed = info.network && !info.paced && info.workload == Workload::Ticker;
    // If nothing came at all, a check says so.
    if !is_pushed || info.bundled_server || group.counts().messages == 0 {
        return Vec::new();
    }
    let nothing_new = delivery::asks(group).then(|| nothing_new(group, setting)).flatten();
    silent(group, setting).into_iter().chain(stopped(group).or(nothing_new)).collect()
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
    let window_ns = group.measured_s() * 1e9 / group.ends.len().max(1) as f64;
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
    let window_ns = group.measured_s() * 1e9 / group.ends.len().max(1) as f64;
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

/// Says that no message came to some clients, unless that is what the stated rate makes.
fn silent(group: &Group, setting: &Setting) -> Option<String> {
    let info = group.info;
    let silent = group.counts().silent_clients;
    let window_s = group.measured_s() / group.ends.len().max(1) as f64;
    let least = match setting.arrivals {
        Arrivals::Periodic => PERIODIC_LEAST,
        Arrivals::Poisson => POISSON_LEAST,
    };
    let may_be = info.feed_rate_stated && info.feed_rate_hz * window_s < least;
    (silent > 0 && !may_be).then(|| {
        format!(
            "{} of {} clients got no message in the measured window",
            thousands(silent),
            thousands(group.asked())
        )
    })
}

/// Says that messages stopped to come before the end of the window, unless the driver was late by as much.
fn stopped(group: &Group) -> Option<String> {
    let counts = group.counts();
    let stopped = counts.stopped_clients;
    let silence_ns = counts.stopped_silence_us as f64 * 1e3 / stopped.max(1) as f64;
    let usual_ns = counts.stopped_usual_us as f64 * 1e3 / stopped.max(1) as f64;
    if stopped == 0 || latest_ns(group) as f64 >= silence_ns {
        return None;
    }
    let is_all = stopped.saturating_add(counts.silent_clients) >= group.asked();
    let whom = if is_all {
        "no message came".to_owned()
    } else {
        format!("no message came to {} of {} clients", thousands(stopped), thousands(group.asked()))
    };
    let times = match (silence_ns / usual_ns).floor() {
        times if usual_ns > 0.0 => format!(", {} times", thousands(times as u64)),
        _ => ", far longer than".to_owned(),
    };
    Some(format!(
        "{whom} in the last {} of the window{times} the usual time between two",
        human_ns(silence_ns)
    ))
}
