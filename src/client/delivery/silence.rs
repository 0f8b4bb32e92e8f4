//! Whether messages come to a client to which the server pushes, until the end of the measured window.
//!
//! Without a rate nothing says how many should come: what came to the client itself does.

use crate::client::core::ClientCore;
use crate::feed::Workload;
use crate::record::Phase;

/// Fewer messages say nothing of the time between two.
const LEAST_MESSAGES: u32 = 5;
/// How many times as long as the usual time between two messages the client must have waited. Of a Poisson
/// process one gap in 20,000 is so long.
const TIMES_MEAN: u64 = 10;
/// And as the longest: of a server that sends in bursts the usual time is short.
const TIMES_LONGEST: u64 = 3;
/// The part of the measured window for which it must have waited: a busy machine stalls at times.
const LEAST_SHARE: u64 = 10;

/// The messages of a client in its measured window.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Silence {
    last_ns: u64,
    messages: u32,
    longest_us: u32,
}

/// How long a client waited in vain, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stopped {
    silent_us: u64,
    usual_us: u64,
}

impl Silence {
    /// Notes a message that came within the measured window, which begins at `window.0`.
    #[inline]
    pub(super) fn note(&mut self, window: Option<(u64, u64)>, now_ns: u64) {
        let since_ns = match self.messages {
            0 => window.map_or(now_ns, |(from_ns, _)| from_ns),
            _ => self.last_ns,
        };
        let gap_us = u32::try_from(now_ns.saturating_sub(since_ns) / 1_000).unwrap_or(u32::MAX);
        self.longest_us = self.longest_us.max(gap_us);
        self.messages = self.messages.saturating_add(1);
        self.last_ns = now_ns;
    }

    /// Counts at the client's end that it got nothing in the measured window, or nothing any more. Of the
    /// bundled server it is known what should have come.
    pub(super) fn count(self, client: &ClientCore) {
        let thread = &client.thread;
        let is_feed = thread.spec.workload == Workload::Ticker && !thread.source.is_bundled();
        let is_whole = client.is_finished() && client.was_set_up();
        let Some(window) = thread.window.get().filter(|_| is_feed && is_whole) else { return };
        let mut recorder = thread.recorder.borrow_mut();
        let counts = &mut recorder.at(Phase::Steady).counts;
        counts.silent_clients += u64::from(self.messages == 0);
        if let Some(Stopped { silent_us, usual_us }) = self.stopped(window) {
            counts.stopped_clients += 1;
            counts.stopped_silence_us = counts.stopped_silence_us.saturating_add(silent_us);
            counts.stopped_usual_us = counts.stopped_usual_us.saturating_add(usual_us);
        }
    }

    /// Returns how long before the end of the measured window messages stopped to come, if they did.
    fn stopped(self, (from_ns, until_ns): (u64, u64)) -> Option<Stopped> {
        if self.messages < LEAST_MESSAGES {
            return None;
        }
        let silent_us = until_ns.saturating_sub(self.last_ns) / 1_000;
        let usual_us = self.last_ns.saturating_sub(from_ns) / 1_000 / u64::from(self.messages);
        let least_us = (until_ns.saturating_sub(from_ns) / 1_000 / LEAST_SHARE)
            .max(usual_us.saturating_mul(TIMES_MEAN))
            .max(u64::from(self.longest_us).saturating_mul(TIMES_LONGEST));
        (silent_us >= least_us).then_some(Stopped { silent_us, usual_us })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const WINDOW: (u64, u64) = (1_000 * MS, 3_500 * MS);

    fn after(moments_ms: impl IntoIterator<Item = u64>) -> Option<Stopped> {
        let mut silence = Silence::default();
        moments_ms.into_iter().for_each(|ms| silence.note(Some(WINDOW), WINDOW.0 + ms * MS));
        silence.stopped(WINDOW)
    }

    #[test]
    fn messages_stop_if_none_comes_for_ten_times_the_usual_time() {
        let at = |last: u64| after((1..=last).map(|n| n * 100));
        assert_eq!(at(25), None);
        assert_eq!(at(16), None);
        let stopped = Stopped { silent_us: 1_300_000, usual_us: 100_000 };
        assert_eq!(at(12), Some(stopped));
        // Too few say nothing, and none is another matter.
        assert_eq!(after([10, 20, 30, 40]), None);
        assert_eq!(after([]), None);
        assert!(after([10, 20, 30, 40, 50]).is_some());
    }

    #[test]
    fn a_pause_as_there_were_others_is_none_that_stays() {
        // Bursts a second apart.
        assert_eq!(after((0..2).flat_map(|s| (0..100).map(move |n| s * 1_000 + n))), None);
        // A few milliseconds at the end of a fast server's window.
        assert_eq!(after(0..2_400), None);
        assert!(after(0..2_200).is_some());
    }
}
