//! What a server does that changes what a row's figures mean, in sentences.
//!
//! None of it is an error: a server may do so. But a reader who does not know takes the figures for
//! what they are not.

use crate::feed::{TimeGuess, Workload};
use crate::record::{Counts, KernelAudit, Part, TransportKind};
use crate::report::check::{Check, CheckResult};
use crate::report::summary::bytes;
use crate::report::summary::compressed::UnreadCoding;
use crate::report::summary::group::Group;
use crate::report::table::{Events, NO_STAMP};
use crate::result::{CaseEnd, ServerEnd};
use crate::units::{human_ns, listed, thousands};
use hdrhistogram::Histogram;

/// Of the held polls, the share that must have ended at once for the server to hold none.
const NOT_HELD: f64 = 0.5;

/// Of all answers, the share that must set a cookie for each poll to be one of a new session.
const MOST_ANSWERS: f64 = 0.9;
/// The kernel sends a SYN that was not answered again after this time, and then as often.
const SYN_AGAIN_NS: u64 = 1_000_000_000;
/// How much later such a connect may end.
const SYN_LATE_NS: u64 = 200_000_000;
/// How often it sends it again before the times say nothing any more.
const SYN_STEPS: u64 = 8;
/// Of all connects, the share that must have waited for another SYN.
const SOME_CONNECTS: f64 = 0.01;
/// Of all turns, the share that must have waited to be worth a word.
const SOME_TURNS: f64 = 0.01;

/// Says that connects waited for the repetition of their SYN, as if the server's queue was short.
pub(super) fn short_queue(connects: Option<&Histogram<u64>>) -> Option<String> {
    let connects = connects?;
    let steps = (1..=SYN_STEPS).map(|step| step * SYN_AGAIN_NS);
    let waited: u64 = steps.map(|ns| connects.count_between(ns, ns + SYN_LATE_NS)).sum();
    let longest_ns = connects.max();
    // On a slow path or with a slow server the times are anything.
    let slow = connects.count_between(SYN_AGAIN_NS / 2, u64::MAX);
    let is_some = waited as f64 >= SOME_CONNECTS * connects.len() as f64;
    (waited > 0 && is_some && waited * 10 >= slow * 9).then(|| {
        format!(
            "the server seems to have no room for so many new connections at once: {} of {} connects \
             took a whole second or several, up to {}, as they do if the kernel must send a SYN again. \
             Raise the server's backlog (and its net.core.somaxconn), or connect more slowly by `ramp`",
            thousands(waited),
            thousands(connects.len()),
            human_ns(longest_ns as f64)
        )
    })
}

/// Returns the sentences, without their full stops. `coding` is that of answers that could not be read.
pub(super) fn of(counts: &Counts, coding: &UnreadCoding<'_>) -> Vec<String> {
    let mut out = Vec::from_iter(polls_not_held(counts));
    out.extend(cookies(counts));
    out.extend(of_some(counts.cursors_missing, |n| {
        format!(
            "clients may have got the same updates twice: {n} of {} answers had no `cursor` at the \
             place that the series names, or one that the next request cannot carry there, so that it \
             sent the last one again",
            thousands(counts.completed)
        )
    }));
    out.extend(chunks(counts));
    out.extend(of_some(counts.stray_bytes, |n| {
        format!(
            "the server sent {n} stray bytes after answers that have no body (204, 304): an empty \
             body in chunks; they count as discarded"
        )
    }));
    out.extend(of_some(counts.endless_waits, |n| {
        format!(
            "the server asked clients {n} times to wait for longer than the measured window before \
             they connect again (retry, Retry-After), and they waited"
        )
    }));
    out.extend(of_some(counts.extensions_declined, |n| {
        format!(
            "permessage-deflate was offered {n} times, and the server did not select it: what it sent on these \
             WebSockets came as it is"
        )
    }));
    out.extend(compressed(counts, coding));
    out
}

