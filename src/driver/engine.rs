//! The engine of a driver thread: runs the sessions of its clients on one network.
//!
//! One buffer to receive into, one queue of moments, one slot a client. Every event is handled to its
//! end before the next one, without a task, a waker or an allocation.

use crate::client::context::ThreadContext;
use crate::client::core::CONNECTS_AT_ONCE;
use crate::client::http2::successor_session;
use crate::client::session::{Depth, Session, Surroundings};
use crate::client::{ClientCore, MachineClients};
use crate::net::socket::{Network, Readiness};
use crate::record::{Metric, Phase};
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::rc::Rc;

/// What is received from one connection with one call.
const BUFFER_BYTES: usize = 64 * 1024;

/// So many clients are touched before they are visited.
const TOUCHED: usize = 16;
/// The memory of fewer clients stays in the processor's caches.
const TOUCH_FROM: usize = 2_000;

/// See the module's description.
pub(crate) struct Engine<N> {
    network: N,
    thread: Rc<ThreadContext>,
    slots: Vec<Slot>,
    /// Earliest first: the moment and the slot.
    timers: BinaryHeap<Reverse<(u64, u32)>>,
    /// Slots that wait to connect.
    queue: VecDeque<u32>,
    connects: u32,
    buffer: Box<[u8]>,
    events: Vec<Readiness>,
    /// Slots that have more to receive than they did in one go.
    again: Vec<u32>,
    /// Memory for what is due: moments and slots.
    due: Vec<(u64, u32)>,
    /// Between two times that timers are looked at, at the least: a wake-up of a thread costs ten
    /// times what a turn does, so that moments close to each other share one.
    gap_ns: u64,
    woke_ns: u64,
    probes: Probes,
    /// The time when the last wait ended, or later.
    now_ns: u64,
    alive: u32,
}

/// A client and what it waits for.
struct Slot {
    session: Option<Session>,
    /// The moment at which the timer wakes it; `u64::MAX` for none.
    wake_ns: u64,
    queued: bool,
    /// Whether it is among those that have more to receive.
    again: bool,
}

/// Probes that a thread takes a second, in the mean.
pub(crate) const PROBES_PER_S: u32 = 50;

/// How late the thread is, whatever its clients wait for: moments at random distances, each of which
/// counts with its own lateness, also those that a stop of the thread has covered.
struct Probes {
    random: SplitMix64,
    next_ns: u64,
}

impl Probes {
    /// The least distance between two probes. Up to twice as much is added at random.
    const LEAST_NS: u64 = 1_000_000_000 / (2 * PROBES_PER_S as u64);

    fn new(seed: u64) -> Probes {
        Probes { random: SplitMix64::seed_from_u64(seed), next_ns: 0 }
    }

    fn record(&mut self, thread: &ThreadContext, now_ns: u64) {
        if now_ns < self.next_ns {
            return;
        }
        let window = thread.window.get();
        let mut recorder = thread.recorder.borrow_mut();
        if self.next_ns == 0 {
            self.next_ns = now_ns;
        }
        while self.next_ns <= now_ns {
            // One of the time before that was reached in the window is late in it: what had waited for
            // the thread is read there.
            if window.is_some_and(|(from, until)| from <= now_ns && self.next_ns < until) {
                let late_ns = now_ns - self.next_ns;
                recorder.latency(Phase::Steady, Metric::ProbeLateness, late_ns);
            }
            self.next_ns += Probes::LEAST_NS + self.random.next_u64() % (2 * Probes::LEAST_NS);
        }
    }
}

impl<N: Network> Engine<N> {
    /// An engine without clients.
    pub(crate) fn new(network: N, gap_ns: u64, thread: Rc<ThreadContext>, seed: u64) -> Engine<N> {
        Engine {
            network,
            thread,
            slots: Vec::new(),
            timers: BinaryHeap::new(),
            queue: VecDeque::new(),
            connects: CONNECTS_AT_ONCE,
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            events: Vec::new(),
            again: Vec::new(),
            due: Vec::new(),
            gap_ns,
            woke_ns: 0,
            probes: Probes::new(seed),
            now_ns: 0,
            alive: 0,
        }
    }

