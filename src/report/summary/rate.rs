//! Whether updates came at the rate of the feed: of the bundled server, or the one that the
//! scenario states for another.
//!
//! Separate from `consistency`, which compares numbers of updates: a server that falls behind, or
//! falls silent, need not lose one.

use crate::feed::{Arrivals, Workload};
use crate::record::{Counts, Metric, Part, TransportKind};
use crate::report::check::{Cause, Check, CheckResult};
use crate::report::figure::Figure;
use crate::report::summary::delimited;
use crate::report::summary::delivery;
use crate::report::summary::group::Group;
use crate::report::summary::setting::Setting;
use crate::units::thousands;
use hdrhistogram::Histogram;

/// By how much faster than its rate a server's timers may be.
const FAST: f64 = 1.05;
const OTHER_RATE: &str = "Set [feed] rate (--rate with wsbench try) to what the server publishes, and name in [message] ignore \
     what is no update.";
const NUMBERS_OR_RATE: &str = "Set [feed] rate (--rate with wsbench try) to what the server publishes. If it is right, the server leaves \
     updates out, or their number counts something else: see [message] sequence.";
const OF_ANSWERS: &str = "Let `time` in [message] be when the update was published, or name its number in `sequence`: the \
     times that came are those of the answers, each of which counts as an update.";
const LATE_OR_RATE: &str = "Use fewer clients or a lower rate, so that the driver is on time. If more comes then too, set \
     [feed] rate to what the server publishes.";
const CHUNKS_OR_RATE: &str = "Set `delimiter` in the series to what ends a message, for example \"line\": without it each chunk is \
     one. If its chunks are its messages, set [feed] rate to what the server publishes.";
const NOTHING_NEW: &str = "Let the server publish while the run lasts, and check the path. If requests say what their client has \
     (If-None-Match, If-Modified-Since or a number in `headers` or the path), leave it out: it is the same in \
     each request. `conditional = true` names the validators of the last answer.";

/// By how much the updates for each poll may differ from one for some polls to see none and others to miss one:
/// timers move both.
const ALIKE: f64 = 0.1;

/// The chance of so few updates at random moments by which a server would be blamed for nothing.
const CHANCE: f64 = 1e-6;

/// Compares the updates that came within the measured windows with what was published, or with the
/// rate that the scenario states. Each client may have a period less, and what may be on its way; of a Poisson
/// process, the total may be as low as it is once in a million runs. A server of one's own may not publish more
/// than [`most`] either, unless it publishes when it is asked, see [`makes_updates_by_request`].
pub(crate) fn held(group: &Group, setting: &Setting) -> CheckResult {
    let check = Check::FeedHeld;
    let info = group.info;
    let counts = group.counts();
    if !info.bundled_server && !info.feed_rate_stated {
        return check.not_applicable(
            "the rate is not checked: the scenario does not state that of this server ([feed] rate)",
        );
    }
    if info.feed_rate_hz <= 0.0 {
        return check.not_applicable("no update was planned");
    }
    if info.paced
        && counts.messages > 0
        && counts.messages == counts.unstamped
        && counts.numbered == 0
    {
        return check.not_applicable(
            "the rate is not checked: the answers carry no number, so that new updates and \
             repeated ones look alike",
        );
    }
    let clients = f64::from(info.clients);
    let window_s = group.measured_s();
    let published = match counts.updates_published {
        counted if counted > 0 && info.bundled_server => counted as f64,
        _ => clients * info.feed_rate_hz * window_s,
    };
    let least = least(group, setting, published);
    // What was sent again after a connect was published before.
    let others = no_updates(counts);
    let new = counts.messages.saturating_add(delimited::texts_behind(counts));
    let new = new.saturating_add(counts.listed_updates);
    let new = new.saturating_sub(others).saturating_sub(counts.replayed);
    let made_by_asking = makes_updates_by_request(group, setting);
    if new == 0
        && let Some(result) = none_new(group, published)
    {
        return result;
    }
    if !info.bundled_server && !made_by_asking && new as f64 > most(group, setting, published) {
        return too_many(group, setting, new, published);
    }
    if counts.split_updates > 0 {
        return of_chunks(group, published, least);
    }
    // If updates are held back or polled and the latest alone counts, it stands for those before it.
    // Beside updates that have a stamp, a time or a number, messages without are something else.
    let came = counts.messages.saturating_sub(others).saturating_add(counts.listed_updates);
    let stood_for = came.saturating_add(counts.superseded);
    // Of a server that makes an update for each request, numbers may count those of all clients.
    let each_is_new = made_by_asking && counts.repeated == 0;
    let skipped = counts.updates_superseded;
    let is_beyond = skipped > 0
        && polled_before(group, setting)
        && came.saturating_add(skipped) as f64 > most(group, setting, published);
    if !info.bundled_server && !each_is_new && is_beyond {
        return numbers_beyond_the_rate(came, skipped, published);
    }
    let text = describe_held(group, setting, came, published);
    with_cause(group, check.result(stood_for as f64 >= least, Figure::count(stood_for), text))
}

