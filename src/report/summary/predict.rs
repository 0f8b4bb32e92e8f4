//! A row by arithmetic, beside what was measured, and how far the two are apart.
//!
//! Separate from `record::Model`, which a transport makes before the run and which is in the
//! result file: here it is compared with figures, nothing is predicted.

use crate::predict::{Distribution, Exchange, Model, SHARED_PACKETS};
use crate::record::{Metric, Part};
use crate::report::figure::{Absence, Figure};
use crate::report::layer::{Quantity, Statistic, Way};
use crate::report::summary::delivery::asks;
use crate::report::summary::group::Group;
use crate::report::summary::setting::Setting;
use crate::report::table::{Predicted, Prediction, Row};
use crate::result::PREDICTION;

const STRETCHED: &str = "no arithmetic for the stretched interval: it is of the planned one";

/// A row by arithmetic and as measured.
pub(super) fn predicted(group: &Group, setting: &Setting, row: &Row) -> Predicted {
    let model = model(group);
    let held_hz = held_hz(group);
    let quantities = Quantity::all().map(|q| {
        let predicted = match &model {
            Ok(model) => by_arithmetic(model, q, row.pace.stretched, held_hz),
            Err(why) => Figure::Absent(why.clone()),
        };
        (q, compare(predicted, as_measured(q, row)))
    });
    let inexact = model.as_ref().map(|model| inexact(group, model, setting));
    Predicted {
        quantities: quantities.collect(),
        exact: inexact == Ok(None),
        basis: match inexact {
            Err(absence) => absence.why.clone(),
            Ok(why) => why.unwrap_or_else(|| "exact".to_owned()),
        },
        distribution_distance: distance(group, model, setting, row.pace.stretched, {
            row.latency(Metric::DeliveryLatency).times.untrue.as_deref()
        }),
    }
}

/// Messages a second and client as they came: what goes out besides is shared out over these.
fn held_hz(group: &Group) -> Option<f64> {
    let window_s = group.measured_s();
    let hz = group.counts().completed as f64 / (window_s * f64::from(group.info.clients.max(1)));
    (hz.is_finite() && hz > 0.0).then_some(hz)
}

/// The model of a row, or why there is none.
pub(super) fn model<'a>(group: &Group<'a>) -> Result<&'a Model, Absence> {
    match &group.info.model {
        Some(model) if !model.messages.is_empty() => Ok(model),
        _ if group.info.floor => Err("the floor has no network".into()),
        _ if !group.info.bundled_server => {
            Err("the server is not the bundled one: its figures cannot be predicted".into())
        }
        _ => {
            let why = group.planned_absence(PREDICTION);
            Err(Absence::by_scenario(
                why.unwrap_or("no arithmetic is in the result file").to_owned(),
            ))
        }
    }
}

/// Why the bytes above TCP are an expectation; `None` if they are exact.
pub(super) fn inexact(group: &Group, model: &Model, setting: &Setting) -> Option<String> {
    let sends_and_is_answered =
        model.sending.is_some_and(|s| s.exchange.ledger.down.wire.get() > 0);
    if let Some(varies) = model.varies {
        Some(format!("an expectation: {}", varies.why()))
    } else if !model.is_exact() {
        Some(format!("an expectation over {} kinds of messages", model.messages.len()))
    } else if model.stochastic || (setting.log && asks(group)) {
        Some("an expectation: how many updates a message finds depends on its moment".to_owned())
    } else if sends_and_is_answered {
        Some("an expectation: at the window's edges a message and its answer are apart".to_owned())
    } else if model.idle.is_some_and(|i| i.exchange.ledger.both().sum(Part::is_of_message) > 0) {
        Some("an expectation: what is sent in between depends on the gaps".to_owned())
    } else {
        None
    }
}

