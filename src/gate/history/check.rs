//! The newest change of each figure of a history, and whether it is a regression.
//!
//! A figure fails if its newest change, by both methods of [`change_points`](crate::gate::change_points),
//! is for the worse by more than its margin: the medians between two changes are compared. The levels of
//! both methods are divided by the number of figures, so that a look at a history without a change sees
//! one in at most a share `alpha` of all cases. Whoever looks every night looks often: see `docs/gate.md`.

use crate::gate::change_points::{
    AgreedChange, ChangePoint, Changes, TOLERANCE, find_changes, smallest_corrected_p,
};
use crate::gate::history::file::HistoryRun;
use crate::gate::history::selection::{FigureFilter, FigureSeries, Since, count, select};
use crate::gate::pairs::Margins;
use crate::report::Figure;
use crate::report::finding::{ChangeScale, Decision, Finding, Judgement, Kind};
use crate::report::median::median;
use crate::report::metrics::{Better, Column, Compared};
use crate::units::{append_unit, percent, six_digits};

/// Up to so many runs it is said how many are needed.
const MOST_NEEDED: usize = 1_000;

/// How a history is checked.
#[derive(Debug, Clone, Default)]
pub(crate) struct CheckOptions {
    /// Which file, for the title.
    pub file: String,
    /// From which run on.
    pub since: Since,
    /// Which figures.
    pub filter: FigureFilter,
    /// The changes that are tolerated.
    pub margins: Margins,
    /// The share of histories without a change in which one may be seen.
    pub alpha: f64,
    /// How many of the newest runs are looked at.
    pub last: usize,
    /// The seed of the permutations.
    pub seed: u64,
    /// Whether latency, CPU and memory of other machines count too.
    pub any_machine: bool,
}

/// A figure's known values and the runs that they are of.
struct KnownValues<'a> {
    figure: FigureSeries<'a>,
    values: Vec<f64>,
    runs: Vec<&'a HistoryRun>,
}

/// Checks a history.
///
/// # Errors
/// If there is nothing to check.
pub(crate) fn check(runs: &[HistoryRun], options: &CheckOptions) -> Result<Judgement, String> {
    options.filter.check()?;
    let runs = options.since.select(runs)?;
    let (valid, invalid): (Vec<&HistoryRun>, Vec<&HistoryRun>) =
        runs.iter().partition(|run| run.valid);
    let (figures, mut notes) = select(&valid, &options.filter, options.any_machine);
    if figures.is_empty() {
        return Err("no valid run has such a figure".to_owned());
    }
    if !invalid.is_empty() {
        let are = if invalid.len() == 1 { "is" } else { "are" };
        let left_out = count(invalid.len(), "run");
        notes.insert(0, format!("{left_out} {are} left out: not valid"));
    }
    let known: Vec<KnownValues<'_>> =
        figures.into_iter().map(|figure| known(figure, options.last)).collect();
    let level = options.alpha / known.len() as f64;
    let valid = count(valid.len(), "valid run");
    let mut judgement = Judgement::new(format!("changes in {}, {valid}", options.file));
    judgement.findings = known.iter().map(|figure| finding(figure, level, options)).collect();
    notes.push(format!(
        "A change is reported if E-divisive and rank sums both see one within {TOLERANCE} runs, each at \
         the level {} over {}. A figure fails if its newest change is for the worse by more than is \
         allowed.",
        six_digits(options.alpha),
        count(known.len(), "figure")
    ));
    judgement.notes = notes;
    Ok(judgement)
}

