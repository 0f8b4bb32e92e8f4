//! The checks of a row, and the verdict on the run.

use crate::record::Metric;
use crate::report::check::{Cause, Check, CheckResult};
use crate::report::conclusion::Conclusion;
use crate::report::figure::Figure;
use crate::report::finding::{Decision, Finding, Judgement, Kind, Subject};
use crate::report::layer::Statistic;
use crate::report::summary::consistency;
use crate::report::summary::group::Group;
use crate::report::summary::setting::Setting;
use crate::report::table::{Audit, Events, Pace, Row, Status, Verdict};
use crate::result::{LostProcess, ProcessRole, RunResult, StopReason};
use crate::units::{human_us, thousands};

/// Lag below this is a timer's coarseness, not a driver that fell behind.
const LAG_ALLOWED_US: f64 = 1_000.0;

/// The checks of a row and what follows from them. The floor is checked for its schedule only.
pub(super) fn of_row(group: &Group, setting: &Setting, row: &Row) -> (Status, Vec<CheckResult>) {
    if group.cases.is_empty() {
        let check = Check::Ran.result(false, Figure::count(0), "the case did not run");
        return (Status::Partial, vec![check]);
    }
    let (info, audit) = (group.info, &row.audit);
    let mut checks = Vec::new();
    checks.extend((!info.floor).then(|| connected(group)));
    checks.extend([processes(group), measured(group, &row.events)]);
    checks.extend(succeeded(group));
    if info.network {
        checks.push(audited(Check::LedgerExplainsEveryByte, &audit.ledger_bytes, "the ledger"));
        checks.push(kernel(audit));
        checks.push(server(group, audit));
        checks.extend(consistency::deliveries_add_up(group, setting));
        checks.extend(consistency::nothing_missing(group, setting));
        checks.push(consistency::never_faster_than_the_line(group, setting));
        checks.extend(consistency::bytes_as_predicted(group, setting));
    }
    // Turns that follow one another have no schedule. Who is pushed to has one if it sends.
    let scheduled = if info.paced { info.interval_ns > 0 } else { info.is_shared() };
    if scheduled {
        checks.push(on_schedule(row));
    } else if !info.paced && info.bundled_server {
        checks.push(feed_held(group, setting));
    }
    if info.is_shared() && info.network {
        checks.push(reached_all(group));
    }
    checks.push(interval(&row.pace));
    let partial = group.missing > 0
        || group.ends.len() < group.cases.len()
        || group.ends.iter().any(|e| e.stopped.is_some());
    let status = match (partial, checks.iter().all(|c| c.ok)) {
        // What a stop cut off fails checks by itself; a lost process does not come from a stop.
        (true, _) if processes(group).ok => Status::Partial,
        (false, true) => Status::Valid,
        _ => Status::Invalid,
    };
    (status, checks)
}

fn connected(group: &Group) -> CheckResult {
    let (connected, asked) = (group.connected(), group.asked());
    let text = format!("{} of {} clients connected", thousands(connected), thousands(asked));
    Check::AllClientsConnected.result(
        connected == asked && asked > 0,
        Figure::count(connected),
        text,
    )
}

fn processes(group: &Group) -> CheckResult {
    let lost: Vec<&LostProcess> = group.ends.iter().flat_map(|e| &e.lost).collect();
    let how: Vec<&str> = lost.iter().map(|process| process.how.as_str()).collect();
    let text = match how.as_slice() {
        [] => "no process was lost".to_owned(),
        how => format!("lost: {}", how.join("; ")),
    };
    let value = Figure::count(lost.len() as u64);
    let mut result = Check::NoProcessLost.result(lost.is_empty(), value, text);
    if !lost.is_empty() && lost.iter().all(|process| process.role == ProcessRole::Driver) {
        result.cause = Cause::LostDriver;
    }
    result
}

fn measured(group: &Group, events: &Events) -> CheckResult {
    let messages = events.per_message_divisor();
    let idle = !group.info.paced && group.info.feed_rate_hz == 0.0;
    let (ok, text) = match (messages, events.steady.turns) {
        (0, _) if idle => (true, "no update was planned and none came".to_owned()),
        (0, 0) if group.connected() > 0 => {
            let connected = thousands(group.connected());
            (false, format!("nothing was measured: no message came to the {connected} connected"))
        }
        (0, 0) => (false, "nothing was measured".to_owned()),
        // The floor has turns and nothing else.
        (0, n) if group.info.floor => (true, format!("{} turns measured", thousands(n))),
        (0, n) => (false, format!("{} turns and not one whole answer", thousands(n))),
        (n, _) => (true, format!("{} messages measured", thousands(n))),
    };
    Check::SomethingMeasured.result(ok, Figure::count(messages), text)
}

