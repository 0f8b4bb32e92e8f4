//! SIGINT and SIGTERM, and SIGXFSZ, which must not end the program.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Makes a file that reaches the limit of its size (`ulimit -f`) an error of whoever writes it: by
/// default the system ends the program, and a run with it.
pub(crate) fn outlive_file_size_limit() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    // If it cannot be caught, the system does what it would have done.
    if let Ok(runtime) = runtime {
        let _entered = runtime.enter();
        // It stays caught when this handle is gone. Programs that are started have their own.
        let _ = signal(SignalKind::from_raw(libc::SIGXFSZ));
    }
}

/// Catches the two signals that ask a program to end.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

/// A signal that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caught {
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl Caught {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Caught::Interrupt => "SIGINT",
            Caught::Terminate => "SIGTERM",
        }
    }
}

impl Signals {
    /// Catches them from now on.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) fn catch() -> std::io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }
    /// Waits for the next.
    pub(crate) async fn next(&mut self) -> Caught {
        tokio::select! {
            _ = self.interrupt.recv() => Caught::Interrupt,
            _ = self.terminate.recv() => Caught::Terminate,
        }
    }
}
