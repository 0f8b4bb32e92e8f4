//! From a result to finished numbers: the only place where a number is derived.
//!
//! Separate from the formats, which compute nothing, and from `gate`, which compares runs. A
//! figure that cannot be known is absent and says why; nothing is clamped or guessed.

mod away;
mod bytes;
mod compare;
mod compressed;
mod consistency;
mod cost;
mod curves;
mod delimited;
mod delivery;
mod describe;
mod distribution;
mod fanout;
mod further_client;
mod group;
mod growth;
mod lateness;
mod message_times;
mod pictures;
mod predict;
mod quoted;
mod rate;
mod refusal;
mod remarks;
mod remedy;
mod setting;
mod silence;
mod times;
mod verdict;

use crate::record::{ClientError, Metric, Part};
use crate::report::chapter;
use crate::report::figure::Figure;
use crate::report::pictures::Pictures;
use crate::report::table::{
    DriverBound, DriverCause, Events, Latencies, Pace, Predicted, Row, Status, Table,
};
use crate::result::RunResult;
use crate::units::SECOND_NS;
use compressed::UnreadCoding;
use group::Group;
use setting::Setting;

/// Derives every figure of a result.
pub fn summarise(result: &RunResult) -> Table {
    let groups = group::all(result);
    let (floor_groups, groups): (Vec<_>, Vec<_>) = groups.into_iter().partition(|g| g.info.floor);
    let header = &result.header;
    let setting = Setting::of(&header.plan);
    let row = |group, floor| row(group, &setting, floor);
    let floors: Vec<Row> = floor_groups.iter().map(|g| row(g, None)).collect();
    let with_row = |at: usize| (&floor_groups[at], &floors[at]);
    let of_group = |g| row(g, floor_of(g, &floor_groups).map(with_row));
    let rows: Vec<Row> = groups.iter().map(of_group).collect();
    let pictures = pictures(result, &groups, &rows, setting.delay_ns);
    let crossings = curves::crossings(&pictures.costs);
    Table {
        name: header.name.clone(),
        started: header.started.clone(),
        plan_hash: header.plan_hash.clone(),
        build: header.build.clone(),
        host: header.host.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        about: header.plan["about"].as_str().unwrap_or_default().to_owned(),
        source: header.source.clone(),
        seed: header.plan["seed"].as_u64(),
        sources: Vec::new(),
        parts: result.parts,
        elapsed_s: elapsed_s(result),
        comparisons: compare::comparisons(&rows),
        words: describe::sentences(&rows, setting.delay_ns, &crossings),
        crossings,
        pictures,
        verdict: verdict::of_run(result, &rows),
        judgement: verdict::implicit(&header.name, &rows),
        rows,
        floors,
    }
}

/// A file that was cut has no end and no time.
fn elapsed_s(result: &RunResult) -> Figure {
    match result.ends.iter().map(|e| e.wall_ns).sum::<u64>() {
        0 => Figure::absent("the result file has no end"),
        ns => Figure::known(ns as f64 / 1e9),
    }
}

fn pictures(result: &RunResult, groups: &[Group], rows: &[Row], delay_ns: u64) -> Pictures {
    let traces = pictures::traces(groups, rows);
    // A day is longer than any run's window.
    let delay_ns = delay_ns.min(86_400 * SECOND_NS) as f64;
    Pictures {
        timeline: pictures::timeline(groups, &traces, delay_ns),
        ages: pictures::ages(groups, rows, &traces, delay_ns),
        costs: curves::costs(&result.header),
        traces,
    }
}

/// The floor measured at this client count, on this series' schedule if there are several.
fn floor_of(group: &Group, floors: &[Group]) -> Option<usize> {
    let found = |same: &dyn Fn(&Group) -> bool| {
        floors.iter().position(|f| f.info.clients == group.info.clients && same(f))
    };
    found(&|f| f.info.series == group.info.series)
        .or_else(|| found(&|f| f.info.interval_ns == group.info.interval_ns))
        .or_else(|| found(&|_| true))
}