    /// Begins the session of a client, and that of its second connection if it has one.
    pub(crate) fn spawn(&mut self, clients: &dyn MachineClients, core: ClientCore) {
        self.now_ns = self.network.now_ns();
        for session in clients.sessions(core) {
            let slot = self.add(session);
            self.visit(slot, |session, around| session.advance(around));
        }
    }

    /// Gives a session a slot.
    fn add(&mut self, mut session: Session) -> u32 {
        let slot = self.slots.len() as u32;
        session.assign(slot);
        self.slots.push(Slot {
            session: Some(session),
            wake_ns: u64::MAX,
            queued: false,
            again: false,
        });
        self.alive += 1;
        slot
    }

    /// The network.
    pub(crate) fn network(&self) -> &N {
        &self.network
    }

    /// The next moment at which a timer is due; `u64::MAX` if none is.
    fn next_ns(&self) -> u64 {
        let timer_ns = self.timers.peek().map_or(u64::MAX, |Reverse((at_ns, _))| *at_ns);
        timer_ns.max(self.woke_ns.saturating_add(self.gap_ns))
    }

    /// The next moment at which there is something to do without an event.
    pub(crate) fn wake_ns(&self) -> u64 {
        self.next_ns().min(self.probes.next_ns)
    }

    /// Sessions that have not ended.
    pub(crate) fn alive(&self) -> u32 {
        self.alive
    }

    /// Another schedule has begun for every client.
    pub(crate) fn reschedule(&mut self) {
        self.visit_all(|session, around| session.reschedule(around));
    }

    /// Every client must end after its current exchange.
    pub(crate) fn stop(&mut self) {
        self.visit_all(|session, around| session.stop(around));
    }

    /// Ends every exchange that has taken too long.
    pub(crate) fn expire(&mut self) {
        self.now_ns = self.network.now_ns();
        for slot in 0..self.slots.len() {
            // Nearly always none is: to visit every client would cost more than its poll does.
            let session = self.slots[slot].session.as_ref();
            if session.is_some_and(|session| session.is_late(self.now_ns)) {
                self.visit(slot as u32, |session, around| session.expire(around));
            }
        }
    }

    /// Waits for the next event, or until a moment, and handles what has come and what is due.
    pub(crate) fn run_until(&mut self, until_ns: u64) {
        let earliest_ns = self.next_ns();
        let mut events = std::mem::take(&mut self.events);
        let until_ns = until_ns.min(self.probes.next_ns);
        let again = std::mem::take(&mut self.again);
        let until_ns = if again.is_empty() { until_ns } else { 0 };
        self.network.wait(earliest_ns.min(until_ns), &mut events);
        self.now_ns = self.network.now_ns();
        self.probes.record(&self.thread, self.now_ns);
        for some in events.chunks(TOUCHED) {
            self.touch(some.iter().map(|event| event.key as u32));
            for event in some {
                self.visit(event.key as u32, |session, around| session.ready(around, *event));
            }
        }
        events.clear();
        self.events = events;
        for slot in again {
            self.slots[slot as usize].again = false;
            self.visit(slot, |session, around| session.receive_more(around));
        }
        self.now_ns = self.network.now_ns();
        if self.now_ns >= earliest_ns {
            self.woke_ns = self.now_ns;
            self.run_timers(self.now_ns);
        }
        self.connect_queued();
    }

    fn run_timers(&mut self, now_ns: u64) {
        let mut due = std::mem::take(&mut self.due);
        loop {
            while due.len() < TOUCHED
                && let Some(&Reverse(next)) = self.timers.peek()
                && next.0 <= now_ns
            {
                self.timers.pop();
                due.push(next);
            }
            if due.is_empty() {
                break;
            }
            self.touch(due.iter().map(|(_, slot)| *slot));
            for (at_ns, slot) in due.drain(..) {
                self.run_timer(at_ns, slot);
            }
        }
        self.due = due;
    }

