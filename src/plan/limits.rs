//! The scenario's limits: read, and held against what the scenario has to judge.
//!
//! Separate from `gate::limit`, which knows conditions and judges; and from the plan, which they
//! are no part of.

use crate::config::{Diagnostic, Fields, Key, Place, Source, nearest};
use crate::gate::limit::{Limit, Part, Rule};
use crate::plan::keys;
use crate::scenario;
use crate::units::human_ns;

/// What a limit may select.
struct Known {
    /// Labels and transports.
    series: Vec<String>,
    /// Client counts; empty where the scenario's own are faulty.
    clients: Vec<u32>,
}

/// The limits, and what is legal in them and probably not meant.
pub(super) fn read(
    file: &scenario::File,
    clients: &[u32],
    duration_ns: u64,
    faults: &mut Vec<Diagnostic>,
) -> (Vec<Limit>, Vec<String>) {
    let known = Known { series: series(file), clients: clients.to_vec() };
    let (mut limits, mut warnings) = (Vec::new(), Vec::new());
    for mut fields in file.limits() {
        fields.declare(keys::of(scenario::LIMIT));
        let limit = limit(&mut fields, &known);
        let rule = rule(&mut fields, &file.source, &limit, &known);
        if limit.delay_abort_eval_ns > 0 && !limit.abort_on_fail {
            let message = "delay_abort_eval does nothing without abort_on_fail = true";
            fields.fault(&keys::DELAY_ABORT_EVAL, message);
        }
        faults.extend(fields.finish());
        if let Some(rule) = rule {
            warnings.extend(unusual(&limit, &rule, duration_ns));
            limits.push(limit);
        }
    }
    (limits, warnings)
}

/// Labels and transports of all series, unjudged.
fn series(file: &scenario::File) -> Vec<String> {
    let mut names = Vec::new();
    for mut fields in file.series() {
        for key in [&keys::LABEL, &keys::TRANSPORT] {
            names.extend(fields.optional_text(key).filter(|name| !names.contains(name)));
        }
    }
    names
}

fn limit(fields: &mut Fields<'_>, known: &Known) -> Limit {
    let series = fields.optional_texts(&keys::LIMIT_SERIES);
    for (name, place) in &series {
        if let Some(message) = unknown_series(name, known) {
            fields.fault_at(&keys::LIMIT_SERIES, place.clone(), message);
        }
    }
    let counts = fields.optional_integers(&keys::LIMIT_CLIENTS, 1..=u64::from(u32::MAX));
    for (count, place) in &counts {
        let own = known.clients.iter().any(|c| u64::from(*c) == *count);
        if !known.clients.is_empty() && !own {
            let message = format!("{count} is none of the scenario's client counts");
            fields.fault_at(&keys::LIMIT_CLIENTS, place.clone(), message);
        }
    }
    Limit {
        metric: fields.optional_text(&keys::LIMIT_METRIC),
        series: series.into_iter().map(|(name, _)| name).collect(),
        // Within u32 by the range above.
        clients: counts.into_iter().map(|(count, _)| count as u32).collect(),
        condition: fields.text(&keys::CONDITION),
        abort_on_fail: fields.boolean(&keys::ABORT_ON_FAIL),
        delay_abort_eval_ns: fields.duration_ns(&keys::DELAY_ABORT_EVAL),
        about: fields.optional_text(&keys::LIMIT_ABOUT).unwrap_or_default(),
    }
}

fn unknown_series(name: &str, known: &Known) -> Option<String> {
    if known.series.iter().any(|n| n == name) {
        return None;
    }
    let names: Vec<&str> = known.series.iter().map(String::as_str).collect();
    let hint = match nearest(name, &names) {
        Some(near) => format!(", did you mean {near:?}?"),
        None => format!("; there are {}", names.join(", ")),
    };
    Some(format!("no series has the label or transport {name:?}{hint}"))
}

/// The limit's rule, its faults told; `None` where there is none.
fn rule(fields: &mut Fields<'_>, source: &Source, limit: &Limit, known: &Known) -> Option<Rule> {
    if !fields.sound(&keys::CONDITION) || !fields.sound(&keys::LIMIT_METRIC) {
        return None;
    }
    let value = fields.place(&keys::CONDITION);
    let within = |span| source.within(&value, &limit.condition, span);
    let rule = match limit.rule() {
        Ok(rule) => rule,
        Err(refused) => {
            for one in refused {
                let (key, place): (&Key, Place) = match one.part {
                    Part::Metric => (&keys::LIMIT_METRIC, fields.place(&keys::LIMIT_METRIC)),
                    Part::Condition(span) => (&keys::CONDITION, within(span)),
                };
                fields.fault_at(key, place, one.message);
            }
            return None;
        }
    };
    for term in &rule.terms {
        let unknown = term.series.as_ref().and_then(|name| unknown_series(name, known));
        if let Some(message) = unknown {
            fields.fault_at(&keys::CONDITION, within(term.series_span.clone()), message);
        }
    }
    if rule.names_series() && fields.written(&keys::LIMIT_SERIES) {
        let message = "the condition names its series: leave out `series` beside it";
        fields.fault(&keys::LIMIT_SERIES, message);
    }
    Some(rule)
}

/// A limit that may not end the run when its author expects it to.
fn unusual(limit: &Limit, rule: &Rule, duration_ns: u64) -> Option<String> {
    let when = if !limit.abort_on_fail {
        return None;
    } else if rule.is_between_series() {
        "is judged once both its series have run".to_owned()
    } else if !rule.is_live() {
        "is known at the end of a case only, and judged there".to_owned()
    } else if limit.delay_abort_eval_ns >= duration_ns {
        format!(
            "is judged at the end of a case only: delay_abort_eval is {}, and the measured duration \
             {}",
            human_ns(limit.delay_abort_eval_ns as f64),
            human_ns(duration_ns as f64)
        )
    } else {
        return None;
    };
    Some(format!("limit \"{}\" with abort_on_fail {when}", limit.words()))
}
