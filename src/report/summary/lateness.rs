//! Whether the driver was late by its own fault.
//!
//! Separate from `verdict`, whose other checks are of clients, bytes and counts: here are the turns of
//! its schedules and the probes of its threads.

use crate::record::{MOST_DRIVER_LATENESS_NS, Metric};
use crate::report::check::{Check, CheckResult};
use crate::report::figure::Figure;
use crate::report::summary::group::{Group, window_s};
use crate::report::summary::setting::Setting;
use crate::report::table::Row;
use crate::units::{human_ns, human_ns_and_bound, human_us, thousands};
use hdrhistogram::Histogram;
use std::borrow::Cow;

/// Lag below this is a timer's coarseness, not a driver that fell behind.
const LAG_ALLOWED_US: f64 = 1_000.0;

/// Turns and probes must have been reached, and the driver's own lateness must be small beside the
/// result.
pub(super) fn on_schedule(group: &Group, setting: &Setting, row: &Row) -> Option<CheckResult> {
    let check = Check::DriverOnSchedule;
    if group.info.network && group.connected() == 0 && row.events.all.completed == 0 {
        return Some(check.not_applicable("no client connected, so that nothing could be late"));
    }
    // Delivery if it is known, else response.
    let headline = match row.latency(Metric::DeliveryLatency) {
        delivery if delivery.count > 0 => delivery,
        _ => row.latency(Metric::ResponseLatency),
    };
    let mut median = headline.quantile(0.5).value().unwrap_or(0.0);
    let blocked = row.events.turns_blocked;
    if blocked > 0
        && let Some(service) = row.latency(Metric::ServiceTime).quantile(0.5).value()
    {
        // What waited is as late as the schedule is long.
        median = median.min(service);
    }
    let permitted_us = setting.driver_lateness_ns.unwrap_or(0) as f64 / 1e3;
    let usual_us = (median / 10.0).max(LAG_ALLOWED_US);
    let allowed = if permitted_us > usual_us {
        Allowed { us: permitted_us, by: "the scenario's driver_lateness" }
    } else {
        Allowed { us: usual_us, by: "10 % of the median latency, at least 1 ms" }
    };
    let all = Lateness::all_of(group);
    let Some((late, value, mut text)) = Lateness::worst(&all, &allowed) else {
        // An older wsbench took no probes, and turns that follow one another have no schedule.
        let info = group.info;
        let scheduled = if info.paced { info.interval_ns > 0 } else { info.is_shared() };
        let unknown = "how late the driver was is unknown: it reached no turn and no probe";
        return (info.probes_per_s > 0 || scheduled).then(|| check.not_made(unknown));
    };
    let usual = Allowed { us: usual_us, ..allowed };
    let by_permission = !late && Lateness::worst(&all, &usual).is_some_and(|(late, ..)| late);
    let missed = missed_probes(group);
    if let Some(missed) = &missed {
        text = format!("{missed}; {text}");
    }
    let mut not_started = row.events.turns_not_started;
    if blocked > 0 && reads_late(group, row) {
        not_started = not_started.saturating_add(blocked);
        text = format!("answers waited for the driver; {text}");
    }
    if not_started > 0 {
        text = format!("{} turns were not reached; {text}", thousands(not_started));
    }
    let ok = !late && not_started == 0 && missed.is_none();
    let stolen = by_the_host(group).filter(|_| !ok);
    // A stated lateness helps if it may be as long as it was, and the driver did all its work.
    let may_permit = not_started == 0
        && missed.is_none()
        && all.iter().all(|lateness| lateness.is_within(MOST_DRIVER_LATENESS_NS));
    let remedy = match (&stolen, may_permit) {
        (Some(_), true) => Some(CALM_HOST),
        (Some(_), false) => Some(CALM_HOST_ALONE),
        (None, true) => None,
        (None, false) => Some(FASTER_MACHINE),
    };
    if let Some(stolen) = stolen {
        text = format!("{text}; {stolen}");
    }
    let result = check.result(ok, value, text);
    Some(CheckResult { by_permission, remedy: remedy.unwrap_or(result.remedy), ..result })
}

