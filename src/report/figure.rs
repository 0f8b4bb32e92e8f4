//! A derived number that may be absent and then says why.
//!
//! Separate from `record`'s counts, which always exist. A known figure is always finite.

use serde::{Serialize, Serializer};

/// A number, or the reason why there is none.
#[derive(Debug, Clone, PartialEq)]
pub enum Figure {
    /// A finite number; its unit is said where it is stored.
    Known(f64),
    /// Why there is none, as a clause: `no message was delivered`.
    Absent(String),
}

impl Figure {
    /// A number; one that is not finite is absent.
    pub fn known(value: f64) -> Figure {
        match value.is_finite() {
            true => Figure::Known(value),
            false => Figure::absent("the arithmetic has no finite result"),
        }
    }
    /// A whole number.
    pub fn count(value: u64) -> Figure {
        Figure::Known(value as f64)
    }
    /// No number, and why.
    pub fn absent(why: impl Into<String>) -> Figure {
        Figure::Absent(why.into())
    }
    /// The number, if there is one.
    pub fn value(&self) -> Option<f64> {
        match self {
            Figure::Known(value) => Some(*value),
            Figure::Absent(_) => None,
        }
    }
    /// Why there is no number, if there is none.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Figure::Known(_) => None,
            Figure::Absent(why) => Some(why),
        }
    }
    /// The number changed, the reason kept.
    pub fn map(&self, change: impl FnOnce(f64) -> f64) -> Figure {
        match self {
            Figure::Known(value) => Figure::known(change(*value)),
            Figure::Absent(why) => Figure::Absent(why.clone()),
        }
    }
    /// This over `divisor`; absent for the reason of either, or because `nothing` where the
    /// divisor is zero.
    pub fn over(&self, divisor: &Figure, nothing: &str) -> Figure {
        match (self, divisor) {
            (Figure::Absent(why), _) | (_, Figure::Absent(why)) => Figure::Absent(why.clone()),
            (_, Figure::Known(0.0)) => Figure::absent(nothing),
            (Figure::Known(a), Figure::Known(b)) => Figure::known(a / b),
        }
    }
    /// This, or the other where this is absent.
    pub fn or<'a>(&'a self, other: &'a Figure) -> &'a Figure {
        match self {
            Figure::Known(_) => self,
            Figure::Absent(_) => other,
        }
    }
}

impl Serialize for Figure {
    /// The number, or null.
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(s)
    }
}