/// Whether clients that poll had polled before the window began: without a warm-up what they got last is of the
/// time when they were set up.
pub(super) fn polled_before(group: &Group, setting: &Setting) -> bool {
    !group.info.paced || setting.warmup_ns >= interval_ns(group)
}

/// Says how many updates came of those that were published, and by what that is known.
fn describe_held(group: &Group, setting: &Setting, came: u64, published: f64) -> String {
    let counts = group.counts();
    let visible = polls_without_numbers(group, setting).unwrap_or(f64::INFINITY);
    format!(
        "{} of about {} updates came within the measured window{}{}",
        thousands(came),
        thousands(published.min(visible).round() as u64),
        match counts.updates_superseded {
            0 => String::new(),
            n => format!(" and stood for {} before them", thousands(n)),
        },
        if group.info.bundled_server {
            ""
        } else if visible < published {
            ", by the number of polls, each of which sees one at most, as the messages have no number"
        } else {
            ", by the rate that the scenario states"
        },
    )
}

/// Says that the updates' numbers rise faster than the stated rate makes, though no more came than that: the
/// server leaves some out, or publishes at another rate.
fn numbers_beyond_the_rate(came: u64, skipped: u64, published: f64) -> CheckResult {
    let text = format!(
        "{} updates came within the measured window and their numbers skip {}: that is more than the about {} \
         that the rate makes that the scenario states",
        thousands(came),
        thousands(skipped),
        thousands(published.round() as u64)
    );
    let found = Check::FeedHeld.result(false, Figure::count(came.saturating_add(skipped)), text);
    CheckResult { cause: Cause::Server, remedy: NUMBERS_OR_RATE, ..found }
}

/// Messages that are no updates, since others have something by which they are known: a stamp, or in the server's
/// own form a time or a number. Of the own form one is enough.
fn no_updates(counts: &Counts) -> u64 {
    let identified = match counts.identified {
        0 => counts.messages.saturating_sub(counts.unstamped),
        identified => identified,
    };
    if identified > 0 { counts.messages.saturating_sub(identified) } else { 0 }
}

/// Messages that are likely to be no updates: they have no number though others have, or a time that cannot be
/// right.
fn likely_no_updates(counts: &Counts, setting: &Setting) -> u64 {
    let numbered = setting.own.is_some_and(|own| own.sequence) && counts.numbered > 0;
    let unnumbered = if numbered { counts.messages.saturating_sub(counts.numbered) } else { 0 };
    unnumbered.max(counts.wrong_times).saturating_sub(no_updates(counts))
}

/// What another server does with its cores is its own affair.
fn with_cause(group: &Group, result: CheckResult) -> CheckResult {
    let bundled = group.info.bundled_server;
    let cause = if bundled { result.cause } else { Cause::SlowServerOrBusyMachine };
    CheckResult { cause, ..result }
}

/// The polls that were answered, if nothing tells of the updates between two of them: each sees one at most.
/// `None` if the messages have numbers, and if nobody polls.
fn polls_without_numbers(group: &Group, setting: &Setting) -> Option<f64> {
    let counts = group.counts();
    let is_of = group.info.paced && setting.own.is_some() && !group.info.bundled_server;
    (is_of && counts.numbered == 0 && counts.completed > 0).then_some(counts.completed as f64)
}

/// Says that clients cannot see every update, if they poll less often than the stated rate and no number tells
/// of what came between.
pub(super) fn between_polls(group: &Group, setting: &Setting) -> Option<String> {
    let info = group.info;
    let published = f64::from(info.clients) * info.feed_rate_hz * group.measured_s();
    let polls = polls_without_numbers(group, setting)?;
    let is_less = info.feed_rate_stated && group.counts().messages > 0 && polls * FAST < published;
    is_less.then(|| {
        format!(
            "updates between two polls are not seen, and without a number nothing tells of them ([message] \
             sequence): the rate that the scenario states makes about {}, and {} polls saw one each at most",
            thousands(published.round() as u64),
            thousands(polls as u64)
        )
    })
}

