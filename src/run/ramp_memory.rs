//! The memory of a case's server while its clients connect over a ramp: a reading at each eighth of them, so
//! that what a client takes is apart from what the server takes once.

use crate::os::MemoryOf;
use crate::result::{LEAST_RAMP_NS, RampReading};

/// Readings of a ramp: the last one is of all clients.
const READINGS: u64 = 8;
/// A reading that is late by a larger share of the time between two is of more clients than it says.
const MOST_LATE: u64 = 4;

/// The readings of a ramp.
pub(super) struct RampMemory {
    /// `None` if it is not known, or the ramp is too short.
    of: Option<MemoryOf>,
    epoch_ns: u64,
    gap_ns: u64,
    clients: u32,
    /// The number of the next reading, from 1.
    next: u64,
    readings: Vec<RampReading>,
}

impl RampMemory {
    /// Begins with the first client.
    pub(super) fn new(
        of: Option<MemoryOf>,
        epoch_ns: u64,
        ramp_ns: u64,
        clients: u32,
    ) -> RampMemory {
        let gap_ns = ramp_ns / READINGS;
        let of = of.filter(|_| ramp_ns >= LEAST_RAMP_NS && u64::from(clients) >= READINGS);
        RampMemory { of, epoch_ns, gap_ns, clients, next: 1, readings: Vec::new() }
    }

    /// Returns when the next reading is due that is not the last one; `None` if there is none.
    pub(super) fn due(&self) -> Option<u64> {
        let due_ns = self.epoch_ns + self.next * self.gap_ns;
        (self.of.is_some() && self.next < READINGS).then_some(due_ns)
    }

    /// Takes the reading that is due, unless it is late.
    pub(super) fn read(&mut self, now_ns: u64) {
        let Some(due_ns) = self.due() else { return };
        let clients = (u64::from(self.clients) * self.next / READINGS) as u32;
        self.next += 1;
        if now_ns.saturating_sub(due_ns) <= self.gap_ns / MOST_LATE {
            self.add(clients);
        }
    }

    /// Takes the last reading, once all clients have connected, and returns all of them.
    pub(super) fn finish(mut self) -> Vec<RampReading> {
        self.add(self.clients);
        self.readings
    }

    /// If a process is gone, there are no readings at all.
    fn add(&mut self, clients: u32) {
        let Some(of) = &self.of else { return };
        match of.read() {
            Some(resident) => self.readings.push(RampReading { clients, resident }),
            None => {
                self.of = None;
                self.readings.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAMP_NS: u64 = 800_000_000;

    fn own() -> Option<MemoryOf> {
        Some(MemoryOf::Processes(vec![std::process::id().cast_signed()]))
    }

    #[cfg(all(target_os = "linux", not(feature = "portable")))]
    #[test]
    fn an_eighth_of_the_clients_is_read_at_an_eighth_of_the_ramp() {
        let mut memory = RampMemory::new(own(), 1_000, RAMP_NS, 20);
        let mut due = Vec::new();
        while let Some(due_ns) = memory.due() {
            due.push(due_ns);
            // The third one is late.
            memory.read(if due.len() == 3 { due_ns + RAMP_NS / 8 } else { due_ns + 9 });
        }
        assert_eq!((due.len(), due[0], due[6]), (7, 100_001_000, 700_001_000));
        let clients: Vec<u32> = memory.finish().iter().map(|reading| reading.clients).collect();
        assert_eq!(clients, [2, 5, 10, 12, 15, 17, 20]);
    }

    #[test]
    fn a_short_ramp_and_few_clients_are_not_read() {
        for (ramp_ns, clients) in [(0, 100), (RAMP_NS / 8, 100), (RAMP_NS, 7)] {
            let memory = RampMemory::new(own(), 0, ramp_ns, clients);
            assert_eq!((memory.due(), memory.finish()), (None, Vec::new()), "{ramp_ns} {clients}");
        }
        let gone = MemoryOf::Processes(vec![i32::MAX]);
        assert_eq!(RampMemory::new(Some(gone), 0, RAMP_NS, 100).finish(), Vec::new());
    }
}
