//! Open-loop pacing: the intended moments of turns, fixed in advance and never silently skipped.
//!
//! Pure arithmetic over a schedule and a count; it reads no clock and does not sleep. A client that
//! is late takes its next turn at once, and its lateness counts from the intended moment, so that a
//! stalled server cannot hide behind a stalled client ("coordinated omission", Tene 2013).

use crate::feed::mix;
use crate::record::Phase;
use serde::{Deserialize, Serialize};

/// The moments of a case, the same for every process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// The first intended moment, in nanoseconds of `CLOCK_MONOTONIC`; client phases are added.
    pub start_ns: u64,
    /// Between two turns of a client; 0 if each follows the last (a closed loop).
    pub interval_ns: u64,
    /// Over how much time the phases of pushed clients begin, so that not all of them ask the kernel at once;
    /// 0 if all begin with the schedule, as the age of information and the trace do.
    pub push_spread_ns: u64,
    /// From `start_ns` to the measured window.
    pub warmup_ns: u64,
    /// The measured window's length.
    pub duration_ns: u64,
    /// Load after it.
    pub cooldown_ns: u64,
    /// True for a step of the rate search: every turn of it belongs to the warm-up, and the lags of
    /// its measured window decide.
    pub calibration: bool,
}

impl Schedule {
    /// From `start_ns` to the end of the load.
    pub fn length_ns(&self) -> u64 {
        self.warmup_ns + self.duration_ns + self.cooldown_ns
    }
    /// The moment at which the measured window begins for a client without offset.
    pub fn steady_from_ns(&self) -> u64 {
        self.start_ns + self.warmup_ns
    }
    /// The measured window of a client without offset: its first nanosecond and the one after its
    /// last.
    pub(crate) fn measured_ns(&self) -> (u64, u64) {
        (self.steady_from_ns(), self.steady_from_ns() + self.duration_ns)
    }
    /// The moment at which costs are read for the last time: the window in whole seconds, as the
    /// events of a second are counted, or all of a shorter one.
    pub fn cost_until_ns(&self) -> u64 {
        let whole = self.duration_ns / 1_000_000_000 * 1_000_000_000;
        self.steady_from_ns() + if whole == 0 { self.duration_ns } else { whole }
    }
    /// The phase at a distance from a client's own start; `None` past the end.
    pub fn phase_at(&self, elapsed_ns: u64) -> Option<Phase> {
        match elapsed_ns {
            t if t >= self.length_ns() => None,
            _ if self.calibration => Some(Phase::Warmup),
            t if t < self.warmup_ns => Some(Phase::Warmup),
            t if t < self.warmup_ns + self.duration_ns => Some(Phase::Steady),
            _ => Some(Phase::Cooldown),
        }
    }
    /// Turns that a client has in the measured window.
    pub fn steady_turns(&self) -> u64 {
        let before = |t: u64| t.div_ceil(self.interval_ns.max(1));
        match (self.calibration, self.interval_ns) {
            (true, _) | (_, 0) => 0,
            _ => before(self.warmup_ns + self.duration_ns) - before(self.warmup_ns),
        }
    }
}

/// How clients' turns are spread over the interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TurnPlacement {
    /// Evenly: any contiguous set of clients too.
    Spread,
    /// At random, by the seed.
    Random,
    /// All at once.
    Together,
}

impl TurnPlacement {
    /// The offset of a client within an interval, in nanoseconds.
    pub fn offset_ns(self, client: u32, seed: u64, interval_ns: u64) -> u64 {
        let fraction = match self {
            // Multiples of the golden ratio modulo 1 (Weyl's sequence, here times 2^64).
            TurnPlacement::Spread => u64::from(client).wrapping_mul(0x9e37_79b9_7f4a_7c15),
            TurnPlacement::Random => mix(seed ^ mix(u64::from(client) + 1)),
            TurnPlacement::Together => 0,
        };
        ((u128::from(fraction) * u128::from(interval_ns)) >> 64) as u64
    }
}

/// One turn of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// The intended moment; in a closed loop the moment at which the turn was asked for.
    pub intended_ns: u64,
    /// The phase to which everything that the turn causes belongs.
    pub phase: Phase,
}

/// A client's progress through a schedule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pacer {
    taken: u64,
}

