//! What ends a command early: a message for the person and the exit code for the script.
//!
//! Separate from faults of a simulated client, which are data (`record::Fault`), and from
//! verdicts on a finished run.

use std::fmt;

/// Why a command could not do its work. Each kind is one exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The command line or the scenario cannot be used (exit 2).
    Usage,
    /// The run, or the reading or writing of files, failed (exit 1).
    Run,
    /// A second signal ended it at once (exit 128 and the signal's number).
    Signal(u8),
}

/// An error with its message ready to be shown: what, where, and the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which exit code it is.
    pub kind: FailureKind,
    /// The text for standard error, without the leading `error:` where `located`.
    pub message: String,
}

/// The result of everything that can fail for a reason a person must read.
pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// A fault of the command line or the scenario.
    pub fn usage(message: impl Into<String>) -> Self {
        Failure { kind: FailureKind::Usage, message: message.into() }
    }
    /// A fault of the machine, the network or a file.
    pub fn run(message: impl Into<String>) -> Self {
        Failure { kind: FailureKind::Run, message: message.into() }
    }
    /// A signal that came when everything was ending already.
    pub fn at_once(code: u8, name: &str) -> Self {
        Failure {
            kind: FailureKind::Signal(code),
            message: format!("ended at once by a second {name}"),
        }
    }
    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            FailureKind::Usage => 2,
            FailureKind::Run => 1,
            FailureKind::Signal(code) => code,
        }
    }
    /// The same failure with what was being done put before it.
    pub fn while_(self, doing: impl fmt::Display) -> Self {
        Failure { message: format!("{doing}: {}", self.message), ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
impl std::error::Error for Failure {}

/// `map_err(at("cannot read x"))` for I/O errors.
pub(crate) fn at<E: fmt::Display>(doing: impl fmt::Display) -> impl FnOnce(E) -> Failure {
    move |error| Failure::run(format!("{doing}: {error}"))
}
