//! When a server wants to be asked again (`Retry-After`, RFC 9110 §10.2.3): after so many seconds, or at a date.

use crate::protocol::http1::decimal;
use std::time::UNIX_EPOCH;

/// What a `Retry-After` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// A number of seconds, or a date so many seconds after the server's own time (`Date`): its clock need not be
    /// this machine's.
    Seconds(u32),
    /// A date, in seconds since 1970, of a head that has no `Date`.
    Date(u32),
}

impl RetryAfter {
    /// Reads the field's value. `date` returns that of `Date` in the same head. `None` if it is neither.
    pub(crate) fn of<'v>(
        value: &[u8],
        date: impl FnOnce() -> Option<&'v [u8]>,
    ) -> Option<RetryAfter> {
        let digits = value.trim_ascii();
        if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) {
            // As with a date: a client does not wait for 136 years.
            let seconds = decimal(digits).and_then(|seconds| u32::try_from(seconds).ok());
            return Some(RetryAfter::Seconds(seconds.unwrap_or(u32::MAX)));
        }
        let at_s = date_s(value)?;
        Some(match date().and_then(date_s) {
            Some(server_s) => RetryAfter::Seconds(at_s.saturating_sub(server_s)),
            None => RetryAfter::Date(at_s),
        })
    }

    /// Returns how many seconds there are to wait. `now_s` returns this machine's time in seconds since 1970.
    pub(crate) fn wait_s(self, now_s: impl FnOnce() -> i64) -> u64 {
        match self {
            RetryAfter::Seconds(seconds) => seconds.into(),
            RetryAfter::Date(at_s) => {
                u64::from(at_s).saturating_sub(u64::try_from(now_s()).unwrap_or(0))
            }
        }
    }
}

/// Returns the seconds since 1970 of a date in any of HTTP's three forms (RFC 9110 §5.6.7).
fn date_s(value: &[u8]) -> Option<u32> {
    let date = httpdate::parse_http_date(std::str::from_utf8(value).ok()?.trim()).ok()?;
    let since = date.duration_since(UNIX_EPOCH).ok()?;
    // A client does not wait until 2106.
    Some(u32::try_from(since.as_secs()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &[u8] = b"Sun, 06 Nov 1994 08:49:40 GMT";
    const DATE_S: u64 = 784_111_780;

    fn wait(value: &[u8], date: Option<&'static [u8]>, now_s: i64) -> Option<u64> {
        RetryAfter::of(value, || date).map(|after| after.wait_s(|| now_s))
    }

    #[test]
    fn seconds_and_dates_in_all_three_forms_are_waits() {
        assert_eq!(wait(b" 120 ", Some(DATE), 0), Some(120));
        let now_s = DATE_S as i64 - 3;
        for date in [DATE, b"Sunday, 06-Nov-94 08:49:40 GMT", b" Sun Nov  6 08:49:40 1994"] {
            assert_eq!(wait(date, None, now_s), Some(3), "{date:?}");
        }
        // Any number of digits is a number of seconds.
        for long in [&b"4294967296"[..], b"18446744073709551616", &[b'9'; 40]] {
            assert_eq!(wait(long, None, 0), Some(u32::MAX.into()), "{long:?}");
        }
        assert_eq!(wait(b"0000000000000000000000120", None, 0), Some(120));
        for neither in
            [&b""[..], b" ", b"-1", b"+1", b"soon", b"Sun, 99 Nov 1994 08:49:40 GMT", b"\xff"]
        {
            assert_eq!(wait(neither, Some(DATE), now_s), None, "{neither:?}");
        }
    }

    /// The server's clock may be hours away from this machine's.
    #[test]
    fn a_date_is_compared_with_the_servers_own() {
        let earlier: &[u8] = b"Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(wait(DATE, Some(earlier), 1_790_000_000), Some(3));
        assert_eq!(wait(DATE, Some(b"now"), DATE_S as i64 - 9), Some(9));
        // A date that has passed, and a clock of before 1970.
        assert_eq!(wait(DATE, None, 1_790_000_000), Some(0));
        assert_eq!(wait(DATE, None, -1), Some(DATE_S));
    }
}
