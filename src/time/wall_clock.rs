//! `CLOCK_REALTIME` as moments of `CLOCK_MONOTONIC`: for times that the kernel gives by that clock
//! alone.
//!
//! The distance between the two clocks changes only if the wall clock is set (a step): what slows or
//! speeds one of them does the same to the other (`clock_gettime(2)`, `adjtimex(2)`). A time from
//! before a step has no moment, and is found by arithmetic.

use crate::os::{now_ns, wall_ns};

/// The distance may change by this between two readings without being a step: how exact a pair of
/// readings is.
const STEP_NS: u64 = 100_000;
/// A pair of readings that took longer than this was interrupted, and is read again.
const PAIR_NS: u64 = 20_000;
/// How often a pair is read again.
const MOST_PAIRS: u32 = 4;

/// How far the wall clock of a simulation is ahead of its other one: some time in 2026.
pub(crate) const SIMULATED_AHEAD_NS: u64 = 1_790_000_000_000_000_000;

/// Both clocks at one moment.
#[derive(Debug, Clone, Copy)]
struct ClockPair {
    /// `CLOCK_MONOTONIC` before the other was read, in nanoseconds.
    before_ns: u64,
    /// `CLOCK_REALTIME`, in nanoseconds.
    wall_ns: u64,
    /// `CLOCK_MONOTONIC` after it, in nanoseconds.
    after_ns: u64,
}

impl ClockPair {
    fn read() -> ClockPair {
        ClockPair { before_ns: now_ns(), wall_ns: wall_ns(), after_ns: now_ns() }
    }
    /// Reads them until nothing comes between the readings: returns the first pair and the last one,
    /// which is exact if it is close.
    fn read_close() -> (ClockPair, ClockPair) {
        let first = ClockPair::read();
        let mut pair = first;
        for _ in 1..MOST_PAIRS {
            if pair.is_close() {
                break;
            }
            pair = ClockPair::read();
        }
        (first, pair)
    }
    /// Whether nothing came between the readings.
    fn is_close(&self) -> bool {
        self.after_ns - self.before_ns <= PAIR_NS
    }
    /// How far `CLOCK_REALTIME` is ahead.
    fn ahead_ns(&self) -> i64 {
        let monotonic_ns = self.before_ns + (self.after_ns - self.before_ns) / 2;
        self.wall_ns as i64 - monotonic_ns as i64
    }
}

/// Both clocks, read by whoever has them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClockReading(ClockPair);

impl ClockReading {
    /// Reads the clocks of the system.
    pub(crate) fn read() -> ClockReading {
        ClockReading(ClockPair::read_close().1)
    }
    /// The clocks of a simulation, in which the wall clock is always as far ahead.
    pub(crate) fn simulated(now_ns: u64) -> ClockReading {
        let wall_ns = now_ns + SIMULATED_AHEAD_NS;
        ClockReading(ClockPair { before_ns: now_ns, wall_ns, after_ns: now_ns })
    }
    /// The wall clock in whole seconds since 1970.
    pub(crate) fn wall_s(self) -> i64 {
        (self.0.wall_ns / 1_000_000_000) as i64
    }
}

/// The distance of the two clocks, and since when it is the same.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WallClock {
    ahead_ns: i64,
    /// A time that would be earlier than this may be from before a step.
    same_since_ns: u64,
    /// Whether the wall clock was set since the first reading.
    stepped: bool,
}

impl WallClock {
    /// Reads the clocks for the first time.
    pub(crate) fn new() -> WallClock {
        WallClock::since(ClockPair::read())
    }

    fn since(pair: ClockPair) -> WallClock {
        WallClock { ahead_ns: pair.ahead_ns(), same_since_ns: pair.before_ns, stepped: false }
    }

