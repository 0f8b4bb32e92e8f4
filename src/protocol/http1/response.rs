//! Reads one HTTP/1.1 response (RFC 9112) in whatever pieces it comes, or one that comes in frames of HTTP/2
//! (RFC 9113 §8.1), and counts every byte by the layer that it belongs to.
//!
//! httparse parses the head. The body is not kept, but given [piece by piece](Response::feed_with).

use crate::protocol::answer_input::{AnswerBody, AnswerFields, AnswerFrame, AnswerInput};
use crate::protocol::http1::answer_text::AnswerText;
use crate::protocol::http1::content_coding::{Codings, ContentCoding, codings};
use crate::protocol::http1::cookies::SetCookies;
use crate::protocol::http1::media_type::MediaType;
use crate::protocol::http1::other_protocol::OtherProtocol;
use crate::protocol::http1::retry_after::RetryAfter;
use crate::protocol::http1::{chars_without_line_ends, decimal, refuses};
use crate::secret::redact_fields;
use body_framing::{BodyFraming, head_problem};
pub(crate) use body_framing::{has_transfer_coding, lenient};
use state::{FramingFault, SizeLine, State};
use std::rc::Rc;

mod body_framing;
mod state;

#[cfg(test)]
pub(crate) use state::CHUNK_LINE_LIMIT;

/// The longest head, as in Chrome.
pub(crate) const HEAD_LIMIT: usize = 256 * 1024;
/// The most fields of a head.
pub(crate) const HEADERS_LIMIT: usize = 256;

/// An empty body in chunks. Some servers send it after an answer that has no body.
const NO_CHUNKS: &[u8] = b"0\r\n\r\n";

/// The bytes are no response; [`Response::problem`] says more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// Why an answer cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerProblem {
    /// It does not begin as a response does, but as one of this protocol, if it is known.
    Foreign(Option<OtherProtocol>),
    /// The number of the head's first bad line, from 1.
    Line(u32),
    /// The number of the line, from 1, by which the body has another transfer coding than chunks.
    TransferCoding(u32),
    /// The head is longer than [`HEAD_LIMIT`].
    Long,
    /// The head has more fields than [`HEADERS_LIMIT`].
    ManyFields,
    /// What stands around a chunk, or the trailer section, is longer than
    /// [`CHUNK_LINE_LIMIT`](state::CHUNK_LINE_LIMIT).
    LongChunkLine,
    /// Over HTTP/2, where frames say how long the body is, it is not as long as the head or the status says.
    BodyLength,
}

impl AnswerProblem {
    /// Returns what to show of the bytes: the first ones, or the bad line without its secret.
    fn shown(self, bytes: &[u8]) -> Option<AnswerText> {
        match self {
            AnswerProblem::Foreign(_) => Some(AnswerText::of_bytes(bytes)),
            AnswerProblem::Line(number) | AnswerProblem::TransferCoding(number) => {
                let before = usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1);
                // A line may go on the value of the one before it.
                let shown = redact_fields(bytes);
                let line = shown.split(|byte| *byte == b'\n').nth(before);
                Some(AnswerText::of_bytes(line.unwrap_or_default()))
            }
            AnswerProblem::Long
            | AnswerProblem::ManyFields
            | AnswerProblem::LongChunkLine
            | AnswerProblem::BodyLength => None,
        }
    }
}

/// What a head says besides the body's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeadFacts {
    /// What the body is (`Content-Type`).
    pub media: MediaType,
    /// The body is compressed (`Content-Encoding`).
    pub compressed: bool,
    /// How, if this program can read it. `None` for several codings, one upon the other.
    pub coding: Option<ContentCoding>,
    /// It sets a cookie (`Set-Cookie`).
    pub sets_cookie: bool,
    /// When the server wants to be asked again.
    pub retry_after: Option<RetryAfter>,
}

