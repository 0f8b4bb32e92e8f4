//! What can go wrong for one simulated client, as small values that can be counted.

use crate::record::frame_fault::FrameFault;
use crate::record::http2_fault::Http2Fault;
use crate::record::tls_problem::{TlsProblem, alert_name};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// The sentence of [`ClientErrorKind::LongHead`]. The limits in this one and the next two are those of
/// `protocol::http1::response`; a test of `client::http` compares them.
const LONG_HEAD: &str = "answered with a head of more than 256 KiB, which is not read";
/// The sentence of [`ClientErrorKind::ManyFields`].
const MANY_FIELDS: &str = "answered with a head of more than 256 fields, which is not read";
/// The sentence of [`ClientErrorKind::LongChunkLine`].
const LONG_CHUNK_LINE: &str = "answered with a chunk whose size line, or with a trailer section, of more than 16 KiB, which is \
                               not read";
/// The sentence of [`ClientErrorKind::LibraryRefused`].
const LIBRARY_REFUSED: &str = "answered with what this engine's library refuses to read; take engine = \"raw\", which reads it or names \
                               what is wrong with it";
/// The sentence of [`ClientErrorKind::TransferCoding`].
const TRANSFER_CODING: &str = "answered with a body whose Transfer-Encoding has another coding than \"chunked\", such as gzip, which \
                               no request asks for (TE) and which is not read";
/// The sentence of [`ClientErrorKind::NoStream`].
const NO_STREAM: &str = "the server ended the stream with status 204, so that no client came back";
/// The sentence of [`ClientErrorKind::StreamLimit`] without any stream.
const NO_STREAMS: &str =
    "the server takes no stream on a connection of HTTP/2 (SETTINGS_MAX_CONCURRENT_STREAMS is 0)";
/// The sentence of [`ClientErrorKind::Undecodable`].
const UNDECODABLE: &str = "answered with a body that is not what its Content-Encoding says";
/// The sentence of [`ClientErrorKind::UnknownAnswer`].
const UNKNOWN_ANSWER: &str = "sent an answer with an id that no message waits for: the server answers twice, or \
     sends one client's answers to all";
