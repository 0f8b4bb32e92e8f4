//! SIGINT, SIGTERM and SIGHUP, and SIGXFSZ, which must not end the program.

use std::io;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Makes a file that reaches the limit of its size (`ulimit -f`) an error of whoever writes it: by
/// default the system ends the program, and a run with it.
pub(crate) fn outlive_file_size_limit() {
    let runtime = Builder::new_current_thread().enable_io().build();
    // If it cannot be caught, the system does what it would have done.
    if let Ok(runtime) = runtime {
        let _entered = runtime.enter();
        // It stays caught when this handle is gone. Programs that are started have their own.
        let _ = signal(SignalKind::from_raw(libc::SIGXFSZ));
    }
}

/// Outlives SIGINT from now on: a terminal sends it to every process of the group, and the parent
/// decides what it means. It must be called within a runtime.
///
/// # Errors
/// If the system refuses.
pub(crate) fn outlive_interrupts() -> io::Result<()> {
    // It stays caught when this handle is gone.
    signal(SignalKind::interrupt()).map(drop)
}

/// Catches the signals that ask a program to end.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// `None` if it is ignored, as `nohup` asks for.
    hang_up: Option<Signal>,
}

/// A signal that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caught {
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGHUP: the terminal was closed.
    HangUp,
}

impl Caught {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Caught::Interrupt => "SIGINT",
            Caught::Terminate => "SIGTERM",
            Caught::HangUp => "SIGHUP",
        }
    }
}

impl Signals {
    /// Catches them from now on.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) fn catch() -> io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: if ignores_hang_up() { None } else { Some(signal(SignalKind::hangup())?) },
        })
    }
    /// Waits for the next.
    pub(crate) async fn next(&mut self) -> Caught {
        let hang_up = async {
            match &mut self.hang_up {
                Some(hang_up) => hang_up.recv().await,
                None => std::future::pending().await,
            }
        };
        let caught = tokio::select! {
            _ = hang_up => Caught::HangUp,
            _ = self.interrupt.recv() => Caught::Interrupt,
            _ = self.terminate.recv() => Caught::Terminate,
        };
        // A later one does not replace it.
        let _ = FIRST.set(caught);
        caught
    }
}

/// The first signal that somebody received from [`Signals`].
static FIRST: OnceLock<Caught> = OnceLock::new();

/// Returns the first signal that asked this process to end, if it was received.
pub(crate) fn first_signal() -> Option<Caught> {
    FIRST.get().copied()
}

/// Waits for signals outside of a runtime.
pub(crate) struct SignalWait {
    /// `None` inside of another runtime, which cannot be waited in.
    runtime: Option<(Runtime, Signals)>,
}

impl SignalWait {
    /// Catches signals from now on, and those since the last runtime that caught them.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) fn new() -> io::Result<SignalWait> {
        if Handle::try_current().is_ok() {
            return Ok(SignalWait { runtime: None });
        }
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let signals = {
            let _entered = runtime.enter();
            Signals::catch()?
        };
        Ok(SignalWait { runtime: Some((runtime, signals)) })
    }
    /// Waits for so long, or until a signal comes.
    pub(crate) fn wait(&mut self, time: Duration) -> Option<Caught> {
        let Some((runtime, signals)) = &mut self.runtime else {
            std::thread::sleep(time);
            return None;
        };
        runtime.block_on(async { tokio::time::timeout(time, signals.next()).await.ok() })
    }
}

/// Whether SIGHUP was ignored when the program began (`SigIgn` of `/proc/self/status`, `proc(5)`).
fn ignores_hang_up() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    is_hang_up_in(&status)
}

fn is_hang_up_in(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|text| u64::from_str_radix(text.trim(), 16).ok());
    // The first bit is of the signal 1.
    mask.is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hang_up_that_is_ignored_stays_ignored() {
        assert!(is_hang_up_in("Name:\twsbench\nSigIgn:\t0000000000001001\n"));
        assert!(!is_hang_up_in("SigIgn:\t0000000000001000\n"));
        assert!(!is_hang_up_in(""));
    }
}
