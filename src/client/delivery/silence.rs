//! Whether updates come to a client of a server that is not the bundled one, until the end of the measured window
//! and without a long pause.
//!
//! Without a rate nothing says how many should come: what came to the client itself does. What is no update, as a
//! keepalive or one that had come before, is no sign that the feed goes on.

use crate::client::core::ClientCore;
use crate::feed::{Spec, Workload};
use crate::record::{LEAST_UPDATES, Phase};

/// How many times as long as the usual time between two updates the client must have waited. Of a Poisson
/// process one gap in 20,000 is so long.
const TIMES_MEAN: u64 = 10;
/// And as the longest: of a server that sends in bursts the usual time is short.
const TIMES_LONGEST: u64 = 3;
/// The part of the measured window for which it must have waited: a busy machine stalls at times.
const LEAST_SHARE: u64 = 10;
/// The same if fewer than [`LEAST_UPDATES`] came.
const LEAST_SHARE_OF_FEW: u64 = 2;
/// A gap of more periods of the rate than this is a pause, if it is no shorter than [`LEAST_PAUSE_US`].
const TIMES_PERIOD: u64 = 3;
/// A busy machine makes shorter ones.
const LEAST_PAUSE_US: u64 = 100_000;

/// The updates of a client in its measured window.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Silence {
    last_ns: u64,
    updates: u32,
    /// The longest time between two, and the one that is second to it.
    longest_us: u32,
    second_us: u32,
    /// From here on the time between two is a pause.
    pause_us: u32,
    /// All pauses.
    paused_us: u32,
    /// Whether a message had a time, a number or a stamp: one without is no update then.
    identified: bool,
}

/// What a message says of the feed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sign {
    /// Whether it has a time, a number or a stamp.
    pub(super) identified: bool,
    /// Whether it had not come before.
    pub(super) new: bool,
}

/// How long a client waited in vain, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stopped {
    silent_us: u64,
    usual_us: u64,
}

/// Returns microseconds, as many as are kept.
fn kept_us(ns: u64) -> u32 {
    u32::try_from(ns / 1_000).unwrap_or(u32::MAX)
}

impl Silence {
    /// Notes a message; `measured` is whether it came within the measured window, which begins at `window.0`.
    #[inline]
    pub(super) fn note(
        &mut self,
        sign: Sign,
        spec: &Spec,
        window: Option<(u64, u64)>,
        measured: bool,
        now_ns: u64,
    ) {
        if sign.identified && !self.identified {
            // What came before was no update.
            *self = Silence { identified: true, ..Silence::default() };
        }
        if !measured || !sign.new || sign.identified != self.identified {
            return;
        }
        let since_ns = match self.updates {
            0 => {
                let least_us = spec.period_ns().max(spec.batch_ns).saturating_mul(TIMES_PERIOD);
                self.pause_us = kept_us(least_us.max(LEAST_PAUSE_US * 1_000));
                window.map_or(now_ns, |(from_ns, _)| from_ns)
            }
            _ => self.last_ns,
        };
        self.note_gap(kept_us(now_ns.saturating_sub(since_ns)));
        self.updates = self.updates.saturating_add(1);
        self.last_ns = now_ns;
    }

    #[inline]
    fn note_gap(&mut self, gap_us: u32) {
        if gap_us > self.second_us {
            self.second_us = gap_us.min(self.longest_us);
            self.longest_us = gap_us.max(self.longest_us);
        }
        if gap_us >= self.pause_us {
            self.paused_us = self.paused_us.saturating_add(gap_us);
        }
    }

    /// Counts at the client's end that it got nothing in the measured window, nothing any more, or nothing for a
    /// time. Of the bundled server it is known what should have come.
    pub(super) fn count(self, client: &ClientCore) {
        let thread = &client.thread;
        let is_feed = thread.spec.workload == Workload::Ticker && !thread.source.is_bundled();
        let is_whole = client.is_finished() && client.was_set_up();
        let Some(window) = thread.window.get().filter(|_| is_feed && is_whole) else { return };
        let mut recorder = thread.recorder.borrow_mut();
        let counts = &mut recorder.at(Phase::Steady).counts;
        let add = |count: &mut u64, more: u64| *count = count.saturating_add(more);
        add(&mut counts.silent_clients, u64::from(self.updates == 0));
        add(&mut counts.once_clients, u64::from(self.updates == 1));
        if let Some(Stopped { silent_us, usual_us }) = self.stopped(window) {
            add(&mut counts.stopped_clients, 1);
            add(&mut counts.stopped_silence_us, silent_us);
            add(&mut counts.stopped_usual_us, usual_us);
            add(&mut counts.stopped_updates, u64::from(self.updates));
            return;
        }
        if let Some(Stopped { silent_us, usual_us }) = self.paused(window) {
            add(&mut counts.paused_clients, 1);
            add(&mut counts.paused_us, silent_us);
            add(&mut counts.paused_usual_us, usual_us);
        }
        if u64::from(self.paused_us) >= window_us(window) / LEAST_SHARE {
            add(&mut counts.uneven_clients, 1);
            add(&mut counts.uneven_pauses_us, self.paused_us.into());
            add(&mut counts.uneven_longest_us, self.longest_us.into());
        }
    }

    /// The mean time between two updates up to the last.
    fn usual_us(self, (from_ns, _): (u64, u64)) -> u64 {
        self.last_ns.saturating_sub(from_ns) / 1_000 / u64::from(self.updates.max(1))
    }