/// The sentence of [`ClientErrorKind::NotReady`].
const NOT_READY: &str = "the answer that counts as connected did not come within the limit";

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
    /// Bytes that are no response, or not the answer that was expected; no code.
    Malformed,
    /// An answer to a message of the client that it has not sent, or that was answered already; no code.
    UnknownAnswer,
    /// A frame that breaks the WebSocket protocol; the code is a [`FrameFault`].
    Frame,
    /// HTTP/2 that breaks the protocol, or that the server does not have; the code is an [`Http2Fault`].
    Http2,
    /// The server ended a stream of HTTP/2 by an error; the code is that of RST_STREAM (RFC 9113 §7).
    StreamReset,
    /// The server takes no further stream on a connection of HTTP/2; the code is how many it takes.
    StreamLimit,
    /// The server takes no further requests on a connection of HTTP/2; the code is that of GOAWAY (RFC 9113 §7).
    GoAway,
    /// Bytes after the end of an answer; the code is their number.
    Surplus,
    /// Bytes before the request was sent; the code is their number.
    Unasked,
    /// An answer that has begun and did not end within the limit; the code is its status, 0 if its head
    /// did not end.
    Unfinished,
    /// The server answered a stream's request with 204: it wants no further one (HTML §9.2.3). No
    /// code.
    NoStream,
    /// The answer to an upgrade lacks a field, has one that was not asked for, or comes after
    /// another that the client cannot read; the code is an
    /// [`UpgradeField`].
    UpgradeField,
    /// An event stream of another media type than `text/event-stream`; no code.
    NoEventStream,
    /// A compressed body, which nobody asked for or can read; no code.
    Compressed,
    /// A line of an event stream whose field is none of an event stream. It is kept for a message and not
    /// counted; no code.
    UnknownField,
    /// A compressed body that is not what its `Content-Encoding` says; no code.
    Undecodable,
    /// A message that is larger than what is taken apart; no code.
    TooLong,
    /// Bytes of another protocol; the code is a [`ForeignProtocol`].
    ForeignProtocol,
    /// A head that cannot be read; the code is the number of its first bad line, from 1.
    BadHead,
    /// A head that is longer than what is read; no code.
    LongHead,
    /// A head with more fields than are read; no code.
    ManyFields,
    /// More around a chunk, or in a trailer section, than is read; no code.
    LongChunkLine,
    /// A body with another transfer coding than chunks; no code.
    TransferCoding,
    /// An answer that the library of an engine refuses to read; no code.
    LibraryRefused,
    /// The answer that counts as connected did not come within the limit; no code.
    NotReady,
    /// TLS cannot be used; the code is a [`TlsProblem`].
    Tls,
    /// The server ended TLS with an alert; the code is the alert's (RFC 8446 §6).
    TlsAlert,
    /// The server ended TLS with an alert once it had sent something; the code is the alert's.
    TlsAlertLater,
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
    /// Whether a server that answers so has started and will answer the same again.
    pub(crate) fn is_for_good(self) -> bool {
        match self.kind {
            // A success is one of another protocol: there is no WebSocket at this path.
            ClientErrorKind::Upgrade if (200..300).contains(&self.code) => true,
            // Too slow, too early and too often pass (RFC 9110 §15.5.9, RFC 8470, RFC 6585).
            ClientErrorKind::Status | ClientErrorKind::Upgrade => {
                (300..500).contains(&self.code) && !matches!(self.code, 408 | 425 | 429)
            }
            ClientErrorKind::UpgradeField
            | ClientErrorKind::NoEventStream
            | ClientErrorKind::Compressed
            | ClientErrorKind::ForeignProtocol
            | ClientErrorKind::BadHead
            | ClientErrorKind::LongHead
            | ClientErrorKind::ManyFields
            | ClientErrorKind::LongChunkLine
            | ClientErrorKind::TransferCoding
            | ClientErrorKind::LibraryRefused
            | ClientErrorKind::NoStream
            | ClientErrorKind::StreamLimit
            | ClientErrorKind::Http2
            | ClientErrorKind::Unfinished => true,
            ClientErrorKind::Tls => TlsProblem::of(self.code).is_none_or(TlsProblem::is_for_good),
            // An internal error may pass.
            ClientErrorKind::TlsAlert => self.code != 80,
            ClientErrorKind::Connect
            | ClientErrorKind::ConnectTimeout
            | ClientErrorKind::Read
            | ClientErrorKind::Write
            | ClientErrorKind::EarlyClose
            | ClientErrorKind::Malformed
            | ClientErrorKind::UnknownAnswer
            | ClientErrorKind::Frame
            | ClientErrorKind::StreamReset
            | ClientErrorKind::GoAway
            | ClientErrorKind::Undecodable
            | ClientErrorKind::TooLong
            | ClientErrorKind::Surplus
            | ClientErrorKind::Unasked
            | ClientErrorKind::UnknownField
            | ClientErrorKind::NotReady
            | ClientErrorKind::TlsAlertLater
            | ClientErrorKind::ResponseTimeout
            | ClientErrorKind::Undrained => false,
        }
    }
    /// Whether another engine may go on where this one's library does not: it says nothing of the server.
    pub(crate) fn is_of_engine(self) -> bool {
        match self.kind {
            ClientErrorKind::LibraryRefused => true,
            ClientErrorKind::UpgradeField => {
                let field = UpgradeField::of(self.code);
                matches!(field, Some(UpgradeField::NoProtocol | UpgradeField::Interim))
            }
            _ => false,
        }
    }
    /// Whether the server takes no further requests on a connection for no reason of the client's, and has not begun
    /// with this one.
    pub(crate) fn is_orderly_goaway(self) -> bool {
        self == ClientError::of(ClientErrorKind::GoAway)
    }
    /// Whether the server has not begun with a request, which may be sent again (RFC 9113 §8.7).
    pub(crate) fn is_not_begun_with(self) -> bool {
        const REFUSED_STREAM: i32 = 7;
        self.is_orderly_goaway()
            || self == ClientError::with(ClientErrorKind::StreamReset, REFUSED_STREAM)
    }
    /// Whether a client has met it by waiting for an answer, or for its end, as long as it may.
    pub(crate) fn is_late_answer(self) -> bool {
        match self.kind {
            ClientErrorKind::NotReady
            | ClientErrorKind::ResponseTimeout
            | ClientErrorKind::Unfinished => true,
            ClientErrorKind::Tls => TlsProblem::of(self.code) == Some(TlsProblem::Timeout),
            _ => false,
        }
    }
    /// A fault of this kind from an I/O error.
    pub fn io(kind: ClientErrorKind, error: &std::io::Error) -> ClientError {
        ClientError { kind, code: error.raw_os_error().unwrap_or(0) }
    }
}

