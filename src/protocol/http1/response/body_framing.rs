//! What the head of HTTP/1.1 says of its body and of the connection, and why a head cannot be read.

use crate::protocol::http1::decimal;
use crate::protocol::http1::other_protocol::{FirstBytes, OtherProtocol};
use crate::protocol::http1::response::{AnswerProblem, HEADERS_LIMIT, HeadFacts};

/// How a head says that its body ends (RFC 9112 §6.3) and whether the connection stays (§9.3).
pub(super) struct BodyFraming {
    pub chunked: bool,
    pub length: Option<u64>,
    pub keep_alive: bool,
    pub facts: HeadFacts,
}

/// Reads heads as browsers do: blanks before a colon, folded lines and lines that are no fields do
/// no harm.
pub(crate) fn lenient() -> httparse::ParserConfig {
    let mut config = httparse::ParserConfig::default();
    config
        .allow_spaces_after_header_name_in_responses(true)
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_multiple_spaces_in_response_status_delimiters(true)
        .ignore_invalid_headers_in_responses(true);
    config
}

/// Returns the number of the line, from 1, at which the parser gives up: the first with which the lines
/// before it cannot be read.
fn bad_line(bytes: &[u8]) -> u32 {
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    let ends: Vec<usize> = ends.collect();
    let before = ends.partition_point(|end| {
        let mut fields = [const { std::mem::MaybeUninit::uninit() }; HEADERS_LIMIT];
        let mut response = httparse::Response::new(&mut []);
        let lines = &bytes[..*end];
        lenient().parse_response_with_uninit_headers(&mut response, lines, &mut fields).is_ok()
    });
    u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
}

/// Returns the number of the line, from 1, that a part of the head is in.
fn line_of(bytes: &[u8], part: &str) -> u32 {
    let at = part.as_ptr().addr().saturating_sub(bytes.as_ptr().addr()).min(bytes.len());
    let before = bytes[..at].iter().filter(|byte| **byte == b'\n').count();
    u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
}

/// Returns why a head cannot be read, or `None` if that depends on the bytes to come.
pub(super) fn head_problem(bytes: &[u8], error: Option<httparse::Error>) -> Option<AnswerProblem> {
    // The parser skips empty lines before a head.
    let first = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
    let head = &bytes[first.unwrap_or(0)..];
    let begins = head.iter().zip(b"HTTP/1.").all(|(a, b)| a == b);
    if !begins {
        return match OtherProtocol::of_bytes(head) {
            FirstBytes::Open => None,
            FirstBytes::Of(protocol) => Some(AnswerProblem::Foreign(Some(protocol))),
            FirstBytes::OfNone => Some(AnswerProblem::Foreign(None)),
        };
    }
    Some(match error {
        Some(httparse::Error::TooManyHeaders) => AnswerProblem::ManyFields,
        // The limit of a head's length was reached.
        None => AnswerProblem::Long,
        Some(_) => AnswerProblem::Line(bad_line(bytes)),
    })
}

impl BodyFraming {
    /// Reads the fields.
    pub(super) fn of(
        response: &httparse::Response<'_, '_>,
        head: &[u8],
    ) -> Result<BodyFraming, AnswerProblem> {
        let mut framing = BodyFraming {
            chunked: false,
            length: None,
            // HTTP/1.0 closes unless it says otherwise.
            keep_alive: response.version == Some(1),
            facts: HeadFacts::default(),
        };
        for field in response.headers.iter() {
            // Not each line is a field: some go on with another, and some are ignored.
            let line = || line_of(head, field.name);
            if field.name.eq_ignore_ascii_case("content-length") {
                let length = decimal(field.value).ok_or_else(|| AnswerProblem::Line(line()))?;
                if framing.length.is_some_and(|other| other != length) {
                    return Err(AnswerProblem::Line(line()));
                }
                framing.length = Some(length);
            } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
                if has_transfer_coding(field.value) {
                    return Err(AnswerProblem::TransferCoding(line()));
                }
                framing.chunked = last_token_is(field.value, b"chunked");
            } else if field.name.eq_ignore_ascii_case("connection") {
                for token in field.value.split(|&b| b == b',').map(<[u8]>::trim_ascii) {
                    if token.eq_ignore_ascii_case(b"close") {
                        framing.keep_alive = false;
                    } else if token.eq_ignore_ascii_case(b"keep-alive") {
                        framing.keep_alive = true;
                    }
                }
            } else {
                let date = || {
                    let mut fields = response.headers.iter();
                    let date = fields.find(|field| field.name.eq_ignore_ascii_case("date"));
                    date.map(|date| date.value)
                };
                framing.facts.note(field.name, field.value, date);
            }
        }
        Ok(framing)
    }
}

/// Whether a body with this `Transfer-Encoding` is more than cut into chunks: compressed, which nothing asked for
/// (RFC 9112 §7.4).
pub(crate) fn has_transfer_coding(encoding: &[u8]) -> bool {
    let mut codings = encoding.split(|&b| b == b',').map(<[u8]>::trim_ascii);
    let plain: [&[u8]; 3] = [b"", b"chunked", b"identity"];
    codings.any(|coding| !plain.iter().any(|plain| coding.eq_ignore_ascii_case(plain)))
}

fn last_token_is(value: &[u8], token: &[u8]) -> bool {
    let last = value.rsplit(|&b| b == b',').next().unwrap_or_default();
    last.trim_ascii().eq_ignore_ascii_case(token)
}
