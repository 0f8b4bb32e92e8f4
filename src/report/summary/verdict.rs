//! The checks of a row, and the verdict on the run.

use crate::feed::Workload;
use crate::record::{ClientErrorKind, Part, PhaseTotals};
use crate::report::check::{Cause, Check, CheckOutcome, CheckResult, NOT_STARTED};
use crate::report::conclusion::Conclusion;
use crate::report::figure::Figure;
use crate::report::finding::{Decision, Finding, Judgement, Kind, Subject};
use crate::report::summary::away;
use crate::report::summary::consistency;
use crate::report::summary::cost;
use crate::report::summary::delimited;
use crate::report::summary::group::Group;
use crate::report::summary::lateness;
use crate::report::summary::message_times;
use crate::report::summary::quoted::quoted;
use crate::report::summary::rate;
use crate::report::summary::remedy;
use crate::report::summary::setting::Setting;
use crate::report::table::{Audit, Events, Pace, Row, Status, Verdict};
use crate::result::{LostProcess, ProcessRole, RunResult, StopReason};
use crate::units::{human_bytes, thousands};

const ENDLESS_MESSAGE: &str = "Let the server end each frame, message, event or line. If its messages take so long, set a longer \
                              `cooldown`.";
const LET_IT_RUN: &str =
    "Let no process of the server be stopped (SIGSTOP, SIGTSTP, a terminal) while it is measured.";
const FIELDS: &str = "Let lines of the event stream begin with data:, event:, id: or retry:, without a byte order mark: only the \
     first line of a stream may have one.";
const NOBODY_CONNECTED: &str = "See why no client connected.";

/// The checks of a row and what follows from them. The floor is checked for its schedule only.
pub(super) fn of_row(group: &Group, setting: &Setting, row: &Row) -> (Status, Vec<CheckResult>) {
    if group.cases.is_empty() {
        let check = Check::Ran.result(false, Figure::count(0), "the case did not run");
        return (Status::Partial, vec![check]);
    }
    if group.has_not_started() {
        // Nothing ran, and no other check says more.
        let found = processes(group);
        let text = format!("the server did not start: {}", how_lost(group).join("; "));
        let check = CheckResult { text, cause: Cause::NoServer, remedy: NOT_STARTED, ..found };
        return (Status::Invalid, vec![check]);
    }
    let info = group.info;
    let audit = &row.audit;
    let mut checks = Vec::new();
    checks.extend((!info.floor).then(|| connected(group)));
    checks.extend([processes(group), measured(group, &row.events)]);
    checks.push(succeeded(group));
    if info.network {
        checks.push(audited(Check::LedgerExplainsEveryByte, &audit.ledger_bytes, "the ledger"));
        checks.push(kernel(group, audit));
        checks.push(server(group, audit));
        checks.extend(delimited::check(group, setting));
        checks.push(consistency::deliveries_add_up(group, setting));
        checks.push(consistency::nothing_missing(group, setting));
        checks.push(consistency::never_faster_than_the_line(group, setting));
        checks.extend(message_times::check(group, setting));
        checks.push(consistency::bytes_as_predicted(group, setting));
    }
    checks.extend(lateness::on_schedule(group, setting, row));
    // What is polled of the bundled server is known by number.
    if info.network && info.workload == Workload::Ticker && !(info.paced && info.bundled_server) {
        checks.push(rate::held(group, setting));
    }
    if info.is_shared() && info.network {
        checks.push(reached_all(group));
    }
    checks.push(interval(&row.pace));
    checks.extend(away::check(group, &checks));
    name_the_cause(group, &mut checks);
    let partial = group.missing > 0
        || group.ends.len() < group.cases.len()
        || group.ends.iter().any(|e| e.stopped.is_some());
    let status = match (partial, checks.iter().all(CheckResult::is_ok)) {
        // What a stop cut off fails checks by itself; a lost process does not come from a stop.
        (true, _) if processes(group).is_ok() => Status::Partial,
        (false, true) => Status::Valid,
        _ => Status::Invalid,
    };
    (status, checks)
}

/// A server that refuses its clients is the cause of the checks that follow from it: the limits of a
/// machine and the counts of the kernel have no part in it.
fn name_the_cause(group: &Group, checks: &mut [CheckResult]) {
    let Some(remedy) = remedy::of_group(group) else { return };
    let nobody = group.connected() == 0;
    let follows = |check| {
        let own = [Check::AllClientsConnected, Check::SomethingMeasured, Check::ExchangesSucceed];
        own.contains(&check) || (nobody && check == Check::FeedHeld)
    };
    checks.iter_mut().filter(|found| follows(found.check)).for_each(|found| found.remedy = remedy);
}

fn connected(group: &Group) -> CheckResult {
    let connected = group.connected();
    let asked = group.asked();
    let mut text = format!("{} of {} clients connected", thousands(connected), thousands(asked));
    if connected < asked && remedy::is_of_answers(group) {
        text.push_str(": the server took connections, and did not answer as it should");
    }
    Check::AllClientsConnected.result(
        connected == asked && asked > 0,
        Figure::count(connected),
        text,
    )
}

