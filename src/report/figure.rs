//! A derived number that may be absent and then gives the reason.
//!
//! Separate from `record`'s counts, which always exist. A known figure is always finite.

use serde::{Serialize, Serializer};
use std::fmt;

/// A number, or the reason why there is none.
#[derive(Debug, Clone, PartialEq)]
pub enum Figure {
    /// A finite number, in the unit of the field that holds it.
    Known(f64),
    /// There is none.
    Absent(Absence),
}

/// Why there is no number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absence {
    /// The reason as a clause: `no message was delivered`.
    pub why: String,
    /// True if it follows from the scenario: no run of it has this number.
    pub by_scenario: bool,
}

impl Absence {
    /// Returns a reason that follows from the scenario.
    pub fn by_scenario(why: impl Into<String>) -> Absence {
        Absence { why: why.into(), by_scenario: true }
    }
}

impl<T: Into<String>> From<T> for Absence {
    /// Returns a reason that follows from what happened in the run.
    fn from(why: T) -> Absence {
        Absence { why: why.into(), by_scenario: false }
    }
}

impl Default for Figure {
    fn default() -> Figure {
        Figure::absent("not measured")
    }
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl Figure {
    /// Returns a number; one that is not finite is absent.
    pub fn known(value: f64) -> Figure {
        if value.is_finite() {
            Figure::Known(value)
        } else {
            Figure::absent("the arithmetic has no finite result")
        }
    }
    /// Returns a whole number.
    pub fn count(value: u64) -> Figure {
        Figure::Known(value as f64)
    }
    /// Returns a number, or why there is none.
    pub fn or_absent(value: Option<f64>, why: impl Into<Absence>) -> Figure {
        value.map_or_else(|| Figure::absent(why), Figure::known)
    }
    /// Returns an absent figure.
    pub fn absent(why: impl Into<Absence>) -> Figure {
        Figure::Absent(why.into())
    }
    /// Returns a figure that no run of the scenario has.
    pub fn absent_by_scenario(why: impl Into<String>) -> Figure {
        Figure::Absent(Absence::by_scenario(why))
    }
    /// Returns the number, if there is one.
    pub fn value(&self) -> Option<f64> {
        match self {
            Figure::Known(value) => Some(*value),
            Figure::Absent(_) => None,
        }
    }
    /// Returns why there is no number, if there is none.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Figure::Known(_) => None,
            Figure::Absent(absence) => Some(&absence.why),
        }
    }
    /// Returns the number changed, or the same reason.
    pub fn map(&self, change: impl FnOnce(f64) -> f64) -> Figure {
        match self {
            Figure::Known(value) => Figure::known(change(*value)),
            Figure::Absent(absence) => Figure::Absent(absence.clone()),
        }
    }
    /// Returns this over `divisor`: absent for the reason of either, or because of `nothing` if the
    /// divisor is zero.
    pub fn over(&self, divisor: &Figure, nothing: impl Into<Absence>) -> Figure {
        match (self, divisor) {
            (Figure::Absent(absence), _) | (_, Figure::Absent(absence)) => {
                Figure::Absent(absence.clone())
            }
            (_, Figure::Known(0.0)) => Figure::absent(nothing),
            (Figure::Known(a), Figure::Known(b)) => Figure::known(a / b),
        }
    }
    /// Returns this, or the other if this is absent.
    pub fn or<'a>(&'a self, other: &'a Figure) -> &'a Figure {
        match self {
            Figure::Known(_) => self,
            Figure::Absent(_) => other,
        }
    }
}

impl Serialize for Figure {
    /// Writes the number, or null.
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(s)
    }
}