impl Pacer {
    /// The next turn of a client with this offset; `None` if the schedule has ended. It stays the
    /// same until [`Pacer::take`].
    pub(crate) fn next(&self, schedule: &Schedule, offset_ns: u64, now_ns: u64) -> Option<Turn> {
        let from = schedule.start_ns + offset_ns;
        if schedule.interval_ns == 0 {
            let intended_ns = now_ns.max(from);
            let phase = schedule.phase_at(intended_ns - from)?;
            return Some(Turn { intended_ns, phase });
        }
        let elapsed = self.taken.checked_mul(schedule.interval_ns)?;
        let phase = schedule.phase_at(elapsed)?;
        Some(Turn { intended_ns: from + elapsed, phase })
    }
    /// Turns taken so far.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }
    /// Advances to the turn after it.
    pub(crate) fn take(&mut self) {
        self.taken += 1;
    }
    /// Turns of the measured window that were not taken.
    pub(crate) fn steady_turns_left(&self, schedule: &Schedule) -> u64 {
        if schedule.interval_ns == 0 {
            return 0;
        }
        let before_window = schedule.warmup_ns.div_ceil(schedule.interval_ns);
        let reached = self.taken.saturating_sub(before_window);
        schedule.steady_turns().saturating_sub(reached)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn schedule(interval_ns: u64) -> Schedule {
        Schedule {
            start_ns: 1_000,
            interval_ns,
            push_spread_ns: 0,
            warmup_ns: 200,
            duration_ns: 1_000,
            cooldown_ns: 100,
            calibration: false,
        }
    }

    #[test]
    fn turns_are_fixed_in_advance_however_late_they_are_taken() {
        let schedule = schedule(100);
        let mut pacer = Pacer::default();
        let mut seen = Vec::new();
        while let Some(turn) = pacer.next(&schedule, 7, 999_999) {
            seen.push((turn.intended_ns, turn.phase));
            pacer.take();
        }
        assert_eq!(seen.len(), 13);
        assert_eq!(seen[0], (1_007, Phase::Warmup));
        assert_eq!(seen[2], (1_207, Phase::Steady));
        assert_eq!(seen[11], (2_107, Phase::Steady));
        assert_eq!(seen[12], (2_207, Phase::Cooldown));
        assert_eq!(schedule.steady_turns(), 10);
        assert_eq!(pacer.steady_turns_left(&schedule), 0);
        assert_eq!(Pacer { taken: 5 }.steady_turns_left(&schedule), 7);
    }

    #[test]
    fn a_closed_loop_takes_its_turn_when_asked() {
        let schedule = schedule(0);
        let turn = Pacer::default().next(&schedule, 0, 1_250).unwrap();
        assert_eq!(turn, Turn { intended_ns: 1_250, phase: Phase::Steady });
        assert_eq!(Pacer::default().next(&schedule, 0, 2_300), None);
        assert_eq!(Pacer::default().next(&schedule, 0, 5).unwrap().intended_ns, 1_000);
    }

    proptest! {
        #[test]
        fn no_turn_is_lost_or_doubled(
            interval in 1u64..500, warmup in 0u64..1000, duration in 1u64..3000, cooldown in 0u64..500,
            offset in 0u64..500
        ) {
            let schedule = Schedule {
                start_ns: 10, interval_ns: interval, push_spread_ns: 0, warmup_ns: warmup, duration_ns: duration,
                cooldown_ns: cooldown, calibration: false,
            };
            let mut pacer = Pacer::default();
            let (mut all, mut steady, mut last) = (0u64, 0, None);
            while let Some(turn) = pacer.next(&schedule, offset, 0) {
                if let Some(last) = last {
                    prop_assert_eq!(turn.intended_ns, last + interval);
                }
                last = Some(turn.intended_ns);
                all += 1;
                steady += u64::from(turn.phase == Phase::Steady);
                pacer.take();
                prop_assert_eq!(pacer.steady_turns_left(&schedule), schedule.steady_turns() - steady);
            }
            prop_assert_eq!(all, schedule.length_ns().div_ceil(interval));
            prop_assert_eq!(steady, schedule.steady_turns());
        }

        #[test]
        fn any_contiguous_clients_fill_the_interval_evenly(first in 0u32..1_000_000) {
            let mut tenths = [0u32; 10];
            for client in first..first + 1000 {
                let offset = TurnPlacement::Spread.offset_ns(client, 0, 1_000_000);
                prop_assert!(offset < 1_000_000);
                tenths[(offset / 100_000) as usize] += 1;
            }
            prop_assert!(tenths.iter().all(|&n| (95..=105).contains(&n)), "{:?}", tenths);
        }
    }
}
