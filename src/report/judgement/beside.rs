//! The sentence on what changed beside a figure that got worse.

use crate::report::finding::{Beside, ChangedFigure, Finding};
use crate::units::{amount, distinct, listed, percent, three};

/// Changes from here on are shown as a factor.
const FACTOR_FROM: f64 = 2.0;

/// Returns the sentence, without its full stop: `beside it: 2.01 times the context switches a message
/// (1.02 → 2.05 switches/message)`.
pub(crate) fn sentence(beside: &Beside) -> String {
    let mut parts = Vec::new();
    if !beside.changed.is_empty() {
        parts.push(format!("beside it: {}", changes(&beside.changed)));
    } else if !beside.unchanged.is_empty() {
        parts.push(format!(
            "beside it nothing changed that can be distinguished from noise: {}",
            listed(&beside.unchanged)
        ));
    }
    parts.extend(unknown(&[beside]));
    parts.join("; ")
}

/// Returns a sentence for each series and client count of which something failed: what changed beside all
/// that failed of it, each figure once.
pub(super) fn of_rows(failed: &[&Finding]) -> Vec<String> {
    let with_beside = || failed.iter().filter(|f| f.beside.is_some());
    distinct(with_beside().filter_map(|f| f.subject.row()))
        .into_iter()
        .filter_map(|row| {
            let of_row = with_beside().filter(|f| f.subject.row().as_ref() == Some(&row));
            let besides: Vec<&Beside> = of_row.filter_map(|f| f.beside.as_ref()).collect();
            let mut changed: Vec<ChangedFigure> = Vec::new();
            for figure in besides.iter().flat_map(|beside| &beside.changed) {
                if changed.iter().all(|known| known.metric != figure.metric) {
                    changed.push(figure.clone());
                }
            }
            if !changed.is_empty() {
                return Some(format!("Beside what failed of {row}: {}", changes(&changed)));
            }
            let is_known = besides.iter().any(|beside| !beside.unchanged.is_empty());
            is_known.then(|| {
                format!(
                    "Beside what failed of {row} nothing changed that can be distinguished from noise"
                )
            })
        })
        .collect()
}

/// Returns what is not known of what changed, each reason once: `not known: calls of read (it may not be
/// read)`.
pub(super) fn unknown(besides: &[&Beside]) -> Vec<String> {
    let all = || besides.iter().flat_map(|beside| &beside.unknown);
    let of_why = |why: &String| {
        let names = all().filter(|(_, reason)| reason == why).map(|(name, _)| name.as_str());
        format!("not known: {} ({why})", listed(&distinct(names)))
    };
    distinct(all().map(|(_, why)| why)).into_iter().map(of_why).collect()
}

fn changes(changed: &[ChangedFigure]) -> String {
    let changed: Vec<String> = changed.iter().map(change).collect();
    changed.join(", ")
}

/// `2.01 times the context switches a message (1.02 → 2.05 switches/message)`, `system time a message
/// +38 % (5.1 → 7.04 µs/message)`.
fn change(changed: &ChangedFigure) -> String {
    let ChangedFigure { name, unit, a, b, ratio, .. } = changed;
    let values = format!("({} → {} {unit})", amount(*a), amount(*b));
    match ratio {
        Some(ratio) if *ratio >= FACTOR_FROM => {
            format!("{} times the {name} a message {values}", three(*ratio))
        }
        Some(ratio) => {
            let sign = if *ratio < 1.0 { "-" } else { "+" };
            format!("{name} a message {sign}{} % {values}", percent(ratio - 1.0))
        }
        None => format!("{name} a message {values}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::finding::{Kind, Subject};

    fn changed(name: &str, unit: &str, a: f64, b: f64) -> ChangedFigure {
        ChangedFigure {
            metric: "m".to_owned(),
            name: name.to_owned(),
            unit: unit.to_owned(),
            a,
            b,
            ratio: (a > 0.0).then_some(b / a),
            agreeing: 9,
            pairs: 10,
        }
    }

    #[test]
    fn what_changed_is_said_with_its_size() {
        let mut beside = Beside {
            changed: vec![
                changed("context switches", "switches/message", 1.02, 2.05),
                changed("system time", "µs/message", 5.1, 7.038),
                changed("page faults", "faults/message", 0.0, 0.25),
                changed("bytes to the server", "bytes/message", 100.0, 90.0),
            ],
            ..Beside::default()
        };
        assert_eq!(
            sentence(&beside),
            "beside it: 2.01 times the context switches a message (1.02 → 2.05 switches/message), \
             system time a message +38 % (5.1 → 7.04 µs/message), \
             page faults a message (0 → 0.25 faults/message), \
             bytes to the server a message -10 % (100 → 90 bytes/message)"
        );
        beside.changed.truncate(0);
        beside.unchanged = vec!["user time".to_owned(), "system time".to_owned()];
        let why = "it may not be read".to_owned();
        beside.unknown =
            ["calls of read", "calls of write"].map(|name| (name.to_owned(), why.clone())).to_vec();
        assert_eq!(
            sentence(&beside),
            "beside it nothing changed that can be distinguished from noise: user time and system time; \
             not known: calls of read and calls of write (it may not be read)"
        );
        assert_eq!(sentence(&Beside::default()), "");
    }

    #[test]
    fn what_changed_beside_several_failures_of_a_row_is_said_once() {
        let switches = changed("context switches", "switches/message", 1.0, 2.0);
        let beside = Beside {
            changed: vec![switches],
            unchanged: vec!["user time".to_owned()],
            unknown: vec![("instructions".to_owned(), "no counter".to_owned())],
        };
        let failed = |series: &str, metric: &str, beside: &Beside| Finding {
            beside: Some(beside.clone()),
            ..Finding::new(Kind::Paired, Subject::of_row(series, 10, metric))
        };
        let nothing = Beside { changed: Vec::new(), ..beside.clone() };
        let all = [
            failed("ws", "p50", &beside),
            failed("ws", "p99", &beside),
            failed("sse", "p50", &nothing),
        ];
        let all: Vec<&Finding> = all.iter().collect();
        assert_eq!(
            of_rows(&all),
            [
                "Beside what failed of ws at 10 clients: 2 times the context switches a message (1 → 2 \
                 switches/message)",
                "Beside what failed of sse at 10 clients nothing changed that can be distinguished from noise",
            ]
        );
        assert_eq!(unknown(&[&beside, &nothing]), ["not known: instructions (no counter)"]);
    }
}