/// Says what the answers of another server were if clients asked and none brought a new update; `None` if
/// nobody asked.
fn none_new(group: &Group, published: f64) -> Option<CheckResult> {
    let counts = group.counts();
    if group.info.bundled_server || !delivery::asks(group) || counts.completed == 0 {
        return None;
    }
    let kinds = [
        (counts.answers_not_modified, "had status 304 (nothing has changed)"),
        (counts.answers_beyond_2xx, "had another status beyond 2xx, which `status` permits"),
        (counts.ignored, "were no updates ([message] ignore)"),
        (counts.repeated, "had an update that the client had already"),
    ];
    let others = counts.completed.saturating_sub(kinds.iter().map(|(n, _)| n).sum());
    let empty = match group.total.phases.steady.ledger.down[Part::Payload] {
        0 => "had an empty body",
        _ => "were empty, or had nothing that is new",
    };
    let kinds = kinds.into_iter().chain([(others, empty)]).filter(|(n, _)| *n > 0);
    let kinds: Vec<String> = kinds.map(|(n, what)| format!("{} {what}", thousands(n))).collect();
    let text = format!(
        "none of about {} updates came within the measured window: of {} answers, {}",
        thousands(published.round() as u64),
        thousands(counts.completed),
        kinds.join(", ")
    );
    let found = Check::FeedHeld.result(false, Figure::count(0), text);
    Some(CheckResult { cause: Cause::Server, remedy: NOTHING_NEW, ..found })
}

/// Compares chunks that are not the server's messages: how many updates they are is not known, but at
/// most as many as chunks, or as their bytes have room for if a chunk has several.
fn of_chunks(group: &Group, published: f64, least: f64) -> CheckResult {
    let check = Check::FeedHeld;
    let steady = &group.total.phases.steady;
    let size = u64::from(group.info.payload_bytes.max(1));
    let room = steady.ledger.down[Part::Payload].div_ceil(size);
    let chunks = steady.counts.messages;
    let most = chunks.max(room).saturating_add(steady.counts.superseded);
    if most as f64 >= least {
        return check
            .not_applicable("the rate is not checked: the server's chunks are not its messages");
    }
    let text = format!(
        "at most {} of about {} updates came within the measured window, by the rate that the \
         scenario states: {} chunks, which are not the server's messages",
        thousands(most),
        thousands(published.round() as u64),
        thousands(chunks),
    );
    with_cause(group, check.result(false, Figure::count(most), text))
}

/// Says that more came than is planned.
fn too_many(group: &Group, setting: &Setting, came: u64, published: f64) -> CheckResult {
    let text = format!(
        "{} updates came within the measured window, and the rate that the scenario states makes about {}",
        thousands(came),
        thousands(published.round() as u64)
    );
    let found = Check::FeedHeld.result(false, Figure::count(came), text);
    let likely = likely_no_updates(group.counts(), setting);
    if likely > 0 && came.saturating_sub(likely) as f64 <= most(group, setting, published) {
        let text = format!(
            "{}; {} of them have no number, or a time that cannot be right, and may be no updates",
            found.text,
            thousands(likely)
        );
        return CheckResult { cause: Cause::Server, remedy: OTHER_RATE, text, ..found };
    }
    if waited_for_the_driver(group, setting, came, published) {
        let text = format!(
            "{}; the driver came late to this window, and what had waited for it is among them",
            found.text
        );
        return CheckResult { cause: Cause::BusyMachine, remedy: LATE_OR_RATE, text, ..found };
    }
    let remedy = if are_times_of_answers(group, setting) {
        OF_ANSWERS
    } else if group.info.kind() == Some(TransportKind::Streaming) {
        CHUNKS_OR_RATE
    } else {
        OTHER_RATE
    };
    CheckResult { cause: Cause::Server, remedy, ..found }
}

/// Whether each answer to a client that asks has a time of its own, and no number tells updates apart.
fn are_times_of_answers(group: &Group, setting: &Setting) -> bool {
    let counts = group.counts();
    let numbered = setting.own.is_none_or(|own| own.sequence || own.time.is_none());
    delivery::asks(group) && !numbered && counts.messages as f64 > 0.9 * counts.completed as f64
}

