//! The header of a frame (RFC 6455 §5.2), a byte at a time: the reader of frames and the scanner of a
//! library's frames find the same broken rules.

use super::{FrameError, FrameSizes, Opcode};

/// Who sends the frames that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// A client, whose frames carry a mask.
    Client,
    /// A server, whose frames carry none.
    Server,
}

/// What a header says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FrameHeader {
    pub(crate) opcode: Opcode,
    /// Whether it is the last frame of its message.
    pub(crate) fin: bool,
    /// Whether its message is compressed (RFC 7692 §6): its first reserved bit.
    pub(crate) is_compressed: bool,
    pub(crate) sizes: FrameSizes,
}

impl FrameHeader {
    /// The header with this first byte.
    #[inline]
    fn of(first: u8, opcode: Opcode, sizes: FrameSizes) -> FrameHeader {
        let fin = first & 0x80 != 0;
        FrameHeader { opcode, fin, is_compressed: first & COMPRESSED_BIT != 0, sizes }
    }
}

/// Reads headers, one after another.
#[derive(Debug, Default)]
pub(crate) struct HeaderReader {
    /// Bytes of a header so far; during the payload those of the current frame.
    bytes: [u8; 14],
    have: u8,
    /// Whether messages may be compressed.
    takes_compressed: bool,
}

/// The reserved bits (RFC 6455 §5.2), of which the first marks a compressed message.
const RESERVED_BITS: u8 = 0x70;
/// See [`RESERVED_BITS`].
pub(super) const COMPRESSED_BIT: u8 = 0x40;

impl HeaderReader {
    /// From the next frame on messages may be compressed.
    pub(super) fn take_compressed(&mut self) {
        self.takes_compressed = true;
    }

    /// Whether a first byte has a reserved bit that means nothing.
    #[inline]
    fn is_reserved(&self, first: u8) -> bool {
        let known = if self.takes_compressed { COMPRESSED_BIT } else { 0 };
        first & RESERVED_BITS & !known != 0
    }

    /// Returns how many bytes of a header have come that is not whole.
    pub(crate) fn pending(&self) -> u8 {
        self.have
    }

    /// Takes the two bytes of a server's short frame, which most of its frames are. `None`, and nothing
    /// taken, if the next header is another one, is cut, or breaks a rule.
    #[inline]
    pub(crate) fn short(&mut self, bytes: &[u8], sender: Sender) -> Option<FrameHeader> {
        let [first, length, ..] = *bytes else { return None };
        let is_short =
            sender == Sender::Server && self.have == 0 && length < 126 && !self.is_reserved(first);
        if !is_short {
            return None;
        }
        let opcode = Opcode::of(first & 0x0f)?;
        self.bytes[..2].copy_from_slice(&[first, length]);
        let sizes = FrameSizes { framing: 2, masks: 0, payload: length.into() };
        Some(FrameHeader::of(first, opcode, sizes))
    }

    /// Takes the next byte. Returns the header if it is whole with it.
    ///
    /// # Errors
    /// If the header breaks a rule; the reader must not be used any more.
    #[inline]
    pub(crate) fn feed(
        &mut self,
        byte: u8,
        sender: Sender,
    ) -> Result<Option<FrameHeader>, FrameError> {
        self.bytes[usize::from(self.have)] = byte;
        self.have += 1;
        let bytes = &self.bytes;
        let opcode = Opcode::of(bytes[0] & 0x0f);
        if self.have < 2 {
            if self.is_reserved(byte) {
                return Err(FrameError::ReservedBit);
            }
            return opcode.map(|_| None).ok_or(FrameError::UnknownOpcode);
        }
        let masks = match (sender, bytes[1] & 0x80 != 0) {
            (Sender::Server, false) => 0,
            (Sender::Client, true) => 4,
            (Sender::Server, true) => return Err(FrameError::Masked),
            (Sender::Client, false) => return Err(FrameError::NotMasked),
        };
        let framing = self.mask_at();
        if self.have < framing + masks {
            return Ok(None);
        }
        let payload = self.payload_bytes()?;
        let sizes = FrameSizes { framing: framing.into(), masks: masks.into(), payload };
        self.have = 0;
        // The first byte was looked at when it came.
        Ok(opcode.map(|opcode| FrameHeader::of(self.bytes[0], opcode, sizes)))
    }

    /// Returns the masking key of the header that was whole last; of no use if its sender sets none.
    #[inline]
    pub(crate) fn mask(&self) -> [u8; 4] {
        let at = usize::from(self.mask_at());
        std::array::from_fn(|i| self.bytes[at + i])
    }

    /// Where the masking key begins, by the second byte: the length of what stands before it.
    fn mask_at(&self) -> u8 {
        match self.bytes[1] & 0x7f {
            126 => 4,
            127 => 10,
            _ => 2,
        }
    }

    /// Reads the length of the payload, which stands in the fewest bytes.
    fn payload_bytes(&self) -> Result<u64, FrameError> {
        let [_, length, bytes @ .., _, _, _, _] = self.bytes;
        let (payload, least) = match length & 0x7f {
            126 => (u64::from(u16::from_be_bytes([bytes[0], bytes[1]])), 126),
            127 => (u64::from_be_bytes(bytes), 1 << 16),
            short => (u64::from(short), 0),
        };
        if payload >> 63 != 0 {
            return Err(FrameError::BadLength);
        }
        if payload < least {
            return Err(FrameError::LongLength);
        }
        Ok(payload)
    }
}
