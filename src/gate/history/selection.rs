//! The runs of a history that can be compared with its newest one, and the figures of each.

use crate::gate::baseline::{Difference, machines, scenarios};
use crate::gate::history::file::HistoryRun;
use crate::report::finding::Subject;
use crate::report::judgement::measures::tracked;
use crate::report::metrics::{Column, Compared};
use crate::report::trends::{Trend, Trends};
use std::collections::BTreeMap;

/// From which run on a history is read: a commit or a time, as the user wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Since(pub Option<String>);

/// Which figures are wanted; none named: all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct FigureFilter {
    /// Labels of series.
    pub series: Vec<String>,
    /// Names of columns.
    pub metrics: Vec<String>,
}

/// One figure of comparable runs, the oldest first.
pub(super) struct FigureSeries<'a> {
    pub subject: Subject,
    pub column: Column,
    /// A value for each of the runs; absent if it has none.
    pub values: Vec<Option<f64>>,
    /// The runs, without those of another machine if the figure depends on that.
    pub runs: Vec<&'a HistoryRun>,
}

impl Since {
    /// Returns the runs from the one on whose commit begins so, or from this time on.
    ///
    /// # Errors
    /// If there is no such run.
    pub(super) fn select<'a>(&self, runs: &'a [HistoryRun]) -> Result<&'a [HistoryRun], String> {
        let Some(text) = &self.0 else { return Ok(runs) };
        let is_of_commit =
            |run: &HistoryRun| run.commit.as_ref().is_some_and(|commit| commit.starts_with(text));
        if !text.is_empty()
            && let Some(first) = runs.iter().position(is_of_commit)
        {
            return Ok(&runs[first..]);
        }
        let is_time = text.len() >= 4 && text.bytes().take(4).all(|byte| byte.is_ascii_digit());
        // RFC 3339 in UTC: the order of the texts is that of the times.
        let from = runs.iter().position(|run| run.started.as_str() >= text.as_str());
        match from.filter(|_| is_time) {
            Some(first) => Ok(&runs[first..]),
            None => Err(format!(
                "no run has a commit that begins with {text:?}, and none is from that time on; write a \
                 commit of the file, or a time such as 2026-11-27"
            )),
        }
    }
}

impl FigureFilter {
    /// # Errors
    /// If a metric is not one that a history has, with the names of those that are.
    pub(super) fn check(&self) -> Result<(), String> {
        let known = tracked();
        for name in &self.metrics {
            if !known.iter().any(|column| column.is_named(name)) {
                let names: Vec<&str> = known.iter().map(|column| column.name.as_str()).collect();
                return Err(format!(
                    "{name:?} is no metric of a history; it is one of {}",
                    names.join(", ")
                ));
            }
        }
        Ok(())
    }

    fn takes(&self, series: &str, column: &Column) -> bool {
        (self.series.is_empty() || self.series.iter().any(|one| one == series))
            && (self.metrics.is_empty() || self.metrics.iter().any(|name| column.is_named(name)))
    }
}

/// Returns the figures of the runs of each scenario that can be compared with its newest run, and a
/// sentence for what was left out.
pub(super) fn select<'a>(
    runs: &[&'a HistoryRun],
    filter: &FigureFilter,
    any_machine: bool,
) -> (Vec<FigureSeries<'a>>, Vec<String>) {
    let mut by_name: BTreeMap<&str, Vec<&'a HistoryRun>> = BTreeMap::new();
    for run in runs {
        by_name.entry(&run.name).or_default().push(run);
    }
    let several = by_name.len() > 1;
    let mut all = Vec::new();
    let mut notes = Vec::new();
    for (name, runs) in by_name {
        let Some(newest) = runs.last().copied() else { continue };
        let prefix = if several { format!("{name}: ") } else { String::new() };
        let (alike, other): (Vec<&HistoryRun>, Vec<&HistoryRun>) =
            runs.into_iter().partition(|run| differences(newest, run).is_empty());
        notes.extend(other.last().map(|last| describe_other(&prefix, other.len(), last, newest)));
        let is_here = |run: &HistoryRun| machines(&run.host, &newest.host).is_empty();
        let of_machine: Vec<&HistoryRun> =
            alike.iter().copied().filter(|run| any_machine || is_here(run)).collect();
        if of_machine.len() < alike.len() {
            notes.push(format!(
                "{prefix}{} on another machine than the newest one: latency, CPU and memory of them \
                 are left out (--any-machine takes them)",
                count(alike.len() - of_machine.len(), "run")
            ));
        }
        figures(newest, &prefix, filter, [&alike, &of_machine], &mut all);
    }
    (all, notes)
}

/// What differs between the scenarios of two runs and matters.
fn differences(a: &HistoryRun, b: &HistoryRun) -> Vec<Difference> {
    let all = scenarios(&a.scenario, &b.scenario, (&a.build, &b.build));
    all.into_iter().filter(|difference| !difference.harmless).collect()
}

fn describe_other(prefix: &str, runs: usize, last: &HistoryRun, newest: &HistoryRun) -> String {
    let all = differences(last, newest);
    let shown: Vec<String> = all.iter().take(3).map(Difference::to_string).collect();
    format!(
        "{prefix}{} of another scenario {} left out; the last of them differs in {}",
        count(runs, "run"),
        if runs == 1 { "is" } else { "are" },
        shown.join("; ")
    )
}

