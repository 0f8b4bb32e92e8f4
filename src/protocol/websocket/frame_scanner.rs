//! Counts the frames of one direction of a connection whose codec is a library's (RFC 6455 §5.2).
//!
//! A library gives messages, and hides their framing and the control frames that it sends. The
//! scanner reads frame headers and skips the rest.

use crate::protocol::websocket::codec::{
    FrameError, FrameSizes, FrameUnderWay, HeaderReader, Opcode, Sender,
};

/// What the scanner found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScannedItem {
    /// A text or binary message, of one frame or several.
    Message(FrameSizes),
    /// A ping, pong or close frame.
    Control(FrameSizes),
    /// A header that breaks a rule, which a library need not see. Nothing follows.
    Broken(FrameError),
}

/// Reads the frame headers of one direction.
#[derive(Debug)]
pub struct Scanner {
    sender: Sender,
    header: HeaderReader,
    /// The frame whose payload is coming.
    opcode: Option<Opcode>,
    fin: bool,
    /// Bytes of its payload still to come.
    left: u64,
    current: FrameSizes,
    /// The data message so far: control frames may come between its fragments.
    message: FrameSizes,
    /// Frames that have begun, modulo 2³².
    frames: u32,
    /// Bytes after a Close frame or a broken header; `None` before.
    ignored: Option<u64>,
}

impl Scanner {
    /// A scanner of the frames of one side.
    pub fn new(sender: Sender) -> Scanner {
        Scanner {
            sender,
            header: HeaderReader::default(),
            opcode: None,
            fin: false,
            left: 0,
            current: FrameSizes::default(),
            message: FrameSizes::default(),
            frames: 0,
            ignored: None,
        }
    }

    /// Scans bytes, and calls `found` with every message and control frame that they complete.
    pub fn feed(&mut self, mut bytes: &[u8], mut found: impl FnMut(ScannedItem)) {
        loop {
            if let Some(opcode) = self.opcode {
                let n = self.left.min(bytes.len() as u64);
                bytes = &bytes[n as usize..];
                self.left -= n;
                if self.left > 0 {
                    return;
                }
                self.opcode = None;
                self.complete(opcode, &mut found);
            }
            if let Some(ignored) = &mut self.ignored {
                *ignored += bytes.len() as u64;
                return;
            }
            let Some((&byte, rest)) = bytes.split_first() else { return };
            bytes = rest;
            match self.header.feed(byte, self.sender) {
                Ok(None) => {}
                Ok(Some(header)) => {
                    self.opcode = Some(header.opcode);
                    self.fin = header.fin;
                    self.left = header.sizes.payload;
                    self.current = header.sizes;
                    self.frames = self.frames.wrapping_add(1);
                }
                Err(error) => {
                    self.ignored = Some(0);
                    found(ScannedItem::Broken(error));
                }
            }
        }
    }

    /// Bytes of incomplete frames and messages, and those that follow the end.
    pub fn pending(&self) -> u64 {
        let current = if self.opcode.is_some() { self.current.wire() - self.left } else { 0 };
        let ignored = self.ignored.unwrap_or(0);
        u64::from(self.header.pending()) + current + self.message.wire() + ignored
    }

    /// Returns the data frame that is under way, if one is.
    pub fn frame_under_way(&self) -> Option<FrameUnderWay> {
        self.opcode.filter(|opcode| !opcode.is_control())?;
        let FrameSizes { payload: announced, .. } = self.current;
        Some(FrameUnderWay { number: self.frames, announced, came: announced - self.left })
    }

