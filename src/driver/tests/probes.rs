//! What the probes of a thread's lateness cost.

use crate::client::context::ThreadContext;
use crate::driver::engine::{Engine, PROBES_PER_S};
use crate::driver::tests::simulation::network::{SimulatedNetwork, World};
use crate::driver::tests::simulation::{MS, PLAIN};
use crate::feed::Spec;
use crate::net::Dialer;
use crate::record::Metric;
use crate::time::{Delay, Schedule};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// What probes may take of a core.
const SHARE: f64 = 0.005;
/// A bound of what a wake-up for a probe takes: all that an idle driver did between two probes took 62 to 68 µs
/// of CPU on a busy machine.
const MOST_WAKE_S: f64 = 80e-6;

/// A thread without clients in simulated time, and what moves it.
fn idle_thread(seed: u64) -> (Rc<ThreadContext>, Rc<RefCell<World>>, Engine<SimulatedNetwork>) {
    let dialer = Dialer {
        address: "127.0.0.1:80".parse().expect("an address"),
        first_source: 0,
        timeout: Duration::from_secs(1),
        delay: Delay::default(),
    };
    let thread = ThreadContext::new(vec![dialer], Spec::PLAIN, 1_000 * MS, MS / 2, seed);
    let accept = |_| panic!("nobody connects");
    let network = SimulatedNetwork::new(seed, PLAIN, Box::new(accept), thread.clone());
    let world = network.world.clone();
    let engine = Engine::new(network, MS / 2, thread.clone(), seed);
    (thread, world, engine)
}

/// A thread that stood still in the warm-up, and goes on with the window, reads there what had waited: its
/// lateness is that of the window, so that the server is not blamed for what comes at once.
#[test]
fn a_thread_that_stood_still_up_to_the_window_was_late_in_it() {
    for (stops_ns, is_late) in [(1_000 * MS + MS / 10, true), (900 * MS, false)] {
        let (thread, world, mut engine) = idle_thread(7);
        let from_ns = world.borrow().now_ns;
        thread.start(Schedule {
            start_ns: from_ns,
            interval_ns: 0,
            push_spread_ns: 0,
            warmup_ns: 1_000 * MS,
            duration_ns: 1_000 * MS,
            cooldown_ns: 0,
            calibration: false,
        });
        thread.recorder.borrow_mut().prepare();
        let mut run_to = |until_ns: u64| {
            while world.borrow().now_ns < until_ns {
                engine.run_until(until_ns);
            }
        };
        run_to(from_ns + 100 * MS);
        world.borrow_mut().now_ns = from_ns + stops_ns;
        run_to(from_ns + 2_000 * MS);
        let latest_ns = thread
            .recorder
            .borrow_mut()
            .take(|window| window.latency.of(Metric::ProbeLateness).map_or(0, |h| h.max()));
        assert_eq!(latest_ns > 500 * MS, is_late, "{latest_ns}");
    }
}

/// An idle thread wakes for its probes alone, and seldom enough; each wake-up counts one value.
#[test]
fn probes_take_less_than_half_a_percent_of_a_core() {
    const SECONDS: u64 = 200;
    for seed in 0..10 {
        let (thread, world, mut engine) = idle_thread(seed);
        let from_ns = world.borrow().now_ns;
        let until_ns = from_ns + SECONDS * 1_000 * MS;
        thread.start(Schedule {
            start_ns: from_ns,
            interval_ns: 0,
            push_spread_ns: 0,
            warmup_ns: 0,
            duration_ns: 2 * SECONDS * 1_000 * MS,
            cooldown_ns: 0,
            calibration: false,
        });
        thread.recorder.borrow_mut().prepare();
        // The first value takes memory for the histogram.
        engine.run_until(until_ns);
        let mut wakes = 1_u64;
        let allocated = allocation_counter::measure(|| {
            while world.borrow().now_ns < until_ns {
                engine.run_until(until_ns);
                wakes += 1;
            }
        });
        assert_eq!(allocated.count_total, 0, "allocations for {wakes} probes");
        let values = thread
            .recorder
            .borrow_mut()
            .take(|window| window.latency.of(Metric::ProbeLateness).map_or(0, |h| h.len()));
        // The last one is the end of the test.
        assert_eq!(wakes, values + 1, "a wake-up for each probe, and no other");
        let a_second = wakes as f64 / SECONDS as f64;
        assert!((a_second - f64::from(PROBES_PER_S)).abs() < 3.0, "{a_second} a second");
        assert!(a_second * MOST_WAKE_S < SHARE, "{a_second} wake-ups a second");
    }
}
