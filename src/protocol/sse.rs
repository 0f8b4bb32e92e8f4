//! Reads an event stream, `text/event-stream` (WHATWG HTML §9.2.5 and §9.2.6), in whatever pieces it
//! comes, and counts every byte as data, framing or control.
//!
//! The parser keeps state and no lines: a field's value is used as it comes, and the data of an event
//! that was read in one piece are given without a copy.
//!
//! There are three differences from the standard:
//!
//! * Bytes are not decoded: an ill-formed sequence is given as it came, not as U+FFFD.
//! * What is kept is bounded, because a server may never end a line: see [`StreamEvent::data`],
//!   [`StreamEvent::kind`] and [`Parser::last_event_id`].
//! * The last event id survives a reconnect even if the new connection's first event has no `id`,
//!   as in browsers.

use std::ops::Range;

/// What is kept of an event's data unless the caller says otherwise, in bytes.
pub(crate) const DATA_KEPT_BYTES: u32 = 4096;
/// What is kept of an event's type, in bytes.
pub(crate) const KIND_KEPT_BYTES: usize = 256;
/// The longest id that is accepted, in bytes.
pub const ID_LIMIT_BYTES: usize = 1024;
/// A buffer that has grown beyond this is freed once its event is over; a smaller one is kept for
/// the next event.
const RETAINED_BYTES: usize = 4096;
/// What is kept of a field's name, in bytes: more than the longest known one has, for a message about others.
const NAME_BYTES: usize = 8;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What an event, or a part of the stream between two events, was made of, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventSizes {
    /// Field names, colons, the space after one, line ends, other fields than data, the byte order
    /// mark.
    pub framing: u64,
    /// Comments with their line ends.
    pub control: u64,
    /// The data, with the LF between two lines of it.
    pub payload: u64,
}

impl EventSizes {
    /// All of it.
    pub fn wire(&self) -> u64 {
        self.framing + self.control + self.payload
    }
}

/// An event that is dispatched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamEvent<'a> {
    /// The data, or the beginning of them if they are longer than the parser keeps:
    /// [`EventSizes::payload`] has their whole length.
    pub data: &'a [u8],
    /// The type: `message` if the stream names none. Of a longer one the first
    /// [`KIND_KEPT_BYTES`] are kept.
    pub kind: &'a [u8],
    /// The id of this event, or of the last before it that had one.
    pub last_event_id: &'a [u8],
    /// What it was made of. The LF after a CR that ended the event is not among it.
    pub sizes: EventSizes,
}

