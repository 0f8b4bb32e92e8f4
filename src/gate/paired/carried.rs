//! The pairs of a comparison as its page carries them, and what they give when they are evaluated again.

use super::evidence::is_margin;
use super::{MOST_PAIRS, PairedMetric, Rules, judge};
use crate::gate::pairs::explain_left_out;
use crate::report::finding::{Finding, Judgement, Kind};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The most pairs, squared, of all metrics together: a million take a quarter of a second.
const MOST_WORK: f64 = 4e7;

/// What paired findings are made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CarriedPairs {
    rules: Rules,
    /// Also those that take no part in the decision: Holm's correction is over them too.
    metrics: Vec<PairedMetric>,
}

/// What became of evaluating them again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RepeatedJudgement {
    /// How many findings are the same, and of how many pairs at most.
    pub same: usize,
    /// The most pairs that one of them has.
    pub pairs: usize,
    /// A sentence for each that is not.
    pub different: Vec<String>,
}

impl CarriedPairs {
    /// Returns what a judgement takes along.
    pub(crate) fn of(rules: &Rules, metrics: &[PairedMetric]) -> Option<Value> {
        let carried = CarriedPairs { rules: rules.clone(), metrics: metrics.to_vec() };
        // A page without them says that it has none.
        serde_json::to_value(carried).ok()
    }

    /// Reads what a judgement has taken along; `None` if it has no finding that needs it.
    ///
    /// # Errors
    /// A sentence, if that is missing, or is none that a comparison can have written.
    fn read(judgement: &Judgement) -> Result<Option<CarriedPairs>, String> {
        let Some(value) = &judgement.pairs else {
            let needs = judgement.findings.iter().any(|found| found.kind == Kind::Paired);
            return if needs {
                Err("the pairs of its runs are missing".to_owned())
            } else {
                Ok(None)
            };
        };
        let carried = CarriedPairs::deserialize(value)
            .map_err(|e| format!("its pairs cannot be read: {e}"))?;
        let most = MOST_PAIRS as usize;
        let work: f64 =
            carried.metrics.iter().map(|metric| (metric.pairs.len() as f64).powi(2)).sum();
        if work > MOST_WORK {
            return Err("it has more pairs than can be evaluated again in some seconds".to_owned());
        }
        let is_possible = carried.rules.most_pairs() <= MOST_PAIRS
            && carried.rules.numbers().len() <= most
            && carried.rules.alpha > 0.0
            && carried.rules.alpha < 0.5
            && carried.rules.power > 0.0
            && carried.rules.power < 1.0
            && carried
                .metrics
                .iter()
                .all(|metric| is_margin(metric.margin) && metric.pairs.len() <= most);
        if is_possible {
            Ok(Some(carried))
        } else {
            Err("no comparison has such rules or pairs".to_owned())
        }
    }

    /// Judges what a judgement carries again, and compares with its findings.
    ///
    /// # Errors
    /// As [`CarriedPairs::read`].
    pub(crate) fn judge_again(judgement: &Judgement) -> Result<Option<RepeatedJudgement>, String> {
        let Some(CarriedPairs { rules, metrics }) = CarriedPairs::read(judgement)? else {
            return Ok(None);
        };
        let mut shown: Vec<&Finding> =
            judgement.findings.iter().filter(|found| found.kind == Kind::Paired).collect();
        let mut out = RepeatedJudgement::default();
        for (metric, mut made) in metrics.iter().zip(judge(&metrics, &rules).findings) {
            if explain_left_out(metric, &mut made).is_some() {
                continue;
            }
            out.pairs = out.pairs.max(metric.pairs.len());
            let name = describe(&made);
            let Some(at) = shown.iter().position(|found| found.subject == made.subject) else {
                out.different.push(format!("{name} is not shown"));
                continue;
            };
            let found = shown.remove(at);
            // What changed beside it is of the runs.
            made.beside.clone_from(&found.beside);
            if made == *found {
                out.same += 1;
            } else {
                let shown = &found.text;
                let given = &made.text;
                out.different.push(format!("{name}: shows {shown:?}; the pairs give {given:?}"));
            }
        }
        out.different
            .extend(shown.into_iter().map(|found| format!("{} has no pairs", describe(found))));
        Ok(Some(out))
    }
}