    fn run_timer(&mut self, at_ns: u64, slot: u32) {
        let entry = &mut self.slots[slot as usize];
        // Otherwise it has been woken earlier, or waits for something else by now.
        if entry.wake_ns == at_ns {
            entry.wake_ns = u64::MAX;
            self.visit(slot, |session, around| {
                session.release(around);
                session.advance(around);
            });
        }
    }

    /// Reads the memory of clients that are visited next. Among thousands none of it is in the
    /// processor's caches, and a visit waits for one piece after the other, longer than it does
    /// anything else. These reads do not depend on each other, so that the processor has many under
    /// way at once.
    fn touch(&self, slots: impl Iterator<Item = u32> + Clone) {
        if self.slots.len() < TOUCH_FROM {
            return;
        }
        let sessions = slots.filter_map(|slot| self.slots.get(slot as usize)?.session.as_ref());
        for depth in Depth::ALL {
            let read = sessions.clone().map(|session| session.touch(depth));
            std::hint::black_box(read.fold(0, |all, some| all ^ some));
        }
    }

    fn connect_queued(&mut self) {
        while self.connects > 0
            && let Some(slot) = self.queue.pop_front()
        {
            self.slots[slot as usize].queued = false;
            self.visit(slot, |session, around| session.advance(around));
        }
    }

    fn visit_all(&mut self, act: impl Fn(&mut Session, &mut Surroundings<'_>)) {
        self.now_ns = self.network.now_ns();
        for slot in 0..self.slots.len() as u32 {
            self.visit(slot, &act);
        }
    }

    /// Lets a session handle something, and passes on what clients over HTTP/2 and their connections have for each
    /// other.
    #[inline]
    fn visit(&mut self, slot: u32, act: impl FnOnce(&mut Session, &mut Surroundings<'_>)) {
        self.visit_one(slot, act);
        if self.thread.http2.are_pending() {
            self.pass_on();
        }
    }

    /// Passes on what is in the queues of clients over HTTP/2, until they are empty. What came goes first, so that
    /// what several clients answer is sent at once.
    fn pass_on(&mut self) {
        let thread = self.thread.clone();
        loop {
            let batch = thread.http2.take_batch();
            for (address, at_ns, event) in batch.iter() {
                self.now_ns = at_ns;
                self.visit_one(address.slot, |session, around| {
                    session.stream_event(around, address, event);
                });
            }
            let was_empty = batch.is_empty();
            thread.http2.give_back(batch);
            while let Some(carrier) = thread.http2.take_succeeded() {
                self.begin_successor(carrier);
            }
            match thread.http2.take_woken() {
                Some(slot) => {
                    self.visit_one(slot, |session, around| session.serve_streams(around));
                }
                None if was_empty => return,
                None => {}
            }
        }
    }

    /// Begins the session of a carrier that clients go on with.
    fn begin_successor(&mut self, before: u32) {
        let session = self.slots.get(before as usize).and_then(|slot| slot.session.as_ref());
        let carrier = session.and_then(|session| session.carrier());
        if let Some(successor) = carrier.and_then(successor_session) {
            let slot = self.add(successor);
            self.visit_one(slot, |session, around| session.serve_streams(around));
        }
    }

    /// Lets a session handle something, and sees to what it waits for then.
    #[inline]
    fn visit_one(&mut self, slot: u32, act: impl FnOnce(&mut Session, &mut Surroundings<'_>)) {
        let Engine { network, slots, timers, queue, connects, buffer, now_ns, again, .. } = self;
        let Some(entry) = slots.get_mut(slot as usize) else { return };
        let Some(session) = &mut entry.session else { return };
        let mut around =
            Surroundings { key: slot.into(), now_ns: *now_ns, network, buffer, connects };
        act(session, &mut around);
        if session.has_ended() {
            entry.session = None;
            self.alive -= 1;
            return;
        }
        if session.take_more() && !entry.again {
            entry.again = true;
            again.push(slot);
        }
        if session.is_queued() && !entry.queued {
            entry.queued = true;
            queue.push_back(slot);
        }
        let wake_ns = session.wake_ns(around.now_ns);
        if wake_ns < entry.wake_ns {
            entry.wake_ns = wake_ns;
            timers.push(Reverse((wake_ns, slot)));
        }
    }
}
