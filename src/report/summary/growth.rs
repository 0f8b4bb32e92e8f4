//! How much the server's memory grows over the measured window: what it keeps of each message.

use crate::report::figure::Figure;
use crate::report::median::median;
use crate::report::summary::group::Group;
use crate::result::MemoryReading;
use crate::units::thousands;

/// Readings that a slope needs: with fewer, one that is off moves the median of all slopes.
const LEAST_READINGS: usize = 5;
/// Readings that are used, of files that have more: slopes between all of them are taken.
const MOST_READINGS: usize = 100;

/// Returns the bytes that the server's memory grows by for a message: of each window the slope over time
/// (Theil–Sen) times its length, over the messages. It is below zero if the memory shrinks.
pub(super) fn bytes_per_message(group: &Group, messages: &Figure) -> Figure {
    let least = group.ends.iter().map(|end| end.server_memory.len()).min().unwrap_or(0);
    if least == 0 {
        return Figure::absent("the server's memory was not read over time");
    }
    let mut bytes = 0.0;
    for end in &group.ends {
        let Some(slope) = slope(&end.server_memory) else {
            let readings = if least == 1 { "reading" } else { "readings" };
            return Figure::absent(format!(
                "{} {readings} of the server's memory in the measured window are too few for its growth: it \
                 needs {LEAST_READINGS}, which half a second has",
                thousands(least as u64)
            ));
        };
        bytes += slope * end.duration_ns as f64;
    }
    Figure::known(bytes).over(messages, "nothing was received")
}

/// Returns the bytes that the memory grows by in a nanosecond: the median of the slopes between all
/// readings (Theil 1950, Sen 1968), so that a single step, as of a table that is made larger once, is no
/// growth. `None` if there are too few readings.
fn slope(readings: &[MemoryReading]) -> Option<f64> {
    let used: Vec<&MemoryReading> =
        readings.iter().step_by(readings.len().div_ceil(MOST_READINGS).max(1)).collect();
    if used.len() < LEAST_READINGS {
        return None;
    }
    let mut slopes: Vec<f64> = Vec::new();
    for (place, first) in used.iter().enumerate() {
        let later = used[place + 1..].iter().filter(|later| later.at_ns > first.at_ns);
        slopes.extend(later.map(|later| {
            let bytes = later.resident as f64 - first.resident as f64;
            bytes / (later.at_ns - first.at_ns) as f64
        }));
    }
    median(&slopes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GAP_NS: u64 = 100_000_000;
    const PAGE: u64 = 4_096;

    /// So many readings of a memory, by the time in nanoseconds.
    fn readings(count: u64, resident: impl Fn(u64) -> u64) -> Vec<MemoryReading> {
        let at = (0..count).map(|n| n * GAP_NS);
        at.map(|at_ns| MemoryReading { at_ns, resident: resident(at_ns) }).collect()
    }

    #[test]
    fn a_leak_is_its_slope_within_a_page() {
        // 128 bytes in a millisecond, seen in whole pages.
        let leak = |at_ns: u64| (10_000_000 + at_ns / 1_000_000 * 128) / PAGE * PAGE;
        let found = slope(&readings(31, leak)).expect("enough readings") * 1e6;
        assert!((found - 128.0).abs() < 2.0 * PAGE as f64 / 3_000.0, "{found}");
    }

    #[test]
    fn a_step_is_no_growth() {
        for step_at in 0..31 {
            let table = |at_ns: u64| if at_ns < step_at * GAP_NS { 1 << 20 } else { 2 << 20 };
            let found = slope(&readings(31, table)).expect("enough readings");
            // Somewhat more than half of all slopes stay flat.
            assert!(found * 1e9 <= (1 << 20) as f64 / 1.5, "step at {step_at}: {found}");
            if !(9..=21).contains(&step_at) {
                assert_eq!(found, 0.0, "step at {step_at}");
            }
        }
    }

    #[test]
    fn what_comes_and_goes_is_no_growth() {
        // Garbage that is collected every 300 ms.
        let garbage = |at_ns: u64| (1 << 20) + at_ns % (3 * GAP_NS);
        let found = slope(&readings(31, garbage)).expect("enough readings");
        assert!(found.abs() * 3e9 < 0.05 * 3e8, "{found}");
    }

    #[test]
    fn few_readings_have_no_slope() {
        assert_eq!(slope(&readings(4, |_| 1)), None);
        assert_eq!(slope(&readings(5, |_| 1)), Some(0.0));
        // All at one moment.
        assert_eq!(slope(&[MemoryReading { at_ns: 1, resident: 1 }; 9]), None);
    }

    proptest! {
        /// Any file has an answer: a finite one, or none; and more of them cost no more than their number.
        #[test]
        fn any_readings_are_answered(
            all in prop::collection::vec((any::<u64>(), any::<u64>()), 0..600),
        ) {
            let all: Vec<MemoryReading> =
                all.into_iter().map(|(at_ns, resident)| MemoryReading { at_ns, resident }).collect();
            prop_assert!(slope(&all).is_none_or(f64::is_finite));
        }

        /// Twice the memory has twice the slope, and a shrinking one the opposite.
        #[test]
        fn the_slope_is_that_of_the_memory(all in prop::collection::vec(0_u32..1_000_000, 5..60)) {
            let of = |from: fn(u64) -> u64| {
                let mut memory = readings(all.len() as u64, |_| 0);
                for (reading, bytes) in memory.iter_mut().zip(&all) {
                    reading.resident = from(u64::from(*bytes));
                }
                slope(&memory).expect("enough readings")
            };
            let plain = of(|bytes| bytes);
            prop_assert!((of(|bytes| 2 * bytes) - 2.0 * plain).abs() < 1e-12);
            prop_assert!((of(|bytes| 2_000_000 - bytes) + plain).abs() < 1e-12);
        }
    }
}
