//! Cuts the body of a stream into messages by what delimits them, whatever the pieces in which it
//! comes.
//!
//! No message is kept: its bytes are shown as they come, and only those of a separator that is not
//! whole are held back.

use crate::transport::streaming::delimiter::Prefix;

/// What was found in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut<'a> {
    /// Bytes of the current message; never empty.
    Message(&'a [u8]),
    /// So many bytes that delimit a message.
    Delimiter(u64),
    /// So many bytes that delimit none.
    Between(u64),
    /// The message is whole.
    End,
}

/// Finds where messages end.
#[derive(Debug)]
pub(super) enum Cutter {
    /// By lines.
    Lines(LineCutter),
    /// By a separator.
    Separator(SeparatorCutter),
    /// By a length, which is the same for all or comes before each.
    Length(LengthCutter),
}

impl Cutter {
    /// Finds the end of lines.
    pub(super) fn lines() -> Cutter {
        Cutter::Lines(LineCutter::default())
    }
    /// Finds these bytes, which are not empty.
    pub(super) fn separator(bytes: &[u8]) -> Cutter {
        match bytes {
            b"\n" => Cutter::Lines(LineCutter { keeps_cr: true, ..LineCutter::default() }),
            _ => Cutter::Separator(SeparatorCutter::new(bytes)),
        }
    }
    /// Counts so many bytes for each message.
    pub(super) fn fixed(bytes: u32) -> Cutter {
        Cutter::Length(LengthCutter::new(Lengths::Fixed(bytes.max(1))))
    }
    /// Reads the length before each message.
    pub(super) fn prefix(prefix: Prefix) -> Cutter {
        Cutter::Length(LengthCutter::new(Lengths::Prefix(prefix)))
    }
    /// Cuts a piece of the body.
    pub(super) fn cut(&mut self, bytes: &[u8], on: &mut dyn FnMut(Cut<'_>)) {
        match self {
            Cutter::Lines(lines) => lines.cut(bytes, on),
            Cutter::Separator(separator) => separator.cut(bytes, on),
            Cutter::Length(length) => length.cut(bytes, on),
        }
    }
    /// Whether a message has begun and has not ended.
    pub(super) fn is_within(&self) -> bool {
        match self {
            Cutter::Lines(lines) => lines.within || lines.held_cr,
            Cutter::Separator(separator) => separator.within || separator.matched > 0,
            Cutter::Length(length) => length.left > 0 || length.got > 0,
        }
    }
    /// Whether the end of the body would cut a message off: a part of a delimiter alone is none.
    pub(super) fn would_lose(&self) -> bool {
        match self {
            Cutter::Lines(lines) => lines.within,
            Cutter::Separator(separator) => separator.within,
            Cutter::Length(_) => self.is_within(),
        }
    }
    /// Forgets what was cut off: a new body begins.
    pub(super) fn restart(&mut self) {
        match self {
            Cutter::Lines(lines) => {
                lines.within = false;
                lines.held_cr = false;
            }
            Cutter::Separator(separator) => {
                separator.within = false;
                separator.matched = 0;
            }
            Cutter::Length(length) => length.restart(),
        }
    }
}

/// Finds lines. An empty one is no message: it may keep a connection alive.
#[derive(Debug, Default)]
pub(super) struct LineCutter {
    /// A CR before LF is part of the message.
    keeps_cr: bool,
    within: bool,
    /// A CR came last: whether it ends the line is not known yet.
    held_cr: bool,
}

impl LineCutter {
    fn cut(&mut self, bytes: &[u8], on: &mut dyn FnMut(Cut<'_>)) {
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match line {
                [text @ .., b'\n'] => (text, true),
                _ => (line, false),
            };
            if self.held_cr && !(text.is_empty() && ends) && !line.is_empty() {
                // It was no end of a line.
                self.message(b"\r", on);
                self.held_cr = false;
            }
            let (text, cr) = match text {
                [text @ .., b'\r'] if !self.keeps_cr => (text, true),
                _ => (text, false),
            };
            self.message(text, on);
            if ends {
                let bytes = 1 + u64::from(cr || self.held_cr);
                self.held_cr = false;
                end(&mut self.within, bytes, on);
            } else {
                self.held_cr = cr;
            }
        }
    }