/// Returns a sentence on so many, if there are any.
fn of_some(n: u64, sentence: impl FnOnce(String) -> String) -> Option<String> {
    (n > 0).then(|| sentence(thousands(n)))
}

/// Says that most long polls ended at once.
fn polls_not_held(counts: &Counts) -> Option<String> {
    let is_most = counts.polls_not_held as f64 > counts.completed as f64 * NOT_HELD;
    of_some(if is_most { counts.polls_not_held } else { 0 }, |n| {
        format!(
            "the server does not hold requests: it answered {n} of {} at once with nothing new, so \
             that the clients polled without a pause. If it has only the latest state, take \
             transport = \"polling\" with an interval; if it goes by ETag, the series needs conditional = true",
            thousands(counts.completed)
        )
    })
}

/// Says which cookies were not sent back.
fn cookies(counts: &Counts) -> impl Iterator<Item = String> + use<> {
    let is_most = counts.cookies_ignored as f64 > counts.completed as f64 * MOST_ANSWERS;
    let ignored = of_some(if is_most { counts.cookies_ignored } else { 0 }, |n| {
        format!(
            "the server set a cookie with {n} of {} answers, and no client sent one back: each poll \
             may have opened a session of its own there. Set cookies = \"keep\" in the series",
            thousands(counts.completed)
        )
    });
    let secure = of_some(counts.cookies_secure, |n| {
        format!(
            "cookies that the server set {n} times are not sent back: they are marked Secure, for https and wss \
             alone. Take the server's https:// or wss:// URL, or let it set them without Secure"
        )
    });
    let of_others = of_some(counts.cookies_of_other_hosts, |n| {
        format!(
            "cookies that the server set {n} times are not sent back: their Domain is not that of the requests' Host. \
             If the server has another name, write it as `host` of the series"
        )
    });
    let malformed = of_some(counts.cookies_malformed, |n| {
        format!(
            "cookies that the server set {n} times are not sent back: their field Set-Cookie has no name=value, or a \
             control character in it (RFC 6265, 5.2). Correct it in the server"
        )
    });
    let too_many = of_some(counts.cookies_too_many, |n| {
        format!(
            "cookies that the server set {n} times are not sent back: a client keeps 50 (RFC 6265, 6.1). Let the \
             server set fewer"
        )
    });
    [ignored, secure, of_others, malformed, too_many].into_iter().flatten()
}

/// Says that answers to polls seem to open a session each.
pub(super) fn new_sessions(group: &Group) -> Option<String> {
    let polls =
        matches!(group.info.kind(), Some(TransportKind::Polling | TransportKind::LongPolling));
    let member = group.drivers.iter().find_map(|driver| driver.new_sessions.as_ref());
    member.filter(|_| polls).map(|member| {
        format!(
            "each poll seems to open a session of its own at the server: {member:?} is another one in each \
             answer to the same client. Poll a URL that needs no session, or take a way of the server that \
             opens one once, for example dialect = \"socket.io\""
        )
    })
}

/// Says that chunks are not messages, or that a message has several JSON texts.
fn chunks(counts: &Counts) -> impl Iterator<Item = String> + use<> {
    let split = of_some(counts.split_updates, |n| {
        format!(
            "the server's chunks are not its messages: {n} updates came in several chunks each, and \
             figures for each message are for each chunk; set `delimiter` in the series"
        )
    });
    let unlike = counts.joined_messages.saturating_add(counts.continued_chunks);
    let unlike = of_some(unlike, |_| {
        format!(
            "the server's chunks are not its messages: {} JSON texts came behind another in the same chunk, \
             {} chunks went on with one, and figures for each message are for each chunk; set `delimiter` in \
             the series, for example \"line\"",
            thousands(counts.joined_messages),
            thousands(counts.continued_chunks)
        )
    });
    let is_said = counts.joined_messages > 0;
    let joined = of_some(if is_said { 0 } else { counts.joined_texts }, |n| {
        format!(
            "{n} JSON texts came behind another in the same message: what came together counts as one message, \
             and a time or number is read in the first text alone"
        )
    });
    let uneven = of_some(counts.uneven_chunks, |n| {
        format!(
            "the server's chunks are not its messages: {n} chunks were a part of a message or more \
             than one; messages were found by `delimiter`"
        )
    });
    [split, unlike, joined, uneven].into_iter().flatten()
}

