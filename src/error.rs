//! What ends a command early: a message for the person and a kind that the exit code follows from.
//!
//! Separate from errors of a simulated client, which are data (`record::ClientError`), and from
//! verdicts on a finished run.

use crate::os::Caught;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Why a command could not do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The command line, the scenario, or a file named in them, cannot be used.
    Usage,
    /// The run, or reading or writing a file, failed.
    Run,
    /// A second signal ended it at once.
    Signal(Caught),
}

/// What failed, and the error that it came from, if there is one.
///
/// `{}` shows the message alone, `{:#}` also its causes: `cannot write a.csv: No space left`.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What the exit code follows from.
    pub kind: FailureKind,
    /// What happened, what was expected, and what to do, without the leading `error:`.
    pub message: String,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// The result of everything that can fail for a reason that a person must read.
pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// The command line or the scenario cannot be used.
    pub fn usage(message: impl Into<String>) -> Self {
        Failure { kind: FailureKind::Usage, message: message.into(), source: None }
    }
    /// The machine, the network or a file failed.
    pub fn run(message: impl Into<String>) -> Self {
        Failure { kind: FailureKind::Run, message: message.into(), source: None }
    }
    /// A second signal came while everything was ending.
    pub fn signal(signal: Caught) -> Self {
        Failure {
            kind: FailureKind::Signal(signal),
            message: format!("stopped at once by a second {}", signal.name()),
            source: None,
        }
    }
    /// A signal came while this was being done, and it has ended.
    pub(crate) fn signal_during(signal: Caught, doing: &str) -> Self {
        let message = format!("{} ended {doing}", signal.name());
        Failure { kind: FailureKind::Signal(signal), message, source: None }
    }
    /// The same failure with this error as its cause.
    pub(crate) fn caused_by(self, source: impl Error + Send + Sync + 'static) -> Self {
        Failure { source: Some(Arc::new(source)), ..self }
    }
    /// The same failure, with what was being done before the message.
    pub fn while_(self, doing: impl fmt::Display) -> Self {
        Failure { message: format!("{doing}: {}", self.message), ..self }
    }
    /// The same failure with a further line below all of it.
    pub(crate) fn with_note(self, note: &str) -> Self {
        Failure { kind: self.kind, message: format!("{self:#}\n{note}"), source: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if f.alternate() {
            let mut cause = self.source();
            while let Some(error) = cause {
                write!(f, ": {error}")?;
                cause = error.source();
            }
        }
        Ok(())
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// For `map_err(at("cannot read x"))`: a failure of the run with the error as its cause.
pub(crate) fn at<E: Error + Send + Sync + 'static>(
    doing: impl fmt::Display,
) -> impl FnOnce(E) -> Failure {
    move |error| Failure::run(doing.to_string()).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_form_has_every_cause() {
        let failure = at::<std::io::Error>("cannot open a")(std::io::Error::other("no disk"));
        let failure = failure.while_("a run of B");
        assert_eq!(format!("{failure}"), "a run of B: cannot open a");
        assert_eq!(format!("{failure:#}"), "a run of B: cannot open a: no disk");
        assert_eq!(
            format!("{}", failure.with_note("see x")),
            "a run of B: cannot open a: no disk\nsee x"
        );
    }
}