/// What the parser found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamItem<'a> {
    /// An event with data.
    Event(StreamEvent<'a>),
    /// So many bytes of lines up to an empty one with no data among them, as a comment that keeps the
    /// connection alive: they bring no event.
    Control(u64),
    /// The LF after a CR that ended an event, since the event does not wait for what may never come.
    Framing(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Data,
    Event,
    Id,
    Retry,
    /// A comment or an unknown field.
    Ignored,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LinePosition {
    /// Within a field's name; at a line's beginning if it has no byte yet.
    Name,
    /// After the colon, at which one space does not count.
    Space(Field),
    /// Within a field's value.
    Value(Field),
}

/// The beginning of a field's name.
#[derive(Debug)]
struct FieldName {
    bytes: [u8; NAME_BYTES],
    len: u8,
}

/// Reads one event stream after another.
#[derive(Debug)]
pub struct Parser {
    at: LinePosition,
    /// The name so far; of a longer one than is kept only that it is longer.
    name: [u8; NAME_BYTES],
    name_len: u8,
    /// Within the first line, which may begin with a byte order mark.
    first_line: bool,
    /// The last byte was a CR: a LF now belongs to the same line end.
    after_cr: bool,
    /// The line is a comment, or the last one was if none has begun.
    comment: bool,
    /// The last empty line ended lines without data.
    ended_control: bool,
    /// A data field has come since the last empty line.
    has_data: bool,
    /// `id` holds one that is not dispatched yet.
    has_id: bool,
    /// The value of an `id` or `retry` field is acceptable so far.
    acceptable: bool,
    keep: u32,
    /// What came since the last event.
    sizes: EventSizes,
    retry_ms: Option<u64>,
    /// The digits of a `retry` field so far, if it has any.
    digits: u64,
    has_digits: bool,
    /// Data of the event so far, unless they are in one piece of what is being fed.
    data: Vec<u8>,
    kind: Vec<u8>,
    /// An incomplete id.
    value: Vec<u8>,
    /// The last event id buffer (§9.2.6); valid if `has_id`.
    id: Vec<u8>,
    last_event_id: Vec<u8>,
    /// The beginning of the first field's name that is none of an event stream.
    unknown: Option<Box<FieldName>>,
}

impl Default for Parser {
    fn default() -> Self {
        Parser::keeping(DATA_KEPT_BYTES)
    }
}

impl Parser {
    /// Keeps so many bytes of an event's data from now on.
    pub(crate) fn keep(&mut self, data_bytes: u32) {
        self.keep = data_bytes;
    }

    /// A parser that keeps so many bytes of an event's data.
    pub fn keeping(data_bytes: u32) -> Parser {
        Parser {
            at: LinePosition::Name,
            name: [0; NAME_BYTES],
            name_len: 0,
            first_line: true,
            after_cr: false,
            comment: false,
            ended_control: false,
            has_data: false,
            has_id: false,
            acceptable: true,
            keep: data_bytes,
            sizes: EventSizes::default(),
            retry_ms: None,
            digits: 0,
            has_digits: false,
            data: Vec::new(),
            kind: Vec::new(),
            value: Vec::new(),
            id: Vec::new(),
            last_event_id: Vec::new(),
            unknown: None,
        }
    }

    /// Parses bytes, and calls `on` with what they complete. The sizes of all of that and
    /// [`Parser::pending`] add up to the bytes that were fed.
    pub fn feed(&mut self, bytes: &[u8], mut on: impl FnMut(StreamItem<'_>)) {
        // The data of the event so far in `bytes`; empty if they are in `self.data`.
        let mut span = 0..0;
        let mut at = 0;
        while at < bytes.len() {
            let byte = bytes[at];
            let after_cr = std::mem::take(&mut self.after_cr);
            if after_cr && byte == b'\n' {
                self.rest_of_line_end(&mut on);
                at += 1;
                continue;
            }
            match self.at {
                LinePosition::Name => {
                    self.comment = byte == b':' && self.name_len == 0;
                    self.add_to_line(1);
                    at += 1;
                    match byte {
                        b'\r' | b'\n' => self.end_line(byte, bytes, &mut span, &mut on),
                        b':' => {
                            let field = self.field();
                            self.begin(field, bytes, &mut span);
                            self.at = LinePosition::Space(field);
                        }
                        _ => self.name_byte(byte),
                    }
                }
                LinePosition::Space(field) => {
                    self.at = LinePosition::Value(field);
                    if byte == b' ' {
                        self.add_to_line(1);
                        at += 1;
                    }
                }
                LinePosition::Value(_) if matches!(byte, b'\r' | b'\n') => {
                    self.add_to_line(1);
                    at += 1;
                    self.end_line(byte, bytes, &mut span, &mut on);
                }
                LinePosition::Value(field) => {
                    let end = end_of_line(bytes, at);
                    self.value(field, bytes, at..end, &mut span);
                    at = end;
                }
            }
        }
        self.spill(bytes, &mut span);
    }

    /// Bytes of the event, or of the framing between two events, that has not come whole.
    pub fn pending(&self) -> u64 {
        self.sizes.wire()
    }

    /// Whether the end of the stream would discard data (§9.2.6), or cut a line that data may follow. Whole
    /// lines without data bring no message: `id`, `event`, `retry`, comments, unknown fields.
    pub fn would_lose(&self) -> bool {
        let in_line = match self.at {
            LinePosition::Name => self.name_len > 0,
            LinePosition::Space(field) | LinePosition::Value(field) => {
                matches!(field, Field::Data | Field::Event | Field::Id)
            }
        };
        in_line || self.has_data
    }

    /// The id of the last event that had one: what a reconnect sends as `Last-Event-ID`
    /// (§9.2.4). An id longer than [`ID_LIMIT_BYTES`] is ignored, as one with a NUL is: half an
    /// id would name another event.
    pub fn last_event_id(&self) -> &[u8] {
        &self.last_event_id
    }

    /// The beginning of the first field's name in this stream that is none of an event stream: such lines say
    /// nothing (§9.2.6).
    pub(crate) fn unknown_field(&self) -> Option<&[u8]> {
        self.unknown.as_ref().map(|name| &name.bytes[..usize::from(name.len)])
    }

    /// The reconnection time that the stream asked for, in milliseconds; the greatest number if
    /// it asked for more.
    pub fn retry_ms(&self) -> Option<u64> {
        self.retry_ms
    }

    /// The connection is over: an incomplete event is discarded, and what comes next begins a
    /// stream. Last event id and reconnection time stay. Says how many bytes were pending.
    pub fn end(&mut self) -> u64 {
        let pending = self.pending();
        let ended = std::mem::replace(self, Parser::keeping(self.keep));
        self.last_event_id = ended.last_event_id;
        self.retry_ms = ended.retry_ms;
        pending
    }

    /// The LF of a CR LF whose CR has already ended the line.
    fn rest_of_line_end(&mut self, on: &mut impl FnMut(StreamItem<'_>)) {
        if self.pending() == 0 {
            // The line was the empty one.
            on(if self.ended_control { StreamItem::Control(1) } else { StreamItem::Framing(1) });
        } else {
            self.add_to_line(1);
        }
    }

    /// Counts bytes of a line that are not data.
    fn add_to_line(&mut self, bytes: u64) {
        let sizes = &mut self.sizes;
        *(if self.comment { &mut sizes.control } else { &mut sizes.framing }) += bytes;
    }

    fn name_byte(&mut self, byte: u8) {
        if let Some(slot) = self.name.get_mut(usize::from(self.name_len)) {
            *slot = byte;
        }
        self.name_len = (self.name_len + 1).min(NAME_BYTES as u8 + 1);
        if self.first_line && self.name.get(..usize::from(self.name_len)) == Some(BYTE_ORDER_MARK) {
            self.first_line = false;
            self.name_len = 0;
        }
    }

    /// The field whose name has come whole; without a name it is a comment.
    fn field(&self) -> Field {
        match self.name.get(..usize::from(self.name_len)) {
            Some(b"data") => Field::Data,
            Some(b"event") => Field::Event,
            Some(b"id") => Field::Id,
            Some(b"retry") => Field::Retry,
            _ => Field::Ignored,
        }
    }

    /// A field's name is over and its value begins.
    fn begin(&mut self, field: Field, bytes: &[u8], span: &mut Range<usize>) {
        self.acceptable = true;
        match field {
            Field::Data => {
                if self.has_data {
                    // A byte of the line end before is the LF between two lines of data.
                    self.sizes.framing -= 1;
                    self.sizes.payload += 1;
                    self.spill(bytes, span);
                    self.keep_data(b"\n");
                }
                self.has_data = true;
            }
            Field::Event => self.kind.clear(),
            Field::Id => self.value.clear(),
            Field::Retry => {
                self.digits = 0;
                self.has_digits = false;
            }
            Field::Ignored => {}
        }
    }

    /// A piece of a field's value, which is not empty.
    fn value(&mut self, field: Field, bytes: &[u8], range: Range<usize>, span: &mut Range<usize>) {
        let piece = &bytes[range.clone()];
        let len = piece.len() as u64;
        if field != Field::Data {
            self.add_to_line(len);
        }
        match field {
            Field::Data => {
                if self.sizes.payload == 0 {
                    *span = range;
                } else {
                    self.keep_data(piece);
                }
                self.sizes.payload += len;
            }
            Field::Event => {
                let room = KIND_KEPT_BYTES.saturating_sub(self.kind.len());
                self.kind.extend_from_slice(&piece[..room.min(piece.len())]);
            }
            Field::Id => {
                self.acceptable &=
                    !piece.contains(&0) && self.value.len() + piece.len() <= ID_LIMIT_BYTES;
                if self.acceptable {
                    self.value.extend_from_slice(piece);
                }
            }
            Field::Retry => {
                for &byte in piece {
                    self.acceptable &= byte.is_ascii_digit();
                    let digit = u64::from(byte.wrapping_sub(b'0'));
                    self.digits = self.digits.saturating_mul(10).saturating_add(digit);
                    self.has_digits = true;
                }
            }
            Field::Ignored => {}
        }
    }

    /// A line is over, by a CR or LF that has been counted.
    fn end_line(
        &mut self,
        byte: u8,
        bytes: &[u8],
        span: &mut Range<usize>,
        on: &mut impl FnMut(StreamItem<'_>),
    ) {
        self.after_cr = byte == b'\r';
        self.first_line = false;
        let field = match self.at {
            LinePosition::Name if self.name_len == 0 => return self.end_event(bytes, span, on),
            LinePosition::Name => {
                // A name without a colon is a field with an empty value.
                let field = self.field();
                self.begin(field, bytes, span);
                field
            }
            LinePosition::Space(field) | LinePosition::Value(field) => field,
        };
        match field {
            Field::Id if self.acceptable => {
                std::mem::swap(&mut self.id, &mut self.value);
                self.has_id = true;
            }
            Field::Retry if self.acceptable && self.has_digits => {
                self.retry_ms = Some(self.digits);
            }
            // A comment has no name.
            Field::Ignored if self.name_len > 0 && self.unknown.is_none() => {
                let len = self.name_len.min(NAME_BYTES as u8);
                self.unknown = Some(Box::new(FieldName { bytes: self.name, len }));
            }
            _ => {}
        }
        self.name_len = 0;
        self.at = LinePosition::Name;
    }

    /// An empty line has come: the event is dispatched if it has data (§9.2.6).
    fn end_event(
        &mut self,
        bytes: &[u8],
        span: &mut Range<usize>,
        on: &mut impl FnMut(StreamItem<'_>),
    ) {
        if std::mem::take(&mut self.has_id) {
            std::mem::swap(&mut self.last_event_id, &mut self.id);
        }
        let sizes = std::mem::take(&mut self.sizes);
        self.ended_control = !self.has_data;
        if std::mem::take(&mut self.has_data) {
            let whole = &bytes[std::mem::take(span)];
            let direct = &whole[..whole.len().min(self.keep as usize)];
            on(StreamItem::Event(StreamEvent {
                data: if whole.is_empty() { &self.data } else { direct },
                kind: if self.kind.is_empty() { b"message" } else { &self.kind },
                last_event_id: &self.last_event_id,
                sizes,
            }));
        } else {
            on(StreamItem::Control(sizes.wire()));
        }
        self.kind.clear();
        self.data.clear();
        if self.data.capacity() > RETAINED_BYTES {
            self.data = Vec::new();
        }
    }

    /// Copies data that lie in what is being fed: they do not lie there any longer, or not alone.
    fn spill(&mut self, bytes: &[u8], span: &mut Range<usize>) {
        self.keep_data(&bytes[std::mem::take(span)]);
    }

    fn keep_data(&mut self, piece: &[u8]) {
        let room = (self.keep as usize).saturating_sub(self.data.len());
        self.data.extend_from_slice(&piece[..room.min(piece.len())]);
    }
}

/// Where the line that `from` is in ends within `bytes`.
fn end_of_line(bytes: &[u8], from: usize) -> usize {
    let rest = &bytes[from..];
    from + rest.iter().position(|b| matches!(b, b'\r' | b'\n')).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_does_not_wait_for_the_lf_after_its_cr() {
        let mut parser = Parser::default();
        let mut found = Vec::new();
        let mut feed = |bytes: &[u8]| {
            parser.feed(bytes, |f| found.push(matches!(f, StreamItem::Event(_))));
            (std::mem::take(&mut found), parser.pending())
        };
        assert_eq!(feed(b"data: a\r\n\r"), (vec![true], 0));
        assert_eq!(feed(b"\n"), (vec![false], 0));
        assert_eq!(feed(b"data: b\r"), (vec![], 8));
        assert_eq!(feed(b"\n"), (vec![], 9));
        assert_eq!(feed(b"\r"), (vec![true], 0));
    }

    /// A byte order mark is one at the beginning of the stream alone.
    #[test]
    fn the_first_field_that_is_unknown_is_known_by_its_name() {
        let of = |text: &str, size| {
            let mut parser = Parser::default();
            text.as_bytes().chunks(size).for_each(|piece| parser.feed(piece, |_| {}));
            parser.unknown_field().map(|name| String::from_utf8_lossy(name).into_owned())
        };
        let named = |name: &str| Some(name.to_owned());
        for size in [1, 3, 100] {
            assert_eq!(of("\u{feff}data: a\nid\nevent:\nretry: x\n: c\n:\n\n", size), None);
            assert_eq!(of("data: a\n\n\u{feff}data: b\n\nX: y\n", size), named("\u{feff}data"));
            assert_eq!(of("datax\n", size), named("datax"));
            assert_eq!(of("abcdefghijklmnopqr: a\n", size), named("abcdefgh"));
        }
    }

    #[test]
    fn what_survives_a_connection_is_id_and_retry() {
        let mut parser = Parser::default();
        parser.feed(b"retry: 250\nid: 1\ndata\n\nid: 2\nevent: x\ndata: lost\n", |_| {});
        assert_eq!((parser.last_event_id(), parser.retry_ms()), (&b"1"[..], Some(250)));
        assert_eq!((parser.end(), parser.pending()), (26, 0));
        parser.feed(b"\xef\xbb\xbfdata: new\n\n", |found| {
            let StreamItem::Event(event) = found else { panic!("{found:?}") };
            assert_eq!((event.kind, event.data), (&b"message"[..], &b"new"[..]));
            assert_eq!(event.last_event_id, b"1");
        });
        for ignored in ["retry\n", "retry:\n", "retry: 1 \n", "retry: -1\n", "retry:  1\n"] {
            parser.feed(ignored.as_bytes(), |_| {});
            assert_eq!(parser.retry_ms(), Some(250), "{ignored}");
        }
        parser.feed(b"retry:99999999999999999999\n", |_| {});
        assert_eq!(parser.retry_ms(), Some(u64::MAX));
    }

    #[test]
    fn what_never_ends_is_counted_and_not_kept() {
        let block = [b'x'; 1 << 16];
        for begin in ["data:", "event:", "id:", "retry:", ":", "", "data:\ndata:"] {
            let mut parser = Parser::keeping(100);
            parser.feed(begin.as_bytes(), |_| {});
            for _ in 0..64 {
                parser.feed(&block, |found| panic!("{found:?}"));
            }
            assert_eq!(parser.pending(), begin.len() as u64 + (64 << 16));
            let kept = [&parser.data, &parser.kind, &parser.value, &parser.id];
            assert!(kept.iter().all(|buffer| buffer.capacity() <= 2 * ID_LIMIT_BYTES), "{begin}");
        }
        let mut parser = Parser::keeping(100);
        let stream = [b"data:", &block[..], b"\n\n"].concat();
        for cut in [stream.len(), 1000] {
            let mut seen = 0;
            for piece in stream.chunks(cut) {
                parser.feed(piece, |found| {
                    let StreamItem::Event(event) = found else { panic!("{found:?}") };
                    assert_eq!(event.data, &block[..100]);
                    assert_eq!((event.sizes.framing, event.sizes.payload), (7, 1 << 16));
                    seen += 1;
                });
            }
            assert_eq!(seen, 1);
        }
    }

    #[test]
    fn the_end_loses_data_and_cut_lines_and_nothing_else() {
        let would_lose = |stream: &[u8]| {
            let mut parser = Parser::default();
            stream.chunks(1).for_each(|piece| parser.feed(piece, |_| {}));
            parser.would_lose()
        };
        let lost =
            ["d", "data", "data:", "data: x", "data: x\n", "data\n", "i", "id: 7", "event: a"];
        for begun in lost {
            for before in ["", "data: x\n\n", ": comment\n", "id: 7\nevent: a\n"] {
                assert!(would_lose([before, begun].concat().as_bytes()), "{before:?} {begun:?}");
            }
        }
        let nothing = ["", "\n", "\r", "\r\n", ": bye", ": bye\n", "retry: 5\n", "other: x\n"];
        let no_data = ["id: 7\n", "event: a\r\n", "id\n", "id: 7\nevent: a\n: bye\nretry: 5\n"];
        for more in nothing.into_iter().chain(no_data) {
            for before in ["", "data: x\n\n", "id: 7\nevent: a\ndata: x\n\n", "id: 7\n\n"] {
                assert!(!would_lose([before, more].concat().as_bytes()), "{before:?} {more:?}");
            }
        }
    }

    #[test]
    fn an_idle_parser_is_small() {
        assert!(std::mem::size_of::<Parser>() <= 200, "{}", std::mem::size_of::<Parser>());
        let mut parser = Parser::default();
        parser.feed(b"data: whole\n\n", |_| {});
        // An event that lies whole in what was read is not copied.
        assert_eq!(parser.data.capacity(), 0);
    }

    #[test]
    fn buffers_are_kept_for_the_next_event() {
        let mut parser = Parser::default();
        let buffers = |parser: &mut Parser, id: u32| {
            let event = format!("event: tick\nid: {id:06}\ndata: {id:030}\ndata: x\n\n");
            event.as_bytes().chunks(7).for_each(|piece| parser.feed(piece, |_| {}));
            let mut ids = [&parser.value, &parser.id, &parser.last_event_id].map(Vec::as_ptr);
            ids.sort();
            (parser.data.as_ptr(), parser.kind.as_ptr(), ids)
        };
        // The first events make the buffers, the ids' three in turn.
        let made = (0..4).map(|id| buffers(&mut parser, id)).last();
        assert!((4..50).all(|id| Some(buffers(&mut parser, id)) == made));
    }
}