impl HeadFacts {
    /// Notes what a field says. `date` finds the field that says when the answer was made.
    fn note<'a>(&mut self, name: &str, value: &[u8], date: impl Fn() -> Option<&'a [u8]>) {
        if name.eq_ignore_ascii_case("content-type") {
            self.media = MediaType::of(value);
        } else if name.eq_ignore_ascii_case("content-encoding") {
            for coding in codings(value) {
                let first = !self.compressed;
                self.compressed = true;
                self.coding = ContentCoding::named(coding).filter(|_| first);
            }
        } else if name.eq_ignore_ascii_case("set-cookie") {
            self.sets_cookie = true;
        } else if name.eq_ignore_ascii_case("retry-after") {
            self.retry_after = RetryAfter::of(value, date);
        }
    }

    /// Whether the body is an event stream.
    #[inline]
    pub fn is_event_stream(&self) -> bool {
        self.media == MediaType::EventStream
    }
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

/// A piece of a body with what is around its chunks, as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitPiece<'a> {
    /// The body's.
    Body(BodyPiece<'a>),
    /// A byte of the line end after a chunk's data.
    LineEnd,
    /// So many other bytes of chunked framing, or of what is around the bytes of a frame.
    Framing(u64),
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

/// Fields of an answer that are wanted, by their names.
#[derive(Debug)]
pub struct WantedFields {
    names: Rc<[String]>,
    /// Their values in the last head, empty if it has none.
    pub values: Vec<Vec<u8>>,
}

impl WantedFields {
    /// Fields with these names.
    pub(crate) fn new(names: Rc<[String]>) -> WantedFields {
        WantedFields { names, values: Vec::new() }
    }

    fn read<'a>(&mut self, fields: impl Iterator<Item = (&'a str, &'a [u8])> + Clone) {
        let value = |name: &String| {
            let mut fields = fields.clone();
            let field = fields.find(|(other, _)| other.eq_ignore_ascii_case(name));
            field.map(|(_, value)| value.to_vec()).unwrap_or_default()
        };
        self.values = self.names.iter().map(value).collect();
    }
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
    /// Why it cannot be read, if it is known.
    pub problem: Option<AnswerProblem>,
    /// What it says, if it refuses or is not what was wanted; `None` before the head is complete.
    pub text: Option<Box<AnswerText>>,
    /// Whether an event stream is wanted.
    pub wants_event_stream: bool,
    /// Whether a switch to another protocol is wanted: any other answer refuses it.
    wants_switch: bool,
    /// The content codings that were asked for.
    pub(crate) codings: Codings,
    /// Whether the cookies that it sets are wanted.
    pub wants_cookies: bool,
    /// The cookies that it sets, if they are wanted and it sets some.
    pub cookies: Option<Box<SetCookies>>,
    /// Other fields that are wanted.
    pub wanted: Option<Box<WantedFields>>,
    state: State,
    /// The beginning of an incomplete head.
    partial: Option<Box<PartialHead>>,
    /// How many bytes of [`NO_CHUNKS`] may still come after an answer that has no body: with it, or
    /// before the next one.
    stray_left: u8,
}

/// The beginning of a head that came in pieces; never empty.
#[derive(Debug)]
struct PartialHead(Vec<u8>);

impl Default for Response {
    fn default() -> Self {
        Response {
            parts: Parts::default(),
            status: 0,
            keep_alive: true,
            facts: HeadFacts::default(),
            problem: None,
            text: None,
            wants_event_stream: false,
            wants_switch: false,
            codings: Codings::default(),
            wants_cookies: false,
            cookies: None,
            wanted: None,
            state: State::Head,
            partial: None,
            stray_left: 0,
        }
    }
}

impl Response {
    /// A response whose cookies are wanted, or not.
    pub(crate) fn wanting(cookies: bool) -> Response {
        Response { wants_cookies: cookies, ..Response::default() }
    }