coded! {
    /// What is wrong with the answer to an upgrade (RFC 6455 §4.1).
    pub(crate) enum UpgradeField {
        /// No `Upgrade: websocket`.
        Upgrade = "has no \"Upgrade: websocket\"",
        /// No `Connection: Upgrade`.
        Connection = "has no \"Connection: Upgrade\"",
        /// `Sec-WebSocket-Accept` is not that of the key.
        Accept = "has another Sec-WebSocket-Accept than the key asks for",
        /// An extension that was not asked for.
        Extensions = "has Sec-WebSocket-Extensions that were not asked for",
        /// A subprotocol that was not asked for.
        Protocol = "has a Sec-WebSocket-Protocol that was not asked for",
        /// None of the subprotocols that were asked for, of which a library must have one.
        NoProtocol =
            "has no Sec-WebSocket-Protocol, without which the engine \"tungstenite\" does not go on if \
            `subprotocol` asks for one; take engine = \"raw\"",
        /// An interim response before it, which a library takes for the answer.
        Interim =
            "comes after an interim response (a status below 200, such as 103), which the engine \
            \"tungstenite\" takes for the answer; take engine = \"raw\"",
        /// No `Sec-WebSocket-Accept`.
        NoAccept = "has no Sec-WebSocket-Accept",
        /// An `Upgrade` that is not `websocket`.
        OtherUpgrade = "has another Upgrade than \"websocket\"",
        /// A `Connection` without `Upgrade`.
        OtherConnection = "has a Connection without \"Upgrade\"",
        /// Parameters of the extension that were not asked for, or that it does not have.
        ExtensionParams =
            "has parameters of permessage-deflate that do not fit what was offered (RFC 7692, 7.1)",
    }
}

