//! Why a run stopped. In files it is a text, the same as in version 0.1.

use serde::{Deserialize, Serialize};
use std::fmt;

const COMPLETE: &str = "complete";
const INTERRUPTED: &str = "SIGINT";
const TERMINATED: &str = "SIGTERM";
const HUNG_UP: &str = "SIGHUP";
const SERVER_NOT_READY: &str = "the server does not listen";
const LIMIT: &str = "limit: ";

/// Why a run stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum StopReason {
    /// Every case ran.
    Complete,
    /// SIGINT.
    Interrupted,
    /// SIGTERM.
    Terminated,
    /// SIGHUP. Files of earlier versions call it SIGTERM.
    HungUp,
    /// The server did not begin to listen.
    ServerNotReady,
    /// A limit with `abort_on_fail` was broken, with a sentence.
    Limit(String),
    /// A failure, with a sentence.
    Failure(String),
}

impl StopReason {
    /// The limit that ended the run, in a sentence.
    pub fn limit(&self) -> Option<&str> {
        match self {
            StopReason::Limit(why) => Some(why),
            _ => None,
        }
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StopReason::Complete => f.write_str(COMPLETE),
            StopReason::Interrupted => f.write_str(INTERRUPTED),
            StopReason::Terminated => f.write_str(TERMINATED),
            StopReason::HungUp => f.write_str(HUNG_UP),
            StopReason::ServerNotReady => f.write_str(SERVER_NOT_READY),
            StopReason::Limit(why) => write!(f, "{LIMIT}{why}"),
            StopReason::Failure(why) => f.write_str(why),
        }
    }
}

impl From<StopReason> for String {
    fn from(reason: StopReason) -> String {
        reason.to_string()
    }
}

impl From<String> for StopReason {
    fn from(text: String) -> StopReason {
        match text.as_str() {
            COMPLETE => StopReason::Complete,
            INTERRUPTED => StopReason::Interrupted,
            TERMINATED => StopReason::Terminated,
            HUNG_UP => StopReason::HungUp,
            SERVER_NOT_READY => StopReason::ServerNotReady,
            other => match other.strip_prefix(LIMIT) {
                Some(why) => StopReason::Limit(why.to_owned()),
                None => StopReason::Failure(text),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_written_and_read_as_the_texts_of_version_0_1() {
        for (reason, text) in [
            (StopReason::Complete, "complete"),
            (StopReason::Interrupted, "SIGINT"),
            (StopReason::Terminated, "SIGTERM"),
            (StopReason::HungUp, "SIGHUP"),
            (StopReason::ServerNotReady, "the server does not listen"),
            (StopReason::Limit("x > 3".to_owned()), "limit: x > 3"),
            (StopReason::Failure("out of luck".to_owned()), "out of luck"),
        ] {
            assert_eq!(serde_json::to_value(&reason).unwrap(), text);
            assert_eq!(serde_json::from_value::<StopReason>(text.into()).unwrap(), reason);
        }
    }
}
