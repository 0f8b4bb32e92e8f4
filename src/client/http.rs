//! What the clients over HTTP share: the sizes of heads, and the bytes of an exchange by part.

use crate::client::connection::MovedBytes;
use crate::client::context::ThreadContext;
use crate::client::core::ClientCore;
use crate::client::machine::Io;
use crate::client::rendered_request::{HeadSize, RenderedRequest};
use crate::protocol::answer_input::AnswerInput;
use crate::protocol::http1::answer_text::AnswerText;
use crate::protocol::http1::other_protocol::OtherProtocol;
use crate::protocol::http1::response::{AnswerProblem, Parts, Response};
use crate::protocol::http1::retry_after::RetryAfter;
use crate::record::{ClientError, ClientErrorKind, Flow, ForeignProtocol, Http2Fault, Part, Phase};

/// How long an event stream may go on that is the answer to a poll.
pub(crate) const STREAM_LIMIT_NS: u64 = 2_000_000_000;

/// A request that was sent: its bytes are added once it has reached the socket whole.
#[derive(Debug, Default)]
pub(crate) struct SentRequest(Option<(u64, Phase, HeadSize)>);

impl SentRequest {
    /// Sends a request, and adds its bytes if it has reached the socket. Returns what it is on the wire.
    ///
    /// # Errors
    /// If the connection is gone.
    pub(crate) fn send(
        &mut self,
        io: &mut Io<'_>,
        request: &RenderedRequest,
    ) -> Result<HeadSize, ClientError> {
        let size = io.send_request(request)?;
        // It belongs to the phase in which it was sent, however long it is on its way.
        self.0 = Some((io.written() + io.unsent(), io.phase(), size));
        self.written(io);
        Ok(size)
    }
    /// Adds its bytes if it has reached the socket by now.
    pub(crate) fn written(&mut self, io: &mut Io<'_>) {
        if let Some((until, phase, size)) = self.0
            && io.written() >= until
        {
            self.0 = None;
            io.count_in(phase, |ledger| {
                ledger.up.wire += size.wire_bytes();
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

/// Whether an answer with this status may bring a message. What one beyond 2xx says is none, though it may
/// count as success by `status`.
pub(crate) fn brings_message(status: u16) -> bool {
    matches!(status, 200..300)
}

/// Counts an answer that counts as success and brings no message, as its status says, and its payload as
/// discarded. Returns what is left of it.
pub(crate) fn discard_payload(
    client: &ClientCore,
    phase: Phase,
    status: u16,
    parts: Parts,
) -> Parts {
    client.status_brings_nothing(phase, status);
    client.add_bytes(phase, |ledger| ledger.down[Part::Discarded] += parts.payload);
    Parts { payload: 0, ..parts }
}

/// Returns whether an error is one that a write or read meets after the server has closed the
/// connection, or one by which the server says that it has not begun with the request.
pub(crate) fn is_close(error: ClientError) -> bool {
    error.kind == ClientErrorKind::EarlyClose
        || error.is_not_begun_with()
        || matches!(error.code, libc::ECONNRESET | libc::EPIPE)
}

/// Returns what is wrong with bytes that are no response.
pub(crate) fn malformed(response: &Response) -> ClientError {
    match response.problem {
        Some(AnswerProblem::Foreign(Some(protocol))) => foreign(protocol).error(),
        Some(AnswerProblem::Line(line)) => {
            ClientError::with(ClientErrorKind::BadHead, i32::try_from(line).unwrap_or(i32::MAX))
        }
        Some(AnswerProblem::TransferCoding(_)) => ClientError::of(ClientErrorKind::TransferCoding),
        Some(AnswerProblem::Long) => ClientError::of(ClientErrorKind::LongHead),
        Some(AnswerProblem::ManyFields) => ClientError::of(ClientErrorKind::ManyFields),
        Some(AnswerProblem::LongChunkLine) => ClientError::of(ClientErrorKind::LongChunkLine),
        Some(AnswerProblem::BodyLength) => Http2Fault::BodyLength.error(),
        Some(AnswerProblem::Foreign(None)) | None => ClientError::of(ClientErrorKind::Malformed),
    }
}

fn foreign(protocol: OtherProtocol) -> ForeignProtocol {
    match protocol {
        OtherProtocol::Tls => ForeignProtocol::Tls,
        OtherProtocol::Http2 => ForeignProtocol::Http2,
        OtherProtocol::Ssh => ForeignProtocol::Ssh,
    }
}

/// Returns the error of so many bytes after the end of an answer.
pub(crate) fn surplus(bytes: u64) -> ClientError {
    ClientError::with(ClientErrorKind::Surplus, i32::try_from(bytes).unwrap_or(i32::MAX))
}

/// Returns the error of bytes that came before the request was sent, and what to show of them. Those of
/// another protocol, in which the server begins, are named. `held` more have come, too.
pub(crate) fn unasked(bytes: &[u8], held: u64) -> (ClientError, Option<Box<AnswerText>>) {
    let mut response = Response::default();
    if response.feed(bytes).is_err() {
        return (malformed(&response), response.text.take());
    }
    let count = i32::try_from(bytes.len() as u64 + held).unwrap_or(i32::MAX);
    (ClientError::with(ClientErrorKind::Unasked, count), None)
}

/// Bytes came while no request was under way: they are discarded. Unless they are stray ones of the last
/// answer, the connection is given up, since what comes next could not be known from an answer. It is an
/// error, unless the server says by them that it ends an idle connection (408, RFC 9110 §15.5.9).
pub(crate) fn receive_idle(io: &mut Io<'_>, last: &mut Response, input: AnswerInput<'_>) {
    io.discard_received();
    // Over HTTP/2 nothing comes for a stream that has ended.
    let AnswerInput::Bytes(bytes) = input else { return };
    let stray = last.skip_stray(bytes);
    io.stray(io.phase(), stray as u64);
    let bytes = &bytes[stray..];
    if bytes.is_empty() {
        return;
    }
    let mut response = Response::default();
    let ends_idle = response.feed(bytes).is_ok() && response.status == 408;
    if !ends_idle {
        let (error, text) = unasked(bytes, 0);
        io.refused(io.phase(), error, text);
    }
    io.close();
}

/// Returns the error of an answer that did not come or did not end within the limit, and what came of it.
pub(crate) fn too_late(response: &Response) -> (ClientError, Option<Box<AnswerText>>) {
    if !response.has_begun() {
        return (ClientError::of(ClientErrorKind::ResponseTimeout), None);
    }
    let error = ClientError::with(ClientErrorKind::Unfinished, response.status.into());
    (error, Some(Box::new(response.so_far())))
}

/// An answer to a request for one message has begun and not ended: a stream is none, and is not waited for
/// as long as for the beginning of an answer.
pub(crate) fn limit_stream(io: &mut Io<'_>, response: &Response) {
    if response.is_open_event_stream() {
        io.limit_exchange(STREAM_LIMIT_NS);
    }
}

/// Returns how long the server wants a client to wait before it asks again, in nanoseconds.
pub(crate) fn retry_after_ns(response: &Response, thread: &ThreadContext) -> Option<u64> {
    response.facts.retry_after.map(|after| wait_ns(after, thread))
}

/// Returns how many nanoseconds there are to wait.
pub(crate) fn wait_ns(after: RetryAfter, thread: &ThreadContext) -> u64 {
    after.wait_s(|| thread.clocks().wall_s()).saturating_mul(1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::http1::response::{CHUNK_LINE_LIMIT, HEAD_LIMIT, HEADERS_LIMIT};

    #[test]
    fn what_is_too_large_says_the_limit() {
        let said = |problem| {
            let mut response = Response::default();
            response.problem = Some(problem);
            malformed(&response).to_string()
        };
        assert!(said(AnswerProblem::Long).contains(&format!(" {} KiB,", HEAD_LIMIT / 1024)));
        assert!(said(AnswerProblem::ManyFields).contains(&format!(" {HEADERS_LIMIT} fields,")));
        let line = format!(" {} KiB,", CHUNK_LINE_LIMIT / 1024);
        assert!(said(AnswerProblem::LongChunkLine).contains(&line));
    }
}
