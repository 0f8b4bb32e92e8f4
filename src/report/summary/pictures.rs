//! What was recorded of single clients, as messages between server and client and as the age of
//! what a client has.
//!
//! Separate from `times`, which is all clients and no moment. The clients shown are those of one
//! client count, the least that has any.

use crate::record::{Metric, TRACED_EVENTS, TraceEvent, TraceKind};
use crate::report::figure::Figure;
use crate::report::layer::Quantity;
use crate::report::pictures::{AgePicture, Ages, Lane, Message, Timeline, Trace};
use crate::report::summary::group::Group;
use crate::report::table::Row;
use crate::units::{distinct, human_ns, thousands};
use std::collections::BTreeMap;

const NO_UPDATE: &str = "no update reached a client in the measured window";
const NO_EARLY_UPDATE: &str =
    "no update reached the client in the part of the window that is shown";
const UNTRACED: &str = "the result has no record of single clients";
/// Of a timeline's span, this part lies before the first update.
const BEFORE: f64 = 0.06;

/// Every traced client's events, each by time.
pub(super) fn traces(groups: &[Group], rows: &[Row]) -> Vec<Trace> {
    let mut all = Vec::new();
    for (group, row) in groups.iter().zip(rows) {
        for (info, case) in &group.cases {
            for driver in &case.drivers {
                let mut clients: BTreeMap<u32, Vec<TraceEvent>> = BTreeMap::new();
                for event in &driver.trace {
                    clients.entry(event.client).or_default().push(*event);
                }
                all.extend(clients.into_iter().map(|(client, mut events)| {
                    events.sort_by_key(|e| e.at_ns);
                    Trace {
                        series: group.info.series.clone(),
                        clients: group.info.clients,
                        repeat: info.repeat,
                        client,
                        events,
                        times: row.latency(Metric::DeliveryLatency).times.clone(),
                    }
                }));
            }
        }
    }
    all
}

/// The least client count that has a trace, with its groups and the longest that anyone of them
/// waits between two events.
fn shown<'a>(groups: &'a [Group<'a>], traces: &[Trace]) -> Option<(u32, Vec<&'a Group<'a>>, f64)> {
    let clients = traces.iter().map(|t| t.clients).min()?;
    let groups: Vec<&Group> = groups.iter().filter(|g| g.info.clients == clients).collect();
    let waits = |g: &&Group| {
        let period = Some(1e9 / g.info.feed_rate_hz).filter(|ns| ns.is_finite() && *ns > 0.0);
        (interval_ns(g) as f64).max(period.unwrap_or(0.0))
    };
    let longest = groups.iter().map(waits).fold(0.0, f64::max);
    Some((clients, groups, longest))
}

/// The interval that ran, else the planned one.
fn interval_ns(group: &Group) -> u64 {
    group.ends.first().map_or(group.info.interval_ns, |e| e.interval_ns)
}

/// The trace of a series that has most updates between two moments after the one that `from`
/// gives.
fn best<'a>(
    traces: &'a [Trace],
    group: &Group,
    length_ns: f64,
    from: impl Fn(&Trace) -> i64,
) -> Option<(&'a Trace, i64)> {
    let own = |t: &&Trace| t.series == group.info.series && t.clients == group.info.clients;
    let rated = traces.iter().filter(own).map(|t| {
        let start = from(t);
        let within = |e: &&TraceEvent| {
            let since = e.at_ns.saturating_sub(start);
            e.kind == TraceKind::Update && since >= 0 && since as f64 <= length_ns
        };
        (t.events.iter().filter(within).count(), t, start)
    });
    // The first of the best, not the last.
    let found = rated.reduce(|best, next| if next.0 > best.0 { next } else { best });
    found.map(|(_, trace, start)| (trace, start))
}

/// The messages of a client a series.
pub(super) fn timeline(groups: &[Group], traces: &[Trace], delay_ns: f64) -> Timeline {
    let Some((clients, groups, longest)) = shown(groups, traces) else {
        return Timeline { absent: Some(UNTRACED.to_owned()), ..Timeline::default() };
    };
    let length_ns = (6.0 * delay_ns).max(2.2 * longest).clamp(0.3e9, 5e9);
    let lanes = groups.iter().map(|group| match best(traces, group, length_ns, first_published) {
        Some((trace, start)) => lane(group, trace, start, length_ns, delay_ns),
        None => Lane {
            series: group.info.series.clone(),
            about: String::new(),
            messages: Vec::new(),
            kept_until_us: None,
            absent: Some("nothing was recorded of its clients".to_owned()),
        },
    });
    Timeline {
        absent: None,
        clients,
        one_way_us: delay_ns / 1e3,
        span_us: (-BEFORE * length_ns / 1e3, length_ns / 1e3),
        lanes: lanes.collect(),
    }
}

