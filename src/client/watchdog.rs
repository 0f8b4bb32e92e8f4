//! The time limit of a client's exchanges.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Waker};

/// Limits the duration of one client's exchanges without a timer for each: the driver thread looks
/// at all watchdogs a few times a second.
pub struct Watchdog {
    since_ns: Cell<u64>,
    expired: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Watchdog {
    /// A watchdog without an exchange.
    pub fn idle() -> Rc<Watchdog> {
        Rc::new(Watchdog {
            since_ns: Cell::new(u64::MAX),
            expired: Cell::new(false),
            waker: RefCell::new(None),
        })
    }

    /// Notes that an exchange begins.
    #[inline]
    pub fn begin(&self, now_ns: u64) {
        self.since_ns.set(now_ns);
        self.expired.set(false);
    }

    /// Notes that the exchange has ended.
    #[inline]
    pub fn end(&self) {
        self.since_ns.set(u64::MAX);
    }

    /// Returns whether the exchange has lasted too long. The future that waits for the exchange
    /// asks at every poll, and is woken when the limit is over.
    #[inline]
    pub fn expired(&self, cx: &Context<'_>) -> bool {
        if self.expired.get() {
            return true;
        }
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        false
    }

    /// Ends the exchange if it began before `limit_ns`.
    pub(crate) fn expire_before(&self, limit_ns: u64) {
        if self.since_ns.get() < limit_ns {
            self.expired.set(true);
            if let Some(waker) = self.waker.take() {
                waker.wake();
            }
        }
    }
}