    /// Returns how long before the end of the measured window updates stopped to come, if they did.
    fn stopped(self, window: (u64, u64)) -> Option<Stopped> {
        let usual_us = self.usual_us(window);
        let (least_share, times_mean) = match self.updates {
            0 => return None,
            few if u64::from(few) < LEAST_UPDATES => (LEAST_SHARE_OF_FEW, 0),
            _ => (LEAST_SHARE, TIMES_MEAN),
        };
        let silent_us = window.1.saturating_sub(self.last_ns) / 1_000;
        let least_us = (window_us(window) / least_share)
            .max(usual_us.saturating_mul(times_mean))
            .max(u64::from(self.longest_us).saturating_mul(TIMES_LONGEST));
        (silent_us >= least_us).then_some(Stopped { silent_us, usual_us })
    }

    /// Returns for how long no update came before the next, if that was once only, and far longer than usual.
    fn paused(self, window: (u64, u64)) -> Option<Stopped> {
        let longest_us = u64::from(self.longest_us);
        let second_us = u64::from(self.second_us);
        let usual_us = self.usual_us(window);
        let least_us = (window_us(window) / LEAST_SHARE)
            .max(usual_us.saturating_mul(TIMES_MEAN))
            .max(second_us.saturating_mul(TIMES_LONGEST));
        let is_pause = u64::from(self.updates) >= LEAST_UPDATES && longest_us >= least_us;
        is_pause.then_some(Stopped { silent_us: longest_us, usual_us })
    }
}

/// The length of the measured window.
fn window_us((from_ns, until_ns): (u64, u64)) -> u64 {
    until_ns.saturating_sub(from_ns) / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const WINDOW: (u64, u64) = (1_000 * MS, 3_500 * MS);

    const UPDATE: Sign = Sign { identified: true, new: true };
    const REPEAT: Sign = Sign { identified: true, new: false };
    const PLAIN: Sign = Sign { identified: false, new: true };
    /// Ten updates a second.
    const SPEC: Spec = Spec { rate_hz: 10.0, ..Spec::PLAIN };

    fn of(signs: impl IntoIterator<Item = (u64, Sign)>) -> Silence {
        let mut silence = Silence::default();
        let note = |(ms, sign)| silence.note(sign, &SPEC, Some(WINDOW), true, WINDOW.0 + ms * MS);
        signs.into_iter().for_each(note);
        silence
    }

    fn after(moments_ms: impl IntoIterator<Item = u64>) -> Option<Stopped> {
        of(moments_ms.into_iter().map(|ms| (ms, PLAIN))).stopped(WINDOW)
    }

    #[test]
    fn messages_stop_if_none_comes_for_ten_times_the_usual_time() {
        let at = |last: u64| after((1..=last).map(|n| n * 100));
        assert_eq!(at(25), None);
        assert_eq!(at(16), None);
        let stopped = Stopped { silent_us: 1_300_000, usual_us: 100_000 };
        assert_eq!(at(12), Some(stopped));
        // Few say nothing unless most of the window is silent, and none is another matter.
        assert_eq!(after([700, 900]), None);
        assert_eq!(after([1_300]), None);
        assert!(after([10, 20, 30, 40]).is_some());
        assert!(after([100]).is_some());
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

    #[test]
    fn what_is_no_update_is_no_sign_of_the_feed() {
        let stopped = Some(Stopped { silent_us: 1_300_000, usual_us: 100_000 });
        let with = |other| {
            let updates = (1..=12).map(|n| (n * 100, UPDATE));
            of(updates.chain((13..25).map(move |n| (n * 100, other)))).stopped(WINDOW)
        };
        assert_eq!(with(PLAIN), stopped);
        assert_eq!(with(REPEAT), stopped);
        assert_eq!(with(UPDATE), None);
        // What came before the first that is known as one was none either; without any each message is one.
        let late = of([(100, PLAIN), (200, PLAIN), (300, UPDATE), (400, PLAIN), (2_400, PLAIN)]);
        assert_eq!((late.updates, late.longest_us), (1, 300_000));
        let mut warm = Silence::default();
        warm.note(UPDATE, &SPEC, Some(WINDOW), false, WINDOW.0 - MS);
        warm.note(PLAIN, &SPEC, Some(WINDOW), true, WINDOW.0 + MS);
        assert_eq!(warm.updates, 0);
    }

    #[test]
    fn a_pause_is_one_that_others_are_not_like() {
        let of = |moments: Vec<u64>| of(moments.into_iter().map(|ms| (ms, UPDATE)));
        let stall = || (1..=5).map(|n| n * 50).chain((25..=45).map(|n| n * 50));
        let paused = of(stall().collect()).paused(WINDOW).unwrap();
        assert_eq!(paused.silent_us, 1_000_000);
        // The backlog comes at once.
        let backlog = stall().chain([1_250; 19]);
        let mut backlog: Vec<u64> = backlog.collect();
        backlog.sort_unstable();
        assert!(of(backlog).paused(WINDOW).is_some());
        // Twice as long is no pattern, and bursts are one.
        let bursts = (0..3).flat_map(|s| (0..100).map(move |n| s * 800 + n)).collect();
        assert_eq!(of(bursts).paused(WINDOW), None);
        assert_eq!(of((1..=25).map(|n| n * 100).collect()).paused(WINDOW), None);
        // Of the stated rate pauses add up: 300 ms of each half second.
        let uneven = of((0..5).flat_map(|s| [s * 500, s * 500 + 100, s * 500 + 200]).collect());
        assert_eq!((uneven.paused_us, uneven.longest_us), (4 * 300_000, 300_000));
    }
}
