//! What a thread counts of one step of the rate search.

use crate::record::latency::empty_histogram;
use hdrhistogram::Histogram;

/// The turns of one step of the rate search.
#[derive(Debug)]
pub struct StepTurns {
    /// Turns taken.
    pub completed: u64,
    /// How late those were that were due after the step had settled, in nanoseconds.
    pub lags: Histogram<u64>,
}

impl Default for StepTurns {
    fn default() -> StepTurns {
        StepTurns { completed: 0, lags: empty_histogram() }
    }
}

impl StepTurns {
    /// Counts a turn; without a lag it was due before the step had settled.
    pub(crate) fn take(&mut self, lag_ns: Option<u64>) {
        self.completed += 1;
        if let Some(lag) = lag_ns {
            self.lags.saturating_record(lag);
        }
    }

    /// Adds those of another thread.
    pub(crate) fn add(&mut self, other: &StepTurns) {
        self.completed += other.completed;
        // All have the same bounds.
        let _ = self.lags.add(&other.lags);
    }

    /// Forgets all.
    pub(crate) fn reset(&mut self) {
        self.completed = 0;
        self.lags.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_count_before_the_step_has_settled_but_their_lags_do_not() {
        let (mut one, mut other) = (StepTurns::default(), StepTurns::default());
        one.take(None);
        one.take(Some(5));
        other.take(None);
        one.add(&other);
        assert_eq!((one.completed, one.lags.len(), one.lags.max()), (3, 1, 5));
        one.reset();
        assert_eq!((one.completed, one.lags.len()), (0, 0));
    }
}
