//! Counts the frames of one direction of a connection whose codec is a library's (RFC 6455 §5.2).
//!
//! A library gives messages, and hides their framing and the control frames that it sends. The
//! scanner reads frame headers and skips the rest.

use crate::protocol::websocket::codec::FrameSizes;

/// What the scanner found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScannedItem {
    /// A text or binary message, of one frame or several.
    Message(FrameSizes),
    /// A ping, pong or close frame.
    Control(FrameSizes),
}

/// Reads the frame headers of one direction.
#[derive(Debug, Default)]
pub struct Scanner {
    /// Bytes of a header so far.
    header: [u8; 14],
    have: u8,
    /// Bytes of the current frame's payload still to come.
    left: u64,
    within: bool,
    /// The data message so far: control frames may come between its fragments.
    message: FrameSizes,
    current: FrameSizes,
    fin: bool,
    control: bool,
}

impl Scanner {
    /// Scans bytes, and calls `found` with every message and control frame that they complete.
    pub fn feed(&mut self, mut bytes: &[u8], mut found: impl FnMut(ScannedItem)) {
        loop {
            if self.within {
                let n = self.left.min(bytes.len() as u64);
                bytes = &bytes[n as usize..];
                self.left -= n;
                if self.left > 0 {
                    return;
                }
                self.within = false;
                self.complete(&mut found);
            }
            let Some((&byte, rest)) = bytes.split_first() else { return };
            bytes = rest;
            self.header[usize::from(self.have)] = byte;
            self.have += 1;
            if self.have >= 2 && self.have == self.header_len() {
                self.open();
            }
        }
    }

    /// Bytes of incomplete frames and messages.
    pub fn pending(&self) -> u64 {
        let current = if self.within { self.current.wire() - self.left } else { 0 };
        u64::from(self.have) + current + self.message.wire()
    }

    /// The length of the header, by its second byte.
    fn header_len(&self) -> u8 {
        let extended = match self.header[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        2 + extended + if self.header[1] & 0x80 != 0 { 4 } else { 0 }
    }

    fn open(&mut self) {
        let h = &self.header;
        self.left = match h[1] & 0x7f {
            126 => u64::from(u16::from_be_bytes([h[2], h[3]])),
            // The highest bit must be 0 (§5.2).
            127 => u64::from_be_bytes([h[2] & 0x7f, h[3], h[4], h[5], h[6], h[7], h[8], h[9]]),
            short => u64::from(short),
        };
        self.fin = h[0] & 0x80 != 0;
        self.control = h[0] & 0x08 != 0;
        let masks = if h[1] & 0x80 != 0 { 4 } else { 0 };
        self.current =
            FrameSizes { framing: u64::from(self.have) - masks, masks, payload: self.left };
        self.have = 0;
        self.within = true;
    }

    fn complete(&mut self, found: &mut impl FnMut(ScannedItem)) {
        if self.control {
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
        let mut scanner = Scanner::default();
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
        assert_eq!(scan(&[&frame(0x82, true, 21)]), [ScannedItem::Message(up)]);
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

    proptest! {
        #[test]
        fn any_split_finds_the_same(
            frames in prop::collection::vec((any::<bool>(), any::<bool>(), 0usize..400), 1..12),
            cut in 1usize..50
        ) {
            let mut bytes = Vec::new();
            for (control, mask, payload) in frames {
                let payload = if control { payload % 126 } else { payload };
                bytes.extend(frame(if control { 0x89 } else { 0x82 }, mask, payload));
            }
            let pieces: Vec<&[u8]> = bytes.chunks(cut).collect();
            let whole = scan(&[&bytes]);
            prop_assert_eq!(&scan(&pieces), &whole);
            let sum: u64 = whole.iter().map(|f| match f {
                ScannedItem::Message(s) | ScannedItem::Control(s) => s.wire(),
            }).sum();
            let mut scanner = Scanner::default();
            scanner.feed(&bytes, |_| {});
            prop_assert_eq!(sum + scanner.pending(), bytes.len() as u64);
        }

        #[test]
        fn any_bytes_are_scanned_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            scan(&[&bytes]);
        }
    }
}
