//! A condition taken apart: its operands, aggregate, comparison and bound, and how it is printed.
//!
//! Separate from `grammar`, which reads it, and from `rule`, which knows what there is to judge.

use std::fmt;
use std::ops::Range;

/// What is wrong with a condition, and where in its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The bytes that are wrong.
    pub span: Range<usize>,
    /// What is wrong and what would be right.
    pub message: String,
}

/// A condition taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The metrics that it names; two are divided.
    pub operands: Vec<Operand>,
    /// What is made of the metric's values.
    pub aggregate: Option<Aggregate>,
    /// How the figure is held against the bound.
    pub op: Op,
    /// What it is held against.
    pub bound: Bound,
}

/// A metric, and a series where it names one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operand {
    /// A label or transport.
    pub series: Option<String>,
    /// The metric.
    pub metric: String,
}

/// Where the parts of a condition stand in its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spans {
    /// The operands.
    pub operands: Vec<Range<usize>>,
    /// The aggregate; the place of the operator where there is none.
    pub aggregate: Range<usize>,
    /// The operator.
    pub op: Range<usize>,
    /// The bound.
    pub bound: Range<usize>,
}

impl Spans {
    /// The series of an operand.
    pub fn series(&self, operand: &Operand, n: usize) -> Range<usize> {
        let start = self.operands[n].start;
        start..start + operand.series.as_ref().map_or(0, String::len)
    }
    /// The metric of an operand.
    pub fn metric(&self, operand: &Operand, n: usize) -> Range<usize> {
        let end = self.operands[n].end;
        end - operand.metric.len()..end
    }
}

/// What is made of a metric's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aggregate {
    /// The arithmetic mean.
    Avg,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The median.
    Med,
    /// A percentile, its number as it was written: `99.9`.
    Percentile(String),
    /// How many there are.
    Count,
    /// The part of the whole that they are.
    Rate,
    /// The one value that there is.
    Value,
}

impl Aggregate {
    /// Every word that is an aggregate.
    pub const WORDS: [&'static str; 8] =
        ["avg", "mean", "min", "max", "med", "count", "rate", "value"];

    /// The aggregate of a word; a percentile is none.
    pub(super) fn of(word: &str) -> Option<Aggregate> {
        Some(match word {
            "avg" | "mean" => Aggregate::Avg,
            "min" => Aggregate::Min,
            "max" => Aggregate::Max,
            "med" => Aggregate::Med,
            "count" => Aggregate::Count,
            "rate" => Aggregate::Rate,
            "value" => Aggregate::Value,
            _ => return None,
        })
    }
    /// The quantile of a percentile or median, from 0 to 1.
    pub fn quantile(&self) -> Option<f64> {
        match self {
            Aggregate::Med => Some(0.5),
            // The exponent is moved before it is read: 99.9 gives the nearest number to 0.999.
            Aggregate::Percentile(text) => format!("{text}e-2").parse().ok(),
            _ => None,
        }
    }
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Aggregate::Avg => "avg",
            Aggregate::Min => "min",
            Aggregate::Max => "max",
            Aggregate::Med => "med",
            Aggregate::Percentile(text) => return write!(f, "p({text})"),
            Aggregate::Count => "count",
            Aggregate::Rate => "rate",
            Aggregate::Value => "value",
        })
    }
}

/// How a figure is held against its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Below it.
    Less,
    /// Below it or equal.
    AtMost,
    /// Above it.
    More,
    /// Above it or equal.
    AtLeast,
    /// Equal.
    Equal,
    /// Not equal.
    Unequal,
}

impl Op {
    /// Every comparison as it may be written, the longest first.
    pub(super) const WRITTEN: [(&'static str, Op); 7] = [
        ("===", Op::Equal),
        ("==", Op::Equal),
        ("!=", Op::Unequal),
        ("<=", Op::AtMost),
        (">=", Op::AtLeast),
        ("<", Op::Less),
        (">", Op::More),
    ];

    /// Whether a figure is to the bound as it should be.
    pub fn holds(self, figure: f64, bound: f64) -> bool {
        match self {
            Op::Less => figure < bound,
            Op::AtMost => figure <= bound,
            Op::More => figure > bound,
            Op::AtLeast => figure >= bound,
            Op::Equal => figure == bound,
            Op::Unequal => figure != bound,
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Op::Less => "<",
            Op::AtMost => "<=",
            Op::More => ">",
            Op::AtLeast => ">=",
            Op::Equal => "==",
            Op::Unequal => "!=",
        })
    }
}

/// What a figure is held against: decimal digits, so that nothing is lost before the unit is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// The number, with a sign where it has one.
    pub number: String,
    /// Of `400:1`, the number after the colon.
    pub to: Option<String>,
    /// The unit; empty where there is none.
    pub unit: String,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number)?;
        self.to.iter().try_for_each(|to| write!(f, ":{to}"))?;
        f.write_str(&self.unit)
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
            write!(f, "{}{operand}", if n > 0 { " / " } else { "" })?;
        }
        let gap = if self.operands.is_empty() { "" } else { " " };
        if let Some(aggregate) = &self.aggregate {
            write!(f, "{gap}{aggregate} {} {}", self.op, self.bound)
        } else {
            write!(f, "{gap}{} {}", self.op, self.bound)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comparison_is_what_it_says() {
        let all = [Op::Less, Op::AtMost, Op::More, Op::AtLeast, Op::Equal, Op::Unequal];
        let of = |a, b| all.map(|op| op.holds(a, b));
        assert_eq!(of(1.0, 2.0), [true, true, false, false, false, true]);
        assert_eq!(of(2.0, 2.0), [false, true, false, true, true, false]);
        assert_eq!(of(3.0, 2.0), [false, false, true, true, false, true]);
    }
}
