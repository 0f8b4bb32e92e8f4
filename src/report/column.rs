//! A column of `summary.csv`, and what everything else knows of it: what a limit, a comparison and
//! a tracker may do with its figure.

use crate::record::Metric;
use crate::report::figure::Figure;
use crate::report::finding::ChangeScale;
use crate::report::layer::Statistic;
use crate::report::table::Row;
use std::fmt;

/// A value of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum CellValue {
    /// Words.
    Text(String),
    /// A whole number.
    Count(u64),
    /// A number that may be absent.
    Number(Figure),
    /// Yes or no.
    Flag(bool),
}

/// What a column's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnKind {
    /// [`CellValue::Text`].
    Text,
    /// [`CellValue::Count`].
    Count,
    /// [`CellValue::Number`].
    Number,
    /// [`CellValue::Flag`].
    Flag,
}

/// Which of two numbers is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    /// The lower one.
    Lower,
    /// The higher one.
    Higher,
    /// Neither: the plan sets it, or it says nothing by itself.
    Neither,
}

impl Better {
    /// Its name in the schema.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Better::Lower => "lower",
            Better::Higher => "higher",
            Better::Neither => "neither",
        }
    }
}

/// What a number is, beside its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nature {
    /// The plan sets it.
    Setting,
    /// It counts events.
    Events,
    /// A part of a whole, from 0 to 1, or a change as a part of what it was.
    Share,
    /// Anything else.
    Quantity,
}

/// What two processes that do the same may differ by: four pages of 4 KiB, in bytes.
const TOLERATED_PAGES: f64 = 4.0 * 4_096.0;

/// How a figure of two runs is compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Compared {
    /// Not by this column: bytes and counts are compared by their totals.
    No,
    /// It varies from run to run; a baseline keeps it, and nothing decides on it.
    Kept,
    /// It varies from run to run and is compared by pairs of runs.
    Paired {
        /// The change that is tolerated if the user names none: 0.05 is 5 % more, or of a difference the
        /// number itself.
        margin: f64,
        /// What may differ for all clients together, if that is more than the margin: bytes of memory, which comes in
        /// pages. Zero of other figures.
        of_all_clients: f64,
        /// What the change is measured by.
        scale: ChangeScale,
        /// When it is compared.
        when: WhenCompared,
    },
}

/// When a metric of pairs of runs is compared, in the order in which reports show them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum WhenCompared {
    /// If it is the latency that a client of the transport observes.
    Headline,
    /// If it is known of both sides in every pair.
    Instructions,
    /// Always; if instructions are compared, no pair is run for its sake unless it seems worse.
    CpuTime,
    /// Always.
    Always,
    /// If both sides have a driver of their own.
    OwnDriver,
}

/// What a count is a part of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Whole {
    /// The whole of a row.
    pub of: fn(&Row) -> Figure,
    /// Why there is no share of it if it is zero.
    pub if_zero: &'static str,
    /// True if part and whole fit each other while a case runs.
    pub live: bool,
}

type Getter = Box<dyn Fn(&Row) -> CellValue + Send + Sync>;
type Samples = Box<dyn Fn(&Row) -> u64 + Send + Sync>;

/// A column.
pub struct Column {
    /// Its name: snake case, with layer, direction and unit.
    pub name: String,
    /// What its values are.
    pub(crate) kind: ColumnKind,
    /// Its unit, or `-`.
    pub unit: &'static str,
    /// What it holds, in a sentence.
    pub about: String,
    /// Its names in earlier versions, which limits and margins still accept.
    pub formerly: Vec<String>,
    /// Which of two numbers is the better one.
    pub(crate) better: Better,
    /// What the number is, beside its unit.
    pub(crate) nature: Nature,
    /// How it is compared.
    pub(crate) compared: Compared,
    /// What trackers of benchmarks show it as, if they get it.
    pub tracked: Option<&'static str>,
    /// True if it is known while a case runs, false if only at its end.
    pub live: bool,
    /// True if it only becomes more while a case runs.
    pub grows: bool,
    /// What it is a part of.
    pub(crate) whole: Option<Whole>,
    /// The latency that it is a statistic of.
    pub latency: Option<Metric>,
    /// Which of its statistics.
    pub statistic: Option<Statistic>,
    /// What a comparison calls it that shows what changed beside a figure which got worse.
    pub beside: Option<&'static str>,
    /// True if it compares with the chapter, or is in the chapter's unit.
    pub of_chapter: bool,
    get: Getter,
    samples: Samples,
}

impl PartialEq for Column {
    /// A name stands once.
    fn eq(&self, other: &Column) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for Column {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "column {}", self.name)
    }
}