/// `1 run`, `12 runs`.
pub(super) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Appends the figures of the newest run's rows, in the order of the reports: of all runs, and if they
/// depend on the machine of those on the same one.
fn figures<'a>(
    newest: &'a HistoryRun,
    prefix: &str,
    filter: &FigureFilter,
    [alike, of_machine]: [&[&'a HistoryRun]; 2],
    all: &mut Vec<FigureSeries<'a>>,
) {
    for row in &newest.rows {
        for column in tracked().into_iter().filter(|column| filter.takes(&row.series, column)) {
            let runs = match column.compared {
                Compared::No => alike,
                Compared::Kept | Compared::Paired { .. } => of_machine,
            };
            let value = |run: &&HistoryRun| {
                let mut rows = run.rows.iter();
                let same = rows.find(|r| r.series == row.series && r.clients == row.clients)?;
                let named = |name: &String| same.figures.get(name).copied();
                named(&column.name).or_else(|| column.formerly.iter().find_map(named))
            };
            let values: Vec<Option<f64>> = runs.iter().map(value).collect();
            if values.iter().any(Option::is_some) {
                let series = format!("{prefix}{}", row.series);
                let subject = Subject::of_row(&series, row.clients, &column.name);
                all.push(FigureSeries { subject, column, values, runs: runs.to_vec() });
            }
        }
    }
}

/// Returns what `wsbench history show` has: the last `most` runs of each figure.
///
/// # Errors
/// If no run has what is asked for.
pub(crate) fn trends(
    file: &str,
    runs: &[HistoryRun],
    since: &Since,
    filter: &FigureFilter,
    most: usize,
    any_machine: bool,
) -> Result<Trends, String> {
    filter.check()?;
    let runs = since.select(runs)?;
    let all: Vec<&HistoryRun> = runs.iter().collect();
    let (figures, mut notes) = select(&all, filter, any_machine);
    if figures.is_empty() {
        return Err("no run has such a figure".to_owned());
    }
    let invalid = all.iter().filter(|run| !run.valid).count();
    if invalid > 0 {
        let are = if invalid == 1 { "is" } else { "are" };
        notes.push(format!("{} {are} not valid", count(invalid, "run")));
    }
    let trend = |figure: FigureSeries<'_>| {
        let first = figure.values.len().saturating_sub(most);
        Trend {
            subject: figure.subject,
            unit: figure.column.unit,
            values: figure.values[first..].to_vec(),
        }
    };
    let span = match runs {
        [] => String::new(),
        [one] => format!(" of {}", one.describe()),
        [first, .., last] => format!(" from {} to {}", first.describe(), last.describe()),
    };
    Ok(Trends {
        title: format!("{file}: {}{span}", count(runs.len(), "run")),
        trends: figures.into_iter().map(trend).collect(),
        notes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::history::file::tests::run;
    use serde_json::json;

    const CPU: &str = "server_cpu_us_per_message";
    const OVERHEAD: &str = "overhead_bytes_per_message";

    fn values(runs: &[HistoryRun], any_machine: bool) -> (Vec<Vec<Option<f64>>>, Vec<String>) {
        let all: Vec<&HistoryRun> = runs.iter().collect();
        let (figures, notes) = select(&all, &FigureFilter::default(), any_machine);
        (figures.into_iter().map(|figure| figure.values).collect(), notes)
    }

    #[test]
    fn runs_of_another_scenario_are_left_out_and_the_difference_is_shown() {
        let mut runs: Vec<HistoryRun> = (0..4).map(|day| run(day, OVERHEAD, 2.0)).collect();
        runs[1].scenario["clients"] = json!([20]);
        let (figures, notes) = values(&runs, false);
        assert_eq!(figures, [[Some(2.0); 3]]);
        let note = "1 run of another scenario is left out; the last of them differs in clients: [20] ≠ \
                    [10]";
        assert_eq!(notes, [note]);
    }

    #[test]
    fn what_depends_on_the_machine_is_taken_from_the_newest_ones() {
        let of = |metric| {
            let mut runs: Vec<HistoryRun> = (0..3).map(|day| run(day, metric, 2.0)).collect();
            runs[0].host.insert("cpu".to_owned(), "y".to_owned());
            runs
        };
        assert_eq!(values(&of(CPU), false).0, [[Some(2.0); 2]]);
        assert_eq!(values(&of(CPU), true).0, [[Some(2.0); 3]]);
        assert_eq!(values(&of(OVERHEAD), false).0, [[Some(2.0); 3]]);
        assert!(values(&of(CPU), false).1[0].starts_with("1 run on another machine"));
    }

    #[test]
    fn a_history_begins_with_a_commit_or_a_time() {
        let runs: Vec<HistoryRun> = (0..40).map(|day| run(day, CPU, 1.0)).collect();
        let since = |text: &str| Since(Some(text.to_owned())).select(&runs).map(<[_]>::len);
        assert_eq!(since("2026-02-01"), Ok(12));
        assert_eq!(since(&format!("{:040x}", 30)), Ok(10));
        assert!(since("2027").unwrap_err().contains("no run has a commit"));
        assert!(since("").is_err());
        assert_eq!(Since(None).select(&runs).map(<[_]>::len), Ok(40));
    }

    #[test]
    fn a_metric_that_is_none_is_refused() {
        let filter = FigureFilter { metrics: vec!["cpu".to_owned()], ..FigureFilter::default() };
        assert!(filter.check().unwrap_err().contains("it is one of"));
        let runs = [run(0, CPU, 1.0)];
        let shown = |filter: &FigureFilter| {
            trends("f", &runs, &Since(None), filter, 30, false).map(|t| t.title)
        };
        assert_eq!(
            shown(&FigureFilter::default()),
            Ok("f: 1 run of 2026-01-01T02:00:00Z (commit 000000000000)".to_owned())
        );
        let other = FigureFilter { series: vec!["sse".to_owned()], ..FigureFilter::default() };
        assert_eq!(shown(&other), Err("no run has such a figure".to_owned()));
    }
}
