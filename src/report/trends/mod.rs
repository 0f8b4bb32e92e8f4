//! Figures over many runs, as `wsbench history show` has them: one line for each figure.
//!
//! | file | for |
//! |---|---|
//! | `text` | a terminal |
//! | `markdown` | a job's summary, a comment |
//! | `html` | a section of a page: no script, no request |
//!
//! Nothing here decides whether a change is one; that is `gate`'s.

pub(crate) mod html;
pub(crate) mod markdown;
pub(crate) mod text;

use crate::report::finding::Subject;
use crate::report::judgement::describe;
use crate::report::median::median;
use crate::units::{append_unit, six_digits};

/// What a sparkline is made of, from the least value to the greatest.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// A run without the figure.
const GAP: char = '·';

/// One figure over the runs, the oldest first.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trend {
    /// The series, its client count, and the metric.
    pub subject: Subject,
    /// Its unit, or `-`.
    pub unit: &'static str,
    /// A value for each run that is shown; absent if the run has none.
    pub values: Vec<Option<f64>>,
}

impl Trend {
    /// Returns the last value, if the last run has one.
    fn latest(&self) -> Option<f64> {
        self.values.last().copied().flatten()
    }

    /// Returns the relative change from the median of the runs before to the last one; `None` if there is
    /// no such ratio.
    fn change(&self) -> Option<f64> {
        let (last, before) = self.values.split_last()?;
        let known: Vec<f64> = before.iter().copied().flatten().collect();
        match ((*last)?, median(&known)?) {
            (last, median) if last == median => Some(0.0),
            (_, median) if median <= 0.0 => None,
            (last, median) => Some(last / median - 1.0),
        }
    }

    /// Returns how many of the runs before the last one lack the figure.
    fn unknown_before(&self) -> usize {
        let before = self.values.split_last().map_or(&[][..], |(_, before)| before);
        before.iter().filter(|value| value.is_none()).count()
    }

    /// Returns a character for each run.
    fn sparkline(&self) -> String {
        let bar = |value: f64| BARS[((self.height(value).unwrap_or(0.0) * 8.0) as usize).min(7)];
        self.values.iter().map(|value| value.map_or(GAP, bar)).collect()
    }

    /// Returns where a value is between the least, 0, and the greatest, 1; `None` if all are the same.
    fn height(&self, value: f64) -> Option<f64> {
        // Halves: the difference of two of the largest numbers is none.
        let halves = || self.values.iter().flatten().map(|value| value / 2.0);
        let least = halves().fold(f64::INFINITY, f64::min);
        let most = halves().fold(f64::NEG_INFINITY, f64::max);
        (most > least).then(|| (value / 2.0 - least) / (most - least))
    }

    /// Returns the last value with its unit and the change, as cells.
    fn cells(&self) -> [String; 2] {
        let latest = self.latest().map(|value| append_unit(six_digits(value), self.unit));
        let absent = || "-".to_owned();
        [latest.unwrap_or_else(absent), self.change().map_or_else(absent, describe::change)]
    }
}

/// All figures, and what must be known of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Trends {
    /// Which file, and how many runs.
    pub title: String,
    /// The figures in the order of the reports, those of a row one after the other.
    pub trends: Vec<Trend>,
    /// Sentences that a reader must know.
    pub notes: Vec<String>,
}

/// What the last column means.
const CHANGE: &str = "change: from the median of the runs before it to the latest one";

