//! How the messages of clients spread to all: when the first and the last receiver had one, and
//! whether everybody had it.

use crate::record::{FanOut, LATENCY_BOUND_NS};
use crate::report::figure::{Absence, Figure};
use crate::report::summary::group::Group;
use crate::report::table;
use hdrhistogram::Histogram;

/// The spreading of all messages of the measured windows.
pub(super) fn spreading(group: &Group) -> table::Fanout {
    let absent = |why: Absence| {
        let one = Figure::Absent(why);
        let two = || [one.clone(), one.clone()];
        table::Fanout {
            posts: 0,
            first_us: two(),
            last_us: two(),
            spread_us: two(),
            completeness_min: one.clone(),
            completeness_mean: one.clone(),
        }
    };
    if !group.info.is_shared() {
        return absent(Absence::by_scenario("clients do not send to each other in this workload"));
    }
    if group.info.floor {
        return absent("the floor has no network".into());
    }
    let mut posts = Vec::new();
    for (_, case) in &group.cases {
        let parts = case.drivers.iter().flat_map(|d| d.fanout.iter().copied());
        posts.extend(FanOut::together(parts));
    }
    if posts.is_empty() {
        return absent("no message of the measured window reached a client".into());
    }
    let clients = f64::from(group.info.clients.max(1));
    let counts = group.counts();
    let sent = counts.sent;
    let delivered = counts.updates_delivered;
    // Messages that came to nobody are in no driver's list; a list that was full has fewer too.
    let incomplete =
        delivered < sent * u64::from(group.info.clients) && (posts.len() as u64) < sent;
    let least = posts.iter().map(|post| post.receivers).min().filter(|_| !incomplete);
    let least = f64::from(least.unwrap_or(0));
    table::Fanout {
        posts: posts.len() as u64,
        first_us: two(posts.iter().map(|post| post.first_ns)),
        last_us: two(posts.iter().map(|post| post.last_ns)),
        spread_us: two(posts.iter().map(|post| post.last_ns.saturating_sub(post.first_ns))),
        completeness_min: Figure::known(least / clients),
        completeness_mean: Figure::count(delivered)
            .over(&Figure::known(sent as f64 * clients), "no message was sent"),
    }
}

/// Median and p99 in µs.
fn two(values: impl Iterator<Item = u64>) -> [Figure; 2] {
    let Ok(mut histogram) = Histogram::<u64>::new_with_bounds(1, LATENCY_BOUND_NS, 3) else {
        return [0.5, 0.99].map(|_| Figure::absent("no histogram could be made"));
    };
    values.for_each(|ns| histogram.saturating_record(ns));
    [0.5, 0.99].map(|quantile| Figure::quantile_us(&histogram, quantile))
}
