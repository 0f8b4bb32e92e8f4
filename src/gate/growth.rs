//! What becomes of the growth of a server's memory, which is only asked whether it is worse.
//!
//! A server without a garbage collector grows by next to nothing, and passes within the first pairs. One with
//! a collector may grow and shrink by more than any leak in a window of seconds: that is no answer, and a
//! note says which growth would have been seen.

use crate::report::finding::{Decision, Finding};
use crate::units::{append_unit, three};

/// Keeps a finding that has an answer, and one that would fail if it were the only one. Otherwise says what
/// was not seen.
pub(crate) fn explain(finding: &Finding) -> Option<String> {
    let effect = finding.effect.as_ref();
    let is_worse_alone =
        effect.is_some_and(|effect| effect.lower > Some(0.0) && effect.estimate >= effect.margin);
    match finding.decision {
        Decision::Pass | Decision::Fail => return None,
        Decision::Inconclusive if is_worse_alone => return None,
        Decision::Inconclusive | Decision::NotComparable => {}
    }
    let row = finding.subject.row().unwrap_or_else(|| "the run".to_owned());
    let why = match effect.and_then(|effect| effect.detectable) {
        Some(change) => format!(
            "it varies so much that one of {} would have been seen",
            append_unit(three(change), &finding.unit)
        ),
        None => finding.text.clone(),
    };
    Some(format!("whether the server's memory grows more in B was not decided for {row}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Figure;
    use crate::report::finding::{ChangeScale, Effect, Kind, Subject};

    fn found(decision: Decision, lower: Option<f64>, estimate: f64) -> Finding {
        let effect = Effect {
            scale: ChangeScale::Difference,
            estimate,
            lower,
            upper: Some(900.0),
            detectable: Some(120.0),
            margin: 8.0,
            noise: 90.0,
            pairs: 12,
            p: 0.2,
        };
        Finding {
            decision,
            effect: Some(effect),
            unit: "bytes/message".to_owned(),
            value: Figure::known(3.0),
            ..Finding::new(Kind::Paired, Subject::of_row("ws", 10, "growth"))
        }
    }

    #[test]
    fn an_answer_stays_and_noise_is_a_note() {
        for decision in [Decision::Pass, Decision::Fail] {
            assert_eq!(explain(&found(decision, Some(-9.0), 0.0)), None);
        }
        // More pairs would make this one fail.
        assert_eq!(explain(&found(Decision::Inconclusive, Some(50.0), 96.0)), None);
        for (lower, estimate) in [(Some(-50.0), 96.0), (Some(1.0), 3.0), (None, 96.0)] {
            let note = explain(&found(Decision::Inconclusive, lower, estimate));
            let note = note.expect("no answer");
            assert!(note.contains("ws at 10 clients"), "{note}");
            assert!(note.contains("one of 120 bytes/message would have been seen"), "{note}");
        }
    }

    #[test]
    fn a_figure_that_pairs_lack_says_why() {
        let mut lacking = found(Decision::Inconclusive, None, 0.0);
        lacking.effect = None;
        lacking.text = "there is no figure in B in 3 of 10 pairs".to_owned();
        let note = explain(&lacking).expect("no answer");
        assert!(note.ends_with("in 3 of 10 pairs"), "{note}");
    }
}