fn by_arithmetic(
    model: &Model,
    quantity: Quantity,
    stretched: bool,
    held_hz: Option<f64>,
) -> Figure {
    if quantity.is_time() && stretched {
        return Figure::absent_by_scenario(STRETCHED);
    }
    let us = |ns: Option<f64>, what: &str| {
        let why = format!("no arithmetic knows the {what} of this transport");
        Figure::or_absent(ns.map(|ns| ns / 1e3), Absence::by_scenario(why))
    };
    let law = |law: &Option<Distribution>, of: fn(&Distribution) -> f64, what| {
        us(law.as_ref().map(of), what)
    };
    match quantity {
        Quantity::Of(layer) if layer.is_kernels() && model.shares_packets => {
            Figure::absent_by_scenario(format!("no arithmetic: {SHARED_PACKETS}"))
        }
        Quantity::Of(layer) => {
            let hz = held_hz.or(model.messages_hz);
            let count = |e: &Exchange| layer.of_exchange(e, Way::Both) as f64;
            Figure::known(model.per_message_at(hz, count))
        }
        Quantity::Updates => Figure::known(model.updates_per_message()),
        Quantity::DeliveryMean => law(&model.delivery, Distribution::mean_ns, "delivery latency"),
        Quantity::DeliveryWorst => law(&model.delivery, Distribution::worst_ns, "delivery latency"),
        Quantity::ResponseMean => law(&model.response, Distribution::mean_ns, "response latency"),
        Quantity::AgeMean => us(model.age_mean_ns, "age of information"),
    }
}

fn as_measured(quantity: Quantity, row: &Row) -> Figure {
    let latency = |metric, statistic| row.latency(metric).stat(statistic).clone();
    match quantity {
        Quantity::Updates => {
            Figure::known(row.events.steady.messages as f64 + row.events.steady.repeated as f64)
                .over(&Figure::count(row.events.per_message_divisor()), "nothing was received")
        }
        Quantity::DeliveryMean => latency(Metric::DeliveryLatency, Statistic::Mean),
        Quantity::DeliveryWorst => latency(Metric::DeliveryLatency, Statistic::Max),
        Quantity::ResponseMean => latency(Metric::ResponseLatency, Statistic::Mean),
        Quantity::AgeMean => row.delivery.age_us.clone(),
        Quantity::Of(layer) => row.steady(Way::Both, layer).per_message.clone(),
    }
}

fn compare(predicted: Figure, measured: Figure) -> Prediction {
    let difference = match (&predicted, &measured) {
        (Figure::Known(predicted), Figure::Known(measured)) => Figure::known(measured - predicted),
        (Figure::Absent(why), _) | (_, Figure::Absent(why)) => why.of_another(),
    };
    let relative = difference
        .over(&predicted, Absence::by_scenario("no arithmetic of shares: the prediction is zero"));
    Prediction { predicted, measured, difference, relative }
}

fn distance(
    group: &Group,
    model: Result<&Model, Absence>,
    setting: &Setting,
    stretched: bool,
    untrue: Option<&str>,
) -> Figure {
    let law = match model.map(|model| &model.delivery) {
        Err(absence) => return Figure::Absent(absence),
        Ok(_) if stretched => return Figure::absent_by_scenario(STRETCHED),
        Ok(None) => {
            let why = "no arithmetic knows the delivery latency of this transport";
            return Figure::absent_by_scenario(why);
        }
        Ok(Some(law)) => law,
    };
    if let Some(why) = untrue {
        return Figure::absent(why);
    }
    let measured = group.total.latency.of(Metric::DeliveryLatency);
    let distance = measured.and_then(|measured| law.distance(measured, setting.late_ns));
    Figure::or_absent(distance, "no update was delivered in the measured window")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difference_is_measured_less_predicted_and_its_share() {
        let both = compare(Figure::Known(200.0), Figure::Known(210.0));
        assert_eq!((both.difference.value(), both.relative.value()), (Some(10.0), Some(0.05)));
        let none = compare(Figure::Known(0.0), Figure::Known(3.0));
        assert_eq!(none.difference.value(), Some(3.0));
        assert!(none.relative.reason().unwrap().contains("zero"));
        let absent = compare(Figure::absent("x"), Figure::Known(3.0));
        assert_eq!((absent.difference.reason(), absent.relative.reason()), (Some("x"), Some("x")));
    }
}
