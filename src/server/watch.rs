//! A thread's connections: what they moved, what they wait for, and since when.
//!
//! Limits are kept by a sweep over all connections once in a while, not by a timer in each: a
//! poll costs two stores. Separate from the connection's own future, which the sweep wakes.

use crate::net::meter::Meter;
use crate::server::{Limits, Totals};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// A word to a connection from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// Its head took too long: answer 408 and close.
    HeadLate,
    /// It was idle for too long: close.
    Idle,
    /// The server drains: close after the current response.
    Drain,
}

/// What a connection does, as its limits see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// It waits for a request, the one after this many.
    Idle(u64),
    /// A request's head has begun, the one after this many.
    Head(u64),
    /// Its request is being answered, or it speaks another protocol: no limit here.
    Busy,
}

/// One connection, as the thread sees it.
pub(crate) struct Watch {
    meter: Rc<Meter>,
    /// Requests that reached the service.
    requests: Cell<u64>,
    /// Bytes read when the last request did.
    read_then: Cell<u64>,
    busy: Cell<bool>,
    word: Cell<Option<Word>>,
    waker: RefCell<Option<Waker>>,
    seen: Cell<(Doing, Instant)>,
}

impl Watch {
    /// A request has reached the service; `held` where its answer takes a while.
    pub(crate) fn request(&self, held: bool) {
        self.requests.set(self.requests.get() + 1);
        self.read_then.set(self.meter.read());
        self.busy.set(held);
    }
    /// Requests that reached the service.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.get()
    }
    /// Whether a request is held, or its answer never ends.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy.get()
    }
    /// A held answer is ready.
    pub(crate) fn answered(&self) {
        self.busy.set(false);
    }
    /// The connection speaks another protocol from now on, which has limits of its own.
    pub(crate) fn upgraded(&self) {
        self.busy.set(true);
        self.waker.take();
    }
    /// The last word, after leaving the waker for the next.
    pub(crate) fn word(&self, cx: &Context<'_>) -> Option<Word> {
        let mut waker = self.waker.borrow_mut();
        if waker.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        self.word.take()
    }

    fn tell(&self, word: Word) {
        self.word.set(Some(word));
        let waker = self.waker.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn doing(&self) -> Doing {
        match () {
            () if self.busy.get() => Doing::Busy,
            () if self.meter.read() > self.read_then.get() => Doing::Head(self.requests.get()),
            () => Doing::Idle(self.requests.get()),
        }
    }
}

/// The connections of one thread.
pub(crate) struct Watches {
    open: RefCell<Slots>,
    /// Over finished connections.
    finished: Cell<Totals>,
    /// Open connections of all threads.
    all_open: Arc<AtomicU64>,
    none_left: Notify,
}

#[derive(Default)]
struct Slots {
    slots: Vec<Option<Rc<Watch>>>,
    free: Vec<usize>,
}

/// A connection's entry; dropped, the connection is finished and its bytes are added up.
pub(crate) struct Entry {
    watches: Rc<Watches>,
    watch: Rc<Watch>,
    slot: usize,
}

impl Entry {
    /// The connection.
    pub(crate) fn watch(&self) -> &Rc<Watch> {
        &self.watch
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let watches = &self.watches;
        let mut finished = watches.finished.get();
        finished += totals(&self.watch);
        watches.finished.set(finished);
        watches.all_open.fetch_sub(1, Ordering::Relaxed);
        let mut open = watches.open.borrow_mut();
        open.slots[self.slot] = None;
        open.free.push(self.slot);
        if open.free.len() == open.slots.len() {
            watches.none_left.notify_waiters();
        }
    }
}

impl Watches {
    /// No connections yet. `all_open` counts those of all threads.
    pub(crate) fn new(all_open: Arc<AtomicU64>) -> Watches {
        Watches {
            open: RefCell::default(),
            finished: Cell::default(),
            all_open,
            none_left: Notify::new(),
        }
    }

    /// Enters a connection.
    pub(crate) fn enter(self: &Rc<Self>, meter: Rc<Meter>) -> Entry {
        let watch = Rc::new(Watch {
            meter,
            requests: Cell::new(0),
            read_then: Cell::new(0),
            busy: Cell::new(false),
            word: Cell::new(None),
            waker: RefCell::new(None),
            seen: Cell::new((Doing::Idle(0), Instant::now())),
        });
        self.all_open.fetch_add(1, Ordering::Relaxed);
        let mut open = self.open.borrow_mut();
        let slot = open.free.pop().unwrap_or_else(|| {
            open.slots.push(None);
            open.slots.len() - 1
        });
        open.slots[slot] = Some(watch.clone());
        drop(open);
        Entry { watches: self.clone(), watch, slot }
    }

    /// What was served, over finished and open connections.
    pub(crate) fn totals(&self) -> Totals {
        let mut sum = self.finished.get();
        // Each is counted once it is entered.
        let open = self.open.borrow();
        for watch in open.slots.iter().flatten() {
            sum += totals(watch);
            sum.open += 1;
        }
        sum
    }

    /// Gives every connection a word.
    pub(crate) fn tell_all(&self, word: Word) {
        let all: Vec<Rc<Watch>> = self.open.borrow().slots.iter().flatten().cloned().collect();
        all.iter().for_each(|watch| watch.tell(word));
    }

    /// Returns when no connection is open.
    pub(crate) async fn none_left(&self) {
        loop {
            // Made before looking, so that no word in between is lost.
            let left = self.none_left.notified();
            if self.is_empty() {
                return;
            }
            left.await;
        }
    }

    fn is_empty(&self) -> bool {
        let open = self.open.borrow();
        open.free.len() == open.slots.len()
    }

    /// Tells the connections that are over a limit. To be called every [`sweep_period`].
    pub(crate) fn sweep(&self, limits: &Limits) {
        let now = Instant::now();
        let mut late = Vec::new();
        for watch in self.open.borrow().slots.iter().flatten() {
            let doing = watch.doing();
            let (before, since) = watch.seen.get();
            if before != doing {
                watch.seen.set((doing, now));
                continue;
            }
            let limit = match doing {
                Doing::Busy => continue,
                Doing::Head(_) => (limits.head, Word::HeadLate),
                Doing::Idle(_) => (limits.idle, Word::Idle),
            };
            if now.duration_since(since) >= limit.0 {
                late.push((watch.clone(), limit.1));
            }
        }
        // Waking may run destructors, which enter and leave.
        late.iter().for_each(|(watch, word)| watch.tell(*word));
    }
}

/// How often to look: limits are kept to within this.
pub(crate) fn sweep_period(limits: &Limits) -> Duration {
    let shortest = limits.head.min(limits.idle) / 4;
    shortest.clamp(Duration::from_millis(10), Duration::from_secs(1))
}

/// A connection's part of the totals, `open` left out.
fn totals(watch: &Watch) -> Totals {
    Totals {
        connections: 1,
        requests: watch.requests.get(),
        received: watch.meter.read(),
        sent: watch.meter.written(),
        ..Totals::default()
    }
}
