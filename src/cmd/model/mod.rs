//! `wsbench model`: what each series costs and how late it is, by arithmetic alone.
//!
//! Separate from `plan`, which estimates what a whole case needs of this machine, and from the
//! reports, which show the same figures beside measured ones. The JSON is an object with
//!
//! | key | value |
//! |---|---|
//! | `name`, `hash` | of the scenario and its plan |
//! | `delay_ns` | one direction between client and server |
//! | `models` | one object a series and client count |
//!
//! and each of `models` has `series`, `transport`, `clients`, `exact` (else an expectation over
//! kinds of messages), `messages_hz`, `message` and `second` (bytes by layer, `up`, `down` and
//! `both`, for a message and for a second and client), `kinds`, `idle`, `sending`, `delivery` and
//! `response` (`least_ns`, `mean_ns`, `worst_ns`, `words`) and `age_mean_ns`. If nothing can be predicted,
//! as of a server that is not the bundled one, `unknown` stands instead, with the reason.

mod rows;

use crate::cli::{PlanArgs, PlanFormat};
use crate::cmd::plan::prepare_args;
use crate::cmd::stdout::print;
use crate::cmd::table::append_section;
use crate::error::{Outcome, at};
use crate::plan::{Case, Plan, PlannedSeries};
use crate::predict::{Distribution, Model};
use crate::record::Part;
use crate::report::judgement::json::number;
use crate::report::layer::{Layer, Way};
use crate::units::{human_ns, listed};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A count at each of [`layers`].
type Counts = Vec<(Layer, f64)>;

/// What is counted of an exchange one way.
fn layers() -> impl Iterator<Item = Layer> {
    let parts = Part::ALL.iter().filter(|part| part.is_predicted()).map(|&part| Layer::Part(part));
    parts.chain([Layer::Overhead, Layer::Wire, Layer::Segments, Layer::Ip])
}

/// The layers that are known of a model: clients that share a connection share packets, too.
fn known_layers(model: &Model) -> impl Iterator<Item = Layer> {
    layers().filter(|layer| !(model.shares_packets && layer.is_kernels()))
}

/// Returns what a message costs one way.
fn per_message(model: &Model, way: Way) -> Counts {
    let count = |layer: Layer| model.per_message(|e| layer.of_exchange(e, way) as f64);
    known_layers(model).map(|layer| (layer, count(layer))).collect()
}

/// Returns what a second costs a client one way, if the rate is known.
fn per_second(model: &Model, way: Way) -> Option<Counts> {
    let count = |layer: Layer| model.per_second(|e| layer.of_exchange(e, way) as f64);
    known_layers(model).map(|layer| Some((layer, count(layer)?))).collect()
}

/// The first case of each series and client count, the floor left out.
fn cases(plan: &Plan) -> impl Iterator<Item = (&Case, &PlannedSeries, Option<Model>)> {
    plan.first_cases().map(|case| (case, plan.series_of(case), plan.model(case)))
}

/// Prints the models of a scenario.
///
/// # Errors
/// If the scenario cannot be used or standard output cannot be written.
pub(crate) fn run(args: &PlanArgs) -> Outcome<()> {
    print(render(&prepare_args(&args.scenario)?.plan, args.format)?.as_bytes())
}

/// Renders the models of a plan.
///
/// # Errors
/// If a number in one is not JSON.
fn render(plan: &Plan, format: PlanFormat) -> Outcome<String> {
    match format {
        PlanFormat::Text => Ok(render_text(plan)),
        PlanFormat::Json => {
            let models = cases(plan).map(|(c, s, m)| value(plan, c, s, m.as_ref()));
            let models: Vec<Value> = models.collect();
            let value = json!({
                "name": plan.name,
                "hash": plan.hash(),
                "delay_ns": plan.delay.one_way_ns,
                "models": models,
            });
            let text =
                serde_json::to_string_pretty(&value).map_err(at("cannot render the models"))?;
            Ok(text + "\n")
        }
    }
}

fn value(plan: &Plan, case: &Case, series: &PlannedSeries, model: Option<&Model>) -> Value {
    let label = &series.label;
    let transport = series.transport();
    let Some(model) = model else {
        return json!({
            "series": label,
            "transport": transport,
            "clients": case.clients,
            "unknown": plan.why_unpredicted(series),
        });
    };
    json!({
        "series": label,
        "transport": transport,
        "clients": case.clients,
        "exact": model.is_exact(),
        "messages_hz": model.messages_hz,
        "updates_per_message": number(model.updates_per_message()),
        "message": ways(|direction| Some(per_message(model, direction))),
        "second": ways(|direction| per_second(model, direction)),
        "kinds": model.messages,
        "idle": model.idle,
        "sending": model.sending,
        "delivery": model.delivery.as_ref().map(distribution),
        "response": model.response.as_ref().map(distribution),
        "age_mean_ns": model.age_mean_ns.map(number),
    })
}

fn ways(of: impl Fn(Way) -> Option<Counts>) -> Value {
    let named = |(layer, n): (Layer, f64)| (layer.name(), number(n));
    let one = |way| of(way).map(|all| all.into_iter().map(named).collect::<BTreeMap<_, _>>());
    json!({ "up": one(Way::Up), "down": one(Way::Down), "both": one(Way::Both) })
}

fn distribution(known: &Distribution) -> Value {
    json!({
        "least_ns": number(known.least_ns()),
        "mean_ns": number(known.mean_ns()),
        "worst_ns": number(known.worst_ns()),
        "words": known.describe(),
    })
}

fn render_text(plan: &Plan) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}: what a message costs and how late it is, by arithmetic", plan.name);
    if !plan.about.is_empty() {
        let _ = writeln!(out, "{}", plan.about);
    }
    let delay = match plan.delay.one_way_ns {
        0 => "no delay between client and server".to_owned(),
        ns => format!("{} one direction between client and server", human_ns(ns as f64)),
    };
    let _ = writeln!(out, "With {delay}; the server's own time is not counted.");
    for (why, labels) in plan.unpredicted() {
        let _ = writeln!(out, "\nUnknown of {}: {why}.", listed(&labels));
    }
    let models = rows::series_models(plan);
    if models.is_empty() {
        return out;
    }
    for (title, rows, right) in [
        ("Bytes a message", rows::message_rows(&models), 3..3 + layers().count()),
        ("Bytes a second and client", rows::second_rows(&models), 2..9),
        ("Kinds of messages, the most frequent first", rows::kind_rows(&models), 2..8),
        ("Besides the messages", rows::besides_rows(&models), 4..7),
        ("Latency and age of information", rows::latency_rows(&models), 3..6),
    ] {
        // More than the heads.
        if rows.len() > 1 {
            append_section(&mut out, title, &rows, &right.collect::<Vec<usize>>());
        }
    }
    let _ = writeln!(
        out,
        "\nSegments and TCP/IP are those of traffic so sparse that each acknowledgement goes by \
         itself."
    );
    out
}
