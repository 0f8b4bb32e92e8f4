//! A thread's precise timer: tasks sleep until a nanosecond of `CLOCK_MONOTONIC`.
//!
//! tokio's timers have a resolution of a millisecond, which is more than a whole poll takes on a
//! fast network; pacing needs better. One `timerfd` a thread is armed for the earliest sleeper.
//! Other systems than Linux use tokio's timer, see `fd`.

mod fd;

use crate::time::now_ns;
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// A handle to the thread's timer, which all sleepers of the thread share.
#[derive(Clone, Default)]
pub struct Timer(Rc<RefCell<Sleepers>>);

#[derive(Default)]
struct Sleepers {
    /// Earliest first: the moment, and the sleeper's slot with its generation.
    queue: BinaryHeap<Reverse<(u64, u32, u32)>>,
    slots: Vec<TimerSlot>,
    free: Vec<u32>,
    /// The task that waits for the earliest sleeper, and until when.
    keeper: Option<Waker>,
    armed_ns: u64,
    /// Between two times that sleepers are woken, at the least.
    gap_ns: u64,
    woke_ns: u64,
}

struct TimerSlot {
    generation: u32,
    waker: Option<Waker>,
}

impl Timer {
    /// A timer that wakes those who are due together, at most once in `gap_ns`: a wake-up of a
    /// thread costs ten times what a turn does, so that sleepers close to each other share one.
    /// None wakes early; one may wake late by the gap.
    pub fn with_gap(gap_ns: u64) -> Timer {
        let timer = Timer::default();
        timer.0.borrow_mut().gap_ns = gap_ns;
        timer
    }

    /// Sleeps until `at_ns`; `u64::MAX` is until [`Timer::wake_all`]. Ends early, and then says
    /// `false`, if all sleepers were woken.
    pub fn until(&self, at_ns: u64) -> Sleep {
        Sleep { timer: self.clone(), at_ns, place: None }
    }

    /// Wakes every sleeper now: the schedule has changed.
    pub fn wake_all(&self) {
        let mut inner = self.0.borrow_mut();
        inner.queue.clear();
        let wakers: Vec<Waker> =
            inner.slots.iter_mut().filter_map(|slot| slot.waker.take()).collect();
        drop(inner);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Wakes the sleepers whose moment has come. Returns the moment of the next.
    fn wake_due(&self, due: &mut Vec<Waker>) -> Option<u64> {
        let mut inner = self.0.borrow_mut();
        let now = now_ns();
        let next = loop {
            match inner.queue.peek() {
                Some(&Reverse((at_ns, slot, generation))) if at_ns <= now => {
                    inner.queue.pop();
                    let slot = &mut inner.slots[slot as usize];
                    if slot.generation == generation {
                        due.extend(slot.waker.take());
                    }
                }
                next => break next.map(|Reverse((at_ns, ..))| *at_ns),
            }
        };
        if !due.is_empty() {
            inner.woke_ns = now;
        }
        let next = next.map(|at_ns| at_ns.max(inner.woke_ns + inner.gap_ns));
        inner.armed_ns = next.unwrap_or(u64::MAX);
        drop(inner);
        due.drain(..).for_each(Waker::wake);
        next
    }

    /// Runs the timer: to be spawned once a thread, before any task sleeps. Never ends.
    pub async fn keep(self) {
        let mut due = Vec::new();
        let mut fd = fd::TimerFd::new();
        loop {
            let next = self.wake_due(&mut due);
            // A task that begins a shorter sleep wakes the keeper.
            let mut earlier = std::pin::pin!(Earlier { timer: &self, at: next });
            fd.until(next, earlier.as_mut()).await;
        }
    }
}

/// Ready when a task has begun to sleep until an earlier moment than the keeper waits for.
struct Earlier<'a> {
    timer: &'a Timer,
    at: Option<u64>,
}

impl Future for Earlier<'_> {
    type Output = ();
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.timer.0.borrow_mut();
        let earliest = inner.queue.peek().map_or(u64::MAX, |r| r.0.0);
        let earliest = earliest.max(inner.woke_ns + inner.gap_ns);
        if earliest < self.at.unwrap_or(u64::MAX) {
            return Poll::Ready(());
        }
        inner.keeper = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// A task's sleep; see [`Timer::until`]. Dropping it cancels.
pub struct Sleep {
    timer: Timer,
    at_ns: u64,
    place: Option<(u32, u32)>,
}

