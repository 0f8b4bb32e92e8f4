//! WebSocket frames (RFC 6455 §5), in whatever pieces they come: data is given without a copy, and
//! every byte is counted by the part that it belongs to.
//!
//! A client reads with [`FrameReader::feed`] and writes with [`write_masked`], a server with
//! [`FrameReader::feed_masked`] and [`write_unmasked`]: frames to a server carry a mask, frames from
//! it do not (§5.1).
//!
//! Once [`FrameReader::take_compressed`] was called, messages may be compressed (RFC 7692): sizes are those on the
//! wire, and the data are the text.

mod header;

pub(crate) use header::HeaderReader;
pub use header::Sender;

use crate::protocol::websocket::deflate_coder::{BadPayload, Inflater};
use header::{COMPRESSED_BIT, FrameHeader};

/// The most bytes of payload of a control frame (§5.5).
const CONTROL_BYTES: usize = 125;

/// What a frame is for (§5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opcode {
    /// More of a message.
    Continuation,
    /// The beginning of a message of text.
    Text,
    /// The beginning of a binary message.
    Binary,
    /// The end of the connection.
    Close,
    /// A question whether the peer is there.
    Ping,
    /// The answer to it.
    Pong,
}

impl Opcode {
    fn of(bits: u8) -> Option<Opcode> {
        Some(match bits {
            0x0 => Opcode::Continuation,
            0x1 => Opcode::Text,
            0x2 => Opcode::Binary,
            0x8 => Opcode::Close,
            0x9 => Opcode::Ping,
            0xa => Opcode::Pong,
            _ => return None,
        })
    }
    fn bits(self) -> u8 {
        match self {
            Opcode::Continuation => 0x0,
            Opcode::Text => 0x1,
            Opcode::Binary => 0x2,
            Opcode::Close => 0x8,
            Opcode::Ping => 0x9,
            Opcode::Pong => 0xa,
        }
    }
    pub(crate) fn is_control(self) -> bool {
        matches!(self, Opcode::Close | Opcode::Ping | Opcode::Pong)
    }
}

/// What a message holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// Text, which is UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

impl MessageKind {
    /// The opcode of a message of this kind.
    pub(crate) fn opcode(self) -> Opcode {
        match self {
            MessageKind::Text => Opcode::Text,
            MessageKind::Binary => Opcode::Binary,
        }
    }
}

/// What a whole message, or a control frame, was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FrameSizes {
    /// Frame headers without masks.
    pub framing: u64,
    /// Masking keys.
    pub masks: u64,
    /// Application data.
    pub payload: u64,
}

impl FrameSizes {
    /// All of it.
    pub fn wire(&self) -> u64 {
        self.framing + self.masks + self.payload
    }
}

/// A data frame whose header has come, and whose payload has not come whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameUnderWay {
    /// Tells it from the frame before it.
    pub number: u32,
    /// How many bytes its payload has.
    pub announced: u64,
    /// How many of them have come.
    pub came: u64,
}

/// Why bytes are not those of a WebSocket connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// A reserved bit is set, and no extension was negotiated that has it (§5.2).
    ReservedBit,
    /// A compressed message is not what its compression says (RFC 7692 §7.2.2).
    BadDeflate,
    /// An opcode that is not defined.
    UnknownOpcode,
    /// A control frame of more than 125 bytes (§5.5).
    LongControlFrame,
    /// A control frame in fragments (§5.5).
    FragmentedControlFrame,
    /// A continuation of nothing (§5.4).
    NothingToContinue,
    /// A new message within another (§5.4).
    UnfinishedMessage,
    /// A masked frame from a server (§5.1).
    Masked,
    /// A frame without a mask from a client (§5.1).
    NotMasked,
    /// A message that is larger than the reader takes.
    TooLarge,
    /// A length with its highest bit set (§5.2).
    BadLength,
    /// A length that is not written in the fewest bytes (§5.2).
    LongLength,
    /// Text that is not UTF-8 (§8.1).
    BadUtf8,
    /// A Close frame with one byte, or with this code, which must not be sent (§7.4).
    BadCloseCode(Option<u16>),
    /// A Close frame with this code whose reason is not UTF-8 (§5.5.1).
    BadCloseReason(u16),
}

