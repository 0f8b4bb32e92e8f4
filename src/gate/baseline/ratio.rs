//! Fractions of whole numbers, compared without rounding.
//!
//! Separate from `report::Figure`, which is for showing: two figures of a byte a million messages
//! apart look alike and are not equal here.

use crate::report::Figure;
use std::cmp::Ordering;

/// So much of something for so many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ratio {
    /// The total.
    pub total: u64,
    /// What it is divided by.
    pub divisor: u64,
}

impl Ratio {
    /// A total over a divisor; `None` where that is zero.
    pub(crate) fn new(total: u64, divisor: u64) -> Option<Ratio> {
        (divisor > 0).then_some(Ratio { total, divisor })
    }
    /// True where it is a whole number.
    pub(crate) fn is_whole(self) -> bool {
        self.total.is_multiple_of(self.divisor.max(1))
    }
    /// The order of two, by cross multiplication.
    pub(crate) fn compare(self, other: Ratio) -> Ordering {
        let cross = |a: Ratio, b: Ratio| u128::from(a.total) * u128::from(b.divisor);
        cross(self, other).cmp(&cross(other, self))
    }
    /// The same for showing.
    pub(crate) fn figure(self) -> Figure {
        Figure::known(self.value())
    }
    /// The nearest number.
    pub(crate) fn value(self) -> f64 {
        self.total as f64 / self.divisor as f64
    }
    /// The number as people write it: whole, or with its digits.
    pub(crate) fn words(self) -> String {
        words(self.value())
    }
    /// How much more this is than `other`, as people write it; without a sign.
    pub(crate) fn apart(self, other: Ratio) -> String {
        let cross = |a: Ratio, b: Ratio| u128::from(a.total) * u128::from(b.divisor);
        let over = cross(self, other).abs_diff(cross(other, self));
        words(over as f64 / (self.divisor as f64 * other.divisor as f64))
    }
}

/// A number with as many digits as it needs, six after the point at most.
pub(super) fn words(value: f64) -> String {
    let text = format!("{value:.6}");
    let short = text.trim_end_matches('0').trim_end_matches('.');
    match short {
        "0" | "-0" if value > 0.0 => format!("{value:.1e}"),
        "-0" => "0".to_owned(),
        short => short.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ratio(total: u64, divisor: u64) -> Ratio {
        Ratio::new(total, divisor).expect("a test divides by something")
    }

    #[test]
    fn one_byte_in_two_to_the_sixty_is_a_difference() {
        let a = ratio(193 << 50, 1 << 50);
        let b = ratio((193 << 50) + 1, 1 << 50);
        assert_eq!(a.value(), b.value(), "as floating numbers they cannot be told apart");
        assert_eq!((a.compare(b), b.compare(a)), (Ordering::Less, Ordering::Greater));
        assert_eq!(ratio(386, 2).compare(ratio(193, 1)), Ordering::Equal);
        assert!(Ratio::new(1, 0).is_none());
        assert!(ratio(386, 2).is_whole() && !ratio(387, 2).is_whole());
    }

    #[test]
    fn numbers_as_people_write_them() {
        let of = |total, divisor| ratio(total, divisor).words();
        assert_eq!([of(386, 2), of(387, 2), of(1, 3), of(0, 5)], ["193", "193.5", "0.333333", "0"]);
        assert_eq!(of(1, 1 << 60), "8.7e-19");
        assert_eq!(ratio(203, 1).apart(ratio(386, 2)), "10");
        assert_eq!(ratio(386, 2).apart(ratio(203, 1)), "10");
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
            let _ = x.apart(y);
        }

        #[test]
        fn reducing_changes_nothing(a in 0u64..1 << 30, b in 1u64..1 << 30, k in 1u64..1 << 30) {
            prop_assert_eq!(ratio(a, b).compare(ratio(a * k, b * k)), Ordering::Equal);
        }
    }
}