coded! {
    /// A protocol that is not HTTP/1.1, by its first bytes.
    pub(crate) enum ForeignProtocol {
        /// TLS.
        Tls = "answered with TLS; write https:// or wss:// into the URL, or take the plain port",
        /// HTTP/2.
        Http2 = "answered with HTTP/2; set http_version = \"2\" in the series, or give --http2",
        /// SSH.
        Ssh = "answered with SSH; check the port",
        /// HTTP/1.1, where HTTP/2 was wanted.
        Http1 = "answered with HTTP/1.1; the server takes no HTTP/2 without TLS, or not at this port: leave out http_version or --http2",
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ClientErrorKind::Connect => failed(f, "connect", self.code),
            ClientErrorKind::ConnectTimeout => f.write_str("connect timed out"),
            ClientErrorKind::Upgrade if self.code == 0 => f.write_str("upgrade failed"),
            ClientErrorKind::Upgrade => write!(f, "upgrade refused with status {}", self.code),
            ClientErrorKind::Read => failed(f, "read", self.code),
            ClientErrorKind::Write => failed(f, "write", self.code),
            ClientErrorKind::EarlyClose if self.code == 0 => {
                f.write_str("closed early by the server")
            }
            ClientErrorKind::EarlyClose => {
                write!(f, "closed early by the server with close code {}", self.code)
            }
            ClientErrorKind::Status => write!(f, "answered with status {}", self.code),
            ClientErrorKind::Malformed => f.write_str("answered with malformed bytes"),
            ClientErrorKind::UnknownAnswer => f.write_str(UNKNOWN_ANSWER),
            ClientErrorKind::Frame => f.write_str(
                FrameFault::of(self.code)
                    .map_or("the server broke the WebSocket protocol", FrameFault::sentence),
            ),
            ClientErrorKind::Http2 => f.write_str(
                Http2Fault::of(self.code).map_or("the server broke HTTP/2", Http2Fault::sentence),
            ),
            ClientErrorKind::StreamReset => {
                let name = stream_error_name(self.code);
                write!(f, "the server ended the stream with {name} (RST_STREAM)")
            }
            ClientErrorKind::GoAway => {
                let name = stream_error_name(self.code);
                write!(
                    f,
                    "the server took no further requests on the connection, with {name} (GOAWAY)"
                )
            }
            ClientErrorKind::StreamLimit if self.code == 0 => f.write_str(NO_STREAMS),
            ClientErrorKind::StreamLimit => write!(
                f,
                "the server takes no more streams on a connection of HTTP/2 than {}; set streams to at most that",
                self.code
            ),
            ClientErrorKind::Surplus => sent(f, self.code, "after the end of an answer"),
            ClientErrorKind::Unasked => sent(f, self.code, "before the request was sent"),
            ClientErrorKind::Unfinished => unfinished(f, self.code),
            ClientErrorKind::NoStream => f.write_str(NO_STREAM),
            ClientErrorKind::UpgradeField => match UpgradeField::of(self.code) {
                Some(field) => write!(f, "upgrade failed: the answer {}", field.sentence()),
                None => f.write_str("upgrade failed"),
            },
            ClientErrorKind::NoEventStream => f.write_str(
                "answered with another Content-Type than text/event-stream; check the path",
            ),
            ClientErrorKind::Compressed => f.write_str(
                "answered with a compressed body (Content-Encoding), which was not asked for; \
                 set accept_encoding in the series, or take Accept-Encoding out of the request",
            ),
            ClientErrorKind::UnknownField => {
                f.write_str("sent a line with a field that event streams do not have")
            }
            ClientErrorKind::Undecodable => f.write_str(UNDECODABLE),
            ClientErrorKind::TooLong => f.write_str(
                "sent a message of more than 16 MiB, the most that first, ready, reply, separator, \
                 length and update are looked for in",
            ),
            ClientErrorKind::ForeignProtocol => f.write_str(
                ForeignProtocol::of(self.code)
                    .map_or("answered in another protocol", ForeignProtocol::sentence),
            ),
            ClientErrorKind::BadHead => {
                write!(f, "answered with a head whose line {} cannot be read", self.code)
            }
            ClientErrorKind::LongHead => f.write_str(LONG_HEAD),
            ClientErrorKind::ManyFields => f.write_str(MANY_FIELDS),
            ClientErrorKind::LongChunkLine => f.write_str(LONG_CHUNK_LINE),
            ClientErrorKind::TransferCoding => f.write_str(TRANSFER_CODING),
            ClientErrorKind::LibraryRefused => f.write_str(LIBRARY_REFUSED),
            ClientErrorKind::NotReady => f.write_str(NOT_READY),
            ClientErrorKind::Tls => {
                f.write_str(TlsProblem::of(self.code).map_or("TLS failed", TlsProblem::sentence))
            }
            ClientErrorKind::TlsAlert => {
                let code = self.code;
                let name = alert_name(code);
                let remedy = alert_remedy(code);
                write!(f, "the server refused the TLS handshake: alert {name} ({code}){remedy}")
            }
            ClientErrorKind::TlsAlertLater => {
                let code = self.code;
                let name = alert_name(code);
                write!(f, "the server ended TLS after the handshake: alert {name} ({code})")
            }
            ClientErrorKind::ResponseTimeout => f.write_str("no answer within the limit"),
            ClientErrorKind::Undrained => f.write_str("did not end within the drain limit"),
        }
    }
}