fn processes(group: &Group) -> CheckResult {
    let lost: Vec<&LostProcess> = group.ends.iter().flat_map(|e| &e.lost).collect();
    let text = match how_lost(group).as_slice() {
        [] => "no process was lost".to_owned(),
        how => format!("lost: {}", how.join("; ")),
    };
    let value = Figure::count(lost.len() as u64);
    let mut result = Check::NoProcessLost.result(lost.is_empty(), value, text);
    if !lost.is_empty() && lost.iter().all(|process| process.role == ProcessRole::Driver) {
        result.cause = Cause::LostDriver;
    }
    let mut stopped = group.ends.iter().filter_map(|end| end.server_stopped.as_deref());
    match stopped.next() {
        Some(first) if lost.is_empty() => {
            let count = Figure::count(1 + stopped.count() as u64);
            let found = Check::NoProcessLost.result(false, count, first);
            CheckResult { cause: Cause::Server, remedy: LET_IT_RUN, ..found }
        }
        _ => result,
    }
}

/// Returns of each process that was lost how it was.
fn how_lost<'a>(group: &Group<'a>) -> Vec<&'a str> {
    group.ends.iter().flat_map(|end| &end.lost).map(|process| process.how.as_str()).collect()
}

fn measured(group: &Group, events: &Events) -> CheckResult {
    let messages = events.per_message_divisor();
    let idle = !group.info.paced && group.info.feed_rate_hz == 0.0;
    let (ok, text) = match (messages, events.steady.turns) {
        (0, _) if idle => (true, "no update was planned and none came".to_owned()),
        (0, 0) if group.connected() > 0 => (false, nothing_came(group)),
        (0, 0) => (false, "nothing was measured".to_owned()),
        // The floor has turns and nothing else.
        (0, n) if group.info.floor => (true, format!("{} turns measured", thousands(n))),
        (0, n) => (false, format!("{} turns and not one whole answer", thousands(n))),
        (n, _) => (true, format!("{} messages measured", thousands(n))),
    };
    let found = Check::SomethingMeasured.result(ok, Figure::count(messages), text);
    match unknown_field(group) {
        Some(_) if !ok => CheckResult { remedy: FIELDS, ..found },
        _ => found,
    }
}

/// Says that no message came to clients that are connected, and what came at another time.
fn nothing_came(group: &Group) -> String {
    let phases = &group.total.phases;
    let before = phases.setup.counts.messages.saturating_add(phases.warmup.counts.messages);
    let ignored = phases.steady.counts.ignored;
    let mut text = format!(
        "nothing was measured: no message came to the {} connected in the measured window",
        thousands(group.connected())
    );
    if before > 0 {
        text.push_str(&format!(", and {} came before it", thousands(before)));
    }
    if ignored > 0 {
        let ignored = thousands(ignored);
        text.push_str(&format!(", but {ignored} that [message] ignore names"));
    }
    let came = bytes_of_no_message(&phases.steady);
    if ignored == 0 && came > 0 {
        let came = human_bytes(came as f64);
        let unknown = unknown_field(group).map(|field| {
            let field = quoted(&String::from_utf8_lossy(field));
            format!("lines with a field that event streams do not know ({field}), ")
        });
        text.push_str(&format!(
            ", but {came} that are no message: {}empty lines, comments or pings, or one that did not end",
            unknown.unwrap_or_default()
        ));
    }
    if group.is_silent_websocket {
        text.push_str(
            "; if the server sends to those that subscribe, let the clients do so by `first` in the \
             series (--first with wsbench try)",
        );
    }
    text
}

/// Returns the bytes of a phase without messages that are neither heads nor of answers that failed: those are
/// said by themselves.
fn bytes_of_no_message(phase: &PhaseTotals) -> u64 {
    let down = &phase.ledger.down;
    let failed = if phase.counts.faults > 0 { down[Part::Discarded] } else { 0 };
    let others = down[Part::Heads].saturating_add(down[Part::Tls]);
    down.wire.get().saturating_sub(others).saturating_sub(failed)
}

/// Returns the name of a field that came in an event stream and is none of one.
fn unknown_field<'a>(group: &Group<'a>) -> Option<&'a [u8]> {
    let mut refusals = group.drivers.iter().flat_map(|driver| &driver.refusals);
    let unknown = refusals.find(|kept| kept.error.kind == ClientErrorKind::UnknownField);
    unknown.map(|kept| kept.body.as_slice())
}

/// Of exchanges and messages, how many may end with a fault.
const FAULTS_ALLOWED: f64 = 0.01;

