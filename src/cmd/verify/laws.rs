//! The laws that hold for the rows of any run that counted rightly, whatever its server did.

use crate::record::{Part, Phase};
use crate::report::check::{Check, CheckOutcome};
use crate::report::layer::{Layer, Way};
use crate::report::table::{Row, Table};

/// The checks of a run that are laws: they say nothing of how well something did.
const LAWS: [Check; 5] = [
    Check::LedgerExplainsEveryByte,
    Check::KernelAgrees,
    Check::ServerAgrees,
    Check::DeliveriesAddUp,
    Check::BytesAsPredicted,
];

/// What adds up, in words, and what differs in a row.
type AddedUp = (&'static str, fn(&Row) -> Option<String>);

/// Checks every law of every row.
pub(super) fn check(table: &Table, holds: &mut Vec<String>, broken: &mut Vec<String>) {
    for law in LAWS {
        let found = || {
            let checks = |row| checks_of(row, law);
            table.rows.iter().flat_map(checks)
        };
        let count = |outcome| found().filter(|(_, one, _)| *one == outcome).count();
        for (row, _, text) in found().filter(|(_, outcome, _)| *outcome == CheckOutcome::Failed) {
            broken.push(format!("{}: {}: {text}", law.name(), row.label()));
        }
        let mut said = format!("{}: holds in {}", law.name(), rows(count(CheckOutcome::Passed)));
        let others = [CheckOutcome::NotApplicable, CheckOutcome::NotMade];
        for (outcome, words) in
            others.into_iter().zip(["not applicable in", "could not be made in"])
        {
            if count(outcome) > 0 {
                said.push_str(&format!(", {words} {}", count(outcome)));
            }
        }
        holds.push(said);
    }
    let sums: [AddedUp; 2] =
        [("parts add up to the bytes at the socket", parts), ("updates add up", updates)];
    for (name, differs) in sums {
        let found: Vec<String> = table.rows.iter().filter_map(differs).collect();
        if found.is_empty() {
            holds.push(format!("{name}: in {}", rows(table.rows.len())));
        }
        broken.extend(found);
    }
}

fn rows(count: usize) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}

fn checks_of(row: &Row, law: Check) -> Vec<(&Row, CheckOutcome, &str)> {
    let own = row.checks.iter().filter(|found| found.check == law);
    own.map(|found| (row, found.outcome, found.text.as_str())).collect()
}

/// Adds up the parts of all phases both ways, and compares with the bytes at the socket.
fn parts(row: &Row) -> Option<String> {
    for phase in Phase::ALL {
        for way in [Way::Up, Way::Down] {
            let total = |layer| {
                let volume = row
                    .volumes
                    .iter()
                    .find(|v| v.phase == phase && v.way == way && v.layer == layer)?;
                volume.total.value()
            };
            let parts: Option<f64> = Part::ALL.iter().map(|&part| total(Layer::Part(part))).sum();
            if let (Some(parts), Some(wire)) = (parts, total(Layer::Wire))
                && parts != wire
            {
                return Some(format!(
                    "{}: {}, {}: the parts add up to {parts} bytes, and {wire} were at the socket",
                    row.label(),
                    phase.name(),
                    way.name()
                ));
            }
        }
    }
    None
}

/// Published = delivered + superseded + missing.
fn updates(row: &Row) -> Option<String> {
    let delivery = &row.delivery;
    let published = delivery.published.value()?;
    let delivered = delivery.delivered.value()?;
    let superseded = delivery.superseded.value()?;
    let missing = delivery.missing.value()?;
    (published != delivered + superseded + missing).then(|| {
        format!(
            "{}: {published} updates were published, and {delivered} delivered, {superseded} superseded and \
             {missing} missing are not as many",
            row.label()
        )
    })
}