    /// Returns the time now, and the moment of an earlier wall time; `None` if it is from before a
    /// step of the wall clock.
    pub(crate) fn now_and_moment_of(&mut self, wall_ns: u64) -> (u64, Option<u64>) {
        let (first, pair) = ClockPair::read_close();
        let pair = Some(pair).filter(ClockPair::is_close);
        let moment = pair.and_then(|pair| self.moment_of(wall_ns, pair));
        (first.before_ns, moment.map(|ns| ns.min(first.before_ns)))
    }

    /// The distance of the clocks at a reading.
    pub(crate) fn at(reading: ClockReading) -> WallClock {
        WallClock::since(reading.0)
    }

    /// Takes a reading of both clocks, for [`WallClock::moment_of_any`]: of after whatever came was
    /// sent.
    pub(crate) fn renew(&mut self, reading: ClockReading) {
        if reading.0.is_close() {
            self.follow(reading.0);
        }
    }

    /// Returns the wall time of a moment.
    pub(crate) fn wall_ns_at(&self, ns: u64) -> u64 {
        ns.saturating_add_signed(self.ahead_ns)
    }

    /// Returns the moment of a wall time, however old or far ahead; `None` if it may be from before a
    /// step of the wall clock that was met.
    pub(crate) fn moment_of_any(&self, wall_ns: i128) -> Option<i128> {
        let ns = wall_ns - i128::from(self.ahead_ns);
        (!self.stepped || ns >= i128::from(self.same_since_ns)).then_some(ns)
    }

    /// Returns the moment of a wall time that was taken before a pair was read.
    fn moment_of(&mut self, wall_ns: u64, pair: ClockPair) -> Option<u64> {
        self.follow(pair);
        let ns = u64::try_from(i128::from(wall_ns) - i128::from(self.ahead_ns)).ok()?;
        let until_ns = pair.after_ns.saturating_add(STEP_NS);
        (self.same_since_ns..=until_ns).contains(&ns).then_some(ns)
    }

