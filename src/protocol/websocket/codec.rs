//! WebSocket frames (RFC 6455 §5), in whatever pieces they come: data is given without a copy, and
//! every byte is counted by the part that it belongs to.
//!
//! The reader is that of a client: frames from the server carry no mask.

/// The most bytes of payload of a control frame (§5.5).
const CONTROL_BYTES: usize = 125;

/// What a frame is for (§5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
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
    fn is_control(self) -> bool {
        matches!(self, Opcode::Close | Opcode::Ping | Opcode::Pong)
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

/// Why bytes are not those of a WebSocket connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// A reserved bit is set, and no extension was negotiated (§5.2).
    ReservedBit,
    /// An opcode that is not defined.
    UnknownOpcode,
    /// A control frame that is fragmented or longer than 125 bytes (§5.5).
    BadControlFrame,
    /// A continuation of nothing, or a new message within another (§5.4).
    BadFragment,
    /// A masked frame from a server (§5.1).
    Masked,
    /// A length with its highest bit set (§5.2).
    BadLength,
    /// Text that is not UTF-8 (§8.1).
    BadUtf8,
    /// A Close frame with one byte, or with a code that must not be sent (§7.4).
    BadCloseCode,
}

impl FrameError {
    /// The code with which the connection is closed (§7.4.1).
    pub fn close_code(self) -> u16 {
        if self == FrameError::BadUtf8 { 1007 } else { 1002 }
    }
}

/// A piece of what comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameItem<'a> {
    /// Data of the current message.
    Data(&'a [u8]),
    /// The message is whole.
    MessageEnd(FrameSizes),
    /// A ping with its payload.
    Ping(&'a [u8], FrameSizes),
    /// A pong.
    Pong(FrameSizes),
    /// The end of the connection, with its code unless it has none. Nothing follows.
    Close(Option<u16>, FrameSizes),
}

/// Reads the frames of a server.
#[derive(Debug, Default)]
pub struct FrameReader {
    /// Bytes of a header so far.
    header: [u8; 10],
    have: u8,
    opcode: Option<Opcode>,
    fin: bool,
    /// Bytes of the current frame's payload still to come.
    left: u64,
    current: FrameSizes,
    /// The data message so far: control frames may come between its fragments.
    message: FrameSizes,
    /// Whether a message has begun, and whether it is text.
    within: Option<Within>,
    utf8: Utf8,
    /// The payload of a control frame that comes in pieces.
    control: Vec<u8>,
    closed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Text,
    Binary,
}

impl FrameReader {
    /// Reads bytes, and calls `on` with what they are. Bytes after a Close frame are ignored.
    ///
    /// # Errors
    /// If the bytes break the protocol; the reader must not be used any more.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        mut on: impl FnMut(FrameItem<'_>),
    ) -> Result<(), FrameError> {
        while !self.closed {
            let Some(opcode) = self.opcode else {
                let Some((&byte, rest)) = bytes.split_first() else { return Ok(()) };
                bytes = rest;
                self.header_byte(byte)?;
                continue;
            };
            let n = self.left.min(bytes.len() as u64) as usize;
            let (data, rest) = bytes.split_at(n);
            bytes = rest;
            self.left -= n as u64;
            if opcode.is_control() {
                if self.left > 0 {
                    self.control.extend_from_slice(data);
                    return Ok(());
                }
                self.opcode = None;
                if self.control.is_empty() {
                    self.control_frame(opcode, data, &mut on)?;
                } else {
                    let mut whole = std::mem::take(&mut self.control);
                    whole.extend_from_slice(data);
                    self.control_frame(opcode, &whole, &mut on)?;
                }
                continue;
            }
            if !data.is_empty() {
                if self.within == Some(Within::Text) {
                    self.utf8.feed(data)?;
                }
                on(FrameItem::Data(data));
            }
            if self.left > 0 {
                return Ok(());
            }
            self.end_of_data(&mut on)?;
        }
        Ok(())
    }

    /// Bytes of incomplete frames and messages.
    pub fn pending(&self) -> u64 {
        let current = if self.opcode.is_some() { self.current.wire() - self.left } else { 0 };
        u64::from(self.have) + current + self.message.wire()
    }

    /// Whether a message has begun and is not whole.
    pub fn is_within_message(&self) -> bool {
        self.within.is_some()
    }

    fn header_byte(&mut self, byte: u8) -> Result<(), FrameError> {
        self.header[usize::from(self.have)] = byte;
        self.have += 1;
        let header = &self.header;
        if self.have < 2 {
            if byte & 0x70 != 0 {
                return Err(FrameError::ReservedBit);
            }
            return Opcode::of(byte & 0x0f).map(|_| ()).ok_or(FrameError::UnknownOpcode);
        }
        if header[1] & 0x80 != 0 {
            return Err(FrameError::Masked);
        }
        let length = header[1] & 0x7f;
        let needed = match length {
            126 => 4,
            127 => 10,
            _ => 2,
        };
        if self.have < needed {
            return Ok(());
        }
        let payload = match length {
            126 => u64::from(u16::from_be_bytes([header[2], header[3]])),
            127 => {
                let [_, _, bytes @ ..] = *header;
                u64::from_be_bytes(bytes)
            }
            short => u64::from(short),
        };
        if payload >> 63 != 0 {
            return Err(FrameError::BadLength);
        }
        self.begin(header[0], payload)
    }

    fn begin(&mut self, first: u8, payload: u64) -> Result<(), FrameError> {
        let opcode = Opcode::of(first & 0x0f).ok_or(FrameError::UnknownOpcode)?;
        self.fin = first & 0x80 != 0;
        match (opcode, self.within) {
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => {
                if !self.fin || payload > CONTROL_BYTES as u64 {
                    return Err(FrameError::BadControlFrame);
                }
            }
            (Opcode::Continuation, Some(_)) => {}
            (Opcode::Text, None) => self.within = Some(Within::Text),
            (Opcode::Binary, None) => self.within = Some(Within::Binary),
            (Opcode::Continuation, None) | (Opcode::Text | Opcode::Binary, Some(_)) => {
                return Err(FrameError::BadFragment);
            }
        }
        self.current = FrameSizes { framing: self.have.into(), masks: 0, payload };
        self.have = 0;
        self.left = payload;
        self.opcode = Some(opcode);
        Ok(())
    }

    fn end_of_data(&mut self, on: &mut impl FnMut(FrameItem<'_>)) -> Result<(), FrameError> {
        self.opcode = None;
        self.message.framing += self.current.framing;
        self.message.payload = self.message.payload.saturating_add(self.current.payload);
        if self.fin {
            if self.within.take() == Some(Within::Text) {
                std::mem::take(&mut self.utf8).end()?;
            }
            on(FrameItem::MessageEnd(std::mem::take(&mut self.message)));
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
                on(FrameItem::Close(code, self.current));
            }
        }
        Ok(())
    }
}

