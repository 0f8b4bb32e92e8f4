//! A connection as its client sees it: streams are opened, bytes are sent and received, and each byte is counted by
//! what it is for. It owns no socket and reads no clock.

use crate::protocol::answer_input::{AnswerBody, AnswerFields, AnswerFrame};
use crate::protocol::http2::Http2Problem;
use crate::protocol::http2::fields::{FieldList, PreparedFields};
pub(crate) use crate::protocol::http2::flow_control::SentBytes;
use crate::protocol::http2::flow_control::{refill, write_data};
use crate::protocol::http2::frame::{
    DEFAULT_WINDOW, ErrorCode, FRAME_HEADER_BYTES, FrameType, Http2FrameHeader, LARGEST_WINDOW,
    flags,
};
use crate::protocol::http2::frame_reader::{DataPiece, FramePiece, Http2FrameReader};
use crate::protocol::http2::hpack::{Decoder, Encoder, HpackPolicy};
use crate::protocol::http2::payload::{
    first_u32, is_field, is_trailer_section, of_connection, status_of, without_padding,
};
use crate::protocol::http2::settings::{
    CONNECTION_WINDOW, HEADER_LIST_BYTES, PeerSettings, STREAM_WINDOW, write_opening,
    write_window_update,
};
pub(crate) use crate::protocol::http2::streams::{ResetReason, StreamName, UnsentBytes};
use crate::protocol::http2::streams::{StreamEntry, StreamTable, WaitingBytes};

const HEADER: u64 = FRAME_HEADER_BYTES as u64;
/// The largest number of a stream.
const LAST_STREAM: u32 = 0x7fff_ffff;
/// A priority within HEADERS.
const PRIORITY_BYTES: usize = 5;

/// What a client may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Http2Options {
    /// Which fields of requests get an index.
    pub policy: HpackPolicy,
    /// The table that the server may use for the fields of its answers, in bytes.
    pub header_table_bytes: u32,
}

/// Memory that the connections of a thread share.
#[derive(Debug, Default)]
pub(crate) struct ReadScratch {
    strings: [Vec<u8>; 2],
    fields: FieldList,
}

/// What a connection has received. The bytes of all events are those that were received, but for
/// [`Http2Connection::pending`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Http2Event<'a> {
    /// So many bytes of frames that belong to the connection.
    Control(u64),
    /// The server's first settings have come, within the bytes of the event before this one.
    Ready,
    /// Something of an answer.
    Answer {
        /// The stream.
        stream: StreamName,
        /// What it is.
        frame: AnswerFrame<'a>,
    },
    /// The server has ended a stream by an error; the bytes are those of the event before this one.
    Reset {
        /// The stream.
        stream: StreamName,
        /// Why.
        reason: ResetReason,
    },
    /// Bytes that had waited for room are among those to be sent now.
    Sent(SentBytes),
    /// The server takes no further requests; the bytes are those of the event before this one. Streams that it has
    /// not begun with are reset by the events after it.
    GoAway {
        /// Why.
        code: ErrorCode,
        /// What it says of that (RFC 9113 §6.8).
        debug_data: &'a [u8],
    },
    /// So many bytes of a stream that this side has reset.
    Discarded(u64),
}

/// A stream that was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OpenedStream {
    /// Its number.
    pub id: u32,
    /// What was appended for its request, without its body.
    pub sent: SentBytes,
}

/// Why no stream can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamRefusal {
    /// The server has so many already, and takes no more.
    Limit(u32),
    /// The server takes no further requests on this connection, or there are no numbers left.
    Ended,
}

/// A header block that has begun.
#[derive(Debug)]
struct OpenBlock {
    stream: u32,
    bytes: Vec<u8>,
    /// Bytes around it so far.
    framing: u64,
    ends: bool,
}