impl Column {
    /// A column that is lower the better, known at the end, with a row's messages behind it.
    pub(crate) fn new(
        kind: ColumnKind,
        name: impl Into<String>,
        unit: &'static str,
        about: impl Into<String>,
        get: impl Fn(&Row) -> CellValue + Send + Sync + 'static,
    ) -> Column {
        Column {
            name: name.into(),
            kind,
            unit,
            about: about.into(),
            formerly: Vec::new(),
            better: Better::Lower,
            nature: Nature::Quantity,
            compared: Compared::No,
            tracked: None,
            live: false,
            grows: false,
            whole: None,
            latency: None,
            statistic: None,
            beside: None,
            of_chapter: false,
            get: Box::new(get),
            samples: Box::new(|row| row.events.per_message_divisor()),
        }
    }
    /// The row's value.
    pub fn get(&self, row: &Row) -> CellValue {
        (self.get)(row)
    }
    /// The row's number.
    pub fn figure(&self, row: &Row) -> Figure {
        match self.get(row) {
            CellValue::Count(count) => Figure::count(count),
            CellValue::Number(figure) => figure,
            CellValue::Text(_) | CellValue::Flag(_) => {
                Figure::absent(format!("{} is no numeric column", self.name))
            }
        }
    }
    /// How many values are behind the row's number.
    pub fn samples(&self, row: &Row) -> u64 {
        (self.samples)(row)
    }
    /// True if the row's number may be the driver's as much as the server's.
    pub fn is_driver_bound(&self, row: &Row) -> bool {
        let of = self.latency.zip(self.statistic);
        of.is_some_and(|(metric, statistic)| row.latency(metric).is_bound(statistic))
    }
    /// True if its values are numbers.
    pub fn is_number(&self) -> bool {
        matches!(self.kind, ColumnKind::Count | ColumnKind::Number)
    }
    /// True if this is its name, or was.
    pub fn is_named(&self, name: &str) -> bool {
        self.name == name || self.formerly.iter().any(|old| old == name)
    }

    pub(crate) fn formerly(mut self, name: impl Into<String>) -> Column {
        self.formerly.push(name.into());
        self
    }
    pub(crate) fn better(self, better: Better) -> Column {
        Column { better, ..self }
    }
    /// The plan sets it: neither number is the better one.
    pub(crate) fn setting(self) -> Column {
        Column { nature: Nature::Setting, better: Better::Neither, ..self }
    }
    /// It counts events.
    pub(crate) fn events(self) -> Column {
        Column { nature: Nature::Events, ..self }
    }
    /// It counts events as they happen.
    pub(crate) fn live_events(self) -> Column {
        Column { nature: Nature::Events, live: true, grows: true, ..self }
    }
    pub(crate) fn of_chapter(self) -> Column {
        Column { of_chapter: true, ..self }
    }
    pub(crate) fn share(self) -> Column {
        Column { nature: Nature::Share, ..self }
    }
    pub(crate) fn live(self, live: bool) -> Column {
        Column { live, ..self }
    }
    /// It counts the values of this latency, or is a statistic of them.
    pub(crate) fn of_latency(self, metric: Metric, statistic: Option<Statistic>) -> Column {
        let column = self.samples_of(move |row| row.latency(metric).count);
        Column { latency: Some(metric), statistic, live: true, ..column }
    }
    pub(crate) fn whole(self, whole: Whole) -> Column {
        Column { whole: Some(whole), ..self }
    }
    pub(crate) fn compared(self, compared: Compared) -> Column {
        Column { compared, ..self }
    }
    pub(crate) fn paired(self, margin: f64, when: WhenCompared) -> Column {
        let scale = ChangeScale::Relative;
        self.compared(Compared::Paired { margin, of_all_clients: 0.0, scale, when })
    }
    /// Its sides are compared by their difference: it is about zero if nothing is wrong.
    pub(crate) fn paired_by_difference(self, margin: f64, when: WhenCompared) -> Column {
        let scale = ChangeScale::Difference;
        self.compared(Compared::Paired { margin, of_all_clients: 0.0, scale, when })
    }
    /// Of memory a client: with few clients a page or two is more than the margin.
    pub(crate) fn paired_memory(self, margin: f64, when: WhenCompared) -> Column {
        let scale = ChangeScale::Relative;
        self.compared(Compared::Paired { margin, of_all_clients: TOLERATED_PAGES, scale, when })
    }
    pub(crate) fn tracked(self, label: &'static str) -> Column {
        Column { tracked: Some(label), ..self }
    }
    /// It may show the cause of a figure that got worse.
    pub(crate) fn beside(self, name: &'static str) -> Column {
        Column { beside: Some(name), ..self }
    }
    pub(crate) fn samples_of(
        self,
        samples: impl Fn(&Row) -> u64 + Send + Sync + 'static,
    ) -> Column {
        Column { samples: Box::new(samples), ..self }
    }
}
