//! Which of the last 64 numbers of a sequence have arrived.

/// What an update is to the client that receives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Newer than all before.
    New,
    /// The newest again.
    NewestAgain,
    /// For the first time, after a later one.
    Late,
    /// An earlier one again.
    Again,
}

/// The 64 numbers before the newest one, a bit each; the one just before it in the lowest bit.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SequenceWindow(u64);

impl SequenceWindow {
    /// A window of numbers that all have arrived, or that nobody waits for.
    pub(super) const FULL: SequenceWindow = SequenceWindow(u64::MAX);

    /// Returns what a number is after `newest`, and marks it if it is late.
    pub(super) fn classify(&mut self, newest: u64, number: u64) -> Arrival {
        match newest.checked_sub(number) {
            None => Arrival::New,
            Some(0) => Arrival::NewestAgain,
            Some(back @ 1..=64) if self.0 & (1 << (back - 1)) == 0 => {
                self.0 |= 1 << (back - 1);
                Arrival::Late
            }
            Some(_) => Arrival::Again,
        }
    }

    /// Moves the window to a newest number that is higher by `step`, at least 1. The old newest
    /// one has arrived.
    pub(super) fn advance(&mut self, step: u64) {
        self.0 = match step {
            0..64 => (self.0 << step) | (1 << (step.max(1) - 1)),
            64 => 1 << 63,
            _ => 0,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_new_or_late_once() {
        let mut window = SequenceWindow::default();
        let mut newest = 0;
        let mut classify = |number| {
            let arrival = window.classify(newest, number);
            if arrival == Arrival::New {
                window.advance(number - newest);
                newest = number;
            }
            arrival
        };
        use Arrival::{Again, Late, New, NewestAgain};
        let all = [1, 2, 5, 5, 3, 3, 4, 1, 200, 5, 199].map(&mut classify);
        assert_eq!(all, [New, New, New, NewestAgain, Late, Again, Late, Again, New, Again, Late]);
    }
}
