//! What a command that measures or judges came to, and the one table of exit codes.
//!
//! The codes stand here because reports show them; `cmd` alone ends the process with one.

use serde::{Deserialize, Serialize};

tabled! {
    /// How a command ended, with its exit code and what it means. The order is that of the exit codes:
    /// of several, the greatest counts. 99 is also k6's for a failed threshold; a signal's is 128 and
    /// its number.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    pub enum Conclusion: (u8, &'static str) {
        /// Nothing is against what was measured or compared.
        Passed = (0, "passed"),
        /// The run ended early, or a file could not be read or written.
        Failed = (1, "the run failed, or a file could not be read or written"),
        /// The command line or the scenario cannot be used.
        Unusable = (2, "the command line or the scenario cannot be used"),
        /// A check of validity failed.
        Invalid = (
            96,
            "invalid: a check of the measurement failed, so that its figures cannot be used",
        ),
        /// Undecided, with `--strict`.
        Undecided = (97, "undecided, with --strict"),
        /// Worse than the baseline, or B worse than A.
        Regression = (98, "worse than the baseline, or B worse than A"),
        /// A limit of the scenario failed.
        LimitFailed = (99, "a limit of the scenario failed"),
        /// SIGINT ended it.
        Interrupted = (130, "stopped by SIGINT; what was measured is reported"),
        /// SIGTERM or SIGHUP ended it.
        Terminated = (143, "stopped by SIGTERM or SIGHUP; what was measured is reported"),
    }
}

impl Conclusion {
    /// The exit code.
    pub const fn exit_code(self) -> u8 {
        self.row().0
    }

    /// The conclusion of an exit code, for example of another wsbench.
    pub fn from_exit_code(code: i32) -> Option<Conclusion> {
        Conclusion::ALL.into_iter().find(|one| i32::from(one.exit_code()) == code)
    }

    /// What it means, as in `wsbench --help`.
    pub fn meaning(self) -> &'static str {
        self.row().1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_rise_with_the_order_and_lead_back() {
        for pair in Conclusion::ALL.windows(2) {
            assert!(pair[0] < pair[1] && pair[0].exit_code() < pair[1].exit_code());
        }
        for one in Conclusion::ALL {
            assert_eq!(Conclusion::from_exit_code(one.exit_code().into()), Some(one));
        }
        assert_eq!(Conclusion::from_exit_code(3), None);
    }
}
