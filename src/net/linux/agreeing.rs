//! Readings of a socket's counts that can be relied on.

use crate::record::TcpReading;
use std::io;

/// Readings at most until two agree.
const MOST_READINGS: usize = 8;

/// Reads until two readings agree. The kernel takes the state before the socket's lock and the counts
/// after it: a FIN that arrives in between is in the bytes and not in the state. If the socket goes
/// away in between, the last reading is what is known of it.
///
/// # Errors
/// Of the first reading.
pub(crate) fn until_two_agree(
    mut read: impl FnMut() -> io::Result<TcpReading>,
) -> io::Result<TcpReading> {
    let mut last = read()?;
    for _ in 1..MOST_READINGS {
        match read() {
            Ok(again) if again != last => last = again,
            Ok(_) | Err(_) => break,
        }
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the readings give in turn, how many were made, and what counts.
    fn read_in_turn(given: &[Option<u64>]) -> (usize, Option<u64>) {
        let mut made = 0;
        let read = until_two_agree(|| {
            let next = given[made.min(given.len() - 1)];
            made += 1;
            let gone = || io::Error::from(io::ErrorKind::NotFound);
            next.map(|bytes| TcpReading { bytes_received: bytes, ..TcpReading::default() })
                .ok_or_else(gone)
        });
        (made, read.ok().map(|reading| reading.bytes_received))
    }

    #[test]
    fn a_reading_counts_once_another_agrees_with_it() {
        assert_eq!(read_in_turn(&[Some(5)]), (2, Some(5)));
        // A FIN arrived within the first: it was counted as a byte.
        assert_eq!(read_in_turn(&[Some(6), Some(5)]), (3, Some(5)));
        assert_eq!(read_in_turn(&[Some(1), Some(3), Some(6), Some(5), Some(5)]), (5, Some(5)));
        // The socket is gone, at once or within.
        assert_eq!(read_in_turn(&[None]), (1, None));
        assert_eq!(read_in_turn(&[Some(6), Some(5), None]), (3, Some(5)));
        // A server that sends without end does not hold the client up.
        let moving: Vec<Option<u64>> = (0..20).map(Some).collect();
        assert_eq!(read_in_turn(&moving), (MOST_READINGS, Some(MOST_READINGS as u64 - 1)));
    }
}
