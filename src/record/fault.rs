//! What can go wrong for one simulated client, as small values that can be counted.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The kind of a fault. What [`ClientError::code`] means is said at each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientErrorKind {
    /// No connection could be made; the code is the `errno`.
    Connect,
    /// No connection within the limit; no code.
    ConnectTimeout,
    /// The upgrade was refused; the code is the HTTP status, or 0 if the answer was not HTTP.
    Upgrade,
    /// Reading failed; the code is the `errno`.
    Read,
    /// Writing failed; the code is the `errno`.
    Write,
    /// The server closed in the middle of an exchange or before the client had ended; the code is
    /// the WebSocket close code (RFC 6455 §7.4), or 0.
    EarlyClose,
    /// A response with a status other than 200; the code is the status.
    Status,
    /// Bytes that are no response or no frame; no code.
    Malformed,
    /// A response that did not come within the limit; no code.
    ResponseTimeout,
    /// A client that did not end within the drain limit; no code.
    Undrained,
}

/// A fault and its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientError {
    /// What went wrong.
    pub kind: ClientErrorKind,
    /// An `errno`, an HTTP status or a close code, as the kind says; 0 if there is none.
    pub code: i32,
}

impl ClientError {
    /// A fault without a code.
    pub const fn of(kind: ClientErrorKind) -> ClientError {
        ClientError { kind, code: 0 }
    }
    /// A fault with its `errno`, status or close code.
    pub const fn with(kind: ClientErrorKind, code: i32) -> ClientError {
        ClientError { kind, code }
    }
    /// A fault of this kind from an I/O error.
    pub fn io(kind: ClientErrorKind, error: &std::io::Error) -> ClientError {
        ClientError { kind, code: error.raw_os_error().unwrap_or(0) }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let os = |f: &mut fmt::Formatter<'_>, what: &str| match self.code {
            0 => write!(f, "{what} failed"),
            code => write!(
                f,
                "{what} failed: {} ({})",
                errno_name(code),
                std::io::Error::from_raw_os_error(code)
            ),
        };
        match self.kind {
            ClientErrorKind::Connect => os(f, "connect"),
            ClientErrorKind::ConnectTimeout => f.write_str("connect timed out"),
            ClientErrorKind::Upgrade if self.code == 0 => f.write_str("upgrade failed"),
            ClientErrorKind::Upgrade => write!(f, "upgrade refused with status {}", self.code),
            ClientErrorKind::Read => os(f, "read"),
            ClientErrorKind::Write => os(f, "write"),
            ClientErrorKind::EarlyClose if self.code == 0 => {
                f.write_str("closed early by the server")
            }
            ClientErrorKind::EarlyClose => {
                write!(f, "closed early by the server with close code {}", self.code)
            }
            ClientErrorKind::Status => write!(f, "answered with status {}", self.code),
            ClientErrorKind::Malformed => f.write_str("answered with malformed bytes"),
            ClientErrorKind::ResponseTimeout => f.write_str("no answer within the limit"),
            ClientErrorKind::Undrained => f.write_str("did not end within the drain limit"),
        }
    }
}

/// The symbol of the `errno`s that a client of a network meets.
pub(crate) fn errno_name(code: i32) -> &'static str {
    match code {
        libc::ECONNREFUSED => "ECONNREFUSED",
        libc::ECONNRESET => "ECONNRESET",
        libc::ECONNABORTED => "ECONNABORTED",
        libc::EPIPE => "EPIPE",
        libc::ETIMEDOUT => "ETIMEDOUT",
        libc::EADDRNOTAVAIL => "EADDRNOTAVAIL",
        libc::EADDRINUSE => "EADDRINUSE",
        libc::EMFILE => "EMFILE",
        libc::ENFILE => "ENFILE",
        libc::ENETUNREACH => "ENETUNREACH",
        libc::EHOSTUNREACH => "EHOSTUNREACH",
        libc::ENOBUFS => "ENOBUFS",
        libc::ENOMEM => "ENOMEM",
        libc::EACCES => "EACCES",
        libc::EPERM => "EPERM",
        libc::EINVAL => "EINVAL",
        _ => "errno",
    }
}
