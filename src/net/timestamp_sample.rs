//! Which connections of a thread ask for the kernel's receive timestamps, and what these tell: how
//! long bytes lay in the kernel before the client read them. Only these connections pay for it.

use crate::record::ReceiveTimestamps;
use crate::time::{WallClock, now_ns};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Of many clients, one in so many is in the sample.
const ONE_IN: u32 = 64;
/// The least clients of a thread that are in it, if there are as many.
const LEAST: u32 = 4;
/// The most.
const MOST: u32 = 256;
/// Reads with a timestamp that a thread takes one after the other. If they come within the time between two
/// such series, it asks for none meanwhile: else the kernel stamps every packet of the host, and each of
/// these reads takes a clock reading more.
const SERIES: u32 = 512;
/// The least time between the beginnings of two series, in nanoseconds.
const BETWEEN_NS: u64 = 500_000_000;
/// What may be added to it. It varies, so that what comes at regular times is not missed each time.
const BETWEEN_MORE_NS: u64 = 1_000_000_000;

/// Records how long bytes lay in the kernel.
pub(crate) trait ReceiveDelays {
    /// The kernel received bytes at a moment, and the client read them at another one.
    fn record(&self, kernel_ns: u64, client_ns: u64);
}

/// See the module's description.
pub(crate) struct TimestampSample {
    /// One in so many clients is in it.
    one_in: u32,
    threads: u32,
    clock: RefCell<WallClock>,
    counts: Cell<ReceiveTimestamps>,
    /// Timestamps of this series, when it began, and when the next one begins; 0 while one runs.
    taken: Cell<u32>,
    began_ns: Cell<u64>,
    pause_until_ns: Cell<u64>,
    delays: Rc<dyn ReceiveDelays>,
}

// Without epoll nobody asks.
#[cfg_attr(any(not(target_os = "linux"), feature = "portable"), allow(dead_code))]
impl TimestampSample {
    /// The sample of a thread, one of some among which the clients of a process are distributed.
    pub(crate) fn new(
        clients: u32,
        threads: u32,
        delays: Rc<dyn ReceiveDelays>,
    ) -> TimestampSample {
        let threads = threads.max(1);
        TimestampSample {
            one_in: one_in(clients.div_ceil(threads)),
            threads,
            clock: RefCell::new(WallClock::new()),
            counts: Cell::default(),
            taken: Cell::new(0),
            began_ns: Cell::new(now_ns()),
            pause_until_ns: Cell::new(0),
            delays,
        }
    }

    /// Whether a client is in it. Clients that are served one after the other are met at equal
    /// distances: the first ones of a burst would wait for less.
    pub(crate) fn has(&self, client: u32) -> bool {
        (client / self.threads) % self.one_in == self.one_in / 2
    }

    /// Counts that a connection asked for timestamps. Returns whether it will get them.
    pub(crate) fn asked<E>(&self, answer: Result<(), E>) -> bool {
        self.count(|counts| match answer {
            Ok(()) => counts.connections += 1,
            Err(_) => counts.refused += 1,
        });
        answer.is_ok()
    }

    /// Counts clients whose reads belong to a library.
    pub(crate) fn add_library_clients(&self, clients: u32) {
        self.count(|counts| counts.library_clients += u64::from(clients));
    }

    /// Whether reads are to have timestamps now.
    pub(crate) fn wants(&self) -> bool {
        self.pause_until_ns.get() == 0 || self.wants_at(now_ns())
    }

    fn wants_at(&self, now_ns: u64) -> bool {
        if now_ns < self.pause_until_ns.get() {
            return false;
        }
        self.pause_until_ns.set(0);
        self.taken.set(0);
        self.began_ns.set(now_ns);
        true
    }

    /// Counts a timestamp. After the last one of a series there is a pause, unless the series took as long as
    /// both are to take.
    fn take_at(&self, now_ns: u64) {
        self.taken.set(self.taken.get() + 1);
        if self.taken.get() >= SERIES {
            let between_ns = BETWEEN_NS + now_ns % BETWEEN_MORE_NS;
            self.pause_until_ns.set(self.began_ns.get().saturating_add(between_ns).max(1));
        }
    }

    /// Records a read that has just ended, and when the kernel received its last bytes, in
    /// nanoseconds of `CLOCK_REALTIME`.
    pub(crate) fn record(&self, received_ns: Option<u64>) {
        let Some(received_ns) = received_ns else {
            return self.count(|counts| counts.missing += 1);
        };
        match self.clock.borrow_mut().now_and_moment_of(received_ns) {
            (client_ns, Some(kernel_ns)) => {
                self.take_at(client_ns);
                self.delays.record(kernel_ns, client_ns);
            }
            (_, None) => self.count(|counts| counts.discarded += 1),
        }
    }

