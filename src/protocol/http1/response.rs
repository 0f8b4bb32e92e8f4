//! Reads one HTTP/1.1 response (RFC 9112) in whatever pieces it comes, and counts every byte by the
//! layer that it belongs to.
//!
//! httparse parses the head. The body is not kept, but given [piece by piece](Response::feed_with).

use crate::protocol::http1::chars_without_line_ends;

/// The longest head, as in Chrome.
const HEAD_LIMIT: usize = 256 * 1024;
/// The most fields of a head.
pub(crate) const HEADERS_LIMIT: usize = 256;

/// An empty body in chunks. Some servers send it after an answer that has no body.
const NO_CHUNKS: &[u8] = b"0\r\n\r\n";

/// The bytes are no response; [`Response::problem`] says more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// Why a head cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadProblem {
    /// It does not begin as a response does; these are its first bytes.
    Foreign([u8; 9]),
    /// The number of its first bad line, from 1.
    Line(u32),
}

/// What a head says besides the body's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeadFacts {
    /// The body is an event stream (`Content-Type: text/event-stream`).
    pub event_stream: bool,
    /// The body is compressed (`Content-Encoding`).
    pub compressed: bool,
    /// How many seconds the server wants the client to wait (RFC 9110 §10.2.3).
    pub retry_after_s: Option<u32>,
}

/// A piece of a response's body, as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyPiece<'a> {
    /// Bytes of a chunk; never empty. A piece ends with a read or with the chunk.
    Data(&'a [u8]),
    /// Bytes of a body without chunks; never empty.
    Plain(&'a [u8]),
    /// The data of a chunk are complete (RFC 9112 §7.1), its CR LF may still come. The last chunk,
    /// which has no data, gives none.
    ChunkEnd,
}

impl<'a> BodyPiece<'a> {
    /// Returns the bytes of the body, if it has any.
    #[inline]
    pub fn bytes(self) -> Option<&'a [u8]> {
        match self {
            BodyPiece::Data(bytes) | BodyPiece::Plain(bytes) => Some(bytes),
            BodyPiece::ChunkEnd => None,
        }
    }
}

/// What one response was made of, in bytes.
///
/// Framing and payload are counted byte by byte as they come, a head once it is whole. So a client
/// of a body that never ends may take the counts at any moment with [`std::mem::take`]: they add
/// up to the bytes that were fed, but for the beginning of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Parts {
    /// Status lines, fields and empty lines, those of interim responses included.
    pub heads: u64,
    /// Their characters without CR and LF.
    pub head_chars: u64,
    /// Chunk sizes, their line ends, the last chunk and trailers.
    pub framing: u64,
    /// The body.
    pub payload: u64,
    /// An empty body in chunks after an answer that has no body. It belongs to nothing.
    pub stray: u64,
}

/// A response that is being read.
#[derive(Debug)]
pub struct Response {
    /// What came so far.
    pub parts: Parts,
    /// The status; 0 before the head is complete.
    pub status: u16,
    /// Whether the connection may be used again.
    pub keep_alive: bool,
    /// What else the head says.
    pub facts: HeadFacts,
    /// Why the head cannot be read, if it cannot.
    pub problem: Option<HeadProblem>,
    state: State,
    /// The beginning of an incomplete head.
    partial: Vec<u8>,
    /// How many bytes of [`NO_CHUNKS`] may still come after an answer that has no body: with it, or
    /// before the next one.
    stray_left: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Head,
    /// So many bytes of body are to come.
    Length(u64),
    /// Within a chunk's size line: the size so far and whether digits have ended.
    ChunkSize(u64, SizeLine),
    /// Within a chunk's data.
    ChunkData(u64),
    /// The CR LF after a chunk's data: bytes of it still to come.
    ChunkEnd(u8),
    /// Within the trailer section: characters of the current line.
    Trailer(u32),
    UntilClose,
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SizeLine {
    Empty,
    Digits,
    Extension,
}

impl Default for Response {
    fn default() -> Self {
        Response {
            parts: Parts::default(),
            status: 0,
            keep_alive: true,
            facts: HeadFacts::default(),
            problem: None,
            state: State::Head,
            partial: Vec::new(),
            stray_left: 0,
        }
    }
}

impl Response {
    /// Makes it ready for the next response of the same connection.
    pub fn reset(&mut self) {
        *self = Response { stray_left: self.stray_left, ..Response::default() };
    }

