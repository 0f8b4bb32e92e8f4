//! A process that ended too early.

use serde::{Deserialize, Serialize};

/// On which side of the connections a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProcessRole {
    /// Its process holds clients.
    Driver,
    /// Its process serves them.
    Server,
}

/// A process that was lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "AnyVersion")]
pub struct LostProcess {
    /// The side that it belonged to.
    pub role: ProcessRole,
    /// Which process it was and how it ended, in a sentence.
    pub how: String,
}

/// Version 0.1 wrote the sentence alone, which begins with the process's name.
#[derive(Deserialize)]
#[serde(untagged)]
enum AnyVersion {
    Text(String),
    Whole { role: ProcessRole, how: String },
}

impl From<AnyVersion> for LostProcess {
    fn from(read: AnyVersion) -> LostProcess {
        match read {
            AnyVersion::Whole { role, how } => LostProcess { role, how },
            AnyVersion::Text(how) => {
                let driver = how.starts_with("driver");
                let role = if driver { ProcessRole::Driver } else { ProcessRole::Server };
                LostProcess { role, how }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_of_version_0_1_has_the_role_of_its_process() {
        let read = |json: &str| serde_json::from_str::<LostProcess>(json).unwrap().role;
        assert_eq!(read(r#""driver process 0 of case 1 ended""#), ProcessRole::Driver);
        assert_eq!(read(r#""server process 0 of case 1 ended""#), ProcessRole::Server);
        assert_eq!(read(r#""the server ended by itself""#), ProcessRole::Server);
        assert_eq!(read(r#"{"role":"driver","how":"the server hung"}"#), ProcessRole::Driver);
    }
}
