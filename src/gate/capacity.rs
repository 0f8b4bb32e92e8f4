//! The search for the largest load that keeps a condition: doubling until one does not, then bisection.
//!
//! After the idea of MLRsearch (draft-ietf-bmwg-mlrsearch): trials are short while the ends of the bracket are far
//! apart and of full length once they are close; both ends are confirmed by several full ones, of which some may fail.
//! An end that its confirmation refutes changes sides, and the search goes on. It draws nothing and reads no clock.

use std::collections::BTreeMap;

/// How long a trial is, as a share of a full one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TrialLength {
    /// A quarter, while the ends are more than half of the lower one apart.
    Quarter,
    /// Half, while they are more than a fifth apart.
    Half,
    /// All of it.
    Full,
}

impl TrialLength {
    /// Of a trial between two loads.
    fn between(holds: u64, fails: u64) -> TrialLength {
        let ratio = fails as f64 / holds as f64;
        if ratio > 1.5 {
            TrialLength::Quarter
        } else if ratio > 1.2 {
            TrialLength::Half
        } else {
            TrialLength::Full
        }
    }

    /// Quarters of a full trial.
    pub(crate) fn quarters(self) -> u32 {
        match self {
            TrialLength::Quarter => 1,
            TrialLength::Half => 2,
            TrialLength::Full => 4,
        }
    }
}

/// What a trial showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrialOutcome {
    /// The condition held.
    Held,
    /// It did not, or the load was not borne.
    Failed,
    /// The driver, or its machine, was the limit: the trial says nothing of the server.
    DriverBound,
}

/// What is looked for, and how surely.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CapacitySettings {
    /// The first load, from 1.
    pub first: u64,
    /// No load is larger.
    pub most: u64,
    /// Full trials of each end of the bracket, from 1.
    pub trials: u32,
    /// So many of them may fail at a load that holds; fewer than `trials`.
    pub allowed: u32,
    /// How far apart the ends may be, as a share of the lower one.
    pub precision: f64,
    /// No more trials than this.
    pub most_trials: u32,
}

/// Trials of one load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct LoadTrials {
    /// Full ones in which the condition held.
    pub held: u32,
    /// Full ones in which it did not.
    pub failed: u32,
    /// Quarters of shorter ones in which it held.
    short_held: u32,
    /// Quarters of shorter ones in which it did not.
    short_failed: u32,
}

/// What is known of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KnownOfLoad {
    Holds { surely: bool },
    Fails { surely: bool },
}

impl LoadTrials {
    fn known(&self, settings: &CapacitySettings) -> KnownOfLoad {
        if self.held >= settings.trials - settings.allowed {
            return KnownOfLoad::Holds { surely: true };
        }
        if self.failed > settings.allowed {
            return KnownOfLoad::Fails { surely: true };
        }
        let held = 4 * self.held + self.short_held;
        let failed = 4 * self.failed + self.short_failed;
        if held > failed {
            KnownOfLoad::Holds { surely: false }
        } else {
            KnownOfLoad::Fails { surely: false }
        }
    }
}

/// One end of the bracket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BracketEnd {
    /// The load.
    pub load: u64,
    /// Its trials.
    pub trials: LoadTrials,
}