/// Whether a server stamps each answer as an update of its own: it publishes when it is asked, so that clients
/// that ask more often than the rate get more. Nothing is wrong with these counts.
fn makes_updates_by_request(group: &Group, setting: &Setting) -> bool {
    let counts = group.counts();
    // A held request shows by its head alone, if no answer was empty.
    let asks = delivery::asks(group) || group.total.phases.steady.ledger.up[Part::Heads] > 0;
    setting.own.is_none()
        && asks
        && counts.unstamped == 0
        && delimited::texts_behind(counts) == 0
        && counts.messages <= counts.completed
}

/// Says that more updates came than the stated rate makes, if nothing is wrong with them. What answers the
/// clients' own messages comes at their pace, and has no rate of a feed.
pub(super) fn by_request(group: &Group, setting: &Setting) -> Option<String> {
    let info = group.info;
    let counts = group.counts();
    let published = f64::from(info.clients) * info.feed_rate_hz * group.measured_s();
    let is_more = !info.bundled_server
        && info.workload == Workload::Ticker
        && info.feed_rate_stated
        && makes_updates_by_request(group, setting)
        && counts.messages as f64 > most(group, setting, published);
    is_more.then(|| {
        format!(
            "each answer brought an update: {} came within the measured window, and the rate that the \
             scenario states makes about {}. The server seems to publish when it is asked",
            thousands(counts.messages),
            thousands(published.round() as u64)
        )
    })
}

/// Whether a driver that was late at the beginning of the window explains what is too many: the kernel keeps
/// what comes from the connect on.
fn waited_for_the_driver(group: &Group, setting: &Setting, came: u64, published: f64) -> bool {
    let latest = |metric| group.total.latency.of(metric).map_or(0, Histogram::max);
    let late_ns = latest(Metric::ProbeLateness).max(latest(Metric::DriverLag));
    let before_s: f64 = group.ends.iter().map(|end| f64::from(end.steady_from_s) + 1.0).sum();
    let waited = f64::from(group.info.clients) * group.info.feed_rate_hz * before_s;
    late_ns as f64 > setting.late_ns && came as f64 <= most(group, setting, published) + waited
}

/// The largest number of updates that is no fault of a server of one's own: its timers may be fast, and it may
/// send in the window what it owes of the time before, or the first number of a client in the window may skip it.
fn most(group: &Group, setting: &Setting, published: f64) -> f64 {
    let info = group.info;
    let counts = group.counts();
    if counts.reconnects > 0 && !info.connection_each_turn && !knows_repeats(group, setting) {
        // What it sends again to a client that has come back may be any number.
        return f64::INFINITY;
    }
    let clients = f64::from(info.clients);
    let runs = group.ends.len() as f64;
    let before = clients * runs * info.feed_rate_hz * setting.warmup_ns as f64 / 1e9;
    let owed = (before - group.total.phases.warmup.counts.messages as f64).max(0.0);
    most_at_random(setting, clients, published) * FAST + owed + at_edges(group, setting)
}

/// The largest number of updates by chance, of so many on average.
fn most_at_random(setting: &Setting, clients: f64, published: f64) -> f64 {
    match (setting.arrivals, setting.spread) {
        (Arrivals::Periodic, _) => published,
        (Arrivals::Poisson, true) => published + deviation(published),
        // All clients' updates come at the same moments: one process for all.
        (Arrivals::Poisson, false) => published + clients * deviation(published / clients.max(1.0)),
    }
}

/// Whether messages tell by their times or numbers that the server has sent them again.
fn knows_repeats(group: &Group, setting: &Setting) -> bool {
    let counts = group.counts();
    match setting.own {
        Some(own) => {
            let timed = own.time.is_some_and(|time| time.clock_bound_ns.is_some());
            (timed && counts.unstamped < counts.messages) || counts.numbered > 0
        }
        None => counts.unstamped < counts.messages,
    }
}

/// By how much a Poisson variable exceeds its mean once in a million times at most (Chernoff's bound).
fn deviation(mean: f64) -> f64 {
    let log = -CHANCE.ln();
    log + (log * log + 2.0 * mean * log).sqrt()
}

/// How long an update may wait until a client that is held asks again: a round trip, as the kernel's
/// handshakes took, and through the delay line. What is pushed or paced waits for none.
fn asks_again_ns(group: &Group, setting: &Setting) -> f64 {
    let connects = group.total.latency.of(Metric::ConnectTime);
    match connects.filter(|_| group.info.kind() == Some(TransportKind::LongPolling)) {
        Some(connects) => connects.value_at_quantile(0.5) as f64 + setting.delay_line_ns as f64,
        None => 0.0,
    }
}

