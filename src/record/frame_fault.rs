//! What is wrong with the frames of a WebSocket server (RFC 6455 §5), as small values that can be
//! counted.

/// What is wrong with a frame. The value is the code of the error in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameFault {
    /// A reserved bit is set, and no extension was negotiated.
    ReservedBit = 1,
    /// An opcode that is not defined.
    UnknownOpcode,
    /// A control frame of more than 125 bytes.
    LongControlFrame,
    /// A control frame in fragments.
    FragmentedControlFrame,
    /// A continuation of nothing.
    NothingToContinue,
    /// A new message before the last one is whole.
    UnfinishedMessage,
    /// A mask, which only frames of clients have.
    Masked,
    /// A length with its highest bit set.
    BadLength,
    /// Text that is not UTF-8.
    BadUtf8,
    /// A Close frame of one byte, or with a code that must not be sent.
    BadCloseCode,
    /// A frame or message that is larger than a library takes.
    TooLarge,
    /// A frame that was announced and did not end in time.
    Unfinished,
    /// A length that is not written in the fewest bytes.
    LongLength,
}

impl FrameFault {
    const ALL: [(FrameFault, &'static str); 13] = [
        (
            FrameFault::ReservedBit,
            "the server set a reserved bit in a frame, and no extension was negotiated (RFC 6455, 5.2)",
        ),
        (
            FrameFault::UnknownOpcode,
            "the server sent a frame with an opcode that is not defined (RFC 6455, 5.2)",
        ),
        (
            FrameFault::LongControlFrame,
            "the server sent a control frame of more than 125 bytes (RFC 6455, 5.5)",
        ),
        (
            FrameFault::FragmentedControlFrame,
            "the server sent a control frame in fragments (RFC 6455, 5.5)",
        ),
        (
            FrameFault::NothingToContinue,
            "the server sent a continuation frame without a message to continue (RFC 6455, 5.4)",
        ),
        (
            FrameFault::UnfinishedMessage,
            "the server began a message before its last one was whole (RFC 6455, 5.4)",
        ),
        (FrameFault::Masked, "the server masked a frame (RFC 6455, 5.1)"),
        (
            FrameFault::BadLength,
            "the server sent a frame whose length has its highest bit set (RFC 6455, 5.2)",
        ),
        (FrameFault::BadUtf8, "the server sent a text message that is not UTF-8 (RFC 6455, 8.1)"),
        (
            FrameFault::BadCloseCode,
            "the server sent a Close frame with half a code, or one that must not be sent (RFC 6455, 7.4)",
        ),
        (
            FrameFault::TooLarge,
            "the server sent a frame or message that is larger than the engine \"tungstenite\" takes",
        ),
        (FrameFault::Unfinished, "the server announced a frame that did not end in time"),
        (
            FrameFault::LongLength,
            "the server sent a frame whose length is not written in the fewest bytes (RFC 6455, 5.2)",
        ),
    ];

    /// Returns the sentence of an error with this code.
    pub(super) fn sentence(code: i32) -> &'static str {
        let known = FrameFault::ALL.iter().find(|(fault, _)| *fault as i32 == code);
        known.map_or("the server broke the WebSocket protocol", |(_, text)| text)
    }

    /// The code with which the connection is closed (RFC 6455 §7.4.1).
    pub(crate) fn close_code(self) -> u16 {
        match self {
            FrameFault::BadUtf8 => 1007,
            FrameFault::TooLarge => 1009,
            FrameFault::Unfinished => 1008,
            _ => 1002,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_sentence_of_its_own() {
        for (at, (fault, text)) in FrameFault::ALL.iter().enumerate() {
            assert_eq!(*fault as usize, at + 1);
            assert_eq!(FrameFault::sentence(*fault as i32), *text);
            let of_frames = !matches!(fault, FrameFault::TooLarge | FrameFault::Unfinished);
            assert_eq!(text.contains("RFC 6455"), of_frames, "{text}");
        }
        // Of a later version.
        assert_eq!(FrameFault::sentence(99), "the server broke the WebSocket protocol");
        assert_eq!(FrameFault::BadUtf8.close_code(), 1007);
        assert_eq!(FrameFault::Masked.close_code(), 1002);
    }
}
