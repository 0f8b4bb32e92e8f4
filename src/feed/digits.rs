//! Numbers of a fixed width in payloads.

/// What is left of a payload that is written from its beginning.
pub(super) struct FieldWriter<'p>(pub &'p mut [u8]);

impl FieldWriter<'_> {
    /// Writes a text and a number of so many decimal digits, if there is room for both.
    pub(super) fn write(&mut self, text: &[u8], value: u64, width: usize) {
        let Some((field, rest)) =
            std::mem::take(&mut self.0).split_at_mut_checked(text.len() + width)
        else {
            return;
        };
        field[..text.len()].copy_from_slice(text);
        write_digits::<10>(value, &mut field[text.len()..]);
        self.0 = rest;
    }
}

/// What is left of a payload that is read from its beginning.
pub(super) struct FieldReader<'p>(pub &'p [u8]);

impl FieldReader<'_> {
    /// Reads a text and a number of so many decimal digits; `None` if something else is there.
    pub(super) fn read(&mut self, text: &[u8], width: usize) -> Option<u64> {
        let after = self.0.strip_prefix(text)?;
        let value = read_digits::<10>(after.get(..width)?)?;
        self.0 = &after[width..];
        Some(value)
    }
}

/// The digits of all bases up to 36.
const DIGITS: [u8; 36] = *b"0123456789abcdefghijklmnopqrstuvwxyz";

/// What each byte is worth as a digit; 255 if it is none.
const WORTH: [u8; 256] = {
    let mut worth = [255; 256];
    let mut digit = 0;
    while digit < DIGITS.len() {
        worth[DIGITS[digit] as usize] = digit as u8;
        digit += 1;
    }
    worth
};

/// Writes a number right-aligned with leading zeros. Digits that do not fit are dropped.
///
/// The base is a constant, so that dividing by it is a multiplication.
pub(super) fn write_digits<const BASE: u64>(mut value: u64, out: &mut [u8]) {
    for slot in out.iter_mut().rev() {
        *slot = DIGITS[(value % BASE) as usize];
        value /= BASE;
    }
}

/// Reads a number in digits and lower-case letters; `None` if something else is there, or the number is
/// too large.
pub(super) fn read_digits<const BASE: u64>(text: &[u8]) -> Option<u64> {
    if text.len() > most_digits(BASE) {
        // Two numbers that are read at the same time, instead of one digit after another.
        let (high, low) = text.split_at(text.len() / 2);
        let high = read_digits::<BASE>(high)?;
        let shifted = match high {
            0 => 0,
            _ => high.checked_mul(BASE.checked_pow(u32::try_from(low.len()).ok()?)?)?,
        };
        return shifted.checked_add(read_digits::<BASE>(low)?);
    }
    let mut largest = 0;
    let mut sum = 0u64;
    for &byte in text {
        let digit = u64::from(WORTH[usize::from(byte)]);
        largest = digit.max(largest);
        // Too large only if a byte is no digit, which is found below.
        sum = sum.wrapping_mul(BASE).wrapping_add(digit);
    }
    (largest < BASE).then_some(sum)
}

/// How many digits are no number above `u64::MAX`, whatever they are.
const fn most_digits(base: u64) -> usize {
    u64::MAX.ilog(base) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One digit after another, by the standard library.
    fn one_by_one(text: &[u8], base: u32) -> Option<u64> {
        text.iter().try_fold(0u64, |sum, &c| {
            let digit = (c as char).to_digit(base).filter(|_| !c.is_ascii_uppercase())?;
            sum.checked_mul(u64::from(base))?.checked_add(u64::from(digit))
        })
    }

    #[test]
    fn the_largest_number_is_read_and_one_more_is_not() {
        assert_eq!(read_digits::<36>(b"3w5e11264sgsf"), Some(u64::MAX));
        assert_eq!(read_digits::<36>(b"03w5e11264sgsf"), Some(u64::MAX));
        assert_eq!(read_digits::<36>(b"3w5e11264sgsg"), None);
        assert_eq!(read_digits::<10>(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(read_digits::<10>(b"18446744073709551616"), None);
        assert_eq!(read_digits::<10>(&[b'0'; 90]), Some(0));
        assert_eq!(read_digits::<36>(b""), Some(0));
        for wrong in [&b"a"[..], b"1 ", b"/", b":", b"\xff"] {
            assert_eq!(read_digits::<10>(wrong), None, "{wrong:?}");
        }
        assert_eq!(read_digits::<36>(b"Z"), None);
    }

    proptest! {
        #[test]
        fn numbers_are_read_as_one_digit_after_another_gives_them(
            text in proptest::string::bytes_regex("[0-9a-z]{0,14}|[0-9]{0,21}|(?s-u:.){0,14}").unwrap()
        ) {
            prop_assert_eq!(read_digits::<36>(&text), one_by_one(&text, 36));
            prop_assert_eq!(read_digits::<10>(&text), one_by_one(&text, 10));
        }

        #[test]
        fn what_is_written_is_read(value: u64) {
            let mut text = [0; 20];
            write_digits::<36>(value, &mut text);
            prop_assert_eq!(read_digits::<36>(&text), Some(value));
            write_digits::<10>(value, &mut text);
            prop_assert_eq!(read_digits::<10>(&text), Some(value));
        }
    }
}
