//! Predictions of long polling. After each response, no request is under way for a round trip, the
//! gap; an update that is published in the gap waits for its end.
//!
//! Let `d` be one way, `G = 2d` the gap, `H` the hold, `λ` the rate of Poisson updates. A cycle lasts
//! from a request's arrival at the server to the next one's. With probability `p = e^(−λG)` nothing was
//! published in the gap before it: the request is held for `X = min(Exp(λ), H)`. Otherwise it is
//! answered at once. So the mean cycle is `G + p (1 − e^(−λH))/λ`; of the updates, those that end
//! a hold take `d`, `p (1 − e^(−λH))` a cycle, and those of the gap, `λG` a cycle, take `d` and what
//! is left of the gap: uniform on `[d, d + G]`. For `H → ∞` the share of the former is
//! `e^(−λG) / (λG + e^(−λG))`. The server's own time is left out.

use crate::feed::{Arrivals, Semantics, Spec};
use crate::predict::arithmetic::{poisson, push_age_ns, push_delivery, pushed};
use crate::predict::{Component, Distribution};

/// A client's cycles.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cycle {
    /// Responses a second.
    pub messages_hz: f64,
    /// Kinds of responses: share, and updates carried.
    pub kinds: Vec<(f64, u32)>,
    /// How long a request is typically held, in nanoseconds.
    pub held_ns: u64,
}

/// The quantities of the module's documentation, for Poisson updates.
struct Renewal {
    /// `λG`.
    in_gap: f64,
    /// Probability that a request finds nothing pending.
    held: f64,
    /// Probability that a held one ends with an update.
    ended: f64,
    gap_s: f64,
    rate: f64,
}

impl Renewal {
    fn of(feed: &Spec, delay_ns: u64, hold_ns: u64) -> Renewal {
        let gap_s = 2.0 * delay_ns as f64 / 1e9;
        let rate = feed.rate_hz;
        let ended = 1.0 - (-rate * hold_ns as f64 / 1e9).exp();
        Renewal { in_gap: rate * gap_s, held: (-rate * gap_s).exp(), ended, gap_s, rate }
    }
}

/// Returns how a client's requests are answered.
pub(crate) fn cycle(feed: &Spec, delay_ns: u64, hold_ns: u64) -> Cycle {
    let period_ns = feed.period_ns();
    if delay_ns == 0 || feed.batch_ns > 0 {
        return pushed_cycle(feed, 2 * delay_ns, hold_ns);
    }
    match feed.arrivals {
        Arrivals::Poisson => poisson_cycle(feed, delay_ns, hold_ns),
        Arrivals::Periodic if period_ns > 2 * delay_ns => pushed_cycle(feed, 2 * delay_ns, hold_ns),
        Arrivals::Periodic => {
            // More than one update a gap: no request is ever held.
            let gap_ns = (2 * delay_ns) as f64;
            let mean = gap_ns / period_ns as f64;
            let least = mean.floor();
            let more = mean - least;
            let sent = |n: f64| if feed.semantics == Semantics::Log { n as u32 } else { 1 };
            let kinds = vec![(1.0 - more, sent(least)), (more, sent(least + 1.0))];
            Cycle { messages_hz: 1e9 / gap_ns, kinds, held_ns: 0 }
        }
    }
}

/// Returns the cycle if the gap is shorter than the time between two messages: one response per
/// message, and between two of them an empty one for each hold that runs out.
fn pushed_cycle(feed: &Spec, gap_ns: u64, hold_ns: u64) -> Cycle {
    let (kinds, hz) = pushed(feed);
    let between_ns = 1e9 / hz;
    let round_ns = (hold_ns + gap_ns) as f64;
    let empty = match (feed.arrivals, feed.batch_ns) {
        (Arrivals::Periodic, _) => (between_ns / round_ns).floor(),
        // A memoryless wait: the share e^(−λ(H + G)) goes on to the next round.
        (Arrivals::Poisson, _) => {
            let on = (-feed.rate_hz * round_ns / 1e9).exp();
            on / (1.0 - on)
        }
    };
    let all = 1.0 + empty;
    let mut answers: Vec<(f64, u32)> = kinds.iter().map(|k| (k.0 / all, k.1)).collect();
    if empty > 0.0 {
        answers.push((empty / all, 0));
    }
    let held_ns = (between_ns / all) as u64;
    Cycle { messages_hz: hz * all, kinds: answers, held_ns: held_ns.saturating_sub(gap_ns) }
}

fn poisson_cycle(feed: &Spec, delay_ns: u64, hold_ns: u64) -> Cycle {
    let r = Renewal::of(feed, delay_ns, hold_ns);
    let mean_s = r.gap_s + r.held * r.ended / r.rate;
    let mut kinds = vec![(r.held * r.ended, 1), (r.held * (1.0 - r.ended), 0)];
    for (share, updates) in poisson(r.in_gap).into_iter().filter(|k| k.1 > 0) {
        let sent = if feed.semantics == Semantics::Log { updates } else { 1 };
        match kinds.iter_mut().find(|k| k.1 == sent) {
            Some(same) => same.0 += share,
            None => kinds.push((share, sent)),
        }
    }
    let sum: f64 = kinds.iter().map(|k| k.0).sum();
    kinds.retain(|k| k.0 > 0.0);
    kinds.iter_mut().for_each(|k| k.0 /= sum);
    let held_ns = (r.ended / r.rate * 1e9) as u64;
    Cycle { messages_hz: 1.0 / mean_s, kinds, held_ns }
}

