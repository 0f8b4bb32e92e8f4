//! Numbers as texts: a time in some unit as nanoseconds, with how exact it is written.

/// Decimal digits of a number that are read: more than a time since 1970 in nanoseconds has.
const MOST_DIGITS: u32 = 30;

/// A number as it is written: `digits` · 10^`exponent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal {
    digits: u128,
    exponent: i32,
}

impl Decimal {
    /// A whole number.
    pub(super) fn of(number: u64) -> Decimal {
        Decimal { digits: number.into(), exponent: 0 }
    }

    /// Reads a number without a sign, such as `1700000000.123` or `1.7e9`; `None` if it is none.
    pub(super) fn parse(text: &[u8]) -> Option<Decimal> {
        let mut digits = 0u128;
        let mut count = 0u32;
        let mut exponent = 0i32;
        let mut point = false;
        let mut rest = text;
        while let Some((&byte, after)) = rest.split_first() {
            match byte {
                b'0'..=b'9' => {
                    count += u32::from(count > 0 || byte != b'0');
                    if count > MOST_DIGITS {
                        return None;
                    }
                    digits = digits * 10 + u128::from(byte - b'0');
                    exponent -= i32::from(point);
                }
                b'.' if !point => point = true,
                b'e' | b'E' => break,
                _ => return None,
            }
            rest = after;
        }
        let before = &text[..text.len() - rest.len()];
        if !before.first()?.is_ascii_digit() || !before.last()?.is_ascii_digit() {
            return None;
        }
        if let Some(power) = rest.strip_prefix(b"e").or(rest.strip_prefix(b"E")) {
            let power: i32 = std::str::from_utf8(power).ok()?.parse().ok()?;
            exponent = exponent.checked_add(power)?;
        }
        (-60..=60).contains(&exponent).then_some(Decimal { digits, exponent })
    }

    /// Returns the whole number that it is; `None` if it is none, or too large.
    pub(super) fn whole(self) -> Option<i128> {
        let ten = 10u128.checked_pow(self.exponent.unsigned_abs())?;
        let is_whole = self.exponent >= 0 || self.digits.is_multiple_of(ten);
        i128::try_from(self.times_ten_to(0)?.0).ok().filter(|_| is_whole)
    }

    /// Returns it times 10^`power`, without what is below one, and the power of ten of its last
    /// written digit, at least 0.
    pub(super) fn times_ten_to(self, power: u32) -> Option<(u128, u32)> {
        let exponent = self.exponent + power as i32;
        let ten = 10u128.checked_pow(exponent.unsigned_abs());
        if exponent >= 0 {
            return Some((self.digits.checked_mul(ten?)?, exponent as u32));
        }
        Some((ten.map_or(0, |ten| self.digits / ten), 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ns(text: &str, power: u32) -> Option<(u128, u32)> {
        Decimal::parse(text.as_bytes())?.times_ten_to(power)
    }

    #[test]
    fn a_time_is_exact_to_its_last_digit() {
        assert_eq!(ns("1700000000123", 6), Some((1_700_000_000_123_000_000, 6)));
        assert_eq!(ns("1700000000.123", 9), Some((1_700_000_000_123_000_000, 6)));
        assert_eq!(ns("1700000000.1234567890123", 9), Some((1_700_000_000_123_456_789, 0)));
        assert_eq!(ns("1.7e9", 9), Some((1_700_000_000_000_000_000, 17)));
        assert_eq!(ns("17E8", 9), Some((1_700_000_000_000_000_000, 17)));
        assert_eq!(ns("0.0", 9), Some((0, 8)));
        for none in ["", "-1", "1.", ".5", "1e", "1ex", "1.2.3", "abc", "0x1", "1e99", "+1"] {
            assert_eq!(ns(none, 9), None, "{none}");
        }
        assert_eq!(Decimal::parse(&[b'9'; 40]), None);
        assert_eq!(Decimal::parse(b"5.0").and_then(Decimal::whole), Some(5));
        assert_eq!(Decimal::parse(b"5.5").and_then(Decimal::whole), None);
        let above = Decimal::parse(b"18446744073709551616").and_then(Decimal::whole);
        assert_eq!(above, Some(1 << 64));
        assert_eq!(Decimal::parse(b"1e40").and_then(Decimal::whole), None);
    }

    proptest! {
        #[test]
        fn whole_numbers_and_any_bytes_are_read(n: u64, bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(Decimal::parse(n.to_string().as_bytes()).and_then(Decimal::whole), Some(n.into()));
            let found = Decimal::parse(&bytes).and_then(|d| d.times_ten_to(9));
            prop_assert!(found.is_none() || std::str::from_utf8(&bytes).unwrap().parse::<f64>().is_ok());
        }
    }
}