/// Updates that may fall on either side of a window's edge: a period for each client, and what may wait for
/// its poll, its batch and the timers.
fn at_edges(group: &Group, setting: &Setting) -> f64 {
    let info = group.info;
    let polled_ns = if info.paced { interval_ns(group) as f64 } else { 0.0 };
    let polled_ns = polled_ns + asks_again_ns(group, setting);
    let waits_s = (polled_ns + setting.batch_ns as f64 + setting.late_ns) / 1e9;
    f64::from(info.clients) * group.ends.len() as f64 * (1.0 + info.feed_rate_hz * waits_s)
}

/// The least number of updates that is no fault.
fn least(group: &Group, setting: &Setting, published: f64) -> f64 {
    let clients = f64::from(group.info.clients);
    let polls = polls_without_numbers(group, setting);
    least_at_random(setting, clients, published, polls) - at_edges(group, setting)
}

/// The least number of updates by chance, of so many on average: those that so many polls see, if a poll sees
/// the latest alone.
fn least_at_random(setting: &Setting, clients: f64, published: f64, polls: Option<f64>) -> f64 {
    let random = |mean: f64| {
        if setting.spread {
            poisson_at_least(mean, CHANCE)
        } else {
            // All clients' updates come at the same moments: one process for all.
            clients * poisson_at_least(mean / clients.max(1.0), CHANCE)
        }
    };
    match (setting.arrivals, polls.map(|polls| (polls, published / polls))) {
        (Arrivals::Periodic, None) => published,
        (Arrivals::Periodic, Some((polls, each))) => {
            if (each - 1.0).abs() < ALIKE {
                // At worst every other poll sees none, and the one after it the later of two.
                polls.min(published) / 2.0
            } else {
                polls.min(published)
            }
        }
        (Arrivals::Poisson, None) => random(published),
        // A poll sees one if at least one was published since the last.
        (Arrivals::Poisson, Some((polls, each))) => random(-polls * (-each).exp_m1()),
    }
}

/// The longest interval that ran.
fn interval_ns(group: &Group) -> u64 {
    group.ends.iter().map(|e| e.interval_ns).max().unwrap_or(group.info.interval_ns)
}

/// The largest number that a Poisson variable with this mean falls short of with at most this
/// chance, exactly: the terms of the distribution are added up, as logarithms, from below.
fn poisson_at_least(mean: f64, chance: f64) -> f64 {
    if mean <= 0.0 {
        return 0.0;
    }
    // Below ten deviations there is nothing that counts.
    let from = (mean - 10.0 * mean.sqrt() - 40.0).max(0.0).floor();
    let mut log = -mean + from * mean.ln() - ln_factorial(from);
    let mut below = 0.0;
    let mut n = from;
    loop {
        below += log.exp();
        if below > chance || n > mean {
            return n;
        }
        n += 1.0;
        log += (mean / n).ln();
    }
}

