//! What the times and numbers in a server's own messages are worth: how exact they are, and what a
//! time that cannot be right looks like.

use crate::feed::{MessageClock, StrangeTime, TimeUnit};
use crate::record::{Counts, Metric};
use crate::report::check::{Check, CheckResult};
use crate::report::figure::Figure;
use crate::report::summary::compressed;
use crate::report::summary::delimited::{are_chunks_unlike, one_update_each};
use crate::report::summary::group::Group;
use crate::report::summary::remarks;
use crate::report::summary::setting::{OwnMessageSetting, OwnTime, Setting};
use crate::report::time_quality::TimeQuality;
use crate::units::{human_ns, thousands};
use hdrhistogram::Histogram;
use std::borrow::Cow;

/// Of the times, how many may be wrong.
const WRONG_ALLOWED: f64 = 0.01;
/// Of the messages, so many must have a number below all before for the numbers to count down.
const MOST_NUMBERS: f64 = 0.5;
/// A time further than this from a clock is none of it.
const FAR_NS: f64 = 26.0 * 3600e9;
/// Why nothing is said of times, if none came.
const NO_MESSAGE: &str = "no message with a time came, so that no time was compared with a clock";
const QUARTER_NS: f64 = 900e9;
/// A time that is so close to whole quarters of an hour away is of another time zone.
const ZONE_NS: f64 = 30e9;

/// Of the numbers, so many must go up by the same step before that can be their own.
const FEW_NUMBERS: u64 = 3;
const LISTED: &str = "messages are or have arrays of several updates, of which one at most was read: the others cannot be \
                      told apart";
/// What to do if messages are arrays of updates.
const ONE_OF_AN_ARRAY: &str = "Let the server send each update by itself, or name the time of an array's first update, such as time = \
     \"/0/t\", and leave `sequence` out: then loss is not checked.";

/// What to do if the clients got what was there when they came, and nothing after it.
const NOTHING_SINCE: &str = "Let the server publish while the run lasts, or measure for longer. If it did publish, its clock is behind: \
     set time, unit and clock in [message] to what the messages have.";
/// What to do if the text of the check says it.
const SAID: &str = "";
/// What a client has got with its connection is no older than this, or its time is another fault.
const OLD_NS: f64 = 3600e9;

/// What to do if all messages have one time.
const OTHER_TIME: &str = "Name in `time` of [message] when each message was published, or leave it out: then \
                          no delivery latency is measured.";

/// Returns why nothing is known of the numbers of what came; `None` if something is.
pub(super) fn no_numbers(group: &Group, setting: &Setting) -> Option<Cow<'static, str>> {
    let counts = group.counts();
    let unread = setting.own.filter(|own| own.sequence && counts.numbered == 0);
    if let Some((why, _)) = unread.and_then(|_| compressed::unread(group)) {
        return Some(why.into());
    }
    let why = match setting.own {
        Some(OwnMessageSetting { sequence: false, .. }) => {
            "nothing says where the messages have numbers (`sequence` in [message], --sequence with \
             wsbench try)"
        }
        Some(_) if counts.listed_updates > 0 => LISTED,
        Some(_) if counts.joined_texts > 0 && counts.joined_messages == 0 => {
            "messages have several JSON texts each, so that only the numbers of some updates were read"
        }
        Some(_) if are_chunks_unlike(counts) => {
            "the server's chunks are not its messages, so that numbers were not read, or only some of them"
        }
        Some(_) if counts.messages > 0 && counts.numbered == 0 => {
            "no message has a number where the scenario says ([message] sequence)"
        }
        Some(_) if counts.numbers_down as f64 > MOST_NUMBERS * counts.messages as f64 => {
            "the sequence counts down: each number is lower than those before it, and only numbers that go \
             up show what is missing ([message] sequence)"
        }
        Some(_) if is_stepped(counts) => return Some(stepped(counts).into()),
        None if counts.messages > 0 && counts.messages == counts.unstamped => {
            remarks::no_stamp(counts)
        }
        _ => return None,
    };
    Some(why.into())
}

/// Whether most numbers go up by a step above one, and always the same. Of numbers of which some are missing
/// by chance, two distances soon have no common divisor.
fn is_stepped(counts: &Counts) -> bool {
    counts.numbers_followed >= FEW_NUMBERS
        && counts.numbers_stepped as f64 > MOST_NUMBERS * counts.numbers_followed as f64
}