/// When the first update of the window was published; without one, when the first event was.
fn first_published(trace: &Trace) -> i64 {
    let updates = || trace.events.iter().filter(|e| e.kind == TraceKind::Update);
    // An update whose publishing is not known is shown from its arrival.
    let published = updates().map(|e| match trace.latency_us(e).value() {
        Some(_) => e.published_ns,
        None => e.at_ns,
    });
    let within = published.clone().filter(|ns| *ns >= 0).min();
    within.or(published.max()).or(trace.events.first().map(|e| e.at_ns)).unwrap_or(0)
}

fn lane(group: &Group, trace: &Trace, start: i64, length_ns: f64, delay_ns: f64) -> Lane {
    let us = |ns: i64| (ns as f64 - start as f64) / 1e3;
    let span = -BEFORE * length_ns / 1e3..=length_ns / 1e3;
    let message = |e: &TraceEvent| {
        let client_us = us(e.at_ns);
        let way = if e.kind == TraceKind::Sent { delay_ns } else { -delay_ns };
        let latency = (e.kind == TraceKind::Update).then(|| trace.latency_us(e));
        let known = latency.as_ref().is_some_and(|latency| latency.value().is_some());
        Message {
            kind: e.kind,
            server_us: client_us + way / 1e3,
            client_us,
            published_us: known.then(|| us(e.published_ns)),
            latency_us: latency,
        }
    };
    let near = |m: &Message| {
        [Some(m.server_us), Some(m.client_us), m.published_us]
            .iter()
            .flatten()
            .any(|moment| span.contains(moment))
    };
    let last = trace.events.last().map(|e| us(e.at_ns));
    let full = trace.events.len() >= TRACED_EVENTS;
    Lane {
        series: group.info.series.clone(),
        about: match (group.info.paced, interval_ns(group)) {
            (false, _) if asks(trace) => "asks, and is held".to_owned(),
            (false, _) => "is pushed to".to_owned(),
            (true, 0) => "asks again at once".to_owned(),
            (true, ns) => format!("asks every {}", human_ns(ns as f64)),
        },
        messages: trace.events.iter().map(message).filter(near).collect(),
        kept_until_us: last.filter(|last| full && span.contains(last)),
        absent: None,
    }
}

fn asks(trace: &Trace) -> bool {
    trace.events.iter().any(|e| e.kind == TraceKind::Sent)
}

/// The age of what a client a series has, over time.
pub(super) fn ages(groups: &[Group], rows: &[Row], traces: &[Trace], delay_ns: f64) -> Ages {
    let Some((clients, groups, longest)) = shown(groups, traces) else {
        return Ages { absent: Some(UNTRACED.to_owned()), ..Ages::default() };
    };
    // Some ten teeth of the coarsest saw, within the window.
    let window = groups.iter().map(|g| window_ns(g)).fold(0.0, f64::max).max(1e9);
    let length_ns = (20.0 * delay_ns).max(10.0 * longest).clamp(1e9, 30e9).min(window);
    let rows = rows.iter().filter(|row| row.clients == clients);
    let lanes = groups.iter().zip(rows).map(|(group, row)| age(group, row, traces, length_ns));
    let lanes: Vec<AgePicture> = lanes.collect();
    let corners = lanes.iter().flat_map(|l| l.corners.iter().map(|c| c.1));
    let means = lanes.iter().flat_map(|l| [l.mean_us.value(), l.model_us.value()]).flatten();
    let top_us = corners.chain(means).fold(0.0, f64::max);
    let nothing = lanes.iter().all(|l| l.corners.is_empty() && l.mean_us.value().is_none());
    // If all are without it for one reason, it is everyone's.
    let reasons = distinct(lanes.iter().filter_map(|lane| lane.absent.as_deref()));
    let why = if let [why] = reasons.as_slice() { why } else { NO_UPDATE };
    let absent = nothing.then(|| why.to_owned());
    Ages { absent, clients, span_us: length_ns / 1e3, top_us, lanes }
}

fn window_ns(group: &Group) -> f64 {
    let ran = group.ends.iter().map(|e| e.duration_ns).max().filter(|ns| *ns > 0);
    ran.unwrap_or(group.info.duration_ns) as f64
}

fn age(group: &Group, row: &Row, traces: &[Trace], length_ns: f64) -> AgePicture {
    let found = best(traces, group, length_ns, |_| 0);
    let (corners, absent) = match found {
        Some((trace, _)) => known_saw(trace, length_ns, &row.delivery.age_us),
        None => (Vec::new(), Some(NO_UPDATE.to_owned())),
    };
    AgePicture {
        series: row.series.clone(),
        corners,
        absent,
        mean_us: row.delivery.age_us.clone(),
        model_us: row.predicted.of(Quantity::AgeMean).predicted.clone(),
    }
}

/// Returns the corners of a saw-tooth, or why none is known: what rises and falls by less than the times
/// in messages are exact to is their error.
fn known_saw(trace: &Trace, length_ns: f64, mean_us: &Figure) -> (Vec<(f64, f64)>, Option<String>) {
    let corners = saw(trace, length_ns);
    if corners.is_empty() {
        return (corners, Some(no_corner(trace)));
    }
    let greatest = corners.iter().map(|corner| corner.1).fold(0.0, f64::max);
    let greatest = trace.times.known_us(greatest);
    let below = Some(mean_us).filter(|mean| mean.below().is_some());
    match below.unwrap_or(&greatest).reason() {
        Some(why) => (Vec::new(), Some(why.to_owned())),
        None => (corners, None),
    }
}