    fn complete(&mut self, opcode: Opcode, found: &mut impl FnMut(ScannedItem)) {
        if opcode.is_control() {
            if opcode == Opcode::Close {
                self.ignored = Some(0);
            }
            return found(ScannedItem::Control(self.current));
        }
        self.message.framing += self.current.framing;
        self.message.masks += self.current.masks;
        self.message.payload = self.message.payload.saturating_add(self.current.payload);
        if self.fin {
            found(ScannedItem::Message(std::mem::take(&mut self.message)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scan(pieces: &[&[u8]]) -> Vec<ScannedItem> {
        scan_of(Sender::Server, pieces)
    }

    fn scan_of(sender: Sender, pieces: &[&[u8]]) -> Vec<ScannedItem> {
        let mut scanner = Scanner::new(sender);
        let mut all = Vec::new();
        for piece in pieces {
            scanner.feed(piece, |found| all.push(found));
        }
        all
    }

    fn frame(first: u8, mask: bool, payload: usize) -> Vec<u8> {
        let bit = if mask { 0x80 } else { 0 };
        let mut out = vec![first];
        match payload {
            0..=125 => out.push(bit | payload as u8),
            126..=65_535 => {
                out.push(bit | 126);
                out.extend_from_slice(&(payload as u16).to_be_bytes());
            }
            _ => {
                out.push(bit | 127);
                out.extend_from_slice(&(payload as u64).to_be_bytes());
            }
        }
        out.extend_from_slice(&[0xff; 4][..if mask { 4 } else { 0 }]);
        out.resize(out.len() + payload, 0x88);
        out
    }

    #[test]
    fn a_small_push_costs_two_bytes_and_a_masked_one_six() {
        let down = FrameSizes { framing: 2, masks: 0, payload: 21 };
        assert_eq!(scan(&[&frame(0x81, false, 21)]), [ScannedItem::Message(down)]);
        let up = FrameSizes { framing: 2, masks: 4, payload: 21 };
        assert_eq!(scan_of(Sender::Client, &[&frame(0x82, true, 21)]), [ScannedItem::Message(up)]);
    }

    #[test]
    fn header_lengths_step_at_126_and_65536() {
        for (payload, framing) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let sizes = FrameSizes { framing, masks: 0, payload: payload as u64 };
            assert_eq!(scan(&[&frame(0x82, false, payload)]), [ScannedItem::Message(sizes)]);
        }
    }

    #[test]
    fn control_frames_may_come_between_fragments() {
        let bytes = [frame(0x01, false, 3), frame(0x89, false, 4), frame(0x80, false, 5)].concat();
        assert_eq!(
            scan(&[&bytes]),
            [
                ScannedItem::Control(FrameSizes { framing: 2, masks: 0, payload: 4 }),
                ScannedItem::Message(FrameSizes { framing: 4, masks: 0, payload: 8 }),
            ]
        );
    }

    /// What tungstenite reads without a word.
    #[test]
    fn a_header_that_breaks_a_rule_is_found_once_and_what_follows_is_ignored() {
        for (header, error) in [
            (&b"\x81\x7e\x00\x05"[..], FrameError::LongLength),
            (b"\x82\x7f\0\0\0\0\0\0\xff\xff", FrameError::LongLength),
            (b"\x89\x7e\x00\x00", FrameError::LongLength),
            (b"\x82\x7f\x80\0\0\0\0\0\0\0", FrameError::BadLength),
            (b"\x81\x85....hello", FrameError::Masked),
            (b"\xc1", FrameError::ReservedBit),
            (b"\x83", FrameError::UnknownOpcode),
        ] {
            let bytes = [&frame(0x81, false, 3), header, b"hello\xff\xff"].concat();
            for cut in [1, 3, 100] {
                let found = scan(&bytes.chunks(cut).collect::<Vec<_>>());
                let whole = ScannedItem::Message(FrameSizes { framing: 2, masks: 0, payload: 3 });
                assert_eq!(found, [whole, ScannedItem::Broken(error)], "{header:?}");
            }
            let mut scanner = Scanner::new(Sender::Server);
            scanner.feed(&bytes, |_| {});
            assert_eq!(scanner.pending(), bytes.len() as u64 - 5);
        }
    }

    #[test]
    fn nothing_follows_a_close_frame() {
        let bytes = [frame(0x88, false, 2), b"\xff\xff\xff".to_vec()].concat();
        let close = ScannedItem::Control(FrameSizes { framing: 2, masks: 0, payload: 2 });
        assert_eq!(scan(&[&bytes]), [close]);
    }

    proptest! {
        #[test]
        fn any_split_finds_the_same(
            frames in prop::collection::vec((any::<bool>(), 0usize..400), 1..12),
            mask in any::<bool>(),
            cut in 1usize..50
        ) {
            let mut bytes = Vec::new();
            for (control, payload) in frames {
                let payload = if control { payload % 126 } else { payload };
                bytes.extend(frame(if control { 0x89 } else { 0x82 }, mask, payload));
            }
            let pieces: Vec<&[u8]> = bytes.chunks(cut).collect();
            let sender = if mask { Sender::Client } else { Sender::Server };
            let whole = scan_of(sender, &[&bytes]);
            prop_assert_eq!(&scan_of(sender, &pieces), &whole);
            let sum: u64 = whole.iter().map(|f| match f {
                ScannedItem::Message(s) | ScannedItem::Control(s) => s.wire(),
                ScannedItem::Broken(_) => 0,
            }).sum();
            let mut scanner = Scanner::new(sender);
            scanner.feed(&bytes, |_| {});
            prop_assert_eq!(sum + scanner.pending(), bytes.len() as u64);
        }

        #[test]
        fn any_bytes_are_scanned_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            scan(&[&bytes]);
        }
    }
}
