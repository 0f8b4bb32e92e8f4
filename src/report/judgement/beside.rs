//! The sentence on what changed beside a figure that got worse.

use crate::report::finding::{Beside, ChangedFigure};
use crate::units::{amount, distinct, listed, percent, three};

/// Changes from here on are shown as a factor.
const FACTOR_FROM: f64 = 2.0;

/// Returns the sentence, without its full stop: `beside it: 2.01 times the context switches a message
/// (1.02 → 2.05 switches/message)`.
pub(crate) fn sentence(beside: &Beside) -> String {
    let mut parts = Vec::new();
    if !beside.changed.is_empty() {
        let changed: Vec<String> = beside.changed.iter().map(change).collect();
        parts.push(format!("beside it: {}", changed.join(", ")));
    } else if !beside.unchanged.is_empty() {
        parts.push(format!(
            "beside it nothing changed that can be distinguished from noise: {}",
            listed(&beside.unchanged)
        ));
    }
    for why in distinct(beside.unknown.iter().map(|(_, why)| why)) {
        let of_it = beside.unknown.iter().filter(|(_, reason)| reason == why);
        let names: Vec<&String> = of_it.map(|(name, _)| name).collect();
        parts.push(format!("not known: {} ({why})", listed(&names)));
    }
    parts.join("; ")
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
}