/// See the module's description.
#[derive(Debug)]
pub(crate) struct Http2Connection {
    options: Http2Options,
    encoder: Encoder,
    decoder: Decoder,
    peer: PeerSettings,
    has_settings: bool,
    reader: Http2FrameReader,
    block: Option<Box<OpenBlock>>,
    streams: StreamTable,
    next_stream: u32,
    has_ended: bool,
    /// The number of the next stream when the server's settings came: it knew no limit of streams before.
    before_settings: u32,
    /// Whether a stream was given up before its end: what comes of a closed stream may be one's of those.
    has_reset: bool,
    send_window: i64,
    receive_window: i64,
    /// Bytes of the connection's own frames that were appended and that nobody has taken yet.
    control_sent: u64,
    /// Bytes of bodies that were said to be sent and will not be, and that nobody has taken yet.
    unsent: UnsentBytes,
}

impl Http2Connection {
    /// A connection before its first byte.
    pub(crate) fn new(options: Http2Options) -> Http2Connection {
        Http2Connection {
            options,
            encoder: Encoder::new(options.policy),
            decoder: Decoder::new(),
            peer: PeerSettings::default(),
            has_settings: false,
            reader: Http2FrameReader::default(),
            block: None,
            streams: StreamTable::default(),
            next_stream: 1,
            has_ended: false,
            before_settings: 1,
            has_reset: false,
            send_window: DEFAULT_WINDOW.into(),
            receive_window: CONNECTION_WINDOW.into(),
            control_sent: 0,
            unsent: UnsentBytes::default(),
        }
    }

    /// Appends what is sent first.
    pub(crate) fn begin(&mut self, out: &mut Vec<u8>) {
        let header_table_bytes = self.options.header_table_bytes;
        self.control(out, |out| write_opening(header_table_bytes, out));
    }

    /// Received bytes that are in no event: the beginning of a frame or of a header block.
    pub(crate) fn pending(&self) -> u64 {
        let block = self.block.as_ref().map_or(0, |b| b.framing + b.bytes.len() as u64);
        self.reader.pending() + block
    }

    /// Returns how many bytes of the connection's own frames were appended since the last call.
    pub(crate) fn take_control_sent(&mut self) -> u64 {
        std::mem::take(&mut self.control_sent)
    }

    /// Returns how many bytes of bodies wait no more since the last call: their streams have ended before there was
    /// room for them.
    pub(crate) fn take_unsent(&mut self) -> UnsentBytes {
        std::mem::take(&mut self.unsent)
    }

    /// Ends all streams, as the connection has ended.
    pub(crate) fn end_streams(&mut self) {
        while let Some(mut stream) = self.streams.remove_after(0) {
            self.unsent.add(&mut stream);
        }
    }

    /// What waits on a stream says what is asked for, and is no message.
    pub(crate) fn waits_as_request(&mut self, id: u32) {
        let waiting = self.streams.get(id).and_then(|stream| stream.waiting.as_mut());
        waiting.into_iter().for_each(|waiting| waiting.of_request = true);
    }

    /// Sends a request, whose body follows unless it `ends` with its fields.
    ///
    /// # Errors
    /// If there can be no further stream.
    pub(crate) fn open(
        &mut self,
        token: u32,
        fields: &PreparedFields,
        ends: bool,
        out: &mut Vec<u8>,
    ) -> Result<OpenedStream, StreamRefusal> {
        let most = self.peer.most_streams.unwrap_or(u32::MAX);
        if self.has_ended || self.next_stream > LAST_STREAM {
            return Err(StreamRefusal::Ended);
        }
        if self.streams.len() >= most as usize {
            return Err(StreamRefusal::Limit(most));
        }
        let id = self.next_stream;
        self.next_stream += 2;
        let stream = self.streams.push(StreamEntry::new(id, token, self.peer.stream_window));
        stream.sent_end = ends;
        let sent = self.write_block(id, fields, ends, out);
        Ok(OpenedStream { id, sent })
    }

