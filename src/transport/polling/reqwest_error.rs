//! What the errors of the library of the engine `reqwest` are, as they are counted.

use crate::net::tls_layer;
use crate::record::{ClientError, ClientErrorKind, TlsProblem};
use std::error::Error;
use std::io;

/// Returns the error behind a reqwest error, with the `errno` if the chain of causes has one.
pub(super) fn client_error(error: &reqwest::Error) -> ClientError {
    let met = error;
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    let mut code = 0;
    let mut refused = false;
    let mut ended = false;
    while let Some(current) = cause {
        if let Some(error) = current.downcast_ref::<h2::Error>() {
            return http2_error(error);
        }
        if let Some(error) = current.downcast_ref::<hyper::Error>() {
            refused |= is_refusal(error);
            ended |= error.is_incomplete_message();
        }
        if let Some(io) = current.downcast_ref::<io::Error>() {
            code = io.raw_os_error().unwrap_or(code);
            ended |= io.kind() == io::ErrorKind::UnexpectedEof;
            if let Some(error) = tls_error(io) {
                return when_met(met, tls_layer::client_error(error));
            }
        }
        cause = current.source();
    }
    match error {
        e if e.is_connect() && e.is_timeout() => ClientError::of(ClientErrorKind::ConnectTimeout),
        e if e.is_connect() => ClientError::with(ClientErrorKind::Connect, code),
        e if e.is_timeout() => {
            let began = e.is_body() || e.is_decode();
            ClientError::with(ClientErrorKind::ResponseTimeout, began.into())
        }
        _ if code != 0 => ClientError::with(ClientErrorKind::Read, code),
        _ if refused => ClientError::of(ClientErrorKind::LibraryRefused),
        e if ended || e.is_body() || e.is_request() => ClientError::of(ClientErrorKind::EarlyClose),
        _ => ClientError::of(ClientErrorKind::Malformed),
    }
}

/// Returns what an error of HTTP/2 is: a stream that the server reset, a connection that it ended, or bytes that the
/// library does not take.
fn http2_error(error: &h2::Error) -> ClientError {
    if let Some(io) = error.get_io() {
        return match (tls_error(io), io.raw_os_error()) {
            (Some(error), _) => tls_layer::client_error(error),
            (None, Some(code)) => ClientError::with(ClientErrorKind::Read, code),
            (None, None) => ClientError::of(ClientErrorKind::EarlyClose),
        };
    }
    match error.reason() {
        Some(reason) if error.is_reset() && error.is_remote() => {
            let code = u32::from(reason).cast_signed();
            ClientError::with(ClientErrorKind::StreamReset, code)
        }
        Some(reason) if error.is_go_away() && error.is_remote() => {
            let code = u32::from(reason).cast_signed();
            ClientError::with(ClientErrorKind::GoAway, code)
        }
        _ if error.is_remote() => ClientError::of(ClientErrorKind::EarlyClose),
        _ => ClientError::of(ClientErrorKind::LibraryRefused),
    }
}

/// Returns what an error of TLS is by when it was met: the library connects only once the handshake is over,
/// and the alert of a server that refuses a client's certificate comes before an answer.
fn when_met(met: &reqwest::Error, found: ClientError) -> ClientError {
    match found.kind {
        ClientErrorKind::TlsAlert if met.is_body() || met.is_decode() => {
            ClientError { kind: ClientErrorKind::TlsAlertLater, ..found }
        }
        _ if found == TlsProblem::Malformed.error() && !met.is_connect() => {
            TlsProblem::MalformedLater.error()
        }
        _ => found,
    }
}

/// Returns the error behind one of sending a request. With TLS the library connects only once the handshake
/// is over.
pub(super) fn sending_error(error: &reqwest::Error, tls: bool) -> ClientError {
    let found = client_error(error);
    match found.kind {
        ClientErrorKind::ConnectTimeout if tls => TlsProblem::Timeout.error(),
        // What came in place of the server's first record was none.
        ClientErrorKind::Tls if error.is_connect() && found == TlsProblem::Malformed.error() => {
            TlsProblem::NoTls.error()
        }
        _ => found,
    }
}

/// Whether the library refuses what the server sent, which has closed nothing. An error without a cause that
/// is none of an end is of bytes that the library did not expect.
fn is_refusal(error: &hyper::Error) -> bool {
    let is_end = error.is_incomplete_message()
        || error.is_closed()
        || error.is_canceled()
        || error.is_body_write_aborted()
        || error.is_timeout();
    error.is_parse() || !(is_end || error.is_user() || error.source().is_some())
}

/// Returns the error of TLS in an I/O error, which may hold another one that holds it: the cause of such
/// an error is not the other one, but its cause.
fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    let held = error.get_ref()?;
    held.downcast_ref().or_else(|| held.downcast_ref::<io::Error>().and_then(tls_error))
}