fn known(figure: FigureSeries<'_>, last: usize) -> KnownValues<'_> {
    let both = figure.values.iter().zip(&figure.runs);
    let (mut values, mut runs): (Vec<f64>, Vec<&HistoryRun>) =
        both.filter_map(|(value, run)| Some(((*value)?, *run))).unzip();
    let first = values.len().saturating_sub(last);
    values = values.split_off(first);
    runs = runs.split_off(first);
    KnownValues { figure, values, runs }
}

fn finding(known: &KnownValues<'_>, level: f64, options: &CheckOptions) -> Finding {
    let KnownValues { figure, values, .. } = known;
    let margin = margin(&figure.column, &options.margins);
    let finding = Finding {
        unit: figure.column.unit.to_owned(),
        bound: bound(margin),
        samples: values.len() as u64,
        value: Figure::or_absent(median(values), "no run has it"),
        ..Finding::new(Kind::History, figure.subject.clone())
    };
    let have = count(values.len(), "run");
    if smallest_corrected_p(values.len()) > level {
        let needed = (values.len()..MOST_NEEDED).find(|n| smallest_corrected_p(*n) <= level);
        let text = match needed {
            Some(needed) => format!("{have}, and a change can be seen from {needed} on"),
            None => format!("{have}, and no number of them shows a change at this level"),
        };
        return Finding { decision: Decision::Inconclusive, text, ..finding };
    }
    let changes = find_changes(values, level, options.seed);
    let Some(newest) = changes.agreed.last() else {
        let text = format!("no change in {have}");
        let details = seen_alone(known, &changes);
        return Finding { decision: Decision::Pass, text, details, ..finding };
    };
    let begins = changes.agreed.iter().rev().nth(1).map_or(0, |before| before.index);
    let medians = (median(&values[begins..newest.index]), median(&values[newest.index..]));
    // No change point is at an end of the series.
    let (Some(before), Some(since)) = medians else { return finding };
    let worse = is_worse(&figure.column, before, since, margin);
    Finding {
        decision: if worse { Decision::Fail } else { Decision::Pass },
        value: Figure::known(since),
        baseline: Some(Figure::known(before)),
        text: describe(known, newest, before, since),
        details: details(known, newest, &changes),
        ..finding
    }
}

/// Returns the change that is tolerated; none of what does not vary.
fn margin(column: &Column, margins: &Margins) -> f64 {
    match column.compared {
        Compared::Paired { margin, scale: ChangeScale::Relative, .. } => {
            margins.of(&column.name, margin)
        }
        // A difference is no share of what was before; none of these is in a history.
        Compared::Paired { scale: ChangeScale::Difference, .. } | Compared::Kept | Compared::No => {
            0.0
        }
    }
}

fn bound(margin: f64) -> String {
    match margin {
        0.0 => "no more".to_owned(),
        margin => format!("at most {} % more", percent(margin)),
    }
}

fn is_worse(column: &Column, before: f64, since: f64, margin: f64) -> bool {
    match column.better {
        Better::Lower => since - before > margin * before.abs(),
        Better::Higher => before - since > margin * before.abs(),
        Better::Neither => false,
    }
}

/// `12 % more since the run of 2026-11-20T02:00:00Z (commit 1234567890ab), 8 runs in all; medians …`.
fn describe(known: &KnownValues<'_>, newest: &AgreedChange, before: f64, since: f64) -> String {
    let more = if since < before { "less" } else { "more" };
    let by = match before {
        before if before > 0.0 => format!("{} % {more}", percent((since - before) / before)),
        _ => more.to_owned(),
    };
    format!(
        "{by} since the run of {}, {} in all; medians {} before and {} since",
        known.runs[newest.index].describe(),
        count(known.values.len() - newest.index, "run"),
        six_digits(before),
        append_unit(six_digits(since), known.figure.column.unit)
    )
}

/// Returns how sure both methods are, what changed earlier, and what is not reported.
fn details(known: &KnownValues<'_>, newest: &AgreedChange, changes: &Changes) -> Vec<String> {
    let apart = match newest.index.abs_diff(newest.by_ranks.index) {
        0 => "at the same run".to_owned(),
        apart => format!("{} apart", count(apart, "run")),
    };
    let energy = short(newest.by_energy.p);
    let ranks = short(newest.by_ranks.p);
    let mut all = vec![format!("E-divisive p = {energy}, rank sum p = {ranks}, {apart}")];
    let earlier = changes.agreed.iter().rev().skip(1);
    all.extend(earlier.map(|change| {
        format!("an earlier change is at the run of {}", known.runs[change.index].describe())
    }));
    all.extend(seen_alone(known, changes));
    all
}

fn short(p: f64) -> String {
    if p < 1e-4 { "below 0.0001".to_owned() } else { format!("{p:.4}") }
}

/// Says what one method sees alone.
fn seen_alone(known: &KnownValues<'_>, changes: &Changes) -> Vec<String> {
    let of = |method: &str, points: &[ChangePoint]| -> Vec<String> {
        let line = |point: &ChangePoint| {
            let run = known.runs[point.index].describe();
            format!("{method} alone sees a change at the run of {run}: it is not reported")
        };
        points.iter().map(line).collect()
    };
    let by_energy = of("E-divisive", &changes.by_energy_alone);
    [by_energy, of("the rank sum", &changes.by_ranks_alone)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::history::file::tests::run;
    use crate::report::Conclusion;

    const CPU: &str = "server_cpu_us_per_message";
    const OVERHEAD: &str = "overhead_bytes_per_message";

    fn options() -> CheckOptions {
        let file = "h".to_owned();
        CheckOptions { file, alpha: 0.01, last: 200, seed: 1, ..CheckOptions::default() }
    }

    /// Days with noise of one in a hundred above these values.
    fn days(metric: &str, parts: &[(u32, f64)]) -> Vec<HistoryRun> {
        let values = parts.iter().flat_map(|(count, value)| vec![*value; *count as usize]);
        let noise = |day: u32| 1.0 + f64::from(day * 7 % 11) / 1_000.0;
        (0..).zip(values).map(|(day, value)| run(day, metric, value * noise(day))).collect()
    }

    fn first(runs: &[HistoryRun], options: &CheckOptions) -> (Finding, Conclusion) {
        let judgement = check(runs, options).expect("there is something to check");
        assert_eq!(judgement.findings.len(), 1);
        (judgement.findings[0].clone(), judgement.conclusion())
    }

    #[test]
    fn a_change_for_the_worse_beyond_the_margin_is_a_regression() {
        let runs = days(CPU, &[(20, 10.0), (12, 12.0)]);
        let (finding, conclusion) = first(&runs, &options());
        assert_eq!((finding.decision, conclusion), (Decision::Fail, Conclusion::Regression));
        let begins = "20.1 % more since the run of 2026-01-21T02:00:00Z (commit 000000000000), 12 runs in \
                      all; medians 10.0";
        assert!(finding.text.starts_with(begins), "{}", finding.text);
        assert!(finding.details[0].starts_with("E-divisive p = 0.00"), "{:?}", finding.details);
        // The same for the better, within the margin, and tolerated.
        let decision = |parts: &[(u32, f64)]| first(&days(CPU, parts), &options()).0.decision;
        assert_eq!(decision(&[(20, 12.0), (12, 10.0)]), Decision::Pass);
        assert_eq!(decision(&[(20, 10.0), (12, 10.4)]), Decision::Pass);
        let margins = Margins::read(&[format!("{CPU}=25%")]).expect("a margin");
        let tolerant = CheckOptions { margins, ..options() };
        assert_eq!(first(&runs, &tolerant).1, Conclusion::Passed);
    }

    #[test]
    fn the_newest_change_counts() {
        let mended = days(CPU, &[(15, 10.0), (15, 13.0), (15, 10.0)]);
        let (finding, conclusion) = first(&mended, &options());
        assert_eq!((finding.decision, conclusion), (Decision::Pass, Conclusion::Passed));
        assert!(finding.text.contains("% less since the run of 2026-02-03"), "{}", finding.text);
        assert!(finding.details.iter().any(|line| line.contains("an earlier change")));
        // What is known and accepted is before the history.
        let worse = days(CPU, &[(20, 10.0), (15, 13.0)]);
        let since = CheckOptions { since: Since(Some("2026-01-21".to_owned())), ..options() };
        assert_eq!(first(&worse, &since).1, Conclusion::Passed);
    }

    #[test]
    fn what_does_not_vary_may_not_grow_at_all() {
        let runs = |last: f64| -> Vec<HistoryRun> {
            (0..30).map(|day| run(day, OVERHEAD, if day < 18 { 871.0 } else { last })).collect()
        };
        let (finding, conclusion) = first(&runs(872.0), &options());
        assert_eq!((finding.bound.as_str(), conclusion), ("no more", Conclusion::Regression));
        assert_eq!(first(&runs(870.0), &options()).1, Conclusion::Passed);
        assert_eq!(first(&runs(871.0), &options()).0.text, "no change in 30 runs");
    }

    #[test]
    fn too_few_runs_decide_nothing() {
        let (finding, conclusion) = first(&days(CPU, &[(4, 10.0), (3, 90.0)]), &options());
        assert_eq!((finding.decision, conclusion), (Decision::Inconclusive, Conclusion::Passed));
        assert_eq!(finding.text, "7 runs, and a change can be seen from 14 on");
        assert!(check(&[], &options()).unwrap_err().contains("no valid run"));
    }

    #[test]
    fn a_run_that_is_not_valid_does_not_count() {
        let mut runs = days(CPU, &[(20, 10.0), (12, 12.0)]);
        runs[20..].iter_mut().for_each(|run| run.valid = false);
        let judgement = check(&runs, &options()).expect("valid ones are left");
        assert_eq!(judgement.findings[0].text, "no change in 20 runs");
        assert_eq!(judgement.notes[0], "12 runs are left out: not valid");
    }
}
