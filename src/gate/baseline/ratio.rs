//! Fractions of whole numbers, compared without rounding: a byte in a million messages is a
//! difference.

use crate::report::Figure;
use crate::units::decimals;
use std::cmp::Ordering;

/// A total over a divisor that is not zero.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExactRatio {
    /// The total.
    pub total: u64,
    /// What it is divided by.
    pub divisor: u64,
}

impl ExactRatio {
    /// `None` if the divisor is zero.
    pub(crate) fn new(total: u64, divisor: u64) -> Option<ExactRatio> {
        (divisor > 0).then_some(ExactRatio { total, divisor })
    }
    /// True for a whole number.
    pub(crate) fn is_whole(self) -> bool {
        self.total.is_multiple_of(self.divisor.max(1))
    }
    /// Compares two by cross multiplication.
    pub(crate) fn compare(self, other: ExactRatio) -> Ordering {
        self.cross(other).cmp(&other.cross(self))
    }
    /// Returns it as a figure of a report.
    pub(crate) fn figure(self) -> Figure {
        Figure::known(self.value())
    }
    /// Returns the nearest number.
    pub(crate) fn value(self) -> f64 {
        self.total as f64 / self.divisor as f64
    }
    /// Returns the number as text, with at most six decimals.
    pub(crate) fn show(self) -> String {
        decimals(self.value())
    }
    /// Returns the difference from `other` as text, without a sign.
    pub(crate) fn difference(self, other: ExactRatio) -> String {
        let over = self.cross(other).abs_diff(other.cross(self));
        decimals(over as f64 / (self.divisor as f64 * other.divisor as f64))
    }
    fn cross(self, other: ExactRatio) -> u128 {
        u128::from(self.total) * u128::from(other.divisor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ratio(total: u64, divisor: u64) -> ExactRatio {
        ExactRatio::new(total, divisor).expect("a test divides by something")
    }

    #[test]
    fn one_byte_in_two_to_the_sixty_is_a_difference() {
        let a = ratio(193 << 50, 1 << 50);
        let b = ratio((193 << 50) + 1, 1 << 50);
        assert_eq!(a.value(), b.value(), "as floating numbers they cannot be distinguished");
        assert_eq!((a.compare(b), b.compare(a)), (Ordering::Less, Ordering::Greater));
        assert_eq!(ratio(386, 2).compare(ratio(193, 1)), Ordering::Equal);
        assert!(ExactRatio::new(1, 0).is_none());
        assert!(ratio(386, 2).is_whole() && !ratio(387, 2).is_whole());
    }

    #[test]
    fn numbers_have_the_digits_that_they_need() {
        let of = |total, divisor| ratio(total, divisor).show();
        assert_eq!([of(386, 2), of(387, 2), of(1, 3), of(0, 5)], ["193", "193.5", "0.333333", "0"]);
        assert_eq!(of(1, 1 << 60), "8.7e-19");
        assert_eq!(ratio(203, 1).difference(ratio(386, 2)), "10");
        assert_eq!(ratio(386, 2).difference(ratio(203, 1)), "10");
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_the_numbers(
            a in any::<u64>(), b in 1..u64::MAX, c in any::<u64>(), d in 1..u64::MAX
        ) {
            let (x, y) = (ratio(a, b), ratio(c, d));
            prop_assert_eq!(x.compare(y), y.compare(x).reverse());
            prop_assert_eq!(x.compare(x), Ordering::Equal);
            if (x.value() - y.value()).abs() > 1e-9 * x.value().max(y.value()) {
                prop_assert_eq!(Some(x.compare(y)), x.value().partial_cmp(&y.value()));
            }
            let _ = x.difference(y);
        }

        #[test]
        fn reducing_changes_nothing(a in 0u64..1 << 30, b in 1u64..1 << 30, k in 1u64..1 << 30) {
            prop_assert_eq!(ratio(a, b).compare(ratio(a * k, b * k)), Ordering::Equal);
        }
    }
}