    /// True once the whole response has come.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Parses what was read. Returns how much of it belonged to this response.
    ///
    /// # Errors
    /// [`Malformed`] if it is none; the response must not be used any more.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        self.feed_with(bytes, |_| {})
    }

    /// Like [`Response::feed`], and calls `on` with each piece of the body.
    ///
    /// # Errors
    /// [`Malformed`] if it is none; `on` has got the pieces before the error.
    #[inline]
    pub fn feed_with(
        &mut self,
        mut bytes: &[u8],
        mut on: impl FnMut(BodyPiece<'_>),
    ) -> Result<usize, Malformed> {
        let all = bytes.len();
        bytes = &bytes[self.skip_stray(bytes)..];
        while !bytes.is_empty() && self.state != State::Done {
            let used = self.step(bytes, &mut on)?;
            bytes = &bytes[used..];
        }
        bytes = &bytes[self.skip_stray(bytes)..];
        Ok(all - bytes.len())
    }

    /// Skips the empty body in chunks that a server sends after an answer that has no body (RFC 9112
    /// §6.3): no response begins so, hence nothing is taken for what it is not. Returns how many bytes
    /// belong to it.
    #[inline]
    pub fn skip_stray(&mut self, bytes: &[u8]) -> usize {
        if self.stray_left == 0 || bytes.is_empty() {
            return 0;
        }
        let rest = &NO_CHUNKS[NO_CHUNKS.len() - usize::from(self.stray_left)..];
        let skipped = rest.iter().zip(bytes).take_while(|(a, b)| a == b).count();
        self.parts.stray += skipped as u64;
        // Whatever else comes is the next response.
        self.stray_left = if skipped == bytes.len() { (rest.len() - skipped) as u8 } else { 0 };
        skipped
    }

    /// The connection was closed by the server.
    ///
    /// # Errors
    /// [`Malformed`] if the response is not complete.
    pub fn end_of_stream(&mut self) -> Result<(), Malformed> {
        match self.state {
            State::UntilClose => {
                self.state = State::Done;
                Ok(())
            }
            State::Done => Ok(()),
            _ => Err(Malformed),
        }
    }

    /// True if nothing of a response has come yet; [`Response::parts`] must not have been taken.
    pub fn is_untouched(&self) -> bool {
        let parts = Parts { stray: 0, ..self.parts };
        self.state == State::Head && self.partial.is_empty() && parts == Parts::default()
    }

    /// True within a chunk, its size line and the line end after it included.
    pub fn is_mid_chunk(&self) -> bool {
        use State::*;
        self.state != ChunkSize(0, SizeLine::Empty)
            && matches!(self.state, ChunkSize(..) | ChunkData(_) | ChunkEnd(_))
    }

    #[inline]
    fn step(
        &mut self,
        bytes: &[u8],
        on: &mut impl FnMut(BodyPiece<'_>),
    ) -> Result<usize, Malformed> {
        match self.state {
            State::Head => self.head(bytes),
            State::Length(left) => {
                let n = self.body(bytes, left, |bytes| on(BodyPiece::Plain(bytes)));
                self.state = if left == n { State::Done } else { State::Length(left - n) };
                Ok(n as usize)
            }
            State::ChunkData(left) => {
                let n = self.body(bytes, left, |bytes| on(BodyPiece::Data(bytes)));
                if left == n {
                    self.state = State::ChunkEnd(2);
                    on(BodyPiece::ChunkEnd);
                } else {
                    self.state = State::ChunkData(left - n);
                }
                Ok(n as usize)
            }
            State::UntilClose => {
                Ok(self.body(bytes, u64::MAX, |bytes| on(BodyPiece::Plain(bytes))) as usize)
            }
            State::ChunkSize(..) | State::ChunkEnd(_) | State::Trailer(_) => {
                self.parts.framing += 1;
                self.state = self.framing_byte(bytes[0])?;
                Ok(1)
            }
            State::Done => Ok(0),
        }
    }

    /// Reads body, of which `left` bytes are to come. Returns how much it was.
    #[inline]
    fn body(&mut self, bytes: &[u8], left: u64, on: impl FnOnce(&[u8])) -> u64 {
        let n = left.min(bytes.len() as u64);
        self.parts.payload += n;
        on(&bytes[..n as usize]);
        n
    }

    /// The next state after one byte of chunked framing (RFC 9112 §7.1).
    fn framing_byte(&self, byte: u8) -> Result<State, Malformed> {
        use SizeLine::{Digits, Empty, Extension};
        match (self.state, byte) {
            (State::ChunkSize(size, Digits | Extension), b'\n') => {
                Ok(if size == 0 { State::Trailer(0) } else { State::ChunkData(size) })
            }
            (State::ChunkSize(size, Extension), _) => Ok(State::ChunkSize(size, Extension)),
            (State::ChunkSize(size, line), _) => match (char::from(byte).to_digit(16), line) {
                (Some(digit), _) => size
                    .checked_mul(16)
                    .and_then(|s| s.checked_add(u64::from(digit)))
                    .map(|s| State::ChunkSize(s, Digits))
                    .ok_or(Malformed),
                (None, Digits) if matches!(byte, b'\r' | b';' | b' ' | b'\t') => {
                    Ok(State::ChunkSize(size, Extension))
                }
                (None, Empty | Digits | Extension) => Err(Malformed),
            },
            (State::ChunkEnd(2), b'\r') => Ok(State::ChunkEnd(1)),
            (State::ChunkEnd(_), b'\n') => Ok(State::ChunkSize(0, Empty)),
            (State::ChunkEnd(_), _) => Err(Malformed),
            (State::Trailer(0), b'\n') => Ok(State::Done),
            (State::Trailer(_), b'\n') => Ok(State::Trailer(0)),
            (State::Trailer(n), b'\r') => Ok(State::Trailer(n)),
            (State::Trailer(n), _) => Ok(State::Trailer(n.saturating_add(1))),
            (state, _) => Ok(state),
        }
    }

    /// Reads a head from `partial` and `bytes` together.
    fn head(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        let had = self.partial.len();
        let mut whole = std::mem::take(&mut self.partial);
        let head = if had == 0 {
            bytes
        } else {
            whole.extend_from_slice(bytes);
            &whole
        };
        if let Some(len) = self.parse_head(head)? {
            return Ok(len - had);
        }
        if had == 0 {
            whole.extend_from_slice(bytes);
        }
        self.partial = whole;
        Ok(bytes.len())
    }

    fn parse_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        let mut fields = [const { std::mem::MaybeUninit::uninit() }; HEADERS_LIMIT];
        let mut response = httparse::Response::new(&mut []);
        let parsed =
            lenient().parse_response_with_uninit_headers(&mut response, bytes, &mut fields);
        let len = match parsed {
            Ok(httparse::Status::Complete(len)) => len,
            Ok(httparse::Status::Partial) if bytes.len() < HEAD_LIMIT => return Ok(None),
            failed => {
                self.problem = Some(head_problem(bytes, failed.err()));
                return Err(Malformed);
            }
        };
        let status = response.code.ok_or(Malformed)?;
        let framing = Framing::of(&response).map_err(|field| {
            self.problem = Some(HeadProblem::Line(field + 2));
            Malformed
        })?;
        self.parts.heads += len as u64;
        self.parts.head_chars += chars_without_line_ends(&bytes[..len]);
        if (100..200).contains(&status) && status != 101 {
            // An interim response: the real one follows.
            self.state = State::Head;
            return Ok(Some(len));
        }
        self.status = status;
        self.keep_alive = framing.keep_alive;
        self.facts = framing.facts;
        if matches!(status, 204 | 304) && framing.chunked {
            self.stray_left = NO_CHUNKS.len() as u8;
        }
        self.state = match (status, framing.chunked, framing.length) {
            (101 | 204 | 304, ..) => State::Done,
            (_, true, _) => State::ChunkSize(0, SizeLine::Empty),
            (_, false, Some(0)) => State::Done,
            (_, false, Some(length)) => State::Length(length),
            (_, false, None) => {
                self.keep_alive = false;
                State::UntilClose
            }
        };
        Ok(Some(len))
    }
}

/// The head that was read last, of many clients of one server: one with the same bytes is not parsed
/// again. Most answers of a server differ in their bodies alone, and once a second in the date.
#[derive(Debug, Default)]
pub(crate) struct KnownHead {
    bytes: Vec<u8>,
    /// A response that has had these bytes.
    after: Response,
}

impl KnownHead {
    /// Reads the head of a response whose first bytes are these, as [`Response::feed`] would.
    /// Returns how many of them belong to it; none if it has begun already.
    ///
    /// # Errors
    /// [`Malformed`] if it is none.
    #[inline]
    pub(crate) fn read(
        &mut self,
        response: &mut Response,
        bytes: &[u8],
    ) -> Result<usize, Malformed> {
        if !response.is_untouched() || response.stray_left > 0 || response.parts.stray > 0 {
            return Ok(0);
        }
        if self.bytes.is_empty() || !bytes.starts_with(&self.bytes) {
            return self.learn(response, bytes);
        }
        let Response { parts, status, keep_alive, facts, state, .. } = self.after;
        (response.parts, response.status, response.keep_alive) = (parts, status, keep_alive);
        (response.facts, response.state) = (facts, state);
        Ok(self.bytes.len())
    }