/// Says that the numbers go up by a step.
fn stepped(counts: &Counts) -> String {
    let stepped = counts.numbers_stepped.max(1);
    let by = if counts.number_steps.is_multiple_of(stepped) {
        thousands(counts.number_steps / stepped)
    } else {
        "a step above one".to_owned()
    };
    format!(
        "the numbers go up by {by} with each message: if the server counts so, nothing is missing, and otherwise \
         all between ([message] sequence)"
    )
}

/// Returns why nothing is known of the numbers that the scenario declares; `None` if something is, and if
/// it declares none.
pub(super) fn missing_numbers(group: &Group, setting: &Setting) -> Option<Cow<'static, str>> {
    setting.own.filter(|own| own.sequence).and_then(|_| no_numbers(group, setting))
}

/// Returns what to do if numbers or times that the scenario declares cannot be read, since messages are
/// compressed or not one update each; `None` if they are neither.
pub(super) fn unreadable(group: &Group) -> Option<&'static str> {
    let counts = group.counts();
    if let Some((_, remedy)) = compressed::unread(group) {
        return Some(remedy);
    }
    match counts.listed_updates {
        0 => are_chunks_unlike(counts).then(|| one_update_each(group)),
        _ => Some(ONE_OF_AN_ARRAY),
    }
}

/// Returns why no time is known of messages; `None` if they have some.
pub(super) fn no_times(group: &Group, setting: &Setting) -> Option<String> {
    let counts = group.counts();
    let Some(own) = setting.own else {
        return (counts.unstamped > 0).then(|| remarks::no_stamp(counts).to_owned());
    };
    let Some(time) = own.time else {
        return Some(
            "the scenario does not say where the messages have their time ([message] time)".into(),
        );
    };
    if counts.messages > 0 && counts.unstamped >= counts.messages {
        if let Some((why, _)) = compressed::unread(group) {
            return Some(why);
        }
        if counts.listed_updates > 0 {
            return Some(LISTED.to_owned());
        }
        if are_chunks_unlike(counts) {
            return Some(remarks::no_stamp(counts).to_owned());
        }
        return Some(
            "no message has a time where the scenario says ([message] time): a number, also in \
             quotes; dates such as 2026-01-31T12:00:00Z are not read"
                .to_owned(),
        );
    }
    time.clock_bound_ns.is_none().then(|| {
        "the server is on another machine, and how far its clock is from this one's is not known: \
         state it ([message] clock_bound)"
            .to_owned()
    })
}

/// Returns how exact the times in messages are, in nanoseconds; 0 if that is no matter.
pub(super) fn resolution_ns(group: &Group, setting: &Setting) -> u64 {
    let Some(time) = setting.own.and_then(|own| own.time) else { return 0 };
    let finest = group.drivers.iter().map(|driver| driver.finest_time_ns);
    let finest = finest.filter(|ns| *ns > 0).min();
    let seen = finest.unwrap_or_else(|| counted_ns(&group.total.phases.total().counts, &time));
    seen.max(time.resolution_ns).saturating_add(time.clock_bound_ns.unwrap_or(0))
}

/// Returns how exact times are by the counts of those that are so exact: a file of an older version has
/// nothing else.
fn counted_ns(counts: &Counts, time: &OwnTime) -> u64 {
    let seen = [
        (counts.times_in_ns, 1),
        (counts.times_in_us, 1_000),
        (counts.times_in_ms, 1_000_000),
        (counts.times_in_s, 1_000_000_000),
    ];
    seen.iter().find(|(n, _)| *n > 0).map_or(time.unit.ns(), |(_, ns)| *ns)
}

/// What is against all latencies from the times in messages.
enum Untrue {
    /// All messages of a client have one time.
    OneTime,
    /// Too many times cannot be right.
    Wrong,
    /// All are of before their connection, and nothing came since.
    NothingSince,
    /// All are of before their connection.
    Replayed,
}

/// Returns why the latencies from the times in messages are untrue, if they are.
pub(super) fn wrong(group: &Group, setting: &Setting) -> Option<String> {
    untrue(group, setting).map(|(_, why)| why)
}

/// Returns what is against all of them, and why.
fn untrue(group: &Group, setting: &Setting) -> Option<(Untrue, String)> {
    setting.own?.time?;
    let counts = group.counts();
    let live = group.total.latency.of(Metric::DeliveryLatency).map_or(0, |h| h.len());
    if let Some(why) = one_time(group) {
        return Some((Untrue::OneTime, why));
    }
    let wrong = counts.wrong_times;
    let replayed = counts.replayed;
    let all = live.saturating_add(wrong).saturating_add(replayed);
    if wrong as f64 > WRONG_ALLOWED * all as f64 {
        let why = format!(
            "{} of {} times in messages of the measured window cannot be right",
            thousands(wrong),
            thousands(all)
        );
        return Some((Untrue::Wrong, why));
    }
    if let Some(ago) = nothing_since(group, setting) {
        let why = format!(
            "all {} times in messages lie before their connection was made, the first by {ago}, and no client \
             got a second update: nothing was published since the clients connected, as it seems",
            thousands(replayed)
        );
        return Some((Untrue::NothingSince, why));
    }
    (replayed > 0 && live == 0).then(|| {
        let all = thousands(replayed);
        let why = format!("all {all} times in messages lie before their connection was made");
        (Untrue::Replayed, why)
    })
}