/// What helps against a lateness that cannot be permitted.
const FASTER_MACHINE: &str = "The machine is too slow for this load: use fewer clients, a longer interval or lower rate, or \
                              more cores, or stop what else runs on it.";
const CALM_HOST_ALONE: &str = "The host of this virtual machine is busy: run again when it is not, or on a machine with cores of \
                               its own. If that changes nothing, use fewer clients, a longer interval or lower rate.";
const CALM_HOST: &str = "The host of this virtual machine is busy: run again when it is not, or on a machine with cores of \
                         its own. If that changes nothing, use fewer clients, a longer interval or lower rate. \
                         `driver_lateness` in the scenario (--driver-lateness with wsbench try) permits a later \
                         driver.";

/// The share of the time of one core from which what the host of a virtual machine takes is named: then one
/// probe in a hundred may be late by it on a machine of a few cores.
const STOLEN: f64 = 0.005;

/// Says how much of the cores the host of a virtual machine took in the measured windows, if it is enough to be
/// why a driver was late.
fn by_the_host(group: &Group) -> Option<String> {
    let stolen_ns: u64 = group.ends.iter().filter_map(|end| end.stolen_ns).sum();
    let each_s = stolen_ns as f64 / 1e9 / group.measured_s();
    (each_s.is_finite() && each_s >= STOLEN).then(|| {
        format!(
            "the host of this virtual machine took {} of its cores' time each second meanwhile (steal in \
             /proc/stat)",
            human_ns(each_s * 1e9)
        )
    })
}

/// A driver that computes for a larger share of its threads' time has no idle moment.
const BUSY: f64 = 0.9;

/// Whether clients waited for answers that were there: the driver was busy all the time, or they lay in
/// the kernel for more than a tenth of what an answer took.
fn reads_late(group: &Group, row: &Row) -> bool {
    let p50 = |metric| row.latency(metric).quantile(0.5).value();
    let in_kernel = match (p50(Metric::KernelToClient), p50(Metric::ServiceTime)) {
        (Some(waited), Some(service)) => waited > (service / 10.0).max(LAG_ALLOWED_US),
        _ => false,
    };
    let cpu_ns: f64 = group.drivers.iter().map(|driver| driver.cost.cpu_ns as f64).sum();
    let seconds: u64 = group.ends.iter().map(|end| window_s(end)).sum();
    let time_ns = seconds as f64 * 1e9 * group.threads as f64;
    in_kernel || (time_ns > 0.0 && cpu_ns > BUSY * time_ns)
}

/// Of the probes of one thread in the measured windows, the share that may be missing: their
/// distances are random.
const PROBES_MISSING: f64 = 0.5;

/// What to say if the driver's threads did not reach their probes: one that stalls to the end
/// of a run has no late probe.
fn missed_probes(group: &Group) -> Option<String> {
    let threads = match group.threads {
        0 => group.drivers.len() as f64 / group.ends.len().max(1) as f64,
        planned => planned as f64,
    };
    let of_thread = f64::from(group.info.probes_per_s) * group.measured_s();
    let planned = of_thread * threads;
    let reached = group.total.latency.of(Metric::ProbeLateness).map_or(0, Histogram::len);
    // Half of one thread's, and more than chance takes from all of them.
    let may_miss = (PROBES_MISSING * of_thread).max(2.0 * planned.sqrt());
    // So few that by chance there may be none.
    (planned >= 40.0 && (reached as f64) < planned - may_miss).then(|| {
        format!(
            "{} of about {} probes of the driver's threads were reached: they stood still or were busy",
            thousands(reached),
            thousands(planned as u64)
        )
    })
}

