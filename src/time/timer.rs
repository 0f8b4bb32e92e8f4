//! A thread's precise alarm clock: tasks sleep until a nanosecond of `CLOCK_MONOTONIC`.
//!
//! tokio's timers have a resolution of a millisecond, which is more than a whole poll takes on a
//! fast network; pacing needs better. One `timerfd` a thread is armed for the earliest sleeper.
//! Separate from pacing itself (which moments are meant) and from the feed (what is published).
//!
//! Other systems than Linux fall back to tokio's timer, see `timer`.

mod fd;

use crate::time::now_ns;
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// A handle to the thread's alarm. Sleepers of one thread share it.
#[derive(Clone, Default)]
pub struct Timer(Rc<RefCell<Sleepers>>);

#[derive(Default)]
struct Sleepers {
    /// Earliest first: the moment, and the sleeper's slot with its generation.
    queue: BinaryHeap<Reverse<(u64, u32, u32)>>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// The task that waits for the earliest sleeper, and until when it does.
    keeper: Option<Waker>,
    armed_ns: u64,
    /// Between two times that sleepers are woken, at the least.
    gap_ns: u64,
    woke_ns: u64,
}

struct Slot {
    generation: u32,
    waker: Option<Waker>,
}

impl Timer {
    /// An alarm that wakes those who are due together, at most once in `gap_ns`: a wake-up of a
    /// thread costs ten times what a turn does, so that sleepers close to each other share one.
    /// Nobody wakes early; somebody may wake late by the gap.
    pub fn with_gap(gap_ns: u64) -> Timer {
        let alarm = Timer::default();
        alarm.0.borrow_mut().gap_ns = gap_ns;
        alarm
    }

    /// Sleeps until `at_ns`; `u64::MAX` is until [`Timer::wake_all`]. Ends early, and then says
    /// `false`, where everybody was woken.
    pub fn until(&self, at_ns: u64) -> Sleep {
        Sleep { alarm: self.clone(), at_ns, place: None }
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

    /// Wakes those whose moment has come; gives the moment of the next.
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

    /// Keeps the alarm: to be spawned once a thread, before anybody sleeps. Never ends.
    pub async fn keep(self) {
        let mut due = Vec::new();
        let mut timer = fd::TimerFd::new();
        loop {
            let next = self.wake_due(&mut due);
            // Whoever falls asleep for less than this wakes the keeper.
            let mut earlier = std::pin::pin!(Earlier { alarm: &self, at: next });
            timer.until(next, earlier.as_mut()).await;
        }
    }
}

/// Ready when somebody fell asleep until an earlier moment than the keeper waits for.
struct Earlier<'a> {
    alarm: &'a Timer,
    at: Option<u64>,
}

impl Future for Earlier<'_> {
    type Output = ();
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.alarm.0.borrow_mut();
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
    alarm: Timer,
    at_ns: u64,
    place: Option<(u32, u32)>,
}

impl Future for Sleep {
    /// True where the moment came, false where everybody was woken before it.
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let alarm = self.alarm.clone();
        let mut inner = alarm.0.borrow_mut();
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
                let place = inner.lie_down(self.at_ns, cx.waker().clone());
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
    fn lie_down(&mut self, at_ns: u64, waker: Waker) -> (u32, u32) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, waker: None });
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
            let mut inner = self.alarm.0.borrow_mut();
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
            let alarm = Timer::default();
            let keeper = tokio::task::spawn_local(alarm.clone().keep());
            let out = test(alarm).await;
            keeper.abort();
            out
        })
    }

    #[test]
    fn nobody_wakes_early_and_all_wake_in_order() {
        on_a_thread(async |alarm: Timer| {
            let start = now_ns();
            let order = Rc::new(RefCell::new(Vec::new()));
            let mut tasks = Vec::new();
            for i in (0..200u64).rev() {
                let (alarm, order) = (alarm.clone(), order.clone());
                tasks.push(tokio::task::spawn_local(async move {
                    let at = start + i * 100_000;
                    assert!(alarm.until(at).await);
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
            let alarm = Timer::with_gap(20_000_000);
            let keeper = tokio::task::spawn_local(alarm.clone().keep());
            let start = now_ns() + 1_000_000;
            assert!(alarm.until(start).await);
            let woke = now_ns();
            // Due at once, and yet not before the gap is over.
            assert!(alarm.until(now_ns() + 1000).await);
            assert!(now_ns() - woke >= 19_000_000);
            keeper.abort();
        });
    }

    #[test]
    fn a_change_of_schedule_wakes_everybody() {
        on_a_thread(async |alarm: Timer| {
            let woken = Rc::new(Cell::new(0));
            let mut tasks = Vec::new();
            for _ in 0..50 {
                let (alarm, woken) = (alarm.clone(), woken.clone());
                tasks.push(tokio::task::spawn_local(async move {
                    assert!(!alarm.until(u64::MAX).await);
                    woken.set(woken.get() + 1);
                }));
            }
            tokio::task::yield_now().await;
            alarm.wake_all();
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(woken.get(), 50);
        });
    }

    #[test]
    fn a_dropped_sleep_leaves_its_slot_to_the_next() {
        on_a_thread(async |alarm: Timer| {
            for _ in 0..1000 {
                let sleep = alarm.until(u64::MAX);
                tokio::select! { biased; _ = sleep => {}, _ = std::future::ready(()) => {} }
            }
            assert_eq!(alarm.0.borrow().slots.len(), 1);
        });
    }
}
