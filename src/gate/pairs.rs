//! The metrics of pairs of runs that vary from run to run: which of them a comparison judges, and the
//! change that it tolerates. [`paired`](crate::gate::paired) judges them.

use crate::config::nearest;
use crate::gate::baseline;
use crate::gate::growth;
use crate::gate::latency_shift;
use crate::gate::limit::Dimension;
use crate::gate::paired::{PairedMetric, Question};
use crate::record::Metric;
use crate::report::Figure;
use crate::report::finding::{ChangeScale, Decision, Finding, Subject};
use crate::report::median::median;
use crate::report::metrics::{Column, Compared, WhenCompared, columns};
use crate::report::table::{Row, Table};
use crate::units::{thousands, three};
use std::collections::BTreeMap;

/// A metric that is compared by pairs of runs.
struct ComparedColumn {
    column: Column,
    /// The change that is tolerated if the user names none.
    margin: f64,
    /// What may differ for all clients together, if that is more.
    of_all_clients: f64,
    scale: ChangeScale,
    when: WhenCompared,
}

/// Returns the metrics in the order of reports: latencies, the server's cost, the driver's.
fn compared_columns() -> Vec<ComparedColumn> {
    let paired = columns().into_iter().filter_map(|column| match column.compared {
        Compared::Paired { margin, of_all_clients, scale, when } => {
            Some(ComparedColumn { column, margin, of_all_clients, scale, when })
        }
        Compared::Kept | Compared::No => None,
    });
    let mut all: Vec<ComparedColumn> = paired.collect();
    all.sort_by_key(|metric| metric.when);
    all
}

/// The largest relative change that can be tolerated: tenfold.
const MOST_MARGIN: f64 = 9.0;

/// The changes that are tolerated.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Margins(BTreeMap<String, f64>);

impl Margins {
    /// Reads `METRIC=10%` each, or `METRIC=16B` if the figure is compared by its difference; the last one of a
    /// metric holds.
    ///
    /// # Errors
    /// A sentence with what is wrong and what would be right.
    pub(crate) fn read(given: &[String]) -> Result<Margins, String> {
        given.iter().map(|text| margin(text)).collect::<Result<_, _>>().map(Margins)
    }
    /// Tolerates a change of a metric, by the name of its column.
    pub(crate) fn tolerate(&mut self, metric: &str, margin: f64) {
        let most = match scale_of(metric) {
            ChangeScale::Relative => MOST_MARGIN,
            ChangeScale::Difference => f64::MAX,
        };
        self.0.insert(metric.to_owned(), margin.min(most));
    }
    /// Excuses a difference of a figure that should be equal if the user tolerates as much.
    pub(crate) fn excuse(&self, mut finding: Finding) -> Finding {
        let Some(margin) = self.0.get(&finding.subject.metric) else { return finding };
        if let (Some(Figure::Known(was)), Figure::Known(is)) = (&finding.baseline, &finding.value)
            && finding.decision == Decision::Fail
            && (is - was).abs() <= margin * was
        {
            finding.decision = Decision::Pass;
            finding.bound = format!("within {} % of it", three(100.0 * margin));
        }
        finding
    }
    /// Returns the change of a metric that is tolerated: 0.05 is 5 % more.
    pub(crate) fn of(&self, metric: &str, default: f64) -> f64 {
        self.0.get(metric).copied().unwrap_or(default)
    }
}

/// Adds to a difference of a figure that should be equal which margin tolerates it.
pub(crate) fn say_how_to_tolerate(finding: &mut Finding) {
    let metric = &finding.subject.metric;
    if finding.decision != Decision::Fail || !baseline::exact_metrics().contains(metric) {
        return;
    }
    if let (Some(Figure::Known(was)), Figure::Known(is)) = (&finding.baseline, &finding.value)
        && (is - was).abs() <= MOST_MARGIN * was
    {
        // A margin is above 0 %.
        let percent = (100.0 * (is - was).abs() / was).ceil().max(1.0);
        let line =
            format!("if two different servers may differ in it: --margin {metric}={percent}%");
        finding.details.push(line);
    }
}

