//! Numbers of a fixed width in payloads.

/// Writes a number right-aligned with leading zeros. Digits that do not fit are dropped.
pub(super) fn write_digits(mut value: u64, base: u64, out: &mut [u8]) {
    for slot in out.iter_mut().rev() {
        let digit = (value % base) as u8;
        *slot = if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
        value /= base;
    }
}

/// Reads a number in digits and lower-case letters.
pub(super) fn read_digits(text: &[u8], base: u32) -> Option<u64> {
    text.iter().try_fold(0u64, |sum, &c| {
        let digit = (c as char).to_digit(base).filter(|_| !c.is_ascii_uppercase())?;
        sum.checked_mul(u64::from(base))?.checked_add(u64::from(digit))
    })
}