/// The logarithm of n!, by Stirling's series, which is exact to a double from 20 on.
fn ln_factorial(n: f64) -> f64 {
    if n < 20.0 {
        return (2..=n as u64).map(|k| (k as f64).ln()).sum();
    }
    let tail = 1.0 / (12.0 * n) - 1.0 / (360.0 * n.powi(3)) + 1.0 / (1260.0 * n.powi(5));
    n * n.ln() - n + 0.5 * (2.0 * std::f64::consts::PI * n).ln() + tail
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::summary::setting::OwnMessageSetting;

    #[test]
    fn the_lower_bound_of_a_poisson_variable_is_exact() {
        // P(X = 0) = e^-mean is above one in a million up to a mean of 13.8.
        assert_eq!(poisson_at_least(13.8, CHANCE), 0.0);
        assert_eq!(poisson_at_least(13.9, CHANCE), 1.0);
        // Summed term by term, from zero.
        let direct = |mean: f64| {
            let (mut term, mut below, mut n) = ((-mean).exp(), 0.0, 0.0);
            loop {
                below += term;
                if below > CHANCE {
                    return n;
                }
                n += 1.0;
                term *= mean / n;
            }
        };
        for mean in [0.5, 20.0, 50.0, 100.0, 333.3, 600.0] {
            assert_eq!(poisson_at_least(mean, CHANCE), direct(mean), "{mean}");
        }
        // Far from zero it is about 4.75 deviations below the mean.
        let deviations = (1e8 - poisson_at_least(1e8, CHANCE)) / 1e4;
        assert!((4.7..4.8).contains(&deviations), "{deviations}");
        assert_eq!(poisson_at_least(0.0, CHANCE), 0.0);
    }

    /// The chance that a Poisson variable with this mean is above a number.
    fn chance_above(mean: f64, number: f64) -> f64 {
        let from = number.floor() as u64 + 1;
        let term = |n: u64| (n as f64 * mean.ln() - mean - ln_factorial(n as f64)).exp();
        (from..from + 1_000).map(term).sum()
    }

    fn setting(arrivals: &str, spread: bool) -> Setting {
        Setting::of(&serde_json::json!({ "feed": { "arrivals": arrivals, "spread": spread } }))
    }

    #[test]
    fn random_updates_exceed_the_bound_once_in_a_million_runs() {
        for mean in [1.0, 20.0, 400.0, 5_000.0] {
            let most = most_at_random(&setting("poisson", true), 10.0, mean);
            let chance = chance_above(mean, most);
            assert!(chance <= CHANCE, "{mean}: {most}, {chance}");
            // Of many it is no more than some deviations.
            assert!(mean < 5_000.0 || most < mean + 6.0 * mean.sqrt(), "{mean}: {most}");
            // What comes to all at once is one process, whose number counts for each.
            let together = most_at_random(&setting("poisson", false), 10.0, mean);
            assert!(
                (together - 10.0 * most_at_random(&setting("poisson", true), 1.0, mean / 10.0))
                    .abs()
                    < 1e-6
            );
            assert!(together > most);
            assert_eq!(most_at_random(&setting("periodic", true), 10.0, mean), mean);
        }
    }

    #[test]
    fn fewer_random_updates_than_the_bound_come_once_in_a_million_runs() {
        let of = |spread, polls| least_at_random(&setting("poisson", spread), 10.0, 400.0, polls);
        assert_eq!(of(true, None), poisson_at_least(400.0, CHANCE));
        assert_eq!(of(false, None), 10.0 * poisson_at_least(40.0, CHANCE));
        // Of as many polls as updates, those see none before which none came: one in e.
        let seen = 400.0 * (1.0 - (-1.0f64).exp());
        assert_eq!(of(true, Some(400.0)), poisson_at_least(seen, CHANCE));
        assert_eq!(least_at_random(&setting("periodic", true), 10.0, 400.0, None), 400.0);
    }

    #[test]
    fn one_of_time_and_number_makes_a_message_an_update() {
        let of = |messages, unstamped, identified| {
            no_updates(&Counts { messages, unstamped, identified, ..Counts::default() })
        };
        // Every tenth has a number and no time; then some have neither; then nothing has either.
        assert_eq!(of(80, 8, 80), 0);
        assert_eq!(of(100, 28, 80), 20);
        assert_eq!(of(80, 80, 0), 0);
        // This program's stamps, and files of before times and numbers were counted together.
        assert_eq!(of(100, 20, 0), 20);
    }

    #[test]
    fn messages_without_a_number_among_others_are_likely_no_updates() {
        let own = |sequence| {
            let own = OwnMessageSetting { time: None, sequence, id: false, channels: false };
            Setting { own: Some(own), ..setting("periodic", true) }
        };
        let counts = Counts { messages: 143, identified: 107, numbered: 80, ..Counts::default() };
        assert_eq!(likely_no_updates(&counts, &own(true)), 27);
        assert_eq!(likely_no_updates(&counts, &own(false)), 0);
        let wrong = Counts { wrong_times: 60, ..counts };
        assert_eq!(likely_no_updates(&wrong, &own(false)), 24);
        assert_eq!(likely_no_updates(&Counts { numbered: 0, ..counts }, &own(true)), 0);
    }

    #[test]
    fn polls_at_the_pace_of_updates_may_see_half_of_them() {
        let of =
            |published| least_at_random(&setting("periodic", true), 10.0, published, Some(1_000.0));
        // Within a tenth of one update for each poll.
        assert_eq!([901.0, 1_000.0, 1_099.0].map(of), [450.5, 500.0, 500.0]);
        // Beyond it each poll sees one, or each update is seen.
        assert_eq!([899.0, 300.0, 1_101.0, 4_000.0].map(of), [899.0, 300.0, 1_000.0, 1_000.0]);
    }
}
