//! The whole distribution of the delivery latency beside the law that it should follow.
//!
//! Separate from `times`, which takes single statistics from the same histogram.

use crate::predict::{Component, Distribution};
use crate::record::Metric;
use crate::report::figure::Figure;
use crate::report::pictures::{AtQuantile, AxisEnd, DistributionPicture, Share};
use crate::report::summary::group::Group;
use crate::report::time_quality::TimeQuality;
use hdrhistogram::Histogram;

/// Points of a curve: a picture cannot show more.
const POINTS: f64 = 200.0;
/// Points of a law's curved piece.
const BENDS: u32 = 48;
/// Quantiles between 90 % and 99 %, and as many between 99 % and 99.9 %.
const STEPS_OF_A_NINE: f64 = 20.0;
/// To which number of nines quantiles go.
const NINES: u32 = 6;

/// What was measured in all repeats beside the law of the plan.
pub(super) fn distribution(
    group: &Group,
    times: &TimeQuality,
    stretched: bool,
    late_ns: f64,
) -> DistributionPicture {
    let least_ns = times.least_us() * 1e3;
    let measured = group.total.latency.of(Metric::DeliveryLatency);
    let measured = measured.filter(|h| times.untrue.is_none() && h.max() as f64 >= least_ns);
    let law = group.info.model.as_ref().and_then(|model| model.delivery.as_ref());
    let can_be = |ns: f64| ns.is_finite() && ns >= 0.0;
    let law = law.filter(|law| {
        !stretched && [law.least_ns(), law.mean_ns(), law.worst_ns()].into_iter().all(can_be)
    });
    // The timers' error is shown too: without a delay, it is all that a push has.
    let worst = law.map_or(0.0, |law| law.worst_ns() + late_ns);
    let (top, top_ns) = measured.map_or((AxisEnd::Law, 0.0), |h| measured_end(h, least_ns));
    DistributionPicture {
        points: points(measured, least_ns, law, late_ns),
        top_us: worst.max(top_ns) / 1e3,
        top: if worst >= top_ns { AxisEnd::Law } else { top },
        known_from_us: if measured.is_some() { least_ns / 1e3 } else { 0.0 },
        late_us: late_ns / 1e3,
        tail: tail(measured, times, law),
    }
}

/// Both latencies at quantiles that have the same distance on a scale of nines, to the last one that the
/// values suffice for.
fn tail(
    measured: Option<&Histogram<u64>>,
    times: &TimeQuality,
    law: Option<&Distribution>,
) -> Vec<AtQuantile> {
    let quantile = |n: u32| 1.0 - 10f64.powf(-f64::from(n) / STEPS_OF_A_NINE);
    let at = |quantile: f64| AtQuantile {
        quantile,
        measured_us: measured
            .and_then(|all| times.known(Figure::quantile_us(all, quantile)).value()),
        law_us: law.map(|law| inverse(law, quantile) / 1e3),
    };
    let mut all: Vec<AtQuantile> =
        (0..=STEPS_OF_A_NINE as u32 * NINES).map(|n| at(quantile(n))).collect();
    // A prediction alone is drawn as far as the third nine.
    let end = match all.iter().rposition(|point| point.measured_us.is_some()) {
        Some(last) => last + 1,
        None if law.is_some() => 3 * STEPS_OF_A_NINE as usize + 1,
        None => 0,
    };
    all.truncate(end);
    all
}

/// Returns the least latency that such a share does not exceed, by halving.
fn inverse(law: &Distribution, share: f64) -> f64 {
    let mut low = law.least_ns();
    let mut high = law.worst_ns();
    if law.at_most(low) >= share {
        return low;
    }
    for _ in 0..60 {
        let middle = low + (high - low) / 2.0;
        if law.at_most(middle) >= share { high = middle } else { low = middle }
    }
    high
}

/// The latency to which the measured curve is drawn, in nanoseconds, and what it is.
fn measured_end(measured: &Histogram<u64>, least_ns: f64) -> (AxisEnd, f64) {
    let (end, ns) = match Figure::quantile_us(measured, 0.999) {
        Figure::Known(us) => (AxisEnd::P999, us * 1e3),
        Figure::Absent(_) => (AxisEnd::Largest, measured.max() as f64),
    };
    // Where the curve begins is shown.
    if ns < least_ns * 1.5 { (AxisEnd::LeastKnown, least_ns * 1.5) } else { (end, ns) }
}

/// Both distribution functions at the same latencies, the measured one from the least on that is known.
fn points(
    measured: Option<&Histogram<u64>>,
    least_ns: f64,
    law: Option<&Distribution>,
    late_ns: f64,
) -> Vec<Share> {
    let steps = measured.map_or_else(Vec::new, steps);
    let mut at: Vec<f64> = few(&steps);
    if let Some(law) = law {
        let own = bends(law);
        at.extend(own.iter().map(|ns| ns + late_ns));
        at.extend(own);
    }
    if measured.is_some() {
        at.push(least_ns);
    }
    at.retain(|ns| ns.is_finite() && *ns >= if law.is_some() { 0.0 } else { least_ns });
    at.sort_by(f64::total_cmp);
    at.dedup();
    let share = |ns: f64| law.map(|law| law.at_most(ns)).filter(|s| s.is_finite());
    let point = |ns: f64| Share {
        latency_us: ns / 1e3,
        measured: (!steps.is_empty() && ns >= least_ns).then(|| {
            let below = steps.partition_point(|s| s.0 <= ns);
            below.checked_sub(1).map_or(0.0, |last| steps[last].1)
        }),
        law: share(ns).map(|s| s.clamp(0.0, 1.0)),
        law_late: share(ns - late_ns).map(|s| s.clamp(0.0, 1.0)),
    };
    at.into_iter().map(point).collect()
}

