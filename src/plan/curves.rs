//! Predicts what each series would cost at other rates than the planned one: from one update an
//! hour to a hundred a second.
//!
//! Separate from `estimate`, which is the planned rate and all clients, and from the report, which
//! finds where curves cross.

use crate::feed::{Semantics, Spec, Workload};
use crate::plan::{Plan, PlannedSeries};
use crate::predict::{CostAt, Curve, Exchange, SHARED_PACKETS};

/// The least and the greatest rate, in updates a second.
const RATES: (f64, f64) = (1.0 / 3600.0, 100.0);
/// Steps between these, equal on a logarithmic axis: about a tenth of a decade, within which a cost
/// is close to a power of the rate.
const STEPS: u32 = 64;
/// A poll that brings more updates than this on average is left out: nobody runs a client that is
/// so far behind, and its arithmetic takes long.
const MOST_UPDATES: f64 = 20_000.0;

/// Predicts the costs of every series of a plan, at the least number of clients that is planned.
pub(crate) fn predict_costs(plan: &Plan) -> Vec<Curve> {
    let clients = plan.cases.iter().filter(|c| !c.floor).map(|c| c.clients).min().unwrap_or(1);
    let one = |series: &PlannedSeries| {
        let (points, absent) = match points(plan, series, clients) {
            Ok(points) => (points, None),
            Err(why) => (Vec::new(), Some(why.to_owned())),
        };
        let transport = series.transport().to_owned();
        Curve { series: series.label.clone(), transport, clients, points, absent }
    };
    plan.series.iter().map(one).collect()
}

fn points(plan: &Plan, series: &PlannedSeries, clients: u32) -> Result<Vec<CostAt>, &'static str> {
    if !plan.is_bundled(series) {
        return Err("the server is not the bundled one: what it sends cannot be predicted");
    }
    if plan.feed.workload == Workload::Echo {
        return Err("in an echo a client gets messages at the rate at which it sends them");
    }
    if super::shares_connections(series) {
        return Err(SHARED_PACKETS);
    }
    let found: Vec<CostAt> =
        rates().filter_map(|rate_hz| at(plan, series, clients, rate_hz)).collect();
    if found.is_empty() { Err("how often its clients ask cannot be predicted") } else { Ok(found) }
}

/// Returns the rates of the points: the same for every series, so that curves can be compared.
fn rates() -> impl Iterator<Item = f64> {
    let (least, most) = RATES;
    (0..=STEPS).map(move |n| least * (most / least).powf(f64::from(n) / f64::from(STEPS)))
}

fn at(plan: &Plan, series: &PlannedSeries, clients: u32, rate_hz: f64) -> Option<CostAt> {
    let feed = Spec { rate_hz, ..plan.feed };
    let wait_ns = if series.paced { series.interval_ns } else { feed.batch_ns };
    let many = rate_hz * wait_ns as f64 / 1e9 > MOST_UPDATES;
    if many && feed.semantics == Semantics::Log {
        return None;
    }
    let model = plan.model_of(series, &feed, clients)?;
    let wire = |e: &Exchange| (e.ledger.up.wire.get() + e.ledger.down.wire.get()) as f64;
    let cost = CostAt {
        rate_hz,
        wire_bytes_per_s: model.per_second(wire)?,
        ip_bytes_per_s: model.per_second(|e| e.ip_bytes().get() as f64)?,
    };
    (cost.wire_bytes_per_s.is_finite() && cost.ip_bytes_per_s.is_finite()).then_some(cost)
}
