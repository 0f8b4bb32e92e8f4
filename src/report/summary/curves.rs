//! What a client costs by the rate of updates, and where two series cost the same.
//!
//! Separate from the plan, which made the curves: here they are only read and compared.

use crate::predict::CostAt;
use crate::report::pictures::{CostCurve, Costs};
use crate::report::table::Crossing;
use crate::result::{Curve, Header};
use crate::units::human_ns;

/// Curves this close, as a part of their height, are the same there.
const SAME: f64 = 1e-9;

/// The curves of a result, and why some are missing.
pub(super) fn costs(header: &Header) -> Costs {
    let curves: Vec<CostCurve> = header.curves.iter().filter_map(|c| curve(c, header)).collect();
    let why = |c: &Curve| c.absent.clone().unwrap_or_else(|| "it has no curve".to_owned());
    let left_out: Vec<&Curve> =
        header.curves.iter().filter(|c| curves.iter().all(|k| k.series != c.series)).collect();
    let absent = match (curves.is_empty(), left_out.first()) {
        (false, _) => None,
        (true, Some(first)) => Some(why(first)),
        (true, None) => Some("the result file has no curves: its run was not asked".to_owned()),
    };
    let planned = header.cases.iter().find(|c| !c.floor).map(|c| c.feed_rate_hz);
    Costs {
        absent,
        clients: header.curves.iter().map(|c| c.clients).min().unwrap_or(0),
        planned_hz: planned.filter(|hz| hz.is_finite() && *hz > 0.0),
        left_out: left_out.iter().map(|c| format!("{}: {}", c.series, why(c))).collect(),
        curves,
    }
}

/// The points that a logarithmic axis can show.
fn curve(curve: &Curve, header: &Header) -> Option<CostCurve> {
    let fits = |p: &&CostAt| {
        [p.rate_hz, p.ip_bytes_per_s].iter().all(|v| v.is_finite() && *v > 0.0)
            && p.wire_bytes_per_s.is_finite()
    };
    let mut points: Vec<CostAt> = curve.points.iter().filter(fits).copied().collect();
    points.sort_by(|a, b| a.rate_hz.total_cmp(&b.rate_hz));
    let series = curve.series.clone();
    let transport = curve.transport.clone();
    let words = describe(curve, header);
    (!points.is_empty()).then_some(CostCurve { series, transport, words, points })
}

/// A label that its author chose says enough; a transport's bare name does not say how often.
fn describe(curve: &Curve, header: &Header) -> String {
    let info = header.cases.iter().find(|c| !c.floor && c.series == curve.series);
    match info.filter(|c| c.paced && c.interval_ns > 0 && curve.series == curve.transport) {
        Some(info) => format!("{} every {}", curve.series, human_ns(info.interval_ns as f64)),
        None => curve.series.clone(),
    }
}

/// Where any two of the curves cross.
pub(super) fn crossings(costs: &Costs) -> Vec<Crossing> {
    let mut found = Vec::new();
    for (n, a) in costs.curves.iter().enumerate() {
        for b in &costs.curves[n + 1..] {
            found.extend(between(a, b));
        }
    }
    found.sort_by(|x: &Crossing, y| x.rate_hz.total_cmp(&y.rate_hz));
    found
}

/// A common rate of two curves by its logarithm, with the logarithms of what both cost.
type Pair = (f64, f64, f64);

fn between(a: &CostCurve, b: &CostCurve) -> Vec<Crossing> {
    let mut found = Vec::new();
    // The last rate at which they differed.
    let mut last: Option<Pair> = None;
    for here in common(a, b) {
        let difference = here.1 - here.2;
        if difference.abs() <= SAME {
            continue;
        }
        if let Some(before) = last.filter(|l| (l.1 - l.2).signum() != difference.signum()) {
            let (rate, bytes) = meet(before, here);
            let (below, above) =
                if before.1 < before.2 { (&a.series, &b.series) } else { (&b.series, &a.series) };
            found.push(Crossing {
                a: a.series.clone(),
                b: b.series.clone(),
                rate_hz: rate.exp(),
                bytes_per_s: bytes.exp(),
                cheaper_below: below.clone(),
                cheaper_above: above.clone(),
            });
        }
        last = Some(here);
    }
    found
}

/// The rates that both have; the plan gives all curves the same.
fn common(a: &CostCurve, b: &CostCurve) -> Vec<Pair> {
    let same = |p: &CostAt, q: &CostAt| (p.rate_hz.ln() - q.rate_hz.ln()).abs() <= SAME;
    let mut others = b.points.iter().peekable();
    let mut pairs = Vec::new();
    for p in &a.points {
        while others.next_if(|q| q.rate_hz < p.rate_hz && !same(p, q)).is_some() {}
        if let Some(q) = others.next_if(|q| same(p, q)) {
            pairs.push((p.rate_hz.ln(), p.ip_bytes_per_s.ln(), q.ip_bytes_per_s.ln()));
        }
    }
    pairs
}

/// Where two lines through neighbouring points meet, in logarithms: exact if costs are powers
/// of the rate.
fn meet(from: Pair, to: Pair) -> (f64, f64) {
    let before = (from.1 - from.2).abs();
    let after = (to.1 - to.2).abs();
    let part = before / (before + after);
    (from.0 + part * (to.0 - from.0), from.1 + part * (to.1 - from.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(series: &str, cost: impl Fn(f64) -> f64) -> CostCurve {
        let point = |n: i32| {
            let rate_hz = 10f64.powf(f64::from(n) / 7.0);
            let bytes = cost(rate_hz);
            CostAt { rate_hz, wire_bytes_per_s: bytes, ip_bytes_per_s: bytes }
        };
        let points = (-14..=14).map(point).collect();
        let words = String::new();
        CostCurve { series: series.to_owned(), transport: String::new(), words, points }
    }

    fn cross(curves: Vec<CostCurve>) -> Vec<Crossing> {
        crossings(&Costs { curves, ..Costs::default() })
    }

    #[test]
    fn powers_of_the_rate_cross_where_arithmetic_says() {
        let found = cross(vec![line("flat", |_| 1086.0), line("linear", |r| 127.0 * r)]);
        let [one] = &found[..] else { panic!("{found:?}") };
        assert!((one.rate_hz - 1086.0 / 127.0).abs() < 1e-9, "{one:?}");
        assert!((one.bytes_per_s - 1086.0).abs() < 1e-6);
        assert_eq!((&*one.cheaper_below, &*one.cheaper_above), ("linear", "flat"));
    }

    #[test]
    fn equal_and_parallel_curves_do_not_cross() {
        let same = || line("x", |r| 5.0 * r);
        assert_eq!(cross(vec![same(), same(), line("y", |r| 6.0 * r)]), []);
    }

    #[test]
    fn curves_that_run_together_for_a_while_cross_once() {
        let low = line("a", |r| if r < 0.1 { r } else { 1.0 });
        let high = line("b", |r| if r < 10.0 { 1.0 } else { 0.1 });
        let found = cross(vec![low, high]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].cheaper_below, "a");
    }
}
