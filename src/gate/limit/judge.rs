//! Judges a run by its limits: a finding for each limit and row.

use crate::gate::limit::condition::{Aggregate, Comparison};
use crate::gate::limit::metric::{LimitMetric, SampledFigure};
use crate::gate::limit::rule::{Rule, Term};
use crate::gate::limit::{Limit, limits_of, matching};
use crate::report::finding::{Decision, Finding, Kind, Subject};
use crate::report::median::median;
use crate::report::table::{Row, Table};
use crate::report::{Conclusion, Figure, summarise};
use crate::result::{CaseInfo, CaseResult, RunResult, Seconds};
use crate::units::{distinct, with_unit};
use std::cell::OnceCell;

/// Derives every figure of a result and judges its limits.
pub fn summarise_and_judge(result: &RunResult) -> Table {
    let mut table = summarise(result);
    judge(result, &mut table);
    table
}

/// Judges the limits in a result's header. Adds a finding for each row that a limit matches, and a
/// reason to the verdict for each failure. The conclusion is then that limits failed, unless it is a
/// graver one.
pub(crate) fn judge(result: &RunResult, table: &mut Table) {
    let mut found = Vec::new();
    {
        let evaluation = Evaluation::new(result, table);
        for limit in limits_of(&result.header) {
            match limit {
                Ok(limit) => found.extend(evaluation.findings(&limit)),
                Err(why) => found.push(unreadable("limit", why)),
            }
        }
    }
    let stopped = result.ends.iter().find_map(|end| end.reason.limit());
    if let Some(why) = stopped.filter(|_| found.iter().all(|f| f.decision != Decision::Fail)) {
        // The figure may have recovered in what was recorded after the run was stopped.
        found.push(unreadable("abort_on_fail", format!("the run was ended: {why}")));
    }
    let failed = found.iter().filter(|f| f.decision == Decision::Fail);
    let failed: Vec<String> = failed.map(|f| format!("limit: {}", located_text(f))).collect();
    if !failed.is_empty() && table.verdict.conclusion == Conclusion::Passed {
        table.verdict.conclusion = Conclusion::LimitFailed;
    }
    table.verdict.reasons.extend(failed);
    if !found.is_empty() {
        table.judgement.title = format!("limits of {}", table.name);
    }
    table.judgement.findings.extend(found);
}

/// The text of a finding after its row.
pub(super) fn located_text(finding: &Finding) -> String {
    match finding.subject.row() {
        Some(row) => format!("{row}: {}", finding.text),
        None => finding.text.clone(),
    }
}

/// A failure without a figure.
fn unreadable(metric: &str, why: String) -> Finding {
    Finding {
        decision: Decision::Fail,
        value: Figure::absent(why.clone()),
        text: why,
        ..Finding::new(Kind::Limit, Subject::run(metric))
    }
}