fn describe(finding: &Finding) -> String {
    let of = finding.subject.row().unwrap_or_else(|| "the run".to_owned());
    format!("{} of {of}", finding.subject.metric)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::paired::Question;
    use crate::report::Figure;
    use crate::report::finding::{ChangeScale, Subject};

    fn judgement() -> Judgement {
        let pair = |i: u32| {
            let noise = f64::from(i % 7) / 300.0;
            (Figure::known(10.0 + noise), Figure::known(11.0 / 3.0 + f64::from(i) * noise))
        };
        let metric = |name: &str, question| PairedMetric {
            subject: Subject::of_row("websocket", 200, name),
            unit: "µs".to_owned(),
            scale: ChangeScale::Relative,
            margin: 0.05,
            pairs: (0..12).map(pair).collect(),
            question,
        };
        let mut absent = metric("delivery_latency_us_p99", Question::WorseOrNot);
        absent.pairs[3].0 = Figure::absent("too few values");
        let metrics = [
            metric("server_cpu_us_per_message", Question::WorseOrNot),
            absent,
            metric("delivery_latency_shift", Question::IsWorse),
        ];
        let rules = Rules::every_pair();
        let mut judgement = Judgement::new("B against A");
        judgement.pairs = CarriedPairs::of(&rules, &metrics);
        judgement.findings = judge(&metrics, &rules)
            .findings
            .into_iter()
            .zip(&metrics)
            .filter_map(|(mut found, metric)| {
                explain_left_out(metric, &mut found).is_none().then_some(found)
            })
            .collect();
        judgement
    }

    #[test]
    fn a_judgement_that_was_carried_is_the_same_again() {
        let judgement = judgement();
        let text = serde_json::to_string(&judgement).unwrap();
        let again: Judgement = serde_json::from_str(&text).unwrap();
        assert_eq!(again, judgement);
        let found = CarriedPairs::judge_again(&again).unwrap().unwrap();
        assert_eq!(found.different, Vec::<String>::new());
        assert_eq!((found.same, found.pairs), (judgement.findings.len(), 12));
        assert!(found.same >= 2);
    }

    #[test]
    fn a_changed_figure_a_changed_pair_and_a_missing_finding_are_found() {
        let mut changed = judgement();
        changed.findings[0].value = Figure::known(1.0);
        let mut pair = judgement();
        *pair.pairs.as_mut().unwrap().pointer_mut("/metrics/0/pairs/0/1").unwrap() = 99.0.into();
        let mut missing = judgement();
        missing.findings.remove(0);
        for judgement in [changed, pair, missing] {
            let found = CarriedPairs::judge_again(&judgement).unwrap().unwrap();
            assert_eq!(found.different.len(), 1, "{:?}", found.different);
        }
        let none = Judgement { pairs: None, ..judgement() };
        assert!(CarriedPairs::judge_again(&none).is_err());
        assert_eq!(CarriedPairs::judge_again(&Judgement::new("t")), Ok(None));
    }

    #[test]
    fn rules_that_no_comparison_has_are_refused() {
        for (at, value) in [
            ("/rules/alpha", Value::from(0.0)),
            ("/rules/alpha", Value::from(0.7)),
            ("/rules/looks/EveryPair/most", Value::from(u32::MAX)),
            ("/metrics/0/margin", Value::from(-1.0)),
            ("/metrics/0/margin", Value::from("5 %")),
        ] {
            let mut judgement = judgement();
            *judgement.pairs.as_mut().unwrap().pointer_mut(at).unwrap() = value;
            assert!(CarriedPairs::judge_again(&judgement).is_err(), "{at}");
        }
    }

    /// Figures that no server has, but a page can claim.
    #[test]
    fn any_pairs_are_drawn() {
        for (a, b) in
            [(1e-150, 1e150), (1e150, 1e-150), (5e-324, 1.7e308), (-1e300, 1e300), (0.0, 1e300)]
        {
            for scale in [ChangeScale::Relative, ChangeScale::Difference] {
                let metric = PairedMetric {
                    subject: Subject::of_row("websocket", 200, "server_cpu_us_per_message"),
                    unit: "µs".to_owned(),
                    scale,
                    margin: 1e300,
                    pairs: vec![(Figure::known(a), Figure::known(b)); 12],
                    question: Question::WorseOrNot,
                };
                let mut judgement = Judgement::new("B against A");
                judgement.findings = judge(&[metric], &Rules::every_pair()).findings;
                assert!(!crate::report::of_judgement(&judgement).is_empty());
            }
        }
    }
}