/// Returns what the first strange time of a kind looks like, if there is one.
fn first_strange(group: &Group, stated: &OwnTime, replayed: bool) -> Option<TimeLooks> {
    let mut all = group.drivers.iter().flat_map(|driver| &driver.strange_times);
    let first = all.find(|time| time.replayed == replayed);
    first.map(|time| looks_like(stated, time))
}

/// What a time that cannot be right looks like.
struct TimeLooks {
    text: String,
    /// Whether the text says what to do.
    advises: bool,
}

/// What to say if all messages of each client have one and the same time.
fn one_time(group: &Group) -> Option<String> {
    let counts = group.counts();
    // The first of each connection has none before it.
    let firsts = group.asked().saturating_add(counts.reconnects);
    let timed = counts.messages.saturating_sub(counts.unstamped);
    let same = counts.times_same;
    (same >= firsts.max(1) && same.saturating_add(firsts) >= timed).then(|| {
        format!(
            "{} of {} messages have the same time as the one before: it is no time of publishing, and \
             their age by it is no delivery latency",
            thousands(same),
            thousands(timed)
        )
    })
}

/// Returns how old what the clients got at first was, if every time is of before its connection and nothing else
/// came: the server had no update for them since.
fn nothing_since(group: &Group, setting: &Setting) -> Option<String> {
    let time = setting.own?.time?;
    let counts = group.counts();
    let all = group.total.phases.total().counts;
    let live = group.total.latency.of(Metric::DeliveryLatency).map_or(0, Histogram::len);
    let is_old = counts.replayed > 0 && live == 0 && counts.wrong_times == 0;
    // One for each connection: a server whose clock is behind goes on.
    let is_one_each = all.messages <= group.asked().saturating_add(all.reconnects);
    let mut seen = group.drivers.iter().flat_map(|driver| &driver.strange_times);
    let first = seen.find(|time| time.replayed).filter(|_| is_old && is_one_each)?;
    let ago_ns = -ahead_ns(first, time.clock, time.unit);
    (0.0..OLD_NS).contains(&ago_ns).then(|| human_ns(ago_ns))
}

/// By how much a time lies ahead of a clock, in nanoseconds, if it is in such a unit.
fn ahead_ns(time: &StrangeTime, clock: MessageClock, unit: TimeUnit) -> f64 {
    time.value * unit.ns() as f64 - now_ns(time, clock)
}

/// What a clock said when a time came, in nanoseconds.
fn now_ns(time: &StrangeTime, clock: MessageClock) -> f64 {
    match clock {
        MessageClock::Realtime => time.realtime_ns as f64,
        MessageClock::Monotonic => time.monotonic_ns as f64,
    }
}

/// Whether a message with a time has come.
fn has_times(counts: &Counts) -> bool {
    counts.messages > counts.unstamped || counts.wrong_times > 0 || counts.replayed > 0
}

/// Compares the times in messages with the clocks that they are of.
pub(super) fn check(group: &Group, setting: &Setting) -> Option<CheckResult> {
    let time = setting.own?.time?;
    let check = Check::TimesCanBeRight;
    let counts = group.counts();
    if let Some(why) = no_times(group, setting) {
        // The scenario says where it is.
        let nowhere = counts.messages > 0 && counts.unstamped >= counts.messages;
        return Some(if nowhere {
            let found = check.result(false, Figure::count(counts.unstamped), why);
            let remedy = unreadable(group).unwrap_or(found.remedy);
            CheckResult { remedy, ..found }
        } else {
            check.not_applicable(why)
        });
    }
    let value = Figure::count(counts.wrong_times);
    if let Some((kind, why)) = untrue(group, setting) {
        let looks = match kind {
            Untrue::OneTime | Untrue::NothingSince => None,
            Untrue::Wrong => first_strange(group, &time, false),
            Untrue::Replayed => first_strange(group, &time, true),
        };
        let remedy = match (kind, &looks) {
            (Untrue::OneTime, _) => OTHER_TIME,
            (Untrue::NothingSince, _) => NOTHING_SINCE,
            (_, Some(TimeLooks { advises: true, .. })) => SAID,
            _ => check.remedy(),
        };
        let text = looks.map_or(why.clone(), |looks| format!("{why}: {}", looks.text));
        return Some(CheckResult { remedy, ..check.result(false, value, text) });
    }
    if !has_times(&group.total.phases.total().counts) {
        return Some(check.not_applicable(NO_MESSAGE));
    }
    let exact = human_ns(resolution_ns(group, setting) as f64);
    let clock = time.clock.since();
    Some(check.result(true, value, format!("the times in messages are {clock}, exact to {exact}")))
}