/// A result and its table, from which limits are evaluated.
pub(super) struct Evaluation<'a> {
    result: &'a RunResult,
    table: &'a Table,
    /// The rows of each repeat by itself, if there are several.
    repeats: OnceCell<Vec<Vec<Row>>>,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(result: &'a RunResult, table: &'a Table) -> Evaluation<'a> {
        Evaluation { result, table, repeats: OnceCell::new() }
    }

    fn findings(&self, limit: &Limit) -> Vec<Finding> {
        let rule = match limit.rule() {
            Ok(rule) => rule,
            Err(refused) => {
                let all: Vec<String> = refused.into_iter().map(|r| r.message).collect();
                return vec![unreadable(&limit.describe(), all.join("; "))];
            }
        };
        let mut found = Vec::new();
        let counts = match limit.clients.as_slice() {
            [] => distinct(self.table.rows.iter().map(|row| row.clients)),
            own => own.to_vec(),
        };
        for clients in counts {
            let subjects = self.subjects(limit, &rule, clients);
            if subjects.is_empty() {
                let why = "the run has no such series";
                found.push(Finding {
                    subject: Subject::of_row(&limit.series.join(", "), clients, &rule.expression),
                    bound: rule.bound_text.clone(),
                    text: format!("{}: {why}", rule.expression),
                    ..unreadable(&rule.expression, why.to_owned())
                });
            }
            found.extend(subjects.iter().map(|rows| self.finding(limit, &rule, rows)));
        }
        found
    }

    /// Returns the rows that are evaluated at a client count: one for each term of the rule.
    pub(super) fn subjects(&self, limit: &Limit, rule: &Rule, clients: u32) -> Vec<Vec<&'a Row>> {
        let at_count: Vec<&Row> = self.table.rows.iter().filter(|r| r.clients == clients).collect();
        let named = limit.series.iter().flat_map(|name| matching(&at_count, name));
        let selected = if limit.series.is_empty() { at_count.clone() } else { distinct(named) };
        let of = |term: &Term, own: &'a Row| match &term.series {
            Some(name) => matching(&at_count, name),
            None => vec![own],
        };
        // A condition that names every series itself is evaluated once.
        let own = if rule.names_series() { selected.get(..1).unwrap_or(&[]) } else { &selected };
        let mut out = Vec::new();
        for row in own {
            match rule.terms.as_slice() {
                [a, b] => {
                    for left in of(a, row) {
                        out.extend(of(b, row).into_iter().map(|right| vec![left, right]));
                    }
                }
                one => out.extend(one.iter().flat_map(|t| of(t, row)).map(|row| vec![row])),
            }
        }
        out
    }

    pub(super) fn finding(&self, limit: &Limit, rule: &Rule, rows: &[&Row]) -> Finding {
        let (value, samples) = self.figure(rule, rows);
        let holds = |value| samples > 0 && rule.comparison.holds(value, rule.bound.number);
        // Whatever is below something that is below the bound is below it.
        let below = value.below().filter(|below| *below as f64 <= rule.bound.number);
        let is_upper = matches!(rule.comparison, Comparison::Less | Comparison::AtMost);
        let holds_below = is_upper && samples > 0 && below.is_some();
        let (decision, is) = if holds_below || value.value().is_some_and(holds) {
            (Decision::Pass, "is")
        } else {
            (Decision::Fail, "is not")
        };
        // What a time is below is in µs, whatever the unit of the limit.
        let (shown, unit) = match value.below() {
            Some(_) => (value.clone(), "µs"),
            None => (value.map(|v| rule.bound.show(v)), rule.bound.unit.as_ref()),
        };
        let Rule { expression, bound_text, .. } = rule;
        let text = match &shown {
            Figure::Absent(_) if holds_below => {
                let most = rule.bound.show(below.unwrap_or_default() as f64);
                let most = with_unit(most, &rule.bound.unit);
                format!("{expression} is below {most}, which is {bound_text}")
            }
            Figure::Absent(why) => format!("{expression}: {why}"),
            Figure::Known(v) => {
                let value = with_unit(*v, &rule.bound.unit);
                format!("{expression} is {value}, which {is} {bound_text}")
            }
        };
        let mut names: Vec<&str> = rows.iter().map(|row| row.series.as_str()).collect();
        names.dedup();
        let about = Some(&limit.about).filter(|about| !about.is_empty());
        let subject = Subject {
            series: names.join(" / "),
            clients: rows.first().map(|row| row.clients),
            metric: expression.clone(),
        };
        Finding {
            decision,
            unit: unit.to_owned(),
            value: shown,
            bound: bound_text.clone(),
            samples,
            text,
            details: about.into_iter().cloned().collect(),
            ..Finding::new(Kind::Limit, subject)
        }
    }

    /// The figure that is evaluated, and the samples behind it.
    fn figure(&self, rule: &Rule, rows: &[&Row]) -> (Figure, u64) {
        let found: Vec<SampledFigure> =
            rule.terms.iter().zip(rows).map(|(term, row)| self.one(term, rule, row)).collect();
        let samples = found.iter().map(|s| s.samples).min().unwrap_or(0);
        let figure = match (found.as_slice(), rule.terms.as_slice()) {
            ([only], _) => only.figure.clone(),
            ([a, b], [of_a, of_b]) => of_a.dimension.quotient(&a.figure, &b.figure, of_b.dimension),
            _ => Figure::absent("there is nothing to judge"),
        };
        (figure, samples)
    }

    fn one(&self, term: &Term, rule: &Rule, row: &Row) -> SampledFigure {
        let over_repeats = matches!(
            rule.aggregate,
            Aggregate::Avg | Aggregate::Min | Aggregate::Max | Aggregate::Med
        );
        let column = matches!(term.metric, LimitMetric::Column { .. });
        if over_repeats && column && !self.repeats().is_empty() {
            return self.over_repeats(term, &rule.aggregate, row);
        }
        require_samples(term.metric.of(&rule.aggregate, row), row)
    }

    fn over_repeats(&self, term: &Term, aggregate: &Aggregate, row: &Row) -> SampledFigure {
        let mut values = Vec::new();
        let mut samples = 0;
        for (n, rows) in self.repeats().iter().enumerate() {
            let same = |r: &&Row| r.series == row.series && r.clients == row.clients;
            let own = |own| require_samples(term.metric.of(&Aggregate::Value, own), own);
            let none = || SampledFigure::absent("the case did not run");
            let one = rows.iter().find(same).map_or_else(none, own);
            match one.figure {
                Figure::Known(value) => values.push(value),
                Figure::Absent(why) => {
                    return SampledFigure::absent(format!("repeat {}: {why}", n + 1));
                }
            }
            samples += one.samples;
        }
        values.sort_by(f64::total_cmp);
        SampledFigure { figure: of_sorted(&values, aggregate), samples }
    }

    fn repeats(&self) -> &[Vec<Row>] {
        self.repeats.get_or_init(|| {
            let most = self.result.header.cases.iter().map(|c| c.repeat).max().unwrap_or(0);
            // The table has the rows of a single repeat.
            let repeats = if most == 0 { 0 } else { most + 1 };
            // Each repeat by itself, with the floor.
            let rows = |n| summarise(&part_of(self.result, |c| c.repeat == n || c.floor)).rows;
            (0..repeats).map(rows).collect()
        })
    }
}