/// Says that what came brought no update: it was empty, or repeated one.
pub(super) fn nothing_new(group: &Group) -> Option<String> {
    let steady = &group.total.phases.steady;
    let completed = steady.counts.completed;
    let messages = steady.counts.messages;
    let is_feed = group.info.network && group.info.workload == Workload::Ticker;
    if !is_feed || completed == 0 {
        return None;
    }
    let what = match group.info.kind() {
        Some(TransportKind::WebSocket) => "frames",
        Some(TransportKind::ServerSentEvents) => "events",
        Some(TransportKind::Streaming) => "chunks or lines",
        // An answer without a body is how a server says that there is nothing new.
        _ => {
            return (messages == 0).then(|| {
                format!(
                    "none of {} answers brought a new update: they were empty, or repeated one",
                    thousands(completed)
                )
            });
        }
    };
    let all = thousands(completed);
    if steady.ledger.down[Part::Payload] > 0 {
        return (messages == 0)
            .then(|| format!("none of {all} messages brought a new update: they repeated one"));
    }
    Some(format!(
        "none of {all} messages has any payload: the server's {what} are empty, so that no time and no \
         number can be read from them; check the path, and what the server sends there"
    ))
}

/// Says how many of the messages that were pushed are empty, if others are not.
pub(super) fn empty_messages(group: &Group) -> Option<String> {
    let info = group.info;
    let asks = info.paced || info.kind() == Some(TransportKind::LongPolling);
    let is_feed = info.network && info.workload == Workload::Ticker && !info.bundled_server;
    // An answer without a body is how a server says that there is nothing new.
    if asks || !is_feed { None } else { some_empty(group.counts()) }
}

fn some_empty(&Counts { empty_messages, completed, .. }: &Counts) -> Option<String> {
    (empty_messages > 0 && empty_messages < completed).then(|| {
        format!(
            "{} of {} messages were empty: they count in figures for each message, and nothing can be read in them",
            thousands(empty_messages),
            thousands(completed)
        )
    })
}

/// Says which figures of the measured window a library has hidden.
pub(super) fn hidden(steady: &Counts) -> impl Iterator<Item = String> + use<> {
    let &Counts { undivided, payload_only, unusual_heads, .. } = steady;
    let payload_only = (payload_only > 0).then(|| bytes::payload_alone(payload_only));
    let undivided = (undivided > 0).then(|| bytes::heads_and_chunks(undivided));
    let unusual = (unusual_heads > 0).then(|| bytes::line_ends(unusual_heads));
    let parts = [payload_only, undivided, unusual];
    unmeasured(steady).into_iter().chain(parts.into_iter().flatten())
}

/// Says why there are no figures of bytes, if a library has hidden some.
fn unmeasured(counts: &Counts) -> Option<String> {
    (counts.unmeasured > 0).then(|| {
        format!(
            "there are no figures of bytes: the library had closed the sockets of {} exchanges before the \
             kernel could be asked, as the server closes after its answers; take engine = \"raw\"",
            thousands(counts.unmeasured)
        )
    })
}