/// Says what a time looks like that cannot be what the scenario says.
fn looks_like(stated: &OwnTime, time: &StrangeTime) -> TimeLooks {
    let advice = |text: String| TimeLooks { text, advises: true };
    let own_ns = ahead_ns(time, stated.clock, stated.unit);
    let kinds = MessageClock::ALL.into_iter().flat_map(|clock| {
        // A time since boot says little while the machine is young.
        TimeUnit::ALL.map(|unit| (ahead_ns(time, clock, unit).abs(), clock, unit))
    });
    let nearest = kinds
        .filter(|(far, clock, _)| *far < FAR_NS.min(now_ns(time, *clock) / 2.0))
        .min_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((_, clock, unit)) = nearest.filter(|_| own_ns.abs() >= FAR_NS) {
        return advice(format!(
            "the times look like {} {} read as {} {}: set unit = {:?} and clock = {:?} in [message]",
            unit.plural(),
            clock.since(),
            stated.unit.plural(),
            stated.clock.since(),
            unit.name(),
            clock.name()
        ));
    }
    if own_ns.abs() >= FAR_NS {
        return advice(format!(
            "a time of {} {} {} is no clock's of today: check `time` in [message]",
            time.value,
            stated.unit.plural(),
            stated.clock.since()
        ));
    }
    let quarters = (own_ns / QUARTER_NS).round();
    if quarters != 0.0 && (own_ns - quarters * QUARTER_NS).abs() < ZONE_NS {
        let hours = quarters / 4.0;
        return advice(format!(
            "the times look like local time with a UTC offset of {hours:+} hours: send UTC"
        ));
    }
    let far = human_ns(own_ns.abs());
    let way = if own_ns > 0.0 { "ahead of" } else { "behind" };
    let again = if own_ns < -(stated.replay_ns as f64) {
        format!(
            ", and [message] replay allows {}: if the server sends messages again that are so old, set it \
             higher",
            human_ns(stated.replay_ns as f64)
        )
    } else {
        String::new()
    };
    TimeLooks {
        advises: !again.is_empty(),
        text: format!("the first lies {far} {way} this machine's clock{again}"),
    }
}

/// Returns what a reader must know of the times, in sentences. Of what is against all of them, the check
/// tells.
pub(super) fn notes(group: &Group, setting: &Setting, times: &TimeQuality) -> Vec<String> {
    let untrue = untrue(group, setting).map(|(kind, _)| kind);
    let counts = group.total.phases.total().counts;
    let mut out = Vec::new();
    let mut say = |n: u64, what: &str| {
        if n > 0 {
            out.push(format!("{} {what}", thousands(n)));
        }
    };
    let Some(own) = setting.own else {
        let what = "messages were no answers: they have no id, or [message] ignore names them";
        say(counts.ignored, what);
        return out;
    };
    say(counts.ignored, "messages were no updates, as the scenario says ([message] ignore)");
    let is_shown = matches!(untrue, Some(Untrue::NothingSince | Untrue::Replayed));
    say(
        if is_shown { 0 } else { counts.replayed },
        "messages have a time before their connection was made, as what a server has when a client comes, \
         or writes by a clock that is behind: their age is no delivery latency",
    );
    say(
        counts.listed_updates,
        "updates stand in an array with others, of which one at most was read: such an array counts as one \
         message",
    );
    let early = "times lay ahead of their message's arrival by less than they are exact: those \
                 latencies count as zero";
    say(counts.early_times, early);
    let looks = own.time.and_then(|time| first_strange(group, &time, false));
    let looks = looks.map_or_else(String::new, |looks| format!(": {}", looks.text));
    let wrong =
        format!("times in messages of all phases cannot be right and are in no latency{looks}");
    let is_shown = matches!(untrue, Some(Untrue::Wrong));
    say(if is_shown { 0 } else { counts.wrong_times }, &wrong);
    let back = format!(
        "of {} messages had an earlier time than the message before them: times that go back are not those \
         of publishing, or of several clocks, and the delivery latency rests on them",
        thousands(counts.messages)
    );
    say(counts.times_back, &back);
    say(
        counts.numbers_wrapped,
        "times a client's numbers began again at the lowest of their width, after the highest: they are \
         read as going on",
    );
    say(
        counts.numbers_anew,
        "connections made anew began with a newer message whose number is not higher than the last: the \
         server is taken to number each connection anew; if it goes on with its numbers, these are updates \
         that came again with other times, and they count as new",
    );
    say(
        counts.stepped_times,
        "messages came about when the wall clock was set: their latencies are left out",
    );
    let partly = counts.unstamped < counts.messages && own.time.is_some();
    say(if partly { counts.unstamped } else { 0 }, "messages had no time where the scenario says");
    let unplaced = counts.unplaced_numbers;
    let unnumbered = counts.messages.saturating_sub(counts.numbered).saturating_sub(unplaced);
    let partly = own.sequence && counts.numbered > 0;
    say(if partly { unnumbered } else { 0 }, "messages had no number where the scenario says");
    say(
        unplaced,
        "messages had a number that is too far from the client's first to be placed: what is missing and what \
         came again is not counted of them",
    );
    let is_latency = times.untrue.is_none() && has_times(&counts);
    if let Some(ns) = own.time.and_then(|time| time.clock_bound_ns).filter(|_| is_latency) {
        out.push(exactness(group, setting, ns));
    }
    out
}