    /// Takes the distance of a pair, and finds out whether the wall clock was set before it.
    fn follow(&mut self, pair: ClockPair) {
        let ahead_ns = pair.ahead_ns();
        let moved_ns = ahead_ns - self.ahead_ns;
        if moved_ns.unsigned_abs() > STEP_NS {
            // Times from before a step back come out later by its length, and are left out as well.
            let back_ns = moved_ns.min(0).unsigned_abs();
            self.same_since_ns = self.same_since_ns.max(pair.before_ns).saturating_add(back_ns);
            self.stepped = true;
        }
        self.ahead_ns = ahead_ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000_000;
    /// 2026, about.
    const AHEAD: u64 = 1_790_000_000 * SECOND;

    /// Both clocks at a moment, the wall clock set ahead by so much.
    fn pair(at_ns: u64, set_ns: i64) -> ClockPair {
        let wall_ns = (AHEAD + at_ns).saturating_add_signed(set_ns);
        ClockPair { before_ns: at_ns - 20, wall_ns, after_ns: at_ns + 20 }
    }

    #[test]
    fn a_wall_time_is_its_moment() {
        let mut clock = WallClock::since(pair(SECOND, 0));
        let taken = pair(3 * SECOND, 0).wall_ns;
        assert_eq!(clock.moment_of(taken, pair(4 * SECOND, 0)), Some(3 * SECOND));
        // Pairs are not exact, and the kernel's reading may come out just after ours.
        assert_eq!(clock.moment_of(taken, pair(3 * SECOND, 900)), Some(3 * SECOND - 900));
        assert_eq!(clock.moment_of(taken, pair(3 * SECOND - 500, 0)), Some(3 * SECOND));
    }

    #[test]
    fn a_time_from_before_the_first_reading_or_after_the_last_is_left_out() {
        let mut clock = WallClock::since(pair(2 * SECOND, 0));
        assert_eq!(clock.moment_of(pair(SECOND, 0).wall_ns, pair(3 * SECOND, 0)), None);
        assert_eq!(clock.moment_of(pair(4 * SECOND, 0).wall_ns, pair(3 * SECOND, 0)), None);
        assert_eq!(clock.moment_of(0, pair(3 * SECOND, 0)), None);
    }

    #[test]
    fn a_time_from_before_a_step_is_left_out_and_one_from_after_it_is_not() {
        for set_ns in [5_000_000, -5_000_000, 3_600 * SECOND as i64, -(SECOND as i64)] {
            let mut clock = WallClock::since(pair(SECOND, 0));
            let before = pair(2 * SECOND, 0).wall_ns;
            // The step is met with this reading, and is still known at the next one.
            assert_eq!(clock.moment_of(before, pair(3 * SECOND, set_ns)), None, "{set_ns}");
            assert_eq!(clock.moment_of(before, pair(4 * SECOND, set_ns)), None, "{set_ns}");
            let after = pair(9 * SECOND, set_ns).wall_ns;
            let found = clock.moment_of(after, pair(10 * SECOND, set_ns));
            assert_eq!(found, Some(9 * SECOND), "{set_ns}");
        }
    }

    #[test]
    fn a_wall_time_of_any_age_has_a_moment_until_the_clock_is_set() {
        let mut clock = WallClock::since(pair(2 * SECOND, 0));
        let wall = |ns: i128| i128::from(AHEAD) + ns;
        let hour = 3_600 * i128::from(SECOND);
        for ns in [-hour, 0, i128::from(SECOND), hour] {
            assert_eq!(clock.moment_of_any(wall(ns)), Some(ns));
        }
        clock.follow(pair(3 * SECOND, 50_000));
        assert!(clock.moment_of_any(wall(0)).is_some(), "no step");
        clock.follow(pair(4 * SECOND, -(SECOND as i64)));
        // What was sent before the step comes out a second late.
        assert_eq!(clock.moment_of_any(wall(4_900_000_000) - i128::from(SECOND)), None);
        let later = wall(6 * i128::from(SECOND)) - i128::from(SECOND);
        assert_eq!(clock.moment_of_any(later), Some(6 * i128::from(SECOND)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        /// Whatever steps there are: a moment that is given is the true one.
        #[test]
        fn no_moment_is_wrong(
            steps in prop::collection::vec((1u64..3_000_000_000, -2_000_000_000i64..2_000_000_000), 1..8),
            waits in prop::collection::vec(0u64..5_000_000_000, 8),
        ) {
            let mut at_ns = 10 * SECOND;
            let mut clock = WallClock::since(pair(at_ns, 0));
            // Since when the wall clock is set as it is, latest first.
            let mut settings = vec![(0, 0i64)];
            for ((passed_ns, step_ns), wait_ns) in steps.into_iter().zip(waits) {
                let stepped_ns = at_ns + passed_ns / 2;
                at_ns += passed_ns + 1_000;
                if step_ns.unsigned_abs() > 2 * STEP_NS {
                    settings.insert(0, (stepped_ns, settings[0].1 + step_ns));
                }
                // The kernel took the time of something that then waited.
                let true_ns = at_ns.saturating_sub(wait_ns).max(SECOND);
                let set_ns = settings.iter().find(|(since, _)| *since <= true_ns).unwrap().1;
                let taken = pair(true_ns, set_ns).wall_ns;
                let found = clock.moment_of(taken, pair(at_ns, settings[0].1));
                if let Some(found) = found {
                    prop_assert_eq!(found, true_ns);
                }
            }
        }
    }

    #[test]
    fn the_clocks_of_this_machine_agree() {
        let mut clock = WallClock::new();
        let (taken_ns, wall_ns) = (now_ns(), wall_ns());
        let (now_ns, moment) = clock.now_and_moment_of(wall_ns);
        assert!(now_ns >= taken_ns);
        // `None` if every pair of readings was interrupted, or somebody sets the clock.
        if let Some(moment) = moment {
            assert!(moment <= now_ns && moment + STEP_NS >= taken_ns);
        }
    }
}