/// Every recorded value with the share of values that are at most that.
fn steps(measured: &Histogram<u64>) -> Vec<(f64, f64)> {
    let all = measured.len() as f64;
    let mut so_far = 0u64;
    let each = measured.iter_recorded().map(|step| {
        so_far += step.count_since_last_iteration();
        (step.value_iterated_to() as f64, so_far as f64 / all)
    });
    each.collect()
}

/// Of so many steps those that are distinguishable: by their height, or by their distance.
fn few(steps: &[(f64, f64)]) -> Vec<f64> {
    let (Some(first), Some(last)) = (steps.first(), steps.last()) else { return Vec::new() };
    // What is beyond nearly all of them does not make the others coarse.
    let most = steps[steps.partition_point(|s| s.1 < 0.999).min(steps.len() - 1)].0;
    let mut kept = *first;
    let mut out = vec![0.0, first.0];
    for step in steps {
        if step.1 - kept.1 >= 1.0 / POINTS || step.0 - kept.0 >= most / POINTS {
            out.push(step.0);
            kept = *step;
        }
    }
    out.push(last.0);
    out
}

/// Latencies between which a law is a straight line, or close to one: its ends and atoms, each
/// with the moment before it.
fn bends(law: &Distribution) -> Vec<f64> {
    let mut out = vec![0.0];
    for (_, piece) in &law.parts {
        let (from, to, bends) = match *piece {
            Component::Constant { at_ns } => (at_ns, at_ns, 1),
            Component::Uniform { from_ns, to_ns } => (from_ns, to_ns, 1),
            Component::CutExponential { from_ns, to_ns, .. } => (from_ns, to_ns, BENDS),
        };
        let step = |n: u32| from + (to - from) * f64::from(n) / f64::from(bends);
        out.extend((0..=bends).map(step));
        out.extend([from - 1.0, to - 1.0]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::histogram_of;

    #[test]
    fn shares_rise_to_one() {
        let law = Distribution {
            parts: vec![
                (0.25, Component::Constant { at_ns: 50e6 }),
                (0.75, Component::CutExponential { from_ns: 1e6, to_ns: 50e6, rate: 1e-7 }),
            ],
        };
        let measured = histogram_of((1..5_000).map(|n| n * n * 40));
        let points = points(Some(&measured), 0.0, Some(&law), 2e6);
        assert!(points.len() < 700, "{}", points.len());
        for of in [|s: &Share| s.measured, |s: &Share| s.law, |s: &Share| s.law_late] {
            let shares: Vec<f64> = points.iter().map(|p| of(p).unwrap()).collect();
            assert!(shares.windows(2).all(|w| w[0] <= w[1] + 1e-12));
            assert!((shares.last().unwrap() - 1.0).abs() < 1e-12);
        }
        // The atom is a step, not a slope.
        let before = points.iter().rev().find(|p| p.latency_us < 50e3).unwrap();
        assert!(before.law.unwrap() < 0.751 && before.latency_us > 49_999.0);
    }

    /// What is shorter may be nothing but the error of the times.
    #[test]
    fn a_measured_curve_begins_with_the_least_latency_that_is_known() {
        let measured = histogram_of([1, 2, 3, 30].map(|ms| ms * 1_000_000));
        let points = points(Some(&measured), 2e7, None, 1e6);
        assert_eq!(points.iter().map(|p| p.measured).collect::<Vec<_>>(), [Some(0.75), Some(1.0)]);
        assert_eq!(points[0].latency_us, 20_000.0);
    }

    /// Of fewer than a thousand values there is no p99.9.
    #[test]
    fn an_axis_ends_at_what_it_is_said_to_end_at() {
        let ms = |n: u64| histogram_of((1..=n).map(|ms| ms * 1_000_000));
        let (end, ns) = measured_end(&ms(300), 0.0);
        assert_eq!((end, ns), (AxisEnd::Largest, ms(300).max() as f64));
        let (end, ns) = measured_end(&ms(2_000), 0.0);
        assert_eq!((end, ns), (AxisEnd::P999, ms(2_000).value_at_quantile(0.999) as f64));
        assert_eq!(measured_end(&ms(2), 2e6), (AxisEnd::LeastKnown, 3e6));
    }

    #[test]
    fn nothing_measured_and_no_law_are_no_points() {
        assert_eq!(points(None, 0.0, None, 1e6), []);
        assert!(
            points(None, 0.0, Some(&Distribution::constant(0.0)), 1e6)
                .iter()
                .all(|p| p.measured.is_none())
        );
    }
}
