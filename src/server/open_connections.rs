//! A thread's open connections: what they moved, what they wait for, and since when.
//!
//! Limits are kept by a sweep over all connections once in a while, not by a timer in each: a poll
//! costs two stores. A connection's own future is woken by the sweep.

use crate::net::meter::Meter;
use crate::server::{Limits, Totals};
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Why a connection is asked to close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloseRequest {
    /// Its head took too long: answer 408 and close.
    HeadLate,
    /// It was idle for too long: close.
    Idle,
    /// The server drains: close after the current response.
    Drain,
}

/// What a connection does, as its limits see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Activity {
    /// It waits for a request, the one after this many.
    Idle(u64),
    /// A request's head has begun, the one after this many.
    Head(u64),
    /// Its request is being answered, or another protocol has taken over: no limit here.
    Busy,
}

/// One connection, as the thread sees it.
pub(crate) struct ConnectionState {
    meter: Rc<Meter>,
    /// Requests that reached the service.
    requests: Cell<u64>,
    /// Bytes read when the last request did.
    read_then: Cell<u64>,
    busy: Cell<bool>,
    /// Another protocol has taken over. Its requests, as streams of HTTP/2, begin and end as others do.
    upgraded: Cell<bool>,
    between_requests: Cell<bool>,
    /// The socket does not take an answer.
    blocked: Cell<bool>,
    close_request: Cell<Option<CloseRequest>>,
    waker: RefCell<Option<Waker>>,
    last_seen: Cell<Seen>,
}

/// What the last sweep found.
#[derive(Debug, Clone, Copy)]
struct Seen {
    activity: Activity,
    since: Instant,
}

