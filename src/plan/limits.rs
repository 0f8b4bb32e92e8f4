//! Reads the scenario's limits, and checks that what they select is in the scenario.
//!
//! Separate from `gate::limit`, which parses conditions and compares them with a result. Limits are
//! not a part of the plan.

use crate::config::{Diagnostic, Fields, Key, Location, SourceText, hint};
use crate::gate::limit::{ErrorPlace, Limit, Rule};
use crate::plan::client_counts::{Clients, join_counts};
use crate::plan::keys;
use crate::scenario;
use crate::units::human_ns;

/// What a limit may select.
pub(super) struct Selectable<'a> {
    /// Labels and transports.
    pub series: Vec<String>,
    pub clients: &'a Clients,
    /// How exact the times in messages are, in nanoseconds; 0 if that is no matter.
    pub exact_ns: u64,
}

/// Reads the limits. What is valid in them and probably not intended is added to the warnings.
pub(super) fn read(
    file: &scenario::ScenarioFile,
    known: &Selectable<'_>,
    duration_ns: u64,
    diagnostics: &mut Vec<Diagnostic>,
    warnings: &mut Vec<String>,
) -> Vec<Limit> {
    let mut limits = Vec::new();
    for mut fields in file.limits() {
        fields.declare(keys::LIMIT);
        fields.forbid_secrets(&[
            &keys::LIMIT_METRIC,
            &keys::LIMIT_SERIES,
            &keys::CONDITION,
            &keys::LIMIT_ABOUT,
        ]);
        let (limit, dropped) = read_limit(&mut fields, known);
        let rule = read_rule(&mut fields, &file.source, &limit, known);
        if limit.delay_abort_eval_ns > 0 && !limit.abort_on_fail {
            let message = "delay_abort_eval does nothing without abort_on_fail = true";
            fields.report(&keys::DELAY_ABORT_EVAL, message);
        }
        diagnostics.extend(fields.finish());
        let Some(rule) = rule else { continue };
        if !dropped.is_empty() {
            warnings.push(format!(
                "limit \"{}\" is for {} clients, and --set clients leaves them out: it is not \
                 checked for them",
                limit.describe(),
                join_counts(&dropped)
            ));
            // Without a count it would be for all of them.
            if limit.clients.is_empty() {
                continue;
            }
        }
        warnings.extend(warn_of_abort(&limit, &rule, duration_ns));
        limits.push(limit);
    }
    limits
}

/// Reads a limit, and returns with it the client counts that `--set clients` leaves out.
fn read_limit(fields: &mut Fields<'_>, known: &Selectable<'_>) -> (Limit, Vec<u32>) {
    let series = fields.optional_texts(&keys::LIMIT_SERIES);
    for name in &series {
        if let Some(message) = unknown_series(&name.value, &known.series) {
            fields.report_at(&keys::LIMIT_SERIES, name.location.clone(), message);
        }
    }
    let counts = fields.optional_integers(&keys::LIMIT_CLIENTS, 1..=u64::from(u32::MAX));
    let (clients, dropped) = known.clients.select(fields, &keys::LIMIT_CLIENTS, counts);
    let limit = Limit {
        metric: fields.optional_text(&keys::LIMIT_METRIC),
        series: series.into_iter().map(|name| name.value).collect(),
        clients,
        condition: fields.text(&keys::CONDITION),
        abort_on_fail: fields.boolean(&keys::ABORT_ON_FAIL),
        delay_abort_eval_ns: fields.duration_ns(&keys::DELAY_ABORT_EVAL),
        about: fields.optional_text(&keys::LIMIT_ABOUT).unwrap_or_default(),
    };
    (limit, dropped)
}

/// Returns a message if no series has this label or transport.
pub(super) fn unknown_series(name: &str, known: &[String]) -> Option<String> {
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    (!names.contains(&name)).then(|| {
        let hint = hint(name, &names, || format!("; there are {}", names.join(", ")));
        format!("no series has the label or transport {name:?}{hint}")
    })
}

/// Parses a limit's condition; `None` if it is wrong, which is reported.
fn read_rule(
    fields: &mut Fields<'_>,
    source: &SourceText,
    limit: &Limit,
    known: &Selectable<'_>,
) -> Option<Rule> {
    if !fields.is_valid(&keys::CONDITION) || !fields.is_valid(&keys::LIMIT_METRIC) {
        return None;
    }
    let value = fields.location(&keys::CONDITION);
    let within = |span| source.locate_part(&value, &limit.condition, span);
    let rule = match limit.rule() {
        Ok(rule) => rule,
        Err(refused) => {
            for one in refused {
                let (key, location): (&Key, Location) = match one.place {
                    ErrorPlace::Metric => {
                        (&keys::LIMIT_METRIC, fields.location(&keys::LIMIT_METRIC))
                    }
                    ErrorPlace::Condition(span) => (&keys::CONDITION, within(span)),
                };
                fields.report_at(key, location, one.message);
            }
            return None;
        }
    };
    for term in &rule.terms {
        let unknown = term.series.as_ref().and_then(|name| unknown_series(name, &known.series));
        if let Some(message) = unknown {
            fields.report_at(&keys::CONDITION, within(term.series_span.clone()), message);
        }
    }
    let bound_ns = rule.bound_of_message_time_us().map(|us| us * 1e3);
    if bound_ns.is_some_and(|ns| ns < known.exact_ns as f64) {
        let message = format!(
            "the times in the messages are exact to {}, so that nothing below it can be decided; if \
             they have decimals, state how exact they are ([message] resolution)",
            human_ns(known.exact_ns as f64)
        );
        fields.report(&keys::CONDITION, message);
    }
    if rule.names_series() && fields.is_given(&keys::LIMIT_SERIES) {
        let message = "the condition names its series: leave out `series` beside it";
        fields.report(&keys::LIMIT_SERIES, message);
    }
    Some(rule)
}

/// Returns a warning on a limit that may not end the run when its author expects it to.
fn warn_of_abort(limit: &Limit, rule: &Rule, duration_ns: u64) -> Option<String> {
    let when = if !limit.abort_on_fail {
        return None;
    } else if rule.is_between_series() {
        "is checked once both its series have run".to_owned()
    } else if !rule.is_live() {
        "can be checked only at the end of a case".to_owned()
    } else if limit.delay_abort_eval_ns >= duration_ns {
        format!(
            "is checked only at the end of a case: delay_abort_eval is {}, and the measured duration \
             {}",
            human_ns(limit.delay_abort_eval_ns as f64),
            human_ns(duration_ns as f64)
        )
    } else {
        return None;
    };
    Some(format!("limit \"{}\" with abort_on_fail {when}", limit.describe()))
}