/// Whether nearly everything went as it should: a server that answers with errors, or closes
/// again and again, is not measured by the few answers between.
fn succeeded(group: &Group) -> CheckResult {
    let counts = group.counts();
    if counts.unended_messages > 0 {
        let text = format!(
            "a message was under way at the end at {} of the clients that had begun before the end of the \
             measured window and was not whole: {} bytes of it came, and nothing behind it was read",
            thousands(counts.unended_messages),
            thousands(counts.unended_bytes)
        );
        let value = Figure::count(counts.unended_messages);
        let found = Check::ExchangesSucceed.result(false, value, text);
        return CheckResult { cause: Cause::Server, remedy: ENDLESS_MESSAGE, ..found };
    }
    if group.is_nobody_served() && group.connected() == 0 {
        return Check::ExchangesSucceed
            .not_applicable("no client connected, so that there was no exchange or message");
    }
    let all = counts.completed.saturating_add(counts.faults);
    if all == 0 {
        return Check::ExchangesSucceed.not_applicable("no exchange or message came to its end");
    }
    let share = counts.faults as f64 / all as f64;
    let text = match counts.faults {
        0 => "nothing failed in the measured window".to_owned(),
        n if counts.completed == 0 => format!(
            "{} client {} and no whole exchange or message in the measured window",
            thousands(n),
            if n == 1 { "error" } else { "errors" }
        ),
        // An answer with an error behind it is whole all the same: both are counted for themselves.
        n => format!(
            "{} client {} beside {} whole exchanges and messages in the measured window (1 % of both may be \
             errors)",
            thousands(n),
            if n == 1 { "error" } else { "errors" },
            thousands(counts.completed)
        ),
    };
    Check::ExchangesSucceed.result(share <= FAULTS_ALLOWED, Figure::known(share), text)
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
    let text = match bytes {
        Figure::Known(0.0) => format!("{who} leaves no byte unexplained"),
        Figure::Known(n) => format!("{who} leaves {} bytes unexplained", thousands(*n as u64)),
        Figure::Absent(why) => return check.not_made(format!("{who} could not be asked: {why}")),
    };
    check.result(*bytes == Figure::Known(0.0), bytes.clone(), text)
}

fn kernel(group: &Group, audit: &Audit) -> CheckResult {
    let check = Check::KernelAgrees;
    if let Some(why) = cost::closed_by_the_library(group) {
        return check.not_applicable(format!("not compared: {why}"));
    }
    let found = audited(check, &audit.kernel_bytes, "the kernel");
    let mismatched = audit.mismatched.value().unwrap_or(0.0);
    if mismatched > 0.0 {
        let total = found.text;
        let text = format!("kernel and driver disagree on {mismatched:.0} connections; {total}");
        check.result(false, found.value, text)
    } else if found.is_ok() && audit.connections.value() == Some(0.0) {
        match group.connected() {
            0 => CheckResult {
                remedy: NOBODY_CONNECTED,
                ..check.not_made(
                    "no client connected, so that no connection was compared with the kernel",
                )
            },
            _ => check.not_made("no connection was compared with the kernel"),
        }
    } else {
        found
    }
}

fn server(group: &Group, audit: &Audit) -> CheckResult {
    let check = Check::ServerAgrees;
    match audit.server_bytes.reason() {
        // Another server, or a library whose last bytes nobody sees.
        Some(why) if group.planned_absence("server_audit").is_some() => {
            check.not_applicable(format!("not compared: {why}"))
        }
        _ => audited(check, &audit.server_bytes, "the server"),
    }
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
    let mut judgement = Judgement::new(format!("checks of {name}"));
    for row in rows {
        let unchecked = row.checks.iter().filter(|c| c.is_unchecked_loss());
        judgement.notes.extend(unchecked.map(|c| format!("{}: {}", row.label(), c.text)));
        let samples = |check: Check| match check {
            Check::AllClientsConnected => row.asked,
            Check::NoProcessLost => row.repeats,
            Check::KernelAgrees => row.audit.connections.value().unwrap_or(0.0) as u64,
            _ => row.events.per_message_divisor(),
        };
        let made = row.checks.iter().filter(|c| c.outcome != CheckOutcome::NotApplicable);
        judgement.findings.extend(made.map(|result| Finding {
            decision: match result.outcome {
                // It holds of nothing.
                CheckOutcome::Passed if samples(result.check) == 0 => Decision::NotComparable,
                CheckOutcome::Passed => Decision::Pass,
                _ => Decision::Fail,
            },
            value: result.value.clone(),
            samples: samples(result.check),
            text: result.text.clone(),
            ..Finding::of_condition(
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
        _ if stopped_by(StopReason::Terminated) || stopped_by(StopReason::HungUp) => {
            Conclusion::Terminated
        }
        Status::Valid => Conclusion::Passed,
        Status::Partial if result.ends.iter().any(|e| e.reason.limit().is_some()) => {
            Conclusion::LimitFailed
        }
        Status::Partial => Conclusion::Failed,
        Status::Invalid => Conclusion::Invalid,
    }
}
