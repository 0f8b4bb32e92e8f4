//! The changes of a comparison, as the picture of its page shows them.

use super::{CsvColumn, cell, tidy};
use crate::report::finding::{ChangeScale, Effect, Finding, Judgement};

/// A finding of pairs with its change.
type Change<'a> = (&'a Finding, &'a Effect);

fn columns<'a>() -> [CsvColumn<Change<'a>>; 15] {
    [
        ("series", |(found, _)| cell(&found.subject.series)),
        ("clients", |(found, _)| {
            found.subject.clients.map(|clients| clients.to_string()).unwrap_or_default()
        }),
        ("metric", |(found, _)| found.subject.metric.clone()),
        ("unit", |(found, _)| found.unit.clone()),
        ("decision", |(found, _)| found.decision.name().to_owned()),
        ("a", |(found, _)| number(found.baseline.as_ref().and_then(|figure| figure.value()))),
        ("b", |(found, _)| number(found.value.value())),
        ("scale", |(_, effect)| {
            match effect.scale {
                ChangeScale::Relative => "relative",
                ChangeScale::Difference => "difference",
            }
            .to_owned()
        }),
        ("change", |(_, effect)| number(Some(effect.estimate))),
        ("change_lower", |(_, effect)| number(effect.lower)),
        ("change_upper", |(_, effect)| number(effect.upper)),
        ("tolerated", |(_, effect)| number(Some(effect.margin))),
        ("detectable", |(_, effect)| number(effect.detectable)),
        ("pairs", |(_, effect)| effect.pairs.to_string()),
        ("p", |(_, effect)| number(Some(effect.p))),
    ]
}

fn number(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// A line for each figure that was decided by pairs; relative changes as shares: 0.05 is 5 % more.
pub(in crate::report) fn changes(judgement: &Judgement) -> Vec<u8> {
    tidy(
        &columns(),
        judgement.findings.iter().filter_map(|found| Some((found, found.effect.as_ref()?))),
    )
}