/// Of exchanges and messages, how many may end with a fault.
const FAULTS_ALLOWED: f64 = 0.01;

/// Whether nearly everything went as it should: a server that answers with errors, or closes
/// again and again, is not measured by the few answers between.
fn succeeded(group: &Group) -> Option<CheckResult> {
    let counts = group.counts();
    let all = counts.completed.saturating_add(counts.faults);
    if all == 0 {
        return None;
    }
    let share = counts.faults as f64 / all as f64;
    let text = match counts.faults {
        0 => "nothing failed in the measured window".to_owned(),
        n => format!(
            "{} of {} exchanges and messages failed in the measured window (1 % may)",
            thousands(n),
            thousands(all)
        ),
    };
    Some(Check::ExchangesSucceed.result(share <= FAULTS_ALLOWED, Figure::known(share), text))
}

/// Whether the pushed updates came at the rate at which they were published: a server or driver
/// that falls behind loses none and yet does not hold the feed. Five deviations of a Poisson
/// process are allowed, and 2 %; if all clients' updates come at once, what lies at the edges of
/// each client's window, and if updates are held back, a window of them.
fn feed_held(group: &Group, setting: &Setting) -> CheckResult {
    let counts = group.counts();
    let window_ns: u64 = group.ends.iter().map(|e| e.duration_ns).sum();
    let planned = f64::from(group.info.clients) * group.info.feed_rate_hz * window_ns as f64 / 1e9;
    let published = match counts.updates_published {
        0 => planned,
        counted => counted as f64,
    };
    let windows = f64::from(group.info.clients) * group.ends.len() as f64;
    let held_back = group.info.feed_rate_hz * setting.batch_ns as f64 / 1e9;
    let edges = match (setting.spread, setting.batch_ns) {
        (true, 0) => 5.0 * published.sqrt(),
        _ => windows * (1.0 + held_back) + 5.0 * published.sqrt(),
    };
    let least = 0.98 * published - edges;
    // If updates are held back and the latest alone counts, it stands for those before it.
    let stood_for = counts.messages.saturating_add(counts.superseded);
    let came = stood_for as f64 + counts.repeated as f64;
    let text = format!(
        "{} of about {} updates came within the measured window",
        thousands(stood_for),
        thousands(published as u64)
    );
    Check::FeedHeld.result(came >= least, Figure::known(came), text)
}

/// Whether every message that clients sent in the measured window came to every client: what the
/// senders counted against what the receivers did.
fn reached_all(group: &Group) -> CheckResult {
    let counts = group.counts();
    let wanted = counts.sent * u64::from(group.info.clients);
    let text = format!(
        "{} of {} deliveries: {} messages to {} clients",
        thousands(counts.updates_delivered),
        thousands(wanted),
        thousands(counts.sent),
        thousands(group.info.clients.into())
    );
    let ok = counts.updates_delivered == wanted && counts.updates_published == wanted;
    Check::EveryMessageReachedAll.result(ok, Figure::count(counts.updates_delivered), text)
}

fn audited(check: Check, bytes: &Figure, who: &str) -> CheckResult {
    let (ok, text) = match bytes {
        Figure::Known(0.0) => (true, format!("{who} leaves no byte unexplained")),
        Figure::Known(n) => {
            (false, format!("{who} leaves {} bytes unexplained", thousands(*n as u64)))
        }
        Figure::Absent(why) => (false, format!("{who} could not be asked: {why}")),
    };
    check.result(ok, bytes.clone(), text)
}

fn kernel(audit: &Audit) -> CheckResult {
    let mut found = audited(Check::KernelAgrees, &audit.kernel_bytes, "the kernel");
    let mismatched = audit.mismatched.value().unwrap_or(0.0);
    if mismatched > 0.0 {
        found.ok = false;
        let total = found.text;
        found.text = format!("kernel and driver disagree on {mismatched:.0} connections; {total}");
    } else if found.ok && audit.connections.value() == Some(0.0) {
        found.ok = false;
        found.text = "no connection was compared with the kernel".to_owned();
    }
    found
}

fn server(group: &Group, audit: &Audit) -> CheckResult {
    let mut found = audited(Check::ServerAgrees, &audit.server_bytes, "the server");
    if let (false, Some(why)) = (group.info.bundled_server, audit.server_bytes.reason()) {
        found.ok = true;
        found.text = format!("not compared: {why}");
    }
    found
}