/// Returns the latency of an update; `None` if no closed form is known.
pub(crate) fn delivery(feed: &Spec, delay_ns: u64, hold_ns: u64) -> Option<Distribution> {
    let d = delay_ns as f64;
    let gap = 2.0 * d;
    if delay_ns == 0 || feed.batch_ns > 0 {
        return (delay_ns == 0).then(|| push_delivery(feed, delay_ns));
    }
    let wait = |to_ns| Component::Uniform { from_ns: d, to_ns };
    let latest = feed.semantics == Semantics::Snapshot;
    let mut law = match feed.arrivals {
        Arrivals::Poisson => {
            let r = Renewal::of(feed, delay_ns, hold_ns);
            // All updates published in a gap are delivered, or the last one.
            let (late, component) = if latest {
                let rate = r.rate / 1e9;
                (1.0 - r.held, Component::CutExponential { from_ns: d, to_ns: d + gap, rate })
            } else {
                (r.in_gap, wait(d + gap))
            };
            let at_once = r.held * r.ended / (r.held * r.ended + late);
            Distribution::constant_or(at_once, d, component)
        }
        Arrivals::Periodic => {
            let period = feed.period_ns() as f64;
            if period <= gap {
                Distribution::uniform(d, d + if latest { period } else { gap })
            } else if period <= hold_ns as f64 {
                Distribution::constant(d)
            } else {
                // Holds run out between updates; an update meets the gap after one by chance.
                let in_gap = gap / (gap + hold_ns as f64);
                let at_once = Component::Constant { at_ns: d };
                Distribution { parts: vec![(1.0 - in_gap, at_once), (in_gap, wait(d + gap))] }
            }
        }
    };
    law.parts.retain(|part| part.0 > 0.0);
    Some(law)
}

/// Returns the mean age of a client's information, over time; `None` if no closed form is known.
pub(crate) fn age_mean_ns(feed: &Spec, delay_ns: u64) -> Option<f64> {
    let held = feed.period_ns() > 2 * delay_ns && feed.arrivals == Arrivals::Periodic;
    (held || delay_ns == 0).then(|| push_age_ns(feed, delay_ns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOLD: u64 = 30_000_000_000;

    fn spec(rate_hz: f64, arrivals: Arrivals, semantics: Semantics) -> Spec {
        Spec { rate_hz, arrivals, semantics, ..Spec::PLAIN }
    }

    #[test]
    fn the_mixture_is_the_one_of_the_literature() {
        for (rate, delay_ms) in [(1.0, 50u64), (5.0, 50), (20.0, 50), (10.0, 5), (0.5, 200)] {
            let (d, gap) = (delay_ms as f64 * 1e6, 2e6 * delay_ms as f64);
            let feed = spec(rate, Arrivals::Poisson, Semantics::Log);
            let predicted = delivery(&feed, delay_ms * 1_000_000, 3_600_000_000_000).unwrap();
            let x = rate * gap / 1e9;
            let f = (-x).exp() / (x + (-x).exp());
            assert!((predicted.mean_ns() - (d + (1.0 - f) * gap / 2.0)).abs() < 10.0, "{rate}");
            assert_eq!((predicted.least_ns(), predicted.worst_ns()), (d, 3.0 * d));
            assert!((predicted.at_most(d) - f).abs() < 1e-9);
        }
    }

    #[test]
    fn periodic_updates_are_held_or_meet_the_gap() {
        let of = |rate, ms: u64, semantics| {
            let feed = spec(rate, Arrivals::Periodic, semantics);
            delivery(&feed, ms * 1_000_000, HOLD).unwrap()
        };
        assert_eq!(of(1.0, 50, Semantics::Log), Distribution::constant(50e6));
        assert_eq!(of(100.0, 50, Semantics::Log), Distribution::uniform(50e6, 150e6));
        assert_eq!(of(100.0, 50, Semantics::Snapshot), Distribution::uniform(50e6, 60e6));
        let cycle = cycle(&spec(100.0, Arrivals::Periodic, Semantics::Log), 50_000_000, HOLD);
        assert_eq!((cycle.messages_hz, cycle.held_ns), (10.0, 0));
        assert_eq!(cycle.kinds[0], (1.0, 10));
    }

    #[test]
    fn rare_updates_leave_holds_that_run_out() {
        // An update a minute: one hold of 30 s runs out, the second is answered.
        let cycle = cycle(&spec(1.0 / 60.0, Arrivals::Periodic, Semantics::Snapshot), 0, HOLD);
        let empty = cycle.kinds.iter().find(|k| k.1 == 0).unwrap().0;
        assert!((empty - 2.0 / 3.0).abs() < 1e-9 || (empty - 0.5).abs() < 1e-9, "{empty}");
    }

    proptest! {
        /// As many updates arrive as are published if all of them count, and shares add up.
        #[test]
        fn every_update_of_a_log_is_in_some_answer(
            rate in 0.01f64..200.0, delay_ms in 0u64..300, poisson: bool
        ) {
            let arrivals = if poisson { Arrivals::Poisson } else { Arrivals::Periodic };
            let feed = spec(rate, arrivals, Semantics::Log);
            let cycle = cycle(&feed, delay_ms * 1_000_000, HOLD);
            let shares: f64 = cycle.kinds.iter().map(|k| k.0).sum();
            let carried: f64 = cycle.kinds.iter().map(|k| k.0 * f64::from(k.1)).sum();
            prop_assert!((shares - 1.0).abs() < 1e-9);
            let came = carried * cycle.messages_hz;
            prop_assert!((came / rate - 1.0).abs() < 1e-3, "{came} of {rate}");
        }
    }
}
