//! Whether both sides of a comparison carried the same load, over all pairs of runs: figures per message
//! of different loads say little about servers, and a server that delivers less may be the worse one.
//!
//! Separate from `baseline`, which compares two runs: of many the sum is known better.

use crate::report::Figure;
use crate::report::finding::{Decision, Finding, Kind, Subject};
use crate::report::table::{Row, Table};
use crate::units::{distinct, thousands, three};

/// The share of A's messages that must come from B, beside chance and a window's edges.
const CAME: f64 = 0.98;
/// Standard deviations that a sum may be off.
const DEVIATIONS: f64 = 6.0;

/// What was found of the loads.
#[derive(Debug, Default)]
pub(crate) struct Loads {
    /// A failure for each series that B delivers less of.
    pub findings: Vec<Finding>,
    /// A sentence for each that it delivers more of.
    pub notes: Vec<String>,
}

/// How B's messages compare with A's.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Load {
    Same,
    /// Fewer than so many.
    Fewer(f64),
    More,
}

impl Load {
    /// Of messages in windows that lie within an interval of each client's own.
    fn of(a: u64, b: u64, edges: f64) -> Load {
        let least = |other: f64| CAME * other - edges - DEVIATIONS * other.sqrt();
        let a = a as f64;
        let b = b as f64;
        if b < least(a) {
            Load::Fewer(least(a).ceil())
        } else if a < least(b) {
            Load::More
        } else {
            Load::Same
        }
    }
}

/// Compares how many messages came, of series that are pushed to: polls bring as many as there are polls.
pub(crate) fn compare(pairs: &[(&Table, &Table)]) -> Loads {
    let mut loads = Loads::default();
    let Some((first, _)) = pairs.first() else { return loads };
    for row in first.rows.iter().filter(|row| !row.paced) {
        let of = |table: &Table| {
            let same = |r: &&Row| r.series == row.series && r.clients == row.clients;
            table.rows.iter().find(same).map_or(0, |row| row.events.steady.completed)
        };
        let (a, b) = pairs.iter().fold((0, 0), |(a, b), (x, y)| (a + of(x), b + of(y)));
        let edges = f64::from(row.clients) * pairs.len() as f64;
        let subject = Subject::of_row(&row.series, row.clients, "completed");
        let came = thousands(b);
        let before = thousands(a);
        match Load::of(a, b, edges) {
            Load::Same => {}
            Load::Fewer(least) => loads.findings.push(Finding {
                decision: Decision::Fail,
                unit: "messages".to_owned(),
                value: Figure::count(b),
                baseline: Some(Figure::count(a)),
                bound: format!(">= {least}"),
                samples: b.max(1),
                text: format!(
                    "{came} messages came from B in all pairs, and {before} from A: fewer than chance \
                     and the edges of windows explain. [feed] rate would hold both to the same"
                ),
                ..Finding::new(Kind::Structural, subject)
            }),
            Load::More => loads.notes.push(format!(
                "{} at {} clients: {came} messages came from B in all pairs, and {before} from A: figures \
                 per message are of different loads",
                row.series,
                thousands(row.clients.into()),
            )),
        }
    }
    loads
}

/// Says how much came on each side a second and client, and what the scenario states, by series: once if it is
/// the same of all rows. `None` if nothing is known of that.
pub(crate) fn describe_rates<'t>(
    pairs: &[(&'t Table, &'t Table)],
    stated: impl Fn(&str) -> Option<f64>,
) -> Option<String> {
    let (first, _) = pairs.first()?;
    let of_row = |row: &'t Row| {
        let sides: (Vec<&Table>, Vec<&Table>) = pairs.iter().copied().unzip();
        let shown = |tables: &[&Table]| rate(tables, row).map(three);
        let unit = if row.paced { "answers" } else { "messages" };
        let a = shown(&sides.0)?;
        let b = shown(&sides.1)?;
        let stated = match stated(&row.series) {
            Some(hz) => format!("the scenario states {} updates", three(hz)),
            None => "the scenario states no rate".to_owned(),
        };
        let text = format!("A got {a} {unit} a second and client, B {b}; {stated}");
        Some((row, text))
    };
    let rows: Vec<(&Row, String)> = first.rows.iter().filter_map(of_row).collect();
    match distinct(rows.iter().map(|(_, text)| text)).as_slice() {
        [] => None,
        [one] => Some((*one).clone()),
        _ => {
            let lines = rows.iter().map(|(row, text)| {
                format!("{} at {} clients: {text}", row.series, thousands(row.clients.into()))
            });
            Some(lines.collect::<Vec<_>>().join(". "))
        }
    }
}

/// Returns what came a second and client in the measured windows of a row, over these runs.
fn rate(tables: &[&Table], row: &Row) -> Option<f64> {
    let same = |r: &&Row| r.series == row.series && r.clients == row.clients;
    let rows = tables.iter().filter_map(|table| table.rows.iter().find(same));
    let mut came = 0;
    let mut seconds = 0.0;
    for row in rows {
        came += row.events.steady.completed;
        seconds += row.window_s.value()? * f64::from(row.clients);
    }
    (seconds > 0.0).then(|| came as f64 / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_messages_is_less_and_an_edge_is_not() {
        // Ten pairs of a second, four clients, ten a second: 400 messages.
        assert!(matches!(Load::of(400, 200, 40.0), Load::Fewer(least) if least == 232.0));
        assert_eq!(Load::of(200, 400, 40.0), Load::More);
        assert_eq!(Load::of(400, 361, 40.0), Load::Same);
        assert_eq!(Load::of(400, 441, 40.0), Load::Same);
        assert_eq!(Load::of(0, 0, 40.0), Load::Same);
        assert!(matches!(Load::of(10_000, 0, 40.0), Load::Fewer(_)));
    }
}