fn margin(text: &str) -> Result<(String, f64), String> {
    let example = "write for example --margin server_cpu_us_per_message=10%";
    let Some((metric, share)) = text.split_once('=') else {
        return Err(format!("{text:?} has no \"=\"; {example}"));
    };
    let metric = metric.trim();
    let metrics = compared_columns();
    let exact = baseline::exact_metrics();
    let varying = metrics.iter().find(|one| one.column.is_named(metric));
    if let Some(one) = varying.filter(|one| one.scale == ChangeScale::Difference) {
        return difference_margin(&one.column, share);
    }
    let varying = varying.map(|one| one.column.name.clone());
    let Some(name) = varying.or_else(|| exact.iter().find(|name| *name == metric).cloned()) else {
        let varying = metrics.iter().map(|one| one.column.name.as_str());
        let names: Vec<&str> = varying.chain(exact.iter().map(String::as_str)).collect();
        let hint = match nearest(metric, &names) {
            Some(near) => format!(", did you mean {near:?}?"),
            None => format!("; it is one of {}", names.join(", ")),
        };
        return Err(format!("{metric:?} is not a metric with a margin{hint}"));
    };
    let Some(number) = share.trim().strip_suffix('%') else {
        return Err(format!("{share:?} has no unit; {example}"));
    };
    match number.trim().parse::<f64>().map(|percent| percent / 100.0) {
        Ok(margin) if margin > 0.0 && margin <= MOST_MARGIN => Ok((name, margin)),
        _ => Err(format!("{share:?} is no margin: it must be above 0% and at most 900%")),
    }
}

/// Reads the margin of a figure that is compared by its difference: `16B`.
fn difference_margin(column: &Column, text: &str) -> Result<(String, f64), String> {
    let name = &column.name;
    let text = text.trim();
    let digits = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '_')).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let wrong = |why: String| {
        format!("{text:?} is no margin of {name}, which is compared by its difference: {why}")
    };
    let number: f64 = number
        .replace('_', "")
        .parse()
        .map_err(|_| wrong(format!("write for example --margin {name}=16B")))?;
    // Every column has a unit that is known.
    let dimension = Dimension::of(column.unit).unwrap_or(Dimension::NUMBER);
    match dimension.scale(number, unit.trim(), name).map_err(wrong)?.number {
        margin if margin > 0.0 && margin.is_finite() => Ok((name.clone(), margin)),
        _ => Err(wrong("it must be above zero".to_owned())),
    }
}

/// Returns what the change of a metric is measured by; of one that does not vary it is relative.
fn scale_of(metric: &str) -> ChangeScale {
    let all = compared_columns();
    let found = all.iter().find(|one| one.column.name == metric);
    found.map_or(ChangeScale::Relative, |one| one.scale)
}

/// Returns how many metrics a comparison of so many series and client counts has at the most: a run may
/// lack some. `servers` is true if the CPU and memory of a server can be known.
pub(crate) fn most_metrics(rows: usize, servers: bool, own_drivers: bool) -> usize {
    let each = |one: &ComparedColumn| match one.when {
        // A client observes one of two latencies.
        WhenCompared::Headline => one.column.latency == Some(Metric::DeliveryLatency),
        // Whether they are counted shows in the first pair.
        WhenCompared::Instructions => false,
        WhenCompared::CpuTime | WhenCompared::Always => servers,
        WhenCompared::OwnDriver => own_drivers,
    };
    rows * compared_columns().iter().filter(|one| each(one)).count()
}

/// The metrics of a comparison.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct VaryingMetrics {
    /// A metric for each series and client count.
    pub metrics: Vec<PairedMetric>,
    /// A sentence for each latency that is what a client observes and that no run of either side has, with
    /// the reason.
    pub latencies_left_out: Vec<String>,
    /// A sentence for each other metric that no run of either side has, with the reason.
    pub left_out: Vec<String>,
}