    fn message(&mut self, bytes: &[u8], on: &mut dyn FnMut(Cut<'_>)) {
        if !bytes.is_empty() {
            self.within = true;
            on(Cut::Message(bytes));
        }
    }
}

/// Finds a separator of any bytes (Knuth, Morris and Pratt). Nothing between two of them is no
/// message.
#[derive(Debug)]
pub(super) struct SeparatorCutter {
    separator: Box<[u8]>,
    /// For each length of a match: the longest shorter one that is its end as well.
    shorter: Box<[u8]>,
    /// How much of the separator came last.
    matched: usize,
    within: bool,
}

impl SeparatorCutter {
    /// `separator` is at least one byte and at most 255.
    fn new(separator: &[u8]) -> SeparatorCutter {
        let mut shorter = vec![0; separator.len() + 1];
        let mut matched = 0;
        for at in 1..separator.len() {
            while matched > 0 && separator[matched] != separator[at] {
                matched = usize::from(shorter[matched]);
            }
            matched += usize::from(separator[matched] == separator[at]);
            shorter[at + 1] = matched as u8;
        }
        SeparatorCutter {
            separator: separator.into(),
            shorter: shorter.into(),
            matched: 0,
            within: false,
        }
    }

    fn cut(&mut self, bytes: &[u8], on: &mut dyn FnMut(Cut<'_>)) {
        // Bytes from here on, less those that match, are the message's and were not shown yet.
        let mut from = 0;
        // How much of the match came in pieces before this one.
        let mut before = self.matched;
        for (at, byte) in bytes.iter().enumerate() {
            while self.matched > 0 && self.separator[self.matched] != *byte {
                let next = usize::from(self.shorter[self.matched]);
                let freed = self.matched - next;
                let shown = freed.min(before);
                if shown > 0 {
                    // They are the separator's beginning.
                    self.within = true;
                    on(Cut::Message(&self.separator[..shown]));
                    before -= shown;
                }
                self.matched = next;
            }
            if self.separator[self.matched] == *byte {
                self.matched += 1;
            }
            if self.matched == self.separator.len() {
                let here = self.matched - before;
                self.show(&bytes[from..at + 1 - here], on);
                end(&mut self.within, self.matched as u64, on);
                from = at + 1;
                before = 0;
                self.matched = 0;
            }
        }
        let held = self.matched - before.min(self.matched);
        self.show(&bytes[from..bytes.len() - held], on);
    }

    fn show(&mut self, bytes: &[u8], on: &mut dyn FnMut(Cut<'_>)) {
        if !bytes.is_empty() {
            self.within = true;
            on(Cut::Message(bytes));
        }
    }
}

/// So many bytes delimit what came before them: a message, if one has begun.
fn end(within: &mut bool, bytes: u64, on: &mut dyn FnMut(Cut<'_>)) {
    if std::mem::take(within) {
        on(Cut::Delimiter(bytes));
        on(Cut::End);
    } else {
        on(Cut::Between(bytes));
    }
}

#[derive(Debug, Clone, Copy)]
enum Lengths {
    Fixed(u32),
    Prefix(Prefix),
}

/// Counts the bytes of messages.
#[derive(Debug)]
pub(super) struct LengthCutter {
    lengths: Lengths,
    /// Bytes of the current message to come.
    left: u64,
    /// Bytes of the length read so far, and their value.
    got: u32,
    length: u64,
}

impl LengthCutter {
    fn new(lengths: Lengths) -> LengthCutter {
        LengthCutter { lengths, left: 0, got: 0, length: 0 }
    }

    fn restart(&mut self) {
        *self = LengthCutter::new(self.lengths);
    }

    fn cut(&mut self, mut bytes: &[u8], on: &mut dyn FnMut(Cut<'_>)) {
        while let Some(first) = bytes.first() {
            if self.left > 0 {
                let here = self.left.min(bytes.len() as u64) as usize;
                on(Cut::Message(&bytes[..here]));
                bytes = &bytes[here..];
                self.left -= here as u64;
                if self.left == 0 {
                    on(Cut::End);
                }
                continue;
            }
            match self.lengths {
                Lengths::Fixed(length) => self.left = length.into(),
                Lengths::Prefix(prefix) => {
                    bytes = &bytes[1..];
                    let length = self.length_byte(prefix, *first);
                    // A message of no bytes keeps a connection alive.
                    on(if length == Some(0) { Cut::Between(1) } else { Cut::Delimiter(1) });
                    self.left = length.unwrap_or(0);
                }
            }
        }
    }

    /// Reads a byte of a length; returns the length if it is whole.
    fn length_byte(&mut self, prefix: Prefix, byte: u8) -> Option<u64> {
        let at = self.got;
        let byte = u64::from(byte);
        self.got += 1;
        let whole = match prefix {
            Prefix::U8 | Prefix::U16 | Prefix::U32 => {
                self.length = self.length << 8 | byte;
                let bytes = match prefix {
                    Prefix::U8 => 1,
                    Prefix::U16 => 2,
                    _ => 4,
                };
                self.got == bytes
            }
            Prefix::U16le | Prefix::U32le => {
                self.length |= byte << (8 * at);
                self.got == if prefix == Prefix::U16le { 2 } else { 4 }
            }
            Prefix::Varint => {
                self.length |= (byte & 0x7f) << (7 * at);
                // Nine bytes are 63 bits; no length has more.
                byte < 0x80 || self.got == 9
            }
        };
        whole.then(|| {
            self.got = 0;
            std::mem::take(&mut self.length)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Messages, bytes of delimiters, and whether one is cut off, if the body comes in pieces of
    /// `size` bytes.
    fn cut(mut cutter: Cutter, body: &[u8], size: usize) -> (Vec<Vec<u8>>, u64, bool) {
        let (mut messages, mut message, mut delimiters) = (Vec::new(), Vec::new(), 0);
        for piece in body.chunks(size) {
            cutter.cut(piece, &mut |found| match found {
                Cut::Message(bytes) => {
                    assert!(!bytes.is_empty());
                    message.extend_from_slice(bytes);
                }
                Cut::Delimiter(bytes) | Cut::Between(bytes) => delimiters += bytes,
                Cut::End => messages.push(std::mem::take(&mut message)),
            });
        }
        let within = cutter.is_within();
        cutter.restart();
        assert!(!cutter.is_within());
        (messages, delimiters, within)
    }

    fn texts(all: &[&str]) -> Vec<Vec<u8>> {
        all.iter().map(|text| text.as_bytes().to_vec()).collect()
    }

    #[test]
    fn lines_end_with_lf_or_cr_lf_and_empty_ones_are_no_message() {
        let body = b"a\r\n\nbc\n\r\nd\re\r\r\nf";
        for size in 1..=body.len() {
            let found = cut(Cutter::lines(), body, size);
            assert_eq!(found, (texts(&["a", "bc", "d\re\r"]), 8, true), "{size}");
        }
    }

    #[test]
    fn a_separator_is_found_over_any_boundary() {
        let body = b"aaab--aab-ab--aab--aab--aaab";
        for size in 1..=body.len() {
            let found = cut(Cutter::separator(b"--aab"), body, size);
            assert_eq!(found, (texts(&["aaab", "-ab"]), 15, true), "{size}");
        }
        // `--` then `--aab`: the first two bytes are the message's.
        for size in 1..9 {
            let found = cut(Cutter::separator(b"--aab"), b"x----aaby", size);
            assert_eq!(found, (texts(&["x--"]), 5, true), "{size}");
        }
        let found = cut(Cutter::separator(b"\0"), b"a\0\0bc\0", 2);
        assert_eq!(found, (texts(&["a", "bc"]), 3, false));
        let found = cut(Cutter::separator(b"\n"), b"a\r\nb\n", 1);
        assert_eq!(found, (texts(&["a\r", "b"]), 2, false));
    }

    #[test]
    fn messages_have_a_length_or_it_comes_before_them() {
        for size in 1..9 {
            let found = cut(Cutter::fixed(3), b"abcdefg", size);
            assert_eq!(found, (texts(&["abc", "def"]), 0, true), "{size}");
            for (prefix, body, delimiters) in [
                (Prefix::U8, &b"\x02ab\x00\x01c"[..], 3),
                (Prefix::U16, b"\x00\x02ab\x00\x00\x00\x01c", 6),
                (Prefix::U32, b"\0\0\0\x02ab\0\0\0\0\0\0\0\x01c", 12),
                (Prefix::U16le, b"\x02\x00ab\x00\x00\x01\x00c", 6),
                (Prefix::U32le, b"\x02\0\0\0ab\0\0\0\0\x01\0\0\0c", 12),
                (Prefix::Varint, b"\x82\x00ab\x00\x01c", 4),
            ] {
                let found = cut(Cutter::prefix(prefix), body, size);
                assert_eq!(found, (texts(&["ab", "c"]), delimiters, false), "{prefix:?} {size}");
            }
        }
        let long = [&b"\xac\x02"[..], &[7; 300], b"\xff"].concat();
        let (messages, delimiters, within) = cut(Cutter::prefix(Prefix::Varint), &long, 64);
        assert_eq!((messages[0].len(), delimiters, within), (300, 3, true));
    }

    proptest! {
        #[test]
        fn a_separator_is_found_as_a_search_of_the_whole_finds_it(
            body in prop::collection::vec(0u8..2, 0..60),
            separator in prop::collection::vec(0u8..2, 1..6),
            size in 1usize..9,
        ) {
            let mut parts: Vec<Vec<u8>> = vec![Vec::new()];
            let (mut at, mut found) = (0, 0);
            while at < body.len() {
                if body[at..].starts_with(&separator) {
                    parts.push(Vec::new());
                    found += 1;
                    at += separator.len();
                } else {
                    parts.last_mut().expect("there is one").push(body[at]);
                    at += 1;
                }
            }
            let last = parts.pop().expect("there is one");
            parts.retain(|part| !part.is_empty());
            let (messages, delimiters, within) =
                cut(Cutter::separator(&separator), &body, size);
            prop_assert_eq!(messages, parts);
            prop_assert_eq!(delimiters, found * separator.len() as u64);
            prop_assert_eq!(within, !last.is_empty());
        }
    }
}
