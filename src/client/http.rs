//! What the clients over HTTP share: the sizes of heads, and the bytes of an exchange by part.

use crate::client::connection::MovedBytes;
use crate::client::core::ClientCore;
use crate::client::machine::Io;
use crate::protocol::http1::chars_without_line_ends;
use crate::protocol::http1::response::{HeadProblem, Parts, Response};
use crate::record::{ClientError, ClientErrorKind, Flow, ForeignProtocol, Part, Phase};

/// The size of an HTTP head. The body of a poll belongs to it: it says what is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HeadSize {
    /// Its bytes.
    pub bytes: u64,
    /// Characters without line ends.
    pub chars: u64,
}

impl HeadSize {
    /// Measures a head.
    pub(crate) fn of(head: &[u8]) -> HeadSize {
        HeadSize { bytes: head.len() as u64, chars: chars_without_line_ends(head) }
    }

    /// Adds the head to the parts of a flow.
    pub(crate) fn add_to(self, flow: &mut Flow) {
        flow[Part::Heads] += self.bytes;
        flow.head_chars += self.chars;
    }
}

/// A request that was sent: its bytes are added once it has reached the socket whole.
#[derive(Debug, Default)]
pub(crate) struct SentRequest(Option<(u64, Phase, HeadSize)>);

impl SentRequest {
    /// Sends a request, and adds its bytes if it has reached the socket.
    ///
    /// # Errors
    /// If the connection is gone.
    pub(crate) fn send(
        &mut self,
        io: &mut Io<'_>,
        request: &[u8],
        size: HeadSize,
    ) -> Result<(), ClientError> {
        let sent = io.send(request);
        if sent.is_ok() {
            // It belongs to the phase in which it was sent, however long it is on its way.
            self.0 = Some((io.written() + io.unsent(), io.phase(), size));
            self.written(io);
        }
        sent
    }
    /// Adds its bytes if it has reached the socket by now.
    pub(crate) fn written(&mut self, io: &mut Io<'_>) {
        if let Some((until, phase, size)) = self.0
            && io.written() >= until
        {
            self.0 = None;
            io.count_in(phase, |ledger| {
                ledger.up.wire += size.bytes;
                size.add_to(&mut ledger.up);
            });
        }
    }
    /// Whether it is still on its way to the socket: then it cannot have been answered.
    pub(crate) fn is_unsent(&self) -> bool {
        self.0.is_some()
    }
    /// Forgets it: the connection is closed, and what was sent of it is discarded.
    pub(crate) fn forget(&mut self) {
        self.0 = None;
    }
}

/// Adds what a response consists of to the parts of a flow.
pub(crate) fn add_response(flow: &mut Flow, parts: &Parts) {
    flow[Part::Heads] += parts.heads;
    flow.head_chars += parts.head_chars;
    flow[Part::Framing] += parts.framing;
    flow[Part::Payload] += parts.payload;
    flow[Part::Discarded] += parts.stray;
}

/// Adds the bytes of an exchange. If it failed, `parts` is `None` and all bytes are discarded.
pub(crate) fn add_exchange(
    client: &ClientCore,
    phase: Phase,
    moved: MovedBytes,
    request: HeadSize,
    parts: Option<Parts>,
) {
    client.stray(phase, parts.map_or(0, |parts| parts.stray));
    client.add_bytes(phase, |ledger| {
        ledger.up.wire += moved.up;
        ledger.down.wire += moved.down;
        match parts {
            Some(parts) => {
                request.add_to(&mut ledger.up);
                add_response(&mut ledger.down, &parts);
            }
            None => {
                ledger.up[Part::Discarded] += moved.up;
                ledger.down[Part::Discarded] += moved.down;
            }
        }
    });
}

/// Returns whether an error is one that a write or read meets after the server has closed the
/// connection.
pub(crate) fn is_close(error: ClientError) -> bool {
    error.kind == ClientErrorKind::EarlyClose
        || matches!(error.code, libc::ECONNRESET | libc::EPIPE)
}

/// Returns what is wrong with bytes that are no response.
pub(crate) fn malformed(response: &Response) -> ClientError {
    match response.problem {
        Some(HeadProblem::Foreign(first)) => match ForeignProtocol::of_bytes(&first) {
            Some(protocol) => protocol.error(),
            None => ClientError::of(ClientErrorKind::Malformed),
        },
        Some(HeadProblem::Line(line)) => {
            ClientError::with(ClientErrorKind::BadHead, i32::try_from(line).unwrap_or(i32::MAX))
        }
        Some(HeadProblem::Long) => ClientError::of(ClientErrorKind::LongHead),
        Some(HeadProblem::ManyFields) => ClientError::of(ClientErrorKind::ManyFields),
        None => ClientError::of(ClientErrorKind::Malformed),
    }
}

/// Returns the error of an answer that did not come in time, or not whole.
pub(crate) fn not_in_time(response: &Response) -> ClientError {
    ClientError::with(ClientErrorKind::ResponseTimeout, i32::from(response.status != 0))
}

/// Returns the error of so many bytes after the end of an answer.
pub(crate) fn surplus(bytes: u64) -> ClientError {
    ClientError::with(ClientErrorKind::Surplus, i32::try_from(bytes).unwrap_or(i32::MAX))
}

/// Returns how long the server wants a client to wait before it asks again, in nanoseconds.
pub(crate) fn retry_after_ns(response: &Response) -> Option<u64> {
    response.facts.retry_after_s.map(|seconds| u64::from(seconds) * 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::http1::response::{HEAD_LIMIT, HEADERS_LIMIT};

    #[test]
    fn a_head_that_is_too_large_says_the_limit() {
        let said = |problem| {
            let mut response = Response::default();
            response.problem = Some(problem);
            malformed(&response).to_string()
        };
        assert!(said(HeadProblem::Long).contains(&format!(" {} KiB,", HEAD_LIMIT / 1024)));
        assert!(said(HeadProblem::ManyFields).contains(&format!(" {HEADERS_LIMIT} fields,")));
    }
}
