//! What the times in messages are worth: the one place that decides whether a number that is made from
//! them is known.
//!
//! Separate from `summary::message_times`, which finds out how exact they are: percentiles, means,
//! seconds and pictures all ask here.

use crate::report::figure::{Absence, Figure};
use crate::units::human_us;

/// How far the numbers can be known that are made from the times in a row's messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TimeQuality {
    /// Why none of them is true, if that is so.
    pub untrue: Option<String>,
    /// How exact the times are, in µs; 0 for as exact as a clock's reading.
    pub exact_us: u64,
}

impl TimeQuality {
    /// Returns the least time, in µs, that is known: a time is too long by up to what the times in
    /// messages are exact to, so that anything shorter than twice that may be nothing but this error.
    pub(crate) fn least_us(&self) -> f64 {
        2.0 * self.exact_us as f64
    }
    /// Returns a time in µs that was made from times in messages, or why it is not known; if the times
    /// are too coarse for it, with what it is below.
    pub(crate) fn known(&self, figure: Figure) -> Figure {
        if let Some(why) = &self.untrue {
            return Figure::absent(why.as_str());
        }
        let Figure::Known(us) = figure else { return figure };
        if us >= self.least_us() {
            return figure;
        }
        let below = self.exact_us.max(us.floor() as u64 + 1);
        // It is the same for all, so that a list of reasons has it once, without a bound that differs from the figure's.
        let exact = human_us(self.exact_us as f64);
        let why = format!("too short to be known: the times in messages are exact to {exact}");
        Figure::Absent(Absence { below: Some(below), ..why.into() })
    }
    /// Like [`known`](Self::known), of a number.
    pub(crate) fn known_us(&self, us: f64) -> Figure {
        self.known(Figure::known(us))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_may_be_nothing_but_the_error_is_not_known() {
        let coarse = TimeQuality { untrue: None, exact_us: 1_000 };
        assert_eq!(coarse.known_us(2_000.0), Figure::known(2_000.0));
        let below = coarse.known_us(999.0);
        assert_eq!((below.value(), below.below()), (None, Some(1_000)));
        let why = "too short to be known: the times in messages are exact to 1 ms";
        assert_eq!(below.reason(), Some(why));
        let twice = coarse.known_us(1_020.4);
        assert_eq!((twice.value(), twice.below()), (None, Some(1_021)));
        assert_eq!(twice.reason(), Some(why), "a reason has no other bound than the figure");
        let why = Figure::absent("too few");
        assert_eq!(coarse.known(why.clone()), why);
    }

    #[test]
    fn exact_times_are_known_and_untrue_ones_are_not() {
        assert_eq!(TimeQuality::default().known_us(0.0), Figure::known(0.0));
        let untrue = TimeQuality { untrue: Some("the clock is wrong".into()), exact_us: 0 };
        assert_eq!(untrue.known_us(7.0), Figure::absent("the clock is wrong"));
    }
}
