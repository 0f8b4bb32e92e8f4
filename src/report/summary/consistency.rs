//! The checks that compare a row with arithmetic and with causality.
//!
//! Separate from `verdict`, whose checks are of the run itself: whether every client was connected, the
//! driver on time, and every byte counted.

use crate::feed::Workload;
use crate::record::{Counts, Flow, Metric, Part};
use crate::report::check::{Check, CheckResult};
use crate::report::figure::Figure;
use crate::report::summary::delivery;
use crate::report::summary::group::Group;
use crate::report::summary::message_times;
use crate::report::summary::predict;
use crate::report::summary::setting::Setting;
use crate::report::summary::times;
use crate::units::{human_ns, human_ns_and_bound, thousands, three};
use hdrhistogram::Histogram;
use std::borrow::Cow;

/// Updates so few that by chance there may be none.
const FEW_UPDATES: f64 = 5.0;

/// What to do if the numbers that the scenario declares are none that can be compared.
const NO_END: &str = "See why: the client errors, and the server's log.";
const OTHER_NUMBERS: &str = "Name in `sequence` of [message] a number that goes up by one with each message, or leave \
                             it out: then loss is not checked.";

/// Of the new messages, the share that messages whose number came before must exceed for the numbers not to be
/// the messages' own. A server that sends some again is not meant.
const MANY_AGAIN: f64 = 0.25;

