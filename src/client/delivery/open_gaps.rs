//! Numbers that were skipped and may still come: a skipped update is lost once nobody waits for it any
//! more, and not before.
//!
//! A client without gaps has no memory for them. One with more gaps than there is room for gives up the
//! oldest one.

use crate::record::{Phase, Recorder};

/// Gaps that a client keeps open at most.
const MOST: usize = 16;

/// Skipped numbers, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    /// The first of them.
    pub first: u64,
    /// The last of them.
    pub last: u64,
    /// The phase in which a later one came.
    pub phase: Phase,
}

impl Gap {
    fn has(&self, number: u64) -> bool {
        (self.first..=self.last).contains(&number)
    }
    /// How many numbers it has.
    pub(super) fn len(&self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }
}

/// The gaps of one client, oldest first. The first one allocates room for all, and most clients never
/// have any: they keep a pointer.
#[derive(Debug, Default)]
pub(super) struct OpenGaps(Option<Box<Gaps>>);

#[derive(Debug)]
struct Gaps(Vec<Gap>);

impl OpenGaps {
    /// Opens a gap. Returns one that is given up for it, which is lost.
    pub(super) fn open(&mut self, gap: Gap) -> Option<Gap> {
        // One more for the moment in which a gap is split.
        let Gaps(gaps) =
            &mut **self.0.get_or_insert_with(|| Box::new(Gaps(Vec::with_capacity(MOST + 1))));
        let given_up = (gaps.len() == MOST).then(|| gaps.remove(0));
        gaps.push(gap);
        given_up
    }

    /// Takes a number that has come after all. Returns the phase in which it was skipped, and a gap that
    /// is given up because the rest of its own one takes the room; `None` if it is in no gap.
    pub(super) fn take(&mut self, number: u64) -> Option<(Phase, Option<Gap>)> {
        let Gaps(gaps) = &mut **self.0.as_mut()?;
        let at = gaps.iter().position(|gap| gap.has(number))?;
        let Gap { first, last, phase } = gaps[at];
        let before = (first < number).then(|| Gap { last: number - 1, ..gaps[at] });
        let after = (number < last).then(|| Gap { first: number + 1, ..gaps[at] });
        let mut given_up = None;
        match (before, after) {
            (None, None) => {
                gaps.remove(at);
            }
            (Some(rest), None) | (None, Some(rest)) => gaps[at] = rest,
            (Some(before), Some(after)) => {
                gaps[at] = before;
                gaps.insert(at + 1, after);
                given_up = (gaps.len() > MOST).then(|| gaps.remove(0));
            }
        }
        Some((phase, given_up))
    }

    /// Closes every gap: its numbers are lost.
    pub(super) fn close(&mut self) -> Vec<Gap> {
        self.0.take().map_or_else(Vec::new, |gaps| gaps.0)
    }
}

/// Counts the updates of gaps as lost, in the phases in which they were skipped.
pub(super) fn lose(recorder: &mut Recorder, gaps: impl IntoIterator<Item = Gap>) {
    for gap in gaps {
        // Numbers are the server's: they may be any.
        let lost = &mut recorder.at(gap.phase).counts.lost;
        *lost = lost.saturating_add(gap.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn gap(first: u64, last: u64) -> Gap {
        Gap { first, last, phase: Phase::Steady }
    }

    #[test]
    fn what_comes_late_is_no_longer_missing_and_the_rest_is() {
        let mut gaps = OpenGaps::default();
        assert_eq!(gaps.take(4), None);
        assert_eq!(gaps.open(gap(3, 7)), None);
        assert_eq!(gaps.open(Gap { phase: Phase::Cooldown, ..gap(9, 9) }), None);
        assert_eq!(gaps.take(5), Some((Phase::Steady, None)));
        assert_eq!(gaps.take(5), None);
        assert_eq!(gaps.take(9), Some((Phase::Cooldown, None)));
        assert_eq!(gaps.take(3), Some((Phase::Steady, None)));
        assert_eq!(gaps.close(), [gap(4, 4), gap(6, 7)]);
        assert_eq!(gaps.close(), []);
    }

    #[test]
    fn the_oldest_gap_is_given_up_for_one_more() {
        let mut gaps = OpenGaps::default();
        for n in 0..MOST as u64 {
            assert_eq!(gaps.open(gap(10 * n, 10 * n + 4)), None);
        }
        assert_eq!(gaps.open(gap(1_000, 1_000)), Some(gap(0, 4)));
        // The rest of a gap on both sides of a number takes the room of two.
        assert_eq!(gaps.take(32), Some((Phase::Steady, Some(gap(10, 14)))));
        assert_eq!(gaps.close().len(), MOST);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        /// Held against a set of numbers: each skipped one is taken once or lost once, with its phase.
        #[test]
        fn every_number_that_was_skipped_comes_late_or_is_lost(
            steps in prop::collection::vec((any::<bool>(), 0u64..400, 1u64..12, 0usize..5), 1..120),
        ) {
            let mut gaps = OpenGaps::default();
            let mut missing: BTreeMap<u64, Phase> = BTreeMap::new();
            let mut newest = 0;
            let lose = |missing: &mut BTreeMap<u64, Phase>, gap: Gap| {
                for number in gap.first..=gap.last {
                    assert_eq!(missing.remove(&number), Some(gap.phase), "{number}");
                }
            };
            for (late, back, count, phase) in steps {
                let phase = Phase::ALL[phase];
                if late {
                    let number = newest - back.min(newest);
                    let found = gaps.take(number);
                    prop_assert_eq!(found.map(|(phase, _)| phase), missing.remove(&number));
                    found.and_then(|(_, given_up)| given_up).into_iter().for_each(|g| lose(&mut missing, g));
                } else {
                    let opened = Gap { first: newest + 1, last: newest + count, phase };
                    missing.extend((opened.first..=opened.last).map(|number| (number, phase)));
                    newest = opened.last + 1;
                    gaps.open(opened).into_iter().for_each(|g| lose(&mut missing, g));
                }
            }
            gaps.close().into_iter().for_each(|gap| lose(&mut missing, gap));
            prop_assert!(missing.is_empty(), "{:?}", missing);
        }
    }
}