impl FrameError {
    /// The code with which the connection is closed (§7.4.1).
    pub fn close_code(self) -> u16 {
        match self {
            FrameError::BadUtf8 | FrameError::BadCloseReason(_) | FrameError::BadDeflate => 1007,
            FrameError::TooLarge => 1009,
            _ => 1002,
        }
    }
}

impl From<BadPayload> for FrameError {
    fn from(BadPayload: BadPayload) -> FrameError {
        FrameError::BadDeflate
    }
}

/// A piece of what comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameItem<'a> {
    /// Data of the current message.
    Data(&'a [u8]),
    /// The message is whole. The last are the bytes of its text if it came compressed.
    MessageEnd(MessageKind, FrameSizes, Option<u64>),
    /// A ping with its payload.
    Ping(&'a [u8], FrameSizes),
    /// A pong.
    Pong(FrameSizes),
    /// The end of the connection, with its code unless it has none, and its reason, which is UTF-8.
    /// Nothing follows.
    Close(Option<u16>, &'a [u8], FrameSizes),
}

/// The payload of a control frame so far.
#[derive(Debug, Default)]
struct PartialControl(Vec<u8>);

/// Reads the compressed messages among those of a connection.
#[derive(Debug)]
struct CompressedMessages {
    inflater: Inflater,
    /// Whether the message under way is one.
    is_current: bool,
    /// Bytes of its text so far.
    text_bytes: u64,
}

impl CompressedMessages {
    /// Reads a piece of the message's payload, or the end if there is none.
    fn feed(
        &mut self,
        data: Option<&[u8]>,
        mut utf8: Option<&mut Utf8>,
        most_bytes: u64,
        on: &mut impl FnMut(FrameItem<'_>),
    ) -> Result<(), FrameError> {
        let CompressedMessages { inflater, text_bytes, .. } = self;
        let mut on = |text: &[u8]| -> Result<(), FrameError> {
            *text_bytes = text_bytes.saturating_add(text.len() as u64);
            if *text_bytes > most_bytes {
                return Err(FrameError::TooLarge);
            }
            if let Some(utf8) = &mut utf8 {
                utf8.feed(text)?;
            }
            on(FrameItem::Data(text));
            Ok(())
        };
        match data {
            Some(data) => inflater.feed(data, &mut on),
            None => inflater.end(&mut on),
        }
    }
}

/// Reads the frames of the other side.
#[derive(Debug, Default)]
pub struct FrameReader {
    header: HeaderReader,
    opcode: Option<Opcode>,
    fin: bool,
    /// Bytes of the current frame's payload still to come.
    left: u64,
    current: FrameSizes,
    /// The data message so far: control frames may come between its fragments.
    message: FrameSizes,
    /// The message that has begun.
    within: Option<MessageKind>,
    utf8: Utf8,
    /// What reads compressed messages, if they may come.
    compressed: Option<Box<CompressedMessages>>,
    /// The payload of a control frame that comes in pieces.
    control: Option<Box<PartialControl>>,
    closed: bool,
    /// Frames that have begun, modulo 2³².
    frames: u32,
}

impl FrameReader {
    /// From the next frame on messages may be compressed, for this inflater.
    pub(crate) fn take_compressed(&mut self, inflater: Inflater) {
        self.header.take_compressed();
        let compressed = CompressedMessages { inflater, is_current: false, text_bytes: 0 };
        self.compressed = Some(Box::new(compressed));
    }

    /// Reads memory that the next frame needs; the value is of no use.
    #[inline]
    pub(crate) fn touch(&self) -> u64 {
        self.left ^ u64::from(self.header.pending()) ^ u64::from(self.closed)
    }

    /// Reads bytes of a server, and calls `on` with what they are. Bytes after a Close frame are
    /// ignored.
    ///
    /// # Errors
    /// If the bytes break the protocol; the reader must not be used any more.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        mut on: impl FnMut(FrameItem<'_>),
    ) -> Result<(), FrameError> {
        while !self.closed {
            let used = self.read_header(bytes, Sender::Server, u64::MAX)?;
            if self.opcode.is_none() {
                return Ok(());
            }
            let (data, rest) = bytes[used..].split_at(self.available(bytes.len() - used));
            bytes = rest;
            if !self.payload(data, u64::MAX, &mut on)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Does the same with bytes of a client, whose masks are removed in place. No message may be
    /// larger than `most_bytes`, nor the text of a compressed one.
    ///
    /// # Errors
    /// If the bytes break the protocol, or a message is too large: that is known once its header
    /// has come, unless it is compressed.
    pub fn feed_masked(
        &mut self,
        mut bytes: &mut [u8],
        most_bytes: u64,
        mut on: impl FnMut(FrameItem<'_>),
    ) -> Result<(), FrameError> {
        while !self.closed {
            let used = self.read_header(bytes, Sender::Client, most_bytes)?;
            if self.opcode.is_none() {
                return Ok(());
            }
            let len = self.available(bytes.len() - used);
            let (data, rest) = std::mem::take(&mut bytes)[used..].split_at_mut(len);
            bytes = rest;
            self.unmask(data);
            if !self.payload(data, most_bytes, &mut on)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Returns how many of so many bytes belong to the current frame.
    fn available(&self, bytes: usize) -> usize {
        self.left.min(bytes as u64) as usize
    }

    /// Removes the mask of the next bytes of the current frame (§5.3).
    fn unmask(&self, data: &mut [u8]) {
        apply_mask(self.header.mask(), self.current.payload - self.left, data);
    }

    /// Takes the next bytes of the current frame's payload. Returns whether the frame is whole.
    fn payload(
        &mut self,
        data: &[u8],
        most_bytes: u64,
        on: &mut impl FnMut(FrameItem<'_>),
    ) -> Result<bool, FrameError> {
        let Some(opcode) = self.opcode else { return Ok(false) };
        self.left -= data.len() as u64;
        if opcode.is_control() {
            if self.left > 0 {
                self.control.get_or_insert_default().0.extend_from_slice(data);
                return Ok(false);
            }
            self.opcode = None;
            match self.control.take() {
                None => self.control_frame(opcode, data, on)?,
                Some(mut partial) => {
                    partial.0.extend_from_slice(data);
                    self.control_frame(opcode, &partial.0, on)?;
                }
            }
            return Ok(true);
        }
        if !data.is_empty() {
            let is_text = self.within == Some(MessageKind::Text);
            let utf8 = is_text.then_some(&mut self.utf8);
            match &mut self.compressed {
                Some(compressed) if compressed.is_current => {
                    compressed.feed(Some(data), utf8, most_bytes, on)?;
                }
                _ => {
                    utf8.map_or(Ok(()), |utf8| utf8.feed(data))?;
                    on(FrameItem::Data(data));
                }
            }
        }
        if self.left > 0 {
            return Ok(false);
        }
        self.end_of_data(most_bytes, on)?;
        Ok(true)
    }

    /// Bytes of incomplete frames and messages.
    pub fn pending(&self) -> u64 {
        let current = if self.opcode.is_some() { self.current.wire() - self.left } else { 0 };
        u64::from(self.header.pending()) + current + self.message.wire()
    }

    /// Returns the data frame that is under way, if one is.
    pub fn frame_under_way(&self) -> Option<FrameUnderWay> {
        self.opcode.filter(|opcode| !opcode.is_control())?;
        let FrameSizes { payload: announced, .. } = self.current;
        Some(FrameUnderWay { number: self.frames, announced, came: announced - self.left })
    }

    /// Whether a message has begun and is not whole.
    pub fn is_within_message(&self) -> bool {
        self.within.is_some()
    }

    /// Reads the header of the next frame unless one is under way. Returns how many of the bytes
    /// belong to it.
    fn read_header(
        &mut self,
        bytes: &[u8],
        sender: Sender,
        most_bytes: u64,
    ) -> Result<usize, FrameError> {
        let mut used = 0;
        if self.opcode.is_none()
            && let Some(header) = self.header.short(bytes, sender)
        {
            self.begin(header, most_bytes)?;
            return Ok(2);
        }
        while self.opcode.is_none()
            && let Some(&byte) = bytes.get(used)
        {
            used += 1;
            if let Some(header) = self.header.feed(byte, sender)? {
                self.begin(header, most_bytes)?;
            }
        }
        Ok(used)
    }

    fn begin(&mut self, header: FrameHeader, most_bytes: u64) -> Result<(), FrameError> {
        let FrameHeader { opcode, fin, is_compressed, sizes } = header;
        self.fin = fin;
        if is_compressed && !matches!(opcode, Opcode::Text | Opcode::Binary) {
            // The bit is the first frame's alone (RFC 7692 §6.1).
            return Err(FrameError::ReservedBit);
        }
        match (opcode, self.within) {
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => {
                if !self.fin {
                    return Err(FrameError::FragmentedControlFrame);
                }
                if sizes.payload > CONTROL_BYTES as u64 {
                    return Err(FrameError::LongControlFrame);
                }
            }
            (Opcode::Continuation, Some(_)) => {}
            (Opcode::Text, None) => self.within = Some(MessageKind::Text),
            (Opcode::Binary, None) => self.within = Some(MessageKind::Binary),
            (Opcode::Continuation, None) => return Err(FrameError::NothingToContinue),
            (Opcode::Text | Opcode::Binary, Some(_)) => return Err(FrameError::UnfinishedMessage),
        }
        if !opcode.is_control() && self.message.payload.saturating_add(sizes.payload) > most_bytes {
            return Err(FrameError::TooLarge);
        }
        if let Some(compressed) = &mut self.compressed
            && matches!(opcode, Opcode::Text | Opcode::Binary)
        {
            compressed.is_current = is_compressed;
            compressed.text_bytes = 0;
        }
        self.current = sizes;
        self.left = sizes.payload;
        self.opcode = Some(opcode);
        self.frames = self.frames.wrapping_add(1);
        Ok(())
    }

    fn end_of_data(
        &mut self,
        most_bytes: u64,
        on: &mut impl FnMut(FrameItem<'_>),
    ) -> Result<(), FrameError> {
        self.opcode = None;
        self.message.framing += self.current.framing;
        self.message.masks += self.current.masks;
        self.message.payload = self.message.payload.saturating_add(self.current.payload);
        if self.fin
            && let Some(kind) = self.within.take()
        {
            let mut text_bytes = None;
            if let Some(compressed) = self.compressed.as_mut().filter(|all| all.is_current) {
                let utf8 = (kind == MessageKind::Text).then_some(&mut self.utf8);
                compressed.feed(None, utf8, most_bytes, on)?;
                text_bytes = Some(compressed.text_bytes);
            }
            if kind == MessageKind::Text {
                std::mem::take(&mut self.utf8).end()?;
            }
            on(FrameItem::MessageEnd(kind, std::mem::take(&mut self.message), text_bytes));
        }
        Ok(())
    }

    fn control_frame(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        on: &mut impl FnMut(FrameItem<'_>),
    ) -> Result<(), FrameError> {
        match opcode {
            Opcode::Ping => on(FrameItem::Ping(payload, self.current)),
            Opcode::Pong => on(FrameItem::Pong(self.current)),
            _ => {
                let code = close_code(payload)?;
                self.closed = true;
                on(FrameItem::Close(code, payload.get(2..).unwrap_or_default(), self.current));
            }
        }
        Ok(())
    }
}

/// Returns the code of a Close frame (§5.5.1, §7.4).
fn close_code(payload: &[u8]) -> Result<Option<u16>, FrameError> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() { Ok(None) } else { Err(FrameError::BadCloseCode(None)) };
    };
    let code = u16::from_be_bytes(*code);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(FrameError::BadCloseCode(Some(code)));
    }
    std::str::from_utf8(reason).map_err(|_| FrameError::BadCloseReason(code))?;
    Ok(Some(code))
}

/// Checks UTF-8 in pieces.
#[derive(Debug, Default)]
struct Utf8 {
    /// The beginning of a character that the last piece cut.
    cut: [u8; 4],
    len: u8,
}

impl Utf8 {
    fn feed(&mut self, mut bytes: &[u8]) -> Result<(), FrameError> {
        // Most messages are; it is found many bytes at a time.
        if self.len == 0 && bytes.is_ascii() {
            return Ok(());
        }
        while self.len > 0 {
            let Some((&byte, rest)) = bytes.split_first() else { return Ok(()) };
            bytes = rest;
            self.cut[usize::from(self.len)] = byte;
            self.len += 1;
            match std::str::from_utf8(&self.cut[..usize::from(self.len)]) {
                Ok(_) => self.len = 0,
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return Err(FrameError::BadUtf8),
            }
        }
        match std::str::from_utf8(bytes) {
            Ok(_) => Ok(()),
            Err(error) if error.error_len().is_none() => {
                let cut = &bytes[error.valid_up_to()..];
                self.cut[..cut.len()].copy_from_slice(cut);
                self.len = cut.len() as u8;
                Ok(())
            }
            Err(_) => Err(FrameError::BadUtf8),
        }
    }
    fn end(self) -> Result<(), FrameError> {
        if self.len == 0 { Ok(()) } else { Err(FrameError::BadUtf8) }
    }
}

/// Appends the frame of a client: final, with a mask. Returns what it is made of.
pub(crate) fn write_masked(
    opcode: Opcode,
    mask: [u8; 4],
    payload: &[u8],
    out: &mut Vec<u8>,
) -> FrameSizes {
    let framing = write_header(opcode, 0x80, payload.len(), out);
    out.extend_from_slice(&mask);
    let from = out.len();
    out.extend_from_slice(payload);
    apply_mask(mask, 0, &mut out[from..]);
    FrameSizes { framing, masks: 4, payload: payload.len() as u64 }
}

/// Appends the frame of a server: final, without a mask.
pub(crate) fn write_unmasked(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    write_header(opcode, 0, payload.len(), out);
    out.extend_from_slice(payload);
}

/// Marks a frame as the only one of a compressed message (RFC 7692 §6).
pub(crate) fn mark_compressed(frame: &mut [u8]) {
    if let Some(first) = frame.first_mut() {
        *first |= COMPRESSED_BIT;
    }
}

/// Appends a frame's header up to its mask (§5.2). Returns its length.
fn write_header(opcode: Opcode, mask_bit: u8, payload_bytes: usize, out: &mut Vec<u8>) -> u64 {
    let before = out.len();
    out.push(0x80 | opcode.bits());
    match payload_bytes {
        short @ 0..=125 => out.push(mask_bit | short as u8),
        middle @ 126..=65_535 => {
            out.push(mask_bit | 126);
            out.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            out.push(mask_bit | 127);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    (out.len() - before) as u64
}

/// Applies a masking key to bytes of a payload that begin at `offset`, or removes it (§5.3).
fn apply_mask(mut key: [u8; 4], offset: u64, data: &mut [u8]) {
    key.rotate_left((offset % 4) as usize);
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = data.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests;
