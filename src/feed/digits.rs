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
        write_digits(value, 10, &mut field[text.len()..]);
        self.0 = rest;
    }
}

/// What is left of a payload that is read from its beginning.
pub(super) struct FieldReader<'p>(pub &'p [u8]);

impl FieldReader<'_> {
    /// Reads a text and a number of so many decimal digits; `None` if something else is there.
    pub(super) fn read(&mut self, text: &[u8], width: usize) -> Option<u64> {
        let after = self.0.strip_prefix(text)?;
        let value = read_digits(after.get(..width)?, 10)?;
        self.0 = &after[width..];
        Some(value)
    }
}

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
