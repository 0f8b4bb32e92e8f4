//! Which connections of a thread ask for the kernel's receive timestamps, and what these tell: how
//! long bytes lay in the kernel before the client read them. Only these connections pay for it.

use crate::record::ReceiveTimestamps;
use crate::time::WallClock;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Of many clients, one in so many is in the sample.
const ONE_IN: u32 = 64;
/// The least clients of a thread that are in it, if there are as many.
const LEAST: u32 = 4;
/// The most.
const MOST: u32 = 256;

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

    /// Records a read that has just ended, and when the kernel received its last bytes, in
    /// nanoseconds of `CLOCK_REALTIME`.
    pub(crate) fn record(&self, received_ns: Option<u64>) {
        let Some(received_ns) = received_ns else {
            return self.count(|counts| counts.missing += 1);
        };
        match self.clock.borrow_mut().now_and_moment_of(received_ns) {
            (client_ns, Some(kernel_ns)) => self.delays.record(kernel_ns, client_ns),
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