/// Why the search has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CapacityEnd {
    /// Both ends are confirmed and as close as wanted.
    Found,
    /// The lower end is confirmed, and above it the driver is the limit.
    DriverBound,
    /// The largest load holds.
    Most,
    /// Not even a load of 1 holds.
    Nothing,
    /// There were as many trials as allowed, and the ends are not confirmed.
    TooManyTrials,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bracket {
    /// The largest load that holds; `None` if none does.
    pub holds: Option<BracketEnd>,
    /// The smallest load that does not; `None` if there is none.
    pub fails: Option<BracketEnd>,
    /// The smallest load at which the driver was the limit.
    pub driver_bound: Option<u64>,
    /// Why there are no further trials.
    pub end: CapacityEnd,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CapacityStep {
    /// A trial.
    Trial {
        /// The load.
        load: u64,
        /// Its length.
        length: TrialLength,
    },
    /// Nothing: this was found.
    Done(Bracket),
}

/// See the module's description.
#[derive(Debug, Clone)]
pub(crate) struct CapacitySearch {
    settings: CapacitySettings,
    loads: BTreeMap<u64, LoadTrials>,
    driver_bound: Option<u64>,
    trials: u32,
}

impl CapacitySearch {
    /// A search before its first trial.
    pub(crate) fn new(settings: CapacitySettings) -> CapacitySearch {
        CapacitySearch { settings, loads: BTreeMap::new(), driver_bound: None, trials: 0 }
    }

    /// A trial has ended.
    pub(crate) fn add(&mut self, load: u64, length: TrialLength, outcome: TrialOutcome) {
        self.trials += 1;
        let trials = self.loads.entry(load).or_default();
        match (outcome, length) {
            (TrialOutcome::Held, TrialLength::Full) => trials.held += 1,
            (TrialOutcome::Failed, TrialLength::Full) => trials.failed += 1,
            (TrialOutcome::Held, short) => trials.short_held += short.quarters(),
            (TrialOutcome::Failed, short) => trials.short_failed += short.quarters(),
            (TrialOutcome::DriverBound, _) => {
                let least = self.driver_bound.map_or(load, |other| other.min(load));
                self.driver_bound = Some(least);
            }
        }
    }

    /// The smallest load that does not hold.
    fn fails(&self) -> Option<BracketEnd> {
        let fails =
            |trials: &LoadTrials| matches!(trials.known(&self.settings), KnownOfLoad::Fails { .. });
        let below = self.driver_bound.unwrap_or(u64::MAX);
        let mut loads = self.loads.range(..below);
        loads
            .find(|(_, trials)| fails(trials))
            .map(|(load, trials)| BracketEnd { load: *load, trials: *trials })
    }

    /// The largest load that holds, of those below another.
    fn holds(&self, below: u64) -> Option<BracketEnd> {
        let last = self.loads.range(..below).next_back();
        last.map(|(load, trials)| BracketEnd { load: *load, trials: *trials })
    }

    fn is_sure(&self, end: &BracketEnd) -> bool {
        matches!(
            end.trials.known(&self.settings),
            KnownOfLoad::Holds { surely: true } | KnownOfLoad::Fails { surely: true }
        )
    }

    /// What to do next.
    pub(crate) fn next(&self) -> CapacityStep {
        let CapacitySettings { first, most, precision, most_trials, .. } = self.settings;
        let fails = self.fails();
        let above = fails.map(|end| end.load).or(self.driver_bound);
        let holds = self.holds(above.unwrap_or(u64::MAX));
        let done = |end| {
            CapacityStep::Done(Bracket { holds, fails, driver_bound: self.driver_bound, end })
        };
        if self.trials >= most_trials {
            return done(CapacityEnd::TooManyTrials);
        }
        let trial = |load, length| CapacityStep::Trial { load, length };
        let confirm = |end: &BracketEnd| trial(end.load, TrialLength::Full);
        match (holds, above) {
            (None, None) => trial(first.clamp(1, most), TrialLength::Quarter),
            (None, Some(1)) => match fails {
                Some(end) if !self.is_sure(&end) => confirm(&end),
                Some(_) => done(CapacityEnd::Nothing),
                None => done(CapacityEnd::DriverBound),
            },
            (None, Some(above)) => trial(above / 2, TrialLength::Quarter),
            (Some(end), None) if end.load < most => {
                trial(end.load.saturating_mul(2).min(most), TrialLength::Quarter)
            }
            (Some(end), None) if !self.is_sure(&end) => confirm(&end),
            (Some(_), None) => done(CapacityEnd::Most),
            (Some(end), Some(above)) => {
                let wide = (above as f64) > end.load as f64 * (1.0 + precision);
                if wide && above - end.load > 1 {
                    return trial(middle(end.load, above), TrialLength::between(end.load, above));
                }
                match fails {
                    _ if !self.is_sure(&end) => confirm(&end),
                    Some(fails) if !self.is_sure(&fails) => confirm(&fails),
                    Some(_) => done(CapacityEnd::Found),
                    None => done(CapacityEnd::DriverBound),
                }
            }
        }
    }
}

/// A load between two others that are more than 1 apart: about their geometric mean, with few digits.
fn middle(low: u64, high: u64) -> u64 {
    let mean = (low as f64 * high as f64).sqrt();
    let unit = 10_f64.powf((mean.log10() - 1.0).floor()).max(1.0);
    let round = ((mean / unit).round() * unit) as u64;
    let is_between = |load: &u64| low < *load && *load < high;
    Some(round).filter(is_between).unwrap_or((mean as u64).clamp(low + 1, high - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SETTINGS: CapacitySettings = CapacitySettings {
        first: 100,
        most: 1_000_000,
        trials: 3,
        allowed: 1,
        precision: 0.1,
        most_trials: 100,
    };

    /// Searches with trials that end so. Returns what was found, and each load with the length of its trial.
    fn search(
        settings: CapacitySettings,
        mut trial: impl FnMut(u64, TrialLength) -> TrialOutcome,
    ) -> (Bracket, Vec<(u64, TrialLength)>) {
        let mut search = CapacitySearch::new(settings);
        let mut trials = Vec::new();
        loop {
            match search.next() {
                CapacityStep::Done(found) => return (found, trials),
                CapacityStep::Trial { load, length } => {
                    trials.push((load, length));
                    search.add(load, length, trial(load, length));
                }
            }
        }
    }

    fn up_to(most: u64) -> impl FnMut(u64, TrialLength) -> TrialOutcome {
        move |load, _| if load <= most { TrialOutcome::Held } else { TrialOutcome::Failed }
    }

    #[test]
    fn loads_double_and_are_halved_and_both_ends_are_confirmed() {
        use TrialLength::{Full, Half, Quarter};
        let (found, trials) = search(SETTINGS, up_to(1_000));
        assert_eq!(found.end, CapacityEnd::Found);
        assert_eq!(found.holds.map(|end| (end.load, end.trials.held)), Some((1_000, 2)));
        assert_eq!(found.fails.map(|end| (end.load, end.trials.failed)), Some((1_100, 2)));
        let expected = [
            (100, Quarter),
            (200, Quarter),
            (400, Quarter),
            (800, Quarter),
            (1_600, Quarter),
            (1_100, Quarter),
            (940, Half),
            (1_000, Full),
        ];
        assert_eq!(trials[..expected.len()], expected, "{trials:?}");
    }

    #[test]
    fn the_ends_of_the_range_and_of_the_driver_are_said() {
        let (found, _) = search(SETTINGS, up_to(u64::MAX));
        assert_eq!((found.end, found.fails), (CapacityEnd::Most, None));
        assert_eq!(found.holds.map(|end| end.load), Some(1_000_000));
        let (found, _) = search(SETTINGS, up_to(0));
        assert_eq!((found.end, found.holds), (CapacityEnd::Nothing, None));
        let (found, _) = search(SETTINGS, |load, _| match load {
            ..=500 => TrialOutcome::Held,
            _ => TrialOutcome::DriverBound,
        });
        assert_eq!((found.end, found.fails), (CapacityEnd::DriverBound, None));
        let (holds, bound) =
            (found.holds.expect("an end").load, found.driver_bound.expect("an end"));
        assert!((450..=500).contains(&holds) && bound > 500 && bound <= 550, "{holds} {bound}");
        let few = CapacitySettings { most_trials: 3, ..SETTINGS };
        assert_eq!(search(few, up_to(1_000)).0.end, CapacityEnd::TooManyTrials);
    }

    #[test]
    fn a_short_trial_that_failed_by_chance_is_found_out() {
        // Each load fails once, in its first short trial.
        let mut seen = std::collections::BTreeSet::new();
        let (found, _) = search(SETTINGS, |load, length| {
            let unlucky = length < TrialLength::Full && seen.insert(load) && load == 200;
            if load <= 1_000 && !unlucky { TrialOutcome::Held } else { TrialOutcome::Failed }
        });
        assert_eq!(found.end, CapacityEnd::Found);
        assert!(found.holds.is_some_and(|end| (900..=1_000).contains(&end.load)), "{found:?}");
    }

    proptest! {
        /// Whatever trials come to, the search ends, its ends are in order and as close as was wanted.
        #[test]
        fn every_search_ends(
            first in 1_u64..10_000,
            trials in 1_u32..6,
            allowed in 0_u32..5,
            precision in 0.001_f64..1.0,
            outcomes in proptest::collection::vec(0_u8..12, 1..200),
        ) {
            let settings = CapacitySettings {
                first, trials, allowed: allowed.min(trials - 1), precision, ..SETTINGS
            };
            let mut at = outcomes.iter().cycle();
            let (found, all) = search(settings, |_, _| match at.next() {
                Some(0) => TrialOutcome::DriverBound,
                Some(1..6) => TrialOutcome::Failed,
                _ => TrialOutcome::Held,
            });
            prop_assert!(all.len() <= 100);
            prop_assert!(all.iter().all(|(load, _)| (1..=1_000_000).contains(load)));
            if let (Some(holds), Some(fails)) = (found.holds, found.fails) {
                prop_assert!(holds.load < fails.load);
                let close = fails.load as f64 <= holds.load as f64 * (1.0 + precision);
                let found_it = found.end == CapacityEnd::Found;
                prop_assert!(!found_it || close || fails.load - holds.load == 1, "{found:?}");
                prop_assert!(!found_it || fails.trials.failed > settings.allowed);
                prop_assert!(!found_it || holds.trials.held >= trials - settings.allowed);
            }
        }

        /// Of a server that bears a load up to a certain one and no more, the bracket has that one.
        #[test]
        fn the_bracket_has_the_capacity(first in 1_u64..10_000, capacity in 1_u64..900_000) {
            let (found, all) = search(CapacitySettings { first, ..SETTINGS }, up_to(capacity));
            prop_assert_eq!(found.end, CapacityEnd::Found);
            prop_assert!(found.holds.is_some_and(|end| end.load <= capacity));
            prop_assert!(found.fails.is_some_and(|end| end.load > capacity));
            prop_assert!(all.len() < 40, "{} trials", all.len());
        }
    }
}