    #[cold]
    fn learn(&mut self, response: &mut Response, bytes: &[u8]) -> Result<usize, Malformed> {
        let used = response.head(bytes)?;
        let Response { parts, status, keep_alive, facts, state, stray_left, .. } = *response;
        // An incomplete head is not known, nor is an interim response all that comes before the body.
        self.bytes.clear();
        if state != State::Head && stray_left == 0 {
            self.bytes.extend_from_slice(&bytes[..used]);
            self.after =
                Response { parts, status, keep_alive, facts, state, ..Response::default() };
        }
        Ok(used)
    }
}

/// How a head says that its body ends (RFC 9112 §6.3) and whether the connection stays (§9.3).
struct Framing {
    chunked: bool,
    length: Option<u64>,
    keep_alive: bool,
    facts: HeadFacts,
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

/// Returns why a head cannot be read.
fn head_problem(bytes: &[u8], error: Option<httparse::Error>) -> HeadProblem {
    let begins = bytes.iter().zip(b"HTTP/1.").all(|(a, b)| a == b);
    if !begins {
        let mut first = [0; 9];
        first.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        return HeadProblem::Foreign(first);
    }
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
    HeadProblem::Line(match error {
        Some(httparse::Error::TooManyHeaders) => HEADERS_LIMIT as u32 + 2,
        // The limit of a head's length was reached.
        None => u32::try_from(lines).unwrap_or(u32::MAX).saturating_add(1),
        // Fields that are none are ignored: the status line is at fault.
        Some(_) => 1,
    })
}

impl Framing {
    /// Reads the fields. The error is the number of the one that is wrong, from 0.
    fn of(response: &httparse::Response<'_, '_>) -> Result<Framing, u32> {
        let mut framing = Framing {
            chunked: false,
            length: None,
            // HTTP/1.0 closes unless it says otherwise.
            keep_alive: response.version == Some(1),
            facts: HeadFacts::default(),
        };
        for (number, field) in (0u32..).zip(response.headers.iter()) {
            if field.name.eq_ignore_ascii_case("content-length") {
                let length = decimal(field.value).ok_or(number)?;
                if framing.length.is_some_and(|other| other != length) {
                    return Err(number);
                }
                framing.length = Some(length);
            } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
                framing.chunked = last_token_is(field.value, b"chunked");
            } else if field.name.eq_ignore_ascii_case("content-type") {
                let media = field.value.split(|&b| b == b';').next().unwrap_or_default();
                framing.facts.event_stream =
                    media.trim_ascii().eq_ignore_ascii_case(b"text/event-stream");
            } else if field.name.eq_ignore_ascii_case("content-encoding") {
                framing.facts.compressed = is_compressed(field.value);
            } else if field.name.eq_ignore_ascii_case("retry-after") {
                let seconds = decimal(field.value).and_then(|s| u32::try_from(s).ok());
                framing.facts.retry_after_s = seconds;
            } else if field.name.eq_ignore_ascii_case("connection") {
                for token in field.value.split(|&b| b == b',').map(<[u8]>::trim_ascii) {
                    if token.eq_ignore_ascii_case(b"close") {
                        framing.keep_alive = false;
                    } else if token.eq_ignore_ascii_case(b"keep-alive") {
                        framing.keep_alive = true;
                    }
                }
            }
        }
        Ok(framing)
    }
}

/// Whether a body with this `Content-Encoding` is compressed.
pub(crate) fn is_compressed(encoding: &[u8]) -> bool {
    !matches!(encoding.trim_ascii(), b"" | b"identity")
}

fn decimal(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

fn last_token_is(value: &[u8], token: &[u8]) -> bool {
    let last = value.rsplit(|&b| b == b',').next().unwrap_or_default();
    last.trim_ascii().eq_ignore_ascii_case(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CHAPTER: &[u8] = include_bytes!("heads/chapter-response.http");

    #[test]
    fn a_known_head_reads_as_any_other() {
        let other = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n";
        let interim = b"HTTP/1.1 103 Early Hints\r\n\r\n";
        let mut known = KnownHead::default();
        for (head, times) in [(CHAPTER, 3), (other, 2), (CHAPTER, 1)] {
            for _ in 0..times {
                let bytes = [head, b"and body"].concat();
                let (mut response, mut plain) = (Response::default(), Response::default());
                assert_eq!(known.read(&mut response, &bytes), Ok(head.len()));
                assert_eq!(plain.feed(head), Ok(head.len()));
                assert_eq!(format!("{response:?}"), format!("{plain:?}"));
                // It has begun: the rest is not a head.
                assert_eq!(known.read(&mut response, head), Ok(0));
                assert_eq!(known.bytes, head);
            }
        }
        // In pieces, or after an interim response, nothing is known.
        let mut response = Response::default();
        assert_eq!(known.read(&mut response, interim), Ok(interim.len()));
        assert!(known.bytes.is_empty());
        let mut response = Response::default();
        assert_eq!(known.read(&mut response, &CHAPTER[..50]), Ok(50));
        assert_eq!(known.read(&mut response, &CHAPTER[50..]), Ok(0));
        assert_eq!(response.feed(&CHAPTER[50..]), Ok(CHAPTER.len() - 50));
        assert_eq!(response.parts.heads, CHAPTER.len() as u64);
        assert_eq!(known.read(&mut Response::default(), b"nonsense\r\n\r\n"), Err(Malformed));
    }

    #[test]
    fn an_empty_body_in_chunks_after_an_answer_without_body_belongs_to_nothing() {
        let empty = b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n";
        let next = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
        let all = [&empty[..], NO_CHUNKS, next].concat();
        for cut in 1..all.len() {
            let mut response = Response::default();
            let (mut stray, mut statuses) = (0, Vec::new());
            for piece in all.chunks(cut) {
                let mut piece = piece;
                while !piece.is_empty() {
                    let used = response.feed(piece).unwrap();
                    piece = &piece[used..];
                    if response.is_done() {
                        statuses.push(response.status);
                        stray += response.parts.stray;
                        response.reset();
                    }
                }
            }
            assert_eq!((statuses, stray), (vec![204, 200], 5), "{cut}");
        }
        // What is not that body, and what nobody announced, is no part of the answer.
        let mut response = Response::default();
        assert_eq!(response.feed(&[&empty[..], b"0\r\nX"].concat()), Ok(empty.len() + 3));
        response.reset();
        assert!(response.is_untouched() && response.skip_stray(b"0") == 0);
        let plain = b"HTTP/1.1 204 No Content\r\n\r\n";
        let fed = Response::default().feed(&[&plain[..], NO_CHUNKS].concat());
        assert_eq!(fed, Ok(plain.len()));
    }

    fn read(bytes: &[u8]) -> Result<Response, Malformed> {
        let mut response = Response::default();
        let used = response.feed(bytes)?;
        assert!(used <= bytes.len());
        Ok(response)
    }

    /// Feeds bytes, and appends the body to `body`.
    fn feed_body(
        response: &mut Response,
        bytes: &[u8],
        body: &mut Vec<u8>,
    ) -> Result<usize, Malformed> {
        response.feed_with(bytes, |piece| {
            if let Some(data) = piece.bytes() {
                body.extend_from_slice(data);
            }
        })
    }

    #[test]
    fn the_chapters_response_is_193_bytes_and_179_characters() {
        let mut bytes = CHAPTER.to_vec();
        bytes.extend_from_slice(b"000000000000000000000");
        let (mut response, mut body) = (Response::default(), Vec::new());
        feed_body(&mut response, &bytes, &mut body).unwrap();
        assert!(response.is_done() && response.keep_alive);
        let parts = Parts { heads: 193, head_chars: 179, framing: 0, payload: 21, stray: 0 };
        assert_eq!((response.status, response.parts), (200, parts));
        assert_eq!(body, b"000000000000000000000");
    }

    #[test]
    fn chunks_cost_their_digits_and_four_bytes() {
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut bytes = head.to_vec();
        bytes.extend_from_slice(
            b"5\r\nhello\r\n10;x=1\r\n0123456789abcdef\r\n0\r\nA: b\r\n\r\nrest",
        );
        let (mut response, mut body) = (Response::default(), Vec::new());
        assert_eq!(feed_body(&mut response, &bytes, &mut body), Ok(bytes.len() - 4));
        assert!(response.is_done());
        assert_eq!(response.parts.payload, 21);
        assert_eq!(response.parts.framing, 3 + 2 + 8 + 2 + 3 + 6 + 2);
        assert_eq!(body, b"hello0123456789abcdef");
    }

    #[test]
    fn a_body_may_end_with_the_connection() {
        let mut response = read(b"HTTP/1.0 200 OK\r\n\r\nabc").unwrap();
        assert!(!response.is_done() && !response.keep_alive);
        response.end_of_stream().unwrap();
        assert_eq!((response.is_done(), response.parts.payload), (true, 3));
        assert_eq!(
            read(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc").unwrap().end_of_stream(),
            Err(Malformed)
        );
    }

    #[test]
    fn interim_responses_are_heads_too() {
        let response =
            read(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n").unwrap();
        assert!(response.is_done());
        assert_eq!((response.status, response.parts.heads), (204, 28 + 27));
    }

    #[test]
    fn connection_fields_decide_what_is_kept() {
        let keeps = |text: &str| read(text.as_bytes()).unwrap().keep_alive;
        assert!(!keeps("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));
        assert!(keeps("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"));
        assert!(!keeps("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"));
    }

    #[test]
    fn heads_are_read_as_browsers_do() {
        let many: String = (0..200).map(|n| format!("X-{n}: y\r\n")).collect();
        let long = format!("X: {}\r\n", "y".repeat(70 << 10));
        for field in ["A : b\r\n", "A: b\r\n  c\r\n", "no field\r\n", &many, &long] {
            let head = format!("HTTP/1.1 200 OK\r\n{field}Content-Length: 2\r\n\r\n");
            let response = read(format!("{head}hi").as_bytes()).unwrap();
            assert!(response.is_done(), "{field}");
            assert_eq!(response.parts.heads, head.len() as u64);
            assert_eq!(response.parts.payload, 2);
        }
    }

    #[test]
    fn what_a_head_says_is_kept() {
        let head = "HTTP/1.1 503 X\r\nRetry-After: 2\r\ncontent-encoding: gzip\r\n\
                    Content-Type: Text/Event-Stream; charset=utf-8\r\n\r\n";
        let facts = HeadFacts { event_stream: true, compressed: true, retry_after_s: Some(2) };
        assert_eq!(read(head.as_bytes()).unwrap().facts, facts);
        let plain = "HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Type: a/b\r\n\r\n";
        assert_eq!(read(plain.as_bytes()).unwrap().facts, HeadFacts::default());
    }

    #[test]
    fn a_head_that_cannot_be_read_says_where() {
        let problem = |bytes: &[u8]| {
            let mut response = Response::default();
            assert_eq!(response.feed(bytes), Err(Malformed));
            response.problem
        };
        assert_eq!(problem(b"SSH-2.0-x\r\n"), Some(HeadProblem::Foreign(*b"SSH-2.0-x")));
        assert_eq!(problem(b"\x15\x03"), Some(HeadProblem::Foreign(*b"\x15\x03\0\0\0\0\0\0\0")));
        assert_eq!(problem(b"HTTP/1.1 abc\r\n\r\n"), Some(HeadProblem::Line(1)));
        let length = b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: x\r\n\r\n";
        assert_eq!(problem(length), Some(HeadProblem::Line(3)));
    }

    #[test]
    fn other_bytes_are_malformed() {
        for bad in [
            &b"SSH-2.0-OpenSSH\r\n"[..],
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc",
        ] {
            assert_eq!(read(bad).err(), Some(Malformed), "{:?}", String::from_utf8_lossy(bad));
        }
    }

    fn whole_response() -> impl Strategy<Value = (Vec<u8>, Parts)> {
        let length = prop::collection::vec(any::<u8>(), 0..300).prop_map(|body| {
            let head = format!("HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: {}\r\n\r\n", body.len());
            let parts = Parts {
                heads: head.len() as u64,
                head_chars: head.len() as u64 - 8,
                framing: 0,
                payload: body.len() as u64,
                stray: 0,
            };
            ([head.as_bytes(), &body].concat(), parts)
        });
        let chunks = prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..8);
        let chunked = chunks.prop_map(|chunks| {
            let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            let mut bytes = head.to_vec();
            let mut parts = Parts { heads: 47, head_chars: 41, framing: 5, payload: 0, stray: 0 };
            for chunk in chunks {
                let size = format!("{:x}\r\n", chunk.len());
                parts.framing += size.len() as u64 + 2;
                parts.payload += chunk.len() as u64;
                bytes.extend_from_slice(size.as_bytes());
                bytes.extend_from_slice(&chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\n\r\n");
            (bytes, parts)
        });
        prop_oneof![length, chunked]
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_parts(
            (bytes, parts) in whole_response(), cuts in prop::collection::vec(1usize..60, 1..40),
            extra in prop::collection::vec(any::<u8>(), 0..10)
        ) {
            let stream = [&bytes[..], &extra].concat();
            let (mut response, mut body) = (Response::default(), Vec::new());
            let (mut at, mut used) = (0, 0);
            for cut in cuts.into_iter().cycle() {
                let end = (at + cut).min(stream.len());
                used += feed_body(&mut response, &stream[at..end], &mut body).unwrap();
                at = end;
                if at == stream.len() { break }
            }
            prop_assert!(response.is_done());
            prop_assert_eq!(response.parts, parts);
            prop_assert_eq!(used, bytes.len());
            prop_assert_eq!(body.len() as u64, parts.payload);
        }

        #[test]
        fn no_bytes_make_it_panic(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..8)
        ) {
            let mut response = Response::default();
            for piece in pieces {
                match response.feed(&piece) {
                    Ok(used) => prop_assert!(used <= piece.len()),
                    Err(Malformed) => break,
                }
            }
        }
    }
}