/// Collects the metrics of pairs of runs, A's and B's. If each side has its own driver
/// (`own_drivers`), that is evaluated too. Only those that are `tracked` are collected, unless none is.
pub(crate) fn collect(
    pairs: &[(&Table, &Table)],
    margins: &Margins,
    own_drivers: bool,
    tracked: &[Subject],
) -> VaryingMetrics {
    let mut collected = VaryingMetrics::default();
    let Some((first, _)) = pairs.first() else { return collected };
    let metrics = compared_columns();
    let mut absent: BTreeMap<(usize, String), Vec<String>> = BTreeMap::new();
    for row in &first.rows {
        let headline = headline(pairs, row, &metrics);
        let subject = |column: &Column| Subject::of_row(&row.series, row.clients, &column.name);
        let is_tracked = |column: &Column| tracked.is_empty() || tracked.contains(&subject(column));
        let counts_instructions = metrics.iter().any(|metric| {
            metric.when == WhenCompared::Instructions
                && is_tracked(&metric.column)
                && is_known_everywhere(&figures(pairs, row, &metric.column))
        });
        for (place, ComparedColumn { column, margin, of_all_clients, scale, when }) in
            metrics.iter().enumerate()
        {
            let is_compared = match when {
                WhenCompared::Headline => column.latency == Some(headline),
                WhenCompared::Instructions => counts_instructions,
                WhenCompared::CpuTime | WhenCompared::Always => true,
                WhenCompared::OwnDriver => own_drivers,
            };
            if !is_compared {
                continue;
            }
            let figures = figures(pairs, row, column);
            match missing_everywhere(&figures) {
                Some(why) => absent.entry((place, why)).or_default().push(row.label()),
                None if !is_tracked(column) => {}
                None => collected.metrics.push(PairedMetric {
                    subject: subject(column),
                    unit: column.unit.to_owned(),
                    scale: *scale,
                    margin: margin_of(
                        column,
                        default_margin(*margin, *of_all_clients, row.clients, &figures),
                        *when,
                        margins,
                        &metrics,
                    ),
                    pairs: figures,
                    question: match (when, scale) {
                        (WhenCompared::CpuTime, _) if counts_instructions => Question::SeemsWorse,
                        (_, ChangeScale::Relative) => Question::WorseOrNot,
                        // A server that collects garbage grows and shrinks by more than any margin: that
                        // alone keeps no comparison open.
                        (_, ChangeScale::Difference) => Question::IsWorse,
                    },
                }),
            }
        }
    }
    for ((place, why), rows) in absent {
        let metric = &metrics[place].column.name;
        let rows = match rows.as_slice() {
            [row] => row.clone(),
            rows => format!("{} series and client counts", thousands(rows.len() as u64)),
        };
        let left_out =
            format!("{metric} is left out for {rows}, no run of either side has it: {why}");
        // Without it a comparison says nothing of what the server's users notice.
        match metrics[place].when {
            WhenCompared::Headline => collected.latencies_left_out.push(left_out),
            _ => collected.left_out.push(left_out),
        }
    }
    collected
}

/// Returns the whole distribution of each row's latency as a metric, see [`latency_shift`]: of rows that have
/// enough latencies in every run. It tolerates what the median does. Only those that are `tracked` are
/// returned, unless none is: also after the first pair, which has no figure of it, so that there is something
/// to go on for.
pub(crate) fn latency_shifts(
    pairs: &[(&Table, &Table)],
    margins: &Margins,
    tracked: &[Subject],
) -> Vec<PairedMetric> {
    let Some((first, _)) = pairs.first() else { return Vec::new() };
    let metrics = compared_columns();
    let of = |row: &Row| {
        let headline = headline(pairs, row, &metrics);
        let median = metrics.iter().find(|metric| metric.column.latency == Some(headline))?;
        let margin = margins.of(&median.column.name, median.margin);
        let margin = margins.of(&latency_shift::name(headline), margin);
        let shift = latency_shift::metric(pairs, row, headline, margin)?;
        let is_asked = match tracked {
            [] => !shift.pairs.is_empty(),
            tracked => tracked.contains(&shift.subject),
        };
        is_asked.then_some(shift)
    };
    first.rows.iter().filter_map(of).collect()
}

/// Returns the latency that a client observes: of its requests, or of what is pushed to it. If no
/// run has that one, the other.
fn headline(pairs: &[(&Table, &Table)], row: &Row, metrics: &[ComparedColumn]) -> Metric {
    let (own, other) = if row.paced {
        (Metric::ResponseLatency, Metric::DeliveryLatency)
    } else {
        (Metric::DeliveryLatency, Metric::ResponseLatency)
    };
    let known = |latency: Metric| {
        let mut columns = metrics.iter().map(|metric| &metric.column);
        let first = columns.find(|column| column.latency == Some(latency));
        first.is_some_and(|column| missing_everywhere(&figures(pairs, row, column)).is_none())
    };
    if !known(own) && known(other) { other } else { own }
}

/// Returns a column's figures of each pair, A's and B's.
pub(super) fn figures(
    pairs: &[(&Table, &Table)],
    row: &Row,
    column: &Column,
) -> Vec<(Figure, Figure)> {
    let of = |table: &Table| {
        let same = |r: &&Row| r.series == row.series && r.clients == row.clients;
        let none = || Figure::absent("the run has no such series and client count");
        table.rows.iter().find(same).map_or_else(none, |row| column.figure(row))
    };
    pairs.iter().map(|(a, b)| (of(a), of(b))).collect()
}