/// Returns why no update of a client is shown.
fn no_corner(trace: &Trace) -> String {
    let has_update = trace.events.iter().any(|event| event.kind == TraceKind::Update);
    if has_update {
        return NO_EARLY_UPDATE.to_owned();
    }
    if trace.events.len() < TRACED_EVENTS {
        return NO_UPDATE.to_owned();
    }
    let kept = thousands(TRACED_EVENTS as u64);
    format!("the record of a client ends after {kept} events, and none of these was an update")
}

/// The age rises with time and falls where something newer comes.
fn saw(trace: &Trace, length_ns: f64) -> Vec<(f64, f64)> {
    let mut corners = Vec::new();
    let mut newest: Option<i64> = None;
    let full = trace.events.len() >= TRACED_EVENTS;
    let mut end = length_ns;
    let age = |at: f64, published: i64| (at / 1e3, (at - published as f64).max(0.0) / 1e3);
    for event in trace.events.iter().filter(|e| e.kind == TraceKind::Update) {
        let at = event.at_ns.max(0) as f64;
        if at > length_ns {
            break;
        }
        if newest.is_some_and(|n| n >= event.published_ns) {
            continue;
        }
        if let Some(before) = newest.filter(|_| at > 0.0) {
            corners.push(age(at, before));
        }
        newest = Some(event.published_ns);
        corners.push(age(at, event.published_ns));
    }
    if let (true, Some(last)) = (full, trace.events.last()) {
        end = end.min(last.at_ns.max(0) as f64);
    }
    corners.extend(newest.map(|published| age(end, published)));
    corners
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::time_quality::TimeQuality;

    fn trace(updates: &[(i64, i64)]) -> Trace {
        let event = |&(published_ns, at_ns): &(i64, i64)| TraceEvent {
            client: 0,
            at_ns,
            kind: TraceKind::Update,
            sequence: 0,
            published_ns,
        };
        Trace {
            series: String::new(),
            clients: 1,
            repeat: 0,
            client: 0,
            events: updates.iter().map(event).collect(),
            times: TimeQuality::default(),
        }
    }

    #[test]
    fn an_age_rises_with_time_and_falls_with_what_is_newer() {
        let late = trace(&[(0, 1_000), (5_000, 7_000), (4_000, 8_000)]);
        let corners = [(1.0, 1.0), (7.0, 7.0), (7.0, 2.0), (10.0, 5.0)];
        assert_eq!(saw(&late, 10_000.0), corners);
        assert_eq!(saw(&trace(&[]), 10_000.0), []);
    }

    #[test]
    fn time_begins_with_the_first_update_of_the_window() {
        assert_eq!(first_published(&trace(&[(-9, 1), (4, 5), (7, 9)])), 4);
        assert_eq!(first_published(&trace(&[(-9, 1)])), -9);
        assert_eq!(first_published(&trace(&[])), 0);
    }

    /// A sawtooth of seconds is not that of an update each 20 ms.
    #[test]
    fn an_age_of_less_than_its_times_are_exact_to_has_no_corners() {
        let exact = trace(&[(0, 1_000_000), (0, 2_000_000), (2_000_000, 2_500_000)]);
        let mean = Figure::known(500.0);
        assert_eq!(known_saw(&exact, 3e6, &mean), (saw(&exact, 3e6), None));
        let times = TimeQuality { untrue: None, exact_us: 1_000 };
        let coarse = Trace { times, ..exact };
        let (corners, why) = known_saw(&coarse, 3e6, &Figure::known(9_000.0));
        assert_eq!(corners, saw(&coarse, 3e6), "{why:?}");
        let (corners, why) = known_saw(&coarse, 3e6, &coarse.times.known_us(500.0));
        assert_eq!(corners, []);
        let unknown = "too short to be known: the times in messages are exact to 1 ms";
        assert_eq!(why.as_deref(), Some(unknown));
        assert_eq!(first_published(&coarse), 0);
        let (corners, why) = known_saw(&coarse, 1.5e6, &mean);
        assert_eq!(corners, []);
        assert_eq!(why.as_deref(), Some(unknown));
    }

    /// Polls back to back fill the record before the first update comes.
    #[test]
    fn a_record_that_ended_before_an_update_says_so() {
        let mut polls = trace(&vec![(0, 1_000); TRACED_EVENTS]);
        polls.events.iter_mut().for_each(|event| event.kind = TraceKind::Sent);
        let why = |trace: &Trace| known_saw(trace, 3e6, &Figure::known(1.0)).1.unwrap_or_default();
        assert_eq!(
            why(&polls),
            "the record of a client ends after 512 events, and none of these was an update"
        );
        polls.events.pop();
        assert_eq!(why(&polls), NO_UPDATE);
        assert_eq!(why(&trace(&[(0, 4_000_000)])), NO_EARLY_UPDATE);
    }
}