    /// What became of the timestamps.
    pub(crate) fn counts(&self) -> ReceiveTimestamps {
        self.counts.get()
    }

    fn count(&self, add: impl FnOnce(&mut ReceiveTimestamps)) {
        let mut counts = self.counts.get();
        add(&mut counts);
        self.counts.set(counts);
    }
}

/// One in how many of a thread's clients is in its sample.
fn one_in(clients: u32) -> u32 {
    match clients {
        n if n <= LEAST * ONE_IN => (n / LEAST).max(1),
        n => n.div_ceil(MOST).max(ONE_IN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Times = RefCell<Vec<(u64, u64)>>;

    impl ReceiveDelays for Times {
        fn record(&self, kernel_ns: u64, client_ns: u64) {
            self.borrow_mut().push((kernel_ns, client_ns));
        }
    }

    fn sample(clients: u32, threads: u32) -> (TimestampSample, Rc<Times>) {
        let times = Rc::new(Times::default());
        (TimestampSample::new(clients, threads, times.clone()), times)
    }

    #[test]
    fn each_thread_has_some_few_clients_in_its_sample() {
        for (clients, threads) in [
            (1, 1),
            (3, 2),
            (20, 1),
            (64, 2),
            (257, 1),
            (1_000, 1),
            (10_000, 2),
            (100_000, 4),
            (300_000, 1),
        ] {
            let (sample, _) = sample(clients, threads);
            for thread in 0..threads {
                // Any number may be the first one of a process.
                for first in [0, 12_345] {
                    let own = (first + thread..first + clients).step_by(threads as usize);
                    let all = own.len() as u32;
                    let found = own.filter(|client| sample.has(*client)).count() as u32;
                    let case = format!("{clients} on {threads}: {found} of {all}");
                    // The distance may divide neither the clients nor the first one's number.
                    assert!(found >= (LEAST - 1).min(all) && found <= MOST, "{case}");
                    assert!(all <= LEAST * ONE_IN || found <= all.div_ceil(ONE_IN), "{case}");
                }
            }
        }
    }

    #[test]
    fn a_series_of_timestamps_that_is_over_early_is_followed_by_a_pause() {
        let (sample, _) = sample(64, 1);
        let begin_ns = sample.began_ns.get();
        // Two million reads a second: 512 take a quarter of a millisecond.
        let read = |now_ns: u64| {
            let wanted = sample.pause_until_ns.get() == 0 || sample.wants_at(now_ns);
            wanted.then(|| sample.take_at(now_ns));
            wanted
        };
        let seconds = 60;
        let mut stamped = 0;
        let mut series = 0;
        let mut before = false;
        for n in 0..seconds * 100_000 {
            let wanted = read(begin_ns + n * 10_000);
            stamped += u64::from(wanted);
            series += u64::from(wanted && !before);
            before = wanted;
        }
        // One series in half a second to one and a half.
        assert!((seconds * 2 / 3..=seconds * 2).contains(&series), "{series}");
        assert_eq!(stamped.div_ceil(u64::from(SERIES)), series);
    }

    #[test]
    fn reads_that_are_few_have_timestamps_all_the_time() {
        let (sample, _) = sample(64, 1);
        let begin_ns = sample.began_ns.get();
        for n in 0..10_000 {
            let now_ns = begin_ns + n * 3_000_000;
            assert!(sample.pause_until_ns.get() == 0 || sample.wants_at(now_ns), "{n}");
            sample.take_at(now_ns);
        }
    }

    #[test]
    fn what_a_timestamp_tells_is_recorded_and_what_it_does_not_is_counted() {
        let (sample, times) = sample(1, 1);
        assert!(sample.asked(Ok::<(), ()>(())) && !sample.asked(Err(())));
        sample.record(None);
        // In 1970, and in a hundred years.
        sample.record(Some(1));
        sample.record(Some(5_000_000_000_000_000_000));
        let taken = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        sample.record(Some(taken.as_nanos() as u64));
        let counts = sample.counts();
        assert_eq!((counts.connections, counts.refused, counts.missing), (1, 1, 1));
        let recorded = times.borrow();
        // All but the last if the machine interrupts every reading of its clocks.
        assert_eq!(counts.discarded + recorded.len() as u64, 3);
        assert!(recorded.iter().all(|(kernel_ns, client_ns)| kernel_ns <= client_ns));
    }
}