/// Turns must have been reached, and the p99 of the lag must be small beside the result.
fn on_schedule(row: &Row) -> CheckResult {
    let check = Check::DriverOnSchedule;
    let p99 = row.latency(Metric::DriverLag).stat(Statistic::P99);
    // Delivery if it is known, else response.
    let headline = match row.latency(Metric::DeliveryLatency) {
        delivery if delivery.count > 0 => delivery,
        _ => row.latency(Metric::ResponseLatency),
    };
    let median = headline.stat(Statistic::P50).value().unwrap_or(0.0);
    let allowed = (median / 10.0).max(LAG_ALLOWED_US);
    let lag = match p99 {
        Figure::Known(lag) => *lag,
        Figure::Absent(why) => {
            return check.result(false, p99.clone(), format!("the driver's lag is unknown: {why}"));
        }
    };
    let late = lag > allowed;
    let mut text = format!(
        "driver lag p99 {} {} {} (10 % of the median latency, at least 1 ms)",
        human_us(lag),
        if late { "is above" } else { "is within" },
        human_us(allowed)
    );
    let not_started = row.events.turns_not_started;
    if not_started > 0 {
        text = format!("{} turns were not reached; {text}", thousands(not_started));
    }
    check.result(!late && not_started == 0, p99.clone(), text)
}

fn interval(pace: &Pace) -> CheckResult {
    let text = match (pace.stretched, pace.may_stretch) {
        (false, _) => "the planned interval ran",
        (true, true) => "the interval was stretched, as the scenario permits",
        (true, false) => "the interval was stretched, which the scenario does not permit",
    };
    let ok = !pace.stretched || pace.may_stretch;
    Check::IntervalAsPermitted.result(ok, pace.stretch.clone(), text)
}

/// The worst row decides; a run that was cut is partial at best.
pub(super) fn of_run(result: &RunResult, rows: &[Row]) -> Verdict {
    let mut of_run = Vec::new();
    if result.is_partial() {
        of_run.push(stop_reason(result));
    }
    if rows.is_empty() {
        of_run.push("the plan holds no case".to_owned());
    }
    let mut reasons = of_run.clone();
    for row in rows.iter().filter(|r| r.status != Status::Valid) {
        reasons.push(row.standing());
    }
    let mut status = rows.iter().map(|r| r.status).max().unwrap_or(Status::Invalid);
    if result.is_partial() {
        status = status.max(Status::Partial);
    }
    Verdict { status, of_run, reasons, conclusion: conclusion(result, status) }
}

/// Every row's checks as findings: the limits that a run has without being asked.
pub(super) fn implicit(name: &str, rows: &[Row]) -> Judgement {
    let mut judgement = Judgement::new(format!("limits of {name}"));
    for row in rows {
        let samples = |check: Check| match check {
            Check::AllClientsConnected => row.asked,
            Check::NoProcessLost => row.repeats,
            Check::KernelAgrees => row.audit.connections.value().unwrap_or(0.0) as u64,
            _ => row.events.per_message_divisor(),
        };
        judgement.findings.extend(row.checks.iter().map(|result| Finding {
            decision: match result.ok {
                // It holds of nothing.
                true if samples(result.check) == 0 => Decision::NotComparable,
                true => Decision::Pass,
                false => Decision::Fail,
            },
            value: result.value.clone(),
            bound: "holds".to_owned(),
            samples: samples(result.check),
            text: result.text.clone(),
            ..Finding::new(
                Kind::Check,
                Subject::of_row(&row.series, row.clients, result.check.name()),
            )
        }));
    }
    judgement
}

fn stop_reason(result: &RunResult) -> String {
    let early = result.ends.iter().map(|e| &e.reason).filter(|r| **r != StopReason::Complete);
    let reasons: Vec<String> = early.map(StopReason::to_string).collect();
    if reasons.is_empty() {
        "partial: a result file has no end".to_owned()
    } else {
        format!("partial: the run was stopped: {}", reasons.join("; "))
    }
}

fn conclusion(result: &RunResult, status: Status) -> Conclusion {
    let stopped_by = |reason: StopReason| result.ends.iter().any(|e| e.reason == reason);
    match status {
        _ if stopped_by(StopReason::Interrupted) => Conclusion::Interrupted,
        _ if stopped_by(StopReason::Terminated) => Conclusion::Terminated,
        Status::Valid => Conclusion::Passed,
        Status::Partial if result.ends.iter().any(|e| e.reason.limit().is_some()) => {
            Conclusion::LimitFailed
        }
        Status::Partial => Conclusion::Failed,
        Status::Invalid => Conclusion::Invalid,
    }
}