/// Says that a library closed connections of which the kernel could not be asked any more: what a server sends
/// after its last answer, such as a 408 before it closes, is unknown.
pub(super) fn unread_ends(group: &Group) -> Option<String> {
    let audit = |of: fn(&KernelAudit) -> u64| -> u64 {
        group.drivers.iter().map(|driver| of(&driver.audit)).sum()
    };
    let closed = audit(|a| a.unaudited);
    let all = closed + audit(|a| a.connections) + audit(|a| a.refused);
    let is_said = group.counts().unmeasured > 0;
    (closed > 0 && !is_said && !group.info.connection_each_turn).then(|| {
        format!(
            "{} of {} connections were closed between two requests, and the library closed its sockets before the \
             kernel could be asked: bytes that the server sent on them after its last answer, such as a 408 or \
             what nobody asked for, are in no figure; take engine = \"raw\"",
            thousands(closed),
            thousands(all)
        )
    })
}

/// Says that turns waited for the server: some were not reached, or more than a few began late.
pub(super) fn waits(events: &Events) -> Vec<String> {
    let blocked = events.turns_blocked;
    let turns = events.steady.turns;
    let waited = events.steady.turns_waited;
    let why = "their clients waited for their last answer or for a connection";
    let blocked = (blocked > 0).then(|| {
        format!("{} turns were not reached before the end, since {why}", thousands(blocked))
    });
    let waited = (waited as f64 > turns as f64 * SOME_TURNS).then(|| {
        format!(
            "{} of {} turns began late, since {why}; response latency counts from the intended moment",
            thousands(waited),
            thousands(turns)
        )
    });
    blocked.into_iter().chain(waited).collect()
}

/// Says that requests got no answer and were sent again: a server may close an idle connection at any moment, but
/// one that does so often leaves requests unanswered.
pub(super) fn sent_again(steady: &Counts, kind: Option<TransportKind>) -> Option<String> {
    let all = steady.completed.saturating_add(steady.resent);
    let what = match kind {
        Some(TransportKind::LongPolling) => {
            "held requests got no answer: the server closed the connection, and they were sent again on a new one, \
             which no error counts; let it answer with nothing new (status 204) before it or a proxy gives up"
        }
        _ => {
            "requests got no answer: the server closed the connection, which had carried others before, or refused \
             them (GOAWAY, REFUSED_STREAM), and they were sent again; the response latency has both, the service time \
             the second alone"
        }
    };
    (steady.resent as f64 > all as f64 * SOME_TURNS)
        .then(|| format!("{} of {} {what}", thousands(steady.resent), thousands(all)))
}

/// Says that updates came again or after a later one: TCP does neither, so the server did.
pub(super) fn out_of_order(steady: &Counts) -> Option<String> {
    let again = match steady.updates_duplicated {
        0 => None,
        n => Some(format!("{} updates came again", thousands(n))),
    };
    let late = match steady.updates_reordered {
        0 => None,
        n => Some(format!("{} updates came after a later one", thousands(n))),
    };
    let found: Vec<String> = again.into_iter().chain(late).collect();
    (!found.is_empty()).then(|| format!("{} in the measured window", found.join(" and ")))
}

/// Says where to name the time of messages that have no stamp, and where one seems to be.
pub(super) fn no_time(group: &Group) -> Option<String> {
    let steady = &group.total.phases.steady;
    let counts = &steady.counts;
    let is_read = counts.messages == 0 || counts.unstamped < counts.messages;
    let is_empty = steady.ledger.down[Part::Payload] == 0;
    let explained = no_stamp(counts) != NO_STAMP || is_empty;
    let is_feed = group.info.network && group.info.workload == Workload::Ticker;
    if is_read || explained || group.info.bundled_server || !is_feed {
        return None;
    }
    let guess = group.drivers.iter().find_map(|driver| driver.time_guess.as_ref());
    let how = match guess {
        Some(TimeGuess { pointer, unit }) => {
            let unit = unit.name();
            format!(
                ": {pointer} of the first one seems to be one in {unit}, so write time = \"{pointer}\" and \
                 unit = \"{unit}\" into [message] (--time {pointer}:{unit} with wsbench try)"
            )
        }
        None => " by `time` in [message] (with wsbench try for example --time /t:ms)".to_owned(),
    };
    Some(format!(
        "delivery latency is not known, as no message has a stamp of wsbench. Say where messages have their \
         time{how}"
    ))
}

