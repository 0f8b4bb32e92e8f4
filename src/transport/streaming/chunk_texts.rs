//! Whether the chunks of another server are its messages, by what is readable in them.
//!
//! Without `delimiter` a chunk is a message. JSON texts show if that is untrue: several on lines of one
//! chunk, or one that chunks cut. Other bytes show nothing.

/// What chunks that are not messages hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct UnlikeChunks {
    /// JSON texts behind another in the same chunk.
    pub joined: u64,
    /// Chunks that go on with a text of an earlier chunk, or are the end of its line.
    pub continued: u64,
}

/// Compares the chunks of one body with the JSON objects in them.
#[derive(Debug, Default)]
pub(super) struct ChunkTexts {
    /// Whether the current chunk has a byte.
    begun: bool,
    /// Its first byte.
    first: u8,
    /// Its last byte that ends no line; 0 if there is none.
    last: u8,
    /// Whether an object has ended with a line, and nothing came since.
    after_object: bool,
    joined: u32,
    /// A text has begun in an earlier chunk; how many chunks have gone on with it.
    open: Option<u32>,
    /// Whether the last chunk ended a text and not its line.
    lacks_line_end: bool,
    /// Whether a text has followed another without a line end between: then a line end keeps the connection alive
    /// and is no part of a text.
    are_apart: bool,
    /// The last byte of the chunk.
    end: u8,
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

impl ChunkTexts {
    /// Reads a piece of a chunk.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let Some(first) = bytes.first() else { return };
        if !std::mem::replace(&mut self.begun, true) {
            self.first = *first;
        }
        self.end = bytes.last().copied().unwrap_or_default();
        let mut rest = bytes;
        loop {
            if self.after_object {
                let Some(at) = rest.iter().position(|byte| !is_line_end(*byte)) else { return };
                self.joined += u32::from(rest[at] == b'{');
                self.after_object = false;
                rest = &rest[at..];
            }
            let end = rest.iter().position(|byte| *byte == b'\n');
            let line = &rest[..end.unwrap_or(rest.len())];
            if let Some(last) = line.iter().rev().find(|byte| !is_line_end(**byte)) {
                self.last = *last;
            }
            let Some(end) = end else { return };
            self.after_object = self.last == b'}';
            rest = &rest[end + 1..];
        }
    }

    /// Ends the chunk. Returns what it, and those before it, hold that are not one message each.
    pub(super) fn end_chunk(&mut self) -> UnlikeChunks {
        let begins = self.first == b'{';
        let ends = self.last == b'}';
        let is_blank = self.begun && self.last == 0;
        let are_apart = self.are_apart || begins && self.lacks_line_end;
        let mut found = UnlikeChunks { joined: self.joined.into(), continued: 0 };
        match self.open {
            // Between two texts it keeps the connection alive.
            _ if is_blank => {
                let ends_line = self.lacks_line_end && !are_apart;
                found.continued = u64::from(ends_line || self.open.is_some());
            }
            // It ends the text that is open.
            Some(chunks) if !begins && ends => {
                found.continued = u64::from(chunks) + 1;
                self.open = None;
            }
            Some(chunks) if !begins => self.open = Some(chunks.saturating_add(1)),
            _ => self.open = (begins && !ends).then_some(0),
        }
        let lacks_line_end = ends && self.open.is_none() && !is_line_end(self.end);
        *self = ChunkTexts { open: self.open, lacks_line_end, are_apart, ..ChunkTexts::default() };
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chunks, and what they hold.
    type Case<'a> = (&'a [&'a [u8]], (u64, u64));

    /// What chunks hold, if each comes in pieces of `size` bytes.
    fn of(chunks: &[&[u8]], size: usize) -> (u64, u64) {
        let mut texts = ChunkTexts::default();
        let (mut joined, mut continued) = (0, 0);
        for chunk in chunks {
            chunk.chunks(size).for_each(|piece| texts.push(piece));
            let found = texts.end_chunk();
            joined += found.joined;
            continued += found.continued;
        }
        (joined, continued)
    }

    #[test]
    fn json_texts_show_whether_chunks_are_messages() {
        let bytes: Vec<&[u8]> = b"{\"t\":1}\n".chunks(1).collect();
        let cases: [Case; 13] = [
            (&[b"{\"t\":1}\n", b"{\"t\":2}\n", b"{}"], (0, 0)),
            (&[b"{\"t\":1}\n{\"t\":2}\n"], (1, 0)),
            (&[b"{\"t\":1}\r\n\r\n{\"t\":2}\n{}"], (2, 0)),
            // Laid out on several lines, one text.
            (&[b"{\n  \"a\": {\n  },\n  \"b\": {\n  }\n}\n", b"[{},\n{}]"], (0, 0)),
            (&[b"{\"t\"", b":1}\n", b"{\"t\":2}"], (0, 1)),
            (&[b"{\"t\":1}\n{\"t\"", b":2}\n"], (1, 1)),
            (&[b"{\"t\"", b":1}\n{\"t\":2}\n"], (1, 1)),
            // A text, and the end of its line.
            (&[b"{}", b"\n"], (0, 1)),
            // What keeps the connection alive, before a text, behind one and again.
            (&[b"\n", b"{\"t\":1}\n", b"\n", b"\r\n", b"{\"t\":2}\n", b"\n"], (0, 0)),
            (&[b"{}", b"\n", b"\n", b"{}"], (0, 1)),
            // Texts without a line end, and what keeps the connection alive between some.
            (&[b"{}", b"{}", b"\n", b"{}", b"\r\n", b"{}", b"\n"], (0, 0)),
            // No JSON.
            (&[b"a", b"b\nc", b"{x", b"y", b"{}"], (0, 0)),
            (&bytes, (0, bytes.len() as u64 - 1)),
        ];
        for (chunks, found) in cases {
            for size in 1..9 {
                assert_eq!(of(chunks, size), found, "{chunks:?} {size}");
            }
        }
    }
}