    /// The response to an upgrade, of which a message may quote the cookies.
    pub(crate) fn to_upgrade() -> Response {
        Response { wants_switch: true, ..Response::wanting(true) }
    }

    /// Makes it ready for the next response of the same connection.
    pub fn reset(&mut self) {
        let Response { stray_left, wants_cookies, codings, .. } = *self;
        let wanted = self.wanted.take();
        *self = Response { stray_left, wants_cookies, codings, wanted, ..Response::default() };
    }

    /// Makes it ready for the first response of another connection.
    pub(crate) fn restart(&mut self) {
        let wanted = self.wanted.take();
        let codings = self.codings;
        *self = Response { wanted, codings, ..Response::wanting(self.wants_cookies) };
    }

    /// Returns the coding of its body, if that was asked for.
    pub(crate) fn coding(&self) -> Option<ContentCoding> {
        self.facts.coding.filter(|coding| self.codings.has(*coding))
    }

    /// Whether it has a compressed body that nobody has asked for.
    pub(crate) fn is_unreadable(&self) -> bool {
        self.facts.compressed && self.coding().is_none() && self.parts.payload > 0
    }

    /// True once the whole response has come.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Parses what was read. Returns how much of it belonged to this response.
    ///
    /// # Errors
    /// [`Malformed`] if it is none; the response must not be used any more.
    pub fn feed<'a>(&mut self, input: impl Into<AnswerInput<'a>>) -> Result<usize, Malformed> {
        self.feed_with(input, |_| {})
    }

    /// Like [`Response::feed`], and calls `on` with each piece of the body.
    ///
    /// # Errors
    /// [`Malformed`] if it is none; `on` has got the pieces before the error.
    #[inline]
    pub fn feed_with<'a>(
        &mut self,
        input: impl Into<AnswerInput<'a>>,
        mut on: impl FnMut(BodyPiece<'_>),
    ) -> Result<usize, Malformed> {
        let mut bytes = match input.into() {
            AnswerInput::Bytes(bytes) => bytes,
            AnswerInput::Frame(frame) => return self.feed_frame(&frame, &mut on),
        };
        let all = bytes.len();
        bytes = &bytes[self.skip_stray(bytes)..];
        while !bytes.is_empty() && self.state != State::Done {
            let used = self.step(bytes, &mut on)?;
            bytes = &bytes[used..];
        }
        bytes = &bytes[self.skip_stray(bytes)..];
        Ok(all - bytes.len())
    }

    /// Does the same up to the end of the head: once it has come, [`Response::status`] is not 0, and
    /// what is left over belongs to the body.
    ///
    /// # Errors
    /// [`Malformed`] if it is none.
    pub fn feed_head<'a>(&mut self, input: impl Into<AnswerInput<'a>>) -> Result<usize, Malformed> {
        let mut bytes = match input.into() {
            AnswerInput::Bytes(bytes) => bytes,
            AnswerInput::Frame(AnswerFrame::Body(_)) => return Ok(0),
            AnswerInput::Frame(AnswerFrame::Fields(fields)) => {
                return self.feed_fields(&fields).map(|()| 1);
            }
        };
        let all = bytes.len();
        bytes = &bytes[self.skip_stray(bytes)..];
        while !bytes.is_empty() && self.state == State::Head {
            let used = self.step(bytes, &mut |_| {})?;
            bytes = &bytes[used..];
        }
        Ok(all - bytes.len())
    }

    /// Whether it refuses and enough has come to say so. A stream that was not wanted may bring nothing.
    pub fn is_known_refusal(&self) -> bool {
        let stream = self.wants_switch && self.facts.is_event_stream();
        let full = |text: &AnswerText| self.is_done() || text.is_full() || stream;
        self.text.as_deref().is_some_and(full)
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

    /// Like [`Response::feed_with`], but stops behind a head, and behind a chunk with its line end:
    /// then [`Response::is_mid_chunk`] is false. `on` gets chunked framing, too, which is not among
    /// [`Response::parts`] then.
    ///
    /// # Errors
    /// [`Malformed`] if it is none; `on` has got the pieces before the error.
    #[inline]
    pub fn feed_unit<'a>(
        &mut self,
        input: impl Into<AnswerInput<'a>>,
        mut on: impl FnMut(UnitPiece<'_>),
    ) -> Result<usize, Malformed> {
        let bytes = match input.into() {
            AnswerInput::Bytes(bytes) => bytes,
            AnswerInput::Frame(AnswerFrame::Fields(fields)) => {
                let framing = self.parts.framing;
                self.feed_fields(&fields)?;
                on(UnitPiece::Framing(self.parts.framing - framing));
                self.parts.framing = framing;
                return Ok(1);
            }
            AnswerInput::Frame(AnswerFrame::Body(body)) => {
                // The header of a frame is before its bytes, as the size of a chunk is.
                on(UnitPiece::Framing(body.framing_bytes));
                let body = AnswerBody { framing_bytes: 0, ..body };
                self.feed_body(&body, &mut |piece| on(UnitPiece::Body(piece)))?;
                return Ok(1);
            }
        };
        let mut used = 0;
        while used < bytes.len() && self.state != State::Done {
            let line_end = self.is_ending_chunk();
            used += self.step(&bytes[used..], &mut |piece| on(UnitPiece::Body(piece)))?;
            if std::mem::take(&mut self.parts.framing) > 0 {
                on(if line_end { UnitPiece::LineEnd } else { UnitPiece::Framing(1) });
            }
            if !self.is_mid_chunk() {
                break;
            }
        }
        Ok(used)
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
        self.state == State::Head && self.partial.is_none() && parts == Parts::default()
    }

    /// Whether some of it has come, be it an interim response before it.
    pub fn has_begun(&self) -> bool {
        self.status != 0 || self.partial.is_some() || self.parts.heads > 0
    }

    /// Whether it is an event stream whose head says no length.
    #[inline]
    pub fn is_open_event_stream(&self) -> bool {
        self.facts.is_event_stream() && !matches!(self.state, State::Length(_) | State::Done)
    }

    /// Returns what came of it, for a message about an answer that has not ended.
    pub fn so_far(&self) -> AnswerText {
        let mut text = self.text.as_deref().cloned().unwrap_or_default();
        if text.media_type.is_empty() {
            text.media_type = self.facts.media.name().as_bytes().to_vec();
        }
        text.body_bytes = self.parts.payload;
        text.body_length = match self.state {
            State::Length(left) => Some(self.parts.payload.saturating_add(left)),
            _ => None,
        };
        text
    }

    /// True within a chunk, its size line and the line end after it included.
    pub fn is_mid_chunk(&self) -> bool {
        use State::*;
        self.state != ChunkSize(0, SizeLine::Empty)
            && matches!(self.state, ChunkSize(..) | ChunkData(_) | ChunkEnd(_))
    }

    /// True if a chunk's data are complete and its line end is not.
    pub(crate) fn is_ending_chunk(&self) -> bool {
        matches!(self.state, State::ChunkEnd(_))
    }

    /// Reads what a frame of HTTP/2 brought.
    fn feed_frame(
        &mut self,
        frame: &AnswerFrame<'_>,
        on: &mut impl FnMut(BodyPiece<'_>),
    ) -> Result<usize, Malformed> {
        match frame {
            AnswerFrame::Fields(fields) => self.feed_fields(fields)?,
            AnswerFrame::Body(body) => self.feed_body(body, on)?,
        }
        Ok(1)
    }

    /// Reads fields: of the answer, of an interim one before it, or of its trailer section.
    fn feed_fields(&mut self, input: &AnswerFields<'_>) -> Result<(), Malformed> {
        let AnswerFields { fields, status, block_bytes, framing_bytes, ends } = *input;
        self.parts.framing += framing_bytes;
        if status == 0 {
            // As of chunks, trailers are framing.
            self.parts.framing += block_bytes;
            return self.end_frames(ends);
        }
        self.parts.heads += block_bytes;
        self.parts.head_chars += block_bytes;
        if (100..200).contains(&status) {
            return Ok(());
        }
        let fields = fields.iter_text();
        let mut facts = HeadFacts::default();
        let mut length = None;
        for (name, value) in fields.clone() {
            if name == "content-length" {
                length = Some(decimal(value).ok_or_else(|| self.wrong_length())?);
            } else {
                facts.note(name, value, || {
                    fields.clone().find(|(name, _)| *name == "date").map(|(_, value)| value)
                });
            }
        }
        self.take_head(status, facts, fields);
        // These have no body, whatever their fields say (RFC 9110 §6.4.1).
        let length = if matches!(status, 204 | 304) { Some(0) } else { length };
        self.state = length.map_or(State::Frames, State::FramesOf);
        self.end_frames(ends)
    }

    /// Reads bytes of a body that comes in frames.
    fn feed_body(
        &mut self,
        input: &AnswerBody<'_>,
        on: &mut impl FnMut(BodyPiece<'_>),
    ) -> Result<(), Malformed> {
        let bytes = input.bytes.len() as u64;
        self.state = match self.state {
            State::Frames => State::Frames,
            State::FramesOf(left) => {
                State::FramesOf(left.checked_sub(bytes).ok_or_else(|| self.wrong_length())?)
            }
            _ => return Err(Malformed),
        };
        self.parts.framing += input.framing_bytes;
        if bytes > 0 {
            // Where frames end means nothing (RFC 9113 §8.1): others on the way may cut a body elsewhere.
            self.body(input.bytes, bytes, |bytes| on(BodyPiece::Plain(bytes)));
        }
        self.end_frames(input.ends)
    }

    /// The answer has ended, if it `ends` here, and has had as many bytes as it said (RFC 9113 §8.1.1).
    fn end_frames(&mut self, ends: bool) -> Result<(), Malformed> {
        if !ends {
            return Ok(());
        }
        if let State::FramesOf(1..) = self.state {
            return Err(self.wrong_length());
        }
        self.state = State::Done;
        Ok(())
    }

    fn wrong_length(&mut self) -> Malformed {
        self.problem = Some(AnswerProblem::BodyLength);
        Malformed
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
            State::ChunkSize(..) | State::ChunkEnd(_) | State::Trailer { .. } => {
                self.state = self.state.after(bytes[0]).map_err(|fault| {
                    self.problem =
                        (fault == FramingFault::Long).then_some(AnswerProblem::LongChunkLine);
                    Malformed
                })?;
                self.parts.framing += 1;
                Ok(1)
            }
            // Bytes that are in no frame.
            State::Frames | State::FramesOf(_) => Err(Malformed),
            State::Done => Ok(0),
        }
    }

    /// Reads body, of which `left` bytes are to come. Returns how much it was.
    #[inline]
    fn body(&mut self, bytes: &[u8], left: u64, on: impl FnOnce(&[u8])) -> u64 {
        let n = left.min(bytes.len() as u64);
        self.parts.payload += n;
        if let Some(text) = &mut self.text
            && !self.facts.compressed
        {
            text.push(&bytes[..n as usize]);
        }
        on(&bytes[..n as usize]);
        n
    }

    /// Reads a head from `partial` and `bytes` together.
    fn head(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        let Some(mut partial) = self.partial.take() else {
            return Ok(match self.parse_head(bytes)? {
                Some(len) => len,
                None => {
                    self.partial = Some(Box::new(PartialHead(bytes.to_vec())));
                    bytes.len()
                }
            });
        };
        let PartialHead(whole) = &mut *partial;
        let had = whole.len();
        whole.extend_from_slice(bytes);
        if let Some(len) = self.parse_head(whole)? {
            return Ok(len - had);
        }
        self.partial = Some(partial);
        Ok(bytes.len())
    }

    /// A head has come whole: keeps what is wanted of it.
    fn take_head<'a>(
        &mut self,
        status: u16,
        facts: HeadFacts,
        fields: impl Iterator<Item = (&'a str, &'a [u8])> + Clone,
    ) {
        self.status = status;
        self.facts = facts;
        let unreadable = facts.compressed && self.coding().is_none();
        let unwanted = unreadable
            || self.wants_event_stream && !facts.is_event_stream()
            || self.wants_switch && status != 101;
        self.text = (refuses(status) || unwanted).then(|| {
            let cookies = set_cookies(fields.clone());
            Box::new(AnswerText::new(fields.clone(), cookies.as_deref()))
        });
        if self.wants_switch && status == 101 {
            self.text = AnswerText::of_selection(fields.clone()).map(Box::new);
        }
        if let Some(wanted) = &mut self.wanted {
            wanted.read(fields.clone());
        }
        if self.wants_cookies {
            self.cookies = set_cookies(fields);
        }
    }

    /// Notes why a head cannot be read.
    fn reject(&mut self, problem: AnswerProblem, head: &[u8]) -> Malformed {
        self.problem = Some(problem);
        self.text = problem.shown(head).map(Box::new);
        Malformed
    }

    fn parse_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        // The limit is the head's, however much has come behind it.
        let bytes = &bytes[..bytes.len().min(HEAD_LIMIT)];
        let mut fields = [const { std::mem::MaybeUninit::uninit() }; HEADERS_LIMIT];
        let mut response = httparse::Response::new(&mut []);
        let parsed =
            lenient().parse_response_with_uninit_headers(&mut response, bytes, &mut fields);
        let len = match parsed {
            Ok(httparse::Status::Complete(len)) => len,
            Ok(httparse::Status::Partial) if bytes.len() < HEAD_LIMIT => return Ok(None),
            failed => {
                return match head_problem(bytes, failed.err()) {
                    Some(problem) => Err(self.reject(problem, bytes)),
                    None => Ok(None),
                };
            }
        };
        let status = response.code.ok_or(Malformed)?;
        let framing =
            BodyFraming::of(&response, bytes).map_err(|problem| self.reject(problem, bytes))?;
        self.parts.heads += len as u64;
        self.parts.head_chars += chars_without_line_ends(&bytes[..len]);
        if (100..200).contains(&status) && status != 101 {
            // An interim response: the real one follows.
            self.state = State::Head;
            return Ok(Some(len));
        }
        self.keep_alive = framing.keep_alive;
        let fields = response.headers.iter().map(|field| (field.name, field.value));
        self.take_head(status, framing.facts, fields);
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
        response.parts = parts;
        response.status = status;
        response.keep_alive = keep_alive;
        response.facts = facts;
        response.state = state;
        Ok(self.bytes.len())
    }

    #[cold]
    fn learn(&mut self, response: &mut Response, bytes: &[u8]) -> Result<usize, Malformed> {
        let used = response.head(bytes)?;
        let Response { parts, status, keep_alive, facts, state, stray_left, .. } = *response;
        let plain = stray_left == 0 && response.text.is_none() && response.cookies.is_none();
        // An incomplete head is not known, nor is an interim response all that comes before the body.
        // What must be kept of an answer is not known either.
        self.bytes.clear();
        if state != State::Head && plain {
            self.bytes.extend_from_slice(&bytes[..used]);
            self.after =
                Response { parts, status, keep_alive, facts, state, ..Response::default() };
        }
        Ok(used)
    }
}

/// Returns the cookies that a head sets; `None` if it sets none.
fn set_cookies<'a>(fields: impl Iterator<Item = (&'a str, &'a [u8])>) -> Option<Box<SetCookies>> {
    let fields = fields.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    SetCookies::of(fields.map(|(_, value)| value))
}

#[cfg(test)]
mod tests;
