//! The exit code of the process. The numbers are in the table of [`Conclusion`]; which of them a
//! command ends with is decided here.

use crate::error::{Failure, FailureKind};
use crate::os::Caught;
use crate::report::Conclusion;
use std::process::ExitCode;

impl From<Conclusion> for ExitCode {
    fn from(conclusion: Conclusion) -> ExitCode {
        conclusion.exit_code().into()
    }
}

impl From<Caught> for Conclusion {
    fn from(signal: Caught) -> Conclusion {
        match signal {
            Caught::Interrupt => Conclusion::Interrupted,
            Caught::Terminate | Caught::HangUp => Conclusion::Terminated,
        }
    }
}

impl From<&Failure> for Conclusion {
    fn from(failure: &Failure) -> Conclusion {
        match failure.kind {
            FailureKind::Usage => Conclusion::Unusable,
            FailureKind::Run => Conclusion::Failed,
            FailureKind::Signal(signal) => signal.into(),
        }
    }
}

/// Ends the process as a signal asks for, without waiting for what it does.
pub(super) fn end_by(caught: Caught) -> ! {
    std::process::exit(Conclusion::from(caught).exit_code().into())
}