fn row(group: &Group, setting: &Setting, floor: Option<(&Group, &Row)>) -> Row {
    let info = group.info;
    let setting = &setting.of_server(info.bundled_server || !info.network);
    let times = times::quality(group, setting);
    let pace = pace(group);
    let window_s = window_s(group);
    let mut row = Row {
        series: info.series.clone(),
        transport: info.transport.clone(),
        workload: info.workload,
        clients: info.clients,
        repeats: group.runs,
        paced: info.paced,
        payload_bytes: payload_bytes(group),
        connected: group.connected(),
        asked: group.asked(),
        volumes: bytes::volumes(group, &window_s, &pace),
        delivery: delivery::delivery(group, setting, &times),
        chapter: chapter::figures(info),
        cost: cost::cost(group, floor.map(|(floor, _)| floor)),
        connecting: cost::connecting(group),
        fanout: fanout::spreading(group),
        seconds: times::seconds(group, &times),
        distribution: distribution::distribution(group, &times, pace.stretched, setting.late_ns),
        window_s,
        events: events(group, setting),
        latencies: times::latencies(group, setting, &times),
        audit: cost::audit(group),
        pace,
        // These follow from the others.
        predicted: Predicted::default(),
        remarks: Vec::new(),
        notes: Vec::new(),
        status: Status::Invalid,
        checks: Vec::new(),
    };
    row.predicted = predict::predicted(group, setting, &row);
    row.remarks = remarks::of(&row.events.all, &UnreadCoding::of_group(group));
    row.remarks.extend(remarks::came_compressed(group.counts()));
    row.remarks.extend(remarks::hidden(group.counts()));
    row.remarks.extend(remarks::unread_ends(group));
    row.remarks.extend(remarks::nothing_new(group));
    row.remarks.extend(remarks::empty_messages(group));
    row.remarks.extend(remarks::new_sessions(group));
    if setting.own.is_none() {
        row.remarks.extend(remarks::no_time(group));
    }
    row.remarks.extend(remarks::waits(&row.events));
    row.remarks.extend(remarks::sent_again(&row.events.steady, info.kind()));
    row.remarks.extend(remarks::out_of_order(&row.events.steady));
    row.remarks.extend(rate::by_request(group, setting));
    row.remarks.extend(silence::notes(group, setting));
    row.remarks.extend(rate::between_polls(group, setting));
    row.remarks.extend(remarks::none_accepted(&group.ends));
    row.remarks.extend(remarks::left_running(&group.ends));
    row.remarks.extend(remarks::short_queue(group.total.latency.of(Metric::ConnectTime)));
    row.remarks.extend(message_times::notes(group, setting, &times));
    row.remarks.extend(consistency::again_after_reconnects(group, setting));
    row.remarks.extend(floor.and_then(|(floor, own)| remarks::floor(&floor.ends, &own.checks)));
    row.notes = notes(group, &row);
    (row.status, row.checks) = verdict::of_row(group, setting, &row);
    row.remarks.extend(away::note(group, &row.checks));
    row
}

/// The bytes of a payload: a server of one's own sends what it likes.
fn payload_bytes(group: &Group) -> Figure {
    if group.info.bundled_server || !group.info.network {
        return Figure::count(group.info.payload_bytes.into());
    }
    let steady = &group.total.phases.steady;
    let came = Figure::count(steady.ledger.down[Part::Payload]);
    came.over(&Figure::count(steady.counts.completed), "no message was measured")
}

fn window_s(group: &Group) -> Figure {
    let ns: u64 = group.ends.iter().map(|e| e.duration_ns).sum();
    match (group.ends.is_empty(), ns) {
        (true, _) => Figure::absent("the case has no end: it did not run or the file was cut"),
        (false, 0) => Figure::absent("the case ended before its measured window"),
        (false, ns) => Figure::known(ns as f64 / 1e9),
    }
}

