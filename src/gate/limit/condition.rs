//! A condition taken apart, each part with its place in the text.
//!
//! Separate from `grammar`, which reads it, and from `rule`, which knows what there is to judge.

use std::fmt;
use std::ops::Range;

/// Which setting of a limit is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorPlace {
    /// Its metric.
    Metric,
    /// These bytes of its condition.
    Condition(Range<usize>),
}

/// An error in a limit, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitError {
    /// Its place.
    pub place: ErrorPlace,
    /// What is wrong and what would be right.
    pub message: String,
}

impl LimitError {
    /// An error in these bytes of the condition.
    pub(super) fn at(span: Range<usize>, message: impl Into<String>) -> LimitError {
        LimitError { place: ErrorPlace::Condition(span), message: message.into() }
    }
}

/// A part of a condition with the bytes that it was read from. Parts that say the same are equal
/// wherever they stand.
#[derive(Debug, Clone)]
pub struct Located<T> {
    /// What was read.
    pub value: T,
    /// Its place in the text.
    pub span: Range<usize>,
}

impl<T: PartialEq> PartialEq for Located<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// A condition taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The metrics that it names; two are divided.
    pub operands: Vec<Located<Operand>>,
    /// What is made of the metric's values.
    pub aggregate: Option<Located<Aggregate>>,
    /// How the figure is compared with the bound.
    pub comparison: Located<Comparison>,
    /// What it is compared with.
    pub bound: Located<Bound>,
}

/// A metric, and a series if it names one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operand {
    /// A label or transport.
    pub series: Option<String>,
    /// The metric.
    pub metric: String,
}

impl Located<Operand> {
    /// The place of its series.
    pub(super) fn series_span(&self) -> Range<usize> {
        let series = self.value.series.as_ref().map_or(0, String::len);
        self.span.start..self.span.start + series
    }
    /// The place of its metric.
    pub(super) fn metric_span(&self) -> Range<usize> {
        self.span.end - self.value.metric.len()..self.span.end
    }
}

/// What is made of a metric's values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Aggregate {
    /// The arithmetic mean.
    Avg,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The median.
    Med,
    /// A percentile, from 0 to 100.
    Percentile(f64),
    /// How many there are.
    Count,
    /// The part of the whole that they are.
    Rate,
    /// The one value that there is.
    Value,
}

impl Aggregate {
    /// Each as it may be written, percentiles apart. The first name of each is printed.
    const NAMES: [(&'static str, Aggregate); 8] = [
        ("avg", Aggregate::Avg),
        ("mean", Aggregate::Avg),
        ("min", Aggregate::Min),
        ("max", Aggregate::Max),
        ("med", Aggregate::Med),
        ("count", Aggregate::Count),
        ("rate", Aggregate::Rate),
        ("value", Aggregate::Value),
    ];
    /// Every name, percentiles apart.
    pub(super) fn names() -> [&'static str; 8] {
        Aggregate::NAMES.map(|(name, _)| name)
    }
    /// The aggregate of a name; `None` for a percentile.
    pub(super) fn of(name: &str) -> Option<Aggregate> {
        Aggregate::NAMES.iter().find(|(known, _)| *known == name).map(|(_, aggregate)| *aggregate)
    }
    /// The quantile of a percentile or median, from 0 to 1.
    pub fn quantile(self) -> Option<f64> {
        match self {
            Aggregate::Med => Some(0.5),
            // By its decimal exponent: 99.9 gives the nearest number to 0.999.
            Aggregate::Percentile(percent) => format!("{percent}e-2").parse().ok(),
            _ => None,
        }
    }
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Aggregate::Percentile(percent) => write!(f, "p({percent})"),
            other => {
                let found = Aggregate::NAMES.iter().find(|(_, named)| named == other);
                f.write_str(found.map_or("?", |(name, _)| name))
            }
        }
    }
}

named! {
    /// How a figure is compared with its bound.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Comparison {
        /// Below it.
        Less = "<",
        /// Below it or equal.
        AtMost = "<=",
        /// Above it.
        More = ">",
        /// Above it or equal.
        AtLeast = ">=",
        /// Equal.
        Equal = "==",
        /// Not equal.
        Unequal = "!=",
    }
}

impl Comparison {
    /// Whether a figure is to the bound as it should be.
    pub fn holds(self, figure: f64, bound: f64) -> bool {
        match self {
            Comparison::Less => figure < bound,
            Comparison::AtMost => figure <= bound,
            Comparison::More => figure > bound,
            Comparison::AtLeast => figure >= bound,
            Comparison::Equal => figure == bound,
            Comparison::Unequal => figure != bound,
        }
    }
}

/// What a figure is compared with, as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    /// The number.
    pub number: f64,
    /// Of `400:1`, the number after the colon.
    pub divisor: Option<f64>,
    /// The unit; empty if there is none.
    pub unit: String,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.divisor {
            Some(divisor) => write!(f, "{}:{divisor}", self.number),
            None => write!(f, "{}{}", self.number, self.unit),
        }
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.series.iter().try_for_each(|series| write!(f, "{series}."))?;
        f.write_str(&self.metric)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, operand) in self.operands.iter().enumerate() {
            write!(f, "{}{} ", if n > 0 { "/ " } else { "" }, operand.value)?;
        }
        self.aggregate.iter().try_for_each(|aggregate| write!(f, "{} ", aggregate.value))?;
        write!(f, "{} {}", self.comparison.value.name(), self.bound.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comparison_holds_as_it_reads() {
        assert_eq!(Comparison::ALL.map(Comparison::name), ["<", "<=", ">", ">=", "==", "!="]);
        let of = |a, b| Comparison::ALL.map(|comparison| comparison.holds(a, b));
        assert_eq!(of(1.0, 2.0), [true, true, false, false, false, true]);
        assert_eq!(of(2.0, 2.0), [false, true, false, true, true, false]);
        assert_eq!(of(3.0, 2.0), [false, false, true, true, false, true]);
    }
}