/// Returns the change of a metric that is tolerated. Who tolerates one of CPU time tolerates it of instructions.
fn margin_of(
    column: &Column,
    default: f64,
    when: WhenCompared,
    margins: &Margins,
    metrics: &[ComparedColumn],
) -> f64 {
    let cpu = metrics.iter().find(|metric| metric.when == WhenCompared::CpuTime);
    let default = match (when, cpu) {
        (WhenCompared::Instructions, Some(cpu)) => margins.of(&cpu.column.name, default),
        _ => default,
    };
    margins.of(&column.name, default)
}

/// Returns the change that is tolerated by default: the margin, or what may differ for all clients together.
fn default_margin(
    margin: f64,
    of_all_clients: f64,
    clients: u32,
    pairs: &[(Figure, Figure)],
) -> f64 {
    let of_a: Vec<f64> = pairs.iter().filter_map(|(a, _)| a.value()).collect();
    match median(&of_a).filter(|a| *a > 0.0) {
        Some(a) if clients > 0 => {
            margin.max((of_all_clients / (f64::from(clients) * a)).min(MOST_MARGIN))
        }
        _ => margin,
    }
}

/// Says what was found in a figure that takes no part in the decision, since it was only asked whether it is
/// worse; `None` if it takes part.
pub(crate) fn explain_left_out(metric: &PairedMetric, finding: &mut Finding) -> Option<String> {
    match (metric.question, metric.scale) {
        (Question::WorseOrNot, _) => None,
        (Question::IsWorse, ChangeScale::Relative) => latency_shift::explain(finding),
        (Question::IsWorse, ChangeScale::Difference) => growth::explain(finding),
        (Question::SeemsWorse, _) => {
            let seems_worse = finding.effect.is_none_or(|effect| effect.estimate >= effect.margin);
            if finding.decision != Decision::Inconclusive || seems_worse {
                return None;
            }
            let row = finding.subject.row().unwrap_or_else(|| "the run".to_owned());
            let metric = &finding.subject.metric;
            Some(format!("{metric} of {row} is open, and instructions decide: {}", finding.text))
        }
    }
}

/// Whether every run of both sides has a figure.
fn is_known_everywhere(figures: &[(Figure, Figure)]) -> bool {
    figures.iter().all(|(a, b)| a.value().is_some() && b.value().is_some())
}

