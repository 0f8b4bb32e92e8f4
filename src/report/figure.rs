//! A derived number that may be absent and then gives the reason.
//!
//! Separate from `record`'s counts, which always exist. A known figure is always finite.

use crate::record::LATENCY_BOUND_NS;
use crate::units::thousands;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize, Serializer};
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absence {
    /// The reason as a clause: `no message was delivered`.
    pub why: String,
    /// True if it follows from the scenario: no run of it has this number.
    pub by_scenario: bool,
    /// What the number is below, in the unit of the figure, if that is known of it.
    pub below: Option<u64>,
}

impl Absence {
    /// Returns a reason that follows from the scenario.
    pub fn by_scenario(why: impl Into<String>) -> Absence {
        Absence { why: why.into(), by_scenario: true, below: None }
    }
    /// Returns a figure that is made from the absent one: it has the same reason, but what the one is
    /// below says nothing of it.
    pub(crate) fn of_another(&self) -> Figure {
        Figure::Absent(Absence { below: None, ..self.clone() })
    }
}

impl<T: Into<String>> From<T> for Absence {
    /// Returns a reason that follows from what happened in the run.
    fn from(why: T) -> Absence {
        Absence { why: why.into(), by_scenario: false, below: None }
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
    /// Returns a quantile of times in nanoseconds, in µs. It is absent if there are too few values for
    /// it: one in a hundred cannot be known from fewer than a hundred. And if it lies at the end of what
    /// is distinguished, an hour.
    pub fn quantile_us(times: &Histogram<u64>, quantile: f64) -> Figure {
        Figure::of_quantile(times, quantile, || times.value_at_quantile(quantile))
    }
    /// The same for a value at `quantile` that was found with others, in one walk over the histogram.
    pub(crate) fn of_quantile(
        times: &Histogram<u64>,
        quantile: f64,
        value_ns: impl FnOnce() -> u64,
    ) -> Figure {
        let share_above = 1.0 - quantile;
        // The subtraction is off by less than a billionth.
        let needed = if share_above > 0.0 { (1.0 / share_above - 1e-6).ceil() as u64 } else { 1 };
        if times.len() < needed {
            let values = if times.len() == 1 { "value is" } else { "values are" };
            return Figure::absent(format!(
                "{} {values} too few for p{}: it needs {}",
                thousands(times.len()),
                // As many digits as it has: p50, p99.9.
                (quantile * 1e6).round() / 1e4,
                thousands(needed)
            ));
        }
        let value = value_ns();
        if value >= longest_ns(times) {
            Figure::absent(above_an_hour(times).unwrap_or_default())
        } else {
            Figure::known(value as f64 / 1e3)
        }
    }
    /// Returns what the number is below, if there is none and that is known.
    pub fn below(&self) -> Option<u64> {
        match self {
            Figure::Known(_) => None,
            Figure::Absent(absence) => absence.below,
        }
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
            Figure::Absent(absence) => absence.of_another(),
        }
    }
    /// Returns this over `divisor`: absent for the reason of either, or because of `nothing` if the
    /// divisor is zero.
    pub fn over(&self, divisor: &Figure, nothing: impl Into<Absence>) -> Figure {
        match (self, divisor) {
            (Figure::Absent(absence), _) | (_, Figure::Absent(absence)) => absence.of_another(),
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

/// The least value that is not distinguished from the longest one.
fn longest_ns(times: &Histogram<u64>) -> u64 {
    times.lowest_equivalent(LATENCY_BOUND_NS)
}

/// What to say of times of an hour and more, whose length is not known; `None` if there is none.
pub(crate) fn above_an_hour(times: &Histogram<u64>) -> Option<String> {
    let above = times.count_between(longest_ns(times), times.high());
    (above > 0).then(|| {
        format!(
            "{} of {} values are above 1 h, and how far above is not recorded",
            thousands(above),
            thousands(times.len())
        )
    })
}

impl Serialize for Figure {
    /// Writes the number, or null.
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(s)
    }
}

/// Figures with the reason of those that are absent, for what a page carries.
pub(crate) mod whole {
    use super::{Absence, Figure};
    use serde::de::DeserializeOwned;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// A figure in a page: a number, or why there is none.
    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    pub(crate) enum CarriedFigure {
        /// A number.
        Known(f64),
        /// None.
        Absent(Absence),
    }

    /// What has figures in it.
    pub(crate) trait HasFigures: Sized {
        /// The same as it is carried.
        type Carried: Serialize + DeserializeOwned;
        /// Returns it as it is carried.
        fn carried(&self) -> Self::Carried;
        /// The reverse.
        fn of(carried: Self::Carried) -> Self;
    }

    impl HasFigures for Figure {
        type Carried = CarriedFigure;
        fn carried(&self) -> CarriedFigure {
            match self {
                Figure::Known(value) => CarriedFigure::Known(*value),
                Figure::Absent(absence) => CarriedFigure::Absent(absence.clone()),
            }
        }
        fn of(carried: CarriedFigure) -> Figure {
            match carried {
                CarriedFigure::Known(value) => Figure::known(value),
                CarriedFigure::Absent(absence) => Figure::Absent(absence),
            }
        }
    }

    impl HasFigures for Option<Figure> {
        type Carried = Option<CarriedFigure>;
        fn carried(&self) -> Option<CarriedFigure> {
            self.as_ref().map(Figure::carried)
        }
        fn of(carried: Option<CarriedFigure>) -> Option<Figure> {
            carried.map(Figure::of)
        }
    }

    impl HasFigures for Vec<(Figure, Figure)> {
        type Carried = Vec<(CarriedFigure, CarriedFigure)>;
        fn carried(&self) -> Self::Carried {
            self.iter().map(|(a, b)| (a.carried(), b.carried())).collect()
        }
        fn of(carried: Self::Carried) -> Self {
            carried.into_iter().map(|(a, b)| (Figure::of(a), Figure::of(b))).collect()
        }
    }

    pub(crate) fn serialize<T: HasFigures, S: Serializer>(of: &T, s: S) -> Result<S::Ok, S::Error> {
        of.carried().serialize(s)
    }

    pub(crate) fn deserialize<'de, T: HasFigures, D: Deserializer<'de>>(
        d: D,
    ) -> Result<T, D::Error> {
        T::Carried::deserialize(d).map(T::of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::histogram_of;

    #[test]
    fn a_percentile_needs_as_many_values_as_it_divides() {
        for (quantile, needed) in
            [(0.5, 2), (0.9, 10), (0.95, 20), (0.99, 100), (0.999, 1_000), (0.9999, 10_000)]
        {
            let enough = histogram_of((1..=needed).map(|n| n * 1_000));
            assert!(Figure::quantile_us(&enough, quantile).value().is_some(), "{quantile}");
            let few = Figure::quantile_us(&histogram_of((1..needed).map(|n| n * 1_000)), quantile);
            let why = few.reason().expect("too few");
            assert!(why.contains("too few for p"), "{why}");
        }
        let one = Figure::quantile_us(&histogram_of([7_000]), 0.999);
        assert_eq!(one.reason(), Some("1 value is too few for p99.9: it needs 1,000"));
        // The largest of any number of values is one of them.
        assert!(Figure::quantile_us(&histogram_of([7_000]), 1.0).value().is_some());
    }

    #[test]
    fn a_percentile_at_the_end_of_the_scale_is_absent_with_the_number_of_such_values() {
        let hours = histogram_of([1_000, 2 * LATENCY_BOUND_NS, 3 * LATENCY_BOUND_NS]);
        let why = "2 of 3 values are above 1 h, and how far above is not recorded";
        assert_eq!(Figure::quantile_us(&hours, 0.5).reason(), Some(why));
        assert_eq!(Figure::quantile_us(&hours, 0.3).value(), Some(1.0));
        assert_eq!(above_an_hour(&histogram_of([1_000])), None);
    }
}