impl Trends {
    /// Says what the last column means, and how many runs have no part in it.
    fn legend(&self) -> String {
        let unknown = self.trends.iter().map(Trend::unknown_before).filter(|n| *n > 0);
        let unknown: Vec<usize> = unknown.collect();
        let (Some(least), Some(most)) = (unknown.iter().min(), unknown.iter().max()) else {
            return CHANGE.to_owned();
        };
        let runs = match (least, most) {
            (1, 1) => "1 run".to_owned(),
            (least, most) if least == most => format!("{least} runs"),
            _ => format!("{least} to {most} runs"),
        };
        let all = self.trends.len();
        let figures = unknown.len();
        format!(
            "{CHANGE}, without those that lack the figure ({GAP}): {runs} for {figures} of {all} figures"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trend(values: &[Option<f64>]) -> Trend {
        let subject = Subject::of_row("a|<b>", 1_000, "server_cpu_us_per_message");
        Trend { subject, unit: "µs/message", values: values.to_vec() }
    }

    fn trends() -> Trends {
        let known = [Some(10.0), None, Some(12.0), Some(13.0)];
        Trends {
            title: "2 runs of <x>".to_owned(),
            trends: vec![trend(&known), trend(&[Some(0.0), Some(0.0), Some(0.0), Some(5.0)])],
            notes: vec!["a note".to_owned()],
        }
    }

    #[test]
    fn a_sparkline_has_a_character_for_each_run() {
        let line = |values: &[Option<f64>]| trend(values).sparkline();
        let rising: Vec<Option<f64>> = (0..8).map(|n| Some(f64::from(n))).collect();
        assert_eq!(line(&rising), "▁▂▃▄▅▆▇█");
        assert_eq!(line(&[Some(5.0), None, Some(5.0)]), "▁·▁");
        assert_eq!(line(&[]), "");
        assert_eq!(line(&[Some(-1.7e308), Some(0.0), Some(1.7e308)]), "▁▅█");
    }

    #[test]
    fn the_change_is_from_the_median_before() {
        let change =
            |values: &[f64]| trend(&values.iter().map(|x| Some(*x)).collect::<Vec<_>>()).change();
        assert_eq!(change(&[1.0, 100.0, 3.0, 2.0, 5.0]), Some(1.0));
        assert_eq!(change(&[0.0, 0.0]), Some(0.0));
        assert_eq!((change(&[0.0, 1.0]), change(&[1.0])), (None, None));
        assert_eq!(trend(&[Some(1.0), None]).change(), None);
    }

    #[test]
    fn the_terminal_has_a_line_for_each_figure() {
        let shown = text::render(&trends());
        assert!(shown.starts_with("2 runs of <x>\n"), "{shown}");
        let line = "  server_cpu_us_per_message  ▁·▆█                   13 µs/message  +18.2 %";
        assert!(shown.lines().any(|l| l == line), "{shown}");
        assert!(shown.contains("a|<b> at 1,000 clients") && shown.contains("a note"), "{shown}");
    }

    #[test]
    fn runs_without_the_figure_are_counted() {
        let legend = |values: &[&[Option<f64>]]| {
            let trends = values.iter().map(|values| trend(values)).collect();
            Trends { trends, ..Trends::default() }.legend()
        };
        let whole: &[Option<f64>] = &[Some(1.0), Some(2.0)];
        assert_eq!(legend(&[whole]), CHANGE);
        // The latest one is in no median.
        assert_eq!(legend(&[&[Some(1.0), None]]), CHANGE);
        let one: &[Option<f64>] = &[None, Some(2.0), Some(2.0)];
        let said = |rest: &str| format!("{CHANGE}, without those that lack the figure (·): {rest}");
        assert_eq!(legend(&[whole, one]), said("1 run for 1 of 2 figures"));
        let two: &[Option<f64>] = &[None, None, Some(2.0)];
        assert_eq!(legend(&[one, two]), said("1 to 2 runs for 2 of 2 figures"));
        let trends = trends();
        for shown in [text::render(&trends), markdown::render(&trends), html::render(&trends)] {
            let on_one_line = shown.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(on_one_line.contains("(·): 1 run for 1 of 2 figures"), "{shown}");
        }
    }

    #[test]
    fn marks_of_the_formats_are_escaped() {
        let shown = markdown::render(&trends());
        assert!(!shown.contains("a|<b>") && shown.contains("▁·▆█"), "{shown}");
        let page = html::render(&trends());
        assert!(page.contains("a|&lt;b&gt; at 1,000 clients"), "{page}");
        assert!(!page.contains("<b>") && !page.contains("<x>"), "{page}");
        for request in ["http:", "https:", "src=", "href=", "url(", "@import", "<script"] {
            assert!(!page.contains(request), "{request} in {page}");
        }
        // The gap parts the line.
        assert_eq!(page.matches("<polyline").count(), 3, "{page}");
    }
}