/// Says what came compressed and could not be read.
fn compressed(counts: &Counts, coding: &UnreadCoding<'_>) -> Option<String> {
    (counts.compressed > 0).then(|| {
        format!(
            "{} answers were compressed ({}), {}, so that nothing could be read in them: {}",
            thousands(counts.compressed),
            coding.field(),
            coding.why(),
            coding.remedy_within(false)
        )
    })
}

/// Says how large messages that came compressed were before, as the figures of the measured window have both.
pub(super) fn came_compressed(steady: &Counts) -> Option<String> {
    (steady.decoded_bytes > 0).then(|| {
        format!(
            "messages came compressed: in the measured window, {} bytes of messages were {} bytes of payload",
            thousands(steady.decoded_bytes),
            thousands(steady.coded_bytes)
        )
    })
}

/// Says which of several addresses of the server's name the clients connected to.
pub(super) fn address(ends: &[&CaseEnd]) -> Option<String> {
    let end = ends.iter().find(|end| end.addresses.len() > 1)?;
    let (chosen, others) = end.addresses.split_first()?;
    let others: Vec<String> = others.iter().map(ToString::to_string).collect();
    Some(format!(
        "the server's name has {} addresses: clients connected to {chosen}, not to {}",
        end.addresses.len(),
        listed(&others)
    ))
}

/// Says whose CPU time and memory a server's are, if it was not started for each case.
pub(super) fn server_processes(servers: &[&ServerEnd]) -> Option<String> {
    let of = servers.iter().find_map(|server| server.runs_on_as.as_deref())?;
    if servers.iter().any(|server| server.no_memory_controller) {
        return Some(format!(
            "the server's CPU time is that of {of}, which runs on from case to case; its memory is not \
             known: this group has no memory controller"
        ));
    }
    Some(format!(
        "the server's CPU time and memory are those of {of}, which runs on from case to case: its \
         memory is known of the first case alone, and is too low if it had clients before"
    ))
}

/// Says which processes of a started server could not be ended, of each case once.
pub(super) fn left_running(ends: &[&CaseEnd]) -> Vec<String> {
    let mut all: Vec<String> = ends.iter().filter_map(|end| end.left_running.clone()).collect();
    all.dedup();
    all
}

/// Says that the server was found at none of several addresses of its name.
pub(super) fn none_accepted(ends: &[&CaseEnd]) -> Option<String> {
    let end = ends.iter().find(|end| end.none_accepted)?;
    let all: Vec<String> = end.addresses.iter().map(ToString::to_string).collect();
    Some(format!(
        "the server's name has {} addresses, and none accepted a connection before the clients \
         came: {}",
        all.len(),
        listed(&all)
    ))
}

/// Says that the floor of this client count is not whole, since a process of it was lost, or why it
/// does not hold.
pub(super) fn floor(ends: &[&CaseEnd], checks: &[CheckResult]) -> Option<String> {
    let lost = ends.iter().flat_map(|end| &end.lost);
    let lost: Vec<&str> = lost.map(|process| process.how.as_str()).collect();
    // A floor that did not run has no cost, and its figure says why.
    let failed = checks.iter().filter(|found| !found.is_ok() && found.check != Check::Ran);
    let failed: Vec<&str> = failed.map(|found| found.text.as_str()).collect();
    let (what, why) = match (lost.as_slice(), failed.as_slice()) {
        ([], []) => return None,
        ([], failed) => ("not valid", failed.join("; ")),
        (lost, _) => ("not whole", lost.join("; ")),
    };
    Some(format!("the floor, with which the driver's cost is compared, is {what}: {why}"))
}