impl ConnectionState {
    /// A request has reached the service; `held` if its answer takes a while.
    pub(crate) fn begin_request(&self, held: bool) {
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
    pub(crate) fn end_request(&self) {
        self.busy.set(false);
    }
    /// Whether hyper waits for a request, and has answered at least one.
    pub(crate) fn is_between_requests(&self) -> bool {
        self.between_requests.get()
    }
    /// Sets whether hyper waits for a request.
    pub(crate) fn set_between_requests(&self, between: bool) {
        self.between_requests.set(between);
    }
    /// Sets whether the socket takes no more of an answer: then no head is awaited.
    pub(crate) fn set_blocked(&self, blocked: bool) {
        self.blocked.set(blocked);
    }
    /// All requests are answered, their bodies read too; so many bytes have come since.
    pub(crate) fn end_requests(&self, since: usize) {
        self.between_requests.set(false);
        self.read_then.set(self.meter.read().saturating_sub(since as u64));
    }
    /// Another protocol takes over, which has limits of its own.
    pub(crate) fn upgrade(&self) {
        self.busy.set(true);
        self.upgraded.set(true);
        self.waker.take();
    }
    /// Takes the request to close, if there is one. Leaves the waker for the next.
    pub(crate) fn take_close_request(&self, cx: &Context<'_>) -> Option<CloseRequest> {
        let mut waker = self.waker.borrow_mut();
        if waker.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        self.close_request.take()
    }

    /// Asks it to close; its future is woken.
    pub(crate) fn ask_to_close(&self, request: CloseRequest) {
        self.close_request.set(Some(request));
        let waker = self.waker.borrow_mut().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn activity(&self) -> Activity {
        if self.busy.get() || self.upgraded.get() {
            Activity::Busy
        } else if self.meter.read() > self.read_then.get() && !self.blocked.get() {
            Activity::Head(self.requests.get())
        } else {
            Activity::Idle(self.requests.get())
        }
    }

    /// Its part of the totals, `open` left out.
    fn totals(&self) -> Totals {
        Totals {
            connections: 1,
            requests: self.requests.get(),
            received: self.meter.read(),
            sent: self.meter.written(),
            ..Totals::default()
        }
    }
}

/// The connections of one thread.
pub(crate) struct OpenConnections {
    open: RefCell<Slab<Rc<ConnectionState>>>,
    /// Over finished connections.
    finished: Cell<Totals>,
    /// Open connections of all threads.
    all_open: Arc<AtomicU64>,
    none_left: Notify,
}

/// A connection among the open ones. When it is dropped, the connection is finished and its bytes
/// are added up.
pub(crate) struct OpenConnection {
    all: Rc<OpenConnections>,
    state: Rc<ConnectionState>,
    slot: usize,
}

impl OpenConnection {
    pub(crate) fn state(&self) -> &Rc<ConnectionState> {
        &self.state
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        let all = &self.all;
        let mut finished = all.finished.get();
        finished += self.state.totals();
        all.finished.set(finished);
        all.all_open.fetch_sub(1, Ordering::Relaxed);
        let mut open = all.open.borrow_mut();
        open.remove(self.slot);
        if open.is_empty() {
            all.none_left.notify_waiters();
        }
    }
}

impl OpenConnections {
    /// No connections yet. `all_open` counts those of all threads.
    pub(crate) fn new(all_open: Arc<AtomicU64>) -> OpenConnections {
        OpenConnections {
            open: RefCell::default(),
            finished: Cell::default(),
            all_open,
            none_left: Notify::new(),
        }
    }

    /// Adds a connection.
    pub(crate) fn add(self: &Rc<Self>, meter: Rc<Meter>) -> OpenConnection {
        let state = Rc::new(ConnectionState {
            meter,
            requests: Cell::new(0),
            read_then: Cell::new(0),
            busy: Cell::new(false),
            upgraded: Cell::new(false),
            between_requests: Cell::new(false),
            blocked: Cell::new(false),
            close_request: Cell::new(None),
            waker: RefCell::new(None),
            last_seen: Cell::new(Seen { activity: Activity::Idle(0), since: Instant::now() }),
        });
        self.all_open.fetch_add(1, Ordering::Relaxed);
        let slot = self.open.borrow_mut().insert(state.clone());
        OpenConnection { all: self.clone(), state, slot }
    }

    /// What was served, over finished and open connections.
    pub(crate) fn totals(&self) -> Totals {
        let mut sum = self.finished.get();
        for (_, state) in self.open.borrow().iter() {
            sum += state.totals();
            sum.open += 1;
        }
        sum
    }

    /// Asks every connection to close.
    pub(crate) fn ask_all_to_close(&self, request: CloseRequest) {
        let all: Vec<_> = self.open.borrow().iter().map(|(_, state)| state.clone()).collect();
        all.iter().for_each(|state| state.ask_to_close(request));
    }

    /// Returns when no connection is open.
    pub(crate) async fn none_left(&self) {
        loop {
            // Made before looking, so that no notification in between is lost.
            let left = self.none_left.notified();
            if self.open.borrow().is_empty() {
                return;
            }
            left.await;
        }
    }

    /// Asks the connections that are over a limit to close. To be called every [`sweep_period`].
    pub(crate) fn sweep(&self, limits: &Limits) {
        let now = Instant::now();
        let mut late = Vec::new();
        for (_, state) in self.open.borrow().iter() {
            let activity = state.activity();
            let seen = state.last_seen.get();
            if seen.activity != activity {
                state.last_seen.set(Seen { activity, since: now });
                continue;
            }
            let (limit, request) = match activity {
                Activity::Busy => continue,
                Activity::Head(_) => (limits.head, CloseRequest::HeadLate),
                Activity::Idle(_) => (limits.idle, CloseRequest::Idle),
            };
            if now.duration_since(seen.since) >= limit {
                late.push((state.clone(), request));
            }
        }
        // Waking may run destructors, which add and remove connections.
        late.iter().for_each(|(state, request)| state.ask_to_close(*request));
    }
}

/// How often to sweep: limits are kept to within this.
pub(crate) fn sweep_period(limits: &Limits) -> Duration {
    let shortest = limits.head.min(limits.idle) / 4;
    shortest.clamp(Duration::from_millis(10), Duration::from_secs(1))
}