/// What is known of what was published.
#[derive(PartialEq, Eq)]
enum Published {
    /// All of it: beforehand, or it was counted by those who sent it.
    Known,
    /// By the numbers of the updates that came, between the first and the last.
    FromNumbers,
    /// Nothing, since the scenario gives nothing to know it by; why.
    Unknowable(Cow<'static, str>),
    /// Nothing, though it should be known; why.
    NotCounted(Cow<'static, str>),
    /// Nothing, since no client came to the end of its load.
    NoEnd,
}

fn published(group: &Group, setting: &Setting) -> Published {
    let counts = group.counts();
    let counted = counts.updates_published > 0;
    let missing = message_times::missing_numbers(group, setting);
    match (delivery::unknown(group, setting), missing) {
        (None, _) => Published::Known,
        (Some(_), _) if group.info.bundled_server && counted => Published::Known,
        (Some(why), _) if group.info.bundled_server => match group.info.workload {
            // Only the server knows which updates are a client's.
            Workload::Ticker => Published::Unknowable(why.into()),
            _ => Published::NotCounted("no client counted what it sent".into()),
        },
        // The scenario says where the numbers are, and they were not there.
        (Some(_), Some(why)) => Published::NotCounted(why),
        (Some(_), None) if many_numbers_came_before(group, setting) => {
            Published::NotCounted(numbers_that_came_before(group).into())
        }
        (Some(_), None) if counted => match group.info.workload {
            Workload::Ticker => Published::FromNumbers,
            _ => Published::Known,
        },
        (Some(_), None) if counts.messages == 0 => match nothing_but_repeats(group, setting) {
            Some(why) => Published::NotCounted(why.into()),
            None => Published::Unknowable("no update came in the measured window".into()),
        },
        (Some(_), None) => match message_times::no_numbers(group, setting) {
            Some(why) => Published::Unknowable(why),
            None => Published::NoEnd,
        },
    }
}

/// Returns that a check of updates could not be made, since no client came to its end. Nothing shows that
/// the server lost any.
fn no_end(check: Check, what: &str) -> CheckResult {
    let why = "no client came to the end of its load, so that none counted its updates";
    CheckResult { remedy: NO_END, ..check.not_made(format!("{what}{why}")) }
}

/// Returns that a check of updates could not be made, and what to do if it is for the numbers.
fn not_counted(
    check: Check,
    group: &Group,
    setting: &Setting,
    why: &str,
    what: &str,
) -> CheckResult {
    let found = check.not_made(format!("{what}{why}"));
    match message_times::missing_numbers(group, setting) {
        Some(_) => {
            let remedy = message_times::unreadable(group).unwrap_or(OTHER_NUMBERS);
            CheckResult { remedy, ..found }
        }
        None => found,
    }
}

/// What to say of a server that pushed updates whose numbers all came before: their evidence is declared
/// and did not come. One that is polled repeats its latest until there is another, and after a reconnect
/// it may be sent again.
fn nothing_but_repeats(group: &Group, setting: &Setting) -> Option<String> {
    let counts = group.counts();
    let numbered = setting.own.is_none_or(|own| own.sequence);
    let again = group.total.phases.total().counts.reconnects;
    (numbered && !delivery::asks(group) && counts.updates_duplicated > again).then(|| {
        format!(
            "{} messages came in the measured window and all had a number that came before: if the \
             server sends its state again and again by intent, {}",
            thousands(counts.repeated),
            say_so(setting, false)
        )
    })
}

/// Whether so many pushed messages have a number that came before on the same connection that the numbers
/// are not the messages': those of several channels, say, that count for themselves.
fn many_numbers_came_before(group: &Group, setting: &Setting) -> bool {
    let counts = group.counts();
    setting.own.is_some_and(|own| own.sequence)
        && !delivery::asks(group)
        && group.total.phases.total().counts.reconnects == 0
        && counts.messages > 0
        && counts.updates_duplicated as f64 > MANY_AGAIN * counts.messages as f64
}

fn numbers_that_came_before(group: &Group) -> String {
    let counts = group.counts();
    format!(
        "{} of {} messages have a number that came before. If each channel counts for itself, name its place \
         in `channel` of [message]",
        thousands(counts.updates_duplicated),
        thousands(counts.updates_duplicated.saturating_add(counts.messages)),
    )
}

/// Says how many messages a server has sent again to clients that had connected again, with a time before that:
/// these count as no duplicates.
pub(super) fn again_after_reconnects(group: &Group, setting: &Setting) -> Option<String> {
    let counts = group.total.phases.total().counts;
    let again = sent_again(&counts, setting, delivery::asks(group));
    (again > 0).then(|| {
        format!(
            "{} messages came again to clients that had connected again: they have a time before that \
             connection, and count in `repeated`, not in `updates_duplicated`",
            thousands(again)
        )
    })
}

fn sent_again(counts: &Counts, setting: &Setting, asks: bool) -> u64 {
    // To repeat the latest may be what was asked for.
    let by_intent = asks || (!setting.log && setting.batch_ns > 0);
    if by_intent || counts.reconnects == 0 {
        return 0;
    }
    counts.repeated.saturating_sub(counts.updates_duplicated)
}

/// Returns how a scenario says that only the latest update counts: of a server that pushes, `batch` says it
/// beside the semantics, which are "snapshot" unless the scenario says "log".
fn say_so(setting: &Setting, asks: bool) -> &'static str {
    match (setting.log, asks) {
        (true, true) => "set semantics = \"snapshot\" in [feed]",
        (true, false) => {
            "set semantics = \"snapshot\" in [feed], and batch to the time between two messages of the server, \
             for example \"100ms\""
        }
        (false, _) => {
            "set batch in [feed] to the time between two messages of the server, for example \"100ms\""
        }
    }
}

/// Every update that was published in the measured window reached its client, was replaced or is
/// missing, and there is no fourth.
pub(crate) fn deliveries_add_up(group: &Group, setting: &Setting) -> CheckResult {
    let check = Check::DeliveriesAddUp;
    match published(group, setting) {
        Published::Known => {}
        Published::FromNumbers => {
            return check.not_applicable(
                "what the server published before the first update that \
                                         came and after the last is not known",
            );
        }
        Published::Unknowable(why) => return check.not_applicable(format!("not compared: {why}")),
        Published::NotCounted(why) => return not_counted(check, group, setting, &why, ""),
        Published::NoEnd => return no_end(check, ""),
    }
    let counts = group.counts();
    let published = counts.updates_published;
    let delivered = counts.updates_delivered;
    let superseded = counts.updates_superseded;
    let missing = counts.updates_missing;
    let sum = delivered.saturating_add(superseded).saturating_add(missing);
    let window_s = group.measured_s();
    // If all clients' updates come at once, there may be none for all of them.
    let alike = if setting.spread { f64::from(group.info.clients) } else { 1.0 };
    let planned = alike * group.info.feed_rate_hz * window_s;
    let text = match published {
        0 => "no update was counted as published".to_owned(),
        n => format!(
            "{} updates published {} {} delivered, {} superseded and {} missing",
            thousands(n),
            if n == sum { "are" } else { "are not" },
            thousands(delivered),
            thousands(superseded),
            thousands(missing)
        ),
    };
    let ok = published == sum && (published > 0 || planned < FEW_UPDATES);
    let off = Figure::known(published as f64 - sum as f64);
    check.result(ok, off, text)
}

/// TCP loses nothing and the reference server skips nothing that is due: an update that never
/// came was lost by the harness or came after the end, and either spoils the other figures. Another
/// server whose messages carry our stamp may lose some: then its numbers have gaps.
pub(crate) fn nothing_missing(group: &Group, setting: &Setting) -> CheckResult {
    let check = Check::NothingMissing;
    let how = published(group, setting);
    let counts = group.counts();
    let missing = counts.updates_missing;
    let of = thousands(counts.updates_published);
    let text = match (how, missing) {
        (Published::Unknowable(why), _) => {
            return check.not_applicable(format!("loss not checked: {why}"));
        }
        (Published::NotCounted(why), _) => {
            return not_counted(check, group, setting, &why, "loss could not be checked: ");
        }
        (Published::NoEnd, _) => return no_end(check, "loss could not be checked: "),
        (Published::Known, 0) => "no update is missing".to_owned(),
        (Published::FromNumbers, 0) if counts.updates_superseded > 0 => {
            return check.not_applicable(format!(
                "loss not checked: {} of {of} updates between a client's first and last were skipped, as the \
                 feed's semantics allow (snapshot: the latest replaces those before it). If every update must \
                 come, set semantics = \"log\" in [feed]",
                thousands(counts.updates_superseded),
            ));
        }
        (Published::FromNumbers, 0) => {
            "the numbers of what each client received have no gap".to_owned()
        }
        (Published::FromNumbers, n) => format!(
            "{} of {of} updates between a client's first and last never came: the numbers have \
             gaps; if the server leaves updates out by intent, {}",
            thousands(n),
            say_so(setting, delivery::asks(group)),
        ),
        (Published::Known, n) => {
            format!("{} of {of} updates never came before the end of the cool-down", thousands(n),)
        }
    };
    check.result(missing == 0, Figure::count(missing), text)
}

/// Nothing arrives before it can: no delivery sooner than one way, no response sooner than both
/// ways, no latency below zero. A histogram has a precision of three digits. The least value
/// recorded is compared with the least value in the limit's bucket, so that rounding alone never
/// fails, and a violation beyond that precision always does.
pub(crate) fn never_faster_than_the_line(group: &Group, setting: &Setting) -> CheckResult {
    let check = Check::NeverFasterThanTheLine;
    let latency = &group.total.latency;
    // The stamps of a foreign server are of its own clock.
    let own = latency.of(Metric::DeliveryLatency).filter(|_| group.info.bundled_server);
    let cases = [
        (own, setting.delay_ns, "delivery", "one way takes"),
        (latency.of(Metric::ResponseLatency), 2 * setting.delay_ns, "response", "both ways take"),
    ];
    let foreign = !group.info.bundled_server && latency.of(Metric::DeliveryLatency).is_some();
    let mut least = Figure::absent(if foreign {
        "not compared: the stamps are of the server's own clock"
    } else {
        "no latency was measured"
    });
    for (histogram, limit_ns, what, applies) in cases {
        let Some(histogram) = histogram else { continue };
        if is_sooner(histogram, limit_ns) {
            let [found, limit] = human_ns_and_bound(histogram.min() as f64, limit_ns as f64);
            let text = format!("a {what} took {found}, and {applies} {limit}: it came too early");
            return check.result(false, Figure::known(histogram.min() as f64 / 1e3), text);
        }
        if least.value().is_none() {
            least = Figure::known(histogram.min() as f64 / 1e3);
        }
    }
    let negative = group.total.phases.total().counts.negative_latencies;
    if let Some(why) = times::stamps_ahead(group) {
        return check.result(false, Figure::count(negative), why);
    }
    if negative > 0 && group.info.bundled_server {
        let text = format!("{} latencies came out below zero", thousands(negative));
        return check.result(false, Figure::count(negative), text);
    }
    if let Some(why) = least.reason() {
        return check.not_applicable(why);
    }
    let text = match setting.delay_ns {
        0 => "no latency is below zero".to_owned(),
        ns => format!("no update came in less than the {} of one way", human_ns(ns as f64)),
    };
    check.result(true, least, text)
}

fn is_sooner(histogram: &Histogram<u64>, limit_ns: u64) -> bool {
    histogram.lowest_equivalent(histogram.min()) < histogram.lowest_equivalent(limit_ns)
}

/// Compares the bytes above TCP of whole messages with arithmetic: if that is exact, not one byte
/// may be off. Failed exchanges and control frames are left out: nothing predicts them. Packets are
/// shown and not checked: how many acknowledgements go by themselves depends on the load.
pub(crate) fn bytes_as_predicted(group: &Group, setting: &Setting) -> CheckResult {
    let check = Check::BytesAsPredicted;
    let not_compared = |why: &str| check.not_applicable(format!("not compared: {why}"));
    if !group.info.bundled_server {
        return not_compared("arithmetic knows the heads of the bundled server alone");
    }
    let model = match predict::model(group) {
        Ok(model) => model,
        Err(why) => return not_compared(&why.to_string()),
    };
    let cell = &group.total.phases.steady;
    let completed = cell.counts.completed;
    let sent = cell.counts.sent;
    if completed == 0 {
        return not_compared("no whole message was measured");
    }
    let own = model.messages.first().map_or(0, |m| above_tcp(&m.exchange.ledger.both()));
    let sending = model.sending.map_or(0, |s| above_tcp(&s.exchange.ledger.both()));
    let measured = above_tcp(&cell.ledger.both());
    if let Some(why) = predict::inexact(group, model, setting) {
        let expected = model.per_message(|e| above_tcp(&e.ledger.both()) as f64);
        let found = measured as f64 / completed as f64;
        let off = Figure::known(found - expected);
        let text = format!(
            "{} B above TCP a message and {} predicted, {why}",
            three(found),
            three(expected)
        );
        return CheckResult { value: off, ..check.not_applicable(text) };
    }
    if group.total.phases.total().counts.reconnects > 0 && !group.info.connection_each_turn {
        return not_compared(
            "connections were opened again, whose first exchanges are no messages",
        );
    }
    let expected = own * u128::from(completed) + sending * u128::from(sent);
    let off = Figure::known(measured as f64 - expected as f64);
    let messages = thousands(completed);
    let text = if measured == expected {
        format!("{messages} messages cost exactly the {own} B above TCP that are predicted")
    } else {
        format!("{messages} messages cost {measured} B above TCP, and {expected} B are predicted")
    };
    check.result(measured == expected, off, text)
}

fn above_tcp(flow: &Flow) -> u128 {
    flow.sum(Part::is_of_message).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::histogram_of;

    #[test]
    fn what_a_scenario_has_already_is_no_remedy() {
        let of = |semantics: &str, asks| {
            let plan = serde_json::json!({ "feed": { "semantics": semantics } });
            let remedy = say_so(&Setting::of(&plan), asks);
            (remedy.contains("semantics = "), remedy.contains("batch"))
        };
        assert_eq!(of("snapshot", false), (false, true));
        assert_eq!(of("log", false), (true, true));
        assert_eq!(of("log", true), (true, false));
    }

    #[test]
    fn what_comes_again_over_reconnects_is_none_of_the_other_repeats() {
        let counts =
            Counts { reconnects: 4, repeated: 50, updates_duplicated: 8, ..Counts::default() };
        let plain = Setting::of(&serde_json::json!({}));
        let again = |counts, asks| sent_again(counts, &plain, asks);
        assert_eq!(again(&counts, false), 42);
        // A poll brings the latest again.
        assert_eq!(again(&counts, true), 0);
        assert_eq!(again(&Counts { reconnects: 0, ..counts }, false), 0);
        let feed = serde_json::json!({ "feed": { "semantics": "snapshot", "batch_ns": 1 } });
        assert_eq!(sent_again(&counts, &Setting::of(&feed), false), 0);
    }

    #[test]
    fn rounding_never_fails_and_what_is_beyond_it_always_does() {
        let of = |ns: u64| histogram_of([ns]);
        for limit in [1_000u64, 50_000_000, 49_999_999, 123_456_789] {
            assert!(!is_sooner(&of(limit), limit), "{limit}");
            assert!(!is_sooner(&of(limit + 1), limit), "{limit}");
            assert!(is_sooner(&of(limit - limit / 500), limit), "{limit}");
        }
        assert!(!is_sooner(&of(0), 0) && !is_sooner(&of(5), 0));
        assert!(is_sooner(&of(0), 50));
    }
}
