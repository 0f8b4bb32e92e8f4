//! What a timer waits with: a `timerfd` on Linux, tokio's timer elsewhere.

use crate::time::timer::coarse;
use std::future::Future;
use std::pin::Pin;

#[cfg(all(target_os = "linux", not(feature = "portable")))]
pub(crate) use linux::TimerFd;

#[cfg(all(target_os = "linux", not(feature = "portable")))]
mod linux {
    use super::{Future, Pin, coarse};
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use std::os::fd::OwnedFd;
    use tokio::io::unix::AsyncFd;

    /// A `timerfd` on the thread's reactor, or tokio's timer if none could be made.
    pub(crate) struct TimerFd(Option<AsyncFd<OwnedFd>>);

    #[allow(unsafe_code)]
    fn register(fd: OwnedFd) -> Option<AsyncFd<OwnedFd>> {
        // SAFETY: an `OwnedFd` gives the same descriptor for as long as it lives, and nobody else
        // closes it; the `AsyncFd` owns it and deregisters it before it is dropped.
        unsafe { AsyncFd::register(fd) }.ok()
    }

    impl TimerFd {
        pub(crate) fn new() -> TimerFd {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            TimerFd(timerfd_create(TimerfdClockId::Monotonic, flags).ok().and_then(register))
        }

        /// Waits until the moment or until `earlier` is ready.
        pub(crate) async fn until(&mut self, at_ns: Option<u64>, earlier: Pin<&mut impl Future>) {
            let Some(fd) = &self.0 else {
                return coarse(at_ns, earlier).await;
            };
            let at = at_ns.filter(|&ns| ns != u64::MAX).unwrap_or(0);
            let spec = Itimerspec {
                it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
                it_value: Timespec {
                    tv_sec: (at / 1_000_000_000) as i64,
                    tv_nsec: (at % 1_000_000_000) as i64,
                },
            };
            // Zero disarms. The only errors are of arguments that are valid here.
            let _ = timerfd_settime(fd, TimerfdTimerFlags::ABSTIME, &spec);
            tokio::select! {
                biased;
                ready = fd.readable() => {
                    // Edge-triggered and armed anew each time: the count need not be read.
                    if let Ok(mut guard) = ready {
                        guard.clear_ready();
                    }
                }
                _ = earlier => {}
            }
        }
    }
}

/// tokio's timer: good to a millisecond.
#[cfg(any(not(target_os = "linux"), feature = "portable"))]
pub(crate) struct TimerFd;

#[cfg(any(not(target_os = "linux"), feature = "portable"))]
impl TimerFd {
    pub(crate) fn new() -> TimerFd {
        TimerFd
    }
    pub(crate) async fn until(&mut self, at_ns: Option<u64>, earlier: Pin<&mut impl Future>) {
        coarse(at_ns, earlier).await
    }
}