/// Over several repeats the held interval is the one that gives the turns that fell due: the
/// harmonic mean weighted by the windows.
fn pace(group: &Group) -> Pace {
    let planned_ns = group.info.interval_ns;
    let planned_s = match planned_ns {
        0 => Figure::absent("each event follows the last: there is no planned interval"),
        ns => Figure::known(ns as f64 / 1e9),
    };
    let mut seconds = 0.0;
    let mut turns = 0.0;
    for end in group.ends.iter().filter(|e| e.interval_ns > 0) {
        let window = group::window_s(end).max(1) as f64;
        seconds += window;
        turns += window * 1e9 / end.interval_ns as f64;
    }
    let held_s = match (planned_ns, turns > 0.0) {
        (0, _) => planned_s.clone(),
        (_, true) => Figure::known(seconds / turns),
        (_, false) => Figure::absent("the case has no end: it did not run or the file was cut"),
    };
    let stretched = group.ends.iter().any(|e| planned_ns > 0 && e.interval_ns > planned_ns);
    Pace {
        stretch: held_s.over(&planned_s, "there is no planned interval"),
        planned_s,
        held_s,
        stretched,
        may_stretch: group.info.may_stretch,
    }
}

fn events(group: &Group, setting: &Setting) -> Events {
    let refusal = |error: ClientError| {
        group.drivers.iter().flat_map(|d| &d.refusals).find(|refusal| refusal.error == error)
    };
    let named = (group.info.series.as_str(), group.info.transport.as_str());
    let describe = |error| refusal::describe(error, refusal(error), named);
    let mut faults: Vec<(String, u64)> =
        group.total.faults.iter().map(|(&error, &n)| (describe(error), n)).collect();
    faults.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    Events {
        steady: *group.counts(),
        all: group.total.phases.total().counts,
        turns_not_started: group.drivers.iter().map(|d| d.turns_not_started).sum(),
        turns_blocked: group.drivers.iter().map(|d| d.turns_blocked).sum(),
        faults_by_text: faults,
        no_numbers: message_times::no_numbers(group, setting),
    }
}

fn notes(group: &Group, row: &Row) -> Vec<String> {
    let pace = &row.pace;
    let mut notes = Vec::new();
    if let (true, Some(held), Some(planned), Some(factor)) =
        (pace.stretched, pace.held_s.value(), pace.planned_s.value(), pace.stretch.value())
    {
        let human = |s: f64| crate::units::human_ns(s * 1e9);
        notes.push(format!(
            "the interval was stretched from {} to {}, the rate that held; figures a second are \
             given as measured, and scaled by {factor:.2} to the planned rate",
            human(planned),
            human(held)
        ));
    }
    for cause in DriverCause::ALL {
        let of = |l: &Latencies| l.driver_bound.filter(|found| found.cause == cause);
        let names: Vec<String> = row
            .latencies
            .iter()
            .filter(|l| of(l).is_some())
            .map(|l| l.metric.name().replace('_', " "))
            .collect();
        let found: Vec<DriverBound> = row.latencies.iter().filter_map(of).collect();
        notes.extend(DriverBound::describe(&found).map(|what| {
            format!(
                "driver-bound, so that {} {} the driver's as much as the server's: {what}",
                names.join(" and "),
                if names.len() == 1 { "is" } else { "are" },
            )
        }));
    }
    let negative = row.events.all.negative_latencies;
    if negative > 0 {
        notes.push(format!(
            "{negative} latencies came out negative (two clocks disagree) and are in no percentile"
        ));
    }
    notes.extend(row.remarks.iter().cloned());
    notes.extend(remarks::address(&group.ends));
    notes.extend(remarks::server_processes(&group.servers));
    let stopped = group.ends.iter().filter_map(|e| e.stopped.as_ref());
    notes.extend(stopped.map(|why| format!("the case was stopped early: {why}")));
    notes
}