/// Why messages have no stamp.
pub(super) fn no_stamp(counts: &Counts) -> &'static str {
    match counts {
        Counts { compressed: 1.., .. } => {
            "the answers are compressed (Content-Encoding), so that no stamp could be read"
        }
        Counts { split_updates: 1.., .. }
        | Counts { joined_messages: 1.., .. }
        | Counts { continued_chunks: 1.., .. } => {
            "the server's chunks are not its messages, so that no stamp could be read"
        }
        _ => NO_STAMP,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::figure::Figure;
    use crate::result::{LostProcess, ProcessRole};

    #[test]
    fn the_choice_among_addresses_is_said() {
        let parse = |text: &str| text.parse().unwrap();
        let mut end = CaseEnd { addresses: vec![parse("[::1]:80")], ..CaseEnd::default() };
        assert_eq!(address(&[&end]), None);
        end.addresses.push(parse("127.0.0.1:80"));
        let said = address(&[&end]).unwrap();
        assert!(said.ends_with("connected to [::1]:80, not to 127.0.0.1:80"), "{said}");
        assert_eq!(none_accepted(&[&end]), None);
        end.none_accepted = true;
        let said = none_accepted(&[&end]).unwrap();
        assert!(said.ends_with("came: [::1]:80 and 127.0.0.1:80"), "{said}");
    }

    #[test]
    fn updates_that_came_again_or_late_are_said() {
        let of = |again, late| {
            let counts =
                Counts { updates_duplicated: again, updates_reordered: late, ..Counts::default() };
            out_of_order(&counts)
        };
        assert_eq!(of(0, 0), None);
        assert_eq!(of(1_200, 0).unwrap(), "1,200 updates came again in the measured window");
        assert_eq!(
            of(3, 4).unwrap(),
            "3 updates came again and 4 updates came after a later one in the measured window"
        );
    }

    #[test]
    fn a_floor_that_lost_a_process_or_does_not_hold_is_named() {
        let mut end = CaseEnd::default();
        let check = |ok| {
            Check::DriverOnSchedule.result(
                ok,
                Figure::count(1),
                "driver lag: p99 1 s is above 1 ms",
            )
        };
        assert_eq!(floor(&[&end], &[check(true)]), None);
        let said = floor(&[&end], &[check(true), check(false)]).unwrap();
        assert!(said.ends_with("is not valid: driver lag: p99 1 s is above 1 ms"), "{said}");
        let how = "driver 0 was killed by signal 9".to_owned();
        end.lost.push(LostProcess { role: ProcessRole::Driver, how });
        let said = floor(&[&end], &[check(false)]).unwrap();
        assert!(said.ends_with("is not whole: driver 0 was killed by signal 9"), "{said}");
    }

    #[test]
    fn connects_that_waited_for_another_syn_are_named() {
        let histogram = |values: &[u64]| {
            let mut all = Histogram::new(3).unwrap();
            values.iter().for_each(|ms| all.record(ms * 1_000_000).unwrap());
            all
        };
        assert_eq!(short_queue(None), None);
        assert_eq!(short_queue(Some(&histogram(&[1, 2, 400]))), None);
        let said = short_queue(Some(&histogram(&[1, 1_023, 3_090]))).unwrap();
        assert!(said.contains("2 of 3 connects took a whole second"), "{said}");
        assert!(said.contains("backlog") && said.contains("`ramp`"), "{said}");
        // A path that is slow.
        assert_eq!(short_queue(Some(&histogram(&[700, 900, 1_100, 1_300, 1_500]))), None);
    }

    #[test]
    fn a_group_without_a_memory_controller_has_no_memory_that_is_known() {
        let mut end = ServerEnd {
            runs_on_as: Some("control group /sys/fs/cgroup/x".to_owned()),
            ..ServerEnd::default()
        };
        let said = |end: &ServerEnd| server_processes(&[end]).unwrap();
        assert!(said(&end).contains("CPU time and memory are those of control group"));
        end.no_memory_controller = true;
        assert!(said(&end).contains("CPU time is that of control group"));
        assert!(said(&end).ends_with("this group has no memory controller"));
    }

    /// What a library hid before the window hides no figure of it.
    #[test]
    fn what_a_library_hides_is_of_the_window() {
        let steady = Counts { unmeasured: 5, undivided: 2, unusual_heads: 1, ..Counts::default() };
        assert_eq!(of(&steady, &UnreadCoding(b"")), Vec::<String>::new());
        assert_eq!(hidden(&steady).count(), 3);
        assert_eq!(hidden(&Counts::default()).count(), 0);
        assert!(unmeasured(&steady).unwrap().contains("sockets of 5 exchanges"));
        let empty = |empty_messages| {
            some_empty(&Counts { completed: 9, empty_messages, ..Counts::default() })
        };
        assert_eq!(empty(0).or(empty(9)), None);
        assert!(empty(3).is_some_and(|text| text.starts_with("3 of 9 messages were empty")));
        let resent =
            |resent| sent_again(&Counts { completed: 99, resent, ..Counts::default() }, None);
        assert!(resent(0).is_none() && resent(1).is_none());
        assert!(resent(33).unwrap().starts_with("33 of 132 requests got no answer"));
    }

    #[test]
    fn only_what_happened_is_said() {
        let of = |counts: &Counts| of(counts, &UnreadCoding(b""));
        assert_eq!(of(&Counts { completed: 9, ..Counts::default() }), Vec::<String>::new());
        let half = Counts { completed: 8, polls_not_held: 4, ..Counts::default() };
        assert_eq!(of(&half).len(), 0);
        let most = Counts { polls_not_held: 5, stray_bytes: 1_000, ..half };
        let said = of(&most);
        assert!(said[0].contains("it answered 5 of 8 at once"), "{said:?}");
        assert!(said[1].contains("1,000 stray bytes"), "{said:?}");
        let sessions = of(&Counts { completed: 10, cookies_ignored: 10, ..Counts::default() });
        assert!(sessions[0].contains("cookie with 10 of 10 answers"), "{sessions:?}");
        let one = of(&Counts { completed: 10, cookies_ignored: 9, ..Counts::default() });
        assert_eq!(one.len(), 0);
        assert_eq!(no_stamp(&most), no_stamp(&half));
        let left_out = of(&Counts {
            cookies_secure: 1_000,
            cookies_of_other_hosts: 2,
            cookies_malformed: 3,
            cookies_too_many: 4,
            ..Counts::default()
        });
        assert!(left_out[0].contains("set 1,000 times are not sent back: they are marked Secure"));
        assert!(left_out[1].contains("set 2 times are not sent back: their Domain"));
        assert!(left_out[2].contains("set 3 times are not sent back: their field Set-Cookie"));
        assert!(left_out[3].contains("set 4 times are not sent back: a client keeps 50"));
        let chunks = Counts { completed: 9, joined_messages: 1_000, ..Counts::default() };
        assert!(of(&chunks)[0].contains("1,000 JSON texts came behind another in the same chunk"));
        assert!(no_stamp(&chunks).contains("chunks are not its messages"));
        let compressed = Counts { compressed: 1, ..half };
        assert!(no_stamp(&compressed).contains("Content-Encoding"));
        let said = super::of(&compressed, &UnreadCoding(b"br"));
        assert!(said[0].contains("compressed (Content-Encoding \"br\"), which"), "{said:?}");
        let decoded = Counts { decoded_bytes: 2_100, coded_bytes: 1_500, ..half };
        assert_eq!(of(&decoded), Vec::<String>::new(), "of the measured window alone");
        assert_eq!(
            came_compressed(&decoded).unwrap(),
            "messages came compressed: in the measured window, 2,100 bytes of messages were 1,500 bytes \
             of payload"
        );
    }
}
