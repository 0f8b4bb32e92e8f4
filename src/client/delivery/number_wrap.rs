//! Numbers of messages that begin again, since the highest of their width has come.

/// The highest number of a width, and the lowest that follows it.
const WIDTHS: [(i128, i128); 11] = [
    (u8::MAX as i128, 0),
    (i8::MAX as i128, i8::MIN as i128),
    (u16::MAX as i128, 0),
    (i16::MAX as i128, i16::MIN as i128),
    (i32::MAX as i128, 0),
    (i32::MAX as i128, i32::MIN as i128),
    (u32::MAX as i128, 0),
    // The largest whole number that every JSON reader takes.
    ((1 << 53) - 1, 0),
    (i64::MAX as i128, 0),
    (i64::MAX as i128, i64::MIN as i128),
    (u64::MAX as i128, 0),
];

/// So close to both ends the numbers before and after must be: some of them may be missing.
const CLOSE: i128 = 64;
/// The same of a width of 8 bits: other numbers are near its ends too.
const CLOSE_OF_A_BYTE: i128 = 4;
/// No width has fewer numbers.
const LEAST_WIDTH: i128 = 1 << 8;

/// Returns how close to the ends of a width numbers must be.
fn close(top: i128, lowest: i128) -> i128 {
    if top - lowest < LEAST_WIDTH { CLOSE_OF_A_BYTE } else { CLOSE }
}

/// By how much numbers are higher than they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NumberWrap {
    raised: i128,
    width: i128,
}

impl NumberWrap {
    /// Whether the numbers have begun again between the highest one, raised as `before` says, and this one.
    pub(super) fn between(
        before: Option<&NumberWrap>,
        highest: i128,
        number: i128,
    ) -> Option<NumberWrap> {
        let raised = before.map_or(0, |wrap| wrap.raised);
        let highest = highest.checked_sub(raised)?;
        // No other number is lower than the highest by so much.
        if highest.saturating_sub(number) < LEAST_WIDTH - 2 * CLOSE_OF_A_BYTE {
            return None;
        }
        let (top, lowest) = WIDTHS.into_iter().find(|(top, lowest)| {
            let close = close(*top, *lowest);
            (top - close..=*top).contains(&highest) && (*lowest..lowest + close).contains(&number)
        })?;
        let width = top - lowest + 1;
        Some(NumberWrap { raised: raised.checked_add(width)?, width })
    }

    /// Whether the numbers have 8 bits: others may be at the ends of that width by chance.
    pub(super) fn is_of_a_byte(&self) -> bool {
        self.width == LEAST_WIDTH
    }

    /// Returns what a number is if it goes on with those before. One of the last ones before the numbers began
    /// again may come late.
    pub(super) fn number(&self, number: i128, highest: i128) -> i128 {
        let raised = number.saturating_add(self.raised);
        let is_late = raised.saturating_sub(highest) > self.width / 2;
        if is_late { raised - self.width } else { raised }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_begin_again_go_on() {
        for (top, lowest) in WIDTHS {
            let wrap = NumberWrap::between(None, top - 1, lowest).unwrap();
            assert_eq!(wrap.number(lowest, top - 1), top + 1);
            assert_eq!(wrap.number(lowest + 5, top + 1), top + 6);
            // It comes late, and after all the others it does not.
            let end = 2 * top - lowest + 1;
            assert_eq!(wrap.number(top, top + 1), top);
            assert_eq!(wrap.number(top, end - 1), end);
            assert_eq!(NumberWrap::between(Some(&wrap), top + 6, lowest + 6), None);
            let again = NumberWrap::between(Some(&wrap), end, lowest).unwrap();
            assert_eq!(again.number(lowest, end), 2 * (top - lowest + 1) + lowest);
        }
        // Begun anew, repeated, or late.
        for (highest, number) in [
            (1_000, 0),
            (70_000, 0),
            (65_535, 65_534),
            (65_535, 40_000),
            // Near the ends of 8 bits, of which others may be: a server that begins anew.
            (250, 0),
            (255, 4),
            (255, 5),
            (256, 0),
            (300, 0),
        ] {
            assert_eq!(NumberWrap::between(None, highest, number), None);
        }
    }
}