    /// Appends a header block: a frame, or more if it is longer than the server takes.
    fn write_block(
        &mut self,
        id: u32,
        fields: &PreparedFields,
        ends: bool,
        out: &mut Vec<u8>,
    ) -> SentBytes {
        let begin = out.len();
        let most = self.peer.frame_bytes as usize;
        let end_stream = if ends { flags::END_STREAM } else { 0 };
        let header = |length: usize, kind, flags| Http2FrameHeader {
            length: length as u32,
            kind,
            flags,
            stream: id,
        };
        header(0, FrameType::Headers, flags::END_HEADERS | end_stream).write(out);
        self.encoder.encode(fields, out);
        let block = out.len() - begin - FRAME_HEADER_BYTES;
        if block <= most {
            // Nearly always: the length is put into its place.
            out[begin..begin + 3].copy_from_slice(&(block as u32).to_be_bytes()[1..]);
            return SentBytes { block: block as u64, framing: HEADER, body: 0 };
        }
        let whole = out.split_off(begin + FRAME_HEADER_BYTES);
        out.truncate(begin);
        let mut framing = 0;
        let mut left = whole.len();
        for (nth, part) in whole.chunks(most).enumerate() {
            left -= part.len();
            let kind = if nth == 0 { FrameType::Headers } else { FrameType::Continuation };
            let of_first = if nth == 0 { end_stream } else { 0 };
            let end = if left == 0 { flags::END_HEADERS } else { 0 };
            header(part.len(), kind, of_first | end).write(out);
            out.extend_from_slice(part);
            framing += HEADER;
        }
        SentBytes { block: block as u64, framing, body: 0 }
    }

    /// Sends bytes of a body, and the end of it if it `ends` with them. What finds no room in a window waits, see
    /// [`Http2Event::Sent`]. Of a stream that is closed nothing is sent.
    pub(crate) fn send(
        &mut self,
        id: u32,
        bytes: &[u8],
        ends: bool,
        out: &mut Vec<u8>,
    ) -> SentBytes {
        let Some(stream) = self.streams.get(id).filter(|stream| !stream.sent_end) else {
            return SentBytes::default();
        };
        stream.sent_end = ends;
        if let Some(waiting) = &mut stream.waiting {
            waiting.push(bytes);
            waiting.ends = ends;
            return SentBytes::default();
        }
        let frame_bytes = self.peer.frame_bytes;
        let sent = write_data(stream, &mut self.send_window, frame_bytes, bytes, ends, out);
        let left = &bytes[sent.body as usize..];
        if !left.is_empty() {
            let mut waiting = Box::<WaitingBytes>::default();
            waiting.push(left);
            waiting.ends = ends;
            stream.waiting = Some(waiting);
        }
        if stream.is_closed() {
            self.streams.remove(id);
        }
        sent
    }

    /// Whether the server's settings have come.
    pub(crate) fn has_settings(&self) -> bool {
        self.has_settings
    }

    /// Whether the server takes a CONNECT that names a protocol (RFC 8441 §3).
    pub(crate) fn takes_connect_protocol(&self) -> bool {
        self.peer.connect_protocol
    }

    /// Whether a stream was opened.
    pub(crate) fn has_opened(&self) -> bool {
        self.next_stream > 1
    }

    /// How many streams are open.
    pub(crate) fn open_streams(&self) -> usize {
        self.streams.len()
    }

    /// The streams that are open.
    pub(crate) fn stream_names(&mut self) -> impl Iterator<Item = StreamName> {
        self.streams.iter_mut().map(|stream| stream.name())
    }

    /// Bytes of a stream's body that wait for room.
    #[cfg(test)]
    pub(crate) fn waiting(&mut self, id: u32) -> u64 {
        let stream = self.streams.get(id);
        let waiting = stream.and_then(|stream| stream.waiting.as_ref());
        waiting.map_or(0, |waiting| waiting.bytes().len() as u64)
    }

    /// Ends a stream by an error. What comes of it is discarded.
    pub(crate) fn reset(&mut self, id: u32, code: ErrorCode, out: &mut Vec<u8>) {
        if let Some(mut stream) = self.streams.remove(id) {
            self.unsent.add(&mut stream);
            self.has_reset = true;
            self.control(out, |out| {
                let kind = FrameType::ResetStream;
                Http2FrameHeader { length: 4, kind, flags: 0, stream: id }.write(out);
                out.extend_from_slice(&code.0.to_be_bytes());
            });
        }
    }