/// Returns the code of a Close frame (§5.5.1, §7.4).
fn close_code(payload: &[u8]) -> Result<Option<u16>, FrameError> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() { Ok(None) } else { Err(FrameError::BadCloseCode) };
    };
    let code = u16::from_be_bytes(*code);
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(FrameError::BadCloseCode);
    }
    std::str::from_utf8(reason).map_err(|_| FrameError::BadUtf8)?;
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
pub fn write_masked(
    opcode: Opcode,
    mask: [u8; 4],
    payload: &[u8],
    out: &mut Vec<u8>,
) -> FrameSizes {
    let before = out.len();
    out.push(0x80 | opcode.bits());
    match payload.len() {
        short @ 0..=125 => out.push(0x80 | short as u8),
        middle @ 126..=65_535 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    let framing = (out.len() - before) as u64;
    out.extend_from_slice(&mask);
    let from = out.len();
    out.extend_from_slice(payload);
    for (byte, mask) in out[from..].iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
    FrameSizes { framing, masks: 4, payload: payload.len() as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone, PartialEq, Eq)]
    enum Found {
        Message(Vec<u8>, FrameSizes),
        Ping(Vec<u8>),
        Pong,
        Close(Option<u16>),
    }

    fn read(pieces: &[&[u8]]) -> (Vec<Found>, Result<(), FrameError>, u64) {
        let mut reader = FrameReader::default();
        let (mut found, mut data) = (Vec::new(), Vec::new());
        let mut result = Ok(());
        for piece in pieces {
            result = reader.feed(piece, |item| match item {
                FrameItem::Data(bytes) => data.extend_from_slice(bytes),
                FrameItem::MessageEnd(sizes) => {
                    found.push(Found::Message(std::mem::take(&mut data), sizes));
                }
                FrameItem::Ping(payload, _) => found.push(Found::Ping(payload.to_vec())),
                FrameItem::Pong(_) => found.push(Found::Pong),
                FrameItem::Close(code, _) => found.push(Found::Close(code)),
            });
            if result.is_err() {
                break;
            }
        }
        (found, result, reader.pending())
    }

    /// A frame of a server.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![first];
        match payload.len() {
            n @ 0..=125 => out.push(n as u8),
            n @ 126..=65_535 => {
                out.push(126);
                out.extend_from_slice(&(n as u16).to_be_bytes());
            }
            n => {
                out.push(127);
                out.extend_from_slice(&(n as u64).to_be_bytes());
            }
        }
        out.extend_from_slice(payload);
        out
    }

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        // RFC 6455 §5.7.
        let hello = [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
        let sizes = FrameSizes { framing: 2, masks: 0, payload: 5 };
        assert_eq!(read(&[&hello]).0, [Found::Message(b"Hello".to_vec(), sizes)]);
        let fragments = [0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f];
        let sizes = FrameSizes { framing: 4, masks: 0, payload: 5 };
        assert_eq!(read(&[&fragments]).0, [Found::Message(b"Hello".to_vec(), sizes)]);
        let ping = [0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
        assert_eq!(read(&[&ping]).0, [Found::Ping(b"Hello".to_vec())]);
        let mut masked = Vec::new();
        write_masked(Opcode::Text, [0x37, 0xfa, 0x21, 0x3d], b"Hello", &mut masked);
        assert_eq!(masked, [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }

    #[test]
    fn lengths_step_at_126_and_65536() {
        for (len, framing) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let payload = vec![b'x'; len];
            let sizes = FrameSizes { framing, masks: 0, payload: len as u64 };
            let found = read(&[&frame(0x82, &payload)]).0;
            assert_eq!(found, [Found::Message(payload.clone(), sizes)]);
            let mut out = Vec::new();
            let sent = write_masked(Opcode::Binary, [0; 4], &payload, &mut out);
            assert_eq!(sent, FrameSizes { masks: 4, ..sizes });
            assert_eq!(out.len() as u64, sent.wire());
        }
    }

    #[test]
    fn what_breaks_the_protocol_is_an_error() {
        use FrameError::*;
        let error = |bytes: &[u8]| read(&[bytes]).1.expect_err("it breaks the protocol");
        assert_eq!(error(&[0xc1, 0]), ReservedBit);
        assert_eq!(error(&[0x83, 0]), UnknownOpcode);
        assert_eq!(error(&[0x09, 0]), BadControlFrame);
        assert_eq!(error(&frame(0x89, &[0; 126])), BadControlFrame);
        assert_eq!(error(&[0x80, 0]), BadFragment);
        assert_eq!(error(&[0x01, 0, 0x81, 0]), BadFragment);
        assert_eq!(error(&[0x81, 0x80]), Masked);
        assert_eq!(error(&[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0]), BadLength);
        assert_eq!(error(&frame(0x81, b"\xff")), BadUtf8);
        // The beginning of a character, and no more of it.
        assert_eq!(error(&frame(0x81, b"\xe2\x82")), BadUtf8);
        assert_eq!(error(&frame(0x88, &[3])), BadCloseCode);
        for code in [0u16, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
            assert_eq!(error(&frame(0x88, &code.to_be_bytes())), BadCloseCode);
        }
        assert_eq!(error(&frame(0x88, &[3, 0xe8, 0xff])), BadUtf8);
        assert_eq!((BadUtf8.close_code(), Masked.close_code()), (1007, 1002));
    }

    #[test]
    fn nothing_follows_a_close_frame() {
        let bytes = [frame(0x88, &1000u16.to_be_bytes()), frame(0x81, b"late")].concat();
        let (found, result, _) = read(&[&bytes]);
        assert_eq!((found, result), (vec![Found::Close(Some(1000))], Ok(())));
        assert_eq!(read(&[&[0x88, 0]]).0, [Found::Close(None)]);
    }

    #[test]
    fn characters_may_be_cut_by_frames_and_reads() {
        let bytes = [frame(0x01, b"\xe2\x82"), frame(0x80, b"\xac!")].concat();
        let one: Vec<&[u8]> = bytes.chunks(1).collect();
        for pieces in [vec![&bytes[..]], one] {
            let (found, result, pending) = read(&pieces);
            let sizes = FrameSizes { framing: 4, masks: 0, payload: 4 };
            let euro = "€!".as_bytes().to_vec();
            assert_eq!((found, result, pending), (vec![Found::Message(euro, sizes)], Ok(()), 0));
        }
    }

    proptest! {
        #[test]
        fn any_split_reads_the_same(
            frames in prop::collection::vec((0usize..4, 0usize..400), 1..12),
            cut in 1usize..50
        ) {
            let mut bytes = Vec::new();
            for (kind, len) in frames {
                let first = [0x81, 0x82, 0x89, 0x8a][kind];
                let len = if kind >= 2 { len % 126 } else { len };
                bytes.extend(frame(first, &vec![b'x'; len]));
            }
            let pieces: Vec<&[u8]> = bytes.chunks(cut).collect();
            let whole = read(&[&bytes]);
            prop_assert_eq!(&read(&pieces), &whole);
            prop_assert_eq!((whole.1, whole.2), (Ok(()), 0));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&[&bytes]);
        }

        #[test]
        fn no_byte_of_an_incomplete_message_is_lost(len in 0usize..300, cut in 0usize..310) {
            let bytes = frame(0x82, &vec![b'x'; len]);
            let cut = cut.min(bytes.len() - 1);
            prop_assert_eq!(read(&[&bytes[..cut]]).2, cut as u64);
        }
    }
}
