//! The memory of a case's server over the measured window: a reading every tenth of a second or so.
//!
//! Each is read from outside the server and of known processes alone, which takes some microseconds: more
//! would show in the latencies that are measured meanwhile.

use crate::os::MemoryOf;
use crate::result::MemoryReading;

/// The least time between two readings.
const LEAST_GAP_NS: u64 = 100_000_000;
/// Readings of a long window, apart from the first.
const MOST_READINGS: u64 = 50;

/// The readings of a measured window, and when the next one is due.
pub(super) struct ServerMemory {
    /// `None` if it is not known: there is no reading then.
    of: Option<MemoryOf>,
    from_ns: u64,
    next_ns: u64,
    gap_ns: u64,
    readings: Vec<MemoryReading>,
}

impl ServerMemory {
    /// Begins with a window.
    pub(super) fn new(of: Option<MemoryOf>, from_ns: u64, until_ns: u64) -> ServerMemory {
        let length_ns = until_ns.saturating_sub(from_ns);
        let gap_ns = (length_ns / MOST_READINGS).max(LEAST_GAP_NS);
        ServerMemory { of, from_ns, next_ns: from_ns, gap_ns, readings: Vec::new() }
    }

    /// Returns when the next reading is due, if that is not after a moment.
    pub(super) fn due_until(&self, at_ns: u64) -> Option<u64> {
        (self.of.is_some() && self.next_ns <= at_ns).then_some(self.next_ns)
    }

    /// Takes a reading. If a process is gone, there are none of all: what it held would be taken for
    /// memory that was given back.
    pub(super) fn read(&mut self, now_ns: u64) {
        let Some(of) = &self.of else { return };
        match of.read() {
            Some(resident) => {
                let at_ns = now_ns.saturating_sub(self.from_ns);
                self.readings.push(MemoryReading { at_ns, resident });
                // What was missed is not made up for.
                let missed = now_ns.saturating_sub(self.next_ns) / self.gap_ns;
                self.next_ns += (missed + 1) * self.gap_ns;
            }
            None => {
                self.of = None;
                self.readings.clear();
            }
        }
    }

    /// Returns the readings.
    pub(super) fn into_readings(self) -> Vec<MemoryReading> {
        self.readings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    fn own() -> Option<MemoryOf> {
        Some(MemoryOf::Processes(vec![std::process::id().cast_signed()]))
    }

    #[test]
    fn readings_are_due_ten_times_a_second_and_fifty_times_at_the_most() {
        for (seconds, readings) in [(1, 11), (3, 31), (5, 51), (60, 51)] {
            let until_ns = seconds * SECOND_NS;
            let mut memory = ServerMemory::new(own(), 0, until_ns);
            let mut due = 0;
            while let Some(due_ns) = memory.due_until(until_ns) {
                memory.next_ns = due_ns + memory.gap_ns;
                due += 1;
            }
            assert_eq!(due, readings, "{seconds} s");
        }
    }

    #[cfg(all(target_os = "linux", not(feature = "portable")))]
    #[test]
    fn a_reading_that_is_late_is_not_made_up_for() {
        let mut memory = ServerMemory::new(own(), 1_000, SECOND_NS);
        memory.read(1_000);
        assert_eq!(memory.due_until(u64::MAX), Some(100_001_000));
        // Half a second late.
        memory.read(600_001_500);
        assert_eq!(memory.due_until(u64::MAX), Some(700_001_000));
        let readings = memory.into_readings();
        let at: Vec<u64> = readings.iter().map(|reading| reading.at_ns).collect();
        assert_eq!(at, [0, 600_000_500]);
        assert!(readings.iter().all(|reading| reading.resident > 10_000), "{readings:?}");
    }

    #[test]
    fn a_process_that_is_gone_leaves_no_reading() {
        let gone = MemoryOf::Processes(vec![std::process::id().cast_signed(), i32::MAX]);
        let mut memory = ServerMemory::new(Some(gone), 0, SECOND_NS);
        memory.readings.push(MemoryReading { at_ns: 0, resident: 1 });
        memory.read(0);
        assert_eq!((memory.due_until(u64::MAX), memory.into_readings()), (None, Vec::new()));
        // Nor does a server of which nothing is known.
        assert_eq!(ServerMemory::new(None, 0, SECOND_NS).due_until(u64::MAX), None);
    }
}