/// Says why no run of either side has a figure; `None` if one has.
fn missing_everywhere(figures: &[(Figure, Figure)]) -> Option<String> {
    let mut all = figures.iter().flat_map(|(a, b)| [a, b]);
    let why = figures.first()?.0.reason()?.to_owned();
    all.all(|figure| figure.value().is_none()).then_some(why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::table_of_series;

    #[test]
    fn a_comparison_has_at_most_the_metrics_that_its_sides_can_have() {
        assert_eq!(most_metrics(3, false, false), 6);
        assert_eq!((most_metrics(1, true, false), most_metrics(1, true, true)), (5, 7));
    }

    #[test]
    fn latencies_come_before_costs() {
        let names: Vec<String> = compared_columns().into_iter().map(|m| m.column.name).collect();
        assert_eq!(
            names,
            [
                "delivery_latency_us_p50",
                "delivery_latency_us_p99",
                "response_latency_us_p50",
                "response_latency_us_p99",
                "server_instructions_per_message",
                "server_cpu_us_per_message",
                "server_resident_bytes_per_client",
                "server_resident_growth_bytes_per_message",
                "driver_cpu_us_per_message",
                "driver_resident_bytes_per_client",
            ]
        );
    }

    #[test]
    fn margins_are_read_or_refused_with_a_reason() {
        let read = |text: &str| margin(text);
        let cpu = "server_cpu_us_per_message";
        assert_eq!(read("server_cpu_us_per_message=12.5%"), Ok((cpu.to_owned(), 0.125)));
        assert_eq!(read(" server_cpu_us_per_message = 900 % "), Ok((cpu.to_owned(), 9.0)));
        for (text, part) in [
            ("server_cpu_us_per_message", "has no \"=\""),
            ("server_cpu_us_per_message=10", "has no unit"),
            ("server_cpu_us_per_message=0%", "above 0%"),
            ("server_cpu_us_per_message=-1%", "above 0%"),
            ("server_cpu_us_per_message=NaN%", "above 0%"),
            ("server_cpu_us_per_message=901%", "at most 900%"),
            ("server_cpu_per_message=5%", "did you mean \"server_cpu_us_per_message\"?"),
            ("bytes=5%", "it is one of delivery_latency_us_p50"),
        ] {
            let why = read(text).unwrap_err();
            assert!(why.contains(part), "{text}: {why}");
        }
        let given = [format!("{cpu}=10%"), format!("{cpu}=20%")];
        assert_eq!(Margins::read(&given).map(|m| m.of(cpu, 0.05)), Ok(0.2));
        assert_eq!(Margins::default().of(cpu, 0.05), 0.05);
    }

    /// One of a figure that is about zero is in its unit, and has no share as an upper end.
    #[test]
    fn a_margin_of_a_difference_has_the_figures_unit() {
        let growth = "server_resident_growth_bytes_per_message";
        for (text, bytes) in [("16B", 16.0), (" 1 KiB/message ", 1_024.0), ("0.5B", 0.5)] {
            assert_eq!(margin(&format!("{growth}={text}")), Ok((growth.to_owned(), bytes)));
        }
        for (text, part) in [
            ("5%", "\"%\" is not a unit of"),
            ("16", "16 has no unit"),
            ("0B", "above zero"),
            ("-1B", "write for example --margin"),
            ("", "write for example --margin"),
            ("1.2.3B", "write for example --margin"),
        ] {
            let why = margin(&format!("{growth}={text}")).unwrap_err();
            assert!(why.contains(part) && why.contains(growth), "{text}: {why}");
        }
        let mut margins = Margins::default();
        margins.tolerate(growth, 500.0);
        margins.tolerate("server_cpu_us_per_message", 500.0);
        assert_eq!(margins.of(growth, 8.0), 500.0);
        assert_eq!(margins.of("server_cpu_us_per_message", 0.05), MOST_MARGIN);
    }

    /// Without a latency a comparison says nothing of what a server's users notice.
    #[test]
    fn latencies_that_are_left_out_have_a_list_of_their_own() {
        let table = table_of_series(&[("a", 10)]);
        let collected = collect(&[(&table, &table)], &Margins::default(), false, &[]);
        let latencies = &collected.latencies_left_out;
        assert!(!latencies.is_empty() && !collected.left_out.is_empty(), "{collected:?}");
        assert!(latencies.iter().all(|text| text.contains("_latency_us_p")), "{latencies:?}");
        assert!(!collected.left_out.iter().any(|text| text.contains("_latency_us_p")));
    }

    /// Of 10 clients of 1,600 bytes four pages are all of it; of 1,000 they are a hundredth.
    #[test]
    fn a_few_pages_of_few_clients_are_tolerated() {
        let columns = compared_columns();
        let of = |name: &str| columns.iter().find(|one| one.column.name == name).expect("compared");
        let pairs = vec![(Figure::known(1_638.4), Figure::known(2_000.0)); 9];
        let margin = |name: &str, clients, pairs: &[_]| {
            default_margin(of(name).margin, of(name).of_all_clients, clients, pairs)
        };
        let memory = "server_resident_bytes_per_client";
        for (clients, tolerated) in
            [(10, 1.0), (100, 0.1), (200, 0.05), (1_000, 0.05), (1, MOST_MARGIN), (0, 0.05)]
        {
            assert!((margin(memory, clients, &pairs) - tolerated).abs() < 1e-9, "{clients}");
        }
        assert_eq!(margin(memory, 10, &[]), 0.05);
        assert_eq!(margin("server_cpu_us_per_message", 10, &pairs), 0.05);
    }

    #[test]
    fn a_figure_that_one_run_has_is_not_left_out() {
        let (known, absent) = (Figure::count(1), Figure::absent("gone"));
        let all = |f: &[&Figure]| {
            let pairs: Vec<_> = f.chunks(2).map(|c| (c[0].clone(), c[1].clone())).collect();
            missing_everywhere(&pairs)
        };
        assert_eq!(all(&[&absent, &absent, &absent, &absent]).as_deref(), Some("gone"));
        assert_eq!(all(&[&absent, &absent, &absent, &known]), None);
        assert_eq!(all(&[&known, &absent]), None);
        assert_eq!(all(&[]), None);
    }
}