/// Makes a figure absent that has no samples.
fn require_samples(sampled: SampledFigure, row: &Row) -> SampledFigure {
    let why = match &sampled.figure {
        _ if row.repeats == 0 => "the case did not run",
        Figure::Known(_) if sampled.samples == 0 => "there is no sample: nothing was measured",
        _ => return sampled,
    };
    SampledFigure::absent(why)
}

fn of_sorted(values: &[f64], aggregate: &Aggregate) -> Figure {
    let (Some(first), Some(last)) = (values.first(), values.last()) else {
        return Figure::absent("no repeat has the figure");
    };
    Figure::known(match aggregate {
        Aggregate::Min => *first,
        Aggregate::Max => *last,
        Aggregate::Med => median(values).unwrap_or(*first),
        _ => values.iter().sum::<f64>() / values.len() as f64,
    })
}

/// The part of a result with these cases, without the figures of each second.
pub(super) fn part_of(result: &RunResult, kept: impl Fn(&CaseInfo) -> bool) -> RunResult {
    let mut header = result.header.clone();
    header.curves.clear();
    header.cases.retain(kept);
    let without_seconds = |info: &CaseInfo| {
        let all = result.cases.get(&info.case)?;
        let case = CaseResult {
            total: all.total.clone(),
            seconds: Seconds::default(),
            drivers: all.drivers.clone(),
            servers: all.servers.clone(),
            ends: all.ends.clone(),
        };
        Some((info.case, case))
    };
    let cases = header.cases.iter().filter_map(without_seconds).collect();
    RunResult { header, cases, ends: result.ends.clone(), parts: result.parts }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_have_a_mean_a_median_and_ends() {
        let of = |values: &[f64]| {
            [Aggregate::Min, Aggregate::Max, Aggregate::Avg, Aggregate::Med]
                .map(|a| of_sorted(values, &a).value())
        };
        assert_eq!(of(&[1.0, 2.0, 6.0]), [Some(1.0), Some(6.0), Some(3.0), Some(2.0)]);
        assert_eq!(of(&[1.0, 3.0]), [Some(1.0), Some(3.0), Some(2.0), Some(2.0)]);
        assert_eq!(of(&[]), [None; 4]);
    }
}