impl Future for Sleep {
    /// True if the moment came, false if all sleepers were woken before it.
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let timer = self.timer.clone();
        let mut inner = timer.0.borrow_mut();
        match self.place {
            Some((slot, _)) => {
                if let Some(waker) = &mut inner.slots[slot as usize].waker {
                    waker.clone_from(cx.waker());
                    return Poll::Pending;
                }
                Poll::Ready(now_ns() >= self.at_ns)
            }
            None if self.at_ns <= now_ns() => Poll::Ready(true),
            None => {
                let place = inner.register(self.at_ns, cx.waker().clone());
                self.place = Some(place);
                let soonest = inner.woke_ns + inner.gap_ns;
                if self.at_ns.max(soonest) < inner.armed_ns
                    && let Some(keeper) = inner.keeper.take()
                {
                    drop(inner);
                    keeper.wake();
                }
                Poll::Pending
            }
        }
    }
}

impl Sleepers {
    fn register(&mut self, at_ns: u64, waker: Waker) -> (u32, u32) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(TimerSlot { generation: 0, waker: None });
            (self.slots.len() - 1) as u32
        });
        self.slots[slot as usize].waker = Some(waker);
        let generation = self.slots[slot as usize].generation;
        self.queue.push(Reverse((at_ns, slot, generation)));
        (slot, generation)
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some((slot, _)) = self.place {
            let mut inner = self.timer.0.borrow_mut();
            let entry = &mut inner.slots[slot as usize];
            entry.waker = None;
            entry.generation = entry.generation.wrapping_add(1);
            inner.free.push(slot);
        }
    }
}

/// Waits with tokio's timer.
async fn coarse(at_ns: Option<u64>, earlier: Pin<&mut impl Future>) {
    let far = std::time::Duration::from_secs(3600);
    let wait = at_ns
        .map_or(far, |ns| std::time::Duration::from_nanos(ns.saturating_sub(now_ns())).min(far));
    tokio::select! {
        _ = tokio::time::sleep(wait) => {}
        _ = earlier => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn on_a_thread<T>(test: impl AsyncFnOnce(Timer) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async {
            let timer = Timer::default();
            let keeper = tokio::task::spawn_local(timer.clone().keep());
            let out = test(timer).await;
            keeper.abort();
            out
        })
    }

    #[test]
    fn nobody_wakes_early_and_all_wake_in_order() {
        on_a_thread(async |timer: Timer| {
            let start = now_ns();
            let order = Rc::new(RefCell::new(Vec::new()));
            let mut tasks = Vec::new();
            for i in (0..200u64).rev() {
                let (timer, order) = (timer.clone(), order.clone());
                tasks.push(tokio::task::spawn_local(async move {
                    let at = start + i * 100_000;
                    assert!(timer.until(at).await);
                    assert!(now_ns() >= at);
                    order.borrow_mut().push(i);
                }));
            }
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(order.borrow().len(), 200);
        });
    }

    #[test]
    fn sleepers_within_the_gap_share_a_wake_up() {
        on_a_thread(async |_: Timer| {
            let timer = Timer::with_gap(20_000_000);
            let keeper = tokio::task::spawn_local(timer.clone().keep());
            let start = now_ns() + 1_000_000;
            assert!(timer.until(start).await);
            let woke = timer.0.borrow().woke_ns;
            // Due soon, and yet not before the gap is over. What is due already when it is asked for
            // does not wait: hence not at once, on a loaded machine.
            assert!(timer.until(now_ns() + 15_000_000).await);
            assert!(now_ns() - woke >= 20_000_000);
            keeper.abort();
        });
    }

    #[test]
    fn a_change_of_schedule_wakes_everybody() {
        on_a_thread(async |timer: Timer| {
            let woken = Rc::new(Cell::new(0));
            let mut tasks = Vec::new();
            for _ in 0..50 {
                let (timer, woken) = (timer.clone(), woken.clone());
                tasks.push(tokio::task::spawn_local(async move {
                    assert!(!timer.until(u64::MAX).await);
                    woken.set(woken.get() + 1);
                }));
            }
            tokio::task::yield_now().await;
            timer.wake_all();
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(woken.get(), 50);
        });
    }

    #[test]
    fn a_dropped_sleep_leaves_its_slot_to_the_next() {
        on_a_thread(async |timer: Timer| {
            for _ in 0..1000 {
                let sleep = timer.until(u64::MAX);
                tokio::select! { biased; _ = sleep => {}, _ = std::future::ready(()) => {} }
            }
            assert_eq!(timer.0.borrow().slots.len(), 1);
        });
    }
}