    /// Says that this side opens no further stream, or why it cannot go on.
    pub(crate) fn go_away(&mut self, code: ErrorCode, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.has_ended, true) && code == ErrorCode::NO_ERROR {
            return;
        }
        self.control(out, |out| {
            Http2FrameHeader { length: 8, kind: FrameType::GoAway, flags: 0, stream: 0 }.write(out);
            // No stream of the server was processed, since it may open none.
            out.extend_from_slice(&0_u32.to_be_bytes());
            out.extend_from_slice(&code.0.to_be_bytes());
        });
    }

    /// Appends frames of the connection, and counts their bytes.
    fn control(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        let before = out.len();
        write(out);
        self.control_sent += (out.len() - before) as u64;
    }

    /// Reads what came, and appends what is answered.
    ///
    /// # Errors
    /// If the server does what is not allowed; `on` has got the events before.
    pub(crate) fn receive(
        &mut self,
        mut bytes: &[u8],
        scratch: &mut ReadScratch,
        out: &mut Vec<u8>,
        on: &mut impl FnMut(Http2Event<'_>),
    ) -> Result<(), Http2Problem> {
        let mut reader = std::mem::take(&mut self.reader);
        let mut result = Ok(());
        while !bytes.is_empty() && result.is_ok() {
            result = reader.read(bytes).and_then(|(used, piece)| {
                bytes = &bytes[used..];
                match piece {
                    None => Ok(()),
                    Some(FramePiece::Data(piece)) => self.data(&piece, out, on),
                    Some(FramePiece::Whole(header, payload)) => {
                        self.frame(header, payload, scratch, out, on)
                    }
                }
            });
        }
        self.reader = reader;
        result
    }

    /// Handles a whole frame.
    fn frame(
        &mut self,
        header: Http2FrameHeader,
        payload: &[u8],
        scratch: &mut ReadScratch,
        out: &mut Vec<u8>,
        on: &mut impl FnMut(Http2Event<'_>),
    ) -> Result<(), Http2Problem> {
        self.check_order(header)?;
        match header.kind {
            FrameType::Data => return self.padded_data(header, payload, out, on),
            FrameType::Headers => return self.headers(header, payload, scratch, out, on),
            FrameType::Continuation => {
                return self.continuation(header, payload, scratch, out, on);
            }
            _ => on(Http2Event::Control(HEADER + payload.len() as u64)),
        }
        match header.kind {
            FrameType::Settings => self.settings(header, payload, out, on),
            FrameType::Ping => self.ping(header, payload, out),
            FrameType::WindowUpdate => self.window_update(header, payload, out, on),
            FrameType::ResetStream => self.reset_by_server(header, payload, on),
            FrameType::GoAway => self.server_goes(header, payload, on),
            FrameType::PushPromise => Err(Http2Problem::Push),
            FrameType::Priority if payload.len() != PRIORITY_BYTES => {
                Err(Http2Problem::FrameLength)
            }
            FrameType::Priority
            | FrameType::Data
            | FrameType::Headers
            | FrameType::Continuation
            | FrameType::Other(_) => Ok(()),
        }
    }

    /// The first frame has settings, and a header block is not interrupted.
    fn check_order(&self, header: Http2FrameHeader) -> Result<(), Http2Problem> {
        let is_settings = header.kind == FrameType::Settings && !header.has(flags::ACK);
        if !self.has_settings && !is_settings {
            return Err(Http2Problem::NoSettings);
        }
        let goes_on = header.kind == FrameType::Continuation;
        let open = self.block.as_ref().map(|block| block.stream);
        let belongs = if goes_on { open == Some(header.stream) } else { open.is_none() };
        if belongs { Ok(()) } else { Err(Http2Problem::Continuation) }
    }

    fn settings(
        &mut self,
        header: Http2FrameHeader,
        payload: &[u8],
        out: &mut Vec<u8>,
        on: &mut impl FnMut(Http2Event<'_>),
    ) -> Result<(), Http2Problem> {
        of_connection(header)?;
        if header.has(flags::ACK) {
            self.decoder.allow(self.options.header_table_bytes as usize);
            return if payload.is_empty() { Ok(()) } else { Err(Http2Problem::FrameLength) };
        }
        let before = self.peer.stream_window;
        self.peer.apply(payload)?;
        self.encoder.allow(self.peer.header_table_bytes as usize);
        let change = i64::from(self.peer.stream_window) - i64::from(before);
        for stream in self.streams.iter_mut() {
            stream.send_window += change;
            if stream.send_window > LARGEST_WINDOW {
                return Err(Http2Problem::Window);
            }
        }
        self.control(out, |out| {
            let kind = FrameType::Settings;
            Http2FrameHeader { length: 0, kind, flags: flags::ACK, stream: 0 }.write(out);
        });
        if !std::mem::replace(&mut self.has_settings, true) {
            self.before_settings = self.next_stream;
            on(Http2Event::Ready);
        }
        if change > 0 {
            self.send_waiting(out, on);
        }
        Ok(())
    }

    fn ping(
        &mut self,
        header: Http2FrameHeader,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Http2Problem> {
        of_connection(header)?;
        if payload.len() != 8 {
            return Err(Http2Problem::FrameLength);
        }
        if !header.has(flags::ACK) {
            self.control(out, |out| {
                let kind = FrameType::Ping;
                Http2FrameHeader { length: 8, kind, flags: flags::ACK, stream: 0 }.write(out);
                out.extend_from_slice(payload);
            });
        }
        Ok(())
    }

    fn window_update(
        &mut self,
        header: Http2FrameHeader,
        payload: &[u8],
        out: &mut Vec<u8>,
        on: &mut impl FnMut(Http2Event<'_>),
    ) -> Result<(), Http2Problem> {
        let more = i64::from(first_u32(payload, 4)? & 0x7fff_ffff);
        let window = if header.stream == 0 {
            &mut self.send_window
        } else {
            match self.known_stream(header.stream)? {
                Some(stream) => &mut stream.send_window,
                None => return Ok(()),
            }
        };
        if more == 0 {
            return Err(Http2Problem::Increment);
        }
        *window += more;
        if *window > LARGEST_WINDOW {
            return Err(Http2Problem::Window);
        }
        self.send_waiting(out, on);
        Ok(())
    }

    /// Sends what has waited for room, as far as there is some.
    fn send_waiting(&mut self, out: &mut Vec<u8>, on: &mut impl FnMut(Http2Event<'_>)) {
        let Http2Connection { streams, send_window, peer, .. } = self;
        for stream in streams.iter_mut() {
            let Some(mut waiting) = stream.waiting.take() else { continue };
            let bytes = waiting.bytes();
            let ends = waiting.ends;
            let sent = write_data(stream, send_window, peer.frame_bytes, bytes, ends, out);
            let whole = sent.body as usize == bytes.len();
            waiting.advance(sent.body as usize);
            if sent != SentBytes::default() {
                on(Http2Event::Sent(sent));
            }
            if !whole {
                stream.waiting = Some(waiting);
            }
        }
        streams.remove_closed();
    }

    fn reset_by_server(
        &mut self,
        header: Http2FrameHeader,
        payload: &[u8],
        on: &mut impl FnMut(Http2Event<'_>),
    ) -> Result<(), Http2Problem> {
        let code = ErrorCode(first_u32(payload, 4)?);
        if let Some(stream) = self.known_stream(header.stream)? {
            let stream = stream.name();
            let open = self.streams.len();
            // Those that were opened before the limit was known may be refused when others have ended.
            let is_early = stream.id < self.before_settings;
            let together =
                if is_early { open.max(self.before_settings as usize / 2) } else { open };
            let limit = self.peer.most_streams.filter(|most| together > *most as usize);
            if let Some(mut stream) = self.streams.remove(header.stream) {
                self.unsent.add(&mut stream);
            }
            let reason = match limit {
                Some(most) if code == ErrorCode::REFUSED_STREAM => ResetReason::Limit(most),
                _ => ResetReason::Code(code),
            };
            on(Http2Event::Reset { stream, reason });
        }
        Ok(())
    }

    fn server_goes(
        &mut self,
        header: Http2FrameHeader,
        payload: &[u8],
        on: &mut impl FnMut(Http2Event<'_>),
    ) -> Result<(), Http2Problem> {
        of_connection(header)?;
        let (numbers, debug_data) = payload.split_at_checked(8).ok_or(Http2Problem::FrameLength)?;
        let last_stream = first_u32(&numbers[..4], 4)? & 0x7fff_ffff;
        let code = ErrorCode(first_u32(&numbers[4..], 4)?);
        self.has_ended = true;
        on(Http2Event::GoAway { code, debug_data });
        while let Some(mut stream) = self.streams.remove_after(last_stream) {
            // What comes of it nevertheless is of no use.
            self.has_reset = true;
            self.unsent.add(&mut stream);
            let stream = stream.name();
            on(Http2Event::Reset { stream, reason: ResetReason::GoAway(code) });
        }
        Ok(())
    }

    /// Returns the open stream with a number; `None` if it is closed.
    fn known_stream(&mut self, id: u32) -> Result<Option<&mut StreamEntry>, Http2Problem> {
        if id == 0 {
            return Err(Http2Problem::Stream);
        }
        if id.is_multiple_of(2) || id >= self.next_stream {
            return Err(Http2Problem::IdleStream);
        }
        Ok(self.streams.get(id))
    }

    fn headers(
        &mut self,
        header: Http2FrameHeader,
        payload: &[u8],
        scratch: &mut ReadScratch,
        out: &mut Vec<u8>,
        on: &mut impl FnMut(Http2Event<'_>),
    ) -> Result<(), Http2Problem> {
        self.known_stream(header.stream)?;
        let mut part = without_padding(header, payload)?;
        if header.has(flags::PRIORITY) {
            part = part.get(PRIORITY_BYTES..).ok_or(Http2Problem::FrameLength)?;
        }
        let framing = HEADER + (payload.len() - part.len()) as u64;
        let ends = header.has(flags::END_STREAM);
        let block = OpenBlock { stream: header.stream, bytes: Vec::new(), framing, ends };
        if header.has(flags::END_HEADERS) {
            return self.whole_block(&block, part, scratch, out, on);
        }
        self.block = Some(Box::new(OpenBlock { bytes: part.to_vec(), ..block }));
        Ok(())
    }

    fn continuation(
        &mut self,
        header: Http2FrameHeader,
        payload: &[u8],
        scratch: &mut ReadScratch,
        out: &mut Vec<u8>,
        on: &mut impl FnMut(Http2Event<'_>),
    ) -> Result<(), Http2Problem> {
        let Some(mut block) = self.block.take() else { return Err(Http2Problem::Continuation) };
        block.framing += HEADER;
        block.bytes.extend_from_slice(payload);
        // Frames without anything must have an end, too.
        if block.bytes.len() as u64 + block.framing > HEADER_LIST_BYTES.into() {
            self.block = Some(block);
            return Err(Http2Problem::LongFields);
        }
        if !header.has(flags::END_HEADERS) {
            self.block = Some(block);
            return Ok(());
        }
        let bytes = std::mem::take(&mut block.bytes);
        self.whole_block(&block, &bytes, scratch, out, on)
    }

    /// A header block is whole.
    fn whole_block(
        &mut self,
        block: &OpenBlock,
        bytes: &[u8],
        scratch: &mut ReadScratch,
        out: &mut Vec<u8>,
        on: &mut impl FnMut(Http2Event<'_>),
    ) -> Result<(), Http2Problem> {
        let ReadScratch { strings, fields } = scratch;
        fields.clear();
        let mut list_bytes = 0;
        let mut are_fields = true;
        let decoded = self.decoder.decode(bytes, strings, |name, value, is_literal| {
            list_bytes += name.len() + value.len() + 32;
            // What has an index was checked when it got that.
            are_fields &= !is_literal || is_field(name, value);
            if list_bytes <= HEADER_LIST_BYTES as usize {
                fields.push(name, value);
            }
        });
        decoded.map_err(|_| Http2Problem::Compression)?;
        if list_bytes > HEADER_LIST_BYTES as usize {
            return Err(Http2Problem::LongFields);
        }
        if !are_fields {
            return Err(Http2Problem::Field);
        }
        let block_bytes = bytes.len() as u64;
        let framing_bytes = block.framing;
        let ends = block.ends;
        let Some(stream) = self.streams.get(block.stream) else {
            return self.of_closed_stream(block_bytes + framing_bytes, on);
        };
        if stream.received_end {
            return Err(Http2Problem::ClosedStream);
        }
        let status = if stream.has_head { None } else { Some(status_of(fields)?) };
        let interim = status.is_some_and(|status| (100..200).contains(&status));
        // An interim answer does not end the stream, and a trailer section does (RFC 9113 §8.1).
        let is_trailer = stream.has_head;
        if interim && ends || is_trailer && (!ends || !is_trailer_section(fields)) {
            return Err(Http2Problem::Message);
        }
        stream.has_head |= !interim;
        let stream = stream.name();
        let status = status.unwrap_or(0);
        let fields = AnswerFields { fields, status, block_bytes, framing_bytes, ends };
        on(Http2Event::Answer { stream, frame: AnswerFrame::Fields(fields) });
        if ends {
            self.end_of_answer(block.stream, out);
        }
        Ok(())
    }

    /// Discards bytes of an answer that was given up. Of one that is whole, nothing may follow (RFC 9113 §5.1).
    fn of_closed_stream(
        &self,
        bytes: u64,
        on: &mut impl FnMut(Http2Event<'_>),
    ) -> Result<(), Http2Problem> {
        on(Http2Event::Discarded(bytes));
        if self.has_reset { Ok(()) } else { Err(Http2Problem::ClosedStream) }
    }

    /// An answer is whole. If the request is not, what is left of it is not sent (RFC 9113 §8.1).
    fn end_of_answer(&mut self, id: u32, out: &mut Vec<u8>) {
        let Some(stream) = self.streams.get(id) else { return };
        // A stream that is a connection of another protocol goes on in this direction.
        if stream.sent_end && stream.waiting.is_some() {
            return self.reset(id, ErrorCode::CANCEL, out);
        }
        self.streams.receive_end(id);
    }

    /// Bytes of a body without padding.
    fn data(
        &mut self,
        piece: &DataPiece<'_>,
        out: &mut Vec<u8>,
        on: &mut impl FnMut(Http2Event<'_>),
    ) -> Result<(), Http2Problem> {
        let DataPiece { header, bytes, first, last } = *piece;
        if first {
            self.check_order(header)?;
        }
        let framing = if first { HEADER } else { 0 };
        let ends = last && header.has(flags::END_STREAM);
        self.body(header.stream, bytes, (bytes.len() as u32, framing), (last, ends), out, on)
    }

    /// A frame with bytes of a body and padding.
    fn padded_data(
        &mut self,
        header: Http2FrameHeader,
        payload: &[u8],
        out: &mut Vec<u8>,
        on: &mut impl FnMut(Http2Event<'_>),
    ) -> Result<(), Http2Problem> {
        let bytes = without_padding(header, payload)?;
        let framing = HEADER + (payload.len() - bytes.len()) as u64;
        let ends = header.has(flags::END_STREAM);
        self.body(header.stream, bytes, (header.length, framing), (true, ends), out, on)
    }

    /// Passes bytes of a body on, and gives the server room for as many. `counted` of them take room in the
    /// windows.
    fn body(
        &mut self,
        id: u32,
        bytes: &[u8],
        (counted, framing_bytes): (u32, u64),
        (frame_ends, ends): (bool, bool),
        out: &mut Vec<u8>,
        on: &mut impl FnMut(Http2Event<'_>),
    ) -> Result<(), Http2Problem> {
        self.receive_window -= i64::from(counted);
        if self.receive_window < 0 {
            return Err(Http2Problem::Window);
        }
        if let Some(more) = refill(&mut self.receive_window, CONNECTION_WINDOW) {
            self.control(out, |out| write_window_update(0, more, out));
        }
        let Some(stream) = self.known_stream(id)? else {
            return self.of_closed_stream(bytes.len() as u64 + framing_bytes, on);
        };
        if stream.received_end {
            return Err(Http2Problem::ClosedStream);
        }
        if !stream.has_head {
            return Err(Http2Problem::Message);
        }
        stream.receive_window -= i64::from(counted);
        if stream.receive_window < 0 {
            return Err(Http2Problem::Window);
        }
        let name = stream.name();
        let more = refill(&mut stream.receive_window, STREAM_WINDOW).filter(|_| !ends);
        let frame = AnswerFrame::Body(AnswerBody { bytes, framing_bytes, frame_ends, ends });
        on(Http2Event::Answer { stream: name, frame });
        if let Some(more) = more {
            self.control(out, |out| write_window_update(id, more, out));
        }
        if ends {
            self.end_of_answer(id, out);
        }
        Ok(())
    }
}
