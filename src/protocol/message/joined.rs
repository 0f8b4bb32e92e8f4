//! Several JSON texts in one message: only the first is read.

/// Counts the JSON objects and arrays of a message that comes in pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct JsonTexts {
    at: At,
    /// What begins the current text, and what ends it.
    brackets: (u8, u8),
    /// How many of these are open. Those of the other kind are even wherever these are, so that they need
    /// not be counted.
    depth: u32,
    texts: u32,
}

/// Where in a message a [`JsonTexts`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum At {
    /// At its first byte.
    #[default]
    Start,
    /// Before a text.
    Between,
    /// Within one.
    Within,
    /// In quotes.
    Quoted,
    /// Behind a backslash in quotes.
    Escaped,
    /// It is no sequence of texts.
    Other,
}

impl JsonTexts {
    /// Reads a piece of the message.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            let read = match self.at {
                At::Other => return,
                At::Start => {
                    self.at = if first.is_ascii_whitespace() { At::Other } else { At::Between };
                    0
                }
                At::Between => {
                    self.begin(*first);
                    1
                }
                At::Within => {
                    let (open, close) = self.brackets;
                    let Some(at) = memchr::memchr3(b'"', open, close, rest) else { return };
                    self.note(rest[at]);
                    at + 1
                }
                At::Quoted => {
                    let Some(at) = memchr::memchr2(b'"', b'\\', rest) else { return };
                    self.at = if rest[at] == b'"' { At::Within } else { At::Escaped };
                    at + 1
                }
                At::Escaped => {
                    self.at = At::Quoted;
                    1
                }
            };
            rest = rest.get(read..).unwrap_or_default();
        }
    }

    /// Reads a byte between two texts.
    fn begin(&mut self, byte: u8) {
        self.brackets = match byte {
            b'{' => (b'{', b'}'),
            b'[' => (b'[', b']'),
            byte if byte.is_ascii_whitespace() => return,
            _ => {
                self.at = At::Other;
                return;
            }
        };
        self.texts = self.texts.saturating_add(1);
        self.at = At::Within;
        self.depth = 1;
    }

    /// Reads a quote or bracket of the current text.
    fn note(&mut self, byte: u8) {
        if byte == b'"' {
            self.at = At::Quoted;
        } else if byte == self.brackets.0 {
            self.depth = self.depth.saturating_add(1);
        } else {
            self.depth = self.depth.saturating_sub(1);
            if self.depth == 0 {
                self.at = At::Between;
            }
        }
    }

    /// Whether nothing was read of the message.
    pub(crate) fn is_idle(&self) -> bool {
        self.at == At::Start
    }

    /// Reads no more of the message: it is no sequence of texts.
    pub(crate) fn skip(&mut self) {
        self.at = At::Other;
    }

    /// Ends the message; returns how many texts stand behind another in it, 0 if it is no sequence of texts.
    pub(crate) fn end(&mut self) -> u32 {
        let JsonTexts { at, texts, .. } = std::mem::take(self);
        if at == At::Other { 0 } else { texts.saturating_sub(1) }
    }
}

/// Returns how many JSON objects and arrays stand behind another in a message that begins with one; 0 if it
/// is no sequence of them.
pub(super) fn texts_behind(message: &[u8]) -> u32 {
    if !may_be_several(message) {
        return 0;
    }
    let mut texts = JsonTexts::default();
    texts.push(message);
    texts.end()
}

/// Whether a text begins right behind the end of one: within one text there is a comma between. Most
/// messages have few brackets that open, so that finding them is nearly all that it costs.
fn may_be_several(message: &[u8]) -> bool {
    memchr::memchr2_iter(b'{', b'[', message).any(|at| {
        let before = message.get(..at).unwrap_or_default();
        matches!(before.trim_ascii_end().last(), Some(b'}' | b']'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same a byte at a time.
    fn may_be_several_plainly(message: &[u8]) -> bool {
        let mut last = 0;
        message.iter().filter(|byte| !byte.is_ascii_whitespace()).any(|byte| {
            let found = matches!((last, *byte), (b'}' | b']', b'{' | b'['));
            last = *byte;
            found
        })
    }

    proptest! {
        #[test]
        fn braces_find_what_each_byte_does(message in "[{}\\[\\] \\t\\n\\x0b\\x0c,a\"]{0,24}") {
            let message = message.as_bytes();
            prop_assert_eq!(may_be_several(message), may_be_several_plainly(message));
        }
    }

    /// Counts in pieces of so many bytes.
    fn in_pieces(message: &str, size: usize) -> u32 {
        let mut texts = JsonTexts::default();
        message.as_bytes().chunks(size).for_each(|piece| texts.push(piece));
        texts.end()
    }

    #[test]
    fn objects_behind_another_are_counted() {
        let cases: [(&str, u32); 14] = [
            (r#"{"t":1}"#, 0),
            (r#"{"t":1}{"t":2}"#, 1),
            ("{\"t\":1}\r\n{\"t\":{}}\n{}\n", 2),
            (r#"{"a":{},"b":{"c":"}{"}}"#, 0),
            (r#"{"a":"\"}{"}"#, 0),
            (r#"{"a":"\\"}{}"#, 1),
            ("[{},{}]", 0),
            ("{}x{}{}", 0),
            ("{}}{", 0),
            ("[1,[2]]\n[3]\n", 1),
            ("[{}]{\"a\":[]} []", 2),
            ("{}[]", 1),
            (" {}{}", 0),
            ("", 0),
        ];
        for (message, behind) in cases {
            assert_eq!(texts_behind(message.as_bytes()), behind, "{message}");
            for size in 1..6 {
                assert_eq!(in_pieces(message, size), behind, "{message} {size}");
            }
        }
    }
}