/// Writes which call failed, and the system's error number and words if it gave one.
fn failed(f: &mut fmt::Formatter<'_>, call: &str, errno: i32) -> fmt::Result {
    if errno == 0 {
        return write!(f, "{call} failed");
    }
    let error = std::io::Error::from_raw_os_error(errno);
    write!(f, "{call} failed: {} ({error})", errno_name(errno))
}

fn sent(f: &mut fmt::Formatter<'_>, count: i32, when: &str) -> fmt::Result {
    let bytes = if count == 1 { "byte" } else { "bytes" };
    write!(f, "sent {count} {bytes} {when}")
}

fn unfinished(f: &mut fmt::Formatter<'_>, status: i32) -> fmt::Result {
    match status {
        0 => f.write_str("began an answer whose head did not end within the limit"),
        _ => write!(f, "answered with status {status} and did not end within the limit"),
    }
}

macro_rules! errors {
    ($($Enum:ident: $Kind:ident,)+) => {
        $(impl $Enum {
            /// The error of a client that met it.
            pub(crate) fn error(self) -> ClientError {
                ClientError::with(ClientErrorKind::$Kind, self.code())
            }
        })+
    };
}

errors! {
    UpgradeField: UpgradeField,
    ForeignProtocol: ForeignProtocol,
    FrameFault: Frame,
    Http2Fault: Http2,
    TlsProblem: Tls,
}

/// The name of an error code of HTTP/2 (RFC 9113 §7).
fn stream_error_name(code: i32) -> Cow<'static, str> {
    const NAMES: [&str; 14] = [
        "NO_ERROR",
        "PROTOCOL_ERROR",
        "INTERNAL_ERROR",
        "FLOW_CONTROL_ERROR",
        "SETTINGS_TIMEOUT",
        "STREAM_CLOSED",
        "FRAME_SIZE_ERROR",
        "REFUSED_STREAM",
        "CANCEL",
        "COMPRESSION_ERROR",
        "CONNECT_ERROR",
        "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY",
        "HTTP_1_1_REQUIRED",
    ];
    let code = code.cast_unsigned();
    match usize::try_from(code).ok().and_then(|code| NAMES.get(code)) {
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(format!("the unknown error code {code:#x}")),
    }
}

/// What to do about an alert of TLS, if the scenario can do something.
fn alert_remedy(code: i32) -> &'static str {
    match code {
        116 => "; give the clients a certificate by tls.cert and tls.key",
        112 => "; give the name that it knows by tls.sni",
        120 => {
            "; it may have no HTTP/2: leave out http_version or --http2, or offer a protocol that it has by tls.alpn"
        }
        70 => "; it has no version that is offered, see tls.version",
        _ => "",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_of_tls_has_a_sentence() {
        for (problem, code) in TlsProblem::ALL.into_iter().zip(1..) {
            assert_eq!(TlsProblem::of(code), Some(problem));
            assert_eq!(problem.error(), ClientError::with(ClientErrorKind::Tls, code));
            assert_eq!(problem.error().to_string(), problem.sentence());
        }
        // Of a later version.
        let later = ClientError::with(ClientErrorKind::Frame, 99);
        assert_eq!(later.to_string(), "the server broke the WebSocket protocol");
        let alert = ClientError::with(ClientErrorKind::TlsAlert, 116);
        assert_eq!(
            alert.to_string(),
            "the server refused the TLS handshake: alert certificate_required (116); give the \
             clients a certificate by tls.cert and tls.key"
        );
    }
}