/// Two figures say how late a driver was, by the names of their columns, each with what it means.
const TURNS_LATE: &str = "driver lag, how late the driver sent what was due";
const PROBES_LATE: &str = "probe lateness, how late the driver's threads woke up";
/// If there are few of either.
const TURNS_AND_PROBES_LATE: &str = "driver lag and probe lateness, how late the driver sent what was due \
                                     and its threads woke up";

/// How late the driver may be, in µs, and what that follows from.
struct Allowed {
    us: f64,
    by: &'static str,
}

/// How late the driver was by its own fault.
struct Lateness<'a> {
    histogram: Cow<'a, Histogram<u64>>,
    /// What the values are of.
    of: &'static str,
}

impl<'a> Lateness<'a> {
    /// Fewer values than this have no p99.
    const ENOUGH: u64 = 100;

    /// That of the turns of its schedules, and that of its threads' probes: a client that waits for
    /// its own answers takes a late turn on time. If either are few, that of both together too.
    fn all_of(group: &'a Group<'_>) -> Vec<Lateness<'a>> {
        let latency = &group.total.latency;
        let turns = latency.of(Metric::DriverLag);
        let probes = latency.of(Metric::ProbeLateness);
        let is_few = |h: &Histogram<u64>| h.len() < Lateness::ENOUGH;
        let together = match (turns, probes) {
            (Some(turns), Some(probes)) if is_few(turns) || is_few(probes) => {
                let mut both = turns.clone();
                both.add(probes).ok().map(|()| both)
            }
            _ => None,
        };
        let has_both = together.is_some();
        let alone = [(turns, TURNS_LATE), (probes, PROBES_LATE)];
        let alone = alone.into_iter().filter_map(|(h, of)| h.map(|h| (Cow::Borrowed(h), of)));
        let alone = alone.filter(|(h, _)| !(has_both && is_few(h)));
        let both = together.map(|h| (Cow::Owned(h), TURNS_AND_PROBES_LATE));
        alone.chain(both).map(|(histogram, of)| Lateness { histogram, of }).collect()
    }

    /// The worst of them, in the words of [`Lateness::compare`].
    fn worst(all: &[Lateness<'_>], allowed: &Allowed) -> Option<(bool, Figure, String)> {
        let compared = all.iter().map(|lateness| lateness.compare(allowed));
        compared.reduce(|worst, next| {
            let rank = |c: &(bool, Figure, String)| (c.0, c.1.value().unwrap_or(0.0));
            if rank(&next) > rank(&worst) { next } else { worst }
        })
    }

    /// Whether it would be allowed if so much were.
    fn is_within(&self, ns: u64) -> bool {
        let late = self.compare(&Allowed { us: ns as f64 / 1e3, by: "" }).0;
        !late
    }

    /// Whether it was more than is allowed, the figure that decides, and both in words. By its p99,
    /// or, of few values, by how many are late: more than one in twenty, and at least two.
    fn compare(&self, allowed: &Allowed) -> (bool, Figure, String) {
        let of = self.of;
        let bound = allowed.by;
        let allowed_us = allowed.us;
        let all = self.histogram.len();
        if all >= Lateness::ENOUGH {
            let p99_us = self.histogram.value_at_quantile(0.99) as f64 / 1e3;
            let late = p99_us > allowed_us;
            let is = if late { "is above" } else { "is within" };
            let [p99, allowed] = human_ns_and_bound(p99_us * 1e3, allowed_us * 1e3);
            let text = format!("{of}: p99 {p99} {is} {allowed} ({bound})");
            return (late, Figure::known(p99_us), text);
        }
        let late = all - self.histogram.count_between(0, (allowed_us * 1e3) as u64);
        let allowed = human_us(allowed_us);
        let text = format!("{of}: {late} of {all} values are above {allowed} ({bound})");
        (late >= 2 && late * 20 > all, Figure::count(late), text)
    }
}
