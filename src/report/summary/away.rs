//! That clients had no connection for a part of the measured window: the server had ended it or refused another,
//! and they waited.
//!
//! What a server sends a second is then what it sent to those that were there. Only a rate that is known says
//! that nothing is missing all the same.

use crate::record::Counts;
use crate::report::check::{Check, CheckOutcome, CheckResult};
use crate::report::figure::Figure;
use crate::report::summary::group::Group;
use crate::units::{human_ns, thousands};

/// Of all clients' time, the share without a connection that is worth a word.
const SOME: f64 = 0.01;
/// The share above which figures a second say nothing of the server.
const MOST: f64 = 0.1;
/// So many times in a window each client connects again to a server of which that is the usual way: it ends
/// each response in order, and says when to ask again.
const USUAL: u64 = 5;
/// What to do if the scenario states the rate already.
const STATED_REMEDY: &str = "See why the server ends connections or refuses them (Retry-After, retry), and set a \
     longer `warmup`, so that clients are back before the window begins.";
/// What to do if no client ever got anything: none comes back by a longer warm-up.
const REFUSED_REMEDY: &str =
    "See in the client errors why the server ends connections or refuses them.";

/// Returns the share of all clients' time in the measured windows in which they had no connection.
fn share(group: &Group) -> f64 {
    let all_s = f64::from(group.info.clients) * group.measured_s();
    if all_s > 0.0 { group.counts().away_us as f64 / 1e6 / all_s } else { 0.0 }
}

/// Says how many clients had no connection, and for how long.
fn sentence(group: &Group) -> String {
    let counts = group.counts();
    let window_ns = group.measured_s() * 1e9 / group.ends.len().max(1) as f64;
    let away_ns = counts.away_us as f64 * 1e3 / counts.away_clients.max(1) as f64;
    format!(
        "{} of {} clients were not connected for {} of the measured {} on average",
        thousands(counts.away_clients),
        thousands(group.asked()),
        human_ns(away_ns),
        human_ns(window_ns)
    )
}

/// Whether clients had a connection for nearly all of the window, or another of the checks says that everything
/// came all the same; `None` if each had one all the time.
pub(super) fn check(group: &Group, others: &[CheckResult]) -> Option<CheckResult> {
    let counts = group.counts();
    let is_nobody_served = group.is_nobody_served();
    // That no client connected is what another check says.
    let is_nobody = is_nobody_served && group.connected() == 0;
    if !group.info.network || counts.away_us == 0 || is_nobody {
        return None;
    }
    let share = share(group);
    let all_came = others.iter().any(|other| {
        matches!(other.check, Check::FeedHeld | Check::EveryMessageReachedAll)
            && other.outcome == CheckOutcome::Passed
    });
    let ok = all_came || may_count(share, counts, group.asked());
    let mut text = sentence(group);
    let stated = group.info.feed_rate_stated;
    if !ok && !is_nobody_served {
        text.push_str(why_not(stated));
    }
    let found = Check::ClientsStayed.result(ok, Figure::known(share), text);
    let remedy = if is_nobody_served {
        REFUSED_REMEDY
    } else if stated {
        STATED_REMEDY
    } else {
        found.remedy
    };
    Some(CheckResult { remedy, ..found })
}

/// Returns why clients may not be away for so long, as the end of a sentence.
fn why_not(is_rate_stated: bool) -> &'static str {
    if is_rate_stated {
        ", and no check shows that all came that the stated rate says"
    } else {
        ", and nothing says what should have come meanwhile"
    }
}

/// Whether so large a share says nothing against figures a second, of a server about whose rate nothing is known.
fn may_count(share: f64, counts: &Counts, clients: u64) -> bool {
    let is_usual = counts.faults == 0 && counts.reconnects >= USUAL.saturating_mul(clients);
    share <= MOST || is_usual
}

/// Says so of a row that may count. The check itself says it of any other.
pub(super) fn note(group: &Group, checks: &[CheckResult]) -> Option<String> {
    let found = checks.iter().find(|found| found.check == Check::ClientsStayed)?;
    (found.is_ok() && share(group) > SOME).then(|| found.text.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A rate that is stated says what should have come.
    #[test]
    fn a_stated_rate_is_not_asked_for() {
        assert_eq!(why_not(false), ", and nothing says what should have come meanwhile");
        assert_eq!(why_not(true), ", and no check shows that all came that the stated rate says");
        assert_eq!(
            STATED_REMEDY,
            "See why the server ends connections or refuses them (Retry-After, retry), and set a longer \
             `warmup`, so that clients are back before the window begins."
        );
    }

    #[test]
    fn clients_may_be_away_for_a_tenth_or_as_the_server_usually_wants_it() {
        let of = |share, reconnects, faults| {
            let counts = Counts { reconnects, faults, ..Counts::default() };
            may_count(share, &counts, 10)
        };
        assert!(of(0.1, 10, 10));
        assert!(!of(0.11, 10, 0));
        // An event stream for each update, with a time to wait between two.
        assert!(of(0.95, 50, 0));
        assert!(!of(0.95, 49, 0));
        assert!(!of(0.95, 50, 1));
    }
}