/// Says what the delivery latency is from, and how exact, if the server's clock may be off by so much.
fn exactness(group: &Group, setting: &Setting, clock_bound_ns: u64) -> String {
    let exact = human_ns(resolution_ns(group, setting) as f64);
    let bound = match clock_bound_ns {
        0 => String::new(),
        ns => format!(", {} of them what the server's clock may be off", human_ns(ns as f64)),
    };
    format!("the delivery latency is from the time in messages, exact to {exact}{bound}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const NOW_MS: u64 = 1_790_000_000_123;

    fn said(clock: MessageClock, unit: TimeUnit, value: f64) -> String {
        let stated = OwnTime {
            unit,
            clock,
            resolution_ns: 0,
            clock_bound_ns: Some(0),
            replay_ns: 86_400_000 * MS,
        };
        let time = StrangeTime {
            value,
            realtime_ns: NOW_MS * MS,
            monotonic_ns: 500_000_000 * MS,
            replayed: false,
        };
        looks_like(&stated, &time).text
    }

    #[test]
    fn a_wrong_time_says_what_it_looks_like() {
        use MessageClock::{Monotonic, Realtime};
        let now = NOW_MS as f64;
        let milliseconds = said(Realtime, TimeUnit::Seconds, now);
        assert!(milliseconds.contains("milliseconds since 1970 read as seconds"), "{milliseconds}");
        let seconds = said(Realtime, TimeUnit::Milliseconds, now / 1e3);
        assert!(seconds.contains("look like seconds since 1970"), "{seconds}");
        let boot = said(Realtime, TimeUnit::Seconds, 500_000.0);
        assert!(boot.contains("look like seconds since boot"), "{boot}");
        assert!(boot.contains("clock = \"monotonic\""), "{boot}");
        let wall = said(Monotonic, TimeUnit::Nanoseconds, now * 1e6);
        assert!(wall.contains("nanoseconds since 1970 read as nanoseconds since boot"), "{wall}");
        let zone = said(Realtime, TimeUnit::Milliseconds, now + 2.0 * 3_600e3 - 20.0);
        assert!(zone.contains("UTC offset of +2 hours"), "{zone}");
        let india = said(Realtime, TimeUnit::Milliseconds, now - 5.5 * 3_600e3);
        assert!(india.contains("UTC offset of -5.5 hours"), "{india}");
        let behind = said(Realtime, TimeUnit::Milliseconds, now - 52.0 * 60e3);
        assert!(behind.ends_with("52 min 0 s behind this machine's clock"), "{behind}");
        let older = said(Realtime, TimeUnit::Milliseconds, now - 25.1 * 3_600e3);
        assert!(older.contains("clock, and [message] replay allows 1440 min"), "{older}");
        let ahead = said(Realtime, TimeUnit::Milliseconds, now + 5_000.0);
        assert!(ahead.contains("5 s ahead of"), "{ahead}");
        let nothing = said(Realtime, TimeUnit::Milliseconds, 12.0);
        assert!(nothing.contains("no clock's of today"), "{nothing}");
    }
}
